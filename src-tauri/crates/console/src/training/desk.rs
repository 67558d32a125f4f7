//! A desk on the training ground: what a drill can do, done for real.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{ReleaseVersion, ServiceName, Slot, Timestamp};
use deckwatch_platform::Traffic;
use deckwatch_rollout::lane::Report;
use deckwatch_rollout::plan::RollbackKind;
use deckwatch_rollout::{Event, RolloutStatus};
use deckwatch_training::drills::{Desk, Outcome, SERVICE};
use deckwatch_training::load::{LoadHandle, LoadOptions, LoadReport};
use serde_json::json;

use super::kept::{Kept, keep_grades, kept_grades};
use super::mishaps::{self, Mishaps, spawn_driver};
use super::session::{BEGAN, GRADED, PLAYED, STOPPED};
use super::{By, RATE, ground, release, reopen, stand, training_console};
use crate::back::{RollBack, roll_back};
use crate::console::Console;
use crate::folder::DataFolder;
use crate::journal::Aside;
use crate::problem::Problem;
use crate::revisions::{Undo, undo};
use crate::rollouts::{GiveUp, abort};
use crate::route::ByService;
use crate::show;

/// A desk on the training ground: what a drill can do, done for real.
pub struct TrainingDesk {
    console: Mutex<Arc<Console>>,
    agent: tokio::sync::Mutex<Option<tokio::process::Child>>,
    load: Mutex<Option<LoadHandle>>,
    rate: Mutex<f64>,
    mishaps: Mishaps,
    /// Grades that were kept in a journal that a drill destroys.
    grades: Mutex<Vec<Kept>>,
    /// What served everyone when the drill began.
    pub(super) found: Mutex<Option<ReleaseVersion>>,
    tell: Box<dyn Fn(&str) + Send + Sync>,
}

impl TrainingDesk {
    /// A desk in the training folder that belongs to `console`.
    ///
    /// # Errors
    /// That the folder cannot be made.
    pub fn new(
        console: &Console,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Problem> {
        Ok(TrainingDesk {
            console: Mutex::new(Arc::new(training_console(console)?)),
            agent: tokio::sync::Mutex::new(None),
            load: Mutex::new(None),
            rate: Mutex::new(RATE),
            mishaps: Mishaps::default(),
            grades: Mutex::default(),
            found: Mutex::default(),
            tell: Box::new(tell),
        })
    }

    /// Another load than the usual 1,000 requests a second.
    #[must_use]
    pub fn at_rate(self, rate: f64) -> Self {
        self.set_rate(rate);
        self
    }

    /// Changes the load from now on, held to 1–5000 requests a second; returns what is in force.
    pub fn set_rate(&self, rate: f64) -> f64 {
        let rate = if rate.is_nan() {
            RATE
        } else {
            rate.clamp(1.0, 5000.0)
        };
        *self.rate.lock().unwrap_or_else(PoisonError::into_inner) = rate;
        if let Some(load) = self
            .load
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
        {
            load.set_rate(rate);
        }
        rate
    }

    pub fn console(&self) -> Arc<Console> {
        self.console
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Writes how a drill went into the training ground's journal.
    ///
    /// # Errors
    /// The journal's.
    pub async fn record(&self, outcome: &Outcome) -> Result<(), Problem> {
        // The timeline is the load generator's own log of every second, and no one's fact.
        let mut payload = json!(outcome);
        if let Some(load) = payload.get_mut("load").and_then(|l| l.as_object_mut()) {
            load.remove("timeline");
        }
        self.console().record(PLAYED, GRADED, &payload).await
    }

    pub fn folder(&self) -> DataFolder {
        self.console().folder.clone()
    }

    /// Leaves nothing running: load, agent, node and instances.
    pub async fn leave(&self) {
        self.mishaps.undo(&self.console()).await;
        let load = self
            .load
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(load) = load {
            load.stop().await;
        }
        if let Some(mut agent) = self.agent.lock().await.take() {
            let _ = agent.kill().await;
        }
        let console = self.console();
        let Ok(node) = console.local.node().await else {
            return;
        };
        let _ = console.local.shutdown().await;
        // It drains and ends what it runs, and nothing is left once it has ended itself.
        for _ in 0..400 {
            if !mishaps::is_alive(node.pid) {
                return;
            }
            console.clock.sleep(Duration::from_millis(50)).await;
        }
    }

    /// Services, a driver and load. With a reason to begin anew, what is under way is ended in
    /// these words and the version that drills begin with serves; without one, whatever was started
    /// here goes on.
    pub(super) async fn prepare(&self, anew: Option<&str>) -> Result<(), String> {
        let text = |p: Problem| p.to_string();
        let console = self.console();
        self.mishaps.undo(&console).await;
        console.ensure_node().await.map_err(text)?;
        self.start_driver().await?;
        let demos = stand(&console).await.map_err(text)?;
        if let Some(note) = anew {
            self.clear(note).await.map_err(text)?;
            self.calm().await.map_err(text)?;
            self.base(&demos).await.map_err(text)?;
        }
        let found = self.serving().await.map_err(text)?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
        let demo = demos
            .iter()
            .find(|d| d.name == SERVICE)
            .ok_or("no demo service")?;
        let target = std::net::SocketAddr::from(([127, 0, 0, 1], demo.port));
        let options = LoadOptions {
            rate: *self.rate.lock().unwrap_or_else(PoisonError::into_inner),
            ..LoadOptions::new(target)
        };
        let handle = deckwatch_training::load::start(options).map_err(|e| e.to_string())?;
        let before = self
            .load
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(handle);
        if let Some(before) = before {
            before.stop().await;
        }
        // A few scrapes, so that a plan can be held against today's traffic.
        self.sleep(Duration::from_secs(4)).await;
        Ok(())
    }

    async fn start_as(&self, version: &str, plan: By<'_>) -> Result<(), String> {
        let console = self.console();
        let demos = ground(&console);
        let demo = demos
            .iter()
            .find(|d| d.name == SERVICE)
            .ok_or("no demo service")?;
        release(&console, demo, version, plan)
            .await
            .map_err(|p| p.to_string())
    }

    pub(super) fn service() -> Result<ServiceName, String> {
        ServiceName::new(SERVICE).map_err(|e| e.to_string())
    }

    pub(super) async fn abort(&self, note: &str) -> Result<(), Problem> {
        let service =
            ServiceName::new(SERVICE).map_err(|e| Problem::new("training", e.to_string()))?;
        let ask = GiveUp {
            service,
            note: note.into(),
            kind: RollbackKind::Quick,
        };
        match abort(&self.console(), ask).await {
            // It may have ended between the look and the word.
            Err(problem) if !problem.is_refusal() => Err(problem),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Desk for TrainingDesk {
    fn now(&self) -> Timestamp {
        self.console().clock.now().wall
    }

    async fn sleep(&self, duration: Duration) {
        self.console().clock.sleep(duration).await;
    }

    fn tell(&self, line: &str) {
        (self.tell)(line);
    }

    async fn begin(&self) -> Result<(), String> {
        self.prepare(Some("a new drill begins")).await?;
        // Whoever opens the ground after a crash finds by this that a drill was under way.
        let began = self.console();
        let began = began.record(PLAYED, BEGAN, &json!({})).await;
        began.map_err(|problem| problem.to_string())
    }

    fn load(&self) -> LoadReport {
        let load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        load.as_ref().map(LoadHandle::snapshot).unwrap_or_default()
    }

    fn silence(&self, silent: bool) {
        let load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = load.as_ref() {
            load.silence(silent);
        }
    }

    async fn start_by(&self, version: &str, plan: &str) -> Result<(), String> {
        self.start_as(version, By::Name(plan)).await
    }

    async fn start_with(&self, version: &str, plan: &str) -> Result<(), String> {
        self.start_as(version, By::Text(plan)).await
    }

    async fn undo(&self, plan: &str) -> Result<(), String> {
        let ask = Undo {
            service: Self::service()?,
            to: None,
            plan: None,
            plan_yaml: Some(plan.to_owned()),
            supersede: false,
        };
        let begun = undo(&self.console(), ask).await;
        begun.map(|_| ()).map_err(|p| p.to_string())
    }

    async fn set_faults(&self, version: &str, faults: &serde_json::Value) -> Result<(), String> {
        let seen = self.console().platform.observe(&Self::service()?).await;
        let seen = seen.map_err(|e| e.to_string())?;
        for slot in Slot::BOTH.map(|slot| &seen.slots[slot]) {
            let runs = slot.release.as_ref();
            if runs.is_none_or(|r| r.version.as_str() != version) {
                continue;
            }
            for port in slot.instances.iter().filter_map(|i| i.port) {
                deckwatch_training::set_faults(port, faults).await?;
            }
        }
        Ok(())
    }

    async fn ready(&self) -> Result<(u32, u32), String> {
        let seen = self.console().platform.observe(&Self::service()?).await;
        let seen = seen.map_err(|e| e.to_string())?;
        let serving = Slot::BOTH
            .into_iter()
            .find(|slot| seen.traffic.weights.of(*slot) == 100);
        let ready = serving.map_or(0, |slot| seen.slots[slot].ready);
        Ok((ready, seen.instances))
    }

    async fn status(&self) -> Result<RolloutStatus, String> {
        let by = ByService {
            service: Self::service()?,
        };
        let view = show::show(&self.console(), by)
            .await
            .map_err(|p| p.to_string())?;
        Ok(view.status)
    }

    async fn story(&self) -> Result<Vec<(Event, Timestamp)>, String> {
        let story = show::story(&self.console(), &Self::service()?)
            .await
            .map_err(|p| p.to_string())?;
        Ok(story
            .into_iter()
            .map(|(event, _, at)| (event, at))
            .collect())
    }

    async fn roll_back(&self, reason: &str) -> Result<Report, String> {
        let ask = RollBack {
            kind: RollbackKind::Quick,
            service: Self::service()?,
            reason: reason.into(),
            now: false,
            event_id: None,
        };
        let answer = roll_back(&self.console(), ask)
            .await
            .map_err(|p| p.to_string())?;
        Ok(answer.report)
    }

    async fn traffic(&self) -> Result<Traffic, String> {
        let seen = self.console().platform.observe(&Self::service()?).await;
        Ok(seen.map_err(|e| e.to_string())?.traffic)
    }

    async fn give_up(&self, why: &str) -> Result<(), String> {
        self.abort(why).await.map_err(|p| p.to_string())
    }

    fn schema_file(&self) -> PathBuf {
        mishaps::schema(&self.console())
    }

    async fn start_second_driver(&self) -> Result<(), String> {
        self.mishaps.second_driver(&self.console()).await
    }

    async fn put_driver_to_sleep(&self, span: Duration) -> Result<(), String> {
        let agent = self.agent.lock().await;
        let driver = agent.as_ref().ok_or("no driver runs")?;
        let console = self.console();
        for _ in 0..5 {
            self.mishaps.sleep(driver, span).await?;
            // Two laptops do not share a file. Here they do, and one that was stopped in the
            // middle of a write would keep the other from its own.
            let note = json!({ "for_s": span.as_secs() });
            let note = console.record("training/mishaps", "driver.asleep", &note);
            if tokio::time::timeout(Duration::from_millis(700), note)
                .await
                .is_ok()
            {
                return Ok(());
            }
            self.mishaps.wake().await;
            self.sleep(Duration::from_millis(100)).await;
        }
        Err("the driver could not be stopped between two writes".into())
    }

    async fn kill_node(&self) -> Result<(), String> {
        mishaps::kill_node(&self.console()).await
    }

    async fn move_clock(&self, seconds: i64) -> Result<(), String> {
        mishaps::move_clock(&self.console(), seconds)
    }

    async fn fill_disk(&self) -> Result<(), String> {
        match self.agent.lock().await.as_ref() {
            Some(driver) => self.mishaps.fill(driver),
            None => Err("no driver runs".into()),
        }
    }

    async fn empty_disk(&self) -> Result<(), String> {
        self.mishaps.empty()
    }

    async fn roll_back_on_full_disk(&self, reason: &str) -> Result<Report, String> {
        mishaps::roll_back(&self.console(), reason).await
    }

    async fn mend(&self) -> Result<(), String> {
        self.silence(false);
        self.mishaps.undo(&self.console()).await;
        let patience = Duration::from_secs(20);
        match tokio::time::timeout(patience, self.restore()).await {
            Ok(Ok(())) => {
                let console = self.console();
                let stopped = console.record(PLAYED, STOPPED, &json!({})).await;
                stopped.map_err(|problem| problem.to_string())
            }
            Ok(Err(problem)) => Err(problem.to_string()),
            Err(_) => Err(format!("not mended within {} s", patience.as_secs())),
        }
    }

    async fn kill_driver(&self) -> Result<(), String> {
        match self.agent.lock().await.take() {
            // tokio's kill is SIGKILL: no farewell, as in a crash.
            Some(mut agent) => agent.kill().await.map_err(|e| e.to_string()),
            None => Err("no driver runs".into()),
        }
    }

    async fn start_driver(&self) -> Result<(), String> {
        let mut agent = self.agent.lock().await;
        let gone = match agent.as_mut() {
            Some(child) => child.try_wait().map_err(|e| e.to_string())?.is_some(),
            None => true,
        };
        if gone {
            let console = self.console();
            *agent = Some(spawn_driver(&console)?);
        }
        Ok(())
    }

    async fn lose_journal(&self) -> Result<(), String> {
        let console = self.console();
        let grades = kept_grades(&console).await;
        *self.grades.lock().unwrap_or_else(PoisonError::into_inner) = grades;
        // In place, as a bad disk would: every program that has it open sees the nonsense.
        let path = console.folder.journal();
        let length = std::fs::metadata(&path).map_err(|e| e.to_string())?.len();
        let nonsense = vec![0xA5u8; usize::try_from(length).unwrap_or(4096)];
        for file in [path.clone(), path.with_extension("db-wal")] {
            if file.exists() {
                std::fs::write(&file, &nonsense).map_err(|e| e.to_string())?;
            }
        }
        // A person who opens the console now finds the journal like that.
        let again =
            reopen(&console, console.folder.path().to_owned()).map_err(|p| p.to_string())?;
        *self.console.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(again);
        Ok(())
    }

    async fn new_journal(&self) -> Result<(), String> {
        if let Some(mut agent) = self.agent.lock().await.take() {
            let _ = agent.kill().await;
        }
        let console = self.console();
        crate::journal::set_aside(&console, Aside::default())
            .await
            .map_err(|p| p.to_string())?;
        let again =
            reopen(&console, console.folder.path().to_owned()).map_err(|p| p.to_string())?;
        again.absorb_waiting().await.map_err(|p| p.to_string())?;
        let grades =
            std::mem::take(&mut *self.grades.lock().unwrap_or_else(PoisonError::into_inner));
        keep_grades(&again, grades)
            .await
            .map_err(|p| p.to_string())?;
        *self.console.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(again);
        Ok(())
    }
}
