//! The demo service: a small HTTP/1.1 service with a version, whose faults can be switched on.
//!
//! It is a real process (`deckwatchctl` hosts it) and behaves like one: it takes a little time to
//! answer, is ready when it says so, finishes what it has when told to stop, and dies when made
//! to. Its time is spent sleeping, not computing, so that a whole training ground fits beside the
//! console on a small machine. It listens on loopback only.
//!
//! It may need a schema ([`Needs`]), which a plan's migration can change under it.
//!
//! - any path: JSON with the version, after the simulated latency; headers `x-version`, `x-service`
//! - `GET /ready`, `GET /healthz`, `GET /version`
//! - `GET /faults` shows, `POST /faults` (`content-type: application/json`) sets the named fields,
//!   `DELETE /faults` heals

mod answer;
mod faults;
mod listen;
mod options;
mod remote;
mod schema;

pub use faults::{Faults, FaultsError};
pub use listen::{serve, serve_until};
pub use options::DemoOptions;
pub use remote::set_faults;
pub use schema::{FIRST_SCHEMA, Needs};

/// How a demo service ended, other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("cannot listen on 127.0.0.1:{port}: {why}")]
    Listen { port: u16, why: std::io::Error },
    #[error("signals cannot be awaited: {0}")]
    Signals(std::io::Error),
    #[error("`{name}={value}`: {why}")]
    Option {
        name: String,
        value: String,
        why: String,
    },
    /// It was made to; its host must end the process at once, with this exit code.
    #[error("crashed, as it was told to")]
    Crashed,
}

impl DemoError {
    /// What the process ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            DemoError::Crashed => 70,
            DemoError::Option { .. } => 2,
            DemoError::Listen { .. } | DemoError::Signals(_) => 1,
        }
    }
}
