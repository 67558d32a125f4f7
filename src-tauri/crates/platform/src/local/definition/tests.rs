use super::*;

const FULL: &str = r#"
service: checkout
listen: 127.0.0.1:8080
preview: 8081
command: [./checkout, --port, "{port}"]
env:
  MODE: "on"
  "ODD KEY": "a \"quoted\" line\nand another: #x"
folder: /srv/checkout
instances: 3
readiness: { path: /ready, interval: 2s, timeout: 250ms, healthy_after: 1, unhealthy_after: 4 }
stop: { drain: 0s, grace: 1m }
restart: { initial: 1s, max: 1m 30s, reset_after: 5m }
routing:
  - { header: x-preview, value: "yes", role: candidate }
  - { header: x-slot, value: g, slot: green }
needs: [payments, stock]
sticky: { cookie: who }
client_header: x-client
request_timeout: 5s
output_lines: 50
"#;

#[test]
fn a_definition_reads_and_writes_to_the_same() {
    let read = ServiceDefinition::from_yaml(FULL).unwrap();
    assert_eq!(read.env["ODD KEY"], "a \"quoted\" line\nand another: #x");
    assert_eq!(read.preview.unwrap().to_string(), "127.0.0.1:8081");
    assert_eq!(read.routing[0].to, RouteTo::Role(Role::Candidate));
    let again = ServiceDefinition::from_yaml(&read.to_yaml()).unwrap();
    assert_eq!(again, read);
    let json = serde_json::to_string(&read).unwrap();
    assert_eq!(
        serde_json::from_str::<ServiceDefinition>(&json).unwrap(),
        read
    );
    assert!(read.faults().is_empty(), "{:?}", read.faults());
}

#[test]
fn the_shortest_definition_has_defaults() {
    let read = ServiceDefinition::from_yaml("service: a\nlisten: 8080\ncommand: [x]\n").unwrap();
    assert_eq!(read.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(read.readiness.timeout, Span::from_millis(500));
    assert_eq!(
        read,
        ServiceDefinition::new(read.service.clone(), read.listen, vec!["x".into()])
    );
}

#[test]
fn every_mistake_is_found_at_once() {
    let text = "service: No Good\nlisten: 0.0.0.0:80\ncommand: []\ninstances: 0\n\
                readiness:\n  path: ready\n  timout: 1s\nrouting:\n  - header: \"a b\"\n    value: x\n\
                sticky: { cookie: \"a;b\" }\nrequest_timeout: 0s\nwhatever: 1\nneeds: [a, b, b]\n";
    let problems = ServiceDefinition::from_yaml(text).unwrap_err();
    let said = problems.to_string();
    for part in [
        "line 1",
        "loopback",
        "at least the program",
        "whole number from 1 to 64",
        "such as /ready",
        "did you mean `timeout`",
        "not a header's name",
        "`slot` (blue, green) or `role`",
        "not a cookie's name",
        "longer than nothing",
        "`whatever` is not known",
        "b stands here twice",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}

#[test]
fn a_preview_is_a_place_of_its_own() {
    let read = |preview: &str| {
        let text = format!("service: a\nlisten: 8080\npreview: {preview}\ncommand: [x]\n");
        ServiceDefinition::from_yaml(&text).map_err(|problems| problems.to_string())
    };
    for (wrong, words) in [
        ("8080", "line 3"),
        ("\"[::1]:8080\"", "needs another"),
        ("0.0.0.0:9000", "loopback"),
        ("nowhere", "is not an address"),
        ("0", "choose a port"),
    ] {
        let said = read(wrong).unwrap_err();
        assert!(said.contains(words), "{wrong}: {said}");
    }
    let mut mine = read("8081").unwrap();
    let other = |listen: &str, preview: Option<&str>| {
        let (name, listen) = ("b".parse().unwrap(), listen.parse().unwrap());
        let mut d = ServiceDefinition::new(name, listen, vec!["x".into()]);
        d.preview = preview.map(|address| address.parse().unwrap());
        d
    };
    for (theirs, words) in [
        (other("127.0.0.1:8081", None), "where b listens"),
        (
            other("127.0.0.1:1", Some("127.0.0.1:8081")),
            "where b previews",
        ),
        (
            other("127.0.0.1:1", Some("127.0.0.1:8080")),
            "listen: port 8080",
        ),
    ] {
        let said = mine.clash(&theirs).unwrap();
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(mine.clash(&other("127.0.0.1:1", Some("127.0.0.1:2"))), None);
    mine.preview = Some(mine.listen);
    assert_eq!(mine.faults().len(), 1, "{:?}", mine.faults());
}

#[test]
fn json_is_checked_as_strictly() {
    let mut d = ServiceDefinition::from_yaml(FULL).unwrap();
    d.listen = "8.8.8.8:80".parse().unwrap();
    d.command.clear();
    d.readiness.interval = Span::ZERO;
    assert_eq!(d.faults().len(), 3, "{:?}", d.faults());
    let unknown = r#"{"service":"a","listen":"127.0.0.1:1","command":["x"],"wat":1}"#;
    assert!(serde_json::from_str::<ServiceDefinition>(unknown).is_err());
}

proptest::proptest! {
    #[test]
    fn any_text_survives_yaml(value in ".*", arg in "[^\0]{1,40}") {
        let mut d = ServiceDefinition::from_yaml(FULL).unwrap();
        d.command = vec![arg];
        d.env.insert("X".into(), value.replace('\0', ""));
        proptest::prop_assert_eq!(ServiceDefinition::from_yaml(&d.to_yaml()).unwrap(), d);
    }

    #[test]
    fn nonsense_never_panics(text in "\\PC{0,200}") {
        let _ = ServiceDefinition::from_yaml(&text);
    }
}
