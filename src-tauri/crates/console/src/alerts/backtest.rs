//! What a rule would have done in the past, with its own threshold and `for` or with others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_alerting::backtest::{
    Episode, Moments, NotPrepared, Past, Prepared, Report, RuleReport, Variant, run, varied,
};
use deckwatch_alerting::comparison::Comparison;
use deckwatch_alerting::rules::{self, Group, Makes};
use deckwatch_domain::{Span, Timestamp};
use deckwatch_promql::Options;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::books::words_of;
use super::round::Lazy;
use crate::console::Console;
use crate::metrics::{Source, source};
use crate::problem::{Problem, invalid};

/// What is looked at where nothing is said, in milliseconds.
const LENGTH: i64 = 86_400_000;
/// Moments of a backtest at most; the step grows with the range.
const MOMENTS: i64 = 20_000;
const EPISODES: usize = 500;
/// The longest that one takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which rule, over which past, and what is otherwise.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct BacktestAsk {
    /// The text of the whole file: the rule may not be saved yet.
    pub yaml: String,
    pub group: String,
    /// The rule's place in its group.
    pub place: usize,
    /// How far back, in milliseconds; a day.
    #[serde(default)]
    #[ts(optional)]
    pub over_ms: Option<i64>,
    #[serde(default)]
    #[ts(optional)]
    pub to: Option<Timestamp>,
    #[serde(default)]
    #[ts(optional)]
    pub threshold: Option<f64>,
    #[serde(default)]
    #[ts(optional)]
    pub hold_ms: Option<i64>,
}

/// A stretch in which the condition held.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct BacktestEpisode {
    #[ts(type = "Record<string, string>")]
    pub labels: BTreeMap<String, String>,
    pub pending_since: Timestamp,
    /// None: it was over before it fired.
    pub firing_since: Option<Timestamp>,
    /// None: it lasts to the end.
    pub resolved_at: Option<Timestamp>,
    /// The value furthest beyond the threshold.
    pub peak: Option<f64>,
}

/// What would have been.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct BacktestView {
    pub from: Timestamp,
    pub to: Timestamp,
    pub step_ms: i64,
    pub evaluations: usize,
    /// The threshold and the `for` that were asked about.
    pub threshold: Option<f64>,
    pub hold_ms: i64,
    /// What is compared, to be drawn beside it.
    pub value_query: Option<String>,
    /// Times that somebody would have been told.
    pub fired: usize,
    /// Times that it was over before it fired.
    pub spared: usize,
    /// For how long anything fired, label sets added up.
    pub firing_ms: i64,
    /// By when they begin; the first of them.
    pub episodes: Vec<BacktestEpisode>,
    /// In words.
    pub words: String,
    /// Rules that would have failed, and why the first time.
    pub failures: Vec<String>,
    pub took_ms: u64,
}

/// # Errors
/// What is wrong with the text, that there is no such alert, or that it takes too long.
pub async fn backtest(console: &Console, ask: BacktestAsk) -> Result<BacktestView, Problem> {
    let read = rules::read_lenient(&ask.yaml).map_err(|p| invalid("rules", &p))?;
    let group = read.file.groups.into_iter().find(|g| g.name == ask.group);
    let Some(group) = group else {
        let why = format!("there is no group {}", ask.group);
        return Err(Problem::new("rules.unknown", why));
    };
    let now = console.clock.now().wall;
    let to = ask.to.unwrap_or(now).min(now);
    let over = ask.over_ms.unwrap_or(LENGTH);
    if over <= 0 {
        let why = "the range ends before it begins";
        return Err(Problem::new("rules.range", why));
    }
    let from = Timestamp::from_millis(to.as_millis().saturating_sub(over));
    let variant = Variant {
        hold_ms: ask.hold_ms,
        keep_ms: None,
        threshold: ask.threshold,
    };
    let moments = moments(&group, from, to);
    let source: Arc<dyn deckwatch_signals::source::SampleSource> =
        match source(console, None, None).await? {
            Source::Own(store) => store,
            Source::Prometheus { client, .. } => Arc::new(client),
        };
    let runtime = Handle::current();
    let began = Instant::now();
    let place = ask.place;
    let work = tokio::task::spawn_blocking(move || {
        let lazy = Lazy::new(runtime, vec![source], 0);
        let options = Options::default();
        let past = Past {
            moments,
            source: &lazy,
            options: &options,
        };
        reported(&group, place, &past, &variant).map(|report| (group, report))
    });
    let Ok(done) = tokio::time::timeout(PATIENCE, work).await else {
        let why = format!(
            "it takes longer than {} s; ask for a shorter past",
            PATIENCE.as_secs()
        );
        return Err(Problem::new("rules.slow", why));
    };
    let done = done.map_err(|error| Problem::new("rules", error.to_string()))?;
    let (group, (report, failures)) =
        done.map_err(|why| Problem::new("rules.backtest", why.to_string()))?;
    let mut view = told(&group, place, &moments, &variant, &report);
    view.failures = failures;
    view.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(view)
}

fn moments(group: &Group, from: Timestamp, to: Timestamp) -> Moments {
    let mut moments = Moments::of(group, from.as_millis(), to.as_millis());
    let length = moments.to_ms - moments.from_ms;
    // A whole multiple, so that what is asked for is asked at moments of the group.
    let times = (length / moments.step_ms.max(1)) / MOMENTS + 1;
    moments.step_ms *= times;
    moments.from_ms -= moments.from_ms.rem_euclid(moments.step_ms);
    moments
}

/// By way of one question where that is the same, else from moment to moment.
fn reported(
    group: &Group,
    place: usize,
    past: &Past<'_>,
    variant: &Variant,
) -> Result<(RuleReport, Vec<String>), NotPrepared> {
    match Prepared::new(group, place, past) {
        Ok(prepared) => return Ok((prepared.run(variant)?, Vec::new())),
        Err(NotPrepared::MomentByMoment(_)) => {}
        Err(other) => return Err(other),
    }
    let group = varied(group, place, variant)?;
    let Report {
        rules, failures, ..
    } = run(&group, past);
    let failed = failures.iter().map(|failure| {
        let name = group.rules.get(failure.place).map_or("", |r| r.name());
        format!(
            "{name} would have failed {} times: {}",
            failure.times, failure.why
        )
    });
    let failed = failed.collect();
    let report = rules.into_iter().find(|report| report.place == place);
    Ok((report.unwrap_or_default(), failed))
}

fn told(
    group: &Group,
    place: usize,
    moments: &Moments,
    variant: &Variant,
    report: &RuleReport,
) -> BacktestView {
    let millis = Timestamp::from_millis;
    let rule = group.rules.get(place);
    let compared = rule.and_then(|rule| Comparison::of(&rule.query));
    let number = compared.and_then(|c| Some((c.value.to_string(), c.number()?.0)));
    let hold = match rule.map(|rule| &rule.makes) {
        Some(Makes::Alert(alerting)) => alerting.hold_ms,
        _ => 0,
    };
    let fired: Vec<&Episode> = report.fired().collect();
    let lasted = |e: &&Episode| {
        let end = e.resolved_at_ms.unwrap_or(moments.to_ms);
        (end - e.firing_since_ms.unwrap_or(end)).max(0)
    };
    let firing_ms = fired.iter().map(lasted).sum();
    let spared = report.episodes.len() - fired.len();
    let episodes = report
        .episodes
        .iter()
        .take(EPISODES)
        .map(|e| BacktestEpisode {
            labels: words_of(&e.labels),
            pending_since: millis(e.pending_since_ms),
            firing_since: e.firing_since_ms.map(millis),
            resolved_at: e.resolved_at_ms.map(millis),
            peak: e.peak,
        });
    BacktestView {
        from: millis(moments.from_ms),
        to: millis(moments.to_ms),
        step_ms: moments.step_ms,
        evaluations: moments.count(),
        threshold: variant.threshold.or(number.as_ref().map(|(_, t)| *t)),
        hold_ms: variant.hold_ms.unwrap_or(hold),
        value_query: number.map(|(value, _)| value),
        fired: fired.len(),
        spared,
        firing_ms,
        episodes: episodes.collect(),
        words: words(fired.len(), spared, firing_ms, moments),
        failures: Vec::new(),
        took_ms: 0,
    }
}

fn words(fired: usize, spared: usize, firing_ms: i64, moments: &Moments) -> String {
    let span = |ms: i64| Span::from_millis(ms.max(0).unsigned_abs() / 1000 * 1000);
    let over = span(moments.to_ms - moments.from_ms);
    let times = |n: usize| match n {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    };
    let mut said = match fired {
        0 => format!("In {over} it would have told nobody."),
        n => format!(
            "In {over} it would have fired {}, for {} in all.",
            times(n),
            span(firing_ms)
        ),
    };
    if spared > 0 {
        said += &format!(" It was over before it fired {}.", times(spared));
    }
    said
}
