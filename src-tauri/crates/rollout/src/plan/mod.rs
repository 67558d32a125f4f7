//! Plans: what a rollout will do, decided before it starts and never changed while it runs.
//!
//! A plan is a page of YAML. [`read`] turns it into a [`Plan`] or reports every mistake at once;
//! [`schema`] publishes its shape for editors; [`reach`] says how long a `Pass` takes at today's
//! traffic and refuses a plan that could never reach one.

mod builtin;
mod check;
mod gate;
mod model;
mod reach;
mod read;
mod read_checks;
mod read_gates;
mod read_queries;
mod read_steps;
mod read_tasks;
mod sharing;
mod strategy;
mod task;

pub use builtin::{BUILTIN, CHECKS, builtin, check_about, check_preset, check_text};
pub use check::{Check, Health, Looks, NEWEST, Within};
pub use gate::{Gate, ObjectiveAsks, ObjectiveGate, Window};
pub use model::{
    Analysis, Bake, CountQuery, Deadlines, Gauge, Limit, LimitKind, Metric, OnError, OnLost, Plan,
    RollbackKind, Step, StepPause, Strategy, ValueLimit, What,
};
pub use reach::{Reach, StepReach, Today, reach};
pub use read::{read, schema};
pub use sharing::held_against;
pub use strategy::{AudiencePlan, BatchSize, Batches, Day};
pub use task::{Around, Place, Task, TaskKind};
