//! What the frame of a window always shows: where one is, who one is, and whether what stands
//! behind it answers.

use deckwatch_domain::{Actor, ServiceName, Timestamp};
use deckwatch_rollout::ports::Liveness;
use serde::{Deserialize, Serialize};

use crate::alerts::{self, AlertsLine};
use crate::bridge::pulse;
use crate::cluster::Cluster;
use crate::console::Console;
use crate::gates::{self, Freeze};
use crate::holder::LockFiles;
use crate::problem::Problem;
use crate::route::Nothing;
use crate::settings::Environment;
use crate::show;
use crate::training;
use deckwatch_platform::Platform;

/// Something that answers or does not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Answering {
    pub answers: bool,
    /// Somebody needs it: if it does not answer, something is wrong.
    pub needed: bool,
    pub words: String,
}

/// Who drives rollouts here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Driving {
    /// This very program.
    This,
    /// Another one.
    Other {
        name: String,
    },
    Nobody,
}

/// The journal in one line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct JournalLine {
    pub usable: bool,
    pub head: Option<u64>,
    /// Why it cannot be used.
    pub words: String,
}

/// All of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct StatusLine {
    pub version: String,
    pub environment: Environment,
    /// All there are, the built-in ones first.
    pub environments: Vec<Environment>,
    pub actor: Actor,
    pub folder: String,
    pub node: Answering,
    pub driver: Driving,
    pub journal: JournalLine,
    /// The newest scrape of the node that got an answer.
    pub scraped_at: Option<Timestamp>,
    pub freeze: Option<Freeze>,
    pub live_rollouts: usize,
    pub services: usize,
    /// Nothing was ever done in this folder.
    pub untouched: bool,
    pub alerts: AlertsLine,
}

/// # Errors
/// None: what does not answer is said to.
pub async fn status_line(console: &Console, _: Nothing) -> Result<StatusLine, Problem> {
    let now = console.clock.now().wall;
    let (journal, live) = journal_line(console).await;
    let untouched = is_untouched(console).await;
    let (node, services) = node_line(console, !untouched).await;
    let freeze = match console.store().await {
        Ok(store) => gates::freeze(store.as_ref()).await.ok().flatten(),
        Err(_) => None,
    };
    let mut holders = Vec::new();
    for service in &live {
        holders.extend(show::driver(console, service).await);
    }
    Ok(StatusLine {
        version: env!("CARGO_PKG_VERSION").into(),
        environments: console.environments(),
        environment: console.environment.clone(),
        actor: console.actor(),
        folder: console.folder.path().display().to_string(),
        untouched,
        alerts: alerts::line(console),
        driver: driving(console, holders),
        scraped_at: pulse(console, now).await.scraped_at(),
        live_rollouts: live.len(),
        node,
        journal,
        freeze,
        services,
    })
}

async fn node_line(console: &Console, mut needed: bool) -> (Answering, usize) {
    if let Some(cluster) = &console.cluster {
        return cluster_line(cluster).await;
    }
    let (answers, words, services) = match console.local.node().await {
        Ok(node) => {
            let count = node.services.len();
            let services = if count == 1 { "service" } else { "services" };
            (
                true,
                format!("{} · {count} {services}", node.version),
                count,
            )
        }
        Err(_) if !needed => (false, "not started: nothing is defined yet".into(), 0),
        Err(error) => {
            // What the journal knows of is there all the same.
            let known = console.book().await.map_or(0, |book| book.services.len());
            match training::closed(console) {
                Some(closed) => {
                    needed = false;
                    (false, closed.into(), known)
                }
                None => (false, error.to_string(), known),
            }
        }
    };
    let line = Answering {
        answers,
        needed,
        words,
    };
    (line, services)
}

async fn cluster_line(cluster: &Cluster) -> (Answering, usize) {
    let context = &cluster.place.context;
    let (answers, words, services) = match cluster.services().await {
        Ok(services) => (true, context.clone(), services.len()),
        Err(error) => (false, format!("{context}: {error}"), 0),
    };
    let line = Answering {
        answers,
        needed: true,
        words,
    };
    (line, services)
}

/// The journal, and the services with a live rollout.
async fn journal_line(console: &Console) -> (JournalLine, Vec<ServiceName>) {
    match console.book().await {
        Ok(book) => {
            let live = book
                .services
                .iter()
                .filter(|(_, all)| all.current.as_ref().is_some_and(|r| r.is_live()))
                .map(|(service, _)| service.clone())
                .collect();
            let line = JournalLine {
                usable: true,
                head: Some(book.seq),
                words: String::new(),
            };
            (line, live)
        }
        Err(error) => {
            let line = JournalLine {
                usable: false,
                head: None,
                words: error.to_string(),
            };
            (line, Vec::new())
        }
    }
}

/// Whoever holds the lease of a live rollout drives; where nothing is live, whoever stands ready.
pub(crate) fn driving(console: &Console, holders: Vec<String>) -> Driving {
    let mine = console
        .drives_as
        .read()
        .map_or(None, |name| name.as_ref().cloned());
    let files = LockFiles {
        drivers: console.folder.drivers(),
    };
    if let Some(other) = holders
        .into_iter()
        .find(|h| Some(h) != mine.as_ref() && !files.is_gone(h))
    {
        return Driving::Other { name: other };
    }
    if mine.is_some() {
        return Driving::This;
    }
    match files.any_alive() {
        Some(name) => Driving::Other { name },
        None => Driving::Nobody,
    }
}

/// Nothing was ever done in this console's folder.
pub(crate) async fn is_untouched(console: &Console) -> bool {
    // What is in a cluster is somebody's, whatever this folder knows of it.
    if console.cluster.is_some() {
        return false;
    }
    let node = console.local.node().await;
    if node.is_ok_and(|node| !node.services.is_empty()) {
        return false;
    }
    // A journal that cannot be read was written by somebody.
    let head = console.book().await.map(|book| book.seq);
    head.is_ok_and(|head| head == 0) && !console.folder.node().join("services").exists()
}
