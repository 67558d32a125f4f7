//! The environments that one window can look at, each opened when it is first looked at, and
//! driven from here once there is something to drive.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::agent::{Agent, AgentOptions};
use crate::console::{Console, ConsoleOptions};
use crate::folder::DataFolder;
use crate::live::{self, Frame};
use crate::problem::Problem;
use crate::route::{self, Nothing};
use crate::settings::{Drive, Environment, LOCAL, Settings};
use crate::telemetry::Telemetry;
use crate::training;

/// How long until it is looked again whether there is something to drive.
const AGAIN: Duration = Duration::from_secs(2);

/// How a desk is set up.
#[derive(Clone, Debug, Default)]
pub struct DeskOptions {
    pub folder: Option<PathBuf>,
    /// The program that hosts nodes and agents: this one, when not said.
    pub program: Option<PathBuf>,
}

/// All environments of one base folder.
pub struct Desk {
    base: PathBuf,
    program: Option<PathBuf>,
    open: Mutex<BTreeMap<String, Open>>,
}

struct Open {
    console: Arc<Console>,
    driver: Option<tokio::task::JoinHandle<()>>,
    telemetry: Option<tokio::task::JoinHandle<Option<Telemetry>>>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Desk {
    /// # Errors
    /// That no folder is known.
    pub fn new(options: DeskOptions) -> Result<Arc<Desk>, Problem> {
        let base = DataFolder::find(options.folder.as_deref())?;
        Ok(Arc::new(Desk {
            base: base.path().to_owned(),
            program: options.program,
            open: Mutex::default(),
        }))
    }

    pub fn base(&self) -> &std::path::Path {
        &self.base
    }

    fn settings(&self) -> Result<Settings, Problem> {
        Settings::read(&self.base.join("settings.json"))
    }

    /// All environments, the built-in ones first. A settings file that cannot be read leaves
    /// these: it must not stand between anybody and a rollback.
    pub fn environments(&self) -> Vec<Environment> {
        self.settings()
            .unwrap_or_default()
            .all_environments(&self.base)
    }

    /// The console of an environment, opened if it was not.
    ///
    /// # Errors
    /// That there is no such environment, or that its folder cannot be made.
    pub async fn console(self: &Arc<Self>, name: &str) -> Result<Arc<Console>, Problem> {
        let mut open = self.open.lock().await;
        if let Some(open) = open.get(name) {
            return Ok(open.console.clone());
        }
        let console = Arc::new(self.open_console(name)?);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let driver = self.drives().then(|| {
            let desk = Arc::downgrade(self);
            tokio::spawn(drive(desk, name.to_owned(), console.clone(), stopped))
        });
        // Beside whoever asks: nobody waits for samples to be opened.
        let telemetry = self.drives().then(|| tokio::spawn(scrape(console.clone())));
        let opened = Open {
            console: console.clone(),
            driver,
            telemetry,
            stop,
        };
        open.insert(name.to_owned(), opened);
        Ok(console)
    }

    /// Whether somebody has looked at it.
    pub async fn is_open(&self, name: &str) -> bool {
        self.open.lock().await.contains_key(name)
    }

    fn open_console(&self, name: &str) -> Result<Console, Problem> {
        let settings = self.settings().unwrap_or_default();
        let environment = settings.named(&self.base, name)?;
        Console::open(ConsoleOptions {
            folder: Some(environment.folder.clone()),
            program: self.program.clone(),
            display: settings.display,
            environment: Some((self.base.clone(), environment)),
        })
    }

    fn drives(&self) -> bool {
        self.settings().unwrap_or_default().drive == Drive::Window
    }

    /// Answers one question.
    ///
    /// # Errors
    /// The question's own.
    pub async fn ask(
        self: &Arc<Self>,
        environment: &str,
        name: &str,
        params: Value,
        tell: &mut (dyn FnMut(Value) + Send),
    ) -> Result<Value, Problem> {
        let console = self.console(environment).await?;
        let before = (name == "settings.change").then(|| self.environments());
        let answer = route::route_telling(&console, name, params, tell).await;
        if let Some(before) = before {
            self.reopen_changed(&before).await;
        }
        if name == "journal.set-aside" && answer.is_ok() {
            self.close_one(environment).await;
        }
        answer
    }

    /// Watches one query until `tell` says that nobody listens any more.
    pub async fn watch(
        self: &Arc<Self>,
        environment: &str,
        name: String,
        params: Value,
        tell: impl Fn(Frame) -> bool + Send + Sync,
    ) {
        match self.console(environment).await {
            Ok(console) => live::watch(console, name, params, tell).await,
            Err(problem) => {
                let at = crate::clock::SystemClock::wall();
                tell(Frame::Problem { at, problem });
            }
        }
    }

    /// What was changed in the settings holds from the next question on.
    async fn reopen_changed(&self, before: &[Environment]) {
        let after = self.environments();
        for old in before {
            if !after.contains(old) {
                self.close_one(&old.name).await;
            }
        }
    }

    async fn close_one(&self, name: &str) {
        let closed = self.open.lock().await.remove(name);
        if let Some(open) = closed {
            end(open).await;
        }
    }

    /// Gives leases back and ends what only a window needs: the training ground's load and driver.
    /// Nodes and services go on.
    pub async fn close(&self) {
        let all = std::mem::take(&mut *self.open.lock().await);
        for (_, open) in all {
            end(open).await;
        }
    }
}

async fn end(open: Open) {
    let _ = open.stop.send(true);
    if let Some(driver) = open.driver {
        let _ = tokio::time::timeout(Duration::from_secs(6), driver).await;
    }
    if let Some(telemetry) = open.telemetry {
        let started = tokio::time::timeout(Duration::from_secs(1), telemetry).await;
        if let Ok(Ok(Some(telemetry))) = started {
            telemetry.stop().await;
        }
    }
    // A closed window takes the whole training ground with it: nobody else looks after it.
    if open.console.session.lock().await.is_some() {
        let _ = training::down(&open.console, Nothing {}).await;
    }
}

async fn scrape(console: Arc<Console>) -> Option<Telemetry> {
    Telemetry::start(&console).await.unwrap_or_else(|problem| {
        tracing::warn!(%problem, "nothing is scraped but the node");
        None
    })
}

/// Drives an environment from the moment that there is something to drive.
async fn drive(
    desk: Weak<Desk>,
    name: String,
    console: Arc<Console>,
    mut stop: tokio::sync::watch::Receiver<bool>,
) {
    loop {
        if wanted(&console).await {
            match Agent::start(&console, AgentOptions::default()).await {
                Ok(agent) => {
                    let end = tokio::select! {
                        () = agent.outdated() => End::Outdated,
                        () = ground_opens(&console) => End::NotNeeded,
                        _ = stop.wait_for(|stop| *stop) => End::Stopped,
                    };
                    agent.stop().await;
                    match end {
                        End::NotNeeded => {}
                        End::Stopped => return,
                        // The journal's file is another one now: whoever asks next gets a new
                        // console.
                        End::Outdated => {
                            if let Some(desk) = desk.upgrade() {
                                desk.open.lock().await.remove(&name);
                            }
                            return;
                        }
                    }
                }
                Err(problem) => tracing::warn!(%problem, environment = name, "nothing drives"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

enum End {
    Stopped,
    Outdated,
    NotNeeded,
}

/// An environment is driven once something is defined in it. The training ground brings a driver
/// of its own, which its drills can kill; only what a killed window left under way there, without
/// load and without that driver, is brought to its end from here.
async fn wanted(console: &Console) -> bool {
    if !training::is_training(console) {
        return !crate::line::is_untouched(console).await;
    }
    if training::is_open(console) {
        return false;
    }
    let Ok(book) = console.book().await else {
        return false;
    };
    let mut current = book
        .services
        .values()
        .filter_map(|all| all.current.as_ref());
    current.any(|rollout| rollout.is_live())
}

async fn ground_opens(console: &Console) {
    if !training::is_training(console) {
        return std::future::pending().await;
    }
    while !training::is_open(console) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The environment that a window shows first.
pub const FIRST: &str = LOCAL;
