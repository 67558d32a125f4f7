//! The people who get the candidate before everybody does: some by name, and a share of the rest.
//!
//! Who belongs is a pure function of the audience and of a key that the request carries, so that a
//! person meets the same version with every request, on every node and after every restart. A
//! larger share holds everyone whom the smaller one held.

use std::collections::HashSet;

use deckwatch_domain::{RolloutId, Slot};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::http_names;

/// The whole of which a share is a part.
pub const WHOLE: u16 = 10_000;
/// Names that an audience lists at most.
pub const LISTED: usize = 500;
/// Bytes that an audience takes at most, written as JSON: it rides in the traffic object, which has
/// a fixed size.
pub const TEXT: usize = 16 * 1024;
/// The longest flag's name and the longest salt, in bytes.
const WORD: usize = 128;

/// People who are led to the candidate, whatever the weights say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Audience {
    /// The feature flag that says the same to the service's own code (see `docs/services.md`).
    pub flag: String,
    /// Where a request says who asks.
    pub by: AudienceBy,
    /// Keys that belong to it by name. At most [`LISTED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<String>,
    /// Of every 10,000 other keys, how many belong to it.
    #[serde(default)]
    pub share: u16,
    /// Shuffles who belongs to the share. Another salt is another set of people.
    #[serde(default)]
    pub salt: String,
}

/// Where a request's key stands. A request without one goes by the weights.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum AudienceBy {
    Header { name: String },
    Cookie { name: String },
}

/// The flag of the newest audience, and what became of it. Stays with the traffic object after the
/// audience has ended, so that the flag file can be made anew from the object alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct AudienceFlag {
    pub name: String,
    /// The slot that the audience was led to.
    pub slot: Slot,
    /// Whose audience it was. Writes of other rollouts leave the flag as it is: what has been
    /// promoted stays on while the next version is tried.
    pub rollout: Option<RolloutId>,
    /// The audience has ended and its slot has all the weight.
    pub on: bool,
}

impl Audience {
    /// What would keep it from working, in words.
    pub fn check(&self) -> Result<(), String> {
        let flag = &self.flag;
        if flag.is_empty() || flag.len() > WORD || !flag.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!(
                "a flag's name has 1 to {WORD} printable characters and no space; this one does not"
            ));
        }
        match &self.by {
            AudienceBy::Header { name } => http_names::header_name(name)?,
            AudienceBy::Cookie { name } => http_names::cookie(name)?,
        }
        // A salt ends where a zero byte does; it must not hold one itself.
        if self.salt.len() > WORD || self.salt.chars().any(char::is_control) {
            return Err(format!(
                "a salt has at most {WORD} bytes and no control characters"
            ));
        }
        if self.share > WHOLE {
            return Err(format!("a share of {} of {WHOLE} is too much", self.share));
        }
        if self.listed.len() > LISTED {
            return Err(format!(
                "an audience lists at most {LISTED} names; this one lists {}",
                self.listed.len()
            ));
        }
        if let Some(name) = self.listed.iter().find(|name| !self.could_come(name)) {
            return Err(format!(
                "no request could carry the name {name:?}: it is empty, or has spaces at an end, \
                 control characters or (in a cookie) a semicolon"
            ));
        }
        match serde_json::to_vec(self).map(|bytes| bytes.len()) {
            Ok(length) if length <= TEXT => Ok(()),
            Ok(length) => Err(format!(
                "an audience has at most {TEXT} bytes, written as JSON; this one has {length}: list \
                 fewer names"
            )),
            Err(e) => Err(format!("the audience cannot be written as JSON: {e}")),
        }
    }

    /// Whether a request could carry this key.
    fn could_come(&self, key: &str) -> bool {
        let cut = matches!(self.by, AudienceBy::Cookie { .. }) && key.contains(';');
        !key.is_empty() && key.trim() == key && !cut && !key.chars().any(char::is_control)
    }

    /// Whom it leads, for sentences: `10 % by the header x-user and 3 by name, flag new-cart`.
    pub fn words(&self) -> String {
        let by = match &self.by {
            AudienceBy::Header { name } => format!("the header {name}"),
            AudienceBy::Cookie { name } => format!("the cookie {name}"),
        };
        let share = f64::from(self.share) / f64::from(WHOLE) * 100.0;
        let named = match self.listed.len() {
            0 => String::new(),
            n => format!(" and {n} by name"),
        };
        format!("{share} % by {by}{named}, flag {}", self.flag)
    }

    /// Whether it leads anybody anywhere.
    pub fn is_empty(&self) -> bool {
        self.share == 0 && self.listed.is_empty()
    }

    /// Whether whoever carries this key is led to the candidate.
    pub fn takes(&self, key: &[u8]) -> bool {
        self.listed.iter().any(|name| name.as_bytes() == key)
            || Salted::new(&self.salt).place(key) < self.share
    }

    /// Whether it may lead somebody to the candidate whom the one before did not.
    pub fn grows(&self, before: Option<&Audience>) -> bool {
        let Some(before) = before else {
            return !self.is_empty();
        };
        let others = self.by != before.by && !self.is_empty();
        let shuffled = self.salt != before.salt && self.share > 0;
        let known: HashSet<&str> = before.listed.iter().map(String::as_str).collect();
        let named = self
            .listed
            .iter()
            .any(|name| !known.contains(name.as_str()));
        others || shuffled || named || self.share > before.share
    }
}

/// Puts keys in their places under one salt, without asking for memory.
#[derive(Clone, Debug)]
pub(crate) struct Salted(Sha256);

impl Salted {
    pub(crate) fn new(salt: &str) -> Self {
        let mut begun = Sha256::new();
        begun.update(salt.as_bytes());
        begun.update([0]);
        Salted(begun)
    }

    /// Where this key stands, below [`WHOLE`].
    pub(crate) fn place(&self, key: &[u8]) -> u16 {
        let digest = self.0.clone().chain_update(key).finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        (u64::from_be_bytes(first) % u64::from(WHOLE)) as u16
    }
}

#[cfg(test)]
mod tests;
