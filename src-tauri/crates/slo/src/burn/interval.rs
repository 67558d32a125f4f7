//! How small a share may be, given what was counted.

use statrs::function::beta::checked_beta_reg;

/// Error below the bound: it is the lower end of the exact 95 % interval.
const TAIL: f64 = 0.025;
const NORMAL: f64 = 1.959_963_984_540_054;
/// With more of both kinds the exact bound and Wilson's differ by less than what is shown.
const MANY: f64 = 5_000.0;

/// The lower end of the 95 % interval of Clopper and Pearson for the share that `bad` of `total`
/// stands for: the true share is below it in at most 2.5 % of cases. Counts that came out of a
/// rate are no whole numbers; the bad ones are rounded down. 0 without any.
pub fn lower_bound(bad: f64, total: f64) -> f64 {
    let bad = (bad + 1e-6).floor();
    if !(bad >= 1.0 && total.is_finite()) {
        return 0.0;
    }
    let total = total.max(bad);
    let good = total - bad;
    if bad.min(good) > MANY {
        return wilson(bad, total);
    }
    if good < 1e-6 {
        return TAIL.powf(1.0 / total);
    }
    beta_quantile(bad, good + 1.0).unwrap_or(0.0)
}

/// Whether [`lower_bound`] is above a share, by one look instead of a search.
pub(super) fn surely_above(bad: f64, total: f64, share: f64) -> bool {
    let bad = (bad + 1e-6).floor();
    let good = total.max(bad) - bad;
    let exact = bad >= 1.0 && good >= 1e-6 && bad.min(good) <= MANY;
    if exact && (0.0..=1.0).contains(&share) {
        checked_beta_reg(bad, good + 1.0, share).is_ok_and(|tail| tail < TAIL)
    } else {
        lower_bound(bad, total) > share
    }
}

/// Where the Beta(a, b) distribution reaches `TAIL`.
fn beta_quantile(a: f64, b: f64) -> Option<f64> {
    let (mut low, mut high) = (0.0_f64, a / (a + b));
    while high - low > 1e-12 * high {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if checked_beta_reg(a, b, middle).ok()? < TAIL {
            low = middle;
        } else {
            high = middle;
        }
    }
    // The lower of the two: a bound that is too low alerts late, one too high for nothing.
    Some(low)
}

fn wilson(bad: f64, total: f64) -> f64 {
    let share = bad / total;
    let z = NORMAL * NORMAL / total;
    let spread = NORMAL * (share * (1.0 - share) / total + z / (4.0 * total)).sqrt();
    ((share + z / 2.0 - spread) / (1.0 + z)).max(0.0)
}
