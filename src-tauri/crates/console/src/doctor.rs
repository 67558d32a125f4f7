//! What is missing and what is reachable, in words.

use std::path::Path;
use std::time::Duration;

use deckwatch_signals::{Note, NoteKind};
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::journal;
use crate::people;
use crate::problem::Problem;
use crate::route::Nothing;

const DAY: Duration = Duration::from_secs(86_400);

/// How bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Good,
    /// Something to know.
    Note,
    /// Something to mend.
    Bad,
}

/// One thing looked at.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Check {
    pub name: String,
    pub level: Level,
    pub found: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mend: String,
}

/// All of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Doctor {
    pub version: String,
    pub worst: Level,
    pub checks: Vec<Check>,
}

fn check(name: &str, level: Level, found: impl Into<String>, mend: &str) -> Check {
    Check {
        name: name.into(),
        level,
        found: found.into(),
        mend: mend.into(),
    }
}

/// # Errors
/// None: what is wrong is the answer.
pub async fn doctor(console: &Console, _: Nothing) -> Result<Doctor, Problem> {
    let theirs = console.folder.of_another();
    let mut checks = vec![folder(console, theirs.as_ref())];
    let begin = checks.len();
    // What another user has not made yet is not made for a look: it would be closed to them.
    let there = |file: &Path| theirs.is_none() || file.exists();
    let journal = there(&console.folder.journal());
    if journal {
        checks.push(journal_check(console).await);
    }
    if there(&console.folder.fallback()) {
        checks.push(fallback(console));
    }
    checks.push(node(console).await);
    if there(&console.folder.samples()) {
        checks.push(samples(console).await);
    }
    checks.push(roles(console).await);
    if journal {
        checks.extend(services(console).await);
    }
    if theirs.is_some() {
        for check in checks.iter_mut().skip(begin) {
            check.mend.clear();
        }
    }
    Ok(Doctor {
        version: env!("CARGO_PKG_VERSION").into(),
        worst: checks.iter().map(|c| c.level).max().unwrap_or(Level::Good),
        checks,
    })
}

fn folder(console: &Console, theirs: Option<&Problem>) -> Check {
    use std::os::unix::fs::PermissionsExt;
    let path = console.folder.path();
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 == 0 => match theirs {
            None => check("data folder", Level::Good, format!("{shown}"), ""),
            Some(theirs) => check(
                "data folder",
                Level::Note,
                theirs.message.clone(),
                "what is to be mended here is that user's to do",
            ),
        },
        Ok(_) => check(
            "data folder",
            Level::Bad,
            format!("{shown} can be read by others"),
            "chmod 700 it",
        ),
        Err(error) => check(
            "data folder",
            Level::Bad,
            format!("{shown}: {error}"),
            "make it writable",
        ),
    }
}

async fn journal_check(console: &Console) -> Check {
    match journal::verify(console, Nothing {}).await {
        Ok(found) if found.sound => check(
            "journal",
            Level::Good,
            format!(
                "{} events, the chain is sound{}",
                found.events,
                if found.anchored {
                    " and ends where it was noted"
                } else {
                    ""
                }
            ),
            "",
        ),
        Ok(found) => check(
            "journal",
            Level::Bad,
            found.findings.first().cloned().unwrap_or_default(),
            "deckwatchctl journal verify says everything; set-aside begins a new one",
        ),
        Err(problem) => check(
            "journal",
            Level::Bad,
            problem.message,
            "rollback works without it; deckwatchctl journal set-aside begins a new one",
        ),
    }
}

fn fallback(console: &Console) -> Check {
    let name = "rollback records";
    match console
        .fallback
        .as_ref()
        .map(deckwatch_rollout::FallbackFile::waiting)
    {
        Some(Ok(waiting)) if waiting.is_empty() => check(
            name,
            Level::Good,
            "space is set aside for them, none waits",
            "",
        ),
        Some(Ok(waiting)) => check(
            name,
            Level::Note,
            format!("{} wait for the journal", waiting.len()),
            "they go in by themselves once an agent runs",
        ),
        Some(Err(error)) => check(
            name,
            Level::Bad,
            error.to_string(),
            "make the data folder writable",
        ),
        None => check(
            name,
            Level::Bad,
            "no space could be set aside",
            "make the data folder writable",
        ),
    }
}

async fn node(console: &Console) -> Check {
    if let Some(cluster) = &console.cluster {
        return in_a_cluster(cluster).await;
    }
    match console.local.node().await {
        Ok(node) => {
            let level = if node.troubles.is_empty() {
                Level::Good
            } else {
                Level::Note
            };
            let mut found = format!(
                "version {}, process {}, {} services",
                node.version,
                node.pid,
                node.services.len()
            );
            if let Some(trouble) = node.troubles.last() {
                found = format!("{found}; {trouble}");
            }
            check("node", level, found, "")
        }
        Err(error) => check(
            "node",
            Level::Note,
            error.to_string(),
            "it starts with the agent, or with deckwatchctl node start",
        ),
    }
}

async fn in_a_cluster(cluster: &crate::cluster::Cluster) -> Check {
    let context = &cluster.place.context;
    let bad = |why: String| check("cluster", Level::Bad, why, "see deckwatchctl cluster show");
    let platform = match cluster.platform().await {
        Ok(platform) => platform,
        Err(error) => return bad(format!("{context}: {error}")),
    };
    match platform.connection().version().await {
        Ok(version) => check("cluster", Level::Good, format!("{context}, {version}"), ""),
        Err(error) => bad(format!("{context}: {error}")),
    }
}

async fn samples(console: &Console) -> Check {
    let bad = |why: String| check("samples", Level::Bad, why, "");
    let store = match console.samples().await {
        Ok(store) => store,
        Err(problem) => return bad(problem.message),
    };
    let (bytes, notes) = match (store.used_bytes().await, store.notes().await) {
        (Ok(bytes), Ok(notes)) => (bytes, notes),
        (Err(error), _) | (_, Err(error)) => return bad(error.to_string()),
    };
    let held = format!("{} KiB", bytes / 1024);
    let now = console.clock.now().wall;
    let recent: Vec<_> = notes
        .into_iter()
        .filter(|note| now.since(note.at) < DAY)
        .collect();
    let Some(newest) = recent.first() else {
        return check("samples", Level::Good, held, "");
    };
    let about = match newest.about.as_str() {
        "" => String::new(),
        about => format!("{about}: "),
    };
    let found = format!(
        "{held}; {} noted in the last day, the newest: {about}{}",
        recent.len(),
        newest.text
    );
    // That a machine slept is no fault.
    let lost = |note: &Note| matches!(note.kind, NoteKind::Late | NoteKind::Damaged);
    match recent.iter().any(lost) {
        false => check("samples", Level::Good, found, ""),
        true => check(
            "samples",
            Level::Note,
            found,
            "nothing: what is named is missing from the figures of that time",
        ),
    }
}

async fn roles(console: &Console) -> Check {
    match people::roles(console, Nothing {}).await {
        Ok(roles) if roles.roles.is_empty() => check(
            "roles",
            Level::Note,
            "nobody is bound to a role: approvals are advisory",
            &format!("write {}", roles.file),
        ),
        Ok(roles) => check(
            "roles",
            Level::Good,
            format!("{} roles", roles.roles.len()),
            "",
        ),
        Err(problem) => check("roles", Level::Bad, problem.message, ""),
    }
}

/// Each service's driver and way back.
async fn services(console: &Console) -> Vec<Check> {
    let mut checks = Vec::new();
    let (Ok(book), Ok(store)) = (console.book().await, console.store().await) else {
        return checks;
    };
    for (service, state) in &book.services {
        if !state.wants_driver() {
            continue;
        }
        let name = format!("rollout of {service}");
        let lease = store.lease(&deckwatch_rollout::stream(service)).await;
        let driver = lease.ok().flatten().and_then(|l| l.holder);
        checks.push(match driver {
            Some(driver) => check(&name, Level::Good, format!("{driver} drives"), ""),
            None => check(&name, Level::Bad, "nobody drives it", "deckwatchctl agent"),
        });
        if console.platform.observe(service).await.is_err() {
            checks.push(check(
                &name,
                Level::Bad,
                "its platform does not answer",
                "deckwatchctl node start",
            ));
        }
    }
    checks
}
