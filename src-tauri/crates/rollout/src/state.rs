//! What the facts add up to. `evolve` is pure: the same events give the same state, always.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_domain::{
    Actor, Digest, EventId, IntentId, ReleaseVersion, RolloutId, ServiceName, Slot, Timestamp,
};
use deckwatch_platform::{Action, ReleaseSpec, TakeBackRecord};
use deckwatch_verdict::{Counts, Verdict};
use serde::{Deserialize, Serialize};

use crate::event::{BakedBy, Baseline, Cause, Ending, Event, PauseReason, Purpose, Started};
use crate::plan::{Gate, Plan, Step};

/// The phase of a rollout, as people name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
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
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
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
    pub started_at: Timestamp,
    pub phase: Phase,
    pub step: usize,
    pub stage: Stage,
    pub stage_entered_at: Timestamp,
    /// Evidence counts from here; none until the step's weight has been written.
    pub bake_started_at: Option<Timestamp>,
    pub claimed: bool,
    pub brought_up: bool,
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
    pub promoted_at: Option<Timestamp>,
    pub warm_until: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub ending_words: String,
    pub last_response_after_ms: Option<u64>,
    pub rehearsed: Option<Rehearsal>,
    pub steps_done: Vec<StepRecord>,
}

/// The last rehearsal of the way back that is on record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
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
            started_at: at,
            phase: Phase::Progressing,
            step: 0,
            stage: Stage::Capacity,
            stage_entered_at: at,
            bake_started_at: None,
            claimed: false,
            brought_up: false,
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
            promoted_at: None,
            warm_until: None,
            ended_at: None,
            ending_words: String::new(),
            last_response_after_ms: None,
            rehearsed: None,
            steps_done: Vec::new(),
        }
    }

    /// The step it stands at; none after the last has ended.
    pub fn current_step(&self) -> Option<&Step> {
        self.plan.steps.get(self.step)
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

    fn enter(&mut self, stage: Stage, at: Timestamp) {
        self.stage = stage;
        self.stage_entered_at = at;
        self.failures = 0;
        self.failed_at = None;
        self.last_failure = None;
    }

    fn done(&mut self, purpose: Purpose, action: &Action, at: Timestamp) {
        self.failures = 0;
        self.failed_at = None;
        self.last_failure = None;
        match purpose {
            Purpose::Claim => self.claimed = true,
            Purpose::BringUp => self.brought_up = true,
            Purpose::Weight { .. } => {
                if let Action::SetTraffic(write) = action {
                    self.weight = write.weights.of(self.candidate);
                }
                self.bake_started_at = Some(at);
                self.verdict = None;
                self.enter(Stage::Bake, at);
            }
            Purpose::Promote => {
                self.weight = 100;
                self.promoted_at = Some(at);
                if let Action::SetTraffic(write) = action {
                    self.warm_until = write.way_back.and_then(|b| b.until);
                }
            }
            Purpose::RetireCandidate => self.candidate_retired = true,
            Purpose::EndWarm | Purpose::RetirePrevious => {}
        }
    }

    fn end_bake(&mut self, step: usize, baked: BakedBy, at: Timestamp) {
        let words = self.verdict.as_ref().map(|(_, w)| w.clone());
        self.steps_done.retain(|s| s.step != step);
        self.steps_done.push(StepRecord {
            step,
            baked,
            words: words.unwrap_or_default(),
            bake_started_at: self.bake_started_at,
            bake_ended_at: at,
            ended_at: None,
        });
        self.enter(Stage::Gate, at);
    }

    fn end_step(&mut self, step: usize, at: Timestamp) {
        if let Some(record) = self.steps_done.iter_mut().find(|s| s.step == step) {
            record.ended_at = Some(at);
        }
        self.step = if self.jumped && step + 1 < self.plan.steps.len() {
            self.plan.steps.len() - 1
        } else {
            step + 1
        };
        self.bake_started_at = None;
        self.verdict = None;
        self.glass_broken = false;
        self.pause_over = false;
        self.enter(Stage::Capacity, at);
    }

    fn go_back(&mut self, back: GoingBack) {
        self.phase = Phase::RollingBack;
        // Nobody waits for a forward effect any more; the raised epoch keeps a late one out.
        self.outstanding = None;
        self.failures = 0;
        self.failed_at = None;
        self.back = Some(back);
    }

    fn taken_back(&mut self, record: &TakeBackRecord, actor: &Actor) {
        if self.back.is_none() {
            self.go_back(GoingBack {
                cause: Cause::Person,
                ends_as: Ending::RolledBack,
                why: record.reason.clone(),
                by: actor.clone(),
                requested_at: record.at,
                take_back: record.event_id,
                record: None,
            });
        }
        self.phase = Phase::RollingBack;
        self.outstanding = None;
        self.weight = 0;
        if let Some(back) = &mut self.back {
            back.record = Some(record.clone());
        }
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
                self.current = Some(Rollout::begin(started, at));
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
                if let Event::Promoted { rollout, warm_until } = other {
                    self.warm = Some(Warm {
                        rollout: *rollout,
                        until: *warm_until,
                    });
                }
            }
        }
    }
}

impl Rollout {
    fn evolve(&mut self, event: &Event, actor: &Actor, at: Timestamp) {
        match event {
            Event::Intended { rollout, intent, purpose, action } if *rollout == self.id => {
                self.outstanding = Some(Outstanding {
                    intent: *intent,
                    purpose: *purpose,
                    action: action.clone(),
                    at,
                });
            }
            Event::Done { intent, .. } => {
                if let Some(o) = self.outstanding.take_if(|o| o.intent == *intent) {
                    self.done(o.purpose, &o.action, at);
                }
            }
            Event::Failed { intent, why, .. } => {
                if self.outstanding.take_if(|o| o.intent == *intent).is_some() {
                    self.failures = self.failures.saturating_add(1);
                    self.failed_at = Some(at);
                    self.last_failure = Some(why.clone());
                }
            }
            Event::RollbackRequested { rollout, cause, ends_as, why, take_back }
                if *rollout == self.id =>
            {
                if self.back.is_none() {
                    self.go_back(GoingBack {
                        cause: *cause,
                        ends_as: *ends_as,
                        why: why.clone(),
                        by: actor.clone(),
                        requested_at: at,
                        take_back: *take_back,
                        record: None,
                    });
                } else if let Some(back) = &mut self.back {
                    // A person's word on how it ends outranks what was assumed from a record.
                    back.ends_as = *ends_as;
                    back.cause = *cause;
                    back.why.clone_from(why);
                }
            }
            other => self.evolve_progress(other, actor, at),
        }
    }

    fn evolve_progress(&mut self, event: &Event, actor: &Actor, at: Timestamp) {
        match event {
            Event::BaselineCaptured { baseline, .. } => {
                self.reference = baseline.counts.iter().cloned().collect();
                self.baseline = Some(baseline.clone());
            }
            Event::CapacityReached { step, .. } if *step == self.step => {
                self.enter(Stage::Traffic, at);
            }
            Event::VerdictChanged { step, verdict, words, .. } if *step == self.step => {
                self.verdict = Some((*verdict, words.clone()));
            }
            Event::BakeEnded { step, baked, counted, .. } if *step == self.step => {
                for metric in counted {
                    let sum = self.reference.entry(metric.metric.clone()).or_default();
                    sum.total = sum.total.saturating_add(metric.stable.total);
                    sum.bad = sum.bad.saturating_add(metric.stable.bad);
                }
                self.end_bake(*step, *baked, at);
            }
            Event::Approved { step, role, advisory, .. } => self.approvals.push(Approval {
                step: *step,
                actor: actor.clone(),
                role: role.clone(),
                advisory: *advisory,
                at,
            }),
            Event::BrokenGlass { .. } => self.glass_broken = true,
            Event::JumpedToEnd { .. } => self.jumped = true,
            Event::StepEnded { step, .. } if *step == self.step => self.end_step(*step, at),
            Event::WayBackRehearsed { took_us, obstacles, .. } => {
                self.rehearsed = Some(Rehearsal {
                    at,
                    took_us: *took_us,
                    obstacles: obstacles.clone(),
                });
            }
            other => self.evolve_phase(other, at),
        }
    }

    fn evolve_phase(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Paused { reason, note, .. } => {
                self.phase = Phase::Paused(*reason);
                self.paused_at = Some(at);
                self.pause_note.clone_from(note);
            }
            Event::Resumed { .. } => {
                if self.phase == Phase::Paused(PauseReason::Planned) {
                    self.pause_over = true;
                }
                self.phase = Phase::Progressing;
                self.paused_at = None;
            }
            Event::Retried { .. } => {
                self.phase = Phase::Progressing;
                self.paused_at = None;
                let stage = self.stage;
                self.enter(stage, at);
                if stage == Stage::Bake {
                    self.bake_started_at = Some(at);
                    self.verdict = None;
                }
            }
            Event::Promoted { warm_until, .. } => {
                self.phase = Phase::Promoted;
                self.warm_until = *warm_until;
                self.promoted_at.get_or_insert(at);
                self.ended_at = Some(at);
            }
            Event::Ended { ending, words, last_response_after_ms, .. } => {
                self.phase = match ending {
                    Ending::RolledBack => Phase::RolledBack,
                    Ending::Aborted => Phase::Aborted,
                    Ending::Superseded => Phase::Superseded,
                    Ending::Failed => Phase::Failed,
                };
                self.ended_at = Some(at);
                self.ending_words.clone_from(words);
                self.last_response_after_ms = *last_response_after_ms;
            }
            _ => {}
        }
    }
}
