//! One instance as the proxy sees it: its address, what it is answering, and its idle connections.
//!
//! A connection belongs to one worker thread and is driven by whoever uses it: the request's own
//! task polls it. So a request costs no task switch, and an idle connection costs nothing. An idle
//! connection that its instance closed is noticed when it is next used, before anything is sent.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Context;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::body::Upload;
use crate::local::lock;

/// Idle connections kept for each worker and instance.
const MOST_IDLE: usize = 256;
/// An idle connection older than this is not used again: servers close idle ones, and the
/// earlier we do it, the rarer the race.
const LONGEST_IDLE: Duration = Duration::from_secs(4);

/// An open connection to an instance.
pub(crate) struct Line {
    sender: SendRequest<Upload>,
    /// None once it has ended. It must not be kept then: a request that was still waiting to be
    /// sent on it is given back only when it is dropped.
    connection: Driven,
    idle_since: Instant,
}

impl Line {
    pub(crate) async fn open(address: SocketAddr) -> std::io::Result<Box<Line>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // One plain write costs the system less than a gathered one: most messages are small.
        let shaken = Builder::new()
            .writev(false)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = shaken.map_err(std::io::Error::other)?;
        Ok(Box::new(Line {
            sender,
            connection: Some(Box::pin(connection.with_upgrades())),
            idle_since: Instant::now(),
        }))
    }

    /// Moves bytes both ways as far as they go now.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, cx);
    }

    /// Sends a request and waits for its answer's head. When nothing of the request can have been
    /// sent, the error gives it back.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Upload>>> {
        let answer = self.sender.try_send_request(request);
        driven(&mut self.connection, answer).await
    }

    /// Waits for the bare connection, once its instance has switched protocols.
    pub(crate) async fn upgraded(mut self, bare: OnUpgrade) -> hyper::Result<Upgraded> {
        driven(&mut self.connection, bare).await
    }

    /// Whether another request can follow.
    fn is_reusable(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.sender.is_ready() {
            self.drive(cx);
        }
        self.connection.is_some() && self.sender.is_ready()
    }
}

/// One that can be upgraded has a type without a name.
type Driven = Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>;

/// Waits for what the connection brings, while driving it.
async fn driven<F: Future>(connection: &mut Driven, brought: F) -> F::Output {
    let mut brought = pin!(brought);
    poll_fn(|cx| {
        drive(connection, cx);
        brought.as_mut().poll(cx)
    })
    .await
}

fn drive(connection: &mut Driven, cx: &mut Context<'_>) {
    if let Some(open) = connection
        && open.as_mut().poll(cx).is_ready()
    {
        *connection = None;
    }
}

/// One instance in (or out of) rotation.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) in_flight: AtomicUsize,
    #[allow(clippy::vec_box)] // Moved often, and large.
    idle: Box<[Mutex<Vec<Box<Line>>>]>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upstream({})", self.address)
    }
}

impl Upstream {
    pub(crate) fn new(address: SocketAddr, workers: usize) -> Self {
        Upstream {
            address,
            in_flight: AtomicUsize::new(0),
            idle: (0..workers.max(1)).map(|_| Mutex::default()).collect(),
        }
    }

    pub(crate) fn load(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// An idle connection of this worker, the youngest first; the others are let go when the
    /// youngest is too old.
    pub(crate) fn idle(&self, worker: usize) -> Option<Box<Line>> {
        let mut idle = lock(self.idle.get(worker)?);
        let line = idle.pop()?;
        if line.idle_since.elapsed() < LONGEST_IDLE {
            return Some(line);
        }
        let old = std::mem::take(&mut *idle);
        drop(idle);
        drop(old);
        None
    }

    /// Takes back a connection whose answer has been read to its end.
    pub(crate) fn give_back(&self, worker: usize, mut line: Box<Line>, cx: &mut Context<'_>) {
        if !line.is_reusable(cx) {
            return;
        }
        line.idle_since = Instant::now();
        let Some(idle) = self.idle.get(worker) else {
            return;
        };
        let mut idle = lock(idle);
        if idle.len() < MOST_IDLE {
            idle.push(line);
        }
    }

    /// Lets go of idle connections that are too old to be used.
    pub(crate) fn sweep(&self) {
        for idle in &self.idle {
            let mut idle = lock(idle);
            // Given back and taken at the end, so the oldest come first.
            let old = idle
                .iter()
                .take_while(|l| l.idle_since.elapsed() >= LONGEST_IDLE)
                .count();
            let old: Vec<_> = idle.drain(..old).collect();
            drop(idle);
            drop(old);
        }
    }
}
