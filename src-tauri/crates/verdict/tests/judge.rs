//! The counted judge's behaviour: what it says of what, whatever is thrown at it.

mod traffic;

use deckwatch_verdict::{
    Basis, Budget, CountJudge, CountRule, Counts, Interval, RuleError, SafeBy, Verdict,
    no_harm_after,
};
use proptest::prelude::*;
use traffic::{Traffic, dice};

fn counts(total: u64, bad: u64) -> Counts {
    Counts::new(total, bad)
}

fn interval(candidate: (u64, u64), stable: (u64, u64)) -> Interval {
    Interval {
        candidate: counts(candidate.0, candidate.1),
        stable: counts(stable.0, stable.1),
    }
}

fn judge() -> CountJudge {
    CountJudge::new(CountRule::default(), Budget::default(), None).unwrap()
}

#[test]
fn without_a_candidate_request_there_is_no_data() {
    let mut judge = judge();
    assert_eq!(judge.verdict(), Verdict::NoData);
    judge.look(interval((0, 0), (1_000, 5)));
    assert_eq!(judge.verdict(), Verdict::NoData);
    assert!(judge.evidence().words().contains("no request"));
}

#[test]
fn a_contradiction_is_an_error_and_stays_one() {
    let mut judge = judge();
    judge.look(interval((10, 11), (100, 0)));
    assert_eq!(judge.verdict(), Verdict::Error);
    for _ in 0..1_000 {
        judge.look(interval((100, 0), (900, 0)));
    }
    assert_eq!(judge.verdict(), Verdict::Error);
    let mut stable = self::judge();
    stable.look(interval((10, 0), (1, 2)));
    assert_eq!(stable.verdict(), Verdict::Error);
}

#[test]
fn harm_found_outweighs_a_pass_and_an_error() {
    let mut judge = judge();
    for _ in 0..100 {
        judge.look(interval((100, 0), (900, 0)));
    }
    assert_eq!(judge.verdict(), Verdict::Pass);
    for _ in 0..20 {
        judge.look(interval((100, 60), (900, 0)));
    }
    assert_eq!(judge.verdict(), Verdict::Fail);
    judge.look(interval((1, 2), (0, 0)));
    for _ in 0..1_000 {
        judge.look(interval((100, 0), (900, 30)));
    }
    assert_eq!(judge.verdict(), Verdict::Fail, "a failure is final");
}

#[test]
fn a_pass_waits_while_harm_is_suspected() {
    let mut judge = judge();
    while judge.verdict() != Verdict::Pass {
        judge.look(interval((20, 0), (180, 1)));
    }
    let mut held = false;
    for _ in 0..20 {
        judge.look(interval((20, 1), (180, 1)));
        held |= judge.evidence().held_back;
        if judge.evidence().held_back {
            assert_eq!(judge.verdict(), Verdict::Inconclusive);
            // The Pass is there; what is still to come is the other decision.
            assert_eq!(judge.evidence().needed_for, Some(Verdict::Fail));
        }
    }
    assert!(held, "{:?}", judge.evidence());
    assert_eq!(judge.verdict(), Verdict::Fail);
}

#[test]
fn without_stable_or_reference_nothing_is_said() {
    let mut judge = judge();
    for _ in 0..100 {
        judge.look(interval((100, 0), (0, 0)));
    }
    assert_eq!(judge.verdict(), Verdict::Inconclusive);
    let evidence = judge.evidence();
    assert_eq!((evidence.ratio, evidence.requests_needed), (None, None));
}

#[test]
fn the_reference_is_used_where_stable_is_gone() {
    let reference = Some(counts(50_000, 50));
    let mut judge = CountJudge::new(CountRule::default(), Budget::default(), reference).unwrap();
    for _ in 0..10 {
        judge.look(interval((100, 0), (0, 0)));
    }
    let evidence = judge.evidence();
    assert_eq!(evidence.verdict, Verdict::Pass);
    assert_eq!(evidence.safe_by, Some(SafeBy::Margin));
    assert_eq!(evidence.basis, Basis::Reference);
    assert!(
        evidence.words().contains("before this step"),
        "{}",
        evidence.words()
    );
}

#[test]
fn the_first_bad_answer_ends_nothing() {
    for bad in 1..=2 {
        let mut judge = judge();
        judge.look(interval((10, bad), (90, 0)));
        assert_eq!(judge.verdict(), Verdict::Inconclusive);
    }
}

#[test]
fn the_ratio_has_an_honest_interval() {
    let mut judge = judge();
    judge.look(interval((1_000, 9), (9_000, 27)));
    let evidence = judge.evidence();
    let (low, high) = (evidence.ratio_low.unwrap(), evidence.ratio_high.unwrap());
    // Clopper–Pearson for 9 of 36 is 0.1212–0.4220; the shares as ratios of rates.
    assert!(
        (low - 1.241).abs() < 0.01 && (high - 6.570).abs() < 0.03,
        "{low}–{high}"
    );
}

#[test]
fn no_sign_of_harm_is_not_a_pass() {
    let mut judge = judge();
    for _ in 0..10 {
        judge.look(interval((10, 0), (90, 0)));
    }
    let evidence = judge.evidence();
    assert!(no_harm_after(&evidence, 100) && !no_harm_after(&evidence, 101));
    assert!(
        !no_harm_after(&evidence, 0),
        "nothing seen is no absence of harm"
    );
    assert_eq!(evidence.verdict, Verdict::Inconclusive);
    judge.look(interval((10, 5), (90, 0)));
    assert!(!no_harm_after(&judge.evidence(), 100));
}

#[test]
fn more_metrics_and_steps_need_more_evidence_of_harm_only() {
    let shared = Budget {
        alpha: 0.01,
        metrics: 3,
        steps: 4,
    };
    assert_eq!((shared.fail_bound(), shared.pass_bound()), (1_200.0, 100.0));
}

#[test]
fn rules_nobody_can_be_judged_by_are_refused() {
    let made = |rule: CountRule, budget: Budget| CountJudge::new(rule, budget, None).map(|_| ());
    let rule = CountRule::default();
    let budget = Budget::default();
    let wrong = |x: f64| CountRule {
        harm: x,
        ..rule.clone()
    };
    for x in [0.0, -1.0, f64::NAN, f64::INFINITY, 2.0] {
        assert!(made(wrong(x), budget).is_err(), "harm {x}");
    }
    for margin in [0.0, -0.1, 1.0, f64::NAN] {
        let rule = CountRule {
            margin: Some(margin),
            ..rule.clone()
        };
        assert!(made(rule, budget).is_err(), "margin {margin}");
    }
    for alpha in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(
            made(rule.clone(), Budget { alpha, ..budget }).is_err(),
            "alpha {alpha}"
        );
    }
    assert_eq!(
        made(rule.clone(), Budget { steps: 0, ..budget }),
        Err(RuleError::NothingToShare)
    );
    let reference = CountJudge::new(rule, budget, Some(counts(1, 2)));
    assert_eq!(
        reference.err(),
        Some(RuleError::Reference { total: 1, bad: 2 })
    );
}

#[test]
fn it_goes_on_from_json_as_if_nothing_had_happened() {
    let traffic = Traffic {
        candidate: 30,
        stable: 0,
        candidate_rate: 0.02,
        stable_rate: 0.0,
    };
    let mut rng = dice(7);
    let reference = Some(counts(10_000, 100));
    let mut whole = CountJudge::new(CountRule::default(), Budget::default(), reference).unwrap();
    let mut kept = whole.clone();
    for _ in 0..40 {
        let seen = traffic.interval(&mut rng);
        whole.look(seen);
        kept.look(seen);
        let text = serde_json::to_string(&kept).unwrap();
        kept = serde_json::from_str(&text).unwrap();
    }
    let (a, b) = (whole.evidence(), kept.evidence());
    assert_eq!(a.verdict, b.verdict);
    assert!((a.harm_e / b.harm_e - 1.0).abs() < 1e-9 && (a.safe_e / b.safe_e - 1.0).abs() < 1e-9);
}

/// Any counts, with those that break arithmetic among them.
fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        0..1_000_u64,
        Just(u64::MAX),
        Just(u64::MAX / 2),
        any::<u64>()
    ]
}

fn any_interval() -> impl Strategy<Value = Interval> {
    (any_count(), any_count(), any_count(), any_count())
        .prop_map(|(a, b, c, d)| interval((a, b), (c, d)))
}

fn sane_interval() -> impl Strategy<Value = Interval> {
    (0..500_u64, 0..500_u64, 0.0..1.0_f64, 0.0..1.0_f64).prop_map(|(n1, n0, p1, p0)| {
        let bad = |n: u64, p: f64| (n as f64 * p * p) as u64;
        interval((n1, bad(n1, p1)), (n0, bad(n0, p0)))
    })
}

fn finite(judge: &CountJudge) -> bool {
    let e = judge.evidence();
    let numbers = [
        Some(e.harm_e),
        Some(e.safe_e),
        e.ratio,
        e.ratio_low,
        e.ratio_high,
    ];
    numbers
        .into_iter()
        .flatten()
        .all(|x| x.is_finite() && x >= 0.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_it_panic_or_leave_the_numbers(
        looks in prop::collection::vec(any_interval(), 0..12),
        reference in prop::option::of((any_count(), any_count())),
        harm in prop_oneof![Just(1.0), 1e-6..1e6_f64],
        tolerate in prop_oneof![Just(2.0), 1e-6..1e6_f64],
        margin in prop::option::of(prop_oneof![Just(0.01), 1e-9..1.0_f64]),
        alpha in prop_oneof![Just(0.01), 0.0..1.0_f64],
    ) {
        let rule = CountRule { harm, tolerate, margin };
        let budget = Budget { alpha, ..Budget::default() };
        let reference = reference.map(|(total, bad)| counts(total, bad));
        if let Ok(mut judge) = CountJudge::new(rule, budget, reference) {
            for look in &looks {
                judge.look(*look);
                prop_assert!(finite(&judge), "{:?}", judge.evidence());
                prop_assert!(!judge.evidence().words().is_empty());
            }
            let broken = looks.iter().any(|i| i.candidate.bad > i.candidate.total || i.stable.bad > i.stable.total);
            prop_assert!(!broken || matches!(judge.verdict(), Verdict::Error | Verdict::Fail));
        }
    }

    #[test]
    fn the_same_looks_give_the_same_answer(looks in prop::collection::vec(sane_interval(), 1..30)) {
        let (mut a, mut b) = (judge(), judge());
        looks.iter().for_each(|l| a.look(*l));
        looks.iter().for_each(|l| b.look(*l));
        prop_assert_eq!(a, b);
    }

    #[test]
    fn one_more_bad_answer_never_lowers_the_evidence_of_harm(
        looks in prop::collection::vec(sane_interval(), 1..20), at in 0..20_usize,
    ) {
        let (mut better, mut worse) = (judge(), judge());
        for (i, look) in looks.iter().enumerate() {
            better.look(*look);
            let more = u64::from(i == at % looks.len() && look.candidate.bad < look.candidate.total);
            // Moved from stable, so that only the split changes.
            let moved = more.min(look.stable.bad);
            worse.look(Interval {
                candidate: counts(look.candidate.total, look.candidate.bad + moved),
                stable: counts(look.stable.total, look.stable.bad - moved),
            });
        }
        let (better, worse) = (better.evidence(), worse.evidence());
        if better.verdict != Verdict::Fail && worse.verdict != Verdict::Fail {
            prop_assert!(worse.harm_e >= better.harm_e * (1.0 - 1e-9));
        }
        prop_assert!(better.verdict != Verdict::Fail || worse.verdict == Verdict::Fail);
    }

    #[test]
    fn empty_looks_change_nothing(looks in prop::collection::vec(sane_interval(), 1..20)) {
        let (mut a, mut b) = (judge(), judge());
        for look in &looks {
            a.look(*look);
            b.look(*look);
            b.look(Interval::default());
        }
        let (a, b) = (a.evidence(), b.evidence());
        prop_assert_eq!((a.verdict, a.harm_e, a.safe_e), (b.verdict, b.harm_e, b.safe_e));
    }
}

#[test]
fn equal_rates_are_no_harm_however_large_the_counts() {
    for n in [1_u64 << 20, 1 << 40, u64::MAX / 4] {
        let mut judge = judge();
        judge.look(interval((n, n / 2), (n, n / 2)));
        judge.look(interval((n, n), (2, 2)));
        assert_ne!(
            judge.verdict(),
            Verdict::Fail,
            "{n}: {:?}",
            judge.evidence()
        );
    }
}
