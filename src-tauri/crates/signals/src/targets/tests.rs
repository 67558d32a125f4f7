use super::*;

const WHOLE: &str = r#"
defaults: {interval: 30s}
scrape:
  - job: shop
    targets: ["127.0.0.1:9100", "https://shop.example/own/metrics?x=1"]
    labels: {team: shop}
    interval: 10s
    timeout: 5s
    body_limit: 500KiB
    sample_limit: 1000
    honor_labels: true
    honor_timestamps: false
    auth: {basic: {user: ana, password: shop-password}}
    tls: {ca: /etc/ca.pem, server_name: shop}
    params: {module: [a b, c]}
    relabel_configs:
      - {source_labels: [__address__], regex: "(.*):.*", target_label: host}
    metric_relabel_configs:
      - {action: drop, source_labels: [__name__], regex: "go_.*"}
  - job: many
    groups:
      - {targets: ["a:1"], labels: {zone: x}}
      - {targets: ["b:1"]}
kubernetes: {namespaces: [shop], via: direct, auth: {bearer: token}}
probes:
  - probe: home
    component: shop
    http: {url: "https://shop.example/", headers: {x-probe: "1"}}
    expect: {status: [200, 204], body: "<title>", certificate_days: 14, latency: 300ms}
  - probe: db
    critical: false
    every: 5s
    timeout: 200ms
    tcp: {address: "127.0.0.1:5432", tls: true}
  - probe: name
    dns: {name: shop.example, record: AAAA, server: 127.0.0.1}
    expect: {answer: "::1"}
host: {every: 10s, programs: 3}
"#;

#[test]
fn everything_that_can_be_said_is_read() {
    let read = read(WHOLE).unwrap();
    let listed = read.listed();
    let urls: Vec<&str> = listed.iter().map(|t| t.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "http://127.0.0.1:9100/metrics?module=a%20b&module=c",
            "https://shop.example/own/metrics?module=a%20b&module=c&x=1",
            "http://a:1/metrics",
            "http://b:1/metrics",
        ]
    );
    let first = &listed[0];
    assert_eq!(first.label("instance"), "127.0.0.1:9100");
    assert_eq!(
        (first.label("host"), first.label("team")),
        ("127.0.0.1", "shop")
    );
    assert_eq!(
        (listed[2].label("zone"), listed[3].label("zone")),
        ("x", "")
    );
    assert_eq!(read.jobs[0].body_limit, 500 * 1024);
    assert_eq!(read.jobs[1].interval, Span::from_secs(30));
    assert_eq!(read.jobs[1].timeout, Span::from_secs(10));
    assert_eq!(read.secrets(), ["shop-password", "token"]);
    assert_eq!(read.probes[0].expect.status, [200, 204]);
    assert_eq!(
        (read.probes[1].component.as_str(), read.probes[1].critical),
        ("db", false)
    );
    assert_eq!(
        (read.host.programs, read.host.every),
        (3, Span::from_secs(10))
    );
}

#[test]
fn a_file_that_says_nothing_measures_this_machine() {
    for text in ["", "# nothing yet\n\n", "host: {}\n"] {
        let read = read(text).unwrap();
        assert!(read.host.measured.is_none() && read.jobs.is_empty() && read.probes.is_empty());
    }
}

#[test]
fn all_mistakes_are_named_with_their_places() {
    let text = r#"scrape:
  - job: node
    targets: ["127.0.0.1:1"]
  - job: shop
    targets: ["not a host", 'ftp://x']
    intervall: 5s
    timeout: 1h
    auth: {bearer: "Bearer eyJhbGciOi"}
    relabel_configs:
      - {action: keep, regex: "("}
      - {action: hashmod, target_label: x}
      - {action: shuffle}
  - job: shop
    labels: {__x: y}
    body_limit: much
    path: metrics
probes:
  - probe: a
    timeout: 2s
    http: {url: nowhere}
  - probe: a
    tcp: {address: "host"}
    dns: {name: x}
    expect: {status: 200}
hosts: {}
"#;
    let problems = read(text).unwrap_err();
    let said: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
    let expected = [
        (2, "job of Deckwatch's own figures"),
        (5, "no `host:port`"),
        (5, "no `host:port`"),
        (6, "did you mean `interval`?"),
        (7, "no longer than the interval"),
        (8, "the name of a secret"),
        (10, "not a regular expression"),
        (11, "needs a `modulus`"),
        (12, "`shuffle` is none of"),
        (13, "the job shop stands twice"),
        (13, "`targets` is missing"),
        (14, "does not begin with `__`"),
        (15, "`much` is no size"),
        (16, "begins with `/`"),
        (19, "500ms"),
        (20, "no address"),
        (21, "exactly one of"),
        (21, "stands twice"),
        (22, "no `host:port`"),
        (24, "not what a dns probe can tell"),
        (25, "did you mean `host`?"),
    ];
    for (line, what) in expected {
        let found = problems
            .0
            .iter()
            .any(|p| p.line == line && p.message.contains(what));
        assert!(found, "line {line}, {what}: {said:#?}");
    }
    assert_eq!(problems.0.len(), expected.len(), "{said:#?}");
    // What may be a secret is not repeated.
    assert!(!said.iter().any(|line| line.contains("eyJhbGciOi")));
}

/// Every key of a document by its path, list places left out.
fn keys(node: &deckwatch_domain::Node, path: &str, found: &mut Vec<String>) {
    match &node.value {
        deckwatch_domain::Value::Map(entries) => {
            for (key, inner) in entries {
                let path = format!("{path}/{key}");
                found.push(path.clone());
                keys(inner, &path, found);
            }
        }
        deckwatch_domain::Value::List(items) => items.iter().for_each(|n| keys(n, path, found)),
        _ => {}
    }
}

#[test]
fn the_schema_knows_what_the_reader_knows() {
    let document = deckwatch_domain::parse_document(WHOLE).unwrap();
    let mut found = Vec::new();
    keys(&document, "", &mut found);
    let schema = schema();
    for path in found {
        let mut here = &schema;
        for key in path.split('/').skip(1) {
            while here.get("items").is_some() {
                here = &here["items"];
            }
            if here["additionalProperties"] == false {
                here = &here["properties"][key];
                assert!(!here.is_null(), "{path}");
            } else {
                break;
            }
        }
    }
}

#[test]
fn the_documented_file_is_read() {
    let page = include_str!("../../../../../docs/signals.md");
    let text = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let read = read(text.unwrap()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((read.listed().len(), read.probes.len()), (3, 3));
    assert!(read.kubernetes.is_some());
}

#[test]
fn rules_make_and_unmake_targets() {
    let text = r#"
scrape:
  - job: a
    targets: ["a:1", "b:1", "c:1"]
    relabel_configs:
      - {action: drop, source_labels: [__address__], regex: "b:.*"}
      - {source_labels: [__address__], regex: "c:1", target_label: __address__, replacement: "d:2"}
      - {target_label: __scheme__, replacement: https}
      - {target_label: instance, replacement: one}
"#;
    let listed = read(text).unwrap().listed();
    let urls: Vec<&str> = listed.iter().map(|t| t.url.as_str()).collect();
    assert_eq!(urls, ["https://a:1/metrics", "https://d:2/metrics"]);
    assert_eq!(listed[0].label("instance"), "one");
}
