//! Rollouts as they are shown: the list, one in full, its events.

use std::collections::BTreeMap;
use std::sync::Arc;

use deckwatch_domain::{Actor, PerSlot, Role, ServiceName, Timestamp};
use deckwatch_journal::{JournalError, Recorded, Store};
use deckwatch_platform::SlotState;
use deckwatch_rollout::{
    Event, EvidencePath, Judgement, Judging, Rollout, RolloutStatus, Stage, status, stream,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::book::RolloutRow;
use crate::console::Console;
use crate::controls::{Controls, controls};
use crate::evidence::{Asker, SampleEvidence};
use crate::gates;
use crate::journal::EventRow;
use crate::problem::Problem;
use crate::route::{ByService, Nothing};
use crate::services::{Measured, measured, standing};

/// A rollout with everything there is to see of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct RolloutView {
    pub status: RolloutStatus,
    pub candidate: Measured,
    pub stable: Measured,
    pub candidate_ready: u32,
    pub candidate_desired: u32,
    /// What a person may do now.
    pub controls: Controls,
    /// Blue's instances and green's.
    pub slots: Option<PerSlot<SlotState>>,
    /// The plan as it was written.
    pub plan_yaml: String,
    /// What could not be read, in words.
    pub troubles: Vec<String>,
    pub now: Timestamp,
}

/// # Errors
/// The journal's.
pub async fn list(console: &Console, _: Nothing) -> Result<Vec<RolloutRow>, Problem> {
    Ok(console.book().await?.rows())
}

/// Keeps judges between looks, so that a watched rollout is not judged from its first sample at
/// every frame.
#[derive(Default)]
pub struct Watch {
    judging: Option<Judging>,
}

impl Watch {
    /// How the evidence of the step that is being judged came to where it is.
    pub(crate) fn paths(&self) -> Vec<EvidencePath> {
        self.judging
            .as_ref()
            .map(Judging::paths)
            .unwrap_or_default()
    }

    /// One look.
    ///
    /// # Errors
    /// That there is no rollout, or the journal's.
    pub async fn look(
        &mut self,
        console: &Console,
        service: &ServiceName,
    ) -> Result<RolloutView, Problem> {
        let state = console.rollouts(service).await?;
        let Some(rollout) = &state.current else {
            return Err(Problem::new(
                "rollout.none",
                format!("{service} has had no rollout yet"),
            ));
        };
        let now = console.clock.now().wall;
        let mut troubles = Vec::new();
        let seen = match console.platform.observe(service).await {
            Ok(seen) => Some(seen),
            Err(error) => {
                troubles.push(error.to_string());
                None
            }
        };
        let judgement = self.judge(console, rollout, &mut troubles).await;
        let closed = closed(console, rollout).await;
        let driver = driver(console, service).await;
        let mut both = [Measured::default(), Measured::default()];
        let mut ready = (0, 0);
        if let Some(seen) = &seen {
            if let Some(standing) = standing(seen, rollout.candidate) {
                both[0] = measured(console, service, &standing).await;
            }
            let slot = seen.traffic.roles.playing(Role::Stable).or(rollout.stable);
            if let Some(standing) = slot.and_then(|slot| standing(seen, slot)) {
                both[1] = measured(console, service, &standing).await;
            }
            let slot = &seen.slots[rollout.candidate];
            ready = (slot.ready, slot.desired);
        }
        let [candidate, stable] = both;
        Ok(RolloutView {
            status: status(
                rollout,
                seen.as_ref(),
                judgement.as_ref(),
                &closed,
                driver,
                now,
            ),
            candidate,
            stable,
            candidate_ready: ready.0,
            candidate_desired: ready.1,
            controls: controls(console, &state).await?,
            slots: seen.map(|seen| seen.slots),
            plan_yaml: rollout.plan_text.clone(),
            troubles,
            now,
        })
    }

    async fn judge(
        &mut self,
        console: &Console,
        rollout: &Rollout,
        troubles: &mut Vec<String>,
    ) -> Option<Judgement> {
        let judged = rollout.is_live() && rollout.current_step().is_some_and(|s| s.analysis);
        let since = rollout
            .bake_started_at
            .filter(|_| judged && rollout.back.is_none());
        let Some(since) = since else {
            self.judging = None;
            return None;
        };
        let store = match console.samples().await {
            Ok(store) => store,
            Err(problem) => {
                troubles.push(problem.message);
                return None;
            }
        };
        let evidence = SampleEvidence {
            store,
            clock: console.clock.clone(),
            asker: Asker::of(console),
        };
        if !self.judging.as_ref().is_some_and(|j| j.fits(rollout)) {
            self.judging = Some(Judging::new(rollout, since));
        }
        let judging = self.judging.as_mut()?;
        Some(
            judging
                .look(rollout, &evidence, console.clock.now().wall)
                .await,
        )
    }
}

pub(crate) async fn closed(console: &Console, rollout: &Rollout) -> Vec<(usize, String)> {
    let (Stage::Gate | Stage::Bake) = rollout.stage else {
        return Vec::new();
    };
    let mut closed = Vec::new();
    for (i, gate) in rollout
        .current_step()
        .map_or(&[][..], |s| &s.gates)
        .iter()
        .enumerate()
    {
        if let Some(why) = gates::closed(console, rollout, gate).await {
            closed.push((i, why));
        }
    }
    closed
}

/// Who holds the lease.
pub async fn driver(console: &Console, service: &ServiceName) -> Option<String> {
    let store = console.store().await.ok()?;
    let row = store.lease(&stream(service)).await.ok()??;
    row.holder
}

/// What is being looked at, so that the next look goes on from there. Bounded by the services
/// there are.
pub(crate) type Looks = Mutex<BTreeMap<ServiceName, Arc<Mutex<Watch>>>>;

pub(crate) async fn watch_of(console: &Console, service: &ServiceName) -> Arc<Mutex<Watch>> {
    let mut looks = console.looks.lock().await;
    looks.entry(service.clone()).or_default().clone()
}

/// # Errors
/// That there is no rollout, or the journal's.
pub async fn show(console: &Console, by: ByService) -> Result<RolloutView, Problem> {
    // Only what exists is kept between looks.
    if console.rollouts(&by.service).await?.current.is_none() {
        return Watch::default().look(console, &by.service).await;
    }
    let watch = watch_of(console, &by.service).await;
    let mut watch = watch.lock().await;
    watch.look(console, &by.service).await
}

/// # Errors
/// The journal's.
pub async fn events(console: &Console, by: ByService) -> Result<Vec<EventRow>, Problem> {
    let store = console.store().await?;
    let all = read_stream(store.as_ref(), &stream(&by.service)).await?;
    Ok(all.iter().map(EventRow::of).collect())
}

pub(crate) async fn read_stream(
    store: &dyn Store,
    name: &str,
) -> Result<Vec<Recorded>, JournalError> {
    let mut all: Vec<Recorded> = Vec::new();
    loop {
        let after = all.last().map_or(0, |e| e.version);
        let page = store.read_stream(name, after, 1000).await?;
        let full = page.len() == 1000;
        all.extend(page);
        if !full {
            return Ok(all);
        }
    }
}

/// Takes in a stream's events in their order; one that is redacted or not known changes nothing.
/// The version of the last, or 0.
pub(crate) async fn take_in<E: serde::de::DeserializeOwned>(
    store: &dyn Store,
    name: &str,
    mut take: impl FnMut(E, &Actor, Timestamp),
) -> Result<u64, JournalError> {
    let all = read_stream(store, name).await?;
    for recorded in &all {
        let payload = recorded.payload.as_deref().unwrap_or_default();
        if let Ok(event) = serde_json::from_slice(payload) {
            take(event, &recorded.actor, recorded.occurred_at);
        }
    }
    Ok(all.last().map_or(0, |recorded| recorded.version))
}

/// The events of one service's rollouts, decoded, with who and when.
///
/// # Errors
/// The journal's.
pub async fn story(
    console: &Console,
    service: &ServiceName,
) -> Result<Vec<(Event, Actor, Timestamp)>, Problem> {
    let store = console.store().await?;
    let all = read_stream(store.as_ref(), &stream(service)).await?;
    Ok(all
        .into_iter()
        .filter_map(|r| {
            let event = serde_json::from_slice(r.payload.as_deref()?).ok()?;
            Some((event, r.actor, r.occurred_at))
        })
        .collect())
}
