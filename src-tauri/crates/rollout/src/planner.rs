//! The next thing to do for one service's rollouts. Pure: state, one look at the platform, the
//! judge's answer and the time go in; one step comes out.
//!
//! The order of the questions is the policy, and the way back comes first: a rollout that is
//! going back is never asked about readiness, gates, pauses or verdicts, and a `Fail` is acted on
//! before anything that would move forward is even looked at.

mod back;
mod baseline;
mod batches;
mod forward;
mod tasks;
#[cfg(test)]
mod tests;

use std::time::Duration;

use deckwatch_domain::{ReleaseVersion, Timestamp};
use deckwatch_platform::{Action, Observation, TaskSeen};
use deckwatch_verdict::{Answer, Verdict};

use crate::event::{Baseline, Cause, Counted, Ending, Event, Purpose};
use crate::plan::Place;
use crate::state::{Phase, Rollout, Rollouts, Warm};
use crate::task::Way;

/// What the judge says of the current step, from the samples there are.
#[derive(Clone, PartialEq, Debug)]
pub struct Judgement {
    pub answer: Answer,
    pub counted: Vec<Counted>,
    /// Candidate requests seen without a sign of harm, if the judge sees none.
    pub harmless_requests: Option<u64>,
    /// When the newest sample was taken; none when there is none.
    pub newest: Option<Timestamp>,
}

/// Everything the planner may know.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub observation: &'a Observation,
    pub judgement: Option<&'a Judgement>,
    /// Stable's recent past, while none has been recorded yet.
    pub baseline: Option<&'a Baseline>,
    /// Why gates that are not the planner's to judge are closed, by their index in the step.
    pub closed: &'a [(usize, String)],
    /// What has become of the task that is under way; none when nothing is, or when it cannot
    /// be told.
    pub task: Option<&'a TaskSeen>,
    pub now: Timestamp,
}

/// How long after a write a look may still be older than it: watches of a cluster lag, and one that
/// has said nothing for this long is begun anew.
const OLDEST: Duration = Duration::from_secs(180);
/// What is said of such a look.
const OLD: &str = "the platform does not show yet what was written last";

impl Inputs<'_> {
    /// Whether the look is older than what this rollout has written, so that it says nothing of who has
    /// the traffic now.
    fn is_old(&self, rollout: &Rollout) -> bool {
        rollout.last_write.is_some_and(|(intent, at)| {
            !self.observation.applied.contains(&intent) && self.now.since(at) < OLDEST
        })
    }
}

/// What to do next.
#[derive(Clone, PartialEq, Debug)]
pub enum Next {
    /// Nothing before `until`; look again sooner if something changes.
    Wait {
        until: Option<Timestamp>,
        why: String,
    },
    /// Write these facts down, then ask again.
    Record(Vec<Event>),
    /// Write the intent down, then do it.
    Act { purpose: Purpose, action: Action },
    /// Do again what was intended and has no known outcome.
    Repeat,
    /// Take traffic back first; write down why afterwards.
    TakeBack {
        cause: Cause,
        ends_as: Ending,
        why: String,
    },
    /// Write down that an attempt at a task begins, then begin it.
    BeginTask {
        place: Place,
        way: Way,
        attempt: u32,
    },
    /// Begin the task that is written down as begun and of which nothing is known.
    BeginAgain,
    /// End the task that is under way: nobody waits for its answer.
    StopTask,
    /// Nothing is left to do for this service.
    Idle,
}

impl Next {
    fn wait(why: impl Into<String>) -> Self {
        Next::Wait {
            until: None,
            why: why.into(),
        }
    }
}

/// Decides the next step.
pub fn next(state: &Rollouts, inputs: &Inputs<'_>) -> Next {
    let Some(rollout) = &state.current else {
        return match &state.queued {
            Some(queued) => Next::Record(vec![Event::Started(queued.clone())]),
            None => Next::Idle,
        };
    };
    let traffic_first = rollout.back.as_ref().is_some_and(|b| b.record.is_none());
    if !traffic_first
        && failed(inputs).is_none()
        && let Some(next) = tasks::under_way(rollout, inputs)
    {
        return next;
    }
    match rollout.phase {
        Phase::RollingBack => back::next(rollout, inputs),
        phase if phase.is_over() => over(state, rollout, inputs),
        _ => live(rollout, inputs),
    }
}

fn live(rollout: &Rollout, inputs: &Inputs<'_>) -> Next {
    if let Some(fail) = failed(inputs) {
        return Next::TakeBack {
            cause: Cause::Verdict,
            ends_as: Ending::RolledBack,
            why: fail,
        };
    }
    if rollout.outstanding.is_some() {
        return forward::outstanding(rollout, inputs);
    }
    forward::next(rollout, inputs)
}

/// The judge's words if it says `Fail`.
fn failed(inputs: &Inputs<'_>) -> Option<String> {
    inputs
        .judgement
        .filter(|j| j.answer.verdict == Verdict::Fail)
        .map(|j| j.answer.words.clone())
}

/// The rollout is over: the next one begins, or the rollback window of a promotion runs out.
fn over(state: &Rollouts, rollout: &Rollout, inputs: &Inputs<'_>) -> Next {
    if rollout.outstanding.is_some() {
        return forward::outstanding(rollout, inputs);
    }
    if let Some(queued) = &state.queued {
        return Next::Record(vec![Event::Started(queued.clone())]);
    }
    match &state.warm {
        None => Next::Idle,
        Some(Warm {
            until: Some(until), ..
        }) if inputs.now < *until => Next::Wait {
            until: Some(*until),
            why: format!("{} is kept warm as the way back", previous(rollout)),
        },
        Some(warm) => back::end_warm(rollout, *warm, inputs),
    }
}

fn previous(rollout: &Rollout) -> String {
    rollout
        .stable_version
        .as_ref()
        .map_or_else(|| "nothing".to_owned(), ReleaseVersion::to_string)
}
