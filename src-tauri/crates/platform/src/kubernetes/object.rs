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
    pub created: Timestamp,
    pub paused: bool,
    /// Pods of its newest template, and pods that get traffic.
    pub updated: u32,
    pub ready: u32,
    /// Why it does not get on, as its controller says it.
    pub trouble: Option<String>,
}

/// A ReplicaSet: one template that a Deployment has had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaSet {
    /// The Deployment that made it.
    pub owner: Option<String>,
    pub replicas: u32,
    pub ready: u32,
    pub revision: Option<String>,
    pub images: Vec<(String, String)>,
    pub created: Timestamp,
    pub trouble: Option<String>,
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
    /// What it says beside that, in its own words.
    pub waiting_why: Option<String>,
    /// Why readiness is not given.
    pub unready_why: Option<String>,
    /// Why no node takes it.
    pub unplaced_why: Option<String>,
    /// Why it has ended as a whole: `Evicted`.
    pub end_why: Option<String>,
    /// Containers that are not ready, by name.
    pub unready: Vec<String>,
    pub node: Option<String>,
    /// The ReplicaSet that made it.
    pub owner: Option<String>,
    /// Container and image.
    pub images: Vec<(String, String)>,
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

/// A Service, an HTTPRoute or a VirtualService.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Front {
    pub created: Timestamp,
    /// Of a Service its type and ports, of a route its hosts.
    pub words: String,
    /// The Services that a route leads to, each with its weight, in the order in which they stand.
    pub leads: Vec<(String, Option<u32>)>,
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
    /// Replicas there are, and what it has decided.
    pub current: u32,
    pub desired: u32,
    /// Why it decides nothing.
    pub trouble: Option<String>,
    pub created: Timestamp,
}

/// A PodDisruptionBudget.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    pub selector: Labels,
    /// Pods, or a share of them, that must stay.
    pub min: Option<Least>,
    /// How it is written: `minAvailable 3`.
    pub words: String,
    /// Pods that may go now.
    pub allowed: u32,
    pub healthy: u32,
    pub wanted: u32,
    pub created: Timestamp,
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

fn created(object: &Value) -> Timestamp {
    moment(&object["metadata"]["creationTimestamp"]).unwrap_or(Timestamp::EPOCH)
}

fn images(spec: &Value) -> Vec<(String, String)> {
    let containers = spec["containers"].as_array().into_iter().flatten();
    containers
        .map(|c| (string(&c["name"]), string(&c["image"])))
        .collect()
}

/// Who made an object, if it is of this kind.
fn owner(meta: &Value, kind: &str) -> Option<String> {
    let owners = meta["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|o| o["kind"] == kind)?;
    owner["name"].as_str().map(str::to_owned)
}

/// What a condition says, if it has this status.
fn condition(object: &Value, name: &str, status: &str) -> Option<String> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions
        .iter()
        .find(|c| c["type"] == name && c["status"] == status)?;
    let (reason, message) = (string(&found["reason"]), string(&found["message"]));
    Some(match (reason.is_empty(), message.is_empty()) {
        (_, true) => reason,
        (true, false) => message,
        (false, false) => format!("{reason}: {message}"),
    })
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
        let release = meta["annotations"][RELEASE].as_str();
        Deployment {
            replicas: spec["replicas"].as_u64().map_or(1, |n| n as u32),
            order: order(&template["metadata"]),
            release: release.and_then(|text| serde_json::from_str(text).ok()),
            version_label: version(&template["metadata"]).or_else(|| version(meta)),
            images: images(&template["spec"]),
            intents: record::intents(&meta["annotations"]),
            created: created(object),
            paused: spec["paused"] == true,
            updated: number(&object["status"]["updatedReplicas"]),
            ready: number(&object["status"]["readyReplicas"]),
            trouble: condition(object, "ReplicaFailure", "True")
                .or_else(|| condition(object, "Progressing", "False")),
        }
    }
}

impl ReplicaSet {
    pub(super) fn of(object: &Value) -> Self {
        let (spec, meta) = (&object["spec"], &object["metadata"]);
        let revision = &meta["annotations"]["deployment.kubernetes.io/revision"];
        ReplicaSet {
            owner: owner(meta, "Deployment"),
            replicas: spec["replicas"].as_u64().map_or(1, |n| n as u32),
            ready: number(&object["status"]["readyReplicas"]),
            revision: revision.as_str().map(str::to_owned),
            images: images(&spec["template"]["spec"]),
            created: created(object),
            trouble: condition(object, "ReplicaFailure", "True"),
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
        let waiting = |key: &str| {
            let said = |c: &&Value| c["state"]["waiting"][key].as_str().map(str::to_owned);
            statuses.iter().find_map(said)
        };
        let own = status["containerStatuses"].as_array().into_iter().flatten();
        Pod {
            name: name(object).to_owned(),
            order: order(meta),
            labels: labels(&meta["labels"]),
            phase: string(&status["phase"]),
            ready: is_ready,
            ready_since: since.filter(|_| is_ready),
            started: moment(&status["startTime"]),
            created: created(object),
            leaving: meta["deletionTimestamp"].is_string(),
            restarts: statuses.iter().map(|c| number(&c["restartCount"])).sum(),
            waiting: waiting("reason"),
            waiting_why: waiting("message"),
            unplaced_why: condition(object, "PodScheduled", "False"),
            end_why: said(&status["reason"], &status["message"]),
            unready: own
                .filter(|c| c["ready"] != true)
                .map(|c| string(&c["name"]))
                .collect(),
            node: object["spec"]["nodeName"].as_str().map(str::to_owned),
            owner: owner(meta, "ReplicaSet"),
            images: images(&object["spec"]),
            unready_why: ready.filter(|_| !is_ready).map(|c| {
                let said = c["message"].as_str().filter(|m| !m.is_empty());
                string(&c["reason"]) + &said.map_or_else(String::new, |m| format!(": {m}"))
            }),
            ended: statuses.iter().find_map(|c| ended(c)),
        }
    }
}

fn said(reason: &Value, message: &Value) -> Option<String> {
    let parts = [reason, message];
    let words: Vec<&str> = parts.iter().filter_map(|part| part.as_str()).collect();
    (!words.is_empty()).then(|| words.join(": "))
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
        Front {
            created: created(object),
            words: front_words(&object["spec"]),
            leads: leads(&object["spec"]),
            object: kept,
        }
    }
}

/// What a Service or a route says of itself, as a table shows it.
fn front_words(spec: &Value) -> String {
    let list = |key: &str| spec[key].as_array().into_iter().flatten();
    let ports = list("ports").map(|p| {
        let (port, name) = (&p["port"], p["name"].as_str());
        name.map_or_else(|| port.to_string(), |name| format!("{name} {port}"))
    });
    let hosts = list("hostnames").chain(list("hosts")).map(string);
    let kind = spec["type"].as_str().map(str::to_owned);
    let parts: Vec<String> = kind.into_iter().chain(ports).chain(hosts).collect();
    parts.join(" · ")
}

/// The Services that an HTTPRoute or a VirtualService leads to.
fn leads(spec: &Value) -> Vec<(String, Option<u32>)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut found: Vec<(String, Option<u32>)> = Vec::new();
    for rule in list(&spec["rules"]).iter().chain(&list(&spec["http"])) {
        let refs = list(&rule["backendRefs"]);
        let routes = list(&rule["route"]);
        let named = refs.iter().map(|r| (string(&r["name"]), &r["weight"]));
        let hosts = routes.iter().map(|r| {
            let host = string(&r["destination"]["host"]);
            let name = host.split('.').next().unwrap_or_default().to_owned();
            (name, &r["weight"])
        });
        for (name, weight) in named.chain(hosts) {
            let weight = weight.as_u64().and_then(|n| n.try_into().ok());
            if !found.iter().any(|(there, _)| *there == name) {
                found.push((name, weight));
            }
        }
    }
    found
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
            current: number(&object["status"]["currentReplicas"]),
            desired: number(&object["status"]["desiredReplicas"]),
            trouble: condition(object, "AbleToScale", "False")
                .or_else(|| condition(object, "ScalingActive", "False")),
            created: created(object),
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
            words: ["minAvailable", "maxUnavailable"]
                .iter()
                .find_map(|key| match &spec[*key] {
                    Value::Null => None,
                    Value::String(share) => Some(format!("{key} {share}")),
                    number => Some(format!("{key} {number}")),
                })
                .unwrap_or_default(),
            allowed: number(&object["status"]["disruptionsAllowed"]),
            healthy: number(&object["status"]["currentHealthy"]),
            wanted: number(&object["status"]["desiredHealthy"]),
            created: created(object),
        }
    }
}

#[cfg(test)]
mod tests;
