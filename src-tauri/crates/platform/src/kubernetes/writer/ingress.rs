//! A canary Ingress of ours beside the main one, as ingress-nginx reads it.
//!
//! The main Ingress is never touched: it leads to the original Service, which follows one slot
//! ([`Adopted::follows`]); the canary leads to the other slot, with that slot's weight. So every move
//! of traffic, and the way back with it, is one patch on the canary. Before the slot that the
//! original Service follows is replaced or retired, that Service is led to the one that serves, and
//! the canary then leads to the one that was freed: the candidate is always behind the canary.

use deckwatch_domain::{Role, Slot};
use serde_json::{Value, json};

use super::TrafficWriter;
use crate::audience::{Audience, AudienceBy};
use crate::kubernetes::kind::Kind;
use crate::kubernetes::record::{
    Adopted, MANAGED_BY, Record, SERVICE, annotation_ops, removal, slot_name,
};

pub(super) struct Ingress;

/// The controller that reads canary annotations. To any other a canary Ingress is one more Ingress.
pub const CONTROLLER: &str = "k8s.io/ingress-nginx";
/// Annotation: whether an Ingress is a canary.
pub(super) const CANARY: &str = "nginx.ingress.kubernetes.io/canary";
/// Annotation: the canary's share of the traffic, of 100.
pub(super) const WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";
const TOTAL: &str = "nginx.ingress.kubernetes.io/canary-weight-total";
const HEADER: &str = "nginx.ingress.kubernetes.io/canary-by-header";
const VALUE: &str = "nginx.ingress.kubernetes.io/canary-by-header-value";
const PATTERN: &str = "nginx.ingress.kubernetes.io/canary-by-header-pattern";
const COOKIE: &str = "nginx.ingress.kubernetes.io/canary-by-cookie";
const AFFINITY: &str = "nginx.ingress.kubernetes.io/affinity";
const AFFINITY_CANARY: &str = "nginx.ingress.kubernetes.io/affinity-canary-behavior";
/// The value of the cookie that leads to the canary.
const ALWAYS: &str = "always";
/// The longest pattern that is written, in bytes.
const LONGEST: usize = 4096;

/// All that says who is led to the canary.
pub(super) const DECIDES: [&str; 7] = [CANARY, WEIGHT, TOTAL, HEADER, VALUE, PATTERN, COOKIE];

/// The slot behind the canary.
fn behind(adopted: &Adopted) -> Slot {
    adopted.follows.other()
}

fn paths(rule: &Value) -> impl Iterator<Item = &Value> {
    rule["http"]["paths"].as_array().into_iter().flatten()
}

fn rules(object: &Value) -> &[Value] {
    let rules = object["spec"]["rules"].as_array();
    rules.map_or(&[], Vec::as_slice)
}

fn leads_to(path: &Value) -> &str {
    let name = path["backend"]["service"]["name"].as_str();
    name.unwrap_or_default()
}

/// The annotations as the record wants them; none: it is not to be there.
fn annotations(record: &Record) -> [(&'static str, Option<String>); 7] {
    let slot = behind(&record.adopted);
    let weight = record.traffic.weights.of(slot).to_string();
    let candidate = record.traffic.roles.playing(Role::Candidate) == Some(slot);
    let people = record.traffic.audience.as_ref();
    let people = people.filter(|a| candidate && !a.is_empty());
    let [mut header, mut value, mut pattern, mut cookie] = [const { None }; 4];
    match people.map(|people| (&people.by, people.listed.as_slice())) {
        Some((AudienceBy::Header { name }, [one])) => {
            header = Some(name.clone());
            value = Some(one.clone());
        }
        Some((AudienceBy::Header { name }, listed)) => {
            header = Some(name.clone());
            pattern = Some(one_of(listed));
        }
        Some((AudienceBy::Cookie { name }, _)) => cookie = Some(name.clone()),
        None => {}
    }
    [
        (CANARY, Some("true".into())),
        (WEIGHT, Some(weight)),
        (TOTAL, None),
        (HEADER, header),
        (VALUE, value),
        (PATTERN, pattern),
        (COOKIE, cookie),
    ]
}

/// An expression that matches exactly these.
fn one_of(listed: &[String]) -> String {
    let literal: Vec<String> = listed.iter().map(|key| key.replace('.', "[.]")).collect();
    format!("^({})$", literal.join("|"))
}

/// The rules with every path led to the slot behind the canary.
fn led(rules: &[Value], adopted: &Adopted) -> Vec<Value> {
    let mut after = rules.to_vec();
    for rule in &mut after {
        let paths = rule["http"]["paths"].as_array_mut();
        for path in paths.into_iter().flatten() {
            path["backend"]["service"]["name"] = json!(adopted.slot_name(behind(adopted)));
        }
    }
    after
}

/// The name of a service's canary.
pub fn canary_name(adopted: &Adopted) -> String {
    format!("{}-canary", adopted.service)
}

/// The canary that is made beside a main Ingress, with the record on it: the rules that lead to
/// the original Service, and no weight.
pub fn canary(main: &Value, record: &Record) -> Value {
    let adopted = &record.adopted;
    let shared = rules(main).iter().filter_map(|rule| {
        let ours = paths(rule).filter(|path| leads_to(path) == adopted.original);
        let ours: Vec<Value> = ours.cloned().collect();
        let mut rule = rule.clone();
        (!ours.is_empty()).then(|| {
            rule["http"]["paths"] = json!(ours);
            rule
        })
    });
    let shared: Vec<Value> = shared.collect();
    let mut made = json!({
        "apiVersion": Kind::Ingress.api_version(), "kind": Kind::Ingress.name(),
        "metadata": {
            "name": canary_name(adopted),
            "labels": {MANAGED_BY: "deckwatch", SERVICE: adopted.service},
            "annotations": record.annotations(),
        },
        "spec": {"rules": led(&shared, adopted)},
    });
    let kept = &main["metadata"]["annotations"]["kubernetes.io/ingress.class"];
    if !kept.is_null() {
        made["metadata"]["annotations"]["kubernetes.io/ingress.class"] = kept.clone();
    }
    if !main["spec"]["ingressClassName"].is_null() {
        made["spec"]["ingressClassName"] = main["spec"]["ingressClassName"].clone();
    }
    for (key, value) in annotations(record) {
        if let Some(value) = value {
            made["metadata"]["annotations"][key] = json!(value);
        }
    }
    made
}

/// The class of an Ingress; none: it names none, and nobody may act on it.
pub fn class(main: &Value) -> Option<&str> {
    let legacy = &main["metadata"]["annotations"]["kubernetes.io/ingress.class"];
    let named = main["spec"]["ingressClassName"].as_str();
    named.or(legacy.as_str())
}

/// A canary of somebody else's that leads some of the same hosts and paths, by name: there can be
/// one for each.
pub fn other_canary<'a>(main: &Value, original: &str, all: &'a [Value]) -> Option<&'a str> {
    let places = |object: &Value, of: &dyn Fn(&Value) -> bool| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let each = |rule: &Value| {
            let host = text(&rule["host"]);
            let paths = paths(rule).filter(|path| of(path));
            let each = paths.map(|path| (host.clone(), text(&path["path"])));
            each.collect::<Vec<_>>()
        };
        rules(object).iter().flat_map(each).collect()
    };
    let ours = places(main, &|path| leads_to(path) == original);
    let canaries = all
        .iter()
        .filter(|ingress| ingress["metadata"]["annotations"][CANARY] == "true");
    let mut shared = canaries.filter(|ingress| {
        let theirs = places(ingress, &|_| true);
        theirs.iter().any(|place| ours.contains(place))
    });
    shared.next().map(crate::kubernetes::object::name)
}

/// Why these people cannot be told apart; none: they can.
fn cannot_tell(people: &Audience) -> Option<String> {
    if people.share > 0 {
        return Some(
            "ingress-nginx cannot work out who belongs to a share of the people; list them by name"
                .into(),
        );
    }
    if matches!(people.by, AudienceBy::Cookie { .. }) {
        let always = people.listed.iter().all(|key| key == ALWAYS);
        return (!always).then(|| {
            format!(
                "ingress-nginx leads a cookie to the canary by the value `{ALWAYS}` alone; list that, or \
                 choose the audience by header"
            )
        });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~');
    let odd = people.listed.iter().find(|key| !key.chars().all(plain));
    if let Some(odd) = odd {
        return Some(format!(
            "ingress-nginx takes letters, digits, `.`, `-`, `_` and `~` in a header's value, and `{odd}` has \
             others"
        ));
    }
    (one_of(&people.listed).len() > LONGEST).then(|| {
        format!("the people by name would make an annotation of more than {LONGEST} characters")
    })
}

impl TrafficWriter for Ingress {
    fn refuses(&self, record: &Record) -> Option<String> {
        let people = record.traffic.audience.as_ref();
        let people = people.filter(|a| !a.is_empty())?;
        if record.traffic.roles.playing(Role::Candidate) != Some(behind(&record.adopted)) {
            return Some(
                "the audience would be led to the slot of the main Ingress, and only the canary knows people"
                    .into(),
            );
        }
        cannot_tell(people)
    }

    /// Asks the main Ingress, not the canary.
    fn adoptable(&self, main: &Value, service: &str) -> Result<(), String> {
        let notes = &main["metadata"]["annotations"];
        if notes[CANARY] == "true" {
            return Err("it is a canary itself".into());
        }
        if notes[AFFINITY] == "cookie" && notes[AFFINITY_CANARY] != "legacy" {
            return Err(format!(
                "its sessions stick to the version that they met first, whatever the weight says, so no way back \
                 would reach them; set {AFFINITY_CANARY} to `legacy`, or {AFFINITY} off"
            ));
        }
        if main["spec"]["defaultBackend"]["service"]["name"] == service {
            return Err(format!(
                "{service} is its default backend, which a canary cannot share"
            ));
        }
        let mut all = rules(main).iter().flat_map(paths);
        match all.any(|path| leads_to(path) == service) {
            true => Ok(()),
            false => Err(format!("it does not lead to the Service {service}")),
        }
    }

    fn route(&self, object: &Value, record: &Record) -> Result<Vec<Value>, String> {
        let mut ops = Vec::new();
        for (key, value) in annotations(record) {
            let there = &object["metadata"]["annotations"][key];
            match value {
                Some(value) if there.as_str() == Some(&value) => {}
                Some(value) => ops.extend(annotation_ops(object, &[(key, value)])),
                None => ops.extend(removal(object, "annotations", key)),
            }
        }
        let after = led(rules(object), &record.adopted);
        if after != rules(object) {
            ops.push(json!({"op": "replace", "path": "/spec/rules", "value": after}));
        }
        Ok(ops)
    }

    fn differs(&self, object: &Value, record: &Record) -> Option<String> {
        let there = &object["metadata"]["annotations"];
        let wrong = annotations(record)
            .into_iter()
            .find(|(key, value)| there[*key].as_str() != value.as_deref());
        if let Some((key, value)) = wrong {
            let said =
                |value: Option<&str>| value.map_or("nothing".to_owned(), |v| format!("`{v}`"));
            let short = key.rsplit('/').next().unwrap_or(key);
            return Some(format!(
                "{short} of the canary Ingress is {}, and the record says {}",
                said(there[key].as_str()),
                said(value.as_deref())
            ));
        }
        let wanted = record.adopted.slot_name(behind(&record.adopted));
        let mut all = rules(object).iter().flat_map(paths);
        let astray = all.find(|path| leads_to(path) != wanted)?;
        Some(format!(
            "the canary Ingress leads to {}, and the record says {wanted}",
            leads_to(astray)
        ))
    }

    /// Nothing: the canary is deleted, and the main Ingress was never touched.
    fn release(&self, _: &Value, _: &Record) -> Result<Vec<Value>, String> {
        Ok(Vec::new())
    }

    /// By the canary's own annotations: who made it different leaves these.
    fn theirs(&self, object: &Value, record: &Record) -> Result<u8, String> {
        let weight = object["metadata"]["annotations"][WEIGHT].as_str();
        let weight = weight.and_then(|text| text.parse::<u8>().ok());
        let weight = weight.filter(|weight| *weight <= 100).ok_or_else(|| {
            "the canary Ingress has no weight from 0 to 100 that could be kept".to_owned()
        })?;
        let others = [TOTAL, HEADER, VALUE, PATTERN, COOKIE];
        let wanted = annotations(record);
        let there = &object["metadata"]["annotations"];
        let odd = wanted
            .iter()
            .find(|(key, value)| others.contains(key) && there[*key].as_str() != value.as_deref());
        if let Some((key, _)) = odd {
            return Err(format!(
                "{key} was changed, and only weights can be kept; write ours again"
            ));
        }
        let slot = behind(&record.adopted);
        let name = slot_name(&record.adopted.service, slot);
        let mut all = rules(object).iter().flat_map(paths);
        if all.any(|path| leads_to(path) != name) {
            return Err(format!(
                "the canary Ingress does not lead to {name} alone; write ours again"
            ));
        }
        Ok(match slot {
            Slot::Green => weight,
            Slot::Blue => 100 - weight,
        })
    }
}

#[cfg(test)]
mod tests;
