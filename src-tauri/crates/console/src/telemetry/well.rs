//! Whether Deckwatch itself is well: what a probe of it is told, part by part.
//!
//! *Live* is what a restart would mend: this program answers and its folder can be used. *Ready* is
//! whether it can do its work: nothing that it needs is unhealthy. Each part answers within
//! [`PATIENCE`] or is said not to.

use std::future::Future;
use std::time::Duration;

use deckwatch_domain::{ServiceName, Span};
use deckwatch_journal::Store as _;
use deckwatch_rollout::ports::Liveness as _;
use serde::{Deserialize, Serialize};

use super::view::{HealthState, TargetsAsk, targets};
use crate::console::Console;
use crate::holder::LockFiles;
use crate::line::is_untouched;
use crate::problem::Problem;
use crate::route::Nothing;

const PATIENCE: Duration = Duration::from_millis(500);
/// Less than this share of a disk, or of these bytes, is short.
const SHORT: f64 = 0.1;
const FULL: u64 = 64 << 20;

/// One part of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct WellnessPart {
    /// `journal`, `samples`, `node`, `scraping`, `driver`, `disk`
    pub part: String,
    pub health: HealthState,
    /// What is found, or why it is not healthy.
    pub words: String,
    /// Milliseconds until it answered.
    pub took_ms: f64,
    /// Without it nothing here works.
    pub vital: bool,
}

/// All of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Wellness {
    pub version: String,
    /// The worst part's.
    pub health: HealthState,
    pub live: bool,
    pub ready: bool,
    pub parts: Vec<WellnessPart>,
    /// At most this long for each part.
    pub within: Span,
}

type Found = (HealthState, String);

/// # Errors
/// None: what is not well is the answer.
pub async fn wellness(console: &Console, _: Nothing) -> Result<Wellness, Problem> {
    let untouched = is_untouched(console);
    let untouched = tokio::time::timeout(PATIENCE, untouched)
        .await
        .unwrap_or(false);
    let (journal, samples, node, scraping, driver, disk) = tokio::join!(
        part("journal", true, journal(console)),
        part("samples", false, samples(console)),
        part("node", false, node(console)),
        part("scraping", false, scraping(console)),
        part("driver", false, driver(console, untouched)),
        part("disk", true, disk(console)),
    );
    let parts = vec![journal, samples, node, scraping, driver, disk];
    let unwell = |part: &&WellnessPart| part.health == HealthState::Unhealthy;
    Ok(Wellness {
        version: env!("CARGO_PKG_VERSION").into(),
        health: worst(&parts),
        live: !parts
            .iter()
            .filter(|part| part.vital)
            .any(|part| unwell(&part)),
        ready: !parts.iter().any(|part| unwell(&part)),
        parts,
        within: PATIENCE.into(),
    })
}

fn worst(parts: &[WellnessPart]) -> HealthState {
    let rank = |health: HealthState| match health {
        HealthState::Healthy => 0,
        HealthState::Unknown => 1,
        HealthState::Degraded => 2,
        HealthState::Unhealthy => 3,
    };
    let worst = parts
        .iter()
        .map(|part| part.health)
        .max_by_key(|h| rank(*h));
    worst.unwrap_or(HealthState::Healthy)
}

async fn part(name: &str, vital: bool, asked: impl Future<Output = Found>) -> WellnessPart {
    let began = std::time::Instant::now();
    let found = tokio::time::timeout(PATIENCE, asked).await;
    let (health, words) = found.unwrap_or_else(|_| {
        let words = format!("timeout: no answer within {} ms", PATIENCE.as_millis());
        (HealthState::Unhealthy, words)
    });
    WellnessPart {
        part: name.into(),
        health,
        words,
        took_ms: began.elapsed().as_micros() as f64 / 1000.0,
        vital,
    }
}

async fn journal(console: &Console) -> Found {
    match console.journal().await {
        Ok(journal) => match journal.head().await {
            Ok(head) => (HealthState::Healthy, format!("{} events", head.seq)),
            Err(error) => (HealthState::Unhealthy, error.to_string()),
        },
        Err(error) => (HealthState::Unhealthy, error.to_string()),
    }
}

async fn samples(console: &Console) -> Found {
    match console.samples().await {
        Ok(store) => match store.used_bytes().await {
            Ok(bytes) => (HealthState::Healthy, format!("{} MiB", bytes >> 20)),
            Err(error) => (HealthState::Unhealthy, error.to_string()),
        },
        Err(problem) => (HealthState::Unhealthy, problem.message),
    }
}

/// Whether the node has services to run.
fn is_anything_defined(console: &Console) -> bool {
    let services = std::fs::read_dir(console.folder.node().join("services"));
    services.is_ok_and(|mut files| files.next().is_some())
}

async fn node(console: &Console) -> Found {
    if let Some(cluster) = &console.cluster {
        return match cluster.platform().await {
            Ok(platform) => match platform.connection().version().await {
                Ok(version) => (
                    HealthState::Healthy,
                    format!("the cluster answers: {version}"),
                ),
                Err(error) => (HealthState::Unhealthy, error.to_string()),
            },
            Err(error) => (HealthState::Unhealthy, error.to_string()),
        };
    }
    match console.local.node().await {
        Ok(node) => match node.troubles.last() {
            None => (
                HealthState::Healthy,
                format!("{} services", node.services.len()),
            ),
            Some(trouble) => (HealthState::Degraded, trouble.clone()),
        },
        Err(_) if !is_anything_defined(console) => (
            HealthState::Healthy,
            "not started: nothing is defined yet".into(),
        ),
        Err(error) => (HealthState::Unhealthy, error.to_string()),
    }
}

async fn scraping(console: &Console) -> Found {
    let seen = match targets(console, TargetsAsk::default()).await {
        Ok(seen) => seen,
        Err(problem) => return (HealthState::Degraded, problem.message),
    };
    if let Some(trouble) = seen.scraping.trouble {
        return (HealthState::Degraded, trouble);
    }
    if !seen.scraping.current {
        let nothing = match seen.scraping.at {
            None => "nothing was scraped yet: a window or `deckwatchctl agent` does".to_owned(),
            Some(at) => format!("nobody has scraped since {at}"),
        };
        // Without a file there is nothing that somebody waits for.
        let wanted = console.folder.targets().exists();
        let health = if wanted {
            HealthState::Degraded
        } else {
            HealthState::Unknown
        };
        return (health, nothing);
    }
    let words = format!("{} up, {} down", seen.up, seen.down);
    let health = if seen.down > 0 {
        HealthState::Degraded
    } else {
        HealthState::Healthy
    };
    (health, words)
}

/// Somebody drives what is under way, or stands ready to.
async fn driver(console: &Console, untouched: bool) -> Found {
    let files = LockFiles {
        drivers: console.folder.drivers(),
    };
    let ready = files.any_alive();
    let wanted: Vec<ServiceName> = match console.book().await {
        Ok(book) => {
            let wanted = book.services.iter().filter(|(_, all)| all.wants_driver());
            wanted.map(|(service, _)| service.clone()).collect()
        }
        Err(error) => return (HealthState::Unhealthy, error.to_string()),
    };
    let store = match console.store().await {
        Ok(store) => store,
        Err(error) => return (HealthState::Unhealthy, error.to_string()),
    };
    let mut undriven = Vec::new();
    for service in wanted {
        let lease = store.lease(&deckwatch_rollout::stream(&service)).await;
        let lease = lease.ok().flatten();
        let holder = lease.and_then(|lease| lease.holder);
        if holder.is_none_or(|holder| files.is_gone(&holder)) {
            undriven.push(service.to_string());
        }
    }
    match (undriven.is_empty(), ready) {
        (false, None) => {
            let who = undriven.join(", ");
            (
                HealthState::Unhealthy,
                format!("nobody drives the rollout of {who}"),
            )
        }
        (_, Some(_)) => (HealthState::Healthy, "one stands ready".into()),
        (true, None) if untouched => (HealthState::Healthy, "none is needed yet".into()),
        (true, None) => (HealthState::Healthy, "nothing is under way".into()),
    }
}

async fn disk(console: &Console) -> Found {
    let path = console.folder.path().to_owned();
    let looked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&path)).await;
    let found = match looked {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return (HealthState::Unhealthy, error.to_string()),
        Err(error) => return (HealthState::Unhealthy, error.to_string()),
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let size = found.f_blocks.saturating_mul(found.f_frsize).max(1);
    let share = free as f64 / size as f64;
    let words = format!("{} MiB free, {:.0} %", free >> 20, share * 100.0);
    if free < FULL {
        (HealthState::Unhealthy, words)
    } else if share < SHORT {
        (HealthState::Degraded, words)
    } else {
        (HealthState::Healthy, words)
    }
}
