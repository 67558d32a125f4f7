//! How each fact changes a rollout.

use deckwatch_domain::{Actor, Timestamp};
use deckwatch_platform::{Action, TakeBackRecord};

use super::{Approval, GoingBack, Outstanding, Phase, Rehearsal, Rollout, Stage, StepRecord};
use crate::event::{BakedBy, Cause, Ending, Event, PauseReason, Purpose};
use crate::plan::{Place, RollbackKind};
use crate::task::{TaskRecord, Way};

impl Rollout {
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
            Purpose::Claim => {
                self.claimed = true;
                if self.phase == Phase::Pending {
                    self.phase = Phase::Progressing;
                }
            }
            Purpose::BringUp => {
                self.brought_up = true;
                if let Action::BringUp { instances, .. } = action {
                    self.candidate_asked = *instances;
                }
            }
            Purpose::Grow { .. } => {
                if let Action::Scale { instances, .. } = action {
                    self.candidate_asked = *instances;
                }
            }
            Purpose::Shrink { .. } => {
                if let Action::Scale { instances, .. } = action {
                    self.stable_asked = Some(*instances);
                }
            }
            Purpose::Restore => self.restored = true,
            Purpose::Weight { .. } => {
                if let Action::SetTraffic(write) = action {
                    let people = write.audience.as_ref().map_or(0, |a| a.share / 100);
                    let people = u8::try_from(people).unwrap_or(100);
                    self.weight = write.weights.of(self.candidate).max(people);
                }
                self.serving = self.candidate_asked;
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
            Purpose::RetirePrevious => self.previous_retired = true,
            Purpose::EndWarm => {}
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

    pub(super) fn taken_back(&mut self, record: &TakeBackRecord, actor: &Actor) {
        if self.back.is_none() {
            self.go_back(GoingBack {
                cause: Cause::Person,
                ends_as: Ending::RolledBack,
                why: record.reason.clone(),
                by: actor.clone(),
                requested_at: record.at,
                take_back: record.event_id,
                // Whoever wants more than the traffic says so.
                kind: RollbackKind::Quick,
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

    pub(super) fn evolve(&mut self, event: &Event, actor: &Actor, at: Timestamp) {
        match event {
            Event::Intended {
                rollout,
                intent,
                purpose,
                action,
            } if *rollout == self.id => {
                self.outstanding = Some(Outstanding {
                    intent: *intent,
                    purpose: *purpose,
                    action: action.clone(),
                    at,
                });
            }
            Event::Done { intent, .. } => {
                if let Some(o) = self.outstanding.take_if(|o| o.intent == *intent) {
                    if matches!(o.action, Action::SetTraffic(_)) {
                        self.last_write = Some((o.intent, at));
                    }
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
            Event::RollbackRequested {
                rollout,
                cause,
                ends_as,
                why,
                take_back,
                kind,
            } if *rollout == self.id => {
                if self.back.is_none() {
                    self.go_back(GoingBack {
                        cause: *cause,
                        ends_as: *ends_as,
                        why: why.clone(),
                        by: actor.clone(),
                        requested_at: at,
                        take_back: *take_back,
                        kind: *kind,
                        record: None,
                    });
                } else if let Some(back) = &mut self.back {
                    // Its traffic is back; what the tasks did may still have to be taken back.
                    if self.phase.is_over() && *kind != RollbackKind::Quick {
                        self.phase = Phase::RollingBack;
                        self.ended_at = None;
                    }
                    back.kind = *kind;
                    // A person's word on how it ends outranks what was assumed from a record.
                    back.ends_as = *ends_as;
                    back.cause = *cause;
                    back.why.clone_from(why);
                }
            }
            other => self.evolve_task(other, actor, at),
        }
    }

    fn evolve_task(&mut self, event: &Event, actor: &Actor, at: Timestamp) {
        match event {
            Event::TaskStarted {
                intent,
                place,
                way,
                attempt,
                ..
            } => {
                let record = TaskRecord {
                    place: *place,
                    way: *way,
                    intent: Some(*intent),
                    attempt: *attempt,
                    started_at: at,
                    ended: None,
                    waived: false,
                };
                self.remember(record);
            }
            Event::TaskEnded {
                intent, outcome, ..
            } => {
                let running = |r: &&mut TaskRecord| r.intent == Some(*intent);
                if let Some(record) = self.tasks.iter_mut().find(running) {
                    record.ended.get_or_insert((outcome.clone(), at));
                    let (place, way) = (record.place, record.way);
                    self.timed(place, way);
                }
            }
            Event::TaskChanged { place, outcome, .. } => self.remember(TaskRecord {
                place: *place,
                way: Way::Out,
                intent: None,
                attempt: 1,
                started_at: at,
                ended: Some((outcome.clone(), at)),
                waived: false,
            }),
            Event::TaskWaived { place, .. } => {
                let waived = |r: &&mut TaskRecord| r.place == *place && r.way == Way::Out;
                if let Some(record) = self.tasks.iter_mut().find(waived) {
                    record.waived = true;
                }
            }
            other => self.evolve_progress(other, actor, at),
        }
    }

    /// The newest attempt takes the place of the one before.
    /// How long the way back takes is told from how long it took before.
    fn timed(&mut self, place: Place, way: Way) {
        if way == Way::Out && !place.is_of_the_way_back() {
            return;
        }
        let record = self.task_record(place, way);
        let outcome = record.and_then(|r| r.ended.as_ref()).map(|(o, _)| o);
        let passed = outcome.filter(|o| o.passed).map(|o| o.took);
        if let (Some(took), Some(task)) = (passed, self.plan.task(place)) {
            self.took_back.insert((task.name.clone(), way), took);
        }
    }

    fn remember(&mut self, record: TaskRecord) {
        let same = |r: &TaskRecord| r.place == record.place && r.way == record.way;
        match self.tasks.iter_mut().find(|r| same(r)) {
            Some(known) => *known = record,
            None => self.tasks.push(record),
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
            Event::VerdictChanged {
                step,
                verdict,
                words,
                ..
            } if *step == self.step => {
                self.verdict = Some((*verdict, words.clone()));
            }
            Event::BakeEnded {
                step,
                baked,
                counted,
                ..
            } if *step == self.step => {
                for metric in counted {
                    let sum = self.reference.entry(metric.metric.clone()).or_default();
                    sum.total = sum.total.saturating_add(metric.stable.total);
                    sum.bad = sum.bad.saturating_add(metric.stable.bad);
                }
                self.end_bake(*step, *baked, at);
            }
            Event::Approved {
                step,
                role,
                advisory,
                ..
            } => self.approvals.push(Approval {
                step: *step,
                actor: actor.clone(),
                role: role.clone(),
                advisory: *advisory,
                at,
            }),
            // Of the next rollout's start it says nothing about this one.
            Event::BrokenGlass { rollout, .. } if *rollout == self.id => self.glass_broken = true,
            Event::JumpedToEnd { .. } => self.jumped = true,
            Event::StepEnded { step, .. } if *step == self.step => self.end_step(*step, at),
            Event::WayBackRehearsed {
                took_us, obstacles, ..
            } => {
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
                // What failed is run again, with all its attempts.
                self.tasks
                    .retain(|t| !(t.failed() && t.way == Way::Out && !t.waived));
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
            Event::Ended {
                ending,
                words,
                last_response_after_ms,
                ..
            } => {
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
