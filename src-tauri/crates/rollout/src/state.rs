//! What the facts add up to. `evolve` is pure: the same events give the same state, always.

mod evolve;

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_domain::{
    Actor, Digest, EventId, IntentId, ReleaseVersion, RolloutId, ServiceName, Slot, Span, Timestamp,
};
use deckwatch_platform::{Action, ReleaseSpec, TakeBackRecord};
use deckwatch_verdict::{Counts, Verdict};
use serde::{Deserialize, Serialize};

use crate::event::{BakedBy, Baseline, Cause, Ending, Event, PauseReason, Purpose, Started};
use crate::plan::{Gate, Plan, RollbackKind, Step};
use crate::task::{TaskRecord, Way};

/// The phase of a rollout, as people name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Pending,
    Progressing,
    Paused(PauseReason),
    RollingBack,
    Promoted,
    RolledBack,
    Aborted,
    Superseded,
    Failed,
}

impl Phase {
    /// Nothing more will happen by itself, but for the end of the rollback window.
    pub const fn is_over(self) -> bool {
        !matches!(
            self,
            Phase::Pending | Phase::Progressing | Phase::Paused(_) | Phase::RollingBack
        )
    }

    pub const fn words(self) -> &'static str {
        match self {
            Phase::Pending => "pending",
            Phase::Progressing => "progressing",
            Phase::Paused(_) => "paused",
            Phase::RollingBack => "rolling back",
            Phase::Promoted => "promoted",
            Phase::RolledBack => "rolled back",
            Phase::Aborted => "aborted",
            Phase::Superseded => "superseded",
            Phase::Failed => "failed",
        }
    }
}

/// Where within a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Capacity,
    Traffic,
    Bake,
    Gate,
}

impl Stage {
    pub const fn words(self) -> &'static str {
        match self {
            Stage::Capacity => "capacity",
            Stage::Traffic => "traffic",
            Stage::Bake => "bake",
            Stage::Gate => "gate",
        }
    }
}

/// An effect that was intended and whose outcome is not written down yet.
#[derive(Clone, PartialEq, Debug)]
pub struct Outstanding {
    pub intent: IntentId,
    pub purpose: Purpose,
    pub action: Action,
    pub at: Timestamp,
}

/// One person's approval of the current step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Approval {
    pub step: usize,
    pub actor: Actor,
    pub role: Option<String>,
    pub advisory: bool,
    pub at: Timestamp,
}

/// A rollout on its way back.
#[derive(Clone, PartialEq, Debug)]
pub struct GoingBack {
    pub cause: Cause,
    pub ends_as: Ending,
    pub why: String,
    pub by: Actor,
    pub requested_at: Timestamp,
    pub take_back: EventId,
    pub kind: RollbackKind,
    /// Set once traffic is back.
    pub record: Option<TakeBackRecord>,
}

/// How a finished step went.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StepRecord {
    pub step: usize,
    pub baked: BakedBy,
    pub words: String,
    pub bake_started_at: Option<Timestamp>,
    pub bake_ended_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// One release going to one service.
#[derive(Clone, PartialEq, Debug)]
pub struct Rollout {
    pub id: RolloutId,
    pub service: ServiceName,
    pub release: ReleaseSpec,
    pub instances: u32,
    pub candidate: Slot,
    pub stable: Option<Slot>,
    pub stable_version: Option<ReleaseVersion>,
    pub plan: Plan,
    pub plan_text: String,
    pub plan_digest: Digest,
    pub author: Actor,
    /// Where the candidate alone answers, if the platform has such a place.
    pub preview: Option<String>,
    /// Instances that stable stood with when this began.
    pub stable_instances: u32,
    /// Nothing is touched before this.
    pub not_before: Option<Timestamp>,
    pub undo_to: Option<u32>,
    pub started_at: Timestamp,
    pub phase: Phase,
    pub step: usize,
    pub stage: Stage,
    pub stage_entered_at: Timestamp,
    /// Evidence counts from here; none until the step's weight has been written.
    pub bake_started_at: Option<Timestamp>,
    pub claimed: bool,
    pub brought_up: bool,
    /// Instances last asked for, of the candidate and (of rolling) of stable.
    pub candidate_asked: u32,
    pub stable_asked: Option<u32>,
    /// The candidate's instances when its last weight was written.
    pub serving: u32,
    /// After a rollback: what had left was asked to come back.
    pub restored: bool,
    /// The last traffic write that the platform is known to have taken, and when that was noted.
    pub last_write: Option<(IntentId, Timestamp)>,
    /// The last weight that the platform is known to have taken.
    pub weight: u8,
    pub baseline: Option<Baseline>,
    /// Stable's counts from the baseline and from earlier steps, per metric.
    pub reference: BTreeMap<String, Counts>,
    /// The verdict of the current step and its words; none before the first look.
    pub verdict: Option<(Verdict, String)>,
    pub approvals: Vec<Approval>,
    /// The current step's gates and verdict were overridden.
    pub glass_broken: bool,
    pub jumped: bool,
    pub outstanding: Option<Outstanding>,
    /// Refusals by the platform in a row, and when the last came.
    pub failures: u32,
    pub failed_at: Option<Timestamp>,
    pub last_failure: Option<String>,
    pub paused_at: Option<Timestamp>,
    pub pause_note: String,
    /// A planned pause of this step has been ended.
    pub pause_over: bool,
    pub back: Option<GoingBack>,
    pub candidate_retired: bool,
    /// What was kept warm has been told to stop.
    pub previous_retired: bool,
    pub promoted_at: Option<Timestamp>,
    pub warm_until: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub ending_words: String,
    pub last_response_after_ms: Option<u64>,
    pub rehearsed: Option<Rehearsal>,
    pub steps_done: Vec<StepRecord>,
    /// The newest attempt of each task, in the order in which they first began.
    pub tasks: Vec<TaskRecord>,
    /// What tasks of this service's ways back took when they last passed, also in rollouts before.
    pub took_back: BTreeMap<(String, Way), Span>,
}

/// The last rehearsal of the way back that is on record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Rehearsal {
    pub at: Timestamp,
    pub took_us: u64,
    pub obstacles: Vec<String>,
}

impl Rollout {
    fn begin(started: &Started, at: Timestamp) -> Self {
        Rollout {
            id: started.rollout,
            service: started.service.clone(),
            release: started.release.clone(),
            instances: started.instances,
            candidate: started.candidate,
            stable: started.stable,
            stable_version: started.stable_version.clone(),
            plan: started.plan.clone(),
            plan_text: started.plan_text.clone(),
            plan_digest: started.plan_digest,
            author: started.author.clone(),
            preview: started.preview.clone(),
            stable_instances: started.stable_instances,
            not_before: started.not_before,
            undo_to: started.undo_to,
            started_at: at,
            phase: match started.not_before {
                Some(begins) if begins > at => Phase::Pending,
                _ => Phase::Progressing,
            },
            step: 0,
            stage: Stage::Capacity,
            stage_entered_at: at,
            bake_started_at: None,
            claimed: false,
            brought_up: false,
            candidate_asked: 0,
            stable_asked: None,
            serving: 0,
            restored: false,
            last_write: None,
            weight: 0,
            baseline: None,
            reference: BTreeMap::new(),
            verdict: None,
            approvals: Vec::new(),
            glass_broken: false,
            jumped: false,
            outstanding: None,
            failures: 0,
            failed_at: None,
            last_failure: None,
            paused_at: None,
            pause_note: String::new(),
            pause_over: false,
            back: None,
            candidate_retired: false,
            previous_retired: false,
            promoted_at: None,
            warm_until: None,
            ended_at: None,
            ending_words: String::new(),
            last_response_after_ms: None,
            rehearsed: None,
            steps_done: Vec::new(),
            tasks: Vec::new(),
            took_back: BTreeMap::new(),
        }
    }

    /// The step it stands at; none after the last has ended.
    pub fn current_step(&self) -> Option<&Step> {
        self.plan.steps.get(self.step)
    }

    /// How many instances of the candidate a step needs.
    pub fn wanted(&self, step: &Step) -> u32 {
        step.instances.unwrap_or(self.instances)
    }

    /// When the step at `index` may begin; none: at once.
    pub fn opens(&self, index: usize) -> Option<Timestamp> {
        let began = self.not_before.unwrap_or(self.started_at);
        let day = self.plan.steps.get(index)?.day;
        let day = day.map(|day| day.after(began));
        day.max(self.not_before.filter(|_| index == 0))
    }

    /// Until when the current step waits for its day; none: it may be under way.
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let free = self.glass_broken || self.jumped || self.stage != Stage::Capacity;
        self.opens(self.step).filter(|opens| !free && now < *opens)
    }

    /// From when on the current stage's deadlines count: it may have waited for its day.
    pub fn stage_since(&self) -> Timestamp {
        self.opens(self.step)
            .map_or(self.stage_entered_at, |opens| {
                opens.max(self.stage_entered_at)
            })
    }

    /// Not over: it may still be moved forward or back.
    pub fn is_live(&self) -> bool {
        !self.phase.is_over()
    }

    /// Approvals of the current step that count toward `gate`.
    pub fn approvals_for(&self, gate: &Gate) -> Vec<&Approval> {
        let Gate::Approval { role, .. } = gate else {
            return Vec::new();
        };
        self.approvals
            .iter()
            .filter(|a| a.step == self.step && (role.is_none() || a.role == *role))
            .collect()
    }
}

/// A promoted rollout whose former stable is kept as the way back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Warm {
    pub rollout: RolloutId,
    /// The end of the rollback window; none: there is no window, only the clean-up is left.
    pub until: Option<Timestamp>,
}

/// All rollouts of one service: the newest one, the one that waits behind it, and what is over.
#[derive(Clone, PartialEq, Debug)]
pub struct Rollouts {
    pub service: ServiceName,
    /// The version of the stream that this state has taken in.
    pub version: u64,
    /// The newest rollout, over or not.
    pub current: Option<Rollout>,
    pub queued: Option<Box<Started>>,
    /// A promoted rollout whose former stable is still kept.
    pub warm: Option<Warm>,
    /// Take-backs already taken in, so that each counts once.
    pub take_backs: BTreeSet<EventId>,
}

impl Rollouts {
    pub fn new(service: ServiceName) -> Self {
        Rollouts {
            service,
            version: 0,
            current: None,
            queued: None,
            warm: None,
            take_backs: BTreeSet::new(),
        }
    }

    /// Whether anything is left for a driver to do, now or when the rollback window ends.
    pub fn wants_driver(&self) -> bool {
        self.queued.is_some()
            || self.warm.is_some()
            || self.current.as_ref().is_some_and(Rollout::is_live)
    }

    /// Takes in one fact that `actor` caused at `at`.
    pub fn evolve(&mut self, event: &Event, actor: &Actor, at: Timestamp) {
        match event {
            Event::Started(started) => {
                self.queued = None;
                let before = self.current.take();
                let mut current = Rollout::begin(started, at);
                current.took_back = before.map(|b| b.took_back).unwrap_or_default();
                self.current = Some(current);
            }
            Event::Queued(started) => self.queued = Some(started.clone()),
            Event::TakenBack { record } => {
                self.warm = None;
                if self.take_backs.insert(record.event_id)
                    && let Some(current) = &mut self.current
                    && record.rollout == Some(current.id)
                    && !matches!(
                        current.phase,
                        Phase::RolledBack | Phase::Aborted | Phase::Superseded | Phase::Failed
                    )
                {
                    current.taken_back(record, actor);
                }
            }
            Event::WarmEnded { .. } => self.warm = None,
            other => {
                if let Some(current) = &mut self.current {
                    let claimed = current.claimed;
                    current.evolve(other, actor, at);
                    if current.claimed && !claimed {
                        // The slot that was kept is the new candidate's now.
                        self.warm = None;
                    }
                }
                if let Event::Promoted {
                    rollout,
                    warm_until,
                } = other
                {
                    self.warm = Some(Warm {
                        rollout: *rollout,
                        until: *warm_until,
                    });
                }
            }
        }
    }
}
