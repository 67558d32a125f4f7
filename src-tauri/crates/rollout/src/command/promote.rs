//! Ending a step before its time, and going on over what failed: allowed with a reason, and recorded.

use deckwatch_domain::Timestamp;
use deckwatch_verdict::Verdict;

use super::{Refusal, going_back, refuse};
use crate::event::{BakedBy, Event, PauseReason};
use crate::plan::Step;
use crate::state::{Phase, Rollout, Stage};
use crate::task::Way;

pub(super) fn promote(
    rollout: &Rollout,
    full: bool,
    break_glass: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if rollout.phase == Phase::RollingBack {
        return going_back();
    }
    let reason = break_glass.map(str::trim).filter(|r| !r.is_empty());
    if let Some(answer) = waive(rollout, reason) {
        return answer;
    }
    if let Some(opens) = rollout.waits_until(now) {
        return before_its_day(rollout, full, reason, opens);
    }
    let Some(step) = rollout.current_step() else {
        return refuse("promoting", "its last step has ended", "wait a moment");
    };
    if !matches!(rollout.stage, Stage::Bake | Stage::Gate) {
        return refuse(
            "no-traffic-yet",
            format!("the step's weight of {} % is not written yet", step.weight),
            "wait until it is",
        );
    }
    if let Some((Verdict::Fail, _)) = rollout.verdict {
        return refuse("failed", "the judge said Fail", "start a new rollout");
    }
    let passed = matches!(rollout.verdict, Some((Verdict::Pass, _))) || !step.analysis;
    if reason.is_none()
        && let Some(why) = not_open(rollout, step, full, passed)
    {
        return refuse(
            "needs-a-reason",
            why,
            "give a reason with break glass, or wait",
        );
    }
    Ok(promotion(rollout, full, passed, step.analysis, reason))
}

/// A step begins before its day, for a reason.
fn before_its_day(
    rollout: &Rollout,
    full: bool,
    reason: Option<&str>,
    opens: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let Some(reason) = reason else {
        return refuse(
            "not-yet",
            format!("step {} begins at {}", rollout.step + 1, opens.words()),
            "wait until then, or give a reason with break glass",
        );
    };
    let mut events = vec![Event::BrokenGlass {
        rollout: rollout.id,
        step: rollout.step,
        what: "begin before its day".into(),
        reason: reason.to_owned(),
    }];
    if full {
        events.push(Event::JumpedToEnd {
            rollout: rollout.id,
        });
    }
    Ok(events)
}

/// A failed task that holds the rollout is passed over, for a reason; none when none does.
fn waive(rollout: &Rollout, reason: Option<&str>) -> Option<Result<Vec<Event>, Refusal>> {
    if rollout.phase != Phase::Paused(PauseReason::Trouble) {
        return None;
    }
    let record = rollout.tasks.iter().find(|r| {
        let critical = rollout.plan.task(r.place).is_some_and(|t| t.critical);
        r.way == Way::Out && r.failed() && !r.waived && critical
    })?;
    let name = rollout.plan.task(record.place)?.name.clone();
    let Some(reason) = reason else {
        return Some(refuse(
            "needs-a-reason",
            format!("{name} failed, and it is critical"),
            "retry it, or give a reason with break glass to go on without it",
        ));
    };
    Some(Ok(vec![
        Event::TaskWaived {
            rollout: rollout.id,
            place: record.place,
            name,
            reason: reason.to_owned(),
        },
        Event::Resumed {
            rollout: rollout.id,
        },
    ]))
}

/// Why a promotion needs a person's reason; none when everything is open.
fn not_open(rollout: &Rollout, step: &Step, full: bool, passed: bool) -> Option<String> {
    if full {
        return Some("going straight to 100 % skips judged steps".into());
    }
    if !passed {
        return Some(match &rollout.verdict {
            Some((verdict, _)) => format!("the verdict is {verdict:?}, and only Pass advances"),
            None => "there is no verdict yet, and only Pass advances".into(),
        });
    }
    if let Some(task) = rollout.unsettled(step) {
        return Some(format!("{} of this step has not passed", task.name));
    }
    (!step.gates.is_empty()).then(|| "gates of this step are not open".into())
}

fn promotion(
    rollout: &Rollout,
    full: bool,
    passed: bool,
    judged: bool,
    reason: Option<&str>,
) -> Vec<Event> {
    let (id, step) = (rollout.id, rollout.step);
    let mut events = Vec::new();
    if let Some(reason) = reason {
        let what = match (full, passed) {
            (true, _) => "promote to 100 %",
            (false, true) => "open the gates",
            (false, false) => "advance without Pass",
        };
        events.push(Event::BrokenGlass {
            rollout: id,
            step,
            what: what.into(),
            reason: reason.to_owned(),
        });
    }
    if full {
        events.push(Event::JumpedToEnd { rollout: id });
    }
    if rollout.stage == Stage::Bake {
        events.push(Event::BakeEnded {
            rollout: id,
            step,
            baked: match (passed, judged) {
                (true, true) => BakedBy::Pass,
                (true, false) => BakedBy::Unjudged,
                (false, _) => BakedBy::BrokenGlass,
            },
            counted: Vec::new(),
        });
    }
    events.push(Event::StepEnded { rollout: id, step });
    if matches!(rollout.phase, Phase::Paused(_)) {
        events.push(Event::Resumed { rollout: id });
    }
    events
}
