//! The 100 % step: stable has no traffic left, so the candidate is compared with what stable did
//! before.
//!
//! Stable's true rate is then known only as well as the reference counts tell. That doubt is kept
//! honestly: the unit interval is cut into cells, the candidate is tested against every rate
//! stable may have had, and each such rate is charged with how well the reference itself refutes
//! it. What is left is the weakest of these products, so it is an e-process whatever the rate was.
//! What it assumes, and nothing can check: that stable's rate would still be what it was.

use serde::{Deserialize, Serialize};

use crate::counts::Counts;
use crate::logs::{keep, ln_sum, times_ln};

/// How many rates are told apart. More would sharpen the comparison by less than one percent.
const CELLS: usize = 64;

/// Tilts against "stable's true rate is higher than it looks". A tilt ρ is worth
/// ρ^bad · exp((1−ρ)·rate·total), which averages at most 1 under that rate.
const DOWNWARD: [f64; 13] = [
    0.99, 0.98, 0.97, 0.95, 0.92, 0.88, 0.8, 0.7, 0.6, 0.45, 0.3, 0.15, 0.0,
];
/// Tilts against "stable's true rate is lower than it looks".
const UPWARD: [f64; 12] = [
    1.01, 1.02, 1.03, 1.05, 1.08, 1.13, 1.25, 1.45, 1.8, 2.5, 4.0, 8.0,
];
/// Share of the evidence that is not staked on refuting rates with the reference. The judge pays
/// ln(1/share) once, and no more, where the reference has nothing to say.
const UNTILTED_FAIL: f64 = 0.5;
const UNTILTED_PASS: f64 = 0.8;

/// A range of rates stable may have had, with what the reference says against each.
#[derive(Copy, Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub low: f64,
    pub high: f64,
    /// ln of the evidence against every rate of this cell, for use when harm is tested.
    pub against_high: f64,
    /// The same for use when safety is tested.
    pub against_low: f64,
}

/// Cuts [0, 1] around what the reference shows. Never empty.
pub(crate) fn cells(reference: Counts) -> Vec<Cell> {
    let total = (reference.total as f64).max(1.0);
    let bad = reference.bad as f64;
    let spread = bad.sqrt();
    let bottom = ((bad - 8.0 * spread).max(0.05 * (bad + 1.0)) / total).min(0.5);
    let top = ((bad + 8.0 * spread + 25.0) / total).min(1.0);
    let top = top.max(bottom);
    let ratio = (top / bottom).ln() / (CELLS - 1) as f64;
    let mut edges = vec![0.0];
    edges.extend((0..CELLS).map(|i| (bottom * (ratio * i as f64).exp()).min(1.0)));
    edges.push(1.0);
    edges
        .windows(2)
        .map(|edge| Cell {
            low: edge[0],
            high: edge[1],
            // Each is monotone in the rate, so the weakest point of a cell is one of its ends.
            against_high: tilted(reference, edge[0], &DOWNWARD, UNTILTED_FAIL),
            against_low: tilted(reference, edge[1], &UPWARD, UNTILTED_PASS),
        })
        .collect()
}

/// What is staked against one cell: ln of what each stake is worth now, and what a candidate
/// request adds to it on average.
pub(crate) type Stakes = Vec<(f64, f64)>;

/// After how many candidate requests the best stake of every cell is at `bound`. `None` when some
/// cell never gets there: the reference is too short to refute its rates, and they explain what
/// the candidate does.
pub(crate) fn reach(bound: f64, cells: &[Stakes]) -> Option<f64> {
    let mut requests = 0.0_f64;
    // The best of straight lines falls below the bound at most once and comes back at most once,
    // so every cell moves the answer at most once.
    loop {
        let is_there = |stakes: &&Stakes| {
            let worth = stakes.iter().map(|(now, growth)| now + growth * requests);
            worth.fold(f64::NEG_INFINITY, f64::max) >= bound - CLOSE
        };
        let Some(short) = cells.iter().find(|stakes| !is_there(stakes)) else {
            return Some(requests);
        };
        let rising = short.iter().filter(|(_, growth)| *growth > 0.0);
        let back = rising.map(|(now, growth)| (bound - now) / growth);
        let next = back.min_by(f64::total_cmp)?;
        if !next.is_finite() || next <= requests {
            return None;
        }
        requests = next;
    }
}

/// Nats that rounding may cost.
const CLOSE: f64 = 1e-6;

fn tilted(reference: Counts, rate: f64, tilts: &[f64], untilted: f64) -> f64 {
    let total = reference.total as f64;
    let bad = reference.bad as f64;
    let share = ((1.0 - untilted) / tilts.len() as f64).ln();
    let staked = tilts
        .iter()
        .map(|&tilt| keep(share + times_ln(bad, tilt) + (1.0 - tilt) * rate * total));
    ln_sum(staked.chain(std::iter::once(untilted.ln())))
}
