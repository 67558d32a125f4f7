//! How many requests a decision takes: before a rollout, to see whether a plan can ever pass, and
//! during one, to say how long it still takes. Estimates, in candidate requests.

use crate::counts::{Counts, Verdict};
use crate::harm::Harm;
use crate::logs::divergence;
use crate::projection::{Rates, Region};
use crate::rule::{Budget, CountRule};
use crate::safe::Safe;

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
///
/// With all of the traffic stable's rate is taken as known; [`requests_to_pass_alone`] reckons with
/// how well it really is.
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

/// Candidate requests that a good candidate needs on average to pass where stable has no traffic
/// (the 100 % step) and only `reference`, what stable did before, is left to compare with. The
/// shorter it is, the more: [`requests_to_pass`] knows nothing of that doubt.
///
/// `None` when so short a reference can never let it pass, or the arguments are no rule.
pub fn requests_to_pass_alone(rule: &CountRule, budget: &Budget, reference: Counts) -> Option<u64> {
    rule.check().ok()?;
    budget.check().ok()?;
    let rate = reference.rate().filter(|_| reference.is_possible())?;
    let bound = budget.pass_bound().ln();
    let mut safe = Safe::new(rule.tolerate, rule.margin, bound, Some(reference));
    safe.turn_to(reference);
    let spotless = safe.requests_alone(bound, rate)?;
    if rule.margin.is_none() {
        return whole(spotless);
    }
    let unlucky = 1.0 - (-spotless * rate).exp();
    whole(safe.requests_alone(bound + LEARNING * unlucky, rate)?)
}

/// Where the evidence stands.
pub(crate) struct Outlook<'a> {
    pub candidate: Counts,
    pub compared: Counts,
    /// Stable has no traffic in this step: it is compared by its past.
    pub alone: bool,
    pub harm: &'a Harm,
    pub safe: &'a Safe,
    /// The evidence each decision takes, in nats; none for a `Pass` that is there, and held back.
    pub fail_bound: f64,
    pub pass_bound: Option<f64>,
}

/// Candidate requests until the nearer of the two decisions if things go on as they went, and
/// which of them it is.
pub(crate) fn requests_needed(rule: &CountRule, outlook: &Outlook) -> Option<(u64, Verdict)> {
    let seen = Rates {
        candidate: outlook.candidate.rate()?,
        stable: outlook.compared.rate()?,
    };
    let (harm, safe) = (outlook.harm, outlook.safe);
    let (pass, fail) = if outlook.alone {
        let pass = outlook.pass_bound;
        (
            pass.and_then(|bound| safe.requests_alone(bound, seen.candidate)),
            harm.requests_alone(outlook.fail_bound, seen.candidate),
        )
    } else {
        let others = outlook.compared.total as f64 / outlook.candidate.total as f64;
        let missing = |bound: f64, now: f64| (bound - now).max(0.0);
        let pass = outlook.pass_bound;
        (
            pass.map(|bound| missing(bound, safe.ln()) / safe_growth(rule, seen, others)),
            Some(missing(outlook.fail_bound, harm.ln()) / harm_growth(rule, seen, others)),
        )
    };
    let pass = pass.and_then(whole).map(|n| (n, Verdict::Pass));
    let fail = fail.and_then(whole).map(|n| (n, Verdict::Fail));
    pass.into_iter().chain(fail).min_by_key(|(n, _)| *n)
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
