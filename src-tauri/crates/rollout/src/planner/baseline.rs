//! Stable's recent past, for comparing the candidate with.

use std::time::Duration;

use super::{Inputs, Next};
use crate::event::{Baseline, Event};
use crate::state::Rollout;

/// Stable's past is captured before the first weight, while stable still serves everyone.
pub(super) fn capture(rollout: &Rollout, inputs: &Inputs<'_>) -> Option<Next> {
    if rollout.baseline.is_some() || rollout.stable.is_none() {
        return None;
    }
    let span = rollout.plan.baseline;
    let waited = inputs.now.since(rollout.stage_since());
    let enough = span.duration().mul_f64(0.9);
    // Two looks more than the span: by then what can be had has been scraped. Of no span there is
    // nothing to be had.
    let patience = match span.duration() {
        Duration::ZERO => Duration::ZERO,
        span => span + rollout.plan.analysis.interval.duration() * 2,
    };
    let patience = match rests_on_it(rollout) && nothing_known(inputs.baseline) {
        // Nobody took samples while nobody drove. Going on would be going blind.
        true if !patience.is_zero() => patience.max(rollout.plan.deadlines.capacity.duration()),
        _ => patience,
    };
    match inputs.baseline {
        Some(baseline) if baseline.covered.duration() >= enough || waited >= patience => {
            Some(Next::Record(vec![Event::BaselineCaptured {
                rollout: rollout.id,
                baseline: baseline.clone(),
            }]))
        }
        None if waited >= patience => Some(Next::Record(vec![Event::BaselineCaptured {
            rollout: rollout.id,
            baseline: Baseline {
                from: rollout.started_at,
                to: inputs.now,
                ..Default::default()
            },
        }])),
        _ => Some(Next::wait(format!(
            "capturing {span} of stable's traffic as the baseline"
        ))),
    }
}

/// Whether everyone gets the candidate before any step has seen it beside stable.
fn rests_on_it(rollout: &Rollout) -> bool {
    let first = rollout.plan.steps.iter().find(|step| step.analysis);
    first.is_some_and(|step| step.weight == 100)
}

fn nothing_known(baseline: Option<&Baseline>) -> bool {
    baseline.is_none_or(|b| b.counts.iter().all(|(_, counts)| counts.total == 0))
}
