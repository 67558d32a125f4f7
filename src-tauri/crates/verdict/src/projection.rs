//! Where harm begins, as a region of rates, and the point of it that is hardest to refute.
//!
//! A candidate is harmful when its rate is at least φ1 times stable's *and* at least δ above it:
//! passing means refuting that. Both are half planes, so the region is convex, and for a convex
//! region the likelihood ratio of any guess against the region's nearest point (in
//! Kullback–Leibler divergence, weighted by the requests of each side) has mean at most 1
//! everywhere in the region (Turner, Ly & Grünwald, "Generic E-variables for exact sequential
//! k-sample tests that allow for optional stopping", 2024). The reason is short: the mean's
//! logarithm is concave in the rates, 0 at the nearest point, and slopes down into the region.

use serde::{Deserialize, Serialize};

use crate::logs::divergence;

/// The region of harmful rates: candidate ≥ max(φ1·stable, stable + δ).
#[derive(Copy, Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Region {
    pub tolerate: f64,
    pub margin: f64,
}

/// Rates of bad requests of both sides.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct Rates {
    pub candidate: f64,
    pub stable: f64,
}

/// Halvings of the search; the bracket is at most 1 wide, so this reaches the last bit.
const HALVINGS: usize = 60;
/// A bracket this narrow, of its upper end, is a point.
const NARROW: f64 = 1e-13;

impl Region {
    /// The lowest harmful rate of the candidate when stable's is `stable`.
    pub fn edge(&self, stable: f64) -> f64 {
        (self.tolerate * stable).max(stable + self.margin)
    }

    /// Whether the margin, rather than the ratio, is what the candidate must stay below.
    pub fn bound_by_margin(&self, stable: f64) -> bool {
        stable + self.margin >= self.tolerate * stable
    }

    fn slope(&self, stable: f64) -> f64 {
        if self.bound_by_margin(stable) {
            1.0
        } else {
            self.tolerate
        }
    }

    /// Stable's rate at which the edge is `candidate`, 0 when the edge is above it everywhere.
    fn stable_at(&self, candidate: f64) -> f64 {
        (candidate - self.margin)
            .min(candidate / self.tolerate)
            .max(0.0)
    }

    /// The harmful rates nearest to `guess` for `n1` candidate and `n0` stable requests, `None`
    /// when the guess itself is harmful and so refutes nothing.
    pub fn nearest(&self, guess: Rates, n1: f64, n0: f64) -> Option<Rates> {
        if guess.candidate >= self.edge(guess.stable) {
            return None;
        }
        // The edge must stay a rate: beyond 1 there is no harmful candidate at all.
        let highest = guess.stable.min(self.stable_at(1.0));
        let (mut low, mut high) = (self.stable_at(guess.candidate).min(highest), highest);
        for _ in 0..HALVINGS {
            if high - low <= NARROW * high {
                break;
            }
            let middle = 0.5 * (low + high);
            let edge = self.edge(middle);
            let rising =
                n1 * self.slope(middle) * (edge - guess.candidate) * middle * (1.0 - middle);
            let falling = n0 * (guess.stable - middle) * edge * (1.0 - edge);
            if rising > falling {
                high = middle;
            } else {
                low = middle;
            }
        }
        let stable = 0.5 * (low + high);
        Some(Rates {
            candidate: self.edge(stable).min(1.0),
            stable,
        })
    }

    /// Evidence in nats that one candidate request and `n0` stable ones bring on average when
    /// `truth` holds and is guessed. 0 when the truth is harmful.
    pub fn growth(&self, truth: Rates, n0: f64) -> f64 {
        self.nearest(truth, 1.0, n0).map_or(0.0, |null| {
            let of_stable = if n0 > 0.0 {
                n0 * divergence(truth.stable, null.stable)
            } else {
                0.0
            };
            divergence(truth.candidate, null.candidate) + of_stable
        })
    }
}
