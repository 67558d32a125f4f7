//! Errors that come in bursts: what counting each client once per window keeps of the promise, and
//! what it does not. The figures stand in `docs/judge.md`.

mod traffic;

use std::collections::VecDeque;

use deckwatch_verdict::{Budget, CountJudge, CountRule, Counts, Interval, Verdict};
use rand::{Rng, RngExt};
use traffic::{binomial, dice};

const ALPHA: f64 = 0.01;
/// Seconds of a window in which a client counts once.
const WINDOW: f64 = 5.0;
/// Clients that come in a window, to the candidate and to stable.
const COME: (u64, u64) = (100, 900);

/// How a client that fails goes on failing: this often in all, this many seconds apart. Always
/// five times makes the variance of the bad requests five times their mean.
#[derive(Copy, Clone, Debug)]
struct Burst {
    times: u32,
    apart: f64,
}

const ALONE: Burst = Burst {
    times: 1,
    apart: 0.0,
};
const QUICK: Burst = Burst {
    times: 5,
    apart: 0.2,
};

/// The clients of one release, each of whom stays with it.
#[derive(Default)]
struct Side {
    /// Bad requests and bad clients that are still to come, by window.
    to_come: VecDeque<(u64, u64)>,
}

/// One window's counts, by request and by client.
struct Window {
    requests: Counts,
    clients: Counts,
}

impl Side {
    /// `come` clients ask once each; of all requests, retries among them, a share of `rate` is bad.
    fn window(&mut self, rng: &mut impl Rng, come: u64, rate: f64, burst: Burst) -> Window {
        let times = f64::from(burst.times);
        let failing = binomial(rng, come, rate / (times - (times - 1.0) * rate));
        for _ in 0..failing {
            let start = rng.random::<f64>() * WINDOW;
            let mut last = None;
            for again in 0..burst.times {
                let window = ((start + f64::from(again) * burst.apart) / WINDOW) as usize;
                if self.to_come.len() <= window {
                    self.to_come.resize(window + 1, (0, 0));
                }
                self.to_come[window].0 += 1;
                self.to_come[window].1 += u64::from(last != Some(window));
                last = Some(window);
            }
        }
        let (requests, clients) = self.to_come.pop_front().unwrap_or_default();
        let good = come - failing;
        Window {
            requests: Counts::new(good + requests, requests),
            clients: Counts::new(good + clients, clients),
        }
    }
}

/// What the judge is given of the windows.
#[derive(Copy, Clone, PartialEq, Debug)]
enum Counted {
    /// Every bad request of every window.
    Requests,
    /// Clients, in every window.
    Clients,
    /// Clients, in every second window: the rule `client-errors`.
    EverySecond,
}

/// After how many windows a candidate of `rate` is failed beside a stable of 1 %.
fn failed_after(seed: u64, windows: u64, rate: f64, burst: Burst, counted: Counted) -> Option<u64> {
    let mut rng = dice(seed);
    let (mut candidate, mut stable) = (Side::default(), Side::default());
    let mut judge = CountJudge::new(CountRule::default(), Budget::default(), None).expect("a rule");
    (1..=windows).find(|n| {
        let candidate = candidate.window(&mut rng, COME.0, rate, burst);
        let stable = stable.window(&mut rng, COME.1, 0.01, burst);
        if counted == Counted::EverySecond && n % 2 == 0 {
            return false;
        }
        let of = |window: Window| match counted {
            Counted::Requests => window.requests,
            Counted::Clients | Counted::EverySecond => window.clients,
        };
        judge.look(Interval {
            candidate: of(candidate),
            stable: of(stable),
        });
        judge.verdict() == Verdict::Fail
    })
}

/// How many of `rollouts` harmless ones are failed within `windows`.
fn alarms(rollouts: u64, windows: u64, burst: Burst, counted: Counted) -> u64 {
    let failed =
        (0..rollouts).filter(|seed| failed_after(*seed, windows, 0.01, burst, counted).is_some());
    failed.count() as u64
}

/// Clients that ask `asks` times in a window, each time wherever the weights send them, in windows
/// of 100 clients; every answer is bad with a chance of its release, whoever asks.
fn wandering(seed: u64, weight: f64, asks: u32, rates: (f64, f64), wanted: Verdict) -> bool {
    let mut rng = dice(seed);
    let mut judge = CountJudge::new(CountRule::default(), Budget::default(), None).expect("a rule");
    (0..200).any(|_| {
        let mut sides = [Counts::default(); 2];
        for _ in 0..100 {
            let mut seen = [None; 2];
            for _ in 0..asks {
                let side = usize::from(rng.random::<f64>() >= weight);
                let rate = [rates.0, rates.1][side];
                let bad = rng.random::<f64>() < rate;
                *seen[side].get_or_insert(false) |= bad;
            }
            for (side, seen) in sides.iter_mut().zip(seen) {
                side.total += u64::from(seen.is_some());
                side.bad += u64::from(seen == Some(true));
            }
        }
        judge.look(Interval {
            candidate: sides[0],
            stable: sides[1],
        });
        judge.verdict() == wanted
    })
}

/// Three standard deviations are allowed for the counting itself.
fn keeps_alpha(wrong: u64, rollouts: u64) -> bool {
    let expected = ALPHA * rollouts as f64;
    wrong as f64 <= expected + 3.0 * expected.sqrt()
}

/// What is promised: bursts no longer than a window, however dense, of clients that stay with
/// their release. The last of these lasts exactly as long as a window.
#[test]
fn bursts_within_a_window_keep_alpha() {
    for apart in [0.2, 1.0, 1.25] {
        let burst = Burst { times: 5, apart };
        let failed = alarms(1_000, 2_000, burst, Counted::EverySecond);
        println!("{apart} s apart: {failed} of 1000 failed");
        assert!(keeps_alpha(failed, 1_000), "{failed} with {burst:?}");
    }
}

/// Why it is every second window, and clients at all.
#[test]
fn counted_otherwise_bursts_break_it() {
    let slow = Burst {
        times: 5,
        apart: 1.0,
    };
    for (burst, counted) in [
        (QUICK, Counted::Requests),
        (slow, Counted::Requests),
        (slow, Counted::Clients),
    ] {
        let failed = alarms(500, 100, burst, counted);
        println!("{burst:?}, {counted:?}: {failed} of 500 failed");
        assert!(failed > 25, "{failed} with {burst:?}, {counted:?}");
    }
}

/// What is not promised: a client that goes on failing for longer than a window is counted again.
#[test]
fn longer_bursts_are_not_covered() {
    for (apart, least) in [(2.5, 5), (10.0, 60)] {
        let burst = Burst { times: 5, apart };
        let failed = alarms(500, 100, burst, Counted::EverySecond);
        println!("{apart} s apart: {failed} of 500 failed");
        assert!(failed > least, "{failed} with {burst:?}");
    }
}

#[test]
fn a_release_that_fails_four_percent_is_found_within_minutes() {
    let windows = |burst, counted| {
        let mut found: Vec<u64> = (0..500)
            .map(|seed| failed_after(seed, 500, 0.04, burst, counted).unwrap_or(u64::MAX))
            .collect();
        found.sort_unstable();
        println!(
            "{counted:?}, {burst:?}: half in {} windows, 9 of 10 in {}",
            found[250], found[450]
        );
        (found[250], found[450])
    };
    let (half, most) = windows(ALONE, Counted::Requests);
    assert!(half <= 5 && most <= 10);
    // A fifth of the events, in half of the windows.
    let (half, most) = windows(QUICK, Counted::EverySecond);
    assert!(half <= 30 && most <= 60);
}

/// What is not promised either: clients that are sent wherever the weights say, request by
/// request. Who gets more of a client's requests is more likely to give it a bad one.
#[test]
fn clients_must_stay_with_a_release() {
    let share = |weight, asks, rates, wanted| {
        let runs = (0..100).filter(|seed| wandering(*seed, weight, asks, rates, wanted));
        runs.count()
    };
    let (same, worse) = ((0.01, 0.01), (0.04, 0.01));
    for weight in [0.1, 0.5, 0.9] {
        let alarms = share(weight, 1, same, Verdict::Fail);
        assert!(alarms <= 4, "{alarms} at {weight}, one request each");
    }
    let alarms = share(0.9, 3, same, Verdict::Fail);
    let passes = share(0.1, 20, worse, Verdict::Pass);
    println!("{alarms} of 100 failed at 90 %, {passes} of 100 passed at 10 %");
    assert!(alarms > 90 && passes > 90);
}
