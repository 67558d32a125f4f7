//! Lengths of time as PromQL writes them: `1h30m`, `10s53ms`, `2w`.

use crate::text::quote;

/// Units from the longest to the shortest, in milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The longest length that Prometheus can hold (63 bits of nanoseconds), in milliseconds.
const LONGEST_MS: i64 = i64::MAX / 1_000_000;

/// Reads a length of time in milliseconds. Units go from long to short, each at most once; `0`
/// needs none.
///
/// # Errors
/// The sentence that Prometheus prints.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    match text {
        "0" => return Ok(0),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let not_valid = || format!("not a valid duration string: {}", quote(text));
    let mut rest = text;
    let mut total: i64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(not_valid());
        }
        let count: u64 = rest[..digits].parse().map_err(|_| not_valid())?;
        rest = &rest[digits..];
        let length = rest.bytes().take_while(|b| !b.is_ascii_digit()).count();
        if length == 0 {
            return Err(not_valid());
        }
        let unit = &rest[..length];
        rest = &rest[length..];
        let Some(at) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!(
                "unknown unit {} in duration {}",
                quote(unit),
                quote(text)
            ));
        };
        if at < next_unit {
            return Err(not_valid());
        }
        next_unit = at + 1;
        total = i64::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(UNITS[at].1))
            .and_then(|ms| ms.checked_add(total))
            .filter(|ms| *ms <= LONGEST_MS)
            .ok_or("duration out of range")?;
    }
    Ok(total)
}

/// Writes a length of time: years and weeks only where nothing remains of them.
pub fn format_duration(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    let mut rest = ms.unsigned_abs();
    if ms < 0 {
        out.push('-');
    }
    for (name, length) in UNITS {
        let length = length.unsigned_abs();
        if matches!(name, "y" | "w") && !rest.is_multiple_of(length) {
            continue;
        }
        if rest >= length {
            out.push_str(&format!("{}{name}", rest / length));
            rest %= length;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read() {
        for (text, ms) in [
            ("0", 0),
            ("1h30m", 5_400_000),
            ("10s53ms", 10_053),
            ("2w", 14 * 86_400_000),
            ("1y", 365 * 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for (text, why) in [
            ("", "empty duration string"),
            ("1", "not a valid duration string: \"1\""),
            ("1m1h", "not a valid duration string: \"1m1h\""),
            ("1m1m", "not a valid duration string: \"1m1m\""),
            ("-1m", "not a valid duration string: \"-1m\""),
            ("1q", "unknown unit \"q\" in duration \"1q\""),
            ("300y", "duration out of range"),
        ] {
            assert_eq!(parse_duration(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn lengths_are_written() {
        for (ms, text) in [
            (0, "0s"),
            (5_400_000, "1h30m"),
            (90 * 86_400_000, "90d"),
            (14 * 86_400_000, "2w"),
            (-1_500, "-1s500ms"),
        ] {
            assert_eq!(format_duration(ms), text);
        }
    }
}
