//! The local node for real: its processes, its sockets, its files, and what happens to them.
#![cfg(unix)]

mod audience;
mod disk;
mod door;
mod limits;
mod preview;
mod rig;
mod serving;
mod supervision;
mod takeover;
mod tasks;
mod tls;
mod tunnel;
