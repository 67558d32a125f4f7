//! The one list of commands and queries, and the router made of it.

use deckwatch_domain::Actor;
use deckwatch_platform::LogLine;
use deckwatch_platform::local::{NodeStatus, ServiceDefinition};
use deckwatch_rollout::lane::Preview;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::back::{RollBack, RollBackAnswer};
use crate::book::RolloutRow;
use crate::console::Console;
use crate::doctor::Doctor;
use crate::gates::Freeze;
use crate::journal::{EventRow, Events, Exported, FromFile, SetAside, ToFile, Verified};
use crate::judge::{JudgeText, Judged};
use crate::people::{Reason, Roles};
use crate::plans::{ByName, CheckPlan, PlanCheck, PlanRow, PlanText};
use crate::problem::Problem;
use crate::rollouts::{Begun, GivenUp, Noted, Promote, Start};
use crate::services::{Define, Logs, Remove, ServiceRow, ServiceView};
use crate::show::RolloutView;
use crate::training::{DrillRow, Fault, Ground};
use crate::{back, doctor, journal, judge, people, plans, rollouts, services, show, training};

/// Whether something is only looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Query,
    Command,
}

/// One line of the list.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Entry {
    pub name: &'static str,
    pub kind: Kind,
    pub about: &'static str,
}

/// No parameters.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A service is meant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByService {
    pub service: deckwatch_domain::ServiceName,
}

/// It was done.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// What was done, in words.
    pub done: String,
}

impl Done {
    pub fn new(done: impl Into<String>) -> Self {
        Done { done: done.into() }
    }
}

macro_rules! kind {
    (query) => {
        Kind::Query
    };
    (command) => {
        Kind::Command
    };
}

macro_rules! commands {
    ($($kind:ident $name:literal $module:ident::$function:ident($params:ty) -> $result:ty, $about:literal;)*) => {
        /// Everything that can be asked, in the order in which people learn of it.
        pub const LIST: &[Entry] = &[$(Entry { name: $name, kind: kind!($kind), about: $about }),*];

        /// Answers one request by name, with JSON on both sides.
        ///
        /// # Errors
        /// The command's own, or that there is none of this name or shape.
        pub async fn route(console: &Console, name: &str, params: Value) -> Result<Value, Problem> {
            match name {
                $($name => {
                    let params: $params = parse(name, params)?;
                    let answer: $result = $module::$function(console, params).await?;
                    Ok(json!(answer))
                })*
                _ => Err(Problem::new("request.unknown", format!("there is no `{name}`"))),
            }
        }
    };
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, params: Value) -> Result<T, Problem> {
    let params = if params.is_null() { json!({}) } else { params };
    serde_json::from_value(params)
        .map_err(|e| Problem::new("request.invalid", format!("{name}: {e}")))
}

include!("list.rs");
