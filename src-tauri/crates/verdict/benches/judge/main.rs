//! The judge against its bars, beside a peer's rule on the same simulated traffic.
//!
//! Prints one table for each question and exits with 1 if a bar is missed. Seeds are fixed: the
//! figures are the same on every run.

#[path = "../../tests/traffic/mod.rs"]
mod traffic;

mod bars;
mod passes;
mod peer;

use std::process::ExitCode;

use deckwatch_verdict::{Budget, CountJudge, CountRule, Counts, Interval, Verdict};

/// α of all runs.
const ALPHA: f64 = 0.01;
/// Stable's rate of bad requests in all runs that do not say otherwise.
const RATE: f64 = 0.01;

/// Collects what was missed.
#[derive(Default)]
pub struct Bars {
    missed: Vec<String>,
}

impl Bars {
    /// Prints a figure with its bar, and remembers a miss.
    pub fn at_most(&mut self, what: &str, measured: f64, bar: f64) {
        let met = measured <= bar;
        let word = if met { "met" } else { "MISSED" };
        println!("  {what:<58} {measured:>8.3}   bar {bar:<6} {word}");
        if !met {
            self.missed.push(what.to_owned());
        }
    }

    /// Prints a figure that has no bar.
    pub fn note(&self, what: &str, measured: f64) {
        println!("  {what:<58} {measured:>8.3}");
    }
}

pub fn judge(reference: Option<Counts>) -> CountJudge {
    CountJudge::new(CountRule::default(), Budget::default(), reference).expect("a sound rule")
}

/// Whether `Fail` is ever reached within `looks`.
pub fn ever_fails(looks: u32, mut interval: impl FnMut() -> Interval) -> bool {
    let mut judge = judge(None);
    (0..looks).any(|_| {
        judge.look(interval());
        judge.verdict() == Verdict::Fail
    })
}

fn main() -> ExitCode {
    let mut bars = Bars::default();
    bars::run(&mut bars);
    passes::run(&mut bars);
    peer::run(&bars);
    if bars.missed.is_empty() {
        println!("\nall bars met");
        ExitCode::SUCCESS
    } else {
        println!("\nmissed: {}", bars.missed.join("; "));
        ExitCode::FAILURE
    }
}
