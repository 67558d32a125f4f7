//! Tasks as people are shown them.

use deckwatch_domain::{IntentId, Span, Timestamp};
use deckwatch_platform::Does;
use serde::{Deserialize, Serialize};

use crate::plan::{Place, Task, TaskKind};
use crate::state::Rollout;
use crate::task::{TaskRecord, Way};

/// How a task stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum TaskStanding {
    /// Its turn has not come; for a way back: it would be run by a full rollback.
    Waiting,
    Running,
    Passed,
    /// It failed and is not critical, or a person went on without it.
    Warning,
    Failed,
}

/// One task, or its way back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct TaskStatus {
    pub name: String,
    pub kind: TaskKind,
    pub place: Place,
    /// Where it stands in the plan, in words: `before`, `at 10 %`, `every 30s`.
    pub when: String,
    pub way: Way,
    pub standing: TaskStanding,
    pub critical: bool,
    /// What is run, as the plan says it.
    pub does: String,
    pub attempt: u32,
    pub attempts: u32,
    pub timeout: Span,
    pub started_at: Option<Timestamp>,
    pub took: Option<Span>,
    /// How it ended.
    pub why: String,
    /// The last lines it printed.
    pub tail: String,
    pub output_bytes: u64,
    /// By which its output is asked for.
    pub intent: Option<IntentId>,
    pub has_way_back: bool,
    pub previous_runs_on_new_schema: Option<bool>,
}

/// Every task of the plan in its order, then the ways back that have been begun.
pub(super) fn tasks(rollout: &Rollout) -> Vec<TaskStatus> {
    let out = rollout.plan.tasks().into_iter().map(|(place, task)| {
        let record = rollout.task_record(place, Way::Out);
        one(rollout, place, task, Way::Out, record)
    });
    let back = rollout.tasks.iter().filter(|r| r.way == Way::Back);
    let back = back.filter_map(|record| {
        let task = rollout.plan.task(record.place)?;
        Some(one(rollout, record.place, task, Way::Back, Some(record)))
    });
    out.chain(back).collect()
}

fn one(
    rollout: &Rollout,
    place: Place,
    task: &Task,
    way: Way,
    record: Option<&TaskRecord>,
) -> TaskStatus {
    let ended = record.and_then(|r| r.ended.as_ref());
    let outcome = ended.map(|(outcome, _)| outcome);
    let standing = match (record, outcome) {
        (None, _) => TaskStanding::Waiting,
        (Some(_), None) => TaskStanding::Running,
        (Some(_), Some(outcome)) if outcome.passed => TaskStanding::Passed,
        (Some(record), _) if record.waived || !task.critical || way == Way::Back => {
            TaskStanding::Warning
        }
        _ => TaskStanding::Failed,
    };
    TaskStatus {
        name: task.name.clone(),
        kind: task.kind,
        place,
        when: when(rollout, place, task),
        way,
        standing,
        critical: task.critical,
        does: does(match way {
            Way::Back => task.way_back.as_ref().unwrap_or(&task.does),
            Way::Out => &task.does,
        }),
        attempt: record.map_or(0, |r| r.attempt),
        attempts: task.retries.saturating_add(1),
        timeout: task.timeout,
        started_at: record.map(|r| r.started_at),
        took: outcome.map(|o| o.took),
        why: outcome.map(|o| o.why.clone()).unwrap_or_default(),
        tail: outcome.map(|o| o.tail.clone()).unwrap_or_default(),
        output_bytes: outcome.map_or(0, |o| o.output_bytes),
        intent: record.and_then(|r| r.intent),
        has_way_back: task.way_back.is_some(),
        previous_runs_on_new_schema: task.previous_runs_on_new_schema,
    }
}

fn when(rollout: &Rollout, place: Place, task: &Task) -> String {
    match place {
        Place::Before { .. } => "before".into(),
        Place::Step { step, .. } => {
            let weight = rollout.plan.steps.get(step).map_or(0, |s| s.weight);
            format!("at {weight} %")
        }
        Place::During { .. } => format!("every {}", task.every.unwrap_or_default()),
        Place::After { .. } => "after".into(),
        Place::Export => "before the ways back".into(),
        Place::Import => "after the ways back".into(),
        Place::Verify { .. } => "after a full rollback".into(),
    }
}

/// A command or a call in one line.
fn does(does: &Does) -> String {
    match does {
        Does::Command(words) => words.join(" "),
        Does::Http(call) => format!("{} {}", call.method, call.url),
    }
}
