//! What may be written: an environment that is read-only can be opened for a stated time, with a
//! reason, and both go to the journal. Every console of the folder reads them there.

use std::sync::Arc;
use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_platform::kubernetes::Access;
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::problem::Problem;
use crate::route::{Done, Nothing};
use crate::show::read_stream;

/// The stream of openings.
const STREAM: &str = "access";
/// The longest opening: whoever needs more switches read-only off.
const LONGEST: Duration = Duration::from_secs(8 * 3600);
/// How soon a driver notices an opening that somebody else made.
const BEAT: Duration = Duration::from_secs(1);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum AccessEvent {
    Opened { until: Timestamp, reason: String },
    Closed,
}

/// Opens a read-only environment.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct OpenAccess {
    /// For how long, at most eight hours.
    pub within: Span,
    pub reason: String,
}

/// An opening that holds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Opened {
    pub until: Timestamp,
    pub reason: String,
    pub by: String,
    pub at: Timestamp,
}

/// The opening that holds now.
async fn opened(console: &Console) -> Result<Option<Opened>, Problem> {
    let store = console.store().await?;
    let events = read_stream(store.as_ref(), STREAM).await?;
    let newest = events.iter().rev().find_map(|event| {
        let payload = event.payload.as_deref().unwrap_or_default();
        let read: AccessEvent = serde_json::from_slice(payload).ok()?;
        Some((event, read))
    });
    let now = console.clock.now().wall;
    Ok(match newest {
        Some((event, AccessEvent::Opened { until, reason })) if now < until => Some(Opened {
            until,
            reason,
            by: event.actor.to_string(),
            at: event.occurred_at,
        }),
        _ => None,
    })
}

/// Until when this read-only environment is open; none: it is not, or nobody can tell.
pub(crate) async fn opened_until(console: &Console) -> Option<Timestamp> {
    let found = opened(console).await.ok().flatten();
    found.map(|opened| opened.until)
}

/// What the settings and the journal allow now.
async fn allowed(console: &Console) -> Access {
    if !console.environment.read_only {
        return Access::Open;
    }
    match opened_until(console).await {
        Some(until) => Access::OpenUntil(until),
        None => Access::ReadOnly,
    }
}

/// Tells the cluster's guard what is allowed, again and again: others open and close it as well.
pub(crate) async fn keep_access(console: Arc<Console>) {
    let Some(cluster) = console.cluster.clone() else {
        return;
    };
    loop {
        cluster.set_access(allowed(&console).await);
        tokio::time::sleep(BEAT).await;
    }
}

impl Console {
    /// Tells the cluster's guard what is allowed now.
    pub(crate) async fn tell_guard(&self) {
        if let Some(cluster) = &self.cluster {
            cluster.set_access(allowed(self).await);
        }
    }
}

/// # Errors
/// The journal's.
pub async fn show_access(console: &Console, _: Nothing) -> Result<Option<Opened>, Problem> {
    opened(console).await
}

/// # Errors
/// That it is not read-only, that the time or the reason will not do, or the journal's.
pub async fn open_access(console: &Console, ask: OpenAccess) -> Result<Done, Problem> {
    let name = &console.environment.name;
    if !console.environment.read_only {
        let why = format!("{name} is not read-only");
        return Err(Problem::new("refused.not-read-only", why));
    }
    if ask.reason.trim().is_empty() {
        let why = "opening a read-only environment needs a reason";
        return Err(Problem::new("request.invalid", why));
    }
    let within = ask.within.duration();
    if within.is_zero() || within > LONGEST {
        let why = "an opening lasts more than no time and at most 8 h";
        return Err(Problem::new("request.invalid", why));
    }
    let until = console.clock.now().wall.plus(within);
    let event = AccessEvent::Opened {
        until,
        reason: ask.reason,
    };
    let payload = serde_json::json!(event);
    console.record(STREAM, "access.opened", &payload).await?;
    console.tell_guard().await;
    Ok(Done::new(format!("{name} is open until {}", until.words())))
}

/// # Errors
/// That it is not open, or the journal's.
pub async fn close_access(console: &Console, _: Nothing) -> Result<Done, Problem> {
    if opened(console).await?.is_none() {
        return Err(Problem::new("refused.not-open", "nothing is open"));
    }
    let payload = serde_json::json!(AccessEvent::Closed);
    console.record(STREAM, "access.closed", &payload).await?;
    console.tell_guard().await;
    Ok(Done::new(format!(
        "{} is read-only again",
        console.environment.name
    )))
}
