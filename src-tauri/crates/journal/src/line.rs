//! One event as one line of JSON: the form of an export.
//!
//! An import must give back the very bytes that were hashed. So a payload stands in the line as
//! it is when it is one JSON value without line breaks or surrounding blanks, and as hexadecimal
//! digits otherwise; the same holds for the actor. A line with neither `payload` nor
//! `payload_hex` is of a redacted event.

use deckwatch_domain::{Digest, EventId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::chain::Row;
use crate::error::JournalError;
use crate::event::{Recorded, actor_bytes};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u64,
    event_id: EventId,
    stream: String,
    version: u64,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_hex: Option<String>,
    payload_hash: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor_hex: Option<String>,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    prev_hash: Digest,
    hash: Digest,
}

/// The bytes as JSON in place, or as digits: one of the two.
fn split(bytes: Vec<u8>) -> (Option<Box<RawValue>>, Option<String>) {
    // `null` in place would be read back as nothing at all.
    let plain = bytes != b"null" && !bytes.iter().any(|b| matches!(b, b'\n' | b'\r'));
    let text = if plain {
        std::str::from_utf8(&bytes).ok()
    } else {
        None
    };
    let raw = text
        .and_then(|text| RawValue::from_string(text.to_owned()).ok())
        .filter(|raw| raw.get().as_bytes() == bytes);
    match raw {
        Some(raw) => (Some(raw), None),
        None => (None, Some(hex::encode(bytes))),
    }
}

fn join(raw: Option<Box<RawValue>>, digits: Option<String>) -> Result<Option<Vec<u8>>, String> {
    match (raw, digits) {
        (Some(_), Some(_)) => Err("the same bytes are given twice".into()),
        (Some(raw), None) => Ok(Some(raw.get().as_bytes().to_vec())),
        (None, Some(digits)) => hex::decode(digits).map(Some).map_err(|e| e.to_string()),
        (None, None) => Ok(None),
    }
}

impl TryFrom<Row> for Line {
    type Error = JournalError;

    fn try_from(row: Row) -> Result<Line, JournalError> {
        let bytes = row.actor.clone();
        let payload = row.payload.clone();
        let event = row.into_recorded()?;
        let (payload, payload_hex) = payload.map_or((None, None), split);
        let (actor, actor_hex) = split(bytes);
        Ok(Line {
            seq: event.seq,
            event_id: event.event_id,
            stream: event.stream,
            version: event.version,
            kind: event.kind,
            payload,
            payload_hex,
            payload_hash: event.payload_hash,
            actor,
            actor_hex,
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            prev_hash: event.prev_hash,
            hash: event.hash,
        })
    }
}

impl TryFrom<Line> for Row {
    type Error = String;

    fn try_from(line: Line) -> Result<Row, String> {
        let signed = |n: u64| i64::try_from(n).map_err(|_| "a number is too large".to_owned());
        Ok(Row {
            seq: signed(line.seq)?,
            event_id: line.event_id.uuid().as_bytes().to_vec(),
            stream: line.stream.into_bytes(),
            version: signed(line.version)?,
            kind: line.kind.into_bytes(),
            payload: join(line.payload, line.payload_hex)?,
            payload_hash: line.payload_hash.as_bytes().to_vec(),
            actor: join(line.actor, line.actor_hex)?.ok_or("it has no actor")?,
            occurred_at: line.occurred_at.as_millis(),
            recorded_at: line.recorded_at.as_millis(),
            prev_hash: line.prev_hash.as_bytes().to_vec(),
            hash: line.hash.as_bytes().to_vec(),
        })
    }
}

/// The line, with its line break.
pub(crate) fn write(row: Row) -> Result<Vec<u8>, JournalError> {
    let seq = u64::try_from(row.seq).ok();
    let unwritable = |what: String| JournalError::Corrupt { seq, what };
    let mut line = serde_json::to_vec(&Line::try_from(row)?)
        .map_err(|e| unwritable(format!("it cannot be written as JSON: {e}")))?;
    line.push(b'\n');
    Ok(line)
}

pub(crate) fn read(text: &str) -> Result<Row, String> {
    serde_json::from_str::<Line>(text)
        .map_err(|e| e.to_string())?
        .try_into()
}

impl Serialize for Recorded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = to_row(self).map_err(serde::ser::Error::custom)?;
        Line::try_from(row)
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Recorded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = Line::deserialize(deserializer)?;
        let row = Row::try_from(line).map_err(serde::de::Error::custom)?;
        row.into_recorded().map_err(serde::de::Error::custom)
    }
}

fn to_row(event: &Recorded) -> Result<Row, JournalError> {
    let signed =
        |n: u64| i64::try_from(n).map_err(|_| JournalError::refused("a number is too large"));
    Ok(Row {
        seq: signed(event.seq)?,
        event_id: event.event_id.uuid().as_bytes().to_vec(),
        stream: event.stream.clone().into_bytes(),
        version: signed(event.version)?,
        kind: event.kind.clone().into_bytes(),
        payload: event.payload.clone(),
        payload_hash: event.payload_hash.as_bytes().to_vec(),
        actor: actor_bytes(&event.actor)?,
        occurred_at: event.occurred_at.as_millis(),
        recorded_at: event.recorded_at.as_millis(),
        prev_hash: event.prev_hash.as_bytes().to_vec(),
        hash: event.hash.as_bytes().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::GENESIS;
    use crate::event::{Head, NewEvent};
    use deckwatch_domain::Actor;

    fn row(payload: &[u8]) -> Row {
        let event = NewEvent {
            event_id: EventId::from_u128(7),
            kind: "note".into(),
            payload: payload.to_vec(),
            actor: Actor::person("ana", "bridge-7"),
            occurred_at: Timestamp::from_millis(5),
        };
        Row::next(
            Head {
                seq: 0,
                hash: GENESIS,
            },
            "s",
            1,
            event,
            Timestamp::from_millis(6),
        )
        .unwrap()
    }

    #[test]
    fn every_payload_comes_back_byte_for_byte() {
        let payloads: [&[u8]; 12] = [
            b"{}",
            br#"{ "b":1, "a" : 1e400 , "b":2}"#,
            b"null",
            b"",
            b"\"\\u00e9\"",
            " {}".as_bytes(),
            b"{}\n",
            b"[1,\n2]",
            b"\xff\xfe",
            b"not json",
            b"123456789012345678901234567890",
            "\"\u{2028}é\"".as_bytes(),
        ];
        for payload in payloads {
            let line = write(row(payload)).unwrap();
            let text = std::str::from_utf8(&line).unwrap();
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            assert_eq!(read(text.trim_end()).unwrap(), row(payload), "{text}");
        }
        let mut redacted = row(b"{}");
        redacted.payload = None;
        let line = write(redacted.clone()).unwrap();
        assert_eq!(read(std::str::from_utf8(&line).unwrap()).unwrap(), redacted);
    }

    #[test]
    fn a_record_is_the_same_line_through_serde() {
        let event = row(b"{\"a\": 1}").into_recorded().unwrap();
        let text = serde_json::to_string(&event).unwrap();
        assert!(text.contains(r#""payload":{"a": 1}"#), "{text}");
        assert_eq!(serde_json::from_str::<Recorded>(&text).unwrap(), event);
    }
}
