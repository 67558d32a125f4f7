//! Rollouts: plans, the step machine, the engine that drives it, and the way back.
//!
//! ```text
//! command -> decide -> events -> journal -> state
//!                                   |-> driver: planner::next -> Intended -> platform -> Done
//!                                   '-> lane: platform first, record after
//! ```
//!
//! The deciders ([`decide`], [`planner::next`]) are pure; IO stands in [`Driver`], [`Engine`] and
//! [`lane`]. What must never happen here: a forward write to a slot that is not ready, an advance
//! without `Pass` and open gates (or a person's recorded reason), a forward write after a latch, a
//! rollback that waits for anything.

mod back_time;
pub mod baselines;
mod command;
mod driver;
mod engine;
mod event;
mod fallback;
mod judging;
pub mod lane;
pub mod plan;
pub mod planner;
pub mod ports;
mod revision;
mod schema;
mod state;
mod status;
pub mod task;
pub mod validation;
mod words;

pub use back_time::BackTime;
pub use command::{Command, Refusal, decide};
pub use driver::{Driver, DriverError, Held, Identity, Ports, Standing, Tick};
pub use engine::{Engine, Seen};
pub use event::{
    BakedBy, Baseline, Cause, Counted, Ending, Event, PauseReason, Purpose, Started, service_of,
    stream,
};
pub use fallback::{FallbackFile, Waiting};
pub use judging::{EvidencePath, Judging, Waypoint, candidate, nothing_yet, stable};
pub use planner::{Inputs, Judgement, Next};
pub use revision::{Revision, RevisionStanding, revisions};
pub use state::{
    Approval, GoingBack, Outstanding, Phase, Rehearsal, Rollout, Rollouts, Stage, StepRecord, Warm,
};
pub use status::{
    AudienceStatus, GateStatus, RolloutStatus, StepStatus, TaskStanding, TaskStatus, WayBackStatus,
    status,
};
pub use task::{TaskRecord, Way};
pub use words::Tone;
