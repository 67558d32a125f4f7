//! Drills: something goes right or wrong for real, the real engine deals with it, and the outcome
//! is graded by what the load generator saw.
//!
//! A drill is a script over a [`Desk`], which the console implements: what a person does at theirs,
//! and what a mishap does to it. It takes no shortcut that a person could not take.

mod bad;
mod blue_green;
mod by_hand;
mod driver;
mod good;
mod journal;

use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::Timestamp;
use deckwatch_rollout::lane::Report;
use deckwatch_rollout::{Event, Phase, Purpose, RolloutStatus};
use serde::{Deserialize, Serialize};

use crate::grade::{Bars, Course, Grade, grade};
use crate::load::LoadReport;

/// The service that drills release.
pub const SERVICE: &str = "checkout";

/// What a drill can do to the world.
#[async_trait]
pub trait Desk: Send + Sync {
    fn now(&self) -> Timestamp;
    async fn sleep(&self, duration: Duration);
    /// Tells whoever watches.
    fn tell(&self, line: &str);
    /// Services up on v1, a driver running, traffic flowing and counted from here.
    async fn begin(&self) -> Result<(), String>;
    /// The load generator's count since [`Desk::begin`].
    fn load(&self) -> LoadReport;
    /// Starts a release of [`SERVICE`] by the plan `training`.
    async fn start(&self, version: &str) -> Result<(), String> {
        self.start_by(version, "training").await
    }
    /// Starts a release of [`SERVICE`] by one of the built-in plans.
    async fn start_by(&self, version: &str, plan: &str) -> Result<(), String>;
    async fn status(&self) -> Result<RolloutStatus, String>;
    /// All events of [`SERVICE`]'s rollouts, with when they happened.
    async fn story(&self) -> Result<Vec<(Event, Timestamp)>, String>;
    async fn roll_back(&self, reason: &str) -> Result<Report, String>;
    /// Ends the driver's process as a crash would.
    async fn kill_driver(&self) -> Result<(), String>;
    async fn start_driver(&self) -> Result<(), String>;
    /// The journal's file turns into nonsense.
    async fn lose_journal(&self) -> Result<(), String>;
    /// What a person does about it: set it aside, begin a new one.
    async fn new_journal(&self) -> Result<(), String>;
}

/// A drill, as listed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Drill {
    pub name: &'static str,
    pub about: &'static str,
    /// How to try the same by hand.
    pub by_hand: &'static str,
}

/// All drills, in the order in which they are best tried.
pub const DRILLS: [Drill; 6] = [
    Drill {
        name: "good canary",
        about: "A good release goes out 1 → 10 → 50 → 100 %, judged at each step, and is promoted",
        by_hand: "deckwatchctl training up; deckwatchctl --training rollout start checkout v2 --plan training --wait",
    },
    Drill {
        name: "bad canary",
        about: "A release that fails a share of its requests is recognised and taken back by itself",
        by_hand: "deckwatchctl training up; deckwatchctl --training rollout start checkout v3 --plan training --wait",
    },
    Drill {
        name: "take it back",
        about: "A bad release has a quarter of the traffic and nobody judges it: you take it back",
        by_hand: "deckwatchctl training drill take it back; in another terminal: deckwatchctl --training rollback checkout",
    },
    Drill {
        name: "blue-green switch and back",
        about: "A release is tried at its preview address, gets everyone in one write, and comes back in another",
        by_hand: "deckwatchctl training up; deckwatchctl --training rollout start checkout v2 --plan training-blue-green --wait; deckwatchctl --training rollback checkout",
    },
    Drill {
        name: "driver dies mid-step",
        about: "The driver is killed at 10 %; another takes over and finishes, and no request notices",
        by_hand: "start a rollout, kill -9 the agent, run deckwatchctl --training agent again",
    },
    Drill {
        name: "journal lost",
        about: "The journal turns into nonsense mid-rollout; the rollback works all the same",
        by_hand: "start a rollout, overwrite journal.db, then deckwatchctl --training rollback checkout",
    },
];

/// How a drill went.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub drill: String,
    pub passed: bool,
    pub grade: Grade,
    /// What happened, a sentence each.
    pub words: Vec<String>,
    pub load: LoadReport,
}

/// Runs a drill by name.
///
/// # Errors
/// What kept it from being played to its end.
pub async fn run(name: &str, desk: &dyn Desk) -> Result<Outcome, String> {
    match name {
        "good canary" => good::run(desk).await,
        "bad canary" => bad::run(desk).await,
        "take it back" => by_hand::run(desk).await,
        "blue-green switch and back" => blue_green::run(desk).await,
        "driver dies mid-step" => driver::run(desk).await,
        "journal lost" => journal::run(desk).await,
        _ => {
            let names: Vec<&str> = DRILLS.iter().map(|d| d.name).collect();
            Err(format!(
                "no drill is called `{name}`; there is: {}",
                names.join(", ")
            ))
        }
    }
}

/// Waits until the status satisfies `wanted`.
async fn until(
    desk: &dyn Desk,
    what: &str,
    at_most: Duration,
    wanted: impl Fn(&RolloutStatus) -> bool + Send + Sync,
) -> Result<RolloutStatus, String> {
    let began = desk.now();
    loop {
        let last = match desk.status().await {
            Ok(status) if wanted(&status) => return Ok(status),
            Ok(status) => {
                format!(
                    "{} at step {}: {}",
                    status.phase.words(),
                    status.step + 1,
                    status.note
                )
            }
            Err(why) => why,
        };
        if desk.now().since(began) >= at_most {
            return Err(format!(
                "{what} did not happen within {} s; last seen: {last}",
                at_most.as_secs()
            ));
        }
        desk.sleep(Duration::from_millis(100)).await;
    }
}

/// Until it is over, or held for a person.
async fn ended(desk: &dyn Desk) -> Result<RolloutStatus, String> {
    until(
        desk,
        "the end of the rollout",
        Duration::from_secs(150),
        |s| s.phase.is_over() || matches!(s.phase, Phase::Paused(_)),
    )
    .await
}

/// When the newest rollout's candidate got its first weight, was found bad, and was taken back.
async fn course(desk: &dyn Desk) -> Result<Course, String> {
    let story = desk.story().await?;
    let begun = story
        .iter()
        .rposition(|(e, _)| matches!(e, Event::Started(_)))
        .unwrap_or(0);
    let mut course = Course {
        fault_at: None,
        detected_at: None,
        back_at: None,
    };
    let mut weight = None;
    for (event, at) in &story[begun..] {
        match event {
            Event::Intended {
                intent,
                purpose: Purpose::Weight { step: 0 },
                ..
            } => weight = Some(*intent),
            Event::Done { intent, .. } if Some(*intent) == weight => course.fault_at = Some(*at),
            Event::RollbackRequested { .. } => course.detected_at = Some(*at),
            Event::TakenBack { record } => {
                course.detected_at.get_or_insert(record.at);
                course.back_at = Some(record.at);
            }
            _ => {}
        }
    }
    Ok(course)
}

fn outcome(
    drill: &str,
    passed: bool,
    course: &Course,
    load: LoadReport,
    words: Vec<String>,
) -> Outcome {
    graded(drill, passed, course, load, words, &Bars::default())
}

fn graded(
    drill: &str,
    passed: bool,
    course: &Course,
    load: LoadReport,
    words: Vec<String>,
    bars: &Bars,
) -> Outcome {
    Outcome {
        drill: drill.into(),
        passed,
        grade: grade(&load, course, bars),
        words,
        load,
    }
}

const QUIET: Course = Course {
    fault_at: None,
    detected_at: None,
    back_at: None,
};
