//! An Istio VirtualService in front: weights on the destinations of every HTTP route that leads to
//! the service. Routes to other hosts, and everything else that a route says, stay as they were.

use deckwatch_domain::Slot;
use serde_json::{Value, json};

use super::TrafficWriter;
use crate::kubernetes::record::{Adopted, Record};

pub(super) struct VirtualService;

/// The Service that a host means, if it is one of this namespace: `web`, `web.shop`,
/// `web.shop.svc.cluster.local`.
fn service_of<'a>(host: &'a str, namespace: &str) -> Option<&'a str> {
    let mut labels = host.splitn(3, '.');
    let name = labels.next()?;
    match (labels.next(), labels.next()) {
        (None, _) => Some(name),
        (Some(other), _) if other != namespace => None,
        (Some(_), rest) => rest
            .is_none_or(|rest| rest == "svc" || rest.starts_with("svc."))
            .then_some(name),
    }
}

/// The same host for another Service.
fn host_of(like: &str, name: &str) -> String {
    match like.split_once('.') {
        Some((_, rest)) => format!("{name}.{rest}"),
        None => name.to_owned(),
    }
}

fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

fn destinations(route: &Value) -> impl Iterator<Item = &Value> {
    route["route"].as_array().into_iter().flatten()
}

fn is(destination: &Value, namespace: &str, name: &str) -> bool {
    let host = destination["destination"]["host"].as_str();
    host.and_then(|host| service_of(host, namespace)) == Some(name)
}

fn ours(route: &Value, namespace: &str, adopted: &Adopted) -> bool {
    let slot = |d: &Value| {
        let mut slots = Slot::BOTH.iter();
        slots.any(|s| is(d, namespace, &adopted.slot_name(*s)))
    };
    destinations(route).any(|d| slot(d) || is(d, namespace, &adopted.original))
}

fn routes(object: &Value) -> &[Value] {
    let routes = object["spec"]["http"].as_array();
    routes.map_or(&[], Vec::as_slice)
}

/// A slot's destination: the one that is there with another weight, or one made like its neighbour.
fn destination(route: &Value, namespace: &str, adopted: &Adopted, slot: Slot, weight: u8) -> Value {
    let name = adopted.slot_name(slot);
    let there = destinations(route).find(|d| is(d, namespace, &name));
    let like = || {
        let other = adopted.slot_name(slot.other());
        destinations(route)
            .find(|d| is(d, namespace, &other) || is(d, namespace, &adopted.original))
    };
    let mut made = there.or_else(like).cloned().unwrap_or_else(|| json!({}));
    let host = made["destination"]["host"].as_str().unwrap_or_default();
    made["destination"]["host"] = json!(host_of(host, &name));
    made["weight"] = json!(weight);
    made
}

/// The routes as the record wants them.
fn wanted(object: &Value, record: &Record) -> Result<Vec<Value>, String> {
    let (adopted, namespace) = (&record.adopted, namespace(object));
    let mut after = routes(object).to_vec();
    let mut any = false;
    for route in after.iter_mut().filter(|r| ours(r, namespace, adopted)) {
        let weight = |slot: Slot| record.traffic.weights.of(slot);
        let both = Slot::BOTH.map(|s| destination(route, namespace, adopted, s, weight(s)));
        route["route"] = json!(both);
        any = true;
    }
    match any {
        true => Ok(after),
        false => Err(format!(
            "no HTTP route leads to {}, {} or {}: somebody else decides where this traffic goes",
            adopted.slot_name(Slot::Blue),
            adopted.slot_name(Slot::Green),
            adopted.original
        )),
    }
}

impl TrafficWriter for VirtualService {
    fn refuses(&self, record: &Record) -> Option<String> {
        let leads = record
            .traffic
            .audience
            .as_ref()
            .is_some_and(|a| !a.is_empty());
        leads.then(|| {
            "an audience is led by an HTTPRoute; a VirtualService gets weights alone".into()
        })
    }

    fn adoptable(&self, object: &Value, service: &str) -> Result<(), String> {
        let namespace = namespace(object);
        let mut any = false;
        for route in routes(object) {
            let Some(there) = destinations(route).find(|d| is(d, namespace, service)) else {
                continue;
            };
            any = true;
            if destinations(route).count() > 1 {
                return Err(format!(
                    "a route shares its traffic between {service} and others already"
                ));
            }
            if !there["destination"]["subset"].is_null() {
                return Err(format!(
                    "a route names a subset of {service}, which only a DestinationRule for that host knows"
                ));
            }
        }
        match any {
            true => Ok(()),
            false => Err(format!("no HTTP route of it leads to {service}")),
        }
    }

    fn route(&self, object: &Value, record: &Record) -> Result<Vec<Value>, String> {
        let after = wanted(object, record)?;
        let changed = routes(object).iter().zip(&after).enumerate();
        let changed = changed.filter(|(_, (old, new))| old != new);
        let op = |(n, (_, new)): (usize, (&Value, &Value))| {
            let path = format!("/spec/http/{n}/route");
            json!({"op": "replace", "path": path, "value": new["route"]})
        };
        Ok(changed.map(op).collect())
    }

    fn differs(&self, object: &Value, record: &Record) -> Option<String> {
        let after = match wanted(object, record) {
            Ok(after) => after,
            Err(why) => return Some(why),
        };
        let mut pairs = routes(object).iter().zip(&after).enumerate();
        let (n, (old, new)) = pairs.find(|(_, (old, new))| old != new)?;
        Some(format!(
            "HTTP route {} leads to {}, and the record says {}",
            n + 1,
            shares(old),
            shares(new)
        ))
    }

    fn release(&self, object: &Value, record: &Record) -> Result<Vec<Value>, String> {
        let (adopted, namespace) = (&record.adopted, namespace(object));
        let all = routes(object).iter().enumerate();
        let ours = all.filter(|(_, r)| ours(r, namespace, adopted));
        let op = |(n, route): (usize, &Value)| {
            let mut original = destination(route, namespace, adopted, Slot::Blue, 100);
            let host = original["destination"]["host"].as_str().unwrap_or_default();
            original["destination"]["host"] = json!(host_of(host, &adopted.original));
            json!({"op": "replace", "path": format!("/spec/http/{n}/route"), "value": [original]})
        };
        Ok(ours.map(op).collect())
    }

    fn theirs(&self, object: &Value, record: &Record) -> Result<u8, String> {
        let (adopted, namespace) = (&record.adopted, namespace(object));
        let mut found = None;
        for route in routes(object)
            .iter()
            .filter(|r| ours(r, namespace, adopted))
        {
            let of = |slot: Slot| {
                let name = adopted.slot_name(slot);
                let slot = destinations(route).filter(|d| is(d, namespace, &name));
                slot.map(|d| d["weight"].as_u64().unwrap_or(100))
                    .sum::<u64>()
            };
            let slots = Slot::BOTH.map(|slot| adopted.slot_name(slot));
            let slot = |d: &&Value| slots.iter().any(|name| is(d, namespace, name));
            if !destinations(route).all(|d| slot(&d)) {
                return Err(format!(
                    "a route leads to {}, which is more than the slots; write ours again",
                    shares(route)
                ));
            }
            let share = super::per_cent(of(Slot::Blue), of(Slot::Green))?;
            if *found.get_or_insert(share) != share {
                return Err("its routes share the traffic differently; write ours again".into());
            }
        }
        found.ok_or_else(|| "no HTTP route of it leads to a slot; write ours again".into())
    }
}

/// A route's destinations as people say them.
fn shares(route: &Value) -> String {
    let one = |d: &Value| {
        let host = d["destination"]["host"].as_str().unwrap_or_default();
        format!("{host} {}", d["weight"].as_u64().unwrap_or(100))
    };
    let all: Vec<String> = destinations(route).map(one).collect();
    match all.is_empty() {
        true => "nothing".into(),
        false => all.join(" · "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::record::tests::{patched, record};
    use deckwatch_domain::Weights;

    fn original() -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"http": [
            {"retries": {"attempts": 2}, "route": [
                {"destination": {"host": "web-svc.shop.svc.cluster.local", "port": {"number": 80}},
                 "weight": 100}]},
            {"route": [{"destination": {"host": "web-svc.other"}}]},
        ]}})
    }

    fn at(green: u8) -> Record {
        let mut record = record();
        record.traffic.weights = Weights::toward(Slot::Green, green);
        record
    }

    #[test]
    fn the_weights_stand_on_the_hosts_of_the_slots() {
        let ops = VirtualService.route(&original(), &at(10)).unwrap();
        let after = patched(&original(), &ops);
        let route = &after["spec"]["http"][0];
        assert_eq!(
            route["route"],
            json!([
                {"destination": {"host": "web-blue.shop.svc.cluster.local", "port": {"number": 80}},
                 "weight": 90},
                {"destination": {"host": "web-green.shop.svc.cluster.local", "port": {"number": 80}},
                 "weight": 10},
            ])
        );
        assert_eq!(route["retries"], json!({"attempts": 2}));
        assert_eq!(after["spec"]["http"][1], original()["spec"]["http"][1]);
        assert_eq!(VirtualService.differs(&after, &at(10)), None);
        assert!(VirtualService.route(&after, &at(10)).unwrap().is_empty());
        let said = VirtualService.differs(&after, &at(20)).unwrap();
        assert!(said.contains("cluster.local 90"), "{said}");
        let back = patched(&after, &VirtualService.release(&after, &at(0)).unwrap());
        assert_eq!(back, original());
    }

    #[test]
    fn what_cannot_be_shared_out_is_not_adopted() {
        let adoptable = |object: &Value| VirtualService.adoptable(object, "web-svc");
        assert_eq!(adoptable(&original()), Ok(()));
        let mut subset = original();
        subset["spec"]["http"][0]["route"][0]["destination"]["subset"] = json!("v1");
        assert!(adoptable(&subset).unwrap_err().contains("subset"));
        let mut elsewhere = original();
        elsewhere["spec"]["http"].as_array_mut().unwrap().remove(0);
        assert!(adoptable(&elsewhere).unwrap_err().contains("no HTTP route"));
    }

    #[test]
    fn a_host_means_a_service_of_its_own_namespace_only() {
        for (host, service) in [
            ("web", Some("web")),
            ("web.shop", Some("web")),
            ("web.shop.svc.cluster.local", Some("web")),
            ("web.other", None),
            ("web.shop.example.com", None),
        ] {
            assert_eq!(service_of(host, "shop"), service, "{host}");
        }
    }
}
