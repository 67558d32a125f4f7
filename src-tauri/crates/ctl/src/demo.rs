//! The whole story in two minutes, on real processes under real load: a good release, a bad one,
//! a rollback after promotion, and the record of it.

use std::sync::Arc;
use std::time::Duration;

use deckwatch_console::api::{self, TrainingDesk, Watch};
use deckwatch_console::{Console, ConsoleOptions, Problem, RollBack};
use deckwatch_domain::ServiceName;
use deckwatch_rollout::{Event, Phase};
use deckwatch_training::drills::{Desk, SERVICE};

use crate::args;
use crate::live::Screen;
use crate::paint::{Tone, table};
use crate::run::asked_to_stop;
use crate::{code, print};

pub async fn run(console: &Console, it: args::Demo) -> Result<u8, Problem> {
    // A ground of its own, made afresh: the demo shows the same thing every time.
    let folder = console.folder().path().join("demo");
    let opened = Console::open(ConsoleOptions {
        folder: Some(folder.clone()),
        ..ConsoleOptions::default()
    })?;
    let before = TrainingDesk::new(&opened, |_| {})?;
    before.leave().await;
    std::fs::remove_dir_all(&folder)?;
    let opened = Console::open(ConsoleOptions {
        folder: Some(folder),
        ..ConsoleOptions::default()
    })?;
    let desk = TrainingDesk::new(&opened, |line| println!("{line}"))?.at_rate(it.rate);
    let mut screen = Screen::new();
    let played = tokio::select! {
        played = play(&desk, &mut screen) => played,
        () = asked_to_stop() => {
            screen.settle();
            println!("\nstopping everything that was started");
            Ok(false)
        }
    };
    if !it.keep {
        desk.leave().await;
    }
    match played {
        Ok(true) => Ok(code::DONE),
        Ok(false) => Ok(code::FOUND),
        Err(why) => Err(why),
    }
}

fn wrong(why: String) -> Problem {
    Problem::new("demo", why)
}

async fn play(desk: &TrainingDesk, screen: &mut Screen) -> Result<bool, Problem> {
    let paint = screen.paint();
    let title = |text: &str| println!("\n{}", paint.say(Tone::Strong, text));
    title("Three demo services come up as real processes, checkout under load");
    desk.begin().await.map_err(wrong)?;
    title("1  A good release: v2 goes out 1 → 10 → 50 → 100 %");
    desk.start("v2").await.map_err(wrong)?;
    let first = follow(desk, screen).await?;
    title("2  A bad release: v3 fails 4 % of its requests");
    desk.start("v3").await.map_err(wrong)?;
    let second = follow(desk, screen).await?;
    title("3  Back from a promotion: v5 is promoted, then one traffic write");
    desk.start("v5").await.map_err(wrong)?;
    let third = follow(desk, screen).await?;
    let back = take_back(desk, screen).await?;
    record(desk, screen).await?;
    let load = desk.load();
    title("What the load generator counted, on its own");
    println!(
        "  {} requests · {} failed, all answered by v3 or none: {} dropped by the changes themselves · {} of {} clients hurt",
        load.sent,
        load.failed,
        load.failures.dropped(),
        load.clients_hurt,
        1000
    );
    let good = first == Phase::Promoted
        && second == Phase::RolledBack
        && third == Phase::Promoted
        && back
        && load.failures.dropped() == 0;
    println!(
        "\n{}",
        if good {
            paint.say(Tone::Good, "● as it should be")
        } else {
            paint.say(
                Tone::Bad,
                format!("▲ not as it should be: {first:?}, {second:?}, {third:?}"),
            )
        }
    );
    Ok(good)
}

/// Watches the newest rollout to its end.
async fn follow(desk: &TrainingDesk, screen: &mut Screen) -> Result<Phase, Problem> {
    let console = desk.console();
    let service = service()?;
    let mut look = Watch::default();
    for _ in 0..1200 {
        let view = look.look(&console, &service).await?;
        let load = desk.load();
        screen.draw(&view, Some(&load));
        let phase = view.status.phase;
        if phase.is_over() || matches!(phase, Phase::Paused(_)) {
            screen.settle();
            if !view.status.ending.is_empty() {
                println!("  {}", view.status.ending);
            }
            return Ok(phase);
        }
        desk.sleep(Duration::from_millis(200)).await;
    }
    Err(wrong("the rollout did not end within four minutes".into()))
}

fn service() -> Result<ServiceName, Problem> {
    ServiceName::new(SERVICE).map_err(|e| wrong(e.to_string()))
}

async fn take_back(desk: &TrainingDesk, screen: &Screen) -> Result<bool, Problem> {
    let paint = screen.paint();
    let console: Arc<Console> = desk.console();
    let ask = RollBack {
        service: service()?,
        reason: "demo: a customer called".into(),
        now: false,
        event_id: None,
        kind: Default::default(),
    };
    let preview = deckwatch_console::preview(&console, ask.clone()).await?;
    print!("{}", print::preview(paint, &preview));
    let back = api::roll_back_telling(&console, ask, &mut |p| {
        println!("{}", print::progress(paint, &p));
    })
    .await?;
    print!("{}", print::rolled_back(paint, &back));
    // The driver closes the books.
    for _ in 0..100 {
        if desk
            .status()
            .await
            .is_ok_and(|s| s.phase == Phase::RolledBack)
        {
            break;
        }
        desk.sleep(Duration::from_millis(50)).await;
    }
    Ok(back.report.verified)
}

/// Who, what, when, on what evidence.
async fn record(desk: &TrainingDesk, screen: &Screen) -> Result<(), Problem> {
    let paint = screen.paint();
    println!(
        "\n{}",
        paint.say(Tone::Strong, "The record, from the journal")
    );
    let story = api::story(&desk.console(), &service()?).await?;
    let rows: Vec<Vec<String>> = story
        .iter()
        .filter_map(|(event, actor, at)| {
            let what = sentence(event)?;
            Some(vec![at.clock(), actor.id.clone(), what])
        })
        .collect();
    print!("{}", table(paint, &["when (UTC)", "who", "what"], &rows));
    let verified = api::verify(&desk.console(), deckwatch_console::Nothing {}).await?;
    print!("journal: {}", print::verified(paint, &verified));
    Ok(())
}

fn sentence(event: &Event) -> Option<String> {
    Some(match event {
        Event::Started(s) => format!(
            "started {} by plan {} {}",
            s.release.version,
            s.plan.name,
            s.plan_digest.short()
        ),
        Event::BakeEnded {
            step,
            baked,
            counted,
            ..
        } => {
            let seen: Vec<String> = counted
                .iter()
                .map(|c| {
                    format!(
                        "{} {}/{} against {}/{}",
                        c.metric, c.candidate.bad, c.candidate.total, c.stable.bad, c.stable.total
                    )
                })
                .collect();
            format!("step {} ended: {baked:?}; {}", step + 1, seen.join(", "))
        }
        Event::Promoted { warm_until, .. } => match warm_until {
            Some(until) => format!(
                "promoted; the version before is kept warm until {}",
                until.clock()
            ),
            None => "promoted".into(),
        },
        Event::RollbackRequested { cause, why, .. } => format!("{cause:?}: {why}"),
        Event::TakenBack { record } => {
            format!("traffic {} → {}; {}", record.from, record.to, record.reason)
        }
        Event::Ended {
            ending,
            last_response_after_ms,
            ..
        } => format!(
            "ended {ending:?}; last response of what was taken back {} ms after the write",
            last_response_after_ms.map_or("–".into(), |ms| ms.to_string())
        ),
        _ => return None,
    })
}
