//! What there is to say of a cluster: which, as whom, with which rights.

use std::path::PathBuf;

use deckwatch_domain::Timestamp;
use deckwatch_platform::Platform as _;
use deckwatch_platform::kubernetes::{self, Kind, needs_of};
use serde::{Deserialize, Serialize};

use super::access::{Opened, show_access};
use crate::console::Console;
use crate::problem::Problem;
use crate::route::Nothing;

/// Whose contexts.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ContextsAsk {
    /// A kubeconfig, or a folder of them; none: the files of `KUBECONFIG`, or the one in the home
    /// directory.
    #[serde(default)]
    #[ts(optional)]
    pub kubeconfig: Option<PathBuf>,
}

/// A context that an environment can be made of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ContextRow {
    pub name: String,
    pub cluster: String,
    pub user: Option<String>,
    pub namespace: String,
    /// What `kubectl` uses when nothing is said.
    pub current: bool,
    /// The file of a folder that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub file: Option<PathBuf>,
}

/// A right that is missing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct MissingRight {
    /// `patch httproutes.gateway.networking.k8s.io`
    pub right: String,
    /// What does not work without it.
    pub why: String,
    /// Traffic cannot be taken back without it.
    pub for_the_way_back: bool,
}

/// A cluster, as far as it answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ClusterView {
    pub context: String,
    pub namespace: Option<String>,
    /// Why it cannot be reached; then the rest is empty.
    pub trouble: Option<String>,
    pub version: Option<String>,
    /// The uid of `kube-system`: the same on every machine, as a context's name is not.
    pub cluster: Option<String>,
    /// Whom the API server takes us for.
    pub who: Option<String>,
    /// When what is shown was last heard of.
    pub as_of: Option<Timestamp>,
    pub missing: Vec<MissingRight>,
    pub can_take_back: Option<bool>,
    pub read_only: bool,
    /// While a read-only environment is open.
    pub opened: Option<Opened>,
    /// Where the requests are counted.
    pub metrics: Option<String>,
}

/// # Errors
/// That there is no such file, or that it is not understood.
pub async fn contexts(_: &Console, ask: ContextsAsk) -> Result<Vec<ContextRow>, Problem> {
    let found = kubernetes::contexts(ask.kubeconfig.as_deref())?;
    let rows = found.into_iter().map(|context| ContextRow {
        name: context.name,
        cluster: context.cluster,
        user: context.user,
        namespace: context.namespace,
        current: context.current,
        file: context.file,
    });
    Ok(rows.collect())
}

/// # Errors
/// That the services of this environment run on this machine.
pub async fn show(console: &Console, _: Nothing) -> Result<ClusterView, Problem> {
    let cluster = console.the_cluster()?;
    let mut view = ClusterView {
        context: cluster.place.context.clone(),
        namespace: cluster.place.namespace.clone(),
        trouble: None,
        version: None,
        cluster: None,
        who: None,
        as_of: None,
        missing: Vec::new(),
        can_take_back: None,
        read_only: console.environment.read_only,
        opened: show_access(console, Nothing {}).await.ok().flatten(),
        metrics: cluster.place.metrics.as_ref().map(|m| m.url.clone()),
    };
    let platform = match cluster.platform().await {
        Ok(platform) => platform,
        Err(error) => {
            view.trouble = Some(error.to_string());
            return Ok(view);
        }
    };
    view.namespace = Some(platform.namespace().to_owned());
    view.as_of = platform.as_of();
    let connection = platform.connection();
    match connection.version().await {
        Ok(version) => view.version = Some(version),
        Err(error) => {
            view.trouble = Some(error.to_string());
            return Ok(view);
        }
    }
    // Not everybody may read that namespace, and nothing hangs on it.
    view.cluster = connection.cluster().await.ok();
    view.who = cluster.who().await.ok().map(|who| who.to_string());
    // Of what carries traffic here; before anything is adopted, of what is meant most often.
    let fronts = match platform.services().await.map(|_| platform.fronts()) {
        Ok(fronts) if !fronts.is_empty() => fronts,
        _ => vec![Kind::HttpRoute, Kind::Service],
    };
    match platform.preflight(needs_of(&fronts)).await {
        Ok(preflight) => {
            view.can_take_back = Some(preflight.can_take_back());
            view.missing = preflight.missing.iter().map(missing).collect();
        }
        Err(error) => view.trouble = Some(error.to_string()),
    }
    Ok(view)
}

fn missing(need: &kubernetes::Need) -> MissingRight {
    MissingRight {
        right: need.words(),
        why: need.why.to_owned(),
        for_the_way_back: need.for_the_way_back,
    }
}
