//! One HTTP call.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
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
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    match tokio::time::timeout(within, client.request(request)).await {
        Err(_) => Err(format!("timeout after {} ms", within.as_millis())),
        Ok(Err(e)) => Err(format!("{url} cannot be reached: {}", deepest(&e))),
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
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let answer = client
        .request(request)
        .await
        .map_err(|e| format!("{} cannot be reached: {}", call.url, deepest(&e)))?;
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

/// The innermost reason: the outer ones only say that a connection failed.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}
