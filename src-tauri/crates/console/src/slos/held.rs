//! What was counted for one objective so far, and what is to be asked for next. Pure.
//!
//! The newest is asked for first, so that something can be said at once; then the past, a stretch
//! at a time. What is older than [`SETTLED`] is not asked for again: samples that come later than
//! that are not seen.

use std::collections::{BTreeMap, VecDeque};

use deckwatch_domain::{Span, Timestamp};
use deckwatch_slo::{Events, Grid, Track};
use serde::{Deserialize, Serialize};

/// What is younger may still change.
const SETTLED: Span = Span::from_secs(600);
/// Slots that are asked for at once: within what a Prometheus answers (11,000).
const STRETCH: i64 = 1440;

/// Slots are counted from 1970.
#[derive(Debug)]
pub(super) struct Held {
    step: Span,
    first: i64,
    /// The first that is not held.
    end: i64,
    /// Below it nothing is asked for again.
    settled: i64,
    groups: BTreeMap<BTreeMap<String, String>, VecDeque<Option<Events>>>,
}

/// What outlives the program: all that will not be asked for again. Events are in 1024ths, so that
/// they come back as they were.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    step_ms: i64,
    first: i64,
    end: i64,
    groups: Vec<KeptGroup>,
}

#[derive(Serialize, Deserialize)]
struct KeptGroup {
    labels: BTreeMap<String, String>,
    /// All events and the bad ones.
    slots: Vec<Option<(i64, i64)>>,
}

const PARTS: f64 = 1024.0;

impl Held {
    /// None: nothing is settled yet.
    pub fn kept(&self) -> Option<Kept> {
        let end = self.settled.min(self.end);
        let length = usize::try_from(end.checked_sub(self.first)?).ok()?;
        if length == 0 {
            return None;
        }
        let part = |events: &Option<Events>| {
            let whole = |events: f64| (events * PARTS).round() as i64;
            events.map(|e| (whole(e.total), whole(e.bad)))
        };
        let groups = self.groups.iter().map(|(labels, slots)| KeptGroup {
            labels: labels.clone(),
            slots: slots.iter().take(length).map(part).collect(),
        });
        Some(Kept {
            step_ms: self.millis(),
            first: self.first,
            end,
            groups: groups.collect(),
        })
    }

    /// Goes on from what was kept, if it is of these slots.
    pub fn going_on(step: Span, kept: Kept) -> Option<Self> {
        let mut held = Held::new(step);
        let length = usize::try_from(kept.end.checked_sub(kept.first)?).ok()?;
        let fits = kept.groups.iter().all(|group| group.slots.len() == length);
        if kept.step_ms != held.millis() || !fits {
            return None;
        }
        (held.first, held.end, held.settled) = (kept.first, kept.end, kept.end);
        for group in kept.groups {
            let events = |(total, bad)| Events::of(total as f64 / PARTS, bad as f64 / PARTS);
            let slots = group.slots.into_iter().map(|slot| slot.map(events));
            held.groups.insert(group.labels, slots.collect());
        }
        Some(held)
    }

    pub fn new(step: Span) -> Self {
        Held {
            step,
            first: 0,
            end: 0,
            settled: i64::MIN,
            groups: BTreeMap::new(),
        }
    }

    fn millis(&self) -> i64 {
        i64::try_from(self.step.as_millis())
            .unwrap_or(i64::MAX)
            .max(1)
    }

    fn slot(&self, moment: Timestamp) -> i64 {
        moment.as_millis().div_euclid(self.millis())
    }

    fn grid(&self, first: i64, end: i64) -> Grid {
        Grid {
            from: Timestamp::from_millis(first.saturating_mul(self.millis())),
            step: self.step,
            slots: usize::try_from(end - first).unwrap_or(0),
        }
    }

    fn is_empty(&self) -> bool {
        self.end == self.first
    }

    /// What to ask for next, to know all from `from` to `now`; none: all is known.
    pub fn next(&self, from: Timestamp, now: Timestamp) -> Option<Grid> {
        let (from, now_slot) = (self.slot(from), self.slot(now));
        if now_slot <= from {
            return None;
        }
        if self.is_empty() || now_slot < self.first {
            return Some(self.grid(from.max(now_slot - STRETCH), now_slot));
        }
        if self.end < now_slot {
            let begin = self.end.min(self.settled).max(self.first);
            return Some(self.grid(begin, now_slot.min(begin.saturating_add(STRETCH))));
        }
        (self.first > from).then(|| self.grid(from.max(self.first - STRETCH), self.first))
    }

    /// Takes what was asked for, as of `now`.
    pub fn take(&mut self, grid: Grid, tracks: Vec<Track>, now: Timestamp) {
        let first = self.slot(grid.from);
        let end = first + i64::try_from(grid.slots).unwrap_or(0);
        if self.is_empty() || end < self.first || first > self.end {
            // Nothing that it could be put beside: a clock that was set, or the first.
            self.groups.clear();
            (self.first, self.end) = (first, first);
            self.settled = i64::MIN;
        }
        self.widen(first, end);
        for held in self.groups.values_mut() {
            for slot in first..end {
                set(held, self.first, slot, None);
            }
        }
        for track in tracks {
            let width = usize::try_from(self.end - self.first).unwrap_or(0);
            let held = self
                .groups
                .entry(track.labels)
                .or_insert_with(|| VecDeque::from(vec![None; width]));
            for (slot, events) in (first..end).zip(track.slots) {
                set(held, self.first, slot, events);
            }
        }
        let settled = self.slot(now.minus(SETTLED.duration()));
        self.settled = settled.max(self.settled).min(self.end);
    }

    fn widen(&mut self, first: i64, end: i64) {
        let before = usize::try_from(self.first - first).unwrap_or(0);
        let after = usize::try_from(end - self.end).unwrap_or(0);
        for held in self.groups.values_mut() {
            for _ in 0..before {
                held.push_front(None);
            }
            held.extend(std::iter::repeat_n(None, after));
        }
        self.first = self.first.min(first);
        self.end = self.end.max(end);
    }

    /// Lets go of what is older than `from`, and of groups of which nothing is left.
    pub fn forget(&mut self, from: Timestamp) {
        let first = self.slot(from).min(self.end);
        let gone = usize::try_from(first - self.first).unwrap_or(0);
        if gone == 0 {
            return;
        }
        for held in self.groups.values_mut() {
            held.drain(..gone.min(held.len()));
        }
        self.first = first;
        self.groups
            .retain(|_, held| held.iter().any(Option::is_some));
    }

    /// The share of the time from `from` to `now` that was asked for.
    pub fn share(&self, from: Timestamp, now: Timestamp) -> f64 {
        let (from, now) = (self.slot(from), self.slot(now));
        let known = self.end.min(now) - self.first.max(from);
        match now > from {
            true => (known.max(0) as f64 / (now - from) as f64).min(1.0),
            false => 1.0,
        }
    }

    /// One track a group; an objective without groups has one even when nothing is known.
    pub fn tracks(&self, grouped: bool) -> Vec<Track> {
        let grid = self.grid(self.first, self.end);
        let track = |labels: BTreeMap<String, String>, slots| Track {
            labels,
            from: grid.from,
            step: grid.step,
            slots,
        };
        if self.groups.is_empty() && !grouped {
            return vec![track(BTreeMap::new(), vec![None; grid.slots])];
        }
        let all = self.groups.iter();
        all.map(|(labels, held)| track(labels.clone(), held.iter().copied().collect()))
            .collect()
    }
}

fn set(held: &mut VecDeque<Option<Events>>, first: i64, slot: i64, events: Option<Events>) {
    let place = usize::try_from(slot - first).ok();
    if let Some(there) = place.and_then(|i| held.get_mut(i)) {
        *there = events;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(minute * MINUTE)
    }

    /// As many events in each slot as its number says.
    fn counted(grid: Grid, group: &str) -> Track {
        let first = grid.from.as_millis() / MINUTE;
        Track {
            labels: BTreeMap::from([("group".to_owned(), group.to_owned())]),
            from: grid.from,
            step: grid.step,
            slots: (0..grid.slots as i64)
                .map(|i| Some(Events::of((first + i) as f64, 0.0)))
                .collect(),
        }
    }

    fn right(track: &Track) -> bool {
        let first = track.from.as_millis() / MINUTE;
        let mut slots = track.slots.iter().zip(first..);
        slots.all(|(events, slot)| events.is_none_or(|e| e.total == slot as f64))
    }

    #[test]
    fn the_newest_comes_first_then_the_past_then_what_is_new() {
        let mut held = Held::new(Span::from_secs(60));
        let (from, now) = (at(10_000), at(15_000));
        let mut asked = Vec::new();
        while let Some(grid) = held.next(from, now) {
            asked.push((grid.from.as_millis() / MINUTE, grid.slots));
            held.take(grid, vec![counted(grid, "a")], now);
            assert!(asked.len() < 10);
        }
        assert_eq!(
            asked,
            [
                (13_560, 1440),
                (12_120, 1440),
                (10_680, 1440),
                (10_000, 680)
            ]
        );
        assert_eq!(held.share(from, now), 1.0);
        let tracks = held.tracks(true);
        assert_eq!((tracks[0].slots.len(), right(&tracks[0])), (5000, true));
        // A minute on: what may still change is asked for again with it.
        let grid = held.next(at(10_001), at(15_001)).unwrap();
        assert_eq!((grid.from, grid.slots), (at(14_990), 11));
        let both = vec![counted(grid, "a"), counted(grid, "b")];
        held.take(grid, both, at(15_001));
        held.forget(at(10_001));
        let tracks = held.tracks(true);
        assert_eq!(tracks.len(), 2);
        assert!(tracks.iter().all(|t| t.slots.len() == 5000 && right(t)));
        assert_eq!(tracks[1].slots.iter().flatten().count(), 11);
    }

    #[test]
    fn what_is_settled_outlives_the_program() {
        let step = Span::from_secs(60);
        let mut held = Held::new(step);
        assert!(held.kept().is_none());
        let now = at(15_000);
        while let Some(grid) = held.next(at(13_000), now) {
            held.take(grid, vec![counted(grid, "a")], now);
        }
        let text = serde_json::to_string(&held.kept().unwrap()).unwrap();
        let again = || serde_json::from_str::<Kept>(&text).unwrap();
        let mut on = Held::going_on(step, again()).unwrap();
        // Only what may still change is asked for.
        let grid = on.next(at(13_000), now).unwrap();
        assert_eq!((grid.from, grid.slots), (at(14_990), 10));
        on.take(grid, vec![counted(grid, "a")], now);
        assert_eq!(on.tracks(true), held.tracks(true));
        assert!(Held::going_on(Span::from_secs(300), again()).is_none());
    }

    #[test]
    fn a_group_that_ended_is_forgotten_with_its_last_slot() {
        let mut held = Held::new(Span::from_secs(60));
        let grid = held.next(at(0), at(20)).unwrap();
        held.take(grid, vec![counted(grid, "a")], at(20));
        let grid = held.next(at(0), at(40)).unwrap();
        assert_eq!((grid.from, grid.slots), (at(10), 30));
        held.take(grid, Vec::new(), at(40));
        assert_eq!(held.tracks(true)[0].slots.iter().flatten().count(), 10);
        held.forget(at(10));
        assert!(held.tracks(true).is_empty());
        assert_eq!(held.tracks(false).len(), 1);
    }

    #[test]
    fn a_long_sleep_is_caught_up_with_in_stretches() {
        let mut held = Held::new(Span::from_secs(60));
        let grid = held.next(at(9000), at(9100)).unwrap();
        held.take(grid, vec![counted(grid, "a")], at(9100));
        let (mut now, mut asked) = (at(13_000), 0);
        while let Some(grid) = held.next(at(9000), now) {
            assert!(grid.slots <= 1440);
            held.take(grid, vec![counted(grid, "a")], now);
            asked += 1;
            assert!(asked < 10);
        }
        assert_eq!(held.share(at(9000), now), 1.0);
        assert!(right(&held.tracks(true)[0]));
        // The clock is set back by more than is held.
        now = at(3000);
        let grid = held.next(at(2000), now).unwrap();
        held.take(grid, vec![counted(grid, "a")], now);
        assert!(right(&held.tracks(true)[0]));
    }
}
