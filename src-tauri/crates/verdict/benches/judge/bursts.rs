//! Errors that come in bursts: a client that fails retries, and fails again.
//!
//! Clients go bad independently; each then brings a run of bad requests of geometric length with
//! mean 3, which makes the variance of the count five times its mean. Counted as they come, they
//! break the assumption of independence; counted once per client and interval, they do not.

use deckwatch_verdict::{Counts, Interval, Verdict};
use rand::{Rng, RngExt};

use crate::bars::traffic;
use crate::traffic::{Traffic, binomial, dice};
use crate::{ALPHA, Bars, RATE, ever_fails, judge};

/// Mean bad requests of a client that fails: (1 + dispersion) / 2 for a dispersion of 5.
const RUN: f64 = 3.0;

pub fn run(bars: &mut Bars) {
    println!("\nBursts (dispersion 5): false alarms, as a share of 1,000 rollouts");
    let clean = traffic((100, 900), RATE, 1.0);
    let alarms = |looks: u32, once: bool| {
        let failed = (0..1_000).filter(|seed| {
            let mut rng = dice(*seed);
            ever_fails(looks, || bursty(clean, once, &mut rng))
        });
        failed.count() as f64 / 1_000.0
    };
    bars.note("every bad request counted, 100 looks", alarms(100, false));
    bars.note(
        "every bad request counted, 2,000 looks",
        alarms(2_000, false),
    );
    let once = alarms(2_000, true);
    bars.at_most(
        "one bad request per client and interval, 2,000 looks",
        once,
        ALPHA,
    );

    println!(
        "\nBursts: candidate requests to Fail at odds ×3, over Wald's bound for independent ones"
    );
    let fault = traffic((100, 900), RATE, 3.0);
    bars.note("independent", effort(fault, |rng| fault.interval(rng)));
    bars.note(
        "every bad request counted",
        effort(fault, |rng| bursty(fault, false, rng)),
    );
    bars.note(
        "one bad request per client and interval",
        effort(fault, |rng| bursty(fault, true, rng)),
    );
}

fn bursty(traffic: Traffic, once: bool, rng: &mut impl Rng) -> Interval {
    let mut side = |total: u64, rate: f64| {
        let clients = binomial(rng, total, rate / RUN);
        let bad = if once {
            clients
        } else {
            (0..clients).map(|_| run_length(rng)).sum()
        };
        Counts::new(total, bad.min(total))
    };
    Interval {
        candidate: side(traffic.candidate, traffic.candidate_rate),
        stable: side(traffic.stable, traffic.stable_rate),
    }
}

fn run_length(rng: &mut impl Rng) -> u64 {
    let mut length = 1;
    while rng.random::<f64>() >= 1.0 / RUN {
        length += 1;
    }
    length
}

fn effort<R>(fault: Traffic, interval: R) -> f64
where
    R: Fn(&mut rand_chacha::ChaCha8Rng) -> Interval,
{
    let mut requests = 0_u64;
    for seed in 0..1_000 {
        let mut rng = dice(seed);
        let mut judge = judge(None);
        while judge.verdict() != Verdict::Fail {
            judge.look(interval(&mut rng));
            requests += fault.candidate;
        }
    }
    requests as f64 / 1_000.0 / fault.wald(ALPHA)
}
