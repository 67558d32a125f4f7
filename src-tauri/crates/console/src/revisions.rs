//! Earlier revisions of a service, and the undo that brings one of them up again.
//!
//! An undo is a rollout like any other, of a release that was promoted before: it is judged, it is
//! held by gates, and it can itself be taken back. Where the version before is still kept ready, a
//! rollback is one write, and an undo says so instead of taking the long way.

use deckwatch_domain::ServiceName;
use deckwatch_rollout::{Revision, RevisionStanding, revisions};
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::problem::Problem;
use crate::rollouts::{Begun, Start, begin};
use crate::route::ByService;
use crate::show::story;

/// A revision to go back to.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    pub service: ServiceName,
    /// The revision's number; the newest one that does not serve, when not said.
    #[serde(default)]
    #[ts(optional)]
    pub to: Option<u32>,
    /// A built-in plan's name; the plan of the newest rollout when neither it nor `plan_yaml` is
    /// said.
    #[serde(default)]
    #[ts(optional)]
    pub plan: Option<String>,
    #[serde(default)]
    #[ts(optional)]
    pub plan_yaml: Option<String>,
    /// Take a live rollout back first.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub supersede: bool,
}

async fn of(console: &Console, service: &ServiceName) -> Result<Vec<Revision>, Problem> {
    let story = story(console, service).await?;
    Ok(revisions(story.iter().map(|(event, _, at)| (event, *at))))
}

/// The newest first.
///
/// # Errors
/// That there is no such service, or the journal's.
pub async fn list(console: &Console, by: ByService) -> Result<Vec<Revision>, Problem> {
    let mut all = of(console, &by.service).await?;
    if all.is_empty() {
        console.known(&by.service).await?;
    }
    all.reverse();
    Ok(all)
}

/// # Errors
/// A refusal, the journal's, or what could not be reached.
pub async fn undo(console: &Console, ask: Undo) -> Result<Begun, Problem> {
    let all = of(console, &ask.service).await?;
    let target = target(&all, &ask)?;
    let mut start = Start {
        service: Some(ask.service.clone()),
        version: Some(target.release.version.clone()),
        plan: ask.plan,
        plan_yaml: ask.plan_yaml,
        command: target.release.command.clone(),
        env: target.release.env.clone(),
        image: target.release.image.clone(),
        supersede: ask.supersede,
        ..Start::default()
    };
    if start.plan.is_none() && start.plan_yaml.is_none() {
        let state = console.rollouts(&ask.service).await?;
        start.plan_yaml = state.current.map(|newest| newest.plan_text);
    }
    begin(console, start, Some(target.number)).await
}

fn target<'a>(all: &'a [Revision], ask: &Undo) -> Result<&'a Revision, Problem> {
    let service = &ask.service;
    let found = match ask.to {
        Some(number) => all.iter().find(|r| r.number == number),
        None => {
            let gone = |r: &&Revision| {
                matches!(r.standing, RevisionStanding::Past | RevisionStanding::Kept)
            };
            all.iter().rev().find(gone)
        }
    };
    let Some(revision) = found else {
        let known: Vec<String> = all.iter().map(|r| r.number.to_string()).collect();
        let known = match (known.is_empty(), ask.to) {
            (true, _) => format!("nothing has been promoted to {service} yet"),
            (false, None) => format!("{service} has no earlier revision to go back to"),
            (false, Some(number)) => format!(
                "{service} has no revision {number}; there is: {}",
                known.join(", ")
            ),
        };
        return Err(Problem::new("refused.no-revision", known));
    };
    match revision.standing {
        RevisionStanding::Serving => Err(Problem::new(
            "refused.serving",
            format!(
                "revision {} ({}) has the traffic already",
                revision.number, revision.release.version
            ),
        )),
        RevisionStanding::Kept => Err(Problem::new(
            "refused.kept-warm",
            format!(
                "revision {} ({}) is kept ready: a rollback leads there with one write",
                revision.number, revision.release.version
            ),
        )),
        RevisionStanding::Past | RevisionStanding::TakenBack => Ok(revision),
    }
}
