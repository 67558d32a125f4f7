//! Why the API server did not do what it was asked, told apart by what can be done about it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::model::PlatformError;

/// The answers that are not a success.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    NotFound,
    /// Somebody wrote in between, or the name is taken: look again, then decide again.
    Conflict {
        why: String,
    },
    /// The object would not be valid, or a precondition in a patch did not hold.
    Invalid {
        why: String,
    },
    /// It is not for whoever asks.
    Denied {
        why: String,
    },
    /// The history that a watch asked for is no longer kept.
    Gone,
    /// The API server is there and cannot now.
    Busy {
        why: String,
        after: Option<Duration>,
    },
    /// No answer: whether it arrived is not known.
    Silent {
        why: String,
    },
}

/// The longest part of an answer that is repeated in words.
const WORDS: usize = 400;

impl Failure {
    /// What an answer says, if it is no success.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8], asked: &str) -> Self {
        let said = said(body);
        let why = match said {
            Some(said) => format!("{asked}: {said}"),
            None => format!("{asked}: the API server answered {status}"),
        };
        match status.as_u16() {
            401 => Failure::Denied {
                why: format!("the API server does not accept these credentials: {why}"),
            },
            403 => Failure::Denied { why },
            404 => Failure::NotFound,
            409 => Failure::Conflict { why },
            410 => Failure::Gone,
            429 | 500..=599 => Failure::Busy {
                why,
                after: retry_after(headers),
            },
            _ => Failure::Invalid { why },
        }
    }

    /// Why, in words.
    pub(super) fn words(&self) -> String {
        match self {
            Failure::NotFound => "it is not there".into(),
            Failure::Gone => "the API server no longer keeps what was asked for".into(),
            Failure::Denied { why }
            | Failure::Conflict { why }
            | Failure::Invalid { why }
            | Failure::Busy { why, .. }
            | Failure::Silent { why } => why.clone(),
        }
    }

    /// As the console is told. What is busy or silent may be asked again.
    pub(super) fn told(self, object: &str) -> PlatformError {
        match self {
            Failure::NotFound => PlatformError::Broken {
                why: format!("{object} is not there"),
            },
            Failure::Gone => PlatformError::Unreachable {
                why: format!("{object}: the API server no longer keeps what was asked for"),
            },
            Failure::Denied { why } => PlatformError::Denied { why },
            Failure::Conflict { why } | Failure::Invalid { why } => PlatformError::Broken { why },
            Failure::Busy { why, .. } | Failure::Silent { why } => {
                PlatformError::Unreachable { why }
            }
        }
    }
}

/// The words of a `Status` object. An admission webhook's refusal comes this way too.
fn said(body: &[u8]) -> Option<String> {
    let status: Value = serde_json::from_slice(body).ok()?;
    let message = status.get("message")?.as_str()?;
    (!message.is_empty()).then(|| message.chars().take(WORDS).collect())
}

/// Whole seconds only: the API server never sends a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Failure {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::RETRY_AFTER, "3".parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        Failure::of(status, &headers, body.as_bytes(), "patch services/web")
    }

    #[test]
    fn what_can_be_asked_again_is_told_apart_from_what_cannot() {
        let busy = of(429, "slow down");
        let Failure::Busy { after, .. } = &busy else {
            panic!("{busy:?}");
        };
        assert_eq!(*after, Some(Duration::from_secs(3)));
        for status in [429, 500, 503, 504] {
            let told = of(status, "").told("x");
            assert!(matches!(told, PlatformError::Unreachable { .. }), "{told}");
        }
        let denied = of(403, r#"{"message":"User \"ana\" cannot patch"}"#);
        let told = denied.told("x").to_string();
        assert_eq!(told, "patch services/web: User \"ana\" cannot patch");
        assert!(matches!(of(401, ""), Failure::Denied { .. }));
        assert!(matches!(of(409, ""), Failure::Conflict { .. }));
        assert!(matches!(of(422, ""), Failure::Invalid { .. }));
        assert_eq!(of(404, ""), Failure::NotFound);
        assert_eq!(of(410, ""), Failure::Gone);
    }
}
