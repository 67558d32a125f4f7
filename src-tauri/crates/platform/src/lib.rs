//! Where software runs.
//!
//! A [`Platform`] brings versions up in slots, moves traffic between the slots and says what it
//! sees. Nothing outside this crate writes to a process or a cluster. What may be written is
//! decided by pure rules ([`rules`]) that every platform, real or simulated, enforces at the
//! place where the write lands, so that no driver, however late or confused, can get around them.
//!
//! [`local`] is the platform for this machine: a node of real processes behind a weighted proxy.
//! [`kubernetes`] is the platform of one namespace of a cluster, in which nothing is installed.

pub mod audience;
mod http_names;
pub mod kubernetes;
pub mod local;
mod model;
pub mod rules;
mod task;

use async_trait::async_trait;
use deckwatch_domain::ServiceName;

pub use audience::{Audience, AudienceBy, AudienceFlag};
pub use model::{
    Action, Applied, Capabilities, Drift, InstancePhase, InstanceState, LogLine, Observation,
    Order, PlatformError, Rejection, ReleaseSpec, Sharing, SlotState, TakeBack, TakeBackRecord,
    Traffic, TrafficWrite, WayBack, share,
};

pub use task::{Does, HttpCall, TaskOutcome, TaskRun, TaskSeen};

/// A place where services run. Few verbs, and every one of them safe to repeat.
#[async_trait]
pub trait Platform: Send + Sync {
    /// What stands where right now, and the truth that the traffic object carries.
    async fn observe(&self, service: &ServiceName) -> Result<Observation, PlatformError>;

    /// Every service this platform knows.
    async fn services(&self) -> Result<Vec<ServiceName>, PlatformError>;

    /// Carries out one order. An order whose intent was carried out before answers as it did then.
    async fn apply(&self, service: &ServiceName, order: &Order) -> Result<Applied, PlatformError>;

    /// The last `lines` lines that the instances of this service printed, oldest first.
    async fn logs(
        &self,
        service: &ServiceName,
        lines: usize,
    ) -> Result<Vec<LogLine>, PlatformError>;

    /// What this platform can do, so that a plan which needs more is refused before it starts.
    fn capabilities(&self) -> Capabilities;
}
