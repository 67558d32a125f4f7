//! Long lists, a page at a time: sorted and filtered here, so that a window never holds more than
//! it shows.

use deckwatch_domain::{ServiceName, Timestamp};
use deckwatch_rollout::Phase;
use serde::{Deserialize, Serialize};

use crate::book::{RolloutRow, Sought};
use crate::bridge::Page;
use crate::console::Console;
use crate::journal::EventRow;
use crate::problem::Problem;

/// Rows a page has at most.
const MOST: usize = 500;

/// Which rollouts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct RolloutsAsk {
    pub service: Option<ServiceName>,
    /// A part of the service, a version, the plan, the author or the phase.
    pub filter: Option<String>,
    pub live_only: Option<bool>,
    pub sort: Option<RolloutSort>,
    pub descending: Option<bool>,
    pub offset: Option<usize>,
    /// At most 500.
    pub limit: Option<usize>,
}

/// What the list of rollouts can be sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutSort {
    /// Live ones first, then the newest.
    #[default]
    Newest,
    Service,
    Phase,
    Author,
}

/// Which events.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct EventsAsk {
    pub service: Option<ServiceName>,
    /// A part of the actor's id.
    pub actor: Option<String>,
    /// The kind, or how it begins.
    pub kind: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// A part of the stream, the kind or the actor.
    pub filter: Option<String>,
    pub offset: Option<usize>,
    /// At most 500.
    pub limit: Option<usize>,
}

/// Events, newest first, and the kinds there are.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct EventsPage {
    pub total: usize,
    pub rows: Vec<EventRow>,
    pub kinds: Vec<String>,
}

/// # Errors
/// The journal's.
pub async fn rollouts(console: &Console, ask: RolloutsAsk) -> Result<Page<RolloutRow>, Problem> {
    let rows = console.book().await?.rows();
    Ok(page_of(rows, &ask))
}

fn page_of(mut rows: Vec<RolloutRow>, ask: &RolloutsAsk) -> Page<RolloutRow> {
    let filter = ask.filter.as_deref().map(str::to_lowercase);
    rows.retain(|row| {
        let has = |text: &str| {
            filter
                .as_ref()
                .is_none_or(|f| text.to_lowercase().contains(f.as_str()))
        };
        ask.service.as_ref().is_none_or(|s| *s == row.service)
            && (!ask.live_only.unwrap_or(false) || !row.phase.is_over())
            && (has(row.service.as_str())
                || has(row.release.as_str())
                || has(&row.plan)
                || has(&row.author.id)
                || has(row.phase.words()))
    });
    // They come newest first, and stay so among equals.
    match ask.sort.unwrap_or_default() {
        RolloutSort::Newest => rows.sort_by_key(|row| row.phase.is_over()),
        RolloutSort::Service => rows.sort_by(|a, b| a.service.cmp(&b.service)),
        RolloutSort::Phase => rows.sort_by_key(|row| rank(row.phase)),
        RolloutSort::Author => rows.sort_by(|a, b| a.author.id.cmp(&b.author.id)),
    }
    if ask.descending.unwrap_or(false) {
        rows.reverse();
    }
    let total = rows.len();
    let limit = ask.limit.unwrap_or(200).min(MOST);
    let rows = rows.into_iter().skip(ask.offset.unwrap_or(0)).take(limit);
    Page {
        total,
        rows: rows.collect(),
    }
}

/// What asks for a person first.
const fn rank(phase: Phase) -> u8 {
    match phase {
        Phase::Paused(_) => 0,
        Phase::RollingBack => 1,
        Phase::Progressing => 2,
        Phase::Pending => 3,
        Phase::Failed => 4,
        Phase::RolledBack => 5,
        Phase::Aborted => 6,
        Phase::Superseded => 7,
        Phase::Promoted => 8,
    }
}

/// # Errors
/// The journal's.
pub async fn events(console: &Console, ask: EventsAsk) -> Result<EventsPage, Problem> {
    let sought = Sought {
        service: ask.service,
        actor: ask.actor,
        kind: ask.kind,
        since: ask.since,
        until: ask.until,
        text: ask.filter,
    };
    let limit = ask.limit.unwrap_or(200).min(MOST);
    let (total, found, kinds) = {
        let book = console.book().await?;
        let (total, found) = book.find(&sought, ask.offset.unwrap_or(0), limit);
        (total, found, book.kinds())
    };
    let rows = read(console, &found).await?;
    Ok(EventsPage { total, rows, kinds })
}

/// The events with these numbers, which come newest first. Neighbours are read together.
async fn read(console: &Console, numbers: &[u64]) -> Result<Vec<EventRow>, Problem> {
    let store = console.store().await?;
    let mut rows = Vec::with_capacity(numbers.len());
    let mut rest = numbers;
    while let [newest, ..] = rest {
        let run = rest
            .iter()
            .enumerate()
            .take_while(|(i, seq)| **seq + *i as u64 == *newest)
            .count();
        let (these, others) = rest.split_at(run);
        let oldest = these.last().copied().unwrap_or(*newest);
        let events = store.read(oldest.saturating_sub(1), run).await?;
        rows.extend(events.iter().rev().map(EventRow::of));
        rest = others;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_domain::{Actor, RolloutId};

    fn row(n: u128, service: &str, phase: Phase) -> RolloutRow {
        RolloutRow {
            rollout: RolloutId::new(uuid::Uuid::from_u128(n)),
            service: ServiceName::new(service).unwrap(),
            release: "v1".parse().unwrap(),
            from: None,
            plan: "canary".into(),
            author: Actor::person("ana", "bridge"),
            phase,
            step: 0,
            steps: 4,
            weight: 1,
            started_at: Timestamp::from_millis(n as i64),
            ended_at: None,
            note: String::new(),
        }
    }

    #[test]
    fn live_ones_come_first_and_filters_look_everywhere() {
        let rows = vec![
            row(3, "web", Phase::Promoted),
            row(2, "api", Phase::Progressing),
            row(1, "web", Phase::Failed),
        ];
        let names = |ask: RolloutsAsk| {
            let page = page_of(rows.clone(), &ask);
            let ids: Vec<u128> = page
                .rows
                .iter()
                .map(|r| r.rollout.uuid().as_u128())
                .collect();
            (page.total, ids)
        };
        assert_eq!(names(RolloutsAsk::default()), (3, vec![2, 3, 1]));
        let of = |text: &str| RolloutsAsk {
            filter: Some(text.into()),
            ..RolloutsAsk::default()
        };
        assert_eq!(names(of("FAIL")), (1, vec![1]));
        assert_eq!(names(of("ana@")).0, 3);
        let windowed = RolloutsAsk {
            offset: Some(1),
            limit: Some(1),
            sort: Some(RolloutSort::Service),
            ..RolloutsAsk::default()
        };
        assert_eq!(names(windowed), (3, vec![3]));
        let live = RolloutsAsk {
            live_only: Some(true),
            ..RolloutsAsk::default()
        };
        assert_eq!(names(live), (1, vec![2]));
    }
}
