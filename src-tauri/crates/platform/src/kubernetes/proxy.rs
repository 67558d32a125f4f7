//! Questions to something inside a cluster, through the API server's service proxy.
//!
//! Only `GET` goes this way: whoever may look (`get` on `services/proxy`) may ask, and nothing that
//! is asked can be a write.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

use super::connection::Connection;
use super::door::Asked;
use crate::model::PlatformError;

/// A port of a Service, and a path on it: `service://monitoring/prometheus:9090/prometheus`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceAddress {
    namespace: String,
    /// As the API server writes it: `name`, `name:port` or `https:name:port`.
    service: String,
    /// Empty, or with a slash before and none after.
    path: String,
}

impl fmt::Display for ServiceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{SCHEME}{}/{}{}",
            self.namespace, self.service, self.path
        )
    }
}

const SCHEME: &str = "service://";

impl ServiceAddress {
    /// None: it is an address of another kind.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Option<Result<Self, String>> {
        let rest = text.strip_prefix(SCHEME)?;
        Some(Self::parts(rest).ok_or_else(|| {
            format!("`{text}` is no address of a service: write service://namespace/name:port")
        }))
    }

    fn parts(rest: &str) -> Option<Self> {
        let (namespace, rest) = rest.split_once('/')?;
        let (service, path) = match rest.split_once('/') {
            Some((service, path)) => (service, path.trim_matches('/')),
            None => (rest, ""),
        };
        let word = |text: &str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            !text.is_empty() && text.chars().all(plain)
        };
        let named: Vec<&str> = service.split(':').collect();
        let fits = match named.as_slice() {
            [name] => word(name),
            [name, port] => word(name) && word(port),
            [scheme, name, port] => ["http", "https"].contains(scheme) && word(name) && word(port),
            _ => false,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~/".contains(c);
        // A path that climbs would ask something else than this service.
        let climbs = path.split('/').any(|part| part == "..");
        if !word(namespace) || !fits || climbs || !path.chars().all(plain) {
            return None;
        }
        Some(ServiceAddress {
            namespace: namespace.to_owned(),
            service: service.to_owned(),
            path: match path {
                "" => String::new(),
                path => format!("/{path}"),
            },
        })
    }
}

impl Connection {
    /// Asks a service inside the cluster by `GET`. `path` begins with a slash; at most `limit`
    /// bytes of an answer are read, and it may take as long as `within`.
    ///
    /// # Errors
    /// That the API server does not let it through, that nothing answered, or too much. What the
    /// service itself answered is an answer, whatever its status.
    pub async fn ask_service(
        &self,
        service: &ServiceAddress,
        path: &str,
        limit: usize,
        within: Duration,
    ) -> Result<(StatusCode, Bytes), PlatformError> {
        let silent = |why: String| PlatformError::Unreachable {
            why: format!("{service}: {why}"),
        };
        match tokio::time::timeout(within, self.ask_now(service, path, limit)).await {
            Ok(answer) => answer,
            Err(_) => Err(silent(format!("no answer for {within:?}"))),
        }
    }

    async fn ask_now(
        &self,
        service: &ServiceAddress,
        path: &str,
        limit: usize,
    ) -> Result<(StatusCode, Bytes), PlatformError> {
        let silent = |why: String| PlatformError::Unreachable {
            why: format!("{service}: {why}"),
        };
        let ServiceAddress {
            namespace,
            service: name,
            path: under,
        } = service;
        let whole = format!("/api/v1/namespaces/{namespace}/services/{name}/proxy{under}{path}");
        let client = self.client().await?;
        let asked = client.send(Asked::get(&whole, "get").request());
        let (parts, body) = asked.await.map_err(|e| silent(e.to_string()))?.into_parts();
        let body = Limited::new(body, limit).collect().await;
        let body = body.map_err(|e| match e.is::<http_body_util::LengthLimitError>() {
            true => PlatformError::Broken {
                why: format!("{service}: the answer is longer than {limit} bytes"),
            },
            false => silent(format!("the answer broke off: {e}")),
        })?;
        let body = body.to_bytes();
        match refused(&body).filter(|_| !parts.status.is_success()) {
            None => Ok((parts.status, body)),
            Some(why) if matches!(parts.status.as_u16(), 401 | 403) => Err(PlatformError::Denied {
                why: format!("{service}: {why}"),
            }),
            Some(why) => Err(silent(why)),
        }
    }
}

/// The words of the API server itself, which answers with a `Status` where the service does not.
fn refused(body: &[u8]) -> Option<String> {
    let status: Value = serde_json::from_slice(body).ok()?;
    let own = status["kind"] == "Status" && status["apiVersion"] == "v1";
    own.then(|| status["message"].as_str().unwrap_or("refused").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_by_namespace_name_and_port() {
        for (text, shown) in [
            (
                "service://monitoring/prometheus:9090",
                "service://monitoring/prometheus:9090",
            ),
            ("service://m/p:web/", "service://m/p:web"),
            (
                "service://m/https:p:web/prom/",
                "service://m/https:p:web/prom",
            ),
            ("service://m/p", "service://m/p"),
        ] {
            let read = ServiceAddress::read(text).unwrap().unwrap();
            assert_eq!(read.to_string(), shown);
        }
        assert!(ServiceAddress::read("http://m/p:9090").is_none());
        for wrong in [
            "service://",
            "service://m",
            "service://m/",
            "service://m/p:9090/../../../secrets",
            "service://m/p:9090?x=y",
            "service://m/ftp:p:9090",
            "service://M/p",
        ] {
            let why = ServiceAddress::read(wrong).unwrap().unwrap_err();
            assert!(why.contains(wrong), "{why}");
        }
    }

    #[test]
    fn the_api_servers_words_are_told_apart_from_the_services() {
        let status = br#"{"kind":"Status","apiVersion":"v1","message":"no endpoints available"}"#;
        assert_eq!(refused(status).as_deref(), Some("no endpoints available"));
        assert_eq!(
            refused(br#"{"status":"error","errorType":"bad_data"}"#),
            None
        );
        assert_eq!(refused(b"<html>"), None);
    }
}
