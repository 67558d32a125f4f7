//! What was missed while nothing was evaluated.
//!
//! A laptop that slept for eight hours has recorded samples, or will be told of them, of moments at
//! which no rule was looked at. They are looked at afterwards, in their order, as if it had been
//! then; only what is told of them says that it was learned late.

use serde::Serialize;

/// A moment to be evaluated. Milliseconds since 1970.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Due {
    /// What the evaluation is about.
    pub at_ms: i64,
    /// It is made up for: what comes of it happened then and is learned now.
    pub late: bool,
}

/// How a group's evaluations are planned.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Planning {
    /// From evaluation to evaluation, more than nothing.
    pub interval_ms: i64,
    /// The group's moments are this far after the multiples of its interval, so that not all
    /// groups are evaluated at once.
    pub offset_ms: i64,
    /// How far back moments can be made up for: as far as samples are kept.
    pub reach_ms: i64,
    /// How late an evaluation may come and still be in time.
    pub grace_ms: i64,
    /// The most moments of one plan; the rest is for the next.
    pub most: usize,
}

/// What is to be evaluated now, in this order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Plan {
    pub due: Vec<Due>,
    /// Moments that nobody can evaluate any more, from the first to the last: their samples are
    /// gone. To be told, not to be passed over.
    pub lost: Option<(i64, i64)>,
    /// There are more than one plan holds.
    pub more: bool,
}

/// The moments after the last evaluation up to now; both in milliseconds since 1970. Without a
/// last one, the newest moment alone. A clock that went back plans nothing until it has come to
/// where it was.
pub fn plan(last_ms: Option<i64>, now_ms: i64, planning: &Planning) -> Plan {
    let step = planning.interval_ms.max(1);
    let newest = floor(now_ms, step, planning.offset_ms);
    let Some(last) = last_ms else {
        return Plan {
            due: vec![planning.due(newest, now_ms)],
            ..Plan::default()
        };
    };
    let first = floor(last, step, planning.offset_ms).saturating_add(step);
    if newest < first {
        return Plan::default();
    }
    let reached = now_ms.saturating_sub(planning.reach_ms.max(0));
    let earliest = ceiling(reached, step, planning.offset_ms).clamp(first, newest);
    let lost = (earliest > first).then(|| (first, earliest.saturating_sub(step)));
    let moments = usize::try_from(newest.saturating_sub(earliest) / step);
    let moments = moments.map_or(usize::MAX, |n| n.saturating_add(1));
    let now = moments.min(planning.most.max(1));
    let at =
        |nth: usize| earliest.saturating_add(i64::try_from(nth).unwrap_or(0).saturating_mul(step));
    Plan {
        due: (0..now).map(|nth| planning.due(at(nth), now_ms)).collect(),
        lost,
        more: now < moments,
    }
}

impl Planning {
    fn due(&self, at_ms: i64, now_ms: i64) -> Due {
        Due {
            at_ms,
            late: now_ms.saturating_sub(at_ms) > self.grace_ms.max(self.interval_ms),
        }
    }
}

/// The newest moment of the group that is not later.
fn floor(at: i64, step: i64, offset: i64) -> i64 {
    let offset = offset.rem_euclid(step);
    let since = at.saturating_sub(offset);
    since
        .saturating_sub(since.rem_euclid(step))
        .saturating_add(offset)
}

fn ceiling(at: i64, step: i64, offset: i64) -> i64 {
    let below = floor(at, step, offset);
    match below == at {
        true => at,
        false => below.saturating_add(step),
    }
}
