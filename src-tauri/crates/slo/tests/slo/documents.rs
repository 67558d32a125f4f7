//! Objectives as documents.

use deckwatch_slo::burn::Severity;
use deckwatch_slo::{
    Comparison, Counting, Indicator, NoData, Period, Side, bucket_label, read_objectives,
    write_objectives,
};

use crate::support::{one, seconds};

const ALL: &str = r#"
objectives:
  - name: availability
    service: checkout
    about: Answers that are no fault of ours.
    target: 99.95%
    period: {calendar: month, zone: Europe/Berlin}
    indicator:
      ratio: {bad: 'requests_total{code=~"5.."}', total: requests_total}
    by: [region]
    no-data: bad
    labels: {team: shop}
    exclusions:
      - {from: "2026-11-03T01:00:00Z", to: "2026-11-03T02:30:00Z", reason: database moved, author: ana}
    burn:
      - {severity: page, long: 1h, below: 99%}
      - {severity: ticket, long: 4h, short: 10m, below: 99.9%}
  - name: latency
    service: checkout
    target: 0.95
    period: 30d
    indicator:
      latency: {histogram: 'http_seconds{job="shop"}', below: 100ms}
  - name: cpu
    service: checkout
    target: 99%
    period: 7d
    indicator:
      gauge: {value: max(cpu_busy), holds: "<= 85%", every: 30s}
    no-data: hold
  - name: payments
    service: checkout
    target: 99%
    period: 28d
    indicator:
      queries:
        good: sum(rate(paid_total[$window]))
        total: sum(rate(orders_total[$window]))
        counts: per-second
  - name: minutes
    service: checkout
    target: 99.9%
    period: {calendar: quarter}
    indicator:
      slices:
        every: 1m
        at-least: 95%
        of:
          ratio: {good: ok_total, total: all_total}
"#;

#[test]
fn every_kind_is_read() {
    let read = read_objectives(ALL).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(read.len(), 5);
    let first = &read[0];
    assert_eq!(first.target.share(), 0.9995);
    assert_eq!(first.target.budget(), 0.0005);
    assert_eq!(first.by, ["region"]);
    assert_eq!(first.no_data, NoData::Bad);
    assert_eq!(first.exclusions[0].author, "ana");
    let burn = first.burn.as_ref().unwrap();
    assert_eq!((burn[0].severity, burn[0].factor), (Severity::Page, 20.0));
    assert_eq!(burn[0].short, seconds(300));
    assert_eq!((burn[1].severity, burn[1].factor), (Severity::Ticket, 2.0));
    let Indicator::Latency { below, native, .. } = &read[1].indicator else {
        panic!("{:?}", read[1].indicator)
    };
    assert_eq!((*below, *native), (0.1, false));
    let Indicator::Gauge {
        holds, threshold, ..
    } = &read[2].indicator
    else {
        panic!("{:?}", read[2].indicator)
    };
    assert_eq!((*holds, *threshold), (Comparison::AtMost, 0.85));
    assert_eq!(read[2].no_data, NoData::Hold);
    let Indicator::Queries { side, counting, .. } = &read[3].indicator else {
        panic!("{:?}", read[3].indicator)
    };
    assert_eq!((*side, *counting), (Side::Good, Counting::PerSecond));
    assert_eq!(read[4].period.to_string(), "calendar quarter in UTC");
    assert_eq!(read[4].no_data, NoData::Ignore);
}

#[test]
fn what_is_written_reads_back_the_same() {
    let read = read_objectives(ALL).unwrap();
    let written = write_objectives(&read);
    let again = read_objectives(&written).unwrap_or_else(|e| panic!("{e}\n{written}"));
    assert_eq!(again, read);
    for objective in &read {
        let alone = write_objectives(std::slice::from_ref(objective));
        assert!(alone.starts_with("name: "), "{alone}");
        assert_eq!(one(&alone), *objective);
    }
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let yaml = r#"
name: Availability
service: check out
target: 99.95
period: {calendar: fortnight, zone: Europe/Nowhere}
indicator:
  ratio: {good: 'requests_total[5m]', bad: x, total: 'rate(requests_total[5m])'}
  gauge: {value: 'cpu[5m]', holds: about 3}
by: [region, region, "a b"]
no-dta: bad
exclusions:
  - {from: "2026-11-03T02:00:00Z", to: "2026-11-03T01:00:00Z", reason: x, author: y}
  - {from: "2026-11-03T01:00:00Z", to: "2026-11-03T02:00:00Z", reason: " "}
burn:
  - {severity: pager, long: 1h}
"#;
    let problems = read_objectives(yaml).unwrap_err().to_string();
    for said in [
        "line 2, column 7: name: `Availability` is no name",
        "line 3, column 10: service:",
        "line 4, column 9: target: 99.95 is no share; write 99.95% or 0.9995",
        "`fortnight` is none of: week, month, quarter, year",
        "`Europe/Nowhere` is no time zone",
        "a selector belongs here",
        "this gives a range vector",
        "`about 3` is no threshold",
        "an indicator is one of",
        "`region` stands here twice",
        "`a b` is no label",
        "did you mean `no-data`?",
        "it ends before it begins",
        "`reason` is empty",
        "`author` is missing",
        "`pager` is none of: page, ticket",
    ] {
        assert!(problems.contains(said), "{said}\n{problems}");
    }
}

#[test]
fn a_single_mistake_is_named() {
    let with = |target: &str, indicator: &str, rest: &str| {
        let yaml = format!(
            "name: a\nservice: b\ntarget: {target}\nperiod: 30d\nindicator:\n  {indicator}\n{rest}"
        );
        read_objectives(&yaml).unwrap_err().to_string()
    };
    let ratio = "ratio: {good: a, total: b}";
    for (target, indicator, rest, said) in [
        ("100%", ratio, "", "leaves no budget"),
        ("0", ratio, "", "0 is no target"),
        (
            "99%",
            "ratio: {good: 'a offset 5m', total: b}",
            "",
            "leave `offset`",
        ),
        (
            "99%",
            "ratio: {good: 'a[5m]', total: b}",
            "",
            "leave the range out",
        ),
        (
            "99%",
            "ratio: {good: a, bad: b, total: c}",
            "",
            "either `good` or `bad`",
        ),
        (
            "99%",
            "ratio: {good: 'a{', total: c}",
            "",
            "this is no selector",
        ),
        (
            "99%",
            "queries: {good: 'sum(a)', total: 'sum(b[$window])'}",
            "",
            "`$window` does not stand",
        ),
        (
            "99%",
            "queries: {good: 'b[$window]', total: 'sum(rate(b[$window]))'}",
            "",
            "range vector",
        ),
        (
            "99%",
            "latency: {histogram: x_bucket, below: 1}",
            "",
            "own name: `x`",
        ),
        (
            "99%",
            "latency: {histogram: x, below: 0}",
            "",
            "no bound of a latency",
        ),
        (
            "99%",
            "slices: {at-least: 95%, of: {gauge: {value: a, holds: '< 1'}}}",
            "",
            "slices are of events",
        ),
        (
            "90%",
            ratio,
            "burn: [{severity: page, long: 1h, factor: 14.4}]",
            "can never alert; page at ×4.8 over 3h and 15m would do",
        ),
        (
            "99%",
            ratio,
            "burn: [{severity: page, long: 1h}]",
            "one of `factor`",
        ),
        (
            "99%",
            ratio,
            "burn: [{severity: page, long: 40d, factor: 2}]",
            "no shorter than the period",
        ),
    ] {
        let problems = with(target, indicator, rest);
        assert!(problems.contains(said), "{said}\n{problems}");
    }
}

#[test]
fn a_bound_is_one_of_the_histograms_own() {
    let labels = ["0.1", "0.25", "0.50", "1.0", "+Inf"];
    assert_eq!(bucket_label(0.25, labels), Ok("0.25"));
    assert_eq!(bucket_label(0.5, labels), Ok("0.50"));
    assert_eq!(bucket_label(1.0, labels), Ok("1.0"));
    let words = |bound: f64| bucket_label(bound, labels).unwrap_err().to_string();
    assert_eq!(
        words(0.3),
        "no bucket ends at 0.3; the nearest are 0.25 and 0.5"
    );
    assert_eq!(words(2.0), "no bucket ends at 2; the nearest is 1");
    assert_eq!(words(0.05), "no bucket ends at 0.05; the nearest is 0.1");
    assert!(
        bucket_label(0.3, [])
            .unwrap_err()
            .to_string()
            .contains("no buckets")
    );
    assert!(
        bucket_label(0.3, ["+Inf"])
            .unwrap_err()
            .to_string()
            .contains("+Inf")
    );
}

#[test]
fn a_rolling_period_is_the_same_as_written() {
    let read = read_objectives(ALL).unwrap();
    assert_eq!(read[1].period, Period::Rolling(seconds(30 * 86_400)));
}
