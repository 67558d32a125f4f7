//! Who spent the budget, when it will be gone, and the month's report.

use deckwatch_domain::Timestamp;
use deckwatch_slo::gate::Question;
use deckwatch_slo::ledger::{Cause, CauseKind, Horizon};
use deckwatch_slo::{Events, Exclusion, NoData, Objective, Target, Track};
use proptest::prelude::*;

use crate::support::{DAY, HOUR, MINUTE, at, labels, one, plain, seconds, track};

fn monthly() -> Objective {
    one("name: availability
service: checkout
target: 99.9%
period: {calendar: month, zone: Europe/Berlin}
indicator:
  ratio: {bad: bad_total, total: all_total}
")
}

fn cause(kind: CauseKind, title: &str, from: Timestamp, to: Timestamp) -> Cause {
    Cause {
        kind,
        id: title.to_lowercase(),
        title: title.into(),
        from,
        to: Some(to),
    }
}

fn cut(from: Timestamp, to: Timestamp) -> Exclusion {
    Exclusion {
        from,
        to,
        reason: "database moved".into(),
        author: "ana".into(),
    }
}

/// November 2026 in Berlin, a hundred events a minute, none of them bad.
fn november(minutes: usize) -> Track {
    let slots = vec![(100.0, 0.0); minutes];
    track(at("2026-10-31T23:00:00Z"), seconds(MINUTE), slots)
}

fn spend(track: &mut Track, minute: usize, minutes: usize, bad: f64) {
    track.slots[minute..minute + minutes].fill(Some(Events::of(100.0, bad)));
}

#[test]
fn losses_are_put_down_to_what_happened() {
    let objective = monthly();
    let mut track = november(20 * 1440);
    let minute = |n: u64| track.from.plus(seconds(n * MINUTE).duration());
    let causes = [
        cause(CauseKind::Incident, "INC-118", minute(1000), minute(1100)),
        cause(CauseKind::Rollout, "deploy v39", minute(5000), minute(5300)),
        // An incident within the rollout: it is what people declared.
        cause(CauseKind::Incident, "INC-119", minute(5200), minute(5250)),
        cause(CauseKind::Rollout, "deploy v40", minute(9000), minute(9100)),
    ];
    let more = [cut(minute(7000), minute(7060))];
    spend(&mut track, 1000, 100, 3.0);
    spend(&mut track, 5000, 300, 2.0);
    spend(&mut track, 7000, 60, 50.0);
    spend(&mut track, 12_000, 50, 1.0);
    let now = track.to();
    let counted = objective.prepare(&track, &more);
    let ledger = objective.ledger(&counted, now, &causes, &more, 4);

    assert_eq!(ledger.span.title, "November 2026");
    assert!(!ledger.closed);
    let parts: Vec<(&str, f64, f64)> = ledger
        .parts
        .iter()
        .map(|p| (p.title.as_str(), p.bad, p.shared))
        .collect();
    assert_eq!(
        parts,
        [
            ("database moved", 3000.0, 0.0),
            ("deploy v39", 500.0, 0.0),
            ("INC-118", 300.0, 0.0),
            ("INC-119", 100.0, 100.0),
            ("unknown", 50.0, 0.0),
        ]
    );
    let whole: f64 = ledger.parts.iter().map(|p| p.bad).sum();
    assert_eq!(whole, ledger.events.bad + ledger.excluded.bad);
    // 30 days of 144,000 events, an hour left out: 4,314 may be bad. 950 were.
    assert_eq!(ledger.expected, 4_314_000.0);
    assert!((ledger.allowed - 4_314.0).abs() < 1e-6);
    assert!((ledger.left - (1.0 - 950.0 / 4_314.0)).abs() < 1e-12);
    assert_eq!(ledger.allowed_minutes, 43.2);
    let left = format!("{:.0}", ledger.left * 100.0);
    assert_eq!(left, "78");
    let horizon = Horizon::Period {
        span: ledger.span.clone(),
        allowed: ledger.allowed,
    };
    let forecast = objective.forecast(&counted, now, seconds(12 * DAY), &horizon);
    assert_eq!(
        ledger.headline(forecast.as_ref()),
        "At this pace the budget of November 2026, of which 78 % is left, loses another 0.00402 \
         points an hour. Of its points 2 incidents took 9.27 and 1 rollout took 11.6."
    );
    assert!(
        ledger
            .headline(None)
            .starts_with("Of the budget of November 2026 78 % is left.")
    );
    let line: Vec<f64> = ledger.line.iter().map(|p| p.bad).collect();
    assert_eq!(line, [0.0, 900.0, 950.0, 950.0]);
    assert_eq!(ledger.gone_at, None);
}

#[test]
fn the_ledger_only_falls_and_says_when_nothing_was_left() {
    let objective = monthly();
    let mut track = november(15 * 1440);
    spend(&mut track, 14_400, 100, 50.0);
    let counted = objective.prepare(&track, &[]);
    let ledger = objective.ledger(&counted, track.to(), &[], &[], 200);
    // 4,320 may be bad: 86.4 minutes of 50.
    assert_eq!(ledger.gone_at, Some(track.start(14_400 + 87)));
    assert!(ledger.left < 0.0);
    assert!(ledger.line.windows(2).all(|w| w[1].left <= w[0].left));
    assert_eq!(ledger.line.first().unwrap().left, 1.0);
    assert_eq!(ledger.line.last().unwrap().left, ledger.left);
    // The next month begins full; the rolling budget remembers.
    let next = at("2026-11-30T23:00:00Z");
    let fresh = objective.ledger(&counted, next, &[], &[], 0);
    assert_eq!(
        (fresh.span.title.as_str(), fresh.left),
        ("December 2026", 1.0)
    );
    assert!(objective.rolling(&counted, next).budget.left < 0.0);
}

#[test]
fn a_closed_period_is_counted_and_not_carried_on() {
    let objective = monthly();
    let mut track = november(40 * 1440);
    spend(&mut track, 0, 60, 10.0);
    // December has begun; it is not November's.
    spend(&mut track, 30 * 1440, 60, 90.0);
    let counted = objective.prepare(&track, &[]);
    let span = objective.period.around(track.from);
    let ledger = objective.ledger_of(&counted, span, track.to(), &[], &[], 0);
    assert!(ledger.closed);
    assert_eq!((ledger.events.bad, ledger.expected), (600.0, 4_320_000.0));
}

#[test]
fn planned_maintenance_brings_no_events() {
    let objective = monthly();
    let track = november(15 * 1440);
    let day = |n: u64| track.from.plus(seconds(n * DAY).duration());
    // Overlapping, partly over already, and beyond the end of the month: three days are left out.
    let more = [
        cut(day(14), day(16)),
        cut(day(15), day(17)),
        cut(day(29), day(40)),
    ];
    let counted = objective.prepare(&track, &more);
    let ledger = objective.ledger(&counted, track.to(), &[], &more, 0);
    assert_eq!(ledger.events.total, 14.0 * 144_000.0);
    assert_eq!(ledger.expected, 26.0 * 144_000.0);
}

#[test]
fn what_nobody_saw_is_told_apart() {
    let objective = Objective {
        no_data: NoData::Bad,
        ..monthly()
    };
    let mut track = november(1440);
    track.slots[100..110].fill(None);
    let counted = objective.prepare(&track, &[]);
    let ledger = objective.ledger(&counted, track.to(), &[], &[], 0);
    // Foreseen from what is counted, holes and all.
    assert_eq!(ledger.expected, 4_320_000.0);
    let unknown = &ledger.parts[0];
    assert_eq!(
        (unknown.kind, unknown.bad, unknown.unseen),
        (CauseKind::Unknown, 1000.0, 1000.0)
    );
}

#[test]
fn a_month_with_a_change_of_clocks() {
    let objective = monthly();
    // October 2026 in Berlin has 745 hours.
    let slots = vec![(60.0, 0.0); 745];
    let mut track = track(at("2026-09-30T22:00:00Z"), seconds(HOUR), slots);
    track.slots[744] = Some(Events::of(60.0, 60.0));
    let counted = objective.prepare(&track, &[]);
    let span = objective.period.around(at("2026-10-10T00:00:00Z"));
    let ledger = objective.ledger_of(&counted, span, at("2026-11-02T00:00:00Z"), &[], &[], 0);
    assert_eq!((ledger.events.total, ledger.events.bad), (44_700.0, 60.0));
    assert_eq!(ledger.allowed_minutes, 44.7);
    let report = objective
        .report(
            &[track],
            at("2026-10-10T00:00:00Z"),
            at("2026-11-02T00:00:00Z"),
            &[],
            &[],
        )
        .unwrap();
    assert_eq!(report.days.len(), 31);
    let hours: Vec<f64> = report.days.iter().map(|d| d.events.total / 60.0).collect();
    assert_eq!((hours[23], hours[24], hours[25]), (24.0, 25.0, 24.0));
    assert_eq!(report.days[24].date, "2026-10-25");
    assert_eq!(report.days.iter().map(|d| d.events.bad).sum::<f64>(), 60.0);
}

#[test]
fn a_report_tells_the_month() {
    let objective = Objective {
        by: vec!["region".into()],
        ..monthly()
    };
    let group = |name: &str, bad: f64| {
        let mut track = november(31 * 1440);
        track.labels = labels(&[("region", name)]);
        spend(&mut track, 1000, 100, bad);
        track
    };
    let mut groups = [group("eu", 50.0), group("us", 10.0)];
    for track in &mut groups {
        track.slots[2000..2060].fill(None);
    }
    let within = at("2026-11-15T00:00:00Z");
    let minute = |n: u64| groups[0].from.plus(seconds(n * MINUTE).duration());
    let causes = [cause(
        CauseKind::Incident,
        "INC-118",
        minute(950),
        minute(1200),
    )];
    let report = objective
        .report(&groups, within, minute(31 * 1440), &causes, &[])
        .unwrap();
    assert_eq!(report.kept, Some(true));
    assert_eq!(report.unknown, seconds(HOUR));
    assert_eq!(report.before, None);
    let worst = &report.groups[0];
    assert_eq!(worst.labels["region"], "eu");
    assert!(worst.budget.left < 0.0);
    assert_eq!(
        report.words,
        [
            "November 2026: 99.9 % good; 99.9 % was kept.",
            "6,000 of 8,628,000 events were bad, 8,628 may be: 30.5 % of the budget is left.",
            "0.1 % of 30d is 43.2 minutes.",
            "INC-118 took 6,000 bad, 69.5 % of the budget.",
            "The worst group is eu: -15.9 % of its budget is left.",
            "Nothing is known of 1h.",
        ]
    );
}

#[test]
fn a_forecast_has_a_band() {
    let objective = monthly();
    let mut steady = november(10 * 1440);
    spend(&mut steady, 0, 10 * 1440, 0.15);
    let now = steady.to();
    let counted = objective.prepare(&steady, &[]);
    let ledger = objective.ledger(&counted, now, &[], &[], 0);
    let horizon = Horizon::Period {
        span: ledger.span.clone(),
        allowed: ledger.allowed,
    };
    let forecast = objective
        .forecast(&counted, now, seconds(DAY), &horizon)
        .unwrap();
    // 4,320 may be bad, 2,160 were in ten days, so ten days more.
    let likely = forecast.likely.unwrap();
    let off = likely.since(now).as_secs_f64() / DAY as f64;
    assert!((off - 10.0).abs() < 0.1, "{off}");
    let (earliest, latest) = (forecast.earliest.unwrap(), forecast.latest.unwrap());
    assert!(earliest < likely && likely < latest);
    assert!((forecast.points_per_hour - 9.0 / 4320.0).abs() < 1e-4);
    assert!(
        forecast.words.contains("it is gone at 2026-11-2"),
        "{}",
        forecast.words
    );

    // As many bad events, in two bursts: the band is wider.
    let mut bursts = november(10 * 1440);
    spend(&mut bursts, 9 * 1440 + 100, 20, 5.0);
    spend(&mut bursts, 9 * 1440 + 900, 20, 5.8);
    let counted = objective.prepare(&bursts, &[]);
    let wide = objective
        .forecast(&counted, now, seconds(DAY), &horizon)
        .unwrap();
    assert!((wide.points_per_hour - forecast.points_per_hour).abs() < 1e-4);
    let sooner = |f: &deckwatch_slo::ledger::Forecast| {
        f.earliest.unwrap().since(now).as_secs_f64() / f.likely.unwrap().since(now).as_secs_f64()
    };
    assert!(sooner(&wide) < 0.7 && sooner(&forecast) > 0.85);
    assert_eq!(wide.latest, None, "it may well last");

    let quiet = november(10 * 1440);
    let counted = objective.prepare(&quiet, &[]);
    let lasts = objective
        .forecast(&counted, now, seconds(DAY), &horizon)
        .unwrap();
    assert_eq!((lasts.likely, lasts.latest), (None, None));
    assert!(
        lasts.words.contains("it lasts to the period's end"),
        "{}",
        lasts.words
    );
    let unknown = Track {
        slots: vec![None; 100],
        ..quiet
    };
    let counted = objective.prepare(&unknown, &[]);
    assert!(
        objective
            .forecast(&counted, now, seconds(DAY), &horizon)
            .is_none()
    );
}

#[test]
fn a_rolling_budget_may_heal_before_it_is_gone() {
    let objective = plain();
    // All of what was lost was lost 29 days ago and is about to be forgotten.
    let mut track = november(30 * 1440);
    spend(&mut track, 1000, 80, 50.0);
    spend(&mut track, 30 * 1440 - 1440, 1440, 0.1);
    let now = track.to();
    let counted = objective.prepare(&track, &[]);
    let budget = objective.rolling(&counted, now).budget;
    assert!(budget.left > 0.0 && budget.left < 0.1, "{budget:?}");
    let rolling = objective
        .forecast(&counted, now, seconds(DAY), &Horizon::Rolling)
        .unwrap();
    // At 144 a day the last 176 would take 29 hours; after 18 the old losses are forgotten.
    assert_eq!(rolling.likely, None, "{}", rolling.words);
    let faster = Objective {
        target: Target::new(0.999_05).unwrap(),
        ..plain()
    };
    assert!(
        faster
            .forecast(&counted, now, seconds(DAY), &Horizon::Rolling)
            .unwrap()
            .gone
    );
}

#[test]
fn a_rolling_forecast_is_where_the_budget_really_ends() {
    let objective = plain();
    let mut past = november(30 * 1440);
    spend(&mut past, 20_000, 60, 40.0);
    spend(&mut past, 30 * 1440 - 720, 720, 1.5);
    let counted = objective.prepare(&past, &[]);
    let forecast = objective
        .forecast(&counted, past.to(), seconds(6 * HOUR), &Horizon::Rolling)
        .unwrap();
    // The same, played on.
    let mut played = past.clone();
    played
        .slots
        .extend(vec![Some(Events::of(100.0, 1.5)); 2 * 1440]);
    let counted = objective.prepare(&played, &[]);
    let gone = (0..2 * 1440).find_map(|n| {
        let at = played.start(30 * 1440 + n);
        (objective.rolling(&counted, at).budget.left <= 0.0).then_some(at)
    });
    assert!(gone.is_some());
    assert_eq!(forecast.likely, gone);
}

#[test]
fn gates_open_on_what_is_known() {
    let objective = plain();
    let stale = seconds(5 * MINUTE);
    let mut track = november(30 * 1440);
    spend(&mut track, 30 * 1440 - 60, 60, 2.0);
    let now = track.to();
    let ask = |question: Question, tracks: &[&Track], now| {
        let groups: Vec<_> = tracks.iter().map(|t| objective.prepare(t, &[])).collect();
        objective.ask(&question, &groups, now, stale)
    };
    let left = ask(Question::BudgetLeft(0.5), &[&track], now);
    assert!(left.open);
    assert_eq!(
        left.words,
        "availability has 97.2 % of its budget left, at least 50 %."
    );
    assert!(!ask(Question::BudgetLeft(0.98), &[&track], now).open);
    let page = ask(Question::NoPage, &[&track], now);
    assert!(
        !page.open && page.words.contains("availability pages. Pages: 2 % of"),
        "{}",
        page.words
    );
    let window = seconds(HOUR);
    let burn = ask(
        Question::BurnBelow {
            factor: 10.0,
            window,
        },
        &[&track],
        now,
    );
    assert_eq!(
        burn.words,
        "availability burns at ×20 over 1h, no slower than 10."
    );
    assert!(
        ask(
            Question::BurnBelow {
                factor: 21.0,
                window
            },
            &[&track],
            now
        )
        .open
    );

    // The worst group decides.
    let mut fine = november(30 * 1440);
    fine.labels = labels(&[("region", "eu")]);
    let both = ask(Question::BudgetLeft(0.98), &[&fine, &track], now);
    assert!(!both.open);
    // Old data, no data and nonsense keep it shut.
    let later = now.plus(seconds(6 * MINUTE).duration());
    for question in [Question::BudgetLeft(-5.0), Question::NoPage] {
        let old = ask(question, &[&fine], later);
        assert!(!old.open && old.words.contains("6m old"), "{}", old.words);
        assert!(!ask(question, &[], now).open);
    }
    assert!(!ask(Question::BudgetLeft(f64::NAN), &[&fine], now).open);
    let empty = Track {
        slots: vec![Some(Events::default()); 43_200],
        ..fine.clone()
    };
    assert!(!ask(Question::BudgetLeft(0.1), &[&empty], now).open);
    let mut silent = fine.clone();
    silent.slots[43_000..].fill(None);
    let said = ask(Question::NoPage, &[&fine, &silent], now);
    assert!(
        said.open && said.words.ends_with("One group is silent."),
        "{}",
        said.words
    );
}

proptest! {
    #[test]
    fn parts_are_exactly_the_whole(
        slots in prop::collection::vec(prop::option::of((0.0_f64..1e4, 0.0_f64..1.0)), 1..300),
        spans in prop::collection::vec((0_u8..3, 0_u64..18_000, 1_u64..6_000), 0..8),
        policy in prop::sample::select(vec![NoData::Bad, NoData::Ignore, NoData::Hold]),
        window in (0_u64..20_000, 0_u64..20_000),
    ) {
        let objective = Objective { no_data: policy, ..plain() };
        let from = at("2026-11-01T00:00:00Z");
        let mut track = track(from, seconds(MINUTE), []);
        track.slots = slots.iter().map(|s| s.map(|(n, share)| Events::of(n, n * share))).collect();
        let moment = |second: u64| from.plus(seconds(second).duration());
        let (mut causes, mut more) = (Vec::new(), Vec::new());
        for (kind, start, length) in &spans {
            let (a, b) = (moment(*start), moment(start + length));
            match kind {
                0 => more.push(cut(a, b)),
                1 => causes.push(cause(CauseKind::Incident, &format!("I{start}"), a, b)),
                _ => causes.push(cause(CauseKind::Rollout, &format!("R{start}"), a, b)),
            }
        }
        let counted = objective.prepare(&track, &more);
        let mut span = objective.period.around(moment(window.0.max(window.1)));
        span.from = moment(window.0.min(window.1));
        let ledger = objective.ledger_of(&counted, span, moment(30_000), &causes, &more, 5);
        let parts: f64 = ledger.parts.iter().map(|p| p.bad).sum();
        prop_assert_eq!(parts, ledger.events.bad + ledger.excluded.bad);
        let cut: f64 = ledger.parts.iter().filter(|p| p.kind == CauseKind::Exclusion).map(|p| p.bad).sum();
        prop_assert_eq!(cut, ledger.excluded.bad);
        prop_assert!(ledger.parts.iter().all(|p| p.shared <= p.bad && p.unseen <= p.bad));
    }
}
