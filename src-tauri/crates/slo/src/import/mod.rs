//! Objectives from other tools' documents: OpenSLO v1, Sloth and Pyrra.
//!
//! What a document says and this program has no word for is never dropped in silence: it is told
//! with its line. An objective that would mean something else here is left out as a whole.

mod lift;
mod openslo;
mod pyrra;
mod sloth;

use std::collections::BTreeMap;

use deckwatch_domain::{Node, Problem, Problems, ServiceName, Span, Value, parse_document};
use deckwatch_promql::labels::is_plain_name;
use serde::Serialize;

use crate::objective::{Objective, read_objectives};

/// Whose document it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// This program's.
    Own,
    /// OpenSLO v1.
    OpenSlo,
    /// Sloth's, as a file or as a Kubernetes object.
    Sloth,
    /// Pyrra's.
    Pyrra,
}

/// What became of a document.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Imported {
    /// The objectives.
    pub objectives: Vec<Objective>,
    /// What is wrong with the document.
    pub mistakes: Problems,
    /// What the document says and the objectives do not, or say otherwise; line by line.
    pub left_out: Problems,
}

/// Reads one or more documents of any known kind, separated by `---`.
///
/// # Errors
/// If a text is no YAML, or a document is of no known kind.
pub fn import(text: &str) -> Result<Imported, Problems> {
    let mut nodes = Vec::new();
    for part in parts(text) {
        nodes.push((parse_document(&part)?, part));
    }
    if nodes.is_empty() {
        // Nothing, or nothing but remarks: the reader says so.
        parse_document(text)?;
    }
    let mut reader = Reader::default();
    let mut shared = Vec::new();
    for (node, part) in &nodes {
        match format(node)? {
            Format::Own => {
                for objective in read_objectives(part)? {
                    reader.take(node, objective);
                }
            }
            Format::Sloth => sloth::read(node, &mut reader),
            Format::Pyrra => pyrra::read(node, &mut reader),
            Format::OpenSlo => shared.push(node),
        }
    }
    openslo::read(&shared, &mut reader);
    Ok(reader.finish())
}

/// Whose a document is.
///
/// # Errors
/// If it is nobody's that is known.
pub fn format(node: &Node) -> Result<Format, Problems> {
    let word = |key: &str| match child(node, key).map(|n| &n.value) {
        Some(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    let (version, api, kind) = (word("version"), word("apiVersion"), word("kind"));
    if version == "prometheus/v1" || api == "sloth.slok.dev/v1" {
        return Ok(Format::Sloth);
    }
    if api == "pyrra.dev/v1alpha1" && kind == "ServiceLevelObjective" {
        return Ok(Format::Pyrra);
    }
    if api == "openslo/v1" {
        return Ok(Format::OpenSlo);
    }
    if node.has("objectives") || (node.has("indicator") && node.has("target")) {
        return Ok(Format::Own);
    }
    let mut problems = Problems::default();
    let found = [version, api].into_iter().find(|w| !w.is_empty());
    let found = found.map_or_else(String::new, |word| format!("`{word}` is not read here; "));
    problems.at(
        node,
        format!(
            "{found}known are OpenSLO (apiVersion openslo/v1), Sloth (version prometheus/v1, \
             apiVersion sloth.slok.dev/v1), Pyrra (apiVersion pyrra.dev/v1alpha1) and our own"
        ),
    );
    Err(problems)
}

/// The documents of a text, each with as many empty lines before it as it had lines before it, so
/// that mistakes are told where they are.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for (n, line) in text.lines().enumerate() {
        let mark = line.strip_prefix("---").map(str::trim);
        if mark.is_some_and(|rest| rest.is_empty() || rest.starts_with('#')) {
            parts.push("\n".repeat(n + 1));
        } else if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    let said = |part: &String| {
        let mut lines = part.lines().map(str::trim);
        lines.any(|line| !line.is_empty() && !line.starts_with('#'))
    };
    parts.retain(said);
    parts
}

/// What one import has found so far.
#[derive(Default)]
struct Reader {
    objectives: Vec<Objective>,
    mistakes: Problems,
    left_out: Problems,
}

impl Reader {
    fn finish(mut self) -> Imported {
        let by_line = |p: &Problem| (p.line, p.column);
        for told in [&mut self.mistakes.0, &mut self.left_out.0] {
            told.sort_by_key(by_line);
            // What several objectives share is told once.
            told.dedup();
        }
        Imported {
            objectives: self.objectives,
            mistakes: self.mistakes,
            left_out: self.left_out,
        }
    }

    /// Takes an objective, unless its service has one of that name. Alerts that could never fire
    /// stay behind.
    fn take(&mut self, node: &Node, mut objective: Objective) {
        let twice = |o: &Objective| o.name == objective.name && o.service == objective.service;
        if self.objectives.iter().any(twice) {
            let name = &objective.name;
            self.mistakes
                .at(node, format!("an objective `{name}` was read already"));
            return;
        }
        if objective.burn.is_some() {
            let (kept, refused) = objective.pairs();
            for why in refused {
                self.lost(node, why.to_string());
            }
            objective.burn = Some(kept);
        }
        self.objectives.push(objective);
    }

    fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        child(node, key)?.text(&mut self.mistakes)
    }

    fn need<'n>(&mut self, node: &'n Node, key: &str) -> Option<&'n Node> {
        let found = child(node, key);
        if found.is_none() {
            self.mistakes.at(node, format!("`{key}` is missing"));
        }
        found
    }

    fn needed_text(&mut self, node: &Node, key: &str) -> Option<String> {
        self.need(node, key)?.text(&mut self.mistakes)
    }

    /// Tells every entry that is not among those read.
    fn rest(&mut self, node: &Node, read: &[&str]) {
        let Value::Map(entries) = &node.value else {
            self.mistakes.at(node, "a mapping belongs here");
            return;
        };
        for (key, value) in entries {
            if !read.contains(&key.as_str()) && !empty(value) {
                self.lost(value, format!("`{key}` is not carried over"));
            }
        }
    }

    fn lost(&mut self, node: &Node, words: impl Into<String>) {
        self.left_out.at(node, words);
    }

    /// A name as it can stand here.
    fn name(&mut self, node: &Node) -> Option<String> {
        let text = node.text(&mut self.mistakes)?;
        let Some(name) = plain_name(&text) else {
            self.mistakes.at(node, format!("`{text}` is no name"));
            return None;
        };
        if name != text {
            self.lost(node, format!("`{text}` is called `{name}` here"));
        }
        Some(name)
    }

    fn service(&mut self, node: &Node) -> Option<ServiceName> {
        let name = self.name(node)?;
        ServiceName::new(name)
            .map_err(|why| self.mistakes.at(node, why.to_string()))
            .ok()
    }

    /// Labels whose names can stand in PromQL.
    fn labels(&mut self, node: Option<&Node>) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let Some(node) = node else { return found };
        let Value::Map(entries) = &node.value else {
            self.mistakes.at(node, "a mapping belongs here");
            return found;
        };
        for (key, value) in entries {
            if !is_plain_name(key) {
                self.lost(value, format!("`{key}` is no label of Prometheus"));
            } else if matches!(value.value, Value::List(_) | Value::Map(_)) {
                self.lost(value, format!("`{key}` is more than one value"));
            } else if let Some(text) = value.text(&mut self.mistakes) {
                found.insert(key.clone(), text);
            }
        }
        found
    }
}

/// `{{.window}}`, with or without blanks, as `$window`.
fn windowed(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.trim();
    while let Some(open) = rest.find("{{") {
        let (before, from) = rest.split_at(open);
        let Some(close) = from.find("}}") else { break };
        let (template, after) = from.split_at(close + 2);
        out.push_str(before);
        let name = template.trim_matches(['{', '}']).trim();
        out.push_str(if name == ".window" {
            "$window"
        } else {
            template
        });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A name of lower-case letters, digits and `-`.
fn plain_name(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.to_ascii_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name: String = name.trim_matches('-').chars().take(63).collect();
    let name = name.trim_matches('-').to_owned();
    (!name.is_empty()).then_some(name)
}

fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let found = entries.iter().find(|(name, _)| name == key);
    found
        .map(|(_, node)| node)
        .filter(|node| !matches!(node.value, Value::Null))
}

/// The first of several spellings.
fn any<'n>(node: &'n Node, keys: &[&str]) -> Option<&'n Node> {
    keys.iter().find_map(|key| child(node, key))
}

fn is_true(node: Option<&Node>) -> bool {
    matches!(node.map(|n| &n.value), Some(Value::Bool(true)))
}

/// Nothing that could get lost.
fn empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn days(n: u64) -> Span {
    Span::from_secs(n * 86_400)
}
