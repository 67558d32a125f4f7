//! From counters to what happened between two looks at them. Pure.
//!
//! A counter is only ever read, never watched: it may start again from nothing because its
//! process did, appear late because nothing had happened to count, and miss looks because nobody
//! was there to look. What is derived here may fall short of what happened (what a process
//! counted between our last look and its end is lost with it), but never exceeds it.

use std::collections::BTreeMap;

use deckwatch_domain::{Span, Timestamp};

/// What a counter rose by between two looks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Increase {
    /// The look before. The increase happened after it …
    pub from: Timestamp,
    /// … and until this one. Looks that were missed make the interval longer, not the count wrong.
    pub to: Timestamp,
    pub by: f64,
    /// The counter had started again from nothing in between.
    pub reset: bool,
}

/// The increases between consecutive points, which must be in order of time.
///
/// The first point is only where counting starts. Where the value fell, the counter began again
/// and the new value is the increase. Points that are no count (NaN, infinite, negative) and
/// points that do not come after their predecessor are passed over.
pub fn increases(points: &[(Timestamp, f64)]) -> Vec<Increase> {
    let mut found = Vec::with_capacity(points.len().saturating_sub(1));
    let mut last: Option<(Timestamp, f64)> = None;
    for &(at, value) in points.iter().filter(|(_, value)| is_count(*value)) {
        if let Some((from, before)) = last {
            if at <= from {
                continue;
            }
            let reset = value < before;
            found.push(Increase {
                from,
                to: at,
                by: if reset { value } else { value - before },
                reset,
            });
        }
        last = Some((at, value));
    }
    found
}

fn is_count(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

/// Counters that live and die together (one process' counters for one release), looked at
/// together: `looks` are the moments of every successful scrape, in order.
///
/// Says by how much each counter rose between consecutive looks, by these rules:
/// - absent at one look and present at the next: it began in between, and its whole value counts;
/// - present at the first look: that is where counting starts, and nothing counts;
/// - one of them fell: their process started again, and of *all* of them the new value counts
///   (a busy counter may have risen past its old value and would hide its restart).
pub fn joint_increases<K: Ord + Clone>(
    looks: &[Timestamp],
    counters: &BTreeMap<K, Vec<(Timestamp, f64)>>,
) -> Vec<Rise<K>> {
    let at_looks: Vec<BTreeMap<&K, f64>> = looks
        .iter()
        .map(|look| {
            counters
                .iter()
                .filter_map(|(key, points)| {
                    let place = points.binary_search_by_key(look, |(at, _)| *at).ok()?;
                    Some((key, points[place].1)).filter(|(_, value)| is_count(*value))
                })
                .collect()
        })
        .collect();
    looks
        .windows(2)
        .zip(at_looks.windows(2))
        .map(|(looks, values)| {
            let (before, after) = (&values[0], &values[1]);
            let restarted = before
                .iter()
                .any(|(key, old)| after.get(key).is_some_and(|new| new < old));
            let rose = after
                .iter()
                .map(|(key, new)| {
                    let base = if restarted {
                        0.0
                    } else {
                        before.get(key).copied().unwrap_or(0.0)
                    };
                    ((*key).clone(), new - base)
                })
                .collect();
            (looks[0], looks[1], rose)
        })
        .collect()
}

/// From when until when, and what each counter rose by.
pub(crate) type Rise<K> = (Timestamp, Timestamp, BTreeMap<K, f64>);

/// What counters rose by in every second window, for counters that only move when a window of
/// `window` ends (at multiples of it): between such moments they stand still, and a look at the
/// very moment may find one of them moved and the other not.
///
/// Stretches are whole windows that began at `from` or later, so every counter speaks of the same
/// time. A window's bound is read at its first look past the middle, where everything has settled,
/// else at its last, once a later window has been looked at. Which look that is never depends on
/// when one asks, so asking again from the last end goes on without loss.
///
/// Every second one, because what lasts no longer than a window touches two at most, and then
/// neighbours: left out, nothing is counted twice. Where looks were missed and two windows cannot
/// be told apart, both are left out.
pub(crate) fn every_second_window<K: Ord + Clone>(
    rises: &[Rise<K>],
    window: Span,
    from: Timestamp,
) -> Vec<Rise<K>> {
    let length = i64::try_from(window.as_millis()).unwrap_or(i64::MAX).max(1);
    let marks = window_marks(rises, length, from);
    let up_to = |look: Timestamp| rises.partition_point(|(_, at, _)| *at <= look);
    let kept = marks.windows(2).filter(|pair| {
        let (from, to) = (pair[0].0.as_millis(), pair[1].0.as_millis());
        to - from == length && (from / length) % 2 == 0
    });
    kept.map(|pair| {
        let ((from, after), (to, until)) = (pair[0], pair[1]);
        let mut rose = BTreeMap::new();
        let parts = &rises[up_to(after)..up_to(until)];
        for (key, by) in parts.iter().flat_map(|(_, _, part)| part) {
            *rose.entry(key.clone()).or_insert(0.0) += by;
        }
        (from, to, rose)
    })
    .collect()
}

/// The bounds of windows, each with the look at which it is read.
fn window_marks<K>(rises: &[Rise<K>], length: i64, from: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let bound = |at: Timestamp| at.as_millis().div_euclid(length).saturating_mul(length);
    let first = rises.first().map(|(look, _, _)| *look);
    let looks: Vec<Timestamp> = first
        .into_iter()
        .chain(rises.iter().map(|(_, look, _)| *look))
        .collect();
    let mut marks: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (i, look) in looks.iter().enumerate() {
        let here = bound(*look);
        let settled = look.as_millis().rem_euclid(length) >= length / 2;
        let is_last = looks.get(i + 1).is_some_and(|next| bound(*next) > here);
        let here = Timestamp::from_millis(here);
        let is_read = marks.last().is_some_and(|(read, _)| *read >= here);
        if here >= from && !is_read && (settled || is_last) {
            marks.push((here, *look));
        }
    }
    marks
}

/// A count as a whole number. What cannot be one is none.
pub(crate) fn whole(count: f64) -> u64 {
    // `as` saturates, so a float beyond u64 is u64::MAX and NaN is 0.
    count.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn by(points: &[(i64, f64)]) -> Vec<(i64, i64, f64, bool)> {
        let points: Vec<_> = points.iter().map(|(at, v)| (t(*at), *v)).collect();
        increases(&points)
            .into_iter()
            .map(|i| {
                (
                    i.from.as_millis() / 1000,
                    i.to.as_millis() / 1000,
                    i.by,
                    i.reset,
                )
            })
            .collect()
    }

    #[test]
    fn counters_rise_restart_and_are_missed() {
        assert_eq!(by(&[]), []);
        assert_eq!(by(&[(1, 7.0)]), []);
        assert_eq!(
            by(&[(1, 5.0), (2, 5.0), (3, 9.0)]),
            [(1, 2, 0.0, false), (2, 3, 4.0, false)]
        );
        assert_eq!(
            by(&[(1, 5.0), (2, 2.0), (3, 3.0)]),
            [(1, 2, 2.0, true), (2, 3, 1.0, false)]
        );
        assert_eq!(by(&[(1, 5.0), (60, 8.0)]), [(1, 60, 3.0, false)]);
        assert_eq!(
            by(&[
                (1, 5.0),
                (2, f64::NAN),
                (3, -1.0),
                (4, f64::INFINITY),
                (4, 6.0),
                (3, 9.0)
            ]),
            [(1, 4, 1.0, false)]
        );
    }

    fn joint(
        looks: &[i64],
        counters: &[(&'static str, &[(i64, f64)])],
    ) -> Vec<Vec<(&'static str, f64)>> {
        let looks: Vec<_> = looks.iter().map(|at| t(*at)).collect();
        let counters = counters
            .iter()
            .map(|(k, points)| (*k, points.iter().map(|(at, v)| (t(*at), *v)).collect()))
            .collect();
        joint_increases(&looks, &counters)
            .into_iter()
            .map(|(_, _, rose)| rose.into_iter().collect())
            .collect()
    }

    #[test]
    fn a_counter_that_appears_counts_from_nothing_only_if_it_was_looked_for() {
        assert_eq!(
            joint(
                &[1, 2, 3],
                &[
                    ("ok", &[(1, 50.0), (2, 60.0), (3, 70.0)]),
                    ("bad", &[(3, 4.0)])
                ]
            ),
            [vec![("ok", 10.0)], vec![("bad", 4.0), ("ok", 10.0)]]
        );
        // Gone at a look and back at the next: the same rule, though its value is higher than before.
        assert_eq!(
            joint(&[1, 2, 3], &[("bad", &[(1, 3.0), (3, 5.0)])]),
            [vec![], vec![("bad", 5.0)]]
        );
    }

    #[test]
    fn one_restart_is_everybodys_restart() {
        assert_eq!(
            joint(
                &[1, 2],
                &[
                    ("bad", &[(1, 9.0), (2, 1.0)]),
                    ("ok", &[(1, 100.0), (2, 150.0)])
                ]
            ),
            [vec![("bad", 1.0), ("ok", 150.0)]]
        );
    }

    #[test]
    fn a_missed_look_lengthens_the_interval() {
        let looks = [t(1), t(5)];
        let counters = BTreeMap::from([("ok", vec![(t(1), 1.0), (t(3), 2.0), (t(5), 9.0)])]);
        let found = joint_increases(&looks, &counters);
        assert_eq!(found, [(t(1), t(5), BTreeMap::from([("ok", 8.0)]))]);
    }

    /// `every_second_window` of looks (second, all, bad) at counters that move every 5 s.
    fn windows(from: f64, looks: &[(f64, f64, f64)]) -> Vec<(i64, i64, f64, f64)> {
        let at = |s: f64| Timestamp::from_millis((s * 1000.0) as i64);
        let moments: Vec<_> = looks.iter().map(|(s, ..)| at(*s)).collect();
        let counters = BTreeMap::from([
            (
                "all",
                looks.iter().map(|(s, all, _)| (at(*s), *all)).collect(),
            ),
            (
                "bad",
                looks.iter().map(|(s, _, bad)| (at(*s), *bad)).collect(),
            ),
        ]);
        let rises = joint_increases(&moments, &counters);
        every_second_window(&rises, Span::from_secs(5), at(from))
            .into_iter()
            .map(|(from, to, rose)| {
                let second = |at: Timestamp| at.as_millis() / 1000;
                (second(from), second(to), rose["all"], rose["bad"])
            })
            .collect()
    }

    #[test]
    fn every_second_window_is_counted_from_bound_to_bound() {
        // At 15 s the look came between the two counters: bad had moved, all had not yet.
        let looks = [
            (9.0, 100.0, 1.0),
            (10.0, 110.0, 2.0),
            (11.0, 110.0, 2.0),
            (13.0, 110.0, 2.0),
            (14.0, 110.0, 2.0),
            (15.0, 110.0, 7.0),
            (16.0, 120.0, 7.0),
            (18.0, 120.0, 7.0),
            (23.0, 135.0, 7.0),
            (25.0, 140.0, 9.0),
            (27.4, 140.0, 9.0),
        ];
        let first = [(10, 15, 10.0, 5.0)];
        assert_eq!(windows(9.0, &looks), first);
        // Past the middle, the next bound is read as well.
        let mut more = looks.to_vec();
        more.push((27.5, 140.0, 9.0));
        let both = [first[0], (20, 25, 5.0, 2.0)];
        assert_eq!(windows(9.0, &more), both);
        // Asked again from the end of the first: the same, whatever was asked before.
        assert_eq!(windows(15.0, &more[5..]), both[1..]);
        // From within a window: what it counted before that moment is nobody's.
        assert_eq!(windows(10.5, &more[2..]), both[1..]);
    }

    #[test]
    fn windows_that_cannot_be_told_apart_are_left_out() {
        // Just after each bound, so read at the last look of its window.
        let looks = [
            (0.1, 10.0, 0.0),
            (5.1, 40.0, 3.0),
            (10.1, 70.0, 3.0),
            (20.1, 90.0, 4.0),
            (25.1, 95.0, 4.0),
        ];
        assert_eq!(windows(0.0, &looks), [(0, 5, 30.0, 3.0)]);
        // The process started again in between: what it counted since then.
        let restarted = [
            (3.0, 10.0, 1.0),
            (4.0, 10.0, 1.0),
            (5.0, 0.0, 0.0),
            (8.0, 7.0, 2.0),
        ];
        assert_eq!(windows(0.0, &restarted), [(0, 5, 7.0, 2.0)]);
        assert_eq!(windows(0.0, &[]), []);
        assert_eq!(windows(0.0, &[(3.0, 1.0, 0.0)]), []);
    }

    #[test]
    fn odd_floats_become_whole_counts() {
        assert_eq!(
            [whole(1.6), whole(-3.0), whole(f64::NAN), whole(1e300)],
            [2, 0, 0, u64::MAX]
        );
    }
}
