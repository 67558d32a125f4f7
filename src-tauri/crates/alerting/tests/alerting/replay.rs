//! What was missed is made up for, and said to be late.

use deckwatch_alerting::replay::{Plan, Planning, plan};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn planning() -> Planning {
    Planning {
        interval_ms: MINUTE,
        offset_ms: 7_000,
        reach_ms: 48 * HOUR,
        grace_ms: 0,
        most: 10_000,
    }
}

/// The moments in seconds, `L` where one is late.
fn said(plan: &Plan) -> Vec<String> {
    let due = plan.due.iter();
    due.map(|due| format!("{}{}", due.at_ms / 1000, if due.late { "L" } else { "" }))
        .collect()
}

#[test]
fn moments_follow_one_another() {
    let table: [(Option<i64>, i64, &[&str]); 8] = [
        // Seconds since 1970. The first time, the newest moment.
        (None, 600, &["547"]),
        (None, 607, &["607"]),
        // In time.
        (Some(547), 606, &[]),
        (Some(547), 607, &["607"]),
        (Some(547), 650, &["607"]),
        // Two at once: the first is late.
        (Some(547), 670, &["607L", "667"]),
        // Another clock's moment is no reason to skip one.
        (Some(560), 670, &["607L", "667"]),
        // The clock went back.
        (Some(547), 100, &[]),
    ];
    for (last, now, expected) in table {
        let plan = plan(last.map(|s| s * 1000), now * 1000, &planning());
        assert_eq!(said(&plan), expected, "{last:?} {now}");
        assert_eq!((plan.lost, plan.more), (None, false));
    }
}

#[test]
fn eight_hours_of_sleep_lose_nothing() {
    let plan = plan(Some(7_000), 7_000 + 8 * HOUR + 20_000, &planning());
    assert_eq!(plan.due.len(), 480);
    assert!(
        plan.due
            .windows(2)
            .all(|two| two[1].at_ms - two[0].at_ms == MINUTE)
    );
    assert_eq!(plan.due.iter().filter(|due| !due.late).count(), 1);
    assert_eq!((plan.lost, plan.more), (None, false));
}

#[test]
fn what_is_beyond_reach_is_told() {
    let short = Planning {
        reach_ms: HOUR,
        ..planning()
    };
    let now = 7_000 + 3 * HOUR;
    let planned = plan(Some(7_000), now, &short);
    assert_eq!(planned.due.first().map(|d| d.at_ms), Some(7_000 + 2 * HOUR));
    assert_eq!(planned.due.len(), 61);
    assert_eq!(
        planned.lost,
        Some((7_000 + MINUTE, 7_000 + 2 * HOUR - MINUTE))
    );
    // The present can always be evaluated.
    let none = Planning {
        reach_ms: 0,
        ..planning()
    };
    assert_eq!(plan(Some(7_000), now, &none).due.len(), 1);
}

#[test]
fn a_long_time_is_planned_in_parts() {
    let few = Planning {
        most: 100,
        ..planning()
    };
    let now = 7_000 + 4 * HOUR;
    let (mut last, mut seen, mut parts) = (7_000, 0, 0);
    loop {
        let planned = plan(Some(last), now, &few);
        let Some(newest) = planned.due.last() else {
            break;
        };
        assert_eq!(planned.due[0].at_ms, last + MINUTE);
        seen += planned.due.len();
        parts += 1;
        last = newest.at_ms;
        assert_eq!(planned.more, last < now);
    }
    assert_eq!((seen, parts), (240, 3));
}

proptest! {
    #[test]
    fn nothing_is_skipped_in_silence(
        last in -10 * HOUR..HOUR, slept in 0..100 * HOUR, interval in 1..2 * HOUR, offset in -HOUR..HOUR,
        reach in 0..100 * HOUR, most in 0..500usize,
    ) {
        let planning = Planning { interval_ms: interval, offset_ms: offset, reach_ms: reach, grace_ms: 0, most };
        let now = last + slept;
        let planned = plan(Some(last), now, &planning);
        let mut next = None;
        if let Some((first, end)) = planned.lost {
            prop_assert!(first > last && (end - first) % interval == 0);
            prop_assert!(now - end > reach);
            next = Some(end + interval);
        }
        for due in &planned.due {
            prop_assert!(due.at_ms <= now && due.at_ms > last);
            prop_assert_eq!((due.at_ms - offset).rem_euclid(interval), 0);
            match next {
                Some(expected) => prop_assert_eq!(due.at_ms, expected),
                None => prop_assert!(due.at_ms - last <= interval),
            }
            next = Some(due.at_ms + interval);
        }
        if !planned.more {
            let then = next.unwrap_or(last + 1);
            prop_assert!(then > now || planned.due.is_empty() && now - last < interval);
        }
    }

    #[test]
    fn no_clock_breaks_it(last in any::<Option<i64>>(), now in any::<i64>(), interval in any::<i64>(), offset in any::<i64>(), reach in any::<i64>()) {
        let planning = Planning { interval_ms: interval, offset_ms: offset, reach_ms: reach, grace_ms: 0, most: 10 };
        prop_assert!(plan(last, now, &planning).due.len() <= 10);
    }
}
