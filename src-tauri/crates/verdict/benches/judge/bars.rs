//! Effort to find a fault, from the start and late; false alarms.

use deckwatch_verdict::Verdict;

use crate::traffic::{Traffic, dice, with_odds};
use crate::{ALPHA, Bars, RATE, ever_fails, judge};

const RUNS: u64 = 2_000;
/// Candidate and stable requests of one look: the candidate has 10 % of the traffic.
const LOOK: (u64, u64) = (20, 180);

pub fn traffic(look: (u64, u64), rate: f64, odds: f64) -> Traffic {
    Traffic {
        candidate: look.0,
        stable: look.1,
        candidate_rate: with_odds(rate, odds),
        stable_rate: rate,
    }
}

pub fn run(bars: &mut Bars) {
    println!("\nCandidate requests to Fail, over Wald's bound (α = {ALPHA}, 10 % of traffic)");
    for odds in [2.0, 3.0, 5.0] {
        let effort = effort(traffic(LOOK, RATE, odds), 0);
        bars.at_most(
            &format!("odds ×{odds}, from the start, at {RATE}"),
            effort,
            1.5,
        );
    }
    let late = effort(traffic(LOOK, RATE, 3.0), 100);
    bars.at_most("odds ×3, after 100 clean looks", late, 2.5);
    for (look, rate, odds) in [
        ((20, 180), 0.001, 2.0),
        ((20, 180), 0.001, 5.0),
        ((20, 180), 0.05, 2.0),
        ((100, 900), 0.01, 2.0),
        ((100, 900), 0.01, 5.0),
        ((10, 10), 0.01, 3.0),
    ] {
        let what = format!("odds ×{odds} at {rate}, looks of {}+{}", look.0, look.1);
        bars.note(&what, effort(traffic(look, rate, odds), 0));
    }

    println!("\nFalse alarms in 2,000 looks, as a share of rollouts");
    for (look, rate, runs) in [
        ((20, 180), 0.01, 5_000),
        ((20, 180), 0.001, 5_000),
        ((100, 900), 0.01, 2_000),
        ((100, 100), 0.05, 2_000),
    ] {
        let clean = traffic(look, rate, 1.0);
        let alarms = (0..runs).filter(|seed| {
            let mut rng = dice(*seed);
            ever_fails(2_000, || clean.interval(&mut rng))
        });
        let share = alarms.count() as f64 / runs as f64;
        let what = format!("looks of {}+{} at {rate}, {runs} rollouts", look.0, look.1);
        bars.at_most(&what, share, ALPHA);
    }
}

/// Mean candidate requests from the fault's start to `Fail`, over Wald's bound. Rollouts that fail
/// before the fault starts are left out; they are counted as false alarms elsewhere.
fn effort(fault: Traffic, clean_looks: u32) -> f64 {
    let clean = Traffic {
        candidate_rate: fault.stable_rate,
        ..fault
    };
    let (mut requests, mut runs) = (0_u64, 0_u64);
    for seed in 0..RUNS {
        let mut rng = dice(seed);
        let mut judge = judge(None);
        (0..clean_looks).for_each(|_| judge.look(clean.interval(&mut rng)));
        if judge.verdict() == Verdict::Fail {
            continue;
        }
        runs += 1;
        while judge.verdict() != Verdict::Fail {
            judge.look(fault.interval(&mut rng));
            requests += fault.candidate;
        }
    }
    requests as f64 / runs as f64 / fault.wald(ALPHA)
}
