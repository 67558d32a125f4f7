//! Weeks, months, quarters and years, where clocks change and months end.

use deckwatch_domain::Timestamp;
use deckwatch_slo::{CalendarUnit, Period, Zone};

use crate::support::{DAY, HOUR, at, seconds};

fn calendar(unit: CalendarUnit, zone: &str) -> Period {
    Period::Calendar {
        unit,
        zone: zone.parse().unwrap(),
    }
}

#[test]
fn months_have_their_own_length_and_clocks_change() {
    let berlin = calendar(CalendarUnit::Month, "Europe/Berlin");
    for (moment, title, from, to, hours) in [
        // Clocks go forward on 29 March 2026 and back on 25 October.
        (
            "2026-03-15T12:00:00Z",
            "March 2026",
            "2026-02-28T23:00:00Z",
            "2026-03-31T22:00:00Z",
            743,
        ),
        (
            "2026-10-31T22:59:59Z",
            "October 2026",
            "2026-09-30T22:00:00Z",
            "2026-10-31T23:00:00Z",
            745,
        ),
        (
            "2026-10-31T23:00:00Z",
            "November 2026",
            "2026-10-31T23:00:00Z",
            "2026-11-30T23:00:00Z",
            720,
        ),
        (
            "2026-02-28T22:59:59Z",
            "February 2026",
            "2026-01-31T23:00:00Z",
            "2026-02-28T23:00:00Z",
            672,
        ),
        (
            "2028-02-29T10:00:00Z",
            "February 2028",
            "2028-01-31T23:00:00Z",
            "2028-02-29T23:00:00Z",
            696,
        ),
        (
            "2026-12-31T23:00:00Z",
            "January 2027",
            "2026-12-31T23:00:00Z",
            "2027-01-31T23:00:00Z",
            744,
        ),
    ] {
        let span = berlin.around(at(moment));
        assert_eq!(span.title, title);
        assert_eq!((span.from, span.to), (at(from), at(to)), "{title}");
        assert_eq!(span.length(), seconds(hours * HOUR), "{title}");
    }
}

#[test]
fn weeks_quarters_and_years() {
    let week = calendar(CalendarUnit::Week, "America/New_York");
    // Sunday, 8 March 2026: clocks go forward, so the week has 167 hours.
    let span = week.around(at("2026-03-08T20:00:00Z"));
    assert_eq!(span.title, "week 10 of 2026");
    assert_eq!(span.from, at("2026-03-02T05:00:00Z"));
    assert_eq!(span.to, at("2026-03-09T04:00:00Z"));
    // The first days of 2027 are in the last week of 2026.
    assert_eq!(
        week.around(at("2027-01-03T12:00:00Z")).title,
        "week 53 of 2026"
    );

    let quarter = calendar(CalendarUnit::Quarter, "UTC");
    let span = quarter.around(at("2026-12-31T23:59:59Z"));
    assert_eq!(
        (span.title.as_str(), span.from),
        ("Q4 2026", at("2026-10-01T00:00:00Z"))
    );
    assert_eq!(span.length(), seconds(92 * DAY));
    assert_eq!(quarter.before(at("2027-01-01T00:00:00Z")).title, "Q4 2026");

    let year = calendar(CalendarUnit::Year, "Asia/Kolkata");
    let span = year.around(at("2025-12-31T18:30:00Z"));
    assert_eq!(
        (span.title.as_str(), span.from),
        ("2026", at("2025-12-31T18:30:00Z"))
    );
}

#[test]
fn a_day_may_begin_later_than_midnight() {
    // Clocks in São Paulo skipped the first hour of 4 November 2018.
    let zone: Zone = "America/Sao_Paulo".parse().unwrap();
    let (from, to) = zone.day(at("2018-11-04T12:00:00Z"));
    assert_eq!(
        (from, to),
        (at("2018-11-04T03:00:00Z"), at("2018-11-05T02:00:00Z"))
    );
    assert_eq!(zone.date(at("2018-11-04T02:59:59Z")), "2018-11-03");
}

#[test]
fn stretches_join_without_gap_or_overlap() {
    for unit in [
        CalendarUnit::Week,
        CalendarUnit::Month,
        CalendarUnit::Quarter,
        CalendarUnit::Year,
    ] {
        for zone in [
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",
            "Pacific/Apia",
        ] {
            let period = calendar(unit, zone);
            let mut moment = at("2011-01-05T00:00:00Z");
            for _ in 0..60 {
                let span = period.around(moment);
                assert!(span.from <= moment && moment < span.to, "{span:?}");
                assert_eq!(period.around(span.from), span);
                assert_eq!(period.before(span.to), span);
                assert_eq!(period.around(span.to).from, span.to);
                moment = span.to;
            }
        }
    }
}

#[test]
fn far_moments_do_no_harm() {
    for unit in [CalendarUnit::Week, CalendarUnit::Year] {
        let period = calendar(unit, "Europe/Berlin");
        for moment in [i64::MIN, i64::MAX] {
            let span = period.around(Timestamp::from_millis(moment));
            assert!(!span.title.is_empty());
        }
    }
}

#[test]
fn a_rolling_period_ends_now() {
    let period = Period::Rolling(seconds(30 * DAY));
    let now = at("2026-11-20T14:00:00Z");
    let span = period.around(now);
    assert_eq!((span.to, span.length()), (now, seconds(30 * DAY)));
    assert_eq!(period.before(now).to, span.from);
}
