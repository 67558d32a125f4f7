//! Events as people read them: one sentence each, and whether it is good news.

use deckwatch_verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::event::{BakedBy, Cause, Ending, Event, Purpose};
use crate::task::Way;
use deckwatch_platform::TaskOutcome;

/// Whether an event is good news.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    Plain,
    Good,
    Warn,
    Bad,
}

impl Cause {
    pub const fn words(self) -> &'static str {
        match self {
            Cause::Verdict => "the judge said Fail",
            Cause::Person => "a person asked",
            Cause::Rejected => "rejected",
            Cause::Superseded => "a newer rollout took its place",
            Cause::DriverLost => "nobody was driving",
            Cause::Error => "an error, and the plan says to go back then",
            Cause::Task => "a test of the release failed",
        }
    }
}

impl Ending {
    pub const fn words(self) -> &'static str {
        match self {
            Ending::RolledBack => "rolled back",
            Ending::Aborted => "aborted",
            Ending::Superseded => "superseded",
            Ending::Failed => "failed",
        }
    }
}

fn baked(by: BakedBy) -> String {
    match by {
        BakedBy::Pass => "Pass".into(),
        BakedBy::NoHarm { requests } => {
            format!("no sign of harm after {requests} requests, which the plan accepts")
        }
        BakedBy::Unjudged => "not judged, as the plan says".into(),
        BakedBy::BrokenGlass => "overridden".into(),
    }
}

/// A step as people count; an imported journal may name any.
fn nth(step: usize) -> usize {
    step.saturating_add(1)
}

fn purpose(purpose: Purpose) -> String {
    match purpose {
        Purpose::Claim => "the traffic object learns of the rollout and its way back".into(),
        Purpose::BringUp => "the candidate is brought up".into(),
        Purpose::Shrink { step } => format!("old instances leave for batch {}", nth(step)),
        Purpose::Grow { step } => format!("the instances of batch {} come up", nth(step)),
        Purpose::Restore => "the instances that had left come back".into(),
        Purpose::Weight { step } => format!("traffic for step {} is written", nth(step)),
        Purpose::Promote => "roles change: the candidate becomes stable".into(),
        Purpose::EndWarm => "the way back closes".into(),
        Purpose::RetirePrevious => "the version before is stopped".into(),
        Purpose::RetireCandidate => "what was taken back is stopped".into(),
    }
}

fn after(words: &str, more: &str) -> String {
    if more.is_empty() {
        words.to_owned()
    } else {
        format!("{words}: {more}")
    }
}

impl Event {
    /// The step that this event is about and the weight it stands for, where it says that new
    /// weight is about to be written.
    pub fn weight_intended(&self) -> Option<usize> {
        match self {
            Event::Intended {
                purpose: Purpose::Weight { step },
                ..
            } => Some(*step),
            _ => None,
        }
    }

    pub const fn tone(&self) -> Tone {
        match self {
            Event::Failed { .. }
            | Event::RollbackRequested { .. }
            | Event::Ended {
                ending: Ending::Failed,
                ..
            } => Tone::Bad,
            Event::VerdictChanged { verdict, .. } => match verdict {
                Verdict::Pass => Tone::Good,
                Verdict::Fail => Tone::Bad,
                Verdict::Inconclusive => Tone::Plain,
                Verdict::NoData | Verdict::Error => Tone::Warn,
            },
            Event::TaskEnded { outcome, .. } | Event::TaskChanged { outcome, .. } => {
                if outcome.passed {
                    Tone::Good
                } else {
                    Tone::Bad
                }
            }
            Event::Paused { .. } | Event::BrokenGlass { .. } | Event::TaskWaived { .. } => {
                Tone::Warn
            }
            Event::CapacityReached { .. }
            | Event::Approved { .. }
            | Event::BakeEnded { .. }
            | Event::TakenBack { .. }
            | Event::Promoted { .. } => Tone::Good,
            _ => Tone::Plain,
        }
    }

    /// One sentence.
    pub fn words(&self) -> String {
        match self {
            Event::Started(s) => {
                let undo = s
                    .undo_to
                    .map_or(String::new(), |n| format!(", an undo to revision {n}"));
                let begins = s
                    .not_before
                    .map_or(String::new(), |at| format!("; not before {}", at.words()));
                format!(
                    "started {}{undo} by plan {} {}{begins}",
                    s.release.version,
                    s.plan.name,
                    s.plan_digest.short()
                )
            }
            Event::Queued(s) => format!("{} waits for its turn", s.release.version),
            Event::BaselineCaptured { baseline, .. } => {
                let counts: Vec<String> = baseline
                    .counts
                    .iter()
                    .map(|(name, c)| format!("{name} {} of {}", c.bad, c.total))
                    .collect();
                after("baseline of stable captured", &counts.join(", "))
            }
            Event::Intended { purpose: p, .. } => purpose(*p),
            Event::Done { took_us, .. } => {
                format!("acknowledged in {:.1} ms", *took_us as f64 / 1000.0)
            }
            Event::Failed { why, .. } => after("not carried out", why),
            Event::CapacityReached {
                step,
                ready,
                needed,
                ..
            } => format!("step {}: {ready} of {needed} instances ready", nth(*step)),
            Event::VerdictChanged {
                step,
                verdict,
                words,
                ..
            } => after(&format!("step {}: {verdict}", nth(*step)), words),
            Event::BakeEnded {
                step, baked: by, ..
            } => format!("step {} has baked: {}", nth(*step), baked(*by)),
            Event::TaskStarted { .. }
            | Event::TaskEnded { .. }
            | Event::TaskChanged { .. }
            | Event::TaskWaived { .. } => self.words_of_tasks(),
            _ => self.words_of_people(),
        }
    }

    fn words_of_tasks(&self) -> String {
        let ended = |what: &str, outcome: &TaskOutcome| {
            let word = if outcome.passed { "passed" } else { "failed" };
            after(&format!("{what} {word} in {}", outcome.took), &outcome.why)
        };
        match self {
            Event::TaskStarted {
                way, attempt, name, ..
            } => {
                let what = match way {
                    Way::Out => name.clone(),
                    Way::Back => format!("the way back of {name}"),
                };
                match attempt {
                    1 => format!("{what} begins"),
                    n => format!("{what} begins, attempt {n}"),
                }
            }
            Event::TaskEnded { name, outcome, .. } | Event::TaskChanged { name, outcome, .. } => {
                ended(name, outcome)
            }
            Event::TaskWaived { name, reason, .. } => {
                after(&format!("goes on although {name} failed"), reason)
            }
            _ => self.kind().to_owned(),
        }
    }

    /// The sentences of what people did, and of how it ended.
    fn words_of_people(&self) -> String {
        match self {
            Event::Approved {
                step,
                role,
                advisory,
                note,
                ..
            } => {
                let role = role.as_ref().map_or(String::new(), |r| format!(" as {r}"));
                let advice = if *advisory { ", advisory" } else { "" };
                after(&format!("approved step {}{role}{advice}", nth(*step)), note)
            }
            Event::BrokenGlass { what, reason, .. } => {
                after(&format!("glass broken: {what}"), reason)
            }
            Event::StepEnded { step, .. } => format!("step {} ended", nth(*step)),
            Event::Paused { reason, note, .. } => after(reason.words(), note),
            Event::Resumed { .. } => "resumed".into(),
            Event::Retried { .. } => "the step is watched anew".into(),
            Event::JumpedToEnd { .. } => "the remaining steps are skipped".into(),
            Event::WayBackRehearsed {
                took_us, obstacles, ..
            } => after(
                &format!("way back rehearsed in {:.1} ms", *took_us as f64 / 1000.0),
                &obstacles.join("; "),
            ),
            Event::Promoted { warm_until, .. } => match warm_until {
                Some(until) => format!(
                    "promoted; the version before is kept warm until {} UTC",
                    until.clock()
                ),
                None => "promoted".into(),
            },
            Event::WarmEnded { why, .. } => after("the way back is closed", why),
            Event::RollbackRequested { cause, why, .. } => {
                after(&format!("traffic goes back: {}", cause.words()), why)
            }
            Event::TakenBack { record } => format!(
                "traffic is back: {} → {}; {}",
                record.from, record.to, record.reason
            ),
            Event::Ended {
                ending,
                words,
                last_response_after_ms,
                ..
            } => {
                let last = last_response_after_ms.map_or(String::new(), |ms| {
                    format!("; its last response came {ms} ms after the write")
                });
                format!("{}{last}", after(ending.words(), words))
            }
            _ => self.kind().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_no_plan_has_is_said() {
        let (rollout, step) = (deckwatch_domain::RolloutId::from_u128(1), usize::MAX);
        let ended = Event::StepEnded { rollout, step };
        assert_eq!(ended.words(), format!("step {step} ended"));
        assert!(purpose(Purpose::Grow { step }).ends_with("come up"));
    }
}
