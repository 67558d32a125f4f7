//! What Deckwatch applied beside what is there, field by field. Pure.
//!
//! A field that somebody else has written since is no longer ours in `managedFields`, and what stood
//! in it is not there to be read either. But the record says what every field that we write should
//! be; so what differs is found by the record, and who did it by `managedFields`.

use deckwatch_domain::{Slot, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::door::MANAGER;
use super::super::kind::Kind;
use super::super::record::{ORDER, RELEASE, Record};
use super::super::writer;
use super::managed::{self, Owner, Step};
use super::veil;
use crate::model::ReleaseSpec;

/// The longest value that is shown whole, in characters.
const LONGEST: usize = 2_000;

/// How a field stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum FieldState {
    /// It is not what Deckwatch applied.
    Differs,
    /// Deckwatch writes it too, and somebody else wrote it last; what it should be is not recorded.
    Taken,
    /// As Deckwatch applied it.
    Same,
}

/// One field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct FieldDiff {
    /// `spec.template.spec.containers[main].image`
    pub field: String,
    pub state: FieldState,
    /// What Deckwatch applied, as JSON; none: nothing, or it is not recorded.
    pub applied: Option<String>,
    /// What is there, as JSON.
    pub found: Option<String>,
    /// Who owns what is there.
    pub owners: Vec<Owner>,
}

/// An object beside what was applied to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ObjectDiff {
    pub kind: Kind,
    pub name: String,
    pub read_at: Timestamp,
    /// When Deckwatch last wrote into it; none: it never did.
    pub applied_at: Option<Timestamp>,
    /// What differs first.
    pub fields: Vec<FieldDiff>,
}

/// A field and what it should be; no value: it should not be there.
type Wanted = (Vec<Step>, Option<Value>);

/// Compares. `slot`: whose the object is; none of it: what carries the traffic, or stands before both.
pub(super) fn diff(
    kind: Kind,
    object: &Value,
    belongs: Option<(&Record, Option<Slot>)>,
    now: Timestamp,
) -> ObjectDiff {
    let wanted = belongs.map_or_else(Vec::new, |(record, slot)| {
        wanted(kind, object, record, slot)
    });
    let differing: Vec<&Wanted> = wanted
        .iter()
        .filter(|(path, value)| managed::found(object, path) != value.as_ref())
        .collect();
    let mut veiled = object.clone();
    veil::veil(&mut veiled);
    let shown = Shown { object, veiled };
    let mut fields: Vec<FieldDiff> = differing
        .iter()
        .map(|(path, value)| shown.field(path, value.as_ref(), FieldState::Differs))
        .collect();
    // Where Deckwatch never wrote, nobody has taken anything over.
    let applied_at = managed::last(object, MANAGER);
    let usual = match belongs.is_some() && applied_at.is_some() {
        true => usual(kind),
        false => Vec::new(),
    };
    for path in usual {
        let owners = managed::owners(object, &path);
        if !owners.is_empty() && owners.iter().all(|o| o.manager != MANAGER) {
            fields.push(shown.field(&path, None, FieldState::Taken));
        }
    }
    for path in managed::owned(object, MANAGER) {
        let said = |at: &Vec<Step>| at.starts_with(&path) || path.starts_with(at);
        if !differing.iter().any(|(at, _)| said(at)) {
            fields.push(shown.field(&path, None, FieldState::Same));
        }
    }
    fields.sort_by_key(|field| field.state);
    ObjectDiff {
        kind,
        name: super::super::object::name(object).to_owned(),
        read_at: now,
        applied_at,
        fields,
    }
}

/// An object, and as much of it as may be shown.
struct Shown<'a> {
    object: &'a Value,
    veiled: Value,
}

impl Shown<'_> {
    fn field(&self, path: &[Step], applied: Option<&Value>, state: FieldState) -> FieldDiff {
        let there = managed::found(self.object, path);
        let shown = managed::found(&self.veiled, path);
        let hidden = there != shown;
        let found = shown.map(text);
        FieldDiff {
            field: managed::written(self.object, path),
            state,
            applied: match state {
                FieldState::Same => found.clone(),
                _ if hidden => applied.map(|_| veil::VEILED.to_owned()),
                _ => applied.map(|value| {
                    let mut value = value.clone();
                    veil::veil(&mut value);
                    text(&value)
                }),
            },
            found,
            owners: managed::owners(self.object, path),
        }
    }
}

/// A value as JSON, cut where it is very long.
fn text(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn fields(path: &[&str]) -> Vec<Step> {
    let field = |name: &&str| Step::Field((*name).to_owned());
    path.iter().map(field).collect()
}

/// What Deckwatch writes into an object of this kind besides what the record says.
fn usual(kind: Kind) -> Vec<Vec<Step>> {
    match kind {
        Kind::Deployment => vec![fields(&["spec", "replicas"])],
        Kind::Autoscaler => vec![fields(&["spec", "minReplicas"])],
        _ => Vec::new(),
    }
}

/// What the record says that this object should be.
fn wanted(kind: Kind, object: &Value, record: &Record, slot: Option<Slot>) -> Vec<Wanted> {
    let adopted = &record.adopted;
    let name = super::super::object::name(object);
    let carries = matches!(Record::of(object), Ok(Some(_)));
    match (kind, slot) {
        _ if carries => writer::of(kind)
            .route(object, record)
            .map_or_else(|_| Vec::new(), |ops| by_ops(object, &ops)),
        (Kind::Service, slot) => {
            let slot = slot.or((name == adopted.original).then_some(adopted.follows));
            slot.map_or_else(Vec::new, |slot| {
                let selector = json!(adopted.selectors[slot]);
                vec![(fields(&["spec", "selector"]), Some(selector))]
            })
        }
        (Kind::Deployment, Some(_)) => release(object, &adopted.container),
        _ => Vec::new(),
    }
}

/// The leaves that operations would change, with what they would become.
fn by_ops(object: &Value, ops: &[Value]) -> Vec<Wanted> {
    let mut all = Vec::new();
    for op in ops.iter().filter(|op| op["op"] != "test") {
        let mut path = Vec::new();
        let mut at = object;
        for part in op["path"].as_str().unwrap_or_default().split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            match (at, part.parse::<usize>()) {
                (Value::Array(_), Ok(n)) => {
                    at = &at[n];
                    path.push(Step::Element(n));
                }
                _ => {
                    at = &at[part.as_str()];
                    path.push(Step::Field(part));
                }
            }
        }
        let value = (op["op"] != "remove").then(|| op["value"].clone());
        apart(at, value.as_ref(), &mut path, &mut all);
    }
    all
}

/// Where two values differ, as deep as both have the same shape.
fn apart(found: &Value, wanted: Option<&Value>, path: &mut Vec<Step>, all: &mut Vec<Wanted>) {
    match (found, wanted) {
        (Value::Object(have), Some(Value::Object(want))) => {
            let more = have.keys().filter(|key| !want.contains_key(*key));
            for key in want.keys().chain(more) {
                path.push(Step::Field(key.clone()));
                apart(&found[key.as_str()], want.get(key), path, all);
                path.pop();
            }
        }
        (Value::Array(have), Some(Value::Array(want))) if have.len() == want.len() => {
            for (n, want) in want.iter().enumerate() {
                path.push(Step::Element(n));
                apart(&have[n], Some(want), path, all);
                path.pop();
            }
        }
        _ if Some(found) != wanted && !(found.is_null() && wanted.is_none()) => {
            all.push((path.clone(), wanted.cloned()));
        }
        _ => {}
    }
}

/// What a slot's Deployment should say of the release in it.
fn release(object: &Value, container: &str) -> Vec<Wanted> {
    let text = object["metadata"]["annotations"][RELEASE].as_str();
    let release = text.and_then(|text| serde_json::from_str::<ReleaseSpec>(text).ok());
    // One that was there before and was never changed: nothing of it was applied.
    let Some(release) = release else {
        return Vec::new();
    };
    let mut all = Vec::new();
    let containers = object["spec"]["template"]["spec"]["containers"].as_array();
    let place = containers.and_then(|list| list.iter().position(|c| c["name"] == container));
    let mut base = fields(&["spec", "template", "spec", "containers"]);
    let Some(place) = place else {
        return vec![(
            base,
            Some(json!([{"name": container, "image": release.image}])),
        )];
    };
    base.push(Step::Element(place));
    let at = |path: &[&str]| [base.clone(), fields(path)].concat();
    if let Some(image) = &release.image {
        all.push((at(&["image"]), Some(json!(image))));
    }
    if let Some(command) = &release.command {
        let version = release.version.as_str();
        let words: Vec<String> = command
            .iter()
            .map(|w| w.replace("{version}", version))
            .collect();
        all.push((at(&["command"]), Some(json!(words))));
    }
    let env = &object["spec"]["template"]["spec"]["containers"][place]["env"];
    for (name, value) in &release.env {
        let there = env
            .as_array()
            .and_then(|list| list.iter().position(|e| e["name"] == *name));
        let mut path = at(&["env"]);
        let entry = match value.is_empty() {
            // As the API server writes it.
            true => json!({"name": name}),
            false => json!({"name": name, "value": value}),
        };
        match there {
            Some(n) => path.push(Step::Element(n)),
            None => path.push(Step::Field(name.clone())),
        }
        all.push((path, Some(entry)));
    }
    let order = fields(&["spec", "template", "metadata", "annotations", ORDER]);
    if let Some(value) = managed::found(object, &order).cloned() {
        all.push((order, Some(value)));
    }
    all
}

#[cfg(test)]
mod tests;
