//! Who may do what: role bindings from a file, and freezes.

use std::collections::BTreeMap;

use deckwatch_domain::{Actor, Problems, ServiceName, parse_document};
use deckwatch_rollout::plan::Gate;
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::gates::{self, Freeze, FreezeEvent};
use crate::problem::{Problem, invalid};
use crate::route::{Done, Nothing};

/// Who is bound to which role. The file is `roles.yaml` in the data folder:
/// `release-manager: [ana@bridge-7, ben@bridge-9]`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct Roles {
    pub file: String,
    pub roles: BTreeMap<String, Vec<String>>,
    /// The roles of whoever asks.
    pub mine: Vec<String>,
}

/// A reason.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    pub reason: String,
}

/// # Errors
/// The file's mistakes.
pub async fn roles(console: &Console, _: Nothing) -> Result<Roles, Problem> {
    let path = console.folder.roles();
    let mut roles = BTreeMap::new();
    match std::fs::read_to_string(&path) {
        Ok(text) => roles = read(&text).map_err(|p| invalid("role file", &p))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let mine = roles
        .iter()
        .filter(|(_, people)| people.contains(&console.actor().id))
        .map(|(role, _)| role.clone())
        .collect();
    Ok(Roles {
        file: path.display().to_string(),
        roles,
        mine,
    })
}

/// A person and a role.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    pub role: String,
    /// `user@host`, as an event's actor has it.
    pub person: String,
}

/// # Errors
/// The file's, or that they are bound already.
pub async fn bind(console: &Console, ask: Binding) -> Result<Roles, Problem> {
    let (role, person) = (ask.role.trim().to_owned(), ask.person.trim().to_owned());
    if role.is_empty() || !person.contains('@') {
        let why = "a binding is a role and a person written user@host";
        return Err(Problem::new("request.invalid", why));
    }
    let mut roles = roles(console, Nothing {}).await?.roles;
    let people = roles.entry(role.clone()).or_default();
    if people.contains(&person) {
        let why = format!("{person} is bound to {role} already");
        return Err(Problem::new("refused.bound", why));
    }
    people.push(person);
    write(console, &roles).await
}

/// # Errors
/// The file's, or that they are not bound.
pub async fn unbind(console: &Console, ask: Binding) -> Result<Roles, Problem> {
    let mut roles = roles(console, Nothing {}).await?.roles;
    let people = roles.entry(ask.role.clone()).or_default();
    let before = people.len();
    people.retain(|p| *p != ask.person);
    if people.len() == before {
        let why = format!("{} is not bound to {}", ask.person, ask.role);
        return Err(Problem::new("refused.not-bound", why));
    }
    roles.retain(|_, people| !people.is_empty());
    write(console, &roles).await
}

/// Writes the file whole and notes the change in the journal, as everything that decides who may
/// do what.
async fn write(console: &Console, roles: &BTreeMap<String, Vec<String>>) -> Result<Roles, Problem> {
    let path = console.folder.roles();
    let text = deckwatch_domain::to_yaml(&serde_json::json!(roles));
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&draft, text)?;
    std::fs::rename(&draft, &path)?;
    console
        .record(
            "roles",
            "roles.changed",
            &serde_json::json!({"roles": roles}),
        )
        .await?;
    self::roles(console, Nothing {}).await
}

fn read(text: &str) -> Result<BTreeMap<String, Vec<String>>, Problems> {
    let node = parse_document(text)?;
    let mut problems = Problems::default();
    let mut roles = BTreeMap::new();
    for (role, people) in node.entries(&mut problems).all() {
        let people = people
            .items(&mut problems)
            .to_vec()
            .iter()
            .filter_map(|p| p.text(&mut problems))
            .collect();
        roles.insert(role.clone(), people);
    }
    problems.or(roles)
}

/// The asker's roles, and whether the role that the current step's gate asks for is bound to
/// anyone.
pub(crate) async fn bindings(
    console: &Console,
    service: &ServiceName,
) -> Result<(Vec<String>, bool), Problem> {
    let roles = roles(console, Nothing {}).await?;
    let state = console.rollouts(service).await?;
    let asked = state.current.as_ref().and_then(|r| {
        r.current_step()?.gates.iter().find_map(|g| match g {
            Gate::Approval { role, .. } => role.clone(),
            _ => None,
        })
    });
    let bound = asked.is_none_or(|role| roles.roles.get(&role).is_some_and(|p| !p.is_empty()));
    Ok((roles.mine, bound))
}

/// # Errors
/// None.
pub async fn whoami(console: &Console, _: Nothing) -> Result<Actor, Problem> {
    Ok(console.actor())
}

/// # Errors
/// The journal's.
pub async fn freeze(console: &Console, _: Nothing) -> Result<Option<Freeze>, Problem> {
    Ok(gates::freeze(console.store().await?.as_ref()).await?)
}

/// # Errors
/// That one is on already, or the journal's.
pub async fn declare_freeze(console: &Console, ask: Reason) -> Result<Done, Problem> {
    if ask.reason.trim().is_empty() {
        return Err(Problem::new("request.invalid", "a freeze needs a reason"));
    }
    if let Some(freeze) = freeze(console, Nothing {}).await? {
        return Err(Problem::new(
            "refused.frozen",
            format!(
                "a freeze is on since {} by {}: {}",
                freeze.at, freeze.by, freeze.reason
            ),
        ));
    }
    console
        .record_freeze(&FreezeEvent::Declared { reason: ask.reason })
        .await?;
    Ok(Done::new(
        "frozen: no `no_freeze` gate opens until it is lifted",
    ))
}

/// # Errors
/// That none is on, or the journal's.
pub async fn lift_freeze(console: &Console, _: Nothing) -> Result<Done, Problem> {
    if freeze(console, Nothing {}).await?.is_none() {
        return Err(Problem::new("refused.not-frozen", "no freeze is on"));
    }
    console.record_freeze(&FreezeEvent::Lifted).await?;
    Ok(Done::new("lifted"))
}
