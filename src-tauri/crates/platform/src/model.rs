//! What a platform is told and what it says.

use deckwatch_domain::{
    Actor, Digest, Epoch, EventId, IntentId, PerSlot, ReleaseVersion, Role, RolloutId, ServiceName,
    Slot, Timestamp, Weights,
};
use serde::{Deserialize, Serialize};

use crate::audience::{Audience, AudienceFlag};

/// What to run: a version, and what differs from the service's definition for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ReleaseSpec {
    pub version: ReleaseVersion,
    /// Replaces the definition's command; `{port}` and `{version}` are filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Added to the definition's environment.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub env: std::collections::BTreeMap<String, String>,
    /// The container image to run; Kubernetes only. None: the image that stable runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// The slot that traffic returns to, and until when it is kept ready for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct WayBack {
    pub slot: Slot,
    /// The end of the rollback window after a promotion; none while the rollout is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The object that carries the traffic carries the truth: weights, roles, who wrote them and where
/// the way back leads, always written together in one write.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct Traffic {
    pub weights: Weights,
    pub roles: PerSlot<Role>,
    /// The rollout that wrote this last.
    pub rollout: Option<RolloutId>,
    pub plan_digest: Option<Digest>,
    /// The highest lease epoch that ever wrote here. A lower one is refused.
    pub epoch: Epoch,
    /// Where a rollback leads; none when there is nothing to go back to.
    pub way_back: Option<WayBack>,
    /// Who is led to the candidate, whatever the weights say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
    /// The flag of the newest audience; kept after it has ended. The rules write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<AudienceFlag>,
    /// Rollouts that were taken back: no weight for them is accepted again. Newest last; the
    /// newest [`crate::rules::LATCHES`] are kept (older ones are held off by the epoch alone).
    pub latched: Vec<RolloutId>,
    /// The newest take-backs, newest last, so that every console can learn of them later.
    pub records: Vec<TakeBackRecord>,
    /// Counts the writes; rises by one with each.
    pub revision: u64,
}

/// A forward write of traffic: all that it sets, it sets at once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrafficWrite {
    pub weights: Weights,
    pub roles: PerSlot<Role>,
    pub plan_digest: Option<Digest>,
    pub way_back: Option<WayBack>,
    /// Who is led to the candidate from now on; none ends the audience there was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
}

/// The rollback's traffic write. It names no slot: the platform reads `way_back` where it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TakeBack {
    /// The event under which every journal learns of this, once.
    pub event_id: EventId,
    pub actor: Actor,
    pub at: Timestamp,
    pub reason: String,
    /// Take back only this rollout's traffic; none: whatever is there. Keeps a slow, automatic
    /// rollback from undoing a newer rollout than the one it judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<RolloutId>,
    /// Shift although no instance is ready there.
    #[serde(default)]
    pub now: bool,
}

/// What a take-back did; rides in the traffic object itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct TakeBackRecord {
    pub event_id: EventId,
    pub actor: Actor,
    pub at: Timestamp,
    pub reason: String,
    pub rollout: Option<RolloutId>,
    pub from: Weights,
    pub to: Weights,
    /// The slot that now serves.
    pub slot: Slot,
    /// The epoch that this write raised the object to.
    pub epoch: Epoch,
}

/// One thing to do. Slots that carry traffic, or are the way back, are never stopped or replaced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Start this release in a slot that carries no traffic, replacing what stands there.
    BringUp {
        slot: Slot,
        release: ReleaseSpec,
        instances: u32,
    },
    /// Move traffic forward.
    SetTraffic(TrafficWrite),
    /// Change how many instances a slot has.
    Scale { slot: Slot, instances: u32 },
    /// Stop everything in a slot that carries no traffic and is not the way back.
    Retire { slot: Slot },
    /// Move all traffic to the way back. Raises the epoch and latches the rollout by itself, so
    /// no lease is needed and no epoch is refused.
    TakeBack(TakeBack),
    /// Everything that `TakeBack` does, short of changing anything: the armed way back.
    Rehearse(TakeBack),
    /// "If you hear nothing more of this from me for `ttl`, take my rollout back": how a plan's
    /// `on_driver_lost: rollback` is carried out when nobody is left to find the rollout. Writes
    /// nothing; each one replaces the one before; zero ends it.
    Watch { ttl: deckwatch_domain::Span },
}

/// An action with what identifies and fences it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    pub intent: IntentId,
    /// The writer's lease epoch. Ignored for `TakeBack` and `Rehearse`.
    pub epoch: Epoch,
    pub rollout: Option<RolloutId>,
    pub action: Action,
}

/// An order carried out (or found carried out already).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Applied {
    pub intent: IntentId,
    /// The traffic object after it.
    pub traffic: Traffic,
    /// The intent had been carried out before; nothing was done now.
    #[serde(default)]
    pub repeated: bool,
    /// Time the platform spent on it, in microseconds, by its own clock.
    #[serde(default)]
    pub took_us: u64,
    /// What went less well than it should, in words (the disk is full, the record is only in
    /// memory): the order was carried out all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What one instance is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum InstancePhase {
    Starting,
    Ready,
    Unready,
    /// Ended by itself; waits to be started again.
    BackOff,
    /// Takes no new requests; finishes those it has.
    Draining,
    Stopped,
}

/// One process (or pod) of a slot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct InstanceState {
    /// `green-1`, or the pod's name.
    pub id: String,
    pub phase: InstancePhase,
    pub pid: Option<u32>,
    pub port: Option<u16>,
    pub restarts: u32,
    pub since: Timestamp,
    /// What its last start took, from the process to its first good readiness check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_after: Option<deckwatch_domain::Span>,
    /// Why it is not ready: `exit code 3`, `signal 9`, `readiness: HTTP 503`. Of one that is ready,
    /// how it ended before: `ended earlier: signal 9`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_problem: Option<String>,
}

/// What stands in a slot.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct SlotState {
    pub release: Option<ReleaseSpec>,
    pub desired: u32,
    pub ready: u32,
    pub instances: Vec<InstanceState>,
    /// Requests being answered right now.
    pub in_flight: u64,
    /// When the last response left this slot.
    pub last_response_at: Option<Timestamp>,
}

/// One look at a service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Observation {
    pub service: ServiceName,
    /// When the platform looked, by its own clock.
    pub at: Timestamp,
    pub traffic: Traffic,
    pub slots: PerSlot<SlotState>,
    /// Instances that the service's definition asks for in a full slot.
    pub instances: u32,
    /// Where the candidate alone answers, whatever the weights say; none when the service's
    /// definition names no such place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(as = "Option<String>")]
    pub preview: Option<std::net::SocketAddr>,
    /// The newest intents that were carried out, so that a driver that died between doing and
    /// writing down can tell.
    pub applied: Vec<IntentId>,
    /// What really carries the traffic is not what was written here: somebody else has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// How finely the traffic can be shared out.
    #[serde(default)]
    #[ts(as = "Option<Sharing>", optional)]
    pub sharing: Sharing,
    /// What the instances that are ready now make of weights that go by instances; none where they
    /// do not, or where one slot has everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Weights>,
}

/// How finely what stands in front of a service can share its traffic out between the slots.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Sharing {
    /// By weight, in whole per cent.
    #[default]
    Weight,
    /// Every ready instance gets as much as any other.
    Instances,
    /// Not at all: one slot has everything.
    Whole { why: String },
}

/// The share of the traffic that `part` of `all` equal instances get, in whole per cent: 100 only for
/// all of them, 0 only for none.
pub fn share(part: u32, all: u32) -> u8 {
    match part {
        0 => 0,
        part if part >= all => 100,
        part => {
            let share = (u64::from(part) * 200 + u64::from(all)) / (u64::from(all) * 2);
            u8::try_from(share.clamp(1, 99)).unwrap_or(99)
        }
    }
}

/// A change of the traffic that did not come from here. Forward writes are refused until a person
/// has settled it; the way back is not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Drift {
    /// Who wrote last, as far as the platform can tell; a field manager in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What differs, in words.
    pub what: String,
}

impl Observation {
    /// Ready instances per slot.
    pub fn ready(&self) -> PerSlot<u32> {
        PerSlot::new(|slot| self.slots[slot].ready)
    }
}

/// One line an instance printed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct LogLine {
    pub at: Timestamp,
    pub slot: Slot,
    pub instance: String,
    pub text: String,
}

/// What a platform can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Capabilities {
    /// Weights of any per cent, exactly.
    pub exact_weights: bool,
    pub header_routing: bool,
    pub sticky_sessions: bool,
    /// A rollout is taken back by the platform itself when its driver falls silent.
    pub driver_lost_rollback: bool,
}

/// Why a platform did not do what it could have done: a rule, not a fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "rejection", rename_all = "kebab-case")]
pub enum Rejection {
    #[error("no service named {service} is defined here")]
    UnknownService { service: ServiceName },
    #[error(
        "another driver has written since: it holds epoch {current}, this write carries {offered}"
    )]
    StaleEpoch { offered: Epoch, current: Epoch },
    #[error(
        "rollout {rollout} was taken back; no traffic is given to it again: start a new rollout"
    )]
    Latched { rollout: RolloutId },
    #[error("no instance in {slot} is ready, so it gets no traffic")]
    NotReady { slot: Slot },
    #[error("{slot} carries {weight} % of the traffic")]
    CarriesTraffic { slot: Slot, weight: u8 },
    #[error("the audience of the flag {flag} is led to {slot}")]
    CarriesAudience { slot: Slot, flag: String },
    #[error("{slot} is the way back and is kept as it is until the rollback window ends")]
    IsWayBack { slot: Slot },
    #[error("there is nothing to go back to: {why}")]
    NoWayBack { why: String },
    #[error("the traffic now belongs to another rollout than {only}, which is left alone")]
    OtherRollout { only: RolloutId },
    #[error("the traffic was changed from elsewhere ({}): {}", drift.by.as_deref().unwrap_or("by whom is not known"), drift.what)]
    Drifted { drift: Drift },
    #[error("{what}")]
    Malformed { what: String },
}

/// Why a platform gave no answer, or a no.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "kebab-case")]
pub enum PlatformError {
    #[error("{0}")]
    Rejected(#[source] Rejection),
    /// It cannot be reached; whether the order arrived is not known.
    #[error("the platform cannot be reached: {why}")]
    Unreachable { why: String },
    /// It is not for whoever asks: nothing was done, and asking again changes nothing.
    #[error("{why}")]
    Denied { why: String },
    /// It was reached and failed.
    #[error("{why}")]
    Broken { why: String },
}

impl From<Rejection> for PlatformError {
    fn from(rejection: Rejection) -> Self {
        PlatformError::Rejected(rejection)
    }
}
