//! Candidate against stable over time, and the way the evidence has come.

use std::collections::BTreeMap;
use std::time::Duration;

use deckwatch_domain::{Role, ServiceName, Slot, Timestamp};
use deckwatch_rollout::{Event, Rollout};
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::problem::Problem;
use crate::pulse::{self, Tally};
use crate::route::ByService;
use crate::show;

/// One figure of both, point by point; none where nothing was answered.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct Curves {
    pub candidate: Vec<Option<f64>>,
    pub stable: Vec<Option<f64>>,
}

/// A moment worth a mark.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ChartMark {
    pub at: Timestamp,
    pub label: String,
}

/// One metric's evidence over time; an e-value of 1 is none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct EvidenceCurve {
    pub metric: String,
    pub at: Vec<Timestamp>,
    pub harm_e: Vec<f64>,
    pub safe_e: Vec<f64>,
    /// `Fail` is decided here.
    pub harm_bound: f64,
    /// `Pass` is possible from here.
    pub safe_bound: f64,
}

/// Everything a rollout's charts are drawn from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct RolloutCharts {
    pub from: Timestamp,
    pub to: Timestamp,
    /// The ends of the intervals that the points stand for.
    pub at: Vec<Timestamp>,
    /// Shares, 0 to 1.
    pub errors: Curves,
    pub p95_ms: Curves,
    /// Requests a second.
    pub rate: Curves,
    pub marks: Vec<ChartMark>,
    pub evidence: Vec<EvidenceCurve>,
}

/// Points a chart has room for.
const POINTS: u32 = 240;
/// What is shown of the time before the start.
const BEFORE: Duration = Duration::from_secs(30);

/// # Errors
/// That there is no rollout, or what cannot be read.
pub async fn charts(console: &Console, by: ByService) -> Result<RolloutCharts, Problem> {
    let state = console.rollouts(&by.service).await?;
    let Some(rollout) = state.current else {
        return Err(Problem::new(
            "rollout.none",
            format!("{} has had no rollout yet", by.service),
        ));
    };
    let now = console.clock.now().wall;
    let from = rollout.started_at.minus(BEFORE);
    let to = rollout
        .ended_at
        .map_or(now, |end| end.plus(BEFORE).min(now));
    // Whole seconds, and the same for a while, so that points do not wander from look to look.
    let seconds = to.since(from).as_secs() / u64::from(POINTS) + 1;
    let step = Duration::from_secs(seconds.next_power_of_two());
    let (at, tallies) = tallies(console, &rollout, (from, to, step)).await?;
    let stable = stable_slot(console, &rollout).await;
    let curves = |of: &dyn Fn(&Tally) -> Option<f64>| Curves {
        candidate: curve(&at, &tallies, Some(rollout.candidate), step, of),
        stable: curve(&at, &tallies, stable, step, of),
    };
    let watch = show::watch_of(console, &by.service).await;
    let evidence = watch.lock().await.paths();
    Ok(RolloutCharts {
        from,
        to,
        errors: curves(&Tally::errors),
        p95_ms: curves(&Tally::p95_ms),
        rate: curves(&Tally::rate),
        marks: marks(console, &by.service, &rollout).await,
        evidence: evidence.into_iter().map(EvidenceCurve::of).collect(),
        at,
    })
}

type Slots = BTreeMap<i64, BTreeMap<Slot, Tally>>;

async fn tallies(
    console: &Console,
    rollout: &Rollout,
    (from, to, step): (Timestamp, Timestamp, Duration),
) -> Result<(Vec<Timestamp>, Slots), Problem> {
    let place = |at: Timestamp| place(at, step);
    let store = console.samples().await?;
    let labels = [
        ("job", deckwatch_signals::NODE_JOB),
        ("service", rollout.service.as_str()),
    ];
    let candidate = rollout.release.version.as_str().to_owned();
    let stable = rollout
        .stable_version
        .as_ref()
        .map(|v| v.as_str().to_owned());
    let slot = |series: &deckwatch_signals::Series| {
        let slot = Slot::BOTH
            .into_iter()
            .find(|s| s.as_str() == series.label("slot"))?;
        // A slot may have held another release before.
        let release = series.label("release");
        let whose = if slot == rollout.candidate {
            Some(candidate.as_str())
        } else {
            stable.as_deref()
        };
        (Some(release) == whose).then_some(slot)
    };
    let found = pulse::read(&store, &labels, (from, to, step), slot, place)
        .await
        .map_err(|e| Problem::new("samples", e.to_string()))?;
    let at = (place(from)..=place(to))
        .map(|p| Timestamp::from_millis((p + 1) * step.as_millis() as i64))
        .collect();
    Ok((at, found))
}

fn place(at: Timestamp, step: Duration) -> i64 {
    at.as_millis().div_euclid(step.as_millis().max(1) as i64)
}

fn curve(
    at: &[Timestamp],
    tallies: &Slots,
    slot: Option<Slot>,
    step: Duration,
    of: &dyn Fn(&Tally) -> Option<f64>,
) -> Vec<Option<f64>> {
    at.iter()
        .map(|at| {
            let tally = tallies.get(&(place(*at, step) - 1))?.get(&slot?)?;
            of(tally)
        })
        .collect()
}

async fn stable_slot(console: &Console, rollout: &Rollout) -> Option<Slot> {
    if rollout.stable.is_some() {
        return rollout.stable;
    }
    let seen = console.platform.observe(&rollout.service).await.ok()?;
    let slot = seen.traffic.roles.playing(Role::Stable)?;
    (slot != rollout.candidate).then_some(slot)
}

/// Every change of weight, as the journal has it.
async fn marks(console: &Console, service: &ServiceName, rollout: &Rollout) -> Vec<ChartMark> {
    let Ok(story) = show::story(console, service).await else {
        return Vec::new();
    };
    let mut marks: Vec<ChartMark> = story
        .iter()
        .rev()
        .take_while(|(_, _, at)| *at >= rollout.started_at)
        .filter_map(|(event, _, at)| {
            let label = match event {
                Event::TakenBack { .. } => "back".to_owned(),
                event => {
                    let step = rollout.plan.steps.get(event.weight_intended()?)?;
                    format!("{} %", step.weight)
                }
            };
            Some(ChartMark { at: *at, label })
        })
        .collect();
    marks.reverse();
    marks
}

impl EvidenceCurve {
    fn of(path: deckwatch_rollout::EvidencePath) -> Self {
        EvidenceCurve {
            metric: path.metric,
            at: path.waypoints.iter().map(|w| w.at).collect(),
            harm_e: path.waypoints.iter().map(|w| w.harm_e).collect(),
            safe_e: path.waypoints.iter().map(|w| w.safe_e).collect(),
            harm_bound: path.harm_bound,
            safe_bound: path.safe_bound,
        }
    }
}
