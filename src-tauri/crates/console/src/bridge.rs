//! The bridge: what is burning, what is moving, what waits for a person, then every service.

use std::collections::BTreeMap;
use std::time::Duration;

use deckwatch_domain::{ReleaseVersion, Role, ServiceName, Timestamp};
use deckwatch_platform::Observation;
use deckwatch_rollout::{Phase, Rollout, RolloutStatus, status};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use crate::alerts;
use crate::console::Console;
use crate::health::{self, Health, Mark, Standing};
use crate::line::{Driving, driving};
use crate::problem::Problem;
use crate::pulse::{Pulse, Tally};
use crate::services::version;
use crate::show;
use crate::training;

/// Which services of the table, in which order. All of it may be left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct BridgeAsk {
    /// A part of the service's name or of one of its versions.
    pub filter: Option<String>,
    pub sort: Option<ServiceSort>,
    pub descending: Option<bool>,
    pub offset: Option<usize>,
    /// At most 500.
    pub limit: Option<usize>,
}

/// What a table of services can be sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceSort {
    /// Worst first.
    #[default]
    Trouble,
    Service,
    Rate,
    Errors,
    P95,
    Change,
}

/// One page of a longer list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Page<T> {
    /// Rows there are, on this page and off it.
    pub total: usize,
    pub rows: Vec<T>,
}

/// One service in the table.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ServiceLine {
    pub service: ServiceName,
    pub mark: Mark,
    /// What is wrong, or why nothing can be said.
    pub why: Option<String>,
    pub stable: Option<ReleaseVersion>,
    pub candidate: Option<ReleaseVersion>,
    pub candidate_weight: u8,
    pub previous: Option<ReleaseVersion>,
    pub ready: u32,
    pub desired: u32,
    /// Requests a second, all slots together; so are the other figures.
    pub rate: Option<f64>,
    /// The share of bad answers, 0 to 1.
    pub errors: Option<f64>,
    pub p95_ms: Option<f64>,
    /// When the newest of these figures was taken.
    pub at: Option<Timestamp>,
    /// One value a minute, the last hour, oldest first.
    pub errors_spark: Vec<Option<f64>>,
    pub p95_spark: Vec<Option<f64>>,
    pub last_change: Option<LastChange>,
}

/// What happened to a service last.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct LastChange {
    pub what: String,
    pub at: Timestamp,
}

/// A service that hurts its users now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Burning {
    pub service: ServiceName,
    pub mark: Mark,
    pub what: String,
    pub since: Option<Timestamp>,
    pub errors_spark: Vec<Option<f64>>,
}

/// A rollout under way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Moving {
    pub service: ServiceName,
    pub from: Option<ReleaseVersion>,
    pub to: ReleaseVersion,
    pub phase: Phase,
    pub weight: u8,
    /// Where it stands, in words.
    pub standing: String,
    pub driver: Option<String>,
}

/// What a person is asked to do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Waiting {
    pub service: ServiceName,
    pub verb: Verb,
    pub what: String,
    pub since: Option<Timestamp>,
}

/// What is asked of whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Approve,
    Answer,
    Look,
}

/// All of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct BridgeView {
    pub health: Health,
    pub burning: Vec<Burning>,
    pub moving: Vec<Moving>,
    pub waiting: Vec<Waiting>,
    /// The newest promotion whose way back is still warm, in words.
    pub settled: Option<String>,
    pub services: Page<ServiceLine>,
}

/// A service as it was found.
struct Found {
    line: ServiceLine,
    standing: Standing,
}

/// # Errors
/// None: what cannot be read lowers the health and says so.
pub async fn bridge(console: &Console, ask: BridgeAsk) -> Result<BridgeView, Problem> {
    let now = console.clock.now().wall;
    let seen = observe_all(console).await;
    let (rollouts, journal) = rollouts(console).await;
    let pulse = pulse(console, now).await;
    let mut found = BTreeMap::new();
    let (seen, node) = match seen {
        Ok(seen) => (seen, None),
        Err(problem) => {
            let why = match training::closed(console) {
                Some(closed) => closed.to_owned(),
                None => format!("the node does not answer: {}", problem.message),
            };
            (BTreeMap::new(), Some(why))
        }
    };
    let names = seen.keys().chain(rollouts.keys());
    for service in names.cloned().collect::<std::collections::BTreeSet<_>>() {
        let one = line(
            &service,
            seen.get(&service),
            rollouts.get(&service),
            &pulse,
            now,
        );
        found.insert(service, one);
    }
    let live: Vec<&Rollout> = rollouts.values().filter(|r| r.is_live()).collect();
    let mut moving = Vec::new();
    let mut waiting = Vec::new();
    let mut undriven = Vec::new();
    for rollout in live {
        let status = status_of(console, rollout, seen.get(&rollout.service), now).await;
        if status.driver.is_none() {
            undriven.push(rollout.service.to_string());
        }
        waiting.extend(waits(rollout, &status));
        moving.push(moves(rollout, status));
    }
    let standings: Vec<(&ServiceName, &Standing)> =
        found.iter().map(|(s, f)| (s, &f.standing)).collect();
    let stale = pulse.scraped_at().map(|at| now.since(at));
    let around = health::Around {
        node,
        journal,
        undriven,
        stands_ready: !matches!(driving(console, Vec::new()), Driving::Nobody),
        figures_age: stale,
    };
    Ok(BridgeView {
        health: health::health(&standings, &around),
        burning: burning(&found, alerts::burning(console), now),
        moving,
        waiting,
        settled: settled(&rollouts, now),
        services: page(found.into_values().map(|f| f.line).collect(), &ask),
    })
}

async fn observe_all(console: &Console) -> Result<BTreeMap<ServiceName, Observation>, Problem> {
    let services = console.platform.services().await?;
    let looks = services.into_iter().map(|service| async {
        let seen = console.platform.observe(&service).await.ok()?;
        Some((service, seen))
    });
    Ok(futures_util::stream::iter(looks)
        .buffer_unordered(16)
        .filter_map(std::future::ready)
        .collect()
        .await)
}

/// The newest rollout of each service; and, when the journal cannot say, why.
async fn rollouts(console: &Console) -> (BTreeMap<ServiceName, Rollout>, Option<String>) {
    match console.book().await {
        Ok(book) => {
            let newest = book
                .services
                .iter()
                .filter_map(|(service, all)| Some((service.clone(), all.current.clone()?)))
                .collect();
            (newest, None)
        }
        Err(error) => (BTreeMap::new(), Some(error.to_string())),
    }
}

/// The figures, read at most twice a second however many look.
pub(crate) async fn pulse(console: &Console, now: Timestamp) -> Pulse {
    let mut pulse = console.pulse.lock().await;
    if !pulse.is_fresh(now, Duration::from_millis(500))
        && let Ok(store) = console.samples().await
        && let Err(error) = pulse.refresh(&store, now).await
    {
        tracing::debug!(%error, "figures were not read");
    }
    pulse.clone()
}

fn line(
    service: &ServiceName,
    seen: Option<&Observation>,
    rollout: Option<&Rollout>,
    pulse: &Pulse,
    now: Timestamp,
) -> Found {
    let lately = pulse.now(service);
    let role = |role| seen.and_then(|seen| version(seen, role));
    let slot = |role| seen.and_then(|seen| seen.traffic.roles.playing(role));
    let stable = seen.zip(slot(Role::Stable)).map(|(s, slot)| &s.slots[slot]);
    let standing = Standing {
        seen: seen.is_some(),
        serves: stable.is_some(),
        ready: stable.map_or(0, |s| s.ready),
        desired: stable.map_or(0, |s| s.desired),
        errors: lately.errors(),
        rate: lately.rate(),
        moving: rollout.is_some_and(Rollout::is_live),
    };
    let (mark, why) = standing.mark();
    let weight = seen.zip(slot(Role::Candidate));
    let line = ServiceLine {
        service: service.clone(),
        mark,
        why,
        stable: role(Role::Stable),
        candidate: role(Role::Candidate),
        candidate_weight: weight.map_or(0, |(s, slot)| s.traffic.weights.of(slot)),
        previous: role(Role::Previous),
        ready: standing.ready,
        desired: standing.desired,
        rate: lately.rate(),
        errors: lately.errors(),
        p95_ms: lately.p95_ms(),
        at: lately.at(),
        errors_spark: pulse.line(service, now, Tally::errors),
        p95_spark: pulse.line(service, now, Tally::p95_ms),
        last_change: rollout.map(last_change),
    };
    Found { line, standing }
}

fn last_change(rollout: &Rollout) -> LastChange {
    let version = &rollout.release.version;
    let what = match rollout.phase {
        Phase::Promoted => version.to_string(),
        phase if phase.is_over() => format!("{version} {}", phase.words()),
        _ => format!("{version} at {} %", rollout.weight),
    };
    let at = rollout.ended_at.unwrap_or(rollout.stage_entered_at);
    LastChange { what, at }
}

pub(crate) async fn status_of(
    console: &Console,
    rollout: &Rollout,
    seen: Option<&Observation>,
    now: Timestamp,
) -> RolloutStatus {
    let closed = show::closed(console, rollout).await;
    let driver = show::driver(console, &rollout.service).await;
    status(rollout, seen, None, &closed, driver, now)
}

fn moves(rollout: &Rollout, status: RolloutStatus) -> Moving {
    let step = rollout.current_step();
    let standing = match (rollout.phase, step) {
        (Phase::Progressing, Some(step)) if rollout.bake_started_at.is_some() => {
            let (stage, lasts, least) = (rollout.stage.words(), status.in_step_for, step.bake.min);
            match lasts > least {
                true => format!("{stage} {lasts}, {least} at least"),
                false => format!("{stage} {lasts} of {least}"),
            }
        }
        (Phase::Progressing, _) => rollout.stage.words().to_owned(),
        _ if status.note.is_empty() => rollout.phase.words().to_owned(),
        _ => status.note,
    };
    Moving {
        service: rollout.service.clone(),
        from: rollout.stable_version.clone(),
        to: rollout.release.version.clone(),
        phase: rollout.phase,
        weight: rollout.weight,
        standing,
        driver: status.driver,
    }
}

fn waits(rollout: &Rollout, status: &RolloutStatus) -> Option<Waiting> {
    let version = &rollout.release.version;
    let of = |verb, what| Waiting {
        service: rollout.service.clone(),
        verb,
        what,
        since: Some(rollout.paused_at.unwrap_or(rollout.stage_entered_at)),
    };
    if let Phase::Paused(reason) = rollout.phase {
        let why = reason.words();
        return (!status.timed_pause).then(|| {
            of(
                Verb::Answer,
                format!("{version} at {} %: {why}", rollout.weight),
            )
        });
    }
    let gate = status.gates.iter().find(|g| !g.open && g.asks_people)?;
    Some(of(
        Verb::Approve,
        format!("{version} at {} %: {}", rollout.weight, gate.opens),
    ))
}

/// What hurts now, the worst first; then services of which an alert pages that hurt nobody yet.
fn burning(
    found: &BTreeMap<ServiceName, Found>,
    pages: Vec<(String, Timestamp, String)>,
    now: Timestamp,
) -> Vec<Burning> {
    let mut burning: Vec<(f64, Burning)> = found
        .values()
        .filter_map(|one| {
            let what = one.standing.hurts()?;
            let line = &one.line;
            let rank = one.standing.errors.unwrap_or(1.0);
            let since = health::since(&line.errors_spark, now);
            let one = Burning {
                service: line.service.clone(),
                mark: line.mark,
                what,
                since,
                errors_spark: line.errors_spark.clone(),
            };
            Some((rank, one))
        })
        .collect();
    for (service, since, what) in pages {
        let known = ServiceName::new(&service)
            .ok()
            .and_then(|name| found.get(&name));
        let hurts = burning.iter().any(|(_, b)| b.service.as_str() == service);
        let Some(line) = known.map(|one| &one.line).filter(|_| !hurts) else {
            continue;
        };
        let one = Burning {
            service: line.service.clone(),
            mark: Mark::Bad,
            what,
            since: Some(since),
            errors_spark: line.errors_spark.clone(),
        };
        burning.push((0.0, one));
    }
    burning.sort_by(|a, b| b.0.total_cmp(&a.0));
    burning.into_iter().take(20).map(|(_, one)| one).collect()
}

fn settled(rollouts: &BTreeMap<ServiceName, Rollout>, now: Timestamp) -> Option<String> {
    let warm = rollouts
        .values()
        .filter(|r| r.phase == Phase::Promoted && r.warm_until.is_some_and(|until| until > now));
    let newest = warm.max_by_key(|r| r.promoted_at)?;
    let left = newest.warm_until?.since(now).as_secs() / 60;
    Some(format!(
        "{} {} promoted; its way back is warm for {left} min more",
        newest.service, newest.release.version
    ))
}

fn page(mut lines: Vec<ServiceLine>, ask: &BridgeAsk) -> Page<ServiceLine> {
    if let Some(filter) = ask.filter.as_deref().map(str::to_lowercase) {
        let has = |text: &str| text.to_lowercase().contains(&filter);
        let version = |v: &Option<ReleaseVersion>| v.as_ref().is_some_and(|v| has(v.as_str()));
        lines.retain(|line| {
            has(line.service.as_str()) || version(&line.stable) || version(&line.candidate)
        });
    }
    let number = |a: Option<f64>, b: Option<f64>| {
        let low = f64::NEG_INFINITY;
        b.unwrap_or(low).total_cmp(&a.unwrap_or(low))
    };
    // Sorted by name already; every sort below keeps that order among equals.
    match ask.sort.unwrap_or_default() {
        ServiceSort::Trouble => lines.sort_by_key(|line| line.mark),
        ServiceSort::Service => {}
        ServiceSort::Rate => lines.sort_by(|a, b| number(a.rate, b.rate)),
        ServiceSort::Errors => lines.sort_by(|a, b| number(a.errors, b.errors)),
        ServiceSort::P95 => lines.sort_by(|a, b| number(a.p95_ms, b.p95_ms)),
        ServiceSort::Change => {
            lines.sort_by_key(|l| std::cmp::Reverse(l.last_change.as_ref().map(|c| c.at)));
        }
    }
    if ask.descending.unwrap_or(false) {
        lines.reverse();
    }
    let total = lines.len();
    let limit = ask.limit.unwrap_or(200).min(500);
    let rows = lines.into_iter().skip(ask.offset.unwrap_or(0)).take(limit);
    Page {
        total,
        rows: rows.collect(),
    }
}
