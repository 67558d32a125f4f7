//! The one list of commands and queries, and the router made of it.

use deckwatch_domain::Actor;
use deckwatch_platform::LogLine;
use deckwatch_platform::kubernetes::{ObjectDiff, ObjectText, PodLine, PodLogs};
use deckwatch_platform::local::{NodeStatus, ServiceDefinition};
use deckwatch_rollout::Revision;
use deckwatch_rollout::baselines::KeptBaseline;
use deckwatch_rollout::lane::Preview;
use deckwatch_rollout::validation::ValidationStatus;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::alerts::{
    self, AlertAsk, AlertView, AlertsAsk, AlertsView, BacktestAsk, BacktestView, RuleFile,
    RulePreset, RulesCheck, RulesText, RulesView, TestRules, UnitResult,
};
use crate::back::{OneBack, PutBack, RollBack, RollBackAll, RollBackAnswer};
use crate::baselines::{BaselineComparison, BaselineName, CaptureBaseline, CompareBaselines};
use crate::book::RolloutRow;
use crate::bridge::{BridgeAsk, BridgeView, Page};
use crate::bundle::Bundled;
use crate::charts::{ChartMark, RolloutCharts};
use crate::cluster::{
    Adopt, AdoptionPlan, ClusterView, ContextRow, ContextsAsk, NoticesAsk, NoticesPage, ObjectAsk,
    ObjectsAsk, ObjectsPage, OpenAccess, Opened, PodsAsk, PodsPage, Settle, TextAsk, opened_until,
};
use crate::console::Console;
use crate::dashboards::{CheckDashboard, DashboardRow, DashboardView, PanelAsk, PanelPart};
use crate::doctor::Doctor;
use crate::gates::Freeze;
use crate::journal::{Aside, EventRow, Events, Exported, FromFile, SetAside, ToFile, Verified};
use crate::judge::{JudgeText, Judged};
use crate::line::StatusLine;
use crate::metrics::{
    ChartAsk, CompleteAsk, Completions, CsvAsk, CsvWritten, Found, LabelsAsk, MarksAsk, MetricName,
    MetricsChart, MetricsSources, NamesAsk, QueryAnswer, QueryAsk, QueryRead, ReadAsk, Usual,
    UsualAsk,
};
use crate::pages::{EventsAsk, EventsPage, RolloutsAsk};
use crate::people::{Binding, Reason, Roles};
use crate::plans::{ByName, CheckPlan, PlanCheck, PlanMistake, PlanRow, PlanText};
use crate::problem::Problem;
use crate::reversible::Reversible;
use crate::revisions::Undo;
use crate::rollouts::{Begun, GiveUp, GivenUp, Noted, Promote, Start};
use crate::secrets::{NewSecret, SecretName, SecretRow};
use crate::services::{Define, DefinitionCheck, Logs, Remove, ServiceRow, ServiceView};
use crate::settings::{Change, SettingsView};
use crate::show::RolloutView;
use crate::slos::{
    CheckObjectives, DocumentRead, Exclude, Excluded, ImportObjectives, ObjectivesCheck,
    ObjectivesFile, ObjectivesText, ObjectivesTold, PresetAsk, SloAsk, SloView, SlosView, Withdraw,
};
use crate::tasks::{OutputAsk, Printed};
use crate::telemetry::{
    CheckTargets, ClusterUsage, HostAsk, HostView, ProbesView, TargetsAsk, TargetsCheck,
    TargetsFile, TargetsText, TargetsView, Wellness,
};
use crate::training::{DrillRow, Fault, Ground, PlayDrill, SetRate, TrainingView};
use crate::validation::ChecksRow;
use crate::{
    back, baselines, bridge, bundle, charts, cluster, dashboards, doctor, journal, judge, line,
    metrics, pages, people, plans, reversible, revisions, rollouts, secrets, services, settings,
    show, slos, tasks, telemetry, training, validation,
};

/// Whether something is only looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
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
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A service is meant.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ByService {
    pub service: deckwatch_domain::ServiceName,
}

/// It was done.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
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
            admit(console, name).await?;
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

/// What may be done where everything else is only looked at: the way back, which nothing blocks,
/// and what changes nothing but this program.
const ALWAYS: &[&str] = &[
    "rollback",
    "rollback.all",
    "rollouts.abort",
    "rollouts.reject",
    "doctor.bundle",
    "settings.change",
    "targets.write",
    "slo.write",
    "slo.import",
    "access.open",
    "access.close",
    "node.start",
    "journal.export",
    "journal.backup",
    "metrics.export",
];

/// The one place where the commands of a read-only environment are guarded. In a cluster the
/// platform's guard is told the same, and stands in front of every write.
///
/// # Errors
/// The refusal of a command that is not allowed now.
pub async fn admit(console: &Console, name: &str) -> Result<(), Problem> {
    let command = LIST
        .iter()
        .any(|e| e.name == name && e.kind == Kind::Command);
    // The way back asks nobody first.
    if !command || name.starts_with("rollback") {
        return Ok(());
    }
    if console.cluster.is_some() {
        console.tell_guard().await;
        console.know_who().await;
    }
    if !console.environment.read_only || ALWAYS.contains(&name) {
        return Ok(());
    }
    if opened_until(console).await.is_some() {
        return Ok(());
    }
    Err(Problem::new(
        "refused.read-only",
        format!(
            "{} is read-only; it can be opened for a stated time with a reason, and the way back \
             works all the same",
            console.environment.name
        ),
    ))
}

/// The same, telling what is done while it is done, where there is something to tell.
///
/// # Errors
/// As [`route`].
pub async fn route_telling(
    console: &Console,
    name: &str,
    params: Value,
    tell: &mut (dyn FnMut(Value) + Send),
) -> Result<Value, Problem> {
    if name != "rollback" {
        return route(console, name, params).await;
    }
    admit(console, name).await?;
    let ask: RollBack = parse(name, params)?;
    let answer = back::roll_back_telling(console, ask, &mut |p| tell(json!(p))).await?;
    Ok(json!(answer))
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, params: Value) -> Result<T, Problem> {
    let params = if params.is_null() { json!({}) } else { params };
    serde_json::from_value(params)
        .map_err(|e| Problem::new("request.invalid", format!("{name}: {e}")))
}

include!("list.rs");

#[cfg(test)]
mod tests {
    use super::*;
    use ts_rs::{Config, TS, TypeVisitor};

    /// Every type that an answer or a question is made of, by name.
    struct Types<'a> {
        config: &'a Config,
        seen: std::collections::BTreeSet<std::any::TypeId>,
        found: std::collections::BTreeMap<String, String>,
    }

    impl TypeVisitor for Types<'_> {
        fn visit<T: TS + 'static + ?Sized>(&mut self) {
            if !self.seen.insert(std::any::TypeId::of::<T>()) {
                return;
            }
            if T::output_path().is_none() {
                // One of the language's own, or a list or map: only what is in it matters.
                T::visit_dependencies(self);
                T::visit_generics(self);
                return;
            }
            let docs = T::docs().unwrap_or_default();
            let text = format!("{docs}export {}", T::decl(self.config));
            self.found.insert(T::ident(self.config), text);
            T::visit_dependencies(self);
            T::visit_generics(self);
        }
    }

    macro_rules! commands {
        ($($kind:ident $name:literal $module:ident::$function:ident($params:ty) -> $result:ty, $about:literal;)*) => {
            fn typescript() -> String {
                let config = Config::new().with_large_int("number");
                let mut types = Types {
                    config: &config,
                    seen: Default::default(),
                    found: Default::default(),
                };
                types.visit::<Problem>();
                types.visit::<crate::live::Frame>();
                types.visit::<deckwatch_rollout::lane::Progress>();
                types.visit::<crate::notices::Notice>();
                $(types.visit::<$params>(); types.visit::<$result>();)*
                let mut out = String::from(
                    "// Made from the one list of commands by the test `types_are_current`; not to be edited.\n\n",
                );
                for text in types.found.values() {
                    out.push_str(text);
                    out.push_str("\n\n");
                }
                out.push_str("/** Everything that can be asked. */\nexport type Requests = {\n");
                $(out.push_str(&format!(
                    "  /** {} */\n  {:?}: {{ kind: {:?}; params: {}; result: {} }};\n",
                    $about, $name, stringify!($kind), <$params>::name(&config), <$result>::name(&config),
                ));)*
                out.push_str("};\n");
                out
            }
        };
    }

    include!("list.rs");

    /// The window's types are made of this very list. `DECKWATCH_WRITE_TYPES=file` writes them there.
    #[test]
    fn types_are_current() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../ui/src/host/generated/index.ts");
        let made = typescript();
        if let Some(to) = std::env::var_os("DECKWATCH_WRITE_TYPES") {
            std::fs::write(to, &made).unwrap();
            return;
        }
        let have = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            have == made,
            "{} is not what the list makes; run `make types`",
            path.display()
        );
    }
}
