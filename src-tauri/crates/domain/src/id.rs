//! Names and identifiers. Each is its own type, so that one cannot stand where another is meant.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a name was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a {kind}: {reason}")]
pub struct NameError {
    pub kind: &'static str,
    pub name: String,
    pub reason: &'static str,
}

fn check(
    kind: &'static str,
    name: &str,
    longest: usize,
    allowed: fn(char) -> bool,
    rule: &'static str,
) -> Result<(), NameError> {
    let wrong = |reason| NameError {
        kind,
        name: name.chars().take(80).collect(),
        reason,
    };
    if name.is_empty() {
        return Err(wrong("it is empty"));
    }
    if name.len() > longest {
        return Err(wrong("it is too long"));
    }
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let ends_well = name.ends_with(|c: char| c.is_ascii_alphanumeric());
    if !starts_well || !ends_well || !name.chars().all(allowed) {
        return Err(wrong(rule));
    }
    Ok(())
}

macro_rules! text_name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $longest:literal, $allowed:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS)]
        #[serde(try_from = "String", into = "String")]
        #[ts(type = "string")]
        pub struct $type(String);

        impl $type {
            pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                check($kind, &name, $longest, $allowed, $rule)?;
                Ok(Self(name))
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(name)
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
        impl std::str::FromStr for $type {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_name!(
    /// A service: a DNS label, as it also names files, sockets and cluster objects.
    ServiceName,
    "service name",
    63,
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
    "use lower-case letters, digits and `-`, starting and ending with a letter or digit"
);

text_name!(
    /// A release's version as its makers write it: `v42`, `2.1.0-rc.1`, a commit.
    ReleaseVersion,
    "version",
    128,
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'),
    "use letters, digits, `.`, `-`, `_` and `+`, starting and ending with a letter or digit"
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS)]
        #[serde(transparent)]
        #[ts(type = "string")]
        pub struct $type(Uuid);

        impl $type {
            /// From an id made elsewhere: this crate has neither clock nor randomness.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }
            pub const fn uuid(self) -> Uuid {
                self.0
            }
            pub const fn from_u128(id: u128) -> Self {
                Self(Uuid::from_u128(id))
            }
        }
        impl std::str::FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| format!("`{text}` is not an id (a UUID)"))
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }
    };
}

uuid_id!(
    /// One event in the journal. Unique, so that an event is absorbed or imported once.
    EventId
);
uuid_id!(
    /// One rollout: one release going to one service.
    RolloutId
);
uuid_id!(
    /// One validation: the checks of one plan, run once for one release.
    ValidationId
);
uuid_id!(
    /// One intended effect on a platform; the platform recognises a repeat by it.
    IntentId
);

/// A lease's generation. Every write carries one; a platform refuses a lower one than it has seen.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    Debug,
    ts_rs::TS,
)]
#[serde(transparent)]
#[ts(type = "number")]
pub struct Epoch(pub u64);

impl Epoch {
    #[must_use]
    pub fn next(self) -> Epoch {
        Epoch(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_where_they_enter() {
        assert!(ServiceName::new("checkout").is_ok());
        assert!(ServiceName::new("check-out-2").is_ok());
        for wrong in [
            "",
            "Checkout",
            "a b",
            "-a",
            "a-",
            "../etc",
            "a/b",
            &"x".repeat(64),
        ] {
            assert!(ServiceName::new(wrong).is_err(), "{wrong} was taken");
        }
        assert!(ReleaseVersion::new("v2.1.0-rc.1+build_7").is_ok());
        for wrong in ["", "..", "v1/../x", "v 1", "v1\n"] {
            assert!(ReleaseVersion::new(wrong).is_err(), "{wrong} was taken");
        }
        assert!(serde_json::from_str::<ServiceName>("\"No\"").is_err());
    }
}
