//! The driver's side of tasks: the attempt is written down before it is begun, and looked at until
//! it has ended. An attempt outlives its driver; the next one finds it by its intent.

use std::collections::BTreeMap;
use std::time::Duration;

use deckwatch_domain::{IntentId, RolloutId};
use deckwatch_platform::{TaskOutcome, TaskRun, TaskSeen};

use super::{Driver, DriverError, Tick};
use crate::event::Event;
use crate::plan::Place;
use crate::ports::Now;
use crate::state::{Phase, Rollout};
use crate::task::Way;

/// How soon a task that runs is looked at again.
const LOOK: Duration = Duration::from_millis(100);

/// Tasks that are run again and again: what this driver has under way. Only a changed result is
/// an event, so a new driver begins them anew.
#[derive(Default)]
pub(super) struct Watches {
    rollout: Option<RolloutId>,
    tasks: BTreeMap<Place, Watched>,
}

#[derive(Default)]
struct Watched {
    running: Option<IntentId>,
    /// On the clock that never jumps.
    next: Duration,
    failed: u32,
}

impl Driver {
    /// How soon a task that is under way, or due, is to be looked at.
    pub(super) fn tasks_look(&self) -> Duration {
        let running = self.state.current.as_ref().and_then(Rollout::running_task);
        let again = self.watches.tasks.values();
        let again = again.map(|w| w.running.map_or(Duration::from_millis(500), |_| LOOK));
        let soonest = again.min().unwrap_or(Duration::MAX);
        running.map_or(soonest, |_| LOOK)
    }

    pub(super) async fn look_at_task(&self) -> Option<TaskSeen> {
        let intent = self.state.current.as_ref()?.running_task()?.intent?;
        match self.ports.tasks.look(intent).await {
            Ok(seen) => Some(seen),
            Err(error) => {
                tracing::warn!(%error, "what became of a task cannot be told");
                None
            }
        }
    }

    pub(super) async fn begin_task(
        &mut self,
        place: Place,
        way: Way,
        attempt: u32,
        now: Now,
    ) -> Result<Option<Tick>, DriverError> {
        let Some(rollout) = &self.state.current else {
            return Ok(None);
        };
        let intent = self.ports.ids.intent();
        let task = rollout.plan.task(place);
        let started = Event::TaskStarted {
            rollout: rollout.id,
            intent,
            place,
            way,
            attempt,
            name: task.map(|t| t.name.clone()).unwrap_or_default(),
        };
        self.append(vec![started], now).await?;
        let running = self.state.current.as_ref().and_then(Rollout::running_task);
        if running.is_none_or(|r| r.intent != Some(intent)) {
            // Somebody wrote first; what they wrote may change what is to be done.
            return Ok(None);
        }
        self.begin_again().await
    }

    pub(super) async fn begin_again(&mut self) -> Result<Option<Tick>, DriverError> {
        let run = self.state.current.as_ref().and_then(|rollout| {
            let running = rollout.running_task()?;
            rollout.task_run(running.place, running.way, running.attempt, running.intent?)
        });
        let Some(run) = run else {
            return Ok(None);
        };
        let why = match self.ports.tasks.begin(&run).await {
            Ok(()) => format!("{} is running", run.name),
            Err(error) => format!("{} cannot be begun: {error}", run.name),
        };
        Ok(Some(self.driving(LOOK, why)))
    }

    pub(super) async fn stop_task(&mut self) -> Result<Option<Tick>, DriverError> {
        let running = self.state.current.as_ref().and_then(Rollout::running_task);
        if let Some(intent) = running.and_then(|r| r.intent)
            && let Err(error) = self.ports.tasks.stop(intent).await
        {
            tracing::warn!(%error, "a task cannot be ended");
        }
        Ok(Some(self.driving(LOOK, "ending a task")))
    }

    /// Sees to the tasks that are run again and again; true when something was written down.
    pub(super) async fn run_again(&mut self, now: Now) -> Result<bool, DriverError> {
        let Some(rollout) = self.state.current.clone() else {
            return Ok(false);
        };
        if self.watches.rollout != Some(rollout.id) {
            self.watches = Watches {
                rollout: Some(rollout.id),
                tasks: BTreeMap::new(),
            };
        }
        let stands = rollout.brought_up && rollout.is_live() && rollout.phase != Phase::RollingBack;
        let mut wrote = false;
        for index in 0..rollout.plan.around.during.len() {
            let place = Place::During { index };
            if let Some(outcome) = self.turn(&rollout, place, stands, now).await {
                wrote |= self.note_changed(&rollout, place, outcome, now).await?;
            }
        }
        Ok(wrote)
    }

    /// One look at one of them: begun when it is due, ended when nobody waits for it any more.
    /// Answers with a result that stands: a failure counts once its attempts are used up.
    async fn turn(
        &mut self,
        rollout: &Rollout,
        place: Place,
        stands: bool,
        now: Now,
    ) -> Option<TaskOutcome> {
        let task = rollout.plan.task(place)?;
        let tasks = self.ports.tasks.clone();
        let fresh = self.ports.ids.intent();
        let watched = self.watches.tasks.entry(place).or_default();
        let Some(intent) = watched.running else {
            if stands && now.boot >= watched.next {
                let run: TaskRun =
                    rollout.task_run(place, Way::Out, watched.failed.saturating_add(1), fresh)?;
                if tasks.begin(&run).await.is_ok() {
                    watched.running = Some(fresh);
                }
            }
            return None;
        };
        let outcome = match tasks.look(intent).await {
            Ok(TaskSeen::Ended(outcome)) => outcome,
            Ok(TaskSeen::Unknown) => TaskOutcome::lost("nothing is known of it"),
            Ok(TaskSeen::Running) => {
                if !stands {
                    let _ = tasks.stop(intent).await;
                }
                return None;
            }
            Err(_) => return None,
        };
        watched.running = None;
        watched.next = now.boot + task.every.unwrap_or_default().duration();
        watched.failed = if outcome.passed {
            0
        } else {
            watched.failed.saturating_add(1)
        };
        (stands && (outcome.passed || watched.failed > task.retries)).then_some(outcome)
    }

    async fn note_changed(
        &mut self,
        rollout: &Rollout,
        place: Place,
        outcome: TaskOutcome,
        now: Now,
    ) -> Result<bool, DriverError> {
        let known = rollout.task_record(place, Way::Out);
        let before = known.and_then(|r| r.ended.as_ref()).map(|(o, _)| o.passed);
        if before == Some(outcome.passed) {
            return Ok(false);
        }
        let task = rollout.plan.task(place);
        let changed = Event::TaskChanged {
            rollout: rollout.id,
            place,
            name: task.map(|t| t.name.clone()).unwrap_or_default(),
            outcome,
        };
        self.append(vec![changed], now).await?;
        Ok(true)
    }
}
