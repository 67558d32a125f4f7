//! Deploys and rollbacks beside the numbers, as the journal has them.

use deckwatch_domain::{ServiceName, Timestamp};
use deckwatch_rollout::Phase;
use serde::{Deserialize, Serialize};

use crate::book::RolloutRow;
use crate::charts::ChartMark;
use crate::console::Console;
use crate::problem::Problem;

/// Marks that are told at most, the newest ones: more of them hide the lines.
const MOST: usize = 60;

/// Of which time.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct MarksAsk {
    pub from: Timestamp,
    pub to: Timestamp,
    /// None: of every service, each named.
    #[serde(default)]
    #[ts(optional)]
    pub service: Option<ServiceName>,
}

/// # Errors
/// The journal's.
pub async fn marks(console: &Console, ask: MarksAsk) -> Result<Vec<ChartMark>, Problem> {
    Ok(of(&console.book().await?.rows(), &ask))
}

fn of(rollouts: &[RolloutRow], ask: &MarksAsk) -> Vec<ChartMark> {
    let mut marks = Vec::new();
    let mine = |row: &&RolloutRow| ask.service.as_ref().is_none_or(|s| *s == row.service);
    for row in rollouts.iter().filter(mine) {
        let who = match ask.service {
            Some(_) => row.release.to_string(),
            None => format!("{} {}", row.service, row.release),
        };
        let end = match row.phase {
            Phase::Promoted => format!("{who} promoted"),
            Phase::RolledBack | Phase::Aborted => format!("{who} back"),
            phase => format!("{who} {}", phase.words()),
        };
        marks.push((row.started_at, who));
        marks.extend(row.ended_at.map(|at| (at, end)));
    }
    marks.retain(|(at, _)| *at >= ask.from && *at <= ask.to);
    marks.sort();
    let skipped = marks.len().saturating_sub(MOST);
    let marks = marks.into_iter().skip(skipped);
    marks.map(|(at, label)| ChartMark { at, label }).collect()
}
