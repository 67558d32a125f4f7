//! The log as readers hold it: unfolded points by series, read once and then only what is new.

use std::collections::HashMap;

use crate::chunk::Point;

use super::log;

#[derive(Default)]
pub(super) struct Head {
    /// The newest row that has been read.
    pub seq: i64,
    /// In the order they were written.
    points: HashMap<i64, Vec<Point>>,
}

impl Head {
    pub fn clear(&mut self) {
        *self = Head::default();
    }

    /// Adds a row; false if it is damaged.
    pub fn add(&mut self, seq: i64, payload: &[u8]) -> bool {
        self.seq = seq;
        let points = &mut self.points;
        log::read(payload, |(series, point)| {
            points.entry(series).or_default().push(point);
        })
        .is_some()
    }

    /// The points of a series from `from` to `to`, in the order they were written.
    pub fn within(&self, series: i64, from: i64, to: i64) -> Vec<Point> {
        let Some(points) = self.points.get(&series) else {
            return Vec::new();
        };
        let wanted = |(at, _): &&Point| (from..=to).contains(at);
        // The newest are asked for most: from the end back, as long as they are in order.
        if points.is_sorted_by_key(|(at, _)| *at) {
            let first = points.partition_point(|(at, _)| *at < from);
            let last = points.partition_point(|(at, _)| *at <= to);
            return points.get(first..last).unwrap_or_default().to_vec();
        }
        points.iter().filter(wanted).copied().collect()
    }
}
