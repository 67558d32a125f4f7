//! Who did something: what can be known about them, not what they typed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What sort of actor this is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// A person at a console.
    Person,
    /// A part of Deckwatch acting by rule: the engine, the judge, the node.
    Machine,
}

/// How the identity of an actor was established.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// The operating system's user of the process, on the named host.
    OperatingSystem,
    /// What a Kubernetes API server said of the caller.
    Kubernetes,
    /// Claimed in something that came from elsewhere; not verified here.
    Claimed,
}

/// Who did something. `id` is what was established (`ana@bridge-7`); `display` is only a label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Actor {
    pub kind: ActorKind,
    /// `user@host` for a person; the room's name for a machine (`engine@bridge-7`).
    pub id: String,
    pub identity: Identity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

impl Actor {
    /// A person known by their operating-system user.
    pub fn person(user: &str, host: &str) -> Self {
        Actor {
            kind: ActorKind::Person,
            id: format!("{user}@{host}"),
            identity: Identity::OperatingSystem,
            display: None,
        }
    }

    /// A part of Deckwatch running on `host`.
    pub fn machine(part: &str, host: &str) -> Self {
        Actor {
            kind: ActorKind::Machine,
            id: format!("{part}@{host}"),
            identity: Identity::OperatingSystem,
            display: None,
        }
    }

    /// Whether two actors are the same, whatever they call themselves.
    pub fn same_as(&self, other: &Actor) -> bool {
        self.kind == other.kind && self.id == other.id && self.identity == other.identity
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.display {
            Some(display) => write!(f, "{display} ({})", self.id),
            None => f.write_str(&self.id),
        }
    }
}
