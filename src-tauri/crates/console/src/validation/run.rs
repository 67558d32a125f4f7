//! Runs one validation: begins attempts, sees them end, and writes both down.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use deckwatch_domain::{IntentId, RolloutId, ServiceName, Span, Timestamp, ValidationId};
use deckwatch_platform::{Does, TaskOutcome, TaskRun, TaskSeen};
use deckwatch_rollout::plan::{Check, Looks};
use deckwatch_rollout::ports::{Ids as _, Now, Tasks as _};
use deckwatch_rollout::task::filled;
use deckwatch_rollout::validation::{
    Event, Step, Validation, ValidationStatus, Validations, next, status,
};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::inspect::inspect;
use crate::console::{Console, TimeIds};
use crate::problem::Problem;
use crate::tasks::TaskDesk;

/// Between two looks at what runs.
const BEAT: Duration = Duration::from_millis(100);
/// A process that has only just begun cannot be told to end yet.
const STOPS: u32 = 20;

type Inspection<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// How an attempt ended that is no process of its own.
struct Answer {
    check: usize,
    attempt: u32,
    outcome: TaskOutcome,
}

/// An attempt that is to be begun.
struct Attempt {
    check: usize,
    attempt: u32,
    /// Of one that is a process of its own.
    intent: Option<IntentId>,
    within: Span,
}

pub(super) struct Runner<'a> {
    console: &'a Console,
    desk: TaskDesk,
    service: ServiceName,
    id: ValidationId,
    /// The wall clock may jump; what is measured from here does not.
    origin: Now,
    /// Checks that need no process, on their way to whoever carries them out.
    inspections: UnboundedSender<Inspection<'a>>,
    answered: UnboundedReceiver<Answer>,
    /// Answers that are not written down yet.
    answers: Vec<Answer>,
}

/// Runs a validation to its end.
///
/// # Errors
/// What could not be written down; whatever runs then ends by itself.
pub(super) async fn run(
    console: &Console,
    service: &ServiceName,
    id: ValidationId,
) -> Result<ValidationStatus, Problem> {
    let (inspections, begun) = unbounded_channel();
    let (answer, answered) = unbounded_channel();
    let runner = Runner {
        console,
        desk: console.task_desk(),
        service: service.clone(),
        id,
        origin: console.clock.now(),
        inspections,
        answered,
        answers: Vec::new(),
    };
    // Side by side: a check whose time is half a second does not wait for the journal.
    tokio::select! {
        ended = runner.run() => ended,
        never = carry_out(begun, answer) => match never {},
    }
}

/// Carries checks out that need no process, all at once.
async fn carry_out(
    mut begun: UnboundedReceiver<Inspection<'_>>,
    answer: UnboundedSender<Answer>,
) -> Infallible {
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(inspection) = begun.recv() => running.push(inspection),
            Some(found) = running.next(), if !running.is_empty() => {
                let _ = answer.send(found);
            }
            else => std::future::pending().await,
        }
    }
}

impl Runner<'_> {
    fn now(&self) -> Timestamp {
        let boot = self.console.clock.now().boot;
        self.origin.wall.plus(boot.saturating_sub(self.origin.boot))
    }

    async fn run(mut self) -> Result<ValidationStatus, Problem> {
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
            let mut ended = looked_at(&self.desk, validation).await;
            ended.extend(answers(&self.answers, validation));
            if !ended.is_empty() {
                let written = self
                    .console
                    .append_validation(&state, &ended, self.now())
                    .await?;
                if written {
                    self.answers.clear();
                }
                continue;
            }
            self.answers.clear();
            let steps = next(validation, self.now());
            if steps.is_empty() {
                self.wait().await;
            } else {
                self.take(&state, validation, &steps).await?;
            }
        }
    }

    /// Waits a beat, or until a check that needs no process has an answer.
    async fn wait(&mut self) {
        tokio::select! {
            Some(answer) = self.answered.recv() => self.answers.push(answer),
            () = tokio::time::sleep(BEAT) => {}
        }
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
                    let runs = |c: &Check| matches!(c.looks, Looks::Run(_));
                    let process = validation.checks.get(check).is_some_and(runs);
                    let begin = Attempt {
                        check,
                        attempt,
                        intent: process.then(|| TimeIds.intent()),
                        within,
                    };
                    let event = validation.check_begun(check, attempt, begin.intent);
                    begins.push(begin);
                    Some(event)
                }
                Step::Stop { check, why } => {
                    stop(&self.desk, validation, check).await;
                    validation.check_stopped(check, why, now)
                }
                Step::End(ending) => after.get(self.id).map(|v| v.ending(ending)),
            };
            if let Some(event) = event {
                after.evolve(&event, &self.console.actor(), now);
                events.push(event);
            }
        }
        if self.console.append_validation(state, &events, now).await? {
            for attempt in begins {
                self.begin(validation, attempt).await;
            }
        }
        Ok(())
    }

    async fn begin(&mut self, validation: &Validation, begin: Attempt) {
        let Attempt {
            check,
            attempt,
            intent,
            within,
        } = begin;
        let Some(asked) = validation.checks.get(check).cloned() else {
            return;
        };
        if let (Looks::Run(does), Some(intent)) = (&asked.looks, intent) {
            let run = task(validation, &asked, does, (intent, attempt, within));
            if let Err(why) = self.desk.begin(&run).await {
                let outcome = TaskOutcome::lost(&why);
                self.answers.push(Answer {
                    check,
                    attempt,
                    outcome,
                });
            }
            return;
        }
        let console = self.console;
        let (service, release) = (validation.service.clone(), validation.release.clone());
        let inspection = Box::pin(async move {
            let outcome = inspect(console, &service, &release, &asked, within).await;
            Answer {
                check,
                attempt,
                outcome,
            }
        });
        // Whoever carries it out is there as long as this is.
        let _ = self.inspections.send(inspection);
    }
}

/// Answers to attempts that are still open: one that was ended from outside has its answer.
fn answers(answers: &[Answer], validation: &Validation) -> Vec<Event> {
    let open = |answer: &&Answer| {
        let record = validation.records.get(&answer.check);
        record.is_some_and(|r| r.attempt == answer.attempt && r.ended.is_none())
    };
    let open = answers.iter().filter(open);
    open.map(|a| validation.check_ended(a.check, a.attempt, a.outcome.clone()))
        .collect()
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

async fn stop(desk: &TaskDesk, validation: &Validation, check: usize) {
    let record = validation.records.get(&check);
    let Some(intent) = record.and_then(|record| record.intent) else {
        return;
    };
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
    (intent, attempt, within): (IntentId, u32, Span),
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
