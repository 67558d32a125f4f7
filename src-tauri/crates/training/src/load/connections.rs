//! The clients' connections: kept alive, reused, and never retried behind the count's back.
//!
//! A request that was sent and got no whole answer has failed, even where a browser would quietly
//! send it again: somebody's payment may have been in it. Only a request of which not one byte was
//! sent, because the kept connection turned out to be closed, goes out again on a new one.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(super) type Connection = SendRequest<Empty<Bytes>>;

/// What became of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// A whole answer, from this version if it said so.
    Answered {
        status: u16,
        version: Option<String>,
    },
    Timeout,
    /// Nobody listened.
    Refused,
    /// The connection ended before the answer did.
    Reset,
    /// Our own machine would not: out of descriptors or ports.
    Local,
}

pub(super) struct Connections {
    target: SocketAddr,
    path: String,
    host: HeaderValue,
    /// The most recently used is last and is used first, so that the others may grow old.
    idle: Mutex<Vec<Connection>>,
    opened: AtomicU64,
}

impl Connections {
    pub(super) fn new(target: SocketAddr, path: &str) -> Self {
        let host = HeaderValue::from_str(&target.to_string());
        Connections {
            target,
            path: path.to_owned(),
            host: host.unwrap_or_else(|_| HeaderValue::from_static("localhost")),
            idle: Mutex::default(),
            opened: AtomicU64::new(0),
        }
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Sends one request. The connection comes back with the answer if it can be used again.
    pub(super) async fn exchange(&self, client: HeaderValue) -> (Outcome, Option<Connection>) {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert("x-client", client);
        while let Some(mut connection) = self.take() {
            match connection.try_send_request(request).await {
                Ok(answer) => return read(answer, connection).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return (Outcome::Reset, None),
                },
            }
        }
        let mut connection = match self.open().await {
            Ok(connection) => connection,
            Err(outcome) => return (outcome, None),
        };
        match connection.send_request(request).await {
            Ok(answer) => read(answer, connection).await,
            Err(_) => (Outcome::Reset, None),
        }
    }

    /// Keeps a connection once it is ready for another request.
    pub(super) async fn put_back(&self, mut connection: Connection) {
        if connection.ready().await.is_ok() {
            self.lock().push(connection);
        }
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        while let Some(connection) = idle.pop() {
            if !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self) -> Result<Connection, Outcome> {
        let stream = TcpStream::connect(self.target).await.map_err(|error| {
            use std::io::ErrorKind::{ConnectionRefused, ConnectionReset};
            match error.kind() {
                ConnectionRefused => Outcome::Refused,
                ConnectionReset => Outcome::Reset,
                _ => Outcome::Local,
            }
        })?;
        let _ = stream.set_nodelay(true);
        self.opened.fetch_add(1, Ordering::Relaxed);
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Outcome::Reset)?;
        // Ends by itself when the sender is dropped or the peer closes.
        tokio::spawn(driver);
        Ok(sender)
    }
}

async fn read(answer: Response<Incoming>, connection: Connection) -> (Outcome, Option<Connection>) {
    let status = answer.status().as_u16();
    let version = answer
        .headers()
        .get("x-version")
        .and_then(|version| version.to_str().ok())
        .map(|version| version.chars().take(128).collect());
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return (Outcome::Reset, None);
        }
    }
    (Outcome::Answered { status, version }, Some(connection))
}
