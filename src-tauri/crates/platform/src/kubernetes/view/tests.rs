use super::*;
use crate::kubernetes::index::Event;
use crate::kubernetes::record::tests::{patched, record};
use deckwatch_domain::Slot;
use serde_json::json;

fn now() -> Timestamp {
    "2026-01-01T01:00:00Z".parse().unwrap()
}

fn meta(name: &str, more: Value) -> Value {
    let mut meta =
        json!({"name": name, "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"});
    for (key, value) in more.as_object().into_iter().flatten() {
        meta[key] = value.clone();
    }
    meta
}

/// A service `web` on a route, both slots up, and something that belongs to nobody.
fn scene() -> Index {
    let mut index = Index::default();
    let record = record();
    let route = json!({"metadata": meta("shop", json!({})), "spec": {"hostnames": ["shop.test"], "rules": [
        {"backendRefs": [{"name": "web-blue", "weight": 90}, {"name": "web-green", "weight": 10}]}]}});
    let route = patched(&route, &record.ops(&route));
    let owner = |kind: &str, name: &str| json!({"ownerReferences": [{"kind": kind, "name": name}]});
    let pod = |name: &str, set: &str, ready: &str| {
        let mut of = owner("ReplicaSet", set);
        let hash = set.rsplit('-').next().unwrap();
        of["labels"] = json!({"pod-template-hash": hash});
        json!({"metadata": meta(name, of),
            "spec": {"nodeName": "n1", "containers": [{"name": "side", "image": "side:1"}, {"name": "main", "image": "web:v1"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}})
    };
    let deployment = |name: &str, ready: u32| {
        json!({"metadata": meta(name, json!({})), "spec": {"replicas": 4,
        "template": {"spec": {"containers": [{"name": "main", "image": "web:v1"}]}}},
        "status": {"readyReplicas": ready, "updatedReplicas": 4}})
    };
    let all = [
        (Kind::HttpRoute, route),
        (Kind::Deployment, deployment("web", 4)),
        (Kind::Deployment, deployment("web-green", 0)),
        (Kind::Deployment, deployment("other", 4)),
        (
            Kind::ReplicaSet,
            json!({"metadata": meta("web-1", owner("Deployment", "web")), "spec": {"replicas": 4}}),
        ),
        (
            Kind::Service,
            json!({"metadata": meta("web-svc", json!({})), "spec": {"ports": [{"name": "http", "port": 80}]}}),
        ),
        (
            Kind::Service,
            json!({"metadata": meta("web-green", json!({}))}),
        ),
        (
            Kind::EndpointSlice,
            json!({"metadata": meta("s", json!({"labels": {"kubernetes.io/service-name": "web-green"}})),
            "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": false}}]}),
        ),
        (
            Kind::Autoscaler,
            json!({"metadata": meta("web", json!({})), "spec": {"maxReplicas": 9,
            "scaleTargetRef": {"kind": "Deployment", "name": "web"}}, "status": {"currentReplicas": 9, "desiredReplicas": 9}}),
        ),
        (
            Kind::DisruptionBudget,
            json!({"metadata": meta("web", json!({})), "spec": {"minAvailable": "50%",
            "selector": {"matchLabels": {"app": "web"}}}, "status": {"currentHealthy": 1, "desiredHealthy": 2}}),
        ),
        (Kind::Pod, pod("web-1-a", "web-1", "True")),
        // Its ReplicaSet is not known: the names say whose it is.
        (Kind::Pod, pod("web-green-7f-b", "web-green-7f", "False")),
        (Kind::Pod, pod("other-9-c", "other-9", "True")),
        (
            Kind::Event,
            json!({"metadata": meta("e1", json!({})), "type": "Warning", "reason": "Unhealthy",
            "involvedObject": {"kind": "Pod", "name": "web-green-7f-b"}, "lastTimestamp": "2026-01-01T00:30:00Z"}),
        ),
        (
            Kind::Event,
            json!({"metadata": meta("e2", json!({})), "type": "Normal", "reason": "SuccessfulCreate",
            "involvedObject": {"kind": "ReplicaSet", "name": "web-1"}, "lastTimestamp": "2026-01-01T00:40:00Z"}),
        ),
        (
            Kind::Event,
            json!({"metadata": meta("e3", json!({})), "type": "Normal", "reason": "Odd",
            "involvedObject": {"kind": "Gateway", "name": "g"}, "lastTimestamp": "2026-01-01T00:20:00Z"}),
        ),
    ];
    for (kind, object) in all {
        index.apply(Event::Applied(kind, object), now());
    }
    index
}

#[test]
fn every_object_says_whose_it_is_and_how_it_stands() {
    let rows = objects::objects(&scene(), now());
    let found = |kind: Kind, name: &str| {
        let mut of = rows.iter().filter(|r| r.kind == kind && r.name == name);
        let row = of
            .next()
            .unwrap_or_else(|| panic!("{kind} {name} in {rows:#?}"));
        let service = row.service.as_ref().map(|s| s.to_string());
        (
            service.unwrap_or_default(),
            row.slot,
            row.standing,
            row.state.clone(),
        )
    };
    let web = || "web".to_owned();
    assert_eq!(
        found(Kind::Deployment, "web"),
        (
            web(),
            Some(Slot::Blue),
            Standing::Good,
            "4 of 4 ready".into()
        )
    );
    assert_eq!(
        found(Kind::Deployment, "web-green"),
        (
            web(),
            Some(Slot::Green),
            Standing::Bad,
            "0 of 4 ready".into()
        )
    );
    assert_eq!(
        found(Kind::Deployment, "other"),
        (String::new(), None, Standing::Good, "4 of 4 ready".into())
    );
    assert_eq!(found(Kind::ReplicaSet, "web-1").1, Some(Slot::Blue));
    assert_eq!(
        found(Kind::HttpRoute, "shop"),
        (
            web(),
            None,
            Standing::Good,
            "to web-blue 90, web-green 10".into()
        )
    );
    assert_eq!(found(Kind::Service, "web-svc").1, None);
    assert_eq!(
        found(Kind::Service, "web-green"),
        (
            web(),
            Some(Slot::Green),
            Standing::Bad,
            "0 of 1 endpoints ready".into()
        )
    );
    assert_eq!(
        found(Kind::Autoscaler, "web"),
        (
            web(),
            Some(Slot::Blue),
            Standing::Warn,
            "9 of 1 to 9".into()
        )
    );
    assert_eq!(
        found(Kind::DisruptionBudget, "web"),
        (web(), Some(Slot::Blue), Standing::Bad, "0 may go".into())
    );
}

#[test]
fn pods_are_joined_with_or_without_their_sets() {
    let rows = pods::pods(&scene(), now());
    let short: Vec<(&str, Option<&str>, Option<Slot>, &str)> = rows
        .iter()
        .map(|r| {
            (
                r.name.as_str(),
                r.workload.as_deref(),
                r.slot,
                r.image.as_str(),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            ("other-9-c", Some("other"), None, "side:1"),
            ("web-1-a", Some("web"), Some(Slot::Blue), "web:v1"),
            (
                "web-green-7f-b",
                Some("web-green"),
                Some(Slot::Green),
                "web:v1"
            ),
        ]
    );
}

#[test]
fn notices_come_newest_first_with_whose_they_are() {
    let rows = notices::notices(&scene());
    let short: Vec<(&str, Option<Slot>)> =
        rows.iter().map(|r| (r.reason.as_str(), r.slot)).collect();
    let expected = [
        ("SuccessfulCreate", Some(Slot::Blue)),
        ("Unhealthy", Some(Slot::Green)),
        ("Odd", None),
    ];
    assert_eq!(short, expected);
    assert!(rows[1].warning);
}

#[test]
fn a_name_is_one_part_of_a_path() {
    for good in ["web-1", "a.b", "web.17f3a2", "system:node"] {
        assert!(is_name(good), "{good}");
    }
    for bad in ["", "../secrets/x", "a/b", "a?b", "a b", "a..b", "a%2Fb"] {
        assert!(!is_name(bad), "{bad}");
    }
}
