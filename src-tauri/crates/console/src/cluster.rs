//! An environment in a Kubernetes cluster: one context, one namespace.
//!
//! The cluster is reached when it is first needed, and not being able to is an answer, not an
//! obstacle: the console opens without it. What may be written there is decided in one place,
//! [`access`]; the platform's guard is told and stands in front of every write.

mod access;
mod adopt;
mod measure;
mod objects;
mod view;

use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use deckwatch_domain::{Actor, ServiceName};
use deckwatch_platform::kubernetes::{Access, Connection, KubernetesPlatform, ServiceAddress};
use deckwatch_platform::{
    Applied, Capabilities, LogLine, Observation, Order, Platform, PlatformError,
};
use serde::{Deserialize, Serialize};

pub use access::{OpenAccess, Opened, close_access, open_access, show_access};
pub(crate) use access::{keep_access, opened_until};
pub use adopt::{Adopt, AdoptionPlan, Settle, adopt, plan_adoption, release, settle};
pub(crate) use measure::Measure;
pub use objects::{
    NoticeSort, NoticesAsk, NoticesPage, ObjectAsk, ObjectsAsk, ObjectsPage, PodsAsk, PodsPage,
    TextAsk, diff, follow_pod, notices, objects, pod_logs, pods, yaml,
};
pub use view::{ClusterView, ContextRow, ContextsAsk, contexts, show};

use crate::console::Console;
use crate::problem::Problem;

/// How long a cluster that could not be reached is left alone before it is tried again by those
/// who only look.
const AGAIN: Duration = Duration::from_secs(3);

/// Where in which cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct ClusterPlace {
    /// A kubeconfig, or a folder of them; none: the files of `KUBECONFIG`, or the one in the home
    /// directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub kubeconfig: Option<PathBuf>,
    pub context: String,
    /// None: the context's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub namespace: Option<String>,
    /// Who counts the requests; without, nothing can be judged by errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub metrics: Option<MetricsSource>,
}

/// A Prometheus, and what it calls the things that are judged. `$namespace` stands for the
/// namespace in every query.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct MetricsSource {
    /// `http://…`, `https://…`, or a service of the cluster, reached through its API server:
    /// `service://namespace/name:port`.
    pub url: String,
    /// A PEM file with the authority that vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ca: Option<PathBuf>,
    /// Who asks, where it wants a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub user: Option<String>,
    /// The name of the secret that holds its token, or the user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub token: Option<String>,
    /// Counters of requests with the labels `pod` and `code` (an HTTP status).
    #[serde(default = "responses")]
    pub responses: String,
    /// Counters of a latency histogram in seconds with the labels `pod` and `le`; empty: latency is
    /// not judged.
    #[serde(default = "seconds")]
    pub seconds: String,
}

fn responses() -> String {
    "sum by (pod, code) (http_requests_total{namespace=\"$namespace\"})".into()
}

fn seconds() -> String {
    "sum by (pod, le) (http_request_duration_seconds_bucket{namespace=\"$namespace\"})".into()
}

impl MetricsSource {
    /// A source at this address, with the usual names.
    pub fn at(url: &str) -> Self {
        MetricsSource {
            url: url.to_owned(),
            ca: None,
            user: None,
            token: None,
            responses: responses(),
            seconds: seconds(),
        }
    }
}

/// The platform of a cluster that is reached when somebody asks.
pub(crate) struct Cluster {
    pub place: ClusterPlace,
    reached: tokio::sync::Mutex<Reached>,
    /// The same once it is there, for whoever cannot wait.
    platform: RwLock<Option<KubernetesPlatform>>,
    access: RwLock<Access>,
    known: Known,
}

/// Whom the API server takes us for, and by which credentials it was asked.
type Known = std::sync::Arc<RwLock<Option<(u64, Actor)>>>;

#[derive(Default)]
struct Reached {
    /// The last failure, and when it happened.
    failed: Option<(Instant, PlatformError)>,
}

impl Cluster {
    /// What is not read-only is open from the start: a rollback asks nobody first, and its
    /// clean-up is no part of the way back.
    pub fn new(place: ClusterPlace, read_only: bool) -> Self {
        Cluster {
            place,
            reached: tokio::sync::Mutex::default(),
            platform: RwLock::default(),
            access: RwLock::new(match read_only {
                true => Access::ReadOnly,
                false => Access::Open,
            }),
            known: Known::default(),
        }
    }

    fn there(&self) -> Option<KubernetesPlatform> {
        let platform = self.platform.read();
        platform.map_or(None, |platform| platform.clone())
    }

    /// What may be written from now on, until it is said anew.
    pub fn set_access(&self, access: Access) {
        if let Ok(mut held) = self.access.write() {
            *held = access;
        }
        if let Some(platform) = self.there() {
            platform.set_access(access);
        }
    }

    /// The platform, once its context could be read.
    ///
    /// # Errors
    /// Why not. The answer is kept for a moment, so that a view does not run a credential plugin
    /// with every look.
    pub async fn platform(&self) -> Result<KubernetesPlatform, PlatformError> {
        if let Some(platform) = self.there() {
            return Ok(platform);
        }
        let mut reached = self.reached.lock().await;
        if let Some(platform) = self.there() {
            return Ok(platform);
        }
        if let Some((at, error)) = &reached.failed
            && at.elapsed() < AGAIN
        {
            return Err(error.clone());
        }
        match self.open().await {
            Ok(platform) => {
                reached.failed = None;
                if let Ok(mut held) = self.platform.write() {
                    *held = Some(platform.clone());
                }
                Ok(platform)
            }
            Err(error) => {
                reached.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn open(&self) -> Result<KubernetesPlatform, PlatformError> {
        let file = self.place.kubeconfig.as_deref();
        let connection = Connection::open(file, Some(&self.place.context)).await?;
        let namespace = match &self.place.namespace {
            Some(namespace) => namespace.clone(),
            None => connection.namespace().to_owned(),
        };
        let platform = KubernetesPlatform::new(connection, namespace);
        platform.set_access(self.access.read().map(|a| *a).unwrap_or_default());
        platform.follow();
        // Beside everything else: a rollback asks for no name, and has it if it is there by then.
        tokio::spawn(ask_who(platform.connection().clone(), self.known.clone()));
        Ok(platform)
    }

    /// Whom the cluster takes us for, if that is known by now; never waits.
    pub fn known(&self) -> Option<Actor> {
        let platform = self.there()?;
        let known = self.known.read().ok()?;
        let (asked_by, who) = known.as_ref()?;
        (*asked_by == platform.connection().generation()).then(|| who.clone())
    }

    /// Whom the cluster takes us for; asked once for the same credentials.
    ///
    /// # Errors
    /// The API server's.
    pub async fn who(&self) -> Result<Actor, PlatformError> {
        let platform = self.platform().await?;
        if let Some(who) = self.known() {
            return Ok(who);
        }
        ask_who(platform.connection().clone(), self.known.clone()).await
    }
}

async fn ask_who(connection: Connection, known: Known) -> Result<Actor, PlatformError> {
    let asked_by = connection.generation();
    let who = connection.who().await?;
    if let Ok(mut known) = known.write() {
        *known = Some((asked_by, who.clone()));
    }
    Ok(who)
}

#[async_trait]
impl Platform for Cluster {
    async fn observe(&self, service: &ServiceName) -> Result<Observation, PlatformError> {
        self.platform().await?.observe(service).await
    }

    async fn services(&self) -> Result<Vec<ServiceName>, PlatformError> {
        self.platform().await?.services().await
    }

    async fn apply(&self, service: &ServiceName, order: &Order) -> Result<Applied, PlatformError> {
        self.platform().await?.apply(service, order).await
    }

    async fn logs(
        &self,
        service: &ServiceName,
        lines: usize,
    ) -> Result<Vec<LogLine>, PlatformError> {
        self.platform().await?.logs(service, lines).await
    }

    fn capabilities(&self) -> Capabilities {
        match self.there() {
            Some(platform) => platform.capabilities(),
            None => Capabilities {
                exact_weights: false,
                header_routing: false,
                sticky_sessions: false,
                driver_lost_rollback: false,
            },
        }
    }
}

impl Console {
    /// The cluster of this environment.
    ///
    /// # Errors
    /// That its services run on this machine.
    pub(crate) fn the_cluster(&self) -> Result<&std::sync::Arc<Cluster>, Problem> {
        self.cluster.as_ref().ok_or_else(|| {
            let name = &self.environment.name;
            Problem::new(
                "refused.not-a-cluster",
                format!("the services of {name} run on this machine, not in a cluster"),
            )
        })
    }

    /// Asks a cluster who is asking. It is not waited for long: an action is not held up by it, and
    /// is then the operating system's user's.
    pub(crate) async fn know_who(&self) {
        if let Some(cluster) = &self.cluster {
            let patience = std::time::Duration::from_secs(2);
            let _ = tokio::time::timeout(patience, cluster.who()).await;
        }
    }

    /// That there is a node here to speak of.
    ///
    /// # Errors
    /// That the services of this environment run in a cluster.
    pub(crate) fn on_this_machine(&self) -> Result<(), Problem> {
        match &self.cluster {
            None => Ok(()),
            Some(cluster) => Err(Problem::new(
                "refused.in-a-cluster",
                format!(
                    "the services of {} run in the cluster of the context {}: there is no node here, \
                     and nothing is defined by hand; `adopt` takes a Deployment in",
                    self.environment.name, cluster.place.context
                ),
            )),
        }
    }
}

/// A file that settings name, as far as it can be said without the cluster.
pub(crate) fn check_place(place: &ClusterPlace) -> Result<(), String> {
    if place.context.trim().is_empty() {
        return Err("a cluster needs the name of a context".into());
    }
    let absolute = |file: &Option<PathBuf>| file.as_deref().is_none_or(Path::is_absolute);
    if !absolute(&place.kubeconfig) {
        return Err("a kubeconfig is named by its whole path".into());
    }
    match &place.metrics {
        Some(metrics) => check_source(metrics, true),
        None => Ok(()),
    }
}

/// A Prometheus that settings name, as far as it can be said without asking it.
pub(crate) fn check_source(metrics: &MetricsSource, in_cluster: bool) -> Result<(), String> {
    if !metrics.ca.as_deref().is_none_or(Path::is_absolute) {
        return Err("a certificate file is named by its whole path".into());
    }
    match ServiceAddress::read(&metrics.url) {
        Some(Err(why)) => return Err(why),
        Some(Ok(address)) if !in_cluster => {
            return Err(format!(
                "{address} is in a cluster, and this environment is not"
            ));
        }
        Some(Ok(_)) => {}
        None if !metrics.url.starts_with("http://") && !metrics.url.starts_with("https://") => {
            return Err(format!("`{}` is no address of a Prometheus", metrics.url));
        }
        None => {}
    }
    if metrics.user.is_some() && metrics.token.is_none() {
        return Err("a user needs the name of the secret with the password".into());
    }
    if metrics.responses.trim().is_empty() {
        return Err("a Prometheus needs the query that counts responses".into());
    }
    Ok(())
}
