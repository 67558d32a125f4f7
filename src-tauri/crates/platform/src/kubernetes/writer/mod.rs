//! How traffic is written, by what stands in front of a service.
//!
//! A writer turns the record into operations on the traffic object and says when the object does
//! something else than the record. It decides nothing: [`crate::rules`] has decided before.

mod http_route;
pub(super) mod ingress;
pub(super) mod selector;
mod virtual_service;

use serde_json::{Value, json};

use super::kind::Kind;
use super::record::{self, Record};
use crate::model::Drift;
use deckwatch_domain::{Slot, Weights};
use http_route::HttpRoute;
use ingress::Ingress;
use selector::Selector;
use virtual_service::VirtualService;

/// What stands in front of a service and can share its traffic.
pub(super) trait TrafficWriter: Send + Sync {
    /// Why the traffic of this record cannot be expressed here; none: it can.
    fn refuses(&self, record: &Record) -> Option<String>;

    /// Whether the object leads to this Service in a way that can be taken over.
    ///
    /// # Errors
    /// Why not, in words.
    fn adoptable(&self, object: &Value, service: &str) -> Result<(), String>;

    /// The operations after which the object routes as the record says; none when it does already.
    ///
    /// # Errors
    /// Nothing in the object leads to the service any more, in words.
    fn route(&self, object: &Value, record: &Record) -> Result<Vec<Value>, String>;

    /// What the object does instead of what the record says, in words.
    fn differs(&self, object: &Value, record: &Record) -> Option<String>;

    /// The operations after which the object routes as it did before the adoption.
    ///
    /// # Errors
    /// As [`TrafficWriter::route`].
    fn release(&self, object: &Value, record: &Record) -> Result<Vec<Value>, String>;

    /// The share of green, of 100, with which the object routes as it stands, whoever wrote it.
    ///
    /// # Errors
    /// It does something that weights of the two slots cannot say, in words.
    fn theirs(&self, object: &Value, record: &Record) -> Result<u8, String>;
}

/// A share of green out of two numbers that stand for blue and green.
fn per_cent(blue: u64, green: u64) -> Result<u8, String> {
    let all = blue.saturating_add(green);
    let exact = all > 0 && green.saturating_mul(100).is_multiple_of(all);
    let share = exact.then(|| green * 100 / all);
    share
        .and_then(|share| u8::try_from(share).ok())
        .ok_or_else(|| format!("{blue} to {green} is no share in whole per cent; write ours again"))
}

/// The weights with which the object routes as it stands.
///
/// # Errors
/// As [`TrafficWriter::theirs`].
pub(super) fn theirs(kind: Kind, object: &Value, record: &Record) -> Result<Weights, String> {
    let green = of(kind).theirs(object, record)?;
    Ok(Weights::toward(Slot::Green, green))
}

/// The writer for a kind of traffic object.
pub(super) fn of(kind: Kind) -> &'static dyn TrafficWriter {
    match kind {
        Kind::HttpRoute => &HttpRoute,
        Kind::VirtualService => &VirtualService,
        Kind::Ingress => &Ingress,
        _ => &Selector,
    }
}

/// Where an object says where its traffic goes.
fn routing(kind: Kind, object: &Value) -> Vec<String> {
    let decides = ingress::DECIDES.into_iter().filter(|key| {
        // Of what is not there, a patch cannot test that it is still not.
        *key == ingress::WEIGHT || !object["metadata"]["annotations"][*key].is_null()
    });
    match kind {
        Kind::HttpRoute => vec!["/spec/rules".into()],
        Kind::VirtualService => vec!["/spec/http".into()],
        Kind::Ingress => decides
            .map(annotation)
            .chain(["/spec/rules".into()])
            .collect(),
        _ => vec!["/spec/selector".into()],
    }
}

fn annotation(key: &str) -> String {
    format!("/metadata/annotations/{}", record::escaped(key))
}

/// The preconditions of a patch: everything that was decided on is as it was read.
///
/// Not the object's version: gateways keep writing their status into it and people their notes, and
/// a way back that waited for them to pause could wait for ever. Before there is a record, and where
/// there is no routing to compare, it is the version all the same.
pub(super) fn held(kind: Kind, object: &Value) -> Vec<Value> {
    let mut paths = vec![annotation(record::TRAFFIC), annotation(record::ADOPTED)];
    paths.extend(routing(kind, object));
    let tests = paths.iter().map(|path| {
        let value = object.pointer(path)?;
        Some(json!({"op": "test", "path": path, "value": value}))
    });
    tests
        .collect::<Option<Vec<Value>>>()
        .unwrap_or_else(|| vec![record::unchanged(object)])
}

/// The patch that writes a record and its routing, if what it was decided on still holds.
pub(super) fn patch(kind: Kind, object: &Value, record: &Record) -> Result<Value, String> {
    let mut ops = held(kind, object);
    ops.extend(record.ops(object));
    ops.extend(of(kind).route(object, record)?);
    Ok(Value::Array(ops))
}

/// Whether somebody else has changed where the traffic goes, and who.
pub(super) fn drift(kind: Kind, object: &Value, record: &Record) -> Option<Drift> {
    let what = of(kind).differs(object, record)?;
    Some(Drift {
        by: last_other(kind, object),
        what,
    })
}

/// The field manager other than us that last wrote where the object's traffic goes.
fn last_other(kind: Kind, object: &Value) -> Option<String> {
    let managers = object["metadata"]["managedFields"].as_array()?;
    let routes = |manager: &&Value| {
        let fields = &manager["fieldsV1"];
        let notes = &fields["f:metadata"]["f:annotations"];
        let decides = |key: &str| !notes[format!("f:{key}")].is_null();
        let noted = kind == Kind::Ingress && ingress::DECIDES.iter().any(|key| decides(key));
        fields["f:spec"].is_object() || noted
    };
    let others = managers.iter().filter(routes);
    let others = others.filter(|m| m["manager"] != super::door::MANAGER);
    // RFC 3339 in UTC sorts as text.
    let last = others.max_by_key(|m| m["time"].as_str().unwrap_or_default())?;
    last["manager"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::record::tests::{patched, record};

    #[test]
    fn whoever_wrote_the_spec_last_is_named() {
        let mut object = json!({"metadata": {"managedFields": [
            {"manager": "deckwatch", "time": "2026-01-03T00:00:00Z", "fieldsV1": {"f:spec": {}}},
            {"manager": "argocd", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {}}},
            {"manager": "kubectl-edit", "time": "2026-01-02T00:00:00Z", "fieldsV1": {"f:spec": {}}},
            {"manager": "gateway", "time": "2026-01-04T00:00:00Z", "fieldsV1": {"f:status": {}}},
        ]}, "spec": {"selector": {"app": "other"}}});
        let mut record = record();
        record.traffic.weights = deckwatch_domain::Weights::all_to(deckwatch_domain::Slot::Blue);
        let seen = drift(Kind::Service, &object, &record).unwrap();
        assert_eq!(seen.by.as_deref(), Some("kubectl-edit"));
        object["metadata"]["managedFields"] = json!([]);
        assert_eq!(drift(Kind::Service, &object, &record).unwrap().by, None);
    }

    #[test]
    fn a_patch_holds_only_for_what_it_was_decided_on() {
        let object = json!({"metadata": {"name": "web-svc", "resourceVersion": "41"},
            "spec": {"selector": {}}});
        let mut whole = record();
        whole.traffic.weights = deckwatch_domain::Weights::all_to(deckwatch_domain::Slot::Blue);
        let patch = patch(Kind::Service, &object, &whole).unwrap();
        assert_eq!(patch[0], record::unchanged(&object));
        assert_eq!(patch[0]["value"], "41");
        let adopted = patched(&object, patch.as_array().unwrap());
        let mut noisy = adopted.clone();
        noisy["metadata"]["resourceVersion"] = json!("42");
        noisy["metadata"]["annotations"]["note"] = json!("x");
        noisy["status"] = json!({"seen": true});
        assert_eq!(held(Kind::Service, &noisy), held(Kind::Service, &adopted));
        whole.traffic.revision += 1;
        let written = patched(&adopted, &whole.ops(&adopted));
        assert_ne!(held(Kind::Service, &written), held(Kind::Service, &adopted));
        let mut moved = adopted.clone();
        moved["spec"]["selector"] = json!({"app": "other"});
        assert_ne!(held(Kind::Service, &moved), held(Kind::Service, &adopted));
    }
}
