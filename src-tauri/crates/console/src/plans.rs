//! Plans: the ones that ship, and the checking of one's own.

use deckwatch_domain::{Problem as Mistake, Role, ServiceName, Slot};
use deckwatch_rollout::plan::{self, BUILTIN, Plan, Reach, Today, What, held_against, reach};
use deckwatch_signals::slot_counts;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::console::Console;
use crate::evidence::{cohort, rule};
use crate::problem::Problem;
use crate::route::Nothing;
use crate::services::standing;

/// A plan in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct PlanRow {
    pub name: String,
    pub about: String,
    pub weights: Vec<u8>,
}

/// A plan is meant.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ByName {
    pub name: String,
}

/// A plan's text.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct PlanText {
    pub name: String,
    pub yaml: String,
}

/// A plan to check, and for whom.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct CheckPlan {
    pub yaml: String,
    #[serde(default)]
    #[ts(optional)]
    pub service: Option<ServiceName>,
    /// Of the candidate, where it shall not be as many as the service has.
    #[serde(default)]
    #[ts(optional)]
    pub instances: Option<u32>,
}

/// What a check found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct PlanCheck {
    pub mistakes: Vec<PlanMistake>,
    pub reach: Option<Reach>,
    /// What becomes of the plan with what stands in front of the service and its instances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub notes: Vec<String>,
}

/// A mistake with its place.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct PlanMistake {
    pub line: usize,
    pub column: usize,
    pub path: String,
    pub message: String,
}

impl From<&Mistake> for PlanMistake {
    fn from(m: &Mistake) -> Self {
        PlanMistake {
            line: m.line,
            column: m.column,
            path: m.path.clone(),
            message: m.message.clone(),
        }
    }
}

/// # Errors
/// None.
pub async fn list(_: &Console, _: Nothing) -> Result<Vec<PlanRow>, Problem> {
    Ok(BUILTIN
        .iter()
        .map(|(name, about, text)| PlanRow {
            name: (*name).into(),
            about: (*about).into(),
            weights: plan::read(text)
                .map(|p| p.steps.iter().map(|s| s.weight).collect())
                .unwrap_or_default(),
        })
        .collect())
}

/// # Errors
/// That there is no such plan.
pub async fn show(_: &Console, by: ByName) -> Result<PlanText, Problem> {
    let found = BUILTIN.iter().find(|(name, _, _)| *name == by.name);
    found
        .map(|(name, _, text)| PlanText {
            name: (*name).into(),
            yaml: (*text).into(),
        })
        .ok_or_else(|| unknown(&by.name))
}

pub(crate) fn unknown(name: &str) -> Problem {
    let names: Vec<&str> = BUILTIN.iter().map(|(name, _, _)| *name).collect();
    Problem::new(
        "plan.unknown",
        format!("no plan is called {name}; there is: {}", names.join(", ")),
    )
}

/// # Errors
/// None: mistakes are the answer.
pub async fn check(console: &Console, ask: CheckPlan) -> Result<PlanCheck, Problem> {
    let plan = match plan::read(&ask.yaml) {
        Ok(plan) => plan,
        Err(problems) => {
            return Ok(PlanCheck {
                mistakes: problems.0.iter().map(PlanMistake::from).collect(),
                reach: None,
                notes: Vec::new(),
            });
        }
    };
    let mistake = |path: &str, message: String| PlanMistake {
        line: 0,
        column: 0,
        path: path.into(),
        message,
    };
    let unmeasured = unmeasurable(&plan).into_iter();
    let mut mistakes: Vec<PlanMistake> = unmeasured
        .map(|message| mistake("analysis.metrics", message))
        .collect();
    let seen = match &ask.service {
        Some(service) => console.platform.observe(service).await.ok(),
        None => None,
    };
    // How many the release would have: batches and shares are reckoned from it.
    let known = seen.as_ref().map_or(1, |seen| seen.instances);
    let instances = ask.instances.unwrap_or(known);
    let fitted = match plan.for_instances(instances) {
        Err(why) => Err(mistake("batch", why)),
        Ok(plan) => match &seen {
            None => Ok((plan, Vec::new())),
            Some(seen) => {
                held_against(&plan, seen, instances).map_err(|why| mistake("strategy", why))
            }
        },
    };
    let (plan, notes) = match fitted {
        Ok(fitted) => fitted,
        Err(found) => {
            mistakes.push(found);
            return Ok(PlanCheck {
                mistakes,
                reach: None,
                notes: Vec::new(),
            });
        }
    };
    let reach = match &ask.service {
        Some(service) => today(console, service, &plan).await,
        None => reach(&plan, None, &[]),
    };
    Ok(PlanCheck {
        mistakes,
        reach: Some(reach),
        notes,
    })
}

/// Metrics that this platform does not count.
pub(crate) fn unmeasurable(plan: &Plan) -> Vec<String> {
    plan.analysis
        .metrics
        .iter()
        .filter(|m| m.query.is_none())
        .filter_map(|m| rule(m.what).err().map(|why| format!("{}: {why}", m.name)))
        .collect()
}

/// The plan's outlook with what the last minute measured of the service.
pub(crate) async fn today(console: &Console, service: &ServiceName, plan: &Plan) -> Reach {
    let (rate, bad) = match traffic(console, service, plan).await {
        Some((rate, bad)) => (Some(rate), bad),
        None => (None, Vec::new()),
    };
    reach(plan, rate, &bad)
}

/// Requests a second to the whole service, and the share that stable answers badly, per metric.
async fn traffic(
    console: &Console,
    service: &ServiceName,
    plan: &Plan,
) -> Option<(f64, Vec<Today>)> {
    let seen = console.platform.observe(service).await.ok()?;
    let stable = seen.traffic.roles.playing(Role::Stable)?;
    let store = console.samples().await.ok()?;
    let now = console.clock.now().wall;
    let from = now.minus(std::time::Duration::from_secs(60));
    let count = async |slot: Slot, what: What| -> Option<(u64, u64, f64)> {
        let standing = standing(&seen, slot)?;
        let counted = slot_counts(
            &store,
            &cohort(service, &standing),
            from,
            now,
            rule(what).ok()?,
        )
        .await
        .ok()?;
        let covered = counted
            .iter()
            .map(|i| i.at.since(i.from).as_secs_f64())
            .sum();
        let total = counted.iter().map(|i| i.total).sum();
        Some((total, counted.iter().map(|i| i.bad).sum(), covered))
    };
    let of = |part: u64, whole: u64, else_: f64| match whole {
        0 => else_,
        whole => part as f64 / whole as f64,
    };
    let (answered, _, _) = count(stable, What::Errors).await?;
    let mut today = Vec::new();
    for metric in &plan.analysis.metrics {
        // How much its queries count is only known once they are asked.
        if metric.query.is_some() {
            today.push(Today {
                bad: 0.0,
                per_request: 1.0,
            });
            continue;
        }
        let (total, wrong, _) = count(stable, metric.what).await?;
        today.push(Today {
            bad: of(wrong, total, 0.0),
            per_request: match metric.what {
                What::ClientErrors => of(total, answered, 1.0),
                _ => 1.0,
            },
        });
    }
    // Whoever serves it: right after a promotion most of the last minute was the other slot's.
    let (mut requests, mut covered) = (0, 0.0f64);
    for slot in Slot::BOTH {
        if let Some((total, _, seconds)) = count(slot, What::Errors).await {
            requests += total;
            covered = covered.max(seconds);
        }
    }
    (covered >= 2.0).then(|| (requests as f64 / covered, today))
}

/// # Errors
/// None.
pub async fn schema(_: &Console, _: Nothing) -> Result<Value, Problem> {
    Ok(plan::schema())
}
