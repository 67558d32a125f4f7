//! The facts of a validation, as the journal keeps them.

use deckwatch_domain::{Digest, IntentId, ReleaseVersion, ServiceName, ValidationId};
use deckwatch_platform::{ReleaseSpec, TaskOutcome};
use serde::{Deserialize, Serialize};

use crate::plan::Check;
use crate::words::Tone;

/// The stream that keeps this service's validations.
pub fn stream(service: &ServiceName) -> String {
    format!("validations/{service}")
}

/// The service whose validations a stream keeps.
pub fn service_of(stream: &str) -> Option<ServiceName> {
    ServiceName::new(stream.strip_prefix("validations/")?).ok()
}

/// A validation that begins.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Begun {
    pub validation: ValidationId,
    pub service: ServiceName,
    pub release: ReleaseSpec,
    /// What serves while it is validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<ReleaseVersion>,
    /// The plan's name, and the digest of its text.
    pub plan: String,
    pub plan_digest: Digest,
    pub checks: Vec<Check>,
    /// Who runs it, by a name that tells others whether it is still there.
    pub runner: String,
}

/// How a validation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(rename = "ValidationEnding")]
pub enum Ending {
    /// Every check has an answer.
    Finished,
    /// Its time was over first.
    TimedOut,
    Cancelled,
    /// Whoever ran it is gone.
    Lost,
}

impl Ending {
    pub const fn words(self) -> &'static str {
        match self {
            Ending::Finished => "finished",
            Ending::TimedOut => "its time was over",
            Ending::Cancelled => "cancelled",
            Ending::Lost => "whoever ran it is gone",
        }
    }
}

/// One fact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    Begun(Box<Begun>),
    /// Intended: from here on the attempt is begun.
    CheckBegun {
        validation: ValidationId,
        /// Its place among the checks.
        check: usize,
        name: String,
        attempt: u32,
        /// Of a command or a call: the process that is to carry it out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intent: Option<IntentId>,
    },
    CheckEnded {
        validation: ValidationId,
        check: usize,
        name: String,
        attempt: u32,
        outcome: TaskOutcome,
    },
    CancelRequested {
        validation: ValidationId,
        #[serde(default)]
        why: String,
    },
    Ended {
        validation: ValidationId,
        ending: Ending,
        can_deploy: bool,
        words: String,
    },
}

impl Event {
    /// The journal's kind for it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Event::Begun(_) => "validation.begun",
            Event::CheckBegun { .. } => "validation.check-begun",
            Event::CheckEnded { .. } => "validation.check-ended",
            Event::CancelRequested { .. } => "validation.cancel-requested",
            Event::Ended { .. } => "validation.ended",
        }
    }

    pub const fn tone(&self) -> Tone {
        match self {
            Event::CheckEnded { outcome, .. } if outcome.passed => Tone::Good,
            Event::CheckEnded { .. } => Tone::Warn,
            Event::Ended {
                can_deploy: true, ..
            } => Tone::Good,
            Event::Ended { .. } => Tone::Bad,
            _ => Tone::Plain,
        }
    }

    /// One sentence.
    pub fn words(&self) -> String {
        match self {
            Event::Begun(begun) => {
                let count = begun.checks.len();
                let checks = if count == 1 { "check" } else { "checks" };
                format!(
                    "validation of {} by plan {} {} begins: {count} {checks}",
                    begun.release.version,
                    begun.plan,
                    begun.plan_digest.short()
                )
            }
            Event::CheckBegun { name, attempt, .. } => match attempt {
                1 => format!("{name} begins"),
                n => format!("{name} begins, attempt {n}"),
            },
            Event::CheckEnded { name, outcome, .. } => {
                let word = if outcome.passed { "passed" } else { "failed" };
                format!("{name} {word} in {}: {}", outcome.took, outcome.why)
            }
            Event::CancelRequested { why, .. } if why.is_empty() => {
                "the validation is to be cancelled".into()
            }
            Event::CancelRequested { why, .. } => {
                format!("the validation is to be cancelled: {why}")
            }
            Event::Ended { words, .. } => words.clone(),
        }
    }
}
