//! What the judge promises, checked on simulated rollouts. Seeds are fixed, so these pass or fail
//! the same way everywhere. Where a share of rollouts is counted, three standard deviations are
//! allowed for the counting itself: a judge that keeps α exactly exceeds α·n half of the time.

mod traffic;

use deckwatch_verdict::{
    Budget, CountJudge, CountRule, Counts, Interval, Verdict, requests_to_pass,
};
use traffic::{Traffic, binomial, dice, with_odds};

const ALPHA: f64 = 0.01;

/// Whether `wrong` answers in `rollouts` are no more than α and the luck of counting explain.
fn keeps_alpha(wrong: u64, rollouts: u64) -> bool {
    let expected = ALPHA * rollouts as f64;
    wrong as f64 <= expected + 3.0 * expected.sqrt()
}

fn judge(rule: &CountRule, reference: Option<Counts>) -> CountJudge {
    CountJudge::new(rule.clone(), Budget::default(), reference).expect("a sound rule")
}

/// How many of `rollouts` ever see `wanted` within `looks`.
fn ever(rollouts: u64, looks: u32, traffic: Traffic, rule: &CountRule, wanted: Verdict) -> u64 {
    let seen = |seed: &u64| {
        let mut rng = dice(*seed);
        let mut judge = judge(rule, None);
        (0..looks).any(|_| {
            judge.look(traffic.interval(&mut rng));
            judge.verdict() == wanted
        })
    };
    (0..rollouts).filter(seen).count() as u64
}

#[test]
fn false_alarms_stay_below_alpha_over_two_thousand_looks() {
    for (rollouts, candidate, stable, rate) in [
        (2_000, 20, 180, 0.01),
        (1_000, 100, 100, 0.002),
        (500, 5, 45, 0.3),
        (300, 1_000, 1_000, 0.01),
    ] {
        let traffic = Traffic {
            candidate,
            stable,
            candidate_rate: rate,
            stable_rate: rate,
        };
        let alarms = ever(
            rollouts,
            2_000,
            traffic,
            &CountRule::default(),
            Verdict::Fail,
        );
        assert!(
            keeps_alpha(alarms, rollouts),
            "{alarms} false alarms in {rollouts} rollouts of {traffic:?}"
        );
    }
}

#[test]
fn a_harmful_candidate_passes_with_a_chance_of_at_most_alpha() {
    let with_margin = CountRule::default();
    let by_ratio = CountRule {
        margin: None,
        ..CountRule::default()
    };
    // Exactly at the edge of harm: by ratio and margin at once, by margin, by ratio.
    for (rule, stable_rate, candidate_rate) in [
        (&with_margin, 0.01, 0.02),
        (&with_margin, 0.0, 0.01),
        (&with_margin, 0.002, 0.012),
        (&with_margin, 0.05, 0.1),
        (&by_ratio, 0.01, 0.02),
        (&by_ratio, 0.1, 0.2),
    ] {
        // Harm is not looked for here: it would end most of these before they could pass.
        let patient = CountRule {
            harm: rule.tolerate - 1e-6,
            ..rule.clone()
        };
        let traffic = Traffic {
            candidate: 40,
            stable: 160,
            candidate_rate,
            stable_rate,
        };
        let passed = ever(1_500, 300, traffic, &patient, Verdict::Pass);
        assert!(
            keeps_alpha(passed, 1_500),
            "{passed} of 1500 harmful candidates passed: {traffic:?}, {rule:?}"
        );
    }
}

/// The same two promises where only the reference is left to compare with.
#[test]
fn both_promises_hold_against_a_reference() {
    let rule = CountRule::default();
    let patient = CountRule {
        harm: 1.999,
        ..CountRule::default()
    };
    for (known, rate) in [(400, 0.01), (5_000, 0.01), (5_000, 0.0005), (2_000, 0.2)] {
        let (mut alarms, mut passes) = (0_u64, 0_u64);
        for seed in 0..500 {
            let mut rng = dice(seed);
            let reference = Counts::new(known, binomial(&mut rng, known, rate));
            let alone = |rate: f64| Traffic {
                candidate: 50,
                stable: 0,
                candidate_rate: rate,
                stable_rate: 0.0,
            };
            let harmful = (2.0 * rate).max(rate + 0.01);
            let (mut same, mut worse) = (
                judge(&rule, Some(reference)),
                judge(&patient, Some(reference)),
            );
            let mut passed = false;
            for _ in 0..100 {
                same.look(alone(rate).interval(&mut rng));
                worse.look(alone(harmful).interval(&mut rng));
                passed |= worse.verdict() == Verdict::Pass;
            }
            alarms += u64::from(same.verdict() == Verdict::Fail);
            passes += u64::from(passed);
        }
        assert!(
            keeps_alpha(alarms, 500),
            "{alarms} of 500 good candidates failed against {known} at {rate}"
        );
        assert!(
            keeps_alpha(passes, 500),
            "{passes} of 500 harmful candidates passed against {known} at {rate}"
        );
    }
}

#[test]
fn a_doubled_rate_is_found_against_a_reference() {
    let (mut found, mut requests) = (0, 0);
    for seed in 0..200 {
        let mut rng = dice(seed);
        let reference = Counts::new(20_000, binomial(&mut rng, 20_000, 0.01));
        let mut judge = judge(&CountRule::default(), Some(reference));
        let fault = Traffic {
            candidate: 100,
            stable: 0,
            candidate_rate: 0.02,
            stable_rate: 0.0,
        };
        for _ in 0..200 {
            judge.look(fault.interval(&mut rng));
            requests += 100;
            if judge.verdict() == Verdict::Fail {
                found += 1;
                break;
            }
        }
    }
    assert!(found >= 198, "{found} of 200 found");
    assert!(
        requests / 200 < 4_000,
        "{} requests on average",
        requests / 200
    );
}

/// Mean candidate requests from the fault's start to `Fail`, over Wald's bound.
fn effort(odds: f64, clean_looks: u32) -> f64 {
    let fault = Traffic {
        candidate: 20,
        stable: 180,
        candidate_rate: with_odds(0.01, odds),
        stable_rate: 0.01,
    };
    let clean = Traffic {
        candidate_rate: 0.01,
        ..fault
    };
    let (mut requests, mut runs) = (0, 0);
    for seed in 0..400 {
        let mut rng = dice(seed);
        let mut judge = judge(&CountRule::default(), None);
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
    requests as f64 / f64::from(runs) / fault.wald(ALPHA)
}

#[test]
fn a_fault_is_found_with_at_most_half_again_the_least_effort() {
    for odds in [2.0, 3.0, 5.0] {
        let effort = effort(odds, 0);
        assert!(effort <= 1.5, "odds ×{odds}: {effort:.2} of Wald's bound");
    }
}

#[test]
fn a_late_fault_is_found_soon() {
    let effort = effort(3.0, 100);
    assert!(effort <= 2.5, "{effort:.2} of Wald's bound");
}

#[test]
fn four_hundred_and_sixty_spotless_requests_refute_one_percent() {
    let (rule, budget) = (CountRule::default(), Budget::default());
    for share in [0.01, 0.1, 0.5, 1.0] {
        let needed = requests_to_pass(&rule, &budget, 0.0, share).expect("it can pass");
        assert!((459..=461).contains(&needed), "{needed} at {share}");
    }
    let one = Interval {
        candidate: Counts::new(1, 0),
        stable: Counts::new(9, 0),
    };
    let passes_after = |reference| {
        let mut judge = judge(&rule, reference);
        (1..).find(|_| {
            judge.look(one);
            judge.verdict() == Verdict::Pass
        })
    };
    // What is staked on the service failing after all costs a few requests more.
    assert!(passes_after(Some(Counts::new(10_000, 0))) <= Some(475));
    assert!(passes_after(None) <= Some(500));
}

#[test]
fn a_good_candidate_passes_about_when_the_plan_was_told() {
    for (rate, stable) in [(0.001, 180), (0.01, 180), (0.05, 180), (0.01, 20)] {
        let traffic = Traffic {
            candidate: 20,
            stable,
            candidate_rate: rate,
            stable_rate: rate,
        };
        let share = 20.0 / (20 + stable) as f64;
        let told =
            requests_to_pass(&CountRule::default(), &Budget::default(), rate, share).unwrap();
        let (mut requests, mut passed) = (0_u64, 0_u64);
        for seed in 0..150 {
            let mut rng = dice(seed);
            let reference = Counts::new(20_000, binomial(&mut rng, 20_000, rate));
            let mut judge = judge(&CountRule::default(), Some(reference));
            for look in 1..2_000 {
                judge.look(traffic.interval(&mut rng));
                if judge.verdict() == Verdict::Pass {
                    requests += look * traffic.candidate;
                    passed += 1;
                    break;
                }
            }
        }
        assert!(passed >= 145, "{passed} of 150 passed at {rate}");
        let ratio = requests as f64 / passed as f64 / told as f64;
        assert!(
            (0.7..1.35).contains(&ratio),
            "{ratio:.2} of {told} at {rate}, share {share}"
        );
    }
}
