//! A desk on the training ground: what a drill can do, done for real.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{ServiceName, Timestamp};
use deckwatch_rollout::lane::Report;
use deckwatch_rollout::plan::RollbackKind;
use deckwatch_rollout::{Event, RolloutStatus};
use deckwatch_training::drills::{Desk, SERVICE};
use deckwatch_training::load::{LoadHandle, LoadOptions, LoadReport};

use super::{RATE, ground, release, reopen, stand, training_console};
use crate::back::{RollBack, roll_back};
use crate::console::Console;
use crate::folder::DataFolder;
use crate::journal::Aside;
use crate::problem::Problem;
use crate::rollouts::{GiveUp, abort};
use crate::route::ByService;
use crate::show;

/// A desk on the training ground: what a drill can do, done for real.
pub struct TrainingDesk {
    console: Mutex<Arc<Console>>,
    agent: tokio::sync::Mutex<Option<tokio::process::Child>>,
    load: Mutex<Option<LoadHandle>>,
    rate: Mutex<f64>,
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

    pub fn folder(&self) -> DataFolder {
        self.console().folder.clone()
    }

    /// Leaves nothing running: load, agent, node and instances.
    pub async fn leave(&self) {
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
        if console.platform.node().await.is_ok() {
            let _ = console.platform.shutdown().await;
        }
        // It drains and ends what it runs; nothing is left once it no longer answers.
        for _ in 0..200 {
            if console.platform.node().await.is_err() {
                return;
            }
            console.clock.sleep(Duration::from_millis(50)).await;
        }
    }

    fn service() -> Result<ServiceName, String> {
        ServiceName::new(SERVICE).map_err(|e| e.to_string())
    }

    /// Anything left of an earlier drill is ended first.
    async fn clear(&self) -> Result<(), Problem> {
        let console = self.console();
        let service =
            ServiceName::new(SERVICE).map_err(|e| Problem::new("training", e.to_string()))?;
        let state = console.rollouts(&service).await?;
        let live = state.current.as_ref().is_some_and(|r| r.is_live());
        if live {
            let ask = GiveUp {
                service: service.clone(),
                note: "a new drill begins".into(),
                kind: RollbackKind::Quick,
            };
            match abort(&console, ask).await {
                // It may have ended between the look and the word.
                Err(problem) if !problem.is_refusal() => return Err(problem),
                _ => {}
            }
        }
        for _ in 0..200 {
            let state = console.rollouts(&service).await?;
            if state.current.as_ref().is_none_or(|r| r.phase.is_over()) {
                return Ok(());
            }
            console.clock.sleep(Duration::from_millis(100)).await;
        }
        Err(Problem::new(
            "training",
            "what was left of the last drill did not end",
        ))
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
        let text = |p: Problem| p.to_string();
        let console = self.console();
        console.ensure_node().await.map_err(text)?;
        self.start_driver().await?;
        let demos = stand(&console).await.map_err(text)?;
        self.clear().await.map_err(text)?;
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

    fn load(&self) -> LoadReport {
        let load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        load.as_ref().map(LoadHandle::snapshot).unwrap_or_default()
    }

    async fn start_by(&self, version: &str, plan: &str) -> Result<(), String> {
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
            let child = tokio::process::Command::new(&console.program)
                .arg("--data")
                .arg(console.folder.path())
                .arg("agent")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .map_err(|e| format!("{}: {e}", console.program.display()))?;
            *agent = Some(child);
        }
        Ok(())
    }

    async fn lose_journal(&self) -> Result<(), String> {
        let console = self.console();
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
        *self.console.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(again);
        Ok(())
    }
}
