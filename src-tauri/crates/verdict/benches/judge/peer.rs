//! The same traffic under a peer's rule as described in public (Kayenta: Mann–Whitney at 98 %,
//! ±25 %), on the rates of bad requests of each interval.
//!
//! Asked once at the end, as it is meant to be; and asked after every interval, as one would have
//! to for it to end a bad rollout early.

use deckwatch_verdict::kayenta::{KayentaRule, Label, Move};
use deckwatch_verdict::{CountJudge, Interval, Verdict};

use crate::bars::traffic;
use crate::traffic::{Traffic, dice};
use crate::{Bars, RATE, judge};

const RUNS: u64 = 400;
/// Intervals until the end.
const INTERVALS: usize = 100;
/// Below this many intervals the peer is not asked.
const FEWEST: usize = 10;

/// What one way of asking says of `RUNS` rollouts.
#[derive(Default)]
struct Tally {
    failed: u64,
    requests: u64,
    passed: u64,
}

pub fn run(bars: &Bars) {
    for look in [(20, 180), (100, 900)] {
        println!(
            "\nBeside the peer: {INTERVALS} intervals of {}+{} requests at {RATE}, shares of {RUNS} rollouts",
            look.0, look.1
        );
        println!(
            "  {:<10} {:>26} {:>26} {:>26}",
            "odds", "this judge", "peer, at the end", "peer, every interval"
        );
        println!(
            "  {:<10} {:>26} {:>26} {:>26}",
            "", "failed / passed / requests", "failed / passed", "failed / requests"
        );
        for odds in [1.0, 2.0, 3.0, 5.0] {
            row(traffic(look, RATE, odds), odds);
        }
    }
    late(bars);
}

fn row(traffic: Traffic, odds: f64) {
    let (mut ours, mut at_end, mut always) = (Tally::default(), Tally::default(), Tally::default());
    for seed in 0..RUNS {
        let mut rng = dice(seed);
        let seen: Vec<Interval> = (0..INTERVALS).map(|_| traffic.interval(&mut rng)).collect();
        ask_ours(&seen, &mut ours);
        ask_peer(&seen, INTERVALS, &mut at_end);
        ask_peer(&seen, FEWEST, &mut always);
    }
    let share = |n: u64| n as f64 / RUNS as f64;
    let mean = |t: &Tally| match t.failed {
        0 => "-".to_owned(),
        n => (t.requests / n).to_string(),
    };
    let ours_words = format!(
        "{:.3} / {:.3} / {}",
        share(ours.failed),
        share(ours.passed),
        mean(&ours)
    );
    let end_words = format!("{:.3} / {:.3}", share(at_end.failed), share(at_end.passed));
    let always_words = format!("{:.3} / {}", share(always.failed), mean(&always));
    println!("  ×{odds:<9} {ours_words:>26} {end_words:>26} {always_words:>26}");
}

/// A fault of odds ×3 that begins after as many clean intervals as the window holds otherwise.
fn late(bars: &Bars) {
    println!(
        "\nBeside the peer: odds ×3 after {INTERVALS} clean intervals of 100+900, requests to Fail"
    );
    let fault = traffic((100, 900), RATE, 3.0);
    let clean = traffic((100, 900), RATE, 1.0);
    let (mut ours, mut peers) = (Tally::default(), Tally::default());
    let before = INTERVALS as u64 * clean.candidate;
    for seed in 0..RUNS / 4 {
        let mut rng = dice(seed);
        let seen: Vec<Interval> = (0..4 * INTERVALS)
            .map(|i| if i < INTERVALS { clean } else { fault }.interval(&mut rng))
            .collect();
        ask_ours(&seen, &mut ours);
        ask_peer(&seen, INTERVALS + 1, &mut peers);
    }
    let after = |t: &Tally| t.requests as f64 / t.failed.max(1) as f64 - before as f64;
    bars.note("this judge", after(&ours));
    bars.note("peer, every interval", after(&peers));
}

/// Ours stops at the first `Fail`; a pass counts when it stands at the end.
fn ask_ours(seen: &[Interval], tally: &mut Tally) {
    let mut judge: CountJudge = judge(None);
    let mut requests = 0;
    for interval in seen {
        judge.look(*interval);
        requests += interval.candidate.total;
        if judge.verdict() == Verdict::Fail {
            tally.failed += 1;
            tally.requests += requests;
            return;
        }
    }
    tally.passed += u64::from(judge.verdict() == Verdict::Pass);
}

fn ask_peer(seen: &[Interval], from: usize, tally: &mut Tally) {
    let rule = KayentaRule {
        direction: Move::Increase,
        ..KayentaRule::default()
    };
    let rates =
        |side: fn(&Interval) -> Option<f64>| seen.iter().filter_map(side).collect::<Vec<_>>();
    let candidate = rates(|i| i.candidate.rate());
    let stable = rates(|i| i.stable.rate());
    let mut requests = seen
        .iter()
        .take(from - 1)
        .map(|i| i.candidate.total)
        .sum::<u64>();
    for n in from..=seen.len() {
        requests += seen[n - 1].candidate.total;
        if rule.compare(&candidate[..n], &stable[..n]).classification == Label::High {
            tally.failed += 1;
            tally.requests += requests;
            return;
        }
    }
    tally.passed += 1;
}
