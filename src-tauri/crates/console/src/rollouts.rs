//! What people do to rollouts.

use std::collections::BTreeMap;

use deckwatch_domain::{Digest, ReleaseVersion, Role, RolloutId, ServiceName, Slot, Timestamp};
use deckwatch_platform::{Observation, ReleaseSpec};
use deckwatch_rollout::plan::{self, Plan, Reach, RollbackKind, builtin};
use deckwatch_rollout::ports::Ids;
use deckwatch_rollout::validation::secrets;
use deckwatch_rollout::{Command, Event, Started};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::back::{RollBack, RollBackAnswer, roll_back, roll_back_only};
use crate::console::{Console, TimeIds};
use crate::people;
use crate::plans;
use crate::problem::{Problem, invalid};
use crate::route::{ByService, Done};
use crate::services::standing;
use crate::validation;

/// A release to send out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Start {
    #[ts(optional)]
    pub service: Option<ServiceName>,
    #[ts(optional)]
    pub version: Option<ReleaseVersion>,
    /// A built-in plan's name; ignored when `plan_yaml` is there.
    #[serde(default)]
    #[ts(optional)]
    pub plan: Option<String>,
    #[serde(default)]
    #[ts(optional)]
    pub plan_yaml: Option<String>,
    /// Replaces the definition's command.
    #[serde(default)]
    #[ts(optional)]
    pub command: Option<Vec<String>>,
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub env: BTreeMap<String, String>,
    /// The container image; in a cluster every release has one, elsewhere none.
    #[serde(default)]
    #[ts(optional)]
    pub image: Option<String>,
    /// Take a live rollout back first.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub supersede: bool,
    /// Instances; as many as the definition says when not said.
    #[serde(default)]
    #[ts(optional)]
    pub instances: Option<u32>,
    /// Touch nothing before this.
    #[serde(default)]
    #[ts(optional)]
    pub not_before: Option<Timestamp>,
    /// The reason for starting although the plan's validation is lacking; it is recorded.
    #[serde(default)]
    #[ts(optional)]
    pub break_glass: Option<String>,
}

/// What began.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Begun {
    pub rollout: RolloutId,
    pub service: ServiceName,
    pub plan: String,
    pub plan_digest: Digest,
    pub candidate: Slot,
    /// It waits until the one before it has gone back.
    pub queued: bool,
    pub reach: Option<Reach>,
    /// What the person should know.
    pub notes: Vec<String>,
}

/// A service and a word about it.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    pub service: ServiceName,
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub note: String,
}

/// A rollout to end.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct GiveUp {
    pub service: ServiceName,
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub note: String,
    /// What is taken back beside the traffic.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub kind: RollbackKind,
}

/// How far to promote.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Promote {
    pub service: ServiceName,
    /// Straight to 100 %.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub full: bool,
    /// The reason for overriding what is not open.
    #[serde(default)]
    #[ts(optional)]
    pub break_glass: Option<String>,
}

/// A rollout that was given up.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct GivenUp {
    pub done: String,
    /// The way back; none when no traffic was the rollout's yet.
    pub back: Option<RollBackAnswer>,
}

pub(crate) fn read_plan(ask: &Start) -> Result<(Plan, String), Problem> {
    match (&ask.plan_yaml, &ask.plan) {
        (Some(text), _) => {
            let plan = plan::read(text).map_err(|p| invalid("plan", &p))?;
            Ok((plan, text.clone()))
        }
        (None, Some(name)) => builtin(name)
            .map(|(plan, text)| (plan, text.to_owned()))
            .ok_or_else(|| plans::unknown(name)),
        (None, None) => Err(Problem::new("request.invalid", "a plan is missing")),
    }
}

/// # Errors
/// The plan's mistakes, a refusal, or what could not be reached.
pub async fn start(console: &Console, ask: Start) -> Result<Begun, Problem> {
    begin(console, ask, None).await
}

/// Begins a rollout; `undo_to` names the earlier revision that it brings up again.
pub(crate) async fn begin(
    console: &Console,
    mut ask: Start,
    undo_to: Option<u32>,
) -> Result<Begun, Problem> {
    let (service, release) = prepared(console, &mut ask, undo_to)?;
    let version = release.version.clone();
    console.known(&service).await?;
    let seen = console.platform.observe(&service).await?;
    let mut notes = Vec::new();
    let instances = ask.instances.unwrap_or(seen.instances).max(1);
    let (plan, text) = plan_for(&ask, &seen, &mut notes)?;
    let plan = plan
        .for_instances(instances)
        .map_err(|why| Problem::new("refused.batches", why))?;
    let (plan, told) = plan::held_against(&plan, &seen, instances)
        .map_err(|why| Problem::new("refused.shares", why))?;
    notes.extend(told);
    clients_stay(console, &service, &plan).await?;
    let reach = held_against_today(console, &seen, &plan, &mut notes).await?;
    let stable = seen.traffic.roles.playing(Role::Stable);
    let stable_version = stable
        .and_then(|slot| standing(&seen, slot))
        .map(|standing| standing.version);
    if stable_version.as_ref() == Some(&version) {
        notes.push(format!("{version} is what is stable already"));
    }
    let started = Started {
        rollout: RolloutId::new(TimeIds.event().uuid()),
        service: service.clone(),
        release,
        instances,
        candidate: stable.map_or(Slot::Blue, Slot::other),
        stable,
        stable_version,
        plan_digest: Digest::of(text.as_bytes()),
        plan_text: text,
        plan,
        author: console.actor(),
        preview: seen.preview.map(|address| address.to_string()),
        stable_instances: stable.map_or(0, |slot| seen.slots[slot].desired),
        not_before: ask.not_before,
        undo_to,
    };
    let begun = Begun {
        rollout: started.rollout,
        service: service.clone(),
        plan: started.plan.name.clone(),
        plan_digest: started.plan_digest,
        candidate: started.candidate,
        queued: false,
        reach,
        notes,
    };
    let validated = validation::proof(console, &service, &started.release, &ask).await?;
    let command = Command::Start {
        started: Box::new(started),
        supersede: ask.supersede,
        take_back: TimeIds.event(),
        validated,
    };
    let events = console.command(&service, &command).await?;
    let queued = events.iter().any(|e| matches!(e, Event::Queued(_)));
    Ok(Begun { queued, ..begun })
}

/// The service and the release that are meant, as a start and a validation before it see them.
pub(crate) fn prepared(
    console: &Console,
    ask: &mut Start,
    undo_to: Option<u32>,
) -> Result<(ServiceName, ReleaseSpec), Problem> {
    let missing = |what: &str| Problem::new("request.invalid", format!("{what} is missing"));
    let service = ask.service.clone().ok_or_else(|| missing("service"))?;
    let version = ask.version.clone().ok_or_else(|| missing("version"))?;
    // What was promoted before comes back as it was.
    if ask.env.is_empty() && undo_to.is_none() {
        ask.env = crate::training::environment_of(console, &service, &version);
    }
    no_secrets(&ask.env)?;
    match (&console.cluster, &ask.image) {
        (Some(_), None) => return Err(missing("image")),
        (None, Some(image)) => {
            let why = format!("{service} runs on this machine, where {image} cannot be run");
            return Err(Problem::new("request.invalid", why));
        }
        _ => {}
    }
    let release = ReleaseSpec {
        version,
        command: ask.command.clone(),
        env: ask.env.clone(),
        image: ask.image.clone(),
    };
    Ok((service, release))
}

/// What is given to a release is written into the journal, which never forgets.
fn no_secrets(env: &BTreeMap<String, String>) -> Result<(), Problem> {
    match env.keys().find(|name| secrets::name(name)) {
        None => Ok(()),
        Some(name) => Err(Problem::new(
            "refused.secret",
            format!(
                "{name} looks like a secret, and a release's environment is written into the \
                 journal, which never forgets; let the service read it from a file, or put it into \
                 the service's definition, which stays with the node"
            ),
        )),
    }
}

/// The plan that was asked for; for a service without a release, the one for that.
fn plan_for(
    ask: &Start,
    seen: &Observation,
    notes: &mut Vec<String>,
) -> Result<(Plan, String), Problem> {
    let (plan, text) = read_plan(ask)?;
    let unmeasurable = plans::unmeasurable(&plan);
    if !unmeasurable.is_empty() {
        return Err(Problem::new("plan.invalid", unmeasurable.join("\n")));
    }
    if seen.traffic.roles.playing(Role::Stable).is_some() || plan.name == "first" {
        return Ok((plan, text));
    }
    notes.push(format!(
        "{} has no release yet: there is nothing to compare with and nothing to go back to, so it \
         goes straight to 100 %",
        seen.service
    ));
    let (first, first_text) = read_plan(&Start {
        plan: Some("first".into()),
        ..Start::default()
    })?;
    // What was asked to be validated is asked of a first release too.
    let first = Plan {
        validate: plan.validate,
        validated_within: plan.validated_within,
        ..first
    };
    Ok((first, first_text))
}

/// Refuses to judge by clients where these move between the releases: whichever release has more
/// of the traffic then looks worse, however good it is.
async fn clients_stay(
    console: &Console,
    service: &ServiceName,
    plan: &Plan,
) -> Result<(), Problem> {
    let metrics = &plan.analysis.metrics;
    if !metrics.iter().any(|m| m.what == plan::What::ClientErrors) {
        return Ok(());
    }
    if console.cluster.is_some() {
        return Err(Problem::new(
            "refused.clients-move",
            "client-errors needs a proxy that tells clients apart, and in a cluster none does: judge \
             by errors",
        ));
    }
    let definition = console.local.definition(service).await?;
    if definition.client_header.is_some() && definition.sticky.is_some() {
        return Ok(());
    }
    Err(Problem::new(
        "refused.clients-move",
        format!(
            "client-errors needs client_header and sticky in the definition of {service}: clients \
             that move between releases make the busier one look worse"
        ),
    ))
}

/// Refuses a plan that could not reach a `Pass` at today's traffic.
async fn held_against_today(
    console: &Console,
    seen: &Observation,
    plan: &Plan,
    notes: &mut Vec<String>,
) -> Result<Option<Reach>, Problem> {
    if seen.traffic.roles.playing(Role::Stable).is_none() {
        return Ok(None);
    }
    let reach = plans::today(console, &seen.service, plan).await;
    if !reach.accepted {
        return Err(Problem::new("refused.cannot-pass", reach.words.clone()).with(json!(reach)));
    }
    notes.push(reach.words.clone());
    Ok(Some(reach))
}

/// # Errors
/// A refusal, or the journal's.
pub async fn pause(console: &Console, ask: Noted) -> Result<Done, Problem> {
    let command = Command::Pause { note: ask.note };
    console.command(&ask.service, &command).await?;
    Ok(Done::new("held; traffic stays as it is"))
}

/// # Errors
/// A refusal, or the journal's.
pub async fn resume(console: &Console, by: ByService) -> Result<Done, Problem> {
    console.command(&by.service, &Command::Resume).await?;
    Ok(Done::new("it goes on"))
}

/// # Errors
/// A refusal, or the journal's.
pub async fn retry(console: &Console, by: ByService) -> Result<Done, Problem> {
    console.command(&by.service, &Command::Retry).await?;
    Ok(Done::new("the step is watched anew"))
}

/// # Errors
/// A refusal, or the journal's.
pub async fn promote(console: &Console, ask: Promote) -> Result<Done, Problem> {
    let command = Command::Promote {
        full: ask.full,
        break_glass: ask.break_glass,
    };
    console.command(&ask.service, &command).await?;
    Ok(Done::new(if ask.full {
        "on its way to 100 %"
    } else {
        "the step has ended"
    }))
}

/// # Errors
/// A refusal, or the journal's.
pub async fn approve(console: &Console, ask: Noted) -> Result<Done, Problem> {
    let (roles, bound) = people::bindings(console, &ask.service).await?;
    let command = Command::Approve {
        roles,
        bound,
        note: ask.note,
    };
    let events = console.command(&ask.service, &command).await?;
    let advisory = events
        .iter()
        .any(|e| matches!(e, Event::Approved { advisory: true, .. }));
    Ok(Done::new(if advisory {
        "approved; nobody is bound to the role, so the approval is advisory (see `roles`)"
    } else {
        "approved"
    }))
}

/// Rejecting and aborting take traffic back at once, through the lane; the word on how the rollout
/// ends follows. A rollout that has not touched the traffic yet has none to take back: what stands
/// there is somebody else's and stays.
async fn give_up(
    console: &Console,
    service: ServiceName,
    why: String,
    command: impl Fn(deckwatch_domain::EventId) -> Command,
) -> Result<GivenUp, Problem> {
    let id = TimeIds.event();
    let events = console.command(&service, &command(id)).await?;
    let rollout = events.iter().find_map(|event| match event {
        Event::RollbackRequested { rollout, .. } => Some(*rollout),
        _ => None,
    });
    let ask = RollBack {
        service,
        reason: why,
        now: false,
        event_id: Some(id),
        // The word on it is in the journal already.
        kind: RollbackKind::Quick,
    };
    let back = match rollout {
        Some(rollout) => roll_back_only(console, ask, rollout).await,
        None => roll_back(console, ask).await,
    };
    match back {
        Ok(back) => Ok(GivenUp {
            done: "given up; traffic is back".into(),
            back: Some(back),
        }),
        Err(problem) if problem.code == "refused.nothing-to-take-back" => Ok(GivenUp {
            done: "given up; it had no traffic to take back".into(),
            back: None,
        }),
        Err(problem) => Err(problem),
    }
}

/// # Errors
/// A refusal, the journal's, or that traffic could not be moved.
pub async fn reject(console: &Console, ask: GiveUp) -> Result<GivenUp, Problem> {
    let why = format!("rejected: {}", ask.note);
    let (service, kind) = (ask.service, ask.kind);
    give_up(console, service, why.clone(), |take_back| Command::Reject {
        why: why.clone(),
        take_back,
        kind,
    })
    .await
}

/// # Errors
/// A refusal, the journal's, or that traffic could not be moved.
pub async fn abort(console: &Console, ask: GiveUp) -> Result<GivenUp, Problem> {
    let why = if ask.note.is_empty() {
        "aborted".to_owned()
    } else {
        format!("aborted: {}", ask.note)
    };
    let (service, kind) = (ask.service, ask.kind);
    give_up(console, service, why.clone(), |take_back| Command::Abort {
        why: why.clone(),
        take_back,
        kind,
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_does_not_enter_the_journal() {
        for name in ["DB_PASSWORD", "github_token", "STRIPE_API_KEY"] {
            let env = [(name.to_owned(), "x".to_owned())].into();
            assert!(no_secrets(&env).is_err(), "{name}");
        }
        assert!(no_secrets(&[("LOG_LEVEL".to_owned(), "debug".to_owned())].into()).is_ok());
    }
}
