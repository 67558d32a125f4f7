//! Effects: the intent first, then the platform, then the outcome. Except on the way back, where
//! the platform comes first and everything else after.

use std::time::Duration;

use deckwatch_domain::{IntentId, Weights};
use deckwatch_journal::{Expected, JournalError};
use deckwatch_platform::{Action, Applied, Order, PlatformError, Rejection, TakeBack};
use deckwatch_verdict::Verdict;

use super::{Driver, DriverError, Standing, Tick};
use crate::event::{Cause, Ending, Event, Purpose, stream};
use crate::lane;
use crate::ports::Now;
use crate::state::Phase;

/// How soon an effect with an unknown outcome is repeated.
const REPEAT: Duration = Duration::from_millis(200);

/// A node from before there were audiences takes the write and passes over what it does not know.
fn nobody_is_led(action: &Action, applied: &Applied) -> bool {
    let Action::SetTraffic(write) = action else {
        return false;
    };
    write.audience.is_some() && !applied.repeated && applied.traffic.audience.is_none()
}

impl Driver {
    pub(super) async fn act(
        &mut self,
        purpose: Purpose,
        action: Action,
        now: Now,
    ) -> Result<Option<Tick>, DriverError> {
        let Some(rollout) = self.state.current.as_ref().map(|r| r.id) else {
            return Ok(None);
        };
        let intent = self.ports.ids.intent();
        self.append(
            vec![Event::Intended {
                rollout,
                intent,
                purpose,
                action,
            }],
            now,
        )
        .await?;
        let ours = self
            .state
            .current
            .as_ref()
            .and_then(|r| r.outstanding.as_ref());
        if ours.is_none_or(|o| o.intent != intent) {
            // Somebody wrote first; what they wrote may change what is to be done.
            return Ok(None);
        }
        self.repeat(now).await
    }

    /// Carries out the outstanding intent, for the first or a further time.
    pub(super) async fn repeat(&mut self, now: Now) -> Result<Option<Tick>, DriverError> {
        let Some(rollout) = &self.state.current else {
            return Ok(None);
        };
        let Some(outstanding) = rollout.outstanding.clone() else {
            return Ok(None);
        };
        let id = rollout.id;
        let settles = matches!(
            outstanding.purpose,
            Purpose::EndWarm | Purpose::RetirePrevious
        );
        let order = Order {
            intent: outstanding.intent,
            epoch: self.lease.epoch(),
            // What is promoted stays the object's rollout when its window ends.
            rollout: (!settles).then_some(id),
            action: outstanding.action.clone(),
        };
        let service = self.state.service.clone();
        match self.ports.platform.apply(&service, &order).await {
            Ok(applied) if nobody_is_led(&outstanding.action, &applied) => {
                let failed = Event::Failed {
                    rollout: id,
                    intent: outstanding.intent,
                    why: "the node that runs leads nobody by name: it is older than that; restart \
                          it with this version"
                        .into(),
                };
                self.append(vec![failed], now).await?;
                Ok(None)
            }
            Ok(applied) => {
                let done = Event::Done {
                    rollout: id,
                    intent: outstanding.intent,
                    took_us: applied.took_us,
                    warnings: applied.warnings,
                };
                self.append(vec![done], now).await?;
                Ok(None)
            }
            Err(PlatformError::Rejected(Rejection::StaleEpoch { current, .. })) => {
                // Either a take-back raised it, and the next look shows its record, or another
                // driver has written, and then the lease is theirs.
                match self.keep_lease(now, current).await? {
                    super::lease::Kept::Ours { .. } => {
                        Ok(Some(self.driving(REPEAT, "epoch raised")))
                    }
                    super::lease::Kept::Theirs { .. } => Err(DriverError::Fenced),
                }
            }
            Err(PlatformError::Rejected(rejection)) => {
                let failed = Event::Failed {
                    rollout: id,
                    intent: outstanding.intent,
                    why: rejection.to_string(),
                };
                self.append(vec![failed], now).await?;
                Ok(None)
            }
            Err(error) => Ok(Some(self.driving(REPEAT, error.to_string()))),
        }
    }

    /// The engine's own way into the lane: the write, then the record of it.
    pub(super) async fn take_back(
        &mut self,
        cause: Cause,
        ends_as: Ending,
        why: String,
        now: Now,
    ) -> Result<Option<Tick>, DriverError> {
        let Some(rollout) = &self.state.current else {
            return Ok(None);
        };
        let (id, asked) = (rollout.id, rollout.back.as_ref().map(|b| b.take_back));
        let event_id = asked
            .or(self.taking_back)
            .unwrap_or_else(|| self.ports.ids.event());
        self.taking_back = Some(event_id);
        let actor = rollout
            .back
            .as_ref()
            .map_or_else(|| self.identity.actor.clone(), |b| b.by.clone());
        let order = Order {
            intent: IntentId::new(event_id.uuid()),
            epoch: self.lease.epoch(),
            rollout: Some(id),
            action: Action::TakeBack(TakeBack {
                event_id,
                actor,
                at: now.wall,
                reason: why.clone(),
                only: Some(id),
                now: false,
            }),
        };
        let service = self.state.service.clone();
        let answer = self.ports.platform.apply(&service, &order).await;
        let mut events: Vec<Event> = self.fail_on_record(cause).into_iter().collect();
        if asked.is_none() {
            events.push(Event::RollbackRequested {
                rollout: id,
                cause,
                ends_as,
                why,
                take_back: event_id,
                kind: rollout.plan.rollback,
            });
        }
        let (record, wait) = match answer {
            Ok(applied) => (lane::find(&applied.traffic.records, event_id), None),
            Err(PlatformError::Rejected(Rejection::NotReady { slot })) => {
                self.scale_way_back(slot).await;
                (
                    None,
                    Some(format!("no instance in {slot} is ready yet; starting them")),
                )
            }
            // Nowhere to go, or not ours: the planner ends it from what it sees.
            Err(PlatformError::Rejected(_)) => (None, None),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(record) = record {
            self.unrecorded.push(record.clone());
            events.push(Event::TakenBack { record });
        }
        if events.is_empty() {
            let why = wait.unwrap_or_else(|| "the platform refused the way back".into());
            return Ok(Some(self.driving(Duration::from_millis(100), why)));
        }
        self.append_unfenced(events, now).await?;
        Ok(wait.map(|why| self.driving(Duration::from_millis(100), why)))
    }

    /// The verdict that took it back, with its evidence, where a verdict did.
    fn fail_on_record(&self, cause: Cause) -> Option<Event> {
        let rollout = self.state.current.as_ref()?;
        let answer = &self.judgement()?.answer;
        let known = rollout.verdict.as_ref().map(|(verdict, _)| *verdict);
        let fresh = cause == Cause::Verdict
            && rollout.back.is_none()
            && answer.verdict == Verdict::Fail
            && known != Some(Verdict::Fail);
        fresh.then(|| Event::VerdictChanged {
            rollout: rollout.id,
            step: rollout.step,
            verdict: Verdict::Fail,
            words: answer.words.clone(),
            answer: Some(answer.clone()),
        })
    }

    /// A take-back is true whoever holds the lease, so its record needs no fence.
    async fn append_unfenced(&mut self, events: Vec<Event>, now: Now) -> Result<(), DriverError> {
        let new: Vec<_> = events.iter().map(|e| self.new_event(e, now)).collect();
        let name = stream(&self.state.service);
        let expected = Expected::Version(self.state.version);
        let store = self.ports.store.clone();
        match store.append(&name, expected, new, None, now.wall).await {
            Ok(_)
            | Err(deckwatch_journal::AppendError::Conflict { .. })
            | Err(deckwatch_journal::AppendError::Duplicate { .. }) => Ok(self.catch_up().await?),
            Err(deckwatch_journal::AppendError::Fenced { .. }) => Err(DriverError::Fenced),
            Err(deckwatch_journal::AppendError::Journal(error)) => Err(error.into()),
        }
    }

    async fn scale_way_back(&mut self, slot: deckwatch_domain::Slot) {
        let Ok(seen) = self.observe().await else {
            return;
        };
        if seen.slots[slot].desired >= seen.instances {
            return;
        }
        let order = Order {
            intent: self.ports.ids.intent(),
            epoch: self.lease.epoch().max(seen.traffic.epoch),
            rollout: None,
            action: Action::Scale {
                slot,
                instances: seen.instances,
            },
        };
        let service = self.state.service.clone();
        let _ = self.ports.platform.apply(&service, &order).await;
    }

    /// Does all that a rollback would do, short of changing anything.
    pub(super) async fn rehearse(&mut self, now: Now) -> Result<(), DriverError> {
        let Some(rollout) = &self.state.current else {
            return Ok(());
        };
        let id = rollout.id;
        let known = rollout.rehearsed.as_ref().map(|r| r.obstacles.clone());
        let event_id = self.ports.ids.event();
        let order = Order {
            intent: IntentId::new(event_id.uuid()),
            epoch: self.lease.epoch(),
            rollout: Some(id),
            action: Action::Rehearse(TakeBack {
                event_id,
                actor: self.identity.actor.clone(),
                at: now.wall,
                reason: "rehearsal".into(),
                only: Some(id),
                now: false,
            }),
        };
        let service = self.state.service.clone();
        let (took_us, obstacles) = match self.ports.platform.apply(&service, &order).await {
            Ok(applied) => (applied.took_us, applied.warnings),
            Err(error) => (0, vec![error.to_string()]),
        };
        self.rehearsal_us = Some(took_us);
        // What changes often is not an event; a change of what stands in the way is.
        if known.as_ref() != Some(&obstacles) {
            self.append(
                vec![Event::WayBackRehearsed {
                    rollout: id,
                    took_us,
                    obstacles,
                }],
                now,
            )
            .await?;
        }
        Ok(())
    }

    /// The journal cannot be read or written. Nothing moves forward; a release that fails is taken
    /// back all the same, and its record waits on the platform and with the host.
    pub(super) async fn without_journal(
        &mut self,
        now: Now,
        error: JournalError,
    ) -> Result<Tick, DriverError> {
        let Some(rollout) = self.state.current.clone() else {
            return Err(error.into());
        };
        let drove = self.lease.held().is_some();
        let moved = self
            .unrecorded
            .iter()
            .any(|r| r.rollout == Some(rollout.id));
        if !drove || !rollout.is_live() || moved {
            return Err(error.into());
        }
        let seen = self.observe().await?;
        let serving = seen.traffic.rollout == Some(rollout.id)
            && seen.traffic.weights != Weights::NONE
            && seen.traffic.way_back.is_some();
        self.judge(now).await;
        let failed = self
            .judgement()
            .is_some_and(|j| j.answer.verdict == Verdict::Fail);
        let asked = rollout.phase == Phase::RollingBack;
        if serving && (failed || asked || self.taking_back.is_some()) {
            let why = self
                .judgement()
                .map(|j| j.answer.words.clone())
                .unwrap_or_default();
            // The append inside fails with the journal; the traffic has moved by then.
            let _ = self
                .take_back(Cause::Verdict, Ending::RolledBack, why, now)
                .await;
        }
        Ok(Tick {
            standing: Standing::Driving,
            after: Duration::from_millis(500),
            why: format!("the journal cannot be used ({error}); nothing moves forward"),
        })
    }
}
