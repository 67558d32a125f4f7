//! When it is whose turn. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

use deckwatch_domain::{Span, Timestamp};

/// The first turn after `now`. Each key has a place of its own in the interval, the same every
/// time, so that not everything is asked at once and a restart shifts nothing.
pub(crate) fn next(key: &impl Hash, interval: Span, now: Timestamp) -> Timestamp {
    let interval = i64::try_from(interval.as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let place = i64::try_from(hasher.finish() % interval.unsigned_abs()).unwrap_or_default();
    let passed = (now.as_millis() - place).rem_euclid(interval);
    Timestamp::from_millis(now.as_millis() + interval - passed)
}

/// Whether a turn has come. One that lies further ahead than an interval is of a clock that has
/// since been set back, and has come as well.
pub(crate) fn has_come(due: Timestamp, interval: Span, now: Timestamp) -> bool {
    let ahead = due.as_millis() - now.as_millis();
    ahead <= 0 || ahead.unsigned_abs() > interval.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_770_000_000_000 + ms)
    }

    #[test]
    fn turns_are_an_interval_apart_and_spread_over_it() {
        let interval = Span::from_secs(15);
        let mut places = std::collections::BTreeSet::new();
        for key in 0..50 {
            let first = next(&key, interval, at(0));
            assert!(first > at(0) && first <= at(15_000));
            assert_eq!(next(&key, interval, first), first.plus(interval.duration()));
            // Also for whoever comes late.
            assert_eq!(
                next(
                    &key,
                    interval,
                    first.plus(std::time::Duration::from_secs(40))
                ),
                first.plus(interval.duration() * 3)
            );
            places.insert(first.as_millis() / 1000);
        }
        assert!(places.len() > 8, "{places:?}");
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nothing_up() {
        let interval = Span::from_secs(15);
        assert!(!has_come(at(5_000), interval, at(0)) && has_come(at(0), interval, at(0)));
        assert!(has_come(at(3_600_000), interval, at(0)));
    }
}
