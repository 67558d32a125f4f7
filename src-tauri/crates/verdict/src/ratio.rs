//! The ratio of two rates with a 95 % interval that is honest for small counts.

use statrs::function::beta::checked_beta_reg;

use crate::counts::Counts;

/// How many times the compared rate the candidate's is. `high` is `None` where the counts set no
/// upper limit: the compared side has no bad request.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct RateRatio {
    pub estimate: f64,
    pub low: f64,
    pub high: Option<f64>,
}

/// Error outside each end of the interval.
const TAIL: f64 = 0.025;
const NORMAL_97_5: f64 = 1.959_963_984_540_054;
/// Above this many bad requests the logarithm of the ratio is as good as normal.
const MANY: f64 = 100_000.0;

/// The exact interval of Clopper and Pearson for the candidate's share of all bad requests, turned
/// into a ratio of rates. Conservative: it covers the truth at least 95 % of the time at any one
/// look; it is for reading, not for deciding. `None` where there is no ratio: a side without
/// requests, or no bad request on the compared side.
pub(crate) fn rate_ratio(candidate: Counts, compared: Counts) -> Option<RateRatio> {
    if candidate.total == 0 || compared.total == 0 || compared.bad == 0 {
        return None;
    }
    let (s1, s0) = (candidate.bad as f64, compared.bad as f64);
    let exposure = compared.total as f64 / candidate.total as f64;
    let estimate = s1 / s0 * exposure;
    if s1.min(s0) > MANY {
        let spread = (NORMAL_97_5 * (1.0 / s1 + 1.0 / s0).sqrt()).exp();
        return Some(RateRatio {
            estimate,
            low: estimate / spread,
            high: Some(estimate * spread),
        });
    }
    let low = if s1 > 0.0 {
        odds_where(s1, s0 + 1.0, TAIL)? * exposure
    } else {
        0.0
    };
    let high = odds_where(s1 + 1.0, s0, 1.0 - TAIL)? * exposure;
    low.is_finite().then_some(RateRatio {
        estimate,
        low,
        high: high.is_finite().then_some(high),
    })
}

/// The odds x/(1−x) of the share x at which the Beta(a, b) distribution reaches `probability`,
/// from whichever end is nearer so that shares near 1 keep their precision.
fn odds_where(a: f64, b: f64, probability: f64) -> Option<f64> {
    if a > b {
        let other = share_where(b, a, 1.0 - probability)?;
        Some((1.0 - other) / other)
    } else {
        let share = share_where(a, b, probability)?;
        Some(share / (1.0 - share))
    }
}

/// Where the Beta(a, b) distribution reaches `probability`.
fn share_where(a: f64, b: f64, probability: f64) -> Option<f64> {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if checked_beta_reg(a, b, middle).ok()? < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(0.5 * (low + high))
}
