//! What has ever been promoted to a service: the revisions that an undo can go back to.

use std::collections::BTreeSet;

use deckwatch_domain::{Actor, RolloutId, Timestamp};
use deckwatch_platform::ReleaseSpec;
use serde::{Deserialize, Serialize};

use crate::event::{Event, Purpose, Started};

/// Where a revision stands today.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum RevisionStanding {
    /// It has the traffic.
    Serving,
    /// It is kept ready: one write leads back to it.
    Kept,
    /// It is no longer there; an undo brings it up again.
    Past,
    /// It was promoted and then taken back.
    TakenBack,
}

impl RevisionStanding {
    pub const fn words(self) -> &'static str {
        match self {
            RevisionStanding::Serving => "serving",
            RevisionStanding::Kept => "kept warm",
            RevisionStanding::Past => "past",
            RevisionStanding::TakenBack => "taken back",
        }
    }
}

/// One promoted release.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Revision {
    /// Counts the promotions to this service, from 1.
    pub number: u32,
    pub release: ReleaseSpec,
    pub rollout: RolloutId,
    pub plan: String,
    /// Who started it.
    pub author: Actor,
    pub promoted_at: Timestamp,
    pub standing: RevisionStanding,
    /// The revision that it went back to, when it was an undo itself.
    pub undo_to: Option<u32>,
}

/// The revisions of one service, from its events in their order; the oldest first.
pub fn revisions<'a>(events: impl IntoIterator<Item = (&'a Event, Timestamp)>) -> Vec<Revision> {
    let mut under_way: Option<&Started> = None;
    let mut claims = BTreeSet::new();
    let mut all: Vec<Revision> = Vec::new();
    for (event, at) in events {
        match event {
            Event::Started(started) => under_way = Some(started),
            Event::Promoted {
                rollout,
                warm_until,
            } => {
                let Some(started) = under_way.filter(|s| s.rollout == *rollout) else {
                    continue;
                };
                all.retain(|r| r.rollout != *rollout);
                for earlier in &mut all {
                    earlier.standing = match (earlier.standing, warm_until) {
                        (RevisionStanding::Serving, Some(_)) => RevisionStanding::Kept,
                        (RevisionStanding::TakenBack, _) => RevisionStanding::TakenBack,
                        _ => RevisionStanding::Past,
                    };
                }
                all.push(revision(started, all.len(), at));
            }
            Event::TakenBack { record } => taken_back(&mut all, record.rollout),
            Event::WarmEnded { .. } => let_go(&mut all),
            Event::Intended {
                intent,
                purpose: Purpose::Claim,
                ..
            } => {
                claims.insert(*intent);
            }
            // A newer rollout has claimed the slot where the one before stood.
            Event::Done { intent, .. } if claims.contains(intent) => let_go(&mut all),
            _ => {}
        }
    }
    all
}

fn let_go(all: &mut [Revision]) {
    for kept in all.iter_mut().filter(is(RevisionStanding::Kept)) {
        kept.standing = RevisionStanding::Past;
    }
}

fn is(standing: RevisionStanding) -> impl Fn(&&mut Revision) -> bool {
    move |revision| revision.standing == standing
}

/// What had been kept serves again. The way back of a rollout that was never promoted changes
/// nothing here.
fn taken_back(all: &mut [Revision], rollout: Option<RolloutId>) {
    let Some(index) = all.iter().position(|r| Some(r.rollout) == rollout) else {
        return;
    };
    all[index].standing = RevisionStanding::TakenBack;
    for kept in all.iter_mut().filter(is(RevisionStanding::Kept)) {
        kept.standing = RevisionStanding::Serving;
    }
}

fn revision(started: &Started, before: usize, at: Timestamp) -> Revision {
    Revision {
        number: u32::try_from(before + 1).unwrap_or(u32::MAX),
        release: started.release.clone(),
        rollout: started.rollout,
        plan: started.plan.name.clone(),
        author: started.author.clone(),
        promoted_at: at,
        standing: RevisionStanding::Serving,
        undo_to: started.undo_to,
    }
}

#[cfg(test)]
mod tests {
    use deckwatch_domain::{Digest, Epoch, EventId, Slot, Weights};
    use deckwatch_platform::TakeBackRecord;

    use super::*;
    use crate::plan::builtin;

    fn started(n: u128) -> Event {
        let (plan, text) = builtin("rolling").unwrap();
        Event::Started(Box::new(Started {
            rollout: RolloutId::from_u128(n),
            service: "shop".parse().unwrap(),
            release: ReleaseSpec {
                version: format!("v{n}").parse().unwrap(),
                command: None,
                env: Default::default(),
                image: None,
            },
            instances: 2,
            candidate: Slot::Green,
            stable: Some(Slot::Blue),
            stable_version: None,
            plan,
            plan_text: text.to_owned(),
            plan_digest: Digest::of(text.as_bytes()),
            author: Actor::person("ana", "bridge"),
            preview: None,
            stable_instances: 2,
            not_before: None,
            undo_to: None,
        }))
    }

    fn promoted(n: u128, warm: bool) -> Event {
        Event::Promoted {
            rollout: RolloutId::from_u128(n),
            warm_until: warm.then_some(Timestamp::from_millis(9)),
        }
    }

    fn back(n: u128) -> Event {
        Event::TakenBack {
            record: TakeBackRecord {
                event_id: EventId::from_u128(n),
                actor: Actor::person("ana", "bridge"),
                at: Timestamp::EPOCH,
                reason: String::new(),
                rollout: Some(RolloutId::from_u128(n)),
                from: Weights::all_to(Slot::Green),
                to: Weights::all_to(Slot::Blue),
                slot: Slot::Blue,
                epoch: Epoch(1),
            },
        }
    }

    fn standings(events: &[Event]) -> Vec<(u32, String, RevisionStanding)> {
        revisions(events.iter().map(|e| (e, Timestamp::EPOCH)))
            .into_iter()
            .map(|r| (r.number, r.release.version.to_string(), r.standing))
            .collect()
    }

    #[test]
    fn promotions_count_and_say_where_they_stand() {
        use RevisionStanding::{Kept, Past, Serving, TakenBack};
        let row = |n: u32, standing| (n, format!("v{n}"), standing);
        let mut events = vec![
            started(1),
            promoted(1, false),
            started(2),
            promoted(2, true),
        ];
        assert_eq!(standings(&events), [row(1, Kept), row(2, Serving)]);
        // One that is taken back before it was promoted is no revision.
        events.extend([started(3), back(3)]);
        assert_eq!(standings(&events), [row(1, Kept), row(2, Serving)]);
        events.extend([back(2)]);
        assert_eq!(standings(&events), [row(1, Serving), row(2, TakenBack)]);
        let mut window = vec![
            started(1),
            promoted(1, false),
            started(2),
            promoted(2, true),
        ];
        window.push(Event::WarmEnded {
            rollout: RolloutId::from_u128(2),
            why: String::new(),
        });
        assert_eq!(standings(&window), [row(1, Past), row(2, Serving)]);
    }
}
