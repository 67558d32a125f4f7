//! The console's side of the node: [`LocalPlatform`].
//!
//! Every call is a connection of its own with a deadline of its own; nothing is kept that could
//! be stale. A node that is gone is said as such (`Unreachable`), never hidden behind a retry:
//! whether an order arrived is the caller's to find out, by observing.

use std::io::ErrorKind;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use deckwatch_domain::ServiceName;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

use super::definition::ServiceDefinition;
use super::folder::NodeFolder;
use super::protocol::{NodeStatus, PROTOCOL, PROTOCOL_HEADER, Tick};
use crate::Platform;
use crate::model::{Applied, Capabilities, LogLine, Observation, Order, PlatformError};

/// The longest a call may take. Removing a service waits for its instances, and has longer.
const PATIENCE: Duration = Duration::from_secs(10);
const LONG_PATIENCE: Duration = Duration::from_secs(120);
/// The longest answer that is read.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;
/// How long a watch waits before it looks for the node again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How soon a question is put again while one node takes over from another.
const ASK_AGAIN: Duration = Duration::from_millis(2);
/// A watch that has heard nothing for this long takes the node for gone: it says something every 5 s.
const SILENCE: Duration = Duration::from_secs(15);

/// The local node, as a [`Platform`].
#[derive(Clone, Debug)]
pub struct LocalPlatform {
    folder: NodeFolder,
}

fn unreachable(why: impl std::fmt::Display) -> PlatformError {
    PlatformError::Unreachable {
        why: why.to_string(),
    }
}

fn broken(why: impl std::fmt::Display) -> PlatformError {
    PlatformError::Broken {
        why: why.to_string(),
    }
}

impl LocalPlatform {
    pub fn new(folder: NodeFolder) -> Self {
        LocalPlatform { folder }
    }

    pub fn folder(&self) -> &NodeFolder {
        &self.folder
    }

    /// Gives the node a service, or a new definition of one. The same again changes nothing.
    pub async fn define(&self, definition: &ServiceDefinition) -> Result<(), PlatformError> {
        let path = format!("/v1/services/{}", definition.service);
        self.call(Method::PUT, &path, Some(definition), PATIENCE)
            .await
    }

    /// Stops a service and forgets it. Refused while it carries traffic, unless forced.
    pub async fn remove(&self, service: &ServiceName, force: bool) -> Result<(), PlatformError> {
        let query = if force { "?force" } else { "" };
        let path = format!("/v1/services/{service}{query}");
        self.call(Method::DELETE, &path, None::<&()>, LONG_PATIENCE)
            .await
    }

    pub async fn definition(
        &self,
        service: &ServiceName,
    ) -> Result<ServiceDefinition, PlatformError> {
        self.get(&format!("/v1/services/{service}/definition"))
            .await
    }

    /// The node's figures in Prometheus' text format.
    pub async fn metrics(&self) -> Result<String, PlatformError> {
        let asked = async {
            let answer = self.ask(Method::GET, "/metrics", Bytes::new()).await?;
            let bytes = whole(answer).await?;
            String::from_utf8(bytes.to_vec()).map_err(broken)
        };
        within(PATIENCE, asked).await
    }

    /// What the node says of itself; `Unreachable` when there is none.
    pub async fn node(&self) -> Result<NodeStatus, PlatformError> {
        self.get("/v1/node").await
    }

    /// Stops all instances and then the node. Returns once the node has taken it in; it is gone
    /// when [`LocalPlatform::node`] no longer reaches it.
    pub async fn shutdown(&self) -> Result<(), PlatformError> {
        self.call(Method::POST, "/v1/shutdown", None::<&()>, PATIENCE)
            .await
    }

    /// Ticks whenever something observable changed, and when the node goes or comes back. Ends
    /// when the receiver is dropped. Must be called where a tokio runtime runs.
    pub fn watch(&self) -> watch::Receiver<Tick> {
        let (tell, ticks) = watch::channel(Tick::default());
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = tell.closed() => return,
                    _ = this.follow_ticks(&tell) => {}
                }
                tell.send_if_modified(|tick| std::mem::replace(&mut tick.connected, false));
                tokio::select! {
                    _ = tell.closed() => return,
                    _ = tokio::time::sleep(LOOK_AGAIN) => {}
                }
            }
        });
        ticks
    }

    async fn follow_ticks(&self, tell: &watch::Sender<Tick>) -> Result<(), PlatformError> {
        let answer = within(PATIENCE, self.ask(Method::GET, "/v1/watch", Bytes::new())).await?;
        let mut lines = Lines::new(answer);
        while let Ok(Some(tick)) = tokio::time::timeout(SILENCE, lines.next::<Tick>()).await {
            tell.send_if_modified(|now| {
                let changed = *now != tick;
                *now = tick;
                changed
            });
        }
        Ok(())
    }

    /// The last `lines` lines of a service's output, and then each as it comes. Ends with the
    /// node, or when the receiver is dropped. A reader too slow misses lines.
    pub async fn follow_logs(
        &self,
        service: &ServiceName,
        lines: usize,
    ) -> Result<mpsc::Receiver<LogLine>, PlatformError> {
        let path = format!("/v1/services/{service}/logs/follow?lines={lines}");
        let answer = within(PATIENCE, self.ask(Method::GET, &path, Bytes::new())).await?;
        let (tell, told) = mpsc::channel(256);
        tokio::spawn(async move {
            let mut lines = Lines::new(answer);
            loop {
                let line = tokio::select! {
                    _ = tell.closed() => return,
                    line = lines.next::<LogLine>() => line,
                };
                let Some(line) = line else { return };
                if tell.send(line).await.is_err() {
                    return;
                }
            }
        });
        Ok(told)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, PlatformError> {
        self.call(Method::GET, path, None::<&()>, PATIENCE).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        patience: Duration,
    ) -> Result<T, PlatformError> {
        let body = match body {
            Some(body) => Bytes::from(serde_json::to_vec(body).map_err(broken)?),
            None => Bytes::new(),
        };
        within(patience, async {
            let bytes = whole(self.ask(method, path, body).await?).await?;
            serde_json::from_slice(&bytes)
                .map_err(|e| broken(format!("the node's answer is not understood: {e}")))
        })
        .await
    }

    /// One question; an answer that is not a success becomes the error it carries. A node that is
    /// just being taken over says that it did nothing: then the question goes to the next one.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, PlatformError> {
        loop {
            let answer = self.ask_once(method.clone(), path, body.clone()).await?;
            let status = answer.status();
            if status.is_success() {
                return Ok(answer);
            }
            if status == StatusCode::SERVICE_UNAVAILABLE {
                tokio::time::sleep(ASK_AGAIN).await;
                continue;
            }
            let bytes = whole(answer).await?;
            return Err(serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| broken(format!("the node answered {status}"))));
        }
    }

    async fn ask_once(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, PlatformError> {
        let socket = self.folder.socket();
        let stream = UnixStream::connect(&socket)
            .await
            .map_err(|e| match e.kind() {
                ErrorKind::PermissionDenied => PlatformError::Denied {
                    why: self.folder.kept_from_others(),
                },
                ErrorKind::NotFound => {
                    unreachable(format!("no node runs: {} is not there", socket.display()))
                }
                ErrorKind::ConnectionRefused => unreachable(format!(
                    "no node runs: nobody listens at {}",
                    socket.display()
                )),
                _ => unreachable(format!("no node answers at {}: {e}", socket.display())),
            })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(unreachable)?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "node")
            .header(PROTOCOL_HEADER, PROTOCOL)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(broken)?;
        sender.send_request(request).await.map_err(unreachable)
    }
}

async fn within<T>(
    patience: Duration,
    asked: impl Future<Output = Result<T, PlatformError>>,
) -> Result<T, PlatformError> {
    match tokio::time::timeout(patience, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(unreachable(format!(
            "the node has not answered for {patience:?}"
        ))),
    }
}

async fn whole(answer: Response<Incoming>) -> Result<Bytes, PlatformError> {
    let limited = Limited::new(answer.into_body(), LONGEST_ANSWER);
    let collected = limited.collect().await.map_err(unreachable)?;
    Ok(collected.to_bytes())
}

/// Lines of JSON as they come.
struct Lines {
    body: Incoming,
    buffer: BytesMut,
}

impl Lines {
    fn new(answer: Response<Incoming>) -> Self {
        Lines {
            body: answer.into_body(),
            buffer: BytesMut::new(),
        }
    }

    async fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line = self.buffer.split_to(end + 1);
                return serde_json::from_slice(&line[..end]).ok();
            }
            if self.buffer.len() > 1024 * 1024 {
                return None;
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(bytes) = frame.into_data() {
                self.buffer.extend_from_slice(&bytes);
            }
        }
    }
}

#[async_trait]
impl Platform for LocalPlatform {
    async fn observe(&self, service: &ServiceName) -> Result<Observation, PlatformError> {
        self.get(&format!("/v1/services/{service}")).await
    }

    async fn services(&self) -> Result<Vec<ServiceName>, PlatformError> {
        self.get("/v1/services").await
    }

    async fn apply(&self, service: &ServiceName, order: &Order) -> Result<Applied, PlatformError> {
        let path = format!("/v1/services/{service}/orders");
        self.call(Method::POST, &path, Some(order), PATIENCE).await
    }

    async fn logs(
        &self,
        service: &ServiceName,
        lines: usize,
    ) -> Result<Vec<LogLine>, PlatformError> {
        self.get(&format!("/v1/services/{service}/logs?lines={lines}"))
            .await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            exact_weights: true,
            header_routing: true,
            sticky_sessions: true,
            driver_lost_rollback: true,
        }
    }
}
