//! What can be taken back now, the obvious first. It is read from the platform; the journal only
//! adds words, and nothing waits for it.

use std::time::Duration;

use deckwatch_domain::{ReleaseVersion, Role, RolloutId, ServiceName, Timestamp, Weights};
use deckwatch_platform::Observation;
use deckwatch_rollout::lane::Preview;
use deckwatch_rollout::plan::RollbackKind;
use deckwatch_rollout::{BackTime, Rollout};
use serde::{Deserialize, Serialize};

use crate::back::{RollBack, preview, ways_back};
use crate::bridge::pulse;
use crate::console::Console;
use crate::problem::Problem;
use crate::route::Nothing;

/// How far a release has come that can be taken back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Come {
    /// A part of the traffic is its, or an audience is led to it.
    Rolling,
    /// It has all of it, and the version before is kept warm.
    Promoted,
    /// It has no traffic yet.
    Brought,
}

/// One release that can be taken back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Reversible {
    pub service: ServiceName,
    /// What is taken back, and what serves then.
    pub from: Option<ReleaseVersion>,
    pub to: Option<ReleaseVersion>,
    pub come: Come,
    pub weight: u8,
    pub weights: Weights,
    /// Whom it is given to whatever the weights, in words.
    pub audience: Option<String>,
    pub rollout: Option<RolloutId>,
    /// Until when the way back is kept warm.
    pub until: Option<Timestamp>,
    pub promoted_at: Option<Timestamp>,
    /// The share of bad answers of the whole service now.
    pub errors: Option<f64>,
    /// Exactly what will be written, rehearsed just now; or why that could not be said.
    pub preview: Option<Preview>,
    pub trouble: Option<String>,
    /// Tasks that have begun and that a full rollback takes back, the last first.
    pub ways_back: Vec<String>,
    /// Data that only the new release has can be exported and imported again.
    pub preserves: bool,
    /// Why quick is not enough; none: it is.
    pub full_advised: Option<String>,
    /// What the kinds take that do more than move the traffic.
    pub back_times: Vec<BackTime>,
    /// The obvious one: to be selected when nothing else is.
    pub obvious: bool,
}

/// Rehearsals that hang must not keep the list from being shown.
const PATIENCE: Duration = Duration::from_secs(2);

/// # Errors
/// That no node answers.
pub async fn reversible(console: &Console, _: Nothing) -> Result<Vec<Reversible>, Problem> {
    let now = console.clock.now().wall;
    // The journal may be broken or slow: whatever it would add comes in time or not at all.
    let journal = tokio::time::timeout(Duration::from_millis(300), console.book());
    let rollouts = match journal.await {
        Ok(Ok(book)) => book
            .services
            .iter()
            .filter_map(|(service, all)| Some((service.clone(), all.current.clone()?)))
            .collect(),
        _ => std::collections::BTreeMap::new(),
    };
    let figures = tokio::time::timeout(Duration::from_millis(300), pulse(console, now));
    let figures = figures.await.unwrap_or_default();
    let services = match console.platform.services().await {
        Ok(services) => services,
        Err(_) => {
            console.ensure_platform().await?;
            console.platform.services().await?
        }
    };
    let mut found = Vec::new();
    for service in services {
        let Ok(seen) = console.platform.observe(&service).await else {
            continue;
        };
        let Some(mut one) = of(&seen, rollouts.get(&service), now) else {
            continue;
        };
        one.errors = figures.now(&service).errors();
        match tokio::time::timeout(PATIENCE, preview(console, ask(&service))).await {
            Ok(Ok(preview)) => one.preview = Some(preview),
            Ok(Err(problem)) => one.trouble = Some(problem.message),
            Err(_) => one.trouble = Some("the rehearsal got no answer within 2 s".into()),
        }
        found.push(one);
    }
    order(&mut found);
    Ok(found)
}

fn ask(service: &ServiceName) -> RollBack {
    RollBack {
        service: service.clone(),
        reason: String::new(),
        now: false,
        event_id: None,
        kind: RollbackKind::Quick,
    }
}

/// Whether this service has a release that can be taken back, by what the platform itself says.
fn of(seen: &Observation, rollout: Option<&Rollout>, now: Timestamp) -> Option<Reversible> {
    let back = seen.traffic.way_back?;
    let version = |slot: deckwatch_domain::Slot| {
        let release = seen.slots[slot].release.as_ref();
        release.map(|r| r.version.clone())
    };
    let leaving = back.slot.other();
    let weight = seen.traffic.weights.of(leaving);
    let rolling = seen.traffic.roles.playing(Role::Candidate) == Some(leaving);
    let audience = seen.traffic.audience.as_ref().filter(|a| !a.is_empty());
    let come = match (rolling, weight) {
        (true, 0) if audience.is_none() => Come::Brought,
        (true, _) => Come::Rolling,
        (false, 0) => return None,
        (false, _) => Come::Promoted,
    };
    if come == Come::Promoted && back.until.is_some_and(|until| until <= now) {
        return None;
    }
    let rollout = rollout.filter(|r| Some(r.id) == seen.traffic.rollout);
    Some(Reversible {
        service: seen.service.clone(),
        from: version(leaving),
        to: version(back.slot),
        come,
        weight,
        weights: seen.traffic.weights,
        audience: audience.map(|a| a.words()),
        rollout: seen.traffic.rollout,
        until: back.until,
        promoted_at: rollout.and_then(|r| r.promoted_at),
        errors: None,
        preview: None,
        trouble: None,
        ways_back: rollout.map(ways_back).unwrap_or_default(),
        preserves: rollout.is_some_and(|r| r.plan.around.export.is_some()),
        full_advised: rollout.and_then(Rollout::full_advised),
        back_times: rollout.map(Rollout::back_times).unwrap_or_default(),
        obvious: false,
    })
}

/// Rolling before promoted before what has no traffic; among these the one with more errors, then
/// the newest. The first is the obvious one, unless it has no traffic to take back.
fn order(found: &mut [Reversible]) {
    found.sort_by(|a, b| {
        let errors = |r: &Reversible| r.errors.unwrap_or(0.0);
        a.come
            .cmp(&b.come)
            .then(errors(b).total_cmp(&errors(a)))
            .then(b.promoted_at.cmp(&a.promoted_at))
            .then(a.service.cmp(&b.service))
    });
    if let Some(first) = found.first_mut() {
        first.obvious = first.come != Come::Brought;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(service: &str, come: Come, errors: f64) -> Reversible {
        Reversible {
            service: ServiceName::new(service).unwrap(),
            from: None,
            to: None,
            come,
            weight: 10,
            weights: Weights::NONE,
            audience: None,
            rollout: None,
            until: None,
            promoted_at: None,
            errors: Some(errors),
            preview: None,
            trouble: None,
            ways_back: Vec::new(),
            preserves: false,
            full_advised: None,
            back_times: Vec::new(),
            obvious: false,
        }
    }

    #[test]
    fn the_obvious_one_comes_first_and_alone() {
        let mut all = vec![
            one("a", Come::Promoted, 0.5),
            one("b", Come::Rolling, 0.0),
            one("c", Come::Rolling, 0.04),
            one("d", Come::Brought, 0.9),
        ];
        order(&mut all);
        let names: Vec<_> = all.iter().map(|r| r.service.as_str()).collect();
        assert_eq!(names, ["c", "b", "a", "d"]);
        let obvious: Vec<_> = all.iter().map(|r| r.obvious).collect();
        assert_eq!(obvious, [true, false, false, false]);
        let mut none = vec![one("d", Come::Brought, 0.9)];
        order(&mut none);
        assert!(!none[0].obvious);
    }
}
