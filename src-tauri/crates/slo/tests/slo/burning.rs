//! Pairs of windows, thresholds and the decision to alert.

use deckwatch_domain::Timestamp;
use deckwatch_slo::burn::{Decision, Need, Pair, Severity, State, lower_bound};
use deckwatch_slo::{Events, NoData, Objective, Target, Track};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{DAY, HOUR, MINUTE, at, one, plain, seconds, track};

fn target(share: f64) -> Target {
    Target::new(share).unwrap()
}

fn factors(days: u64) -> Vec<f64> {
    let pairs = Pair::usual(seconds(days * DAY));
    pairs
        .iter()
        .map(|p| (p.factor * 1e4).round() / 1e4)
        .collect()
}

#[test]
fn the_usual_pairs() {
    let pairs = Pair::usual(seconds(30 * DAY));
    let windows: Vec<(u64, u64)> = pairs
        .iter()
        .map(|p| (p.long.as_millis() / 60_000, p.short.as_millis() / 60_000))
        .collect();
    assert_eq!(windows, [(60, 5), (360, 30), (1440, 120), (4320, 360)]);
    let severities: Vec<&str> = pairs.iter().map(|p| p.severity.word()).collect();
    assert_eq!(severities, ["page", "page", "ticket", "ticket"]);
    assert_eq!(factors(30), [14.4, 6.0, 3.0, 1.0]);
    assert_eq!(factors(28), [13.44, 5.6, 2.8, 0.9333]);
    assert_eq!(factors(7), [3.36, 1.4, 0.7, 0.2333]);
    assert_eq!(factors(90), [43.2, 18.0, 9.0, 3.0]);
    let formulas = pairs.iter().map(|p| p.formula(seconds(30 * DAY)));
    let formulas: Vec<String> = formulas.collect();
    assert_eq!(
        formulas,
        [
            "14.4 = 2 % · 30d / 1h",
            "6 = 5 % · 30d / 6h",
            "3 = 10 % · 30d / 1d",
            "1 = 10 % · 30d / 3d"
        ]
    );
}

#[test]
fn a_pair_that_can_never_alert_is_refused_and_another_offered() {
    let pair = Pair::usual(seconds(30 * DAY))[0];
    let refused = pair.check(target(0.9), seconds(30 * DAY)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "page at ×14.4 over 1h and 5m: 14.4 · (1 − 90 %) = 1.44: even if every event is bad \
         the pace is only ×10, so it can never alert; page at ×4.8 over 3h and 15m would do"
    );
    // Exactly at the limit: all events bad is as fast as the pair, and not faster.
    let edge = Pair {
        factor: 10.0,
        ..pair
    };
    assert!(edge.check(target(0.9), seconds(30 * DAY)).is_err());
    let below = Pair {
        factor: 9.99,
        ..pair
    };
    assert!(below.check(target(0.9), seconds(30 * DAY)).is_ok());
    let (kept, refused) = Objective {
        target: target(0.9),
        ..plain()
    }
    .pairs();
    assert_eq!((kept.len(), refused.len()), (3, 1));
    let day = pair.check(target(0.999), seconds(DAY / 24)).unwrap_err();
    assert!(day.reason.contains("no shorter than the period"), "{day}");
}

/// The chance of at least `k` of `n` at a share, summed term by term from the end that does not
/// vanish.
fn tail(k: u64, n: u64, share: f64) -> f64 {
    let chance = |from: u64, share: f64| {
        let mut term = (1.0 - share).powi(n as i32);
        let mut sum = 0.0;
        for i in 0..from {
            sum += term;
            term *= (n - i) as f64 / (i + 1) as f64 * share / (1.0 - share);
        }
        sum
    };
    if share > 0.5 {
        chance(n - k + 1, 1.0 - share)
    } else {
        1.0 - chance(k, share)
    }
}

#[test]
fn clopper_and_pearson() {
    // Tables of the exact binomial interval, 95 %.
    for (bad, total, wanted) in [
        (1.0, 1.0, 0.025),
        (1.0, 10.0, 0.002_529),
        (5.0, 10.0, 0.187_086),
        (10.0, 10.0, 0.691_503),
        (9.0, 36.0, 0.121_2),
        (20.0, 100.0, 0.126_656),
        (2.0, 2.0, 0.158_114),
    ] {
        let found = lower_bound(bad, total);
        assert!(
            (found - wanted).abs() < 1e-5 * 5.0,
            "{bad}/{total}: {found}"
        );
    }
    assert_eq!(lower_bound(0.0, 10.0), 0.0);
    assert_eq!(lower_bound(0.9, 10.0), 0.0, "less than one event");
    assert_eq!(lower_bound(1.9, 10.0), lower_bound(1.0, 10.0));
    // Rare events are as good as Poisson: half the 2.5 % point of χ² with 20 degrees of freedom.
    let rare = lower_bound(10.0, 1e9) * 1e9;
    assert!((rare - 4.795_389).abs() < 1e-3, "{rare}");
    for nonsense in [f64::NAN, f64::INFINITY, -1.0] {
        assert!(lower_bound(nonsense, nonsense).is_finite());
        assert!(lower_bound(3.0, nonsense).is_finite());
    }
}

#[test]
fn the_bound_goes_over_into_its_approximation_without_a_step() {
    for total in [20_000.0, 1e6, 1e9] {
        let (exact, near) = (lower_bound(5_000.0, total), lower_bound(5_001.0, total));
        assert!(near > exact && near < exact * 1.001, "{exact} {near}");
    }
}

proptest! {
    #[test]
    fn the_bound_is_where_the_tail_is_two_and_a_half_percent(n in 1_u64..400, part in 0.0_f64..1.0) {
        let k = 1 + (part * (n - 1) as f64) as u64;
        let bound = lower_bound(k as f64, n as f64);
        prop_assert!((tail(k, n, bound) - 0.025).abs() < 1e-6, "{} of {}: {}", k, n, bound);
    }

    #[test]
    fn the_fewest_that_alert_do_and_one_less_does_not(
        share in 0.94_f64..0.9999,
        per_minute in 1.0_f64..300.0,
        night in 0.0_f64..1.0,
    ) {
        let objective = Objective { target: target(share), ..plain() };
        let quiet = (per_minute * night).floor();
        let with = |bad: f64| {
            // All bad events in the last five minutes, as far as they have room.
            let mut track = history(per_minute.floor(), 0.0, &[(quiet, 0.0); 60]);
            let n = track.slots.len();
            let mut left = bad;
            for slot in track.slots[n - 60..].iter_mut().rev() {
                *slot = Some(Events::of(quiet, left.min(quiet)));
                left = (left - quiet).max(0.0);
            }
            first(&objective, &track)
        };
        if let Some(needed) = with(0.0).needed {
            prop_assert_eq!(with(needed).state, State::Firing);
            prop_assert_eq!(with(needed - 1.0).state, State::Quiet);
        } else {
            prop_assert_eq!(with(quiet * 60.0).state, State::Quiet);
        }
    }

    #[test]
    fn what_is_offered_works_and_spends_the_same_share(
        share in 0.01_f64..0.9999,
        days in 1_u64..400,
        which in 0_usize..4,
    ) {
        let (target, period) = (target(share), seconds(days * DAY));
        let pair = Pair::usual(period)[which];
        if let Err(refused) = pair.check(target, period) {
            let offer = refused.offer;
            prop_assert!(offer.is_some() || days < 2, "{}", refused);
            if let Some(offer) = offer {
                prop_assert!(offer.check(target, period).is_ok(), "{}", refused);
                let share = pair.share(period).min(0.5);
                prop_assert!((offer.share(period) - share).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn one_bad_request_at_three_in_the_morning_pages_nobody(
        share in 0.5_f64..0.99999,
        others in 0_usize..500,
        days in 1_usize..30,
        which in 0_usize..500,
    ) {
        let objective = Objective { target: target(share), ..plain() };
        let minutes = days * 1440;
        let mut slots = vec![(0.0, 0.0); minutes];
        for i in 0..others {
            slots[i * 7919 % minutes].0 += 1.0;
        }
        let when = minutes - 1 - which.min(minutes - 1) % 5;
        slots[when] = (1.0, 1.0);
        let track = track(Timestamp::EPOCH, seconds(MINUTE), slots);
        let counted = objective.prepare(&track, &[]);
        for decision in objective.decide(&counted, track.to()) {
            prop_assert_eq!(decision.state, State::Quiet, "{}", decision.words);
        }
    }
}

/// 30 days of `per_minute` events of which `usual` are bad, and then minutes of another share.
fn history(per_minute: f64, usual: f64, ending: &[(f64, f64)]) -> Track {
    let mut slots = vec![(per_minute, per_minute * usual); 30 * 1440];
    let n = slots.len();
    slots[n - ending.len()..].copy_from_slice(ending);
    track(at("2026-11-01T00:00:00Z"), seconds(MINUTE), slots)
}

fn first(objective: &Objective, track: &Track) -> Decision {
    let counted = objective.prepare(track, &[]);
    objective.decide(&counted, track.to()).remove(0)
}

#[test]
fn an_outage_pages_and_says_why() {
    let objective = plain();
    let decision = first(&objective, &history(100.0, 0.0, &[(100.0, 2.0); 60]));
    assert!(decision.pages());
    assert_eq!(decision.long.pace.map(f64::round), Some(20.0));
    assert_eq!(
        decision.words,
        "Pages: 2 % of 6,000 events in the last 1h were bad, 20 times the pace that spends the \
         budget exactly, and 20 times in the last 5m; above ×14.4 alerts. These are 120 bad, 106 \
         would have been enough; even the lower bound of their share, 1.66 %, is above 1.44 %. \
         At this pace it is gone in 1d 11h."
    );
    assert!(decision.conditions.iter().all(|c| c.holds));
}

#[test]
fn each_reason_to_stay_quiet_is_said() {
    let objective = plain();
    let quiet = |track: &Track, need: Need, said: &str| {
        let decision = first(&objective, track);
        assert_eq!(decision.state, State::Quiet);
        let failed = decision.conditions.iter().find(|c| !c.holds).unwrap();
        assert_eq!(failed.need, need, "{}", decision.words);
        assert_eq!(decision.words, said);
    };
    quiet(
        &history(100.0, 0.0, &[(100.0, 1.0); 60]),
        Need::LongPace,
        "Quiet: 1 % of 6,000 events in the last 1h were bad, ×10; above ×14.4 alerts.",
    );
    let mut stopped = vec![(100.0, 3.0); 55];
    stopped.extend([(100.0, 0.0); 5]);
    quiet(
        &history(100.0, 0.0, &stopped),
        Need::ShortPace,
        "Quiet: ×27.5 over 1h, but ×0 in the last 5m: it has stopped.",
    );
    // A busy service in a quiet hour.
    let mut night = vec![(1.0, 0.0); 60];
    night[58] = (1.0, 1.0);
    night[59] = (1.0, 1.0);
    quiet(
        &history(1000.0, 0.0, &night),
        Need::BudgetSpent,
        "Quiet: 2 bad of 60 events in the last 1h is ×33.3, but 2 % of the period's budget is \
         863 bad, so that many it takes.",
    );
    // A quiet service: its budget is three events.
    let mut slots = vec![(0.0, 0.0); 60];
    slots[57] = (30.0, 0.0);
    slots[58] = (1.0, 1.0);
    quiet(
        &history(0.05, 0.0, &slots),
        Need::FewestBad,
        "Quiet: 1 bad of 31 events in the last 1h is ×32.3, but one bad event is no rate; it takes 3.",
    );
    slots[58] = (2.0, 2.0);
    quiet(
        &history(0.05, 0.0, &slots),
        Need::LowerBound,
        "Quiet: 2 bad of 32 events in the last 1h is ×62.5, but so few may be chance: surely bad \
         are only 0.77 %, and above 1.44 % alerts.",
    );
    let empty = first(&objective, &history(100.0, 0.0, &[(0.0, 0.0); 60]));
    assert_eq!(empty.words, "Quiet: no event in the last 1h.");
    assert_eq!((empty.needed, empty.long.pace), (None, None));
}

#[test]
fn the_table_says_how_many_it_takes() {
    // Seven million requests a month: 2 % of a budget of 3,500 is 70.
    let objective = Objective {
        target: target(0.9995),
        ..plain()
    };
    let mut track = history(7e6 / 43_200.0, 0.0, &[]);
    // A quiet hour, in which fewer than 70 would be above the pace.
    let n = track.slots.len();
    track.slots[n - 60..].fill(Some(Events::of(50.0, 0.0)));
    let decision = first(&objective, &track);
    assert_eq!(decision.needed, Some(70.0));
}

#[test]
fn without_data_there_is_no_answer() {
    let objective = plain();
    let mut track = history(100.0, 0.0, &[]);
    let n = track.slots.len();
    track.slots[n - 60..].fill(None);
    let decision = first(&objective, &track);
    assert_eq!(decision.state, State::NoData);
    assert!(
        decision
            .words
            .starts_with("Nothing is known of the last 5m")
    );

    // Ten minutes of silence in the middle of an outage are not its end.
    let mut outage = history(100.0, 0.0, &[(100.0, 5.0); 60]);
    outage.slots[n - 10..].fill(None);
    assert_eq!(first(&objective, &outage).state, State::NoData);
    outage.slots[n - 1] = Some(Events::of(0.0, 0.0));
    let quiet = first(&objective, &outage);
    assert_eq!(
        quiet.words,
        "Quiet: ×50 over 1h, but no event in the last 5m."
    );

    let bad = Objective {
        no_data: NoData::Bad,
        ..plain()
    };
    assert!(first(&bad, &track).pages());
    // Held still, the answer is the one of an hour ago, firing or not.
    let hold = Objective {
        no_data: NoData::Hold,
        ..plain()
    };
    let held = first(&hold, &track);
    assert_eq!(
        (held.state, held.as_of),
        (State::Quiet, track.start(n - 60))
    );
    track.slots[n - 120..n - 60].fill(Some(Events::of(100.0, 5.0)));
    assert!(first(&hold, &track).pages());
    assert_eq!(first(&objective, &track).state, State::NoData);
}

#[test]
fn a_short_history_is_projected() {
    let objective = plain();
    // Three days: what is known is a tenth of the period.
    let slots = vec![(100.0, 0.0); 3 * 1440];
    let track = track(at("2026-11-01T00:00:00Z"), seconds(MINUTE), slots);
    let decision = first(&objective, &track);
    assert_eq!(decision.period_total, 4_320_000.0);
    assert_eq!(decision.history, seconds(3 * DAY));
}

#[test]
fn a_service_that_is_new_is_projected_from_when_it_began() {
    // The same three days on a grid of thirty: of the rest nothing is known.
    let mut track = history(100.0, 0.0, &[]);
    track.slots[..27 * 1440].fill(None);
    let decision = first(&plain(), &track);
    assert_eq!(
        (decision.period_total, decision.history),
        (4_320_000.0, seconds(3 * DAY))
    );
    // Six busy hours are known, and a quiet one: ten bad would be a lot for them, not for a month.
    let mut night = vec![(1.0, 0.0); 60];
    night[50..].fill((1.0, 1.0));
    let mut track = history(100.0, 0.0, &night);
    let n = track.slots.len();
    track.slots[..n - 420].fill(None);
    let decision = first(&plain(), &track);
    assert_eq!(decision.state, State::Quiet);
    assert!(
        decision
            .words
            .contains("2 % of the period's budget is 75 bad"),
        "{}",
        decision.words
    );
}

#[test]
fn lines_are_windows_at_moments() {
    let objective = plain();
    let track = history(100.0, 0.0, &[(100.0, 1.0); 60]);
    let counted = objective.prepare(&track, &[]);
    let now = track.to();
    let line = objective.burn_line(&counted, seconds(HOUR), now, seconds(1800), 4);
    let paces: Vec<f64> = line.iter().map(|p| p.pace.unwrap().round()).collect();
    assert_eq!(paces, [0.0, 0.0, 5.0, 10.0]);
    assert_eq!(line[3].at, now);
    let counts = counted.counts(now, seconds(1800), 3);
    let bad: Vec<f64> = counts.iter().map(|(_, e)| e.bad).collect();
    assert_eq!(bad, [0.0, 30.0, 30.0]);
    let left = objective.rolling_line(&counted, now, seconds(HOUR), 2);
    assert_eq!(left[0].1.left, 1.0);
    assert_eq!(left[1].1, objective.rolling(&counted, now).budget);
}

#[test]
fn alerts_that_wake_for_nothing_are_doubted() {
    let week =
        one("name: a\nservice: b\ntarget: 90%\nperiod: 7d\nindicator: {ratio: {bad: x, total: y}}");
    let doubts = week.doubts();
    assert_eq!(doubts.len(), 2, "{doubts:#?}");
    assert_eq!(
        doubts[0],
        "ticket at ×0.7 over 1d and 2h: a pace of ×0.7 would leave 30 % of the budget at the end \
         of 7d; it alerts although the objective is kept"
    );
    assert!(plain().doubts().is_empty());
}

#[test]
fn decisions_are_those_of_a_plain_count() {
    let objective = plain();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (mut fired, mut quiet) = (0, 0);
    for _ in 0..60 {
        // Single events with their second, over a day; the last part of it in trouble.
        let day = DAY;
        let trouble = random.random_range(0..2 * HOUR);
        let share = [0.0, 0.01, 0.03, 0.5][random.random_range(0..4)];
        let n = random.random_range(100..40_000);
        let events: Vec<(u64, bool)> = (0..n)
            .map(|_| {
                let when = random.random_range(0..day);
                let bad = when >= day - trouble && random.random_bool(share);
                (when, bad)
            })
            .collect();
        let mut slots = vec![(0.0, 0.0); (day / MINUTE) as usize];
        for (when, bad) in &events {
            let slot = &mut slots[(when / MINUTE) as usize];
            slot.0 += 1.0;
            slot.1 += f64::from(u8::from(*bad));
        }
        let track = track(Timestamp::EPOCH, seconds(MINUTE), slots);
        let counted = objective.prepare(&track, &[]);
        for decision in objective.decide(&counted, track.to()) {
            let count = |window: u64| {
                let since = day.saturating_sub(window);
                let inside = events.iter().filter(|(when, _)| *when >= since);
                let bad = inside.clone().filter(|(_, bad)| *bad).count();
                (inside.count() as f64, bad as f64)
            };
            let pair = decision.pair;
            let (total, bad) = count(pair.long.as_millis() / 1000);
            let (short_total, short_bad) = count(pair.short.as_millis() / 1000);
            let month = n as f64 * 30.0;
            let fires = bad / total > pair.factor * 0.001
                && short_bad / short_total > pair.factor * 0.001
                && bad >= 2.0
                && bad >= pair.share(seconds(30 * DAY)) * 0.001 * month - 0.005
                && tail(bad as u64, total as u64, pair.factor * 0.001) < 0.025;
            let known = decision.long.events;
            assert_eq!((known.total, known.bad), (total, bad));
            assert_eq!(decision.state == State::Firing, fires, "{}", decision.words);
            if fires {
                fired += 1;
            } else {
                quiet += 1;
            }
        }
    }
    assert!(fired > 20 && quiet > 20, "{fired} {quiet}");
}

#[test]
fn few_events_come_with_advice() {
    let objective = plain();
    assert!(objective.low_traffic(10_000.0).is_none());
    let advice = objective.low_traffic(3_000.0).unwrap();
    assert_eq!(advice.allowed, 3.0);
    assert_eq!(advice.target.unwrap().share(), 0.9966);
    assert_eq!(advice.period, Some(seconds(100 * DAY)));
    assert_eq!(
        advice.words,
        "30d bring 3,000 events, of which 3 may be bad: each bad one costs 33.3 % of the budget. \
         It would help: a target of 99.66 %, or a period of 100d, or 0.16 synthetic requests a \
         minute, or counting slices of time instead."
    );
    let nothing = objective.low_traffic(0.0).unwrap();
    assert_eq!((nothing.target, nothing.period), (None, None));
    assert!(nothing.words.contains("nothing to measure"));
}

#[test]
fn presets_of_one_team_are_pairs_too() {
    let objective = one("name: a
service: b
target: 99.95%
period: 30d
indicator: {ratio: {bad: x, total: y}}
burn:
  - {severity: ticket, long: 4h, below: 99.9%}
  - {severity: page, long: 1h, below: 99%}
");
    let (pairs, refused) = objective.pairs();
    assert!(refused.is_empty());
    assert_eq!(pairs[0].severity, Severity::Ticket);
    assert!((pairs[0].bad_share(objective.target) - 0.001).abs() < 1e-12);
    assert!((pairs[1].bad_share(objective.target) - 0.01).abs() < 1e-12);
}
