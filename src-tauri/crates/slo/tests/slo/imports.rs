//! Documents of other tools, in and out.

use deckwatch_slo::burn::Severity;
use deckwatch_slo::export::to_openslo;
use deckwatch_slo::import::{Imported, import};
use deckwatch_slo::{
    Comparison, Counting, Indicator, NoData, Objective, Side, read_objectives, write_objectives,
};
use proptest::prelude::*;

use crate::support::{DAY, seconds};

fn read(text: &str) -> Imported {
    let read = import(text).unwrap_or_else(|e| panic!("{e}"));
    assert!(read.mistakes.is_empty(), "{}", read.mistakes);
    read
}

fn said(read: &Imported) -> Vec<String> {
    read.left_out.0.iter().map(ToString::to_string).collect()
}

fn ratio(indicator: &Indicator) -> (Side, &str, &str) {
    match indicator {
        Indicator::Ratio {
            side,
            events,
            total,
        } => (*side, events, total),
        other => panic!("{other:?}"),
    }
}

const SLOTH: &str = r#"version: "prometheus/v1"
service: web_shop
labels:
  team: shop
slos:
  - name: orders-availability
    objective: 99.9
    description: Orders that were taken.
    labels: {category: availability}
    sli:
      events:
        error_query: sum(rate(orders_total{job="shop",code=~"5.."}[{{.window}}]))
        total_query: sum(rate(orders_total{job="shop"}[{{ .window }}]))
    alerting:
      name: OrdersFailing
      labels: {area: orders}
      annotations:
        summary: orders fail
      page_alert:
        labels: {channel: pager}
      ticket_alert:
        disable: true
  - name: orders-latency
    objective: 99
    sli:
      events:
        error_query: |
          (
            sum(rate(orders_seconds_count{job="shop"}[{{.window}}]))
            -
            sum(rate(orders_seconds_bucket{job="shop",le="0.3"}[{{.window}}]))
          )
        total_query: sum(rate(orders_seconds_count{job="shop"}[{{.window}}]))
    alerting: {}
  - name: mail
    objective: 95
    sli:
      events:
        error_query: sum(increase(mail_total{ok="false"}[{{.window}}])) + sum(increase(mail_lost_total[{{.window}}]))
        total_query: sum(increase(mail_total[{{.window}}]))
  - name: ratio-alone
    objective: 99
    sli:
      raw:
        error_ratio_query: sum(rate(a[{{.window}}])) / sum(rate(b[{{.window}}]))
  - name: mixed
    objective: 99
    sli:
      events:
        error_query: max(rate(a_total[{{.window}}]))
        total_query: max(increase(b_total[{{.window}}]))
  - name: without-window
    objective: 99
    sli:
      events:
        error_query: sum(rate(a_total[5m]))
        total_query: sum(rate(b_total[5m]))
"#;

#[test]
fn sloth_comes_in() {
    let read = read(SLOTH);
    let names: Vec<&str> = read.objectives.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["orders-availability", "orders-latency", "mail"]);
    let first = &read.objectives[0];
    assert_eq!(first.service.as_str(), "web-shop");
    assert_eq!(first.target.share(), 0.999);
    assert_eq!(
        ratio(&first.indicator),
        (
            Side::Bad,
            r#"orders_total{code=~"5..",job="shop"}"#,
            r#"orders_total{job="shop"}"#
        )
    );
    let labels: Vec<String> = first
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(
        labels,
        ["area=orders", "category=availability", "team=shop"]
    );
    let burn = first.burn.as_ref().unwrap();
    assert_eq!(burn.len(), 2);
    assert!(burn.iter().all(|p| p.severity == Severity::Page));
    assert_eq!(
        read.objectives[1].indicator,
        Indicator::Latency {
            histogram: r#"orders_seconds{job="shop"}"#.into(),
            below: 0.3,
            native: false
        }
    );
    assert_eq!(read.objectives[1].burn, None);
    let Indicator::Queries {
        side,
        counting,
        events,
        ..
    } = &read.objectives[2].indicator
    else {
        panic!()
    };
    assert_eq!((*side, *counting), (Side::Bad, Counting::Events));
    assert!(events.contains("[$window]"));
    assert_eq!(
        said(&read),
        [
            "line 2, column 10: service: `web_shop` is called `web-shop` here",
            "line 6, column 3: slos: Sloth's documents name no period; its default of 30 days was taken",
            "line 15, column 13: slos[0].alerting.name: `name` is not carried over",
            "line 18, column 9: slos[0].alerting.annotations: `annotations` is not carried over",
            "line 20, column 17: slos[0].alerting.page_alert.labels: `labels` is not carried over",
            "line 45, column 9: slos[3].sli.raw: a ratio alone has no events to count: a budget of it would be a mean of ratios; the objective is left out",
            "line 50, column 9: slos[4].sli.events: one of the two counts events, the other events per second; the objective is left out",
            "line 56, column 9: slos[5].sli.events: `sum(rate(a_total[5m]))`: `$window` does not stand in it: it would count the same over every window; the objective is left out",
        ]
    );
}

#[test]
fn sloths_kubernetes_object_comes_in() {
    let read = read(
        r#"apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: shop, namespace: monitoring}
spec:
  service: shop
  slos:
    - name: orders
      objective: 99.5
      sli:
        events:
          errorQuery: sum by (region) (rate(orders_total{code="500"}[{{.window}}]))
          totalQuery: sum by (region) (rate(orders_total[{{.window}}]))
      alerting:
        pageAlert: {disable: true}
        ticketAlert: {disable: true}
"#,
    );
    let objective = &read.objectives[0];
    assert_eq!(objective.by, ["region"]);
    assert_eq!(objective.burn.as_ref().unwrap().len(), 0);
    assert_eq!(objective.target.share(), 0.995);
}

#[test]
fn pyrra_comes_in() {
    let object = |indicator: &str| {
        format!(
            "apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata:
  name: shop-orders
  namespace: monitoring
  labels:
    prometheus: k8s
    pyrra.dev/team: shop
    pyrra.dev/service: shop
spec:
  target: '99.5'
  window: 4w
  description: Orders.
  indicator:
    {indicator}
"
        )
    };
    let text = [
        "ratio: {errors: {metric: 'orders_total{code=~\"5..\"}'}, total: {metric: orders_total}, grouping: [region]}",
        "latency: {success: {metric: 'orders_seconds_bucket{job=\"shop\",le=\"1\"}'}, total: {metric: 'orders_seconds_count{job=\"shop\"}'}}",
        "latency: {success: {metric: 'orders_seconds_bucket{code=\"200\",le=\"1\"}'}, total: {metric: orders_seconds_count}}",
        "latencyNative: {latency: 200ms, total: {metric: 'orders_seconds{job=\"shop\"} offset 1m'}}",
        "bool_gauge: {metric: 'probe_success{job=\"shop\"}', grouping: [target]}",
    ]
    .map(object)
    .iter()
    .enumerate()
    .map(|(i, o)| o.replace("shop-orders", &format!("shop-orders-{i}")))
    .collect::<Vec<_>>()
    .join("---\n");
    let read = read(&text);
    assert_eq!(read.objectives.len(), 5);
    let first = &read.objectives[0];
    assert_eq!(first.period.nominal(), seconds(28 * DAY));
    assert_eq!(first.service.as_str(), "shop");
    assert_eq!(first.labels["team"], "shop");
    assert_eq!(first.by, ["region"]);
    assert_eq!(
        ratio(&first.indicator),
        (Side::Bad, r#"orders_total{code=~"5.."}"#, "orders_total")
    );
    let Indicator::Latency {
        histogram,
        below,
        native: false,
    } = &read.objectives[1].indicator
    else {
        panic!()
    };
    assert_eq!(
        (histogram.as_str(), *below),
        (r#"orders_seconds{job="shop"}"#, 1.0)
    );
    // Quick answers that were no errors: other conditions than the total's.
    assert_eq!(
        ratio(&read.objectives[2].indicator),
        (
            Side::Good,
            r#"orders_seconds_bucket{code="200",le="1"}"#,
            "orders_seconds_count"
        )
    );
    let Indicator::Latency {
        histogram,
        below,
        native: true,
    } = &read.objectives[3].indicator
    else {
        panic!()
    };
    assert_eq!(
        (histogram.as_str(), *below),
        (r#"orders_seconds{job="shop"}"#, 0.2)
    );
    let Indicator::Gauge {
        value,
        holds,
        threshold,
        ..
    } = &read.objectives[4].indicator
    else {
        panic!()
    };
    assert_eq!(value, r#"probe_success{job="shop"}"#);
    assert_eq!((*holds, *threshold), (Comparison::AtLeast, 1.0));
    let said = said(&read);
    assert_eq!(said.len(), 12, "{said:#?}");
    assert!(said[0].contains("line 5, column 14: metadata.namespace: `namespace` is not carried"));
    assert!(said[1].contains("the label `prometheus`"));
    assert!(said[11].contains("every minute here"));
}

const PYRRA: &str = r#"apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata:
  name: orders
  labels: {pyrra.dev/team: shop}
spec:
  target: '99'
  window: 2w
  indicator:
    ratio:
      errors: {metric: 'a{b="c"}'}
      total: {metric: b}
      grouping: [region]
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: quick}
spec:
  target: '99'
  window: 28d
  indicator:
    latencyNative: {latency: 200ms, total: {metric: seconds}}
  alerting: {disabled: true}
"#;

#[test]
fn pyrras_alerts_can_be_off_and_its_service_missing() {
    let read = read(
        "apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: orders}
spec:
  target: '99'
  window: 2w
  indicator: {ratio: {errors: {metric: a}, total: {metric: b}}}
  alerting: {disabled: true, absent: false}
",
    );
    assert_eq!(read.objectives[0].burn, Some(vec![]));
    assert_eq!(read.objectives[0].service.as_str(), "orders");
    let said = said(&read);
    assert!(said[0].contains("Pyrra names no service"), "{said:#?}");
    assert!(
        said[1].contains("`absent` is not carried over"),
        "{said:#?}"
    );
}

const OPENSLO: &str = r#"apiVersion: openslo/v1
kind: Service
metadata: {name: shop}
spec: {description: sells}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: orders-ok}
spec:
  ratioMetric:
    counter: true
    good:
      metricSource:
        metricSourceRef: thanos
        type: Prometheus
        spec: {query: 'sum(rate(orders_total{code!~"5.."}[5m]))'}
    total:
      metricSource:
        type: Prometheus
        spec: {query: orders_total}
--- # the promise
apiVersion: openslo/v1
kind: SLO
metadata:
  name: orders
  displayName: Orders
  labels: {team: shop, tags: [a, b]}
spec:
  service: shop
  indicatorRef: orders-ok
  timeWindow:
    - duration: 1M
      calendar: {startTime: 2026-01-15 00:00:00, timeZone: Europe/Berlin}
  budgetingMethod: Occurrences
  objectives:
    - {displayName: Strict, target: 0.999}
    - {targetPercent: 99}
  alertPolicies:
    - alertPolicyRef: fast
    - kind: AlertPolicy
      metadata: {name: slow}
      spec:
        alertWhenBreaching: true
        conditions:
          - kind: AlertCondition
            metadata: {name: slow}
            spec:
              severity: ticket
              condition: {kind: burnrate, threshold: 2, lookbackWindow: 12h, alertAfter: 0m}
        notificationTargets: [{targetRef: mail}]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: fast}
spec:
  conditions: [{conditionRef: fast}]
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast}
spec:
  severity: page
  condition: {kind: burnrate, threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: cpu}
spec:
  service: shop
  indicator:
    metadata: {name: cpu}
    spec:
      thresholdMetric:
        metricSource: {type: Prometheus, spec: {query: max(cpu_busy)}}
  timeWindow: [{duration: 1Q, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lte, value: 0.85, target: 0.99}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: minutes}
spec:
  service: shop
  indicator:
    metadata: {name: minutes}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: 'orders_total{code="500"}'}}}
        total: {metricSource: {type: Prometheus, spec: {query: orders_total}}}
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Timeslices
  objectives: [{target: 0.99, timeSliceTarget: 0.95, timeSliceWindow: 1m}]
"#;

#[test]
fn openslo_comes_in() {
    let read = read(OPENSLO);
    let names: Vec<&str> = read.objectives.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["orders-strict", "orders-2", "cpu", "minutes"]);
    let first = &read.objectives[0];
    assert_eq!(first.about, "Orders");
    assert_eq!(first.target.share(), 0.999);
    assert_eq!(read.objectives[1].target.share(), 0.99);
    assert_eq!(first.period.to_string(), "calendar month in Europe/Berlin");
    assert_eq!(
        ratio(&first.indicator),
        (Side::Good, r#"orders_total{code!~"5.."}"#, "orders_total")
    );
    let burn = first.burn.as_ref().unwrap();
    assert_eq!(
        (burn[0].severity, burn[0].factor, burn[0].short),
        (Severity::Page, 14.4, seconds(300))
    );
    assert_eq!(
        (burn[1].severity, burn[1].long),
        (Severity::Ticket, seconds(43_200))
    );
    let cpu = &read.objectives[2];
    assert_eq!(cpu.period.nominal(), seconds(90 * DAY));
    assert!(matches!(
        cpu.indicator,
        Indicator::Gauge {
            holds: Comparison::AtMost,
            ..
        }
    ));
    let Indicator::Slices {
        every,
        at_least,
        of,
    } = &read.objectives[3].indicator
    else {
        panic!()
    };
    assert_eq!((*every, *at_least), (seconds(60), 0.95));
    assert_eq!(ratio(of).0, Side::Bad);
    let said = said(&read);
    let wanted = [
        "line 14, column 26: spec.ratioMetric.good.metricSource.metricSourceRef: the data source",
        "line 16, column 23: spec.ratioMetric.good.metricSource.spec.query: the query's own range",
        "line 27, column 30: metadata.labels.tags: `tags` is more than one value",
        "line 33, column 29: spec.timeWindow[0].calendar.startTime: a month begins with the calendar here, not on 15 January",
        "`notificationTargets` is not carried over",
        "`alertAfter` is not carried over: the pace must hold for 5m as well",
        "a rolling window is counted in days: 90d",
    ];
    for wanted in wanted {
        assert!(
            said.iter().any(|s| s.contains(wanted)),
            "{wanted}\n{said:#?}"
        );
    }
}

#[test]
fn what_cannot_be_counted_is_left_out_with_the_reason() {
    let slo = |metric: &str, method: &str| {
        format!(
            "apiVersion: openslo/v1
kind: SLO
metadata: {{name: a}}
spec:
  service: b
  indicator: {{metadata: {{name: c}}, spec: {{{metric}}}}}
  timeWindow: [{{duration: 28d, isRolling: true}}]
  budgetingMethod: {method}
  objectives: [{{target: 0.99, op: lt, value: 1}}]
"
        )
    };
    let source =
        |query: &str| format!("{{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}");
    let (ok, all) = (source("ok_total"), source("all_total"));
    let good =
        |extra: &str, good: &str| format!("ratioMetric: {{{extra}good: {good}, total: {all}}}");
    for (metric, method, why) in [
        (
            format!("ratioMetric: {{rawType: success, raw: {ok}}}"),
            "Occurrences",
            "mean of ratios",
        ),
        (good("counter: false, ", &ok), "Occurrences", "up and down"),
        (good("", &ok), "RatioTimeslices", "mean of ratios"),
        (
            good("", &source("max(ok_total)")),
            "Occurrences",
            "windows of any length",
        ),
        (
            good("", &source("sum by (a) (ok_total)")),
            "Occurrences",
            "different labels",
        ),
        (
            good("", &ok).replace("Prometheus", "Datadog"),
            "Occurrences",
            "`Datadog` are not read",
        ),
        (
            format!("thresholdMetric: {}", source("max(")),
            "Occurrences",
            "no PromQL",
        ),
    ] {
        let text = slo(&metric, method);
        let read = read(&text);
        assert!(read.objectives.is_empty(), "{text}");
        let said = said(&read);
        assert!(said.iter().any(|s| s.contains(why)), "{why}: {said:#?}");
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    let told = |text: &str| match import(text) {
        Ok(read) => read.mistakes.to_string(),
        Err(problems) => problems.to_string(),
    };
    for (text, wanted) in [
        ("a: b", "known are OpenSLO"),
        (
            "version: prometheus/v2\nslos: []",
            "`prometheus/v2` is not read here",
        ),
        ("version: prometheus/v1\nslos: []", "`service` is missing"),
        (
            "version: prometheus/v1\nservice: a\nslos:\n- {name: x}",
            "line 4, column 3: slos[0]: `objective` is missing",
        ),
        (
            "version: prometheus/v1\nservice: a\nslos:\n- {name: x, objective: 100, sli: {events: {}}}",
            "leaves no budget",
        ),
        (
            "apiVersion: openslo/v1\nkind: Slo\nmetadata: {name: x}",
            "no kind of OpenSLO",
        ),
        (
            "\n---\napiVersion: openslo/v1\nkind: SLO\n",
            "line 3, column 1: `metadata` is missing",
        ),
        (
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: x}\nspec: {service: y, indicatorRef: z, budgetingMethod: Occurrences, timeWindow: [{duration: 1d, isRolling: true}]}",
            "the SLI `z` is not in this text",
        ),
        (
            "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {name: x}\nspec: {target: many, window: 5m, indicator: {}}",
            "`many` is no percentage",
        ),
        ("a: [", "not YAML"),
        ("", "the document is empty"),
    ] {
        let found = told(text);
        assert!(found.contains(wanted), "{text}\n{found}");
    }
}

#[test]
fn our_own_come_in_as_they_are() {
    let text =
        "name: a\nservice: b\ntarget: 99%\nperiod: 30d\nindicator: {ratio: {bad: x, total: y}}\n";
    let read = read(text);
    assert_eq!(read.objectives, read_objectives(text).unwrap());
    // Among others, with their own lines.
    let both = format!("{PYRRA}---\n{text}");
    assert_eq!(import(&both).unwrap().objectives.len(), 3);
    let wrong = import(&both.replace("target: 99%", "target: 99")).unwrap_err();
    assert!(
        wrong
            .to_string()
            .starts_with("line 27, column 9: target: 99 is no share"),
        "{wrong}"
    );
}

fn of(indicator: &str, rest: &str) -> Objective {
    let yaml =
        format!("name: a\nservice: b\nabout: c\ntarget: 99.95%\n{rest}\nindicator: {indicator}\n");
    read_objectives(&yaml)
        .unwrap_or_else(|e| panic!("{e}\n{yaml}"))
        .remove(0)
}

#[test]
fn what_goes_out_as_openslo_comes_back() {
    let month = "period: {calendar: month, zone: Europe/Berlin}";
    let objectives = [
        of("{ratio: {bad: 'x{code=~\"5..\"}', total: x}}", month),
        of(
            "{ratio: {good: y, total: x}}",
            "period: 28d\nby: [region, shop]\nno-data: hold",
        ),
        of(
            "{latency: {histogram: 'h{job=\"x\"}', below: 1s}}",
            "period: {calendar: week}\nlabels: {team: q}",
        ),
        of(
            "{latency: {histogram: h, below: 250ms}}",
            "period: {calendar: quarter}",
        ),
        of(
            "{gauge: {value: max(x), holds: '> 3', every: 1m}}",
            "period: {calendar: year}",
        ),
        of(
            "{slices: {every: 5m, at-least: 90%, of: {ratio: {bad: y, total: x}}}}",
            "period: 7d",
        ),
        of(
            "{queries: {bad: 'max(rate(y[$window]))', total: 'max(rate(x[$window]))', counts: per-second}}",
            "period: 7d",
        ),
        of(
            "{ratio: {bad: y, total: x}}",
            "period: 30d\nburn: [{severity: page, long: 1h, factor: 14.4}, {severity: ticket, long: 3d, factor: 1}]",
        ),
    ];
    for objective in objectives {
        let exported = to_openslo(std::slice::from_ref(&objective));
        let back = read(&exported.text);
        assert_eq!(back.objectives, [objective], "{}", exported.text);
    }
}

#[test]
fn what_openslo_has_no_word_for_is_said() {
    let objective = of(
        "{ratio: {bad: y, total: x}}",
        "period: 30d\nexclusions: [{from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', reason: r, author: a}]",
    );
    let exported = to_openslo(&[objective]);
    assert_eq!(
        exported.left_out,
        ["a: its 1 exclusions, of which OpenSLO has no word"]
    );
}

#[test]
fn several_go_out_as_several_documents() {
    let one = of("{ratio: {bad: y, total: x}}", "period: 30d");
    let two = Objective {
        name: "z".into(),
        no_data: NoData::Bad,
        ..one.clone()
    };
    let exported = to_openslo(&[one.clone(), two.clone()]);
    assert_eq!(read(&exported.text).objectives, [one, two]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_does_harm(text in "(?s).{0,200}") {
        let _ = import(&text);
    }

    #[test]
    fn no_damage_to_a_document_does_harm(
        which in 0_usize..3,
        at in 0_usize..3000,
        length in 0_usize..60,
        with in "[-a-z0-9:{}\\[\\]'\"$ \n]{0,12}",
    ) {
        let text = [SLOTH, OPENSLO, PYRRA][which];
        let boundary = |n: usize| (0..=n.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        let (a, b) = (boundary(at), boundary(at + length));
        if let Ok(read) = import(&format!("{}{with}{}", &text[..a], &text[b..])) {
            for objective in read.objectives {
                let written = write_objectives(std::slice::from_ref(&objective));
                let again = read_objectives(&written);
                let again = again.unwrap_or_else(|e| panic!("{e}\n{written}"));
                prop_assert_eq!(again, [objective], "{}", written);
            }
        }
    }
}
