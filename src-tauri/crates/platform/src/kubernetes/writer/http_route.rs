//! A Gateway API HTTPRoute in front: weights on the backends of every rule that leads to the
//! service, and rules of our own, by header, for an audience.
//!
//! What a rule says besides (matches, filters, timeouts, ports) stays as it was read. Rules that do
//! not lead to the service are never touched.

use deckwatch_domain::{Role, Slot};
use serde_json::{Value, json};

use super::TrafficWriter;
use crate::audience::{Audience, AudienceBy};
use crate::kubernetes::record::{Adopted, Record};

pub(super) struct HttpRoute;

/// How the rules of an audience are named, so that they are known again.
const AUDIENCE: &str = "deckwatch-audience";
/// What the API allows.
const MOST_RULES: usize = 16;
const MOST_MATCHES: usize = 64;

/// Whether a backend is the Service `name` of the route's own namespace.
fn is(backend: &Value, name: &str) -> bool {
    let plain = |key: &str, value: &str| backend[key].as_str().is_none_or(|found| found == value);
    backend["name"] == name
        && plain("group", "")
        && plain("kind", "Service")
        && backend["namespace"].is_null()
}

fn backends(rule: &Value) -> impl Iterator<Item = &Value> {
    rule["backendRefs"].as_array().into_iter().flatten()
}

/// Whether a rule leads to the service: to a slot, or still to its original Service.
fn ours(rule: &Value, adopted: &Adopted) -> bool {
    let slot = |b: &Value| Slot::BOTH.iter().any(|s| is(b, &adopted.slot_name(*s)));
    backends(rule).any(|b| slot(b) || is(b, &adopted.original))
}

fn for_audience(rule: &Value) -> bool {
    let name = rule["name"].as_str();
    name.is_some_and(|name| name.starts_with(AUDIENCE))
}

/// A slot's backend: the one that is there with another weight, or one made like its neighbour.
fn backend(rule: &Value, adopted: &Adopted, slot: Slot, weight: u8) -> Value {
    let name = adopted.slot_name(slot);
    let there = backends(rule).find(|b| is(b, &name));
    let other = adopted.slot_name(slot.other());
    let like = || backends(rule).find(|b| is(b, &other) || is(b, &adopted.original));
    let mut backend = there.or_else(like).cloned().unwrap_or_else(|| json!({}));
    backend["name"] = json!(name);
    backend["weight"] = json!(weight);
    backend
}

/// The rules as the record wants them.
fn wanted(rules: &[Value], record: &Record) -> Result<Vec<Value>, String> {
    let adopted = &record.adopted;
    let weights = &record.traffic.weights;
    let mut after: Vec<Value> = rules.iter().filter(|r| !for_audience(r)).cloned().collect();
    let mut led = Vec::new();
    for rule in after.iter_mut().filter(|rule| ours(rule, adopted)) {
        let both = Slot::BOTH.map(|slot| backend(rule, adopted, slot, weights.of(slot)));
        rule["backendRefs"] = json!(both);
        led.push(rule.clone());
    }
    if led.is_empty() {
        return Err(format!(
            "no rule of the route leads to {}, {} or {}: somebody else decides where this traffic goes",
            adopted.slot_name(Slot::Blue),
            adopted.slot_name(Slot::Green),
            adopted.original
        ));
    }
    let people = record.traffic.audience.as_ref().filter(|a| !a.is_empty());
    if let Some(audience) = people
        && let Some(slot) = record.traffic.roles.playing(Role::Candidate)
    {
        for (n, rule) in led.iter().enumerate() {
            after.push(audience_rule(rule, adopted, slot, audience, n));
        }
    }
    if after.len() > MOST_RULES {
        return Err(format!(
            "the route would have {} rules; {MOST_RULES} are allowed",
            after.len()
        ));
    }
    Ok(after)
}

/// The same rule for the audience alone. A match with one header more is the more specific one, and
/// goes first by the API's own order.
fn audience_rule(
    rule: &Value,
    adopted: &Adopted,
    slot: Slot,
    people: &Audience,
    n: usize,
) -> Value {
    let AudienceBy::Header { name } = &people.by else {
        return rule.clone();
    };
    let anything = || vec![json!({"path": {"type": "PathPrefix", "value": "/"}})];
    let matches = rule["matches"].as_array().cloned();
    let matches = matches.filter(|m| !m.is_empty()).unwrap_or_else(anything);
    let mut all = Vec::new();
    for one in &matches {
        for key in &people.listed {
            let mut more = one.clone();
            let header = json!({"type": "Exact", "name": name, "value": key});
            match more["headers"].as_array_mut() {
                Some(headers) => headers.push(header),
                None => more["headers"] = json!([header]),
            }
            all.push(more);
        }
    }
    let mut led = rule.clone();
    led["name"] = json!(format!("{AUDIENCE}-{n}"));
    led["matches"] = json!(all);
    led["backendRefs"] = json!([backend(rule, adopted, slot, 100)]);
    led
}

fn rules(object: &Value) -> &[Value] {
    object["spec"]["rules"]
        .as_array()
        .map_or(&[], Vec::as_slice)
}

impl TrafficWriter for HttpRoute {
    fn refuses(&self, record: &Record) -> Option<String> {
        let people = record.traffic.audience.as_ref().filter(|a| !a.is_empty())?;
        if matches!(people.by, AudienceBy::Cookie { .. }) {
            return Some(
                "an HTTPRoute matches whole headers: a cookie among others would need a pattern, which \
                 implementations read differently; choose the audience by header"
                    .into(),
            );
        }
        if people.share > 0 {
            return Some(
                "an HTTPRoute cannot work out who belongs to a share of the people; list them by name"
                    .into(),
            );
        }
        (people.listed.len() > MOST_MATCHES).then(|| {
            format!(
                "an HTTPRoute's rule has at most {MOST_MATCHES} matches, and {} people are listed",
                people.listed.len()
            )
        })
    }

    fn adoptable(&self, object: &Value, service: &str) -> Result<(), String> {
        let leads = |rule: &&Value| backends(rule).any(|b| is(b, service));
        let mut any = false;
        for rule in rules(object).iter().filter(leads) {
            any = true;
            if backends(rule).count() > 1 {
                return Err(format!(
                    "a rule of it shares its traffic between {service} and others already"
                ));
            }
        }
        match any {
            true => Ok(()),
            false => Err(format!("it does not lead to the Service {service}")),
        }
    }

    fn route(&self, object: &Value, record: &Record) -> Result<Vec<Value>, String> {
        let (before, after) = (rules(object), wanted(rules(object), record)?);
        if before.len() != after.len() {
            return Ok(vec![
                json!({"op": "replace", "path": "/spec/rules", "value": after}),
            ]);
        }
        let changed = before.iter().zip(&after).enumerate();
        let ops = changed
            .filter(|(_, (old, new))| old != new)
            .map(|(n, (old, new))| {
                if old["matches"] == new["matches"] && old["name"] == new["name"] {
                    let path = format!("/spec/rules/{n}/backendRefs");
                    return json!({"op": "replace", "path": path, "value": new["backendRefs"]});
                }
                json!({"op": "replace", "path": format!("/spec/rules/{n}"), "value": new})
            });
        Ok(ops.collect())
    }

    fn differs(&self, object: &Value, record: &Record) -> Option<String> {
        let before = rules(object);
        let after = match wanted(before, record) {
            Ok(after) => after,
            Err(why) => return Some(why),
        };
        let differs = before.iter().zip(&after).position(|(old, new)| old != new);
        match differs {
            Some(n) => Some(format!(
                "rule {} leads to {}, and the record says {}",
                n + 1,
                shares(&before[n]),
                shares(&after[n])
            )),
            None if before.len() != after.len() => Some(format!(
                "the route has {} rules where the record makes {}",
                before.len(),
                after.len()
            )),
            None => None,
        }
    }

    fn release(&self, object: &Value, record: &Record) -> Result<Vec<Value>, String> {
        let adopted = &record.adopted;
        let mut after: Vec<Value> = rules(object)
            .iter()
            .filter(|r| !for_audience(r))
            .cloned()
            .collect();
        for rule in after.iter_mut().filter(|rule| ours(rule, adopted)) {
            let mut original = backend(rule, adopted, Slot::Blue, 1);
            original["name"] = json!(adopted.original);
            rule["backendRefs"] = json!([original]);
        }
        Ok(vec![
            json!({"op": "replace", "path": "/spec/rules", "value": after}),
        ])
    }

    fn theirs(&self, object: &Value, record: &Record) -> Result<u8, String> {
        let adopted = &record.adopted;
        let led = rules(object)
            .iter()
            .filter(|rule| ours(rule, adopted) && !for_audience(rule));
        let mut found = None;
        for rule in led {
            let of = |slot: Slot| {
                let name = adopted.slot_name(slot);
                let slot = backends(rule).filter(|b| is(b, &name));
                slot.map(|b| b["weight"].as_u64().unwrap_or(1)).sum::<u64>()
            };
            let slots = Slot::BOTH.map(|slot| adopted.slot_name(slot));
            if let Some(odd) = backends(rule).find(|b| !slots.iter().any(|name| is(b, name))) {
                return Err(format!(
                    "a rule also leads to {}, which is neither slot; write ours again",
                    odd["name"].as_str().unwrap_or_default()
                ));
            }
            let share = super::per_cent(of(Slot::Blue), of(Slot::Green))?;
            if *found.get_or_insert(share) != share {
                return Err("its rules share the traffic differently; write ours again".into());
            }
        }
        found.ok_or_else(|| "no rule of it leads to a slot; write ours again".into())
    }
}

/// A rule's backends as people say them.
fn shares(rule: &Value) -> String {
    let all: Vec<String> = backends(rule)
        .map(|b| {
            let name = b["name"].as_str().unwrap_or_default();
            format!("{name} {}", b["weight"].as_u64().unwrap_or(1))
        })
        .collect();
    match all.is_empty() {
        true => "nothing".into(),
        false => all.join(" · "),
    }
}

#[cfg(test)]
mod tests;
