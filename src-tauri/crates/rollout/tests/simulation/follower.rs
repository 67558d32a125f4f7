//! What one program knows of a cluster through its watches: a look that lags, each kind by itself,
//! but never behind what this program has written.

use deckwatch_domain::{PerSlot, Slot, Timestamp};
use deckwatch_platform::{Drift, Observation, PlatformError};

use crate::cluster::{FrontLook, SlotsLook};
use crate::platform::{INSTANCES, SimPlatform, slot_state};
use crate::world::{Cut, never};

/// One program's watches.
#[derive(Default)]
pub struct Follower {
    /// Whether it keeps watches at all; one command does not.
    pub follows: bool,
    /// Until when a watch is being begun anew; meanwhile it reads for itself.
    lost_until: u64,
    /// What the watches have shown, or this program has written.
    pub front: u64,
    pub slots: PerSlot<u64>,
}

impl SimPlatform {
    /// The same cluster for another program, which knows nothing of it yet.
    pub fn for_program(&self) -> Self {
        let mut other = self.clone();
        other.follower = Default::default();
        other.follower.lock().unwrap().follows = true;
        other
    }

    pub async fn observe_cluster(&self) -> Result<Observation, PlatformError> {
        if let Some(seen) = self.by_watches().await? {
            return Ok(seen);
        }
        // Lists are not one snapshot: anything may happen between the record and the slots.
        let front = self.read_front().await?;
        let slots = self.read_slots().await?;
        Ok(self.observation(&front, &slots))
    }

    /// Out of the index, while it is fresh; costs no request.
    async fn by_watches(&self) -> Result<Option<Observation>, PlatformError> {
        if self.world.pass().await != Cut::No {
            return never().await;
        }
        self.deliver();
        let boot = self.world.lock().boot;
        let lost = self.is_away() || self.world.fault(1.0);
        let mut follower = self.follower.lock().unwrap();
        if lost {
            follower.lost_until = boot + self.world.below(3_000);
        }
        if !follower.follows || follower.lost_until > boot {
            return Ok(None);
        }
        let (front_lag, slots_lag) = (self.lag(), self.lag());
        let mut state = self.state.lock().unwrap();
        let api = state.api();
        let at = |lag: u64| boot.saturating_sub(lag);
        let front = api.front_of(at(front_lag), follower.front).cloned();
        let slots = api.slots_of(at(slots_lag), follower.slots).cloned();
        drop(state);
        let (Some(front), Some(slots)) = (front, slots) else {
            return Ok(None);
        };
        follower.front = front.front.version;
        follower.slots = PerSlot::new(|slot| slots.deployments[slot].version);
        drop(follower);
        Ok(Some(self.observation(&front, &slots)))
    }

    /// How far behind a watch is; mostly it is not.
    fn lag(&self) -> u64 {
        if self.world.fault(4.0) {
            return self.world.below(8_000);
        }
        if self.world.chance(30.0) {
            return self.world.below(120);
        }
        0
    }

    fn observation(&self, front: &FrontLook, slots: &SlotsLook) -> Observation {
        let inner = self.world.lock();
        let (boot, wall) = (inner.boot, inner.wall);
        drop(inner);
        let mut applied = front.front.intents.clone();
        for slot in Slot::BOTH {
            applied.extend(&slots.deployments[slot].intents);
        }
        let routed = front.front.routed;
        Observation {
            service: self.service.clone(),
            at: Timestamp::from_millis(wall),
            traffic: front.traffic.clone(),
            slots: PerSlot::new(|slot| slot_state(&slots.slots[slot], slot, boot, wall)),
            instances: INSTANCES,
            preview: None,
            applied,
            sharing: deckwatch_platform::Sharing::Weight,
            reached: None,
            drift: (routed != front.traffic.weights).then(|| Drift {
                by: Some("argocd".into()),
                what: format!("it leads {routed}"),
            }),
        }
    }

    /// The object that carries the traffic, read now.
    pub async fn read_front(&self) -> Result<FrontLook, PlatformError> {
        let cut = self.ask().await?;
        let look = {
            let mut state = self.state.lock().unwrap();
            let traffic = state.traffic.clone();
            let front = state.api().front.clone();
            FrontLook { traffic, front }
        };
        match cut {
            Cut::After => never().await,
            _ => Ok(look),
        }
    }

    /// The slots, read now.
    pub async fn read_slots(&self) -> Result<SlotsLook, PlatformError> {
        let cut = self.ask().await?;
        let look = {
            let mut state = self.state.lock().unwrap();
            let slots = state.slots.clone();
            let deployments = state.api().deployments.clone();
            SlotsLook { slots, deployments }
        };
        match cut {
            Cut::After => never().await,
            _ => Ok(look),
        }
    }

    /// One request's way to the API server.
    pub async fn ask(&self) -> Result<Cut, PlatformError> {
        let cut = self.world.pass().await;
        if cut == Cut::Before {
            return never().await;
        }
        self.deliver();
        if self.is_away() || self.world.fault(0.7) {
            return Err(Self::unreachable());
        }
        Ok(cut)
    }
}
