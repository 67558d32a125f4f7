//! Checking a chain, record by record, from wherever the records come: the file or an export.
//!
//! The walk goes on after a flaw, so that one changed byte is one finding with its place, and not
//! a verdict on everything after it. What it cannot see from the records alone is a tail that was
//! cut off cleanly: that takes heads that were noted outside ([`FileAnchor`](crate::FileAnchor)).

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use deckwatch_domain::{Digest, EventId};
use serde::{Deserialize, Serialize};

use crate::chain::{GENESIS, Row, digest};
use crate::event::{BEGAN, Head, OWN_STREAM, REDACTED};

/// After this many findings the rest is only counted: the file is past reading line by line.
const MOST: usize = 1000;

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// The event concerned; `None` when it is the file as a whole.
    pub seq: Option<u64>,
    pub event_id: Option<EventId>,
    pub flaw: Flaw,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seq) = self.seq {
            write!(f, "event {seq}")?;
            if let Some(id) = self.event_id {
                write!(f, " ({id})")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}", self.flaw)
    }
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Flaw {
    #[error("its payload is not the one that was recorded")]
    Payload,
    #[error("its id, stream, version, kind, actor or a time is not the one that was recorded")]
    Fields,
    #[error("its hash was changed; what it covers is as it was recorded")]
    Hash,
    #[error("it does not follow the event before it: something was changed, removed or inserted")]
    Link,
    #[error("events {from} to {to} are gone")]
    Gone { from: u64, to: u64 },
    #[error("it stands out of order")]
    Order,
    #[error("its version is not the next one of its stream ({due})")]
    Version { due: u64 },
    #[error("its payload is gone, and no event says that it was redacted")]
    Blanked,
    #[error("it was redacted, and its payload is back")]
    Returned,
    #[error("the chain does not begin where a chain may begin")]
    Start,
    #[error("the end is noted as event {noted}, but the last event is {last}")]
    Tail { noted: u64, last: u64 },
    #[error("the noted hash of the end is not the last event's")]
    End,
    #[error(
        "an anchor knows event {seq}, but the journal ends at {last}: its tail was cut off, or another lies in its place"
    )]
    Cut { seq: u64, last: u64 },
    #[error(
        "an anchor knows another event {seq}: the journal was rewritten, or another lies in its place"
    )]
    Rewritten { seq: u64 },
    #[error("it cannot be read: {what}")]
    Unreadable { what: String },
    #[error("the file's structure is damaged: {what}")]
    Structure { what: String },
    #[error("the file's guard `{name}` is not as it was made")]
    Guard { name: String },
}

/// What a verification found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Verification {
    /// The last event that was read.
    pub head: Head,
    /// The last event before the first whose record is in doubt: where a new journal goes on from.
    pub sound_to: Head,
    pub events: u64,
    pub redacted: u64,
    /// In the order of the events; empty when all is well. At most 1,000.
    pub findings: Vec<Finding>,
    /// All that is wrong, those left out of `findings` included.
    pub flaws: u64,
}

impl Verification {
    pub fn is_sound(&self) -> bool {
        self.flaws == 0
    }

    /// The first thing that is wrong with the journal itself, whatever anchors say of it.
    pub(crate) fn first_own(&self) -> Option<&Finding> {
        let noted = |flaw: &Flaw| matches!(flaw, Flaw::Cut { .. } | Flaw::Rewritten { .. });
        self.findings.iter().find(|finding| !noted(&finding.flaw))
    }
}

/// What a redaction's own event says.
#[derive(Serialize, Deserialize)]
pub(crate) struct Redaction {
    pub v: u32,
    pub seq: u64,
    pub event_id: EventId,
    pub payload_hash: Digest,
    pub reason: String,
}

/// What the first event of a journal says that continues a damaged one.
#[derive(Serialize, Deserialize)]
pub(crate) struct Beginning {
    pub v: u32,
    /// The last sound event of the damaged journal: where the new chain goes on from.
    pub predecessor: Head,
    /// Where the damaged file lies now.
    pub set_aside: String,
    pub reason: String,
    /// What was noted of the old one outside of it.
    #[serde(default)]
    pub noted: Option<Head>,
}

/// What the event says with which somebody vouches for a journal that is not as it was noted.
#[derive(Serialize, Deserialize)]
pub(crate) struct Trust {
    pub v: u32,
    pub noted: Option<Head>,
    pub reason: String,
}

/// Walks a chain. Feed it every record in order, then [`finish`](Walk::finish).
pub(crate) struct Walk<'a> {
    anchors: &'a [Head],
    head: Head,
    sound_to: Option<Head>,
    events: u64,
    findings: Vec<Finding>,
    flaws: u64,
    versions: HashMap<Vec<u8>, i64>,
    /// Events without a payload, and events that a redaction names.
    blank: BTreeMap<u64, Option<EventId>>,
    redacted: BTreeMap<u64, ()>,
    /// The last record's own hash did not fit; the next one's link says which was changed.
    doubt: Option<(u64, Option<EventId>, Digest)>,
}

impl<'a> Walk<'a> {
    pub fn new(anchors: &'a [Head]) -> Self {
        Walk {
            anchors,
            head: Head {
                seq: 0,
                hash: GENESIS,
            },
            sound_to: None,
            events: 0,
            findings: Vec::new(),
            flaws: 0,
            versions: HashMap::new(),
            blank: BTreeMap::new(),
            redacted: BTreeMap::new(),
            doubt: None,
        }
    }

    pub fn report(&mut self, seq: Option<u64>, event_id: Option<EventId>, flaw: Flaw) {
        self.flaws += 1;
        // The last sound event is the one before the first that is not.
        if seq.is_some() && self.sound_to.is_none() {
            self.sound_to = Some(self.head);
        }
        if self.findings.len() < MOST {
            self.findings.push(Finding {
                seq,
                event_id,
                flaw,
            });
        }
    }

    pub fn step(&mut self, row: &Row) {
        let id = row.event_id();
        let seq = u64::try_from(row.seq).unwrap_or(0);
        let stored = digest(&row.hash);
        let link = digest(&row.prev_hash);
        let due = self.head.seq + 1;

        self.resolve(link);
        if seq > due {
            self.report(
                Some(due),
                None,
                Flaw::Gone {
                    from: due,
                    to: seq - 1,
                },
            );
        } else if seq < due {
            self.report(Some(seq), id, Flaw::Order);
        }
        match seq {
            1 if self.events == 0 => self.check_start(row, id),
            _ if link != Some(self.head.hash) => self.report(Some(seq), id, Flaw::Link),
            _ => {}
        }
        self.check_payload(row, seq, id);
        let sealed = row.sealed();
        if stored != Some(sealed) {
            self.doubt = Some((seq, id, sealed));
        }
        let version = self.versions.entry(row.stream.clone()).or_insert(0);
        let version_due = *version + 1;
        *version = row.version;
        if row.version != version_due {
            let due = u64::try_from(version_due).unwrap_or(0);
            self.report(Some(seq), id, Flaw::Version { due });
        }
        if self.doubt.is_some() && self.sound_to.is_none() {
            self.sound_to = Some(self.head);
        }
        self.events += 1;
        let hash = stored.unwrap_or(sealed);
        for anchor in self.anchors.iter().filter(|anchor| anchor.seq == seq) {
            if anchor.hash != hash {
                self.report(Some(seq), id, Flaw::Rewritten { seq });
            }
        }
        self.head = Head { seq, hash };
    }

    /// A record whose hash does not fit: if the next one links to what the hash should be, the
    /// hash was changed; else what it covers.
    fn resolve(&mut self, link: Option<Digest>) {
        if let Some((seq, id, sealed)) = self.doubt.take() {
            if link == Some(sealed) {
                self.report(Some(seq), id, Flaw::Hash);
                // So the chain itself goes on.
                self.head.hash = sealed;
            } else {
                self.report(Some(seq), id, Flaw::Fields);
            }
        }
    }

    /// A chain begins at the genesis, or with an event that says which chain it continues.
    fn check_start(&mut self, row: &Row, id: Option<EventId>) {
        let link = digest(&row.prev_hash);
        let names = || {
            let payload = row.payload.as_deref()?;
            let beginning: Beginning = serde_json::from_slice(payload).ok()?;
            Some(beginning.predecessor.hash)
        };
        let continues = row.kind == BEGAN.as_bytes() && row.stream == OWN_STREAM.as_bytes();
        if link != Some(GENESIS) && !(continues && link.is_some() && link == names()) {
            self.report(Some(1), id, Flaw::Start);
        }
    }

    fn check_payload(&mut self, row: &Row, seq: u64, id: Option<EventId>) {
        let Some(payload) = &row.payload else {
            self.blank.insert(seq, id);
            return;
        };
        if Some(Digest::of(payload)) != digest(&row.payload_hash) {
            self.report(Some(seq), id, Flaw::Payload);
        } else if row.kind == REDACTED.as_bytes()
            && row.stream == OWN_STREAM.as_bytes()
            && let Ok(redaction) = serde_json::from_slice::<Redaction>(payload)
        {
            self.redacted.insert(redaction.seq, ());
        }
    }

    /// The first thing found so far; a doubt about the last record counts.
    pub fn first_finding(&mut self) -> Option<&Finding> {
        if let Some((seq, id, _)) = self.doubt.take() {
            self.report(Some(seq), id, Flaw::Fields);
        }
        self.findings.first()
    }

    /// `noted`: what the file says its end is, when it says so.
    pub fn finish(mut self, noted: Option<Head>) -> Verification {
        if let Some((seq, id, sealed)) = self.doubt.take() {
            // No record follows; the note of the end can tell as well as a link.
            let hash = noted.is_some_and(|noted| noted.seq == seq && noted.hash == sealed);
            self.report(Some(seq), id, if hash { Flaw::Hash } else { Flaw::Fields });
        }
        let head = self.head;
        match noted {
            Some(noted) if noted.seq != head.seq => {
                let seq = Some(noted.seq.min(head.seq).saturating_add(1));
                self.report(
                    seq,
                    None,
                    Flaw::Tail {
                        noted: noted.seq,
                        last: head.seq,
                    },
                );
            }
            // Of an empty journal, the note says where its chain begins.
            Some(noted) if head.seq > 0 && noted.hash != head.hash => {
                self.report(Some(head.seq), None, Flaw::End);
            }
            Some(noted) if head.seq == 0 => self.head = noted,
            _ => {}
        }
        for anchor in self.anchors {
            if anchor.seq > head.seq {
                let flaw = Flaw::Cut {
                    seq: anchor.seq,
                    last: head.seq,
                };
                self.report(Some(head.seq.saturating_add(1)), None, flaw);
            }
        }
        self.check_redactions();
        Verification {
            head: self.head,
            sound_to: self.sound_to.unwrap_or(self.head),
            events: self.events,
            redacted: self.blank.len() as u64,
            findings: self.findings,
            flaws: self.flaws,
        }
    }

    fn check_redactions(&mut self) {
        let blank = std::mem::take(&mut self.blank);
        let redacted = std::mem::take(&mut self.redacted);
        for (seq, id) in blank.iter().filter(|(seq, _)| !redacted.contains_key(seq)) {
            self.report(Some(*seq), *id, Flaw::Blanked);
        }
        for seq in redacted.keys().filter(|seq| !blank.contains_key(seq)) {
            self.report(Some(*seq), None, Flaw::Returned);
        }
        self.blank = blank;
        self.findings
            .sort_by_key(|finding| finding.seq.unwrap_or(u64::MAX));
    }
}
