//! Gauges, and the Mann–Whitney comparison beneath them.

mod traffic;

use deckwatch_verdict::mann_whitney::{Side, TwoSamples};
use deckwatch_verdict::{Direction, GaugeRule, Verdict, judge_gauge};
use proptest::prelude::*;
use rand::RngExt;
use traffic::dice;

fn strict() -> GaugeRule {
    GaugeRule {
        may_fail: true,
        ..GaugeRule::default()
    }
}

/// Readings around `level`, no two alike.
fn readings(level: f64, n: usize, seed: u64) -> Vec<f64> {
    let mut rng = dice(seed);
    (0..n)
        .map(|_| level * (0.95 + 0.1 * rng.random::<f64>()))
        .collect()
}

#[test]
fn worse_by_more_than_the_effect_fails_where_it_may() {
    let (candidate, stable) = (readings(150.0, 20, 1), readings(100.0, 20, 2));
    assert_eq!(
        judge_gauge(&strict(), &candidate, &stable).verdict,
        Verdict::Fail
    );
    let asked = judge_gauge(&GaugeRule::default(), &candidate, &stable);
    assert_eq!(asked.verdict, Verdict::Inconclusive);
    assert!(asked.words.contains("may not fail"), "{}", asked.words);
    let other_way = GaugeRule {
        direction: Direction::LowerIsWorse,
        ..strict()
    };
    assert_eq!(
        judge_gauge(&other_way, &candidate, &stable).verdict,
        Verdict::Pass
    );
    let either = GaugeRule {
        direction: Direction::Either,
        ..strict()
    };
    assert_eq!(
        judge_gauge(&either, &stable, &candidate).verdict,
        Verdict::Fail
    );
}

#[test]
fn a_sure_but_small_shift_passes_and_an_unsure_one_does_not() {
    let (candidate, stable) = (readings(110.0, 30, 1), readings(100.0, 30, 2));
    let answer = judge_gauge(&strict(), &candidate, &stable);
    assert_eq!(answer.verdict, Verdict::Pass, "{}", answer.words);
    assert!(answer.p.unwrap() < 0.001, "the shift is there: {answer:?}");
    // Readings that scatter over a factor of ten rule nothing out.
    let wild = |seed| {
        let mut rng = dice(seed);
        (0..8)
            .map(|_| 10.0_f64.powf(rng.random::<f64>()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        judge_gauge(&strict(), &wild(3), &wild(4)).verdict,
        Verdict::Inconclusive
    );
}

#[test]
fn too_little_or_nothing_is_no_pass() {
    let five = readings(1.0, 5, 1);
    let four = &five[..4];
    assert_eq!(
        judge_gauge(&strict(), four, &five).verdict,
        Verdict::Inconclusive
    );
    assert_eq!(
        judge_gauge(&strict(), &five, four).verdict,
        Verdict::Inconclusive
    );
    assert_eq!(judge_gauge(&strict(), &[], &five).verdict, Verdict::NoData);
    assert_eq!(judge_gauge(&strict(), &five, &[]).verdict, Verdict::NoData);
    for broken in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
        let mut values = five.clone();
        values[2] = broken;
        assert_eq!(
            judge_gauge(&strict(), &values, &five).verdict,
            Verdict::Error
        );
    }
    for rule in [
        GaugeRule {
            alpha: f64::NAN,
            ..strict()
        },
        GaugeRule {
            effect: 0.0,
            ..strict()
        },
        GaugeRule {
            effect: f64::INFINITY,
            ..strict()
        },
    ] {
        assert_eq!(judge_gauge(&rule, &five, &five).verdict, Verdict::Error);
    }
}

#[test]
fn nothing_but_zeros_on_both_sides_is_equal() {
    assert_eq!(
        judge_gauge(&strict(), &[0.0; 9], &[0.0; 9]).verdict,
        Verdict::Pass
    );
    let risen = judge_gauge(&strict(), &[1.0; 9], &[0.0; 9]);
    assert_eq!((risen.verdict, risen.relative), (Verdict::Fail, None));
}

/// Every way of choosing x's places among all values, counted one by one.
fn tails_by_counting(x: &[f64], y: &[f64]) -> (f64, f64) {
    let pool: Vec<f64> = x.iter().chain(y).copied().collect();
    let u = |mask: u32| {
        let mut twice = 0;
        for (i, a) in pool.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1) {
            for (j, b) in pool.iter().enumerate().filter(|(j, _)| mask >> j & 1 == 0) {
                assert_ne!(i, j);
                twice += if a > b { 2 } else { i32::from(a == b) };
            }
        }
        twice
    };
    let observed = u((1 << x.len()) - 1);
    let all: Vec<i32> = (0..1_u32 << pool.len())
        .filter(|m| m.count_ones() as usize == x.len())
        .map(u)
        .collect();
    let share = |wanted: &dyn Fn(i32) -> bool| {
        all.iter().filter(|v| wanted(**v)).count() as f64 / all.len() as f64
    };
    (share(&|v| v <= observed), share(&|v| v >= observed))
}

#[test]
fn p_values_are_exact_with_ties() {
    for seed in 0..40 {
        let mut rng = dice(seed);
        let mut some = |n: usize| {
            (0..n)
                .map(|_| f64::from(rng.random_range(0..5_u8)))
                .collect::<Vec<_>>()
        };
        let (x, y) = (some(4), some(6));
        let samples = TwoSamples::new(&x, &y).unwrap();
        let (less, greater) = tails_by_counting(&x, &y);
        assert!(
            (samples.p_value(Side::Less) - less).abs() < 1e-12,
            "{x:?} {y:?}"
        );
        assert!(
            (samples.p_value(Side::Greater) - greater).abs() < 1e-12,
            "{x:?} {y:?}"
        );
    }
}

#[test]
fn a_gauge_that_did_not_change_is_rarely_called_worse_or_better() {
    let mut failed = 0;
    for seed in 0..2_000 {
        let (a, b) = (readings(5.0, 12, seed), readings(5.0, 15, seed + 1_000_000));
        // An effect of next to nothing, so that only the test itself decides.
        let rule = GaugeRule {
            effect: 1e-9,
            ..strict()
        };
        failed += u32::from(judge_gauge(&rule, &a, &b).verdict == Verdict::Fail);
    }
    assert!(failed <= 20, "{failed} of 2000");
}

#[test]
fn one_reading_out_of_this_world_costs_no_time_and_changes_little() {
    let (mut candidate, stable) = (readings(100.0, 1_000, 1), readings(100.0, 1_000, 2));
    candidate[3] = 1e300;
    candidate[4] = -1e300;
    let answer = judge_gauge(&strict(), &candidate, &stable);
    assert_eq!(answer.verdict, Verdict::Pass, "{}", answer.words);
    assert!(answer.relative.unwrap().abs() < 0.01);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn units_change_nothing(
        x in prop::collection::vec(0..50_u32, 5..20),
        y in prop::collection::vec(0..50_u32, 5..20),
        power in -40..40_i32,
    ) {
        // A power of two scales floats without rounding, so the answers must be the same bits.
        let unit = 2.0_f64.powi(power);
        let floats = |v: &[u32], unit: f64| v.iter().map(|n| f64::from(*n) * unit).collect::<Vec<_>>();
        let plain = judge_gauge(&strict(), &floats(&x, 1.0), &floats(&y, 1.0));
        let scaled = judge_gauge(&strict(), &floats(&x, unit), &floats(&y, unit));
        prop_assert_eq!(plain.verdict, scaled.verdict);
        prop_assert_eq!(plain.p, scaled.p);
        prop_assert_eq!(plain.shift.map(|s| s * unit), scaled.shift);
        prop_assert_eq!(plain.shift_low.map(|s| s * unit), scaled.shift_low);
        prop_assert_eq!(plain.relative, scaled.relative);
    }

    #[test]
    fn picked_differences_are_those_of_the_sorted_list(
        x in prop::collection::vec(-20..20_i32, 1..12),
        y in prop::collection::vec(-20..20_i32, 1..12),
    ) {
        let floats = |v: &[i32]| v.iter().map(|n| f64::from(*n) * 0.1).collect::<Vec<_>>();
        let (x, y) = (floats(&x), floats(&y));
        let mut all: Vec<f64> = x.iter().flat_map(|a| y.iter().map(move |b| a - b)).collect();
        all.sort_by(f64::total_cmp);
        let median = 0.5 * (all[(all.len() - 1) / 2] + all[all.len() / 2]);
        let shift = TwoSamples::new(&x, &y).unwrap().shift(0.95);
        prop_assert!((shift.estimate - median).abs() < 1e-12);
        prop_assert!(all.contains(&shift.low) && all.contains(&shift.high));
        prop_assert!(shift.low <= shift.estimate && shift.estimate <= shift.high);
    }

    #[test]
    fn nothing_makes_it_panic(
        x in prop::collection::vec(any::<f64>(), 0..12),
        y in prop::collection::vec(any::<f64>(), 0..12),
        alpha in any::<f64>(), effect in any::<f64>(),
    ) {
        let rule = GaugeRule { alpha, effect, ..strict() };
        let answer = judge_gauge(&rule, &x, &y);
        prop_assert!(!answer.words.is_empty());
    }
}
