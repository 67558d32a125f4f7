//! The console itself: what it has opened, and what it could not open.
//!
//! Nothing that is broken keeps it from opening: a journal that cannot be read is an answer to
//! whoever asks for it, and no obstacle to a rollback.

use std::path::PathBuf;
use std::sync::Arc;

use deckwatch_domain::{Actor, EventId, IntentId, ServiceName};
use deckwatch_journal::{
    AppendError, Expected, FileAnchor, Journal, JournalError, NewEvent, Opening, Store,
};
use deckwatch_platform::Platform;
use deckwatch_platform::local::{LocalPlatform, NodeFolder, ensure_node};
use deckwatch_rollout::ports::{Clock, Ids};
use deckwatch_rollout::{Command, Event, FallbackFile, Rollouts, Waiting, decide, stream};
use deckwatch_signals::SampleStore;
use serde_json::json;
use tokio::sync::{Mutex, OnceCell};

use crate::book::Book;
use crate::clock::SystemClock;
use crate::folder::DataFolder;
use crate::gates::FreezeEvent;
use crate::identity::os_actor;
use crate::problem::Problem;

/// How a console is opened.
#[derive(Clone, Debug, Default)]
pub struct ConsoleOptions {
    pub folder: Option<PathBuf>,
    /// The program that hosts the node and the shims: this one, when not said.
    pub program: Option<PathBuf>,
    pub display: Option<String>,
}

/// A console on one data folder.
pub struct Console {
    pub(crate) folder: DataFolder,
    pub(crate) program: PathBuf,
    pub(crate) actor: Actor,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) platform: Arc<LocalPlatform>,
    pub(crate) fallback: Option<FallbackFile>,
    journal: OnceCell<Result<Journal, JournalError>>,
    samples: OnceCell<Arc<SampleStore>>,
    book: Mutex<Book>,
}

/// Fresh ids that sort by time.
pub(crate) struct TimeIds;

impl Ids for TimeIds {
    fn event(&self) -> EventId {
        EventId::new(uuid::Uuid::now_v7())
    }
    fn intent(&self) -> IntentId {
        IntentId::new(uuid::Uuid::now_v7())
    }
}

impl Console {
    /// Opens the data folder. The journal and the samples are opened when first asked for.
    ///
    /// # Errors
    /// When the folder cannot be made, or is too deep for a socket.
    pub fn open(options: ConsoleOptions) -> Result<Console, Problem> {
        let folder = DataFolder::find(options.folder.as_deref())?;
        // A folder on a full or read-only disk is no reason not to roll back from it.
        let prepared = folder.prepare();
        if !folder.path().is_dir() {
            prepared?;
        }
        let program = match options.program {
            Some(program) => program,
            None => std::env::current_exe()?,
        };
        let node = NodeFolder::new(folder.node())
            .map_err(|e| Problem::new("folder.node", e.to_string()))?;
        let fallback = FallbackFile::prepare(&folder.fallback());
        if let Err(error) = &fallback {
            tracing::warn!(%error, "the fallback file for rollback records cannot be prepared");
        }
        Ok(Console {
            actor: os_actor(options.display),
            clock: Arc::new(SystemClock),
            platform: Arc::new(LocalPlatform::new(node)),
            fallback: fallback.ok(),
            journal: OnceCell::new(),
            samples: OnceCell::new(),
            book: Mutex::new(Book::default()),
            folder,
            program,
        })
    }

    pub fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// Who is asking.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    pub fn platform(&self) -> &LocalPlatform {
        &self.platform
    }

    /// The journal, opened once. What could not be opened is tried again by the next console.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub async fn journal(&self) -> Result<&Journal, JournalError> {
        let path = self.folder.journal();
        self.journal
            .get_or_init(|| async { Journal::open_with(&path, Opening::default()).await })
            .await
            .as_ref()
            .map_err(Clone::clone)
    }

    pub(crate) async fn store(&self) -> Result<Arc<dyn Store>, JournalError> {
        Ok(Arc::new(self.journal().await?.clone()))
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

    /// Starts the node if none answers.
    ///
    /// # Errors
    /// Why it did not come up.
    pub async fn ensure_node(&self) -> Result<(), Problem> {
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
    pub(crate) async fn book(&self) -> Result<Book, JournalError> {
        let store = self.store().await?;
        let mut book = self.book.lock().await;
        book.catch_up(store.as_ref()).await?;
        Ok(book.clone())
    }

    /// One service's rollouts, read from its stream.
    pub(crate) async fn rollouts(&self, service: &ServiceName) -> Result<Rollouts, JournalError> {
        let store = self.store().await?;
        let mut state = Rollouts::new(service.clone());
        loop {
            let events = store
                .read_stream(&stream(service), state.version, 500)
                .await?;
            for recorded in &events {
                state.version = recorded.version;
                let payload = recorded.payload.as_deref().unwrap_or_default();
                if let Ok(event) = serde_json::from_slice::<Event>(payload) {
                    state.evolve(&event, &recorded.actor, recorded.occurred_at);
                }
            }
            if events.len() < 500 {
                return Ok(state);
            }
        }
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
            let events = decide(&state, command, &self.actor, now)?;
            let new = events.iter().map(|event| self.new_event(event)).collect();
            let expected = Expected::Version(state.version);
            match store
                .append(&stream(service), expected, new, None, now)
                .await
            {
                Ok(_) => return Ok(events),
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
            _ => (TimeIds.event(), self.actor.clone(), self.clock.now().wall),
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
        let now = self.clock.now().wall;
        let new = NewEvent {
            event_id: TimeIds.event(),
            kind: event.kind().into(),
            payload: serde_json::to_vec(event).unwrap_or_default(),
            actor: self.actor.clone(),
            occurred_at: now,
        };
        self.store()
            .await?
            .append(crate::gates::FREEZE, Expected::Any, vec![new], None, now)
            .await?;
        Ok(())
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

    /// Notes the journal's head outside of it, so that a cut tail is seen.
    pub(crate) async fn anchor(&self) -> Result<(), JournalError> {
        let head = self.journal().await?.head().await?;
        FileAnchor::new(self.folder.anchor()).write(&head)
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
