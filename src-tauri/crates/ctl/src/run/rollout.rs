//! Rollouts: what begins one, moves it, holds it and takes it back.

use std::sync::Arc;
use std::time::Duration;

use deckwatch_console::api::{self, GiveUp, Noted, OutputAsk, Promote, PutBack, Watch};
use deckwatch_console::{Agent, AgentOptions, ByService, Console, Nothing, Problem, RollBack};
use deckwatch_domain::ServiceName;
use deckwatch_rollout::Phase;
use deckwatch_rollout::plan::RollbackKind;

use super::{done, validate};
use crate::args;
use crate::ask::{answer, read};
use crate::live::{Screen, frame};
use crate::paint::{Paint, Tone};
use crate::{code, print};

pub(super) async fn rollout(
    console: &Arc<Console>,
    it: args::Rollout,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Rollout as R;
    match it {
        R::Start(it) => return start(console, *it, j, paint).await,
        R::Undo(it) => return undo(console, *it, j, paint).await,
        R::Revisions { service } => {
            let rows = api::revisions(console, ByService { service }).await?;
            answer(j, &rows, |r| print::revisions(paint, r));
        }
        R::Validate(it) => return validate::validate(console, *it, j, paint).await,
        R::CancelValidation { service, note } => {
            let ask = Noted { service, note };
            return done(j, &api::cancel_validation(console, ask).await?);
        }
        R::List => {
            let rows = api::rollouts(console, Nothing {}).await?;
            answer(j, &rows, |r| print::rollouts(paint, r));
        }
        R::Show { service } => {
            let view = api::rollout(console, ByService { service }).await?;
            answer(j, &view, |v| frame(v, None, paint).join("\n") + "\n");
        }
        R::Watch { service } => return watch(console, &service, j).await,
        R::Events { service } => {
            let rows = api::rollout_events(console, ByService { service }).await?;
            answer(j, &rows, |r| print::events(paint, r, false));
        }
        R::Pause { service, note } => {
            return done(j, &api::pause(console, Noted { service, note }).await?);
        }
        R::Resume { service } => {
            return done(j, &api::resume(console, ByService { service }).await?);
        }
        R::Retry { service } => return done(j, &api::retry(console, ByService { service }).await?),
        R::Promote {
            service,
            full,
            break_glass,
        } => {
            let ask = Promote {
                service,
                full,
                break_glass,
            };
            return done(j, &api::promote(console, ask).await?);
        }
        R::Approve { service, note } => {
            return done(j, &api::approve(console, Noted { service, note }).await?);
        }
        R::Reject {
            service,
            reason: note,
            kind,
        } => {
            let ask = GiveUp {
                service,
                note,
                kind,
            };
            let up = api::reject(console, ask).await?;
            answer(j, &up, |up| print::given_up(paint, up));
        }
        R::Output { service, task } => return output(console, service, &task, j).await,
        R::Abort {
            service,
            reason: note,
            kind,
        } => {
            let ask = GiveUp {
                service,
                note,
                kind,
            };
            let up = api::abort(console, ask).await?;
            answer(j, &up, |up| print::given_up(paint, up));
        }
    }
    Ok(code::DONE)
}

async fn output(
    console: &Console,
    service: ServiceName,
    task: &str,
    j: bool,
) -> Result<u8, Problem> {
    let by = ByService {
        service: service.clone(),
    };
    let view = api::rollout(console, by).await?;
    // The newest attempt of that name: a way back comes after what it takes back.
    let tasks = view.status.tasks.iter().rev();
    let mut named = tasks.filter(|t| t.name == task).peekable();
    if named.peek().is_none() {
        let why = format!("the newest rollout of {service} has no task `{task}`");
        return Err(Problem::new("task.unknown", why));
    }
    let Some(intent) = named.find_map(|t| t.intent) else {
        let why = format!("`{task}` has not been run");
        return Err(Problem::new("task.not-run", why));
    };
    let printed = api::output(console, OutputAsk { service, intent }).await?;
    answer(j, &printed, |p| p.text.clone());
    Ok(code::DONE)
}

async fn start(
    console: &Arc<Console>,
    it: args::Start,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let service = it.release.service.clone();
    let ask = api::Start {
        supersede: it.supersede,
        instances: it.instances,
        not_before: it.not_before,
        break_glass: it.break_glass,
        ..validate::asked(it.release)?
    };
    let begin = validate::start(console, ask, j, paint);
    begin_and_watch(console, &service, begin, it.wait, j, paint).await
}

async fn undo(
    console: &Arc<Console>,
    it: args::Undo,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let plan_yaml = it.plan_file.as_deref().map(read).transpose()?;
    let service = it.service.clone();
    let ask = api::Undo {
        service: it.service,
        to: it.to,
        plan: it.plan,
        plan_yaml,
        supersede: it.supersede,
    };
    let begin = api::undo(console, ask);
    begin_and_watch(console, &service, begin, it.wait, j, paint).await
}

async fn begin_and_watch(
    console: &Arc<Console>,
    service: &ServiceName,
    begin: impl Future<Output = Result<api::Begun, Problem>>,
    wait: bool,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    // With --wait this process drives, unless somebody does already; the lease sees to that.
    let agent = match wait {
        true => Some(Agent::start(console, AgentOptions::default()).await?),
        false => None,
    };
    let begun = match begin.await {
        Ok(begun) => begun,
        Err(problem) => {
            if let Some(agent) = agent {
                agent.stop().await;
            }
            return Err(problem);
        }
    };
    if !j || !wait {
        answer(j, &begun, |b| begins(paint, b));
    }
    let Some(agent) = agent else {
        let driven = api::driver(console, service).await.is_some();
        if !driven && !j {
            println!("  it moves once somebody drives: deckwatchctl agent (or start with --wait)");
        }
        return Ok(code::DONE);
    };
    let answer = watch(console, service, j).await;
    agent.stop().await;
    answer
}

fn begins(paint: Paint, begun: &api::Begun) -> String {
    let mut out = format!(
        "{} {}: plan {} {}, candidate in {}\n",
        begun.service,
        if begun.queued {
            "waits for the one before it"
        } else {
            "begins"
        },
        begun.plan,
        begun.plan_digest.short(),
        begun.candidate
    );
    for note in &begun.notes {
        out += &paint.say(Tone::Mute, format!("  {note}\n"));
    }
    out
}

/// Draws the rollout until it is over or held for a person.
async fn watch(console: &Arc<Console>, service: &ServiceName, j: bool) -> Result<u8, Problem> {
    let mut screen = Screen::new();
    let mut look = Watch::default();
    let mut held = 0;
    loop {
        let view = look.look(console, service).await?;
        if !j {
            screen.draw(&view, None);
        }
        let phase = view.status.phase;
        // A hold that lasts is one that a person has to end.
        held = if matches!(phase, Phase::Paused(_)) {
            held + 1
        } else {
            0
        };
        let code = match phase {
            Phase::Promoted => Some(code::DONE),
            Phase::Failed => Some(code::BROKEN),
            phase if phase.is_over() => Some(code::TAKEN_BACK),
            _ if held > 6 && !timed_pause(&view.status) => Some(code::HELD),
            _ => None,
        };
        if let Some(code) = code {
            if j {
                println!(
                    "{}",
                    serde_json::to_string_pretty(&view).unwrap_or_default()
                );
            } else if code == code::HELD {
                println!("  {}", view.status.note);
            } else if !view.status.ending.is_empty() {
                println!("  {}", view.status.ending);
            }
            return Ok(code);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// A pause that the plan ends by itself.
fn timed_pause(status: &deckwatch_rollout::RolloutStatus) -> bool {
    status.phase == Phase::Paused(deckwatch_rollout::PauseReason::Planned) && status.timed_pause
}

pub(super) async fn rollback(
    console: &Console,
    it: args::Rollback,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let ask = RollBack {
        service: it.service,
        reason: it.reason,
        now: it.now,
        event_id: None,
        kind: it.kind,
    };
    if it.dry_run {
        let of = ByService {
            service: ask.service.clone(),
        };
        let preview = deckwatch_console::preview(console, ask).await?;
        answer(j, &preview, |p| print::preview(paint, p));
        if !j {
            let shown = api::rollout(console, of).await;
            let times = shown.map(|v| v.status.back_times).unwrap_or_default();
            for time in times.iter().filter(|time| time.kind == it.kind) {
                println!("then {}", time.words());
            }
        }
        return Ok(if preview.to.is_some() {
            code::DONE
        } else {
            code::REFUSED
        });
    }
    // What will be written is said before it is, from a look that costs a millisecond or two; if
    // the look fails, the write goes out all the same.
    if !j && let Ok(line) = api::intent(console, &ask.service).await {
        println!("{line}");
    }
    let mut tell = |p| {
        if !j {
            println!("{}", print::progress(paint, &p));
        }
    };
    let (service, kind) = (ask.service.clone(), ask.kind);
    let reason = ask.reason.clone();
    let back = match api::roll_back_telling(console, ask, &mut tell).await {
        // Its traffic is back already; what its tasks did may still be there.
        Err(problem) if problem.is_refusal() && kind != RollbackKind::Quick => {
            let ask = PutBack {
                service,
                kind,
                reason,
            };
            return match api::put_back(console, ask).await {
                Ok(answer) => done(j, &answer),
                Err(_) => Err(problem),
            };
        }
        other => other?,
    };
    answer(j, &back, |b| print::rolled_back(paint, b));
    Ok(code::DONE)
}
