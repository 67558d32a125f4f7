use super::*;
use crate::kubernetes::index::Event;
use crate::kubernetes::kind::Kind;
use crate::kubernetes::record::slot_labels;
use crate::kubernetes::record::tests::record;
use serde_json::{Value, json};

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_225_700_000)
}

fn put(index: &mut Index, kind: Kind, object: Value) {
    index.apply(Event::Applied(kind, object), now());
}

fn pod(name: &str, order: &str, labels: Value, ready: bool) -> Value {
    json!({"metadata": {"name": name, "labels": labels,
            "annotations": {"deckwatch.dev/order": order}},
        "status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": if ready {"True"} else {"False"},
                "lastTransitionTime": "2026-01-01T00:00:02Z"}]}})
}

fn slice(service: &str, name: &str, pods: &[(&str, bool)]) -> Value {
    let endpoints: Vec<Value> = pods
        .iter()
        .map(|(pod, ready)| json!({"targetRef": {"name": pod}, "conditions": {"ready": ready}}))
        .collect();
    json!({"metadata": {"name": name, "labels": {"kubernetes.io/service-name": service}},
        "endpoints": endpoints})
}

fn green(order: &str) -> Value {
    json!({"metadata": {"name": "web-green"}, "spec": {"replicas": 2, "template": {
        "metadata": {"annotations": {"deckwatch.dev/order": order}},
        "spec": {"containers": [{"name": "main", "image": "host:5000/shop/web:v2.1"}]}}}})
}

/// Two pods of green's release and one of the release before it, all in its Service.
fn scene() -> Index {
    let mut index = Index::default();
    let labels = json!(slot_labels(&record().adopted.service, Slot::Green));
    put(&mut index, Kind::Deployment, green("new"));
    for (name, order, ready) in [("a", "old", true), ("b", "new", true), ("c", "new", false)] {
        put(
            &mut index,
            Kind::Pod,
            pod(name, order, labels.clone(), ready),
        );
    }
    let all = [("a", true), ("b", true), ("c", false)];
    put(
        &mut index,
        Kind::EndpointSlice,
        slice("web-green", "v4", &all),
    );
    put(
        &mut index,
        Kind::EndpointSlice,
        slice("web-green", "v6", &all),
    );
    index
}

#[test]
fn of_a_candidate_only_what_its_release_brought_up_counts() {
    let mut record = record();
    assert_eq!(ready(&scene(), &record, Slot::Green), 1);
    // What serves is counted whole: a rollout of somebody else's must not look like an outage.
    record.traffic.roles.green = Role::Stable;
    assert_eq!(ready(&scene(), &record, Slot::Green), 2);
    assert_eq!(ready(&scene(), &record, Slot::Blue), 0);
}

#[test]
fn nothing_counts_from_the_moment_that_another_release_is_asked_for() {
    let mut index = scene();
    put(&mut index, Kind::Deployment, green("newer"));
    assert_eq!(ready(&index, &record(), Slot::Green), 0);
}

#[test]
fn a_look_shows_what_stands_and_why_it_is_not_ready() {
    let mut index = scene();
    let mut bad = pod(
        "c",
        "new",
        json!(slot_labels(&record().adopted.service, Slot::Green)),
        false,
    );
    bad["status"]["containerStatuses"] = json!([{"restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1}}}]);
    put(&mut index, Kind::Pod, bad);
    let seen = look(&index, Kind::HttpRoute, &record(), None, now());
    let green = &seen.slots.green;
    assert_eq!((green.desired, green.ready), (2, 1));
    assert_eq!(green.release.as_ref().unwrap().version.as_str(), "v2.1");
    let phases: Vec<_> = green.instances.iter().map(|i| i.phase).collect();
    assert_eq!(
        phases,
        [
            InstancePhase::Ready,
            InstancePhase::Ready,
            InstancePhase::BackOff
        ]
    );
    let bad = &green.instances[2];
    assert_eq!(
        bad.last_problem.as_deref(),
        Some("CrashLoopBackOff (exit code 1)")
    );
    assert_eq!(
        green.instances[0].ready_after.map(|s| s.as_millis()),
        Some(2000)
    );
    assert_eq!(seen.slots.blue, SlotState::default());
    assert_eq!(seen.instances, 4);
}

#[test]
fn an_autoscaler_decides_what_a_full_slot_is() {
    let mut index = scene();
    put(
        &mut index,
        Kind::Autoscaler,
        json!({"metadata": {"name": "web"}, "spec": {
        "minReplicas": 2, "maxReplicas": 9,
        "scaleTargetRef": {"kind": "Deployment", "name": "web"}}}),
    );
    put(
        &mut index,
        Kind::Deployment,
        json!({"metadata": {"name": "web"}, "spec": {"replicas": 7}}),
    );
    assert_eq!(
        look(&index, Kind::HttpRoute, &record(), None, now()).instances,
        7
    );
    put(
        &mut index,
        Kind::Deployment,
        json!({"metadata": {"name": "web"}, "spec": {"replicas": 0}}),
    );
    assert_eq!(
        look(&index, Kind::HttpRoute, &record(), None, now()).instances,
        2
    );
}

#[test]
fn a_budget_over_the_adopted_pods_is_a_floor() {
    let mut index = Index::default();
    put(
        &mut index,
        Kind::DisruptionBudget,
        json!({"metadata": {"name": "web"}, "spec": {
        "minAvailable": "60%", "selector": {"matchLabels": {"app": "web"}}}}),
    );
    put(
        &mut index,
        Kind::DisruptionBudget,
        json!({"metadata": {"name": "other"}, "spec": {
        "minAvailable": 9, "selector": {"matchLabels": {"app": "other"}}}}),
    );
    assert_eq!(least(&index, &record().adopted, 4), 3);
}

#[test]
fn versions_are_told_from_images() {
    for (image, version) in [
        ("web:v1", Some("v1")),
        ("host:5000/web", None),
        ("host:5000/web:2.0", Some("2.0")),
        ("web@sha256:0123456789abcdef", Some("0123456789ab")),
    ] {
        assert_eq!(tag(image), version, "{image}");
    }
    assert_eq!(super::version("-v1/x_").as_str(), "v1x");
    assert_eq!(super::version("///").as_str(), "unknown");
}
