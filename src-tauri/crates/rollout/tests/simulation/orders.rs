//! How orders are carried out in the simulated cluster, in the order of requests in which the
//! shipped platform does it: read, decide by the shipped rules, patch what was decided on, and read
//! again when somebody was faster.

use deckwatch_domain::{PerSlot, Slot};
use deckwatch_platform::{
    Action, Applied, Drift, Order, PlatformError, Rejection, ReleaseSpec, TakeBack, TrafficWrite,
    rules,
};

use crate::cluster::{Change, FrontLook, Patch, SlotsLook};
use crate::platform::{SimPlatform, name};
use crate::world::{Cut, never};

/// How often a write that somebody overtook is decided again.
const MOST_RACES: usize = 8;

fn applied(order: &Order, traffic: &deckwatch_platform::Traffic, repeated: bool) -> Applied {
    Applied {
        intent: order.intent,
        traffic: traffic.clone(),
        repeated,
        took_us: 100,
        warnings: Vec::new(),
    }
}

fn drifted(front: &FrontLook) -> Result<(), PlatformError> {
    if front.front.routed == front.traffic.weights {
        return Ok(());
    }
    let drift = Drift {
        by: Some("argocd".into()),
        what: format!("it leads {}", front.front.routed),
    };
    Err(Rejection::Drifted { drift }.into())
}

impl SimPlatform {
    pub fn land_what_is_due(&self, boot: u64) {
        loop {
            let mut state = self.state.lock().unwrap();
            let Some(patch) = state.api().due(boot) else {
                break;
            };
            let landed = state.land(boot, &patch);
            drop(state);
            self.world
                .tell(|| format!("  late {} -> {landed:?}", said(&patch)));
        }
    }

    pub async fn apply_in_cluster(&self, order: &Order) -> Result<Applied, PlatformError> {
        let answer = match &order.action {
            Action::SetTraffic(write) => self.move_traffic(order, write).await,
            Action::TakeBack(take) => self.move_back(order, take).await,
            Action::Rehearse(take) => self.rehearse_back(order, take).await,
            Action::Watch { .. } => Err(Rejection::Malformed {
                what: "nothing in the cluster notices that".into(),
            }
            .into()),
            Action::BringUp {
                slot,
                release,
                instances,
            } => self.bring_up(order, *slot, release, *instances).await,
            Action::Scale { slot, instances } => self.scale(order, *slot, *instances).await,
            Action::Retire { slot } => self.retire(order, *slot).await,
        };
        self.world.tell(|| {
            let said = answer.as_ref().map(|a| a.repeated);
            format!(
                "  {} e{} -> {:?}",
                name(&order.action),
                order.epoch,
                said.map_err(ToString::to_string)
            )
        });
        answer
    }

    /// Sends a patch; whether it held. It may be lost, be long on its way, or come twice.
    async fn send(&self, patch: Patch) -> Result<bool, PlatformError> {
        let cut = self.ask().await?;
        let boot = self.world.lock().boot;
        if self.world.fault(3.0) {
            let at = boot + 50 + self.world.below(20_000);
            let mut state = self.state.lock().unwrap();
            state.api().delay(at, patch.clone());
            drop(state);
            if self.world.chance(60.0) {
                return Err(Self::unreachable());
            }
        }
        let landed = self.state.lock().unwrap().land(boot, &patch);
        self.world
            .tell(|| format!("    {} -> {landed:?}", said(&patch)));
        if cut == Cut::After {
            return never().await;
        }
        if self.world.fault(1.5) {
            // Done, but the answer is lost.
            return Err(Self::unreachable());
        }
        if let Ok(version) = landed {
            let mut follower = self.follower.lock().unwrap();
            match &patch {
                Patch::Front { .. } => follower.front = follower.front.max(version),
                Patch::Deployment { slot, .. } => {
                    follower.slots[*slot] = follower.slots[*slot].max(version);
                }
            }
        }
        Ok(landed.is_ok())
    }

    fn overtaken() -> PlatformError {
        PlatformError::Unreachable {
            why: "it kept changing while it was written".into(),
        }
    }

    fn front_patch(
        front: &FrontLook,
        order: &Order,
        after: deckwatch_platform::Traffic,
        ready: PerSlot<u32>,
    ) -> Patch {
        Patch::Front {
            held: front.front.version,
            order: order.clone(),
            after: Box::new(after),
            labelled: front.front.labelled,
            ready,
            amends: false,
        }
    }

    async fn move_traffic(
        &self,
        order: &Order,
        write: &TrafficWrite,
    ) -> Result<Applied, PlatformError> {
        for _ in 0..MOST_RACES {
            let front = self.read_front().await?;
            if front.front.intents.contains(&order.intent) {
                return Ok(applied(order, &front.traffic, true));
            }
            let ready = self.endpoints().await?;
            let after = rules::set_traffic(&front.traffic, ready, order, write)?;
            drifted(&front)?;
            let patch = Self::front_patch(&front, order, after.clone(), ready);
            if self.send(patch).await? {
                return Ok(applied(order, &after, false));
            }
        }
        Err(Self::overtaken())
    }

    async fn move_back(&self, order: &Order, take: &TakeBack) -> Result<Applied, PlatformError> {
        for _ in 0..MOST_RACES {
            let front = self.read_front().await?;
            // Endpoints that cannot be read are no reason to stay.
            let ready = match self.world.fault(3.0) {
                true => PerSlot::new(|_| 1),
                false => self.endpoints().await.unwrap_or(PerSlot::new(|_| 1)),
            };
            let (after, _) = rules::take_back(&front.traffic, ready, take)?;
            if after.revision == front.traffic.revision {
                return Ok(applied(order, &after, true));
            }
            let patch = Self::front_patch(&front, order, after.clone(), ready);
            if self.send(patch).await? {
                return Ok(applied(order, &after, false));
            }
        }
        Err(Self::overtaken())
    }

    async fn rehearse_back(
        &self,
        order: &Order,
        take: &TakeBack,
    ) -> Result<Applied, PlatformError> {
        let front = self.read_front().await?;
        let mut anyway = take.clone();
        anyway.now = true;
        rules::take_back(&front.traffic, PerSlot::new(|_| 1), &anyway)?;
        Ok(applied(order, &front.traffic, false))
    }

    /// What the endpoints say is ready: they are a moment behind the pods.
    async fn endpoints(&self) -> Result<PerSlot<u32>, PlatformError> {
        let slots = self.read_slots().await?;
        let behind = if self.world.fault(20.0) { 700 } else { 60 };
        let at = self.world.lock().boot.saturating_sub(behind);
        Ok(PerSlot::new(|slot| slots.slots[slot].ready(at)))
    }

    async fn bring_up(
        &self,
        order: &Order,
        slot: Slot,
        release: &ReleaseSpec,
        instances: u32,
    ) -> Result<Applied, PlatformError> {
        let change = Change::Replace {
            release: Box::new(release.clone()),
            instances,
            ready_after: (!self.world.fault(4.0)).then(|| 200 + self.world.below(1500)),
        };
        self.change_slot(order, slot, change).await
    }

    async fn retire(&self, order: &Order, slot: Slot) -> Result<Applied, PlatformError> {
        let leaves_after = 30 + self.world.below(4_000);
        let change = Change::Stop { leaves_after };
        self.change_slot(order, slot, change).await
    }

    async fn scale(
        &self,
        order: &Order,
        slot: Slot,
        instances: u32,
    ) -> Result<Applied, PlatformError> {
        let change = Change::Scale {
            instances,
            ready_after: 300 + self.world.below(900),
        };
        self.change_slot(order, slot, change).await
    }

    /// A slot is read before the rules are asked, and the patch holds only while nothing was ordered
    /// there since.
    async fn change_slot(
        &self,
        order: &Order,
        slot: Slot,
        change: Change,
    ) -> Result<Applied, PlatformError> {
        for _ in 0..MOST_RACES {
            let there = self.read_slots().await?;
            let front = self.amended(order, slot).await?;
            if there.deployments[slot].intents.contains(&order.intent) {
                return Ok(applied(order, &front.traffic, true));
            }
            if self
                .send(deployment_patch(&there, order, slot, &change))
                .await?
            {
                return Ok(applied(order, &front.traffic, false));
            }
        }
        Err(Self::overtaken())
    }

    /// The rules are asked, and the slot's pods are found by its own labels from now on.
    async fn amended(&self, order: &Order, slot: Slot) -> Result<FrontLook, PlatformError> {
        for _ in 0..MOST_RACES {
            let front = self.read_front().await?;
            rules::change_slot(&front.traffic, order)?;
            if !matches!(order.action, Action::Scale { .. }) {
                drifted(&front)?;
            }
            let mut labelled = front.front.labelled;
            labelled[slot] |= matches!(order.action, Action::BringUp { .. });
            if labelled == front.front.labelled {
                return Ok(front);
            }
            let patch = Patch::Front {
                held: front.front.version,
                order: order.clone(),
                after: Box::new(front.traffic.clone()),
                labelled,
                ready: PerSlot::default(),
                amends: true,
            };
            if self.send(patch).await? {
                return Ok(front);
            }
        }
        Err(Self::overtaken())
    }
}

fn deployment_patch(there: &SlotsLook, order: &Order, slot: Slot, change: &Change) -> Patch {
    Patch::Deployment {
        held: there.deployments[slot].version,
        order: order.clone(),
        slot,
        change: change.clone(),
    }
}

fn said(patch: &Patch) -> String {
    match patch {
        Patch::Front { order, amends, .. } if *amends => format!("amend for {}", order.intent),
        Patch::Front { after, .. } => format!("patch of the route to {}", after.weights),
        Patch::Deployment { order, .. } => format!("patch of a slot: {}", name(&order.action)),
    }
}
