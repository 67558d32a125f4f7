use super::*;
use crate::kubernetes::record::tests::{patched, record};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOW: &str = "2026-01-05T00:00:00Z";

fn manager(name: &str, time: &str, fields: Value) -> Value {
    json!({"manager": name, "operation": "Update", "time": time, "fieldsV1": fields})
}

/// State, field, what was applied, what is there, whose it is.
type Row<'a> = (
    FieldState,
    &'a str,
    Option<&'a str>,
    Option<&'a str>,
    Vec<&'a str>,
);

fn rows(diff: &ObjectDiff) -> Vec<Row<'_>> {
    diff.fields
        .iter()
        .map(|f| {
            let owners = f.owners.iter().map(|o| o.manager.as_str()).collect();
            (
                f.state,
                f.field.as_str(),
                f.applied.as_deref(),
                f.found.as_deref(),
                owners,
            )
        })
        .collect()
}

#[test]
fn weights_that_somebody_changed_are_named_with_who_did_it() {
    let record = record();
    let route = json!({"metadata": {"name": "shop"}, "spec": {"rules": [
        {"matches": [{"path": {"value": "/"}}], "backendRefs": [{"name": "web-svc", "port": 80}]}]}});
    let ops = writer::of(Kind::HttpRoute).route(&route, &record).unwrap();
    let mut route = patched(&patched(&route, &record.ops(&route)), &ops);
    route["metadata"]["managedFields"] = json!([manager(
        "deckwatch",
        "2026-01-01T00:00:00Z",
        json!({"f:metadata": {"f:annotations": {
            "f:deckwatch.dev/intents": {}}}, "f:spec": {"f:rules": {}}})
    )]);
    let calm = diff(Kind::HttpRoute, &route, Some((&record, None)), at(NOW));
    assert!(
        calm.fields.iter().all(|f| f.state == FieldState::Same),
        "{calm:#?}"
    );
    assert_eq!(calm.applied_at, Some(at("2026-01-01T00:00:00Z")));

    route["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(77);
    route["metadata"]["managedFields"] = json!([
        manager(
            "deckwatch",
            "2026-01-01T00:00:00Z",
            json!({"f:metadata": {"f:annotations": {
            "f:deckwatch.dev/intents": {}}}})
        ),
        manager(
            "kubectl-edit",
            "2026-01-02T00:00:00Z",
            json!({"f:spec": {"f:rules": {}}})
        )
    ]);
    let seen = diff(Kind::HttpRoute, &route, Some((&record, None)), at(NOW));
    let rows = rows(&seen);
    assert_eq!(
        rows[0],
        (
            FieldState::Differs,
            "spec.rules[0].backendRefs[web-green].weight",
            Some("10"),
            Some("77"),
            vec!["kubectl-edit"],
        )
    );
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(
        (rows[1].0, rows[1].1),
        (
            FieldState::Same,
            "metadata.annotations[deckwatch.dev/intents]"
        )
    );
}

#[test]
fn a_deployment_says_what_of_its_release_is_not_there_and_who_scales_it() {
    let release = json!({"version": "v2", "image": "web:v2", "env": {"DB_PASSWORD": "new", "MODE": "fast", "NONE": ""}});
    let object = json!({
        "metadata": {"name": "web-green", "annotations": {RELEASE: release.to_string()}, "managedFields": [
            manager("deckwatch", "2026-01-01T00:00:00Z", json!({"f:spec": {"f:paused": {}, "f:template": {"f:spec": {
                "f:containers": {"k:{\"name\":\"main\"}": {".": {}, "f:env": {
                    "k:{\"name\":\"DB_PASSWORD\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}})),
            manager("argocd", "2026-01-03T00:00:00Z", json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {
                "f:containers": {"k:{\"name\":\"main\"}": {"f:image": {}}}}}}})),
        ]},
        "spec": {"replicas": 9, "paused": false, "template": {"spec": {"containers": [
            {"name": "side", "image": "s"},
            {"name": "main", "image": "web:hot", "env": [
                {"name": "DB_PASSWORD", "value": "old"}, {"name": "NONE"}]}]}}},
    });
    let record = record();
    let seen = diff(
        Kind::Deployment,
        &object,
        Some((&record, Some(Slot::Green))),
        at(NOW),
    );
    let text = serde_json::to_string(&seen).unwrap();
    assert!(
        !text.contains("\\\"old") && !text.contains("\\\"new"),
        "{text}"
    );
    let base = "spec.template.spec.containers[main]";
    let found = rows(&seen);
    let differing: Vec<_> = found
        .iter()
        .filter(|r| r.0 == FieldState::Differs)
        .collect();
    assert_eq!(differing.len(), 3, "{found:#?}");
    assert_eq!(differing[0].1, format!("{base}.image"));
    assert_eq!(
        (differing[0].2, differing[0].3),
        (Some("\"web:v2\""), Some("\"web:hot\""))
    );
    assert_eq!(differing[0].4, ["argocd"]);
    assert_eq!(differing[1].1, format!("{base}.env[DB_PASSWORD]"));
    assert_eq!(differing[1].2, Some("(not shown)"));
    assert_eq!(differing[2].1, format!("{base}.env.MODE"));
    assert_eq!(differing[2].3, None);
    let taken: Vec<_> = found.iter().filter(|r| r.0 == FieldState::Taken).collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (taken[0].1, taken[0].2, taken[0].3),
        ("spec.replicas", None, Some("9"))
    );
    let same = found.last().unwrap();
    assert_eq!((same.0, same.1), (FieldState::Same, "spec.paused"));
}

#[test]
fn services_lead_where_the_record_says() {
    let record = record();
    let service = |name: &str, selector: Value| json!({"metadata": {"name": name}, "spec": {"selector": selector}});
    let differs = |object: &Value, slot: Option<Slot>| {
        let seen = diff(Kind::Service, object, Some((&record, slot)), at(NOW));
        seen.fields
            .iter()
            .filter(|f| f.state == FieldState::Differs)
            .count()
    };
    assert_eq!(differs(&service("web-svc", json!({"app": "web"})), None), 0);
    assert_eq!(
        differs(&service("web-svc", json!({"app": "other"})), None),
        1
    );
    assert_eq!(
        differs(
            &service("web-green", json!({"app": "web"})),
            Some(Slot::Green)
        ),
        1
    );
    // What is nobody's of ours is compared with nothing.
    let none = diff(Kind::Service, &service("x", json!({})), None, at(NOW));
    assert_eq!((none.fields.len(), none.applied_at), (0, None));
}
