//! The local node for real: its processes, its sockets, its files, and what happens to them.
#![cfg(unix)]

mod disk;
mod door;
mod rig;
mod serving;
mod supervision;
mod takeover;
mod tunnel;
