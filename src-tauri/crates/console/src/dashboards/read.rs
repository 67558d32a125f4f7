//! Reads a dashboard: every mistake at once, each with its line and column.

use deckwatch_domain::{Entries, Node, Problems, parse_document};
use deckwatch_promql::parse::{Dialect, parse, parse_selector};

use super::model::{Dashboard, DashboardQuery, DashboardVariable, Panel};
use super::substitute::{BUILT_IN, Given, Substitution, named};
use crate::metrics::{SourceName, Unit};

/// Panels, variables and queries of a panel that are read at most.
const MOST: usize = 60;

const UNITS: [(&str, Unit); 6] = [
    ("none", Unit::None),
    ("seconds", Unit::Seconds),
    ("bytes", Unit::Bytes),
    ("bytes-per-second", Unit::BytesPerSecond),
    ("share", Unit::Share),
    ("per-second", Unit::PerSecond),
];

/// # Errors
/// All its mistakes.
pub(super) fn read(yaml: &str) -> Result<Dashboard, Problems> {
    let document = parse_document(yaml)?;
    let mut problems = Problems::default();
    let p = &mut problems;
    let mut entries = document.entries(p);
    let title = needed(&mut entries, "title", p);
    let about = optional(&mut entries, "about", p).unwrap_or_default();
    let source = entries.get("source").and_then(|node| {
        let words = [
            ("samples", SourceName::Samples),
            ("prometheus", SourceName::Prometheus),
        ];
        node.word(&words, p)
    });
    let variables = few(entries.get("variables"), p)
        .iter()
        .map(|v| variable(v, p));
    let variables: Vec<DashboardVariable> = variables.collect();
    let names: Vec<&str> = variables.iter().map(|v| v.name.as_str()).collect();
    let panels = entries.need("panels", p);
    let panels = few(panels, p).iter().map(|node| panel(node, &names, p));
    let panels: Vec<Panel> = panels.collect();
    entries.finish(p);
    problems.or(Dashboard {
        title,
        about,
        source,
        variables,
        panels,
    })
}

fn few<'n>(node: Option<&'n Node>, problems: &mut Problems) -> &'n [Node] {
    let Some(node) = node else { return &[] };
    let items = node.items(problems);
    if items.len() > MOST {
        problems.at(
            node,
            format!("{} are too many; at most {MOST}", items.len()),
        );
        return &[];
    }
    items
}

fn needed(entries: &mut Entries<'_>, name: &'static str, problems: &mut Problems) -> String {
    let node = entries.need(name, problems);
    node.and_then(|node| node.text(problems))
        .unwrap_or_default()
}

fn optional(
    entries: &mut Entries<'_>,
    name: &'static str,
    problems: &mut Problems,
) -> Option<String> {
    entries.get(name).and_then(|node| node.text(problems))
}

fn variable(node: &Node, p: &mut Problems) -> DashboardVariable {
    let mut entries = node.entries(p);
    let name = needed(&mut entries, "name", p);
    if let Some(at) = entries.get("name") {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if BUILT_IN.contains(&name.as_str()) {
            p.at(at, format!("`${name}` is given already"));
        } else if !name.is_empty() && !name.chars().all(plain) {
            p.at(at, format!("`{name}` is no name: letters, digits and `_`"));
        }
    }
    let title = optional(&mut entries, "title", p).unwrap_or_else(|| name.clone());
    let label = optional(&mut entries, "label", p);
    let of = entries.get("of").and_then(|node| {
        let text = node.text(p)?;
        if let Err(error) = parse_selector(&text) {
            p.at(node, format!("this is no selector: {error}"));
        }
        Some(text)
    });
    let all = entries.get("all").and_then(|node| node.truth(p));
    let values = few(entries.get("values"), p).iter();
    let values: Vec<String> = values.filter_map(|node| node.text(p)).collect();
    if label.is_some() != values.is_empty() {
        p.at(node, "a variable has either a `label` or `values`");
    }
    entries.finish(p);
    DashboardVariable {
        name,
        title,
        label,
        of,
        all: all.unwrap_or(false),
        values,
    }
}

fn panel(node: &Node, names: &[&str], p: &mut Problems) -> Panel {
    let mut entries = node.entries(p);
    let title = needed(&mut entries, "title", p);
    let about = optional(&mut entries, "about", p).unwrap_or_default();
    let unit = entries.get("unit").and_then(|node| node.word(&UNITS, p));
    let width = entries.get("width").and_then(|node| node.whole(2, 12, p));
    let at = entries.need("queries", p);
    let queries = few(at, p);
    if let Some(at) = at
        && queries.is_empty()
    {
        p.at(at, "a panel has at least one query");
    }
    let queries = queries.iter().filter_map(|node| query(node, names, p));
    let queries = queries.collect();
    entries.finish(p);
    Panel {
        title,
        about,
        unit,
        width: width.map_or(6, |w| w as u8),
        queries,
    }
}

/// A query alone, or with the name of its lines.
fn query(node: &Node, names: &[&str], p: &mut Problems) -> Option<DashboardQuery> {
    if let deckwatch_domain::Value::Text(text) = &node.value {
        checked(node, text, names, p);
        return Some(DashboardQuery {
            query: text.clone(),
            legend: None,
        });
    }
    let mut entries = node.entries(p);
    let at = entries.need("query", p);
    let text = at.and_then(|at| at.text(p));
    let legend = optional(&mut entries, "legend", p);
    entries.finish(p);
    let (at, text) = (at?, text?);
    checked(at, &text, names, p);
    Some(DashboardQuery {
        query: text,
        legend,
    })
}

/// Read with any value in the variables' places.
fn checked(node: &Node, text: &str, names: &[&str], p: &mut Problems) {
    for name in named(text) {
        if !names.contains(&name) && !BUILT_IN.contains(&name) {
            p.at(node, format!("`${name}` is no variable of this dashboard"));
            return;
        }
    }
    let any = |name: &&str| Given {
        name: (*name).to_owned(),
        value: "1".into(),
        pattern: false,
    };
    let written = Substitution::new(names.iter().map(any).collect(), 15_000).of(text);
    if let Err(error) = parse(&written, Dialect::default()) {
        p.at(node, format!("this is no query: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let yaml = "\
title: Mine
sourse: samples
variables:
  - name: window
    label: service
  - name: a-b
    values: [x]
  - name: both
    label: x
    values: [y]
panels:
  - title: One
    width: 13
    queries:
      - sum(rate(x[$windw]))
      - query: sum(rate(x[$window]
  - title: Two
    unit: pounds
    queries: []
";
        let told: Vec<String> = read(yaml)
            .unwrap_err()
            .0
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            "line 2, column 9: sourse: `sourse` is not known here; did you mean `source`?",
            "line 4, column 11: variables[0].name: `$window` is given already",
            "line 6, column 11: variables[1].name: `a-b` is no name: letters, digits and `_`",
            "line 8, column 5: variables[2]: a variable has either a `label` or `values`",
            "line 13, column 12: panels[0].width: 13 is not a whole number from 2 to 12",
            "line 15, column 9: panels[0].queries[0]: `$windw` is no variable of this dashboard",
        ];
        assert_eq!(told[..6], expected);
        assert!(
            told[6].starts_with(
                "line 16, column 16: panels[0].queries[1].query: this is no query: 1:"
            )
        );
        assert!(told[7].contains("`pounds` is none of"), "{}", told[7]);
        assert!(told[8].contains("at least one query"), "{}", told[8]);
        assert_eq!(told.len(), 9);
    }
}
