//! What a Prometheus counted of each slot's pods, told as the node tells what it counts, so that
//! everything that reads the node's numbers reads these.
//!
//! The counters of pods come and go with their pods. A sum over them would fall when one leaves
//! and seem to begin anew; so every pod's rise is added to a counter of the slot's own, which only
//! ever rises. A pod that is seen for the first time adds nothing: what it had counted before may
//! be older than the last look.

mod tally;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use deckwatch_domain::{Slot, Span};
use deckwatch_platform::Platform;
use deckwatch_signals::prometheus::{Prometheus, Track};

use super::{Cluster, MetricsSource};
use crate::clock::SystemClock;
use crate::metrics::open;
use crate::secrets::Secrets;
use tally::{Cell, Pods, Seen, Tally};

/// At most this long for one answer of the Prometheus.
const PATIENCE: Span = Span::from_secs(4);

/// The counting of one environment.
pub(crate) struct Measure {
    cluster: Arc<Cluster>,
    source: MetricsSource,
    secrets: Secrets,
    prometheus: tokio::sync::OnceCell<Prometheus>,
    tally: Mutex<Tally>,
}

impl Measure {
    pub fn new(cluster: Arc<Cluster>, source: MetricsSource, secrets: Secrets) -> Self {
        Measure {
            cluster,
            source,
            secrets,
            prometheus: tokio::sync::OnceCell::new(),
            tally: Mutex::default(),
        }
    }

    /// One look, in the text that a node would answer with.
    ///
    /// # Errors
    /// What kept it from being taken: then there is no data, and nothing is made up.
    pub async fn look(&self) -> Result<String, String> {
        let namespace = self.cluster.platform().await;
        let namespace = namespace.map_err(|e| e.to_string())?.namespace().to_owned();
        let pods = self.pods().await?;
        let responses = self.ask(&self.source.responses, &namespace).await?;
        let seconds = match self.source.seconds.trim() {
            "" => Vec::new(),
            query => self.ask(query, &namespace).await?,
        };
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.take(&pods, &cells(responses, "code")?, &cells(seconds, "le")?);
        Ok(tally.text())
    }

    /// Which pod belongs to which release in which slot.
    async fn pods(&self) -> Result<Pods, String> {
        let mut pods = Pods::new();
        let services = self.cluster.services().await.map_err(|e| e.to_string())?;
        for service in services {
            let seen = self.cluster.observe(&service).await;
            let seen = seen.map_err(|e| e.to_string())?;
            for slot in Slot::BOTH {
                let Some(release) = &seen.slots[slot].release else {
                    continue;
                };
                let whose = Seen {
                    service: service.to_string(),
                    slot,
                    release: release.version.to_string(),
                };
                for instance in &seen.slots[slot].instances {
                    pods.insert(instance.id.clone(), whose.clone());
                }
            }
        }
        Ok(pods)
    }

    async fn ask(&self, query: &str, namespace: &str) -> Result<Vec<Track>, String> {
        let prometheus = self
            .prometheus
            .get_or_try_init(|| open(&self.source, &self.secrets, Some(&self.cluster), PATIENCE))
            .await?;
        let query = query.replace("$namespace", namespace);
        let answer = prometheus.query(&query, SystemClock::wall()).await;
        Ok(answer.map_err(|e| e.to_string())?.tracks())
    }
}

/// Each pod's counters by the label that tells them apart.
fn cells(tracks: Vec<Track>, by: &str) -> Result<BTreeMap<Cell, f64>, String> {
    let mut cells = BTreeMap::new();
    for track in tracks {
        let label = |name: &str| {
            let found = track.labels.iter().find(|(n, _)| n == name);
            found.map(|(_, value)| value.clone())
        };
        let (Some(pod), Some(key)) = (label("pod"), label(by)) else {
            return Err(format!(
                "the series {:?} has no labels `pod` and `{by}`: the query in the settings has to keep \
                 them",
                track.labels
            ));
        };
        if let Some(point) = track.points.last() {
            *cells.entry(Cell { pod, key }).or_default() += point.value;
        }
    }
    Ok(cells)
}
