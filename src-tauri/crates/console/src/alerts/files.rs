//! The rule files: `rules/*.yaml` in the data folder, as Prometheus reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deckwatch_alerting::rules::{Group, RuleFile, read_lenient};

use crate::console::Console;
use crate::plans::PlanMistake;
use crate::problem::Problem;

/// Files that are read at most.
const MOST: usize = 200;
/// No rule file of a person is longer.
const LONGEST: u64 = 4 << 20;

/// A file as it was found.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Found {
    /// Its name without the ending.
    pub name: String,
    pub path: PathBuf,
    /// Its text, or why it cannot be read.
    pub text: Result<String, String>,
}

/// All files, by name.
pub(super) fn found(console: &Console) -> Vec<Found> {
    let Ok(entries) = std::fs::read_dir(console.folder.rules()) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let ending = path.extension().and_then(|e| e.to_str());
            matches!(ending, Some("yaml" | "yml"))
        })
        .collect();
    paths.sort();
    paths.truncate(MOST);
    let files = paths.into_iter().filter_map(|path| {
        Some(Found {
            name: path.file_stem()?.to_str()?.to_owned(),
            text: text(&path),
            path,
        })
    });
    files.collect()
}

fn text(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if length > LONGEST {
        return Err(format!("it has {length} bytes; {LONGEST} is the most"));
    }
    std::fs::read_to_string(path).map_err(|e| e.to_string())
}

/// Where a file of this name lies, or would.
///
/// # Errors
/// That no file can be called so.
pub(super) fn path_of(console: &Console, name: &str) -> Result<PathBuf, Problem> {
    let plain = !name.is_empty()
        && name.len() <= 100
        && !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !plain {
        let why = format!("a rule file is called by letters, digits, - and _, not `{name}`");
        return Err(Problem::new("rules.name", why));
    }
    let folder = console.folder.rules();
    let old = folder.join(format!("{name}.yml"));
    Ok(match old.exists() {
        true => old,
        false => folder.join(format!("{name}.yaml")),
    })
}

/// A text as rules, or its mistakes.
pub(super) fn read(text: &str) -> Result<RuleFile, Vec<PlanMistake>> {
    if text.trim().is_empty() {
        return Ok(RuleFile::default());
    }
    match read_lenient(text) {
        Ok(reading) => Ok(reading.file),
        Err(problems) => Err(problems.0.iter().map(PlanMistake::from).collect()),
    }
}

/// The files as they are followed: one with mistakes stands as it was before them.
#[derive(Debug, Default)]
pub(super) struct Followed {
    texts: BTreeMap<String, Result<String, String>>,
    groups: BTreeMap<String, Vec<Group>>,
    trouble: BTreeMap<String, String>,
}

impl Followed {
    /// Takes the files as they are now; whether any reads otherwise than before.
    pub fn take(&mut self, now: Vec<Found>) -> bool {
        let mut changed = false;
        let names: Vec<&String> = now.iter().map(|file| &file.name).collect();
        let gone: Vec<String> = self
            .texts
            .keys()
            .filter(|name| !names.contains(name))
            .cloned()
            .collect();
        for name in gone {
            self.texts.remove(&name);
            self.groups.remove(&name);
            self.trouble.remove(&name);
            changed = true;
        }
        for file in now {
            if self.texts.get(&file.name) == Some(&file.text) {
                continue;
            }
            changed = true;
            self.read(&file);
            self.texts.insert(file.name, file.text);
        }
        changed
    }

    fn read(&mut self, file: &Found) {
        let told = match &file.text {
            Ok(text) => read(text).map_err(|mistakes| {
                let first = mistakes.first();
                first.map_or_else(String::new, |m| format!("line {}: {}", m.line, m.message))
            }),
            Err(why) => Err(why.clone()),
        };
        match told {
            Ok(read) => {
                self.trouble.remove(&file.name);
                self.groups.insert(file.name.clone(), read.groups);
            }
            Err(why) => {
                let path = file.path.display();
                let before = match self.groups.contains_key(&file.name) {
                    true => "; what it said before still holds",
                    false => "; none of it is evaluated",
                };
                let why = format!("{path} has mistakes{before}: {why}");
                self.trouble.insert(file.name.clone(), why);
            }
        }
    }

    /// Every group with its file.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &Group)> {
        let files = self.groups.iter();
        files.flat_map(|(file, groups)| groups.iter().map(move |group| (file.as_str(), group)))
    }

    pub fn trouble(&self) -> Vec<String> {
        self.trouble.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "groups:\n- name: g\n  rules:\n  - alert: Hot\n    expr: heat > 90\n";

    fn file(name: &str, text: &str) -> Found {
        Found {
            name: name.into(),
            path: format!("{name}.yaml").into(),
            text: Ok(text.into()),
        }
    }

    #[test]
    fn a_file_with_mistakes_stands_as_it_was() {
        let mut followed = Followed::default();
        assert!(followed.take(vec![file("a", GOOD)]));
        assert!(!followed.take(vec![file("a", GOOD)]));
        assert_eq!(followed.groups().count(), 1);
        let bad = GOOD.replace("heat > 90", "heat >");
        assert!(followed.take(vec![file("a", &bad), file("b", &bad)]));
        assert_eq!(followed.groups().count(), 1);
        let trouble = followed.trouble();
        assert!(trouble[0].contains("a.yaml has mistakes; what it said before still holds"));
        assert!(trouble[1].contains("b.yaml has mistakes; none of it is evaluated"));
        assert!(followed.take(vec![file("b", GOOD)]));
        assert!(followed.trouble().is_empty());
        assert_eq!(followed.groups().next().map(|(f, _)| f), Some("b"));
    }
}
