//! A node of its own for each test, real processes behind it, and a load that misses nothing.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use deckwatch_domain::{
    Actor, Epoch, EventId, IntentId, PerSlot, ReleaseVersion, Role, RolloutId, ServiceName, Slot,
    Span, Timestamp, Weights,
};
use deckwatch_platform::local::{LocalPlatform, NodeFolder, ServiceDefinition};
use deckwatch_platform::{
    Action, Applied, Observation, Order, Platform, PlatformError, ReleaseSpec, TakeBack,
    TrafficWrite, WayBack,
};
use http_body_util::{BodyExt as _, Empty};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;

static NEXT: AtomicU64 = AtomicU64::new(1);

pub fn unique() -> u128 {
    (u128::from(std::process::id()) << 64) | u128::from(NEXT.fetch_add(1, Relaxed))
}

/// The program beside this test that is node, shim and server.
pub fn host() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/node_host")
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

pub struct Rig {
    _dir: Option<tempfile::TempDir>,
    pub folder: NodeFolder,
    pub platform: LocalPlatform,
    pub node: Option<Child>,
    pub service: ServiceName,
    pub listen: SocketAddr,
    pub rollout: RolloutId,
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(node) = &mut self.node {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

/// Waits for something to become true; panics with what it was waiting for.
pub async fn until<F: AsyncFnMut() -> bool>(what: &str, longest: Duration, mut is: F) {
    let began = Instant::now();
    while !is().await {
        assert!(began.elapsed() < longest, "{what}: not within {longest:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Rig {
    pub async fn new() -> Rig {
        let dir = tempfile::Builder::new().prefix("dw").tempdir().unwrap();
        let path = dir.path().join("node");
        Rig::at(path, Some(dir)).await
    }

    pub async fn at(path: PathBuf, dir: Option<tempfile::TempDir>) -> Rig {
        let folder = NodeFolder::new(path).unwrap();
        let mut rig = Rig {
            _dir: dir,
            platform: LocalPlatform::new(folder.clone()),
            folder,
            node: None,
            service: ServiceName::new("shop").unwrap(),
            listen: (Ipv4Addr::LOCALHOST, free_port()).into(),
            rollout: RolloutId::from_u128(unique()),
        };
        rig.start_node(&[]).await;
        rig
    }

    pub async fn start_node(&mut self, more: &[&str]) {
        self.node = Some(self.spawn_node(more));
        let platform = self.platform.clone();
        until("the node answers", Duration::from_secs(5), async || {
            platform.node().await.is_ok()
        })
        .await;
    }

    pub fn spawn_node(&self, more: &[&str]) -> Child {
        Command::new(host())
            .arg("node")
            .arg(self.folder.path())
            .args(more)
            .stdin(Stdio::null())
            .spawn()
            .expect("examples/node_host is built with the tests")
    }

    pub fn node_command(&self) -> Vec<OsString> {
        vec![host().into(), "node".into(), self.folder.path().into()]
    }

    pub fn kill_node(&mut self) {
        if let Some(node) = &mut self.node {
            node.kill().unwrap();
            node.wait().unwrap();
        }
        self.node = None;
    }

    pub fn definition(&self) -> ServiceDefinition {
        let command = ["server", "--port", "{port}", "--version", "{version}"];
        let mut parts = vec![host().to_string_lossy().into_owned()];
        parts.extend(command.map(str::to_owned));
        let mut d = ServiceDefinition::new(self.service.clone(), self.listen, parts);
        d.readiness.path = "/ready".into();
        d.readiness.interval = Span::from_millis(100);
        d.readiness.healthy_after = 1;
        d.readiness.unhealthy_after = 2;
        d.restart.initial = Span::from_millis(50);
        d.restart.max = Span::from_millis(400);
        d.stop.drain = Span::from_secs(3);
        d.stop.grace = Span::from_millis(1000);
        d
    }

    pub fn order(&self, epoch: u64, action: Action) -> Order {
        Order {
            intent: IntentId::from_u128(unique()),
            epoch: Epoch(epoch),
            rollout: Some(self.rollout),
            action,
        }
    }

    pub async fn apply(&self, epoch: u64, action: Action) -> Result<Applied, PlatformError> {
        self.platform
            .apply(&self.service, &self.order(epoch, action))
            .await
    }

    pub async fn observe(&self) -> Observation {
        self.platform.observe(&self.service).await.unwrap()
    }

    pub async fn bring_up(&self, slot: Slot, version: &str, instances: u32, more: &[&str]) {
        let release = self.release(version, more);
        self.apply(
            1,
            Action::BringUp {
                slot,
                release,
                instances,
            },
        )
        .await
        .unwrap();
    }

    pub fn release(&self, version: &str, more: &[&str]) -> ReleaseSpec {
        let mut command = self.definition().command;
        command.extend(more.iter().map(|m| (*m).to_owned()));
        ReleaseSpec {
            version: ReleaseVersion::new(version).unwrap(),
            command: Some(command),
            env: Default::default(),
            image: None,
        }
    }

    pub async fn ready(&self, slot: Slot, instances: u32) {
        let what = format!("{instances} ready in {slot}");
        until(&what, Duration::from_secs(8), async || {
            matches!(self.platform.observe(&self.service).await, Ok(o) if o.slots[slot].ready == instances)
        })
        .await;
    }

    /// Blue is stable; this much goes to green.
    pub fn canary(&self, weight: u8) -> TrafficWrite {
        TrafficWrite {
            weights: Weights::toward(Slot::Green, weight),
            roles: PerSlot {
                blue: Role::Stable,
                green: Role::Candidate,
            },
            plan_digest: None,
            way_back: Some(WayBack {
                slot: Slot::Blue,
                until: None,
            }),
            audience: None,
        }
    }

    pub fn take(&self) -> TakeBack {
        TakeBack {
            event_id: EventId::from_u128(unique()),
            actor: Actor::person("ana", "desk"),
            at: Timestamp::from_millis(1),
            reason: "errors".into(),
            only: None,
            now: false,
        }
    }

    pub async fn weigh(&self, weight: u8) {
        self.apply(1, Action::SetTraffic(self.canary(weight)))
            .await
            .unwrap();
    }

    /// Blue runs v1 with all traffic, green v2 with `weight`.
    pub async fn canary_up(&self, instances: u32, weight: u8) {
        self.platform.define(&self.definition()).await.unwrap();
        self.bring_up(Slot::Blue, "v1", instances, &[]).await;
        self.ready(Slot::Blue, instances).await;
        self.weigh(0).await;
        self.bring_up(Slot::Green, "v2", instances, &[]).await;
        self.ready(Slot::Green, instances).await;
        self.weigh(weight).await;
    }

    pub async fn get(&self, path: &str) -> Got {
        get(self.listen, path, &[]).await.unwrap()
    }
}

#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub version: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub type Sender = hyper::client::conn::http1::SendRequest<Empty<Bytes>>;

pub async fn connect(address: SocketAddr) -> Result<Sender, String> {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .map_err(|e| format!("connect: {e}"))?;
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

pub async fn send(
    sender: &mut Sender,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Got, Missed> {
    let mut request = Request::get(path).header("host", "shop");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::new()).unwrap();
    sender.ready().await.map_err(|_| Missed::Unsent)?;
    let answer =
        sender
            .try_send_request(request)
            .await
            .map_err(|mut e| match e.take_message() {
                Some(_) => Missed::Unsent,
                None => Missed::Lost(e.into_error().to_string()),
            })?;
    let (parts, body) = answer.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|e| Missed::Lost(format!("body: {e}")))?
        .to_bytes();
    let version = parts
        .headers
        .get("x-version")
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    Ok(Got {
        status: parts.status.as_u16(),
        version,
        headers: parts.headers,
        body,
    })
}

#[derive(Debug)]
pub enum Missed {
    /// The connection had been closed; the request was never sent.
    Unsent,
    Lost(String),
}

pub async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Got, String> {
    let mut sender = connect(address).await?;
    send(&mut sender, path, headers)
        .await
        .map_err(|m| format!("{m:?}"))
}

/// One answer of the load.
#[derive(Clone, Debug)]
pub struct Hit {
    pub at: Instant,
    /// Version, or why there was none.
    pub said: Result<String, String>,
}

/// Clients that ask without pause on connections they keep, and note every answer.
pub struct Load {
    stop: Arc<AtomicBool>,
    hits: Arc<Mutex<Vec<Hit>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    pub fn start(address: SocketAddr, clients: usize, pause: Duration) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let hits = Arc::new(Mutex::new(Vec::new()));
        let tasks = (0..clients)
            .map(|_| {
                let (stop, hits) = (stop.clone(), hits.clone());
                tokio::spawn(async move {
                    let mut sender = None;
                    while !stop.load(Relaxed) {
                        let said = ask(&mut sender, address).await;
                        hits.lock().unwrap().push(Hit {
                            at: Instant::now(),
                            said,
                        });
                        tokio::time::sleep(pause).await;
                    }
                })
            })
            .collect();
        Load { stop, hits, tasks }
    }

    pub async fn end(self) -> Vec<Hit> {
        self.stop.store(true, Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        let hits = self.hits.lock().unwrap();
        hits.clone()
    }
}

async fn ask(kept: &mut Option<Sender>, address: SocketAddr) -> Result<String, String> {
    for _ in 0..5 {
        let mut sender = match kept.take() {
            Some(sender) => sender,
            None => connect(address).await?,
        };
        if sender.ready().await.is_err() {
            continue;
        }
        match send(&mut sender, "/", &[]).await {
            Ok(got) if got.status == 200 => {
                *kept = Some(sender);
                return Ok(got.version.unwrap_or_default());
            }
            Ok(got) => return Err(format!("HTTP {}: {:?}", got.status, got.body)),
            Err(Missed::Unsent) => {}
            Err(Missed::Lost(why)) => return Err(why),
        }
    }
    Err("five connections in a row were closed unused".into())
}

pub fn failures(hits: &[Hit]) -> Vec<&String> {
    hits.iter().filter_map(|h| h.said.as_ref().err()).collect()
}

/// Every process whose command line names this folder or one of these ports' servers.
pub fn processes_of(pids: &[u32]) -> Vec<u32> {
    pids.iter()
        .copied()
        .filter(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
        })
        .collect()
}
