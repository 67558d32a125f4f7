//! The nouns every other room shares: names, versions, digests, weights, actors, time.
//!
//! This crate does no IO, reads no clock and spawns nothing. Where a value needs the present
//! moment or randomness (an id, a timestamp) the caller brings it. Nothing here knows what a
//! rollout, an alert or an incident is; a type belongs here only when two features need it to
//! mean the same thing.

mod actor;
mod digest;
mod document;
mod id;
mod slot;
mod time;
mod yaml;

pub use actor::{Actor, ActorKind, Identity};
pub use digest::Digest;
pub use document::{Entries, Node, Problem, Problems, Value, parse_document, parse_long_document};
pub use id::{
    Epoch, EventId, IntentId, NameError, ReleaseVersion, RolloutId, ServiceName, ValidationId,
};
pub use slot::{PerSlot, Role, Slot, Weights, WeightsError};
pub use time::{Span, Timestamp, parse_span};
pub use yaml::to_yaml;
