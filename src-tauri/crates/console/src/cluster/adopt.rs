//! Taking a Deployment in, and letting it go.

use deckwatch_domain::ServiceName;
use deckwatch_platform::PlatformError;
use deckwatch_platform::kubernetes::{AdoptAsk, FrontAsk, Truth};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::console::Console;
use crate::problem::Problem;
use crate::route::{ByService, Done};

/// What is to be taken in.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Adopt {
    /// The Deployment; the service is called by its name.
    pub deployment: String,
    /// The Service that leads to it; none: the only one that does.
    #[serde(default)]
    #[ts(optional)]
    pub service: Option<String>,
    /// The HTTPRoute that leads to that Service; none: the Service carries the traffic, all or
    /// nothing.
    #[serde(default)]
    #[ts(optional)]
    pub route: Option<String>,
    /// Istio's VirtualService that leads to it, in place of a route.
    #[serde(default)]
    #[ts(optional)]
    pub virtual_service: Option<String>,
    /// The Ingress of ingress-nginx that leads to it, in place of a route: a canary is made beside it.
    #[serde(default)]
    #[ts(optional)]
    pub ingress: Option<String>,
    /// The container that releases are for; none: the only one.
    #[serde(default)]
    #[ts(optional)]
    pub container: Option<String>,
}

impl Adopt {
    fn asked(self) -> Result<AdoptAsk, Problem> {
        let front = match (self.route, self.virtual_service, self.ingress) {
            (None, None, None) => FrontAsk::Service,
            (Some(route), None, None) => FrontAsk::HttpRoute(route),
            (None, Some(name), None) => FrontAsk::VirtualService(name),
            (None, None, Some(name)) => FrontAsk::Ingress(name),
            _ => {
                let why =
                    "traffic is carried by a route, a VirtualService or an Ingress, by one of them";
                return Err(Problem::new("request.invalid", why));
            }
        };
        Ok(AdoptAsk {
            deployment: self.deployment,
            service: self.service,
            front,
            container: self.container,
        })
    }
}

/// One write of an adoption.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct PlannedStep {
    pub what: String,
    /// `Service`, `HTTPRoute`, …
    pub kind: String,
    pub name: String,
    /// The object that is made, or the operations on the one there is.
    pub body: Value,
}

/// Exactly what would be written; no step: it is adopted already.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct AdoptionPlan {
    pub service: String,
    pub steps: Vec<PlannedStep>,
}

/// # Errors
/// Why it cannot be adopted, or the API server's.
pub async fn plan_adoption(console: &Console, ask: Adopt) -> Result<AdoptionPlan, Problem> {
    let platform = console.the_cluster()?.platform().await?;
    let plan = platform.plan_adoption(&ask.asked()?).await?;
    let steps = plan.steps.into_iter().map(|step| PlannedStep {
        what: step.what,
        kind: step.kind.to_string(),
        name: step.name,
        body: step.body,
    });
    Ok(AdoptionPlan {
        service: plan.service.to_string(),
        steps: steps.collect(),
    })
}

/// # Errors
/// Why it cannot be adopted, or the API server's.
pub async fn adopt(console: &Console, ask: Adopt) -> Result<Done, Problem> {
    let platform = console.the_cluster()?.platform().await?;
    let payload = serde_json::json!(ask);
    let service = platform.adopt(&ask.asked()?).await?;
    console
        .record("adoptions", "service.adopted", &payload)
        .await?;
    Ok(Done::new(format!("{service} is adopted")))
}

/// # Errors
/// That a rollout of it is live, or the API server's.
pub async fn release(console: &Console, by: ByService) -> Result<Done, Problem> {
    let platform = console.the_cluster()?.platform().await?;
    let rollouts = console.rollouts(&by.service).await?;
    if rollouts.current.as_ref().is_some_and(|r| r.is_live()) {
        let why = format!("a rollout of {} is live; end it first", by.service);
        return Err(Problem::new("refused.live", why));
    }
    let let_go: Result<(), PlatformError> = platform.release(&by.service).await;
    let_go?;
    let payload = serde_json::json!(by);
    console
        .record("adoptions", "service.released", &payload)
        .await?;
    Ok(Done::new(format!("{} is on its own again", by.service)))
}

/// A change from elsewhere, and which of the two is the truth from now on.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    pub service: ServiceName,
    pub truth: Truth,
}

/// Settles a change of a service's traffic that came from elsewhere.
///
/// # Errors
/// That nothing was changed from elsewhere, that theirs cannot be kept, or the API server's.
pub async fn settle(console: &Console, ask: Settle) -> Result<Done, Problem> {
    let platform = console.the_cluster()?.platform().await?;
    let Some(settled) = platform.settle(&ask.service, ask.truth).await? else {
        let why = format!(
            "the traffic of {} is as it was written here: there is nothing to settle",
            ask.service
        );
        return Err(Problem::new("refused.no-drift", why));
    };
    let payload = serde_json::json!({
        "service": ask.service,
        "truth": ask.truth,
        "by": settled.drift.by,
        "what": settled.drift.what,
        "weights": settled.weights,
    });
    let kind = match ask.truth {
        Truth::Ours => "traffic.written-again",
        Truth::Theirs => "traffic.taken-over",
    };
    console.record("settlements", kind, &payload).await?;
    let who = settled.drift.by.as_deref().unwrap_or("somebody else");
    Ok(Done::new(match ask.truth {
        Truth::Ours => format!(
            "what was written here holds again: {} instead of what {who} wrote",
            settled.weights
        ),
        Truth::Theirs => format!("what {who} wrote holds from now on: {}", settled.weights),
    }))
}
