//! `objectives.yaml`: read, checked, changed, and brought in from other formats.

use std::io::ErrorKind;
use std::path::Path;

use deckwatch_domain::{Digest, Problems, ServiceName};
use deckwatch_signals::{RESPONSE_SECONDS, RESPONSES};
use deckwatch_slo::export::to_openslo;
use deckwatch_slo::presets::OBJECTIVES;
use deckwatch_slo::rules::RuleFile;
use deckwatch_slo::{Objective, import as imports, read_objectives, write_objectives};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::console::Console;
use crate::plans::PlanMistake;
use crate::problem::{Problem, invalid};
use crate::route::Nothing;

/// The file as it is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ObjectivesFile {
    pub path: String,
    /// None: there is none, and nothing is promised.
    pub text: Option<String>,
    pub check: ObjectivesCheck,
}

/// A text for the file.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ObjectivesText {
    pub yaml: String,
}

/// A text to check; none: the file as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct CheckObjectives {
    pub yaml: Option<String>,
}

/// What a check found.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct ObjectivesCheck {
    pub mistakes: Vec<PlanMistake>,
    /// `service/name` of each.
    pub objectives: Vec<String>,
    /// Alerts that could never come, and what to use instead.
    pub refused: Vec<String>,
}

/// A document of Deckwatch, OpenSLO, Sloth or Pyrra.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ImportObjectives {
    pub text: String,
    /// Only say what would come of it.
    #[serde(default)]
    pub dry: bool,
}

/// Objectives as a text, and what it does not say.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ObjectivesTold {
    pub text: String,
    /// `service/name` of each.
    pub objectives: Vec<String>,
    /// With the place in the document that was read, where there is one.
    pub left_out: Vec<PlanMistake>,
}

/// One of the objectives to begin with, for a service.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct PresetAsk {
    pub name: String,
    pub service: ServiceName,
}

fn read(path: &Path) -> Result<Option<String>, Problem> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::new(
            "objectives.file",
            format!("{}: {error}", path.display()),
        )),
    }
}

/// The file's text; nothing where there is none.
pub(super) fn text(console: &Console) -> Result<String, Problem> {
    Ok(read(&console.folder.objectives())?.unwrap_or_default())
}

/// The objectives of the file, or its mistakes.
pub(super) fn objectives(text: &str) -> Result<Vec<Objective>, Problems> {
    match text.trim().is_empty() {
        true => Ok(Vec::new()),
        false => read_objectives(text),
    }
}

fn valid(console: &Console) -> Result<Vec<Objective>, Problem> {
    objectives(&text(console)?).map_err(|p| invalid("objectives", &p))
}

pub(super) fn called(objective: &Objective) -> String {
    format!("{}/{}", objective.service, objective.name)
}

fn mistakes(problems: &Problems) -> Vec<PlanMistake> {
    problems.0.iter().map(PlanMistake::from).collect()
}

fn checked(text: &str) -> ObjectivesCheck {
    match objectives(text) {
        Err(problems) => ObjectivesCheck {
            mistakes: mistakes(&problems),
            ..ObjectivesCheck::default()
        },
        Ok(all) => ObjectivesCheck {
            mistakes: Vec::new(),
            objectives: all.iter().map(called).collect(),
            refused: all.iter().flat_map(refused).collect(),
        },
    }
}

fn refused(objective: &Objective) -> Vec<String> {
    let (_, refused) = objective.pairs();
    let said = refused
        .iter()
        .map(|r| format!("{}: {r}", called(objective)));
    said.collect()
}

/// # Errors
/// That the file cannot be read; its mistakes are part of the answer.
pub async fn show(console: &Console, _: Nothing) -> Result<ObjectivesFile, Problem> {
    let path = console.folder.objectives();
    let text = read(&path)?;
    Ok(ObjectivesFile {
        path: path.display().to_string(),
        check: checked(text.as_deref().unwrap_or_default()),
        text,
    })
}

/// # Errors
/// That the file cannot be read; mistakes are the answer.
pub async fn check(console: &Console, ask: CheckObjectives) -> Result<ObjectivesCheck, Problem> {
    let text = match ask.yaml {
        Some(text) => text,
        None => text(console)?,
    };
    Ok(checked(&text))
}

/// Writes the file whole or not at all. The journal learns that it changed and to what digest: the
/// file itself stays the truth.
///
/// # Errors
/// Every mistake in the text, and then nothing is written.
pub async fn write(console: &Console, ask: ObjectivesText) -> Result<ObjectivesFile, Problem> {
    objectives(&ask.yaml).map_err(|p| invalid("objectives", &p))?;
    let path = console.folder.objectives();
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&draft, &ask.yaml)?;
    std::fs::rename(&draft, &path)?;
    let digest = Digest::of(ask.yaml.as_bytes());
    let payload = json!({"digest": digest, "bytes": ask.yaml.len()});
    console
        .record("objectives", "objectives.changed", &payload)
        .await?;
    show(console, Nothing {}).await
}

/// What a document says, and what would not be carried over.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct DocumentRead {
    pub mistakes: Vec<PlanMistake>,
    /// `service/name` of each.
    pub objectives: Vec<String>,
    /// With their places.
    pub left_out: Vec<PlanMistake>,
    /// Those among them that the file has already.
    pub twice: Vec<String>,
}

/// # Errors
/// That the file cannot be read; the document's mistakes are part of the answer.
pub async fn read_document(
    console: &Console,
    ask: CheckObjectives,
) -> Result<DocumentRead, Problem> {
    let there = objectives(&text(console)?).unwrap_or_default();
    let found = match imports::import(ask.yaml.as_deref().unwrap_or_default()) {
        Ok(found) => found,
        Err(problems) => {
            return Ok(DocumentRead {
                mistakes: mistakes(&problems),
                ..DocumentRead::default()
            });
        }
    };
    let names: Vec<String> = found.objectives.iter().map(called).collect();
    let has = |name: &String| there.iter().any(|o| called(o) == *name);
    Ok(DocumentRead {
        mistakes: mistakes(&found.mistakes),
        twice: names.iter().filter(|name| has(name)).cloned().collect(),
        objectives: names,
        left_out: mistakes(&found.left_out),
    })
}

/// Adds what a document promises to the file.
///
/// # Errors
/// The document's mistakes; a refusal where the file has one of that name already.
pub async fn import(console: &Console, ask: ImportObjectives) -> Result<ObjectivesTold, Problem> {
    let found = imports::import(&ask.text).map_err(|p| invalid("document", &p))?;
    if !found.mistakes.0.is_empty() {
        return Err(invalid("document", &found.mistakes));
    }
    let told = ObjectivesTold {
        text: write_objectives(&found.objectives),
        objectives: found.objectives.iter().map(called).collect(),
        left_out: mistakes(&found.left_out),
    };
    let there = valid(console)?;
    let twice: Vec<&String> = told
        .objectives
        .iter()
        .filter(|name| there.iter().any(|o| called(o) == **name))
        .collect();
    if let Some(name) = twice.first() {
        let why = format!("there is an objective {name} already; change or remove it first");
        return Err(Problem::new("refused.objective-exists", why));
    }
    if ask.dry || told.objectives.is_empty() {
        return Ok(told);
    }
    let text = text(console)?;
    let yaml = added(&text, &there, &found.objectives)
        .ok_or_else(|| Problem::new("objectives.file", "it could not be added to the file"))?;
    write(console, ObjectivesText { yaml }).await?;
    Ok(told)
}

/// The file's text with more at its end, so that remarks and the order stay; written anew only
/// where that does not come to the same.
fn added(text: &str, there: &[Objective], more: &[Objective]) -> Option<String> {
    let meant: Vec<Objective> = there.iter().chain(more).cloned().collect();
    let whole = write_objectives(&meant);
    if there.is_empty() {
        return Some(whole);
    }
    let list = listed(more)?;
    let out: String = list
        .lines()
        .map(|l| format!("{}\n", l.strip_prefix("  ").unwrap_or(l)))
        .collect();
    let before = text.trim_end();
    let tries = [
        format!("{before}\n{list}"),
        format!("{before}\n{out}"),
        whole,
    ];
    tries
        .into_iter()
        .find(|text| read_objectives(text).is_ok_and(|read| read == meant))
}

/// Objectives as the entries of a list, indented by two.
fn listed(objectives: &[Objective]) -> Option<String> {
    let text = write_objectives(objectives);
    if let Some((_, entries)) = text.split_once("objectives:\n") {
        let flush = entries.starts_with('-');
        let indent = if flush { "  " } else { "" };
        return Some(entries.lines().map(|l| format!("{indent}{l}\n")).collect());
    }
    // One alone is written without a list.
    let mut lines = text.lines();
    let mut out = format!("  - {}\n", lines.next()?);
    for line in lines {
        out += &format!("    {line}\n");
    }
    Some(out)
}

/// # Errors
/// The file's mistakes.
pub async fn export(console: &Console, _: Nothing) -> Result<ObjectivesTold, Problem> {
    let all = valid(console)?;
    let told = to_openslo(&all);
    let left_out = told.left_out.into_iter().map(|message| PlanMistake {
        line: 0,
        column: 0,
        path: String::new(),
        message,
    });
    Ok(ObjectivesTold {
        text: told.text,
        objectives: all.iter().map(called).collect(),
        left_out: left_out.collect(),
    })
}

/// The rules of Prometheus that the objectives mean.
///
/// # Errors
/// The file's mistakes.
pub async fn rules(console: &Console, _: Nothing) -> Result<ObjectivesTold, Problem> {
    let all = valid(console)?;
    let mut file = RuleFile::default();
    let mut left_out = Vec::new();
    for objective in &all {
        let ruled = objective.rules(None);
        file.groups.extend(ruled.file.groups);
        left_out.extend(ruled.left_out.into_iter().map(|message| PlanMistake {
            line: 0,
            column: 0,
            path: called(objective),
            message,
        }));
    }
    Ok(ObjectivesTold {
        text: file.to_yaml(),
        objectives: all.iter().map(called).collect(),
        left_out,
    })
}

/// What the presets ask for, and what the node calls it: it counts the traffic of every service here.
const OF_THE_NODE: [(&str, &str); 4] = [
    ("http_requests_total", RESPONSES),
    ("http_request_duration_seconds", RESPONSE_SECONDS),
    ("code=~", "class=~"),
    ("|error\"", "|refused\""),
];

/// # Errors
/// That there is none of this name.
pub async fn preset(console: &Console, ask: PresetAsk) -> Result<ObjectivesText, Problem> {
    let Some(preset) = OBJECTIVES.iter().find(|preset| preset.name == ask.name) else {
        let names: Vec<&str> = OBJECTIVES.iter().map(|preset| preset.name).collect();
        let all = names.join(", ");
        let why = format!("no preset is called {}; there is: {all}", ask.name);
        return Err(Problem::new("preset.unknown", why));
    };
    let text = preset.text(&ask.service);
    let own = console.cluster.is_none() && console.metrics_source().is_none();
    let yaml = match own {
        true => of_the_node(&text),
        false => text,
    };
    Ok(ObjectivesText { yaml })
}

fn of_the_node(text: &str) -> String {
    let names = OF_THE_NODE.iter();
    names.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset(name: &str, service: &str) -> Vec<Objective> {
        let found = OBJECTIVES.iter().find(|p| p.name == name).unwrap();
        found.objective(&service.parse().unwrap()).unwrap()
    }

    #[test]
    fn presets_ask_for_what_the_node_counts() {
        for preset in OBJECTIVES {
            let text = of_the_node(&preset.text(&"shop".parse().unwrap()));
            let read = read_objectives(&text).unwrap();
            let asked = read[0].queries(deckwatch_domain::Span::from_secs(60), None);
            for query in [asked.events, asked.total] {
                let metrics = deckwatch_promql::context::metrics(&query);
                let ours = |name: &String| name.starts_with("deckwatch_proxy_response");
                assert!(metrics.iter().all(ours), "{query}");
                assert!(!query.contains("error"), "{query}");
            }
        }
    }

    #[test]
    fn what_is_added_leaves_remarks_where_they_are() {
        let there = [preset("latency", "shop"), preset("uptime", "shop")].concat();
        let text = write_objectives(&there);
        let remarked = text.replacen("objectives:\n", "# of the shop\nobjectives:\n", 1);
        assert_ne!(text, remarked);
        let more = preset("availability", "basket");
        let all = added(&remarked, &there, &more).unwrap();
        assert!(all.starts_with("# of the shop\n"), "{all}");
        let meant: Vec<_> = there.iter().chain(&more).cloned().collect();
        assert_eq!(read_objectives(&all).unwrap(), meant);
        // One alone is no list, to which nothing can be added.
        let one = preset("latency", "shop");
        let text = write_objectives(&one);
        let all = added(&text, &one, &more).unwrap();
        assert_eq!(read_objectives(&all).unwrap().len(), 2);
    }
}
