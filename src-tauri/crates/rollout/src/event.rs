//! The facts of a rollout, as the journal keeps them.
//!
//! All rollouts of one service share one stream, `rollouts/<service>`: a second start at the same
//! moment loses by the stream's version, and a colleague's view is one read. Payloads are JSON and
//! are read tolerantly: a field added later has a default.

use deckwatch_domain::{
    Actor, Digest, EventId, IntentId, ReleaseVersion, RolloutId, ServiceName, Slot, Span, Timestamp,
};
use deckwatch_platform::{Action, ReleaseSpec, TakeBackRecord, TaskOutcome};
use deckwatch_verdict::{Answer, Counts, Verdict};
use serde::{Deserialize, Serialize};

use crate::plan::{Place, Plan, RollbackKind};
use crate::task::Way;

/// The stream that keeps this service's rollouts.
pub fn stream(service: &ServiceName) -> String {
    format!("rollouts/{service}")
}

/// The service whose rollouts a stream keeps.
pub fn service_of(stream: &str) -> Option<ServiceName> {
    ServiceName::new(stream.strip_prefix("rollouts/")?).ok()
}

/// A rollout that begins, or waits for its turn.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Started {
    pub rollout: RolloutId,
    pub service: ServiceName,
    pub release: ReleaseSpec,
    /// Instances the candidate is brought up with.
    pub instances: u32,
    pub candidate: Slot,
    /// Where stable stands; none for a service's first release.
    pub stable: Option<Slot>,
    pub stable_version: Option<ReleaseVersion>,
    pub plan: Plan,
    /// The plan as it was written, and the digest of that text.
    pub plan_text: String,
    pub plan_digest: Digest,
    pub author: Actor,
    /// Where the candidate alone answers, if the platform has such a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
    /// Instances that stable stood with.
    #[serde(default)]
    pub stable_instances: u32,
    /// Nothing is touched before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The earlier revision that this goes back to, when it is an undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_to: Option<u32>,
}

/// What stable was like before the first weight.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Baseline {
    pub from: Timestamp,
    pub to: Timestamp,
    /// How much of the span was really covered by samples.
    pub covered: Span,
    /// Stable's counts per metric, by the metric's name.
    pub counts: Vec<(String, Counts)>,
    /// Stable's mean response time, in seconds.
    pub mean_seconds: Option<f64>,
}

/// What an intent is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "kebab-case")]
pub enum Purpose {
    /// The traffic object learns of the rollout and its way back; weights stay as they are.
    Claim,
    BringUp,
    /// Of rolling: instances of stable that this step replaces leave.
    Shrink {
        step: usize,
    },
    /// Of rolling: the candidate's instances of this step come up.
    Grow {
        step: usize,
    },
    Weight {
        step: usize,
    },
    Promote,
    /// The rollback window is over: the way back closes.
    EndWarm,
    RetirePrevious,
    /// After a rollback: the instances that had left come back.
    Restore,
    /// After a rollback: what was taken back is stopped.
    RetireCandidate,
}

/// Why a rollout is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum PauseReason {
    /// A person asked.
    Person,
    /// The plan has a pause here.
    Planned,
    /// The maximum bake is over and the verdict is still open.
    Inconclusive,
    NoData,
    /// The judge could not judge.
    JudgeError,
    /// A wait took longer than its deadline, or the platform refused.
    Trouble,
    /// Somebody else wrote the traffic object.
    ForeignWrite,
}

impl PauseReason {
    pub const fn words(self) -> &'static str {
        match self {
            PauseReason::Person => "paused by a person",
            PauseReason::Planned => "the plan pauses here",
            PauseReason::Inconclusive => "no verdict within the maximum bake",
            PauseReason::NoData => "nothing was measured",
            PauseReason::JudgeError => "the judge could not judge",
            PauseReason::Trouble => "something did not work in time",
            PauseReason::ForeignWrite => "somebody else wrote the traffic",
        }
    }
}

/// How a rollout ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    RolledBack,
    Aborted,
    Superseded,
    /// Nothing served could be restored, or nothing was ever served.
    Failed,
}

/// Why traffic goes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The judge said `Fail`.
    Verdict,
    Person,
    Rejected,
    Superseded,
    DriverLost,
    /// `on_error: rollback`.
    Error,
    /// A critical test of the candidate failed.
    Task,
}

/// What let a step's bake end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum BakedBy {
    Pass,
    /// Accepted by the plan by name; never shown as `Pass`.
    NoHarm {
        requests: u64,
    },
    /// The plan does not judge this step.
    Unjudged,
    BrokenGlass,
}

/// What one metric had counted when its step's bake ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Counted {
    pub metric: String,
    pub candidate: Counts,
    pub stable: Counts,
}

/// One fact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    Started(Box<Started>),
    /// Waits until the rollout before it has gone back.
    Queued(Box<Started>),
    BaselineCaptured {
        rollout: RolloutId,
        baseline: Baseline,
    },
    Intended {
        rollout: RolloutId,
        intent: IntentId,
        purpose: Purpose,
        action: Action,
    },
    Done {
        rollout: RolloutId,
        intent: IntentId,
        took_us: u64,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<String>,
    },
    /// Given up: it was refused, or nobody waits for it any more.
    Failed {
        rollout: RolloutId,
        intent: IntentId,
        why: String,
    },
    CapacityReached {
        rollout: RolloutId,
        step: usize,
        ready: u32,
        needed: u32,
    },
    VerdictChanged {
        rollout: RolloutId,
        step: usize,
        verdict: Verdict,
        words: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<Answer>,
    },
    BakeEnded {
        rollout: RolloutId,
        step: usize,
        baked: BakedBy,
        #[serde(default)]
        counted: Vec<Counted>,
    },
    Approved {
        rollout: RolloutId,
        step: usize,
        /// The role the approver is bound to, where the gate asks for one.
        role: Option<String>,
        /// No binding for the role exists, so the approval is only advice on record.
        #[serde(default)]
        advisory: bool,
        #[serde(default)]
        note: String,
    },
    /// A gate or verdict was overridden by a person, for a reason.
    BrokenGlass {
        rollout: RolloutId,
        step: usize,
        what: String,
        reason: String,
    },
    StepEnded {
        rollout: RolloutId,
        step: usize,
    },
    /// Intended: from here on the attempt is begun, by this driver or the next.
    TaskStarted {
        rollout: RolloutId,
        intent: IntentId,
        #[serde(flatten)]
        place: Place,
        way: Way,
        attempt: u32,
        name: String,
    },
    TaskEnded {
        rollout: RolloutId,
        intent: IntentId,
        name: String,
        outcome: TaskOutcome,
    },
    /// A task that is run again and again ended otherwise than the time before.
    TaskChanged {
        rollout: RolloutId,
        #[serde(flatten)]
        place: Place,
        name: String,
        outcome: TaskOutcome,
    },
    /// A person goes on although a task failed, for a reason.
    TaskWaived {
        rollout: RolloutId,
        #[serde(flatten)]
        place: Place,
        name: String,
        reason: String,
    },
    Paused {
        rollout: RolloutId,
        reason: PauseReason,
        note: String,
    },
    Resumed {
        rollout: RolloutId,
    },
    /// The current stage begins anew, with fresh evidence and a fresh deadline.
    Retried {
        rollout: RolloutId,
    },
    /// The remaining steps are skipped.
    JumpedToEnd {
        rollout: RolloutId,
    },
    WayBackRehearsed {
        rollout: RolloutId,
        took_us: u64,
        obstacles: Vec<String>,
    },
    Promoted {
        rollout: RolloutId,
        warm_until: Option<Timestamp>,
    },
    WarmEnded {
        rollout: RolloutId,
        why: String,
    },
    RollbackRequested {
        rollout: RolloutId,
        cause: Cause,
        ends_as: Ending,
        why: String,
        /// The event id that the take-back's record will carry.
        take_back: EventId,
        /// What is done beside the traffic.
        #[serde(default)]
        kind: RollbackKind,
    },
    /// Traffic went back. Carries the record's own event id, so it is absorbed once.
    TakenBack {
        record: TakeBackRecord,
    },
    Ended {
        rollout: RolloutId,
        ending: Ending,
        words: String,
        /// From the acknowledged write to the last response of the version taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_response_after_ms: Option<u64>,
    },
}

impl Event {
    /// The journal's kind for it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Event::Started(_) => "rollout.started",
            Event::Queued(_) => "rollout.queued",
            Event::BaselineCaptured { .. } => "rollout.baseline-captured",
            Event::Intended { .. } => "rollout.intended",
            Event::Done { .. } => "rollout.done",
            Event::Failed { .. } => "rollout.failed",
            Event::CapacityReached { .. } => "rollout.capacity-reached",
            Event::VerdictChanged { .. } => "rollout.verdict-changed",
            Event::BakeEnded { .. } => "rollout.bake-ended",
            Event::Approved { .. } => "rollout.approved",
            Event::BrokenGlass { .. } => "rollout.broken-glass",
            Event::StepEnded { .. } => "rollout.step-ended",
            Event::TaskStarted { .. } => "rollout.task-started",
            Event::TaskEnded { .. } => "rollout.task-ended",
            Event::TaskChanged { .. } => "rollout.task-changed",
            Event::TaskWaived { .. } => "rollout.task-waived",
            Event::Paused { .. } => "rollout.paused",
            Event::Resumed { .. } => "rollout.resumed",
            Event::Retried { .. } => "rollout.retried",
            Event::JumpedToEnd { .. } => "rollout.jumped-to-end",
            Event::WayBackRehearsed { .. } => "rollout.way-back-rehearsed",
            Event::Promoted { .. } => "rollout.promoted",
            Event::WarmEnded { .. } => "rollout.warm-ended",
            Event::RollbackRequested { .. } => "rollout.rollback-requested",
            Event::TakenBack { .. } => "rollout.taken-back",
            Event::Ended { .. } => "rollout.ended",
        }
    }

    /// As the journal stores it.
    pub fn payload(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
