//! Events as they are handed in and as they come back.

use deckwatch_domain::{Actor, Digest, Epoch, EventId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::JournalError;

/// The largest payload that is taken, in bytes. What is larger is bulk data, and belongs in a
/// table of its own to which the event refers.
pub const LARGEST_PAYLOAD: usize = 1024 * 1024;
const LONGEST_NAME: usize = 256;
const LARGEST_ACTOR: usize = 4096;
const LARGEST_APPEND: usize = 10_000;

/// Events that the journal writes about itself; nobody else may.
pub(crate) const OWN_STREAM: &str = "journal";
pub(crate) const OWN_PREFIX: &str = "journal.";
pub(crate) const BEGAN: &str = "journal.began";
pub(crate) const REDACTED: &str = "journal.redacted";
pub(crate) const TRUSTED: &str = "journal.trusted";

/// An event to be recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewEvent {
    /// Made by the caller; the same id is recorded once, however often it is handed in.
    pub event_id: EventId,
    /// What happened, `rollout.started`. Kinds that begin with `journal.` are the journal's own.
    pub kind: String,
    /// JSON, kept byte for byte. Never a secret.
    pub payload: Vec<u8>,
    pub actor: Actor,
    /// When it happened, which may be long before it is recorded.
    pub occurred_at: Timestamp,
}

/// An event as the journal holds it.
///
/// Serialised, it is one line of an export (see `line.rs`); that form is for JSON only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Its place in the journal: 1, 2, 3, … without a gap.
    pub seq: u64,
    pub event_id: EventId,
    pub stream: String,
    /// Its place in its stream: 1, 2, 3, … without a gap.
    pub version: u64,
    pub kind: String,
    /// `None` when the payload was redacted; its hash remains.
    pub payload: Option<Vec<u8>>,
    pub payload_hash: Digest,
    pub actor: Actor,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    /// The hash of the event before this one; of the first, where the chain begins.
    pub prev_hash: Digest,
    pub hash: Digest,
}

/// The end of the chain: the last event's number and hash. Of an empty journal, 0 and where the
/// chain begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Head {
    pub seq: u64,
    pub hash: Digest,
}

/// What the writer believes about the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// Nothing: append whatever is there.
    Any,
    /// The version of the stream's last event; 0 when the stream must be empty.
    Version(u64),
}

/// Append only if this holder still holds the lease at this epoch, checked in the same
/// transaction as the append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fence {
    pub lease: String,
    pub holder: String,
    pub epoch: Epoch,
}

/// Whether an append may be tried at all: names, sizes, and that nobody writes in our name.
pub(crate) fn check_append(stream: &str, events: &[NewEvent]) -> Result<(), JournalError> {
    check_name("stream", stream)?;
    if stream == OWN_STREAM {
        return Err(JournalError::refused(
            "the stream `journal` is the journal's own",
        ));
    }
    if events.len() > LARGEST_APPEND {
        return Err(JournalError::refused(format!(
            "{} events in one append; at most {LARGEST_APPEND} are taken",
            events.len()
        )));
    }
    let mut ids = std::collections::HashSet::with_capacity(events.len());
    for event in events {
        check_name("kind", &event.kind)?;
        if event.kind.starts_with(OWN_PREFIX) {
            return Err(JournalError::refused(format!(
                "`{}`: kinds that begin with `{OWN_PREFIX}` are the journal's own",
                event.kind
            )));
        }
        if event.payload.len() > LARGEST_PAYLOAD {
            return Err(JournalError::refused(format!(
                "the payload of `{}` has {} bytes; at most {LARGEST_PAYLOAD} are taken",
                event.kind,
                event.payload.len()
            )));
        }
        if !ids.insert(event.event_id) {
            return Err(JournalError::refused(format!(
                "event {} stands twice in one append",
                event.event_id
            )));
        }
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<(), JournalError> {
    let wrong = |reason: &str| JournalError::refused(format!("this {what} is not taken: {reason}"));
    match name {
        "" => Err(wrong("it is empty")),
        _ if name.len() > LONGEST_NAME => Err(wrong("it is longer than 256 bytes")),
        _ if name.chars().any(char::is_control) => Err(wrong("it has control characters")),
        _ => Ok(()),
    }
}

/// The actor as it is stored and hashed: compact JSON.
pub(crate) fn actor_bytes(actor: &Actor) -> Result<Vec<u8>, JournalError> {
    let bytes = serde_json::to_vec(actor)
        .map_err(|_| JournalError::refused("the actor cannot be written"))?;
    if bytes.len() > LARGEST_ACTOR {
        return Err(JournalError::refused(
            "the actor's name is longer than 4 KiB",
        ));
    }
    Ok(bytes)
}
