//! Alerts: rule files and objectives evaluated all the time, what fires told, the past asked what
//! another threshold would have paged.
//!
//! ```text
//! rules/*.yaml ----+                            +-> journal (fired, over: each once)
//!                  +-> watch: due -> evaluate --+-> samples (recorded series, ALERTS)
//! objectives.yaml -+                            +-> alerts.status (what stands now, for everybody)
//! ```
//!
//! One process evaluates, the one that scrapes. What must never happen here: a moment that is
//! passed over in silence. Those that were missed are made up for in their order, and what came of
//! them is marked as learned late.

mod backtest;
mod books;
mod editor;
mod facts;
mod files;
mod objectives;
mod page;
mod presets;
mod round;
mod unit;
mod view;
mod watch;

pub use backtest::{BacktestAsk, BacktestView, backtest};
pub(crate) use books::SeenBooks;
pub use books::Stands;
pub use editor::{RuleFile, RulesCheck, RulesText, check, file, remove, write};
pub(crate) use facts::{ALERTS, words};
pub use page::{AlertAsk, AlertView, show};
pub use presets::{RulePreset, presets};
pub use unit::{TestRules, UnitResult, test};
pub use view::{AlertRow, AlertsAsk, AlertsLine, AlertsView, RulesView, list, rules};
pub(crate) use view::{burning, line, paging};
pub(crate) use watch::watch;
