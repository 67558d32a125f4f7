//! How long a `Pass` takes at today's traffic, and whether a plan's bakes can reach it.

use std::time::Duration;

use deckwatch_domain::Span;
use deckwatch_verdict::{Budget, Counts, requests_to_pass, requests_to_pass_alone};
use serde::{Deserialize, Serialize};

use super::Plan;

/// One judged step's outlook.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct StepReach {
    pub step: usize,
    pub weight: u8,
    /// Candidate requests that a release as good as stable needs for its `Pass`.
    pub requests: Option<u64>,
    /// How long these take at this weight.
    pub takes: Option<Span>,
    pub max: Span,
    pub reachable: bool,
}

/// The outlook of a whole plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Reach {
    /// Requests a second to the service that this was reckoned with; none: not known.
    pub rate: Option<f64>,
    pub steps: Vec<StepReach>,
    /// A person can start it: every judged step can pass, or absence of harm is accepted by name.
    pub accepted: bool,
    pub words: String,
}

/// What stable looks like to one metric today.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Today {
    /// The share that counts as bad, 0 to 1.
    pub bad: f64,
    /// What the metric counts for each request: 1, or less where it counts clients.
    pub per_request: f64,
}

impl Default for Today {
    fn default() -> Self {
        Today {
            bad: 0.0,
            per_request: 1.0,
        }
    }
}

/// Reckons with `rate` requests a second to the service, and with what each metric, in the plan's
/// order, sees of stable today.
pub fn reach(plan: &Plan, rate: Option<f64>, today: &[Today]) -> Reach {
    let judged = plan.steps.iter().filter(|s| s.analysis).count().max(1) as u32;
    let budget = Budget {
        alpha: plan.analysis.alpha,
        metrics: plan.analysis.metrics.len().max(1) as u32,
        steps: judged,
    };
    let steps: Vec<StepReach> = plan
        .steps
        .iter()
        .enumerate()
        .filter(|(_, s)| s.analysis && s.weight > 0)
        .map(|(i, step)| {
            let share = f64::from(step.weight) / 100.0;
            let requests = plan
                .analysis
                .metrics
                .iter()
                .enumerate()
                .filter(|(_, m)| m.critical)
                .map(|(k, m)| {
                    let today = today.get(k).copied().unwrap_or_default();
                    let counted = if step.weight == 100 {
                        // Stable has no traffic then: the comparison is with what is known of it.
                        let known = rate.map_or(f64::INFINITY, |rate| {
                            rate * today.per_request * known_seconds(plan, i)
                        });
                        let known = known.min(1e9);
                        let reference = Counts::new(known as u64, (known * today.bad) as u64);
                        requests_to_pass_alone(&m.rule, &budget, reference)
                    } else {
                        requests_to_pass(&m.rule, &budget, today.bad, share)
                    };
                    let requests = counted? as f64 / today.per_request.max(1e-6);
                    Some(requests.ceil() as u64)
                })
                .try_fold(0u64, |most, n| n.map(|n| most.max(n)));
            let takes = match (requests, rate) {
                (Some(n), Some(rate)) if rate > 0.0 => {
                    let seconds = n as f64 / (rate * share);
                    Duration::try_from_secs_f64(seconds).ok().map(Span::from)
                }
                _ => None,
            };
            let reachable = match (requests, rate, takes) {
                (None, _, _) => false,
                (Some(_), Some(rate), _) if rate <= 0.0 => false,
                (Some(_), Some(_), Some(takes)) => takes <= step.bake.max,
                (Some(_), Some(_), None) => false,
                (Some(_), None, _) => true,
            };
            StepReach {
                step: i,
                weight: step.weight,
                requests,
                takes,
                max: step.bake.max,
                reachable,
            }
        })
        .collect();
    let short: Vec<&StepReach> = steps.iter().filter(|s| !s.reachable).collect();
    let by_name = plan.analysis.accept_no_harm_after.is_some();
    Reach {
        rate,
        accepted: short.is_empty() || by_name,
        words: words(&steps, &short, rate, by_name),
        steps,
    }
}

/// Seconds of all of stable's traffic that the baseline and the judged steps before this one give.
fn known_seconds(plan: &Plan, step: usize) -> f64 {
    let before = plan.steps[..step]
        .iter()
        .filter(|s| s.analysis)
        .map(|s| s.bake.min.as_secs_f64() * (1.0 - f64::from(s.weight) / 100.0));
    plan.baseline.as_secs_f64() + before.sum::<f64>()
}

fn words(steps: &[StepReach], short: &[&StepReach], rate: Option<f64>, by_name: bool) -> String {
    if steps.is_empty() {
        return "no step is judged".into();
    }
    let Some(rate) = rate else {
        return "today's traffic is not known, so how long a Pass takes cannot be said".into();
    };
    let Some(worst) = short.first() else {
        let longest = steps
            .iter()
            .filter_map(|s| s.takes)
            .max()
            .unwrap_or_default();
        return format!(
            "at {rate:.0} requests/s every step can pass; the slowest in about {longest}"
        );
    };
    let need = match (worst.requests, worst.takes) {
        (Some(n), Some(takes)) => format!("needs {n} requests, which take about {takes}"),
        (Some(n), None) => format!("needs {n} requests"),
        (None, _) => "can never be shown to pass by its rules".to_owned(),
    };
    let end = if by_name {
        "absence of harm is accepted by name instead"
    } else {
        "lengthen the bake, widen the margin, raise the weight, or accept absence of harm by name \
         (accept_no_harm_after)"
    };
    format!(
        "at {rate:.1} requests/s the step of {} % {need}, but its bake ends after {}; {end}",
        worst.weight, worst.max
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::builtin;

    #[test]
    fn a_plan_that_can_never_pass_is_told_so() {
        let (plan, _) = builtin("canary-1-10-50-100").unwrap();
        let quiet = reach(&plan, Some(0.5), &[Today::default(); 2]);
        assert!(!quiet.accepted);
        assert!(
            quiet.words.contains("accept_no_harm_after"),
            "{}",
            quiet.words
        );
        let busy = reach(&plan, Some(500.0), &[Today::default(); 2]);
        assert!(busy.accepted, "{}", busy.words);
        assert!(!reach(&plan, Some(0.0), &[Today::default(); 2]).accepted);
    }

    #[test]
    fn absence_of_harm_by_name_makes_a_quiet_service_acceptable() {
        let (plan, _) = builtin("audience-by-day").unwrap();
        let quiet = reach(&plan, Some(0.001), &[Today::default()]);
        assert!(quiet.accepted && quiet.steps.iter().any(|s| !s.reachable));
    }
}
