use super::*;
use crate::kubernetes::record::slot_labels;
use crate::kubernetes::record::tests::{patched, record};
use crate::kubernetes::writer::held;
use deckwatch_domain::Weights;

fn main_ingress() -> Value {
    let to = |service: &str, path: &str| {
        json!({"path": path, "pathType": "Prefix",
            "backend": {"service": {"name": service, "port": {"number": 80}}}})
    };
    json!({"metadata": {"name": "shop"}, "spec": {"ingressClassName": "nginx", "rules": [
        {"host": "shop.example", "http": {"paths": [to("web-svc", "/"), to("elsewhere", "/other")]}},
        {"host": "other.example", "http": {"paths": [to("elsewhere", "/")]}},
    ]}})
}

fn at(green: u8) -> Record {
    let mut record = record();
    record.traffic.weights = Weights::toward(Slot::Green, green);
    record
}

fn note<'a>(object: &'a Value, key: &str) -> &'a Value {
    &object["metadata"]["annotations"][key]
}

#[test]
fn a_canary_has_the_paths_of_the_service_and_no_weight() {
    let made = canary(&main_ingress(), &at(0));
    assert_eq!(made["metadata"]["name"], "web-canary");
    assert_eq!(
        (note(&made, CANARY), note(&made, WEIGHT)),
        (&json!("true"), &json!("0"))
    );
    assert_eq!(made["spec"]["ingressClassName"], "nginx");
    let rules = made["spec"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 1);
    let paths = rules[0]["http"]["paths"].as_array().unwrap();
    assert_eq!((paths.len(), leads_to(&paths[0])), (1, "web-green"));
    assert_eq!(paths[0]["backend"]["service"]["port"]["number"], 80);
    assert_eq!(Record::of(&made), Ok(Some(at(0))));
    assert_eq!(Ingress.differs(&made, &at(0)), None);
    assert!(Ingress.route(&made, &at(0)).unwrap().is_empty());
}

#[test]
fn a_weight_and_the_way_back_are_one_operation_each() {
    let made = canary(&main_ingress(), &at(0));
    let ops = Ingress.route(&made, &at(30)).unwrap();
    assert_eq!(ops.len(), 1);
    let shared = patched(&made, &ops);
    assert_eq!(note(&shared, WEIGHT), "30");
    assert_eq!(Ingress.theirs(&shared, &at(0)), Ok(30));
    let said = Ingress.differs(&shared, &at(10)).unwrap();
    assert_eq!(
        said,
        "canary-weight of the canary Ingress is `30`, and the record says `10`"
    );
    let back = Ingress.route(&shared, &at(0)).unwrap();
    assert_eq!(back.len(), 1, "the way back is one operation");
    assert_eq!(patched(&shared, &back), made);
}

#[test]
fn the_candidate_is_behind_the_canary_whatever_slot_it_is_in() {
    let made = canary(&main_ingress(), &at(100));
    // Blue was retired: the original Service, and with it the main Ingress, leads to green.
    let mut moved = at(100);
    moved.adopted.follows = Slot::Green;
    moved.adopted.selectors.blue = slot_labels(&moved.adopted.service, Slot::Blue);
    let after = patched(&made, &Ingress.route(&made, &moved).unwrap());
    assert_eq!(note(&after, WEIGHT), "0");
    assert_eq!(
        leads_to(&after["spec"]["rules"][0]["http"]["paths"][0]),
        "web-blue"
    );
    assert_eq!(Ingress.theirs(&after, &moved), Ok(100));
    moved.traffic.weights = Weights::toward(Slot::Blue, 20);
    let after = patched(&after, &Ingress.route(&after, &moved).unwrap());
    assert_eq!(note(&after, WEIGHT), "20");
    assert_eq!(Ingress.theirs(&after, &moved), Ok(80));
}

#[test]
fn whatever_leads_people_elsewhere_is_a_difference_and_is_taken_off() {
    let mut made = canary(&main_ingress(), &at(10));
    made["metadata"]["annotations"][HEADER] = json!("x-beta");
    assert!(
        Ingress
            .differs(&made, &at(10))
            .unwrap()
            .contains("canary-by-header")
    );
    assert!(
        Ingress
            .theirs(&made, &at(10))
            .unwrap_err()
            .contains("write ours")
    );
    let back = patched(&made, &Ingress.route(&made, &at(0)).unwrap());
    assert!(note(&back, HEADER).is_null());
    let mut astray = canary(&main_ingress(), &at(10));
    astray["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = json!("x");
    assert!(
        Ingress
            .differs(&astray, &at(10))
            .unwrap()
            .contains("leads to x,")
    );
    let back = patched(&astray, &Ingress.route(&astray, &at(0)).unwrap());
    assert_eq!(back, canary_with(&back));
}

/// The canary of a record without weight, with the annotations of another revision.
fn canary_with(like: &Value) -> Value {
    let mut made = canary(&main_ingress(), &at(0));
    for key in [
        crate::kubernetes::record::TRAFFIC,
        crate::kubernetes::record::INTENTS,
    ] {
        made["metadata"]["annotations"][key] = note(like, key).clone();
    }
    made
}

fn people(by: AudienceBy, listed: &[&str], share: u16) -> Record {
    let mut record = at(0);
    record.traffic.audience = Some(Audience {
        flag: "new".into(),
        by,
        listed: listed.iter().map(|key| (*key).to_owned()).collect(),
        share,
        salt: String::new(),
    });
    record
}

fn header() -> AudienceBy {
    AudienceBy::Header {
        name: "x-user".into(),
    }
}

#[test]
fn people_are_led_by_header_or_by_the_one_cookie_there_is() {
    let made = canary(&main_ingress(), &at(0));
    let led = |record: &Record| {
        assert_eq!(Ingress.refuses(record), None);
        patched(&made, &Ingress.route(&made, record).unwrap())
    };
    let one = led(&people(header(), &["ana"], 0));
    assert_eq!(
        (note(&one, HEADER), note(&one, VALUE)),
        (&json!("x-user"), &json!("ana"))
    );
    let two = led(&people(header(), &["ana", "b.c"], 0));
    assert_eq!(note(&two, PATTERN), "^(ana|b[.]c)$");
    assert!(note(&two, VALUE).is_null());
    let cookie = || AudienceBy::Cookie {
        name: "beta".into(),
    };
    assert_eq!(
        note(&led(&people(cookie(), &["always"], 0)), COOKIE),
        "beta"
    );
    for (record, why) in [
        (people(cookie(), &["ana"], 0), "always"),
        (people(header(), &["ana"], 50), "share of the people"),
        (people(header(), &["a|b", "c"], 0), "`a|b`"),
        (people(header(), &[&"x".repeat(5000), "y"], 0), "4096"),
    ] {
        let said = Ingress.refuses(&record).unwrap();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn what_a_canary_could_not_take_back_is_not_adopted() {
    let adoptable = |main: &Value| Ingress.adoptable(main, "web-svc");
    assert_eq!(adoptable(&main_ingress()), Ok(()));
    let mut sticky = main_ingress();
    sticky["metadata"]["annotations"][AFFINITY] = json!("cookie");
    assert!(adoptable(&sticky).unwrap_err().contains("stick"));
    sticky["metadata"]["annotations"][AFFINITY_CANARY] = json!("legacy");
    assert_eq!(adoptable(&sticky), Ok(()));
    let mut default = main_ingress();
    default["spec"]["defaultBackend"] = json!({"service": {"name": "web-svc"}});
    assert!(adoptable(&default).unwrap_err().contains("default backend"));
    assert!(Ingress.adoptable(&main_ingress(), "third").is_err());
    let made = canary(&main_ingress(), &at(0));
    assert!(adoptable(&made).unwrap_err().contains("canary itself"));
    let theirs = [made];
    assert_eq!(
        other_canary(&main_ingress(), "web-svc", &theirs),
        Some("web-canary")
    );
    assert_eq!(other_canary(&main_ingress(), "elsewhere", &theirs), None);
}

#[test]
fn a_patch_holds_only_while_nothing_that_decides_has_changed() {
    let made = canary(&main_ingress(), &at(10));
    let before = held(Kind::Ingress, &made);
    let mut noisy = made.clone();
    noisy["metadata"]["annotations"]["note"] = json!("x");
    noisy["metadata"]["resourceVersion"] = json!("42");
    noisy["status"] = json!({"loadBalancer": {}});
    assert_eq!(held(Kind::Ingress, &noisy), before);
    let mut weight = made.clone();
    weight["metadata"]["annotations"][WEIGHT] = json!("11");
    assert_ne!(held(Kind::Ingress, &weight), before);
    let mut cookie = made.clone();
    cookie["metadata"]["annotations"][COOKIE] = json!("beta");
    assert_ne!(held(Kind::Ingress, &cookie), before);
    let mut path = made;
    path["spec"]["rules"][0]["host"] = json!("third.example");
    assert_ne!(held(Kind::Ingress, &path), before);
}
