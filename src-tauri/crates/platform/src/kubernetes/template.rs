//! What is made for a slot: its Deployment, its Service, its copy of an autoscaler. Pure.
//!
//! Pods that are started here must be nobody else's: they match neither the adopted Deployment's
//! selector nor its Service's nor its disruption budget's. So every label that one of those asks
//! for is left off, and the slot's own labels stand in their place.

use deckwatch_domain::{IntentId, Slot};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::object::labels;
use super::record::{
    Adopted, Labels, MANAGED_BY, ORDER, RELEASE, REPLACED, SERVICE, SLOT, slot_labels, text,
};
use crate::model::{Rejection, ReleaseSpec};

/// What a release replaced in the container, so that the next release does not inherit it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Replaced {
    /// The entry of each variable that the release sets; none where there was no such variable.
    env: Map<String, Value>,
    /// The command there was, empty where there was none; not there: the release left it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Vec<Value>>,
}

/// A pod template with a release in it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Filled {
    pub template: Value,
    pub replaced: Replaced,
}

fn malformed(what: impl Into<String>) -> Rejection {
    Rejection::Malformed { what: what.into() }
}

/// The template of `from` (a Deployment) with this release in it instead of the one it runs.
pub(super) fn fill(
    from: &Value,
    container: &str,
    release: &ReleaseSpec,
    order: IntentId,
) -> Result<Filled, Rejection> {
    let mut template = from["spec"]["template"].clone();
    let earlier = from["metadata"]["annotations"][REPLACED].as_str();
    let earlier: Replaced = earlier
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let containers = template["spec"]["containers"].as_array_mut();
    let found = containers.and_then(|list| list.iter_mut().find(|c| c["name"] == container));
    let Some(target) = found else {
        return Err(malformed(format!(
            "the template has no container {container}"
        )));
    };
    put_back(target, &earlier);
    let mut replaced = Replaced::default();
    if let Some(image) = &release.image {
        target["image"] = json!(image);
    }
    if let Some(command) = &release.command {
        replaced.command = Some(target["command"].as_array().cloned().unwrap_or_default());
        let version = release.version.as_str();
        let words: Vec<String> = command
            .iter()
            .map(|w| w.replace("{version}", version))
            .collect();
        target["command"] = json!(words);
    }
    for (name, value) in &release.env {
        let before = set_env(target, name, json!({"name": name, "value": value}));
        replaced
            .env
            .insert(name.clone(), before.unwrap_or(Value::Null));
    }
    // By this the pods of this release are told from those of the one before it; and a version that
    // changes nothing else is started anew.
    let annotations = &mut template["metadata"]["annotations"];
    if !annotations.is_object() {
        *annotations = json!({});
    }
    annotations[ORDER] = json!(order);
    Ok(Filled { template, replaced })
}

fn put_back(container: &mut Value, earlier: &Replaced) {
    for (name, before) in &earlier.env {
        if before.is_null() {
            if let Some(env) = container["env"].as_array_mut() {
                env.retain(|e| e["name"] != *name);
            }
        } else {
            set_env(container, name, before.clone());
        }
    }
    match &earlier.command {
        Some(command) if command.is_empty() => {
            if let Some(map) = container.as_object_mut() {
                map.remove("command");
            }
        }
        Some(command) => container["command"] = json!(command),
        None => {}
    }
}

/// Sets one variable; what stood there before.
fn set_env(container: &mut Value, name: &str, entry: Value) -> Option<Value> {
    if !container["env"].is_array() {
        container["env"] = json!([]);
    }
    let env = container["env"].as_array_mut()?;
    if let Some(there) = env.iter_mut().find(|e| e["name"] == name) {
        return Some(std::mem::replace(there, entry));
    }
    env.push(entry);
    None
}

/// The keys that somebody's selector asks for: no pod of ours carries them.
pub(super) fn reserved(
    adopted: &Adopted,
    adopted_deployment: &Value,
    budgets: &[Labels],
) -> Vec<String> {
    let selector = &adopted_deployment["spec"]["selector"];
    let expressions = selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten();
    let mut keys: Vec<String> = labels(&selector["matchLabels"]).into_keys().collect();
    keys.extend(expressions.filter_map(|e| e["key"].as_str().map(str::to_owned)));
    keys.extend(adopted.original_selector.keys().cloned());
    keys.extend(budgets.iter().flat_map(|b| b.keys().cloned()));
    keys.retain(|key| key != SERVICE && key != SLOT);
    keys
}

/// Puts the slot's labels on a template, instead of those that others select by.
pub(super) fn relabel(template: &mut Value, adopted: &Adopted, slot: Slot, reserved: &[String]) {
    let mut kept = labels(&template["metadata"]["labels"]);
    kept.retain(|key, _| !reserved.contains(key) && key != "pod-template-hash");
    kept.extend(slot_labels(&adopted.service, slot));
    template["metadata"]["labels"] = json!(kept);
}

/// Labels and annotations of what is made for a slot.
fn meta(adopted: &Adopted, slot: Slot, name: String) -> Value {
    let mut labels = slot_labels(&adopted.service, slot);
    labels.insert(MANAGED_BY.into(), "deckwatch".into());
    json!({"name": name, "labels": labels})
}

/// The annotations of a slot's Deployment.
pub(super) fn annotations(
    release: &ReleaseSpec,
    replaced: &Replaced,
) -> [(&'static str, String); 2] {
    [(RELEASE, text(release)), (REPLACED, text(replaced))]
}

/// A Deployment for a slot, with everything that `from` says about how pods are started.
pub(super) fn deployment(
    from: &Value,
    adopted: &Adopted,
    slot: Slot,
    filled: &Filled,
    release: &ReleaseSpec,
    instances: u32,
) -> Value {
    let mut spec = from["spec"].clone();
    spec["replicas"] = json!(instances);
    spec["selector"] = json!({"matchLabels": slot_labels(&adopted.service, slot)});
    spec["template"] = filled.template.clone();
    if let Some(map) = spec.as_object_mut() {
        map.remove("paused");
    }
    let mut metadata = meta(adopted, slot, adopted.slot_name(slot));
    for (key, value) in annotations(release, &filled.replaced) {
        metadata["annotations"][key] = json!(value);
    }
    json!({
        "apiVersion": Kind::Deployment.api_version(), "kind": Kind::Deployment.name(),
        "metadata": metadata, "spec": spec,
    })
}

/// The Service of a slot: the original's ports, the slot's pods.
pub(super) fn service(original: &Value, adopted: &Adopted, slot: Slot) -> Value {
    let mut ports = original["spec"]["ports"].clone();
    for port in ports.as_array_mut().into_iter().flatten() {
        if let Some(map) = port.as_object_mut() {
            // A node port is one Service's alone.
            map.remove("nodePort");
        }
    }
    let mut spec = json!({"ports": ports, "selector": adopted.selectors[slot]});
    for kept in [
        "sessionAffinity",
        "sessionAffinityConfig",
        "internalTrafficPolicy",
        "trafficDistribution",
    ] {
        if !original["spec"][kept].is_null() {
            spec[kept] = original["spec"][kept].clone();
        }
    }
    json!({
        "apiVersion": "v1", "kind": Kind::Service.name(),
        "metadata": meta(adopted, slot, adopted.slot_name(slot)), "spec": spec,
    })
}

/// A slot's copy of the adopted Deployment's autoscaler, which keeps at least `instances`.
pub(super) fn autoscaler(original: &Value, adopted: &Adopted, slot: Slot, instances: u32) -> Value {
    let mut spec = original["spec"].clone();
    spec["scaleTargetRef"]["name"] = json!(adopted.slot_name(slot));
    spec["minReplicas"] = json!(floor(&spec, instances));
    json!({
        "apiVersion": Kind::Autoscaler.api_version(), "kind": Kind::Autoscaler.name(),
        "metadata": meta(adopted, slot, adopted.slot_name(slot)), "spec": spec,
    })
}

/// The `minReplicas` with which an autoscaler keeps `instances`, as far as its maximum allows.
pub(super) fn floor(spec: &Value, instances: u32) -> u64 {
    let most = spec["maxReplicas"].as_u64().unwrap_or(u64::MAX).max(1);
    u64::from(instances).clamp(1, most)
}

#[cfg(test)]
mod tests;
