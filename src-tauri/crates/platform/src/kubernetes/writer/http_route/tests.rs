use super::*;
use crate::kubernetes::record::tests::{patched, record};
use deckwatch_domain::Weights;

fn original() -> Value {
    json!({"metadata": {"name": "web"}, "spec": {"rules": [
        {"matches": [{"path": {"type": "PathPrefix", "value": "/a"}}], "timeouts": {"request": "3s"},
         "backendRefs": [{"group": "", "kind": "Service", "name": "web-svc", "port": 80, "weight": 1}]},
        {"backendRefs": [{"name": "elsewhere", "port": 80}]},
    ]}})
}

fn at(green: u8) -> Record {
    let mut record = record();
    record.traffic.weights = Weights::toward(Slot::Green, green);
    record
}

fn routed(object: &Value, record: &Record) -> Value {
    patched(object, &HttpRoute.route(object, record).unwrap())
}

fn audience(names: &[&str]) -> Audience {
    Audience {
        flag: "new".into(),
        by: AudienceBy::Header {
            name: "x-id".into(),
        },
        listed: names.iter().map(|n| (*n).to_owned()).collect(),
        share: 0,
        salt: String::new(),
    }
}

#[test]
fn the_original_backend_becomes_the_two_slots() {
    let after = routed(&original(), &at(10));
    let rules = after["spec"]["rules"].as_array().unwrap();
    assert_eq!(
        rules[0]["backendRefs"],
        json!([
            {"group": "", "kind": "Service", "name": "web-blue", "port": 80, "weight": 90},
            {"group": "", "kind": "Service", "name": "web-green", "port": 80, "weight": 10},
        ])
    );
    assert_eq!(
        rules[0]["timeouts"],
        original()["spec"]["rules"][0]["timeouts"]
    );
    assert_eq!(rules[1], original()["spec"]["rules"][1], "not ours");
    assert!(HttpRoute.route(&after, &at(10)).unwrap().is_empty());
    assert_eq!(HttpRoute.differs(&after, &at(10)), None);
}

#[test]
fn only_the_backends_are_written() {
    let after = routed(&original(), &at(0));
    let ops = HttpRoute.route(&after, &at(30)).unwrap();
    assert_eq!(ops.len(), 1);
    assert_eq!(ops[0]["path"], "/spec/rules/0/backendRefs");
}

#[test]
fn what_somebody_else_changed_is_said() {
    let mut after = routed(&original(), &at(10));
    after["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(80);
    let said = HttpRoute.differs(&after, &at(10)).unwrap();
    assert!(said.contains("web-green 80"), "{said}");
    assert!(said.contains("web-green 10"), "{said}");
    after["spec"]["rules"][0]["backendRefs"] = json!([{"name": "theirs", "port": 1}]);
    let said = HttpRoute.differs(&after, &at(10)).unwrap();
    assert!(said.contains("no rule"), "{said}");
    assert!(HttpRoute.route(&after, &at(10)).is_err());
}

#[test]
fn the_way_back_overwrites_whatever_a_rule_says_by_now() {
    let mut after = routed(&original(), &at(10));
    let refs =
        json!([{"name": "web-green", "port": 80, "weight": 7}, {"name": "theirs", "port": 1}]);
    after["spec"]["rules"][0]["backendRefs"] = refs;
    let back = routed(&after, &at(0));
    let refs = back["spec"]["rules"][0]["backendRefs"].as_array().unwrap();
    let shares: Vec<_> = refs.iter().map(|b| (&b["name"], &b["weight"])).collect();
    assert_eq!(
        shares,
        [
            (&json!("web-blue"), &json!(100)),
            (&json!("web-green"), &json!(0))
        ]
    );
}

#[test]
fn an_audience_gets_a_rule_of_its_own_that_ends_with_it() {
    let mut led = at(0);
    led.traffic.audience = Some(audience(&["ana", "ben"]));
    let after = routed(&original(), &led);
    let rules = after["spec"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 3);
    assert_eq!(rules[2]["matches"].as_array().unwrap().len(), 2);
    assert_eq!(
        rules[2]["matches"][1],
        json!({"path": {"type": "PathPrefix", "value": "/a"},
            "headers": [{"type": "Exact", "name": "x-id", "value": "ben"}]})
    );
    assert_eq!(rules[2]["backendRefs"][0]["name"], "web-green");
    assert!(HttpRoute.route(&after, &led).unwrap().is_empty());
    // Others in their place, then nobody.
    led.traffic.audience = Some(audience(&["cas"]));
    let after = routed(&after, &led);
    assert_eq!(
        after["spec"]["rules"][2]["matches"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let back = routed(&after, &at(0));
    assert_eq!(back["spec"]["rules"].as_array().unwrap().len(), 2);
}

#[test]
fn what_a_route_cannot_tell_is_refused() {
    let refused = |change: fn(&mut Audience)| {
        let mut record = record();
        let mut people = audience(&["ana"]);
        change(&mut people);
        record.traffic.audience = Some(people);
        HttpRoute.refuses(&record)
    };
    assert_eq!(refused(|_| ()), None);
    assert!(refused(|a| a.share = 1).unwrap().contains("share"));
    let cookie = refused(|a| a.by = AudienceBy::Cookie { name: "id".into() });
    assert!(cookie.unwrap().contains("cookie"));
    let many = refused(|a| a.listed = (0..65).map(|n| n.to_string()).collect());
    assert!(many.unwrap().contains("64"));
}

#[test]
fn it_is_released_as_it_was() {
    let mut led = at(0);
    led.traffic.audience = Some(audience(&["ana"]));
    let after = routed(&original(), &led);
    let back = patched(&after, &HttpRoute.release(&after, &led).unwrap());
    assert_eq!(back, original());
}

#[test]
fn a_service_of_the_same_name_elsewhere_is_another() {
    let mut other = original();
    other["spec"]["rules"][0]["backendRefs"][0]["namespace"] = json!("other");
    assert!(
        HttpRoute
            .adoptable(&other, "web-svc")
            .unwrap_err()
            .contains("does not lead")
    );
    assert_eq!(HttpRoute.adoptable(&original(), "web-svc"), Ok(()));
}
