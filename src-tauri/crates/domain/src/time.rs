//! Moments and spans. A moment is always passed in; nothing here asks what time it is.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment on the wall clock, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Written as RFC 3339 in UTC with three decimals, so that exported records sort as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, ts_rs::TS)]
#[ts(type = "string")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The epoch itself; also what "never" sorts as.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// From milliseconds since the epoch, held to what a calendar can print (years 1–9999).
    pub fn from_millis(millis: i64) -> Self {
        Timestamp(millis.clamp(-62_135_596_800_000, 253_402_207_200_000))
    }

    /// Milliseconds since the epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// This moment, `span` later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.0.saturating_add(millis))
    }

    /// This moment, `span` earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.0.saturating_sub(millis))
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// For sentences, to the minute: `2026-11-03 04:30 UTC`.
    pub fn words(self) -> String {
        self.to_jiff().strftime("%Y-%m-%d %H:%M UTC").to_string()
    }

    /// The time of day in UTC, `14:32:07`: for tables whose date is said elsewhere.
    pub fn clock(self) -> String {
        self.to_jiff().strftime("%H:%M:%S").to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Timestamp::from_millis(t.as_millisecond()))
            .map_err(|e| format!("`{text}` is not a time such as 2026-03-01T14:32:07Z: {e}"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A length of time as people write it in plans: `30s`, `5m`, `1h 30m`, `500ms`, `2d`.
///
/// Never negative; whole milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, ts_rs::TS)]
#[ts(type = "string")]
pub struct Span(u64);

impl Span {
    pub const ZERO: Span = Span(0);

    pub const fn from_millis(millis: u64) -> Self {
        Span(millis)
    }
    pub const fn from_secs(secs: u64) -> Self {
        Span(secs.saturating_mul(1000))
    }
    pub const fn as_millis(self) -> u64 {
        self.0
    }
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

/// The longest span that is read, in milliseconds: ten years.
const LONGEST: u64 = 3_660 * 86_400_000;

impl From<Duration> for Span {
    /// Held to what is read again: a span that was measured while the clock jumped must not make
    /// what it stands in unreadable.
    fn from(duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Span(millis.min(LONGEST))
    }
}

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        let mut first = true;
        for (unit, size) in UNITS {
            let count = rest / size;
            rest %= size;
            if count > 0 {
                if !first {
                    f.write_str(" ")?;
                }
                write!(f, "{count}{unit}")?;
                first = false;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a [`Span`]: numbers with units `ms`, `s`, `m`, `h`, `d`, in any number of parts.
pub fn parse_span(text: &str) -> Result<Span, String> {
    let wrong = || format!("`{text}` is not a length of time; write it like 30s, 5m, 1h 30m or 2d");
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Span::ZERO);
    }
    let mut total: u64 = 0;
    let mut any = false;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let size = UNITS
            .iter()
            .find(|(unit, _)| *unit == &rest[..letters])
            .map(|(_, size)| *size)
            .ok_or_else(wrong)?;
        total = count
            .checked_mul(size)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST)
            .ok_or_else(|| format!("`{text}` is longer than ten years"))?;
        rest = rest[letters..].trim_start();
        any = true;
    }
    if any { Ok(Span(total)) } else { Err(wrong()) }
}

impl std::str::FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_span(text)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A length of time: 500ms, 30s, 5m, 1h 30m, 2d.",
            "pattern": "^(0|([0-9]+ *(ms|s|m|h|d) *)+)$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_written_and_print_as_read() {
        for (text, millis) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("2d", 172_800_000),
            ("0", 0),
            ("0s", 0),
        ] {
            let span = parse_span(text).unwrap();
            assert_eq!(span.as_millis(), millis, "{text}");
            assert_eq!(parse_span(&span.to_string()).unwrap(), span);
        }
        for wrong in [
            "",
            "5",
            "5 parsecs",
            "-3s",
            "1.5h",
            "99999999999999999999s",
            "400000d",
        ] {
            assert!(parse_span(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn what_was_measured_is_read_again_however_long() {
        let jumped = Timestamp::from_millis(1_767_225_600_000).since(Timestamp::EPOCH);
        for measured in [Duration::ZERO, jumped, Duration::MAX] {
            let span = Span::from(measured);
            assert_eq!(parse_span(&span.to_string()), Ok(span));
        }
    }

    #[test]
    fn timestamps_are_sortable_text_with_three_decimals() {
        let t = Timestamp::from_millis(1_767_225_600_007);
        assert_eq!(t.to_string(), "2026-01-01T00:00:00.007Z");
        assert_eq!(t.to_string().parse::<Timestamp>().unwrap(), t);
        assert_eq!(
            Timestamp::from_millis(1_767_225_600_000).to_string().len(),
            24
        );
    }

    #[test]
    fn arithmetic_never_wraps() {
        let end = Timestamp::from_millis(i64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(Timestamp::EPOCH.since(end), Duration::ZERO);
        assert!(!end.to_string().is_empty());
        assert!(!Timestamp::from_millis(i64::MIN).to_string().is_empty());
    }
}
