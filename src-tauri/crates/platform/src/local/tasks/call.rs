//! One HTTP call, over TLS where its address says so. Whom to trust is the system's: its
//! certificates, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.

use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Response;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::output::Output;
use crate::task::HttpCall;

/// Bytes of an answer that are read.
const LONGEST: usize = 1024 * 1024;

/// Makes the call; answers with whether it was what was expected, and the reason in words.
pub(super) async fn call(call: &HttpCall, timeout: Duration, output: &Output) -> (bool, String) {
    match tokio::time::timeout(timeout, answer(call, output)).await {
        Ok(Ok(words)) => (true, words),
        Ok(Err(words)) => (false, words),
        Err(_) => (
            false,
            format!("no answer within {}", deckwatch_domain::Span::from(timeout)),
        ),
    }
}

/// Asks `url` with one GET whether it is well: any status from 200 to 399 is yes.
///
/// # Errors
/// Why it is not, in words.
pub async fn health(url: &str, within: Duration) -> Result<String, String> {
    let request = hyper::Request::get(url)
        .header(hyper::header::USER_AGENT, "deckwatch-health")
        .body(Full::new(Bytes::new()))
        .map_err(|e| format!("the address is malformed: {e}"))?;
    match tokio::time::timeout(within, send(request)).await {
        Err(_) => Err(format!("timeout after {} ms", within.as_millis())),
        Ok(Err(why)) => Err(format!("{url} cannot be reached: {why}")),
        Ok(Ok(answer)) if answer.status().as_u16() < 400 => {
            Ok(format!("answered {}", answer.status()))
        }
        Ok(Ok(answer)) => Err(format!("answered {}", answer.status())),
    }
}

async fn answer(call: &HttpCall, output: &Output) -> Result<String, String> {
    let body = Full::new(Bytes::from(call.body.clone().unwrap_or_default()));
    let mut request = hyper::Request::builder()
        .method(call.method.as_str())
        .uri(&call.url);
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    let request = request
        .body(body)
        .map_err(|e| format!("the call is malformed: {e}"))?;
    let answer = send(request)
        .await
        .map_err(|why| format!("{} cannot be reached: {why}", call.url))?;
    let status = answer.status();
    output.take(format!("{status}\n").as_bytes());
    let body = Limited::new(answer.into_body(), LONGEST)
        .collect()
        .await
        .map_err(|e| format!("the answer broke off: {e}"))?
        .to_bytes();
    output.take(&body);
    let expected = match call.expect {
        Some(expected) => status.as_u16() == expected,
        None => status.is_success(),
    };
    if !expected {
        return Err(format!("answered {status}"));
    }
    match &call.contains {
        Some(words) if !String::from_utf8_lossy(&body).contains(words.as_str()) => {
            Err(format!("answered {status} without `{words}`"))
        }
        _ => Ok(format!("answered {status}")),
    }
}

/// # Errors
/// Why no answer came, in words.
async fn send(request: hyper::Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
    let client = Client::builder(TokioExecutor::new());
    // The certificates are read only by whoever needs them.
    let sent = if request.uri().scheme() == Some(&Scheme::HTTPS) {
        let client: Client<_, Full<Bytes>> = client.build(tls().await?);
        client.request(request).await
    } else {
        let client: Client<_, Full<Bytes>> = client.build_http();
        client.request(request).await
    };
    sent.map_err(|e| deepest(&e))
}

async fn tls() -> Result<HttpsConnector<HttpConnector>, String> {
    // Reading them takes tens of milliseconds.
    let read = tokio::task::spawn_blocking(|| {
        let provider = rustls::crypto::ring::default_provider();
        HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)
    });
    let roots = read.await.map_err(|e| e.to_string())?;
    let roots = roots.map_err(|e| format!("the system's certificates: {e}"))?;
    Ok(roots.https_only().enable_http1().build())
}

/// The innermost reason: the outer ones only say that a connection failed.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}
