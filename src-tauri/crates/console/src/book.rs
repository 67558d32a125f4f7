//! Every service's rollouts, folded from the journal: the list people see.
//!
//! Held in memory and brought up to date from where it stopped; a test holds the folded book
//! against one read from the first event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deckwatch_domain::{Actor, ReleaseVersion, RolloutId, ServiceName, Timestamp};
use deckwatch_journal::{JournalError, Recorded, Store};
use deckwatch_rollout::{Event, Phase, Rollout, Rollouts, service_of};
use serde::{Deserialize, Serialize};

/// One rollout in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct RolloutRow {
    pub rollout: RolloutId,
    pub service: ServiceName,
    pub release: ReleaseVersion,
    pub from: Option<ReleaseVersion>,
    pub plan: String,
    pub author: Actor,
    pub phase: Phase,
    pub step: usize,
    pub steps: usize,
    pub weight: u8,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Why it ended or is held.
    pub note: String,
}

impl RolloutRow {
    fn of(rollout: &Rollout) -> Self {
        RolloutRow {
            rollout: rollout.id,
            service: rollout.service.clone(),
            release: rollout.release.version.clone(),
            from: rollout.stable_version.clone(),
            plan: rollout.plan.name.clone(),
            author: rollout.author.clone(),
            phase: rollout.phase,
            step: rollout.step,
            steps: rollout.plan.steps.len(),
            weight: rollout.weight,
            started_at: rollout.started_at,
            ended_at: rollout.ended_at,
            note: match (&rollout.back, rollout.phase) {
                (Some(back), _) => back.why.clone(),
                (None, Phase::Paused(reason)) if rollout.pause_note.is_empty() => {
                    reason.words().to_owned()
                }
                (None, Phase::Paused(_)) => rollout.pause_note.clone(),
                _ => String::new(),
            },
        }
    }
}

/// All that the journal says of rollouts, up to `seq`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Book {
    /// Which of the journals that stood there one after the other.
    pub(crate) journal: u64,
    pub seq: u64,
    pub services: BTreeMap<ServiceName, Rollouts>,
    /// Rollouts that are over and have been followed by another, oldest first.
    past: Vec<RolloutRow>,
    /// Every event in short, by its number less one.
    briefs: Vec<Brief>,
    names: Names,
}

/// An event in short: enough to find it by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Brief {
    seq: u64,
    at: Timestamp,
    stream: u32,
    kind: u32,
    actor: u32,
}

/// Names that come again and again, kept once each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Names {
    all: Vec<Arc<str>>,
    places: BTreeMap<Arc<str>, u32>,
}

impl Names {
    fn place(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        self.all.push(name.clone());
        self.places.insert(name, place);
        place
    }

    fn at(&self, place: u32) -> &str {
        self.all.get(place as usize).map_or("", |name| name)
    }
}

/// What is looked for among the events. Empty means all.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    pub service: Option<ServiceName>,
    pub actor: Option<String>,
    pub kind: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// A part of the stream, the kind or the actor.
    pub text: Option<String>,
}

const PAGE: usize = 1000;

impl Book {
    /// An empty one of the journal of this number.
    pub(crate) fn of(journal: u64) -> Self {
        Book {
            journal,
            ..Book::default()
        }
    }

    /// Takes in what was recorded since.
    ///
    /// # Errors
    /// The journal's; what was taken in stays.
    pub async fn catch_up(&mut self, store: &dyn Store) -> Result<(), JournalError> {
        loop {
            let events = store.read(self.seq, PAGE).await?;
            for event in &events {
                self.apply(event);
            }
            if events.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Takes in one event.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.seq = recorded.seq;
        self.briefs.push(Brief {
            seq: recorded.seq,
            at: recorded.occurred_at,
            stream: self.names.place(&recorded.stream),
            kind: self.names.place(&recorded.kind),
            actor: self.names.place(&recorded.actor.id),
        });
        let Some(service) = service_of(&recorded.stream) else {
            return;
        };
        let state = self
            .services
            .entry(service.clone())
            .or_insert_with(|| Rollouts::new(service));
        state.version = recorded.version;
        let payload = recorded.payload.as_deref().unwrap_or_default();
        let Ok(event) = serde_json::from_slice::<Event>(payload) else {
            return;
        };
        if let (Event::Started(_), Some(over)) = (&event, &state.current) {
            self.past.push(RolloutRow::of(over));
        }
        state.evolve(&event, &recorded.actor, recorded.occurred_at);
    }

    /// The numbers of the events that are sought, newest first, and of how many.
    pub fn find(&self, sought: &Sought, offset: usize, limit: usize) -> (usize, Vec<u64>) {
        // Each name is looked at once, not once for each event that carries it.
        let fits = |test: &dyn Fn(&str) -> bool| -> Vec<bool> {
            self.names.all.iter().map(|name| test(name)).collect()
        };
        let text = sought.text.as_ref().map(|t| t.to_lowercase());
        let of_text = fits(&|name| {
            text.as_ref()
                .is_none_or(|t| name.to_lowercase().contains(t.as_str()))
        });
        let stream = fits(&|name| {
            let last = name.rsplit('/').next();
            sought
                .service
                .as_ref()
                .is_none_or(|s| last == Some(s.as_str()))
        });
        let kind = fits(&|name| sought.kind.as_ref().is_none_or(|k| name.starts_with(k)));
        let actor = fits(&|name| sought.actor.as_ref().is_none_or(|a| name.contains(a)));
        let of = |test: &[bool], place: u32| test.get(place as usize).copied().unwrap_or(false);
        let found: Vec<u64> = self
            .briefs
            .iter()
            .rev()
            .filter(|b| {
                of(&stream, b.stream)
                    && of(&kind, b.kind)
                    && of(&actor, b.actor)
                    && sought.since.is_none_or(|t| b.at >= t)
                    && sought.until.is_none_or(|t| b.at <= t)
                    && [b.stream, b.kind, b.actor]
                        .iter()
                        .any(|place| of(&of_text, *place))
            })
            .map(|b| b.seq)
            .collect();
        let page = found.iter().skip(offset).take(limit).copied().collect();
        (found.len(), page)
    }

    /// The kinds of events and the actors there are, for filters to offer.
    pub fn kinds(&self) -> Vec<String> {
        let places: BTreeSet<u32> = self.briefs.iter().map(|b| b.kind).collect();
        let mut kinds: Vec<String> = places
            .into_iter()
            .map(|place| self.names.at(place).to_owned())
            .collect();
        kinds.sort();
        kinds
    }

    /// Every rollout, newest first.
    pub fn rows(&self) -> Vec<RolloutRow> {
        let mut rows: Vec<RolloutRow> = self.past.clone();
        rows.extend(
            self.services
                .values()
                .filter_map(|s| s.current.as_ref())
                .map(RolloutRow::of),
        );
        rows.sort_by_key(|row| std::cmp::Reverse((row.started_at, row.rollout)));
        rows
    }
}
