//! Requests at a steady rate, open-loop: a request is due when it is due, whatever became of the
//! last one. Notes when each version answered last.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;

/// Requests a second, of all lanes together.
pub const RATE: u64 = 1000;
/// Lanes of the load; each asks on a connection of its own, one request after the other.
const LANES: u64 = 50;

type Sender = SendRequest<Empty<Bytes>>;

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    sent: AtomicU64,
    reconnected: AtomicU64,
    dropped: AtomicU64,
    last: Mutex<BTreeMap<String, Instant>>,
    why: Mutex<Option<String>>,
}

/// What became of the requests.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub sent: u64,
    /// Answered, but only on a second connection: the kept one was closed under the request.
    pub reconnected: u64,
    /// Not answered with 200, or not to the end.
    pub dropped: u64,
    /// Why the last one of these was.
    pub why: Option<String>,
}

impl Counts {
    pub fn add(&mut self, other: Counts) {
        self.sent += other.sent;
        self.reconnected += other.reconnected;
        self.dropped += other.dropped;
        self.why = other.why.or(self.why.take());
    }
}

/// Load that is under way; ends with [`Load::stop`].
pub struct Load {
    shared: Arc<Shared>,
    lanes: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    /// Begins to ask; must be called within the runtime.
    pub fn start(address: SocketAddr) -> Load {
        let shared = Arc::<Shared>::default();
        let lanes = (0..LANES)
            .map(|number| tokio::spawn(lane(shared.clone(), address, number)))
            .collect();
        Load { shared, lanes }
    }

    /// When a version whose name begins so answered last, to the last byte.
    pub fn last(&self, version: &str) -> Option<Instant> {
        let last = self.shared.last.lock().expect("no panic");
        let mine = last.iter().filter(|(name, _)| name.starts_with(version));
        mine.map(|(_, at)| *at).max()
    }

    /// Ends the load once what is under way is answered.
    pub async fn stop(self) -> Counts {
        self.shared.stop.store(true, Relaxed);
        for lane in self.lanes {
            let _ = lane.await;
        }
        let why = self.shared.why.lock().expect("no panic").take();
        Counts {
            sent: self.shared.sent.load(Relaxed),
            reconnected: self.shared.reconnected.load(Relaxed),
            dropped: self.shared.dropped.load(Relaxed),
            why,
        }
    }
}

async fn connect(address: SocketAddr) -> Result<Sender, String> {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .map_err(|e| e.to_string())?;
    let _ = stream.set_nodelay(true);
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

type Answer = hyper::Response<hyper::body::Incoming>;

async fn send(sender: &mut Sender) -> Result<Answer, String> {
    sender.ready().await.map_err(|e| e.to_string())?;
    let request = Request::get("/")
        .header("host", "bench")
        .body(Empty::new())
        .map_err(|e| e.to_string())?;
    sender
        .send_request(request)
        .await
        .map_err(|e| e.to_string())
}

/// The answer, and whether it took a second connection. A proxy may close a kept connection
/// between two requests (RFC 9112, 9.6), so a request that meets this is sent once more on a new
/// one.
async fn answered(
    kept: Option<Sender>,
    address: SocketAddr,
) -> Result<(Sender, Answer, bool), String> {
    let again = kept.is_some();
    if let Some(mut sender) = kept
        && let Ok(answer) = send(&mut sender).await
    {
        return Ok((sender, answer, false));
    }
    let mut sender = connect(address).await?;
    let answer = send(&mut sender).await?;
    Ok((sender, answer, again))
}

/// Which version answered in full; leaves the connection for the next request.
async fn ask(
    kept: &mut Option<Sender>,
    address: SocketAddr,
    shared: &Shared,
) -> Result<String, String> {
    let (sender, answer, again) = answered(kept.take(), address).await?;
    if answer.status() != 200 {
        return Err(answer.status().to_string());
    }
    let version = answer.headers().get("x-version");
    let version = version.and_then(|v| v.to_str().ok()).unwrap_or_default();
    let version = version.to_owned();
    let body = answer.into_body().collect().await;
    body.map_err(|e| e.to_string())?;
    shared.reconnected.fetch_add(again.into(), Relaxed);
    *kept = Some(sender);
    Ok(version)
}

async fn lane(shared: Arc<Shared>, address: SocketAddr, number: u64) {
    let gap = Duration::from_micros(1_000_000 * LANES / RATE);
    let mut due = tokio::time::Instant::now() + gap.mul_f64(number as f64 / LANES as f64);
    let mut kept = None;
    while !shared.stop.load(Relaxed) {
        tokio::time::sleep_until(due).await;
        due += gap;
        shared.sent.fetch_add(1, Relaxed);
        match ask(&mut kept, address, &shared).await {
            Ok(version) => {
                let now = Instant::now();
                shared.last.lock().expect("no panic").insert(version, now);
            }
            Err(why) => {
                shared.dropped.fetch_add(1, Relaxed);
                *shared.why.lock().expect("no panic") = Some(why);
            }
        }
    }
}
