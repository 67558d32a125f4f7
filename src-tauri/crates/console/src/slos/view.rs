//! How objectives stand, as it is told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use deckwatch_domain::{ServiceName, Span, Timestamp};
use deckwatch_slo::budget::{Standing, arithmetic, policy};
use deckwatch_slo::burn::{Advice, Decision, Pair, Refused, Severity, State};
use deckwatch_slo::ledger::{Cause, CauseKind, Forecast, Horizon, Ledger};
use deckwatch_slo::{Events, Measured, Objective, Period, Prepared, write_objectives};
use serde::{Deserialize, Serialize};

use super::count::{Counted, count};
use super::file::{called, objectives, text};
use crate::console::Console;
use crate::metrics::{Source, source};
use crate::plans::PlanMistake;
use crate::problem::{Problem, invalid};
use crate::route::Nothing;

/// How long one look may go on counting; what is left follows with the next.
const PATIENCE: Duration = Duration::from_secs(2);
/// A look is as of a moment on this grid, so that it is the same, and told once, until the next.
const EVERY: i64 = 10_000;
/// Points of a small line, and of a large one.
const SPARK: usize = 48;
const LINE: usize = 240;
/// The past that a forecast carries on.
const LOOKBACK: Span = Span::from_secs(6 * 3600);

/// How an objective stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum SloState {
    Page,
    Ticket,
    /// Nothing is known.
    NoData,
    Quiet,
}

/// Which objective.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct SloAsk {
    pub service: ServiceName,
    pub name: String,
    /// None: the group with the least of its budget left.
    #[serde(default)]
    #[ts(optional, type = "Record<string, string>")]
    pub group: Option<BTreeMap<String, String>>,
}

/// How fast a budget burns in one window.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloBurn {
    pub window: Span,
    /// 1 spends the budget exactly by the end of the period; none without events.
    pub pace: Option<f64>,
    /// The pace from which its pair alerts.
    pub bound: f64,
    pub severity: Severity,
}

/// One objective in a list.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloRow {
    pub service: ServiceName,
    pub name: String,
    pub about: String,
    /// A share.
    pub target: f64,
    pub period: String,
    pub state: SloState,
    /// Of the group that stands worst; the share of the budget that is left, below zero when it is
    /// overspent.
    pub left: Option<f64>,
    /// The share of good events.
    pub good: Option<f64>,
    pub events: Events,
    /// Labels of the group that stands worst.
    #[ts(type = "Record<string, string>")]
    pub worst: BTreeMap<String, String>,
    pub groups: usize,
    /// Short to long.
    pub burns: Vec<SloBurn>,
    /// When the rolling budget is gone at the pace of the last six hours; zero: it is.
    pub gone_in: Option<Span>,
    /// The rolling budget up to now; none where nothing is known.
    pub spark: Vec<Option<f64>>,
    /// What there is to say, in a sentence.
    pub words: String,
    /// The share of the period that was counted so far.
    pub counted: f64,
    pub trouble: Option<String>,
}

/// All objectives, the worst first.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SlosView {
    pub at: Timestamp,
    pub rows: Vec<SloRow>,
    /// Who was asked: `samples`, or an address.
    pub source: String,
    /// The file that names them.
    pub file: String,
    /// Its mistakes; with any, nothing of it counts.
    pub mistakes: Vec<PlanMistake>,
    /// Why the source does not answer.
    pub trouble: Option<String>,
}

/// One moment of a line.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloPoint {
    pub at: Timestamp,
    pub value: Option<f64>,
}

/// How one group stands.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloGroup {
    #[ts(type = "Record<string, string>")]
    pub labels: BTreeMap<String, String>,
    pub left: f64,
    pub good: Option<f64>,
    pub events: Events,
    pub state: SloState,
}

/// Events of a stretch.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloCount {
    pub from: Timestamp,
    pub good: f64,
    pub bad: f64,
    pub known: bool,
}

/// A line of burn.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloBurnLine {
    pub window: Span,
    pub points: Vec<SloPoint>,
}

/// One objective, whole.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct SloView {
    pub at: Timestamp,
    pub row: SloRow,
    /// Which of its groups the rest is about.
    #[ts(type = "Record<string, string>")]
    pub group: BTreeMap<String, String>,
    /// The worst first.
    pub groups: Vec<SloGroup>,
    pub rolling: Vec<SloPoint>,
    pub ledger: Ledger,
    pub forecast: Option<Forecast>,
    pub headline: String,
    pub decisions: Vec<Decision>,
    /// Alerts that could never come.
    pub refused: Vec<Refused>,
    /// The two windows of the first pair, over the last day.
    pub burn: Vec<SloBurnLine>,
    /// Good and bad events of the last day, in stretches of half an hour.
    pub counts: Vec<SloCount>,
    pub advice: Option<Advice>,
    /// `0.05 % of 30d is 21.6 minutes`
    pub arithmetic: String,
    pub no_data: String,
    /// What is asked, for a window of five minutes.
    pub queries: Measured,
    pub yaml: String,
    pub source: String,
}

/// # Errors
/// That the file cannot be read. Its mistakes, and a source that does not answer, are part of the
/// answer.
pub async fn list(console: &Console, _: Nothing) -> Result<SlosView, Problem> {
    let now = moment(console);
    let text = text(console)?;
    if let Some(known) = console.counts.known(now, &text) {
        return Ok(known);
    }
    let view = stood(console, &text, now).await?;
    if view.trouble.is_none() && view.rows.iter().all(|row| row.counted >= 1.0) {
        console.counts.know(now, text, view.clone());
    }
    Ok(view)
}

fn moment(console: &Console) -> Timestamp {
    let now = console.clock.now().wall.as_millis();
    Timestamp::from_millis(now.div_euclid(EVERY) * EVERY)
}

async fn stood(console: &Console, text: &str, now: Timestamp) -> Result<SlosView, Problem> {
    let mut view = SlosView {
        at: now,
        rows: Vec::new(),
        source: String::new(),
        file: console.folder.objectives().display().to_string(),
        mistakes: Vec::new(),
        trouble: None,
    };
    let all = match objectives(text) {
        Ok(all) => all,
        Err(problems) => {
            view.mistakes = problems.0.iter().map(PlanMistake::from).collect();
            return Ok(view);
        }
    };
    if all.is_empty() {
        return Ok(view);
    }
    let source = match source(console, None, None).await {
        Ok(source) => source,
        Err(problem) => {
            view.trouble = Some(problem.message);
            return Ok(view);
        }
    };
    view.source = source.name().to_owned();
    let until = Instant::now() + PATIENCE;
    for objective in &all {
        match looked(console, &source, objective, now, until).await {
            Ok(look) => view.rows.push(row(&look, now)),
            Err(problem) => view.rows.push(blank(objective, problem.message)),
        }
    }
    view.rows.sort_by(|a, b| {
        let left = |row: &SloRow| row.left.unwrap_or(f64::INFINITY);
        let by_state = a.state.cmp(&b.state);
        by_state
            .then(left(a).total_cmp(&left(b)))
            .then_with(|| (&a.service, &a.name).cmp(&(&b.service, &b.name)))
    });
    Ok(view)
}

/// # Errors
/// That there is no such objective or group, or why it cannot be counted.
pub async fn show(console: &Console, ask: SloAsk) -> Result<SloView, Problem> {
    let now = moment(console);
    let all = objectives(&text(console)?).map_err(|p| invalid("objectives", &p))?;
    let wanted = |o: &&Objective| o.service == ask.service && o.name == ask.name;
    let Some(objective) = all.iter().find(wanted) else {
        let names: Vec<String> = all.iter().map(called).collect();
        let why = match names.is_empty() {
            true => "nothing is promised yet: objectives.yaml names no objective".to_owned(),
            false => format!(
                "there is no objective {}/{}; there is: {}",
                ask.service,
                ask.name,
                names.join(", ")
            ),
        };
        return Err(Problem::new("objective.unknown", why));
    };
    let source = source(console, None, None).await?;
    let until = Instant::now() + PATIENCE;
    let look = looked(console, &source, objective, now, until).await?;
    let chosen = match &ask.group {
        None => look.groups.first(),
        Some(labels) => {
            let found = look.groups.iter().find(|g| g.standing.labels == *labels);
            if found.is_none() {
                let why = format!("nothing was counted for the group {labels:?}");
                return Err(Problem::new("objective.group", why));
            }
            found
        }
    };
    let Some(chosen) = chosen else {
        let why = "nothing was counted for any of its groups yet";
        return Err(Problem::new("objective.no-data", why));
    };
    let causes = causes(console, &objective.service).await;
    Ok(whole(&look, chosen, &causes, &source, now))
}

/// The releases that may have spent a budget.
async fn causes(console: &Console, service: &ServiceName) -> Vec<Cause> {
    // A journal that cannot be read costs the names of causes, not the figures.
    let Ok(book) = console.book().await else {
        return Vec::new();
    };
    let rows = book
        .rows()
        .into_iter()
        .filter(|row| row.service == *service);
    rows.map(|row| Cause {
        kind: CauseKind::Rollout,
        id: row.rollout.to_string(),
        title: format!("release {}", row.release),
        from: row.started_at,
        to: row.ended_at,
    })
    .collect()
}

/// A group with everything that follows from what was counted.
struct Group {
    track: Prepared,
    standing: Standing,
    decisions: Vec<Decision>,
}

struct Look<'a> {
    objective: &'a Objective,
    /// The worst first.
    groups: Vec<Group>,
    share: f64,
    trouble: Option<String>,
}

async fn looked<'a>(
    console: &Console,
    source: &Source,
    objective: &'a Objective,
    now: Timestamp,
    until: Instant,
) -> Result<Look<'a>, Problem> {
    let Counted {
        tracks,
        share,
        trouble,
    } = count(console, source, objective, now, until).await?;
    let mut groups: Vec<Group> = tracks
        .iter()
        .map(|track| {
            let track = objective.prepare(track, &[]);
            Group {
                standing: objective.rolling(&track, now),
                decisions: objective.decide(&track, now),
                track,
            }
        })
        .collect();
    groups.sort_by(|a, b| {
        let left = |g: &Group| g.standing.budget.left;
        state(&a.decisions)
            .cmp(&state(&b.decisions))
            .then(left(a).total_cmp(&left(b)))
            .then_with(|| a.standing.labels.cmp(&b.standing.labels))
    });
    Ok(Look {
        objective,
        groups,
        share,
        trouble,
    })
}

fn state(decisions: &[Decision]) -> SloState {
    let firing = |severity| {
        let alerts = |d: &Decision| d.state == State::Firing && d.pair.severity == severity;
        decisions.iter().any(alerts)
    };
    match () {
        () if firing(Severity::Page) => SloState::Page,
        () if firing(Severity::Ticket) => SloState::Ticket,
        () if decisions.iter().all(|d| d.state == State::NoData) => SloState::NoData,
        () => SloState::Quiet,
    }
}

fn blank(objective: &Objective, trouble: String) -> SloRow {
    SloRow {
        service: objective.service.clone(),
        name: objective.name.clone(),
        about: objective.about.clone(),
        target: objective.target.share(),
        period: objective.period.to_string(),
        state: SloState::NoData,
        left: None,
        good: None,
        events: Events::default(),
        worst: BTreeMap::new(),
        groups: 0,
        burns: Vec::new(),
        gone_in: None,
        spark: Vec::new(),
        words: String::new(),
        counted: 0.0,
        trouble: Some(trouble),
    }
}

fn row(look: &Look<'_>, now: Timestamp) -> SloRow {
    let objective = look.objective;
    let mut row = blank(objective, String::new());
    row.trouble = look.trouble.clone();
    row.counted = look.share;
    row.groups = look.groups.len();
    let Some(worst) = look.groups.first() else {
        row.words = "Nothing was counted yet.".into();
        return row;
    };
    let known = worst.track.last_known().is_some();
    row.state = state(&worst.decisions);
    row.worst = worst.standing.labels.clone();
    row.events = worst.standing.budget.events;
    row.good = worst.standing.budget.good;
    row.left = known.then_some(worst.standing.budget.left);
    row.burns = burns(worst);
    let horizon = Horizon::Rolling;
    let forecast = objective.forecast(&worst.track, now, LOOKBACK, &horizon);
    let gone = forecast.as_ref().and_then(|f| f.likely);
    row.gone_in = gone.map(|at| Span::from(at.since(now)));
    row.spark = line(objective, &worst.track, now, SPARK)
        .into_iter()
        .map(|p| p.value)
        .collect();
    row.words = said(objective, worst);
    row
}

/// The alert that fires, or the budget.
fn said(objective: &Objective, group: &Group) -> String {
    let firing = group.decisions.iter().find(|d| d.state == State::Firing);
    match firing {
        Some(decision) => decision.words.clone(),
        None => group.standing.budget.words(objective.indicator.noun()),
    }
}

/// Each window once, short to long, with the lowest pace at which a pair of it alerts.
fn burns(group: &Group) -> Vec<SloBurn> {
    let mut all: BTreeMap<Span, SloBurn> = BTreeMap::new();
    for decision in &group.decisions {
        let Pair {
            severity, factor, ..
        } = decision.pair;
        for burn in [decision.short, decision.long] {
            let one = SloBurn {
                window: burn.window,
                pace: burn.pace,
                bound: factor,
                severity,
            };
            all.entry(burn.window)
                .and_modify(|there| {
                    if factor < there.bound {
                        *there = one.clone();
                    }
                })
                .or_insert(one);
        }
    }
    all.into_values().collect()
}

/// The rolling budget; none before anything is known.
fn line(objective: &Objective, track: &Prepared, now: Timestamp, points: usize) -> Vec<SloPoint> {
    let length = objective.period.nominal().as_millis();
    let step = Span::from_millis((length / points.max(1) as u64).max(1));
    let line = objective.rolling_line(track, now, step, points);
    line.into_iter()
        .map(|(at, budget)| SloPoint {
            at,
            value: (budget.events.total > 0.0).then_some(budget.left),
        })
        .collect()
}

fn whole(
    look: &Look<'_>,
    chosen: &Group,
    causes: &[Cause],
    source: &Source,
    now: Timestamp,
) -> SloView {
    let (objective, track) = (look.objective, &chosen.track);
    let ledger = objective.ledger(track, now, causes, &[], LINE);
    let horizon = match &objective.period {
        Period::Rolling(_) => Horizon::Rolling,
        Period::Calendar { .. } => Horizon::Period {
            span: ledger.span.clone(),
            allowed: ledger.allowed,
        },
    };
    let forecast = objective.forecast(track, now, LOOKBACK, &horizon);
    let groups = look.groups.iter().map(|group| SloGroup {
        labels: group.standing.labels.clone(),
        left: group.standing.budget.left,
        good: group.standing.budget.good,
        events: group.standing.budget.events,
        state: state(&group.decisions),
    });
    let total = chosen.decisions.first().map_or(0.0, |d| d.period_total);
    let step = super::count::step(objective);
    SloView {
        at: now,
        row: row(look, now),
        group: chosen.standing.labels.clone(),
        groups: groups.collect(),
        rolling: line(objective, track, now, LINE),
        headline: ledger.headline(forecast.as_ref()),
        burn: burn_lines(objective, chosen, now),
        counts: counts(track, now),
        advice: track
            .last_known()
            .and_then(|_| objective.low_traffic(total)),
        decisions: chosen.decisions.clone(),
        refused: objective.pairs().1,
        arithmetic: arithmetic(objective.target, objective.period.nominal()),
        no_data: policy(objective.no_data).to_owned(),
        queries: objective.queries(Span::from_secs(300).max(step), None),
        yaml: write_objectives(std::slice::from_ref(objective)),
        source: source.name().to_owned(),
        ledger,
        forecast,
    }
}

const DAY: Span = Span::from_secs(86_400);

/// Moments of the last day, `points` of them, none before anything was counted.
fn last_day(track: &Prepared, now: Timestamp, points: u64) -> Vec<Timestamp> {
    let step = DAY.as_millis() / points;
    let back = |n: u64| now.minus(Span::from_millis(step * n).duration());
    let all = (0..points).rev().map(back);
    all.filter(|at| *at >= track.track().from).collect()
}

fn burn_lines(objective: &Objective, group: &Group, now: Timestamp) -> Vec<SloBurnLine> {
    let Some(first) = group.decisions.first() else {
        return Vec::new();
    };
    let moments = last_day(&group.track, now, LINE as u64);
    let line = |window: Span| SloBurnLine {
        window,
        points: moments
            .iter()
            .map(|at| SloPoint {
                at: *at,
                value: objective.burn_over(&group.track, window, *at).pace,
            })
            .collect(),
    };
    vec![line(first.pair.long), line(first.pair.short)]
}

fn counts(track: &Prepared, now: Timestamp) -> Vec<SloCount> {
    let stretch = Span::from_secs(1800);
    let ends = last_day(track, now, 48);
    let all = ends.into_iter().map(|to| {
        let from = to.minus(stretch.duration());
        let events = track.window(from, to);
        SloCount {
            from,
            good: events.good(),
            bad: events.bad,
            known: track.coverage(from, to).0 > 0,
        }
    });
    all.collect()
}
