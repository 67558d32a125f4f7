//! Ranges that were answered already: of a question that moves on, only what is new is asked.
//!
//! What is kept lies on a grid of its step, one stretch without a hole for each question. Moments
//! that may still change (a scrape on its way, a late write) are never kept. Whoever asks says
//! whether a question's moments are independent of the range around them: with `@ end()` and its
//! like they are not, and such a question must not come here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use deckwatch_domain::{Span, Timestamp};

use super::answer::{Answer, Point, Track, Value};
use super::{Prometheus, PrometheusError};
use crate::sample::Labels;

/// Questions that are kept at once.
const QUESTIONS: usize = 64;
/// Points that are kept at once: some hundred megabytes with their labels.
const POINTS: usize = 4_000_000;
/// What is younger than this is asked anew each time.
const UNSETTLED_MS: i64 = 120_000;

/// What is asked, without from when to when.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Question {
    /// Of whom.
    who: String,
    expr: String,
    step: i64,
    /// Where on the clock the grid lies: `start mod step`.
    phase: i64,
}

type Rows = BTreeMap<Labels, Vec<Point>>;

/// One answered stretch; both ends are moments of the grid.
#[derive(Clone, PartialEq, Debug)]
struct Stretch {
    question: Question,
    first: i64,
    last: i64,
    rows: Rows,
    notes: Vec<String>,
}

impl Stretch {
    fn points(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
    }

    fn between(&self, first: i64, last: i64) -> Rows {
        let inside = |p: &&Point| (first..=last).contains(&p.at.as_millis());
        let rows = self.rows.iter().map(|(labels, points)| {
            let points: Vec<Point> = points.iter().filter(inside).copied().collect();
            (labels.clone(), points)
        });
        rows.filter(|(_, points)| !points.is_empty()).collect()
    }
}

/// The stretches, the one used last at the end.
#[derive(Debug, Default)]
struct Kept {
    stretches: Vec<Stretch>,
}

/// What is there of a stretch, and the stretches that have to be asked.
struct Found {
    rows: Rows,
    notes: Vec<String>,
    missing: Vec<(i64, i64)>,
}

impl Kept {
    fn find(&mut self, question: &Question, first: i64, last: i64) -> Found {
        let step = question.step;
        let here = self.stretches.iter().position(|s| s.question == *question);
        // A stretch that does not touch the one that is asked would leave a hole between them.
        let near = here.filter(|&i| {
            let stretch = &self.stretches[i];
            stretch.first <= last.saturating_add(step) && stretch.last.saturating_add(step) >= first
        });
        let Some(i) = near else {
            return Found {
                rows: Rows::new(),
                notes: Vec::new(),
                missing: vec![(first, last)],
            };
        };
        let stretch = self.stretches.remove(i);
        let mut missing = Vec::new();
        if first < stretch.first {
            missing.push((first, stretch.first - step));
        }
        if last > stretch.last {
            missing.push((stretch.last + step, last));
        }
        let found = Found {
            rows: stretch.between(first, last),
            notes: stretch.notes.clone(),
            missing,
        };
        self.stretches.push(stretch);
        found
    }

    /// Keeps a whole answer of `first..=last`, as far as it is settled. It takes the place of what
    /// was kept of the question, but for what lies beyond its ends.
    fn keep(&mut self, mut new: Stretch, settled: i64) {
        let step = new.question.step;
        if new.last > settled {
            let steps = (settled - new.first).div_euclid(step);
            new.last = new.first + steps * step;
            if new.last < new.first {
                return;
            }
            new.rows = new.between(new.first, new.last);
        }
        let here = self
            .stretches
            .iter()
            .position(|s| s.question == new.question);
        if let Some(i) = here {
            let old = self.stretches.remove(i);
            join(&mut new, &old);
        }
        if new.points() > POINTS / 2 {
            return;
        }
        self.stretches.push(new);
        let mut held: usize = self.stretches.iter().map(Stretch::points).sum();
        while self.stretches.len() > QUESTIONS || held > POINTS {
            held -= self.stretches.remove(0).points();
        }
    }
}

/// Adds to `new` what `old` has before and after it, where they touch.
fn join(new: &mut Stretch, old: &Stretch) {
    let step = new.question.step;
    if old.first > new.last + step || old.last + step < new.first {
        return;
    }
    let (first, last) = (new.first.min(old.first), new.last.max(old.last));
    let outside = |p: &&Point| !(new.first..=new.last).contains(&p.at.as_millis());
    for (labels, points) in &old.rows {
        let more: Vec<Point> = points.iter().filter(outside).copied().collect();
        if !more.is_empty() {
            let row = new.rows.entry(labels.clone()).or_default();
            row.extend(more);
            row.sort_by_key(|p| p.at);
        }
    }
    (new.first, new.last) = (first, last);
}

/// Answered ranges of any number of servers. A clone is the same memory.
#[derive(Clone, Debug, Default)]
pub struct RangeMemory(Arc<Mutex<Kept>>);

impl RangeMemory {
    /// The values of an expression from `from` to `to`, every `step`, as
    /// [`Prometheus::query_range`] gives them; `who` tells servers apart, `now` says what is
    /// settled.
    ///
    /// # Errors
    /// What kept the missing part from being answered; nothing is kept of it then.
    pub async fn range(
        &self,
        prometheus: &Prometheus,
        who: &str,
        expr: &str,
        (from, to): (Timestamp, Timestamp),
        step: Span,
        now: Timestamp,
    ) -> Result<Answer, PrometheusError> {
        let width = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        let first = from.as_millis();
        let steps = to.as_millis().saturating_sub(first).div_euclid(width);
        let last = first + steps * width;
        let question = Question {
            who: who.to_owned(),
            expr: expr.to_owned(),
            step: width,
            phase: first.rem_euclid(width),
        };
        let found = self.lock().find(&question, first, last);
        let Found {
            mut rows,
            mut notes,
            missing,
        } = found;
        for (from, to) in missing {
            let moment = Timestamp::from_millis;
            let asked = prometheus.query_range(expr, moment(from), moment(to), step);
            let answer = asked.await?;
            add(&mut rows, answer.value)?;
            notes.extend(answer.notes);
        }
        notes.sort();
        notes.dedup();
        let whole = Stretch {
            question,
            first,
            last,
            rows,
            notes,
        };
        let value = Value::Tracks(tracks(&whole.rows));
        let notes = whole.notes.clone();
        self.lock().keep(whole, now.as_millis() - UNSETTLED_MS);
        Ok(Answer { value, notes })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(rows: &mut Rows, value: Value) -> Result<(), PrometheusError> {
    let Value::Tracks(tracks) = value else {
        let why = "a range was asked for, and no series came".into();
        return Err(PrometheusError::Malformed { why });
    };
    for track in tracks {
        let row = rows.entry(track.labels).or_default();
        row.extend(track.points);
        row.sort_by_key(|p| p.at);
    }
    Ok(())
}

fn tracks(rows: &Rows) -> Vec<Track> {
    let tracks = rows.iter().map(|(labels, points)| Track {
        labels: labels.clone(),
        points: points.clone(),
    });
    tracks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(step: i64) -> Question {
        Question {
            who: "a".into(),
            expr: "up".into(),
            step,
            phase: 0,
        }
    }

    fn stretch(first: i64, last: i64) -> Stretch {
        let points = (first..=last).step_by(10).map(|at| Point {
            at: Timestamp::from_millis(at),
            value: at as f64,
        });
        Stretch {
            question: question(10),
            first,
            last,
            rows: Rows::from([(vec![("x".into(), "1".into())], points.collect())]),
            notes: Vec::new(),
        }
    }

    fn known(kept: &mut Kept, first: i64, last: i64) -> (usize, Vec<(i64, i64)>) {
        let found = kept.find(&question(10), first, last);
        (found.rows.values().map(Vec::len).sum(), found.missing)
    }

    #[test]
    fn only_what_is_new_is_missing() {
        let mut kept = Kept::default();
        assert_eq!(known(&mut kept, 0, 100), (0, vec![(0, 100)]));
        kept.keep(stretch(0, 100), 1000);
        assert_eq!(known(&mut kept, 0, 100), (11, vec![]));
        assert_eq!(known(&mut kept, 50, 150), (6, vec![(110, 150)]));
        assert_eq!(known(&mut kept, -20, 50), (6, vec![(-20, -10)]));
        assert_eq!(
            known(&mut kept, -20, 120),
            (11, vec![(-20, -10), (110, 120)])
        );
        // It touches: nothing of it is there, but no hole is left.
        assert_eq!(known(&mut kept, 110, 150), (0, vec![(110, 150)]));
        assert_eq!(known(&mut kept, 120, 150), (0, vec![(120, 150)]));
        let other = kept.find(&question(20), 0, 100);
        assert_eq!(other.missing, [(0, 100)]);
    }

    #[test]
    fn what_may_still_change_is_not_kept() {
        let mut kept = Kept::default();
        kept.keep(stretch(0, 100), 55);
        assert_eq!(known(&mut kept, 0, 100), (6, vec![(60, 100)]));
        kept.keep(stretch(200, 300), 100);
        assert_eq!(known(&mut kept, 0, 50), (6, vec![]), "the old one stays");
    }

    #[test]
    fn stretches_grow_where_they_touch_and_are_replaced_where_not() {
        let mut kept = Kept::default();
        kept.keep(stretch(0, 100), 1000);
        kept.keep(stretch(110, 200), 1000);
        assert_eq!(known(&mut kept, 0, 200), (21, vec![]));
        kept.keep(stretch(50, 60), 1000);
        assert_eq!(known(&mut kept, 0, 200), (21, vec![]));
        kept.keep(stretch(500, 600), 1000);
        assert_eq!(known(&mut kept, 0, 200), (0, vec![(0, 200)]));
        assert_eq!(known(&mut kept, 500, 600), (11, vec![]));
    }

    #[test]
    fn the_oldest_questions_go() {
        let mut kept = Kept::default();
        for n in 0..QUESTIONS + 3 {
            let mut one = stretch(0, 10);
            one.question.expr = n.to_string();
            kept.keep(one, 1000);
        }
        assert_eq!(kept.stretches.len(), QUESTIONS);
        assert_eq!(kept.stretches[0].question.expr, "3");
    }
}
