//! What objectives decide at given moments, for whoever keeps watch.

use std::collections::BTreeMap;
use std::time::Instant;

use deckwatch_domain::Timestamp;
use deckwatch_slo::burn::Decision;

use super::file::{objectives, text};
use super::look::{PATIENCE, looked};
use crate::console::Console;
use crate::metrics::source;

/// What one objective decided, of every group and pair, by moment.
pub(crate) struct Decided {
    pub service: String,
    pub objective: String,
    /// Labels that the document adds to its alerts.
    pub labels: BTreeMap<String, String>,
    pub decisions: Vec<(Timestamp, Decision)>,
}

/// Decides every objective at these moments, the oldest first; none: what they count up to the
/// newest is not all known yet.
///
/// # Errors
/// That the file has mistakes, or whoever counts does not answer.
pub(crate) async fn decisions(
    console: &Console,
    moments: &[Timestamp],
) -> Result<Option<Vec<Decided>>, String> {
    let text = text(console).map_err(|p| p.message)?;
    let all = objectives(&text).map_err(|p| format!("objectives.yaml has mistakes: {p}"))?;
    let (false, Some(now)) = (all.is_empty(), moments.last()) else {
        return Ok(Some(Vec::new()));
    };
    let source = source(console, None, None).await.map_err(|p| p.message)?;
    let until = Instant::now() + PATIENCE;
    let mut decided = Vec::new();
    for objective in &all {
        let look = looked(console, &source, objective, *now, until).await;
        let look = look.map_err(|p| format!("{}: {}", objective.name, p.message))?;
        let step = objective.step().max(super::count::step(objective));
        let known = |end: Timestamp| now.since(end) <= 2 * step.duration();
        if !look.groups.iter().all(|g| known(g.track.track().to())) {
            return Ok(None);
        }
        let mut decisions = Vec::new();
        for at in moments {
            let of = look.groups.iter();
            let of = of.flat_map(|group| objective.decide(&group.track, *at));
            decisions.extend(of.map(|decision| (*at, decision)));
        }
        decided.push(Decided {
            service: objective.service.to_string(),
            objective: objective.name.clone(),
            labels: objective.labels.clone(),
            decisions,
        });
    }
    Ok(Some(decided))
}
