//! The way to the API server: few verbs, a limit on each, and the guard in front of the writes.
//!
//! Nothing is repeated here. Who asks decides whether to ask again, because only it knows whether
//! what it decided still holds.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use serde_json::Value;

use super::connection::Connection;
use super::failure::Failure;
use super::guard::{self, Access, Purpose};
use super::lock;
use crate::model::PlatformError;

/// Who the API server is told is writing.
pub(super) const MANAGER: &str = "deckwatch";
/// The longest answer that is read, in bytes.
const LONGEST: usize = 256 * 1024 * 1024;

/// One write.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub purpose: Purpose,
    pub verb: Verb,
    pub path: String,
    pub body: Value,
    /// Everything but the change itself.
    pub dry_run: bool,
}

/// How an object is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Create,
    /// RFC 6902, so that only what is named is touched.
    JsonPatch,
    MergePatch,
    Delete,
}

impl Verb {
    /// As a role's rules name it.
    pub(super) const fn right(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::JsonPatch | Verb::MergePatch => "patch",
            Verb::Delete => "delete",
        }
    }

    fn method(self) -> Method {
        match self {
            Verb::Create => Method::POST,
            Verb::JsonPatch | Verb::MergePatch => Method::PATCH,
            Verb::Delete => Method::DELETE,
        }
    }

    fn content(self) -> &'static str {
        match self {
            Verb::JsonPatch => "application/json-patch+json",
            Verb::MergePatch => "application/merge-patch+json",
            Verb::Create | Verb::Delete => "application/json",
        }
    }
}

/// A way to one cluster.
#[derive(Clone, Debug)]
pub(super) struct Door {
    connection: Connection,
    access: Arc<Mutex<Access>>,
    /// Until when the API server has asked to be left alone.
    quiet: Arc<Mutex<Option<Instant>>>,
}

impl Door {
    /// Closed for writes until [`Door::set_access`].
    pub(super) fn new(connection: Connection) -> Self {
        Door {
            connection,
            access: Arc::default(),
            quiet: Arc::default(),
        }
    }

    /// Leaves the API server alone for as long as it has asked for, but no longer than this.
    pub(super) async fn courtesy(&self, longest: Duration) {
        let until = *lock(&self.quiet);
        if let Some(left) = until.and_then(|at| at.checked_duration_since(Instant::now())) {
            tokio::time::sleep(left.min(longest)).await;
        }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn set_access(&self, access: Access) {
        *lock(&self.access) = access;
    }

    /// Whether a write of this kind would be let through now.
    pub(super) fn admits(&self, purpose: Purpose) -> Result<(), PlatformError> {
        let access = *lock(&self.access);
        guard::admit(access, purpose, self.connection.context(), super::now())
    }

    pub(super) async fn get(&self, path: &str, limit: Duration) -> Result<Value, Failure> {
        json(within(limit, self.send(Asked::get(path, "get"))).await?)
    }

    /// The same, as text.
    pub(super) async fn text(&self, path: &str, limit: Duration) -> Result<Bytes, Failure> {
        within(limit, self.send(Asked::get(path, "get"))).await
    }

    /// Posts a review: a question that the API server answers and does not keep.
    pub(super) async fn ask(
        &self,
        path: &str,
        body: &Value,
        limit: Duration,
    ) -> Result<Value, Failure> {
        let asked = Asked {
            method: Method::POST,
            path,
            content: Some("application/json"),
            body: bytes(body),
            said: format!("post {}", short(path)),
        };
        json(within(limit, self.send(asked)).await?)
    }

    /// Sends one write, if the guard lets it through.
    pub(super) async fn write(&self, write: &Write, limit: Duration) -> Result<Value, Failure> {
        self.admits(write.purpose)
            .map_err(|e| Failure::Denied { why: e.to_string() })?;
        let dry = if write.dry_run { "&dryRun=All" } else { "" };
        let path = format!("{}?fieldManager={MANAGER}{dry}", write.path);
        let body = match write.verb {
            Verb::Delete if write.body.is_null() => Bytes::new(),
            _ => bytes(&write.body),
        };
        let asked = Asked {
            method: write.verb.method(),
            path: &path,
            content: Some(write.verb.content()),
            body,
            said: format!("{} {}", write.verb.right(), short(&write.path)),
        };
        json(within(limit, self.send(asked)).await?)
    }

    /// Begins a watch; its lines come as they come.
    pub(super) async fn follow(
        &self,
        path: &str,
        limit: Duration,
    ) -> Result<Response<Body>, Failure> {
        within(limit, self.open(&Asked::get(path, "watch"))).await
    }

    async fn open(&self, asked: &Asked<'_>) -> Result<Response<Body>, Failure> {
        let mut answer = self.answer(asked).await?;
        // It was not looked at, so it may be sent again, with what is accepted now.
        if answer.status() == StatusCode::UNAUTHORIZED && self.connection.renew_refused().await {
            answer = self.answer(asked).await?;
        }
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, 1024 * 1024).collect().await;
        let body = body.map(|b| b.to_bytes()).unwrap_or_default();
        let failure = Failure::of(parts.status, &parts.headers, &body, &asked.said);
        if let Failure::Busy {
            after: Some(after), ..
        } = &failure
        {
            *lock(&self.quiet) = Instant::now().checked_add(*after);
        }
        Err(failure)
    }

    async fn answer(&self, asked: &Asked<'_>) -> Result<Response<Body>, Failure> {
        let silent = |why: String| Failure::Silent {
            why: format!("{}: {why}", asked.said),
        };
        let client = self.connection.client().await;
        let client = client.map_err(|e| silent(e.to_string()))?;
        let answer = client.send(asked.request()).await;
        answer.map_err(|e| silent(chain(&e)))
    }

    async fn send(&self, asked: Asked<'_>) -> Result<Bytes, Failure> {
        let answer = self.open(&asked).await?;
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        let body = body.map_err(|e| Failure::Silent {
            why: format!("{}: the answer broke off: {e}", asked.said),
        })?;
        Ok(body.to_bytes())
    }
}

/// An error with what caused it: the outermost alone only says that there was one.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        next = cause.source();
    }
    words
}

fn bytes(body: &Value) -> Bytes {
    Bytes::from(body.to_string())
}

fn json(body: Bytes) -> Result<Value, Failure> {
    serde_json::from_slice(&body).map_err(|e| Failure::Silent {
        why: format!("the API server's answer is not understood: {e}"),
    })
}

/// One request, which can be made again.
pub(super) struct Asked<'a> {
    method: Method,
    path: &'a str,
    content: Option<&'static str>,
    body: Bytes,
    /// As people say it.
    said: String,
}

impl<'a> Asked<'a> {
    pub(super) fn get(path: &'a str, verb: &str) -> Self {
        Asked {
            method: Method::GET,
            path,
            content: None,
            body: Bytes::new(),
            said: format!("{verb} {}", short(path)),
        }
    }

    pub(super) fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        // Names are checked where they enter; a path that is none is answered with a 404.
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        let accept = header::HeaderValue::from_static("application/json");
        headers.insert(header::ACCEPT, accept);
        if let Some(content) = self.content {
            let content = header::HeaderValue::from_static(content);
            headers.insert(header::CONTENT_TYPE, content);
        }
        request
    }
}

/// `/apis/apps/v1/namespaces/shop/deployments/web` as people say it: `deployments/web`.
fn short(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or(path);
    match path.split_once("/namespaces/") {
        Some((_, rest)) => rest.split_once('/').map_or(rest, |(_, rest)| rest),
        None => path,
    }
}

async fn within<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::Silent {
            why: format!("the API server has not answered for {limit:?}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_said_shortly() {
        for (path, said) in [
            (
                "/apis/apps/v1/namespaces/shop/deployments/web?dryRun=All",
                "deployments/web",
            ),
            ("/api/v1/namespaces/kube-system", "kube-system"),
            ("/version", "/version"),
        ] {
            assert_eq!(short(path), said);
        }
    }
}
