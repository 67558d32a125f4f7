//! What the linter says, and what it does not say.

use deckwatch_alerting::lint::{Code, Facts, Finding, Past, lint};
use deckwatch_alerting::rules::{RuleFile, read};

const DAY_MS: i64 = 86_400_000;

fn facts() -> Facts {
    let metrics = [
        "up",
        "x",
        "errors_total",
        "requests_total",
        "latency_seconds_bucket",
        "pg_up",
        "http_request_duration_seconds",
        "native_seconds",
        "cpu_seconds_total",
    ];
    Facts {
        metrics: Some(metrics.map(str::to_owned).into()),
        buckets: Some(
            [(
                "latency_seconds_bucket".to_owned(),
                vec![0.1, 0.25, 0.5, 1.0, f64::INFINITY],
            )]
            .into(),
        ),
        native: ["native_seconds".to_owned()].into(),
        retention_ms: Some(7 * DAY_MS),
        ..Facts::default()
    }
}

fn file(rules: &str) -> RuleFile {
    let rules: String = rules.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("groups:\n- name: g\n  rules:\n{rules}");
    read(&text).unwrap_or_else(|p| panic!("{text}\n{p}")).file
}

/// A rule that nothing else is to be said of.
fn alert(query: &str) -> RuleFile {
    let query = query.replace('\'', "''");
    file(&format!(
        "- alert: A\n  expr: '{query}'\n  for: 1m\n  labels: {{severity: page}}\n  annotations: {{summary: it is bad}}"
    ))
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|f| f.code.word()).collect()
}

#[test]
fn alerts_that_can_never_fire() {
    let table = [
        ("up > 1", true),
        ("up >= 1", false),
        ("up < 0", true),
        ("up == 0.5", false),
        ("up == 2", true),
        ("2 == up", true),
        ("2 < up", true),
        ("up != 1", false),
        ("count(x) == 0", true),
        ("count(x) < 1", true),
        ("count(x) <= 1", false),
        ("sum(up) == 0", false),
        ("sum(up) < 0", true),
        ("avg(up) > 1", true),
        ("absent(x) == 0", true),
        ("absent(x) == 1", false),
        ("absent(nothing)", false),
        ("rate(errors_total[5m]) < 0", true),
        (
            "rate(errors_total[5m]) / rate(requests_total[5m]) < 0",
            true,
        ),
        ("x > 5 < 3", true),
        ("x > 5 < 7", false),
        ("x == NaN", true),
        ("x != NaN", false),
        ("(up == bool 1) > 1", true),
        ("hour() > 23", true),
        ("day_of_week() == 7", true),
        ("nothing > 1", true),
        ("sum by (a) (rate(nothing[5m])) > 1", true),
        ("x > 1 and nothing", true),
        ("x > 1 unless nothing", false),
        ("x > 1 or nothing", false),
        ("nothing or nothing_else", true),
        ("x > 1 and up > 1", true),
        ("x / nothing > 1", true),
        ("vector(1) > 0", false),
        ("ALERTS{alertname=\"B\"} > 0", false),
        (
            "histogram_quantile(0.9, rate(latency_seconds_bucket[5m])) > 1",
            true,
        ),
        (
            "histogram_quantile(0.9, rate(latency_seconds_bucket[5m])) >= 1",
            false,
        ),
        (
            "histogram_quantile(0.9, rate(latency_seconds_bucket[5m])) > 0.5",
            false,
        ),
        (
            "histogram_quantile(0.9, rate(native_seconds[5m])) > 100",
            false,
        ),
        ("rate(latency_seconds_bucket{le=\"0.3\"}[5m]) > 1", true),
        ("rate(latency_seconds_bucket{le=\"0.25\"}[5m]) > 1", false),
        ("rate(latency_seconds_bucket{le=\"+Inf\"}[5m]) > 1", false),
        ("max_over_time(up[5m]) > 1", true),
        ("max_over_time(sum(up)[5m:1m]) > 100", false),
        ("clamp(x, 0, 1) > 1", true),
        ("-up > 0", true),
        ("1 - avg(up) > 1", true),
        ("1 - avg(up) >= 1", false),
    ];
    for (query, dead) in table {
        let findings = lint(&alert(query), &facts());
        let said = findings.iter().find(|f| f.code == Code::DeadAlert);
        assert_eq!(said.is_some(), dead, "{query}: {findings:#?}");
    }
    // Of what is not known nothing is said.
    for query in [
        "nothing > 1",
        "histogram_quantile(0.9, rate(nothing_bucket[5m])) > 100",
    ] {
        let findings = lint(&alert(query), &Facts::default());
        assert!(findings.is_empty(), "{query}: {findings:#?}");
    }
    // What the file records is there.
    let recorded = "- record: job:x:sum\n  expr: sum(x)\n- alert: A\n  expr: job:x:sum > 1\n  for: 1m\n  labels: {severity: page}\n  annotations: {summary: s}";
    assert_eq!(codes(&lint(&file(recorded), &facts())), Vec::<&str>::new());
}

#[test]
fn a_finding_says_where_what_and_what_to_do() {
    let findings = lint(&alert("sum(x) > 1 and count(x) == 0"), &facts());
    let [finding] = &findings[..] else {
        panic!("{findings:#?}");
    };
    assert_eq!(
        (&finding.group[..], &finding.rule[..], finding.line),
        ("g", "A", 4)
    );
    assert_eq!(finding.part, Some((15, 28)));
    assert_eq!(
        finding.what,
        "the alert can never fire: `count(x)` is never below 1, so that `== 0` never holds"
    );
    assert!(!finding.advice.is_empty());
}

#[test]
fn quantiles_without_buckets_or_bounds() {
    let table: [(&str, &[&str]); 8] = [
        (
            "histogram_quantile(0.95, http_request_duration_seconds) > 0.3",
            &["dead-alert", "quantile-without-buckets"],
        ),
        (
            "histogram_quantile(0.95, rate(native_seconds[5m])) > 0.3",
            &[],
        ),
        (
            "histogram_quantile(0.95, sum by (job) (rate(latency_seconds_bucket[5m]))) > 0.25",
            &["bounds-lost"],
        ),
        (
            "histogram_quantile(0.95, sum by (job, le) (rate(latency_seconds_bucket[5m]))) > 0.25",
            &[],
        ),
        (
            "histogram_quantile(0.95, sum without (le) (rate(latency_seconds_bucket[5m]))) > 0.25",
            &["bounds-lost"],
        ),
        (
            "histogram_quantile(0.95, sum without (pod) (rate(latency_seconds_bucket[5m]))) > 0.25",
            &[],
        ),
        (
            "histogram_quantile(0.95, rate(latency_seconds_bucket[5m])) > 0.3",
            &["off-bucket-bound"],
        ),
        (
            "0.05 < histogram_quantile(0.95, rate(latency_seconds_bucket[5m]))",
            &["off-bucket-bound"],
        ),
    ];
    for (query, expected) in table {
        assert_eq!(codes(&lint(&alert(query), &facts())), expected, "{query}");
    }
    // By the name alone, where nothing is known.
    let query = "histogram_quantile(0.95, http_request_duration_seconds) > 0.3";
    let findings = lint(&alert(query), &Facts::default());
    assert_eq!(codes(&findings), ["quantile-without-buckets"]);
    let query = "histogram_quantile(0.95, rate(latency_seconds_bucket[5m])) > 0.3";
    let what = lint(&alert(query), &facts()).remove(0).what;
    assert_eq!(
        what,
        "0.3 is no bound of a bucket: between 0.25 and 0.5 a quantile is only guessed"
    );
}

#[test]
fn numbers_per_second_are_no_percentages() {
    let rate = "rate(errors_total[5m]) > 0.001";
    let share = "rate(errors_total[5m]) / rate(requests_total[5m]) > 0.001";
    let table = [
        (rate, "{{ $value | humanizePercentage }} fail", true),
        (rate, "{{ humanizePercentage $value }}", true),
        (rate, "{{ $value }}%", true),
        (rate, "{{ printf \\\"%.2f\\\" $value }} %", true),
        (rate, "{{ $value }} a second", false),
        (rate, "90 % are well", false),
        (
            "sum by (job) (rate(errors_total[5m])) > 0.001",
            "{{ $value }}%",
            true,
        ),
        (
            "sum(irate(errors_total[5m])) > 1 and up == 1",
            "{{ $value }}%",
            true,
        ),
        (share, "{{ $value | humanizePercentage }}", false),
        ("rate(errors_total[5m]) * 100 > 1", "{{ $value }}%", false),
        // Seconds per second are a share.
        (
            "rate(cpu_seconds_total[5m]) > 0.85",
            "{{ $value | humanizePercentage }}",
            false,
        ),
        (
            "sum(increase(errors_total[5m])) > 1",
            "{{ $value }}%",
            false,
        ),
    ];
    for (query, summary, expected) in table {
        let rule = format!(
            "- alert: A\n  expr: '{query}'\n  for: 1m\n  labels: {{severity: page}}\n  annotations: {{summary: \"{summary}\"}}"
        );
        let findings = lint(&file(&rule), &facts());
        let said = findings.iter().any(|f| f.code == Code::RateAsPercentage);
        assert_eq!(said, expected, "{query} {summary}: {findings:#?}");
    }
}

#[test]
fn windows_longer_than_what_is_kept() {
    let table = [
        ("avg_over_time(x[7d]) > 1", false),
        ("avg_over_time(x[8d]) > 1", true),
        ("rate(errors_total[5m] offset 7d) > 1", true),
        ("max_over_time(rate(errors_total[1h])[7d:30m]) > 1", true),
        ("max_over_time(rate(errors_total[1h])[6d:1h]) > 1", false),
        ("x > 1 and x offset 8d < 1", true),
        ("x > 1", false),
    ];
    for (query, expected) in table {
        let findings = lint(&alert(query), &facts());
        let said = findings
            .iter()
            .find(|f| f.code == Code::WindowOverRetention);
        assert_eq!(said.is_some(), expected, "{query}: {findings:#?}");
    }
    let findings = lint(&alert("avg_over_time(x[8d]) > 1"), &facts());
    assert_eq!(
        findings[0].what,
        "it reads samples of 8d, and only 1w are kept"
    );
    let recording = file("- record: a\n  expr: avg_over_time(x[30d])");
    assert_eq!(
        codes(&lint(&recording, &facts())),
        ["window-over-retention"]
    );
}

#[test]
fn nobody_notices_a_series_that_is_gone() {
    let table = [
        ("pg_up == 0", true),
        ("0 == pg_up", true),
        ("x < 0.1", true),
        ("x / x < 0.1", true),
        ("10 > x", true),
        ("x > 1", false),
        ("x == 1", false),
        ("pg_up == 0 or absent(pg_up)", false),
    ];
    for (query, expected) in table {
        let findings = lint(&alert(query), &facts());
        let said = findings.iter().any(|f| f.code == Code::MissingAbsent);
        assert_eq!(said, expected, "{query}: {findings:#?}");
    }
    let beside = "\
- alert: A
  expr: pg_up == 0
  for: 1m
  labels: {severity: page}
  annotations: {summary: s}
- alert: B
  expr: absent_over_time(pg_up{job=\"db\"}[5m])
  for: 1m
  labels: {severity: page}
  annotations: {summary: s}";
    assert_eq!(codes(&lint(&file(beside), &facts())), Vec::<&str>::new());
}

#[test]
fn alerts_that_would_come_and_go() {
    let rule = |more: &str| {
        file(&format!(
            "- alert: A\n  expr: x > 1{more}\n  labels: {{severity: page}}\n  annotations: {{summary: s}}"
        ))
    };
    let past = |times: usize, days: i64| Facts {
        past: [(
            ("g".to_owned(), 0),
            Past {
                times,
                over_ms: days * DAY_MS,
            },
        )]
        .into(),
        ..facts()
    };
    let table = [
        ("", past(30, 7), true),
        ("", past(3, 1), true),
        ("", past(2, 1), false),
        ("", past(5, 30), false),
        ("", facts(), false),
        ("\n  for: 1m", past(30, 7), false),
        ("\n  keep_firing_for: 1m", past(30, 7), false),
    ];
    for (more, facts, expected) in table {
        let findings = lint(&rule(more), &facts);
        let said = findings.iter().any(|f| f.code == Code::Flapping);
        assert_eq!(said, expected, "{more} {:?}: {findings:#?}", facts.past);
    }
}

#[test]
fn an_alert_says_how_bad_and_what() {
    let bare = file("- alert: A\n  expr: x > 1\n- record: b\n  expr: x");
    assert_eq!(codes(&lint(&bare, &facts())), ["no-severity", "no-summary"]);
    let text = "groups:\n- name: g\n  labels: {severity: page}\n  rules:\n  - alert: A\n    expr: x > 1\n    annotations: {description: d}";
    assert_eq!(lint(&read(text).unwrap().file, &facts()), []);
}

/// Two rules of the requirements that cannot do what they say.
#[test]
fn the_two_rules_that_everybody_copies() {
    let copied = r#"
- alert: HighErrorRate
  expr: rate(errors_total{status=~"5.."}[5m]) > 0.001
  for: 2m
  labels: {severity: critical}
  annotations: {summary: 'error rate is {{ $value | humanizePercentage }}'}
- alert: HighLatency
  expr: histogram_quantile(0.95, http_request_duration_seconds) > 0.3
  for: 5m
  labels: {severity: warning}
  annotations: {summary: 'p95 is {{ $value }} s'}
"#;
    let findings = lint(&file(copied), &facts());
    let said: Vec<(&str, &str)> = findings
        .iter()
        .map(|f| (&f.rule[..], f.code.word()))
        .collect();
    let expected = [
        ("HighErrorRate", "rate-as-percentage"),
        ("HighLatency", "dead-alert"),
        ("HighLatency", "quantile-without-buckets"),
    ];
    assert_eq!(said, expected);
}
