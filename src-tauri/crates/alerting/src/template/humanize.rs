//! Numbers for people, to four digits.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const LARGE_1024: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

/// C's and Go's `%.4g`.
pub(super) fn four_digits(v: f64) -> String {
    if v.is_nan() {
        return "NaN".into();
    }
    if v.is_infinite() {
        return if v > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    if v == 0.0 {
        return if v.is_sign_negative() { "-0" } else { "0" }.into();
    }
    let scientific = format!("{v:.3e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if !(-4..4).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(digits), exponent.abs());
    }
    let places = usize::try_from(3 - exponent).unwrap_or(0);
    trimmed(&format!("{v:.places$}"))
}

fn scaled(v: f64, by: f64, prefixes: &[&'static str; 8]) -> (f64, &'static str) {
    let (mut v, mut prefix) = (v, "");
    for next in prefixes {
        if v.abs() < by {
            break;
        }
        prefix = next;
        v /= by;
    }
    (v, prefix)
}

fn enlarged(v: f64) -> (f64, &'static str) {
    let (mut v, mut prefix) = (v, "");
    for next in SMALL {
        if v.abs() >= 1.0 {
            break;
        }
        prefix = next;
        v *= 1000.0;
    }
    (v, prefix)
}

pub(crate) fn humanize(v: f64) -> String {
    if v == 0.0 || !v.is_finite() {
        return four_digits(v);
    }
    let (v, prefix) = match v.abs() >= 1.0 {
        true => scaled(v, 1000.0, &LARGE),
        false => enlarged(v),
    };
    format!("{}{prefix}", four_digits(v))
}

pub(super) fn humanize_1024(v: f64) -> String {
    if v.abs() <= 1.0 || !v.is_finite() {
        return four_digits(v);
    }
    let (v, prefix) = scaled(v, 1024.0, &LARGE_1024);
    format!("{}{prefix}", four_digits(v))
}

/// Seconds as days to seconds, or with a prefix below one.
pub(super) fn humanize_duration(v: f64) -> String {
    if !v.is_finite() {
        return four_digits(v);
    }
    if v == 0.0 {
        return format!("{}s", four_digits(v));
    }
    if v.abs() < 1.0 {
        let (v, prefix) = enlarged(v);
        return format!("{}{prefix}s", four_digits(v));
    }
    let sign = if v < 0.0 { "-" } else { "" };
    let v = v.abs();
    // Whole seconds; what is beyond 64 bits is as long as that.
    let whole = v as i64;
    let (seconds, minutes) = (whole % 60, whole / 60 % 60);
    let (hours, days) = (whole / 3600 % 24, whole / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four_digits(v)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, ..) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

pub(super) fn humanize_percentage(v: f64) -> String {
    format!("{}%", four_digits(v * 100.0))
}

/// Seconds since 1970 as a moment, to the millisecond, as Go prints it.
pub(super) fn moment(v: f64) -> Result<String, String> {
    let beyond = || format!("{} is no moment", four_digits(v));
    let nanos = v * 1e9;
    if !nanos.is_finite() || nanos.abs() > i64::MAX as f64 {
        return Err(beyond());
    }
    let at = Timestamp::from_millisecond(nanos as i64 / 1_000_000).map_err(|_| beyond())?;
    let at = at.to_zoned(TimeZone::UTC);
    let mut text = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let rest = at.subsec_nanosecond();
    if rest != 0 {
        let digits = format!("{rest:09}");
        text = format!("{text}.{}", digits.trim_end_matches('0'));
    }
    Ok(format!("{text} +0000 UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_those_of_c() {
        let table = [
            (1.0, "1"),
            (1000.0, "1000"),
            (9999.5, "1e+04"),
            (12_345.0, "1.234e+04"),
            (0.5, "0.5"),
            (0.000_1, "0.0001"),
            (0.000_012_345, "1.234e-05"),
            (-2.5, "-2.5"),
            (99.995, "100"),
            (1e100, "1e+100"),
        ];
        for (v, expected) in table {
            assert_eq!(four_digits(v), expected, "{v}");
        }
    }

    #[test]
    fn moments_are_printed_as_go_prints_them() {
        assert_eq!(moment(0.0).unwrap(), "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(moment(-0.5).unwrap(), "1969-12-31 23:59:59.5 +0000 UTC");
        assert!(moment(1e30).is_err() && moment(f64::NAN).is_err());
    }
}
