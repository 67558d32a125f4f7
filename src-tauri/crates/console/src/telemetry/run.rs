//! The scraping itself, for as long as somebody wants it.
//!
//! It does not need a driver, and no driver needs it: the judge's numbers come from the node's own
//! scraper. Whatever goes wrong here is shown where targets are shown.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deckwatch_domain::Timestamp;
use deckwatch_rollout::ports::Liveness as _;
use deckwatch_signals::pool::{Asked, Direct, Duty, Fetch, Page, Pool, SecretOf};
use deckwatch_signals::probe::Prober;
use deckwatch_signals::targets::{self, HostSettings, Target, Targets, Via};
use tokio::task::JoinHandle;

use super::cluster;
use super::file::text;
use super::view::Status;
use crate::cluster::Cluster;
use crate::console::Console;
use crate::holder::{Holder, LockFiles};
use crate::problem::Problem;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often a cluster is asked which pods there are, and what they use.
const PODS: Duration = Duration::from_secs(30);
const USAGE: Duration = Duration::from_secs(15);

/// The scraping of one console; it ends with [`Telemetry::stop`], or when it is dropped.
pub struct Telemetry {
    console: Arc<Console>,
    duty: Arc<Duty>,
    tasks: Vec<JoinHandle<()>>,
}

/// What the tasks share.
struct Shared {
    console: Arc<Console>,
    duty: Arc<Duty>,
    pool: Arc<Pool>,
    prober: Arc<Prober>,
    host: Mutex<HostSettings>,
    /// What is wrong with the file, or with asking the cluster for its pods.
    trouble: Mutex<Option<String>>,
    _alive: Holder,
}

impl Telemetry {
    /// Begins to scrape, probe and measure for a folder. None: this process does so already, or
    /// the folder is another user's.
    ///
    /// # Errors
    /// That the samples cannot be used.
    pub async fn start(console: &Arc<Console>) -> Result<Option<Telemetry>, Problem> {
        if console.folder.of_another().is_some() || console.scrapes.swap(true, Ordering::SeqCst) {
            return Ok(None);
        }
        let started = Telemetry::begin(console).await;
        if started.is_err() {
            console.scrapes.store(false, Ordering::SeqCst);
        }
        started.map(Some)
    }

    async fn begin(console: &Arc<Console>) -> Result<Telemetry, Problem> {
        let samples = console.samples().await?;
        let scrapers = console.folder.scrapers();
        std::fs::create_dir_all(&scrapers)?;
        let alive = Holder::new(&scrapers)?;
        let files = LockFiles { drivers: scrapers };
        let gone = move |holder: &str| files.is_gone(holder);
        let duty = Arc::new(Duty::new(samples, &alive.name, gone));
        let secrets = console.secrets();
        let secret: SecretOf = Arc::new(move |name: &str| secrets.get(name));
        let fetch = Arc::new(Fetcher {
            direct: Direct::new(secret.clone()),
            cluster: console.cluster.clone(),
        });
        let shared = Arc::new(Shared {
            console: console.clone(),
            pool: Arc::new(Pool::new(duty.clone(), fetch)),
            prober: Arc::new(Prober::new(duty.clone(), secret)),
            duty: duty.clone(),
            host: Mutex::new(HostSettings::default()),
            trouble: Mutex::default(),
            _alive: alive,
        });
        let now = || {
            let clock = console.clock.clone();
            move || clock.now().wall
        };
        let (clock, measuring) = (now(), shared.clone());
        let settings = move || *lock(&measuring.host);
        let scraping = (duty.clone(), shared.pool.clone(), shared.prober.clone());
        let (minding, probing) = (now(), now());
        let mut tasks = vec![
            tokio::spawn(async move { scraping.0.run(minding).await }),
            tokio::spawn(scraping.1.run(now())),
            tokio::spawn(scraping.2.run(probing)),
            tokio::spawn(deckwatch_signals::host::run(duty.clone(), settings, clock)),
            tokio::spawn(follow(shared.clone())),
            tokio::spawn(publish(shared.clone())),
            tokio::spawn(crate::alerts::watch(console.clone(), duty.clone())),
        ];
        if let Some(cluster) = console.cluster.clone() {
            tasks.push(tokio::spawn(measure_cluster(shared, cluster)));
        }
        Ok(Telemetry {
            console: console.clone(),
            duty,
            tasks,
        })
    }

    /// Ends it, and lets another process go on at once.
    pub async fn stop(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        let _ = self.duty.release().await;
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.console.scrapes.store(false, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks a target where it is, or through the API server.
struct Fetcher {
    direct: Direct,
    cluster: Option<Arc<Cluster>>,
}

impl Fetch for Fetcher {
    fn fetch<'a>(&'a self, target: &'a Target) -> Asked<'a> {
        let Via::ApiServer { path } = &target.via else {
            return self.direct.fetch(target);
        };
        Box::pin(async move {
            let cluster = self.cluster.as_ref().ok_or("there is no cluster here")?;
            let platform = cluster.platform().await.map_err(|e| e.to_string())?;
            let page = platform.page(path, target.job.timeout.duration()).await;
            let body = page.map_err(|e| e.to_string())?;
            if body.len() > target.job.body_limit {
                let limit = target.job.body_limit;
                return Err(format!("the answer is longer than {limit} bytes"));
            }
            // The API server is asked for no format in particular, and a target then answers in
            // the text format.
            Ok(Page {
                status: 200,
                content_type: None,
                body,
            })
        })
    }
}

/// Follows the file, and in a cluster its pods.
async fn follow(shared: Arc<Shared>) {
    let console = &shared.console;
    let path = console.folder.targets();
    let mut have: Option<Result<Option<String>, String>> = None;
    let mut read = Targets::default();
    let mut pods: Vec<Target> = Vec::new();
    let mut asked: Option<Instant> = None;
    loop {
        let found = text(&path).map_err(|problem| problem.message);
        let mut changed = have.as_ref() != Some(&found);
        if changed {
            let trouble = take(&found, &path, &mut read);
            *lock(&shared.trouble) = trouble;
            have = Some(found);
            asked = None;
        }
        if asked.is_none_or(|at| at.elapsed() >= PODS) {
            asked = Some(Instant::now());
            match cluster::pods(console, &read).await {
                Ok(found) => {
                    changed |= keys(&found) != keys(&pods);
                    pods = found;
                }
                Err(why) => *lock(&shared.trouble) = Some(why),
            }
        }
        if changed {
            let now = console.clock.now().wall;
            let all = read.listed().into_iter().chain(pods.iter().cloned());
            shared.pool.sync(all.collect(), now);
            shared.prober.sync(&read.probes, now);
            *lock(&shared.host) = host_settings(console, &read);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn keys(targets: &[Target]) -> Vec<(deckwatch_signals::Labels, String)> {
    targets.iter().map(Target::key).collect()
}

/// A file with mistakes changes nothing: what was scraped is scraped on.
fn take(found: &Result<Option<String>, String>, path: &Path, read: &mut Targets) -> Option<String> {
    let text = match found {
        Ok(text) => text.as_deref().unwrap_or_default(),
        Err(why) => return Some(why.clone()),
    };
    match targets::read(text) {
        Ok(now) => {
            *read = now;
            None
        }
        Err(problems) => Some(format!(
            "{} has mistakes; what it said before still holds:\n{problems}",
            path.display()
        )),
    }
}

/// A cluster's environment does not measure this machine, unless its file says so.
fn host_settings(console: &Console, read: &Targets) -> HostSettings {
    let measured = read.host.measured.unwrap_or(console.cluster.is_none());
    HostSettings {
        measured: Some(measured),
        ..read.host
    }
}

/// Writes what this process knows of its scrapes for all others.
async fn publish(shared: Arc<Shared>) {
    let path = shared.console.folder.targets_status();
    let mut told: Option<Status> = None;
    loop {
        if shared.duty.is_mine() {
            let now: Timestamp = shared.console.clock.now().wall;
            let trouble = lock(&shared.trouble).clone();
            let status = Status::of(
                &shared.pool.status(),
                &shared.prober.status(),
                shared.duty.set_back(),
                trouble,
                now,
            );
            // Also when nothing has changed: that it is still true is news as well.
            let due = told
                .as_ref()
                .is_none_or(|told| status.tells_more_than(told));
            if due {
                if let Err(error) = status.write(&path) {
                    tracing::warn!(%error, "what is scraped cannot be told");
                }
                told = Some(status);
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn measure_cluster(shared: Arc<Shared>, cluster: Arc<Cluster>) {
    loop {
        if shared.duty.is_mine() {
            let now = shared.console.clock.now().wall;
            if let Err(why) = cluster::measure(&cluster, &shared.duty, now).await {
                tracing::debug!(why, "what the cluster uses is not known");
            }
        }
        tokio::time::sleep(USAGE).await;
    }
}
