//! `targets.yaml`: read, checked, shown and changed.

use std::io::ErrorKind;
use std::path::Path;

use deckwatch_domain::{Digest, Problem as Mistake};
use deckwatch_signals::targets::{self, Targets};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::console::Console;
use crate::plans::PlanMistake;
use crate::problem::{Problem, invalid};
use crate::route::Nothing;

/// The file as it is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct TargetsFile {
    pub path: String,
    /// None: there is none; this machine is measured, and nothing else.
    pub text: Option<String>,
    pub check: TargetsCheck,
}

/// A text for the file.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct TargetsText {
    pub yaml: String,
}

/// A text to check; none: the file as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct CheckTargets {
    pub yaml: Option<String>,
}

/// What a check found.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct TargetsCheck {
    pub mistakes: Vec<PlanMistake>,
    /// The addresses that would be scraped, those of a cluster's pods left out.
    pub scrapes: Vec<String>,
    pub probes: usize,
    /// Secrets that are named and not set.
    pub missing_secrets: Vec<String>,
}

/// The text of the file; none: there is none.
pub(super) fn text(path: &Path) -> Result<Option<String>, Problem> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::new(
            "targets.file",
            format!("{}: {error}", path.display()),
        )),
    }
}

/// # Errors
/// That the file cannot be read; its mistakes are part of the answer.
pub async fn show(console: &Console, _: Nothing) -> Result<TargetsFile, Problem> {
    let path = console.folder.targets();
    let text = text(&path)?;
    Ok(TargetsFile {
        path: path.display().to_string(),
        check: checked(console, text.as_deref().unwrap_or_default()),
        text,
    })
}

/// # Errors
/// That the file cannot be read; mistakes are the answer.
pub async fn check(console: &Console, ask: CheckTargets) -> Result<TargetsCheck, Problem> {
    let text = match ask.yaml {
        Some(text) => text,
        None => text(&console.folder.targets())?.unwrap_or_default(),
    };
    Ok(checked(console, &text))
}

fn checked(console: &Console, text: &str) -> TargetsCheck {
    let read = match targets::read(text) {
        Ok(read) => read,
        Err(problems) => {
            return TargetsCheck {
                mistakes: problems.0.iter().map(PlanMistake::from).collect(),
                ..TargetsCheck::default()
            };
        }
    };
    let mut mistakes = Vec::new();
    if read.kubernetes.is_some() && console.cluster.is_none() {
        let environment = &console.environment.name;
        mistakes.push(PlanMistake::from(&Mistake {
            line: 0,
            column: 0,
            path: "kubernetes".into(),
            message: format!("the services of {environment} run on this machine, not in a cluster"),
        }));
    }
    TargetsCheck {
        mistakes,
        scrapes: read.listed().into_iter().map(|target| target.url).collect(),
        probes: read.probes.len(),
        missing_secrets: missing(console, &read),
    }
}

fn missing(console: &Console, read: &Targets) -> Vec<String> {
    let named = read.secrets().into_iter();
    let absent = named.filter(|name| !console.secrets().is_set(name));
    absent.map(str::to_owned).collect()
}

/// Writes the file whole or not at all. The journal learns that it changed and to what digest: the
/// file itself stays the truth.
///
/// # Errors
/// Every mistake in the text, and then nothing is written.
pub async fn write(console: &Console, ask: TargetsText) -> Result<TargetsFile, Problem> {
    targets::read(&ask.yaml).map_err(|p| invalid("targets", &p))?;
    let path = console.folder.targets();
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&draft, &ask.yaml)?;
    std::fs::rename(&draft, &path)?;
    let digest = Digest::of(ask.yaml.as_bytes());
    let payload = json!({"digest": digest, "bytes": ask.yaml.len()});
    console
        .record("targets", "targets.changed", &payload)
        .await?;
    show(console, Nothing {}).await
}

/// # Errors
/// None.
pub async fn schema(_: &Console, _: Nothing) -> Result<Value, Problem> {
    Ok(targets::schema())
}
