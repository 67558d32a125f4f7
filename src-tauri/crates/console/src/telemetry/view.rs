//! What is known of targets and probes, as it is told and as it is kept for other processes.

use std::path::Path;
use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_signals::pool::{self, TargetStatus};
use deckwatch_signals::probe::{self, ProbeStatus};
use deckwatch_signals::targets::{Source, Via};
use serde::{Deserialize, Serialize};

use super::file::text;
use crate::console::Console;
use crate::problem::Problem;
use crate::route::Nothing;

/// A status that is older than this is nobody's any more.
const STALE: Duration = Duration::from_secs(15);
/// Rows of one answer, at most.
const MOST: usize = 500;

/// How a target is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum TargetState {
    Down,
    /// It was not asked yet.
    Unknown,
    Up,
}

/// A stretch of time without a scrape: the machine slept, or nothing scraped.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct GapRow {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What is scraped.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct TargetRow {
    pub job: String,
    pub instance: String,
    pub url: String,
    pub state: TargetState,
    /// `file`, `node` or `kubernetes`
    pub source: String,
    /// Through the API server, and not at its own address.
    pub through_api_server: bool,
    pub interval: Span,
    pub timeout: Span,
    pub last: Option<Timestamp>,
    /// The last scrape that gave an answer.
    pub last_good: Option<Timestamp>,
    /// Milliseconds that the last scrape took.
    pub took_ms: Option<f64>,
    /// As they came, and as the rules left them.
    pub scraped: Option<usize>,
    pub kept: Option<usize>,
    /// Series that the scrape before did not have.
    pub added: Option<usize>,
    pub error: Option<String>,
    /// What was wrong with single samples.
    pub notes: Vec<String>,
    /// When counters last began anew, and how many of them.
    pub reset_at: Option<Timestamp>,
    pub resets: usize,
    pub gap: Option<GapRow>,
    pub labels: Vec<(String, String)>,
}

/// The clock was set back; what was recorded of the time that then came again was removed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ClockSetBack {
    pub at: Timestamp,
    pub by: Span,
}

/// Whether anybody scrapes here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Scraping {
    /// What is told is of the last seconds.
    pub current: bool,
    /// When it was told.
    pub at: Option<Timestamp>,
    pub file: String,
    /// What is wrong with the file or with finding targets.
    pub trouble: Option<String>,
    pub set_back: Option<ClockSetBack>,
}

/// Which targets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct TargetsAsk {
    /// A part of the job, the address, the error or a label.
    pub filter: Option<String>,
    pub sort: Option<TargetSort>,
    pub descending: Option<bool>,
    pub offset: Option<usize>,
    /// At most 500.
    pub limit: Option<usize>,
}

/// What targets can be sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum TargetSort {
    /// What is down first.
    #[default]
    State,
    Job,
    Instance,
    Last,
    Took,
    Kept,
}

/// The targets, a page of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct TargetsView {
    pub scraping: Scraping,
    pub up: usize,
    pub down: usize,
    pub total: usize,
    pub rows: Vec<TargetRow>,
}

/// How something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    Healthy,
    Degraded,
    Unhealthy,
    /// It was not looked at yet.
    Unknown,
}

impl From<probe::Health> for HealthState {
    fn from(health: probe::Health) -> Self {
        match health {
            probe::Health::Healthy => HealthState::Healthy,
            probe::Health::Degraded => HealthState::Degraded,
            probe::Health::Unhealthy => HealthState::Unhealthy,
            probe::Health::Unknown => HealthState::Unknown,
        }
    }
}

/// One probing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ProbingRow {
    pub at: Timestamp,
    pub took_ms: f64,
    pub success: bool,
    /// Of HTTP.
    pub status: Option<u16>,
    pub certificate_until: Option<Timestamp>,
    /// Of a name server.
    pub answers: Vec<String>,
    /// Milliseconds of each part: `resolve`, `connect`, `tls`, `processing`, `transfer`.
    pub phases: Vec<(String, f64)>,
}

/// A probe and its newest result.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ProbeRow {
    pub name: String,
    pub component: String,
    /// `http`, `tcp` or `dns`
    pub kind: String,
    /// What is asked.
    pub target: String,
    pub critical: bool,
    pub every: Span,
    pub health: HealthState,
    /// Since when it is as healthy as it is.
    pub since: Option<Timestamp>,
    pub reasons: Vec<String>,
    pub last: Option<ProbingRow>,
}

/// A component, as its probes tell.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ComponentRow {
    pub component: String,
    pub health: HealthState,
    pub reasons: Vec<String>,
}

/// The probes, and the components that they tell of.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ProbesView {
    pub scraping: Scraping,
    pub components: Vec<ComponentRow>,
    pub probes: Vec<ProbeRow>,
}

/// What the process that scrapes tells all others.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    at: Option<Timestamp>,
    trouble: Option<String>,
    set_back: Option<ClockSetBack>,
    targets: Vec<TargetRow>,
    probes: Vec<ProbeRow>,
    components: Vec<ComponentRow>,
}

impl Status {
    pub fn of(
        targets: &[TargetStatus],
        probes: &[ProbeStatus],
        set_back: Option<pool::SetBack>,
        trouble: Option<String>,
        now: Timestamp,
    ) -> Status {
        let judged = probes.iter().map(|status| {
            let last = status.last.as_ref();
            (status.probe.as_ref(), last.map(|last| &last.judged))
        });
        let components = probe::components(judged)
            .into_iter()
            .map(|standing| ComponentRow {
                component: standing.component,
                health: standing.health.into(),
                reasons: standing.reasons,
            });
        Status {
            at: Some(now),
            trouble,
            set_back: set_back.map(|s| ClockSetBack { at: s.at, by: s.by }),
            targets: targets.iter().map(target_row).collect(),
            probes: probes.iter().map(probe_row).collect(),
            components: components.collect(),
        }
    }

    /// Something else than before, or that it is still so.
    pub fn tells_more_than(&self, told: &Status) -> bool {
        let age = match (self.at, told.at) {
            (Some(now), Some(then)) => now.since(then),
            _ => STALE,
        };
        let same = Status {
            at: self.at,
            ..told.clone()
        };
        *self != same || age >= STALE / 3
    }

    /// Whole or not at all.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let draft = path.with_extension("status.new");
        std::fs::write(&draft, serde_json::to_vec(self)?)?;
        std::fs::rename(draft, path)
    }

    fn read(path: &Path) -> Result<Status, Problem> {
        let Some(text) = text(path)? else {
            return Ok(Status::default());
        };
        // One that another version wrote is written anew in a second.
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    fn scraping(&self, console: &Console, now: Timestamp) -> Scraping {
        Scraping {
            current: self.at.is_some_and(|at| now.since(at) < STALE),
            at: self.at,
            file: console.folder.targets().display().to_string(),
            trouble: self.trouble.clone(),
            set_back: self.set_back.clone(),
        }
    }
}

fn target_row(status: &TargetStatus) -> TargetRow {
    let (target, last) = (&status.target, status.last.as_ref());
    TargetRow {
        job: target.label("job").to_owned(),
        instance: target.label("instance").to_owned(),
        url: target.url.clone(),
        state: match last {
            None => TargetState::Unknown,
            Some(last) if last.error.is_some() => TargetState::Down,
            Some(_) => TargetState::Up,
        },
        source: match target.source {
            Source::File => "file".into(),
            Source::Kubernetes => "kubernetes".into(),
        },
        through_api_server: matches!(target.via, Via::ApiServer { .. }),
        interval: target.job.interval,
        timeout: target.job.timeout,
        last: last.map(|last| last.at),
        last_good: status.last_good,
        took_ms: last.map(|last| millis(last.took)),
        scraped: last.map(|last| last.scraped),
        kept: last.map(|last| last.kept),
        added: last.map(|last| last.added),
        error: last.and_then(|last| last.error.clone()),
        notes: last.map(|last| last.notes.clone()).unwrap_or_default(),
        reset_at: status.reset.map(|(at, _)| at),
        resets: status.reset.map_or(0, |(_, count)| count),
        gap: status.gap.map(|gap| GapRow {
            from: gap.from,
            to: gap.to,
        }),
        labels: target.labels.clone(),
    }
}

/// To the microsecond.
fn millis(took: Duration) -> f64 {
    took.as_micros() as f64 / 1000.0
}

fn probe_row(status: &ProbeStatus) -> ProbeRow {
    let (probe, last) = (&status.probe, status.last.as_ref());
    ProbeRow {
        name: probe.name.clone(),
        component: probe.component.clone(),
        kind: probe.kind.word().into(),
        target: probe.kind.target(),
        critical: probe.critical,
        every: probe.every,
        health: last.map_or(HealthState::Unknown, |last| last.judged.health.into()),
        since: status.since,
        reasons: last
            .map(|last| last.judged.reasons.clone())
            .unwrap_or_default(),
        last: last.map(|last| {
            let found = last.found.clone().unwrap_or_default();
            let phases = found.phases.iter();
            ProbingRow {
                at: last.at,
                took_ms: millis(last.took),
                success: last.judged.success,
                status: found.status,
                certificate_until: found.certificate_until,
                answers: found.answers.unwrap_or_default(),
                phases: phases
                    .map(|(phase, took)| ((*phase).into(), millis(*took)))
                    .collect(),
            }
        }),
    }
}

/// # Errors
/// That what is known of the targets cannot be read.
pub async fn targets(console: &Console, ask: TargetsAsk) -> Result<TargetsView, Problem> {
    let now = console.clock.now().wall;
    let status = Status::read(&console.folder.targets_status())?;
    let scraping = status.scraping(console, now);
    let mut rows = status.targets;
    rows.extend(node_row(console, now).await);
    Ok(page_of(rows, scraping, &ask))
}

fn page_of(mut rows: Vec<TargetRow>, scraping: Scraping, ask: &TargetsAsk) -> TargetsView {
    let of = |rows: &[TargetRow], state| rows.iter().filter(|row| row.state == state).count();
    let (up, down) = (of(&rows, TargetState::Up), of(&rows, TargetState::Down));
    if let Some(filter) = &ask.filter {
        let filter = filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&filter);
        rows.retain(|row| {
            has(&row.url)
                || row.error.as_deref().is_some_and(has)
                || row.labels.iter().any(|(_, value)| has(value))
        });
    }
    rows.sort_by(|a, b| (&a.job, &a.instance).cmp(&(&b.job, &b.instance)));
    match ask.sort.unwrap_or_default() {
        TargetSort::State => rows.sort_by_key(|row| row.state),
        TargetSort::Job => {}
        TargetSort::Instance => rows.sort_by(|a, b| a.instance.cmp(&b.instance)),
        TargetSort::Last => rows.sort_by_key(|row| row.last),
        TargetSort::Took => rows.sort_by(|a, b| {
            let took = |row: &TargetRow| row.took_ms.unwrap_or(-1.0);
            took(a).total_cmp(&took(b))
        }),
        TargetSort::Kept => rows.sort_by_key(|row| row.kept),
    }
    if ask.descending.unwrap_or(false) {
        rows.reverse();
    }
    let total = rows.len();
    let limit = ask.limit.unwrap_or(200).min(MOST);
    let rows = rows.into_iter().skip(ask.offset.unwrap_or(0)).take(limit);
    TargetsView {
        scraping,
        up,
        down,
        total,
        rows: rows.collect(),
    }
}

/// The node, or what stands in its place in a cluster. It is scraped by whoever drives, and what is
/// known of it is what the samples tell.
async fn node_row(console: &Console, now: Timestamp) -> Option<TargetRow> {
    use deckwatch_signals::{NODE_JOB, Selector};
    let store = console.samples().await.ok()?;
    let newest = async |name: &str, over: u64| {
        let selector = Selector::new(name, &[("job", NODE_JOB)]);
        let from = now.minus(Duration::from_secs(over));
        let found = store.range(&selector, from, now).await.ok()?;
        let points = found.into_iter().next()?.points;
        Some(points)
    };
    let up = newest("up", 600).await?;
    let (at, is_up) = *up.last()?;
    let good = up.iter().rev().find(|(_, value)| *value == 1.0);
    let took = newest("scrape_duration_seconds", 60)
        .await
        .unwrap_or_default();
    let count = newest("scrape_samples_scraped", 60).await;
    let count = count.and_then(|points| points.last().map(|(_, n)| *n as usize));
    let pairs = up.windows(2).rev();
    let gap = pairs.map(|pair| (pair[0].0, pair[1].0));
    let mut gap = gap.filter(|(from, to)| to.since(*from) > Duration::from_secs(10));
    Some(TargetRow {
        job: NODE_JOB.into(),
        instance: "node".into(),
        url: match &console.cluster {
            None => "the node of this machine".into(),
            Some(cluster) => format!("the cluster of {}", cluster.place.context),
        },
        state: match is_up == 1.0 {
            true => TargetState::Up,
            false => TargetState::Down,
        },
        source: "node".into(),
        through_api_server: false,
        interval: Span::from_secs(1),
        timeout: Span::from_millis(500),
        last: Some(at),
        last_good: good.map(|(at, _)| *at),
        took_ms: took.last().map(|(_, seconds)| seconds * 1000.0),
        scraped: count,
        kept: count,
        added: None,
        error: (is_up != 1.0).then(|| "it does not answer".into()),
        notes: Vec::new(),
        reset_at: None,
        resets: 0,
        gap: gap.next().map(|(from, to)| GapRow { from, to }),
        labels: vec![("job".into(), NODE_JOB.into())],
    })
}

/// # Errors
/// That what is known of the probes cannot be read.
pub async fn probes(console: &Console, _: Nothing) -> Result<ProbesView, Problem> {
    let now = console.clock.now().wall;
    let status = Status::read(&console.folder.targets_status())?;
    Ok(ProbesView {
        scraping: status.scraping(console, now),
        components: status.components,
        probes: status.probes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(job: &str, state: TargetState, took_ms: f64) -> TargetRow {
        TargetRow {
            job: job.into(),
            instance: format!("{job}:1"),
            url: format!("http://{job}:1/metrics"),
            state,
            source: "file".into(),
            through_api_server: false,
            interval: Span::from_secs(15),
            timeout: Span::from_secs(10),
            last: None,
            last_good: None,
            took_ms: Some(took_ms),
            scraped: None,
            kept: None,
            added: None,
            error: (state == TargetState::Down).then(|| "connection refused".into()),
            notes: Vec::new(),
            reset_at: None,
            resets: 0,
            gap: None,
            labels: vec![("job".into(), job.into())],
        }
    }

    #[test]
    fn targets_are_sorted_and_filtered_and_what_is_down_comes_first() {
        let rows = || {
            vec![
                row("shop", TargetState::Up, 5.0),
                row("db", TargetState::Down, 500.0),
                row("cart", TargetState::Up, 9.0),
            ]
        };
        let scraping = || Scraping {
            current: true,
            at: None,
            file: String::new(),
            trouble: None,
            set_back: None,
        };
        let jobs = |ask: TargetsAsk| -> Vec<String> {
            let view = page_of(rows(), scraping(), &ask);
            assert_eq!((view.up, view.down), (2, 1));
            view.rows.into_iter().map(|row| row.job).collect()
        };
        assert_eq!(jobs(TargetsAsk::default()), ["db", "cart", "shop"]);
        let took = TargetsAsk {
            sort: Some(TargetSort::Took),
            descending: Some(true),
            limit: Some(2),
            ..TargetsAsk::default()
        };
        assert_eq!(jobs(took), ["db", "cart"]);
        let refused = TargetsAsk {
            filter: Some("REFUSED".into()),
            ..TargetsAsk::default()
        };
        assert_eq!(jobs(refused), ["db"]);
    }
}
