//! YAML documents people write by hand, read so that every mistake is reported at once, each with
//! its line and column.
//!
//! [`parse_document`] gives a tree of [`Node`]s. A reader walks it, takes what it knows with the
//! methods of [`Entries`], and leaves what is wrong in [`Problems`]; reading goes on after a
//! mistake, with a default in its place, so that the next one is found too.

use std::fmt;
use std::str::FromStr;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde::Serialize;

use crate::time::{Span, parse_span};

/// One mistake in a document. Lines and columns start at 1; 0 means the document as a whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    pub line: usize,
    pub column: usize,
    /// Where in the document: `steps[2].bake.max`.
    pub path: String,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// All mistakes found in one document, in the order of its lines.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    pub fn at(&mut self, node: &Node, message: impl Into<String>) {
        self.0.push(Problem {
            line: node.line,
            column: node.column,
            path: node.path.clone(),
            message: message.into(),
        });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value` if nothing was wrong, else all that was, sorted by line.
    pub fn or<T>(mut self, value: T) -> Result<T, Problems> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by_key(|p| (p.line, p.column));
        Err(self)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A value with its place in the document.
#[derive(Clone, Debug)]
pub struct Node {
    pub line: usize,
    pub column: usize,
    pub path: String,
    pub value: Value,
    /// Of a number or a truth value, as it is written.
    spelling: Option<Box<str>>,
}

/// What stands at a place.
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Documents longer than this are refused: a plan or definition is a page, not a book.
const LONGEST: usize = 256 * 1024;
/// What a program may have written is longer.
const LONGEST_MADE: usize = 16 * 1024 * 1024;
const DEEPEST: usize = 32;

/// Reads one YAML document into a tree with positions.
pub fn parse_document(text: &str) -> Result<Node, Problems> {
    parse_bounded(text, LONGEST)
}

/// The same for documents that may have been made by a program: up to 16 MiB.
pub fn parse_long_document(text: &str) -> Result<Node, Problems> {
    parse_bounded(text, LONGEST_MADE)
}

fn parse_bounded(text: &str, longest: usize) -> Result<Node, Problems> {
    let whole = |message: String| {
        Problems(vec![Problem {
            line: 0,
            column: 0,
            path: String::new(),
            message,
        }])
    };
    if text.len() > longest {
        return Err(whole(format!(
            "the document has {} bytes; at most {longest} are read",
            text.len()
        )));
    }
    let documents = MarkedYaml::load_from_str(text).map_err(|e| {
        Problems(vec![Problem {
            line: e.marker().line(),
            column: e.marker().col() + 1,
            path: String::new(),
            message: format!("this is not YAML: {}", e.info()),
        }])
    })?;
    match documents.as_slice() {
        [] => Err(whole("the document is empty".into())),
        [one] => {
            let lines: Vec<&str> = text.split('\n').collect();
            convert(one, &lines, String::new(), 0).map_err(|p| Problems(vec![p]))
        }
        [_, second, ..] => Err(Problems(vec![Problem {
            line: second.span.start.line(),
            column: second.span.start.col() + 1,
            path: String::new(),
            message: "a second document starts here; write one document a file".into(),
        }])),
    }
}

/// A number or truth value as it is written: `1.10` is another text than `1.1`.
fn spelling(yaml: &MarkedYaml<'_>, lines: &[&str]) -> Option<Box<str>> {
    let YamlData::Value(scalar) = &yaml.data else {
        return None;
    };
    if matches!(scalar, Scalar::Null | Scalar::String(_)) {
        return None;
    }
    let line = lines.get(yaml.span.start.line().checked_sub(1)?)?;
    let word: String = line
        .chars()
        .skip(yaml.span.start.col())
        .take(yaml.span.len())
        .collect();
    (Scalar::parse_from_cow(word.as_str().into()) == *scalar).then(|| word.into())
}

fn convert(
    yaml: &MarkedYaml<'_>,
    lines: &[&str],
    path: String,
    depth: usize,
) -> Result<Node, Problem> {
    let line = yaml.span.start.line();
    let column = yaml.span.start.col() + 1;
    let problem = |message: &str, path: &str| Problem {
        line,
        column,
        path: path.to_owned(),
        message: message.to_owned(),
    };
    if depth > DEEPEST {
        return Err(problem("nested too deeply", &path));
    }
    let value = match &yaml.data {
        YamlData::Value(Scalar::Null) => Value::Null,
        YamlData::Value(Scalar::Boolean(b)) => Value::Bool(*b),
        YamlData::Value(Scalar::Integer(i)) => Value::Number(*i as f64),
        YamlData::Value(Scalar::FloatingPoint(f)) => Value::Number(f.into_inner()),
        YamlData::Value(Scalar::String(s)) => Value::Text(s.to_string()),
        YamlData::Sequence(items) => Value::List(
            items
                .iter()
                .enumerate()
                .map(|(i, item)| convert(item, lines, format!("{path}[{i}]"), depth + 1))
                .collect::<Result<_, _>>()?,
        ),
        YamlData::Mapping(entries) => {
            let mut map = Vec::with_capacity(entries.len());
            for (key, item) in entries {
                let YamlData::Value(scalar) = &key.data else {
                    return Err(problem("a key must be a single word", &path));
                };
                let key = match scalar {
                    Scalar::String(s) => s.to_string(),
                    Scalar::Integer(i) => i.to_string(),
                    Scalar::Boolean(b) => b.to_string(),
                    _ => return Err(problem("a key must be a single word", &path)),
                };
                let inner = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                map.push((key, convert(item, lines, inner, depth + 1)?));
            }
            Value::Map(map)
        }
        _ => return Err(problem("tags and aliases are not read here", &path)),
    };
    Ok(Node {
        line,
        column,
        path,
        value,
        spelling: spelling(yaml, lines),
    })
}

impl Node {
    /// The entries of this mapping; a mistake and an empty mapping when it is something else.
    pub fn entries<'n>(&'n self, problems: &mut Problems) -> Entries<'n> {
        let map: &[(String, Node)] = match &self.value {
            Value::Map(map) => map,
            other => {
                problems.at(
                    self,
                    format!("a mapping belongs here, not {}", other.kind()),
                );
                &[]
            }
        };
        Entries {
            node: self,
            map,
            taken: Vec::new(),
        }
    }

    /// Whether this is a mapping with an entry of this name.
    pub fn has(&self, name: &str) -> bool {
        matches!(&self.value, Value::Map(map) if map.iter().any(|(key, _)| key == name))
    }

    /// The items of this list; a mistake and nothing when it is something else.
    pub fn items(&self, problems: &mut Problems) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            other => {
                problems.at(self, format!("a list belongs here, not {}", other.kind()));
                &[]
            }
        }
    }

    /// Text; a plain number or truth value counts as its spelling.
    pub fn text(&self, problems: &mut Problems) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Number(n) => Some(self.spelled(n)),
            Value::Bool(b) => Some(self.spelled(b)),
            other => {
                problems.at(self, format!("text belongs here, not {}", other.kind()));
                None
            }
        }
    }

    fn spelled(&self, value: &dyn fmt::Display) -> String {
        match &self.spelling {
            Some(word) => word.to_string(),
            None => value.to_string(),
        }
    }

    /// A finite number. `1 %` is read as 0.01.
    pub fn number(&self, problems: &mut Problems) -> Option<f64> {
        match &self.value {
            Value::Number(n) if n.is_finite() => Some(*n),
            Value::Text(text) => {
                let read = text
                    .strip_suffix('%')
                    .and_then(|t| t.trim().parse::<f64>().ok())
                    .map(|n| n / 100.0)
                    .filter(|n| n.is_finite());
                if read.is_none() {
                    problems.at(self, format!("`{text}` is not a number"));
                }
                read
            }
            other => {
                problems.at(self, format!("a number belongs here, not {}", other.kind()));
                None
            }
        }
    }

    /// A whole number between `low` and `high`.
    pub fn whole(&self, low: u64, high: u64, problems: &mut Problems) -> Option<u64> {
        let number = match &self.value {
            Value::Number(n) => *n,
            other => {
                problems.at(
                    self,
                    format!("a whole number belongs here, not {}", other.kind()),
                );
                return None;
            }
        };
        if number.fract() != 0.0 || number < low as f64 || number > high as f64 {
            problems.at(
                self,
                format!("{number} is not a whole number from {low} to {high}"),
            );
            return None;
        }
        Some(number as u64)
    }

    pub fn truth(&self, problems: &mut Problems) -> Option<bool> {
        match &self.value {
            Value::Bool(b) => Some(*b),
            other => {
                problems.at(
                    self,
                    format!("true or false belongs here, not {}", other.kind()),
                );
                None
            }
        }
    }

    /// A length of time such as `5m`.
    pub fn span(&self, problems: &mut Problems) -> Option<Span> {
        let text = self.text(problems)?;
        parse_span(&text)
            .map_err(|message| problems.at(self, message))
            .ok()
    }

    /// Anything that reads itself from text.
    pub fn parsed<T>(&self, problems: &mut Problems) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let text = self.text(problems)?;
        text.parse()
            .map_err(|e: T::Err| problems.at(self, e.to_string()))
            .ok()
    }

    /// One of the given words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let text = self.text(problems)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            problems.at(self, format!("`{text}` is none of: {}", known.join(", ")));
        }
        found.map(|(_, value)| *value)
    }
}

/// The entries of one mapping, taken by name. What is never taken is a mistake: call
/// [`Entries::finish`].
pub struct Entries<'n> {
    pub node: &'n Node,
    map: &'n [(String, Node)],
    taken: Vec<&'static str>,
}

impl<'n> Entries<'n> {
    /// The entry of this name, unless absent or null.
    pub fn get(&mut self, name: &'static str) -> Option<&'n Node> {
        self.taken.push(name);
        self.map
            .iter()
            .find(|(key, node)| key == name && !matches!(node.value, Value::Null))
            .map(|(_, node)| node)
    }

    /// The entry of this name; a mistake when it is absent.
    pub fn need(&mut self, name: &'static str, problems: &mut Problems) -> Option<&'n Node> {
        let found = self.get(name);
        if found.is_none() && matches!(self.node.value, Value::Map(_)) {
            problems.at(self.node, format!("`{name}` is missing"));
        }
        found
    }

    /// Names as they stand, for mappings whose keys are the user's own.
    pub fn all(&mut self) -> &'n [(String, Node)] {
        let map = self.map;
        self.map = &[];
        map
    }

    /// Reports every entry nobody took, with the nearest known name where one is near.
    pub fn finish(self, problems: &mut Problems) {
        for (key, node) in self.map {
            if self.taken.iter().any(|name| name == key) {
                continue;
            }
            let near = self
                .taken
                .iter()
                .map(|name| (distance(key, name), *name))
                .filter(|(d, _)| *d <= 2)
                .min();
            let message = match near {
                Some((_, name)) => format!("`{key}` is not known here; did you mean `{name}`?"),
                None => format!(
                    "`{key}` is not known here; known: {}",
                    self.taken.join(", ")
                ),
            };
            problems.at(node, message);
        }
    }
}

/// Edit distance between two short words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let text = "name: x\nsteps:\n  - weihgt: 5\n    bake: five\n  - weight: 300\n";
        let node = parse_document(text).unwrap();
        let mut problems = Problems::default();
        let mut top = node.entries(&mut problems);
        top.get("name").and_then(|n| n.text(&mut problems));
        for step in top
            .need("steps", &mut problems)
            .unwrap()
            .items(&mut problems)
        {
            let mut entries = step.entries(&mut problems);
            entries
                .need("weight", &mut problems)
                .and_then(|n| n.whole(0, 100, &mut problems));
            entries.get("bake").and_then(|n| n.span(&mut problems));
            entries.finish(&mut problems);
        }
        top.finish(&mut problems);
        let found = problems.or(()).unwrap_err();
        let said: Vec<String> = found.0.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 4, "{said:#?}");
        assert!(said[0].contains("`weight` is missing"), "{said:#?}");
        assert!(
            said.iter()
                .any(|s| s.contains("line 3") && s.contains("did you mean `weight`"))
        );
        assert!(
            said.iter()
                .any(|s| s.contains("line 4") && s.contains("`five`"))
        );
        assert!(
            said.iter()
                .any(|s| s.contains("line 5") && s.contains("steps[1].weight"))
        );
    }

    #[test]
    fn what_is_read_as_text_keeps_its_spelling() {
        let table = [
            ("a: 1.10", "1.10"),
            ("a: 0x1F # a comment", "0x1F"),
            ("b: é\na:   1e3", "1e3"),
            ("{b: [é, 2], a: True}", "True"),
            ("a: +7\r\nb: x", "+7"),
            ("a: -0.0", "-0.0"),
            ("a: \"1.10\"", "1.10"),
        ];
        for (text, expected) in table {
            let node = parse_document(text).unwrap();
            let mut problems = Problems::default();
            let mut entries = node.entries(&mut problems);
            let read = entries.get("a").and_then(|n| n.text(&mut problems));
            assert_eq!(read.as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn nonsense_is_refused_not_followed() {
        for text in [
            "",
            "a: [1, 2",
            "{a: b}}",
            "--- a\n--- b\n",
            "? [a]\n: b",
            "&a [*a]",
            "\u{0}",
        ] {
            if let Ok(node) = parse_document(text) {
                let mut problems = Problems::default();
                node.entries(&mut problems);
                assert!(!problems.is_empty(), "{text:?} was taken");
            }
        }
        let deep = "[".repeat(5000);
        assert!(parse_document(&deep).is_err());
        assert!(parse_document(&"a".repeat(300_000)).is_err());
    }
}
