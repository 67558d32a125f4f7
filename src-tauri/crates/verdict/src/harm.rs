//! Evidence of harm: an e-process against "the candidate's rate of bad requests is at most φ0
//! times stable's".
//!
//! Of all bad requests of an interval, the share that falls to the candidate is, at the edge of
//! that claim, θ0 = φ0·n1/(φ0·n1 + n0). A factor of the evidence is the likelihood of the split
//! seen under a larger φ over that under φ0. For independent requests its mean is at most 1
//! whenever the claim is true, at every rate and for intervals of any size: with p1 ≤ φ0·p0,
//! E ≤ exp(n1·p1·(θ/θ0 − 1) + n0·p0·((1−θ)/(1−θ0) − 1)) ≤ exp(0).
//!
//! Two mixtures keep it sharp when the truth is not known: over the size of the harm, and over the
//! moment it begins. Both are averages with fixed weights, so the mean stays at most 1 and
//! Ville's inequality gives: the chance that it *ever* reaches b is at most 1/b.

use serde::{Deserialize, Serialize};

use crate::counts::{Counts, Interval};
use crate::logs::{NOTHING, keep, ln_add, ln_sum, split_factors};
use crate::reference::{Cell, Stakes, cells, reach};

/// How many times φ0 the harm may be. The ends matter less than they look: between and beyond
/// them the evidence still grows, only slower.
const SIZES: [f64; 5] = [1.5, 2.0, 3.0, 5.0, 9.0];
const SIZE_COUNT: usize = SIZES.len();

/// Weight of "the fault is there from the step's start"; the rest waits for later starts.
const FROM_START: f64 = 0.6;
/// Share of the waiting weight that starts before each look. Looks without any bad request do not
/// count: they change no evidence, so starting before or after them is the same bet.
const STARTS_A_LOOK: f64 = 0.02;

/// The evidence of one step: the mixture over starts, and over sizes within each.
#[derive(Copy, Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Starts {
    /// ln of the product since the step's start, by size, with the size's weight.
    first: [f64; SIZE_COUNT],
    /// ln of the sum over later starts, by size.
    later: [f64; SIZE_COUNT],
    /// ln of the weight that has not started: it counts as 1, so the weights always sum to 1.
    waiting: f64,
}

impl Starts {
    fn new() -> Self {
        let each = -(SIZE_COUNT as f64).ln();
        Starts {
            first: [FROM_START.ln() + each; SIZE_COUNT],
            later: [NOTHING; SIZE_COUNT],
            waiting: (1.0 - FROM_START).ln(),
        }
    }

    fn multiply(&mut self, factors: &[f64; SIZE_COUNT]) {
        let starting = self.waiting + (STARTS_A_LOOK / SIZE_COUNT as f64).ln();
        for (size, factor) in factors.iter().enumerate() {
            self.first[size] = keep(self.first[size] + factor);
            let joined = ln_add(self.later[size], starting);
            self.later[size] = keep(joined + factor);
        }
        self.waiting = keep(self.waiting + (1.0 - STARTS_A_LOOK).ln());
    }

    fn ln(&self) -> f64 {
        let started = self.first.iter().chain(&self.later).copied();
        ln_sum(started.chain(std::iter::once(self.waiting)))
    }
}

/// The e-process of harm within one step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Harm {
    harm: f64,
    /// One, or one per cell once the reference had to be used.
    starts: Vec<Starts>,
    cells: Vec<Cell>,
}

impl Harm {
    pub fn new(harm: f64) -> Self {
        Harm {
            harm,
            starts: vec![Starts::new()],
            cells: Vec::new(),
        }
    }

    /// Takes one interval in which both answered requests.
    pub fn compare(&mut self, interval: Interval) {
        let Interval { candidate, stable } = interval;
        if candidate.bad == 0 && stable.bad == 0 {
            return;
        }
        let (n1, n0) = (candidate.total as f64, stable.total as f64);
        let (s1, s0) = (candidate.bad as f64, stable.bad as f64);
        let edge = self.harm * n1 / n0;
        let factors = SIZES.map(|size| {
            let (more, fewer) = split_factors(size, edge);
            keep(s1 * more + s0 * fewer)
        });
        for starts in &mut self.starts {
            starts.multiply(&factors);
        }
    }

    /// Takes one interval in which only the candidate answered, against the reference.
    pub fn compare_with(&mut self, reference: Counts, candidate: Counts) {
        if self.cells.is_empty() {
            self.cells = cells(reference);
            let so_far = self.starts.first().copied().unwrap_or_else(Starts::new);
            self.starts = vec![so_far; self.cells.len()];
        }
        let (n1, s1) = (candidate.total as f64, candidate.bad as f64);
        for (starts, cell) in self.starts.iter_mut().zip(&self.cells) {
            let expected = self.harm * cell.high * n1;
            starts.multiply(&SIZES.map(|size| keep(s1 * size.ln() - (size - 1.0) * expected)));
        }
    }

    /// Candidate requests until the evidence reaches `bound` against every rate stable may have
    /// had, if the candidate's own stays `rate`. `None` without a reference in use, or where that
    /// is too short to refute the highest of these rates.
    pub fn requests_alone(&self, bound: f64, rate: f64) -> Option<f64> {
        if self.cells.is_empty() {
            return None;
        }
        let stakes = |(starts, cell): (&Starts, &Cell)| {
            let sizes = SIZES.iter().enumerate().map(|(i, size)| {
                let so_far = ln_add(starts.first[i], starts.later[i]);
                let growth = rate * size.ln() - (size - 1.0) * self.harm * cell.high;
                (so_far, growth)
            });
            // What has not begun is worth the same however many requests come.
            sizes
                .chain(std::iter::once((starts.waiting, 0.0)))
                .map(|(so_far, growth)| (keep(so_far + cell.against_high), growth))
                .collect()
        };
        let cells: Vec<Stakes> = self.starts.iter().zip(&self.cells).map(stakes).collect();
        reach(bound, &cells)
    }

    /// ln of the evidence now.
    pub fn ln(&self) -> f64 {
        if self.cells.is_empty() {
            return self.starts.first().map_or(0.0, Starts::ln);
        }
        let charged = self.starts.iter().zip(&self.cells);
        charged
            .map(|(starts, cell)| keep(starts.ln() + cell.against_high))
            .fold(f64::INFINITY, f64::min)
    }
}
