//! What an API server keeps of the simulated service, and what becomes of a patch that lands there.
//!
//! Nothing fences here but the patch itself: it names what it was decided on, and holds only while
//! that is as it was read. It may be long on its way, come twice, or land with its answer lost. The
//! record stands on one object and each slot on another, so no write spans both.

use std::collections::VecDeque;

use deckwatch_domain::{IntentId, PerSlot, Slot, Weights};
use deckwatch_platform::{Action, Order, ReleaseSpec, Traffic};

use crate::platform::{LetGo, SimSlot, State, Write};

/// Intents that an object keeps, as the shipped platform does.
const INTENTS: usize = 32;
/// Looks that are kept for watches that lag.
const KEPT: usize = 24;

/// The objects, beside the record and the slots in [`State`].
#[derive(Default)]
pub struct Api {
    pub front: Front,
    pub deployments: PerSlot<Deployment>,
    late: Vec<(u64, Patch)>,
    fronts: VecDeque<(u64, FrontLook)>,
    slots: VecDeque<(u64, SlotsLook)>,
}

/// The object that carries the traffic.
#[derive(Clone, Debug, Default)]
pub struct Front {
    /// Where it really leads: another manager may have changed it.
    pub routed: Weights,
    /// Rises with each write of the record or the routing, and with nothing else.
    pub version: u64,
    pub intents: Vec<IntentId>,
    /// Whether each slot is found by labels of its own.
    pub labelled: PerSlot<bool>,
}

#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// Rises with each change of its spec, and whenever an order is noted on it.
    pub version: u64,
    pub intents: Vec<IntentId>,
}

/// The record as a look shows it.
#[derive(Clone, Debug, Default)]
pub struct FrontLook {
    pub traffic: Traffic,
    pub front: Front,
}

/// The slots as a look shows them.
#[derive(Clone, Default)]
pub struct SlotsLook {
    pub slots: PerSlot<SimSlot>,
    pub deployments: PerSlot<Deployment>,
}

/// A write on its way.
#[derive(Clone)]
pub enum Patch {
    Front {
        held: u64,
        order: Order,
        after: Box<Traffic>,
        labelled: PerSlot<bool>,
        /// Of each slot, by the endpoints that it was decided on.
        ready: PerSlot<u32>,
        /// Only the record changes, not the traffic: no effect of the order's own.
        amends: bool,
    },
    Deployment {
        held: u64,
        order: Order,
        slot: Slot,
        change: Change,
    },
}

#[derive(Clone)]
pub enum Change {
    Replace {
        release: Box<ReleaseSpec>,
        instances: u32,
        /// After how many milliseconds its instances are ready; none: never.
        ready_after: Option<u64>,
    },
    Scale {
        instances: u32,
        ready_after: u64,
    },
    Stop {
        /// How long its pods take to leave.
        leaves_after: u64,
    },
}

/// What was read had changed by then.
#[derive(Debug)]
pub struct Conflict;

/// Whether an order is anything but the way back.
fn forward(order: &Order) -> bool {
    !matches!(order.action, Action::TakeBack(_))
}

fn note(intents: &mut Vec<IntentId>, intent: IntentId) {
    if !intents.contains(&intent) {
        intents.push(intent);
    }
    let excess = intents.len().saturating_sub(INTENTS);
    intents.drain(..excess);
}

impl Api {
    pub fn new(state: &State) -> Self {
        let mut api = Api::default();
        api.front.routed = state.traffic.weights;
        api
    }

    /// Sends a patch on a long way.
    pub fn delay(&mut self, at: u64, patch: Patch) {
        self.late.push((at, patch));
    }

    /// A patch that has arrived by now.
    pub fn due(&mut self, boot: u64) -> Option<Patch> {
        let due = self.late.iter().position(|(at, _)| *at <= boot)?;
        Some(self.late.remove(due).1)
    }

    /// The newest look that is at least so old, and not older than what `seen` is known to be.
    pub fn front_of(&self, at: u64, seen: u64) -> Option<&FrontLook> {
        let old = self.fronts.iter().rev().find(|(t, _)| *t <= at);
        let look = &old.or(self.fronts.front())?.1;
        (look.front.version >= seen).then_some(look)
    }

    /// The same of the slots.
    pub fn slots_of(&self, at: u64, seen: PerSlot<u64>) -> Option<&SlotsLook> {
        let old = self.slots.iter().rev().find(|(t, _)| *t <= at);
        let look = &old.or(self.slots.front())?.1;
        let new = Slot::BOTH
            .iter()
            .all(|s| look.deployments[*s].version >= seen[*s]);
        new.then_some(look)
    }
}

fn keep<T>(looks: &mut VecDeque<(u64, T)>, boot: u64, look: T) {
    looks.push_back((boot, look));
    if looks.len() > KEPT {
        looks.pop_front();
    }
}

impl State {
    pub fn api(&mut self) -> &mut Api {
        self.api.as_mut().expect("it is a cluster")
    }

    /// Notes how the record looks from now on.
    pub fn show_front(&mut self, boot: u64) {
        let traffic = self.traffic.clone();
        let api = self.api();
        let front = api.front.clone();
        keep(&mut api.fronts, boot, FrontLook { traffic, front });
    }

    /// Notes how the slots look from now on.
    pub fn show_slots(&mut self, boot: u64) {
        let slots = self.slots.clone();
        let api = self.api();
        let deployments = api.deployments.clone();
        keep(&mut api.slots, boot, SlotsLook { slots, deployments });
    }

    /// Another manager leads the traffic elsewhere and leaves the record as it was.
    pub fn somebody_reroutes(&mut self, boot: u64, weights: Weights) {
        let api = self.api();
        api.front.routed = weights;
        api.front.version += 1;
        self.show_front(boot);
    }

    /// What the API server does with a patch that has arrived; the version that it made.
    pub fn land(&mut self, boot: u64, patch: &Patch) -> Result<u64, Conflict> {
        match patch {
            Patch::Front { held, .. } if *held != self.api().front.version => Err(Conflict),
            Patch::Front { .. } => Ok(self.land_front(boot, patch)),
            Patch::Deployment {
                held,
                order,
                slot,
                change,
            } => {
                if *held != self.api().deployments[*slot].version {
                    return Err(Conflict);
                }
                Ok(self.land_deployment(boot, order, *slot, change))
            }
        }
    }

    fn land_front(&mut self, boot: u64, patch: &Patch) -> u64 {
        let Patch::Front {
            order,
            after,
            labelled,
            ready,
            amends,
            ..
        } = patch
        else {
            unreachable!("it is a front's")
        };
        let before = std::mem::replace(&mut self.traffic, (**after).clone());
        let api = self.api();
        assert!(
            api.front.routed == before.weights || !forward(order),
            "another manager's routing was overwritten by {:?}",
            order.action
        );
        api.front.routed = after.weights;
        api.front.version += 1;
        api.front.labelled = *labelled;
        let version = api.front.version;
        if !amends {
            note(&mut api.front.intents, order.intent);
            self.done.push(order.intent);
            *self.effects.entry(order.intent).or_default() += 1;
            self.writes.push(Write {
                order: order.clone(),
                before,
                after: (**after).clone(),
                ready: *ready,
            });
        }
        self.show_front(boot);
        version
    }

    fn land_deployment(&mut self, boot: u64, order: &Order, slot: Slot, change: &Change) -> u64 {
        let carries = self.traffic.weights.of(slot);
        let leads_back = self.traffic.way_back.is_some_and(|b| b.slot == slot);
        if !matches!(change, Change::Scale { .. }) {
            assert!(
                carries == 0 && !leads_back,
                "{slot} carries {carries} % (or is the way back) and was replaced or stopped"
            );
        }
        let mut first = true;
        let now = &mut self.slots[slot];
        let lingering = now.standing(boot);
        match change {
            Change::Replace {
                release,
                instances,
                ready_after,
            } => {
                *now = SimSlot {
                    release: Some((**release).clone()),
                    desired: *instances,
                    ready_at: ready_after.map(|after| boot + after),
                    leaving: (lingering, boot + 400),
                    ..SimSlot::default()
                };
            }
            Change::Scale {
                instances,
                ready_after,
            } => {
                // Done again, an absolute count changes nothing.
                first = now.desired != *instances;
                if *instances < now.desired {
                    self.let_go.push(LetGo {
                        order: order.clone(),
                        slot,
                        keeps: *instances,
                    });
                }
                now.scale(boot, *instances, boot + ready_after);
            }
            Change::Stop { leaves_after } => {
                *now = SimSlot {
                    release: now.release.take(),
                    leaving: (lingering, boot + leaves_after),
                    ..SimSlot::default()
                };
            }
        }
        if first {
            *self.effects.entry(order.intent).or_default() += 1;
        }
        self.done.push(order.intent);
        let deployment = &mut self.api().deployments[slot];
        note(&mut deployment.intents, order.intent);
        deployment.version += 1;
        let version = deployment.version;
        self.show_slots(boot);
        version
    }
}
