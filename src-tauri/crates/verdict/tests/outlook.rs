//! How long it will take, against how long it takes, where only stable's past is left to compare
//! with: its length decides.

mod traffic;

use deckwatch_verdict::{
    Budget, CountJudge, CountRule, Counts, Interval, Verdict, requests_to_pass,
    requests_to_pass_alone,
};
use traffic::{binomial, dice};

/// Requests in a look, and after how many nobody waits any longer.
const LOOK: u64 = 100;
const PATIENCE: u64 = 20_000;
const RUNS: u64 = 500;

fn by_ratio() -> CountRule {
    CountRule {
        margin: None,
        ..CountRule::default()
    }
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("comparable"));
    values[values.len() / 2]
}

struct Seen {
    /// What the plan was told, in the middle. `u64::MAX` where it was told never.
    told: u64,
    /// What it took, in the middle, of all runs. `u64::MAX` for those that never passed.
    took: u64,
    passed: u64,
    /// What was said after 500 requests over what it then took, in the middle of those that passed.
    said: f64,
}

/// Good candidates of `rate` against `known` requests of stable's past.
fn simulate(rule: &CountRule, known: u64, rate: f64) -> Seen {
    let (mut told, mut took, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..RUNS {
        let mut rng = dice(seed);
        let reference = Counts::new(known, binomial(&mut rng, known, rate));
        let budget = Budget::default();
        told.push(requests_to_pass_alone(rule, &budget, reference).unwrap_or(u64::MAX));
        let mut judge = CountJudge::new(rule.clone(), budget, Some(reference)).expect("a rule");
        let (mut asked, mut needed) = (0, None);
        while judge.verdict() != Verdict::Pass && asked < PATIENCE {
            judge.look(Interval {
                candidate: Counts::new(LOOK, binomial(&mut rng, LOOK, rate)),
                stable: Counts::default(),
            });
            asked += LOOK;
            if asked == 500 && judge.verdict() == Verdict::Inconclusive {
                needed = judge.evidence().requests_needed;
            }
        }
        let passed = judge.verdict() == Verdict::Pass;
        took.push(if passed { asked } else { u64::MAX });
        if let Some(needed) = needed.filter(|_| passed) {
            said.push(needed as f64 / (asked - 500).max(1) as f64);
        }
    }
    Seen {
        passed: took.iter().filter(|n| **n < u64::MAX).count() as u64,
        told: median(told),
        took: median(took),
        said: median(said),
    }
}

#[test]
fn at_all_traffic_a_pass_takes_about_what_the_plan_was_told() {
    for (rule, known, rate) in [
        (CountRule::default(), 5_000, 0.01),
        (CountRule::default(), 20_000, 0.01),
        (CountRule::default(), 20_000, 0.05),
        (by_ratio(), 20_000, 0.01),
        (by_ratio(), 100_000, 0.01),
        (by_ratio(), 20_000, 0.05),
    ] {
        let seen = simulate(&rule, known, rate);
        let of = seen.told as f64 / seen.took as f64;
        let what = format!(
            "{rate} against {known}, margin {:?}: told {}, took {} ({} of {RUNS} passed); said {:.2}",
            rule.margin, seen.told, seen.took, seen.passed, seen.said
        );
        println!("{what}");
        assert!((0.9..2.2).contains(&of), "{what}");
        assert!((0.6..4.0).contains(&seen.said), "{what}");
        assert!(seen.passed * 10 >= RUNS * 6, "{what}");
    }
}

/// The ratio alone, and a past of a few bad requests: most good candidates wait for ever, and the
/// plan is told so instead of the two thousand requests that a known rate would take.
#[test]
fn so_short_a_past_that_it_never_passes_is_called_that() {
    let seen = simulate(&by_ratio(), 5_000, 0.01);
    assert_eq!(seen.told, u64::MAX);
    assert!(seen.passed * 10 <= RUNS * 4, "{} passed", seen.passed);
    let known = requests_to_pass(&by_ratio(), &Budget::default(), 0.01, 1.0);
    assert!(known.is_some_and(|n| n < 3_000), "{known:?}");
}

#[test]
fn the_longer_the_past_the_sooner_down_to_a_known_rate() {
    let budget = Budget::default();
    for rule in [CountRule::default(), by_ratio()] {
        let told: Vec<u64> = [20_000, 50_000, 200_000, 1_000_000, 100_000_000]
            .map(|known| {
                requests_to_pass_alone(&rule, &budget, Counts::new(known, known / 100))
                    .expect("it can pass")
            })
            .to_vec();
        assert!(told.is_sorted_by(|a, b| a >= b), "{told:?}");
        let known = requests_to_pass(&rule, &budget, 0.01, 1.0).expect("it can pass");
        let of = told[4] as f64 / known as f64;
        assert!((0.75..1.3).contains(&of), "{told:?} down to {known}");
    }
    let spotless = requests_to_pass_alone(&CountRule::default(), &budget, Counts::new(10_000, 0));
    assert!(
        spotless.is_some_and(|n| (459..480).contains(&n)),
        "{spotless:?}"
    );
}

#[test]
fn what_is_no_past_promises_nothing() {
    let budget = Budget::default();
    let told = |rule: &CountRule, total, bad| {
        requests_to_pass_alone(rule, &budget, Counts::new(total, bad))
    };
    assert_eq!(told(&CountRule::default(), 0, 0), None);
    assert_eq!(told(&CountRule::default(), 5, 6), None);
    assert_eq!(told(&by_ratio(), 10_000, 0), None);
    assert_eq!(told(&CountRule::default(), 1_000, 1_000), None);
    let no_rule = CountRule {
        tolerate: 0.5,
        ..CountRule::default()
    };
    assert_eq!(told(&no_rule, 10_000, 10), None);
    assert!(told(&CountRule::default(), u64::MAX, 1 << 50).is_some());
}

/// How soon a fault at 100 % will be found is foretold as well.
#[test]
fn a_fault_is_foretold_against_the_past() {
    let ratios: Vec<f64> = (0..RUNS)
        .filter_map(|seed| {
            let mut rng = dice(seed);
            let reference = Counts::new(20_000, binomial(&mut rng, 20_000, 0.01));
            let mut judge =
                CountJudge::new(CountRule::default(), Budget::default(), Some(reference)).ok()?;
            let (mut asked, mut said) = (0, None);
            while judge.verdict() != Verdict::Fail && asked < PATIENCE {
                judge.look(Interval {
                    candidate: Counts::new(LOOK, binomial(&mut rng, LOOK, 0.03)),
                    stable: Counts::default(),
                });
                asked += LOOK;
                let evidence = judge.evidence();
                if asked == 2 * LOOK && evidence.needed_for == Some(Verdict::Fail) {
                    said = evidence.requests_needed;
                }
            }
            let (said, failed) = (said?, judge.verdict() == Verdict::Fail);
            failed.then_some(said as f64 / (asked - 2 * LOOK) as f64)
        })
        .collect();
    let (runs, of) = (ratios.len(), median(ratios));
    println!("{runs} said, {of:.2} of what it took");
    assert!(runs > 100 && (0.4..2.5).contains(&of), "{of:.2}");
}
