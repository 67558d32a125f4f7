//! Rules as Prometheus' public behaviours have them, each as a table.

mod files;
mod groups;
mod harness;
mod states;
mod templates;
mod units;
