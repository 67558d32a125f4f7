//! How objectives stand, as it is told.

use std::collections::BTreeMap;
use std::time::Instant;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_slo::budget::{arithmetic, policy};
use deckwatch_slo::burn::{Pair, State};
use deckwatch_slo::ledger::{Cause, Horizon};
use deckwatch_slo::{Events, Objective, Period, Prepared, write_objectives};

use super::file::{called, objectives, text};
use super::look::{Group, Look, PATIENCE, causes, looked, moment, state};
use super::told::{
    SloAsk, SloBurn, SloBurnLine, SloCount, SloGroup, SloPoint, SloRow, SloState, SloView, SlosView,
};
use crate::console::Console;
use crate::metrics::{Source, source};
use crate::plans::PlanMistake;
use crate::problem::{Problem, invalid};
use crate::route::Nothing;

/// Points of a small line, and of a large one.
const SPARK: usize = 48;
const LINE: usize = 240;
/// The past that a forecast carries on.
const LOOKBACK: Span = Span::from_secs(6 * 3600);

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
    let ledger = objective.ledger(track, now, causes, &look.excluded, LINE);
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
