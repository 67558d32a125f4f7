//! The node and the training ground.

use deckwatch_console::api::{self, Fault, TrainingDesk};
use deckwatch_console::{Console, Nothing, Problem, SystemClock};
use deckwatch_platform::local::{NodeFolder, NodeOptions, run_node};
use deckwatch_training::drills::{self, Desk};

use super::{asked_to_stop, done};
use crate::args;
use crate::ask::{answer, json};
use crate::code;
use crate::paint::{Paint, Tone, table};

pub(super) async fn node(console: &Console, it: args::Node, j: bool) -> Result<u8, Problem> {
    match it {
        args::Node::Run { take_over } => {
            let wrong =
                |e: deckwatch_platform::local::NodeError| Problem::new("node", e.to_string());
            if let Some(problem) = console.folder().of_another() {
                return Err(problem);
            }
            let folder = NodeFolder::new(console.folder().node()).map_err(wrong)?;
            let program = std::env::current_exe()?;
            let options = NodeOptions {
                shim_command: vec![program.into_os_string(), "shim".into()],
                take_over,
            };
            run_node(folder, options).await.map_err(wrong)?;
            Ok(code::DONE)
        }
        args::Node::Start => {
            let node = api::start_node(console, Nothing {}).await?;
            answer(j, &node, |n| {
                format!("node {} runs as process {}\n", n.version, n.pid)
            });
            Ok(code::DONE)
        }
        args::Node::Stop => done(j, &api::stop_node(console, Nothing {}).await?),
        args::Node::Show => {
            let node = api::node(console, Nothing {}).await?;
            answer(j, &node, |n| {
                let mut out = format!(
                    "node {} · protocol {} · process {} · since {}\n",
                    n.version, n.protocol, n.pid, n.started_at
                );
                for trouble in &n.troubles {
                    out += &format!("  ◆ {trouble}\n");
                }
                out
            });
            Ok(code::DONE)
        }
    }
}

pub(super) async fn training(
    console: &Console,
    it: args::Training,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Training as T;
    match it {
        T::Up => {
            let ground = api::up(console, Nothing {}).await?;
            answer(j, &ground, |g| services(paint, g));
            Ok(code::DONE)
        }
        T::Down => done(j, &api::down(console, Nothing {}).await?),
        T::Drills => {
            let rows = api::list_drills(console, Nothing {}).await?;
            answer(j, &rows, |rows| {
                rows.iter()
                    .map(|d| {
                        format!(
                            "{}\n  {}\n  {} Takes {}.\n  by hand: {}\n",
                            paint.say(Tone::Strong, &d.name),
                            d.about,
                            d.you,
                            d.takes,
                            d.by_hand
                        )
                    })
                    .collect()
            });
            Ok(code::DONE)
        }
        T::Drill { name, keep, rate } => {
            drill(console, (&name.join(" "), keep, rate), j, paint).await
        }
        T::Fault {
            service,
            version,
            faults,
        } => {
            let faults = json(&faults)?;
            done(
                j,
                &api::fault(
                    console,
                    Fault {
                        service,
                        version,
                        faults,
                    },
                )
                .await?,
            )
        }
    }
}

fn services(paint: Paint, ground: &api::Ground) -> String {
    let rows: Vec<Vec<String>> = ground
        .services
        .iter()
        .map(|s| {
            vec![
                s.service.clone(),
                s.address.clone(),
                s.about.clone(),
                s.releases.join("; "),
            ]
        })
        .collect();
    table(paint, &["service", "address", "about", "releases"], &rows)
}

async fn drill(
    console: &Console,
    (name, keep, rate): (&str, bool, f64),
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let desk = TrainingDesk::new(console, move |line| {
        if !j {
            println!("{} {line}", SystemClock::wall().clock());
        }
    })?
    .at_rate(rate);
    let played = tokio::select! {
        played = drills::run(name, &desk) => played,
        () = asked_to_stop() => {
            if let Err(why) = desk.mend().await {
                eprintln!("deckwatchctl: the ground is not quite as it was: {why}");
            }
            Err("stopped".into())
        }
    };
    if let Ok(outcome) = &played
        && let Err(problem) = desk.record(outcome).await
    {
        eprintln!("deckwatchctl: the grade is not in the journal: {problem}");
    }
    if !keep {
        desk.leave().await;
    }
    let outcome = played.map_err(|why| Problem::new("drill", why))?;
    answer(j, &outcome, |o| {
        let (shape, tone) = if o.passed {
            ("● passed", Tone::Good)
        } else {
            ("▲ failed", Tone::Bad)
        };
        let mut out = format!(
            "{} {}  {}\n",
            paint.say(tone, shape),
            o.drill,
            "★".repeat(usize::from(o.grade.stars))
        );
        for line in o
            .words
            .iter()
            .chain(&o.grade.remarks)
            .filter(|l| !l.is_empty())
        {
            out += &format!("  {line}\n");
        }
        let span = |s: Option<deckwatch_domain::Span>| s.map_or("–".into(), |s| s.to_string());
        out += &format!(
            "  detected in {} · traffic back in {} · {} clients hurt · {} requests dropped\n",
            span(o.grade.detected_in),
            span(o.grade.back_in),
            o.grade.users_hurt,
            o.grade.dropped
        );
        out
    });
    Ok(if outcome.passed {
        code::DONE
    } else {
        code::FOUND
    })
}
