//! Objectives: the file that names them, what was counted for each, and how it stands.
//!
//! `objectives.yaml` says what is promised. What is counted is asked of the environment's samples or
//! of its Prometheus, slot by slot, and kept in memory, so that a look asks only for what is new
//! ([`held`]). All arithmetic is `deckwatch_slo`'s.

mod count;
mod decide;
mod exclude;
mod file;
mod gates;
mod held;
mod look;
mod told;
mod view;

pub(crate) use count::Counts;
pub(crate) use decide::{Decided, decisions};
pub use exclude::{Exclude, Excluded, Withdraw, exclude, exclusions, withdraw};
pub(crate) use exclude::{STREAM as EXCLUSIONS, words as excluded_words};
pub use file::{
    CheckObjectives, DocumentRead, ImportObjectives, ObjectivesCheck, ObjectivesFile,
    ObjectivesText, ObjectivesTold, PresetAsk, check, export, import, preset, read_document, rules,
    show as file, write,
};
pub(crate) use gates::closed;
pub use told::{SloAsk, SloRow, SloState, SloView, SlosView};
pub use view::{list, show};
