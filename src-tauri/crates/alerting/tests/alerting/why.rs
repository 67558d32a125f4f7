//! Why an alert fired, in words.

use deckwatch_alerting::why::sentence;

use crate::harness::{MINUTE, World, group_of};

/// What is said of the first alert at a minute.
fn said(head: &str, rule: &str, series: &[&str], minute: i64) -> String {
    let mut world = World::new(group_of(head, rule), series);
    for minute in 0..=minute {
        world.run(minute);
    }
    let group = world.evaluation.group();
    let alert = world.evaluation.alerts(0).next().expect("an alert");
    sentence(group, &group.rules[0], alert, minute * MINUTE)
}

#[test]
fn alerts_say_why() {
    let rate = "- alert: HighErrorRate\n  expr: rate(errors_total[5m]) > 0.001\n  for: 2m\n  labels: {severity: page}";
    let errors = "errors_total{job=\"shop\",instance=\"a\"} 0+30x20";
    let x = |expr: &str| format!("- alert: A\n  expr: {expr}");
    let table = [
        (
            rate.to_owned(),
            errors,
            6,
            "HighErrorRate is firing: `rate(errors_total[5m])` is 0.5 for instance=\"a\", job=\"shop\", above 0.001, and has been for 5m (asked for: 2m).",
        ),
        (
            rate.to_owned(),
            errors,
            2,
            "HighErrorRate is pending: `rate(errors_total[5m])` is 0.2 for instance=\"a\", job=\"shop\", above 0.001, and has been for 1m (asked for: 2m).",
        ),
        (
            rate.to_owned(),
            errors,
            1,
            "HighErrorRate is pending: `rate(errors_total[5m])` is 0.1 for instance=\"a\", job=\"shop\", above 0.001 now (asked for: 2m).",
        ),
        (
            x("x == 0"),
            "x{job=\"db\"} 0",
            0,
            "A is firing: `x` is 0 for job=\"db\".",
        ),
        (
            x("x < 5"),
            "x 1234567e-6",
            0,
            "A is firing: `x` is 1.235, below 5.",
        ),
        (
            x("5 >= x"),
            "x 5",
            0,
            "A is firing: `x` is 5, at or below 5.",
        ),
        (
            x("x != 1"),
            "x 3",
            0,
            "A is firing: `x` is 3, other than 1.",
        ),
        (
            x("x > x offset 1m"),
            "x 1 3",
            1,
            "A is firing: `x` is 3, above `x offset 1m`.",
        ),
        (
            x("absent(nothing{job=\"db\"})"),
            "x 3",
            2,
            "A is firing: there is no series of `nothing{job=\"db\"}` for job=\"db\", and has been for 2m.",
        ),
        (
            x("x and x"),
            "x{a=\"b\"} 3",
            0,
            "A is firing: `x and x` holds for a=\"b\", with the value 3.",
        ),
        (
            x("x > 1e9"),
            "x 12345678901",
            0,
            "A is firing: `x` is 12.35G, above 1G.",
        ),
        (
            x("x > 2"),
            "x 3 3 1",
            2,
            "A is over: `x` was 3, above 2, and had been for 2m.",
        ),
        (
            format!("{}\n  keep_firing_for: 5m", x("x > 2")),
            "x 3 3 1 1",
            3,
            "A is firing: `x` was 3, above 2, and had been for 2m; that is over since 1m, and it is kept firing for 4m more.",
        ),
    ];
    for (rule, series, minute, expected) in table {
        assert_eq!(said("interval: 1m", &rule, &[series], minute), expected);
    }
    // What the group adds says nothing of where it is.
    let rule = "- alert: A\n  expr: x > 2";
    assert_eq!(
        said("labels: {team: shop}", rule, &["x 3"], 0),
        "A is firing: `x` is 3, above 2."
    );
}
