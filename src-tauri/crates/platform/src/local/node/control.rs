//! The control socket: who may speak, and what each word leads to.
//!
//! Every connection's user is checked before a byte of it is read. Bodies are bounded, and what
//! cannot be understood is answered with what was expected.

use std::convert::Infallible;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deckwatch_domain::ServiceName;
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::{Ending, Node, metrics};
use crate::local::protocol::{LONGEST_BODY, PROTOCOL, PROTOCOL_HEADER, Tick};
use crate::model::{PlatformError, Rejection};

type Body = UnsyncBoxBody<Bytes, Infallible>;
/// A refusal is rare and large.
type Refusal = Box<Response<Body>>;
type Answer = Result<Response<Body>, Refusal>;

/// Changes that come within this time are told together.
const GATHER: Duration = Duration::from_millis(20);
/// How long conversations go on after everything was handed over.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// A watch says that it lives at least this often.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Answers on the control socket until dropped.
pub(super) async fn serve(node: Arc<Node>, listener: UnixListener) {
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::UnixListener::from_std(listener));
    let Ok(listener) = listener else {
        node.trouble("the control socket cannot be listened on".into());
        return;
    };
    let me = rustix::process::geteuid().as_raw();
    // Conversations end with this: whoever watches must not go on watching a node that has
    // handed everything over.
    let mut ending = node.ending.subscribe();
    let mut conversations = tokio::task::JoinSet::new();
    loop {
        while conversations.try_join_next().is_some() {}
        let accepted = tokio::select! {
            biased;
            _ = ending.wait_for(|ending| *ending == Some(Ending::HandedOver)) => None,
            accepted = listener.accept() => Some(accepted),
        };
        let Some(accepted) = accepted else {
            // A last moment for those who are being told so.
            tokio::time::sleep(LAST_WORDS).await;
            return;
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let peer = stream.peer_cred().map(|cred| cred.uid());
        if !matches!(peer, Ok(uid) if uid == me) {
            node.trouble(format!(
                "user {peer:?} tried to speak to this node and was refused"
            ));
            continue;
        }
        conversations.spawn(converse(node.clone(), stream));
    }
}

async fn converse(node: Arc<Node>, stream: UnixStream) {
    let service = service_fn(move |request| {
        let node = node.clone();
        async move {
            let answer = answer(node, request).await;
            Ok::<_, Infallible>(answer.unwrap_or_else(|refusal| *refusal))
        }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(hyper_util::rt::TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(node: Arc<Node>, request: Request<Incoming>) -> Answer {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or("").to_owned();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if let (&Method::GET, ["metrics"]) = (&method, parts.as_slice()) {
        return Ok(figures(&node));
    }
    check_protocol(&request)?;
    match (&method, parts.as_slice()) {
        (&Method::GET, ["v1", "node"]) => Ok(json(StatusCode::OK, &node.status())),
        (&Method::GET, ["v1", "watch"]) => Ok(lines(ticks(&node))),
        (&Method::POST, ["v1", "shutdown"]) => {
            let _ = node.ending.send(Some(Ending::Stop));
            Ok(json(StatusCode::OK, &()))
        }
        (&Method::GET, ["v1", "services"]) => {
            let names: Vec<_> = node.hosted().iter().map(|h| h.name().clone()).collect();
            Ok(json(StatusCode::OK, &names))
        }
        (_, ["v1", "services", name, rest @ ..]) => {
            let name = ServiceName::new(*name).map_err(|e| malformed(e.to_string()))?;
            of_service(&node, &method, &name, rest, &query, request).await
        }
        _ => Err(malformed_as(
            StatusCode::NOT_FOUND,
            format!("{method} {path} means nothing here"),
        )),
    }
}

async fn of_service(
    node: &Arc<Node>,
    method: &Method,
    name: &ServiceName,
    rest: &[&str],
    query: &str,
    request: Request<Incoming>,
) -> Answer {
    match (method, rest) {
        (&Method::PUT, []) => {
            let definition: crate::local::ServiceDefinition = read(request).await?;
            if definition.service != *name {
                return Err(malformed(
                    "the definition names another service than the address".into(),
                ));
            }
            said(node.define(definition).await)
        }
        (&Method::DELETE, []) => said(node.remove(name, query == "force").await),
        (&Method::GET, []) => said(node.find(name).map(|hosted| hosted.observe())),
        (&Method::GET, ["definition"]) => said(
            node.find(name)
                .map(|hosted| hosted.definition().as_ref().clone()),
        ),
        (&Method::POST, ["orders"]) => {
            let order = read(request).await?;
            let hosted = node.find(name).map_err(|e| refusal(&e))?;
            // On a task of its own: an order that was begun is finished, whoever hangs up.
            let carried = tokio::spawn(async move { hosted.apply(&order).await }).await;
            said(carried.unwrap_or_else(|e| Err(PlatformError::Broken { why: e.to_string() })))
        }
        (&Method::GET, ["logs"]) => {
            let most = query
                .strip_prefix("lines=")
                .and_then(|n| n.parse().ok())
                .unwrap_or(100);
            said(node.find(name).map(|hosted| hosted.logs(most)))
        }
        (&Method::GET, ["logs", "follow"]) => {
            let hosted = node.find(name).map_err(|e| refusal(&e))?;
            let most = query
                .strip_prefix("lines=")
                .and_then(|n| n.parse().ok())
                .unwrap_or(0);
            let follower = hosted.around.presses.follow();
            let before = stream::iter(hosted.logs(most));
            let after = stream::unfold(follower, |mut follower| async {
                loop {
                    match follower.recv().await {
                        Ok(line) => return Some((line, follower)),
                        Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                        Err(_) => return None,
                    }
                }
            });
            Ok(lines(before.chain(after)))
        }
        _ => Err(malformed_as(
            StatusCode::NOT_FOUND,
            format!("{method} means nothing here"),
        )),
    }
}

fn check_protocol(request: &Request<Incoming>) -> Result<(), Refusal> {
    let said = request
        .headers()
        .get(PROTOCOL_HEADER)
        .and_then(|v| v.to_str().ok());
    match said.and_then(|v| v.parse::<u32>().ok()) {
        Some(PROTOCOL) => Ok(()),
        Some(other) => Err(refused(
            StatusCode::UPGRADE_REQUIRED,
            &PlatformError::Broken {
                why: format!(
                    "this node speaks protocol {PROTOCOL} and the client {other}: {}",
                    if other > PROTOCOL {
                        "the node is older; let a newer one take over (`node run --take-over`)"
                    } else {
                        "the client is older; use the version that started the node"
                    }
                ),
            },
        )),
        None => Err(malformed(format!(
            "the header {PROTOCOL_HEADER} is missing or no number"
        ))),
    }
}

async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Refusal> {
    let limited = Limited::new(request.into_body(), LONGEST_BODY).collect();
    let collected = tokio::time::timeout(Duration::from_secs(10), limited)
        .await
        .map_err(|_| {
            malformed_as(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive".into(),
            )
        })?;
    let body = collected.map_err(|e| match e.downcast_ref::<LengthLimitError>() {
        Some(_) => malformed_as(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is longer than {LONGEST_BODY} bytes"),
        ),
        None => malformed(e.to_string()),
    })?;
    serde_json::from_slice(&body.to_bytes())
        .map_err(|e| malformed(format!("this is not understood: {e}")))
}

fn boxed(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let mut answer = Response::new(boxed(bytes));
    *answer.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

fn said<T: Serialize>(result: Result<T, PlatformError>) -> Answer {
    match result {
        Ok(value) => Ok(json(StatusCode::OK, &value)),
        Err(error) => Err(refusal(&error)),
    }
}

fn refusal(error: &PlatformError) -> Refusal {
    let status = match error {
        PlatformError::Rejected(Rejection::UnknownService { .. }) => StatusCode::NOT_FOUND,
        PlatformError::Rejected(Rejection::Malformed { .. }) => StatusCode::BAD_REQUEST,
        PlatformError::Rejected(_) => StatusCode::CONFLICT,
        // Only said while another node takes over: nothing was done, ask again.
        PlatformError::Unreachable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    refused(status, error)
}

fn refused(status: StatusCode, error: &PlatformError) -> Refusal {
    Box::new(json(status, error))
}

fn malformed(what: String) -> Refusal {
    malformed_as(StatusCode::BAD_REQUEST, what)
}

fn malformed_as(status: StatusCode, what: String) -> Refusal {
    refused(
        status,
        &PlatformError::Rejected(Rejection::Malformed { what }),
    )
}

fn figures(node: &Node) -> Response<Body> {
    let mut answer = Response::new(boxed(metrics::render(&node.hosted(), node.started_at)));
    let kind = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// One JSON value a line, for as long as both sides live.
fn lines<T: Serialize>(items: impl Stream<Item = T> + Send + 'static) -> Response<Body> {
    let frames = items.map(|item| {
        let mut line = serde_json::to_vec(&item).unwrap_or_default();
        line.push(b'\n');
        Ok::<_, Infallible>(Frame::data(Bytes::from(line)))
    });
    Response::new(StreamBody::new(frames).boxed_unsync())
}

fn ticks(node: &Node) -> impl Stream<Item = Tick> + Send + 'static {
    let pulse = node.pulse.subscribe();
    stream::unfold((pulse, true), |(mut pulse, first)| async move {
        if !first {
            if let Ok(Err(_)) = tokio::time::timeout(HEARTBEAT, pulse.changed()).await {
                return None;
            }
            tokio::time::sleep(GATHER).await;
        }
        let change = *pulse.borrow_and_update();
        Some((
            Tick {
                change,
                connected: true,
            },
            (pulse, false),
        ))
    })
}
