//! Every bad event has one cause, or none that is known.

use deckwatch_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::objective::Exclusion;
use crate::track::Prepared;

/// What may spend a budget.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // The names say it.
pub enum CauseKind {
    Rollout,
    Incident,
    /// Cut out: it spends nothing, and is told with what it would have cost.
    Exclusion,
    Unknown,
}

/// A time to which losses may be put down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Cause {
    /// What it is; an exclusion is better given to the objective.
    pub kind: CauseKind,
    /// Its id where it is kept.
    pub id: String,
    /// What people call it: `INC-118`, `deploy v39`.
    pub title: String,
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it; `None` while it goes on.
    pub to: Option<Timestamp>,
}

/// What one cause took.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "LedgerPart")]
pub struct Part {
    /// What it is.
    pub kind: CauseKind,
    /// Its id; empty for what is unknown.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Its bad events.
    pub bad: f64,
    /// Those among them that fell into another cause's time as well.
    pub shared: f64,
    /// Those among them that were not seen but counted as bad for want of data.
    pub unseen: f64,
    /// The share of the whole period's budget that they are; for an exclusion, that they would
    /// have been.
    pub points: f64,
    /// Where it begins on the ledger.
    pub from: Timestamp,
    /// Where it ends there.
    pub to: Timestamp,
}

/// Slots that a time touches at all: a short incident in a long slot is still its cause.
fn touched(track: &Prepared, from: Timestamp, to: Timestamp) -> std::ops::Range<usize> {
    let track = track.track();
    let step = track.step_ms();
    let since = |moment: Timestamp| moment.as_millis() - track.from.as_millis();
    let n = track.slots.len();
    let first = (since(from).max(0) / step) as usize;
    let last = (since(to).max(0) + step - 1) / step;
    first.min(n)..(last as usize).min(n).max(first.min(n))
}

struct Claim {
    kind: CauseKind,
    id: String,
    title: String,
    from: Timestamp,
    to: Timestamp,
}

/// Claims in rising precedence: what comes later takes over. An exclusion is cut out whatever else
/// happened; an incident is what people declared and beats a rollout; of two alike the one that
/// began later is the more specific.
fn claims(exclusions: &[Exclusion], causes: &[Cause], until: Timestamp) -> Vec<Claim> {
    let mut claims: Vec<Claim> = causes
        .iter()
        .map(|cause| Claim {
            kind: cause.kind,
            id: cause.id.clone(),
            title: cause.title.clone(),
            from: cause.from,
            to: cause.to.unwrap_or(until),
        })
        .filter(|c| matches!(c.kind, CauseKind::Rollout | CauseKind::Incident))
        .collect();
    claims.extend(exclusions.iter().map(|exclusion| Claim {
        kind: CauseKind::Exclusion,
        id: format!("{}/{}", exclusion.from, exclusion.author),
        title: exclusion.reason.clone(),
        from: exclusion.from,
        to: exclusion.to,
    }));
    claims.sort_by(|a, b| (a.kind, a.from, &a.id).cmp(&(b.kind, b.from, &b.id)));
    claims
}

/// Whose a slot is.
#[derive(Clone, Copy, Default)]
struct Owner {
    claim: Option<usize>,
    contested: bool,
}

fn owners(track: &Prepared, claims: &[Claim]) -> Vec<Owner> {
    let mut owners = vec![Owner::default(); track.track().slots.len()];
    for (i, claim) in claims.iter().enumerate() {
        // What is cut out is cut as the budget cuts it; anything else owns what it touches.
        let claimed = match claim.kind {
            CauseKind::Exclusion => track.track().slots_between(claim.from, claim.to),
            _ => touched(track, claim.from, claim.to),
        };
        for owner in owners.get_mut(claimed).into_iter().flatten() {
            owner.contested |= owner.claim.is_some();
            owner.claim = Some(i);
        }
    }
    owners
}

/// Who took what between two moments.
pub(super) fn parts(
    track: &Prepared,
    exclusions: &[Exclusion],
    causes: &[Cause],
    from: Timestamp,
    until: Timestamp,
    allowed: f64,
) -> Vec<Part> {
    let claims = claims(exclusions, causes, until);
    let slots = track.track().slots_between(from, until);
    let owners = owners(track, &claims);
    let mut parts: Vec<Part> = claims.into_iter().map(|c| empty(c, from, until)).collect();
    let mut unknown = empty(
        Claim {
            kind: CauseKind::Unknown,
            id: String::new(),
            title: "unknown".to_owned(),
            from,
            to: until,
        },
        from,
        until,
    );
    for slot in slots {
        let bad = track.slot(slot).bad;
        let owner = owners.get(slot).copied().unwrap_or_default();
        let part = match owner.claim {
            Some(i) => parts.get_mut(i),
            None => Some(&mut unknown),
        };
        let Some(part) = part else { continue };
        part.bad += bad;
        if owner.contested {
            part.shared += bad;
        }
        if matches!(track.track().slots.get(slot), Some(None)) {
            part.unseen += bad;
        }
    }
    parts.retain(|part| part.bad > 0.0);
    parts.sort_by(|a, b| b.bad.total_cmp(&a.bad).then(a.from.cmp(&b.from)));
    if unknown.bad > 0.0 {
        parts.push(unknown);
    }
    for part in &mut parts {
        part.points = if allowed > 0.0 {
            part.bad / allowed
        } else {
            0.0
        };
    }
    parts
}

fn empty(claim: Claim, from: Timestamp, until: Timestamp) -> Part {
    Part {
        kind: claim.kind,
        id: claim.id,
        title: claim.title,
        bad: 0.0,
        shared: 0.0,
        unseen: 0.0,
        points: 0.0,
        from: claim.from.max(from),
        to: claim.to.min(until),
    }
}
