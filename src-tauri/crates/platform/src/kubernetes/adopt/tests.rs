use super::*;
use crate::kubernetes::record::tests::patched;
use deckwatch_domain::Weights;

fn deployment() -> Value {
    json!({"metadata": {"name": "web"}, "spec": {"replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web", "tier": "front"}},
            "spec": {"containers": [{"name": "main", "image": "web:v1"}]}}}})
}

fn service() -> Value {
    json!({"metadata": {"name": "web-svc", "resourceVersion": "5"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
}

fn route(backends: Value) -> Value {
    json!({"metadata": {"name": "shop", "resourceVersion": "9"},
        "spec": {"rules": [{"backendRefs": backends}]}})
}

fn ask() -> AdoptAsk {
    AdoptAsk {
        deployment: "web".into(),
        service: None,
        front: FrontAsk::Service,
        container: None,
    }
}

fn found(route: Option<Value>) -> Found {
    let front_kind = match route {
        Some(_) => Kind::HttpRoute,
        None => Kind::Service,
    };
    Found {
        deployment: deployment(),
        service: service(),
        front_kind,
        front: route.unwrap_or_else(service),
        blue: None,
        green: None,
        ingresses: Vec::new(),
    }
}

fn behind_route() -> Found {
    found(Some(route(
        json!([{"name": "web-svc", "port": 80, "weight": 1}]),
    )))
}

fn refused(ask: &AdoptAsk, found: &Found) -> String {
    plan(ask, found).unwrap_err()
}

#[test]
fn the_traffic_moves_last_and_in_one_write() {
    let found = behind_route();
    let plan = plan(&ask(), &found).unwrap();
    let names: Vec<_> = plan
        .steps
        .iter()
        .map(|s| (s.kind, s.name.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            (Kind::Service, "web-blue"),
            (Kind::Service, "web-green"),
            (Kind::HttpRoute, "shop")
        ]
    );
    assert_eq!(
        plan.steps[0].body["spec"]["selector"],
        json!({"app": "web"})
    );
    let ops = plan.steps[2].body.as_array().unwrap();
    let after = patched(&found.front, ops);
    let refs = &after["spec"]["rules"][0]["backendRefs"];
    assert_eq!(
        (&refs[0]["name"], &refs[0]["weight"]),
        (&json!("web-blue"), &json!(100))
    );
    assert_eq!(
        (&refs[1]["name"], &refs[1]["weight"]),
        (&json!("web-green"), &json!(0))
    );
    let record = Record::of(&after).unwrap().unwrap();
    assert_eq!(record.traffic.weights, Weights::all_to(Slot::Blue));
    assert_eq!(
        (record.adopted.instances, record.adopted.container.as_str()),
        (3, "main")
    );
}

#[test]
fn an_adoption_that_was_cut_short_goes_on_where_it_was() {
    let mut found = behind_route();
    let whole = plan(&ask(), &found).unwrap();
    found.blue = Some(whole.steps[0].body.clone());
    let rest = plan(&ask(), &found).unwrap();
    assert_eq!(rest.steps, whole.steps[1..]);
    found.green = Some(whole.steps[1].body.clone());
    found.front = patched(&found.front, whole.steps[2].body.as_array().unwrap());
    assert!(plan(&ask(), &found).unwrap().steps.is_empty());
}

#[test]
fn a_service_alone_keeps_its_selector_and_gains_the_record() {
    let found = found(None);
    let plan = plan(&ask(), &found).unwrap();
    let last = plan.steps.last().unwrap();
    assert_eq!((last.kind, last.name.as_str()), (Kind::Service, "web-svc"));
    let after = patched(&found.front, last.body.as_array().unwrap());
    assert_eq!(after["spec"]["selector"], json!({"app": "web"}));
    assert!(Record::of(&after).unwrap().is_some());
}

#[test]
fn what_would_lose_traffic_or_take_somebody_elses_is_refused() {
    let mut shared = behind_route();
    shared.front = route(json!([{"name": "web-svc", "port": 80}, {"name": "b", "port": 80}]));
    assert!(refused(&ask(), &shared).contains("shares its traffic"));
    shared.front = route(json!([{"name": "b", "port": 80}]));
    assert!(refused(&ask(), &shared).contains("does not lead"));
    let mut taken = behind_route();
    taken.blue = Some(json!({"metadata": {"name": "web-blue"}, "spec": {"selector": {"a": "b"}}}));
    assert!(refused(&ask(), &taken).contains("somebody else's"));
    let mut other = behind_route();
    other.service["spec"]["selector"] = json!({"app": "other"});
    assert!(refused(&ask(), &other).contains("does not lead to the Deployment"));
    let mut clever = behind_route();
    clever.deployment["spec"]["selector"]["matchExpressions"] = json!([{"key": "x"}]);
    assert!(refused(&ask(), &clever).contains("expressions"));
    let mut two = behind_route();
    let containers = json!([{"name": "a"}, {"name": "b"}]);
    two.deployment["spec"]["template"]["spec"]["containers"] = containers;
    assert!(refused(&ask(), &two).contains("a, b"));
    let mut named = ask();
    named.container = Some("b".into());
    assert!(plan(&named, &two).is_ok());
}

#[test]
fn one_object_carries_one_service() {
    let mut found = behind_route();
    let record = crate::kubernetes::record::tests::record();
    let mut other = record;
    other.adopted.service = ServiceName::new("other").unwrap();
    found.front = patched(&found.front, &other.ops(&found.front));
    assert!(refused(&ask(), &found).contains("already carries the traffic of other"));
}

#[test]
fn the_service_is_found_by_its_selector() {
    let mut slot = service();
    slot["metadata"]["name"] = json!("web-blue");
    slot["metadata"]["labels"] = json!({"deckwatch.dev/slot": "blue"});
    let headless = json!({"metadata": {"name": "none"}, "spec": {}});
    let all = vec![slot, headless, service()];
    assert_eq!(only_service(all, &deployment()), Ok(service()));
    let mut second = service();
    second["metadata"]["name"] = json!("web-internal");
    let said = only_service(vec![service(), second], &deployment()).unwrap_err();
    assert!(said.contains("web-svc, web-internal"), "{said}");
}

#[test]
fn it_is_released_only_from_where_it_was_taken() {
    let mut record = crate::kubernetes::record::tests::record();
    assert!(may_release(&record).unwrap_err().contains("live"));
    record.traffic.way_back = None;
    record.traffic.roles.green = Role::Free;
    record.traffic.weights = Weights::all_to(Slot::Green);
    assert!(may_release(&record).unwrap_err().contains("web-green"));
    record.traffic.weights = Weights::all_to(Slot::Blue);
    assert_eq!(may_release(&record), Ok(()));
}
