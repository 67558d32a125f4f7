//! The training ground as a window holds it open: load that flows, a drill being played, what was
//! graded. It lasts as long as the program; the ground itself can be left standing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use deckwatch_domain::{ServiceName, Slot, Timestamp};
use deckwatch_training::drills::{self, DRILLS, Desk, Outcome, SERVICE};
use deckwatch_training::load::{LoadHandle, LoadOptions, LoadReport};
use deckwatch_training::{DemoService, Faults};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{TrainingDesk, ground, name};
use crate::console::Console;
use crate::problem::Problem;
use crate::route::{Done, Nothing};
use crate::show::read_stream;

/// The stream that keeps what was played.
pub(super) const PLAYED: &str = "training/drills";
/// Its kinds of events: a drill began, the ground is again as it was found, a drill was graded.
pub(super) const BEGAN: &str = "drill.began";
pub(super) const STOPPED: &str = "drill.over";
pub(super) const GRADED: &str = "drill.played";
/// What the services beside the drilled one are asked, so that they are alive: requests a second.
const BESIDE: f64 = 20.0;
const LINES: usize = 200;

/// Which drill.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct PlayDrill {
    pub drill: String,
}

/// Requests a second to the drilled service, 1 to 5000.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct SetRate {
    pub rate: f64,
}

/// What the load generator has counted since it began.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct LoadView {
    /// Requests a second asked for.
    pub rate: f64,
    pub sent: u64,
    pub failed: u64,
    /// Answered by no version: lost by a change, not by a bad release.
    pub dropped: u64,
    pub clients_hurt: u64,
    pub last_failure_at: Option<Timestamp>,
}

impl LoadView {
    fn of(report: &LoadReport) -> Self {
        LoadView {
            rate: report.rate,
            sent: report.sent,
            failed: report.failed,
            dropped: report.failures.dropped(),
            clients_hurt: report.clients_hurt,
            last_failure_at: report.last_failure_at,
        }
    }
}

/// A release that a demo service can be given.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct TrainingRelease {
    pub version: String,
    pub about: String,
}

/// A version that stands, and its faults.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct TrainingVersion {
    pub version: String,
    pub slot: Slot,
    pub weight: u8,
    /// None when no instance answered.
    pub faults: Option<FaultsView>,
}

/// Faults that can be switched while a service runs. Everything at 0 or false is health.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct FaultsView {
    /// Share of requests answered with 500, 0 to 1.
    pub errors: f64,
    /// Extra time before each answer.
    pub latency_ms: u64,
    /// Share of requests that are never answered.
    pub hang: f64,
    /// Answers 503 to the readiness probe.
    pub refuse_ready: bool,
    /// Bytes kept with every request.
    pub leak_bytes: u64,
}

impl From<Faults> for FaultsView {
    fn from(faults: Faults) -> Self {
        FaultsView {
            errors: faults.errors,
            latency_ms: faults.latency_ms,
            hang: faults.hang,
            refuse_ready: faults.refuse_ready,
            leak_bytes: faults.leak_bytes,
        }
    }
}

/// A demo service.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct TrainingService {
    pub service: String,
    pub about: String,
    pub address: String,
    pub releases: Vec<TrainingRelease>,
    pub stands: Vec<TrainingVersion>,
}

/// A drill under way, or the one that ended last.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Playing {
    pub drill: String,
    pub since: Timestamp,
    pub ended: Option<Timestamp>,
    /// What was told on the way.
    pub lines: Vec<String>,
    pub grade: Option<GradeRow>,
    /// Why it was not played to its end.
    pub problem: Option<String>,
}

/// How a drill went.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct GradeRow {
    pub drill: String,
    pub at: Timestamp,
    pub passed: bool,
    /// 0 to 3.
    pub stars: u8,
    pub detected_in_ms: Option<u64>,
    pub back_in_ms: Option<u64>,
    pub clients_hurt: u64,
    pub dropped: u64,
    pub words: Vec<String>,
}

impl GradeRow {
    fn of(outcome: &Outcome, at: Timestamp) -> Self {
        let grade = &outcome.grade;
        let words = outcome.words.iter().chain(&grade.remarks);
        GradeRow {
            drill: outcome.drill.clone(),
            at,
            passed: outcome.passed,
            stars: grade.stars,
            detected_in_ms: grade.detected_in.map(|s| s.as_millis()),
            back_in_ms: grade.back_in.map(|s| s.as_millis()),
            clients_hurt: grade.users_hurt,
            dropped: grade.dropped,
            words: words.filter(|w| !w.is_empty()).cloned().collect(),
        }
    }
}

/// The whole ground.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct TrainingView {
    /// The demo services stand.
    pub up: bool,
    /// Opened by this window, so that load flows and drills can be played.
    pub open: bool,
    pub services: Vec<TrainingService>,
    pub load: Option<LoadView>,
    pub playing: Option<Playing>,
    /// Newest first.
    pub grades: Vec<GradeRow>,
}

/// What keeps the ground alive.
pub(crate) struct Session {
    desk: Arc<TrainingDesk>,
    _beside: Vec<LoadHandle>,
    lines: Arc<Mutex<VecDeque<String>>>,
    playing: Mutex<Option<Playing>>,
    task: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    fn is_playing(&self) -> bool {
        locked(&self.playing)
            .as_ref()
            .is_some_and(|p| p.ended.is_none())
    }

    fn playing(&self) -> Option<Playing> {
        let mut playing = locked(&self.playing).clone()?;
        if playing.ended.is_none() {
            playing.lines = locked(&self.lines).iter().cloned().collect();
        }
        Some(playing)
    }

    fn end(&self, at: Timestamp, grade: Option<GradeRow>, problem: Option<String>) {
        let lines = locked(&self.lines).iter().cloned().collect();
        if let Some(playing) = locked(&self.playing).as_mut().filter(|p| p.ended.is_none()) {
            *playing = Playing {
                ended: Some(at),
                lines,
                grade,
                problem,
                ..playing.clone()
            };
        }
    }

    pub(crate) async fn leave(&self) {
        if let Some(task) = locked(&self.task).take() {
            task.abort();
        }
        self.desk.leave().await;
    }
}

fn not_open() -> Problem {
    Problem::new(
        "refused.training-not-open",
        "the training ground is not open; open it first",
    )
}

async fn session(console: &Console) -> Result<Arc<Session>, Problem> {
    console.session.lock().await.clone().ok_or_else(not_open)
}

/// Brings the ground up with a driver and load. Open already: nothing changes.
///
/// # Errors
/// What did not come up, and why.
pub async fn open(console: &Console, _: Nothing) -> Result<Done, Problem> {
    let mut held = console.session.lock().await;
    if held.is_some() {
        return Ok(Done::new("the training ground is open"));
    }
    let lines = Arc::new(Mutex::new(VecDeque::new()));
    let told = lines.clone();
    let desk = TrainingDesk::new(console, move |line| {
        let mut lines = locked(&told);
        lines.push_back(line.to_owned());
        if lines.len() > LINES {
            lines.pop_front();
        }
    })?;
    let wrong = |why: String| Problem::new("training", why);
    let abandoned = is_abandoned(&desk.console()).await;
    let anew = abandoned.then_some("the drill that was being played was left behind");
    desk.prepare(anew).await.map_err(wrong)?;
    let beside = ground(&desk.console())
        .iter()
        .filter(|demo| demo.name != SERVICE)
        .filter_map(|demo| {
            let target = std::net::SocketAddr::from(([127, 0, 0, 1], demo.port));
            let options = LoadOptions {
                rate: BESIDE,
                ..LoadOptions::new(target)
            };
            deckwatch_training::load::start(options).ok()
        })
        .collect();
    *held = Some(Arc::new(Session {
        desk: Arc::new(desk),
        _beside: beside,
        lines,
        playing: Mutex::default(),
        task: Mutex::default(),
    }));
    Ok(Done::new("the training ground is open"))
}

/// Plays a drill; its course and its grade are in [`view`].
///
/// # Errors
/// That the ground is not open, or a drill is being played, or none has this name.
pub async fn play(console: &Console, ask: PlayDrill) -> Result<Done, Problem> {
    let session = session(console).await?;
    let Some(drill) = DRILLS.iter().find(|d| d.name == ask.drill) else {
        let names: Vec<&str> = DRILLS.iter().map(|d| d.name).collect();
        let why = format!(
            "no drill is called `{}`; there is: {}",
            ask.drill,
            names.join(", ")
        );
        return Err(Problem::new("training.unknown-drill", why));
    };
    if session.is_playing() {
        let why = "a drill is being played; stop it first";
        return Err(Problem::new("refused.drill-playing", why));
    }
    let now = console.clock.now().wall;
    locked(&session.lines).clear();
    *locked(&session.playing) = Some(Playing {
        drill: drill.name.into(),
        since: now,
        ended: None,
        lines: Vec::new(),
        grade: None,
        problem: None,
    });
    let playing = session.clone();
    let task = tokio::spawn(async move {
        let played = drills::run(drill.name, playing.desk.as_ref()).await;
        let at = playing.desk.now();
        match played {
            Ok(outcome) => {
                let unrecorded = playing.desk.record(&outcome).await.err();
                let problem = unrecorded.map(|p| format!("the grade is not in the journal: {p}"));
                playing.end(at, Some(GradeRow::of(&outcome, at)), problem);
            }
            Err(why) => playing.end(at, None, Some(why)),
        }
    });
    *locked(&session.task) = Some(task);
    Ok(Done::new(format!("{} is being played", drill.name)))
}

/// Stops the drill, and leaves the ground as the drill found it.
///
/// # Errors
/// That none is being played.
pub async fn stop(console: &Console, _: Nothing) -> Result<Done, Problem> {
    let session = session(console).await?;
    if !session.is_playing() {
        return Err(Problem::new("refused.no-drill", "no drill is being played"));
    }
    if let Some(task) = locked(&session.task).take() {
        task.abort();
    }
    let mended = session.desk.mend().await;
    let (why, done) = match mended {
        Ok(()) => (
            "stopped".to_owned(),
            "stopped; the ground is as the drill found it".to_owned(),
        ),
        Err(why) => (
            format!("stopped; the ground is not quite as it was: {why}"),
            format!("stopped; the ground is not quite as it was ({why}), the next drill mends it"),
        ),
    };
    session.end(console.clock.now().wall, None, Some(why));
    Ok(Done::new(done))
}

/// # Errors
/// That the ground is not open.
pub async fn load(console: &Console, ask: SetRate) -> Result<Done, Problem> {
    let session = session(console).await?;
    let rate = session.desk.set_rate(ask.rate);
    Ok(Done::new(format!("{rate} requests a second")))
}

/// A drill began and was never brought to an end: its window was killed.
async fn is_abandoned(console: &Console) -> bool {
    let Ok(store) = console.store().await else {
        return true;
    };
    let events = read_stream(store.as_ref(), PLAYED).await;
    events.is_ok_and(|events| events.last().is_some_and(|last| last.kind == BEGAN))
}

async fn grades(console: &Console) -> Vec<GradeRow> {
    let Ok(store) = console.store().await else {
        return Vec::new();
    };
    let events = read_stream(store.as_ref(), PLAYED)
        .await
        .unwrap_or_default();
    let mut rows: Vec<GradeRow> = events
        .iter()
        .filter(|event| event.kind == GRADED)
        .filter_map(|event| {
            let mut payload: serde_json::Value =
                serde_json::from_slice(event.payload.as_deref()?).ok()?;
            payload["load"]["timeline"] = json!([]);
            let outcome: Outcome = serde_json::from_value(payload).ok()?;
            Some(GradeRow::of(&outcome, event.occurred_at))
        })
        .collect();
    rows.reverse();
    rows
}

/// # Errors
/// None: what does not stand is said not to.
pub async fn view(console: &Console, _: Nothing) -> Result<TrainingView, Problem> {
    // While it is being opened, what stands already is shown.
    let session = console.session.try_lock().ok().and_then(|s| s.clone());
    let inside = match &session {
        Some(session) => session.desk.console(),
        None => Arc::new(super::training_console(console)?),
    };
    let mut services = Vec::new();
    for demo in ground(&inside) {
        let stands = standing(&inside, &name(&demo)?).await;
        services.push(described(demo, stands));
    }
    Ok(TrainingView {
        up: services.iter().any(|s| !s.stands.is_empty()),
        open: session.is_some(),
        load: session.as_ref().map(|s| LoadView::of(&s.desk.load())),
        playing: session.as_ref().and_then(|s| s.playing()),
        grades: grades(&inside).await,
        services,
    })
}

fn described(demo: DemoService, stands: Vec<TrainingVersion>) -> TrainingService {
    TrainingService {
        service: demo.name.into(),
        about: demo.about.into(),
        address: format!("http://127.0.0.1:{}", demo.port),
        releases: demo
            .releases
            .iter()
            .map(|r| TrainingRelease {
                version: r.version.into(),
                about: r.about.into(),
            })
            .collect(),
        stands,
    }
}

async fn standing(console: &Console, service: &ServiceName) -> Vec<TrainingVersion> {
    let Ok(seen) = console.platform.observe(service).await else {
        return Vec::new();
    };
    let mut stands = Vec::new();
    for slot in Slot::BOTH {
        let state = &seen.slots[slot];
        let Some(release) = &state.release else {
            continue;
        };
        let port = state.instances.iter().find_map(|i| i.port);
        let faults = match port {
            // Setting nothing answers with what is set.
            Some(port) => deckwatch_training::set_faults(port, &json!({})).await.ok(),
            None => None,
        };
        stands.push(TrainingVersion {
            version: release.version.to_string(),
            slot,
            weight: seen.traffic.weights.of(slot),
            faults: faults.map(Into::into),
        });
    }
    stands
}
