//! The training ground: real processes, real traffic and faults that can be switched on, so that
//! the first run, the demo, the drill and the tests are the same real thing.
//!
//! Nothing here is simulated: a demo service is a process that answers on a socket, and a load
//! generator is a client that waits for nobody. And nothing here takes anyone's word: who was
//! hurt, and for how long, is counted by the load generator alone, never read from the proxy or
//! the engine whose work is being graded.
//!
//! [`service`] is the service, [`load`] the traffic, [`ground`] the three services everybody
//! starts with, [`grade`] how an outcome is judged, [`drills`] the scripts that are graded.

mod draws;
pub mod drills;
pub mod grade;
pub mod ground;
pub mod load;
pub mod service;

pub use grade::{Bars, Course, Grade, grade};
pub use ground::{DemoRelease, DemoService, services};
pub use load::{Arrivals, LoadError, LoadHandle, LoadOptions, LoadReport};
pub use service::{
    DemoError, DemoOptions, FIRST_SCHEMA, Faults, Needs, serve, serve_until, set_faults,
};
