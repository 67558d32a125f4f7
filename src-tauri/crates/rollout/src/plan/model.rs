//! The shape of a plan. Every default is written where it is used by the reader, [`super::read`].

use deckwatch_domain::Span;
use deckwatch_verdict::{CountRule, GaugeRule, ValueRule};
use serde::{Deserialize, Serialize};

use super::check::Check;
use super::gate::Gate;
use super::strategy::{AudiencePlan, Batches, Day};
use super::task::{Around, Task};

/// How a release goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Traffic moves to the candidate in steps.
    Canary,
    /// The candidate is previewed without traffic, then gets all of it in one write.
    BlueGreen,
    /// Instances are replaced in batches; each batch gets the traffic of the instances it replaces.
    Rolling,
    /// Chosen people get the candidate first, by a key that their requests carry.
    Audience,
}

impl Strategy {
    pub const fn words(self) -> &'static str {
        match self {
            Strategy::Canary => "canary",
            Strategy::BlueGreen => "blue-green",
            Strategy::Rolling => "rolling",
            Strategy::Audience => "audience",
        }
    }
}

/// What happens when something in the rollout itself breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// Traffic stays where it is and a person is asked.
    Hold,
    /// Traffic goes back.
    Rollback,
}

/// What happens when the driver is lost and another finds the rollout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnLost {
    /// Weights stay as they are until the next driver carries on from there.
    Hold,
    /// The next driver takes traffic back.
    Rollback,
}

/// How much is taken back. Whatever it is, the traffic write comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackKind {
    /// The traffic, and nothing else.
    #[default]
    Quick,
    /// Then the tasks' ways back, the last first, then the verification.
    Full,
    /// As full, with the export before the ways back and the import after them.
    DataPreserving,
}

impl RollbackKind {
    pub const fn words(self) -> &'static str {
        match self {
            RollbackKind::Quick => "quick",
            RollbackKind::Full => "full",
            RollbackKind::DataPreserving => "data-preserving",
        }
    }
}

/// A whole plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The plan's own name, for lists.
    pub name: String,
    pub strategy: Strategy,
    pub steps: Vec<Step>,
    /// Of rolling: how many instances at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<Batches>,
    /// Of audience: who gets the candidate first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<AudiencePlan>,
    pub analysis: Analysis,
    pub on_error: OnError,
    pub on_driver_lost: OnLost,
    /// How long the former stable is kept warm after promotion.
    pub rollback_window: Span,
    /// How much of stable's recent past is captured before the first weight.
    pub baseline: Span,
    /// How often the way back is rehearsed while the rollout is live.
    pub rehearse_every: Span,
    pub deadlines: Deadlines,
    /// What is run around the release.
    #[serde(default)]
    pub around: Around,
    /// What a rollback by the engine itself does beside the traffic.
    #[serde(default)]
    pub rollback: RollbackKind,
    /// What must be true before it may start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validate: Vec<Check>,
    /// How long a validation counts.
    #[serde(default)]
    pub validated_within: Span,
}

/// One step: capacity, then the traffic write, then bake, then gates.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Of every 100 requests, how many the candidate gets. Of audience: of every 100 people.
    pub weight: u8,
    /// Of rolling, once it is known how many instances there are: the candidate's, with this batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// The step does not begin before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Day>,
    pub bake: Bake,
    /// Whether the judge must say `Pass` before this step ends.
    pub analysis: bool,
    /// Wait after the bake until a person resumes (or the time is over).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<StepPause>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Run once the step has its weight, one after another; the step waits for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
}

/// How long a step is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bake {
    pub min: Span,
    /// After this, a verdict that is still open holds the step and asks a person.
    pub max: Span,
}

/// A pause that the plan itself asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepPause {
    UntilResumed,
    For(Span),
}

/// What the judge looks at.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Analysis {
    /// The promised rate of false alarms for the whole rollout.
    pub alpha: f64,
    /// How often the judge looks.
    pub interval: Span,
    pub metrics: Vec<Metric>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Limits on what a query gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValueLimit>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gauges: Vec<Gauge>,
    /// Accept "no sign of harm after n candidate requests" at the maximum bake, by name. It is
    /// shown as that and never as `Pass`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_no_harm_after: Option<u64>,
}

/// What counts as a bad answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// 5xx, timeouts and refused connections.
    Errors,
    /// Answers slower than this; it must be one of the platform's bucket bounds.
    SlowerThan(Span),
    /// Clients with at least one bad answer in an interval, where clients can be told apart.
    ClientErrors,
    /// What the metric's own queries count.
    Query,
}

/// Two counters in PromQL. `$service`, `$slot` and `$release` stand for what is judged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CountQuery {
    /// Of the whole, the bad ones.
    pub bad: String,
    pub total: String,
}

/// One counted metric.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Metric {
    pub name: String,
    pub what: What,
    /// Of [`What::Query`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<CountQuery>,
    /// Only a critical metric's `Fail` takes a release back, and only their `Pass` is needed.
    pub critical: bool,
    pub rule: CountRule,
}

/// An absolute limit on the candidate alone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Limit {
    pub name: String,
    pub kind: LimitKind,
    /// Requests before the limit may say anything.
    pub after: u64,
}

/// What a limit holds down.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitKind {
    /// The share of good answers, at least this.
    SuccessAtLeast(f64),
    /// The share of bad answers, at most this.
    ErrorsAtMost(f64),
    /// The mean response time, at most this share above the captured baseline (0.2 = 20 %).
    MeanOverBaseline(f64),
}

/// An absolute limit on what a query gives, one value each time the judge looks. Of several series
/// the worst counts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ValueLimit {
    pub name: String,
    /// PromQL. `$service`, `$slot` and `$release` stand for the candidate's.
    pub query: String,
    pub rule: ValueRule,
}

/// A gauge compared once, at the end of the bake.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Gauge {
    pub name: String,
    /// The gauge's series: `cpu` (cores an instance uses) or `memory` (resident bytes).
    pub series: String,
    pub rule: GaugeRule,
}

/// How long each wait may take before `on_error` says what happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Deadlines {
    /// From the start until the candidate's instances are ready.
    pub capacity: Span,
    /// From the intended traffic write until the platform has taken it.
    pub traffic: Span,
    /// From the end of the bake until every gate is open.
    pub gate: Span,
}

impl Plan {
    /// The longest that the steps can take if every verdict comes at the earliest moment.
    pub fn shortest(&self) -> Span {
        Span::from_millis(self.steps.iter().map(|s| s.bake.min.as_millis()).sum())
    }
}
