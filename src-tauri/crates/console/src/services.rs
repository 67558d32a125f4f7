//! Services: what is defined, what stands, what it prints.

use deckwatch_domain::{ReleaseVersion, Role, ServiceName, Slot, Timestamp};
use deckwatch_platform::local::{NodeStatus, ServiceDefinition};
use deckwatch_platform::{LogLine, Observation};
use deckwatch_rollout::ports::Standing;
use deckwatch_signals::{BadRule, quantile, slot_counts};
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::evidence::cohort;
use crate::plans::PlanMistake;
use crate::problem::{Problem, invalid};
use crate::route::{ByService, Done, Nothing};

/// What was measured of one slot lately.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct Measured {
    /// Requests a second.
    pub rate: Option<f64>,
    /// The share of bad answers.
    pub errors: Option<f64>,
    pub p95_ms: Option<f64>,
    /// When the newest of these numbers was taken.
    pub at: Option<Timestamp>,
}

/// One service in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ServiceRow {
    pub service: ServiceName,
    pub stable: Option<ReleaseVersion>,
    pub candidate: Option<ReleaseVersion>,
    pub candidate_weight: u8,
    pub previous: Option<ReleaseVersion>,
    pub ready: u32,
    pub desired: u32,
    pub measured: Measured,
}

/// One service.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ServiceView {
    pub definition: Option<ServiceDefinition>,
    /// The same, to be edited.
    pub definition_yaml: Option<String>,
    pub observation: Observation,
    /// Blue's, then green's.
    pub measured: [Measured; 2],
}

/// Which lines.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    pub service: ServiceName,
    #[serde(default = "lines")]
    #[ts(optional, as = "Option<_>")]
    pub lines: usize,
    /// A part of the line or of the instance's name.
    #[serde(default)]
    #[ts(optional)]
    pub filter: Option<String>,
}

impl Logs {
    pub(crate) fn takes(&self, line: &LogLine) -> bool {
        self.filter.as_ref().is_none_or(|f| {
            let f = f.to_lowercase();
            line.text.to_lowercase().contains(&f) || line.instance.contains(&f)
        })
    }
}

fn lines() -> usize {
    100
}

/// A definition as written.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Define {
    pub yaml: String,
}

/// Which service to remove.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    pub service: ServiceName,
    /// Even while it serves.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub force: bool,
}

/// Short, so that a figure follows a change of weight within seconds.
const LATELY: std::time::Duration = std::time::Duration::from_secs(15);

/// What the newest samples say of one version in a slot.
pub(crate) async fn measured(
    console: &Console,
    service: &ServiceName,
    standing: &Standing,
) -> Measured {
    let Ok(store) = console.samples().await else {
        return Measured::default();
    };
    let now = console.clock.now().wall;
    let from = now.minus(LATELY);
    let cohort = cohort(service, standing);
    let counted = slot_counts(&store, &cohort, from, now, BadRule::Errors)
        .await
        .unwrap_or_default();
    let total: u64 = counted.iter().map(|i| i.total).sum();
    let bad: u64 = counted.iter().map(|i| i.bad).sum();
    let covered: f64 = counted
        .iter()
        .map(|i| i.at.since(i.from).as_secs_f64())
        .sum();
    let p95 = quantile(&store, &cohort, 0.95, from, now)
        .await
        .ok()
        .flatten();
    Measured {
        rate: (covered > 0.0).then(|| total as f64 / covered),
        errors: (total > 0).then(|| bad as f64 / total as f64),
        p95_ms: p95.map(|seconds| seconds * 1000.0),
        at: counted.last().map(|i| i.at),
    }
}

pub(crate) fn standing(seen: &Observation, slot: Slot) -> Option<Standing> {
    Some(Standing {
        slot,
        version: seen.slots[slot].release.as_ref()?.version.clone(),
    })
}

pub(crate) fn version(seen: &Observation, role: Role) -> Option<ReleaseVersion> {
    let slot = seen.traffic.roles.playing(role)?;
    Some(seen.slots[slot].release.as_ref()?.version.clone())
}

/// # Errors
/// The platform's.
pub async fn list(console: &Console, _: Nothing) -> Result<Vec<ServiceRow>, Problem> {
    let mut rows = Vec::new();
    for service in console.platform.services().await? {
        let seen = console.platform.observe(&service).await?;
        let roles = seen.traffic.roles;
        let candidate = roles.playing(Role::Candidate);
        let stable = roles.playing(Role::Stable);
        let measured = match stable.and_then(|slot| standing(&seen, slot)) {
            Some(standing) => measured(console, &service, &standing).await,
            None => Measured::default(),
        };
        rows.push(ServiceRow {
            stable: version(&seen, Role::Stable),
            candidate: version(&seen, Role::Candidate),
            candidate_weight: candidate.map_or(0, |slot| seen.traffic.weights.of(slot)),
            previous: version(&seen, Role::Previous),
            ready: stable.map_or(0, |slot| seen.slots[slot].ready),
            desired: stable.map_or(0, |slot| seen.slots[slot].desired),
            measured,
            service,
        });
    }
    Ok(rows)
}

/// # Errors
/// The platform's, or that there is no such service.
pub async fn show(console: &Console, by: ByService) -> Result<ServiceView, Problem> {
    console.known(&by.service).await?;
    let observation = console.platform.observe(&by.service).await?;
    let mut both = [Measured::default(), Measured::default()];
    for (i, slot) in Slot::BOTH.into_iter().enumerate() {
        if let Some(standing) = standing(&observation, slot) {
            both[i] = measured(console, &by.service, &standing).await;
        }
    }
    let definition = match &console.cluster {
        None => console.local.definition(&by.service).await.ok(),
        Some(_) => None,
    };
    Ok(ServiceView {
        definition_yaml: definition
            .as_ref()
            .map(|d| deckwatch_domain::to_yaml(&serde_json::json!(d))),
        definition,
        observation,
        measured: both,
    })
}

/// # Errors
/// The platform's, or that there is no such service.
pub async fn logs(console: &Console, ask: Logs) -> Result<Vec<LogLine>, Problem> {
    console.known(&ask.service).await?;
    let mut lines = console
        .platform
        .logs(&ask.service, ask.lines.min(10_000))
        .await?;
    lines.retain(|line| ask.takes(line));
    Ok(lines)
}

/// What a check of a definition found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct DefinitionCheck {
    pub mistakes: Vec<PlanMistake>,
}

/// # Errors
/// None: the mistakes are the answer.
pub async fn check_definition(_: &Console, ask: Define) -> Result<DefinitionCheck, Problem> {
    let mistakes = match ServiceDefinition::from_yaml(&ask.yaml) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(PlanMistake::from).collect(),
    };
    Ok(DefinitionCheck { mistakes })
}

/// # Errors
/// All mistakes of the definition, or the platform's.
pub async fn define(console: &Console, ask: Define) -> Result<ServiceDefinition, Problem> {
    let definition =
        ServiceDefinition::from_yaml(&ask.yaml).map_err(|p| invalid("definition", &p))?;
    console.on_this_machine()?;
    console.ensure_node().await?;
    console.local.define(&definition).await?;
    Ok(definition)
}

/// # Errors
/// That it still serves, or the platform's.
pub async fn remove(console: &Console, ask: Remove) -> Result<Done, Problem> {
    console.on_this_machine()?;
    console.known(&ask.service).await?;
    console.local.remove(&ask.service, ask.force).await?;
    Ok(Done::new(format!("{} is removed", ask.service)))
}

/// # Errors
/// That no node answers.
pub async fn node(console: &Console, _: Nothing) -> Result<NodeStatus, Problem> {
    console.on_this_machine()?;
    Ok(console.local.node().await?)
}

/// # Errors
/// Why it did not come up.
pub async fn start_node(console: &Console, _: Nothing) -> Result<NodeStatus, Problem> {
    console.on_this_machine()?;
    console.ensure_node().await?;
    Ok(console.local.node().await?)
}

/// # Errors
/// That none answers.
pub async fn stop_node(console: &Console, _: Nothing) -> Result<Done, Problem> {
    console.on_this_machine()?;
    console.local.shutdown().await?;
    Ok(Done::new("the node and everything it ran have stopped"))
}
