//! One objective, counted and reckoned as of a moment.

use std::time::{Duration, Instant};

use deckwatch_domain::{ServiceName, Timestamp};
use deckwatch_slo::budget::Standing;
use deckwatch_slo::burn::{Decision, Severity, State};
use deckwatch_slo::ledger::{Cause, CauseKind};
use deckwatch_slo::{Exclusion, Objective, Prepared};

use super::count::{Counted, count};
use super::exclude;
use super::told::SloState;
use crate::console::Console;
use crate::metrics::Source;
use crate::problem::Problem;

/// How long one look may go on counting; what is left follows with the next.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// A look is as of a moment on this grid, so that it is the same, and told once, until the next.
const EVERY: i64 = 10_000;

pub(super) fn moment(console: &Console) -> Timestamp {
    let now = console.clock.now().wall.as_millis();
    Timestamp::from_millis(now.div_euclid(EVERY) * EVERY)
}

/// The releases that may have spent a budget.
pub(super) async fn causes(console: &Console, service: &ServiceName) -> Vec<Cause> {
    // A journal that cannot be read costs the names of causes, not the figures.
    let Ok(book) = console.book().await else {
        return Vec::new();
    };
    let rows = book
        .rows()
        .into_iter()
        .filter(|row| row.service == *service);
    rows.map(|row| Cause {
        kind: CauseKind::Rollout,
        id: row.rollout.to_string(),
        title: format!("release {}", row.release),
        from: row.started_at,
        to: row.ended_at,
    })
    .collect()
}

/// A group with everything that follows from what was counted.
pub(super) struct Group {
    pub track: Prepared,
    pub standing: Standing,
    pub decisions: Vec<Decision>,
}

pub(super) struct Look<'a> {
    pub objective: &'a Objective,
    /// Times that do not count, besides those of the file.
    pub excluded: Vec<Exclusion>,
    /// The worst first.
    pub groups: Vec<Group>,
    pub share: f64,
    pub trouble: Option<String>,
}

pub(super) async fn looked<'a>(
    console: &Console,
    source: &Source,
    objective: &'a Objective,
    now: Timestamp,
    until: Instant,
) -> Result<Look<'a>, Problem> {
    let Counted {
        tracks,
        share,
        trouble,
    } = count(console, source, objective, now, until).await?;
    let excluded = exclude::of(console, objective).await;
    let mut groups: Vec<Group> = tracks
        .iter()
        .map(|track| {
            let track = objective.prepare(track, &excluded);
            Group {
                standing: objective.rolling(&track, now),
                decisions: objective.decide(&track, now),
                track,
            }
        })
        .collect();
    groups.sort_by(|a, b| {
        let left = |g: &Group| g.standing.budget.left;
        state(&a.decisions)
            .cmp(&state(&b.decisions))
            .then(left(a).total_cmp(&left(b)))
            .then_with(|| a.standing.labels.cmp(&b.standing.labels))
    });
    Ok(Look {
        objective,
        excluded,
        groups,
        share,
        trouble,
    })
}

pub(super) fn state(decisions: &[Decision]) -> SloState {
    let firing = |severity| {
        let alerts = |d: &Decision| d.state == State::Firing && d.pair.severity == severity;
        decisions.iter().any(alerts)
    };
    match () {
        () if firing(Severity::Page) => SloState::Page,
        () if firing(Severity::Ticket) => SloState::Ticket,
        () if decisions.iter().all(|d| d.state == State::NoData) => SloState::NoData,
        () => SloState::Quiet,
    }
}
