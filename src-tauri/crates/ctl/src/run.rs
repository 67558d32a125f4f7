//! Each command of the line goes to the file of its words; the short ones are answered here.

mod alerts;
mod baseline;
mod cluster;
mod drive;
mod ground;
mod journal;
mod metrics;
mod plan;
mod promql;
mod rollout;
mod rules;
mod service;
mod slo;
mod targets;
mod validate;
mod words;

use std::sync::Arc;

use deckwatch_console::api::{self, JudgeText, NewSecret, Reason, SecretName};
use deckwatch_console::{Console, Done, Level, Nothing, Problem, SystemClock};

use crate::args::{self, Cli, Command};
use crate::ask::{answer, json, read};
use crate::paint::{Paint, Tone, table};
use crate::{code, demo, options, print};

pub use drive::asked_to_stop;

/// A file that may not grow any further is an error to be dealt with, as on a full disk, and not
/// the end of the program.
fn outlive_file_limits() {
    use tokio::signal::unix::{SignalKind, signal};
    let number = rustix::process::Signal::XFSZ.as_raw();
    // Once handled, it is handled for as long as the program lives.
    let _ = signal(SignalKind::from_raw(number));
}

pub async fn run(cli: Cli) -> Result<u8, Problem> {
    outlive_file_limits();
    let options = options(&cli)?;
    let console = Arc::new(Console::open(options.clone())?);
    let j = cli.json;
    let paint = Paint::stdout();
    if let Some(name) = words::of(&cli.command) {
        deckwatch_console::admit(&console, name).await?;
    }
    match cli.command {
        Command::Status => status(&console, j, paint).await,
        Command::Service(it) => service::service(&console, it, j, paint).await,
        Command::Plan(it) => plan::plan(&console, it, j, paint).await,
        Command::Check(it) => validate::checks(&console, it, j, paint).await,
        Command::Baseline(it) => baseline::baseline(&console, it, j, paint).await,
        Command::Rollout(it) => rollout::rollout(&console, it, j, paint).await,
        Command::Rollback(it) => rollout::rollback(&console, it, j, paint).await,
        Command::Freeze(it) => freeze(&console, it, j).await,
        Command::Secret(it) => secret(&console, it, j, paint).await,
        Command::Roles => roles(&console, j, paint).await,
        Command::Whoami => {
            answer(j, &console.actor(), |a| format!("{a}\n"));
            Ok(code::DONE)
        }
        Command::Journal(it) => journal::journal(&console, it, j, paint).await,
        Command::Judge(it) => judge(&console, it, j).await,
        Command::Agent(it) => drive::agent(console, options, it).await,
        Command::Node(it) => ground::node(&console, it, j).await,
        Command::Promql(it) => promql::promql(&console, it, j, paint).await,
        Command::Targets { what } => {
            let what = what.unwrap_or(args::Targets::List { filter: None });
            targets::targets(&console, what, j, paint).await
        }
        Command::Host { over } => targets::host(&console, over, j, paint).await,
        Command::Health(it) => targets::well(&console, it, j, paint).await,
        Command::Metrics(it) => metrics::metrics(&console, it, j, paint).await,
        Command::Slo { what } => {
            slo::slo(&console, what.unwrap_or(args::Slo::List), j, paint).await
        }
        Command::Alerts { what } => {
            let what = what.unwrap_or(args::Alerts::List { filter: None });
            alerts::alerts(&console, what, j, paint).await
        }
        Command::Rules(it) => rules::rules(&console, it, j, paint).await,
        Command::Environment(it) => cluster::environment(&console, it, j, paint).await,
        Command::Cluster(it) => cluster::cluster(&console, it, j, paint).await,
        Command::Training(it) => ground::training(&console, it, j, paint).await,
        Command::Demo(it) => demo::run(&console, it).await,
        Command::Doctor => {
            let found = api::doctor(&console, Nothing {}).await?;
            answer(j, &found, |d| print::doctor(paint, d));
            Ok(if found.worst == Level::Bad {
                code::FOUND
            } else {
                code::DONE
            })
        }
        Command::Call { name, params } => call(&console, name, &params).await,
        Command::DemoService(it) => demo_service(it).await,
        Command::Shim | Command::TaskRun { .. } | Command::Completions { .. } => Ok(code::DONE),
    }
}

fn done(json: bool, it: &Done) -> Result<u8, Problem> {
    answer(json, it, |d| format!("{}\n", d.done));
    Ok(code::DONE)
}

async fn status(console: &Console, j: bool, paint: Paint) -> Result<u8, Problem> {
    let services = api::services(console, Nothing {}).await;
    let rollouts = api::rollouts(console, Nothing {}).await?;
    if j {
        println!(
            "{}",
            serde_json::json!({"services": services.ok(), "rollouts": rollouts})
        );
        return Ok(code::DONE);
    }
    match services {
        Ok(rows) => print!("{}", print::services(paint, &rows, SystemClock::wall())),
        Err(problem) => println!("{}", paint.say(Tone::Warn, format!("◆ {problem}"))),
    }
    println!();
    let shown: Vec<_> = rollouts.into_iter().take(10).collect();
    print!("{}", print::rollouts(paint, &shown));
    Ok(code::DONE)
}

/// Who is bound to which role.
async fn roles(console: &Console, j: bool, paint: Paint) -> Result<u8, Problem> {
    let roles = api::roles(console, Nothing {}).await?;
    answer(j, &roles, |r| {
        let rows = r
            .roles
            .iter()
            .map(|(role, who)| vec![role.clone(), who.join(", ")]);
        let rows: Vec<Vec<String>> = rows.collect();
        if rows.is_empty() {
            return format!(
                "Nobody is bound to a role. Write {}:\n  release-manager: [ana@desk]\n",
                r.file
            );
        }
        table(paint, &["role", "who"], &rows)
    });
    Ok(code::DONE)
}

async fn freeze(console: &Console, it: args::Freeze, j: bool) -> Result<u8, Problem> {
    match it {
        args::Freeze::Show => {
            let freeze = api::freeze(console, Nothing {}).await?;
            answer(j, &freeze, |f| match f {
                Some(f) => format!("frozen since {} by {}: {}\n", f.at, f.by, f.reason),
                None => "no freeze is on\n".into(),
            });
            Ok(code::DONE)
        }
        args::Freeze::Declare { reason } => {
            done(j, &api::declare_freeze(console, Reason { reason }).await?)
        }
        args::Freeze::Lift => done(j, &api::lift_freeze(console, Nothing {}).await?),
    }
}

async fn secret(console: &Console, it: args::Secret, j: bool, paint: Paint) -> Result<u8, Problem> {
    match it {
        args::Secret::List => {
            let rows = api::secrets(console, Nothing {}).await?;
            answer(j, &rows, |rows| {
                let rows: Vec<Vec<String>> = rows
                    .iter()
                    .map(|r| {
                        let kept = match r.kept {
                            api::Kept::Keychain => "keychain",
                            api::Kept::File => "file",
                        };
                        vec![
                            r.name.clone(),
                            kept.into(),
                            r.set_at.to_string(),
                            r.set_by.clone(),
                        ]
                    })
                    .collect();
                table(paint, &["secret", "kept in", "set", "by"], &rows)
            });
            Ok(code::DONE)
        }
        args::Secret::Set { name } => {
            // Never an argument: arguments are seen by everybody on this machine.
            let mut value = read(std::path::Path::new("-"))?;
            if value.ends_with('\n') {
                value.pop();
            }
            done(
                j,
                &api::set_secret(console, NewSecret { name, value }).await?,
            )
        }
        args::Secret::Remove { name } => {
            done(j, &api::remove_secret(console, SecretName { name }).await?)
        }
    }
}

async fn judge(console: &Console, it: args::Judge, j: bool) -> Result<u8, Problem> {
    let ask = JudgeText {
        candidate: read(&it.candidate)?,
        stable: it.stable.as_deref().map(read).transpose()?,
        options: json(&it.options)?,
    };
    let judged = api::judge(console, ask).await?;
    answer(j, &judged, |a| a.words.clone());
    Ok(match judged.verdict {
        deckwatch_verdict::Verdict::Pass => code::DONE,
        deckwatch_verdict::Verdict::Fail => code::TAKEN_BACK,
        _ => code::HELD,
    })
}

async fn call(console: &Console, name: Option<String>, params: &str) -> Result<u8, Problem> {
    let Some(name) = name else {
        let paint = Paint::stdout();
        let rows: Vec<Vec<String>> = deckwatch_console::LIST
            .iter()
            .map(|e| {
                vec![
                    e.name.into(),
                    format!("{:?}", e.kind).to_lowercase(),
                    e.about.into(),
                ]
            })
            .collect();
        print!("{}", table(paint, &["name", "kind", "about"], &rows));
        return Ok(code::DONE);
    };
    let value = deckwatch_console::route(console, &name, json(params)?).await?;
    println!(
        "{}",
        serde_json::to_string_pretty(&value).unwrap_or_default()
    );
    Ok(code::DONE)
}

async fn demo_service(it: args::DemoServiceArgs) -> Result<u8, Problem> {
    let wrong = |e: deckwatch_training::DemoError| Problem::new("demo-service", e.to_string());
    let options = deckwatch_training::DemoOptions::new(&it.name, &it.version, it.port)
        .with_process_environment()
        .map_err(wrong)?;
    match deckwatch_training::serve(options).await {
        Ok(()) => Ok(code::DONE),
        Err(error) => {
            // A crash that was asked for ends the process at once, as a crash does.
            eprintln!("{error}");
            std::process::exit(error.exit_code().into())
        }
    }
}
