//! One service of the node: its front, its slots, its files.
//!
//! Two lanes lead in. Forward writes and slot orders take the slow one, one after the other. A
//! take-back takes neither: it goes through the front's short lock and nothing else, so nothing
//! that is under way can hold it up (see `orders`).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use deckwatch_domain::{IntentId, PerSlot, ReleaseVersion, Role, ServiceName, Slot, Weights};
use serde::{Deserialize, Serialize};

use super::desired::{Desired, DesiredSlot, Files};
use super::doors::Doors;
use super::flags::FlagFile;
use super::instance::{Handed, Instance, Surroundings};
use super::intents::{Intents, Kept};
use super::output;
use super::traffic_file::{Found, LONGEST, TrafficFile};
use crate::local::definition::ServiceDefinition;
use crate::local::protocol::ServiceStatus;
use crate::local::{lock, now};
use crate::model::{LogLine, Observation, ReleaseSpec, SlotState, Traffic};

/// Stopped instances whose output is still shown.
const PAST: usize = 16;

/// What the traffic file carries.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Carried {
    pub traffic: Traffic,
    pub applied: Vec<IntentId>,
}

/// The slots as they are.
#[derive(Default)]
pub(super) struct Slots {
    pub desired: PerSlot<DesiredSlot>,
    pub instances: PerSlot<Vec<Arc<Instance>>>,
    /// On their way out.
    pub leaving: Vec<Arc<Instance>>,
    /// Stopped; kept for their output.
    past: Vec<Arc<Instance>>,
}

pub(super) struct Hosted {
    pub around: Surroundings,
    pub files: Files,
    pub slots: Mutex<Slots>,
    /// The slow lane: forward writes, slot orders and new definitions, one at a time.
    pub lane: tokio::sync::Mutex<()>,
    pub file: Mutex<TrafficFile>,
    pub intents: Mutex<Intents>,
    /// Memory knows more than the disk.
    pub unsaved: AtomicBool,
    /// Counts the watches over drivers; only the newest one may still act.
    pub watches: AtomicU64,
    /// What the service's own code is told of an audience.
    pub flag: Mutex<FlagFile>,
    /// The flag file may say something else than the traffic object. Not known at first.
    pub flag_behind: AtomicBool,
    pub doors: Mutex<Doors>,
}

/// A service's traffic file as it was found.
pub(super) struct OnDisk {
    pub carried: Carried,
    pub file: TrafficFile,
    /// The file could not be read, and the object begins anew.
    pub lost: bool,
}

/// Opens a service's traffic file; what cannot be read is set aside and said.
pub(super) fn open_traffic(files: &Files, troubles: &mut Vec<String>) -> std::io::Result<OnDisk> {
    let path = files.traffic();
    let (file, found) = TrafficFile::open(&path)?;
    let torn = matches!(found, Found::Older(_));
    let carried = match found {
        Found::Nothing => Some(Carried::default()),
        Found::Content(bytes) | Found::Older(bytes) => serde_json::from_slice(&bytes).ok(),
        Found::Damaged => None,
    };
    if let Some(carried) = carried {
        if torn {
            let path = path.display();
            troubles.push(format!(
                "{path}: the newest write was torn; the one before is used"
            ));
        }
        return Ok(OnDisk {
            carried,
            file,
            lost: false,
        });
    }
    drop(file);
    let aside = files.set_aside(&path);
    troubles.push(format!(
        "{} cannot be read in either half; {aside}",
        path.display()
    ));
    let (file, _) = TrafficFile::open(&path)?;
    Ok(OnDisk {
        carried: Carried::default(),
        file,
        lost: true,
    })
}

/// The traffic of a service whose object was lost: all to the only release there is. With two it
/// cannot be known which one served, and nobody guesses.
pub(super) fn rescued(desired: &PerSlot<DesiredSlot>, troubles: &mut Vec<String>) -> Traffic {
    let standing: Vec<Slot> = Slot::BOTH
        .into_iter()
        .filter(|s| desired[*s].release.is_some())
        .collect();
    let mut traffic = Traffic::default();
    match standing.as_slice() {
        [only] => {
            traffic.weights = Weights::all_to(*only);
            traffic.roles[*only] = Role::Stable;
            troubles.push(format!(
                "its weights are lost; all traffic goes to {only}, the only release"
            ));
        }
        [] => {}
        _ => troubles.push(
            "its weights are lost and two releases stand: nothing is served until weights are set"
                .into(),
        ),
    }
    traffic
}

impl Hosted {
    pub(super) fn name(&self) -> &ServiceName {
        &self.around.front.service
    }

    pub(super) fn traffic(&self) -> Arc<Traffic> {
        self.around.front.route().traffic.clone()
    }

    pub(super) fn definition(&self) -> Arc<ServiceDefinition> {
        self.around.definition.load_full()
    }

    /// The traffic object as bytes for its file, with as many intents as fit, newest first to stay.
    pub(super) fn carried(
        &self,
        traffic: &Traffic,
        also: Option<IntentId>,
    ) -> std::io::Result<Vec<u8>> {
        let mut applied = lock(&self.intents).of(Kept::Traffic);
        applied.extend(also);
        loop {
            let carried = Carried {
                traffic: traffic.clone(),
                applied,
            };
            let bytes = serde_json::to_vec(&carried)?;
            applied = carried.applied;
            if bytes.len() <= LONGEST || applied.is_empty() {
                return Ok(bytes);
            }
            applied.drain(..applied.len().div_ceil(4));
        }
    }

    /// Writes what memory holds to the traffic file. Blocks; call it where that is allowed.
    pub(super) fn save(&self) -> std::io::Result<()> {
        let mut file = lock(&self.file);
        // Cleared first: what changes while this writes sets it again.
        self.unsaved.store(false, Relaxed);
        let written = self
            .carried(&self.traffic(), None)
            .and_then(|bytes| file.write(&bytes));
        if written.is_err() {
            self.unsaved.store(true, Relaxed);
        }
        written
    }

    /// What should be, for its file.
    pub(super) fn desired(&self) -> Desired {
        Desired {
            format: 1,
            definition: ServiceDefinition::clone(&self.definition()),
            slots: lock(&self.slots).desired.clone(),
            applied: lock(&self.intents).of(Kept::Slots),
        }
    }

    /// Starts what should stand in a slot and stops what stood there.
    pub(super) fn replace(&self, slot: Slot, desired: DesiredSlot) {
        let mut slots = lock(&self.slots);
        self.put_out(&mut slots, slot, 0);
        let version = desired
            .release
            .as_ref()
            .map(|release| release.version.clone());
        self.around.front.set_release(slot, version);
        slots.desired[slot] = desired;
        self.fill(&mut slots, slot);
        drop(slots);
        self.around.changed();
    }

    /// Brings the number of instances to what is desired.
    pub(super) fn rescale(&self, slot: Slot, instances: u32) {
        let mut slots = lock(&self.slots);
        slots.desired[slot].instances = instances;
        self.put_out(&mut slots, slot, instances);
        self.fill(&mut slots, slot);
        drop(slots);
        self.around.changed();
    }

    fn fill(&self, slots: &mut Slots, slot: Slot) {
        let DesiredSlot {
            release: Some(release),
            instances,
        } = slots.desired[slot].clone()
        else {
            return;
        };
        let release = Arc::new(release);
        for index in 1..=instances {
            if !slots.instances[slot].iter().any(|i| i.index == index) {
                let around = self.around.clone();
                let instance = Instance::start(around, slot, index, release.clone(), None);
                slots.instances[slot].push(instance);
            }
        }
    }

    /// Stops the instances above `keep`.
    fn put_out(&self, slots: &mut Slots, slot: Slot, keep: u32) {
        let (staying, going): (Vec<_>, Vec<_>) = slots.instances[slot]
            .drain(..)
            .partition(|i| i.index <= keep);
        slots.instances[slot] = staying;
        for instance in &going {
            instance.stop(true);
        }
        slots.leaving.extend(going);
    }

    /// What another node has left standing in the slots, before its instances are adopted.
    pub(super) fn stand(&self, desired: &PerSlot<DesiredSlot>) {
        lock(&self.slots).desired = desired.clone();
        for slot in Slot::BOTH {
            let version = desired[slot]
                .release
                .as_ref()
                .map(|release| release.version.clone());
            self.around.front.set_release(slot, version);
        }
    }

    pub(super) fn is_anyone_leaving(&self) -> bool {
        self.tidy();
        !lock(&self.slots).leaving.is_empty()
    }

    /// Adds an instance that another node started.
    pub(super) fn adopt(&self, slot: Slot, index: u32, release: ReleaseSpec, handed: Handed) {
        let instance = Instance::start(
            self.around.clone(),
            slot,
            index,
            Arc::new(release),
            Some(handed),
        );
        lock(&self.slots).instances[slot].push(instance);
    }

    /// All instances there are, those on their way out too.
    pub(super) fn all_instances(&self) -> Vec<Arc<Instance>> {
        let slots = lock(&self.slots);
        let standing = Slot::BOTH
            .into_iter()
            .flat_map(|s| slots.instances[s].iter());
        standing.chain(&slots.leaving).cloned().collect()
    }

    /// Forgets instances that have stopped; their output is kept for a while.
    pub(super) fn tidy(&self) {
        let mut slots = lock(&self.slots);
        let (gone, leaving): (Vec<_>, Vec<_>) =
            slots.leaving.drain(..).partition(|i| i.has_ended());
        slots.leaving = leaving;
        slots.past.extend(gone);
        let excess = slots.past.len().saturating_sub(PAST);
        slots.past.drain(..excess);
    }

    pub(super) fn observe(&self) -> Observation {
        self.tidy();
        let slots = lock(&self.slots);
        let route = self.around.front.route();
        let tallies = self.around.front.tallies();
        let look = |slot: Slot| {
            let standing = slots.instances[slot].iter();
            let leaving = slots.leaving.iter().filter(|i| i.slot == slot);
            let mine = || tallies.iter().filter(|t| t.slot == slot);
            SlotState {
                release: slots.desired[slot].release.clone(),
                desired: slots.desired[slot].instances,
                ready: route.ready()[slot],
                instances: standing.chain(leaving).map(|i| i.state()).collect(),
                in_flight: mine().map(|t| t.in_flight()).sum(),
                last_response_at: mine().filter_map(|t| t.last_response_at()).max(),
            }
        };
        let mut applied = lock(&self.intents).of(Kept::Slots);
        applied.extend(lock(&self.intents).of(Kept::Traffic));
        Observation {
            service: self.name().clone(),
            at: now(),
            traffic: Traffic::clone(&route.traffic),
            slots: PerSlot::new(look),
            instances: self.definition().instances,
            preview: self.definition().preview,
            applied,
            drift: None,
            sharing: crate::Sharing::Weight,
            reached: None,
        }
    }

    pub(super) fn status(&self) -> ServiceStatus {
        let slots = lock(&self.slots);
        let route = self.around.front.route();
        let version = |slot: Slot| -> Option<ReleaseVersion> {
            slots.desired[slot]
                .release
                .as_ref()
                .map(|r| r.version.clone())
        };
        ServiceStatus {
            service: self.name().clone(),
            listen: self.definition().listen,
            weights: route.traffic.weights,
            releases: PerSlot::new(version),
            ready: route.ready(),
            unserved: self.around.front.unserved.load(Relaxed),
        }
    }

    pub(super) fn logs(&self, lines: usize) -> Vec<LogLine> {
        let all = self.all_instances();
        let past = lock(&self.slots).past.clone();
        output::last(all.iter().chain(&past).map(|i| &i.output), lines)
    }

    /// Waits until no request is being answered.
    pub(super) async fn quiet(&self) {
        while self
            .around
            .front
            .tallies()
            .iter()
            .any(|t| t.in_flight_anywhere() > 0)
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Ends everything of this service, waiting for it.
    pub(super) async fn stop_all(&self, drain: bool) {
        let all = self.all_instances();
        for instance in &all {
            instance.stop(drain);
        }
        for instance in all {
            instance.ended().await;
        }
    }
}

/// A definition shared with everything that reads it.
pub(super) fn shared(definition: ServiceDefinition) -> Arc<ArcSwap<ServiceDefinition>> {
    Arc::new(ArcSwap::from_pointee(definition))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it stood on disks before there were audiences.
    const BEFORE: &str = r#"{"traffic":{"weights":{"blue":90,"green":10},"roles":{"blue":"stable",
        "green":"candidate"},"rollout":"00000000-0000-0000-0000-000000000001","plan_digest":null,
        "epoch":3,"way_back":{"slot":"blue"},"latched":[],"records":[],"revision":7},
        "applied":["00000000-0000-0000-0000-000000000002"]}"#;

    #[test]
    fn a_traffic_file_from_before_there_were_audiences_is_read() {
        let root = tempfile::tempdir().unwrap();
        let files = Files::new(root.path(), &"shop".parse().unwrap());
        let (mut file, _) = TrafficFile::open(&files.traffic()).unwrap();
        file.write(BEFORE.as_bytes()).unwrap();
        drop(file);
        let mut troubles = Vec::new();
        let read = open_traffic(&files, &mut troubles).unwrap();
        assert!(!read.lost && troubles.is_empty(), "{troubles:?}");
        let traffic = read.carried.traffic;
        assert_eq!(traffic.weights, Weights::toward(Slot::Green, 10));
        assert_eq!((traffic.audience, traffic.flag), (None, None));
        assert_eq!((traffic.revision, read.carried.applied.len()), (7, 1));
    }
}
