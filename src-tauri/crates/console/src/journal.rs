//! The journal, for people: reading, checking, copying.

use std::path::{Path, PathBuf};

use deckwatch_domain::{Actor, EventId, ServiceName, Timestamp};
use deckwatch_journal::{FileAnchor, Recorded, Verification};
use deckwatch_rollout::{Event, Tone, baselines, service_of, validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::alerts;
use crate::console::Console;
use crate::gates::{FREEZE, FreezeEvent};
use crate::problem::Problem;
use crate::route::Nothing;
use crate::secrets;
use crate::slos;

/// One event in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct EventRow {
    pub seq: u64,
    pub event_id: EventId,
    pub stream: String,
    pub kind: String,
    pub actor: Actor,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    /// One sentence.
    pub words: String,
    pub tone: Tone,
    /// Null when it was redacted.
    pub payload: Value,
}

impl EventRow {
    pub(crate) fn of(recorded: &Recorded) -> Self {
        let payload = recorded.payload.as_deref().unwrap_or_default();
        let (words, tone) = match own_words(&recorded.kind, payload) {
            Some(words) => (Some(words), Tone::Warn),
            None => in_words(&recorded.stream, payload),
        };
        EventRow {
            seq: recorded.seq,
            event_id: recorded.event_id,
            stream: recorded.stream.clone(),
            kind: recorded.kind.clone(),
            actor: recorded.actor.clone(),
            occurred_at: recorded.occurred_at,
            recorded_at: recorded.recorded_at,
            words: words.unwrap_or_else(|| recorded.kind.clone()),
            tone,
            payload: serde_json::from_slice(payload).unwrap_or(Value::Null),
        }
    }
}

fn in_words(stream: &str, payload: &[u8]) -> (Option<String>, Tone) {
    if service_of(stream).is_some() {
        let event: Option<Event> = serde_json::from_slice(payload).ok();
        let tone = event.as_ref().map_or(Tone::Plain, Event::tone);
        return (event.map(|event| event.words()), tone);
    }
    if validation::service_of(stream).is_some() {
        let event: Option<validation::Event> = serde_json::from_slice(payload).ok();
        let tone = event.as_ref().map_or(Tone::Plain, validation::Event::tone);
        return (event.map(|event| event.words()), tone);
    }
    if baselines::service_of(stream).is_some() {
        let event: Option<baselines::Event> = serde_json::from_slice(payload).ok();
        return (event.map(|event| event.words()), Tone::Plain);
    }
    if stream == alerts::ALERTS {
        return alerts::words(payload);
    }
    if stream == slos::EXCLUSIONS {
        return (slos::excluded_words(payload), Tone::Plain);
    }
    if stream == secrets::STREAM {
        return (secrets::words(payload), Tone::Plain);
    }
    match serde_json::from_slice(payload) {
        Ok(FreezeEvent::Declared { reason }) if stream == FREEZE => {
            (Some(format!("freeze declared: {reason}")), Tone::Warn)
        }
        Ok(FreezeEvent::Lifted) if stream == FREEZE => (Some("freeze lifted".into()), Tone::Plain),
        _ => (None, Tone::Plain),
    }
}

/// What a journal says about its own beginning and standing.
fn own_words(kind: &str, payload: &[u8]) -> Option<String> {
    let said: Value = serde_json::from_slice(payload).ok()?;
    let reason = said["reason"].as_str()?;
    match kind {
        "journal.began" => Some(format!(
            "the journal before this one was set aside: {reason}"
        )),
        "journal.trusted" => Some(format!("the journal is trusted as it stands: {reason}")),
        _ => None,
    }
}

/// Which events.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Events {
    #[serde(default)]
    #[ts(optional)]
    pub service: Option<ServiceName>,
    /// Part of the actor's id.
    #[serde(default)]
    #[ts(optional)]
    pub actor: Option<String>,
    /// The kind, or how it begins.
    #[serde(default)]
    #[ts(optional)]
    pub kind: Option<String>,
    #[serde(default)]
    #[ts(optional)]
    pub since: Option<Timestamp>,
    #[serde(default)]
    #[ts(optional)]
    pub until: Option<Timestamp>,
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub after_seq: u64,
    /// The newest so many.
    #[serde(default = "fifty")]
    #[ts(optional, as = "Option<_>")]
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
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ToFile {
    pub to: PathBuf,
}

/// A file to read.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct FromFile {
    pub from: PathBuf,
}

/// What a check of the chain found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
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
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Exported {
    pub to: PathBuf,
    pub events: u64,
    /// Noted elsewhere, it proves later that no line is missing at the end.
    pub head_hash: String,
}

/// What to do with a journal that is damaged, or not as it was noted outside of it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Aside {
    /// Go on with it as it stands, and vouch for it; refused when it is broken in itself.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub trust: bool,
}

/// What was done with a journal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct SetAside {
    /// Where the old one lies now; none when it goes on.
    pub moved_to: Option<PathBuf>,
    /// What is wrong with it; none when nothing is, and then nothing was done.
    pub reason: Option<String>,
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

pub(crate) async fn fresh(path: &Path) -> Result<tokio::fs::File, Problem> {
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
    let _ = console.anchor().await;
    Ok(Verified::of(&found, false))
}

/// # Errors
/// The journal's, or the file's.
pub async fn backup(console: &Console, ask: ToFile) -> Result<Verified, Problem> {
    let found = console.journal().await?.backup(&ask.to).await?;
    Ok(Verified::of(&found, false))
}

/// # Errors
/// That somebody holds the file, or that what is to be trusted is broken in itself.
pub async fn set_aside(console: &Console, ask: Aside) -> Result<SetAside, Problem> {
    let Aside { trust } = ask;
    let anchor = FileAnchor::new(console.folder.anchor());
    let (actor, now) = (console.actor(), console.clock.now().wall);
    if trust {
        let journal = console.journal().await?;
        return Ok(SetAside {
            moved_to: None,
            reason: journal.trust(&anchor, actor, now).await?,
        });
    }
    let path = console.folder.journal();
    let aside = deckwatch_journal::set_aside(&path, Some(&anchor), actor, now).await?;
    let (moved_to, reason) = aside.map(|aside| (aside.to, aside.reason)).unzip();
    Ok(SetAside { moved_to, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_domain::Span;

    use crate::agent::note_heads;
    use crate::console::ConsoleOptions;
    use crate::doctor::{Level, doctor};
    use crate::people::{Reason, declare_freeze, lift_freeze};

    /// A console opened anew, as each process opens one.
    fn console(folder: &Path) -> Console {
        let options = ConsoleOptions {
            folder: Some(folder.to_owned()),
            program: Some("/nonexistent".into()),
            ..ConsoleOptions::default()
        };
        Console::open(options).unwrap()
    }

    fn folder() -> tempfile::TempDir {
        tempfile::Builder::new()
            .prefix("dw")
            .tempdir_in("/tmp")
            .unwrap()
    }

    async fn freeze(folder: &Path, reason: &str) {
        let ask = Reason {
            reason: reason.into(),
        };
        declare_freeze(&console(folder), ask).await.unwrap();
        lift_freeze(&console(folder), Nothing {}).await.unwrap();
    }

    async fn noted(folder: &Path) -> u64 {
        let noted = FileAnchor::new(console(folder).folder.anchor()).read();
        noted.unwrap().map_or(0, |head| head.seq)
    }

    /// `folder`'s journal becomes that of another folder, with one event in it.
    async fn swap(folder: &Path) {
        let other = self::folder();
        freeze(other.path(), "elsewhere").await;
        let copy = other.path().join("copy.db");
        let ask = ToFile { to: copy.clone() };
        backup(&console(other.path()), ask).await.unwrap();
        for name in ["journal.db-wal", "journal.db-shm"] {
            let _ = std::fs::remove_file(folder.join(name));
        }
        std::fs::rename(copy, folder.join("journal.db")).unwrap();
    }

    #[tokio::test]
    async fn a_short_lived_process_notes_what_it_wrote() {
        let folder = folder();
        for n in 1..4 {
            freeze(folder.path(), "a test").await;
            assert_eq!(noted(folder.path()).await, 2 * n);
        }
    }

    #[tokio::test]
    async fn the_books_note_what_others_write() {
        let folder = folder();
        let console = std::sync::Arc::new(console(folder.path()));
        let books = tokio::spawn(note_heads(console.clone()));
        let journal = console.journal().await.unwrap();
        for n in 1..3_u128 {
            let event = deckwatch_journal::NewEvent {
                event_id: EventId::from_u128(n),
                kind: "test.kind".into(),
                payload: b"{}".to_vec(),
                actor: console.actor(),
                occurred_at: Timestamp::EPOCH,
            };
            let expected = deckwatch_journal::Expected::Any;
            use deckwatch_journal::Store;
            let done = journal.append("a", expected, vec![event], None, Timestamp::EPOCH);
            done.await.unwrap();
            let mut left = 600;
            while u128::from(noted(folder.path()).await) < n {
                assert!(left > 0, "event {n} was never noted");
                left -= 1;
                tokio::time::sleep(Span::from_millis(25).duration()).await;
            }
        }
        books.abort();
    }

    #[tokio::test]
    async fn another_journal_in_its_place_is_said_and_mended() {
        let folder = folder();
        for reason in ["one", "two", "three"] {
            freeze(folder.path(), reason).await;
        }
        swap(folder.path()).await;
        // It grows beyond the note, and the note stands.
        for reason in ["four", "five", "six"] {
            freeze(folder.path(), reason).await;
        }
        assert_eq!(noted(folder.path()).await, 6);
        let found = verify(&console(folder.path()), Nothing {}).await.unwrap();
        assert!(!found.sound && found.anchored, "{found:?}");
        let seen = doctor(&console(folder.path()), Nothing {}).await.unwrap();
        let check = seen.checks.iter().find(|c| c.name == "journal").unwrap();
        assert_eq!(check.level, Level::Bad);
        assert!(check.found.contains("another event 6"), "{}", check.found);

        let done = set_aside(&console(folder.path()), Aside::default()).await;
        let done = done.unwrap();
        assert!(done.moved_to.unwrap().is_file());
        assert!(done.reason.unwrap().contains("another event 6"));
        let found = verify(&console(folder.path()), Nothing {}).await.unwrap();
        assert!(
            found.sound && found.anchored && found.head == 1,
            "{found:?}"
        );
        freeze(folder.path(), "seven").await;
        assert_eq!(noted(folder.path()).await, 3);
    }

    #[tokio::test]
    async fn a_person_can_vouch_for_the_journal() {
        let folder = folder();
        for reason in ["one", "two", "three"] {
            freeze(folder.path(), reason).await;
        }
        let trust = Aside { trust: true };
        let nothing = set_aside(&console(folder.path()), trust).await.unwrap();
        assert_eq!((nothing.moved_to, nothing.reason), (None, None));
        swap(folder.path()).await;
        let done = set_aside(&console(folder.path()), trust).await.unwrap();
        assert_eq!(done.moved_to, None);
        assert!(done.reason.unwrap().contains("ends at 2"));
        let ask = Events {
            limit: 1,
            ..Events::default()
        };
        let last = events(&console(folder.path()), ask)
            .await
            .unwrap()
            .remove(0);
        assert_eq!((last.kind.as_str(), last.seq), ("journal.trusted", 3));
        assert_eq!(last.actor, console(folder.path()).actor());
        assert!(
            last.words.contains("trusted as it stands"),
            "{}",
            last.words
        );
        let found = verify(&console(folder.path()), Nothing {}).await.unwrap();
        assert!(found.sound && found.anchored, "{found:?}");
        freeze(folder.path(), "four").await;
        assert_eq!(noted(folder.path()).await, 5);
    }
}
