//! From counters to what happened between two looks at them. Pure.
//!
//! A counter is only ever read, never watched: it may start again from nothing because its
//! process did, appear late because nothing had happened to count, and miss looks because nobody
//! was there to look. What is derived here may fall short of what happened (what a process
//! counted between our last look and its end is lost with it), but never exceeds it.

use std::collections::BTreeMap;

use deckwatch_domain::Timestamp;

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
) -> Vec<(Timestamp, Timestamp, BTreeMap<K, f64>)> {
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

    #[test]
    fn odd_floats_become_whole_counts() {
        assert_eq!(
            [whole(1.6), whole(-3.0), whole(f64::NAN), whole(1e300)],
            [2, 0, 0, u64::MAX]
        );
    }
}
