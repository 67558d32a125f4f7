//! Validation: the checks of a plan, run and shown as they end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deckwatch_console::api::{self, ByName, Start};
use deckwatch_console::{ByService, Console, Nothing, Problem};
use deckwatch_rollout::validation::{CheckStanding, CheckStatus, Outcome, ValidationStatus};

use crate::args;
use crate::ask::{answer, read};
use crate::code;
use crate::paint::{Paint, Tone, table};

/// Between two looks at how it stands.
const BEAT: Duration = Duration::from_millis(200);

/// The checks that ship.
pub(super) async fn checks(
    console: &Console,
    it: args::Check,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    match it {
        args::Check::List => {
            let rows = api::list_checks(console, Nothing {}).await?;
            answer(j, &rows, |rows| {
                let rows = rows.iter().map(|r| vec![r.name.clone(), r.about.clone()]);
                let rows: Vec<Vec<String>> = rows.collect();
                table(paint, &["checks", "about"], &rows)
            });
        }
        args::Check::Show { name } => {
            let found = api::show_checks(console, ByName { name }).await?;
            answer(j, &found, |c| c.yaml.clone());
        }
    }
    Ok(code::DONE)
}

/// The release that is meant.
pub(super) fn asked(it: args::Release) -> Result<Start, Problem> {
    Ok(Start {
        service: Some(it.service),
        version: Some(it.version),
        plan: Some(it.plan),
        plan_yaml: it.plan_file.as_deref().map(read).transpose()?,
        command: (!it.command.is_empty()).then_some(it.command),
        env: it.env.into_iter().collect(),
        image: it.image,
        ..Start::default()
    })
}

pub(super) async fn validate(
    console: &Arc<Console>,
    it: args::Release,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let ended = run(console, asked(it)?, !j, paint).await?;
    if j {
        answer(true, &ended, |_| String::new());
    }
    Ok(match ended.can_deploy {
        true => code::DONE,
        false => code::FOUND,
    })
}

/// Starts a rollout. Where its plan asks for a validation and there is none that counts, that is
/// run first, once: what it came to decides.
pub(super) async fn start(
    console: &Arc<Console>,
    ask: Start,
    j: bool,
    paint: Paint,
) -> Result<api::Begun, Problem> {
    match api::start(console, ask.clone()).await {
        Err(problem) if problem.code == "refused.not-validated" => {
            run(console, ask.clone(), !j, paint).await?;
            api::start(console, ask).await
        }
        other => other,
    }
}

/// Runs it, with a line for each attempt that ends.
async fn run(
    console: &Arc<Console>,
    ask: Start,
    tell: bool,
    paint: Paint,
) -> Result<ValidationStatus, Problem> {
    let before = newest(console, &ask).await?.map(|v| v.validation);
    let mut told = BTreeMap::new();
    let mut running = std::pin::pin!(api::validate(console, ask.clone()));
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended?,
            () = tokio::time::sleep(BEAT) => {}
        }
        if let Ok(Some(now)) = newest(console, &ask).await
            && tell
            && Some(now.validation) != before
        {
            lines(&now, &mut told, paint);
        }
    };
    if tell {
        lines(&ended, &mut told, paint);
        println!("{}", verdict(&ended, paint));
    }
    Ok(ended)
}

async fn newest(console: &Console, ask: &Start) -> Result<Option<ValidationStatus>, Problem> {
    let Some(service) = ask.service.clone() else {
        return Ok(None);
    };
    api::validation(console, ByService { service }).await
}

/// A line for each check whose attempt has ended since the last look.
fn lines(now: &ValidationStatus, told: &mut BTreeMap<String, (u32, CheckStanding)>, paint: Paint) {
    for check in &now.checks {
        let stands = (check.attempt, check.standing);
        let ended = !matches!(
            check.standing,
            CheckStanding::Waiting | CheckStanding::Running
        );
        if ended && told.insert(check.name.clone(), stands) != Some(stands) {
            println!("{}", line(check, paint));
        }
    }
}

fn line(check: &CheckStatus, paint: Paint) -> String {
    let (sign, tone) = match check.standing {
        CheckStanding::Passed => ("● passed", Tone::Good),
        CheckStanding::Warning => ("◆ warning", Tone::Warn),
        CheckStanding::Retrying => ("◇ again", Tone::Warn),
        CheckStanding::Failed => ("■ failed", Tone::Bad),
        _ => ("○ not done", Tone::Mute),
    };
    let attempts = match check.attempt {
        0 | 1 => String::new(),
        n => format!(", attempt {n}"),
    };
    let took = check
        .took
        .map_or_else(String::new, |took| format!(" ({took}{attempts})"));
    format!(
        "  {}  {}: {}{}",
        paint.say(tone, format!("{sign:<10}")),
        check.name,
        check.why,
        paint.say(Tone::Mute, took)
    )
}

fn verdict(ended: &ValidationStatus, paint: Paint) -> String {
    let (word, tone) = match ended.outcome {
        Some(Outcome::Passed) => ("passed", Tone::Good),
        Some(Outcome::Warnings) => ("passed, with warnings", Tone::Warn),
        Some(Outcome::Failed) | None => ("failed", Tone::Bad),
    };
    let may = if ended.can_deploy { "may" } else { "may not" };
    format!(
        "validation {} in {}: {} {may} go out",
        paint.say(tone, word),
        ended.took,
        ended.release
    )
}
