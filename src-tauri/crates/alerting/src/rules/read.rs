//! From text to rules. Every mistake is told at once, each with its place; what is only doubtful is
//! told beside the rules.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_domain::{Entries, Node, Problem, Problems, Value, parse_long_document};
use deckwatch_promql::Query;
use deckwatch_promql::parse::Dialect;
use deckwatch_promql::parse_duration;

use super::{Alerting, Group, Makes, Rule, RuleFile, Words};
use crate::template;

/// Rules, and what there is to say of them.
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    pub file: RuleFile,
    pub findings: Vec<Finding>,
}

/// Something doubtful, which keeps no rule from being evaluated.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Finding {
    pub line: usize,
    pub column: usize,
    /// What kind: `duplicate-rule`.
    pub code: String,
    pub message: String,
}

/// Reads a rule file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str) -> Result<Reading, Problems> {
    read_with(text, true)
}

/// The same; words that are not known are passed over.
///
/// # Errors
/// Everything else that is wrong with it.
pub fn read_lenient(text: &str) -> Result<Reading, Problems> {
    read_with(text, false)
}

fn read_with(text: &str, strict: bool) -> Result<Reading, Problems> {
    let mut problems = Problems::default();
    let mut reader = Reader {
        strict,
        findings: Vec::new(),
    };
    let empty = text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---"
    });
    let mut file = RuleFile::default();
    // A file without anything in it is a file without rules.
    if !empty {
        let document = parse_long_document(text)?;
        let mut top = document.entries(&mut problems);
        let list = top.get("groups").map(|n| n.items(&mut problems));
        let mut groups = Vec::new();
        for node in list.unwrap_or_default() {
            groups.extend(reader.group(node, &mut problems));
        }
        reader.finish(top, &mut problems);
        names_differ(&groups, &mut problems);
        file.groups = groups.into_iter().map(|(_, group)| group).collect();
    }
    reader.duplicates(&file);
    problems.or(Reading {
        file,
        findings: reader.findings,
    })
}

fn names_differ(groups: &[(&Node, Group)], problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for (node, group) in groups {
        if !seen.insert(&group.name) {
            problems.at(node, format!("two groups are named `{}`", group.name));
        }
    }
}

struct Reader {
    strict: bool,
    findings: Vec<Finding>,
}

impl Reader {
    fn finish(&self, entries: Entries<'_>, problems: &mut Problems) {
        if self.strict {
            entries.finish(problems);
        }
    }

    fn group<'n>(&mut self, node: &'n Node, problems: &mut Problems) -> Option<(&'n Node, Group)> {
        let mut entries = node.entries(problems);
        let name = entries
            .need("name", problems)
            .and_then(|n| n.text(problems));
        if name.as_deref() == Some("") {
            problems.at(node, "a group's name is not empty");
        }
        let interval_ms = entries.get("interval").and_then(|n| length(n, problems));
        let query_offset_ms = entries
            .get("query_offset")
            .and_then(|n| length(n, problems));
        let limit = entries
            .get("limit")
            .and_then(|n| n.whole(0, 1 << 40, problems));
        let labels_node = entries.get("labels");
        let labels = words(labels_node, problems);
        check_labels(labels_node, &labels, problems);
        let list = entries.get("rules").map(|n| n.items(problems));
        let mut rules = Vec::new();
        for node in list.unwrap_or_default() {
            rules.extend(self.rule(node, problems));
        }
        self.finish(entries, problems);
        let group = Group {
            name: name?,
            interval_ms,
            query_offset_ms,
            limit: limit.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
            labels,
            rules,
        };
        Some((node, group))
    }

    fn rule(&mut self, node: &Node, problems: &mut Problems) -> Option<Rule> {
        let mut entries = node.entries(problems);
        let parts = Parts {
            record: entries.get("record"),
            alert: entries.get("alert"),
            hold: entries.get("for"),
            keep: entries.get("keep_firing_for"),
            annotations: entries.get("annotations"),
        };
        let query = match entries.need("expr", problems) {
            Some(expr) => read_query(expr, problems),
            None => None,
        };
        let labels_node = entries.get("labels");
        let labels = words(labels_node, problems);
        check_labels(labels_node, &labels, problems);
        let makes = match (parts.record, parts.alert) {
            (Some(record), None) => parts.recording(record, problems),
            (None, Some(alert)) => {
                check_templates(labels_node, problems);
                parts.alerting(alert, problems)
            }
            (Some(_), Some(alert)) => {
                problems.at(alert, "a rule has either `record` or `alert`, not both");
                None
            }
            (None, None) => {
                problems.at(node, "a rule has either `record` or `alert`");
                None
            }
        };
        self.finish(entries, problems);
        Some(Rule {
            makes: makes?,
            query: query?,
            labels,
            line: node.line,
        })
    }

    /// The same name with the same labels twice: their results collide.
    fn duplicates(&mut self, file: &RuleFile) {
        let mut seen: BTreeMap<(&str, &str, Words), usize> = BTreeMap::new();
        for (group, rule) in file.rules() {
            let mut labels = group.labels.clone();
            labels.extend(rule.labels.clone());
            let key = (rule.kind(), rule.name(), labels);
            match seen.get(&key) {
                None => {
                    seen.insert(key, rule.line);
                }
                Some(first) => self.findings.push(Finding {
                    line: rule.line,
                    column: 1,
                    code: "duplicate-rule".into(),
                    message: format!(
                        "{} has the name and the labels of the rule in line {first}: their results collide",
                        rule.name()
                    ),
                }),
            }
        }
    }
}

/// What a rule makes, as it stands in the file.
struct Parts<'n> {
    record: Option<&'n Node>,
    alert: Option<&'n Node>,
    hold: Option<&'n Node>,
    keep: Option<&'n Node>,
    annotations: Option<&'n Node>,
}

impl Parts<'_> {
    fn recording(&self, record: &Node, problems: &mut Problems) -> Option<Makes> {
        let only = [
            ("for", self.hold),
            ("keep_firing_for", self.keep),
            ("annotations", self.annotations),
        ];
        for (name, node) in only {
            if let Some(node) = node.filter(|n| !is_empty(n)) {
                problems.at(node, format!("`{name}` is of alerts; this rule records"));
            }
        }
        read_record(record, problems).map(Makes::Record)
    }

    fn alerting(&self, alert: &Node, problems: &mut Problems) -> Option<Makes> {
        let annotations = words(self.annotations, problems);
        check_annotations(self.annotations, &annotations, problems);
        check_templates(self.annotations, problems);
        let hold = self.hold.and_then(|n| length(n, problems));
        let keep = self.keep.and_then(|n| length(n, problems));
        let name = alert.text(problems)?;
        if name.is_empty() {
            problems.at(alert, "an alert's name is not empty");
            return None;
        }
        Some(Makes::Alert(Alerting {
            name,
            hold_ms: hold.unwrap_or(0),
            keep_ms: keep.unwrap_or(0),
            annotations,
        }))
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Map(entries) => entries.is_empty(),
        Value::Text(text) => text == "0s" || text == "0",
        Value::Number(n) => *n == 0.0,
        _ => false,
    }
}

fn length(node: &Node, problems: &mut Problems) -> Option<i64> {
    let text = node.text(problems)?;
    parse_duration(&text)
        .map_err(|why| problems.at(node, why))
        .ok()
}

fn words(node: Option<&Node>, problems: &mut Problems) -> Words {
    let Some(node) = node else {
        return Words::new();
    };
    let mut entries = node.entries(problems);
    let pairs = entries.all().iter();
    pairs
        .filter_map(|(name, value)| match value.value {
            Value::Null => Some((name.clone(), String::new())),
            _ => Some((name.clone(), value.text(problems)?)),
        })
        .collect()
}

/// An expression's mistake stands where it is in the file, if the expression is written in one
/// line with it.
fn read_query(node: &Node, problems: &mut Problems) -> Option<Query> {
    let text = node.text(problems)?;
    if text.trim().is_empty() {
        problems.at(node, "`expr` is empty");
        return None;
    }
    match Query::new(&text, Dialect::default()) {
        Ok(query) => Some(query),
        Err(error) => {
            let one_line = !text.contains('\n');
            let shift = if one_line { error.span.start } else { 0 };
            problems.0.push(Problem {
                line: node.line,
                column: node.column + shift,
                path: node.path.clone(),
                message: error.to_string(),
            });
            None
        }
    }
}

fn read_record(node: &Node, problems: &mut Problems) -> Option<String> {
    let name = node.text(problems)?;
    if name.contains(['{', '}']) {
        let why = "has braces: it is a metric's name, and selectors belong into `expr`";
        problems.at(node, format!("`{name}` {why}"));
        return None;
    }
    if name.is_empty() {
        problems.at(node, "a metric's name is not empty");
        return None;
    }
    Some(name)
}

fn check_labels(node: Option<&Node>, labels: &Words, problems: &mut Problems) {
    let Some(node) = node else {
        return;
    };
    for name in labels.keys() {
        if name == "__name__" {
            problems.at(
                node,
                "`__name__` is given by the rule and is not set as a label",
            );
        } else if name.is_empty() {
            problems.at(node, "a label's name is not empty");
        }
    }
}

fn check_annotations(node: Option<&Node>, annotations: &Words, problems: &mut Problems) {
    if let Some(node) = node
        && annotations.contains_key("")
    {
        problems.at(node, "an annotation's name is not empty");
    }
}

fn check_templates(node: Option<&Node>, problems: &mut Problems) {
    let Some(Value::Map(entries)) = node.map(|n| &n.value) else {
        return;
    };
    for (_, node) in entries {
        if let Value::Text(text) = &node.value
            && let Err(why) = template::check(text)
        {
            problems.at(node, why.to_string());
        }
    }
}
