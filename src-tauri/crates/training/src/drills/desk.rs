//! What a drill can do to the world, as a trait that the console implements.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::Timestamp;
use deckwatch_platform::Traffic;
use deckwatch_rollout::lane::Report;
use deckwatch_rollout::{Event, RolloutStatus};

use crate::load::LoadReport;

/// What a person does at their desk, and what a mishap does to it.
#[async_trait]
pub trait Desk: Send + Sync {
    fn now(&self) -> Timestamp;
    async fn sleep(&self, duration: Duration);
    /// Tells whoever watches.
    fn tell(&self, line: &str);
    /// Services up, a driver running, traffic flowing and counted from here.
    async fn begin(&self) -> Result<(), String>;
    /// The load generator's count since [`Desk::begin`].
    fn load(&self) -> LoadReport;
    /// Nobody comes any more, or people come again.
    fn silence(&self, silent: bool);

    /// Starts a release of the drilled service by the plan `training`.
    async fn start(&self, version: &str) -> Result<(), String> {
        self.start_by(version, "training").await
    }
    /// Starts a release by one of the built-in plans.
    async fn start_by(&self, version: &str, plan: &str) -> Result<(), String>;
    /// Starts a release by the plan of this text.
    async fn start_with(&self, version: &str, plan: &str) -> Result<(), String>;
    /// Brings up again what was promoted before, by the plan of this text.
    async fn undo(&self, plan: &str) -> Result<(), String>;
    /// Faults for every instance of a version that stands.
    async fn set_faults(&self, version: &str, faults: &serde_json::Value) -> Result<(), String>;
    async fn status(&self) -> Result<RolloutStatus, String>;
    /// Of the slot that has everybody: instances that are ready, and how many there should be.
    async fn ready(&self) -> Result<(u32, u32), String>;
    /// All events of the service's rollouts, with when they happened.
    async fn story(&self) -> Result<Vec<(Event, Timestamp)>, String>;
    /// The traffic object, as the platform has it.
    async fn traffic(&self) -> Result<Traffic, String>;
    async fn roll_back(&self, reason: &str) -> Result<Report, String>;
    /// Ends the rollout under way, and takes its traffic back if it has any.
    async fn give_up(&self, why: &str) -> Result<(), String>;
    /// Where the service finds its schema.
    fn schema_file(&self) -> PathBuf;

    /// Ends the driver's process as a crash would.
    async fn kill_driver(&self) -> Result<(), String>;
    async fn start_driver(&self) -> Result<(), String>;
    /// A further driver, beside the one that runs.
    async fn start_second_driver(&self) -> Result<(), String>;
    /// Stops the driver's process where it stands, as a closed lid does. It wakes up by itself,
    /// whatever becomes of this desk.
    async fn put_driver_to_sleep(&self, span: Duration) -> Result<(), String>;
    /// Ends the node's process as a crash would.
    async fn kill_node(&self) -> Result<(), String>;
    /// From now on the wall clock of all that works on this ground is wrong by this much.
    async fn move_clock(&self, seconds: i64) -> Result<(), String>;
    /// The driver can write nothing any more, as on a full disk.
    async fn fill_disk(&self) -> Result<(), String>;
    async fn empty_disk(&self) -> Result<(), String>;
    /// A rollback by a program that can write nothing either.
    async fn roll_back_on_full_disk(&self, reason: &str) -> Result<Report, String>;
    /// The journal's file turns into nonsense.
    async fn lose_journal(&self) -> Result<(), String>;
    /// What a person does about it: set it aside, begin a new one.
    async fn new_journal(&self) -> Result<(), String>;

    /// Undoes every mishap and leaves the service on the version on which [`Desk::begin`] found
    /// it. Works whatever state the drill was left in; what cannot be mended now is said, and mended
    /// by the next beginning.
    async fn mend(&self) -> Result<(), String>;
}
