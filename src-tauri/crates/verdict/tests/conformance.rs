//! Holds the Mann–Whitney comparison and the peer's rule against cases of other systems, where
//! their folder is present: `DECKWATCH_CONFORMANCE`, or `shared/conformance` beside the repository.

use std::path::PathBuf;

use deckwatch_verdict::kayenta::{EffectMeasure, KayentaRule, Label, Move, NanStrategy};
use deckwatch_verdict::mann_whitney::TwoSamples;
use serde_json::Value;

fn cases(name: &str) -> Option<Value> {
    let folder = std::env::var_os("DECKWATCH_CONFORMANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance"),
        PathBuf::from,
    );
    let path = folder.join("verdict").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).expect("the cases are JSON")),
        Err(why) => {
            println!("skipped: {} ({why})", path.display());
            None
        }
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    let items = value.as_array().expect("an array");
    items
        .iter()
        .map(|v| v.as_f64().expect("a number"))
        .collect()
}

/// As published: absolute, because the reference's root finder stops within it.
const TOLERANCE: f64 = 2e-4;

fn near(case: &Value, name: &str, ours: f64, theirs: &Value, tolerance: f64) {
    let theirs = theirs.as_f64().expect("a number");
    assert!(
        (ours - theirs).abs() <= tolerance,
        "{}: {name} is {ours}, the reference says {theirs}",
        case["id"]
    );
}

#[test]
fn mann_whitney_agrees_with_r() {
    let Some(golden) = cases("mann_whitney_golden.json") else {
        return;
    };
    let mut checked = 0;
    for case in golden["cases"].as_array().expect("cases") {
        if let Some(expected) = case["expected"].as_array() {
            let samples = TwoSamples::new(&numbers(&case["x"]), &numbers(&case["y"])).unwrap();
            for point in expected {
                let z = samples.z(point["mu"].as_f64().unwrap());
                let ours = z - point["quantile"].as_f64().unwrap();
                near(case, "statistic", ours, &point["statistic"], TOLERANCE);
            }
        } else {
            agrees(case);
        }
        checked += 1;
    }
    assert!(checked >= 6, "only {checked} cases");
}

fn agrees(case: &Value) {
    let experiment = numbers(&case["experiment"]);
    let control = numbers(&case["control"]);
    let samples = TwoSamples::new(&experiment, &control).unwrap();
    let shift = samples.shift(case["confidence_level"].as_f64().unwrap());
    let ours = [
        ("estimate", shift.estimate),
        ("ci_low", shift.low),
        ("ci_high", shift.high),
    ];
    for (name, value) in ours {
        near(case, name, value, &case["expected"][name], TOLERANCE);
        // An independent calculation from all pairwise differences, without a root finder.
        let exact = &case["exact_pairwise"][name];
        if exact.is_number() {
            near(case, name, value, exact, 2e-8);
        }
    }
    let lowest = |v: &[f64]| v.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = |v: &[f64]| v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let ends = [
        ("mu_min", lowest(&experiment) - highest(&control)),
        ("mu_max", highest(&experiment) - lowest(&control)),
    ];
    for (name, mu) in ends {
        let expected = &case["expected"];
        if !expected[name].is_number() {
            continue;
        }
        near(case, name, mu, &expected[name], TOLERANCE);
        let at = if name == "mu_min" {
            "f_lower"
        } else {
            "f_upper"
        };
        for quantile in ["z_lower", "z_upper"] {
            let ours = samples.z(mu) - expected[quantile].as_f64().unwrap();
            near(
                case,
                at,
                ours,
                &expected[format!("{at}_at_{quantile}")],
                TOLERANCE,
            );
        }
    }
}

#[test]
fn the_peers_rule_gives_its_published_labels() {
    let Some(published) = cases("comparison_cases.json") else {
        return;
    };
    let mut bound = 0;
    for case in published["cases"].as_array().expect("cases") {
        let free = ["solver_artefact", "unit_dependent"];
        if case["notes"]
            .to_string()
            .split('"')
            .any(|note| free.iter().any(|f| note.starts_with(f)))
        {
            println!("{} does not bind: {}", case["id"], case["notes"]);
            continue;
        }
        matches_published(case);
        bound += 1;
    }
    assert!(bound >= 17, "only {bound} cases bind");
}

fn matches_published(case: &Value) {
    let rule = rule_of(case);
    let (experiment, control) = (numbers(&case["experiment"]), numbers(&case["control"]));
    let ours = match case["classifier"].as_str() {
        Some("mean_inequality") => rule.compare_means(&experiment, &control),
        _ => rule.compare(&experiment, &control),
    };
    let (id, expected) = (&case["id"], &case["expected"]);
    if !expected["classification"].is_null() {
        let label: Label = serde_json::from_value(expected["classification"].clone()).unwrap();
        assert_eq!(ours.classification, label, "{id}");
    }
    if let Some(critical) = expected["critical_failure"].as_bool() {
        assert_eq!(ours.critical_failure, critical, "{id}: critical failure");
    }
    if expected["deviation"] == "NaN" {
        assert_eq!(ours.deviation, None, "{id}: deviation");
    }
    if expected["reason_present"] == true {
        assert!(ours.reason.is_some(), "{id}: reason");
    }
}

fn rule_of(case: &Value) -> KayentaRule {
    let mut rule: KayentaRule = match &case["params"] {
        Value::Object(params) => {
            let mut params = params.clone();
            params.remove("effect_measure");
            serde_json::from_value(Value::Object(params)).expect("parameters")
        }
        _ => KayentaRule::default(),
    };
    rule.effect_measure = match case["params"]["effect_measure"].as_str() {
        Some("cles") => EffectMeasure::Cles,
        _ => EffectMeasure::MeanRatio,
    };
    let word = |name: &str| case[name].clone();
    rule.direction = serde_json::from_value::<Move>(word("direction")).expect("a direction");
    rule.nan_strategy =
        serde_json::from_value::<NanStrategy>(word("nan_strategy")).expect("a strategy");
    rule.critical = case["critical_metric"] == true;
    rule.must_have_data = case["must_have_data"] == true;
    rule
}
