use super::*;
use serde_json::json;

#[test]
fn a_pod_says_why_it_is_not_ready() {
    let pod = json!({
        "metadata": {"name": "web-1", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": "web"},
            "annotations": {"deckwatch.dev/order": "7"}},
        "status": {"phase": "Running",
            "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady",
                "message": "main", "lastTransitionTime": "2026-01-01T00:00:05Z"}],
            "containerStatuses": [{"restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 3}}}]},
    });
    let pod = Pod::of(&pod);
    assert_eq!(pod.order.as_deref(), Some("7"));
    assert_eq!((pod.ready, pod.restarts), (false, 3));
    assert_eq!(pod.waiting.as_deref(), Some("CrashLoopBackOff"));
    assert_eq!(pod.ended.as_deref(), Some("exit code 3"));
    assert_eq!(pod.unready_why.as_deref(), Some("ContainersNotReady: main"));
    assert_eq!(pod.ready_since, None);
}

#[test]
fn an_endpoint_that_says_nothing_of_itself_is_ready() {
    let slice = Slice::of(&json!({
        "metadata": {"labels": {"kubernetes.io/service-name": "web-blue"}},
        "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": false},
                "targetRef": {"kind": "Pod", "name": "web-2"}},
        ],
    }));
    assert_eq!(slice.service, "web-blue");
    let expected = [("10.0.0.1".to_owned(), true), ("web-2".to_owned(), false)];
    assert_eq!(slice.endpoints, expected);
}

#[test]
fn a_budget_is_a_number_or_a_share() {
    let budget = |min: Value| Budget::of(&json!({"spec": {"minAvailable": min}})).min;
    assert_eq!(budget(json!(2)).unwrap().of(5), 2);
    assert_eq!(budget(json!("50%")).unwrap().of(5), 3);
    assert_eq!(budget(Value::Null), None);
}

#[test]
fn a_deployment_says_by_which_order_its_pods_come() {
    let plain = Deployment::of(&json!({"spec": {}}));
    assert_eq!((plain.order, plain.replicas), (None, 1));
    let template = json!({"metadata": {"annotations": {"deckwatch.dev/order": "7"}}});
    let brought_up = Deployment::of(&json!({"spec": {"replicas": 0, "template": template}}));
    assert_eq!(
        (brought_up.order.as_deref(), brought_up.replicas),
        (Some("7"), 0)
    );
}

#[test]
fn an_empty_selector_selects_nothing() {
    let labels = Labels::from([("a".into(), "b".into())]);
    assert!(!matches(&Labels::new(), &labels));
    assert!(matches(&labels, &labels));
}

#[test]
fn of_objects_that_are_not_ours_nothing_is_kept() {
    let theirs = json!({"metadata": {"name": "x", "annotations": {"big": "text"}}});
    assert_eq!(Front::of(&theirs).object, None);
    let ours = json!({"metadata": {"annotations": {"deckwatch.dev/traffic": "{}"}}, "status": {"parents": []}});
    let kept = Front::of(&ours).object.unwrap();
    assert!(kept.get("status").is_none());
}
