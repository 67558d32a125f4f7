//! Simulated traffic: seeded, exact, the same on every machine. Shared by tests and benchmark.
#![allow(dead_code)] // each user takes what it needs

use deckwatch_verdict::{Counts, Interval};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random numbers of one simulated rollout, by its number.
pub fn dice(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Bad requests among `total` independent ones of rate `p`: exact, in steps from one bad request
/// to the next.
pub fn binomial(rng: &mut impl Rng, total: u64, p: f64) -> u64 {
    if p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return total;
    }
    let good = (-p).ln_1p();
    let (mut at, mut bad) = (0.0_f64, 0);
    loop {
        let u: f64 = rng.random();
        at += ((1.0 - u).ln() / good).floor() + 1.0;
        if at > total as f64 {
            return bad;
        }
        bad += 1;
    }
}

/// The rate whose odds are `times` those of `rate`.
pub fn with_odds(rate: f64, times: f64) -> f64 {
    let odds = times * rate / (1.0 - rate);
    odds / (1.0 + odds)
}

/// Traffic of one service, look by look.
#[derive(Copy, Clone, Debug)]
pub struct Traffic {
    /// Requests of the candidate and of stable in each interval.
    pub candidate: u64,
    pub stable: u64,
    /// Their true rates of bad requests.
    pub candidate_rate: f64,
    pub stable_rate: f64,
}

impl Traffic {
    pub fn interval(&self, rng: &mut impl Rng) -> Interval {
        Interval {
            candidate: Counts::new(
                self.candidate,
                binomial(rng, self.candidate, self.candidate_rate),
            ),
            stable: Counts::new(self.stable, binomial(rng, self.stable, self.stable_rate)),
        }
    }

    /// Wald's bound: no test that keeps α finds this fault with fewer candidate requests on
    /// average, ln(1/α) / (bad requests for each candidate request · KL of their split).
    pub fn wald(&self, alpha: f64) -> f64 {
        let (n1, n0) = (self.candidate as f64, self.stable as f64);
        let bad = (n1 * self.candidate_rate + n0 * self.stable_rate) / n1;
        let edge = n1 / (n1 + n0);
        let truth = self.candidate_rate / bad;
        let kl = truth * (truth / edge).ln() + (1.0 - truth) * ((1.0 - truth) / (1.0 - edge)).ln();
        (1.0 / alpha).ln() / (bad * kl)
    }
}
