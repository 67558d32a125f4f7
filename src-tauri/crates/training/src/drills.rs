//! Drills: something goes right or wrong for real, the real engine deals with it, and the outcome
//! is graded by what the load generator saw.
//!
//! A drill is a script over a [`Desk`], which the console implements: what a person does at theirs,
//! and what a mishap does to it. It takes no shortcut that a person could not take.

mod asleep;
mod bad;
mod blue_green;
mod by_hand;
mod clock;
mod crash;
mod desk;
mod disk;
mod driver;
mod good;
mod journal;
mod leak;
mod list;
mod migration;
mod node;
mod overload;
mod plans;
mod quiet;
mod rolling;

use std::time::Duration;

use deckwatch_domain::{EventId, Timestamp};
use deckwatch_rollout::{Event, Phase, Purpose, RolloutStatus};
use serde::{Deserialize, Serialize};

use crate::grade::{Bars, Course, Grade, grade};
use crate::load::LoadReport;

pub use desk::Desk;
pub use list::{Asks, DRILLS, Drill};

/// The service that drills release.
pub const SERVICE: &str = "checkout";

/// How long a person is waited for: long enough to read everything on the way, short enough to
/// be a drill.
const PATIENCE: Duration = Duration::from_secs(300);

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

/// Runs a drill by name, and leaves the ground as it found it, however it went.
///
/// # Errors
/// What kept it from being played to its end.
pub async fn run(name: &str, desk: &dyn Desk) -> Result<Outcome, String> {
    let Some(drill) = DRILLS.iter().find(|d| d.name == name) else {
        let names: Vec<&str> = DRILLS.iter().map(|d| d.name).collect();
        let names = names.join(", ");
        return Err(format!("no drill is called `{name}`; there is: {names}"));
    };
    let played = play(drill.name, desk).await;
    if let Err(why) = desk.mend().await {
        desk.tell(&format!(
            "the ground is not quite as it was ({why}); the next drill mends it"
        ));
    }
    played
}

async fn play(name: &str, desk: &dyn Desk) -> Result<Outcome, String> {
    match name {
        "good canary" => good::run(desk).await,
        "bad canary" => bad::run(desk).await,
        "take it back" => by_hand::run(desk).await,
        "blue-green switch and back" => blue_green::run(desk).await,
        "crash on start" => crash::run(desk).await,
        "no traffic" => quiet::run(desk).await,
        "slow leak" => leak::run(desk).await,
        "driver dies mid-step" => driver::run(desk).await,
        "node killed" => node::run(desk).await,
        "laptop asleep" => asleep::run(desk).await,
        "clock jump" => clock::run(desk).await,
        "disk full" => disk::run(desk).await,
        "journal lost" => journal::run(desk).await,
        "rolling undo" => rolling::run(desk).await,
        "overload on the way back" => overload::run(desk).await,
        "one-way migration" => migration::run(desk).await,
        _ => Err(format!("{name} is listed and has no script")),
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

/// The newest rollout's part of the story.
fn newest(story: &[(Event, Timestamp)]) -> &[(Event, Timestamp)] {
    let begun = story
        .iter()
        .rposition(|(e, _)| matches!(e, Event::Started(_)))
        .unwrap_or(0);
    story.get(begun..).unwrap_or_default()
}

/// When something like this first happened to the newest rollout.
async fn happened(
    desk: &dyn Desk,
    wanted: impl Fn(&Event) -> bool + Send,
) -> Result<Option<Timestamp>, String> {
    let story = desk.story().await?;
    let found = newest(&story).iter().find(|(event, _)| wanted(event));
    Ok(found.map(|(_, at)| *at))
}

/// How often a take-back's record is in the journal, once it has had time to get there.
async fn absorbed(desk: &dyn Desk, id: EventId) -> usize {
    let mut times = 0;
    for _ in 0..100 {
        let story = desk.story().await.unwrap_or_default();
        let ours =
            |event: &Event| matches!(event, Event::TakenBack { record } if record.event_id == id);
        times = story.iter().filter(|(event, _)| ours(event)).count();
        if times > 0 {
            break;
        }
        desk.sleep(Duration::from_millis(100)).await;
    }
    times
}

/// How many answers carried this version.
fn answers(load: &LoadReport, version: &str) -> u64 {
    load.versions.get(version).map_or(0, |v| v.answers)
}

/// When the newest rollout's candidate got its first weight, was found bad, and was taken back.
async fn course(desk: &dyn Desk) -> Result<Course, String> {
    let story = desk.story().await?;
    let mut course = Course {
        fault_at: None,
        detected_at: None,
        back_at: None,
        held: false,
    };
    let mut weight = None;
    for (event, at) in newest(&story) {
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
    held: true,
};
