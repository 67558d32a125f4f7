//! Baselines that people keep of a service: captured from the samples, compared, removed.

use std::time::Duration;

use deckwatch_domain::{Role, ServiceName, Span};
use deckwatch_rollout::Refusal;
use deckwatch_rollout::baselines::{
    Baselines, Difference, Event, Figures, KeptBaseline, NOW, compare as differences, stream,
};
use deckwatch_signals::{BadRule, Gauge, gauge, mean_response, quantile, slot_counts};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::console::Console;
use crate::evidence::cohort;
use crate::problem::Problem;
use crate::route::{ByService, Done};
use crate::services::standing;
use crate::show::take_in;

/// What is looked at when nothing else is said.
const OVER: Span = Span::from_secs(300);

/// Keep what a service's stable is like now.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct CaptureBaseline {
    pub service: ServiceName,
    /// Else the version's.
    #[serde(default)]
    #[ts(optional)]
    pub name: Option<String>,
    /// How far back to look; five minutes when not said.
    #[serde(default)]
    #[ts(optional)]
    pub over: Option<Span>,
}

/// Which baseline.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct BaselineName {
    pub service: ServiceName,
    pub name: String,
}

/// Hold one baseline against another, or against now.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct CompareBaselines {
    pub service: ServiceName,
    pub a: String,
    /// Another's name; the present when not said, or `now`.
    #[serde(default)]
    #[ts(optional)]
    pub b: Option<String>,
    /// How far back the present goes; as long as the first baseline when not said.
    #[serde(default)]
    #[ts(optional)]
    pub over: Option<Span>,
}

/// One side of a comparison.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ComparedSide {
    pub name: String,
    pub figures: Figures,
}

/// Two stretches beside each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct BaselineComparison {
    pub service: ServiceName,
    pub a: ComparedSide,
    pub b: ComparedSide,
    /// Why little can be said by it; none when there is enough on both sides.
    pub too_few: Option<String>,
    pub differences: Vec<Difference>,
}

/// # Errors
/// A refusal (too little to keep, a name that is taken), or what could not be read.
pub async fn capture(console: &Console, ask: CaptureBaseline) -> Result<KeptBaseline, Problem> {
    console.known(&ask.service).await?;
    let figures = figures(console, &ask.service, ask.over.unwrap_or(OVER)).await?;
    let name = ask.name.as_deref().map(str::trim);
    let event = decide(console, &ask.service, |state| {
        state.capture(name, figures.clone())
    })
    .await?;
    let name = match &event {
        Event::Captured { name, .. } | Event::Removed { name } => name,
    };
    let state = kept(console, &ask.service).await?;
    Ok(state.find(name)?.clone())
}

/// The newest first.
///
/// # Errors
/// The journal's.
pub async fn list(console: &Console, by: ByService) -> Result<Vec<KeptBaseline>, Problem> {
    let mut all = kept(console, &by.service).await?.kept;
    all.reverse();
    Ok(all)
}

/// # Errors
/// That there is no such baseline, or what could not be read.
pub async fn compare(
    console: &Console,
    ask: CompareBaselines,
) -> Result<BaselineComparison, Problem> {
    let all = kept(console, &ask.service).await?;
    let side = |kept: &KeptBaseline| ComparedSide {
        name: kept.name.clone(),
        figures: kept.figures.clone(),
    };
    let a = side(all.find(&ask.a)?);
    let b = match ask.b.as_deref().filter(|name| *name != NOW) {
        Some(name) => side(all.find(name)?),
        None => {
            let as_long = a.figures.to.since(a.figures.from).into();
            ComparedSide {
                name: NOW.into(),
                figures: figures(console, &ask.service, ask.over.unwrap_or(as_long)).await?,
            }
        }
    };
    Ok(BaselineComparison {
        service: ask.service,
        too_few: a.figures.too_few().or_else(|| b.figures.too_few()),
        differences: differences(&a.figures, &b.figures),
        a,
        b,
    })
}

/// # Errors
/// That there is no such baseline, or the journal's.
pub async fn remove(console: &Console, ask: BaselineName) -> Result<Done, Problem> {
    let event = decide(console, &ask.service, |state| state.remove(&ask.name)).await?;
    Ok(Done::new(event.words()))
}

/// A service's baselines, read from its stream.
pub(crate) async fn kept(console: &Console, service: &ServiceName) -> Result<Baselines, Problem> {
    let store = console.store().await?;
    let mut state = Baselines::new(service.clone());
    let version = take_in(store.as_ref(), &stream(service), |event, actor, at| {
        state.evolve(&event, actor, at);
    })
    .await?;
    state.version = version;
    Ok(state)
}

async fn decide(
    console: &Console,
    service: &ServiceName,
    decide: impl Fn(&Baselines) -> Result<Event, Refusal>,
) -> Result<Event, Problem> {
    for _ in 0..16 {
        let state = kept(console, service).await?;
        let event = decide(&state)?;
        let now = console.clock.now().wall;
        let new = vec![(event.kind(), json!(event))];
        let stream = stream(service);
        if console.append_at(&stream, state.version, new, now).await? {
            let _ = console.anchor().await;
            return Ok(event);
        }
    }
    Err(Problem::new(
        "journal.conflict",
        "others keep writing first; try again",
    ))
}

/// What the samples say of a service's stable over the `span` before now.
///
/// # Errors
/// That nothing serves, or what could not be read.
pub(crate) async fn figures(
    console: &Console,
    service: &ServiceName,
    span: Span,
) -> Result<Figures, Problem> {
    let seen = console.platform.observe(service).await?;
    let stable = seen.traffic.roles.playing(Role::Stable);
    let Some(standing) = stable.and_then(|slot| standing(&seen, slot)) else {
        let why = format!("{service} has no release that serves; start one first");
        return Err(Problem::new("refused.nothing-serves", why));
    };
    let wrong = |e: &dyn std::fmt::Display| Problem::new("samples", e.to_string());
    let store = console.samples().await?;
    let to = console.clock.now().wall;
    let from = to.minus(span.duration());
    let cohort = cohort(service, &standing);
    let counted = slot_counts(&store, &cohort, from, to, BadRule::Errors)
        .await
        .map_err(|e| wrong(&e))?;
    let covered: Duration = counted.iter().map(|i| i.at.since(i.from)).sum();
    let mean = mean_response(&store, &cohort, from, to)
        .await
        .map_err(|e| wrong(&e))?;
    let mut quantiles = [None; 3];
    for (place, q) in [0.5, 0.95, 0.99].into_iter().enumerate() {
        quantiles[place] = quantile(&store, &cohort, q, from, to)
            .await
            .map_err(|e| wrong(&e))?
            .map(|seconds| seconds * 1000.0);
    }
    let mut gauges = [None; 2];
    for (place, which) in [Gauge::Cpu, Gauge::Memory].into_iter().enumerate() {
        let points = gauge(&store, &cohort, which, from, to)
            .await
            .map_err(|e| wrong(&e))?;
        let sum: f64 = points.iter().map(|(_, value)| value).sum();
        gauges[place] = (!points.is_empty()).then(|| sum / points.len() as f64);
    }
    let [p50_ms, p95_ms, p99_ms] = quantiles;
    let [cpu_cores, memory_bytes] = gauges;
    Ok(Figures {
        version: standing.version,
        from,
        to,
        covered: covered.into(),
        requests: counted.iter().map(|i| i.total).sum(),
        errors: counted.iter().map(|i| i.bad).sum(),
        mean_ms: mean.map(|seconds| seconds * 1000.0),
        p50_ms,
        p95_ms,
        p99_ms,
        cpu_cores,
        memory_bytes,
    })
}
