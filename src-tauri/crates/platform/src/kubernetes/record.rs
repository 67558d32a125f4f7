//! The truth that the traffic object carries, as annotations, and the names that follow from it.
//!
//! Everything that a take-back needs stands in this one object: the traffic, where the way back
//! leads, and by which labels each slot's pods are found. It is written in the same patch as the
//! routing itself and never apart from it.

use std::collections::BTreeMap;

use deckwatch_domain::{IntentId, PerSlot, ServiceName, Slot};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::Traffic;

/// Labels, or a selector of equality.
pub type Labels = BTreeMap<String, String>;

/// Annotation: the [`Traffic`], as JSON.
pub const TRAFFIC: &str = "deckwatch.dev/traffic";
/// Annotation: the newest intents, as JSON.
pub const INTENTS: &str = "deckwatch.dev/intents";
/// Annotation: the [`Adopted`], as JSON.
pub const ADOPTED: &str = "deckwatch.dev/adopted";
/// Annotation of a slot's Deployment: the release in it, as JSON.
pub const RELEASE: &str = "deckwatch.dev/release";
/// Annotation of a slot's Deployment: what the release replaced in the template, as JSON.
pub const REPLACED: &str = "deckwatch.dev/replaced";
/// Annotation of a slot's pods: the order that brought them up.
pub const ORDER: &str = "deckwatch.dev/order";
/// Label: the service that an object belongs to.
pub const SERVICE: &str = "deckwatch.dev/service";
/// Label: the slot that an object belongs to.
pub const SLOT: &str = "deckwatch.dev/slot";
/// Label: who made an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Intents that an object keeps.
pub const INTENTS_KEPT: usize = 32;

/// What was taken over when a service was adopted, and what was made for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Adopted {
    pub service: ServiceName,
    /// The Deployment that stood there before; it stands in blue and keeps its name.
    pub deployment: String,
    /// The Service that it was reached by before.
    pub original: String,
    /// That Service's selector before it was touched.
    pub original_selector: Labels,
    /// The slot that the original Service selects. Callers that go round the route meet this one.
    pub follows: Slot,
    /// The container that a release's image, command and environment are for.
    pub container: String,
    /// Instances of a full slot.
    pub instances: u32,
    /// By which labels each slot's pods are found.
    pub selectors: PerSlot<Labels>,
}

impl Adopted {
    /// The Deployment that stands in a slot.
    pub fn deployment(&self, slot: Slot) -> String {
        match slot {
            Slot::Blue => self.deployment.clone(),
            Slot::Green => self.slot_name(slot),
        }
    }

    /// The name of what is made for a slot: its Service and, in green, its Deployment.
    pub fn slot_name(&self, slot: Slot) -> String {
        slot_name(&self.service, slot)
    }
}

/// The name of what is made for a slot.
pub fn slot_name(service: &ServiceName, slot: Slot) -> String {
    format!("{service}-{slot}")
}

/// The labels of pods that were started for a slot. Nobody else's selector knows them.
pub fn slot_labels(service: &ServiceName, slot: Slot) -> Labels {
    Labels::from([
        (SERVICE.into(), service.to_string()),
        (SLOT.into(), slot.to_string()),
    ])
}

/// The record of one service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub traffic: Traffic,
    pub adopted: Adopted,
    pub intents: Vec<IntentId>,
}

impl Record {
    /// The record that an object carries; none: it is nobody's traffic object.
    ///
    /// # Errors
    /// It carries one that is not understood, in words.
    pub fn of(object: &Value) -> Result<Option<Record>, String> {
        let annotations = &object["metadata"]["annotations"];
        let (Some(traffic), Some(adopted)) =
            (annotations[TRAFFIC].as_str(), annotations[ADOPTED].as_str())
        else {
            return Ok(None);
        };
        let wrong = |key: &str, e: serde_json::Error| {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            format!("the annotation {key} of {name} is not understood: {e}")
        };
        Ok(Some(Record {
            traffic: serde_json::from_str(traffic).map_err(|e| wrong(TRAFFIC, e))?,
            adopted: serde_json::from_str(adopted).map_err(|e| wrong(ADOPTED, e))?,
            intents: intents(annotations),
        }))
    }

    /// The annotations that this record is.
    pub fn annotations(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            (TRAFFIC, text(&self.traffic)),
            (ADOPTED, text(&self.adopted)),
            (INTENTS, text(&self.intents)),
        ])
    }

    /// The operations that write this record into an object.
    pub fn ops(&self, object: &Value) -> Vec<Value> {
        let entries: Vec<(&str, String)> = self.annotations().into_iter().collect();
        let mut ops = annotation_ops(object, &entries);
        ops.extend(map_ops(
            object,
            "labels",
            &[(SERVICE, self.adopted.service.to_string())],
        ));
        ops
    }

    /// Notes an intent as carried out.
    pub fn note(&mut self, intent: IntentId) {
        note(&mut self.intents, intent);
    }
}

/// The intents that an object's annotations carry; none where they are not understood, as they are
/// only there to save work.
pub fn intents(annotations: &Value) -> Vec<IntentId> {
    let kept = annotations[INTENTS].as_str();
    kept.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Adds an intent and lets the oldest go.
pub fn note(intents: &mut Vec<IntentId>, intent: IntentId) {
    if !intents.contains(&intent) {
        intents.push(intent);
    }
    let excess = intents.len().saturating_sub(INTENTS_KEPT);
    intents.drain(..excess);
}

/// Any of our own values as annotation text.
pub fn text(value: &impl Serialize) -> String {
    // Plain data with text keys: writing it cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// The operations that set annotations.
pub fn annotation_ops(object: &Value, entries: &[(&str, String)]) -> Vec<Value> {
    map_ops(object, "annotations", entries)
}

fn map_ops(object: &Value, map: &str, entries: &[(&str, String)]) -> Vec<Value> {
    let mut ops = Vec::new();
    if !object["metadata"][map].is_object() {
        ops.push(json!({"op": "add", "path": format!("/metadata/{map}"), "value": {}}));
    }
    ops.extend(entries.iter().map(|(key, value)| {
        json!({"op": "add", "path": format!("/metadata/{map}/{}", escaped(key)), "value": value})
    }));
    ops
}

/// The operation that removes an annotation or label, if it is there.
pub fn removal(object: &Value, map: &str, key: &str) -> Option<Value> {
    object["metadata"][map].get(key)?;
    Some(json!({"op": "remove", "path": format!("/metadata/{map}/{}", escaped(key))}))
}

/// The operation that keeps a patch from landing on an object that has changed since it was read.
pub fn unchanged(object: &Value) -> Value {
    json!({"op": "test", "path": "/metadata/resourceVersion", "value": object["metadata"]["resourceVersion"]})
}

/// A key as a part of a JSON pointer (RFC 6901).
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rules::tests::live;

    pub(in crate::kubernetes) fn record() -> Record {
        let service = ServiceName::new("web").unwrap();
        let blue = Labels::from([("app".into(), "web".into())]);
        let green = slot_labels(&service, Slot::Green);
        Record {
            traffic: live(),
            adopted: Adopted {
                service,
                deployment: "web".into(),
                original: "web-svc".into(),
                original_selector: blue.clone(),
                follows: Slot::Blue,
                container: "main".into(),
                instances: 4,
                selectors: PerSlot { blue, green },
            },
            intents: vec![IntentId::from_u128(1)],
        }
    }

    /// Carries out the operations that are made here: `add`, `replace` and `remove` of a key or an
    /// element, and `test`.
    pub(in crate::kubernetes) fn patched(object: &Value, ops: &[Value]) -> Value {
        let mut after = object.clone();
        for op in ops {
            let path = op["path"].as_str().unwrap();
            if op["op"] == "test" {
                assert_eq!(after.pointer(path), op.get("value"), "{op}");
                continue;
            }
            let (parent, key) = path.rsplit_once('/').unwrap();
            let key = key.replace("~1", "/").replace("~0", "~");
            let parent = after.pointer_mut(parent).unwrap_or_else(|| panic!("{op}"));
            match (parent, op["op"].as_str().unwrap()) {
                (Value::Object(map), "remove") => drop(map.remove(&key).unwrap()),
                (Value::Object(map), _) => drop(map.insert(key, op["value"].clone())),
                (Value::Array(list), "add") if key == "-" => list.push(op["value"].clone()),
                (Value::Array(list), "remove") => drop(list.remove(key.parse().unwrap())),
                (Value::Array(list), "replace") => {
                    list[key.parse::<usize>().unwrap()] = op["value"].clone();
                }
                other => panic!("{op}: {other:?}"),
            }
        }
        after
    }

    #[test]
    fn what_is_written_is_read_again_whole() {
        let bare = json!({"metadata": {"name": "web", "resourceVersion": "7"}});
        assert_eq!(Record::of(&bare), Ok(None));
        let written = patched(&bare, &record().ops(&bare));
        assert_eq!(Record::of(&written), Ok(Some(record())));
        assert_eq!(written["metadata"]["labels"][SERVICE], "web");
        let others = json!({"metadata": {"annotations": {"a/b": "c"}, "labels": {"x": "y"}}});
        let written = patched(&others, &record().ops(&others));
        assert_eq!(written["metadata"]["annotations"]["a/b"], "c");
        assert_eq!(written["metadata"]["labels"]["x"], "y");
    }

    #[test]
    fn a_record_that_was_broken_by_hand_is_said_and_not_guessed() {
        let bare = json!({"metadata": {"name": "web"}});
        let mut broken = patched(&bare, &record().ops(&bare));
        broken["metadata"]["annotations"][TRAFFIC] = json!("{");
        let said = Record::of(&broken).unwrap_err();
        assert!(said.contains("deckwatch.dev/traffic of web"), "{said}");
    }

    #[test]
    fn the_newest_intents_are_kept() {
        let mut kept = Vec::new();
        for n in 0..100 {
            note(&mut kept, IntentId::from_u128(n));
            note(&mut kept, IntentId::from_u128(n));
        }
        assert_eq!(kept.len(), INTENTS_KEPT);
        assert_eq!(kept.last(), Some(&IntentId::from_u128(99)));
    }
}
