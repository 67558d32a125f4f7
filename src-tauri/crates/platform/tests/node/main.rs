//! The local node for real: its processes, its sockets, its files, and what happens to them.
#![cfg(unix)]

mod rig;
mod disk;
mod door;
mod serving;
mod supervision;
