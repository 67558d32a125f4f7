//! What an operator does to each proxy to move traffic from one version to another.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deckwatch_domain::Slot;
use deckwatch_platform::{Action, Platform as _};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::peers::{
    Bench, Held, configure_nginx, free_port, peer, start_haproxy, start_nginx, wait_for,
};

/// How often an operator looks whether something has ended.
const LOOK: Duration = Duration::from_millis(2);
/// Nothing that is waited for takes this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub at: Instant,
    /// Until it was answered. nginx answers nothing: until its signal was sent.
    pub acknowledged: Duration,
}

impl Told {
    fn now(at: Instant) -> Told {
        Told {
            at,
            acknowledged: at.elapsed(),
        }
    }
}

pub enum Contender {
    Deckwatch(Ours),
    Other(Peer),
}

impl Contender {
    /// Everything that is installed, in front of `old` instances of v1, which serve, and `new` ones
    /// of v2, which are ready.
    pub async fn all(host: &Path, old: u32, new: u32) -> Vec<Contender> {
        let mut all = vec![Contender::Deckwatch(Ours::start(host, old, new).await)];
        for kind in [Kind::Haproxy, Kind::Nginx] {
            all.extend(Peer::start(kind, host, old, new).map(Contender::Other));
        }
        all
    }

    pub fn name(&self) -> &'static str {
        match self {
            Contender::Deckwatch(_) => "deckwatch",
            Contender::Other(peer) => peer.kind.name(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Contender::Deckwatch(ours) => ours.bench.listen,
            Contender::Other(peer) => peer.address,
        }
    }

    /// What the instance calls itself that [`Contender::replace`] stops.
    pub fn leaving(&self) -> String {
        match self {
            Contender::Deckwatch(ours) => format!("v1/{}", ours.last()),
            Contender::Other(peer) => format!("v1/{}", peer.old.len()),
        }
    }

    /// All traffic from v1 to v2.
    pub async fn switch(&mut self) -> Told {
        match self {
            Contender::Deckwatch(ours) => ours.switch().await,
            Contender::Other(peer) => peer.serve(peer.ports(&peer.new)),
        }
    }

    /// And back: the way that is taken in an emergency.
    pub async fn back(&mut self) -> Told {
        match self {
            Contender::Deckwatch(ours) => ours.back().await,
            Contender::Other(peer) => peer.serve(peer.ports(&peer.old)),
        }
    }

    /// One instance of v2 into the rotation, the last one of v1 out of it and, when it has answered
    /// what it was asked, stopped. Returns also when its process had ended.
    pub async fn replace(&mut self) -> (Told, Duration) {
        match self {
            Contender::Deckwatch(ours) => ours.replace().await,
            Contender::Other(peer) => peer.replace().await,
        }
    }

    /// All as it was before [`Contender::replace`].
    pub async fn restore(&mut self) {
        match self {
            Contender::Deckwatch(ours) => ours.restore().await,
            Contender::Other(peer) => peer.restore(),
        }
    }
}

async fn until(mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited for nothing");
        tokio::time::sleep(LOOK).await;
    }
}

/// A node. It starts and stops its instances itself.
pub struct Ours {
    bench: Bench,
    old: u32,
    switched: u64,
}

impl Ours {
    async fn start(host: &Path, old: u32, new: u32) -> Ours {
        let bench = Bench::start(host, old).await;
        bench.up(Slot::Green, "v2", new).await;
        Ours {
            bench,
            old,
            switched: 0,
        }
    }

    fn last(&self) -> String {
        format!("blue-{}", self.old)
    }

    async fn switch(&mut self) -> Told {
        // A rollout of its own each time: the one before is latched.
        let rollout = (1000 + u128::from(self.switched), self.switched);
        let at = Instant::now();
        self.bench.weigh(100, Some(rollout)).await;
        Told::now(at)
    }

    async fn back(&mut self) -> Told {
        let at = Instant::now();
        self.bench.take_back(self.switched).await;
        // Each take-back raises the epoch by one.
        self.switched += 1;
        Told::now(at)
    }

    async fn scale(&self, instances: u32) {
        let slot = Slot::Blue;
        let scale = Action::Scale { slot, instances };
        self.bench.apply(0, None, scale).await;
    }

    async fn replace(&mut self) -> (Told, Duration) {
        let bench = &self.bench;
        let seen = bench.platform.observe(&bench.service).await.expect("seen");
        let mut instances = seen.slots.blue.instances.iter();
        let leaving = instances.find(|i| i.id == self.last()).and_then(|i| i.pid);
        let pid = leaving.expect("it runs");
        let at = Instant::now();
        bench.weigh((100 / self.old) as u8, None).await;
        self.scale(self.old - 1).await;
        let told = Told::now(at);
        until(|| !lives(pid)).await;
        (told, at.elapsed())
    }

    async fn restore(&mut self) {
        self.scale(self.old).await;
        let bench = &self.bench;
        loop {
            let seen = bench.platform.observe(&bench.service).await.expect("seen");
            if seen.slots.blue.ready == self.old {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        bench.weigh(0, None).await;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Haproxy,
    Nginx,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Haproxy => "haproxy",
            Kind::Nginx => "nginx",
        }
    }
}

/// An instance that the bench starts and stops, as an operator's scripts would.
struct Instance {
    name: String,
    port: u16,
    process: Held,
}

impl Instance {
    fn start(host: &Path, name: String, port: u16) -> Option<Instance> {
        let child = Command::new(host)
            .args(["server", "--port", &port.to_string(), "--version", &name])
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let process = Held(child);
        wait_for((Ipv4Addr::LOCALHOST, port).into()).then_some(Instance {
            name,
            port,
            process,
        })
    }
}

/// A proxy of somebody else's.
pub struct Peer {
    kind: Kind,
    address: SocketAddr,
    old: Vec<Instance>,
    new: Vec<Instance>,
    host: std::path::PathBuf,
    proxy: Held,
    dir: tempfile::TempDir,
}

impl Peer {
    fn start(kind: Kind, host: &Path, old: u32, new: u32) -> Option<Peer> {
        let dir = tempfile::Builder::new().prefix("dwb").tempdir().ok()?;
        let instances = |version: &str, count: u32| -> Option<Vec<Instance>> {
            let name = |number| format!("{version}/{number}");
            (1..=count)
                .map(|number| Instance::start(host, name(number), free_port()))
                .collect()
        };
        let (old, new) = (instances("v1", old)?, instances("v2", new)?);
        let all: Vec<u16> = old.iter().chain(&new).map(|i| i.port).collect();
        let started = match kind {
            Kind::Haproxy => start_haproxy(dir.path(), &all),
            Kind::Nginx => start_nginx(dir.path(), &all),
        };
        let (proxy, address) = peer(kind.name(), started)?;
        let peer = Peer {
            kind,
            address,
            old,
            new,
            host: host.to_owned(),
            proxy,
            dir,
        };
        peer.serve(peer.ports(&peer.old));
        Some(peer)
    }

    fn ports(&self, instances: &[Instance]) -> Vec<u16> {
        instances.iter().map(|i| i.port).collect()
    }

    /// Sends all new requests to these and no others.
    fn serve(&self, ports: Vec<u16>) -> Told {
        let at = Instant::now();
        match self.kind {
            Kind::Haproxy => {
                let all = self.old.iter().chain(&self.new).map(|i| i.port);
                let (to, from): (Vec<u16>, Vec<u16>) = all.partition(|p| ports.contains(p));
                let ready = to.iter().map(|p| format!("set server b/s{p} state ready"));
                let drain = from
                    .iter()
                    .map(|p| format!("set server b/s{p} state drain"));
                let line: Vec<String> = ready.chain(drain).collect();
                let answer = self.haproxy(&line.join("; "));
                assert!(answer.trim().is_empty(), "HAProxy: {answer}");
            }
            Kind::Nginx => {
                configure_nginx(self.dir.path(), self.address.port(), &ports).expect("written");
                signal(&self.proxy.0, Signal::HUP);
            }
        }
        Told::now(at)
    }

    /// Says a line to HAProxy's runtime API.
    fn haproxy(&self, line: &str) -> String {
        let socket = self.dir.path().join("haproxy.sock");
        let mut socket = UnixStream::connect(socket).expect("HAProxy's socket");
        writeln!(socket, "{line}").expect("HAProxy listens");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("HAProxy answers");
        answer
    }

    /// Sessions that HAProxy has at a server right now.
    fn sessions(&self, port: u16) -> u64 {
        let stat = self.haproxy("show stat");
        let name = format!("s{port}");
        let mut rows = stat.lines().map(|l| l.split(',').collect::<Vec<_>>());
        let row = rows.find(|row| row.get(1) == Some(&name.as_str()));
        // pxname, svname, qcur, qmax, scur, …
        let now = row.and_then(|row| row.get(4)?.parse().ok());
        now.expect("the server's row")
    }

    /// nginx's workers, those of earlier configurations too.
    fn workers(&self) -> Vec<u32> {
        let pid = self.proxy.0.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.expect("the master's workers");
        children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }

    async fn replace(&mut self) -> (Told, Duration) {
        let (leaving, staying) = self.old.split_last().expect("there is one");
        let mut serving = self.ports(staying);
        serving.extend(self.ports(self.new.get(..1).expect("there is one")));
        let port = leaving.port;
        let workers = match self.kind {
            Kind::Haproxy => Vec::new(),
            Kind::Nginx => self.workers(),
        };
        let told = self.serve(serving);
        match self.kind {
            Kind::Haproxy => until(|| self.sessions(port) == 0).await,
            Kind::Nginx => until(|| workers.iter().all(|pid| !lives(*pid))).await,
        }
        let leaving = &mut self.old.last_mut().expect("there is one").process.0;
        signal(leaving, Signal::TERM);
        until(|| !matches!(leaving.try_wait(), Ok(None))).await;
        (told, told.at.elapsed())
    }

    fn restore(&mut self) {
        if let Some(gone) = self.old.pop() {
            let again = Instance::start(&self.host, gone.name.clone(), gone.port);
            self.old.push(again.expect("it starts again"));
        }
        self.serve(self.ports(&self.old));
    }
}

fn pid(of: u32) -> Option<Pid> {
    i32::try_from(of).ok().and_then(Pid::from_raw)
}

fn lives(process: u32) -> bool {
    pid(process).is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn signal(child: &Child, signal: Signal) {
    kill_process(pid(child.id()).expect("a process"), signal).expect("told");
}
