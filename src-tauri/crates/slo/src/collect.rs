//! Answers of a source as tracks.

use std::collections::BTreeMap;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::Series;

use crate::objective::{Objective, Side};
use crate::track::{Events, Track, milliseconds};

/// The grid on which an objective's two queries are asked: at the end of each slot, each over one
/// slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grid {
    /// Where the first slot begins.
    pub from: Timestamp,
    /// How long a slot is; also the window of the queries.
    pub step: Span,
    /// How many there are.
    pub slots: usize,
}

impl Grid {
    /// The grid that covers the time between two moments, in steps counted from 1970, so that it
    /// is the same whenever it is asked for.
    pub fn covering(from: Timestamp, to: Timestamp, step: Span) -> Self {
        let each = milliseconds(step);
        let first = from.as_millis().div_euclid(each);
        let last = to.as_millis().div_euclid(each).max(first);
        Grid {
            from: Timestamp::from_millis(first.saturating_mul(each)),
            step: Span::from_millis(each as u64),
            slots: (last - first) as usize,
        }
    }

    /// The first and the last moment that a range query asks for, in milliseconds since 1970;
    /// `None` without a slot.
    pub fn moments(&self) -> Option<(i64, i64)> {
        let step = milliseconds(self.step);
        let from = self.from.as_millis();
        let last = i64::try_from(self.slots).ok().filter(|n| *n > 0)?;
        let end = from.checked_add(last.checked_mul(step)?)?;
        Some((from + step, end))
    }

    /// The slot that ends at a moment.
    fn ending(&self, moment: i64) -> Option<usize> {
        let step = milliseconds(self.step);
        let since = moment - self.from.as_millis();
        let slot = usize::try_from(since / step - 1).ok()?;
        (since % step == 0 && slot < self.slots).then_some(slot)
    }
}

impl Objective {
    /// The length of a slot that suits it: its own look or slice, a minute otherwise.
    pub fn step(&self) -> Span {
        match &self.indicator {
            crate::Indicator::Gauge { every, .. } | crate::Indicator::Slices { every, .. } => {
                (*every).max(Span::from_secs(60))
            }
            _ => Span::from_secs(60),
        }
    }

    /// What a source gave for [`Objective::queries`] over each slot, as one track per group. A
    /// slot is known when both queries answered for it.
    pub fn tracks(
        &self,
        side: Side,
        events: &[Series],
        total: &[Series],
        grid: Grid,
    ) -> Vec<Track> {
        let mut groups: BTreeMap<Labels, Vec<Option<Events>>> = BTreeMap::new();
        let counted: BTreeMap<Labels, &Series> = events.iter().map(|s| (group(s), s)).collect();
        for series in total {
            let labels = group(series);
            let mut slots = vec![None; grid.slots];
            if let Some(counted) = counted.get(&labels) {
                fill(&mut slots, side, counted, series, grid);
            }
            groups.insert(labels, slots);
        }
        groups
            .into_iter()
            .map(|(labels, slots)| Track {
                labels: labels
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                from: grid.from,
                step: grid.step,
                slots,
            })
            .collect()
    }
}

fn group(series: &Series) -> Labels {
    series.labels.without_metadata()
}

fn fill(slots: &mut [Option<Events>], side: Side, events: &Series, total: &Series, grid: Grid) {
    let mut counted = events.floats.iter().peekable();
    for all in &total.floats {
        while counted.next_if(|some| some.t < all.t).is_some() {}
        let Some(some) = counted.peek().filter(|some| some.t == all.t) else {
            continue;
        };
        if let Some(slot) = grid.ending(all.t).and_then(|slot| slots.get_mut(slot)) {
            *slot = Events::measured(side, some.v, all.v);
        }
    }
}
