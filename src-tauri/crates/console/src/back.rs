//! Taking traffic back, for people. The platform first; the journal afterwards, if it can be had.

use deckwatch_domain::{EventId, RolloutId, ServiceName};
use deckwatch_platform::{PlatformError, Rejection};
use deckwatch_rollout::lane::{self, Ask, LaneError, Preview, Progress, Report};
use deckwatch_rollout::plan::RollbackKind;
use deckwatch_rollout::ports::Ids;
use deckwatch_rollout::{Command, Rollout, Waiting};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::console::{Console, TimeIds};
use crate::problem::Problem;
use crate::reversible::{Come, reversible};
use crate::route::{Done, Nothing};

/// Which service, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    pub service: ServiceName,
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub reason: String,
    /// Shift even if nothing is ready there.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub now: bool,
    /// The id of the event, when it was announced before.
    #[serde(default)]
    #[ts(optional)]
    pub event_id: Option<EventId>,
    /// What is taken back beside the traffic, which comes first whatever is said here.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub kind: RollbackKind,
}

/// What was done, and where it is written down.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct RollBackAnswer {
    pub report: Report,
    /// `journal`, or what happened to the record instead.
    pub recorded: String,
    /// What follows now that traffic is back, in words; none: nothing.
    pub follows: Option<String>,
}

fn ask(console: &Console, roll_back: &RollBack) -> Ask {
    let reason = match roll_back.reason.trim() {
        "" => "rolled back by hand".to_owned(),
        reason => reason.to_owned(),
    };
    Ask {
        service: roll_back.service.clone(),
        actor: console.actor(),
        reason,
        now: roll_back.now,
        only: None,
        event_id: roll_back.event_id.unwrap_or_else(|| TimeIds.event()),
        retire: TimeIds.intent(),
    }
}

/// Says what a rollback would write, and rehearses it.
///
/// # Errors
/// The platform's.
pub async fn preview(console: &Console, roll_back: RollBack) -> Result<Preview, Problem> {
    let ask = ask(console, &roll_back);
    let preview = lane::preview(console.platform.as_ref(), &ask, console.clock.as_ref()).await?;
    Ok(preview)
}

/// What a rollback would write, in one line, from one look.
///
/// # Errors
/// The platform's.
pub async fn intent(console: &Console, service: &ServiceName) -> Result<String, Problem> {
    let seen = console.platform.observe(service).await?;
    let version = |slot: deckwatch_domain::Slot| {
        let release = seen.slots[slot].release.as_ref();
        release.map_or_else(|| "nothing".to_owned(), |r| r.version.to_string())
    };
    Ok(match seen.traffic.way_back {
        Some(back) => format!(
            "{service}: one write, {} → all to {} ({} → {}); {} of {} instances ready there",
            seen.traffic.weights,
            back.slot,
            version(back.slot.other()),
            version(back.slot),
            seen.slots[back.slot].ready,
            seen.instances
        ),
        None => format!("{service}: no way back is shown"),
    })
}

/// Takes traffic back.
///
/// # Errors
/// Only when traffic was not moved.
pub async fn roll_back(console: &Console, roll_back: RollBack) -> Result<RollBackAnswer, Problem> {
    roll_back_telling(console, roll_back, &mut |_| {}).await
}

/// The same, telling what it does while it does it.
///
/// # Errors
/// Only when traffic was not moved.
pub async fn roll_back_telling(
    console: &Console,
    roll_back: RollBack,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<RollBackAnswer, Problem> {
    let mut ask = ask(console, &roll_back);
    // What is taken back is what stands there now: a repeat that arrives late must not undo a
    // newer rollout. If this look fails, the write goes out all the same.
    let seen = match console.platform.observe(&ask.service).await {
        Err(PlatformError::Unreachable { why }) => {
            // A node that died brings everything back as it was, and then there is a way back.
            tell(Progress::Reaching { why });
            let _ = console.ensure_platform().await;
            console.platform.observe(&ask.service).await
        }
        other => other,
    };
    if let Ok(seen) = seen {
        ask.only = seen.traffic.rollout;
    }
    // A cluster may have said meanwhile who is asking; it is not waited for.
    ask.actor = console.actor();
    match carry_out(console, &ask, tell).await {
        Err(problem) if problem.is_refusal() => Err(or_abort(console, &ask.service, problem).await),
        Ok(mut back) => {
            back.follows = follow(console, &roll_back).await;
            Ok(back)
        }
        other => other,
    }
}

/// Asks for the ways back of the tasks, now that traffic is back.
async fn follow(console: &Console, roll_back: &RollBack) -> Option<String> {
    if roll_back.kind == RollbackKind::Quick {
        return None;
    }
    let ask = PutBack {
        service: roll_back.service.clone(),
        kind: roll_back.kind,
        reason: roll_back.reason.clone(),
    };
    Some(match put_back(console, ask).await {
        Ok(done) => done.done,
        Err(problem) => format!(
            "the tasks' ways back could not be asked for ({problem}); ask again when that is mended"
        ),
    })
}

/// What the tasks of a release that was taken back did is to be taken back as well.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct PutBack {
    pub service: ServiceName,
    pub kind: RollbackKind,
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub reason: String,
}

/// Takes back what the tasks did, once traffic is back: at once or any time later.
///
/// # Errors
/// A refusal, or the journal's.
pub async fn put_back(console: &Console, ask: PutBack) -> Result<Done, Problem> {
    let command = Command::PutBack {
        why: ask.reason,
        kind: ask.kind,
    };
    console.command(&ask.service, &command).await?;
    let all = console.rollouts(&ask.service).await?;
    let names: Vec<String> = all.current.iter().flat_map(ways_back).collect();
    Ok(Done::new(match names.as_slice() {
        [] => "no task of this release has a way back; the verification follows".to_owned(),
        names => format!("the ways back of {} follow", names.join(", ")),
    }))
}

/// The tasks that have begun and have a way back, the last first.
pub(crate) fn ways_back(rollout: &Rollout) -> Vec<String> {
    let places = rollout.ways_back().into_iter();
    let names = places.filter_map(|place| Some(rollout.plan.task(place)?.name.clone()));
    names.collect()
}

/// Why all of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
pub struct RollBackAll {
    #[ts(optional, as = "Option<_>")]
    pub reason: String,
}

/// What came of one of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct OneBack {
    pub service: ServiceName,
    pub back: Option<RollBackAnswer>,
    pub problem: Option<Problem>,
}

/// Takes every release back that is on its way, all at the same time. What is promoted stays.
///
/// # Errors
/// That no node answers; what fails for one service is in its line and keeps no other.
pub async fn roll_back_all(console: &Console, ask: RollBackAll) -> Result<Vec<OneBack>, Problem> {
    let rolling: Vec<ServiceName> = reversible(console, Nothing {})
        .await?
        .into_iter()
        .filter(|one| one.come == Come::Rolling)
        .map(|one| one.service)
        .collect();
    let backs = rolling.into_iter().map(|service| {
        let ask = RollBack {
            service: service.clone(),
            reason: ask.reason.clone(),
            now: false,
            event_id: None,
            kind: RollbackKind::Quick,
        };
        async move {
            let (back, problem) = match roll_back(console, ask).await {
                Ok(back) => (Some(back), None),
                Err(problem) => (None, Some(problem)),
            };
            OneBack {
                service,
                back,
                problem,
            }
        }
    });
    Ok(futures_util::future::join_all(backs).await)
}

/// A rollout that has begun and has no traffic yet cannot be taken back, but it can be ended.
async fn or_abort(console: &Console, service: &ServiceName, mut problem: Problem) -> Problem {
    let state = console.rollouts(service).await;
    if let Some(live) = state
        .ok()
        .and_then(|s| s.current)
        .filter(|r| r.is_live() && !r.claimed)
    {
        problem.message = format!(
            "{}; {} has begun and has no traffic yet: `rollout abort` ends it",
            problem.message, live.release.version
        );
    }
    problem
}

/// Takes back this rollout's traffic and no other's.
pub(crate) async fn roll_back_only(
    console: &Console,
    roll_back: RollBack,
    rollout: RolloutId,
) -> Result<RollBackAnswer, Problem> {
    let ask = Ask {
        only: Some(rollout),
        ..ask(console, &roll_back)
    };
    carry_out(console, &ask, &mut |_| {}).await
}

async fn carry_out(
    console: &Console,
    ask: &Ask,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<RollBackAnswer, Problem> {
    let report = lane::roll_back(console.platform.as_ref(), ask, console.clock.as_ref(), tell)
        .await
        .map_err(|error| match error {
            LaneError::Nothing(rejection @ Rejection::UnknownService { .. }) => {
                Problem::new("service.unknown", rejection.to_string()).with(json!(rejection))
            }
            LaneError::Nothing(rejection) => {
                Problem::new("refused.nothing-to-take-back", rejection.to_string())
                    .with(json!(rejection))
            }
            LaneError::GaveUp { why } => Problem::new("rollback.gave-up", why),
        })?;
    let recorded = record(console, &report).await;
    Ok(RollBackAnswer {
        report,
        recorded,
        follows: None,
    })
}

/// Into the journal; else into the fallback file; the platform has it in any case.
async fn record(console: &Console, report: &Report) -> String {
    let command = Command::Absorb {
        record: report.record.clone(),
    };
    let Err(problem) = console.command(&report.service, &command).await else {
        return "journal".into();
    };
    let waiting = Waiting {
        service: report.service.clone(),
        record: report.record.clone(),
    };
    let kept = console.fallback.as_ref().map(|file| file.keep(&waiting));
    match kept {
        Some(Ok(())) => format!(
            "not yet in the journal ({problem}); the record is kept beside it and with the platform, and goes into the journal as soon as it can be used"
        ),
        _ => format!(
            "not yet in the journal ({problem}); the platform keeps the record until the journal can be used"
        ),
    }
}
