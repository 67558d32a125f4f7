//! What a rollout's gates ask of a service's objectives.

use std::time::Instant;

use deckwatch_domain::{ServiceName, Span, Timestamp};
use deckwatch_rollout::plan::{ObjectiveAsks, ObjectiveGate};
use deckwatch_slo::Objective;
use deckwatch_slo::gate::Question;

use super::file::{objectives, text};
use super::look::{PATIENCE, looked, moment};
use crate::console::Console;
use crate::metrics::{Source, source};

/// Older data is no answer.
const STALE: Span = Span::from_secs(300);

/// Why a gate is closed; none when it is open. What is not known does not open it.
pub(crate) async fn closed(
    console: &Console,
    service: &ServiceName,
    gate: &ObjectiveGate,
) -> Option<String> {
    let now = moment(console);
    let asked = format!("{service} {gate:?}");
    if let Some(known) = console.counts.gate(&asked, now) {
        return known;
    }
    let answer = ask(console, service, gate, now).await.err();
    console.counts.answered(asked, now, answer.clone());
    answer
}

async fn ask(
    console: &Console,
    service: &ServiceName,
    gate: &ObjectiveGate,
    now: Timestamp,
) -> Result<(), String> {
    if gate.asks == ObjectiveAsks::NoPage {
        let pages = crate::alerts::paging(console, service)?;
        if let Some(first) = pages.first() {
            return Err(first.clone());
        }
    }
    let text = text(console).map_err(|p| p.message)?;
    let all = objectives(&text)
        .map_err(|_| "the file of objectives has mistakes, so none of it counts".to_owned())?;
    let named = gate.objective.as_deref();
    let meant = |o: &&Objective| o.service == *service && named.is_none_or(|name| o.name == name);
    let meant: Vec<&Objective> = all.iter().filter(meant).collect();
    match (meant.is_empty(), named, gate.asks) {
        (false, ..) => {}
        // Where nothing is promised, no objective can page.
        (true, None, ObjectiveAsks::NoPage) => {}
        (true, Some(name), _) => return Err(format!("{service} has no objective {name}")),
        (true, None, _) => return Err(format!("{service} has no objective that could be asked")),
    }
    let source = source(console, None, None).await;
    let source = source.map_err(|p| format!("whoever counts does not answer: {}", p.message))?;
    let until = Instant::now() + PATIENCE;
    for objective in meant {
        answered(console, &source, objective, gate, now, until).await?;
    }
    Ok(())
}

async fn answered(
    console: &Console,
    source: &Source,
    objective: &Objective,
    gate: &ObjectiveGate,
    now: Timestamp,
    until: Instant,
) -> Result<(), String> {
    let name = &objective.name;
    let look = looked(console, source, objective, now, until).await;
    let look = look.map_err(|p| format!("{name} cannot be counted: {}", p.message))?;
    let question = match gate.asks {
        ObjectiveAsks::BudgetLeft(share) => Question::BudgetLeft(share),
        ObjectiveAsks::NoPage => Question::NoPage,
        ObjectiveAsks::BurnBelow { factor, window } => Question::BurnBelow { factor, window },
    };
    // Of a budget that is not wholly counted nobody knows what is left. What pages and what burns
    // is counted first.
    if look.share < 1.0 && matches!(question, Question::BudgetLeft(_)) {
        let share = (look.share * 100.0).floor();
        return Err(format!(
            "{name} is being counted: {share} % of its period so far"
        ));
    }
    let tracks: Vec<_> = look.groups.into_iter().map(|group| group.track).collect();
    let answer = objective.ask(&question, &tracks, now, STALE.max(twice(objective.step())));
    match answer.open {
        true => Ok(()),
        false => Err(answer.words),
    }
}

fn twice(step: Span) -> Span {
    Span::from_millis(step.as_millis().saturating_mul(2))
}
