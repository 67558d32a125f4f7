//! Unit-test files of rules, with all their fields.

use deckwatch_alerting::rules;
use deckwatch_alerting::unit::{RuleFiles, UnitReport, read, run};

const RULES: &str = r#"
groups:
- name: second
  rules:
  - record: doubled
    expr: y * 2
- name: first
  rules:
  - record: y
    expr: x + 1
- name: alerts
  rules:
  - alert: InstanceDown
    expr: up == 0
    for: 5m
    labels:
      severity: page
    annotations:
      summary: '{{ $labels.instance }} of {{ $externalLabels.region }} is down: {{ $externalURL }}'
  - alert: Always
    expr: vector(1)
"#;

fn rule_files() -> RuleFiles {
    [("rules.yml".to_owned(), rules::read(RULES).unwrap().file)].into()
}

fn reports(text: &str) -> Vec<UnitReport> {
    let file = read(text).unwrap_or_else(|problems| panic!("{problems}"));
    let rules = rule_files();
    let tests = file.tests.iter();
    tests
        .map(|test| run(&file, test, &rules, &mut |_, _| true))
        .collect()
}

fn report(test: &str) -> UnitReport {
    reports(&format!(
        "rule_files: [rules.yml]\ntests:\n- {}",
        test.trim_start()
    ))
    .remove(0)
}

const WHOLE: &str = r#"
rule_files:
  - rules.yml
evaluation_interval: 1m
group_eval_order: [first, second]
fuzzy_compare: true
tests:
  - name: down
    interval: 1m
    input_series:
      - series: 'up{job="shop", instance="a"}'
        values: '1 0x10'
      - series: 'up{job="shop", instance="b"}'
        values: '1+0x10'
      - series: x
        values: 1+1x10
    external_labels:
      region: eu
    external_url: https://watch.example
    alert_rule_test:
      - eval_time: 5m
        alertname: InstanceDown
      - eval_time: 6m
        alertname: InstanceDown
        exp_alerts:
          - exp_labels:
              severity: page
              job: shop
              instance: a
            exp_annotations:
              summary: "a of eu is down: https://watch.example"
      - eval_time: 6m59s
        alertname: InstanceDown
        exp_alerts:
          - exp_labels: {severity: page, job: shop, instance: a}
            exp_annotations: {summary: "a of eu is down: https://watch.example"}
    promql_expr_test:
      - expr: doubled
        eval_time: 4m
        exp_samples:
          - labels: 'doubled'
            value: 12
      - expr: ALERTS{alertname="InstanceDown"}
        eval_time: 4m
        exp_samples:
          - labels: 'ALERTS{alertname="InstanceDown", alertstate="pending", instance="a", job="shop", severity="page"}'
            value: 1
      - expr: x * 0.1
        eval_time: 2m
        exp_samples:
          - {labels: '{}', value: 0.3}
      - expr: absent(nothing)
        eval_time: 2m
        exp_samples: [{labels: '{}', value: 1}]
      - expr: nothing
        eval_time: 2m
  - name: later
    start_timestamp: 2026-01-31T10:00:00Z
    input_series:
      - {series: x, values: 5x10}
    promql_expr_test:
      - expr: hour() + minute()
        eval_time: 7m
        exp_samples: [{labels: '{}', value: 17}]
      - expr: timestamp(x)
        eval_time: 1m
        exp_samples: [{labels: '{}', value: 1769853660}]
  - name: in seconds
    start_timestamp: 1769853600
    promql_expr_test:
      - expr: time()
        exp_samples: [{value: 1769853600}]
  - name: histograms
    input_series:
      - series: h
        values: '{{schema:0 sum:3 count:2 buckets:[1 1]}} _ {{schema:0 sum:6 count:4 buckets:[2 2]}}'
    promql_expr_test:
      - expr: h
        eval_time: 2m
        exp_samples:
          - labels: h
            histogram: '{{schema:0 sum:6 count:4 counter_reset_hint:not_reset buckets:[2 2]}}'
"#;

#[test]
fn a_file_with_all_fields_passes() {
    let file = read(WHOLE).unwrap();
    assert_eq!(file.rule_files, ["rules.yml"]);
    assert_eq!(file.evaluation_interval_ms, 60_000);
    assert_eq!(file.group_order, ["first", "second"]);
    assert!(file.fuzzy);
    for report in reports(WHOLE) {
        assert!(report.passed(), "{report:#?}");
        assert!(report.checks > 0);
    }
}

#[test]
fn what_is_expected_and_not_found_is_told() {
    let failing = r#"
  interval: 1m
  input_series:
    - {series: 'up{instance="a"}', values: 0x10}
  alert_rule_test:
    - eval_time: 2m
      alertname: InstanceDown
      exp_alerts: [{exp_labels: {instance: a}}]
    - eval_time: 6m
      alertname: InstanceDown
  promql_expr_test:
    - {expr: up, eval_time: 1m, exp_samples: [{labels: 'up{instance="a"}', value: 1}]}
    - {expr: 'up[1m', eval_time: 1m}
    - {expr: 'up[1m]', eval_time: 1m}
    - {expr: up, eval_time: 1m, exp_samples: [{labels: 'up{', value: 1}]}
    - {expr: up, eval_time: 1m, exp_samples: [{labels: 'up{instance=~"a"}', value: 1}]}
    - {expr: up, eval_time: 1m, exp_samples: [{histogram: '{{', value: 1}]}
    - {expr: up * NaN, eval_time: 1m, exp_samples: [{labels: '{instance="a"}', value: .nan}]}
"#;
    let report = report(failing);
    let whats: Vec<&str> = report.failures.iter().map(|f| &f.what[..]).collect();
    assert_eq!(report.failures.len(), 9, "{report:#?}");
    assert_eq!(
        whats[..3],
        [
            "alert InstanceDown at 2m",
            "alert InstanceDown at 6m",
            "up at 1m"
        ]
    );
    let first = &report.failures[0];
    assert_eq!(
        (first.line, first.expected.len(), first.got.len()),
        (7, 1, 0)
    );
    assert_eq!(report.failures[1].got.len(), 1);
    assert_eq!(
        report.failures[2].expected,
        [r#"{__name__="up", instance="a"} 1"#]
    );
    assert_eq!(
        report.failures[2].got,
        [r#"{__name__="up", instance="a"} 0"#]
    );
    for broken in &report.failures[3..8] {
        assert!(broken.error.is_some(), "{broken:?}");
    }
}

#[test]
fn groups_are_evaluated_in_the_order_that_is_named() {
    let test = |order: &str, expected: &str| {
        let text = format!(
            "rule_files: [r]\n{order}\ntests:\n- input_series: [{{series: x, values: 1+1x10}}]\n  promql_expr_test: [{{expr: doubled, eval_time: 3m, exp_samples: [{{labels: doubled, value: {expected}}}]}}]"
        );
        reports(&text).remove(0)
    };
    // Out of order, the second group sees what the first recorded a minute ago.
    for (order, expected) in [
        ("group_eval_order: [first, second]", "10"),
        ("group_eval_order: [second, first]", "8"),
        ("", "8"),
    ] {
        let report = test(order, expected);
        assert!(report.passed(), "{order}: {report:#?}");
    }
}

#[test]
fn neighbours_are_the_same_only_when_asked() {
    let test = |fuzzy: &str| {
        let text = format!(
            "rule_files: []\nfuzzy_compare: {fuzzy}\ntests:\n- promql_expr_test: [{{expr: 0.1 + 0.2, exp_samples: [{{value: 0.3}}]}}, {{expr: 0.1 + 0.2, exp_samples: [{{value: 0.30000001}}]}}]"
        );
        reports(&text).remove(0).failures.len()
    };
    assert_eq!((test("true"), test("false")), (1, 2));
}

#[test]
fn a_rule_that_breaks_ends_the_test() {
    let broken =
        "groups:\n- name: g\n  rules:\n  - record: a\n    expr: x\n  - record: a\n    expr: x + 1";
    let file = read("rule_files: [r]\ntests:\n- input_series: [{series: x, values: 1x5}]\n  promql_expr_test: [{expr: a, eval_time: 1m}]").unwrap();
    let rules = [("r".to_owned(), rules::read(broken).unwrap().file)].into();
    let report = run(&file, &file.tests[0], &rules, &mut |_, _| true);
    assert_eq!(report.failures.len(), 1);
    assert!(
        report.failures[0].what.starts_with("rule a at 0s"),
        "{report:#?}"
    );
}

#[test]
fn a_test_can_be_ended() {
    let file =
        read("rule_files: [r]\ntests:\n- promql_expr_test: [{expr: '1', eval_time: 30d}]").unwrap();
    let mut asked = 0;
    let report = run(&file, &file.tests[0], &rule_files(), &mut |done, of| {
        asked += 1;
        assert_eq!(of, 30 * 24 * 60 + 1);
        done < 1000
    });
    assert!(!report.passed() && asked < 10);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let table = [
        ("rule_file: []", 1, "did you mean `rule_files`?"),
        ("evaluation_interval: soon", 1, "not a valid duration"),
        ("group_eval_order: [a, a]", 1, "`a` is named twice"),
        ("fuzzy_compare: 3", 1, "true or false"),
        (
            "tests:\n- input_series:\n  - series: x",
            3,
            "`values` is missing",
        ),
        (
            "tests:\n- alert_rule_test:\n  - eval_time: 1m",
            3,
            "`alertname` is missing",
        ),
        (
            "tests:\n- alert_rule_test:\n  - alertname: ''",
            3,
            "`alertname` is empty",
        ),
        (
            "tests:\n- promql_expr_test:\n  - eval_time: 1m",
            3,
            "`expr` is missing",
        ),
        ("tests:\n- start_timestamp: yesterday", 2, "yesterday"),
        (
            "tests:\n- promql_expr_test:\n  - expr: x\n    exp_samples: [{value: much}]",
            4,
            "`much` is not a number",
        ),
        ("tests:\n- intervall: 1m", 2, "did you mean `interval`?"),
    ];
    for (text, line, why) in table {
        let problems = read(text).expect_err(text).0;
        let found = problems
            .iter()
            .any(|p| p.message.contains(why) && p.line == line);
        assert!(found, "{text}\nexpected line {line}: {why}\n{problems:#?}");
    }
}
