//! Asking an instance whether it can serve.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::instance::Instance;
use crate::local::definition::ServiceDefinition;
use crate::model::InstancePhase;

/// How often an instance that is starting is asked at least.
const EAGER: Duration = Duration::from_millis(50);

/// Asks one instance again and again, until dropped.
pub(super) struct Probes {
    answers: mpsc::Receiver<Result<(), String>>,
    asking: AbortHandle,
}

impl Probes {
    pub(super) fn start(
        address: SocketAddr,
        instance: Arc<Instance>,
        definition: Arc<ArcSwap<ServiceDefinition>>,
    ) -> Self {
        let (tell, answers) = mpsc::channel(1);
        let asking = tokio::spawn(async move {
            loop {
                let readiness = definition.load().readiness.clone();
                let asked = ask(address, &readiness.path);
                let answer = match tokio::time::timeout(readiness.timeout.duration(), asked).await {
                    Ok(answer) => answer,
                    Err(_) => Err(format!("no answer within {}", readiness.timeout)),
                };
                if tell.send(answer).await.is_err() {
                    return;
                }
                // Let the answer be taken in before asking how eager to be.
                tokio::task::yield_now().await;
                let interval = readiness.interval.duration();
                let pause = match instance.view().phase {
                    InstancePhase::Starting => interval.min(EAGER),
                    _ => interval,
                };
                tokio::time::sleep(pause).await;
            }
        });
        Probes {
            answers,
            asking: asking.abort_handle(),
        }
    }

    pub(super) async fn next(&mut self) -> Result<(), String> {
        match self.answers.recv().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

/// One question on a connection of its own: what clients would meet, not what a kept-alive
/// connection remembers.
async fn ask(address: SocketAddr, path: &str) -> Result<(), String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            _ => e.to_string(),
        })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    let request = Request::get(path)
        .header(HOST, address.to_string())
        .header(CONNECTION, "close")
        .header(USER_AGENT, "deckwatch-readiness")
        .body(Empty::<Bytes>::new())
        .map_err(|e| e.to_string())?;
    // On a task of its own: it may end in the same moment in which the answer comes.
    tokio::spawn(connection);
    let answer = sender
        .send_request(request)
        .await
        .map_err(|e| format!("no HTTP answer: {e}"))?;
    match answer.status() {
        status if status.is_success() || status.is_redirection() => Ok(()),
        status => Err(format!("HTTP {}", status.as_u16())),
    }
}
