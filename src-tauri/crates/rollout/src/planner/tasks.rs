//! Tasks: begun one after another, waited for, tried again, and what their failure means.

use std::time::Duration;

use deckwatch_platform::{TaskOutcome, TaskSeen};

use super::{Inputs, Next};
use crate::event::{Cause, Ending, Event};
use crate::plan::{Place, Task};
use crate::state::{Phase, Rollout};
use crate::task::{TaskRecord, Way};

/// Between two attempts; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Whether a task's failure stops what comes after it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// On the way out: a critical one does.
    Stops,
    /// On the way back nothing does.
    IsNoted,
}

/// What is under way is looked at before anything else: its end is a fact, whatever the rollout
/// does by now. None: it runs on, or nothing does.
pub(super) fn under_way(rollout: &Rollout, inputs: &Inputs<'_>) -> Option<Next> {
    let running = rollout.running_task()?;
    let ended = |outcome: TaskOutcome| {
        let task = rollout.plan.task(running.place);
        Some(Next::Record(vec![Event::TaskEnded {
            rollout: rollout.id,
            intent: running.intent?,
            name: task.map(|t| t.name.clone()).unwrap_or_default(),
            outcome,
        }]))
    };
    match inputs.task? {
        TaskSeen::Ended(outcome) => ended(outcome.clone()),
        TaskSeen::Running if is_stray(rollout, running) => Some(Next::StopTask),
        TaskSeen::Running => None,
        TaskSeen::Unknown if is_stray(rollout, running) => {
            ended(TaskOutcome::lost("it was not begun any more"))
        }
        TaskSeen::Unknown => Some(Next::BeginAgain),
    }
}

/// Nobody waits for its answer any more. A migration or a backup is let finish all the same: half
/// of one is worse than either end.
fn is_stray(rollout: &Rollout, running: &TaskRecord) -> bool {
    let Some(task) = rollout.plan.task(running.place) else {
        return true;
    };
    let left = match running.place {
        Place::Step { step, .. } => step != rollout.step,
        _ => false,
    };
    let back = rollout.phase == Phase::RollingBack && running.way == Way::Out;
    (left || back) && (task.kind.tests_the_candidate() && running.place != Place::Export)
}

/// The next thing to do for these tasks, in their order; none when all have ended.
pub(super) fn run(
    rollout: &Rollout,
    tasks: impl IntoIterator<Item = (Place, Way)>,
    failure: Failure,
    inputs: &Inputs<'_>,
) -> Option<Next> {
    for (place, way) in tasks {
        let Some(task) = rollout.plan.task(place) else {
            continue;
        };
        let begin = |attempt| match rollout.running_task() {
            // One at a time: one that was passed over may still run.
            Some(other) => Some(Next::wait(is_running(rollout, other))),
            None => Some(Next::BeginTask {
                place,
                way,
                attempt,
            }),
        };
        let Some(record) = rollout.task_record(place, way) else {
            return begin(1);
        };
        let Some((outcome, at)) = &record.ended else {
            return Some(Next::wait(is_running(rollout, record)));
        };
        if outcome.passed || record.waived {
            continue;
        }
        if record.attempt <= task.retries {
            let until = at.plus(pause_after(record.attempt));
            if inputs.now < until {
                return Some(Next::Wait {
                    until: Some(until),
                    why: format!("{} failed ({}); trying again", task.name, outcome.why),
                });
            }
            return begin(record.attempt.saturating_add(1));
        }
        if task.critical && failure == Failure::Stops {
            return Some(failed(rollout, task, &outcome.why));
        }
    }
    None
}

/// An attempt's number may come from an imported journal, and be any.
fn pause_after(attempt: u32) -> Duration {
    FIRST_PAUSE * 2u32.pow(attempt.clamp(1, 6) - 1)
}

fn is_running(rollout: &Rollout, record: &TaskRecord) -> String {
    let task = rollout.plan.task(record.place);
    format!("{} is running", task.map_or("a task", |t| &t.name))
}

/// A task that is run again and again stands at failed.
pub(super) fn watched(rollout: &Rollout) -> Option<Next> {
    rollout.tasks.iter().find_map(|record| {
        let task = rollout.plan.task(record.place)?;
        let again = matches!(record.place, Place::During { .. });
        let (outcome, _) = record.ended.as_ref().filter(|_| again && task.critical)?;
        (!outcome.passed && !record.waived).then(|| failed(rollout, task, &outcome.why))
    })
}

/// A test of the candidate that fails takes the release back; of the rest `on_error` decides.
fn failed(rollout: &Rollout, task: &Task, why: &str) -> Next {
    let why = format!("{} {} failed: {why}", task.kind.words(), task.name);
    if task.kind.tests_the_candidate() {
        return Next::TakeBack {
            cause: Cause::Task,
            ends_as: Ending::RolledBack,
            why,
        };
    }
    super::forward::give_up(rollout, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_whatever_number_an_attempt_has() {
        let seconds = [0, 1, 2, 3, 6, 7, u32::MAX].map(|n| pause_after(n).as_secs());
        assert_eq!(seconds, [1, 1, 2, 4, 32, 32, 32]);
    }
}
