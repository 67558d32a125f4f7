//! Who owns which field of an object, from its `managedFields`. Pure.
//!
//! Each manager has a tree of the fields that it wrote last: `f:name` a field, `k:{…}` the element
//! of a list with these keys, `v:…` an element by its value, `i:n` one by its place; a node without
//! children owns everything beneath it, `.` the node itself.

use deckwatch_domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who wrote a field last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Owner {
    pub manager: String,
    /// `Apply` or `Update`
    pub operation: String,
    /// When this manager last wrote anything into the object this way.
    pub at: Option<Timestamp>,
    /// `scale`, `status`; none: the object itself.
    pub subresource: Option<String>,
}

/// One step from a value to a part of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Step {
    Field(String),
    Element(usize),
}

/// A field's place as people read it; elements with a name by it: `spec.containers[main].image`.
pub(super) fn written(object: &Value, path: &[Step]) -> String {
    let (mut out, mut at) = (String::new(), object);
    for step in path {
        match step {
            Step::Field(name) => {
                let dot = if out.is_empty() { "" } else { "." };
                // A key with dots of its own, as annotations have.
                match name.contains(['.', '/']) {
                    true => out += &format!("[{name}]"),
                    false => out += &format!("{dot}{name}"),
                }
                at = &at[name.as_str()];
            }
            Step::Element(n) => {
                at = &at[*n];
                match at["name"].as_str() {
                    Some(name) => out += &format!("[{name}]"),
                    None => out += &format!("[{n}]"),
                }
            }
        }
    }
    out
}

/// The part of a value that a path leads to.
pub(super) fn found<'a>(object: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(object, |at, step| match step {
        Step::Field(name) => at.get(name.as_str()),
        Step::Element(n) => at.get(*n),
    })
}

fn managers(object: &Value) -> impl Iterator<Item = &Value> {
    let entries = object["metadata"]["managedFields"].as_array();
    entries.into_iter().flatten()
}

fn owner(entry: &Value) -> Owner {
    let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let subresource = entry["subresource"].as_str().filter(|s| !s.is_empty());
    Owner {
        manager: text("manager"),
        operation: text("operation"),
        at: entry["time"].as_str().and_then(|t| t.parse().ok()),
        subresource: subresource.map(str::to_owned),
    }
}

/// Everybody who owns this field, or what it is in as a whole.
pub(super) fn owners(object: &Value, path: &[Step]) -> Vec<Owner> {
    let owns = |entry: &&Value| covers(&entry["fieldsV1"], object, path);
    managers(object).filter(owns).map(owner).collect()
}

/// When a manager last wrote anything; none: never.
pub(super) fn last(object: &Value, manager: &str) -> Option<Timestamp> {
    let own = managers(object).filter(|entry| entry["manager"] == manager);
    own.filter_map(|entry| owner(entry).at).max()
}

fn covers(tree: &Value, object: &Value, path: &[Step]) -> bool {
    let Some(children) = tree.as_object() else {
        return false;
    };
    let Some((step, rest)) = path.split_first() else {
        // The end: a leaf, or a node that is itself owned.
        return children.is_empty() || children.contains_key(".");
    };
    if children.is_empty() {
        return true;
    }
    match step {
        Step::Field(name) => {
            let child = children.get(&format!("f:{name}"));
            child.is_some_and(|child| covers(child, &object[name.as_str()], rest))
        }
        Step::Element(n) => {
            let element = &object[*n];
            let fits = |key: &String| is_element(key, element, *n);
            let mut fitting = children.iter().filter(|(key, _)| fits(key));
            fitting.any(|(_, child)| covers(child, element, rest))
        }
    }
}

/// Whether a key of a tree means this element of a list.
fn is_element(key: &str, element: &Value, place: usize) -> bool {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    match key.split_at_checked(2) {
        Some(("k:", keys)) => parsed(keys).is_some_and(|keys| {
            let mut all = keys.as_object().into_iter().flatten();
            all.all(|(key, value)| element[key] == *value)
        }),
        Some(("v:", value)) => parsed(value).is_some_and(|value| value == *element),
        Some(("i:", n)) => n.parse() == Ok(place),
        _ => false,
    }
}

/// The leaves that a manager owns, as they are found in the object.
pub(super) fn owned(object: &Value, manager: &str) -> Vec<Vec<Step>> {
    let mut all = Vec::new();
    for entry in managers(object).filter(|entry| entry["manager"] == manager) {
        leaves(&entry["fieldsV1"], object, &mut Vec::new(), &mut all);
    }
    all.sort();
    all.dedup();
    all
}

fn leaves(tree: &Value, object: &Value, path: &mut Vec<Step>, all: &mut Vec<Vec<Step>>) {
    let children = tree.as_object().into_iter().flatten();
    let mut deeper = false;
    for (key, child) in children.filter(|(key, _)| *key != ".") {
        deeper = true;
        match key.split_at_checked(2) {
            Some(("f:", name)) => {
                path.push(Step::Field(name.to_owned()));
                leaves(child, &object[name], path, all);
                path.pop();
            }
            _ => {
                let elements = object.as_array().into_iter().flatten().enumerate();
                for (n, element) in elements.filter(|(n, e)| is_element(key, e, *n)) {
                    path.push(Step::Element(n));
                    leaves(child, element, path, all);
                    path.pop();
                }
            }
        }
    }
    if !deeper && !path.is_empty() {
        all.push(path.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object() -> Value {
        json!({
            "metadata": {"annotations": {"deckwatch.dev/order": "7"}, "managedFields": [
                {"manager": "deckwatch", "operation": "Update", "time": "2026-01-01T00:00:00Z",
                 "fieldsV1": {
                    "f:metadata": {"f:annotations": {".": {}, "f:deckwatch.dev/order": {}}},
                    "f:spec": {"f:selector": {}, "f:containers": {
                        "k:{\"name\":\"main\"}": {".": {}, "f:image": {}, "f:name": {}}}}}},
                {"manager": "kubectl-scale", "operation": "Update", "time": "2026-01-02T00:00:00Z",
                 "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                {"manager": "argocd", "operation": "Apply", "time": "2026-01-03T00:00:00Z",
                 "fieldsV1": {"f:spec": {"f:finalizers": {"v:\"a\"": {}}, "f:selector": {}}}},
            ]},
            "spec": {"replicas": 3, "selector": {"app": "web"}, "finalizers": ["b", "a"],
                "containers": [{"name": "side", "image": "s"}, {"name": "main", "image": "m"}]},
        })
    }

    fn path(text: &str) -> Vec<Step> {
        let steps = text.split('/').map(|s| match s.parse() {
            Ok(n) => Step::Element(n),
            Err(_) => Step::Field(s.to_owned()),
        });
        steps.collect()
    }

    #[test]
    fn a_field_has_the_owners_that_its_trees_say() {
        let object = object();
        let names = |text: &str| -> Vec<String> {
            let found = owners(&object, &path(text)).into_iter();
            found.map(|owner| owner.manager).collect()
        };
        assert_eq!(names("spec/containers/1/image"), ["deckwatch"]);
        assert!(
            names("spec/containers/0/image").is_empty(),
            "another element"
        );
        assert_eq!(
            names("spec/selector/app"),
            ["deckwatch", "argocd"],
            "a leaf owns what is in it"
        );
        assert_eq!(names("spec/replicas"), ["kubectl-scale"]);
        assert_eq!(names("spec/finalizers/1"), ["argocd"]);
        assert!(names("spec/finalizers/0").is_empty());
        assert!(names("spec").is_empty(), "a part is not the whole");
        assert!(names("status").is_empty());
        let scale = owners(&object, &path("spec/replicas")).remove(0);
        assert_eq!(scale.subresource.as_deref(), Some("scale"));
    }

    #[test]
    fn what_a_manager_owns_is_found_in_the_object() {
        let object = object();
        let own = owned(&object, "deckwatch");
        let words: Vec<String> = own.iter().map(|p| written(&object, p)).collect();
        assert_eq!(
            words,
            [
                "metadata.annotations[deckwatch.dev/order]",
                "spec.containers[main].image",
                "spec.containers[main].name",
                "spec.selector",
            ]
        );
        assert_eq!(found(&object, &own[1]), Some(&json!("m")));
        assert_eq!(last(&object, "argocd"), "2026-01-03T00:00:00Z".parse().ok());
        assert_eq!(last(&object, "nobody"), None);
        assert!(owned(&json!({}), "deckwatch").is_empty());
    }
}
