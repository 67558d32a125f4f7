//! The journal, for people: reading, checking, copying.

use std::path::{Path, PathBuf};

use deckwatch_domain::{Actor, EventId, ServiceName, Timestamp};
use deckwatch_journal::{FileAnchor, Journal, Recorded, Store, Verification};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::console::Console;
use crate::problem::Problem;
use crate::route::Nothing;

/// One event in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EventRow {
    pub seq: u64,
    pub event_id: EventId,
    pub stream: String,
    pub kind: String,
    pub actor: Actor,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    /// Null when it was redacted.
    pub payload: Value,
}

impl EventRow {
    pub(crate) fn of(recorded: &Recorded) -> Self {
        let payload = recorded.payload.as_deref().unwrap_or_default();
        EventRow {
            seq: recorded.seq,
            event_id: recorded.event_id,
            stream: recorded.stream.clone(),
            kind: recorded.kind.clone(),
            actor: recorded.actor.clone(),
            occurred_at: recorded.occurred_at,
            recorded_at: recorded.recorded_at,
            payload: serde_json::from_slice(payload).unwrap_or(Value::Null),
        }
    }
}

/// Which events.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    #[serde(default)]
    pub service: Option<ServiceName>,
    /// Part of the actor's id.
    #[serde(default)]
    pub actor: Option<String>,
    /// The kind, or how it begins.
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub since: Option<Timestamp>,
    #[serde(default)]
    pub until: Option<Timestamp>,
    #[serde(default)]
    pub after_seq: u64,
    /// The newest so many.
    #[serde(default = "fifty")]
    pub limit: usize,
}

fn fifty() -> usize {
    50
}

impl Events {
    fn takes(&self, event: &Recorded) -> bool {
        let of_service =
            |service: &ServiceName| event.stream.rsplit('/').next() == Some(service.as_str());
        self.service.as_ref().is_none_or(of_service)
            && self
                .actor
                .as_ref()
                .is_none_or(|a| event.actor.id.contains(a))
            && self.kind.as_ref().is_none_or(|k| event.kind.starts_with(k))
            && self.since.is_none_or(|t| event.occurred_at >= t)
            && self.until.is_none_or(|t| event.occurred_at <= t)
    }
}

/// A file to write.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToFile {
    pub to: PathBuf,
}

/// A file to read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromFile {
    pub from: PathBuf,
}

/// What a check of the chain found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verified {
    pub sound: bool,
    pub events: u64,
    pub redacted: u64,
    pub head: u64,
    pub head_hash: String,
    /// Whether a head noted outside was there to hold against.
    pub anchored: bool,
    pub findings: Vec<String>,
}

impl Verified {
    fn of(found: &Verification, anchored: bool) -> Self {
        Verified {
            sound: found.is_sound(),
            events: found.events,
            redacted: found.redacted,
            head: found.head.seq,
            head_hash: found.head.hash.to_string(),
            anchored,
            findings: found.findings.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What was exported.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Exported {
    pub to: PathBuf,
    pub events: u64,
    /// Noted elsewhere, it proves later that no line is missing at the end.
    pub head_hash: String,
}

/// Where the damaged journal lies now; none when it was sound.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SetAside {
    pub moved_to: Option<PathBuf>,
}

/// # Errors
/// The journal's.
pub async fn events(console: &Console, ask: Events) -> Result<Vec<EventRow>, Problem> {
    let store = console.store().await?;
    let limit = ask.limit.clamp(1, 10_000);
    let mut found = std::collections::VecDeque::new();
    let mut after = ask.after_seq;
    loop {
        let page = store.read(after, 1000).await?;
        let Some(last) = page.last() else {
            return Ok(found.into());
        };
        after = last.seq;
        for event in page.iter().filter(|e| ask.takes(e)) {
            if found.len() == limit {
                found.pop_front();
            }
            found.push_back(EventRow::of(event));
        }
    }
}

/// # Errors
/// That it cannot be read at all; what is wrong inside is the answer.
pub async fn verify(console: &Console, _: Nothing) -> Result<Verified, Problem> {
    let anchor = FileAnchor::new(console.folder.anchor()).read()?;
    let anchors: Vec<_> = anchor.into_iter().collect();
    let found = console.journal().await?.verify(&anchors).await?;
    Ok(Verified::of(&found, !anchors.is_empty()))
}

async fn fresh(path: &Path) -> Result<tokio::fs::File, Problem> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
        .open(path)
        .await
        .map_err(|e| Problem::new("file", format!("{}: {e}", path.display())))
}

/// # Errors
/// The journal's, or the file's.
pub async fn export(console: &Console, ask: ToFile) -> Result<Exported, Problem> {
    let mut out = tokio::io::BufWriter::new(fresh(&ask.to).await?);
    let head = console.journal().await?.export(&mut out).await?;
    Ok(Exported {
        to: ask.to,
        events: head.seq,
        head_hash: head.hash.to_string(),
    })
}

/// # Errors
/// That the journal is not empty or the export not sound; nothing is kept then.
pub async fn import(console: &Console, ask: FromFile) -> Result<Verified, Problem> {
    let file = tokio::fs::File::open(&ask.from)
        .await
        .map_err(|e| Problem::new("file", format!("{}: {e}", ask.from.display())))?;
    let mut from = tokio::io::BufReader::new(file);
    let found = console.journal().await?.import(&mut from, &[]).await?;
    Ok(Verified::of(&found, false))
}

/// # Errors
/// The journal's, or the file's.
pub async fn backup(console: &Console, ask: ToFile) -> Result<Verified, Problem> {
    let found = console.journal().await?.backup(&ask.to).await?;
    Ok(Verified::of(&found, false))
}

/// # Errors
/// That somebody holds the file.
pub async fn set_aside(console: &Console, _: Nothing) -> Result<SetAside, Problem> {
    let path = console.folder.journal();
    let now = console.clock.now().wall;
    let moved_to = deckwatch_journal::set_aside(&path, console.actor.clone(), now).await?;
    if moved_to.is_some() {
        let journal = Journal::open(&path).await?;
        let head = journal.head().await?;
        FileAnchor::new(console.folder.anchor()).restart(&head)?;
    }
    Ok(SetAside { moved_to })
}
