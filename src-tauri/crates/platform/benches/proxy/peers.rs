//! Throughput and latency beside Debian's HAProxy and nginx: the same upstream, the same load,
//! the same machine, in turns within one run.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deckwatch_domain::{
    Actor, Epoch, EventId, IntentId, PerSlot, ReleaseVersion, Role, ServiceName, Slot, Timestamp,
    Weights,
};
use deckwatch_platform::local::{LocalPlatform, NodeFolder, ServiceDefinition};
use deckwatch_platform::{Action, Order, Platform, ReleaseSpec, TakeBack, TrafficWrite};

/// The aim beside the better of the others.
const AIM: f64 = 0.8;

pub fn host() -> Option<PathBuf> {
    // target/release/deps/proxy-… → target/release/examples/node_host
    let mut folder = std::env::current_exe().ok()?;
    folder.pop();
    folder.pop();
    let profile = match folder.file_name()?.to_str()? {
        "debug" => "dev",
        other => other,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "-q", "--profile", profile])
        .args(["-p", "deckwatch-platform", "--example", "node_host"])
        .status()
        .ok()?;
    let path = folder.join("examples/node_host");
    (built.success() && path.exists()).then_some(path)
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

pub fn installed(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(program))
        .find(|path| path.exists())
}

/// Ends its process with it.
pub struct Held(pub Child);

impl Drop for Held {
    fn drop(&mut self) {
        // Asked first: nginx's master takes its workers with it only then.
        let pid = i32::try_from(self.0.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A node with one service, all of whose instances it started itself.
pub struct Bench {
    pub platform: LocalPlatform,
    pub service: ServiceName,
    pub listen: SocketAddr,
    host: PathBuf,
    next: std::cell::Cell<u128>,
    _node: Held,
    _dir: tempfile::TempDir,
}

impl Bench {
    pub async fn start(host: &Path, instances: u32) -> Bench {
        let dir = tempfile::Builder::new()
            .prefix("dwb")
            .tempdir()
            .expect("a folder");
        let folder = NodeFolder::new(dir.path().join("n")).expect("a node folder");
        let node = Command::new(host)
            .arg("node")
            .arg(folder.path())
            .spawn()
            .expect("a node");
        let bench = Bench {
            platform: LocalPlatform::new(folder),
            service: ServiceName::new("bench").expect("a name"),
            listen: (Ipv4Addr::LOCALHOST, free_port()).into(),
            host: host.to_owned(),
            next: 1.into(),
            _node: Held(node),
            _dir: dir,
        };
        while bench.platform.node().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Each answer names the version and the instance.
        let version = "{version}/{instance}";
        let command = ["server", "--port", "{port}", "--version", version];
        let mut parts = vec![bench.host.to_string_lossy().into_owned()];
        parts.extend(command.map(str::to_owned));
        let mut d = ServiceDefinition::new(bench.service.clone(), bench.listen, parts);
        d.readiness.path = "/ready".into();
        d.readiness.healthy_after = 1;
        bench.platform.define(&d).await.expect("defined");
        bench.up(Slot::Blue, "v1", instances).await;
        bench.weigh(0, None).await;
        bench
    }

    pub fn intent(&self) -> IntentId {
        self.next.set(self.next.get() + 1);
        IntentId::from_u128(self.next.get())
    }

    pub async fn apply(
        &self,
        epoch: u64,
        rollout: Option<u128>,
        action: Action,
    ) -> deckwatch_platform::Applied {
        let order = Order {
            intent: self.intent(),
            epoch: Epoch(epoch),
            rollout: rollout.map(deckwatch_domain::RolloutId::from_u128),
            action,
        };
        self.platform
            .apply(&self.service, &order)
            .await
            .expect("carried out")
    }

    pub async fn up(&self, slot: Slot, version: &str, instances: u32) {
        let release = ReleaseSpec {
            version: ReleaseVersion::new(version).expect("a version"),
            command: None,
            env: Default::default(),
            image: None,
        };
        self.apply(
            0,
            None,
            Action::BringUp {
                slot,
                release,
                instances,
            },
        )
        .await;
        loop {
            let seen = self.platform.observe(&self.service).await.expect("seen");
            if seen.slots[slot].ready == instances {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn weigh(&self, green: u8, rollout: Option<(u128, u64)>) {
        let write = TrafficWrite {
            weights: Weights::toward(Slot::Green, green),
            roles: PerSlot {
                blue: Role::Stable,
                green: Role::Candidate,
            },
            plan_digest: None,
            way_back: Some(deckwatch_platform::WayBack {
                slot: Slot::Blue,
                until: None,
            }),
            audience: None,
        };
        let epoch = rollout.map_or(0, |(_, epoch)| epoch);
        self.apply(epoch, rollout.map(|(id, _)| id), Action::SetTraffic(write))
            .await;
    }

    /// The take-back of this number; each needs one of its own.
    pub async fn take_back(&self, number: u64) -> deckwatch_platform::Applied {
        let take = TakeBack {
            event_id: EventId::from_u128(u128::from(number) + 1),
            actor: Actor::machine("bench", "here"),
            at: Timestamp::EPOCH,
            reason: "bench".into(),
            only: None,
            now: false,
        };
        self.apply(0, None, Action::TakeBack(take)).await
    }
}

#[derive(Clone, Copy, Debug)]
struct Figures {
    per_second: f64,
    p99: Duration,
}

pub fn run(runtime: &tokio::runtime::Runtime, host: &Path, quick: bool) {
    let Some(wrk) = installed("wrk") else {
        println!("wrk is missing (apt-get install wrk): no comparison of throughput");
        return;
    };
    let bench = runtime.block_on(Bench::start(host, 2));
    let seen = runtime
        .block_on(bench.platform.observe(&bench.service))
        .expect("seen");
    let upstreams: Vec<u16> = seen
        .slots
        .blue
        .instances
        .iter()
        .filter_map(|i| i.port)
        .collect();
    let dir = tempfile::Builder::new()
        .prefix("dwb")
        .tempdir()
        .expect("a folder");
    let haproxy = peer("haproxy", start_haproxy(dir.path(), &upstreams));
    let nginx = peer("nginx", start_nginx(dir.path(), &upstreams));
    let direct = SocketAddr::from((Ipv4Addr::LOCALHOST, upstreams[0]));
    let mut contenders = vec![("deckwatch", bench.listen)];
    contenders.extend(haproxy.iter().map(|(_, address)| ("haproxy", *address)));
    contenders.extend(nginx.iter().map(|(_, address)| ("nginx", *address)));
    contenders.push(("(direct, one instance)", direct));
    let (rounds, seconds) = if quick { (2, 2) } else { (5, 4) };
    let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        // In turns, beginning with another each time, so that what drifts hits all alike.
        for step in 0..contenders.len() {
            let at = (round + step) % contenders.len();
            figures[at].extend(measure(&wrk, contenders[at].1, seconds));
        }
    }
    let middle: Vec<(&str, Figures)> = contenders
        .iter()
        .zip(figures)
        .filter_map(|((name, _), all)| Some((*name, median(all)?)))
        .collect();
    report(&middle);
}

pub fn peer(name: &str, started: Option<Started>) -> Option<Started> {
    if started.is_none() {
        println!("{name} is missing or did not start (apt-get install {name}): left out");
    }
    started
}

fn report(middle: &[(&str, Figures)]) {
    println!("\n64 connections kept alive, small answers, median of rounds:");
    for (name, f) in middle {
        println!(
            "  {name:<24} {:>9.0} requests/s   p99 {:>9.3} ms",
            f.per_second,
            f.p99.as_secs_f64() * 1e3
        );
    }
    let find = |wanted: &str| {
        middle
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, f)| *f)
    };
    let Some(ours) = find("deckwatch") else {
        return;
    };
    let peers: Vec<Figures> = ["haproxy", "nginx"].into_iter().filter_map(find).collect();
    let Some(best) = peers.iter().map(|f| f.per_second).reduce(f64::max) else {
        return;
    };
    let quickest = peers
        .iter()
        .map(|f| f.p99.as_secs_f64())
        .fold(f64::INFINITY, f64::min);
    let met = |ratio: f64| if ratio >= AIM { "met" } else { "MISSED" };
    let throughput = ours.per_second / best;
    let tail = quickest / ours.p99.as_secs_f64();
    println!(
        "  throughput beside the better one: {throughput:.2} (aim {AIM}: {})",
        met(throughput)
    );
    println!(
        "  p99 beside the better one (its time ÷ ours): {tail:.2} (aim {AIM}: {})",
        met(tail)
    );
}

fn median(mut all: Vec<Figures>) -> Option<Figures> {
    all.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    let per_second = all.get(all.len() / 2)?.per_second;
    all.sort_by_key(|f| f.p99);
    Some(Figures {
        per_second,
        p99: all[all.len() / 2].p99,
    })
}

fn measure(wrk: &Path, address: SocketAddr, seconds: u32) -> Option<Figures> {
    let output = Command::new(wrk)
        .args(["-t1", "-c64", "--latency", &format!("-d{seconds}s")])
        .arg(format!("http://{address}/"))
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name))
            .map(|rest| rest.trim().to_owned())
    };
    if let Some(wrong) = field("Socket errors:").or_else(|| field("Non-2xx")) {
        println!("  {address}: {wrong}");
    }
    Some(Figures {
        per_second: field("Requests/sec:")?.parse().ok()?,
        p99: duration(&field("99%")?)?,
    })
}

fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..at].parse().ok()?;
    let unit = match &text[at..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return None,
    };
    Some(Duration::from_secs_f64(number * unit))
}

pub fn wait_for(address: SocketAddr) -> bool {
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        if std::net::TcpStream::connect(address).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A process, and where it answers.
pub type Started = (Held, SocketAddr);

fn launch(program: &Path, arguments: &[OsString], address: SocketAddr) -> Option<Started> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let held = Held(child);
    wait_for(address).then_some((held, address))
}

/// HAProxy in front of these ports, each a server `s{port}` of the backend `b`, with its runtime
/// API at `haproxy.sock` in the folder.
pub fn start_haproxy(dir: &Path, upstreams: &[u16]) -> Option<Started> {
    let program = installed("haproxy")?;
    let port = free_port();
    let servers: String = upstreams
        .iter()
        .map(|p| format!("  server s{p} 127.0.0.1:{p}\n"))
        .collect();
    let config = format!(
        "global\n  maxconn 4096\n  stats socket {socket} mode 600 level admin\ndefaults\n  mode http\n  \
         timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n  http-reuse always\n  \
         option forwardfor\nfrontend f\n  bind 127.0.0.1:{port}\n  default_backend b\nbackend b\n  \
         balance leastconn\n{servers}",
        socket = dir.join("haproxy.sock").display()
    );
    let path = dir.join("haproxy.cfg");
    std::fs::write(&path, config).ok()?;
    let arguments = ["-db".into(), "-f".into(), path.into_os_string()];
    launch(&program, &arguments, (Ipv4Addr::LOCALHOST, port).into())
}

/// Writes nginx's configuration, `nginx.conf` in the folder.
pub fn configure_nginx(dir: &Path, port: u16, upstreams: &[u16]) -> std::io::Result<PathBuf> {
    let servers: String = upstreams
        .iter()
        .map(|p| format!("server 127.0.0.1:{p};"))
        .collect();
    let here = dir.display();
    let config = format!(
        "daemon off; worker_processes auto; pid {here}/nginx.pid; error_log /dev/null;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; keepalive_requests 1000000000;\n\
           client_body_temp_path {here}/b; proxy_temp_path {here}/p; fastcgi_temp_path {here}/f;\n\
           uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
           upstream u {{ least_conn; {servers} keepalive 256; keepalive_requests 1000000000; }}\n\
           server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://u; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
             proxy_set_header X-Forwarded-Proto http; }} }} }}\n"
    );
    let path = dir.join("nginx.conf");
    std::fs::write(&path, config)?;
    Ok(path)
}

pub fn start_nginx(dir: &Path, upstreams: &[u16]) -> Option<Started> {
    let program = installed("nginx")?;
    let port = free_port();
    let path = configure_nginx(dir, port, upstreams).ok()?;
    let arguments = ["-c".into(), path.into_os_string()];
    launch(&program, &arguments, (Ipv4Addr::LOCALHOST, port).into())
}
