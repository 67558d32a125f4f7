//! What an adoption writes. Pure: what was read goes in, the writes come out.

use deckwatch_domain::{PerSlot, Role, ServiceName, Slot, Weights};
use serde_json::Value;

use super::{AdoptAsk, AdoptPlan, AdoptStep, Found};
use crate::kubernetes::kind::Kind;
use crate::kubernetes::object::{labels, matches, name};
use crate::kubernetes::record::{Adopted, Labels, Record, SERVICE, slot_labels};
use crate::kubernetes::{template, writer};
use crate::model::Traffic;

/// The longest name from which the names of the slots can be made.
const LONGEST: usize = 57;

/// The only Service whose selector finds a Deployment's pods.
pub(super) fn only_service(all: Vec<Value>, deployment: &Value) -> Result<Value, String> {
    let pods = labels(&deployment["spec"]["template"]["metadata"]["labels"]);
    let leads = |s: &Value| {
        matches(&labels(&s["spec"]["selector"]), &pods)
            && s["metadata"]["labels"]["deckwatch.dev/slot"].is_null()
    };
    let mut found: Vec<Value> = all.into_iter().filter(leads).collect();
    let names: Vec<&str> = found.iter().map(name).collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err("no Service leads to this Deployment".into()),
        _ => Err(format!(
            "several Services lead to it ({}); name one",
            names.join(", ")
        )),
    }
}

/// How the adopted pods are found. By the Deployment's own selector, so that whatever somebody else
/// does to that Deployment meanwhile is still served; its pods carry no label of ours before their
/// first release. A selector that a Service cannot express is narrowed to the present template.
fn blue_selector(deployment: &Value) -> Result<Labels, String> {
    let selector = &deployment["spec"]["selector"];
    let expressions = selector["matchExpressions"].as_array();
    if expressions.is_some_and(|list| !list.is_empty()) {
        return Err(
            "the Deployment's selector has expressions, which a Service cannot ask for; only plain labels \
             can be adopted"
                .into(),
        );
    }
    let found = labels(&selector["matchLabels"]);
    match found.is_empty() {
        true => Err("the Deployment selects nothing".into()),
        false => Ok(found),
    }
}

fn container(ask: &AdoptAsk, deployment: &Value) -> Result<String, String> {
    let containers = deployment["spec"]["template"]["spec"]["containers"].as_array();
    let names: Vec<&str> = containers
        .into_iter()
        .flatten()
        .filter_map(|c| c["name"].as_str())
        .collect();
    match &ask.container {
        Some(name) if names.contains(&name.as_str()) => Ok(name.clone()),
        Some(name) => Err(format!(
            "there is no container {name}, only {}",
            names.join(", ")
        )),
        None if names.len() == 1 => Ok(names[0].to_owned()),
        None => Err(format!(
            "name the container that releases are for: {}",
            names.join(", ")
        )),
    }
}

/// What an adoption writes. Pure.
pub(super) fn plan(ask: &AdoptAsk, found: &Found) -> Result<AdoptPlan, String> {
    let service = ServiceName::new(ask.deployment.as_str()).map_err(|e| e.to_string())?;
    if service.as_str().len() > LONGEST {
        return Err(format!(
            "{service} is too long a name: at most {LONGEST} characters"
        ));
    }
    let original = name(&found.service).to_owned();
    let mut plan = AdoptPlan {
        service: service.clone(),
        steps: Vec::new(),
        original: original.clone(),
    };
    if let Some(record) = Record::of(&found.front)? {
        return match record.adopted.service == service {
            true => Ok(plan),
            false => Err(format!(
                "it already carries the traffic of {}; one object carries one service",
                record.adopted.service
            )),
        };
    }
    let record = new_record(ask, found, service)?;
    for (slot, there) in [(Slot::Blue, &found.blue), (Slot::Green, &found.green)] {
        let wanted = template::service(&found.service, &record.adopted, slot);
        match there {
            None => plan.steps.push(AdoptStep {
                what: format!("a Service for {slot}, with the ports of {original}"),
                kind: Kind::Service,
                name: record.adopted.slot_name(slot),
                body: wanted,
                creates: true,
            }),
            Some(there) if is_same(there, &wanted) => {}
            Some(there) => {
                return Err(format!(
                    "there is a Service {} already, and it is somebody else's",
                    name(there)
                ));
            }
        }
    }
    plan.steps.push(last_step(found, &record)?);
    Ok(plan)
}

fn is_same(there: &Value, wanted: &Value) -> bool {
    there["metadata"]["labels"][SERVICE] == wanted["metadata"]["labels"][SERVICE]
        && there["spec"]["selector"] == wanted["spec"]["selector"]
}

fn new_record(ask: &AdoptAsk, found: &Found, service: ServiceName) -> Result<Record, String> {
    let blue = blue_selector(&found.deployment)?;
    let original_selector = labels(&found.service["spec"]["selector"]);
    let pods = labels(&found.deployment["spec"]["template"]["metadata"]["labels"]);
    if !matches(&original_selector, &pods) {
        return Err(format!(
            "the Service {} does not lead to the Deployment {}",
            name(&found.service),
            ask.deployment
        ));
    }
    let mut roles = PerSlot::new(|_| Role::Free);
    roles.blue = Role::Stable;
    let green = slot_labels(&service, Slot::Green);
    Ok(Record {
        traffic: Traffic {
            weights: Weights::all_to(Slot::Blue),
            roles,
            ..Traffic::default()
        },
        adopted: Adopted {
            deployment: ask.deployment.clone(),
            original: name(&found.service).to_owned(),
            original_selector,
            follows: Slot::Blue,
            container: container(ask, &found.deployment)?,
            instances: found.deployment["spec"]["replicas"].as_u64().unwrap_or(1) as u32,
            selectors: PerSlot { blue, green },
            service,
        },
        intents: Vec::new(),
    })
}

/// The one write that moves anything.
fn last_step(found: &Found, record: &Record) -> Result<AdoptStep, String> {
    let (kind, front, original) = (found.front_kind, &found.front, &record.adopted.original);
    let named = name(front).to_owned();
    let adoptable = writer::of(kind).adoptable(front, original);
    adoptable.map_err(|why| format!("{kind} {named}: {why}"))?;
    if kind == Kind::Ingress {
        return canary_step(found, record);
    }
    Ok(AdoptStep {
        what: format!(
            "{kind} {named} leads to {} instead of {original}, and carries the record",
            record.adopted.slot_name(Slot::Blue)
        ),
        kind,
        body: writer::patch(kind, front, record)?,
        name: named,
        creates: false,
    })
}

/// The canary beside the main Ingress: it carries the record and, for now, no traffic.
fn canary_step(found: &Found, record: &Record) -> Result<AdoptStep, String> {
    let (main, original) = (name(&found.front), &record.adopted.original);
    let ours = writer::ingress::canary_name(&record.adopted);
    let mut names = found.ingresses.iter().map(name);
    if names.any(|there| there == ours) {
        return Err(format!(
            "there is an Ingress {ours} already, and it is somebody else's"
        ));
    }
    if let Some(other) = writer::ingress::other_canary(&found.front, original, &found.ingresses) {
        return Err(format!(
            "the Ingress {other} is a canary beside {main} already, and there can be one"
        ));
    }
    Ok(AdoptStep {
        what: format!(
            "a canary beside the Ingress {main}, which leads nobody to {} yet, and carries the record",
            record.adopted.slot_name(Slot::Green)
        ),
        kind: Kind::Ingress,
        body: writer::ingress::canary(&found.front, record),
        name: ours,
        creates: true,
    })
}
