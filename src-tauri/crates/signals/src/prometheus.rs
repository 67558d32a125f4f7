//! A Prometheus that somebody else runs, asked over its HTTP API.
//!
//! Everything is asked by `POST` where the API takes it, so that no query is too long for an
//! address. Answers are bounded; a warning of the server is passed on with the numbers. A question
//! whose future is dropped is no longer asked: its connection closes, and Prometheus gives it up.
//! The client keeps nothing; [`RangeMemory`] keeps ranges for whoever asks again and again.
//!
//! Where it has no address of its own (inside a cluster, say), somebody else carries the questions
//! there: [`Carry`].

mod answer;
mod kept;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use futures_util::future::BoxFuture;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::sample::Labels;
use crate::web::{Auth, Question, Reply, Web, WebError};

pub use answer::{Answer, Point, Track, Value};
pub use kept::RangeMemory;

/// Bytes of one answer.
pub const LIMIT: usize = 64 << 20;

/// Carries questions to a server that cannot be reached by address.
pub trait Carry: Send + Sync + fmt::Debug {
    /// Asks by `GET`: `path` begins with a slash and includes the query. The answer is bounded by
    /// [`LIMIT`] and by the time that its maker was given.
    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Reply, WebError>>;
}

/// Where it is, and how one speaks to it.
#[derive(Clone, Debug)]
pub struct Access {
    /// `http://host:9090`, with the path that it is served under where there is one.
    pub url: String,
    pub auth: Auth,
    /// A PEM file with the certificate authority that vouches for it.
    pub ca: Option<PathBuf>,
    /// At most this long for one answer.
    pub within: Span,
}

impl Access {
    /// Without credentials; ten seconds for an answer.
    pub fn open(url: &str) -> Self {
        Access {
            url: url.to_owned(),
            auth: Auth::None,
            ca: None,
            within: Span::from_secs(10),
        }
    }
}

/// Why a question has no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PrometheusError {
    #[error(transparent)]
    Web(#[from] WebError),
    /// It was asked and said no: `bad_data: 1:5: parse error: …`.
    #[error("Prometheus says {kind}: {message}")]
    Refused { kind: String, message: String },
    #[error("{url} answered with HTTP {status}")]
    Status { url: String, status: u16 },
    #[error("the answer is not Prometheus': {why}")]
    Malformed { why: String },
}

/// The client.
#[derive(Clone, Debug)]
pub struct Prometheus {
    way: Way,
    within: Duration,
}

#[derive(Clone, Debug)]
enum Way {
    Web {
        base: String,
        auth: Auth,
        web: Box<Web>,
    },
    Carried(Arc<dyn Carry>),
}

/// Which series, of which time, and how many answers at most. The server's own limit is asked for
/// where it has one (2.53 and later); the rest is cut here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Among {
    /// A selector: `up{job="node"}`; none: all series.
    pub selector: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub limit: Option<usize>,
}

impl Among {
    fn form(&self) -> Vec<(&'static str, String)> {
        let selector = self.selector.iter().map(|s| ("match[]", s.clone()));
        let from = self.from.iter().map(|t| ("start", seconds(*t)));
        let to = self.to.iter().map(|t| ("end", seconds(*t)));
        let limit = self.limit.iter().map(|n| ("limit", n.to_string()));
        selector.chain(from).chain(to).chain(limit).collect()
    }

    fn cut<T>(&self, mut found: Vec<T>) -> Vec<T> {
        found.truncate(self.limit.unwrap_or(usize::MAX));
        found
    }
}

/// What a metric is, as its target says.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Metadata {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub help: String,
    #[serde(default)]
    pub unit: String,
}

#[derive(Deserialize)]
struct Envelope {
    status: String,
    #[serde(default)]
    data: Option<Box<serde_json::value::RawValue>>,
    #[serde(default, rename = "errorType")]
    kind: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

impl Prometheus {
    /// # Errors
    /// That the certificates cannot be read.
    pub fn new(access: &Access) -> Result<Self, PrometheusError> {
        let within = access.within.duration();
        let way = Way::Web {
            base: access.url.trim_end_matches('/').to_owned(),
            auth: access.auth.clone(),
            web: Box::new(Web::new(access.ca.as_ref(), LIMIT, within)?),
        };
        Ok(Prometheus { way, within })
    }

    /// A client whose questions are carried; an answer may take as long as `within`.
    pub fn over(carry: Arc<dyn Carry>, within: Span) -> Self {
        Prometheus {
            way: Way::Carried(carry),
            within: within.duration(),
        }
    }

    /// The values of an expression at one moment.
    ///
    /// # Errors
    /// What kept it from being answered.
    pub async fn query(&self, expr: &str, at: Timestamp) -> Result<Answer, PrometheusError> {
        let form = [
            ("query", expr.to_owned()),
            ("time", seconds(at)),
            ("timeout", format!("{}ms", self.within.as_millis())),
        ];
        self.answer("query", &form).await
    }

    /// Its values from `from` to `to`, both included, every `step`.
    ///
    /// # Errors
    /// What kept it from being answered.
    pub async fn query_range(
        &self,
        expr: &str,
        from: Timestamp,
        to: Timestamp,
        step: Span,
    ) -> Result<Answer, PrometheusError> {
        let form = [
            ("query", expr.to_owned()),
            ("start", seconds(from)),
            ("end", seconds(to)),
            ("step", format!("{}", step.as_millis() as f64 / 1000.0)),
            ("timeout", format!("{}ms", self.within.as_millis())),
        ];
        self.answer("query_range", &form).await
    }

    /// The label sets of all series that are meant.
    ///
    /// # Errors
    /// What kept it from being answered.
    pub async fn series(&self, among: &Among) -> Result<Vec<Labels>, PrometheusError> {
        let found: Vec<std::collections::BTreeMap<String, String>> =
            self.read("series", Method::POST, &among.form()).await?.0;
        let found = among.cut(found).into_iter();
        Ok(found.map(|s| s.into_iter().collect()).collect())
    }

    /// The names of the labels that series have.
    ///
    /// # Errors
    /// What kept it from being answered.
    pub async fn labels(&self, among: &Among) -> Result<Vec<String>, PrometheusError> {
        let found = self.read("labels", Method::POST, &among.form()).await?.0;
        Ok(among.cut(found))
    }

    /// The values that a label has; `__name__` has the names of all metrics.
    ///
    /// # Errors
    /// What kept it from being answered.
    pub async fn label_values(
        &self,
        label: &str,
        among: &Among,
    ) -> Result<Vec<String>, PrometheusError> {
        let path = format!("label/{}/values", encode(label));
        let found = self.read(&path, Method::GET, &among.form()).await?.0;
        Ok(among.cut(found))
    }

    /// What is known of each metric.
    ///
    /// # Errors
    /// What kept it from being answered.
    pub async fn metadata(
        &self,
    ) -> Result<std::collections::BTreeMap<String, Vec<Metadata>>, PrometheusError> {
        Ok(self.read("metadata", Method::GET, &[]).await?.0)
    }

    /// The rule groups that it evaluates, as it writes them.
    ///
    /// # Errors
    /// What kept it from being answered.
    pub async fn rules(&self) -> Result<serde_json::Value, PrometheusError> {
        Ok(self.read("rules", Method::GET, &[]).await?.0)
    }

    /// The alerts that are pending or firing, as it writes them.
    ///
    /// # Errors
    /// What kept it from being answered.
    pub async fn alerts(&self) -> Result<serde_json::Value, PrometheusError> {
        Ok(self.read("alerts", Method::GET, &[]).await?.0)
    }

    /// Its version, `3.1.0`.
    ///
    /// # Errors
    /// What kept it from being answered.
    pub async fn version(&self) -> Result<String, PrometheusError> {
        #[derive(Deserialize)]
        struct Build {
            version: String,
        }
        let (build, _): (Build, _) = self.read("status/buildinfo", Method::GET, &[]).await?;
        Ok(build.version)
    }

    async fn answer(&self, path: &str, form: &[(&str, String)]) -> Result<Answer, PrometheusError> {
        let (read, notes) = self.read(path, Method::POST, form).await?;
        let value = answer::value(read).map_err(|why| PrometheusError::Malformed { why })?;
        Ok(Answer { value, notes })
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        method: Method,
        form: &[(&str, String)],
    ) -> Result<(T, Vec<String>), PrometheusError> {
        let pairs = form
            .iter()
            .map(|(k, v)| format!("{}={}", encode(k), encode(v)));
        let form = pairs.collect::<Vec<_>>().join("&");
        match &self.way {
            Way::Carried(carry) => {
                let path = asked(&format!("/api/v1/{path}"), &form);
                opened(&path, &carry.get(&path).await?)
            }
            Way::Web { base, auth, web } => {
                let url = format!("{base}/api/v1/{path}");
                let posted = method == Method::POST;
                let question = Question {
                    url: if posted {
                        url.clone()
                    } else {
                        asked(&url, &form)
                    },
                    method,
                    auth: auth.clone(),
                    form: if posted { form } else { String::new() },
                };
                opened(&url, &web.ask(&question).await?)
            }
        }
    }
}

fn asked(url: &str, form: &str) -> String {
    match form {
        "" => url.to_owned(),
        form => format!("{url}?{form}"),
    }
}

/// What the envelope holds, or what it says instead.
fn opened<T: DeserializeOwned>(
    url: &str,
    reply: &Reply,
) -> Result<(T, Vec<String>), PrometheusError> {
    let malformed = |why: String| PrometheusError::Malformed { why };
    let status = reply.status.as_u16();
    let envelope: Envelope = match serde_json::from_slice(&reply.body) {
        Ok(envelope) => envelope,
        // A proxy in between answers with pages of its own.
        Err(_) if !reply.status.is_success() => {
            let url = url.to_owned();
            return Err(PrometheusError::Status { url, status });
        }
        Err(error) => return Err(malformed(error.to_string())),
    };
    if envelope.status != "success" {
        return Err(PrometheusError::Refused {
            kind: envelope.kind,
            message: envelope.error,
        });
    }
    let data = envelope
        .data
        .ok_or_else(|| malformed("it has no data".into()))?;
    let read = serde_json::from_str(data.get()).map_err(|e| malformed(e.to_string()))?;
    let mut notes = envelope.warnings;
    notes.extend(envelope.infos);
    Ok((read, notes))
}

fn seconds(at: Timestamp) -> String {
    let millis = at.as_millis();
    format!(
        "{}{}.{:03}",
        if millis < 0 { "-" } else { "" },
        millis.unsigned_abs() / 1000,
        millis.unsigned_abs() % 1000
    )
}

/// As a form's values and an address' parts are written.
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut coded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                coded.push(byte as char);
            }
            _ => {
                let _ = write!(coded, "%{byte:02X}");
            }
        }
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::StatusCode;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            body: Bytes::from(body.to_owned()),
        }
    }

    #[test]
    fn a_refusal_is_not_a_fault() {
        let said = r#"{"status":"error","errorType":"bad_data","error":"1:4: parse error"}"#;
        let refused = opened::<Vec<String>>("u", &reply(400, said)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "Prometheus says bad_data: 1:4: parse error"
        );
        let page = opened::<Vec<String>>("u", &reply(502, "<html>")).unwrap_err();
        assert_eq!(page.to_string(), "u answered with HTTP 502");
        let odd = opened::<Vec<String>>("u", &reply(200, "<html>")).unwrap_err();
        assert!(matches!(odd, PrometheusError::Malformed { .. }));
        let none = opened::<Vec<String>>("u", &reply(200, r#"{"status":"success"}"#));
        assert!(matches!(none, Err(PrometheusError::Malformed { .. })));
    }

    #[test]
    fn times_and_words_are_written_for_forms() {
        assert_eq!(seconds(Timestamp::from_millis(1_500)), "1.500");
        assert_eq!(seconds(Timestamp::from_millis(-1_250)), "-1.250");
        assert_eq!(encode("a b&c=é"), "a%20b%26c%3D%C3%A9");
    }
}
