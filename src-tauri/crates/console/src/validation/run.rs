//! Runs one validation: begins attempts, sees them end, and writes both down.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use deckwatch_domain::{IntentId, RolloutId, ServiceName, Timestamp, ValidationId};
use deckwatch_platform::{Does, TaskOutcome, TaskRun, TaskSeen};
use deckwatch_rollout::plan::{Check, Looks};
use deckwatch_rollout::ports::{Ids as _, Now, Tasks as _};
use deckwatch_rollout::task::filled;
use deckwatch_rollout::validation::{
    Event, Step, Validation, ValidationStatus, Validations, next, status,
};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::inspect::inspect;
use crate::console::{Console, TimeIds};
use crate::problem::Problem;
use crate::tasks::TaskDesk;

/// Between two looks at what runs.
const BEAT: Duration = Duration::from_millis(100);
/// A process that has only just begun cannot be told to end yet.
const STOPS: u32 = 20;

type Inspection<'a> = Pin<Box<dyn Future<Output = (usize, u32, TaskOutcome)> + Send + 'a>>;

pub(super) struct Runner<'a> {
    console: &'a Console,
    desk: TaskDesk,
    service: ServiceName,
    id: ValidationId,
    /// The wall clock may jump; what is measured from here does not.
    origin: Now,
    /// Checks that need no process of their own.
    inspections: FuturesUnordered<Inspection<'a>>,
}

impl<'a> Runner<'a> {
    pub fn new(console: &'a Console, service: &ServiceName, id: ValidationId) -> Self {
        Runner {
            console,
            desk: console.task_desk(),
            service: service.clone(),
            id,
            origin: console.clock.now(),
            inspections: FuturesUnordered::new(),
        }
    }

    fn now(&self) -> Timestamp {
        let boot = self.console.clock.now().boot;
        self.origin.wall.plus(boot.saturating_sub(self.origin.boot))
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// What could not be written down; whatever runs then ends by itself.
    pub async fn run(mut self) -> Result<ValidationStatus, Problem> {
        loop {
            // Somebody may have asked for its end.
            let state = self.console.validations(&self.service).await?;
            let Some(validation) = state.get(self.id) else {
                let why = "its record is no longer there";
                return Err(Problem::new("validation.forgotten", why));
            };
            if !validation.is_live() {
                return Ok(status(validation, false, self.now()));
            }
            let ended = looked_at(&self.desk, validation).await;
            if !ended.is_empty() {
                self.console
                    .append_validation(&state, &ended, self.now())
                    .await?;
                continue;
            }
            let steps = next(validation, self.now());
            if steps.is_empty() {
                self.wait(&state).await?;
            } else {
                self.take(&state, validation, &steps).await?;
            }
        }
    }

    /// Waits a beat, or until a check that needs no process has an answer, and writes that down.
    async fn wait(&mut self, state: &Validations) -> Result<(), Problem> {
        let beat = tokio::time::sleep(BEAT);
        let answered = tokio::select! {
            answered = self.inspections.next(), if !self.inspections.is_empty() => answered,
            () = beat => None,
        };
        let (Some((place, attempt, outcome)), Some(validation)) = (answered, state.get(self.id))
        else {
            return Ok(());
        };
        let event = validation.check_ended(place, attempt, outcome.clone());
        let written = self
            .console
            .append_validation(state, &[event], self.now())
            .await?;
        if !written {
            // Somebody wrote first; it is told again at the next look.
            let again = async move { (place, attempt, outcome) };
            self.inspections.push(Box::pin(again));
        }
        Ok(())
    }

    /// Writes down what is to be done, then does it: what was begun and never written down could
    /// be found by nobody.
    async fn take(
        &mut self,
        state: &Validations,
        validation: &Validation,
        steps: &[Step],
    ) -> Result<(), Problem> {
        let now = self.now();
        let mut after = state.clone();
        let mut events = Vec::new();
        let mut begins = Vec::new();
        for step in steps {
            let event = match *step {
                Step::Begin {
                    check,
                    attempt,
                    within,
                } => {
                    let Some(asked) = validation.checks.get(check) else {
                        continue;
                    };
                    let runs = matches!(asked.looks, Looks::Run(_));
                    let intent = runs.then(|| TimeIds.intent());
                    begins.push((check, attempt, intent, within));
                    Event::CheckBegun {
                        validation: self.id,
                        check,
                        name: asked.name.clone(),
                        attempt,
                        intent,
                    }
                }
                Step::Stop { check, why } => {
                    let Some(record) = validation.records.get(&check) else {
                        continue;
                    };
                    if let Some(intent) = record.intent {
                        stop(&self.desk, intent).await;
                    }
                    let outcome = TaskOutcome {
                        took: now.since(record.started_at).into(),
                        ..TaskOutcome::lost(&why.words())
                    };
                    validation.check_ended(check, record.attempt, outcome)
                }
                Step::End(ending) => match after.get(self.id) {
                    Some(validation) => validation.ending(ending),
                    None => continue,
                },
            };
            after.evolve(&event, self.console.actor(), now);
            events.push(event);
        }
        if !self.console.append_validation(state, &events, now).await? {
            return Ok(());
        }
        for (check, attempt, intent, within) in begins {
            let Some(asked) = validation.checks.get(check) else {
                continue;
            };
            self.begin(validation, asked.clone(), (check, attempt, intent, within))
                .await;
        }
        Ok(())
    }

    async fn begin(
        &mut self,
        validation: &Validation,
        asked: Check,
        (place, attempt, intent, within): (usize, u32, Option<IntentId>, deckwatch_domain::Span),
    ) {
        let console = self.console;
        let answer: Inspection<'a> = match (&asked.looks, intent) {
            (Looks::Run(does), Some(intent)) => {
                let run = task(validation, &asked, does, intent, attempt, within);
                let Err(why) = self.desk.begin(&run).await else {
                    return;
                };
                let outcome = TaskOutcome::lost(&why);
                Box::pin(async move { (place, attempt, outcome) })
            }
            _ => {
                let (service, release) = (validation.service.clone(), validation.release.clone());
                Box::pin(async move {
                    let outcome = inspect(console, &service, &release, &asked, within).await;
                    (place, attempt, outcome)
                })
            }
        };
        self.inspections.push(answer);
    }
}

/// Attempts of processes that have ended since the last look.
async fn looked_at(desk: &TaskDesk, validation: &Validation) -> Vec<Event> {
    let mut ended = Vec::new();
    for (place, record) in &validation.records {
        let (Some(intent), None) = (record.intent, &record.ended) else {
            continue;
        };
        let outcome = match desk.look(intent).await {
            Ok(TaskSeen::Ended(outcome)) => outcome,
            Ok(TaskSeen::Unknown) => TaskOutcome::lost("it was never begun"),
            Ok(TaskSeen::Running) | Err(_) => continue,
        };
        ended.push(validation.check_ended(*place, record.attempt, outcome));
    }
    ended
}

async fn stop(desk: &TaskDesk, intent: IntentId) {
    for _ in 0..STOPS {
        if desk.stop(intent).await.is_ok() {
            return;
        }
        tokio::time::sleep(BEAT / 2).await;
    }
}

fn task(
    validation: &Validation,
    asked: &Check,
    does: &Does,
    intent: IntentId,
    attempt: u32,
    within: deckwatch_domain::Span,
) -> TaskRun {
    let stable = validation.stable.as_ref();
    let words: BTreeMap<String, String> = [
        ("service", validation.service.to_string()),
        ("version", validation.release.version.to_string()),
        (
            "stable",
            stable.map(ToString::to_string).unwrap_or_default(),
        ),
        ("validation", validation.id.to_string()),
    ]
    .map(|(word, value)| (word.to_owned(), value))
    .into();
    TaskRun {
        intent,
        service: validation.service.clone(),
        // There is no rollout yet; the attempt is known by its intent alone.
        rollout: RolloutId::new(validation.id.uuid()),
        name: asked.name.clone(),
        does: filled(does, &words),
        timeout: within,
        env: asked.env.clone(),
        secrets: asked.secrets.clone(),
        attempt,
        words,
    }
}
