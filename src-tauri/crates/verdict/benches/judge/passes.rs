//! What a Pass takes, and how often a harmful candidate gets one.

use deckwatch_verdict::{
    Budget, CountJudge, CountRule, Counts, Verdict, requests_to_pass, requests_to_pass_alone,
};

use crate::traffic::{Traffic, binomial, dice};
use crate::{ALPHA, Bars};

/// Requests of stable known from the baseline.
const KNOWN: u64 = 20_000;

pub fn run(bars: &mut Bars) {
    println!("\nCandidate requests a good candidate takes to Pass, over what the plan was told");
    for (look, rate) in [
        ((20, 180), 0.0),
        ((20, 180), 0.001),
        ((20, 180), 0.01),
        ((20, 180), 0.05),
        ((50, 50), 0.01),
        ((50, 0), 0.01),
    ] {
        let share = look.0 as f64 / (look.0 + look.1) as f64;
        let rule = CountRule::default();
        let told = match look.1 {
            0 => {
                let known = Counts::new(KNOWN, (KNOWN as f64 * rate) as u64);
                requests_to_pass_alone(&rule, &Budget::default(), known)
            }
            _ => requests_to_pass(&rule, &Budget::default(), rate, share),
        };
        let told = told.unwrap_or(0);
        let mean = requests(look, rate);
        let what = format!(
            "at {rate}, {:.0} % of traffic: {mean:.0} of {told}",
            share * 100.0
        );
        bars.note(&what, mean / told as f64);
    }

    println!("\nPasses of a candidate exactly at the edge of harm, in 300 looks");
    for (stable_rate, candidate_rate) in [(0.0, 0.01), (0.01, 0.02), (0.05, 0.1)] {
        let traffic = Traffic {
            candidate: 40,
            stable: 160,
            candidate_rate,
            stable_rate,
        };
        // Harm is not looked for: it would end most of these before they could pass.
        let rule = CountRule {
            harm: 1.999,
            ..CountRule::default()
        };
        let passed = (0..4_000).filter(|seed| {
            let mut rng = dice(*seed);
            let mut judge = CountJudge::new(rule.clone(), Budget::default(), None).expect("a rule");
            (0..300).any(|_| {
                judge.look(traffic.interval(&mut rng));
                judge.verdict() == Verdict::Pass
            })
        });
        let what = format!("{candidate_rate} against {stable_rate}");
        bars.at_most(&what, passed.count() as f64 / 4_000.0, ALPHA);
    }
}

fn requests(look: (u64, u64), rate: f64) -> f64 {
    let traffic = Traffic {
        candidate: look.0,
        stable: look.1,
        candidate_rate: rate,
        stable_rate: rate,
    };
    let (mut requests, mut passed) = (0, 0_u32);
    for seed in 0..500 {
        let mut rng = dice(seed);
        let reference = Counts::new(KNOWN, binomial(&mut rng, KNOWN, rate));
        let mut judge = crate::judge(Some(reference));
        for n in 1..4_000 {
            judge.look(traffic.interval(&mut rng));
            if judge.verdict() == Verdict::Pass {
                requests += n * look.0;
                passed += 1;
                break;
            }
        }
    }
    requests as f64 / f64::from(passed.max(1))
}
