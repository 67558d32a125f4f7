//! Switching the faults of a running demo service from outside.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Faults;

/// Long enough for a busy machine; a service that hangs does not hang its faults.
const PATIENCE: Duration = Duration::from_secs(3);

/// Sets the named fields of the faults of the instance on this port; returns all that are in force.
///
/// # Errors
/// In words: nobody listens there, or the faults were refused and why.
pub async fn set_faults(port: u16, faults: &serde_json::Value) -> Result<Faults, String> {
    tokio::time::timeout(PATIENCE, post(port, faults))
        .await
        .map_err(|_| format!("port {port}: no answer within {} s", PATIENCE.as_secs()))?
        .map_err(|why| format!("port {port}: {why}"))
}

async fn post(port: u16, faults: &serde_json::Value) -> Result<Faults, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|e| words(&e))?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| words(&e))?;
    tokio::spawn(driver);
    let request = Request::post("/faults")
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(faults.to_string())))
        .map_err(|e| words(&e))?;
    let answer = sender.send_request(request).await.map_err(|e| words(&e))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), 16 * 1024)
        .collect()
        .await
        .map_err(|e| words(&*e))?
        .to_bytes();
    if status != StatusCode::OK {
        return Err(String::from_utf8_lossy(&body).chars().take(300).collect());
    }
    serde_json::from_slice(&body).map_err(|e| format!("not a demo service's answer: {e}"))
}
