//! The path every request takes: client, front, instance, and back.
//!
//! A handful of worker threads, each with an event loop of its own, so that a request stays on one
//! thread from its first byte to its last and nothing the node's other work does can hold it up.
//! What must never happen here: a lock held while waiting, a body collected in memory, a request
//! sent twice when it may have been acted upon.

mod attempt;
mod audience;
mod body;
mod clients;
mod forward;
mod headers;
pub(crate) mod route;
mod shuffle;
pub(crate) mod tally;
mod tunnel;
pub(crate) mod upstream;

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, oneshot};

use forward::Client;
use route::Front;

/// Which of a service's addresses a client came in by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entrance {
    /// Everybody's: rules, audience and weights decide.
    Listen,
    /// The candidate answers, whatever the weights; not counted in what the judge reads.
    Preview,
}

impl Entrance {
    pub(crate) const BOTH: [Entrance; 2] = [Entrance::Listen, Entrance::Preview];
}

/// A way in.
#[derive(Clone)]
struct Inlet {
    front: Arc<Front>,
    entrance: Entrance,
}

/// Work for one worker thread.
enum Work {
    Accept(TcpListener, Inlet, oneshot::Receiver<()>),
    Serve(TcpStream, SocketAddr, Inlet),
}

/// The worker threads. They end when this is dropped.
pub(crate) struct Proxy {
    workers: Arc<[mpsc::UnboundedSender<Work>]>,
    next: AtomicUsize,
}

impl Proxy {
    /// Starts a worker for each processor, at most eight.
    pub(crate) fn start() -> io::Result<Self> {
        let count = std::thread::available_parallelism()
            .map_or(2, usize::from)
            .clamp(1, 8);
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..count).map(|_| mpsc::unbounded_channel()).unzip();
        let workers: Arc<[_]> = senders.into();
        for (number, work) in receivers.into_iter().enumerate() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .enable_time()
                // Fewer looks at the event queue under load: requests come in batches.
                .event_interval(61)
                .build()?;
            // Weak, or the threads would keep each other alive for ever.
            let others = Arc::downgrade(&workers);
            std::thread::Builder::new()
                .name(format!("proxy-{number}"))
                .spawn(move || runtime.block_on(run(number, work, others)))?;
        }
        Ok(Proxy {
            workers,
            next: AtomicUsize::new(0),
        })
    }

    pub(crate) fn worker_count(&self) -> usize {
        self.workers.len()
    }

    /// Takes connections for a front for as long as what this returns is kept.
    pub(crate) fn accept(
        &self,
        listener: TcpListener,
        front: Arc<Front>,
        entrance: Entrance,
    ) -> io::Result<Accepting> {
        listener.set_nonblocking(true)?;
        let (kept, stop) = oneshot::channel();
        let worker = self.next.fetch_add(1, Relaxed) % self.workers.len();
        self.workers[worker]
            .send(Work::Accept(listener, Inlet { front, entrance }, stop))
            .map_err(|_| io::Error::other("the proxy's threads have ended"))?;
        Ok(Accepting { _stop: kept })
    }
}

/// Connections are taken while this is kept.
#[derive(Debug)]
pub(crate) struct Accepting {
    _stop: oneshot::Sender<()>,
}

/// Opens a listener with room for a burst of connections.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)?.into_std()
}

type Others = std::sync::Weak<[mpsc::UnboundedSender<Work>]>;

async fn run(number: usize, mut work: mpsc::UnboundedReceiver<Work>, others: Others) {
    while let Some(work) = work.recv().await {
        match work {
            Work::Accept(listener, inlet, stop) => {
                tokio::spawn(accept(number, listener, inlet, others.clone(), stop));
            }
            Work::Serve(stream, peer, inlet) => match tokio::net::TcpStream::from_std(stream) {
                Ok(stream) => {
                    tokio::spawn(serve(number, stream, peer, inlet));
                }
                Err(_) => inlet.front.left(),
            },
        }
    }
}

/// Takes connections and deals them out evenly.
async fn accept(
    number: usize,
    listener: TcpListener,
    inlet: Inlet,
    others: Others,
    mut stop: oneshot::Receiver<()>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let mut turn = number;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, most likely: let some end first.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let Some(others) = others.upgrade() else {
            return;
        };
        turn = (turn + 1) % others.len();
        inlet.front.entered();
        if turn == number {
            tokio::spawn(serve(number, stream, peer, inlet.clone()));
        } else {
            let sent = stream.into_std().map(|stream| {
                others[turn]
                    .send(Work::Serve(stream, peer, inlet.clone()))
                    .is_ok()
            });
            if !matches!(sent, Ok(true)) {
                inlet.front.left();
            }
        }
    }
}

/// Counts a connection out, however it ends.
struct Inside(Arc<Front>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.left();
    }
}

async fn serve(worker: usize, stream: tokio::net::TcpStream, peer: SocketAddr, inlet: Inlet) {
    let Inlet { front, entrance } = inlet;
    let inside = Inside(front.clone());
    let mut shut = front.shut.subscribe();
    let client = Arc::new(Client {
        front,
        entrance,
        worker,
        peer: HeaderValue::try_from(peer.ip().to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
    });
    let service = service_fn(move |request| {
        let client = client.clone();
        async move { Ok::<_, Infallible>(client.answer(request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .half_close(false)
            .writev(false)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let mut shut = pin!(shut.wait_for(|shut| *shut));
    let mut leaving = false;
    poll_fn(|cx| {
        if !leaving && Pin::new(&mut shut).poll(cx).is_ready() {
            leaving = true;
            connection.as_mut().graceful_shutdown();
        }
        match connection.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    drop(inside);
}
