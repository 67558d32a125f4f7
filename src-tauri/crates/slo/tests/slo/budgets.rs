//! Budgets against a count of single events.

use deckwatch_domain::Timestamp;
use deckwatch_slo::budget::{Budget, arithmetic, worst_first};
use deckwatch_slo::{Events, Exclusion, NoData, Target, Track};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{DAY, HOUR, MINUTE, at, labels, plain, seconds, track};

fn target(share: f64) -> Target {
    Target::new(share).unwrap()
}

#[test]
fn a_ratio_of_sums_and_never_a_mean_of_ratios() {
    // A quiet minute in which most failed, and a busy one without a fault.
    let slots = [(41.0, 25.0), (359.0, 0.0)];
    let mean = slots.iter().map(|(total, bad)| bad / total).sum::<f64>() / 2.0;
    assert_eq!(format!("{mean:.4}"), "0.3049");
    let track = track(Timestamp::EPOCH, seconds(MINUTE), slots);
    let counted = track.prepare(NoData::Ignore, &[]);
    let events = counted.window(Timestamp::EPOCH, track.to());
    assert_eq!(events.bad_share(), Some(0.0625));
    assert_eq!(Budget::of(events, target(0.875)).left, 0.5);
    // The same over groups.
    let group = |slot| self::track(Timestamp::EPOCH, seconds(MINUTE), [slot]);
    let sum = Track::sum(&slots.map(group)).unwrap();
    assert_eq!(sum.slots[0].unwrap().bad_share(), Some(0.0625));
}

#[test]
fn what_is_overspent_stays_below_zero() {
    let budget = Budget::of(Events::of(1000.0, 30.0), target(0.99));
    assert_eq!((budget.allowed, budget.left), (10.0, -2.0));
    assert_eq!(budget.left_events(), -20.0);
    assert_eq!(
        budget.words("request"),
        "30 of 1,000 requests were bad, 10 may be: the budget is overspent by 200 %."
    );
    let none = Budget::of(Events::default(), target(0.99));
    assert_eq!((none.left, none.good), (1.0, None));
}

#[test]
fn arithmetic_is_shown() {
    let words = |share, days| arithmetic(target(share), seconds(days * DAY));
    assert_eq!(words(0.9995, 30), "0.05 % of 30d is 21.6 minutes");
    assert_eq!(words(0.9995, 7), "0.05 % of 7d is 5.04 minutes");
    assert_eq!(words(0.99, 30), "1 % of 30d is 7.2 hours");
}

#[test]
fn the_worst_group_comes_first() {
    let objective = plain();
    let now = at("2026-11-20T00:00:00Z");
    let group = |name: &str, total: f64, bad: f64| {
        let from = now.minus(seconds(HOUR).duration());
        let mut track = track(from, seconds(HOUR), [(total, bad)]);
        track.labels = labels(&[("region", name)]);
        objective.rolling(&objective.prepare(&track, &[]), now)
    };
    let sorted = worst_first(vec![
        group("big", 1_000_000.0, 500.0),
        group("none", 0.0, 0.0),
        group("small", 1000.0, 3.0),
        group("fine", 1000.0, 0.0),
    ]);
    let names: Vec<&str> = sorted.iter().map(|g| g.labels["region"].as_str()).collect();
    assert_eq!(names, ["small", "big", "fine", "none"]);
    assert_eq!(sorted[0].budget.left, -2.0);
}

fn exclusion(from: Timestamp, to: Timestamp) -> Exclusion {
    Exclusion {
        from,
        to,
        reason: "maintenance".into(),
        author: "ana".into(),
    }
}

#[test]
fn policies_for_a_time_without_data() {
    let from = at("2026-11-20T00:00:00Z");
    let mut holes = track(from, seconds(MINUTE), [(100.0, 1.0); 10]);
    holes.slots[3] = None;
    holes.slots[8] = None;
    holes.slots[9] = None;
    let now = holes.to();
    let sums = |policy| {
        let counted = holes.prepare(policy, &[]);
        let as_of = counted.as_of(now);
        let events = counted.last(seconds(4 * MINUTE), as_of);
        let all = counted.window(from, now);
        (as_of, events.total, events.bad, all.total, all.bad)
    };
    assert_eq!(sums(NoData::Ignore), (now, 200.0, 2.0, 700.0, 7.0));
    // Two of the last four minutes are unknown: their usual hundred all count as bad.
    assert_eq!(sums(NoData::Bad), (now, 400.0, 202.0, 1000.0, 307.0));
    // The clock stands at the eighth minute.
    let held = from.plus(seconds(8 * MINUTE).duration());
    assert_eq!(sums(NoData::Hold), (held, 400.0, 4.0, 700.0, 7.0));

    let nothing = Track {
        slots: vec![None; 10],
        ..holes.clone()
    };
    let known = |policy| nothing.prepare(policy, &[]).answers(from, now);
    assert_eq!(
        [NoData::Ignore, NoData::Bad, NoData::Hold].map(known),
        [false, true, false]
    );
    let bad = nothing.prepare(NoData::Bad, &[]).window(from, now);
    assert_eq!((bad.total, bad.bad), (10.0, 10.0));
    // What is excluded is not missed.
    let cut = nothing.prepare(NoData::Bad, &[exclusion(from, now)]);
    assert_eq!(cut.window(from, now), Events::default());
    assert!(!cut.answers(from, now));
}

#[test]
fn a_slot_belongs_to_where_its_middle_lies() {
    let track = track(
        Timestamp::EPOCH,
        seconds(60),
        [(1.0, 0.0), (10.0, 0.0), (100.0, 0.0)],
    );
    let counted = track.prepare(NoData::Ignore, &[]);
    let total = |from, to| counted.window(moment(from), moment(to)).total;
    assert_eq!(total(0, 180), 111.0);
    assert_eq!((total(30, 180), total(31, 180)), (111.0, 110.0));
    assert_eq!((total(0, 90), total(0, 91)), (1.0, 11.0));
    assert_eq!((total(31, 89), total(89, 91)), (0.0, 10.0));
}

#[test]
fn slices_of_time() {
    let from = at("2026-11-20T00:00:00Z");
    let mut slots = vec![(100.0, 5.0), (100.0, 6.0), (0.0, 0.0), (10.0, 10.0)];
    slots.extend([(100.0, 0.0), (100.0, 10.0)]);
    let mut track = track(from, seconds(30), slots);
    let minutes = track.sliced(seconds(30), 0.95).unwrap();
    let bad: Vec<f64> = minutes.slots.iter().flatten().map(|e| e.bad).collect();
    assert_eq!(bad, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    let minutes = track.sliced(seconds(60), 0.95).unwrap();
    let bad: Vec<f64> = minutes.slots.iter().flatten().map(|e| e.bad).collect();
    assert_eq!(bad, [1.0, 1.0, 0.0], "exactly 95 % keeps");
    track.slots[0] = None;
    track.slots[1] = None;
    assert_eq!(track.sliced(seconds(60), 0.95).unwrap().slots[0], None);
    assert!(track.sliced(seconds(45), 0.95).is_err());
}

#[test]
fn grids_must_agree() {
    let a = track(Timestamp::EPOCH, seconds(60), [(1.0, 0.0)]);
    let b = track(Timestamp::EPOCH, seconds(30), [(1.0, 0.0)]);
    assert!(Track::sum(&[a, b]).is_err());
    assert!(Track::sum(&[]).unwrap().slots.is_empty());
}

/// One event: when, and whether it was bad.
type Single = (u64, bool);

fn traffic(seed: u64, span: u64, bursts: u32) -> Vec<Single> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut events = Vec::new();
    for _ in 0..bursts {
        let begin = random.random_range(0..span);
        let length = random.random_range(1..span / 4);
        let share = if random.random_bool(0.3) { 0.5 } else { 0.01 };
        for _ in 0..random.random_range(0..400) {
            let when = begin + random.random_range(0..length);
            if when < span {
                events.push((when, random.random_bool(share)));
            }
        }
    }
    events
}

fn binned(events: &[Single], step: u64, slots: u64) -> Track {
    let mut bins = vec![(0.0, 0.0); slots as usize];
    for (when, bad) in events {
        let bin = &mut bins[(when / step) as usize];
        bin.0 += 1.0;
        bin.1 += f64::from(u8::from(*bad));
    }
    track(Timestamp::EPOCH, seconds(step), bins)
}

fn moment(second: u64) -> Timestamp {
    Timestamp::EPOCH.plus(seconds(second).duration())
}

proptest! {
    #[test]
    fn windows_and_exclusions_are_those_of_a_plain_count(
        seed in any::<u64>(),
        a in 0_u64..120,
        b in 0_u64..120,
        cuts in prop::collection::vec((0_u64..120, 1_u64..20), 0..4),
    ) {
        let step = 60;
        let events = traffic(seed, 120 * step, 12);
        let track = binned(&events, step, 120);
        let exclusions: Vec<Exclusion> = cuts
            .iter()
            .map(|(from, n)| exclusion(moment(from * step), moment((from + n) * step)))
            .collect();
        let counted = track.prepare(NoData::Ignore, &exclusions);
        let (from, to) = (a.min(b) * step, a.max(b) * step);
        let cut = |when: u64| {
            cuts.iter().any(|(f, n)| (f * step..(f + n) * step).contains(&when))
        };
        let inside: Vec<&Single> = events.iter().filter(|(w, _)| (from..to).contains(w)).collect();
        let kept = inside.iter().filter(|(w, _)| !cut(*w));
        let (mut total, mut bad) = (0.0, 0.0);
        for (_, was_bad) in kept {
            total += 1.0;
            bad += f64::from(u8::from(*was_bad));
        }
        let found = counted.window(moment(from), moment(to));
        prop_assert_eq!((found.total, found.bad), (total, bad));
        let excluded = counted.excluded(moment(from), moment(to));
        prop_assert_eq!(excluded.total + total, inside.len() as f64);
    }

    #[test]
    fn neighbouring_stretches_share_no_slot_and_miss_none(
        seed in any::<u64>(),
        edges in prop::collection::vec(0_u64..7_200, 0..12),
    ) {
        let events = traffic(seed, 7_200, 8);
        let track = binned(&events, 60, 120);
        let counted = track.prepare(NoData::Ignore, &[]);
        let mut edges = edges;
        edges.extend([0, 7_200]);
        edges.sort_unstable();
        let parts: Events = edges
            .windows(2)
            .map(|w| counted.window(moment(w[0]), moment(w[1])))
            .sum();
        prop_assert_eq!(parts, counted.window(moment(0), moment(7_200)));
        prop_assert_eq!(parts.total, events.len() as f64);
    }

    #[test]
    fn sums_do_not_depend_on_the_order_even_of_fractions(
        counts in prop::collection::vec((0.0_f64..1e6, 0.0_f64..1.0), 1..200),
    ) {
        let events: Vec<Events> = counts.iter().map(|(n, s)| Events::of(*n, n * s)).collect();
        let forth: Events = events.iter().copied().sum();
        let back: Events = events.iter().rev().copied().sum();
        prop_assert_eq!(forth, back);
        let left: Events = events.iter().step_by(2).copied().sum();
        let right: Events = events.iter().skip(1).step_by(2).copied().sum();
        prop_assert_eq!(left + right, forth);
    }

    #[test]
    fn no_grid_does_harm(
        from in any::<i64>(),
        step in prop_oneof![any::<u64>(), 0_u64..100_000],
        n in 0_usize..50,
        a in any::<i64>(),
        b in any::<i64>(),
        policy in prop::sample::select(vec![NoData::Bad, NoData::Ignore, NoData::Hold]),
    ) {
        let step = deckwatch_domain::Span::from_millis(step);
        let mut track = track(Timestamp::from_millis(from), step, vec![(10.0, 1.0); n]);
        track.slots.push(None);
        let (a, b) = (Timestamp::from_millis(a), Timestamp::from_millis(b));
        let objective = deckwatch_slo::Objective { no_data: policy, ..plain() };
        let counted = objective.prepare(&track, &[exclusion(a, b)]);
        objective.decide(&counted, b);
        objective.rolling(&counted, b);
        let ledger = objective.ledger(&counted, b, &[], &[], 5);
        let span = ledger.span.clone();
        for horizon in [
            deckwatch_slo::ledger::Horizon::Rolling,
            deckwatch_slo::ledger::Horizon::Period { span, allowed: ledger.allowed },
        ] {
            objective.forecast(&counted, b, step, &horizon);
        }
        objective.report(&[track], a, b, &[], &[]).unwrap();
        deckwatch_slo::Grid::covering(a, b, step).moments();
    }

    #[test]
    fn nonsense_counts_as_nothing(total in any::<f64>(), bad in any::<f64>()) {
        let events = Events::of(total, bad);
        prop_assert!(events.total >= 0.0 && events.total.is_finite());
        prop_assert!((0.0..=events.total).contains(&events.bad));
        let budget = Budget::of(events, target(0.999));
        prop_assert!(budget.left <= 1.0 && !budget.left.is_nan());
    }
}
