//! Days and hours of a moment in UTC, in the calendar that reaches back before it was made.

/// A moment taken apart.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Civil {
    pub year: i64,
    /// From 1.
    pub month: i64,
    /// From 1.
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    /// Sunday is 0.
    pub weekday: i64,
    /// From 1.
    pub day_of_year: i64,
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days a month has.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The first second that Go's calendar knows; what lies before wraps around to its far end.
const FIRST_SECOND: i64 = -9_223_372_028_715_321_600;

/// Seconds since 1970 taken apart.
pub(crate) fn civil(seconds: i64) -> Civil {
    let mut wide = i128::from(seconds);
    if seconds < FIRST_SECOND {
        wide += 1 << 64;
    }
    let days = wide.div_euclid(86_400) as i64;
    let second = wide.rem_euclid(86_400) as i64;
    // Counted from 1 March of the year 0, so that the leap day ends a year; eras of 400 years
    // all have the same length.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * from_march + 2) / 153;
    let day = from_march - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let before: i64 = (1..month).map(|m| days_in_month(year, m)).sum();
    Civil {
        year,
        month,
        day,
        hour: second / 3_600,
        minute: second / 60 % 60,
        second: second % 60,
        weekday: (days + 4).rem_euclid(7),
        day_of_year: before + day,
    }
}

/// A number as whole seconds; what does not fit, or is no number, is the first second there is, as
/// on the machines that Prometheus mostly runs on.
pub(crate) fn whole_seconds(value: f64) -> i64 {
    let fits = value >= i64::MIN as f64 && value < i64::MAX as f64;
    if fits { value as i64 } else { i64::MIN }
}

/// A moment as `1970-01-01T00:00:00Z`, the milliseconds left out.
pub(crate) fn rfc3339(ms: i64) -> String {
    let c = civil(ms / 1000);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        c.year, c.month, c.day, c.hour, c.minute, c.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_taken_apart() {
        assert_eq!(rfc3339(1_136_239_445_000), "2006-01-02T22:04:05Z");
        assert_eq!(rfc3339(1_456_790_399_000), "2016-02-29T23:59:59Z");
        assert_eq!(rfc3339(-1_000), "1969-12-31T23:59:59Z");
        let new_years_eve = civil(1_483_191_420);
        assert_eq!((new_years_eve.day_of_year, new_years_eve.weekday), (366, 6));
        assert_eq!(civil(0).weekday, 4);
        assert_eq!(days_in_month(1900, 2), 28);
        assert_eq!((civil(i64::MIN).hour, civil(i64::MIN).minute), (15, 30));
        assert_eq!(civil(i64::MAX).year, 292_277_026_596);
    }
}
