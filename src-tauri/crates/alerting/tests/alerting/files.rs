//! Rule files: in, out, and every mistake with its place.

use std::collections::BTreeMap;

use deckwatch_alerting::rules::{
    Alerting, Group, Makes, Rule, RuleFile, read, read_lenient, write,
};
use deckwatch_promql::Query;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

const WHOLE: &str = r#"
# Rules of the shop.
groups:
- name: shop
  interval: 30s
  query_offset: 1m
  limit: 10
  labels:
    team: shop
    tier: 1
  rules:
  - record: job:errors:ratio5m
    expr: |
      sum by (job) (rate(errors_total[5m]))
        /
      sum by (job) (rate(requests_total[5m]))
    labels: {version: 1.10, live: yes, sure: True, none: }
  - alert: HighErrorRate
    expr: job:errors:ratio5m > 0.001
    for: 2m
    keep_firing_for: 1h30m
    labels:
      severity: critical
    annotations:
      summary: '{{ $labels.job }} fails {{ $value | humanizePercentage }} of its requests'
- name: empty
"#;

#[test]
fn a_file_is_read_as_it_is_written() {
    let file = read(WHOLE).unwrap().file;
    let [shop, empty] = &file.groups[..] else {
        panic!("{file:#?}");
    };
    assert_eq!(
        (shop.interval_ms, shop.query_offset_ms),
        (Some(30_000), Some(60_000))
    );
    assert_eq!((shop.limit, &shop.labels["tier"][..]), (10, "1"));
    assert_eq!((empty.interval_ms, empty.rules.len()), (None, 0));
    let [record, alert] = &shop.rules[..] else {
        panic!();
    };
    assert_eq!(
        (record.kind(), record.name()),
        ("record", "job:errors:ratio5m")
    );
    assert_eq!(record.line, 12);
    let spelled: Vec<&str> = record.labels.values().map(String::as_str).collect();
    assert_eq!(spelled, ["yes", "", "True", "1.10"]);
    let Makes::Alert(alerting) = &alert.makes else {
        panic!();
    };
    assert_eq!((alerting.hold_ms, alerting.keep_ms), (120_000, 5_400_000));
    // Out and in again.
    let text = write(&file);
    let again = read(&text).unwrap().file;
    assert_eq!(bare(&again), bare(&file), "{text}");
    assert_eq!(write(&again), text);
}

#[test]
fn a_file_without_anything_in_it_has_no_rules() {
    for text in [
        "",
        "\n",
        "# nothing\n",
        "---\n",
        "groups:\n",
        "groups: []\n",
        "{}",
    ] {
        assert_eq!(read(text).unwrap().file, RuleFile::default(), "{text:?}");
    }
    assert_eq!(write(&RuleFile::default()), "groups: []\n");
}

fn rule(lines: &str) -> String {
    let lines: String = lines
        .split('|')
        .map(|line| format!("    {line}\n"))
        .collect();
    format!("groups:\n- name: g\n  rules:\n  - {}", lines.trim_start())
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let table = [
        (
            rule("record: a|alert: b|expr: x"),
            5,
            "either `record` or `alert`, not both",
        ),
        (rule("expr: x"), 4, "either `record` or `alert`"),
        (rule("alert: a"), 4, "`expr` is missing"),
        (rule("alert: a|expr: ' '"), 5, "`expr` is empty"),
        (rule("alert: a|expr: sum(x"), 5, "unclosed left parenthesis"),
        (rule("alert: ''|expr: x"), 4, "an alert's name is not empty"),
        (
            rule("record: ''|expr: x"),
            4,
            "a metric's name is not empty",
        ),
        (rule("record: a{b=\"c\"}|expr: x"), 4, "has braces"),
        (rule("record: a|expr: x|for: 1m"), 6, "`for` is of alerts"),
        (
            rule("record: a|expr: x|keep_firing_for: 1m"),
            6,
            "`keep_firing_for` is of alerts",
        ),
        (
            rule("record: a|expr: x|annotations: {b: c}"),
            6,
            "`annotations` is of alerts",
        ),
        (
            rule("alert: a|expr: x|for: soon"),
            6,
            "not a valid duration string: \"soon\"",
        ),
        (
            rule("alert: a|expr: x|for: 5"),
            6,
            "not a valid duration string: \"5\"",
        ),
        (
            rule("alert: a|expr: x|labels: {__name__: b}"),
            6,
            "`__name__` is given by the rule",
        ),
        (
            rule("alert: a|expr: x|labels: {'': b}"),
            6,
            "a label's name is not empty",
        ),
        (
            rule("alert: a|expr: x|labels: [b]"),
            6,
            "a mapping belongs here, not a list",
        ),
        (
            rule("alert: a|expr: x|labels: {b: '{{ nothing }}'}"),
            6,
            "function \"nothing\" is not defined",
        ),
        (
            rule("alert: a|expr: x|annotations: {b: '{{ if }}'}"),
            6,
            "template",
        ),
        (rule("alert: a|expr: x|fro: 1m"), 6, "did you mean `for`?"),
        ("groups:\n- rules: []".to_owned(), 2, "`name` is missing"),
        (
            "groups:\n- name: ''".to_owned(),
            2,
            "a group's name is not empty",
        ),
        (
            "groups:\n- name: a\n- name: a".to_owned(),
            3,
            "two groups are named `a`",
        ),
        (
            "groups:\n- name: a\n  limit: -1".to_owned(),
            3,
            "not a whole number",
        ),
        (
            "groups:\n- name: a\n  interval: -1m".to_owned(),
            3,
            "not a valid duration string",
        ),
        (
            "groups: 5".to_owned(),
            1,
            "a list belongs here, not a number",
        ),
        ("group: []".to_owned(), 1, "did you mean `groups`?"),
        ("groups: [}".to_owned(), 1, "not YAML"),
    ];
    for (text, line, why) in table {
        let problems = read(&text).expect_err(&text).0;
        let found = problems
            .iter()
            .any(|p| p.message.contains(why) && p.line == line);
        assert!(found, "{text}\nexpected line {line}: {why}\n{problems:#?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_and_unknown_words_can_be_passed_over() {
    let text =
        "groups:\n- name: a\n  limt: 1\n  rules:\n  - alert: b\n    expr: sum(\n  - expr: y\n";
    assert_eq!(read(text).unwrap_err().0.len(), 3);
    assert_eq!(read_lenient(text).unwrap_err().0.len(), 2);
    let text = "groups:\n- name: a\n  source_tenants: [b]\n";
    assert!(read(text).is_err() && read_lenient(text).is_ok());
}

#[test]
fn the_same_rule_twice_is_doubtful() {
    let text = "\
groups:
- name: a
  labels: {c: d}
  rules:
  - record: x
    expr: y
  - record: x
    expr: z
    labels: {c: d}
  - alert: x
    expr: z
  - record: x
    expr: z
    labels: {c: e}
";
    let findings = read(text).unwrap().findings;
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (findings[0].line, &findings[0].code[..]),
        (7, "duplicate-rule")
    );
    assert!(
        findings[0].message.contains("line 5"),
        "{}",
        findings[0].message
    );
}

/// Without the places, which writing changes.
fn bare(file: &RuleFile) -> RuleFile {
    let mut file = file.clone();
    for rule in file.groups.iter_mut().flat_map(|group| &mut group.rules) {
        rule.line = 0;
    }
    file
}

/// Texts that YAML likes to misread.
fn odd() -> impl Strategy<Value = String> {
    let words = [
        "",
        "yes",
        "No",
        "null",
        "~",
        "true",
        "1",
        "1.10",
        "0x1F",
        "1e3",
        ".inf",
        "- a",
        "a: b",
        "a #b",
        "# a",
        " a",
        "a ",
        "a\n",
        "\na",
        "a\n b\n\nc",
        "a\tb",
        "\u{85}",
        "\u{2028}",
        "\u{feff}a",
        "{a}",
        "[a]",
        "*a",
        "&a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a`",
        "'",
        "\"",
        "\\",
        "a'b\"c\\d",
        "é",
        "日本",
        "\u{1f600}",
        "?",
        ": ",
        "a:",
        "2020-01-01",
        "<<",
        "=",
        "\u{7f}",
        "\u{1}",
        "\r\n",
    ];
    prop_oneof![
        2 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => vec(any::<char>(), 0..8).prop_map(|chars| chars.into_iter().collect()),
    ]
}

fn odd_words() -> impl Strategy<Value = BTreeMap<String, String>> {
    let name = odd().prop_filter("a name", |name| !name.is_empty() && name != "__name__");
    // Templates have tests of their own.
    let value = odd().prop_filter("no template", |text| !text.contains("{{"));
    btree_map(name, value, 0..3)
}

fn length() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1..10_000i64, (1..5000i64).prop_map(|m| m * 60_000)]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let queries = [
        "up",
        "sum by (a) (rate(x[5m])) > 0.1",
        "x == \"a\" or y",
        "'a\\nb'",
        "x # a comment\n  > 1\n",
        "\n x\n",
        "x{a=~\"b|c\"}",
        "x\r\n",
        "{\"é.b\"}",
        "1",
    ];
    let queries: Vec<Query> = queries
        .iter()
        .filter_map(|text| Query::new(text, Default::default()).ok())
        .collect();
    assert!(queries.len() >= 8);
    let name = odd().prop_filter("a name", |name| {
        !name.is_empty() && !name.contains(['{', '}'])
    });
    let makes = (name, any::<bool>(), length(), length(), odd_words()).prop_map(
        |(name, records, hold_ms, keep_ms, annotations)| match records {
            true => Makes::Record(name),
            false => Makes::Alert(Alerting {
                name,
                hold_ms,
                keep_ms,
                annotations,
            }),
        },
    );
    (makes, proptest::sample::select(queries), odd_words()).prop_map(|(makes, query, labels)| {
        Rule {
            makes,
            query,
            labels,
            line: 0,
        }
    })
}

fn any_file() -> impl Strategy<Value = RuleFile> {
    let group = (
        option::of(length()),
        option::of(length()),
        0..3usize,
        odd_words(),
        vec(any_rule(), 0..4),
    );
    let named = btree_map(odd().prop_filter("a name", |n| !n.is_empty()), group, 0..3);
    named.prop_map(|groups| RuleFile {
        groups: groups
            .into_iter()
            .map(
                |(name, (interval_ms, query_offset_ms, limit, labels, rules))| Group {
                    name,
                    interval_ms,
                    query_offset_ms,
                    limit,
                    labels,
                    rules,
                },
            )
            .collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_is_read_again(file in any_file()) {
        let text = write(&file);
        let again = read(&text);
        prop_assert!(again.is_ok(), "{}\n{:?}", text, again.err());
        prop_assert_eq!(bare(&again.unwrap().file), file, "{}", text);
    }

    #[test]
    fn nonsense_is_refused_and_breaks_nothing(text in "(groups:|- |name:|rules:|alert:|expr:|for:|[ \n]|[a-z1-9{}\\[\\]&*|>'\"])*") {
        let _ = read(&text);
    }
}
