//! One function for each word of the command line.

mod ground;

use std::sync::Arc;
use std::time::Duration;

use deckwatch_console::api::{
    self, ByName, CheckPlan, Define, Events, FromFile, JudgeText, Logs, Noted, Promote, Reason,
    Remove, ToFile, Watch,
};
use deckwatch_console::{
    Agent, AgentOptions, ByService, Console, Done, Level, Nothing, Problem, RollBack, SystemClock,
};
use deckwatch_domain::ServiceName;
use deckwatch_rollout::Phase;

use crate::args::{self, Cli, Command};
use crate::ask::{answer, json, read};
use crate::live::Screen;
use crate::paint::{Paint, Tone, table};
use crate::{code, demo, options, print};

pub async fn run(cli: Cli) -> Result<u8, Problem> {
    let options = options(&cli)?;
    let console = Arc::new(Console::open(options.clone())?);
    let j = cli.json;
    let paint = Paint::stdout();
    match cli.command {
        Command::Status => status(&console, j, paint).await,
        Command::Service(it) => service(&console, it, j, paint).await,
        Command::Plan(it) => plan(&console, it, j, paint).await,
        Command::Rollout(it) => rollout(&console, it, j, paint).await,
        Command::Rollback(it) => rollback(&console, it, j, paint).await,
        Command::Freeze(it) => freeze(&console, it, j).await,
        Command::Roles => {
            let roles = api::roles(&console, Nothing {}).await?;
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
        Command::Whoami => {
            answer(j, console.actor(), |a| format!("{a}\n"));
            Ok(code::DONE)
        }
        Command::Journal(it) => journal(&console, it, j, paint).await,
        Command::Judge(it) => judge(&console, it, j).await,
        Command::Agent(it) => agent(console, options, it).await,
        Command::Node(it) => ground::node(&console, it, j).await,
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
        Command::Shim | Command::Completions { .. } => Ok(code::DONE),
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

async fn service(
    console: &Console,
    it: args::Service,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Service as S;
    match it {
        S::List => {
            let rows = api::services(console, Nothing {}).await?;
            answer(j, &rows, |r| print::services(paint, r, SystemClock::wall()));
        }
        S::Show { service } => {
            let view = api::service(console, ByService { service }).await?;
            answer(j, &view, |v| print::service(paint, v));
        }
        S::Define { file } => {
            let yaml = read(&file)?;
            let definition = api::define(console, Define { yaml }).await?;
            answer(j, &definition, |d| {
                format!(
                    "{} is defined; it will listen on http://{}\n",
                    d.service, d.listen
                )
            });
        }
        S::Remove { service, force } => {
            return done(j, &api::remove(console, Remove { service, force }).await?);
        }
        S::Logs { service, lines } => {
            let lines = api::logs(console, Logs { service, lines }).await?;
            answer(j, &lines, |lines| {
                lines
                    .iter()
                    .map(|l| {
                        format!(
                            "{} {} {}\n",
                            l.at.clock(),
                            paint.say(Tone::Mute, &l.instance),
                            l.text
                        )
                    })
                    .collect()
            });
        }
    }
    Ok(code::DONE)
}

async fn plan(console: &Console, it: args::Plan, j: bool, paint: Paint) -> Result<u8, Problem> {
    use args::Plan as P;
    match it {
        P::List => {
            let rows = api::plans(console, Nothing {}).await?;
            answer(j, &rows, |rows| {
                let rows: Vec<Vec<String>> = rows
                    .iter()
                    .map(|p| {
                        let weights: Vec<String> = p.weights.iter().map(u8::to_string).collect();
                        vec![p.name.clone(), weights.join("/"), p.about.clone()]
                    })
                    .collect();
                table(paint, &["plan", "weights", "about"], &rows)
            });
        }
        P::Show { name } => {
            let plan = api::plan(console, ByName { name }).await?;
            answer(j, &plan, |p| p.yaml.clone());
        }
        P::Check { file, service } => {
            let yaml = read(&file)?;
            let found = api::check_plan(console, CheckPlan { yaml, service }).await?;
            answer(j, &found, |f| {
                let mut out = String::new();
                for m in &f.mistakes {
                    out += &format!(
                        "{}:{}:{}: {}: {}\n",
                        file.display(),
                        m.line,
                        m.column,
                        m.path,
                        m.message
                    );
                }
                if let Some(reach) = &f.reach {
                    out += &format!("{}\n", reach.words);
                }
                out
            });
            let bad = !found.mistakes.is_empty() || found.reach.is_some_and(|r| !r.accepted);
            return Ok(if bad { code::FOUND } else { code::DONE });
        }
        P::Schema => {
            let schema = api::plan_schema(console, Nothing {}).await?;
            println!(
                "{}",
                serde_json::to_string_pretty(&schema).unwrap_or_default()
            );
        }
    }
    Ok(code::DONE)
}

async fn rollout(
    console: &Arc<Console>,
    it: args::Rollout,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Rollout as R;
    match it {
        R::Start(it) => return start(console, *it, j, paint).await,
        R::List => {
            let rows = api::rollouts(console, Nothing {}).await?;
            answer(j, &rows, |r| print::rollouts(paint, r));
        }
        R::Show { service } => {
            let view = api::rollout(console, ByService { service }).await?;
            answer(j, &view, |v| {
                crate::live::frame(v, None, paint).join("\n") + "\n"
            });
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
        R::Reject { service, reason } => {
            let up = api::reject(
                console,
                Noted {
                    service,
                    note: reason,
                },
            )
            .await?;
            answer(j, &up, |up| print::given_up(paint, up));
        }
        R::Abort { service, reason } => {
            let up = api::abort(
                console,
                Noted {
                    service,
                    note: reason,
                },
            )
            .await?;
            answer(j, &up, |up| print::given_up(paint, up));
        }
    }
    Ok(code::DONE)
}

async fn start(
    console: &Arc<Console>,
    it: args::Start,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let plan_yaml = it.plan_file.as_deref().map(read).transpose()?;
    let service = it.service.clone();
    // With --wait this process drives, unless somebody does already; the lease sees to that.
    let agent = match it.wait {
        true => Some(Agent::start(console, AgentOptions::default()).await?),
        false => None,
    };
    let begun = api::start(
        console,
        api::Start {
            service: Some(it.service),
            version: Some(it.version),
            plan: Some(it.plan),
            plan_yaml,
            command: (!it.command.is_empty()).then_some(it.command),
            env: it.env.into_iter().collect(),
            supersede: it.supersede,
            instances: it.instances,
        },
    )
    .await;
    let begun = match begun {
        Ok(begun) => begun,
        Err(problem) => {
            if let Some(agent) = agent {
                agent.stop().await;
            }
            return Err(problem);
        }
    };
    if !j || !it.wait {
        answer(j, &begun, |b| {
            let mut out = format!(
                "{} {}: plan {} {}, candidate in {}\n",
                b.service,
                if b.queued {
                    "waits for the one before it"
                } else {
                    "begins"
                },
                b.plan,
                b.plan_digest.short(),
                b.candidate
            );
            for note in &b.notes {
                out += &paint.say(Tone::Mute, format!("  {note}\n"));
            }
            out
        });
    }
    let Some(agent) = agent else {
        let driven = api::driver(console, &service).await.is_some();
        if !driven && !j {
            println!("  it moves once somebody drives: deckwatchctl agent (or start with --wait)");
        }
        return Ok(code::DONE);
    };
    let answer = watch(console, &service, j).await;
    agent.stop().await;
    answer
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

async fn rollback(
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
    };
    if it.dry_run {
        let preview = deckwatch_console::preview(console, ask).await?;
        answer(j, &preview, |p| print::preview(paint, p));
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
    let back = api::roll_back_telling(console, ask, &mut tell).await?;
    answer(j, &back, |b| print::rolled_back(paint, b));
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

async fn journal(
    console: &Console,
    it: args::Journal,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Journal as J;
    let verified = |v: api::Verified| {
        answer(j, &v, |v| print::verified(paint, v));
        Ok(if v.sound { code::DONE } else { code::FOUND })
    };
    match it {
        J::Events {
            service,
            actor,
            kind,
            since,
            until,
            limit,
            full,
        } => {
            let ask = Events {
                service,
                actor,
                kind,
                since,
                until,
                after_seq: 0,
                limit,
            };
            let rows = api::events(console, ask).await?;
            answer(j, &rows, |r| print::events(paint, r, full));
            Ok(code::DONE)
        }
        J::Verify => verified(api::verify(console, Nothing {}).await?),
        J::Export { to } => {
            let exported = api::export(console, ToFile { to }).await?;
            answer(j, &exported, |e| {
                format!(
                    "{} events in {}\nhead {} (note it elsewhere: it proves later that no line is missing)\n",
                    e.events,
                    e.to.display(),
                    e.head_hash
                )
            });
            Ok(code::DONE)
        }
        J::Import { from } => verified(api::import(console, FromFile { from }).await?),
        J::Backup { to } => verified(api::backup(console, ToFile { to }).await?),
        J::SetAside => {
            let aside = api::set_aside(console, Nothing {}).await?;
            answer(j, &aside, |a| match &a.moved_to {
                Some(path) => format!(
                    "the damaged journal lies in {}; a new one has begun\n",
                    path.display()
                ),
                None => "the journal is sound; nothing was done\n".into(),
            });
            Ok(code::DONE)
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

/// Ctrl-C or a polite signal.
pub async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

async fn agent(
    mut console: Arc<Console>,
    opening: deckwatch_console::ConsoleOptions,
    it: args::Agent,
) -> Result<u8, Problem> {
    if !it.lease.is_finite() || !(0.5..=600.0).contains(&it.lease) {
        return Err(Problem::new(
            "request.invalid",
            "--lease lies between 0.5 and 600 seconds",
        ));
    }
    let options = AgentOptions {
        lease: Duration::from_secs_f64(it.lease),
        ..AgentOptions::default()
    };
    let folder = console.folder().path().display().to_string();
    loop {
        let agent = Agent::start(&console, options.clone()).await?;
        eprintln!("driving what nobody else drives in {folder}; Ctrl-C ends it");
        let asked = tokio::select! {
            () = asked_to_stop() => true,
            () = agent.outdated() => false,
        };
        agent.stop().await;
        if asked {
            return Ok(code::DONE);
        }
        eprintln!("the journal is another file now; going on with that one");
        console = Arc::new(Console::open(opening.clone())?);
    }
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
