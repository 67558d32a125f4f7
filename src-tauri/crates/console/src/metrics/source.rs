//! Who is asked: this folder's own samples, or a Prometheus that the environment names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deckwatch_domain::Span;
use deckwatch_platform::PlatformError;
use deckwatch_platform::kubernetes::{Connection, ServiceAddress};
use deckwatch_signals::SampleStore;
use deckwatch_signals::prometheus::{self, Access, Carry, Prometheus, RangeMemory};
use deckwatch_signals::web::{Auth, Reply, WebError};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::names::MetricName;
use crate::cluster::{Cluster, MetricsSource};
use crate::console::Console;
use crate::problem::Problem;
use crate::secrets::Secrets;

/// At most this long for one answer of a Prometheus.
const PATIENCE: Span = Span::from_secs(20);
/// A client is made anew this often: its secret may have changed.
const FRESH: Duration = Duration::from_secs(60);

/// Who is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum SourceName {
    /// This folder's own samples.
    Samples,
    /// The Prometheus that the environment names.
    Prometheus,
}

/// What can be asked here.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct MetricsSources {
    /// Who answers where nothing is said.
    pub default: SourceName,
    /// The address of the environment's Prometheus; none is named.
    pub prometheus: Option<String>,
    /// Its version, or why it does not answer.
    pub version: Option<String>,
    pub problem: Option<String>,
}

/// Whoever answers.
pub(crate) enum Source {
    Own(Arc<SampleStore>),
    Prometheus { client: Prometheus, url: String },
}

impl Source {
    /// As it is told: `samples`, or an address.
    pub fn name(&self) -> &str {
        match self {
            Source::Own(_) => "samples",
            Source::Prometheus { url, .. } => url,
        }
    }
}

/// The metrics of a source, and since when they are known.
type Known = (Instant, Arc<Vec<MetricName>>);

/// What is kept of sources between two questions.
#[derive(Default)]
pub(crate) struct Sources {
    /// Answered ranges.
    pub memory: RangeMemory,
    client: Mutex<Option<(Instant, MetricsSource, Prometheus)>>,
    names: Mutex<HashMap<String, Known>>,
}

impl Sources {
    pub fn known_names(&self, of: &str, younger: Duration) -> Option<Arc<Vec<MetricName>>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, known) = names.get(of)?;
        (at.elapsed() < younger).then(|| known.clone())
    }

    pub fn know_names(&self, of: &str, found: Arc<Vec<MetricName>>) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        // Addresses that were only tried are not remembered for ever.
        names.retain(|_, (at, _)| at.elapsed() < FRESH);
        names.insert(of.to_owned(), (Instant::now(), found));
    }
}

impl Console {
    /// The Prometheus of this environment, if it names one.
    pub(crate) fn metrics_source(&self) -> Option<&MetricsSource> {
        let cluster = self.cluster.as_ref();
        let placed = cluster.and_then(|cluster| cluster.place.metrics.as_ref());
        self.environment.metrics.as_ref().or(placed)
    }
}

/// Who answers: an address that is given, who is named, or the environment's default.
///
/// # Errors
/// That none is named, or that its secret or certificates are not there.
pub(crate) async fn source(
    console: &Console,
    named: Option<SourceName>,
    url: Option<&str>,
) -> Result<Source, Problem> {
    if let Some(url) = url {
        let open = MetricsSource::at(url);
        let client = reach(console, &open).await?;
        let url = url.to_owned();
        return Ok(Source::Prometheus { client, url });
    }
    let there = console.metrics_source();
    // In a cluster nothing is counted here: an answer of no series would be taken for one.
    let lacking = there.is_none() && (named.is_some() || console.cluster.is_some());
    match (named, there) {
        (Some(SourceName::Samples), _) => Ok(Source::Own(console.samples().await?)),
        (_, Some(there)) => Ok(Source::Prometheus {
            client: client(console, there).await?,
            url: there.url.clone(),
        }),
        (_, None) if lacking => {
            let why = "no Prometheus is named for this environment";
            Err(Problem::new("refused.no-metrics", why))
        }
        (_, None) => Ok(Source::Own(console.samples().await?)),
    }
}

async fn client(console: &Console, source: &MetricsSource) -> Result<Prometheus, Problem> {
    let held = |sources: &Sources| {
        let client = sources.client.lock();
        client.unwrap_or_else(PoisonError::into_inner).clone()
    };
    if let Some((at, of, client)) = held(&console.sources)
        && at.elapsed() < FRESH
        && of == *source
    {
        return Ok(client);
    }
    let fresh = reach(console, source).await?;
    let mut client = console
        .sources
        .client
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    *client = Some((Instant::now(), source.clone(), fresh.clone()));
    Ok(fresh)
}

async fn reach(console: &Console, source: &MetricsSource) -> Result<Prometheus, Problem> {
    let reached = open(
        source,
        &console.secrets(),
        console.cluster.as_deref(),
        PATIENCE,
    )
    .await;
    reached.map_err(|why| Problem::new("prometheus", why))
}

/// The client of a source, with its secret, through the cluster where its address is a service's.
///
/// # Errors
/// That the address, the secret or the certificates are not there.
pub(crate) async fn open(
    source: &MetricsSource,
    secrets: &Secrets,
    cluster: Option<&Cluster>,
    within: Span,
) -> Result<Prometheus, String> {
    let Some(address) = ServiceAddress::read(&source.url) else {
        return dial(source, secrets, within).await;
    };
    let address = address?;
    let Some(cluster) = cluster else {
        return Err(format!(
            "{address} is in a cluster, and this environment is not"
        ));
    };
    let platform = cluster.platform().await.map_err(|e| e.to_string())?;
    let through = Through {
        connection: platform.connection().clone(),
        address,
        within,
    };
    Ok(Prometheus::over(Arc::new(through), within))
}

async fn dial(
    source: &MetricsSource,
    secrets: &Secrets,
    within: Span,
) -> Result<Prometheus, String> {
    let secret = match source.token.clone() {
        None => None,
        Some(name) => {
            let secrets = secrets.clone();
            let secret = tokio::task::spawn_blocking(move || secrets.get(&name)).await;
            Some(secret.map_err(|e| e.to_string())??)
        }
    };
    let auth = match (source.user.clone(), secret) {
        (Some(user), Some(password)) => Auth::Basic { user, password },
        (None, Some(token)) => Auth::Bearer(token),
        (Some(user), None) => {
            return Err(format!("no secret holds the password of {user}"));
        }
        (None, None) => Auth::None,
    };
    let access = Access {
        url: source.url.clone(),
        auth,
        ca: source.ca.clone(),
        within,
    };
    Prometheus::new(&access).map_err(|e| e.to_string())
}

#[derive(Debug)]
struct Through {
    connection: Connection,
    address: ServiceAddress,
    within: Span,
}

impl Carry for Through {
    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Reply, WebError>> {
        let within = self.within.duration();
        let asked = self
            .connection
            .ask_service(&self.address, path, prometheus::LIMIT, within);
        asked
            .map(|answer| match answer {
                Ok((status, body)) => Ok(Reply { status, body }),
                Err(error) => Err(WebError::Unreachable {
                    host: self.address.to_string(),
                    why: match error {
                        PlatformError::Unreachable { why } | PlatformError::Denied { why } => why,
                        other => other.to_string(),
                    },
                }),
            })
            .boxed()
    }
}

/// # Errors
/// None: what does not answer is said in the answer.
pub async fn sources(
    console: &Console,
    _: crate::route::Nothing,
) -> Result<MetricsSources, Problem> {
    let Some(there) = console.metrics_source() else {
        return Ok(MetricsSources {
            default: match console.cluster {
                Some(_) => SourceName::Prometheus,
                None => SourceName::Samples,
            },
            prometheus: None,
            version: None,
            problem: None,
        });
    };
    let asked = async {
        let client = client(console, there).await.map_err(|p| p.message)?;
        client.version().await.map_err(|e| e.to_string())
    };
    let answer = asked.await;
    Ok(MetricsSources {
        default: SourceName::Prometheus,
        prometheus: Some(there.url.clone()),
        version: answer.as_ref().ok().cloned(),
        problem: answer.err(),
    })
}
