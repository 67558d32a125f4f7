//! How many requests a decision takes: before a rollout, to see whether a plan can ever pass, and
//! during one, to say how long it still takes. Estimates, in candidate requests.

use crate::counts::Counts;
use crate::logs::divergence;
use crate::projection::{Rates, Region};
use crate::rule::{Budget, CountRule};

/// Beyond this an estimate is of no use to anybody.
const HOPELESS: f64 = 1e15;
/// What learning the rates costs the evidence of safety, in nats, once bad requests are met.
/// Measured; see `docs/judge.md`.
const LEARNING: f64 = 2.0;

/// Candidate requests that a good candidate (its rate equal to stable's) needs on average to pass
/// when it gets `candidate_share` (0 to 1) of the traffic.
///
/// With a spotless service and a margin this is the number that refutes the margin without one bad
/// answer: 459 for 1 % at α = 0.01. `None` when it can never pass, or the arguments are no rates.
pub fn requests_to_pass(
    rule: &CountRule,
    budget: &Budget,
    stable_rate: f64,
    candidate_share: f64,
) -> Option<u64> {
    rule.check().ok()?;
    budget.check().ok()?;
    let is_share = candidate_share > 0.0 && candidate_share <= 1.0;
    if !((0.0..1.0).contains(&stable_rate) && is_share) {
        return None;
    }
    let others = (1.0 - candidate_share) / candidate_share;
    let truth = Rates {
        candidate: stable_rate,
        stable: stable_rate,
    };
    let growth = safe_growth(rule, truth, others);
    let spotless = budget.pass_bound().ln() / growth;
    let unlucky = 1.0 - (-spotless * stable_rate).exp();
    whole(spotless + LEARNING * unlucky / growth)
}

/// Where the evidence stands.
pub(crate) struct Outlook {
    pub candidate: Counts,
    pub compared: Counts,
    /// Stable has traffic in this step, in the proportion seen.
    pub stable_is_present: bool,
    /// Nats still missing to each bound.
    pub to_fail: f64,
    pub to_pass: f64,
}

/// Candidate requests until the nearer of the two decisions, if things go on as they went.
pub(crate) fn requests_needed(rule: &CountRule, outlook: &Outlook) -> Option<u64> {
    let (n1, n0) = (
        outlook.candidate.total as f64,
        outlook.compared.total as f64,
    );
    if n1 == 0.0 || n0 == 0.0 {
        return None;
    }
    let seen = Rates {
        candidate: outlook.candidate.bad as f64 / n1,
        stable: outlook.compared.bad as f64 / n0,
    };
    let others = if outlook.stable_is_present {
        n0 / n1
    } else {
        0.0
    };
    let pass = outlook.to_pass.max(0.0) / safe_growth(rule, seen, others);
    let fail = outlook.to_fail.max(0.0) / harm_growth(rule, seen, others);
    match (whole(pass), whole(fail)) {
        (Some(pass), Some(fail)) => Some(pass.min(fail)),
        (pass, fail) => pass.or(fail),
    }
}

fn whole(requests: f64) -> Option<u64> {
    (requests.is_finite() && requests < HOPELESS).then(|| (requests.ceil() as u64).max(1))
}

/// Nats a candidate request brings on average to the evidence of safety.
fn safe_growth(rule: &CountRule, rates: Rates, others: f64) -> f64 {
    match rule.margin {
        Some(margin) => {
            let region = Region {
                tolerate: rule.tolerate,
                margin,
            };
            if others > 0.0 {
                region.growth(rates, others)
            } else if rates.candidate < region.edge(rates.stable) {
                divergence(rates.candidate, region.edge(rates.stable).min(1.0))
            } else {
                0.0
            }
        }
        None if rates.candidate < rule.tolerate * rates.stable => {
            split_growth(rates, rule.tolerate, others)
        }
        None => 0.0,
    }
}

/// Nats a candidate request brings on average to the evidence of harm.
fn harm_growth(rule: &CountRule, rates: Rates, others: f64) -> f64 {
    if rates.candidate > rule.harm * rates.stable {
        split_growth(rates, rule.harm, others)
    } else {
        0.0
    }
}

/// Nats of the split of bad requests against a ratio of `edge`: bad requests for each candidate
/// request, times the divergence of their true split from the one at the edge.
fn split_growth(rates: Rates, edge: f64, others: f64) -> f64 {
    if others <= 0.0 {
        // Nothing to split: the candidate's own count against a known rate.
        let expected = (edge * rates.stable).min(1.0);
        return divergence(rates.candidate, expected);
    }
    let bad = rates.candidate + others * rates.stable;
    if bad <= 0.0 {
        return 0.0;
    }
    bad * divergence(rates.candidate / bad, edge / (edge + others))
}
