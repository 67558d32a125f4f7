//! From the objects to one look at a service. Pure.

use deckwatch_domain::{PerSlot, ReleaseVersion, Role, ServiceName, Slot, Timestamp};

use super::index::Index;
use super::kind::Kind;
use super::object::{Deployment, Pod, matches};
use super::record::{Adopted, Record};
use super::writer::selector;
use crate::model::{
    Drift, InstancePhase, InstanceState, Observation, ReleaseSpec, Sharing, SlotState, Traffic,
};

/// The names of everything that a pod, an image and a person may have called a version, shortened
/// to what a version may be.
const LONGEST_VERSION: usize = 64;

/// One look at a service.
pub(super) fn look(
    index: &Index,
    kind: Kind,
    record: &Record,
    drift: Option<Drift>,
    now: Timestamp,
) -> Observation {
    let adopted = &record.adopted;
    let slots = PerSlot::new(|slot| slot_state(index, record, slot));
    let mut applied = record.intents.clone();
    for slot in Slot::BOTH {
        if let Some(deployment) = deployment(index, adopted, slot) {
            applied.extend(&deployment.intents);
        }
    }
    let sharing = sharing(index, kind, record);
    let ready = PerSlot::new(|slot| slots[slot].ready);
    let mixed = Slot::BOTH
        .iter()
        .all(|slot| record.traffic.weights.of(*slot) > 0);
    let reached = selector::reached(ready).filter(|_| mixed && sharing == Sharing::Instances);
    Observation {
        service: adopted.service.clone(),
        at: now,
        traffic: record.traffic.clone(),
        instances: instances(index, record, &slots),
        slots,
        preview: None,
        applied,
        drift,
        sharing,
        reached,
    }
}

/// How finely what stands in front can share the traffic out.
pub(super) fn sharing(index: &Index, kind: Kind, record: &Record) -> Sharing {
    if kind != Kind::Service {
        return Sharing::Weight;
    }
    let mut scalers = index.autoscalers.values().map(|(_, scaler)| scaler);
    let autoscaled = scalers.any(|scaler| scaler.target == record.adopted.deployment);
    selector::sharing(record, autoscaled)
}

/// The services that have a record here, with what keeps one from being understood.
pub(super) fn services(index: &Index) -> Vec<ServiceName> {
    let records = index.fronts().filter_map(|(_, _, object)| {
        let record = Record::of(object).ok().flatten()?;
        Some(record.adopted.service)
    });
    let mut names: Vec<ServiceName> = records.collect();
    names.sort();
    names.dedup();
    names
}

/// How many instances of each slot can get traffic, counted where traffic is led: in the endpoints
/// of the slot's Service.
///
/// Of a slot that is on its way in, only the instances count that its present release has brought
/// up: those of the one before it may still be there.
pub(super) fn ready(index: &Index, record: &Record, slot: Slot) -> u32 {
    let name = record.adopted.slot_name(slot);
    let mut seen = std::collections::BTreeSet::new();
    let slices = index.slices.values().map(|(_, slice)| slice);
    for slice in slices.filter(|slice| slice.service == name) {
        // A pod with two address families stands in two slices.
        seen.extend(slice.endpoints.iter().filter(|e| e.1).map(|e| &e.0));
    }
    if settled(&record.traffic, slot) {
        return seen.len() as u32;
    }
    let Some(deployment) = deployment(index, &record.adopted, slot) else {
        return 0;
    };
    let brought_up = |pod: &&&String| {
        let pod = index.pods.get(pod.as_str());
        pod.is_some_and(|(_, pod)| pod.order == deployment.order)
    };
    seen.iter().filter(brought_up).count() as u32
}

/// Whether what stands in a slot is what is counted on, whatever its template is by now.
fn settled(traffic: &Traffic, slot: Slot) -> bool {
    matches!(traffic.roles[slot], Role::Stable | Role::Previous)
}

pub(super) fn deployment<'a>(
    index: &'a Index,
    adopted: &Adopted,
    slot: Slot,
) -> Option<&'a Deployment> {
    let (_, deployment) = index.deployments.get(&adopted.deployment(slot))?;
    Some(deployment)
}

fn slot_state(index: &Index, record: &Record, slot: Slot) -> SlotState {
    let Some(deployment) = deployment(index, &record.adopted, slot) else {
        return SlotState::default();
    };
    let selector = &record.adopted.selectors[slot];
    let instances: Vec<InstanceState> = index.pods_of(selector).map(instance).collect();
    let stands = deployment.replicas > 0 || !instances.is_empty();
    SlotState {
        release: stands.then(|| release(deployment, &record.adopted)),
        desired: deployment.replicas,
        ready: ready(index, record, slot),
        instances,
        in_flight: 0,
        last_response_at: None,
    }
}

/// What a slot runs: what was asked for, or what can be told of a Deployment that was there before.
fn release(deployment: &Deployment, adopted: &Adopted) -> ReleaseSpec {
    let image = image(deployment, &adopted.container);
    if let Some(release) = &deployment.release {
        return release.clone();
    }
    let named = deployment.version_label.as_deref().or_else(|| tag(&image));
    ReleaseSpec {
        version: version(named.unwrap_or("unknown")),
        command: None,
        env: Default::default(),
        image: (!image.is_empty()).then_some(image),
    }
}

/// The image of a container, or of the only one there is.
fn image(deployment: &Deployment, container: &str) -> String {
    let named = deployment.images.iter().find(|(name, _)| name == container);
    let found = named.or_else(|| deployment.images.first());
    found.map_or_else(String::new, |(_, image)| image.clone())
}

/// What an image calls its version: its tag, or the beginning of its digest.
fn tag(image: &str) -> Option<&str> {
    if let Some((_, digest)) = image.split_once("@sha256:") {
        return digest.get(..12);
    }
    // A colon before the last slash is a registry's port.
    let name = image.rsplit('/').next()?;
    name.split_once(':').map(|(_, tag)| tag)
}

fn version(text: &str) -> ReleaseVersion {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let kept: String = text.chars().filter(|c| fits(*c)).collect();
    let kept = kept.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let kept: String = kept.chars().take(LONGEST_VERSION).collect();
    let kept = kept.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    ReleaseVersion::new(kept).unwrap_or_else(|_| unknown())
}

fn unknown() -> ReleaseVersion {
    ReleaseVersion::new("unknown").expect("it is a version")
}

/// Reasons with which a node says that it has given a container up for now.
const GIVEN_UP: &[&str] = &[
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

fn phase(pod: &Pod) -> InstancePhase {
    let given_up = |why: &String| GIVEN_UP.contains(&why.as_str());
    if pod.leaving {
        InstancePhase::Draining
    } else if matches!(pod.phase.as_str(), "Succeeded" | "Failed") {
        InstancePhase::Stopped
    } else if pod.waiting.as_ref().is_some_and(given_up) {
        InstancePhase::BackOff
    } else if pod.ready {
        InstancePhase::Ready
    } else if pod.phase == "Running" {
        InstancePhase::Unready
    } else {
        InstancePhase::Starting
    }
}

fn instance(pod: &Pod) -> InstanceState {
    let phase = phase(pod);
    let ended = pod.ended.as_ref();
    let problem = match phase {
        InstancePhase::Ready | InstancePhase::Draining => {
            ended.map(|how| format!("ended earlier: {how}"))
        }
        _ => match (&pod.waiting, ended) {
            (Some(why), Some(how)) => Some(format!("{why} ({how})")),
            (Some(why), None) => Some(why.clone()),
            (None, _) => pod.unready_why.clone().filter(|why| !why.is_empty()),
        },
    };
    let first = pod.restarts == 0;
    let ready_after = pod
        .started
        .zip(pod.ready_since)
        .filter(|_| first)
        .map(|(started, ready)| ready.since(started).into());
    InstanceState {
        id: pod.name.clone(),
        phase,
        pid: None,
        port: None,
        restarts: pod.restarts,
        since: pod.ready_since.or(pod.started).unwrap_or(pod.created),
        ready_after,
        last_problem: problem,
    }
}

/// Instances of a full slot. Where an autoscaler decides, it is what it has decided for the slot
/// that serves most; otherwise what was found at the adoption.
fn instances(index: &Index, record: &Record, slots: &PerSlot<SlotState>) -> u32 {
    let adopted = &record.adopted;
    let scaler = index
        .autoscalers
        .values()
        .find(|(_, s)| s.target == adopted.deployment);
    let Some((_, scaler)) = scaler else {
        return adopted.instances;
    };
    let weights = &record.traffic.weights;
    let serving = Slot::BOTH.into_iter().max_by_key(|s| weights.of(*s));
    let decided = serving.map_or(0, |slot| slots[slot].desired);
    decided.clamp(scaler.min, scaler.max.max(scaler.min))
}

/// The fewest instances that a slot may have while it serves: what a disruption budget over the
/// adopted pods promises.
pub(super) fn least(index: &Index, adopted: &Adopted, instances: u32) -> u32 {
    let pods = &adopted.selectors.blue;
    let budgets = index.budgets.values().map(|(_, budget)| budget);
    budgets
        .filter(|budget| {
            matches(&budget.selector, pods) || matches(&budget.selector, &adopted.original_selector)
        })
        .filter_map(|budget| Some(budget.min?.of(instances)))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
