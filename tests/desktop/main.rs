//! The real window, driven as a person drives it: pressed, typed into, killed, opened again.
//!
//! Needs a display and WebKitGTK's driver: `make test` gives it both.

mod crowd;
mod crowded;
mod driver;
mod keyboard;
mod ways;

pub use driver::Window;
