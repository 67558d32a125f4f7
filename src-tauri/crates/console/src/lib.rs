//! The application: everything a window, a command line or an agent can ask of Deckwatch.
//!
//! [`Console`] wires the rooms together and implements the small traits that features define.
//! What can be asked is declared once, in `list.rs`, which makes the router and the table of
//! names; the functions beside it decide nothing that a decider below could decide. Nothing here
//! knows whether a window is looking.
//!
//! What must never happen here: a rollback that needs the journal; a secret in an answer.

mod agent;
mod alerts;
mod back;
mod baselines;
mod book;
mod bridge;
mod bundle;
mod charts;
mod clock;
mod cluster;
mod console;
mod controls;
mod dashboards;
mod desk;
mod doctor;
mod evidence;
mod folder;
mod follow;
mod gates;
mod health;
mod holder;
mod identity;
mod journal;
mod judge;
mod line;
mod live;
mod metrics;
mod notices;
mod opened;
mod pages;
mod people;
mod plans;
mod problem;
mod pulse;
mod reversible;
mod revisions;
mod rollouts;
mod route;
mod secrets;
mod services;
mod settings;
mod show;
mod slos;
mod tasks;
mod telemetry;
mod training;
mod validation;

pub use agent::{Agent, AgentOptions};
pub use back::{RollBack, RollBackAnswer, preview, roll_back};
pub use book::{Book, RolloutRow};
pub use clock::SystemClock;
pub use console::{Console, ConsoleOptions};
pub use desk::{Desk, DeskOptions, FIRST};
pub use doctor::{Check, Doctor, Level};
pub use folder::DataFolder;
pub use identity::{Host, os_actor};
pub use live::{Frame, watch};
pub use notices::{Notice, Noticed};
pub use problem::Problem;
pub use route::{ByService, Done, Entry, Kind, LIST, Nothing, admit, route, route_telling};
pub use settings::{Class, Environment};

/// The functions behind the list, for hosts that call them with types.
pub mod api {
    pub use crate::alerts::{
        AlertAsk, AlertRow, AlertView, AlertsAsk, AlertsView, BacktestAsk, BacktestView,
        RulePreset, RulesCheck, RulesText, RulesView, Stands, backtest, check as check_rules,
        list as alerts, presets as rule_presets, remove as remove_rules, rules, show as alert,
        write as write_rules,
    };
    pub use crate::back::{PutBack, intent, preview, put_back, roll_back, roll_back_telling};
    pub use crate::baselines::{
        BaselineComparison, BaselineName, CaptureBaseline, CompareBaselines,
        capture as capture_baseline, compare as compare_baselines, list as baselines,
        remove as remove_baseline,
    };
    pub use crate::cluster::{
        Adopt, AdoptionPlan, ClusterPlace, ClusterView, ContextsAsk, MetricsSource, OpenAccess,
        Settle, adopt, close_access, contexts, open_access, plan_adoption, release, settle,
        show as cluster,
    };
    pub use crate::cluster::{
        NoticeSort, NoticesAsk, NoticesPage, ObjectAsk, ObjectsAsk, ObjectsPage, PodsAsk, PodsPage,
        TextAsk, diff, follow_pod, notices, objects, pod_logs, pods, yaml,
    };
    pub use crate::dashboards::{
        CheckDashboard, DashboardRow, DashboardView, PanelAsk, check as check_dashboard,
        list as dashboards, panel as dashboard_panel, schema as dashboard_schema,
        show as dashboard,
    };
    pub use crate::doctor::doctor;
    pub use crate::gates::Freeze;
    pub use crate::journal::{
        Aside, EventRow, Events, Exported, FromFile, SetAside, ToFile, Verified, backup, events,
        export, import, set_aside, verify,
    };
    pub use crate::judge::{JudgeText, Judged, judge};
    pub use crate::metrics::{
        ChartAsk, CompleteAsk, Completion, Completions, Found, LabelsAsk, MetricName, MetricsChart,
        MetricsSources, NamesAsk, QueryAnswer, QueryAsk, QueryRead, QuerySeries, ReadAsk,
        SourceName, Unit, Usual, UsualAsk, chart, complete, csv, label_names,
        names as metric_names, query, read as read_query, sources as metric_sources, usual,
        values as label_values,
    };
    pub use crate::people::{Reason, Roles, declare_freeze, freeze, lift_freeze, roles, whoami};
    pub use crate::plans::{
        ByName, CheckPlan, PlanCheck, PlanMistake, PlanRow, PlanText, check as check_plan,
        list as plans, schema as plan_schema, show as plan,
    };
    pub use crate::revisions::{Undo, list as revisions, undo};
    pub use crate::rollouts::{
        Begun, GiveUp, GivenUp, Noted, Promote, Start, abort, approve, pause, promote, reject,
        resume, retry, start,
    };
    pub use crate::secrets::{
        Kept, NewSecret, SecretName, SecretRow, list as secrets, remove as remove_secret,
        set as set_secret,
    };
    pub use crate::services::{
        Define, Logs, Measured, Remove, ServiceRow, ServiceView, define, list as services, logs,
        node, remove, show as service, start_node, stop_node,
    };
    pub use crate::settings::{
        Change, Class, Settings, change as change_settings, show as settings,
    };
    pub use crate::show::{
        RolloutView, Watch, driver, events as rollout_events, list as rollouts, show as rollout,
        story,
    };
    pub use crate::slos::{
        CheckObjectives, Exclude, Excluded, ImportObjectives, ObjectivesCheck, ObjectivesFile,
        ObjectivesText, ObjectivesTold, PresetAsk, SloAsk, SloRow, SloState, SloView, SlosView,
        Withdraw, check as check_objectives, exclude, exclusions, export as export_objectives,
        file as objectives_file, import as import_objectives, list as objectives,
        preset as objective_preset, rules as objective_rules, show as objective, withdraw,
        write as write_objectives,
    };
    pub use crate::tasks::{OutputAsk, Printed, output};
    pub use crate::telemetry::{
        CheckTargets, ClusterUsage, HealthState, HostAsk, HostView, ProbesView, SpreadRow,
        TargetState, TargetsAsk, TargetsCheck, TargetsFile, TargetsText, TargetsView, Wellness,
        check as check_targets, cluster_usage, probes, schema as targets_schema,
        show as targets_file, snapshot as host_snapshot, targets, wellness, write as write_targets,
    };
    pub use crate::training::{
        DrillRow, Fault, Ground, GroundService, TrainingDesk, down, fault, list_drills, up,
    };
    pub use crate::validation::{
        cancel as cancel_validation, list_checks, run as validate, show as validation, show_checks,
    };
    pub use deckwatch_platform::kubernetes::Truth;
}
