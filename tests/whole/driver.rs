//! Two drivers on one folder: one acts, the other takes over when it must, and never both.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_console::{Agent, AgentOptions, Console, api};
use deckwatch_rollout::{Cause, Event, Phase};

use crate::aftermath::{intents_once, sound, story};
use crate::harness::{Ground, eventually};
use crate::plans;
use crate::scene::Scene;

/// Who holds the lease now.
async fn holder(ground: &Ground) -> Option<String> {
    api::driver(&ground.console(), &ground.service).await
}

/// Waits until a process other than `not` holds the lease; answers its name and how long it took.
async fn taken_over(ground: &Ground, not: &str) -> (String, Duration) {
    let began = Instant::now();
    let now = eventually("another driver", || async {
        match holder(ground).await {
            Some(holder) if holder != not => Ok(holder),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    (now, began.elapsed())
}

fn pid_of(holder: &str) -> u32 {
    holder
        .split('/')
        .nth(1)
        .and_then(|pid| pid.parse().ok())
        .expect("host/pid/id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_drivers_never_both_act() {
    let scene = Scene::new().await;
    let other = scene.ground.agent();
    let mut holders = BTreeSet::new();
    for version in ["v2", "v5"] {
        scene.start(version, &plans::quick(), &[]).await.code(0);
        let row = loop {
            holders.extend(holder(&scene.ground).await);
            let row = scene.rollout("a row", |_| true).await;
            if row.phase.is_over() {
                break row;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(row.phase, Phase::Promoted, "{row:?}");
    }
    assert_eq!(
        holders.len(),
        1,
        "one lease holder all the way: {holders:?}"
    );
    sound(&scene.ground).await;
    // Each effect was meant once: no purpose twice within one rollout.
    let mut meant = BTreeSet::new();
    for event in story(&scene.ground).await {
        if let Event::Intended {
            rollout, purpose, ..
        } = event
        {
            assert!(
                meant.insert(format!("{rollout} {purpose:?}")),
                "{rollout} {purpose:?} twice"
            );
        }
    }
    assert_eq!(other.end().await, Some(0));
    assert_eq!(scene.dropped(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_driver_is_replaced_and_notices() {
    let mut scene = Scene::new().await;
    scene.agent.take().unwrap().kill().await;
    let mut first = scene.ground.agent_with(&["--lease", "1"]);
    scene.canary("v2", 20, &[]).await;
    let was = holder(&scene.ground).await.expect("somebody drives");
    assert_eq!(pid_of(&was), first.pid());
    let second = scene.ground.agent_with(&["--lease", "1"]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    first.freeze();
    let (now, _) = taken_over(&scene.ground, &was).await;
    assert_eq!(pid_of(&now), second.pid());
    // The second carries on while the first sleeps, and the first finds its lease gone.
    scene
        .ground
        .ctl(&["rollout", "promote", "checkout", "--break-glass", "go"])
        .await
        .code(0);
    scene.ended(Phase::Promoted).await;
    first.thaw();
    scene.start("v5", &plans::quick(), &[]).await.code(0);
    scene.ended(Phase::Promoted).await;
    assert!(
        first.is_alive(),
        "a driver that was overtaken lives on as a follower"
    );
    let story = story(&scene.ground).await;
    intents_once(&story);
    let failed = story
        .iter()
        .filter(|e| matches!(e, Event::Failed { .. }))
        .count();
    assert_eq!(
        failed, 0,
        "nothing was refused to a driver that no longer drives"
    );
    assert_eq!(scene.dropped(), 0);
    // It takes its turn again when the second is gone.
    scene.canary("v2", 20, &[]).await;
    let before = holder(&scene.ground).await.expect("somebody drives");
    let (gone, stays) = match pid_of(&before) == first.pid() {
        true => (first, second),
        false => (second, first),
    };
    gone.kill().await;
    let (after, took) = taken_over(&scene.ground, &before).await;
    assert_eq!(pid_of(&after), stays.pid());
    assert!(took < Duration::from_secs(3), "{took:?}");
    scene.back("v2", &[]).await;
    scene.ended(Phase::RolledBack).await;
    sound(&scene.ground).await;
    stays.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_driver_is_replaced_at_once() {
    let mut scene = Scene::new().await;
    let before = scene.dropped();
    // A long lease: it is the lock file that tells, not the clock.
    scene.agent.take().unwrap().kill().await;
    scene.agent = Some(scene.ground.agent_with(&["--lease", "60"]));
    scene.canary("v2", 20, &[]).await;
    let was = holder(&scene.ground).await.expect("somebody drives");
    scene.agent.take().unwrap().kill().await;
    let began = Instant::now();
    scene.agent = Some(scene.ground.agent_with(&["--lease", "60"]));
    taken_over(&scene.ground, &was).await;
    let took = began.elapsed();
    eprintln!("a new driver drove {} ms after its start", took.as_millis());
    assert!(took < Duration::from_secs(3), "{took:?}");
    scene.back("v2", &[]).await;
    scene.ended(Phase::RolledBack).await;
    // The plan may say that a lost driver means going back.
    let plan = format!("{}on_driver_lost: rollback\n", plans::standing_at(20));
    scene.start("v2", &plan, &[]).await.code(0);
    scene
        .rollout("20 %", |r| r.weight == 20 && !r.phase.is_over())
        .await;
    scene.agent.take().unwrap().kill().await;
    scene.agent = Some(scene.ground.agent());
    scene.ended(Phase::RolledBack).await;
    let caused = story(&scene.ground).await.into_iter().any(|e| {
        matches!(
            e,
            Event::RollbackRequested {
                cause: Cause::DriverLost,
                ..
            }
        )
    });
    assert!(caused, "the journal says why");
    assert_eq!(scene.dropped(), before);
    sound(&scene.ground).await;
}

/// When the node was scraped last, by whoever did.
async fn scraped_at(console: &Console) -> Option<String> {
    let status = deckwatch_console::route(console, "status", serde_json::Value::Null).await;
    Some(status.ok()?["scraped_at"].as_str()?.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_scraper_is_followed_at_once() {
    let ground = Ground::new().await;
    let first = ground.agent();
    crate::scene::stand_up(&ground).await;
    let console = Arc::new(ground.console());
    eventually("a scrape", || async {
        scraped_at(&console).await.ok_or("none yet".to_owned())
    })
    .await;
    first.kill().await;
    // It scrapes when it starts and then not for a long time: what is claimed elsewhere at its
    // start stays so.
    let rarely = AgentOptions {
        scrape_every: Duration::from_secs(3600),
        ..AgentOptions::default()
    };
    let before = scraped_at(&console).await;
    let next = Agent::start(&console, rarely).await.unwrap();
    eventually("a scrape of the next driver", || async {
        let now = scraped_at(&console).await;
        (now > before).then_some(()).ok_or(format!("{now:?}"))
    })
    .await;
    next.stop().await;
}
