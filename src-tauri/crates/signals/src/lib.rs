//! The numbers: samples in SQLite, the scraping that fills them, and the counts the judge reads.
//!
//! Samples are bulk data, not events: they live in a file of their own (`samples.db`) with
//! retention, and losing that file costs history, never the truth. Nothing here decides
//! anything, and nothing here writes to the journal, a process or a cluster. What is missing is
//! said to be missing: no function in this room fills a gap with a zero that nobody measured.
//!
//! The way in is [`exposition`] (the text a target answers with), then [`scrape`] (who asks,
//! when, and what happens when nobody answers), then [`store`], which keeps [`chunk`]s. PromQL is
//! asked through [`source`], of the store or of a Prometheus. The judge's way out is [`counts`] (pure:
//! counters to increases), [`cohort`] (what one release in one slot did, interval by interval)
//! and [`summary`] (figures for the eye). What `targets.yaml` ([`targets`]) names is scraped by
//! [`pool`] and probed by [`probe`]; [`host`] measures this machine. [`prometheus`] asks somebody else's server, over [`web`].

pub mod chunk;
pub mod cohort;
pub mod counts;
pub mod exposition;
pub mod host;
pub mod pool;
pub mod probe;
pub mod prometheus;
pub mod relabel;
mod sample;
pub mod scrape;
pub mod source;
pub mod store;
pub mod summary;
pub mod targets;
pub mod web;

pub use cohort::{
    BadRule, BoundError, CLIENTS, CLIENTS_BAD, Cohort, CountError, INSTANCE_CPU, INSTANCE_MEMORY,
    Interval, NODE_JOB, RESPONSE_BOUNDS, RESPONSE_SECONDS, RESPONSES, slot_counts,
};
pub use counts::{Increase, increases};
pub use exposition::{Exposition, ExpositionError, Limits, MetricType};
pub use sample::{Labels, Sample};
pub use scrape::{Outcome, Scrape, ScrapeOptions, Scraper, ScraperState, Target};
pub use source::SampleSource;
pub use store::{
    Claim, Damage, Kept, Note, NoteKind, Options, Resolution, Retention, SampleStore, Selector,
    Series, SeriesWindows, StoreError, Under, Window, Written, set_aside,
};
pub use summary::{Gauge, bucket_quantile, gauge, mean_response, quantile};
