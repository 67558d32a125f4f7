//! Times that people take out of an objective's budget: each with a reason and whoever says so,
//! in the journal. Those that stand in the file count beside them.

use deckwatch_domain::{EventId, ServiceName, Timestamp};
use deckwatch_slo::{Exclusion, Objective};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::file::{called, objectives, text};
use crate::console::Console;
use crate::problem::{Problem, invalid};
use crate::route::{Done, Nothing};
use crate::show::read_stream;

/// The stream of all of them.
pub(crate) const STREAM: &str = "exclusions";
const EXCLUDED: &str = "slo.excluded";
const WITHDRAWN: &str = "slo.withdrawn";
const LONGEST: usize = 400;

/// A time that shall not count.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Exclude {
    pub service: ServiceName,
    /// Of this objective; none: of all of the service.
    #[serde(default)]
    #[ts(optional)]
    pub objective: Option<String>,
    pub from: Timestamp,
    /// The first moment that counts again.
    pub to: Timestamp,
    pub reason: String,
}

/// An exclusion that shall count no more.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    pub id: EventId,
    pub reason: String,
}

/// A time that does not count.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct Excluded {
    /// None: it stands in the file, and is changed there.
    pub id: Option<EventId>,
    pub service: ServiceName,
    /// None: of all of the service.
    pub objective: Option<String>,
    pub from: Timestamp,
    pub to: Timestamp,
    pub reason: String,
    pub author: String,
    /// When it was said.
    pub at: Option<Timestamp>,
}

/// # Errors
/// That there is no such objective, the time is none, or a reason is missing.
pub async fn exclude(console: &Console, ask: Exclude) -> Result<Done, Problem> {
    let reason = said(&ask.reason)?;
    let wrong = |why: String| Problem::new("exclusion.invalid", why);
    if ask.from >= ask.to {
        return Err(wrong("it ends before it begins".into()));
    }
    let all = objectives(&text(console)?).map_err(|p| invalid("objectives", &p))?;
    let meant = |o: &&Objective| {
        o.service == ask.service && ask.objective.as_ref().is_none_or(|name| o.name == *name)
    };
    let meant: Vec<String> = all.iter().filter(meant).map(called).collect();
    if meant.is_empty() {
        let named = ask.objective.as_deref().unwrap_or("that could be meant");
        return Err(wrong(format!("{} has no objective {named}", ask.service)));
    }
    let payload = json!({
        "service": ask.service,
        "objective": ask.objective,
        "from": ask.from,
        "to": ask.to,
        "reason": reason,
    });
    console.record(STREAM, EXCLUDED, &payload).await?;
    Ok(Done::new(format!(
        "{} to {} does not count for {}",
        ask.from,
        ask.to,
        meant.join(", ")
    )))
}

fn said(reason: &str) -> Result<String, Problem> {
    let reason = reason.trim();
    match reason.len() {
        0 => Err(Problem::new(
            "exclusion.reason",
            "say why: whoever reads the budget later wants to know",
        )),
        length if length > LONGEST => Err(Problem::new(
            "exclusion.reason",
            format!("the reason has {length} bytes; {LONGEST} is the most"),
        )),
        _ => Ok(reason.to_owned()),
    }
}

/// # Errors
/// That there is no such exclusion, or a reason is missing.
pub async fn withdraw(console: &Console, ask: Withdraw) -> Result<Done, Problem> {
    let reason = said(&ask.reason)?;
    let all = told(console).await?;
    let Some(found) = all.iter().find(|e| e.id == Some(ask.id)) else {
        let why = "no exclusion of this id counts";
        return Err(Problem::new("exclusion.unknown", why));
    };
    let payload = json!({"exclusion": ask.id, "reason": reason});
    console.record(STREAM, WITHDRAWN, &payload).await?;
    Ok(Done::new(format!(
        "{} to {} counts again for {}",
        found.from, found.to, found.service
    )))
}

/// The newest first, those of the file among them.
///
/// # Errors
/// That the file or the journal cannot be read.
pub async fn exclusions(console: &Console, _: Nothing) -> Result<Vec<Excluded>, Problem> {
    let mut all = told(console).await?;
    // A file with mistakes counts for nothing, and says so where it is shown.
    for objective in objectives(&text(console)?).unwrap_or_default() {
        for exclusion in &objective.exclusions {
            all.push(Excluded {
                id: None,
                service: objective.service.clone(),
                objective: Some(objective.name.clone()),
                from: exclusion.from,
                to: exclusion.to,
                reason: exclusion.reason.clone(),
                author: exclusion.author.clone(),
                at: None,
            });
        }
    }
    all.sort_by_key(|exclusion| std::cmp::Reverse(exclusion.from));
    Ok(all)
}

/// What the journal says of an objective. One that cannot be read excludes nothing: a budget is
/// never better than what is known.
pub(super) async fn of(console: &Console, objective: &Objective) -> Vec<Exclusion> {
    let all = told(console).await.unwrap_or_default().into_iter();
    let meant = all.filter(|e| {
        e.service == objective.service
            && e.objective
                .as_ref()
                .is_none_or(|name| *name == objective.name)
    });
    meant
        .map(|e| Exclusion {
            from: e.from,
            to: e.to,
            reason: e.reason,
            author: e.author,
        })
        .collect()
}

#[derive(Deserialize)]
struct Said {
    service: ServiceName,
    objective: Option<String>,
    from: Timestamp,
    to: Timestamp,
    reason: String,
}

#[derive(Deserialize)]
struct Taken {
    exclusion: EventId,
}

async fn told(console: &Console) -> Result<Vec<Excluded>, Problem> {
    let store = console.store().await?;
    let mut all: Vec<Excluded> = Vec::new();
    for event in read_stream(store.as_ref(), STREAM).await? {
        let payload = event.payload.as_deref().unwrap_or_default();
        if event.kind == WITHDRAWN {
            if let Ok(taken) = serde_json::from_slice::<Taken>(payload) {
                all.retain(|e| e.id != Some(taken.exclusion));
            }
            continue;
        }
        let Ok(said) = serde_json::from_slice::<Said>(payload) else {
            continue;
        };
        all.push(Excluded {
            id: Some(event.event_id),
            service: said.service,
            objective: said.objective,
            from: said.from,
            to: said.to,
            reason: said.reason,
            author: event.actor.to_string(),
            at: Some(event.occurred_at),
        });
    }
    Ok(all)
}

/// What an event of the stream says, in a sentence.
pub(crate) fn words(payload: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    if value.get("exclusion").is_some() {
        return Some(format!("an exclusion was withdrawn: {}", text("reason")));
    }
    let of = match value["objective"].as_str() {
        Some(name) => format!("{}/{name}", text("service")),
        None => text("service"),
    };
    Some(format!(
        "{} to {} does not count for {of}: {}",
        text("from"),
        text("to"),
        text("reason")
    ))
}
