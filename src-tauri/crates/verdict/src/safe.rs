//! Evidence of safety: an e-process against "the candidate is harmful", for passing.
//!
//! With a margin, harmful means at least φ1 times stable's rate and at least δ above it (see
//! [`crate::projection`]); without one, at least φ1 times. Either way there is one process and one
//! claim, so passing a harmful candidate has one chance of at most α, not one for each criterion.
//!
//! The stakes are set before each interval from what was seen before it, never from the interval
//! itself: that is what keeps the mean at most 1.

use serde::{Deserialize, Serialize};

use crate::counts::{Counts, Interval};
use crate::logs::{NOTHING, divergence, keep, ln_sum, split_factors, times_ln};
use crate::projection::{Rates, Region};
use crate::reference::{Cell, Stakes, cells, reach};

/// Without a margin: guesses of φ, as shares of φ1, with their weights. A good candidate is at
/// φ = 1, which is the first guess whatever φ1 is.
const BETTER: [(f64, f64); 4] = [(0.7, 0.2), (0.5, 0.15), (0.25, 0.1), (0.05, 0.05)];
const EQUAL_WEIGHT: f64 = 0.5;
/// With a margin: what is staked on "not one bad request until it has passed", by what stable is
/// known for. The rest is staked on "as before".
const SPOTLESS_IF_UNKNOWN: f64 = 0.7;
const SPOTLESS_AT_MOST: f64 = 0.9;
const SPOTLESS_AT_LEAST: f64 = 0.02;
/// This many requests, for a margin of 1, tell enough of a rate to bet on it (200 for 1 %).
const ENOUGH: f64 = 2.0;

/// One way of betting, and what it has earned.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Stake {
    bet: Bet,
    /// ln of weight times earnings; one, or one per cell once the reference had to be used.
    ln: Vec<f64>,
}

#[derive(Copy, Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Bet {
    /// The candidate's rate is this many times stable's.
    Ratio(f64),
    /// The candidate has no bad request, stable goes on as before.
    Spotless,
    /// Both go on as before.
    AsBefore,
}

impl Bet {
    /// Nats that a candidate request of `rate` brings to a bet on the ratio, were stable's `low`.
    fn growth(self, tolerate: f64, rate: f64, low: f64) -> f64 {
        match self {
            Bet::Ratio(ratio) => rate * (ratio / tolerate).ln() + (tolerate - ratio) * low,
            Bet::Spotless | Bet::AsBefore => 0.0,
        }
    }
}

/// The e-process of safety within one step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Safe {
    tolerate: f64,
    region: Option<Region>,
    stakes: Vec<Stake>,
    cells: Vec<Cell>,
    /// Candidate's counts so far, and stable's with the reference: what guesses are made from.
    candidate: Counts,
    stable: Counts,
}

impl Safe {
    pub fn new(tolerate: f64, margin: Option<f64>, needed: f64, reference: Option<Counts>) -> Self {
        let stake = |bet, weight: f64| Stake {
            bet,
            ln: vec![weight.ln()],
        };
        let stakes = match margin {
            Some(margin) => {
                let spotless = spotless_weight(margin, needed, reference);
                vec![
                    stake(Bet::Spotless, spotless),
                    stake(Bet::AsBefore, 1.0 - spotless),
                ]
            }
            None => {
                let equal = 1.0_f64.min(0.9 * tolerate);
                let better = BETTER
                    .iter()
                    .map(|&(share, weight)| stake(Bet::Ratio(share * equal), weight));
                std::iter::once(stake(Bet::Ratio(equal), EQUAL_WEIGHT))
                    .chain(better)
                    .collect()
            }
        };
        Safe {
            tolerate,
            region: margin.map(|margin| Region { tolerate, margin }),
            stakes,
            cells: Vec::new(),
            candidate: Counts::default(),
            stable: reference.unwrap_or_default(),
        }
    }

    /// Takes one interval in which both answered requests.
    pub fn compare(&mut self, interval: Interval) {
        for index in 0..self.stakes.len() {
            let factor = match self.stakes[index].bet {
                Bet::Ratio(ratio) => self.split(ratio, interval),
                bet => self.both(bet, interval),
            };
            for ln in &mut self.stakes[index].ln {
                *ln = keep(*ln + factor);
            }
        }
        self.learn(interval);
    }

    /// From now on the reference is what the candidate is compared with.
    pub fn turn_to(&mut self, reference: Counts) {
        if !self.cells.is_empty() {
            return;
        }
        self.cells = cells(reference);
        for stake in &mut self.stakes {
            let so_far = stake.ln.first().copied().unwrap_or(NOTHING);
            stake.ln = vec![so_far; self.cells.len()];
        }
    }

    /// Takes one interval in which only the candidate answered, against the reference.
    pub fn compare_with(&mut self, reference: Counts, candidate: Counts) {
        self.turn_to(reference);
        for index in 0..self.stakes.len() {
            let bet = self.stakes[index].bet;
            for cell in 0..self.cells.len() {
                let factor = self.alone(bet, self.cells[cell].low, candidate);
                if let Some(ln) = self.stakes[index].ln.get_mut(cell) {
                    *ln = keep(*ln + factor);
                }
            }
        }
        self.learn(Interval {
            candidate,
            stable: Counts::default(),
        });
    }

    /// ln of the evidence now.
    pub fn ln(&self) -> f64 {
        if self.cells.is_empty() {
            return ln_sum(
                self.stakes
                    .iter()
                    .map(|s| s.ln.first().copied().unwrap_or(NOTHING)),
            );
        }
        let charged = self.cells.iter().enumerate().map(|(i, cell)| {
            let earned = self
                .stakes
                .iter()
                .map(|s| s.ln.get(i).copied().unwrap_or(NOTHING));
            keep(ln_sum(earned) + cell.against_low)
        });
        charged.fold(f64::INFINITY, f64::min)
    }

    /// Candidate requests until the evidence reaches `bound` against every rate stable may have
    /// had, if the candidate's own stays `rate`. `None` without a reference in use, or where that
    /// is too short to refute the lowest of these rates: then more requests do not help.
    pub fn requests_alone(&self, bound: f64, rate: f64) -> Option<f64> {
        if self.cells.is_empty() {
            return None;
        }
        let stakes = |(i, cell): (usize, &Cell)| {
            let so_far = |stake: &Stake| stake.ln.get(i).copied().unwrap_or(NOTHING);
            let charged = |ln: f64| keep(ln + cell.against_low);
            match self.region {
                // Both bets come to the rate seen, sooner or later.
                Some(region) => {
                    let edge = region.edge(cell.low).min(1.0);
                    let growth = if rate < edge {
                        divergence(rate, edge)
                    } else {
                        0.0
                    };
                    let all = self.stakes.iter().map(so_far);
                    vec![(charged(ln_sum(all)), growth)]
                }
                None => self
                    .stakes
                    .iter()
                    .map(|stake| {
                        (
                            charged(so_far(stake)),
                            stake.bet.growth(self.tolerate, rate, cell.low),
                        )
                    })
                    .collect(),
            }
        };
        let cells: Vec<Stakes> = self.cells.iter().enumerate().map(stakes).collect();
        reach(bound, &cells)
    }

    /// The rates to bet on now.
    pub fn guess(&self) -> Rates {
        let margin = self.region.map_or(0.01, |region| region.margin);
        // Worth half a bad request at a quarter of the margin, on each side; the candidate also
        // leans on what both have shown, by the weight of two margins.
        let weight = ENOUGH / margin;
        let (s1, n1) = (self.candidate.bad as f64, self.candidate.total as f64);
        let (s0, n0) = (self.stable.bad as f64, self.stable.total as f64);
        let both = (s1 + s0 + 0.5) / (n1 + n0 + weight);
        Rates {
            candidate: (s1 + weight * both) / (n1 + weight),
            stable: (s0 + 0.5) / (n0 + weight),
        }
    }

    /// Whether the margin, rather than the ratio, is what the candidate is held against now.
    pub fn bound_by_margin(&self) -> bool {
        self.region
            .is_some_and(|region| region.bound_by_margin(self.guess().stable))
    }

    fn learn(&mut self, interval: Interval) {
        self.candidate = self
            .candidate
            .plus(interval.candidate)
            .unwrap_or(self.candidate);
        self.stable = self.stable.plus(interval.stable).unwrap_or(self.stable);
    }

    fn guess_of(&self, bet: Bet) -> Rates {
        let guess = self.guess();
        match bet {
            Bet::Spotless => Rates {
                candidate: 0.0,
                ..guess
            },
            _ => guess,
        }
    }

    /// Nothing is staked on "as before" while there is hardly a before: a first guess out of the
    /// blue costs more than the requests it would save.
    fn abstains(&self, bet: Bet, region: Region) -> bool {
        let seen = self.candidate.total as f64 + self.stable.total as f64;
        bet == Bet::AsBefore && seen < ENOUGH / region.margin
    }

    /// The factor of a bet on both rates, against the hardest harmful ones.
    fn both(&self, bet: Bet, interval: Interval) -> f64 {
        let Some(region) = self.region else {
            return 0.0;
        };
        if self.abstains(bet, region) {
            return 0.0;
        }
        let Interval { candidate, stable } = interval;
        let guess = self.guess_of(bet);
        let (n1, n0) = (candidate.total as f64, stable.total as f64);
        region.nearest(guess, n1, n0).map_or(0.0, |null| {
            keep(
                likelihood(candidate, guess.candidate, null.candidate)
                    + likelihood(stable, guess.stable, null.stable),
            )
        })
    }

    /// The factor of a bet on the ratio: the split of the bad requests under it and under φ1.
    fn split(&self, ratio: f64, interval: Interval) -> f64 {
        let (n1, n0) = (
            interval.candidate.total as f64,
            interval.stable.total as f64,
        );
        let (s1, s0) = (interval.candidate.bad as f64, interval.stable.bad as f64);
        if s1 + s0 == 0.0 {
            return 0.0;
        }
        let size = ratio / self.tolerate;
        let edge = self.tolerate * n1 / n0;
        let (more, fewer) = split_factors(size, edge);
        keep(s1 * more + s0 * fewer)
    }

    /// The factor of a bet on the candidate alone, were stable's rate at least `low`.
    fn alone(&self, bet: Bet, low: f64, candidate: Counts) -> f64 {
        match (bet, self.region) {
            (Bet::Ratio(ratio), _) => {
                let (n1, s1) = (candidate.total as f64, candidate.bad as f64);
                keep(s1 * (ratio / self.tolerate).ln() + (self.tolerate - ratio) * low * n1)
            }
            (_, Some(region)) => {
                let (guess, edge) = (self.guess_of(bet).candidate, region.edge(low));
                if guess >= edge || edge >= 1.0 || self.abstains(bet, region) {
                    return 0.0;
                }
                likelihood(candidate, guess, edge)
            }
            _ => 0.0,
        }
    }
}

/// ln of the likelihood of `counts` at `rate` over that at `null`.
fn likelihood(counts: Counts, rate: f64, null: f64) -> f64 {
    let bad = counts.bad as f64;
    let good = counts.total.saturating_sub(counts.bad) as f64;
    if bad > 0.0 && rate <= 0.0 {
        return NOTHING;
    }
    // Where the harmful rate is 1 a good answer refutes it outright; the stake is not let run away.
    let bad_part = if null > 0.0 {
        times_ln(bad, rate / null)
    } else {
        0.0
    };
    let good_part = if null < 1.0 {
        good * ((-rate).ln_1p() - (-null).ln_1p())
    } else {
        0.0
    };
    keep(bad_part + good_part)
}

/// How much to stake on a candidate without any bad request: little where the reference says that
/// some are to be expected before it could pass.
fn spotless_weight(margin: f64, needed: f64, reference: Option<Counts>) -> f64 {
    match reference {
        Some(known) if known.total as f64 >= ENOUGH / margin => {
            let requests = needed / -(-margin).ln_1p();
            let chance = (-requests * known.rate().unwrap_or(1.0)).exp();
            (SPOTLESS_AT_MOST * chance).max(SPOTLESS_AT_LEAST)
        }
        _ => SPOTLESS_IF_UNKNOWN,
    }
}
