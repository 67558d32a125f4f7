//! The console itself: what it has opened, and what it could not open.
//!
//! Nothing that is broken keeps it from opening: a journal that cannot be read is an answer to
//! whoever asks for it, and no obstacle to a rollback.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deckwatch_domain::{Actor, ServiceName};
use deckwatch_journal::{
    AppendError, Expected, FileAnchor, Head, Journal, JournalError, NewEvent, Store,
};
use deckwatch_platform::Platform;
use deckwatch_platform::local::{LocalPlatform, NodeFolder, ensure_node};
use deckwatch_rollout::ports::{Clock, Ids};
use deckwatch_rollout::{Command, Event, FallbackFile, Rollouts, Waiting, decide, stream};
use deckwatch_signals::SampleStore;
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard, OnceCell, watch};

use crate::book::Book;
use crate::clock::{FolderClock, SystemClock};
use crate::cluster::Cluster;
use crate::folder::DataFolder;
use crate::gates::FreezeEvent;
pub(crate) use crate::identity::TimeIds;
use crate::identity::os_actor;
use crate::opened::OpenJournal;
use crate::problem::Problem;
use crate::pulse::Pulse;
use crate::settings::{Environment, Settings};
use crate::show::{Looks, take_in};
use crate::training::Session;

/// How a console is opened.
#[derive(Clone, Debug, Default)]
pub struct ConsoleOptions {
    pub folder: Option<PathBuf>,
    /// The program that hosts the node and the shims: this one, when not said.
    pub program: Option<PathBuf>,
    pub display: Option<String>,
    /// Which environment this is, by the settings in the folder that `base` is; the folder itself
    /// and its own `local` when not said.
    pub environment: Option<(PathBuf, Environment)>,
}

/// A console on one data folder.
pub struct Console {
    pub(crate) folder: DataFolder,
    /// Where the settings lie: the folder of the first environment.
    base: PathBuf,
    pub(crate) environment: Environment,
    pub(crate) program: PathBuf,
    pub(crate) os_actor: Actor,
    pub(crate) clock: Arc<dyn Clock>,
    /// The same clock, for those who let go of a jump that it holds off.
    pub(crate) folder_clock: Arc<FolderClock>,
    /// Where this environment's services run.
    pub(crate) platform: Arc<dyn Platform>,
    /// The node of this folder, whether or not the services are its.
    pub(crate) local: Arc<LocalPlatform>,
    /// The cluster, if the services run in one.
    pub(crate) cluster: Option<Arc<Cluster>>,
    pub(crate) fallback: Option<FallbackFile>,
    journal: OpenJournal,
    samples: OnceCell<Arc<SampleStore>>,
    book: Mutex<Book>,
    pub(crate) pulse: Mutex<Pulse>,
    pub(crate) sources: crate::metrics::Sources,
    pub(crate) counts: crate::slos::Counts,
    pub(crate) alert_books: crate::alerts::SeenBooks,
    pub(crate) looks: Looks,
    /// The training ground, while this console holds it open.
    pub(crate) session: Mutex<Option<Arc<Session>>>,
    /// See `follow.rs`.
    pub(crate) changes: std::sync::OnceLock<watch::Sender<u64>>,
    /// The name under which this very process drives, while it does.
    pub(crate) drives_as: std::sync::RwLock<Option<String>>,
    /// This process scrapes for this folder already.
    pub(crate) scrapes: AtomicBool,
    /// It was said that the journal is not as it was noted.
    doubted: AtomicBool,
}

impl Console {
    /// Opens the data folder. The journal and the samples are opened when first asked for.
    ///
    /// # Errors
    /// When the folder cannot be made, is too deep for a socket, or is another user's and closed.
    pub fn open(options: ConsoleOptions) -> Result<Console, Problem> {
        let folder = DataFolder::find(options.folder.as_deref())?;
        if let Some(problem) = folder.closed_to_us() {
            return Err(problem);
        }
        // Whoever may enter another user's folder leaves nothing in it that is closed to them.
        let ours = folder.of_another().is_none();
        if ours {
            // A folder on a full or read-only disk is no reason not to roll back from it.
            let prepared = folder.prepare();
            if !folder.path().is_dir() {
                prepared?;
            }
        }
        let program = match options.program {
            Some(program) => program,
            None => std::env::current_exe()?,
        };
        let node = NodeFolder::new(folder.node())
            .map_err(|e| Problem::new("folder.node", e.to_string()))?;
        let fallback =
            (ours || folder.fallback().exists()).then(|| FallbackFile::prepare(&folder.fallback()));
        if let Some(Err(error)) = &fallback {
            tracing::warn!(%error, "the fallback file for rollback records cannot be prepared");
        }
        let (base, environment) = match options.environment {
            Some(given) => given,
            None => here(folder.path()),
        };
        let folder_clock = Arc::new(FolderClock::new(folder.path()));
        let local = Arc::new(LocalPlatform::new(node));
        let cluster = environment.cluster.clone();
        let cluster = cluster.map(|place| Arc::new(Cluster::new(place, environment.read_only)));
        let platform: Arc<dyn Platform> = match &cluster {
            Some(cluster) => cluster.clone(),
            None => local.clone(),
        };
        Ok(Console {
            base,
            environment,
            os_actor: os_actor(options.display),
            clock: folder_clock.clone(),
            folder_clock,
            platform,
            local,
            cluster,
            fallback: fallback.and_then(Result::ok),
            journal: OpenJournal::default(),
            sources: crate::metrics::Sources::default(),
            counts: crate::slos::Counts::default(),
            alert_books: crate::alerts::SeenBooks::default(),
            samples: OnceCell::new(),
            book: Mutex::new(Book::default()),
            pulse: Mutex::default(),
            looks: Looks::default(),
            session: Mutex::default(),
            changes: std::sync::OnceLock::new(),
            drives_as: std::sync::RwLock::default(),
            scrapes: AtomicBool::default(),
            doubted: AtomicBool::default(),
            folder,
            program,
        })
    }

    pub fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// Where the settings and secrets lie, which all environments share.
    pub(crate) fn base(&self) -> &std::path::Path {
        &self.base
    }

    /// Where the settings lie, which all environments share.
    pub fn settings_file(&self) -> PathBuf {
        self.base.join("settings.json")
    }

    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// All environments that the settings name, the built-in ones first.
    pub fn environments(&self) -> Vec<Environment> {
        Settings::read(&self.settings_file())
            .unwrap_or_default()
            .all_environments(&self.base)
    }

    /// The program that hosts nodes and agents.
    pub fn program(&self) -> &std::path::Path {
        &self.program
    }

    /// Who is asking: in a cluster whom the API server takes us for, once it was asked.
    pub fn actor(&self) -> Actor {
        let known = self.cluster.as_ref().and_then(|cluster| cluster.known());
        match known {
            Some(who) => Actor {
                display: self.os_actor.display.clone(),
                ..who
            },
            None => self.os_actor.clone(),
        }
    }

    /// Where this environment's services run.
    pub fn platform(&self) -> &dyn Platform {
        self.platform.as_ref()
    }

    /// The node of this folder.
    pub fn local(&self) -> &LocalPlatform {
        &self.local
    }

    /// The journal. One that was put in its place since it was opened is opened instead, and one
    /// that could not be opened is tried again.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub async fn journal(&self) -> Result<Journal, JournalError> {
        self.journal.get(&self.folder.journal()).await
    }

    pub(crate) async fn store(&self) -> Result<Arc<dyn Store>, JournalError> {
        Ok(Arc::new(self.journal().await?))
    }

    /// The samples, opened once. A damaged file is set aside: it is history, not truth.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub async fn samples(&self) -> Result<Arc<SampleStore>, Problem> {
        let path = self.folder.samples();
        self.samples
            .get_or_try_init(|| async {
                let wrong =
                    |e: deckwatch_signals::StoreError| Problem::new("samples", e.to_string());
                match SampleStore::open(&path).await {
                    Ok(store) => Ok(Arc::new(store)),
                    Err(deckwatch_signals::StoreError::Corrupt { .. }) => {
                        deckwatch_signals::set_aside(&path, SystemClock::wall())
                            .await
                            .map_err(wrong)?;
                        SampleStore::open(&path).await.map(Arc::new).map_err(wrong)
                    }
                    Err(error) => Err(wrong(error)),
                }
            })
            .await
            .cloned()
    }

    /// Starts the node if none answers and the services of this environment are its.
    ///
    /// # Errors
    /// Why it did not come up.
    pub async fn ensure_platform(&self) -> Result<(), Problem> {
        match &self.cluster {
            None => self.ensure_node().await,
            Some(cluster) => Ok(cluster.platform().await.map(|_| ())?),
        }
    }

    /// Starts the node if none answers. In another user's folder none is started: it would be
    /// closed to them, and so would be all that it makes there.
    ///
    /// # Errors
    /// Why it did not come up.
    pub async fn ensure_node(&self) -> Result<(), Problem> {
        if let Some(problem) = self.folder.of_another() {
            return self.local.node().await.map(|_| ()).map_err(|_| problem);
        }
        let folder = NodeFolder::new(self.folder.node())
            .map_err(|e| Problem::new("folder.node", e.to_string()))?;
        let command = vec![
            self.program.clone().into_os_string(),
            "--data".into(),
            self.folder.path().as_os_str().to_owned(),
            "node".into(),
            "run".into(),
        ];
        let patience = std::time::Duration::from_secs(10);
        let mut started = ensure_node(&folder, &command, patience).await;
        if started.is_err() {
            // A node that has just been killed may not be quite gone, and hold its lock.
            started = ensure_node(&folder, &command, patience).await;
        }
        started
            .map(|_| ())
            .map_err(|e| Problem::new("node.start", e.to_string()))
    }

    /// Every service's rollouts, brought up to date.
    pub(crate) async fn book(&self) -> Result<MutexGuard<'_, Book>, JournalError> {
        let store = self.store().await?;
        let mut book = self.book.lock().await;
        let journals = self.journal.times();
        if book.journal != journals {
            // It told of the journal before.
            *book = Book::of(journals);
        }
        book.catch_up(store.as_ref()).await?;
        Ok(book)
    }

    /// One service's rollouts, read from its stream.
    pub(crate) async fn rollouts(&self, service: &ServiceName) -> Result<Rollouts, JournalError> {
        let store = self.store().await?;
        let mut state = Rollouts::new(service.clone());
        let version = take_in(store.as_ref(), &stream(service), |event, actor, at| {
            state.evolve(&event, actor, at);
        })
        .await?;
        state.version = version;
        Ok(state)
    }

    /// Decides on a command and records what came of it; decides anew when somebody wrote first.
    pub(crate) async fn command(
        &self,
        service: &ServiceName,
        command: &Command,
    ) -> Result<Vec<Event>, Problem> {
        let store = self.store().await?;
        for _ in 0..16 {
            let state = self.rollouts(service).await?;
            let now = self.clock.now().wall;
            let events = decide(&state, command, &self.actor(), now)?;
            let new = events.iter().map(|event| self.new_event(event)).collect();
            let expected = Expected::Version(state.version);
            match store
                .append(&stream(service), expected, new, None, now)
                .await
            {
                Ok(_) => {
                    self.anchor_after(command, &events).await;
                    return Ok(events);
                }
                Err(AppendError::Conflict { .. }) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Problem::new(
            "journal.conflict",
            "others keep writing first; try again",
        ))
    }

    fn new_event(&self, event: &Event) -> NewEvent {
        let (event_id, actor, occurred_at) = match event {
            Event::TakenBack { record } => (record.event_id, record.actor.clone(), record.at),
            _ => (TimeIds.event(), self.actor(), self.clock.now().wall),
        };
        NewEvent {
            event_id,
            kind: event.kind().into(),
            payload: event.payload(),
            actor,
            occurred_at,
        }
    }

    pub(crate) async fn record_freeze(&self, event: &FreezeEvent) -> Result<(), Problem> {
        let payload = serde_json::json!(event);
        self.record(crate::gates::FREEZE, event.kind(), &payload)
            .await
    }

    /// Writes one event by this console's actor.
    pub(crate) async fn record(
        &self,
        stream: &str,
        kind: &str,
        payload: &serde_json::Value,
    ) -> Result<(), Problem> {
        let now = self.clock.now().wall;
        let new = NewEvent {
            event_id: TimeIds.event(),
            kind: kind.into(),
            payload: serde_json::to_vec(payload).unwrap_or_default(),
            actor: self.actor(),
            occurred_at: now,
        };
        let store = self.store().await?;
        store
            .append(stream, Expected::Any, vec![new], None, now)
            .await?;
        let _ = self.anchor().await;
        Ok(())
    }

    /// Writes events of these kinds at the end of a stream that is known up to `version`, by this
    /// console's actor; false when somebody wrote first.
    pub(crate) async fn append_at(
        &self,
        stream: &str,
        version: u64,
        events: Vec<(&'static str, serde_json::Value)>,
        now: deckwatch_domain::Timestamp,
    ) -> Result<bool, Problem> {
        let new = events.into_iter().map(|(kind, payload)| NewEvent {
            event_id: TimeIds.event(),
            kind: kind.into(),
            payload: serde_json::to_vec(&payload).unwrap_or_default(),
            actor: self.actor(),
            occurred_at: now,
        });
        let expected = Expected::Version(version);
        let store = self.store().await?;
        match store
            .append(stream, expected, new.collect(), None, now)
            .await
        {
            Ok(_) => Ok(true),
            Err(AppendError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings rollback records that waited in the fallback file into the journal.
    pub async fn absorb_waiting(&self) -> Result<usize, Problem> {
        let Some(fallback) = &self.fallback else {
            return Ok(0);
        };
        let waiting = fallback.waiting()?;
        let mut taken = Vec::new();
        for Waiting { service, record } in waiting {
            let id = record.event_id;
            self.command(&service, &Command::Absorb { record }).await?;
            taken.push(id);
        }
        if !taken.is_empty() {
            fallback.forget(&taken)?;
        }
        Ok(taken.len())
    }

    /// Notes the journal's head outside of it, so that a cut tail is seen, and another journal in
    /// its place. That it is not as it was noted is said aloud once.
    pub(crate) async fn anchor(&self) -> Result<Head, JournalError> {
        let anchor = FileAnchor::new(self.folder.anchor());
        let noted = anchor.advance(&self.journal().await?).await;
        match &noted {
            Ok(_) => self.doubted.store(false, Ordering::Relaxed),
            Err(error @ JournalError::Unanchored(_)) => {
                if !self.doubted.swap(true, Ordering::Relaxed) {
                    tracing::warn!("{error}; `deckwatchctl journal set-aside` mends it");
                }
            }
            Err(error) => tracing::debug!(%error, "the journal's head was not noted"),
        }
        noted
    }

    /// A process that ends with its command notes what it wrote; but while traffic is on its way
    /// back nothing is waited for, and whoever writes next notes that as well.
    async fn anchor_after(&self, command: &Command, events: &[Event]) {
        let goes_back = |event: &Event| matches!(event, Event::RollbackRequested { .. });
        if !matches!(command, Command::Absorb { .. }) && !events.iter().any(goes_back) {
            let _ = self.anchor().await;
        }
    }

    pub(crate) async fn known(&self, service: &ServiceName) -> Result<(), Problem> {
        let services = self.platform.services().await?;
        if services.contains(service) {
            return Ok(());
        }
        let names: Vec<String> = services.iter().map(ToString::to_string).collect();
        Err(Problem::new(
            "service.unknown",
            match names.len() {
                0 => format!("no service is defined yet, so there is no {service}"),
                _ => format!(
                    "there is no service {service}; there is: {}",
                    names.join(", ")
                ),
            },
        )
        .with(json!(names)))
    }
}

/// A folder that was opened by its path is the environment that its settings say it is.
fn here(folder: &std::path::Path) -> (PathBuf, Environment) {
    let of = |base: &std::path::Path| {
        let settings = Settings::read(&base.join("settings.json")).unwrap_or_default();
        let all = settings.all_environments(base);
        let found = all.into_iter().find(|e| e.folder == folder);
        found.map(|environment| (base.to_owned(), environment))
    };
    let inside = folder
        .ends_with("training")
        .then(|| folder.parent().and_then(of));
    inside.flatten().or_else(|| of(folder)).unwrap_or_else(|| {
        let mut all = Settings::default().all_environments(folder);
        (folder.to_owned(), all.swap_remove(0))
    })
}
