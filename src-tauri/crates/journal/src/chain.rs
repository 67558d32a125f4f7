//! The chain: how a record is hashed over what is stored.
//!
//! `hash` is the SHA-256 of ten parts, each preceded by its length in eight big-endian bytes:
//! `prev_hash` (32 bytes), `seq` (8, big-endian), `event_id` (16), `stream` (UTF-8), `version`
//! (8, big-endian), `kind` (UTF-8), `payload_hash` (32), `actor` (the stored JSON, byte for byte),
//! `occurred_at` and `recorded_at` (8 each, big-endian, two's complement, milliseconds since
//! 1970). `payload_hash` is the plain SHA-256 of the payload, so that a payload can be redacted
//! and the chain still holds. This can never change: every journal ever written depends on it.

use deckwatch_domain::{Actor, ActorKind, Digest, EventId, Identity, Timestamp};
use uuid::Uuid;

use crate::error::JournalError;
use crate::event::{Head, NewEvent, Recorded, actor_bytes};

/// Where a chain begins that continues no other: the SHA-256 of `deckwatch journal, chain 1`.
pub const GENESIS: Digest = Digest::from_bytes(GENESIS_BYTES);
const GENESIS_BYTES: [u8; 32] = [
    0x3e, 0x27, 0xba, 0xcf, 0x1f, 0x9d, 0xd0, 0x99, 0xfc, 0x43, 0x25, 0x90, 0x93, 0xd2, 0x8a, 0x42,
    0x6e, 0xb8, 0x87, 0x73, 0x79, 0x79, 0x37, 0x4d, 0x6c, 0x46, 0x80, 0xad, 0x19, 0x93, 0xb3, 0xb2,
];

/// A record exactly as it is stored, whatever it says. Verification must see bytes, not values
/// that were understood and written again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub seq: i64,
    pub event_id: Vec<u8>,
    pub stream: Vec<u8>,
    pub version: i64,
    pub kind: Vec<u8>,
    pub payload: Option<Vec<u8>>,
    pub payload_hash: Vec<u8>,
    pub actor: Vec<u8>,
    pub occurred_at: i64,
    pub recorded_at: i64,
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

impl Row {
    /// The next record after `head`, sealed. `version` is its own.
    pub fn next(
        head: Head,
        stream: &str,
        version: u64,
        event: NewEvent,
        recorded_at: Timestamp,
    ) -> Result<Row, JournalError> {
        let signed = |n: u64| {
            i64::try_from(n).map_err(|_| JournalError::refused("the journal can hold no more"))
        };
        let mut row = Row {
            seq: signed(head.seq.saturating_add(1))?,
            event_id: event.event_id.uuid().as_bytes().to_vec(),
            stream: stream.as_bytes().to_vec(),
            version: signed(version)?,
            kind: event.kind.into_bytes(),
            payload_hash: Digest::of(&event.payload).as_bytes().to_vec(),
            payload: Some(event.payload),
            actor: actor_bytes(&event.actor)?,
            occurred_at: event.occurred_at.as_millis(),
            recorded_at: recorded_at.as_millis(),
            prev_hash: head.hash.as_bytes().to_vec(),
            hash: Vec::new(),
        };
        row.hash = row.sealed().as_bytes().to_vec();
        Ok(row)
    }

    /// What `hash` must be for what the other columns say.
    pub fn sealed(&self) -> Digest {
        Digest::of_parts(&[
            &self.prev_hash,
            &self.seq.to_be_bytes(),
            &self.event_id,
            &self.stream,
            &self.version.to_be_bytes(),
            &self.kind,
            &self.payload_hash,
            &self.actor,
            &self.occurred_at.to_be_bytes(),
            &self.recorded_at.to_be_bytes(),
        ])
    }

    pub fn event_id(&self) -> Option<EventId> {
        Uuid::from_slice(&self.event_id).ok().map(EventId::new)
    }

    /// The record as callers see it.
    pub fn into_recorded(self) -> Result<Recorded, JournalError> {
        let actor = read_actor(&self.actor);
        self.recorded_by(actor)
    }

    /// The same, of which the actor is known already.
    pub fn recorded_by(self, actor: Actor) -> Result<Recorded, JournalError> {
        let seq = u64::try_from(self.seq).ok();
        let damaged = |what: &str| JournalError::Corrupt {
            seq,
            what: format!("its {what} cannot be read"),
        };
        Ok(Recorded {
            event_id: self.event_id().ok_or_else(|| damaged("id"))?,
            seq: seq.ok_or_else(|| damaged("number"))?,
            stream: String::from_utf8(self.stream).map_err(|_| damaged("stream"))?,
            version: u64::try_from(self.version).map_err(|_| damaged("version"))?,
            kind: String::from_utf8(self.kind).map_err(|_| damaged("kind"))?,
            payload: self.payload,
            payload_hash: digest(&self.payload_hash).ok_or_else(|| damaged("payload hash"))?,
            actor,
            occurred_at: Timestamp::from_millis(self.occurred_at),
            recorded_at: Timestamp::from_millis(self.recorded_at),
            prev_hash: digest(&self.prev_hash).ok_or_else(|| damaged("link"))?,
            hash: digest(&self.hash).ok_or_else(|| damaged("hash"))?,
        })
    }
}

pub(crate) fn digest(bytes: &[u8]) -> Option<Digest> {
    bytes.try_into().ok().map(Digest::from_bytes)
}

/// Reads a stored actor. One that this version does not understand (a newer kind of identity) is
/// shown as merely claimed, so that nothing trusts it; the journal stays readable.
fn read_actor(bytes: &[u8]) -> Actor {
    serde_json::from_slice(bytes).unwrap_or_else(|_| {
        let id = serde_json::from_slice::<serde_json::Value>(bytes)
            .ok()
            .and_then(|value| Some(value.get("id")?.as_str()?.to_owned()))
            .unwrap_or_else(|| "unknown".to_owned());
        Actor {
            kind: ActorKind::Machine,
            id,
            identity: Identity::Claimed,
            display: None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_genesis_is_what_its_words_hash_to() {
        assert_eq!(GENESIS, Digest::of(b"deckwatch journal, chain 1"));
    }

    /// The encoding is a promise to every file ever written: this hash was computed once, by
    /// other means, and may never change.
    #[test]
    fn the_encoding_of_a_record_is_fixed() {
        let event = NewEvent {
            event_id: EventId::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            kind: "rollout.started".into(),
            payload: br#"{"v":1}"#.to_vec(),
            actor: Actor::person("ana", "bridge-7"),
            occurred_at: Timestamp::from_millis(-1),
        };
        let recorded_at = Timestamp::from_millis(1_767_225_600_007);
        let row = Row::next(
            Head {
                seq: 0,
                hash: GENESIS,
            },
            "rollout/1",
            1,
            event,
            recorded_at,
        );
        assert_eq!(
            row.unwrap().into_recorded().unwrap().hash.to_string(),
            "29d76ef5c3b116dd494153b731cd2bd42ca38ffc594065a9bd8dadf1dfb56838"
        );
    }

    #[test]
    fn an_actor_of_a_newer_kind_is_only_claimed() {
        let actor = read_actor(br#"{"kind":"swarm","id":"x@y","identity":"dna"}"#);
        assert_eq!(
            (actor.id.as_str(), actor.identity),
            ("x@y", Identity::Claimed)
        );
    }
}
