//! The agent: what drives rollouts, scrapes and keeps the books while somebody, or nobody, looks.

use std::sync::Arc;
use std::time::Duration;

use deckwatch_domain::Actor;
use deckwatch_journal::{Journal, JournalError, Store};
use deckwatch_platform::PlatformError;
use deckwatch_platform::local::{LocalPlatform, NodeFolder};
use deckwatch_rollout::ports::Liveness;
use deckwatch_rollout::{Engine, Identity, Ports, Seen};
use deckwatch_signals::{NODE_JOB, Retention, SampleStore, ScrapeOptions, Scraper};
use tokio::sync::watch;

use crate::cluster::{Measure, keep_access};
use crate::console::{Console, TimeIds};
use crate::evidence::{Asker, SampleEvidence};
use crate::gates::RoomGates;
use crate::holder::{Holder, LockFiles};
use crate::identity::Host;
use crate::problem::Problem;
use crate::settings::back_up_when_due;
use crate::tasks::TaskDesk;
use crate::telemetry::Telemetry;

/// The node has this long for an answer.
const NODE_ANSWERS: Duration = Duration::from_millis(500);
/// Somebody else's Prometheus is not asked more often: it scrapes every few seconds itself.
const CLUSTER_BEAT: Duration = Duration::from_secs(2);

/// How an agent works.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// Without a sign of life for this long, another driver may take over.
    pub lease: Duration,
    pub scrape_every: Duration,
}

impl Default for AgentOptions {
    fn default() -> Self {
        AgentOptions {
            lease: Duration::from_secs(5),
            scrape_every: Duration::from_secs(1),
        }
    }
}

/// A running agent; dropping it stops it without ceremony, [`Agent::stop`] gives leases back.
pub struct Agent {
    console: Arc<Console>,
    /// The one that it drives by.
    journal: Journal,
    engine: Arc<Engine>,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    /// None where this process scrapes already.
    telemetry: Option<Telemetry>,
}

impl Agent {
    /// Starts driving and scraping for this console's folder.
    ///
    /// # Errors
    /// That the journal or the samples cannot be used, or the node not started.
    pub async fn start(console: &Arc<Console>, options: AgentOptions) -> Result<Agent, Problem> {
        console.ensure_platform().await?;
        console.tell_guard().await;
        let journal = console.journal().await?;
        let store: Arc<dyn Store> = Arc::new(journal.clone());
        let samples = console.samples().await?;
        if let Err(problem) = console.absorb_waiting().await {
            tracing::warn!(%problem, "rollback records still wait");
        }
        let holder = Holder::new(&console.folder.drivers())?;
        let ports = Ports {
            store: store.clone(),
            platform: console.platform.clone(),
            evidence: Arc::new(SampleEvidence {
                store: samples.clone(),
                clock: console.clock.clone(),
                asker: Asker::of(console),
            }),
            gates: Arc::new(RoomGates {
                console: console.clone(),
            }),
            tasks: Arc::new(TaskDesk {
                tasks: console.tasks(),
                secrets: console.secrets(),
            }),
            ids: Arc::new(TimeIds),
            liveness: Arc::new(LockFiles {
                drivers: console.folder.drivers(),
            }),
        };
        let name = holder.name.clone();
        if let Ok(mut drives_as) = console.drives_as.write() {
            *drives_as = Some(name.clone());
        }
        let identity = Identity {
            holder: name.clone(),
            actor: Actor::machine("engine", &Host::this().0),
            ttl: options.lease,
        };
        let engine = Arc::new(Engine::new(
            ports,
            identity,
            console.clock.clone(),
            console.fallback.clone(),
        ));
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(drive(engine.clone(), holder, stopped.clone())),
            tokio::spawn(until(
                stopped.clone(),
                scrape(console.clone(), samples, options, name),
            )),
            tokio::spawn(until(stopped.clone(), note_heads(console.clone()))),
            tokio::spawn(until(stopped.clone(), mind_node(console.clone()))),
            tokio::spawn(until(stopped.clone(), keep_access(console.clone()))),
            tokio::spawn(until(stopped.clone(), let_go_of_time(console.clone()))),
            tokio::spawn(until(stopped, keep_books(console.clone()))),
        ];
        // Scraping is no condition of driving.
        let telemetry = Telemetry::start(console).await.unwrap_or_else(|problem| {
            tracing::warn!(%problem, "nothing is scraped but the node");
            None
        });
        Ok(Agent {
            console: console.clone(),
            journal,
            engine,
            stop,
            tasks,
            telemetry,
        })
    }

    /// What this agent's driver of a service saw last.
    pub fn seen(&self, service: &deckwatch_domain::ServiceName) -> Option<Seen> {
        self.engine.seen(service)
    }

    /// Ends once the journal's name means another file than the one this agent has open: it was
    /// set aside, or restored from elsewhere. To drive on, start an agent on a console opened anew.
    pub async fn outdated(&self) {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if !self.console.folder.journal().exists() {
                continue;
            }
            // The console may have opened the new one already; what drives has not.
            if self.journal.head().await == Err(JournalError::Replaced) {
                return;
            }
        }
    }

    /// Stops driving and gives the leases back.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if let Ok(mut name) = self.console.drives_as.write() {
            *name = None;
        }
        for task in self.tasks {
            let _ = tokio::time::timeout(Duration::from_secs(5), task).await;
        }
        if let Some(telemetry) = self.telemetry {
            // A store that does not answer keeps nobody from ending: the duty ends by itself.
            let _ = tokio::time::timeout(Duration::from_secs(5), telemetry.stop()).await;
        }
        // What was written last.
        let _ = self.console.anchor().await;
    }
}

async fn drive(engine: Arc<Engine>, holder: Holder, stop: watch::Receiver<bool>) {
    let _alive = holder;
    if let Err(error) = engine.run(stop).await {
        tracing::error!(%error, "the engine stopped");
    }
}

async fn scrape(
    console: Arc<Console>,
    samples: Arc<SampleStore>,
    options: AgentOptions,
    holder: String,
) {
    let clock = console.clock.clone();
    let now = move || clock.now().wall;
    let scraper = |every: Duration, patience: Duration| ScrapeOptions {
        interval: every.into(),
        timeout: patience.into(),
        ..ScrapeOptions::new(NODE_JOB, &holder)
    };
    let files = LockFiles {
        drivers: console.folder.drivers(),
    };
    let gone = move |holder: &str| files.is_gone(holder);
    let Some(cluster) = console.cluster.clone() else {
        let platform: Arc<LocalPlatform> = console.local.clone();
        let target = move || {
            let platform = platform.clone();
            async move { platform.metrics().await }
        };
        let options = scraper(options.scrape_every, NODE_ANSWERS);
        let scraper = Scraper::new(target, options).knowing(gone);
        return scraper.run(&samples, now).await;
    };
    // Without a source nothing is counted, and the judge says that there is no data.
    let Some(source) = cluster.place.metrics.clone() else {
        return;
    };
    let measure = Arc::new(Measure::new(cluster, source, console.secrets()));
    let target = move || {
        let measure = measure.clone();
        async move { measure.look().await }
    };
    let every = options.scrape_every.max(CLUSTER_BEAT);
    let options = scraper(every, every);
    let scraper = Scraper::new(target, options).knowing(gone);
    scraper.run(&samples, now).await;
}

/// Runs a task that never ends until it is told to.
async fn until(mut stop: watch::Receiver<bool>, task: impl Future<Output = ()>) {
    tokio::select! {
        () = task => {}
        _ = stop.wait_for(|s| *s) => {}
    }
}

/// The journal's head, noted outside of it soon after it moved, whoever moved it.
pub(crate) async fn note_heads(console: Arc<Console>) {
    let pause = Duration::from_secs(1);
    loop {
        if let (Ok(head), Ok(journal)) = (console.anchor().await, console.journal().await) {
            let mut news = journal.subscribe(head.seq);
            tokio::time::sleep(pause).await;
            while news.next().await.is_ok() && console.anchor().await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// A node that died is started again, with all that it ran. One that was stopped took its socket
/// with it, and stays away.
async fn mind_node(console: Arc<Console>) {
    let Ok(folder) = NodeFolder::new(console.folder.node()) else {
        return;
    };
    if console.cluster.is_some() {
        return;
    }
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let gone = matches!(
            console.local.node().await,
            Err(PlatformError::Unreachable { .. })
        );
        if !gone {
            continue;
        }
        // One that is being stopped is about to take it along.
        tokio::time::sleep(Duration::from_millis(300)).await;
        if !folder.socket().exists() || console.local.node().await.is_ok() {
            continue;
        }
        tracing::warn!("the node has died; starting it again");
        if let Err(problem) = console.ensure_node().await {
            tracing::warn!(%problem, "the node does not come back");
        }
    }
}

/// A jump of the clock is held off as long as somebody could be hurt by it.
async fn let_go_of_time(console: Arc<Console>) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        if !console.folder_clock.holds() {
            continue;
        }
        let quiet = match console.book().await {
            Ok(book) => !book.services.values().any(|all| all.wants_driver()),
            Err(_) => false,
        };
        if quiet {
            console.folder_clock.settle();
        }
    }
}

/// Retention, copies of the journal, and rollback records that wait.
async fn keep_books(console: Arc<Console>) {
    loop {
        let _ = console.absorb_waiting().await;
        if let Err(problem) = back_up_when_due(&console).await {
            tracing::warn!(%problem, "no copy of the journal was made");
        }
        if let Ok(samples) = console.samples().await {
            let now = console.clock.now().wall;
            if let Err(error) = samples.keep(now, &Retention::default()).await {
                tracing::debug!(%error, "old samples were not removed");
            }
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
}
