//! A WebSocket through the proxy: an instance agrees to it, and then bytes go both ways unread.
//!
//! No other protocol is switched to. Of them `h2c` would do harm: requests would reach an instance
//! that nobody chose a slot for and nobody counts. A server may pass over `Upgrade`; the client then
//! gets its answer in HTTP/1.1.

use std::future::pending;

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, UPGRADE};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt as _, copy, split};

use super::body::{Answer, Flight};
use super::upstream::Line;
use super::{Inside, headers};

/// The client's side to be, when it asks for a WebSocket.
pub(super) fn asked(request: &mut Request<Incoming>) -> Option<OnUpgrade> {
    let to = request.headers().get(UPGRADE)?;
    let named = request.headers().get_all(CONNECTION);
    let mut words = named
        .iter()
        .flat_map(|v| v.as_bytes().split(|b| *b == b','));
    let asks = to.as_bytes().eq_ignore_ascii_case(b"websocket")
        && words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        && request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && request.body().is_end_stream();
    asks.then(|| hyper::upgrade::on(request))
}

/// Passes on an instance's 101, and carries bytes until the tunnel ends. Flight and connection stay
/// open as long: whoever drains waits for them.
pub(super) fn open(
    client: OnUpgrade,
    mut head: Response<Incoming>,
    line: Box<Line>,
    flight: Flight,
    inside: Inside,
) -> Response<Answer> {
    let instance = hyper::upgrade::on(&mut head);
    tokio::spawn(async move {
        let _held = (flight, inside);
        if let Ok((client, instance)) = tokio::try_join!(client, line.upgraded(instance)) {
            carry(client, instance).await;
        }
    });
    let (mut parts, _) = head.into_parts();
    headers::to_client(&mut parts.headers);
    headers::to_websocket(&mut parts.headers);
    Response::from_parts(parts, Answer::Own(None))
}

/// Ends when the instance ends, or either side breaks. A client that has said all may still listen.
async fn carry(client: Upgraded, instance: Upgraded) {
    let (mut from_client, mut to_client) = split(TokioIo::new(client));
    let (mut from_instance, mut to_instance) = split(TokioIo::new(instance));
    let up = async {
        let said = copy(&mut from_client, &mut to_instance).await;
        if said.is_ok() && to_instance.shutdown().await.is_ok() {
            pending::<()>().await;
        }
    };
    tokio::select! {
        () = up => {}
        _ = copy(&mut from_instance, &mut to_client) => {}
    }
}
