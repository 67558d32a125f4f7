//! A platform of slots and traffic that enforces the shipped rules, and delivers orders late,
//! twice, out of order, or not at all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use deckwatch_domain::{IntentId, PerSlot, RolloutId, ServiceName, Slot, Timestamp};
use deckwatch_platform::{
    Action, Applied, Capabilities, InstancePhase, InstanceState, LogLine, Observation, Order,
    Platform, PlatformError, ReleaseSpec, SlotState, TakeBack, Traffic, rules,
};

use deckwatch_rollout::ports::Ids;

use crate::cluster::Api;
use crate::follower::Follower;
use crate::world::{Cut, World, never};

/// One slot of the simulated service.
#[derive(Clone, Default)]
pub struct SimSlot {
    pub release: Option<ReleaseSpec>,
    pub desired: u32,
    /// Instances asked for later, and when they become ready.
    pub later: (u32, u64),
    /// When its instances become ready, on the clock that never jumps; none: never.
    pub ready_at: Option<u64>,
    pub broken: bool,
    /// When the last answer under way will have left.
    pub busy_until: u64,
    /// Instances that are asked to go and still there, and until when.
    pub leaving: (u32, u64),
}

impl SimSlot {
    /// Instances that are there, on their way in or out.
    pub fn standing(&self, boot: u64) -> u32 {
        self.desired + self.lingering(boot)
    }

    fn lingering(&self, boot: u64) -> u32 {
        if self.leaving.1 > boot {
            self.leaving.0
        } else {
            0
        }
    }

    /// Asks for another number of instances; more of them are ready at `later`.
    pub fn scale(&mut self, boot: u64, instances: u32, later: u64) {
        let ready = self.ready(boot);
        self.later = (instances.saturating_sub(ready), later);
        if self.ready_at.is_none() || self.broken {
            self.ready_at = Some(later);
            self.broken = false;
        }
        self.desired = instances;
    }

    pub fn ready(&self, boot: u64) -> u32 {
        match self.ready_at {
            Some(at) if at <= boot && !self.broken => match self.later {
                (later, at) if at > boot => self.desired.saturating_sub(later),
                _ => self.desired,
            },
            _ => 0,
        }
    }
}

/// The truth.
pub struct State {
    pub traffic: Traffic,
    pub slots: PerSlot<SimSlot>,
    pub done: Vec<IntentId>,
    /// Every instance that was let go, in order: which slot keeps how many.
    pub let_go: Vec<LetGo>,
    /// Every accepted write, in order: who, what, before, after, ready then.
    pub writes: Vec<Write>,
    /// How often each intent had an effect.
    pub effects: BTreeMap<IntentId, u32>,
    /// Orders that are still on their way.
    late: Vec<(u64, Order)>,
    pub away_until: u64,
    /// A driver that is watched, and when it will have been silent for too long.
    watch: Option<(RolloutId, u64)>,
    /// The objects of a cluster, if it is one.
    pub api: Option<Api>,
}

/// A slot that was left with fewer instances than before.
#[derive(Clone, Debug)]
pub struct LetGo {
    pub order: Order,
    pub slot: Slot,
    pub keeps: u32,
}

/// One accepted write of the traffic object.
#[derive(Clone, Debug)]
pub struct Write {
    pub order: Order,
    pub before: Traffic,
    pub after: Traffic,
    pub ready: PerSlot<u32>,
}

#[derive(Clone)]
pub struct SimPlatform {
    pub world: World,
    pub state: Arc<Mutex<State>>,
    pub service: ServiceName,
    /// What this program's watches know, where the platform is a cluster.
    pub follower: Arc<Mutex<Follower>>,
}

pub const INSTANCES: u32 = 4;

impl SimPlatform {
    pub fn new(world: World, service: ServiceName) -> Self {
        SimPlatform {
            world,
            service,
            state: Arc::new(Mutex::new(State {
                traffic: Traffic::default(),
                slots: PerSlot::default(),
                done: Vec::new(),
                let_go: Vec::new(),
                writes: Vec::new(),
                effects: BTreeMap::new(),
                late: Vec::new(),
                away_until: 0,
                watch: None,
                api: None,
            })),
            follower: Arc::default(),
        }
    }

    /// Takes back what belongs to a driver that has been silent for too long.
    fn dead_man(&self, boot: u64) {
        let rollout = {
            let mut state = self.state.lock().unwrap();
            state
                .watch
                .take_if(|(_, ends)| *ends <= boot)
                .map(|(rollout, _)| rollout)
        };
        let Some(rollout) = rollout else { return };
        let event_id = self.world.event();
        let order = Order {
            intent: IntentId::new(event_id.uuid()),
            epoch: Default::default(),
            rollout: Some(rollout),
            action: Action::TakeBack(TakeBack {
                event_id,
                actor: deckwatch_domain::Actor::machine("node", "desk"),
                at: self.world.now().wall,
                reason: "its driver is silent".into(),
                only: Some(rollout),
                now: false,
            }),
        };
        let answer = self.execute(&order);
        self.world
            .tell(|| format!("  dead man -> {:?}", answer.err().map(|e| e.to_string())));
    }

    /// The service stands in a cluster instead of on a node.
    pub fn become_cluster(&self) {
        let boot = self.world.lock().boot;
        let mut state = self.state.lock().unwrap();
        state.api = Some(Api::new(&state));
        state.show_front(boot);
        state.show_slots(boot);
    }

    pub fn is_cluster(&self) -> bool {
        self.state.lock().unwrap().api.is_some()
    }

    /// Delivers what is due.
    pub fn deliver(&self) {
        let boot = self.world.lock().boot;
        if self.is_cluster() {
            return self.land_what_is_due(boot);
        }
        self.dead_man(boot);
        loop {
            let order = {
                let mut state = self.state.lock().unwrap();
                let due = state.late.iter().position(|(at, _)| *at <= boot);
                due.map(|i| state.late.remove(i).1)
            };
            let Some(order) = order else { break };
            let answer = self.execute(&order);
            self.world.tell(|| {
                format!(
                    "  late {} -> {:?}",
                    name(&order.action),
                    answer.err().map(|e| e.to_string())
                )
            });
        }
    }

    /// What the platform does with an order that has arrived.
    pub fn execute(&self, order: &Order) -> Result<Applied, PlatformError> {
        let boot = self.world.lock().boot;
        let mut state = self.state.lock().unwrap();
        let done = |state: &State, repeated| Applied {
            intent: order.intent,
            traffic: state.traffic.clone(),
            repeated,
            took_us: 100,
            warnings: Vec::new(),
        };
        let is_lane = matches!(order.action, Action::TakeBack(_) | Action::Rehearse(_));
        if !is_lane && state.done.contains(&order.intent) {
            return Ok(done(&state, true));
        }
        let ready = PerSlot::new(|slot| state.slots[slot].ready(boot));
        let before = state.traffic.clone();
        match &order.action {
            Action::SetTraffic(write) => {
                state.traffic = rules::set_traffic(&before, ready, order, write)?;
            }
            Action::TakeBack(take) => {
                state.traffic = rules::take_back(&before, ready, take)?.0;
            }
            Action::Rehearse(take) => {
                rules::take_back(&before, ready, take)?;
                return Ok(done(&state, false));
            }
            Action::Watch { ttl } => {
                let rollout = rules::watch(&before, order)?;
                let ends = boot + ttl.as_millis();
                state.watch = (ttl.as_millis() > 0).then_some((rollout, ends));
                return Ok(done(&state, false));
            }
            Action::BringUp {
                slot,
                release,
                instances,
            } => {
                rules::change_slot(&before, order)?;
                let delay = 200 + self.world.below(1500);
                let never = self.world.fault(4.0);
                state.slots[*slot] = SimSlot {
                    release: Some(release.clone()),
                    desired: *instances,
                    later: (0, 0),
                    ready_at: (!never).then_some(boot + delay),
                    ..SimSlot::default()
                };
            }
            Action::Scale { slot, instances } => {
                rules::change_slot(&before, order)?;
                if *instances < state.slots[*slot].desired {
                    state.let_go.push(LetGo {
                        order: order.clone(),
                        slot: *slot,
                        keeps: *instances,
                    });
                }
                let later = boot + 300 + self.world.below(900);
                state.slots[*slot].scale(boot, *instances, later);
            }
            Action::Retire { slot } => {
                rules::change_slot(&before, order)?;
                state.slots[*slot] = SimSlot::default();
            }
        }
        // A take-back that finds its own record does nothing more.
        if !is_lane || state.traffic != before {
            *state.effects.entry(order.intent).or_default() += 1;
        }
        state.done.push(order.intent);
        if state.traffic != before {
            let after = state.traffic.clone();
            for slot in Slot::BOTH {
                if after.weights.of(slot) < before.weights.of(slot) {
                    state.slots[slot].busy_until = boot + 150;
                }
            }
            state.writes.push(Write {
                order: order.clone(),
                before,
                after,
                ready,
            });
        }
        Ok(done(&state, false))
    }

    /// Once the way back is asked for, nobody who knows of it sends anything forward.
    fn nothing_forward_once_asked_back(&self, order: &Order) {
        let inner = self.world.lock();
        let asked = order.rollout.is_some_and(|r| inner.asked_back.contains(&r));
        let forward = matches!(order.action, Action::SetTraffic(_) | Action::BringUp { .. });
        assert!(
            !(asked && forward) || inner.resumed,
            "a forward order was sent although the way back had been asked for"
        );
    }

    pub fn unreachable() -> PlatformError {
        PlatformError::Unreachable {
            why: "no answer".into(),
        }
    }

    pub fn is_away(&self) -> bool {
        let boot = self.world.lock().boot;
        boot < self.state.lock().unwrap().away_until
    }
}

pub fn name(action: &Action) -> String {
    match action {
        Action::SetTraffic(w) => format!("set {} ({:?})", w.weights, w.way_back.map(|b| b.slot)),
        Action::BringUp { slot, release, .. } => format!("bring up {} in {slot}", release.version),
        Action::Scale { slot, instances } => format!("scale {slot} to {instances}"),
        Action::Retire { slot } => format!("retire {slot}"),
        Action::TakeBack(_) => "take back".into(),
        Action::Rehearse(_) => "rehearse".into(),
        Action::Watch { ttl } => format!("watch for {ttl}"),
    }
}

#[async_trait]
impl Platform for SimPlatform {
    async fn observe(&self, service: &ServiceName) -> Result<Observation, PlatformError> {
        if self.is_cluster() {
            return self.observe_cluster().await;
        }
        let cut = self.world.pass().await;
        if cut != Cut::No {
            return never().await;
        }
        self.deliver();
        if self.is_away() || self.world.fault(1.0) {
            return Err(Self::unreachable());
        }
        let inner = self.world.lock();
        let (boot, wall) = (inner.boot, inner.wall);
        drop(inner);
        let state = self.state.lock().unwrap();
        Ok(Observation {
            service: service.clone(),
            at: Timestamp::from_millis(wall),
            traffic: state.traffic.clone(),
            slots: PerSlot::new(|slot| slot_state(&state.slots[slot], slot, boot, wall)),
            instances: INSTANCES,
            preview: None,
            applied: state.done.iter().rev().take(256).copied().collect(),
            drift: None,
            sharing: deckwatch_platform::Sharing::Weight,
            reached: None,
        })
    }

    async fn services(&self) -> Result<Vec<ServiceName>, PlatformError> {
        Ok(vec![self.service.clone()])
    }

    async fn apply(&self, _: &ServiceName, order: &Order) -> Result<Applied, PlatformError> {
        if self.is_cluster() {
            self.nothing_forward_once_asked_back(order);
            return self.apply_in_cluster(order).await;
        }
        let cut = self.world.pass().await;
        if cut == Cut::Before {
            return never().await;
        }
        self.nothing_forward_once_asked_back(order);
        self.deliver();
        if self.is_away() {
            return Err(Self::unreachable());
        }
        // It may arrive long after the sender has given up on it, and once more besides.
        if self.world.fault(3.0) {
            let boot = self.world.lock().boot;
            let at = boot + 50 + self.world.below(20_000);
            self.state.lock().unwrap().late.push((at, order.clone()));
            if self.world.chance(60.0) {
                return Err(Self::unreachable());
            }
        }
        if self.world.fault(2.0) {
            return Err(Self::unreachable());
        }
        let answer = self.execute(order);
        self.world.tell(|| {
            format!(
                "  {} e{} -> {:?}",
                name(&order.action),
                order.epoch,
                answer
                    .as_ref()
                    .map(|a| a.repeated)
                    .map_err(ToString::to_string)
            )
        });
        if cut == Cut::After {
            return never().await;
        }
        if self.world.fault(2.0) {
            // Done, but the answer is lost.
            return Err(Self::unreachable());
        }
        answer
    }

    async fn logs(&self, _: &ServiceName, _: usize) -> Result<Vec<LogLine>, PlatformError> {
        Ok(Vec::new())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            exact_weights: true,
            header_routing: true,
            sticky_sessions: true,
            driver_lost_rollback: !self.is_cluster(),
        }
    }
}

pub fn slot_state(slot: &SimSlot, name: Slot, boot: u64, wall: i64) -> SlotState {
    let ready = slot.ready(boot);
    let standing = slot.standing(boot);
    let phase = |i: u32| match (i >= slot.desired, ready > 0) {
        (true, _) => InstancePhase::Draining,
        (_, true) => InstancePhase::Ready,
        _ => InstancePhase::Starting,
    };
    SlotState {
        release: slot.release.clone().filter(|_| standing > 0),
        desired: slot.desired,
        ready,
        instances: (0..standing)
            .map(|i| InstanceState {
                id: format!("{name}-{i}"),
                phase: phase(i),
                pid: None,
                port: None,
                restarts: 0,
                since: Timestamp::from_millis(wall),
                ready_after: None,
                last_problem: None,
            })
            .collect(),
        in_flight: u64::from(slot.busy_until > boot),
        last_response_at: None,
    }
}
