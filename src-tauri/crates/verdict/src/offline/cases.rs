//! A list of named cases in one JSON text.
//!
//! `[{"name": "…", "candidate": […], "stable": […], "params": {…}}, …]`, or the same list under
//! `cases`. Sides are series or counts; `experiment` and `control` are read as candidate and
//! stable. One case that cannot be read is answered with `Error` and does not hide the others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Mistake, OfflineAnswer, OfflineError, OfflineOptions, Place, Shape, json, judge_counts,
    judge_sides,
};
use crate::combine::{Direction, MetricAnswer, combine};
use crate::offline::Brought;

/// The answer to one case.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CaseAnswer {
    pub name: String,
    pub outcome: OfflineAnswer,
    /// Parameters that mean nothing here, as they stand in the case.
    pub ignored: Vec<String>,
}

/// Judges every case of a list, each with `options` as changed by its own parameters (`alpha`,
/// `metrics`, `steps`, `harm`, `tolerate`, `margin`, `effect`, `direction`, `may_fail`).
pub fn judge_cases(text: &str, options: &OfflineOptions) -> Result<Vec<CaseAnswer>, OfflineError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = json::parse(text).map_err(|m| m.at(Place::Only))?;
    let list = match &document {
        Value::Object(map) => map.get("cases").unwrap_or(&document),
        other => other,
    };
    match list {
        Value::Array(cases) => Ok((1..)
            .zip(cases)
            .map(|(n, c)| answer(n, c, options))
            .collect()),
        one @ Value::Object(map) if map.contains_key("candidate") => {
            Ok(vec![answer(1, one, options)])
        }
        _ => Err(Mistake::whole("a list of cases is expected").at(Place::Only)),
    }
}

fn answer(number: usize, case: &Value, options: &OfflineOptions) -> CaseAnswer {
    let named = ["name", "id"]
        .iter()
        .find_map(|key| case.get(key)?.as_str());
    let name = named.map_or_else(|| format!("case {number}"), str::to_owned);
    let mut ignored = Vec::new();
    let outcome = judged(&name, case, options, &mut ignored).unwrap_or_else(|why| OfflineAnswer {
        shape: Shape::Series,
        rows: 0,
        failed_at: None,
        passed_at: None,
        answer: combine(vec![MetricAnswer::unreadable(name.clone(), true, why)]),
    });
    CaseAnswer {
        name,
        outcome,
        ignored,
    }
}

fn judged(
    name: &str,
    case: &Value,
    options: &OfflineOptions,
    ignored: &mut Vec<String>,
) -> Result<OfflineAnswer, String> {
    let mut options = OfflineOptions {
        name: name.to_owned(),
        ..options.clone()
    };
    if let Some(direction) = case.get("direction") {
        options.gauge.direction = direction_of(direction)?;
    }
    if let Some(Value::Object(params)) = case.get("params") {
        apply(params, &mut options, ignored)?;
    }
    if let Some(Value::Array(items)) = case.get("intervals") {
        let brought = json::brought(items).map_err(|m| format!("intervals: {}", m.message))?;
        let Brought::Intervals(intervals) = brought else {
            return Err("`intervals` holds no intervals of both sides".to_owned());
        };
        return judge_counts(&intervals, &options).map_err(|e| e.to_string());
    }
    let candidate = side(case, ["candidate", "experiment"])?;
    let stable = side(case, ["stable", "control"])?;
    judge_sides(candidate, stable, &options).map_err(|e| e.to_string())
}

fn side(case: &Value, names: [&str; 2]) -> Result<Brought, String> {
    let found = names.iter().find_map(|name| case.get(name));
    match found {
        Some(Value::Array(items)) => {
            json::brought(items).map_err(|m| format!("{}: {}", names[0], m.message))
        }
        Some(_) => Err(format!("`{}` is not an array", names[0])),
        None => Err(format!("`{}` is missing", names[0])),
    }
}

fn apply(
    params: &Map<String, Value>,
    options: &mut OfflineOptions,
    ignored: &mut Vec<String>,
) -> Result<(), String> {
    for (key, value) in params {
        let number = || {
            value
                .as_f64()
                .ok_or_else(|| format!("parameter `{key}` is {value}, not a number"))
        };
        let whole = || {
            value
                .as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .ok_or_else(|| format!("parameter `{key}` is {value}, not a small whole number"))
        };
        match key.as_str() {
            "alpha" => {
                options.budget.alpha = number()?;
                options.gauge.alpha = options.budget.alpha;
            }
            "metrics" => options.budget.metrics = whole()?,
            "steps" => options.budget.steps = whole()?,
            "harm" => options.rule.harm = number()?,
            "tolerate" => options.rule.tolerate = number()?,
            "margin" if value.is_null() => options.rule.margin = None,
            "margin" => options.rule.margin = Some(number()?),
            "effect" => options.gauge.effect = number()?,
            "direction" => options.gauge.direction = direction_of(value)?,
            "may_fail" => {
                let may = value.as_bool();
                options.gauge.may_fail = may.ok_or_else(|| format!("`may_fail` is {value}"))?;
            }
            _ => ignored.push(key.clone()),
        }
    }
    Ok(())
}

fn direction_of(value: &Value) -> Result<Direction, String> {
    match value.as_str() {
        Some("higher-is-worse" | "increase") => Ok(Direction::HigherIsWorse),
        Some("lower-is-worse" | "decrease") => Ok(Direction::LowerIsWorse),
        Some("either") => Ok(Direction::Either),
        _ => Err(format!(
            "direction {value} is none of higher-is-worse, lower-is-worse, either"
        )),
    }
}
