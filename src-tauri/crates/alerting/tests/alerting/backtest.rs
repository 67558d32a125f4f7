//! The past evaluated at once is the past evaluated from moment to moment.

use deckwatch_alerting::backtest::{
    Moments, NotPrepared, Past, Prepared, Report, RuleReport, Variant, run, varied,
};
use deckwatch_alerting::eval::{AlertState, Failure};
use deckwatch_alerting::lint;
use deckwatch_alerting::rules::{Group, RuleFile};
use deckwatch_promql::{Head, Options};
use proptest::prelude::*;

use crate::harness::{MINUTE, group_of, load};

fn head(series: &[&str]) -> Head {
    let mut head = Head::default();
    load(&mut head, series);
    head
}

fn past<'s>(group: &Group, head: &'s Head, options: &'s Options, minutes: i64) -> Past<'s> {
    Past {
        moments: Moments::of(group, 0, minutes * MINUTE),
        source: head,
        options,
    }
}

fn tested(group: &Group, series: &[&str], minutes: i64) -> Report {
    let (head, options) = (head(series), Options::default());
    run(group, &past(group, &head, &options, minutes))
}

/// A limit that nothing reaches makes it go from moment to moment.
fn stepwise(group: &Group) -> Group {
    Group {
        limit: 1 << 30,
        ..group.clone()
    }
}

#[test]
fn episodes_are_told_with_their_moments_and_peaks() {
    let rule = "- alert: High\n  expr: x > 2\n  for: 2m\n  keep_firing_for: 1m\n  labels: {severity: page}";
    let group = group_of("interval: 1m", rule);
    let series = "x{job=\"a\"} 0 3 5 9 4 0 0 0 3 1 0 7 7 7 7";
    let report = tested(&group, &[series], 14);
    assert_eq!((report.evaluations, report.rules.len()), (15, 1));
    let said: Vec<_> = report.rules[0]
        .episodes
        .iter()
        .map(|e| {
            let minute = |ms: Option<i64>| ms.map(|ms| ms / MINUTE);
            let ends = minute(e.resolved_at_ms);
            (
                e.pending_since_ms / MINUTE,
                minute(e.firing_since_ms),
                ends,
                e.peak,
            )
        })
        .collect();
    let expected = [
        (1, Some(3), Some(6), Some(9.0)),
        (8, None, Some(9), Some(3.0)),
        (11, Some(13), None, Some(7.0)),
    ];
    assert_eq!(said, expected);
    assert_eq!(report.rules[0].fired().count(), 2);
    let labels = &report.rules[0].episodes[0].labels;
    assert_eq!(
        labels.to_string(),
        r#"{alertname="High", job="a", severity="page"}"#
    );
    let told: Vec<(i64, AlertState)> = report.rules[0]
        .transitions
        .iter()
        .map(|t| (t.at_ms / MINUTE, t.to))
        .collect();
    use AlertState::{Firing, Inactive, Pending};
    let expected = [
        (1, Pending),
        (3, Firing),
        (6, Inactive),
        (8, Pending),
        (9, Inactive),
        (11, Pending),
        (13, Firing),
    ];
    assert_eq!(told, expected);
}

#[test]
fn the_worst_value_is_the_lowest_where_low_is_bad() {
    let group = group_of("interval: 1m", "- alert: Low\n  expr: 3 > x");
    let report = tested(&group, &["x 5 2 1 2 5"], 4);
    assert_eq!(report.rules[0].episodes[0].peak, Some(1.0));
}

#[test]
fn what_cannot_be_asked_at_once_is_evaluated_all_the_same() {
    let series = [
        "x{a=\"1\"} 1 2 3 4 5",
        "x{a=\"2\"} 5 4 3 2 1",
        "y{a=\"1\"} 1 _ 1x3",
    ];
    let table = [
        // A label made of the value.
        (
            "",
            "- alert: A\n  expr: x > 2\n  labels: {v: '{{ $value }}'}",
            6,
        ),
        // A rule that reads what the next records.
        ("", "- alert: A\n  expr: z > 2\n- record: z\n  expr: x", 2),
        // The states of alerts.
        (
            "",
            "- alert: A\n  expr: x > 4\n- alert: B\n  expr: sum(ALERTS{alertname=\"A\"}) > 0",
            4,
        ),
        // The range that is asked for.
        ("", "- alert: A\n  expr: x @ end() > 4", 2),
        ("", "- alert: A\n  expr: '{a=\"1\"} > 3'", 1),
    ];
    for (head_words, rules, episodes) in table {
        let group = group_of(
            if head_words.is_empty() {
                "interval: 1m"
            } else {
                head_words
            },
            rules,
        );
        let report = tested(&group, &series, 4);
        let found: usize = report.rules.iter().map(|rule| rule.episodes.len()).sum();
        assert_eq!(found, episodes, "{rules}: {report:#?}");
        let options = Options::default();
        let head = head(&series);
        let place = group
            .rules
            .iter()
            .position(|rule| rule.kind() == "alert")
            .unwrap();
        let refused = Prepared::new(&group, place, &past(&group, &head, &options, 4));
        assert!(
            matches!(refused, Err(NotPrepared::MomentByMoment(_))),
            "{rules}"
        );
    }
}

#[test]
fn what_would_have_failed_is_told() {
    let rules = "- record: z\n  expr: x / on() y\n- alert: A\n  expr: x > 2\n  labels: {a: same}";
    let group = group_of("interval: 1m", rules);
    let series = ["x{a=\"1\"} 1 3 3", "x{a=\"2\"} 1 1 3", "y 1 1 1"];
    let report = tested(&group, &series, 2);
    let said: Vec<(usize, i64, usize)> = report
        .failures
        .iter()
        .map(|f| (f.place, f.at_ms / MINUTE, f.times))
        .collect();
    assert_eq!(said, [(0, 0, 3), (1, 2, 1)]);
    assert!(matches!(report.failures[1].why, Failure::Collision(_)));
}

#[test]
fn thresholds_and_for_are_moved_without_asking_again() {
    let rules = "- record: z\n  expr: x * 1\n- alert: A\n  expr: z > 5\n  for: 1m";
    let group = group_of("interval: 1m", rules);
    let head = head(&["x{a=\"1\"} 1 6 7 8 2 6 6 1", "x{a=\"2\"} 9 9 9 1 1 3 4 3"]);
    let options = Options::default();
    let past = past(&group, &head, &options, 7);
    let prepared = Prepared::new(&group, 1, &past).unwrap();
    assert_eq!(prepared.threshold(), Some(5.0));
    assert_eq!(prepared.curves().len(), 2);
    let fired = |variant: Variant| prepared.run(&variant).unwrap().fired().count();
    assert_eq!(fired(Variant::default()), 3);
    assert_eq!(
        fired(Variant {
            threshold: Some(7.5),
            ..Variant::default()
        }),
        1
    );
    assert_eq!(
        fired(Variant {
            threshold: Some(0.0),
            ..Variant::default()
        }),
        2
    );
    assert_eq!(
        fired(Variant {
            hold_ms: Some(2 * MINUTE),
            ..Variant::default()
        }),
        2
    );
    assert_eq!(
        fired(Variant {
            keep_ms: Some(2 * MINUTE),
            ..Variant::default()
        }),
        2
    );
    // The same as the rule written so.
    let variant = Variant {
        hold_ms: Some(0),
        keep_ms: Some(MINUTE),
        threshold: Some(-1.5),
    };
    let written = varied(&group, 1, &variant).unwrap();
    assert_eq!(written.rules[1].query.text(), "z > -1.5");
    assert_eq!(
        run(&written, &past).rules[0],
        prepared.run(&variant).unwrap()
    );
}

#[test]
fn what_compares_with_nothing_has_no_threshold() {
    let rules = "- alert: A\n  expr: x > y\n- record: z\n  expr: x";
    let group = group_of("interval: 1m", rules);
    let head = head(&["x 1 2 3", "y 2 2 2"]);
    let options = Options::default();
    let past = past(&group, &head, &options, 2);
    let prepared = Prepared::new(&group, 0, &past).unwrap();
    let higher = Variant {
        threshold: Some(1.0),
        ..Variant::default()
    };
    assert_eq!(prepared.run(&higher), Err(NotPrepared::NoThreshold));
    assert_eq!(prepared.run(&Variant::default()).unwrap().episodes.len(), 1);
    assert_eq!(varied(&group, 0, &higher), Err(NotPrepared::NoThreshold));
    assert_eq!(varied(&group, 1, &higher), Err(NotPrepared::NoAlert(1)));
    assert_eq!(
        Prepared::new(&group, 9, &past),
        Err(NotPrepared::NoAlert(9))
    );
}

#[test]
fn what_comes_and_goes_in_the_past_is_said_to_flap() {
    let rule = "- alert: A\n  expr: x > 2\n  labels: {severity: page}\n  annotations: {summary: s}";
    let group = group_of("interval: 1m", rule);
    let (head, options) = (head(&["x 0 3 0 3 0 3 0 3 0"]), Options::default());
    let past = past(&group, &head, &options, 8);
    let report = run(&group, &past);
    let found = lint::Past::of(&report.rules[0], &past.moments);
    assert_eq!((found.times, found.over_ms), (4, 8 * MINUTE));
    let facts = lint::Facts {
        past: [((group.name.clone(), 0), found)].into(),
        ..lint::Facts::default()
    };
    let file = RuleFile {
        groups: vec![group],
    };
    let findings = lint::lint(&file, &facts);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].code, lint::Code::Flapping);
}

#[test]
fn a_time_without_moments_has_nothing_in_it() {
    let group = group_of("interval: 1m", "- alert: A\n  expr: x > 1");
    let report = tested(&group, &["x 5 5"], -1);
    assert_eq!((report.evaluations, report.rules[0].episodes.len()), (0, 0));
}

fn values() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        6 => (0..6i32).prop_map(|v| v.to_string()),
        1 => Just("_".to_owned()),
        1 => Just("stale".to_owned()),
    ];
    proptest::collection::vec(value, 40..80).prop_map(|values| values.join(" "))
}

fn any_group() -> impl Strategy<Value = Group> {
    let queries = [
        "x > 3",
        "x < 2",
        "2 >= x",
        "sum by (job) (x) > 6",
        "rate(x[5m]) > 0.02",
        "x > y",
        "absent(x)",
        "x == 5 or y == 5",
        "x > 2 unless y > 2",
        "rec > 3",
        "avg_over_time(rec[4m]) > 2.5",
        "x offset 3m > 4",
        "max_over_time((x > 1)[5m:1m]) > 4",
        "vector(3) > 2",
        "x != 3",
        "(x) > -(-4)",
        "rec2 > 8",
    ];
    let rule = (proptest::sample::select(queries.to_vec()), 0..5i64, 0..4i64);
    let head = proptest::sample::select(vec![
        "interval: 1m",
        "interval: 2m",
        "interval: 30s",
        "query_offset: 90s",
        "labels: {team: a}",
    ]);
    (head, proptest::collection::vec(rule, 1..4)).prop_map(|(head, rules)| {
        let mut text = String::from("- record: rec\n  expr: x * 1\n- record: rec2\n  expr: sum(rec) > 4\n");
        for (nth, (query, hold, keep)) in rules.into_iter().enumerate() {
            text += &format!(
                "- alert: A{nth}\n  expr: {query}\n  for: {hold}m\n  keep_firing_for: {keep}m\n  annotations: {{a: '{{{{ $value }}}}'}}\n"
            );
        }
        group_of(head, &text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn at_once_is_as_from_moment_to_moment(group in any_group(), a in values(), b in values(), c in values()) {
        let series = [format!("x{{job=\"a\"}} {a}"), format!("x{{job=\"b\"}} {b}"), format!("y{{job=\"a\"}} {c}")];
        let series: Vec<&str> = series.iter().map(String::as_str).collect();
        let at_once = tested(&group, &series, 90);
        let steps = tested(&stepwise(&group), &series, 90);
        prop_assert_eq!(&at_once.failures, &steps.failures);
        prop_assert_eq!(&at_once.rules, &steps.rules);
    }

    #[test]
    fn a_variant_is_as_the_rule_written_so(
        group in any_group(), a in values(), b in values(),
        hold in 0..6i64, keep in 0..3i64, threshold in proptest::option::of(0..6i32),
    ) {
        let head = head(&[&format!("x{{job=\"a\"}} {a}"), &format!("x{{job=\"b\"}} {b}"), "y{job=\"a\"} 3x80"]);
        let options = Options::default();
        let past = past(&group, &head, &options, 90);
        let variant = Variant {
            hold_ms: Some(hold * MINUTE),
            keep_ms: Some(keep * MINUTE),
            threshold: threshold.map(f64::from),
        };
        let place = 2;
        let prepared = Prepared::new(&group, place, &past).unwrap();
        match varied(&group, place, &variant) {
            Err(why) => prop_assert_eq!(prepared.run(&variant), Err(why)),
            Ok(written) => {
                let whole: RuleReport = run(&written, &past).rules.remove(0);
                prop_assert_eq!(prepared.run(&variant).unwrap(), whole);
            }
        }
    }
}
