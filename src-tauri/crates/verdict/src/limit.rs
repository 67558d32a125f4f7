//! Absolute limits: what must hold whatever stable does.
//!
//! A limit is a rule, not a test: it compares what was measured with a number and promises no
//! error rate. So that the first bad answer of a handful does not end a rollout, it says nothing
//! before a least number of requests. Choose that number so that chance alone stays inside: for a
//! limit of 1 % on a service that fails 0.1 % of its requests, 500 are enough.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::counts::{Counts, Verdict};
use crate::figures::{count, number, of, percent};

/// What is limited.
#[derive(Copy, Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// At least this share of requests is good (0.99 is 99 %).
    SuccessAtLeast(f64),
    /// At most this share of requests is bad (0.01 is 1 %).
    BadAtMost(f64),
    /// The mean (of response times, say) is at most this much above the baseline's (0.2 is 20 %).
    MeanAtMostAbove(f64),
}

/// One absolute limit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitRule {
    pub limit: Limit,
    /// Candidate requests before it says anything but `Inconclusive`. 500 when not given.
    #[serde(default = "enough")]
    pub requests: u64,
}

fn enough() -> u64 {
    500
}

impl LimitRule {
    pub fn new(limit: Limit) -> Self {
        LimitRule {
            limit,
            requests: enough(),
        }
    }
}

/// What the candidate did, for [`judge_limit`].
#[derive(Copy, Clone, PartialEq, Default, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS)]
pub struct Observed {
    pub counts: Counts,
    /// Means over the same requests, and over the baseline's, in one unit. Only
    /// [`Limit::MeanAtMostAbove`] reads them.
    pub mean: Option<f64>,
    pub baseline_mean: Option<f64>,
}

/// What a limit's answer rests on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS)]
pub struct LimitAnswer {
    pub verdict: Verdict,
    /// A share of requests, or a mean in its own unit.
    pub observed: Option<f64>,
    /// What it had to stay at or below (at or above for success).
    pub limit: Option<f64>,
    pub requests: u64,
    pub words: String,
}

/// Holds what was measured against a limit.
pub fn judge_limit(rule: &LimitRule, observed: &Observed) -> LimitAnswer {
    let requests = observed.counts.total;
    let answer = |verdict, seen, limit, words| LimitAnswer {
        verdict,
        observed: seen,
        limit,
        requests,
        words,
    };
    if let Some(problem) = mistake(rule, observed) {
        return answer(Verdict::Error, None, None, problem);
    }
    if requests == 0 {
        let words = "The candidate has answered no request yet.".to_owned();
        return answer(Verdict::NoData, None, None, words);
    }
    let Some(measure) = measured(rule.limit, observed) else {
        let words = "A mean, or the baseline's, is missing.".to_owned();
        return answer(Verdict::NoData, None, None, words);
    };
    let Measure {
        seen,
        limit,
        holds,
        said,
    } = measure;
    let verdict = if requests < rule.requests {
        Verdict::Inconclusive
    } else if holds {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    let words = match verdict {
        Verdict::Inconclusive => format!(
            "{said}; {} of {} seen before this is judged.",
            count(requests),
            of(rule.requests, "request")
        ),
        _ => format!("{said}, over {}.", of(requests, "request")),
    };
    answer(verdict, Some(seen), Some(limit), words)
}

struct Measure {
    seen: f64,
    limit: f64,
    holds: bool,
    said: String,
}

fn measured(limit: Limit, observed: &Observed) -> Option<Measure> {
    let bad = observed.counts.rate()?;
    Some(match limit {
        Limit::SuccessAtLeast(least) => Measure {
            seen: 1.0 - bad,
            limit: least,
            // Compared as shares of bad, so that exactly 99 of 100 meets 99 %.
            holds: bad <= (1.0 - least) + ROUNDING,
            said: format!(
                "{} succeeded, at least {} must",
                percent(1.0 - bad),
                percent(least)
            ),
        },
        Limit::BadAtMost(most) => Measure {
            seen: bad,
            limit: most,
            holds: bad <= most + ROUNDING,
            said: format!(
                "{} were bad, at most {} may be",
                percent(bad),
                percent(most)
            ),
        },
        Limit::MeanAtMostAbove(more) => {
            let (mean, baseline) = (observed.mean?, observed.baseline_mean?);
            let most = baseline * (1.0 + more);
            Measure {
                seen: mean,
                limit: most,
                holds: mean <= most * (1.0 + ROUNDING),
                said: format!(
                    "the mean is {}, at most {} ({} above the baseline's {}) is allowed",
                    number(mean),
                    number(most),
                    percent(more),
                    number(baseline)
                ),
            }
        }
    })
}

/// Shares that differ by less are the same share, computed in two ways.
const ROUNDING: f64 = 1e-12;

fn mistake(rule: &LimitRule, observed: &Observed) -> Option<String> {
    let share = |x: f64| (0.0..=1.0).contains(&x);
    let sane = match rule.limit {
        Limit::SuccessAtLeast(x) | Limit::BadAtMost(x) => share(x),
        Limit::MeanAtMostAbove(x) => x >= 0.0 && x.is_finite(),
    };
    if !sane {
        return Some(format!("This limit cannot be held: {:?}.", rule.limit));
    }
    let Counts { total, bad } = observed.counts;
    if bad > total {
        return Some(format!("{bad} bad requests of {total} were counted."));
    }
    let means = [observed.mean, observed.baseline_mean];
    let broken = means
        .into_iter()
        .flatten()
        .find(|m| !(m.is_finite() && *m >= 0.0));
    broken.map(|mean| format!("A mean is {mean}, which cannot be."))
}
