//! What is kept of the objects that are read: the few fields that something here looks at.

use deckwatch_domain::{IntentId, Timestamp};
use serde_json::Value;

use super::record::{self, Labels, RELEASE};
use crate::model::ReleaseSpec;

/// A Deployment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deployment {
    pub replicas: u32,
    /// The order that brought up what its template says; none of one that was there before.
    pub order: Option<String>,
    pub release: Option<ReleaseSpec>,
    /// `app.kubernetes.io/version` of the Deployment or its pods.
    pub version_label: Option<String>,
    /// Container and image.
    pub images: Vec<(String, String)>,
    pub intents: Vec<IntentId>,
}

/// A Pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pod {
    pub name: String,
    pub order: Option<String>,
    pub labels: Labels,
    /// `Pending`, `Running`, `Succeeded`, `Failed`.
    pub phase: String,
    pub ready: bool,
    pub ready_since: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub created: Timestamp,
    pub leaving: bool,
    pub restarts: u32,
    /// Why a container does not run, as the node says it: `CrashLoopBackOff`.
    pub waiting: Option<String>,
    /// Why readiness is not given.
    pub unready_why: Option<String>,
    /// How a container ended before.
    pub ended: Option<String>,
}

/// One EndpointSlice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slice {
    pub service: String,
    /// Pods (or addresses, where there is no pod) and whether they get traffic.
    pub endpoints: Vec<(String, bool)>,
}

/// A Service or an HTTPRoute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Front {
    /// Of one that carries a record, everything but what others keep in its status; of any other,
    /// nothing.
    pub object: Option<Value>,
}

/// A HorizontalPodAutoscaler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Autoscaler {
    pub target: String,
    pub min: u32,
    pub max: u32,
}

/// A PodDisruptionBudget.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    pub selector: Labels,
    /// Pods, or a share of them, that must stay.
    pub min: Option<Least>,
}

/// A number of pods, or a share of them in per cent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Least {
    Pods(u32),
    PerCent(u32),
}

impl Least {
    /// How many of `all` that is; of a share, rounded up as the API server does.
    pub fn of(self, all: u32) -> u32 {
        match self {
            Least::Pods(pods) => pods,
            Least::PerCent(share) => (all * share.min(100)).div_ceil(100),
        }
    }
}

pub(super) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// The object's version. The API server promises that a later one of the same kind is larger.
pub(super) fn version(object: &Value) -> u64 {
    let version = object["metadata"]["resourceVersion"].as_str();
    version.and_then(|v| v.parse().ok()).unwrap_or(0)
}

pub(super) fn labels(value: &Value) -> Labels {
    let entries = value.as_object().into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Whether labels satisfy a selector. An empty selector selects nothing here: a Service without one
/// has no pods of its own.
pub(super) fn matches(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty() && selector.iter().all(|(k, v)| labels.get(k) == Some(v))
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|n| n.try_into().ok()).unwrap_or(0)
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// The order that brought up a pod, or the pods of a template.
fn order(meta: &Value) -> Option<String> {
    let order = meta["annotations"][record::ORDER].as_str();
    order.map(str::to_owned)
}

impl Deployment {
    pub(super) fn of(object: &Value) -> Self {
        let (spec, meta) = (&object["spec"], &object["metadata"]);
        let template = &spec["template"];
        let version = |meta: &Value| {
            let label = meta["labels"]["app.kubernetes.io/version"].as_str();
            label.map(str::to_owned)
        };
        let containers = template["spec"]["containers"].as_array();
        let release = meta["annotations"][RELEASE].as_str();
        Deployment {
            replicas: spec["replicas"].as_u64().map_or(1, |n| n as u32),
            order: order(&template["metadata"]),
            release: release.and_then(|text| serde_json::from_str(text).ok()),
            version_label: version(&template["metadata"]).or_else(|| version(meta)),
            images: containers
                .into_iter()
                .flatten()
                .map(|c| (string(&c["name"]), string(&c["image"])))
                .collect(),
            intents: record::intents(&meta["annotations"]),
        }
    }
}

impl Pod {
    pub(super) fn of(object: &Value) -> Self {
        let (meta, status) = (&object["metadata"], &object["status"]);
        let conditions = status["conditions"].as_array();
        let ready = conditions.and_then(|list| list.iter().find(|c| c["type"] == "Ready"));
        let is_ready = ready.is_some_and(|c| c["status"] == "True");
        let since = ready.and_then(|c| moment(&c["lastTransitionTime"]));
        let statuses: Vec<&Value> = ["initContainerStatuses", "containerStatuses"]
            .iter()
            .filter_map(|key| status[*key].as_array())
            .flatten()
            .collect();
        let reason = |c: &&Value| c["state"]["waiting"]["reason"].as_str().map(str::to_owned);
        Pod {
            name: name(object).to_owned(),
            order: order(meta),
            labels: labels(&meta["labels"]),
            phase: string(&status["phase"]),
            ready: is_ready,
            ready_since: since.filter(|_| is_ready),
            started: moment(&status["startTime"]),
            created: moment(&meta["creationTimestamp"]).unwrap_or(Timestamp::EPOCH),
            leaving: meta["deletionTimestamp"].is_string(),
            restarts: statuses.iter().map(|c| number(&c["restartCount"])).sum(),
            waiting: statuses.iter().find_map(reason),
            unready_why: ready.filter(|_| !is_ready).map(|c| {
                let said = c["message"].as_str().filter(|m| !m.is_empty());
                string(&c["reason"]) + &said.map_or_else(String::new, |m| format!(": {m}"))
            }),
            ended: statuses.iter().find_map(|c| ended(c)),
        }
    }
}

fn ended(container: &Value) -> Option<String> {
    let ended = &container["lastState"]["terminated"];
    match (ended["exitCode"].as_i64(), ended["signal"].as_i64()) {
        (_, Some(signal)) if signal > 0 => Some(format!("signal {signal}")),
        (Some(code), _) => Some(format!("exit code {code}")),
        _ => None,
    }
}

impl Slice {
    pub(super) fn of(object: &Value) -> Self {
        let endpoints = object["endpoints"].as_array().into_iter().flatten();
        Slice {
            service: string(&object["metadata"]["labels"]["kubernetes.io/service-name"]),
            endpoints: endpoints
                .map(|e| {
                    let pod = e["targetRef"]["name"].as_str();
                    let who = pod.or_else(|| e["addresses"][0].as_str());
                    // Not said counts as ready: so the API's own description has it.
                    let ready = e["conditions"]["ready"].as_bool().unwrap_or(true);
                    (who.unwrap_or_default().to_owned(), ready)
                })
                .collect(),
        }
    }
}

impl Front {
    pub(super) fn of(object: &Value) -> Self {
        let ours = object["metadata"]["annotations"][record::TRAFFIC].is_string();
        let kept = ours.then(|| {
            let mut kept = object.clone();
            if let Some(map) = kept.as_object_mut() {
                map.remove("status");
            }
            kept
        });
        Front { object: kept }
    }
}

impl Autoscaler {
    pub(super) fn of(object: &Value) -> Self {
        let spec = &object["spec"];
        let target = &spec["scaleTargetRef"];
        let deployment = target["kind"] == "Deployment";
        Autoscaler {
            target: if deployment {
                string(&target["name"])
            } else {
                String::new()
            },
            min: spec["minReplicas"].as_u64().map_or(1, |n| n as u32),
            max: number(&spec["maxReplicas"]),
        }
    }
}

impl Budget {
    pub(super) fn of(object: &Value) -> Self {
        let spec = &object["spec"];
        let min = match &spec["minAvailable"] {
            Value::Number(n) => n.as_u64().map(|n| Least::Pods(n as u32)),
            Value::String(share) => {
                let share = share.trim_end_matches('%').parse().ok();
                share.map(Least::PerCent)
            }
            _ => None,
        };
        Budget {
            selector: labels(&spec["selector"]["matchLabels"]),
            min,
        }
    }
}

#[cfg(test)]
mod tests;
