use super::*;
use crate::kubernetes::object::matches;
use crate::kubernetes::record::tests::record;
use deckwatch_domain::ReleaseVersion;

fn release(version: &str, env: &[(&str, &str)]) -> ReleaseSpec {
    ReleaseSpec {
        version: ReleaseVersion::new(version).unwrap(),
        command: None,
        env: env
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect(),
        image: Some(format!("registry/web:{version}")),
    }
}

fn stable() -> Value {
    json!({"metadata": {"name": "web"}, "spec": {
        "replicas": 4, "paused": true, "minReadySeconds": 5,
        "selector": {"matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "Exists"}]},
        "template": {"metadata": {"labels": {"app": "web", "tier": "front", "team": "shop"}},
            "spec": {"containers": [
                {"name": "main", "image": "registry/web:v1", "env": [{"name": "MODE", "value": "old"}]},
                {"name": "proxy", "image": "proxy:1"}]}}}})
}

fn made(from: &Value, release: &ReleaseSpec) -> Value {
    let adopted = record().adopted;
    let mut filled = fill(from, "main", release, IntentId::from_u128(1)).unwrap();
    let reserved = reserved(&adopted, &stable(), &[]);
    relabel(&mut filled.template, &adopted, Slot::Green, &reserved);
    deployment(from, &adopted, Slot::Green, &filled, release, 2)
}

fn env(deployment: &Value) -> Value {
    deployment["spec"]["template"]["spec"]["containers"][0]["env"].clone()
}

#[test]
fn its_pods_are_nobody_elses() {
    let green = made(&stable(), &release("v2", &[]));
    let pod = labels(&green["spec"]["template"]["metadata"]["labels"]);
    let adopted = record().adopted;
    assert!(!matches(&adopted.selectors.blue, &pod));
    assert!(!matches(&adopted.original_selector, &pod));
    assert!(
        !pod.contains_key("tier"),
        "the Deployment's expression asks for it"
    );
    assert_eq!(pod["team"], "shop");
    assert!(matches(&adopted.selectors.green, &pod));
    let selector = labels(&green["spec"]["selector"]["matchLabels"]);
    assert!(matches(&selector, &pod));
    assert!(green["spec"]["selector"]["matchExpressions"].is_null());
}

#[test]
fn it_runs_the_release_and_is_otherwise_as_stable() {
    let green = made(&stable(), &release("v2", &[("MODE", "new"), ("FLAG", "1")]));
    let spec = &green["spec"];
    assert_eq!(
        (&spec["replicas"], &spec["minReadySeconds"]),
        (&json!(2), &json!(5))
    );
    assert!(spec["paused"].is_null());
    let containers = &spec["template"]["spec"]["containers"];
    assert_eq!(containers[0]["image"], "registry/web:v2");
    assert_eq!(containers[1]["image"], "proxy:1");
    assert_eq!(
        env(&green),
        json!([{"name": "MODE", "value": "new"}, {"name": "FLAG", "value": "1"}])
    );
    let missing = fill(
        &stable(),
        "none",
        &release("v2", &[]),
        IntentId::from_u128(1),
    )
    .unwrap_err();
    assert!(missing.to_string().contains("none"));
}

#[test]
fn a_release_does_not_inherit_what_the_one_before_it_set() {
    let mut first = release("v2", &[("MODE", "new"), ("FLAG", "1")]);
    first.command = Some(vec!["run".into(), "{version}".into()]);
    let green = made(&stable(), &first);
    let command = &green["spec"]["template"]["spec"]["containers"][0]["command"];
    assert_eq!(*command, json!(["run", "v2"]));
    let next = made(&green, &release("v3", &[]));
    assert_eq!(env(&next), env(&stable()));
    let container = &next["spec"]["template"]["spec"]["containers"][0];
    assert!(container.get("command").is_none());
}

#[test]
fn the_same_again_is_started_anew_by_another_order_only() {
    let same = release("v2", &[]);
    let filled = |n| fill(&stable(), "main", &same, IntentId::from_u128(n)).unwrap();
    assert_ne!(filled(1).template, filled(2).template);
    assert_eq!(filled(1), filled(1));
}

#[test]
fn a_slot_service_has_the_ports_of_the_original_and_none_of_its_node_ports() {
    let original = json!({"spec": {"type": "NodePort", "clusterIP": "10.0.0.1",
        "ports": [{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30001}],
        "sessionAffinity": "ClientIP"}});
    let blue = service(&original, &record().adopted, Slot::Blue);
    assert_eq!(blue["metadata"]["name"], "web-blue");
    assert_eq!(
        blue["spec"],
        json!({"ports": [{"name": "http", "port": 80, "targetPort": 8080}],
            "selector": {"app": "web"}, "sessionAffinity": "ClientIP"})
    );
}

#[test]
fn the_copy_of_an_autoscaler_keeps_what_was_asked_within_its_maximum() {
    let original = json!({"spec": {"minReplicas": 3, "maxReplicas": 5,
        "scaleTargetRef": {"kind": "Deployment", "name": "web"}, "metrics": [1]}});
    let copy = autoscaler(&original, &record().adopted, Slot::Green, 2);
    assert_eq!(copy["spec"]["scaleTargetRef"]["name"], "web-green");
    assert_eq!(
        (&copy["spec"]["minReplicas"], &copy["spec"]["maxReplicas"]),
        (&json!(2), &json!(5))
    );
    assert_eq!(copy["spec"]["metrics"], json!([1]));
    assert_eq!(floor(&copy["spec"], 9), 5);
    assert_eq!(floor(&copy["spec"], 0), 1);
}
