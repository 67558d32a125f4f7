//! Rule files as they are written: checked against what there really is, changed whole.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_alerting::comparison::Comparison;
use deckwatch_alerting::lint::{self, Facts};
use deckwatch_alerting::rules::{self as rules, Makes};
use deckwatch_domain::Digest;
use deckwatch_promql::Query;
use deckwatch_promql::ast::Expr;
use deckwatch_promql::labels::BUCKET;
use deckwatch_signals::Retention;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::files;
use crate::console::Console;
use crate::metrics::{self, Source};
use crate::plans::{ByName, PlanMistake};
use crate::problem::{Problem, invalid};
use crate::route::Done;

/// Histograms whose bounds are asked for at most.
const HISTOGRAMS: usize = 40;

/// A text for a rule file.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct RulesText {
    /// The file's name without its ending; a check needs none.
    #[serde(default)]
    #[ts(optional)]
    pub name: Option<String>,
    pub yaml: String,
}

/// A rule file as it is.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct RuleFile {
    pub name: String,
    pub path: String,
    /// None: there is no such file yet.
    pub text: Option<String>,
}

/// Something to think about; no mistake.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
pub struct RuleDoubt {
    /// `dead-alert`, `off-bucket-bound`, …
    pub code: String,
    pub line: usize,
    /// The group and the rule; empty where the file as a whole is meant.
    pub group: String,
    pub rule: String,
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

/// A rule, for whoever wants to move its threshold.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct RuleOutline {
    pub group: String,
    /// Its place in the group.
    pub place: usize,
    pub name: String,
    pub alerts: bool,
    pub line: usize,
    pub query: String,
    /// What is compared, where the query compares with a number.
    pub value_query: Option<String>,
    pub threshold: Option<f64>,
    pub hold_ms: i64,
}

/// What a check found.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ts_rs::TS)]
pub struct RulesCheck {
    pub mistakes: Vec<PlanMistake>,
    pub doubts: Vec<RuleDoubt>,
    pub rules: Vec<RuleOutline>,
    /// Why the doubts are not held against real series.
    pub unknown: Option<String>,
}

/// # Errors
/// That no file can be called so, or it cannot be read.
pub async fn file(console: &Console, ask: ByName) -> Result<RuleFile, Problem> {
    let path = files::path_of(console, &ask.name)?;
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            let why = format!("{}: {error}", path.display());
            return Err(Problem::new("rules.file", why));
        }
    };
    Ok(RuleFile {
        name: ask.name,
        path: path.display().to_string(),
        text,
    })
}

/// Writes a file whole or not at all. The journal learns that it changed and to what digest: the
/// file itself stays the truth.
///
/// # Errors
/// Every mistake in the text, and then nothing is written.
pub async fn write(console: &Console, ask: RulesText) -> Result<RuleFile, Problem> {
    let name = ask.name.unwrap_or_default();
    let path = files::path_of(console, &name)?;
    if !ask.yaml.trim().is_empty() {
        rules::read_lenient(&ask.yaml).map_err(|p| invalid("rules", &p))?;
    }
    std::fs::create_dir_all(console.folder.rules())?;
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&draft, &ask.yaml)?;
    std::fs::rename(&draft, &path)?;
    let digest = Digest::of(ask.yaml.as_bytes());
    let payload = json!({"file": name, "digest": digest, "bytes": ask.yaml.len()});
    console.record("rules", "rules.changed", &payload).await?;
    file(console, ByName { name }).await
}

/// # Errors
/// That there is no such file.
pub async fn remove(console: &Console, ask: ByName) -> Result<Done, Problem> {
    let path = files::path_of(console, &ask.name)?;
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let why = format!("there is no rule file {}", ask.name);
            return Err(Problem::new("rules.unknown", why));
        }
        Err(error) => return Err(error.into()),
    }
    let payload = json!({"file": ask.name});
    console.record("rules", "rules.removed", &payload).await?;
    Ok(Done::new(format!(
        "{} is gone; what fired by it is over",
        path.display()
    )))
}

/// # Errors
/// None: mistakes are the answer.
pub async fn check(console: &Console, ask: RulesText) -> Result<RulesCheck, Problem> {
    let read = rules::read(&ask.yaml);
    let reading = match read {
        Ok(reading) => reading,
        Err(problems) => {
            return Ok(RulesCheck {
                mistakes: problems.0.iter().map(PlanMistake::from).collect(),
                ..RulesCheck::default()
            });
        }
    };
    let (facts, unknown) = match facts(console, &reading.file).await {
        Ok(facts) => (facts, None),
        Err(problem) => (Facts::default(), Some(problem.message)),
    };
    let mut doubts: Vec<RuleDoubt> = reading
        .findings
        .iter()
        .map(|found| RuleDoubt {
            code: found.code.clone(),
            line: found.line,
            group: String::new(),
            rule: String::new(),
            what: found.message.clone(),
            advice: String::new(),
        })
        .collect();
    doubts.extend(lint::lint(&reading.file, &facts).into_iter().map(doubt));
    doubts.sort_by_key(|doubt| doubt.line);
    Ok(RulesCheck {
        mistakes: Vec::new(),
        doubts,
        rules: outline(&reading.file),
        unknown,
    })
}

fn doubt(found: lint::Finding) -> RuleDoubt {
    RuleDoubt {
        code: found.code.word().to_owned(),
        line: found.line,
        group: found.group,
        rule: found.rule,
        what: found.what,
        advice: found.advice,
    }
}

fn outline(file: &rules::RuleFile) -> Vec<RuleOutline> {
    let mut all = Vec::new();
    for group in &file.groups {
        for (place, rule) in group.rules.iter().enumerate() {
            let compared = Comparison::of(&rule.query);
            let number = compared.and_then(|c| Some((c.value.to_string(), c.number()?.0)));
            all.push(RuleOutline {
                group: group.name.clone(),
                place,
                name: rule.name().to_owned(),
                alerts: matches!(rule.makes, Makes::Alert(_)),
                line: rule.line,
                query: rule.query.text().to_owned(),
                threshold: number.as_ref().map(|(_, threshold)| *threshold),
                value_query: number.map(|(value, _)| value),
                hold_ms: match &rule.makes {
                    Makes::Alert(alerting) => alerting.hold_ms,
                    Makes::Record(_) => 0,
                },
            });
        }
    }
    all
}

/// What there really is: names, the bounds of the histograms that the rules read, how long samples
/// are kept.
async fn facts(console: &Console, file: &rules::RuleFile) -> Result<Facts, Problem> {
    let source = metrics::source(console, None, None).await?;
    let names = metrics::all_names(console, &source).await?;
    let mut metrics: BTreeSet<String> = names.iter().map(|m| m.name.clone()).collect();
    // A source that is empty knows nothing; that is not the same as "there is no such series".
    if metrics.is_empty() {
        return Ok(Facts::default());
    }
    metrics.extend(
        file.rules()
            .filter(|(_, rule)| matches!(rule.makes, Makes::Record(_)))
            .map(|(_, rule)| rule.name().to_owned()),
    );
    let mut buckets = BTreeMap::new();
    for name in histograms(file).into_iter().take(HISTOGRAMS) {
        let selector = format!("{{__name__={name:?}}}");
        let bounds = metrics::values_of(&source, BUCKET, &selector).await?;
        let mut bounds: Vec<f64> = bounds.iter().filter_map(|le| le.parse().ok()).collect();
        bounds.sort_by(f64::total_cmp);
        if !bounds.is_empty() {
            buckets.insert(name, bounds);
        }
    }
    let age = Retention::default().age.as_millis();
    let own = matches!(source, Source::Own(_));
    Ok(Facts {
        metrics: Some(metrics),
        buckets: Some(buckets),
        retention_ms: own.then(|| i64::try_from(age).unwrap_or(i64::MAX)),
        ..Facts::default()
    })
}

/// The series of buckets that the rules read.
fn histograms(file: &rules::RuleFile) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, rule) in file.rules() {
        of(&rule.query, &mut found);
    }
    found
}

fn of(query: &Query, found: &mut BTreeSet<String>) {
    fn each(expr: &Expr, found: &mut BTreeSet<String>) {
        let selector = match expr {
            Expr::Vector(selector) => Some(selector),
            Expr::Matrix(matrix) => Some(&matrix.selector),
            _ => None,
        };
        for matcher in selector.iter().flat_map(|selector| &selector.matchers) {
            if matcher.name() == "__name__" && matcher.value().ends_with("_bucket") {
                found.insert(matcher.value().to_owned());
            }
        }
        for child in expr.children() {
            each(child, found);
        }
    }
    each(query.expr(), found);
}
