//! What was counted: events on a grid of equal slots, one track per group.

use std::collections::BTreeMap;

use deckwatch_domain::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::objective::{Exclusion, NoData, Side};

/// Events, and the bad ones among them: requests, minutes or slices of time, whatever the
/// objective counts.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize, ts_rs::TS)]
#[ts(rename = "SloEvents")]
pub struct Events {
    /// All of them.
    pub total: f64,
    /// The bad ones, never more than all.
    pub bad: f64,
}

/// Counts are kept in 1024ths: sums of them are exact up to 8 · 10¹² events, in any order, so that
/// parts add up to their whole.
const FINEST: f64 = 1024.0;

impl Events {
    /// From counts. Rates make small numbers up and down (extrapolation), so `bad` is held between
    /// nothing and all; what is no number counts as nothing.
    pub fn of(total: f64, bad: f64) -> Self {
        let fine = |x: f64| {
            if x.is_finite() {
                ((x.max(0.0) * FINEST).round() / FINEST).min(1e15)
            } else {
                0.0
            }
        };
        let total = fine(total);
        Events {
            total,
            bad: fine(bad).min(total),
        }
    }

    /// From what the two queries of an objective gave. `None` when one of them is no finite
    /// number: that is no measurement.
    pub fn measured(side: Side, events: f64, total: f64) -> Option<Self> {
        if !(events.is_finite() && total.is_finite()) {
            return None;
        }
        Some(match side {
            Side::Good => Events::of(total, total - events),
            Side::Bad => Events::of(total, events),
        })
    }

    /// The good ones.
    pub fn good(self) -> f64 {
        self.total - self.bad
    }

    /// The share of bad ones; `None` without any event.
    pub fn bad_share(self) -> Option<f64> {
        (self.total > 0.0).then(|| self.bad / self.total)
    }
}

impl std::ops::Add for Events {
    type Output = Events;
    fn add(self, other: Events) -> Events {
        Events {
            total: self.total + other.total,
            bad: self.bad + other.bad,
        }
    }
}

impl std::ops::Sub for Events {
    type Output = Events;
    fn sub(self, other: Events) -> Events {
        Events {
            total: self.total - other.total,
            bad: self.bad - other.bad,
        }
    }
}

impl std::iter::Sum for Events {
    fn sum<I: Iterator<Item = Events>>(all: I) -> Events {
        all.fold(Events::default(), |sum, one| sum + one)
    }
}

/// Why tracks cannot be put together.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TrackError {
    /// They do not share one grid.
    #[error("tracks with different beginnings or steps cannot be added")]
    Grid,
    /// A slice of time is not made of whole slots.
    #[error("slices of {slice} cannot be made of slots of {step}")]
    Slice {
        /// The slice's length.
        slice: Span,
        /// The slots' length.
        step: Span,
    },
}

/// The events of one group, slot by slot. `None` is a slot of which nothing is known, which is not
/// the same as a slot without events.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Track {
    /// Which group; empty when there is only one.
    pub labels: BTreeMap<String, String>,
    /// Where the first slot begins.
    pub from: Timestamp,
    /// How long a slot is.
    pub step: Span,
    /// The slots, in the order of time.
    pub slots: Vec<Option<Events>>,
}

impl Track {
    /// Where the last slot ends. A track that is asked about `now` reaches to now: of what lies
    /// beyond its end it cannot even say that nothing is known.
    pub fn to(&self) -> Timestamp {
        self.start(self.slots.len())
    }

    /// Where a slot begins.
    pub fn start(&self, slot: usize) -> Timestamp {
        let since = self.step.as_millis().saturating_mul(slot as u64);
        self.from.plus(Span::from_millis(since).duration())
    }

    /// The step in milliseconds, held to what can be reckoned with.
    pub(crate) fn step_ms(&self) -> i64 {
        milliseconds(self.step)
    }

    /// The slots between two moments. A slot belongs to where its middle lies, so that neighbouring
    /// stretches share none and miss none.
    pub fn slots_between(&self, from: Timestamp, to: Timestamp) -> std::ops::Range<usize> {
        let first = self.first_at(from);
        first..self.first_at(to).max(first)
    }

    /// The first slot whose middle is not before a moment.
    fn first_at(&self, moment: Timestamp) -> usize {
        let step = self.step_ms();
        let since = moment.as_millis() - self.from.as_millis();
        // middle = from + (2i + 1) step / 2 >= moment
        let doubled = (2 * since - step).max(0);
        let slot = (doubled + 2 * step - 1) / (2 * step);
        (slot as usize).min(self.slots.len())
    }

    /// All groups as one.
    ///
    /// # Errors
    /// If they stand on different grids.
    pub fn sum(tracks: &[Track]) -> Result<Track, TrackError> {
        let Some(first) = tracks.first() else {
            return Ok(Track {
                labels: BTreeMap::new(),
                from: Timestamp::EPOCH,
                step: Span::from_secs(60),
                slots: Vec::new(),
            });
        };
        let mut sum = Track {
            labels: BTreeMap::new(),
            ..first.clone()
        };
        for track in tracks.iter().skip(1) {
            if track.from != sum.from || track.step != sum.step {
                return Err(TrackError::Grid);
            }
            if track.slots.len() > sum.slots.len() {
                sum.slots.resize(track.slots.len(), None);
            }
            for (to, slot) in sum.slots.iter_mut().zip(&track.slots) {
                *to = match (*to, *slot) {
                    (Some(a), Some(b)) => Some(a + b),
                    (one, other) => one.or(other),
                };
            }
        }
        Ok(sum)
    }

    /// Slices of time: one event each, bad when less than `at_least` of what happened in it was
    /// good. A slice in which nothing happened failed nobody and is good; one of which nothing is
    /// known stays unknown. A last, unfinished slice is left out.
    ///
    /// # Errors
    /// If slices are not made of whole slots.
    pub fn sliced(&self, slice: Span, at_least: f64) -> Result<Track, TrackError> {
        let (each, step) = (slice.as_millis(), self.step.as_millis());
        if step == 0 || each == 0 || !each.is_multiple_of(step) {
            return Err(TrackError::Slice {
                slice,
                step: self.step,
            });
        }
        let (least, whole) = crate::objective::scaled_share(at_least);
        let slots = self.slots.chunks_exact((each / step) as usize);
        let slots = slots.map(|slots| {
            let known: Vec<Events> = slots.iter().flatten().copied().collect();
            if known.is_empty() {
                return None;
            }
            let events: Events = known.into_iter().sum();
            let kept = whole * events.good() >= least * events.total;
            Some(Events::of(1.0, if kept { 0.0 } else { 1.0 }))
        });
        Ok(Track {
            labels: self.labels.clone(),
            from: self.from,
            step: slice,
            slots: slots.collect(),
        })
    }

    /// The track as it counts: exclusions cut out, holes filled as the policy says.
    pub fn prepare(&self, no_data: NoData, exclusions: &[Exclusion]) -> Prepared {
        Prepared::new(self, no_data, exclusions)
    }
}

/// A step in milliseconds: more than nothing, and at most some thirty thousand years.
pub(crate) fn milliseconds(step: Span) -> i64 {
    let millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    millis.clamp(1, 1_000_000_000_000_000)
}

/// Moments up to `end`, `step` apart, the newest last.
pub(crate) fn moments(end: Timestamp, step: Span, n: usize) -> impl Iterator<Item = Timestamp> {
    (0..n).rev().map(move |back| {
        let back = step.as_millis().saturating_mul(back as u64);
        end.minus(Span::from_millis(back).duration())
    })
}

/// Sums up to a slot.
#[derive(Clone, Copy, Default, Debug)]
struct Sums {
    counted: Events,
    excluded: Events,
    known: usize,
    missing: usize,
}

/// A track as it counts. Windows over it are answered from running sums.
#[derive(Clone, Debug)]
pub struct Prepared {
    track: Track,
    sums: Vec<Sums>,
    no_data: NoData,
    excluded: Vec<bool>,
    last_known: Option<Timestamp>,
}

impl Prepared {
    fn new(track: &Track, no_data: NoData, exclusions: &[Exclusion]) -> Self {
        let mut excluded = vec![false; track.slots.len()];
        for exclusion in exclusions {
            let slots = track.slots_between(exclusion.from, exclusion.to);
            if let Some(cut) = excluded.get_mut(slots) {
                cut.fill(true);
            }
        }
        let usual = usual(track, &excluded);
        let mut sums = Vec::with_capacity(track.slots.len() + 1);
        let mut sum = Sums::default();
        let mut last_known = None;
        sums.push(sum);
        for (i, (slot, cut)) in track.slots.iter().zip(&excluded).enumerate() {
            if slot.is_some() {
                last_known = Some(track.start(i + 1));
            }
            match (slot, *cut) {
                (Some(events), true) => sum.excluded = sum.excluded + *events,
                (None, true) => {}
                (Some(events), false) => {
                    sum.counted = sum.counted + *events;
                    sum.known += 1;
                }
                (None, false) => {
                    sum.missing += 1;
                    if no_data == NoData::Bad {
                        sum.counted = sum.counted + Events::of(usual, usual);
                    }
                }
            }
            sums.push(sum);
        }
        Prepared {
            track: track.clone(),
            sums,
            no_data,
            excluded,
            last_known,
        }
    }

    /// The track that it was made of.
    pub fn track(&self) -> &Track {
        &self.track
    }

    /// Where the last slot ends of which anything is known.
    pub fn last_known(&self) -> Option<Timestamp> {
        self.last_known
    }

    /// The moment that an answer at `now` is about. Under [`NoData::Hold`] time stands still at the
    /// last slot of which anything is known: nothing heals and nothing worsens in silence.
    pub fn as_of(&self, now: Timestamp) -> Timestamp {
        match (self.no_data, self.last_known) {
            (NoData::Hold, Some(known)) => known.min(now),
            _ => now,
        }
    }

    fn between(&self, from: Timestamp, to: Timestamp) -> (Sums, Sums) {
        let slots = self.track.slots_between(from, to);
        let at = |i: usize| self.sums.get(i).copied().unwrap_or_default();
        (at(slots.start), at(slots.end))
    }

    /// The events between two moments, without what is excluded.
    pub fn window(&self, from: Timestamp, to: Timestamp) -> Events {
        let (a, b) = self.between(from, to);
        b.counted - a.counted
    }

    /// The events of the last `span` before `to`.
    pub fn last(&self, span: Span, to: Timestamp) -> Events {
        self.window(to.minus(span.duration()), to)
    }

    /// What was cut out between two moments.
    pub fn excluded(&self, from: Timestamp, to: Timestamp) -> Events {
        let (a, b) = self.between(from, to);
        b.excluded - a.excluded
    }

    /// How many slots between two moments are known, and of how many nothing is.
    pub fn coverage(&self, from: Timestamp, to: Timestamp) -> (usize, usize) {
        let (a, b) = self.between(from, to);
        (b.known - a.known, b.missing - a.missing)
    }

    /// How much of the time between two moments is counted: known, or filled in.
    pub(crate) fn counted_time(&self, from: Timestamp, to: Timestamp) -> Span {
        let (known, missing) = self.coverage(from, to);
        let slots = match self.no_data {
            NoData::Bad => known + missing,
            NoData::Ignore | NoData::Hold => known,
        };
        Span::from_millis(self.track.step.as_millis().saturating_mul(slots as u64))
    }

    /// What was counted in each of `n` stretches of `step` up to `to`, the newest last, with the
    /// end of each.
    pub fn counts(&self, to: Timestamp, step: Span, n: usize) -> Vec<(Timestamp, Events)> {
        moments(to, step, n)
            .map(|end| (end, self.last(step, end)))
            .collect()
    }

    /// Whether anything is known between two moments; what counts as bad when unknown is known to
    /// be bad.
    pub fn answers(&self, from: Timestamp, to: Timestamp) -> bool {
        let (known, missing) = self.coverage(from, to);
        known > 0 || (self.no_data == NoData::Bad && missing > 0)
    }

    /// Whether a slot is cut out.
    pub fn is_excluded(&self, slot: usize) -> bool {
        self.excluded.get(slot).copied().unwrap_or(false)
    }

    /// What a slot counts as, cut out or not.
    pub fn slot(&self, slot: usize) -> Events {
        let at = |i: usize| self.sums.get(i).copied().unwrap_or_default();
        let (a, b) = (at(slot), at(slot + 1));
        (b.counted - a.counted) + (b.excluded - a.excluded)
    }
}

/// What a slot usually holds: the mean of the known ones; one event if none is.
fn usual(track: &Track, excluded: &[bool]) -> f64 {
    let known = track.slots.iter().zip(excluded);
    let known = known.filter_map(|(slot, cut)| slot.filter(|_| !cut));
    let (mut n, mut sum) = (0.0, 0.0);
    for events in known {
        n += 1.0;
        sum += events.total;
    }
    if sum > 0.0 { sum / n } else { 1.0 }
}
