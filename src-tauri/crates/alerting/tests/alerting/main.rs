//! Rules as Prometheus' public behaviours have them, each as a table.

mod backtest;
mod files;
mod groups;
mod harness;
mod lint;
mod oracle;
mod replay;
mod states;
mod templates;
mod units;
mod why;
