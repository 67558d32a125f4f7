//! What a validation does next. Pure: the state and the time go in, steps come out.

use deckwatch_domain::{IntentId, Span, Timestamp};
use deckwatch_platform::TaskOutcome;

use super::LIMIT;
use super::event::{Begun, Ending, Event};
use super::state::{Validation, Validations};
use crate::command::{Refusal, refuse};

/// Attempts that run at the same time, at most.
pub const MOST_AT_ONCE: usize = 8;
/// Between a failed attempt and the next one: doubled each time, from the first to the longest.
const BACK_OFF: Span = Span::from_millis(250);
const LONGEST_BACK_OFF: Span = Span::from_secs(5);
/// An attempt ends itself in time; one that has not done so by then is ended.
const GRACE: Span = Span::from_secs(5);
/// A runner that cannot be asked is taken for gone this long after its time was over.
const SILENCE: Span = Span::from_secs(60);

/// One thing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Begin an attempt, which has this long.
    Begin {
        check: usize,
        attempt: u32,
        within: Span,
    },
    /// End the attempt that runs; it counts as failed.
    Stop { check: usize, why: Why },
    /// Nothing more is to be done.
    End(Ending),
}

/// Why an attempt is ended from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It did not end itself in its own time.
    Overdue,
    /// The validation's time is over.
    TimedOut,
    Cancelled,
}

impl Why {
    pub fn words(self) -> String {
        match self {
            Why::Overdue => "it did not end in its time".into(),
            Why::TimedOut => format!("the validation's {LIMIT} were over"),
            Why::Cancelled => "the validation was cancelled".into(),
        }
    }
}

/// What is to be done now.
pub fn next(validation: &Validation, now: Timestamp) -> Vec<Step> {
    if !validation.is_live() {
        return Vec::new();
    }
    let checks = 0..validation.checks.len();
    if checks.clone().all(|check| validation.settled(check)) {
        return vec![Step::End(Ending::Finished)];
    }
    let elapsed = Span::from(now.since(validation.started_at));
    let over = match (&validation.cancelled, elapsed >= LIMIT) {
        (Some(_), _) => Some((Why::Cancelled, Ending::Cancelled)),
        (None, true) => Some((Why::TimedOut, Ending::TimedOut)),
        (None, false) => None,
    };
    if let Some((why, ending)) = over {
        let running = checks.filter(|check| runs(validation, *check));
        let stops = running.map(|check| Step::Stop { check, why });
        return stops.chain([Step::End(ending)]).collect();
    }
    let mut steps = Vec::new();
    let mut running = 0;
    for check in checks.clone().filter(|check| runs(validation, *check)) {
        if overdue(validation, check, now) {
            let why = Why::Overdue;
            steps.push(Step::Stop { check, why });
        } else {
            running += 1;
        }
    }
    let rest = Span::from_millis(LIMIT.as_millis() - elapsed.as_millis());
    for check in checks {
        if running >= MOST_AT_ONCE {
            break;
        }
        if let Some(attempt) = due(validation, check, now) {
            let timeout = validation.checks.get(check).map_or(rest, |c| c.timeout);
            steps.push(Step::Begin {
                check,
                attempt,
                within: timeout.min(rest),
            });
            running += 1;
        }
    }
    steps
}

fn runs(validation: &Validation, check: usize) -> bool {
    let record = validation.records.get(&check);
    record.is_some_and(|r| r.ended.is_none())
}

fn overdue(validation: &Validation, check: usize, now: Timestamp) -> bool {
    let (Some(asked), Some(record)) =
        (validation.checks.get(check), validation.records.get(&check))
    else {
        return false;
    };
    let most = Span::from_millis(asked.timeout.as_millis() + GRACE.as_millis());
    Span::from(now.since(record.started_at)) >= most
}

/// The attempt that is to be begun now, if one is.
fn due(validation: &Validation, check: usize, now: Timestamp) -> Option<u32> {
    let Some(record) = validation.records.get(&check) else {
        return Some(1);
    };
    let (_, ended_at) = record.ended.as_ref()?;
    if validation.settled(check) {
        return None;
    }
    let waited = Span::from(now.since(*ended_at));
    (waited >= back_off(record.attempt)).then(|| record.attempt.saturating_add(1))
}

fn back_off(failed: u32) -> Span {
    let doubled = 1u64
        .checked_shl(failed.saturating_sub(1))
        .unwrap_or(u64::MAX);
    let millis = BACK_OFF.as_millis().saturating_mul(doubled);
    Span::from_millis(millis).min(LONGEST_BACK_OFF)
}

/// How a validation that ends now is recorded.
fn ended(validation: &Validation, ending: Ending) -> Event {
    let mut after = validation.clone();
    after.ended = Some((ending, after.started_at));
    let can_deploy = after.can_deploy();
    let version = &validation.release.version;
    let (lacking, warnings) = (after.lacking(), after.warnings());
    let listed = |all: &[String]| match all {
        [] => String::new(),
        all => format!("; {}", all.join("; ")),
    };
    let words = match (can_deploy, ending) {
        (true, _) => format!("{version} may go out{}", listed(&warnings)),
        (false, Ending::Finished) => format!("{version} may not go out{}", listed(&lacking)),
        (false, _) => format!(
            "{version} may not go out: {}{}",
            ending.words(),
            listed(&lacking)
        ),
    };
    Event::Ended {
        validation: validation.id,
        ending,
        can_deploy,
        words,
    }
}

impl Validation {
    /// The fact of its end.
    pub fn ending(&self, ending: Ending) -> Event {
        ended(self, ending)
    }

    /// The fact of an attempt's beginning.
    pub fn check_begun(&self, check: usize, attempt: u32, intent: Option<IntentId>) -> Event {
        Event::CheckBegun {
            validation: self.id,
            check,
            name: self.name(check),
            attempt,
            intent,
        }
    }

    /// The fact that the attempt that runs was ended from outside; none when none runs.
    pub fn check_stopped(&self, check: usize, why: Why, now: Timestamp) -> Option<Event> {
        let record = self.records.get(&check).filter(|r| r.ended.is_none())?;
        let outcome = TaskOutcome {
            took: now.since(record.started_at).into(),
            ..TaskOutcome::lost(&why.words())
        };
        Some(self.check_ended(check, record.attempt, outcome))
    }

    fn name(&self, check: usize) -> String {
        self.checks
            .get(check)
            .map_or_else(String::new, |c| c.name.clone())
    }

    /// The fact of an attempt's end.
    pub fn check_ended(&self, check: usize, attempt: u32, outcome: TaskOutcome) -> Event {
        Event::CheckEnded {
            validation: self.id,
            check,
            name: self.name(check),
            attempt,
            outcome,
        }
    }

    /// Whether whoever ran it is gone: `gone` is what is known of the runner, and where nothing can
    /// be known it has had its time and more.
    pub fn is_lost(&self, gone: bool, now: Timestamp) -> bool {
        let most = Span::from_millis(LIMIT.as_millis() + SILENCE.as_millis());
        self.is_live() && (gone || Span::from(now.since(self.started_at)) >= most)
    }
}

/// Begins a validation, after the end of one whose runner is gone.
///
/// # Errors
/// That one runs already, or that there is nothing to validate.
pub fn begin(
    state: &Validations,
    begun: Begun,
    gone: bool,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if begun.checks.is_empty() {
        return refuse(
            "nothing-to-validate",
            format!("the plan {} asks for no validation", begun.plan),
            "start the rollout, or name checks under `validate` in the plan",
        );
    }
    let mut events = Vec::new();
    if let Some(before) = state.newest().filter(|v| v.is_live()) {
        if !before.is_lost(gone, now) {
            return refuse(
                "validation-running",
                format!(
                    "{} of {} is being validated by {}",
                    before.release.version, state.service, before.by
                ),
                "wait until it has ended, or cancel it",
            );
        }
        events.push(ended(before, Ending::Lost));
    }
    events.push(Event::Begun(Box::new(begun)));
    Ok(events)
}

/// Asks for the end of the validation that runs; ends one whose runner is gone.
///
/// # Errors
/// That none runs.
pub fn cancel(
    state: &Validations,
    why: &str,
    gone: bool,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match state.newest().filter(|v| v.is_live()) {
        None => refuse(
            "not-validating",
            format!("nothing of {} is being validated", state.service),
            "nothing needs to be done",
        ),
        Some(lost) if lost.is_lost(gone, now) => Ok(vec![ended(lost, Ending::Lost)]),
        Some(live) if live.cancelled.is_some() => Ok(Vec::new()),
        Some(live) => Ok(vec![Event::CancelRequested {
            validation: live.id,
            why: why.trim().to_owned(),
        }]),
    }
}
