//! The journal from outside: the same contract for every store, the file under tampering, full
//! disks and impatient neighbours, and several real processes on one file.

mod anchor;
mod contract;
mod follow;
mod neglect;
mod processes;
mod project;
mod support;
mod tamper;
mod whole;
