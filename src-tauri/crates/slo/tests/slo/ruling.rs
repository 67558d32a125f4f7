//! Objectives as rules of Prometheus, and what there is to begin with.

use deckwatch_domain::{ServiceName, Timestamp, parse_document};
use deckwatch_promql::labels::Labels;
use deckwatch_promql::parse::{Dialect, parse};
use deckwatch_promql::value::{FloatPoint, Value};
use deckwatch_promql::{MemorySource, Options, Query, SeriesSamples, When};
use deckwatch_slo::burn::{Severity, State};
use deckwatch_slo::presets::{
    LATENCY_LIMIT, Level, OBJECTIVES, RELATIVE, SLIS, Sli, budget_level, sli_rules,
};
use deckwatch_slo::rules::Rule;
use deckwatch_slo::{NoData, Objective, Prepared, write_objectives};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{DAY, HOUR, MINUTE, one, plain, seconds, track};

#[test]
fn an_objective_becomes_a_rule_file() {
    let objective = one(r#"name: availability
service: checkout
target: 99.95%
period: 30d
by: [region]
no-data: bad
labels: {team: shop}
indicator:
  ratio: {bad: 'requests_total{code=~"5.."}', total: requests_total}
"#);
    let ruled = objective.rules(None);
    assert!(ruled.left_out.is_empty(), "{:?}", ruled.left_out);
    let groups = &ruled.file.groups;
    assert_eq!(groups[0].name, "slo-checkout-availability-period");
    assert_eq!(groups[0].interval.as_deref(), Some("5m"));
    let mut recorded = Vec::new();
    let mut alerts = Vec::new();
    for rule in groups.iter().flat_map(|g| &g.rules) {
        parse(rule.expr(), Dialect::default()).unwrap_or_else(|e| panic!("{}: {e}", rule.expr()));
        match rule {
            Rule::Record { record, .. } => recorded.push(record.as_str()),
            Rule::Alert {
                alert,
                expr,
                labels,
                ..
            } => {
                alerts.push((alert.as_str(), labels["severity"].as_str(), expr.as_str()));
            }
        }
    }
    let bad: Vec<&str> = recorded
        .iter()
        .filter_map(|r| r.strip_prefix("slo:bad_events:increase"))
        .collect();
    assert_eq!(bad, ["1d", "3d", "30d", "5m", "30m", "1h", "2h", "6h"]);
    assert!(recorded.contains(&"slo:budget_left:ratio"));
    let severities: Vec<&str> = alerts.iter().map(|a| a.1).collect();
    assert_eq!(
        severities,
        ["critical", "critical", "warning", "warning", "critical"]
    );
    assert_eq!(alerts[0].0, "CheckoutAvailabilityBurn");
    let own = r#"{slo="availability",slo_service="checkout"}"#;
    assert!(alerts[0].2.starts_with(&format!(
        "(slo:bad_events:increase1h{own} > 0.0072 * slo:total_events:increase1h{own}) and "
    )));
    assert!(alerts[0].2.contains(&format!(
        "(slo:bad_events:increase1h{own} >= 0.00001 * slo:total_events:increase30d{own})"
    )));
    assert_eq!(alerts[4].0, "CheckoutAvailabilityNoData");

    let text = ruled.file.to_yaml();
    assert!(text.starts_with("groups:\n  - name: slo-checkout-availability-period\n"));
    let read = parse_document(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert!(read.has("groups"));
    assert!(text.contains("team: shop"));
    assert!(text.contains("14.4 = 2 % · 30d / 1h"), "{text}");
}

#[test]
fn what_rules_cannot_say_is_said() {
    let objective = one("name: a
service: b
target: 90%
period: 30d
no-data: hold
indicator: {ratio: {bad: x, total: y}}
exclusions: [{from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', reason: r, author: a}]
");
    let said = objective.rules(None).left_out;
    assert_eq!(said.len(), 3);
    assert!(said[0].contains("can never alert"));
    assert!(said[1].contains("exclusions") && said[2].contains("hold"));
}

/// The recorded series at a moment, as the rules would have written them.
fn recorded(objective: &Objective, counted: &Prepared, now: Timestamp) -> MemorySource {
    let windows = [300, 1800, HOUR, 2 * HOUR, 6 * HOUR, DAY, 3 * DAY, 30 * DAY];
    let names = ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"];
    let series = windows.iter().zip(names).flat_map(|(window, name)| {
        let events = counted.last(seconds(*window), now);
        [("bad", events.bad), ("total", events.total)].map(|(what, v)| SeriesSamples {
            labels: Labels::from_pairs([
                ("__name__", format!("slo:{what}_events:increase{name}")),
                ("slo", objective.name.clone()),
                ("slo_service", objective.service.to_string()),
            ]),
            floats: vec![FloatPoint {
                t: now.as_millis(),
                v,
            }],
            ..SeriesSamples::default()
        })
    });
    MemorySource::new(series)
}

#[test]
fn the_rules_say_what_the_decisions_say() {
    let objective = plain();
    let rules: Vec<String> = objective.rules(None).file.groups[1]
        .rules
        .iter()
        .filter(|r| matches!(r, Rule::Alert { .. }))
        .map(|r| r.expr().to_owned())
        .collect();
    assert_eq!(rules.len(), 4);
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let (mut fired, mut quiet, mut differ) = (0, 0, 0);
    for _ in 0..150 {
        let usual = [0.01, 0.3, 5.0, 200.0][random.random_range(0..4)];
        let share = [0.0, 0.005, 0.02, 0.3][random.random_range(0..4)];
        let trouble = random.random_range(0..600);
        let slots = (0..30 * 1440).map(|n| {
            let whole = f64::floor(usual);
            let total = whole + f64::from(u8::from(random.random_bool(usual - whole)));
            let mut bad = 0.0;
            if n >= 30 * 1440 - trouble {
                bad = (0..total as u32)
                    .filter(|_| random.random_bool(share))
                    .count() as f64;
            }
            (total, bad)
        });
        let slots: Vec<(f64, f64)> = slots.collect();
        let track = track(Timestamp::EPOCH, seconds(MINUTE), slots);
        let now = track.to();
        let counted = objective.prepare(&track, &[]);
        let source = recorded(&objective, &counted, now);
        for (decision, expr) in objective.decide(&counted, now).iter().zip(&rules) {
            let answer = Query::new(expr, Dialect::default())
                .unwrap()
                .run(When::Instant(now.as_millis()), &source, &Options::default())
                .unwrap();
            let Value::Vector(samples) = answer.value else {
                panic!()
            };
            let fires = decision.state == State::Firing;
            if fires == samples.is_empty() {
                differ += 1;
                let few = decision.long.events.bad < 30.0;
                assert!(few, "{}", decision.words);
            }
            if fires {
                fired += 1;
            } else {
                quiet += 1;
            }
        }
    }
    assert!(fired > 30 && quiet > 30, "{fired} {quiet}");
    assert!(differ <= 2, "{differ} of {}", fired + quiet);
}

#[test]
fn every_kind_of_objective_makes_rules_that_parse() {
    for indicator in [
        "{latency: {histogram: 'h{job=\"x\"}', below: 1s}}",
        "{latency: {histogram: h, below: 300ms, native: true}}",
        "{gauge: {value: max(cpu), holds: '<= 0.85'}}",
        "{queries: {good: 'sum(rate(a[$window]))', total: 'sum(rate(b[$window]))', counts: per-second}}",
        "{slices: {at-least: 95%, of: {latency: {histogram: h, below: 1}}}}",
        "{slices: {at-least: 95%, of: {ratio: {bad: a, total: b}}}}",
    ] {
        for by in ["[]", "[region, service]"] {
            let yaml = format!(
                "name: a\nservice: b\ntarget: 99%\nperiod: {{calendar: month}}\nby: {by}\nindicator: {indicator}\n"
            );
            let objective = Objective {
                no_data: NoData::Bad,
                ..one(&yaml)
            };
            for rule in objective
                .rules(None)
                .file
                .groups
                .iter()
                .flat_map(|g| &g.rules)
            {
                parse(rule.expr(), Dialect::default())
                    .unwrap_or_else(|e| panic!("{}: {e}", rule.expr()));
                if let Rule::Alert { labels, .. } = rule {
                    assert_eq!(labels.contains_key("service"), by == "[]");
                }
            }
        }
    }
}

#[test]
fn presets_are_objectives() {
    let service = ServiceName::new("checkout").unwrap();
    for preset in OBJECTIVES {
        let read = preset
            .objective(&service)
            .unwrap_or_else(|e| panic!("{}: {e}", preset.name));
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].name, preset.name);
        assert_eq!(read[0].service, service);
        assert!(read[0].pairs().1.is_empty(), "{}", preset.name);
        assert!(write_objectives(&read).contains("checkout"));
    }
    let availability = &OBJECTIVES[0].objective(&service).unwrap()[0];
    let (pairs, _) = availability.pairs();
    let shares: Vec<(Severity, u64, f64)> = pairs
        .iter()
        .map(|p| {
            let hours = p.long.as_millis() / 3_600_000;
            let good = 1.0 - p.bad_share(availability.target);
            (p.severity, hours, (good * 1e6).round() / 1e6)
        })
        .collect();
    assert_eq!(
        shares,
        [(Severity::Ticket, 4, 0.999), (Severity::Page, 1, 0.99)]
    );
}

#[test]
fn the_table_of_indicators() {
    let level = |name: &str, value: f64| {
        let row: &Sli = SLIS.iter().find(|s| s.name == name).unwrap();
        row.level(value, Some(100.0)).unwrap()
    };
    use Level::{Critical, Near, Target, Warning};
    for (name, values, levels) in [
        (
            "p95",
            [0.1, 0.149, 0.15, 0.3],
            [Target, Near, Warning, Critical],
        ),
        (
            "p99",
            [0.3, 0.4, 0.5, 1.0],
            [Target, Near, Warning, Critical],
        ),
        (
            "errors",
            [0.0001, 0.0004, 0.0005, 0.001],
            [Target, Near, Warning, Critical],
        ),
        (
            "cpu",
            [0.4, 0.3, 0.7, 0.85],
            [Target, Near, Warning, Critical],
        ),
        (
            "memory",
            [0.7, 0.75, 0.8, 0.9],
            [Target, Near, Warning, Critical],
        ),
        (
            "disk-wait",
            [0.05, 0.09, 0.1, 0.2],
            [Target, Near, Warning, Critical],
        ),
        (
            "database-connections",
            [0.5, 0.71, 0.8, 0.95],
            [Target, Near, Warning, Critical],
        ),
        (
            "cache-hits",
            [0.95, 0.94, 0.9, 0.85],
            [Target, Near, Warning, Critical],
        ),
        (
            "qps",
            [100.0, 149.0, 150.0, 200.0],
            [Target, Near, Warning, Critical],
        ),
        (
            "qps",
            [100.0, 51.0, 50.0, 0.0],
            [Target, Near, Warning, Critical],
        ),
    ] {
        assert_eq!(values.map(|v| level(name, v)), levels, "{name}");
    }
    assert_eq!(SLIS[0].level(f64::NAN, None), None);
    assert_eq!(SLIS[8].level(100.0, None), None, "nothing to compare with");
    assert_eq!(RELATIVE[0].level(0.15, Some(0.1)), Some(Warning));
    assert_eq!(RELATIVE[0].level(0.05, Some(0.1)), Some(Target));
    assert_eq!(RELATIVE[1].level(0.01, None), Some(Warning));
    assert_eq!(LATENCY_LIMIT.level(0.5, None), Some(Critical));
    assert_eq!(
        [0.21, 0.2, 0.05, -1.0].map(budget_level),
        [Near, Warning, Critical, Critical]
    );
}

#[test]
fn the_tables_rules_parse_and_wait_as_said() {
    let service = ServiceName::new("checkout").unwrap();
    let group = sli_rules(&service);
    assert_eq!(group.rules.len(), 24);
    let mut limits = Vec::new();
    for rule in &group.rules {
        parse(rule.expr(), Dialect::default()).unwrap_or_else(|e| panic!("{}: {e}", rule.expr()));
        let Rule::Alert {
            alert, expr, hold, ..
        } = rule
        else {
            panic!()
        };
        if alert.starts_with("LatencyLimit") {
            limits.push((
                alert.as_str(),
                expr.rsplit(' ').next().unwrap(),
                hold.as_deref(),
            ));
        }
    }
    assert_eq!(
        limits,
        [
            ("LatencyLimitWarning", "0.2", Some("10m")),
            ("LatencyLimitCritical", "0.5", Some("5m"))
        ]
    );
}
