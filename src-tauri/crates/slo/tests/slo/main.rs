//! The room as a whole: documents in, samples counted by real PromQL, figures out, each held
//! against a count of single events.

mod budgets;
mod burning;
mod documents;
mod imports;
mod ledgers;
mod periods;
mod queries;
mod ruling;
mod support;
mod unusual;
