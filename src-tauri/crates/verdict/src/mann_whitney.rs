//! The Mann–Whitney comparison of two series: exact where that is affordable, tie-corrected,
//! free of units.
//!
//! The answers are those of R's `wilcox.test(conf.int = TRUE)` where R is exact. Where R
//! approximates, it searches the shift with a root finder that stops within 1e-4 of the answer in
//! the data's own unit; here the same equations are solved exactly, by picking from the pairwise
//! differences, so that a series in seconds and one in milliseconds get the same answer.

use statrs::distribution::{ContinuousCDF, Normal};

/// Up to this many values in all, p-values come from the exact permutation distribution with the
/// ties there are; above it the normal approximation, with tie and continuity correction, is off
/// by less than 0.002, and by less the fewer ties there are.
pub const EXACT_UP_TO: usize = 100;
/// R's own limit for exact intervals: fewer than this on each side, and no ties.
const R_EXACT_BELOW: usize = 50;

/// Which shifts count against the claim that there is none.
#[derive(Copy, Clone, PartialEq, Eq, Debug, ts_rs::TS)]
pub enum Side {
    /// x tends to be larger than y.
    Greater,
    /// x tends to be smaller than y.
    Less,
    Both,
}

/// Two series of finite numbers, neither empty.
#[derive(Clone, Debug, ts_rs::TS)]
pub struct TwoSamples {
    x: Vec<f64>,
    y: Vec<f64>,
}

/// A shift of x against y: the Hodges–Lehmann estimate with its interval, in the data's unit.
#[derive(Copy, Clone, PartialEq, Debug, ts_rs::TS)]
pub struct Shift {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

impl TwoSamples {
    /// `None` when a side is empty or holds a value that is not finite.
    pub fn new(x: &[f64], y: &[f64]) -> Option<Self> {
        let finite = |v: &[f64]| !v.is_empty() && v.iter().all(|a| a.is_finite());
        if !finite(x) || !finite(y) {
            return None;
        }
        let sorted = |v: &[f64]| {
            let mut v = v.to_vec();
            v.sort_by(f64::total_cmp);
            v
        };
        Some(TwoSamples {
            x: sorted(x),
            y: sorted(y),
        })
    }

    fn pairs(&self) -> f64 {
        self.x.len() as f64 * self.y.len() as f64
    }

    /// How many pairs have x above y, ties counting half, when x is moved down by `mu`.
    fn u(&self, mu: f64) -> f64 {
        let below = self.count(|d| d < mu);
        let not_above = self.count(|d| d <= mu);
        self.pairs() - 0.5 * (below + not_above)
    }

    /// How many pairwise differences are small, by a test that holds up to some point.
    fn count(&self, small: impl Fn(f64) -> bool) -> f64 {
        // x ascending and y ascending: the y that keep the difference small start ever later.
        let (mut from, mut total) = (0, 0.0);
        for &x in &self.x {
            while from < self.y.len() && !small(x - self.y[from]) {
                from += 1;
            }
            total += (self.y.len() - from) as f64;
        }
        total
    }

    /// Chance that a value of x is above one of y, ties counting half: the common-language effect
    /// size, 0.5 where neither tends to be larger.
    pub fn superiority(&self) -> f64 {
        self.u(0.0) / self.pairs()
    }

    /// Cliff's delta, −1 to 1.
    pub fn cliffs_delta(&self) -> f64 {
        2.0 * self.superiority() - 1.0
    }

    /// Whether all values of both are one.
    pub fn all_equal(&self) -> bool {
        let (x, y) = (&self.x, &self.y);
        x[0] == x[x.len() - 1] && y[0] == y[y.len() - 1] && x[0] == y[0]
    }

    /// R's standardised statistic, with continuity correction, when x is moved down by `mu`: 0
    /// where everything is tied.
    pub fn z(&self, mu: f64) -> f64 {
        let mut pooled: Vec<f64> = self.x.iter().map(|x| x - mu).collect();
        pooled.extend(&self.y);
        pooled.sort_by(f64::total_cmp);
        let sigma = self.sigma(&pooled);
        let excess = self.u(mu) - 0.5 * self.pairs();
        if sigma == 0.0 || excess == 0.0 {
            return 0.0;
        }
        (excess - 0.5 * excess.signum()) / sigma
    }

    /// Standard deviation of U when neither is larger, given the ties of the sorted pool.
    fn sigma(&self, pooled: &[f64]) -> f64 {
        let n = pooled.len() as f64;
        let tied: f64 = runs(pooled).map(|t| t * t * t - t).sum();
        let correction = if n > 1.0 { tied / (n * (n - 1.0)) } else { 0.0 };
        (self.pairs() / 12.0 * (n + 1.0 - correction))
            .max(0.0)
            .sqrt()
    }

    /// Chance of a difference at least this large when there is none.
    pub fn p_value(&self, side: Side) -> f64 {
        let n = self.x.len() + self.y.len();
        let (less, greater) = if n <= EXACT_UP_TO {
            self.exact_tails()
        } else {
            self.normal_tails()
        };
        match side {
            Side::Less => less,
            Side::Greater => greater,
            Side::Both => (2.0 * less.min(greater)).min(1.0),
        }
    }

    fn normal_tails(&self) -> (f64, f64) {
        let mut pooled = self.x.clone();
        pooled.extend(&self.y);
        pooled.sort_by(f64::total_cmp);
        let sigma = self.sigma(&pooled);
        let excess = self.u(0.0) - 0.5 * self.pairs();
        if sigma == 0.0 {
            return (1.0, 1.0);
        }
        let tail = |z: f64| Normal::standard().cdf(z);
        (tail((excess + 0.5) / sigma), tail(-(excess - 0.5) / sigma))
    }

    /// Both tails of the exact permutation distribution given the ties (the shift algorithm of
    /// Streitberg and Röhmel): how many ways to draw x's ranks reach each sum of doubled midranks.
    fn exact_tails(&self) -> (f64, f64) {
        let mut pooled: Vec<(f64, bool)> = self.x.iter().map(|&x| (x, true)).collect();
        pooled.extend(self.y.iter().map(|&y| (y, false)));
        pooled.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values: Vec<f64> = pooled.iter().map(|p| p.0).collect();
        let mut ranks = Vec::with_capacity(values.len());
        for run in runs(&values) {
            // Twice the middle of the ranks k+1 ..= k+t.
            let (k, t) = (ranks.len(), run as usize);
            ranks.extend(std::iter::repeat_n(2 * k + t + 1, t));
        }
        let observed: usize = pooled
            .iter()
            .zip(&ranks)
            .filter(|(p, _)| p.1)
            .map(|(_, r)| r)
            .sum();
        let ways = ways_to_reach(&ranks, self.x.len());
        let all: f64 = ways.iter().sum();
        let less: f64 = ways.iter().take(observed + 1).sum();
        let greater: f64 = ways.iter().skip(observed).sum();
        ((less / all).min(1.0), (greater / all).min(1.0))
    }

    /// The Hodges–Lehmann estimate (the median of all pairwise differences) and the interval that
    /// holds the shift with this confidence.
    pub fn shift(&self, confidence: f64) -> Shift {
        let tail = tail_of(confidence);
        self.shift_between(self.interval_rank(tail))
    }

    /// The same with the interval from the normal approximation, whatever the size.
    pub fn shift_approximate(&self, confidence: f64) -> Shift {
        let tail = tail_of(confidence);
        self.shift_between(self.approximate_rank(tail))
    }

    fn shift_between(&self, rank: f64) -> Shift {
        let pairs = self.pairs();
        let half = (0.5 * pairs).floor();
        let middle = self.difference(half + 1.0);
        let estimate = if half * 2.0 == pairs {
            0.5 * self.difference(half) + 0.5 * middle
        } else {
            middle
        };
        Shift {
            estimate,
            low: self.difference(rank),
            high: self.difference(pairs + 1.0 - rank),
        }
    }

    /// The rank, among the sorted differences, of the interval's lower end.
    fn interval_rank(&self, tail: f64) -> f64 {
        let (m, n) = (self.x.len(), self.y.len());
        let mut pooled = self.x.clone();
        pooled.extend(&self.y);
        pooled.sort_by(f64::total_cmp);
        let ties = runs(&pooled).any(|t| t > 1.0);
        if m < R_EXACT_BELOW && n < R_EXACT_BELOW && !ties {
            exact_quantile(m, n, tail)
        } else {
            self.approximate_rank(tail)
        }
    }

    fn approximate_rank(&self, tail: f64) -> f64 {
        // Away from the differences themselves, only ties within a side are left.
        let within = |v: &[f64]| runs(v).map(|t| t * t * t - t).sum::<f64>();
        let all = (self.x.len() + self.y.len()) as f64;
        let correction = (within(&self.x) + within(&self.y)) / (all * (all - 1.0));
        let sigma = (self.pairs() / 12.0 * (all + 1.0 - correction))
            .max(0.0)
            .sqrt();
        let z = -Normal::standard().inverse_cdf(tail);
        let rank = (0.5 * self.pairs() - 0.5 - z * sigma).ceil();
        rank.clamp(1.0, (0.5 * (self.pairs() + 1.0)).floor().max(1.0))
    }

    /// The `rank`-th smallest of all pairwise differences (from 1), without listing them: the
    /// lowest float that enough differences do not exceed, found by halving the *floats* between
    /// the smallest and the largest, so that it takes 64 steps whatever the values are.
    fn difference(&self, rank: f64) -> f64 {
        let rank = rank.clamp(1.0, self.pairs());
        let mut low = order(self.x[0] - self.y[self.y.len() - 1]);
        let mut high = order(self.x[self.x.len() - 1] - self.y[0]);
        while low < high {
            // Half-way, rounded down: without overflow, and below `high`.
            let middle = (low & high) + ((low ^ high) >> 1);
            if self.count(|d| d <= in_order(middle)) >= rank {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        in_order(high) + 0.0
    }
}

/// The place of a float among all floats, and back.
fn order(float: f64) -> i64 {
    let bits = float.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn in_order(place: i64) -> f64 {
    f64::from_bits((place ^ (((place >> 63) as u64) >> 1) as i64) as u64)
}

/// The chance left out at each end of an interval.
fn tail_of(confidence: f64) -> f64 {
    (0.5 * (1.0 - confidence)).clamp(1e-15, 0.5)
}

/// Lengths of runs of equal values in sorted ones.
fn runs(sorted: &[f64]) -> impl Iterator<Item = f64> {
    sorted.chunk_by(|a, b| a == b).map(|run| run.len() as f64)
}

/// For each sum, how many ways there are to draw `drawn` of `ranks` with that sum, as a share of
/// what is largest: numbers too large to count are kept as floats.
fn ways_to_reach(ranks: &[usize], drawn: usize) -> Vec<f64> {
    let mut sorted = ranks.to_vec();
    sorted.sort_unstable();
    let highest: usize = sorted.iter().rev().take(drawn).sum();
    let mut ways = vec![vec![0.0_f64; highest + 1]; drawn + 1];
    ways[0][0] = 1.0;
    for (seen, &rank) in sorted.iter().enumerate() {
        for taken in (1..=drawn.min(seen + 1)).rev() {
            let (fewer, more) = ways.split_at_mut(taken);
            let from = &fewer[taken - 1];
            for (target, source) in more[0].iter_mut().skip(rank).zip(from) {
                *target += source;
            }
        }
    }
    ways.pop().unwrap_or_default()
}

/// R's `qwilcox(tail, m, n)`, at least 1: the lowest U that is reached with chance `tail`.
fn exact_quantile(m: usize, n: usize, tail: f64) -> f64 {
    let ranks: Vec<usize> = (1..=m + n).collect();
    let ways = ways_to_reach(&ranks, m);
    let all: f64 = ways.iter().sum();
    let lowest = m * (m + 1) / 2;
    let mut reached = 0.0;
    for (u, count) in ways.iter().skip(lowest).enumerate() {
        reached += count;
        // The same slack R allows for rounding.
        if reached / all >= tail * (1.0 - 64.0 * f64::EPSILON) {
            return (u as f64).max(1.0);
        }
    }
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed scatter of `n` values on `levels` levels: no randomness is needed for one.
    fn scatter(n: usize, levels: usize, step: usize) -> Vec<f64> {
        (0..n)
            .map(|i| ((i * step + i * i) % levels) as f64)
            .collect()
    }

    #[test]
    fn the_approximation_meets_the_exact_value_where_it_takes_over() {
        for levels in [5, 17, 997] {
            for shift in [0.0, 0.1, 0.2] {
                let up = (shift * levels as f64).floor();
                let x: Vec<f64> = scatter(50, levels, 7).iter().map(|v| v + up).collect();
                let samples = TwoSamples::new(&x, &scatter(50, levels, 31)).unwrap();
                let (exact, normal) = (samples.exact_tails(), samples.normal_tails());
                assert!((exact.0 - normal.0).abs() < 2e-3, "{exact:?} {normal:?}");
                assert!((exact.1 - normal.1).abs() < 2e-3, "{exact:?} {normal:?}");
            }
        }
    }
}
