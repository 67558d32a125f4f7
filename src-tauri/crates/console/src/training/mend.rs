//! Leaving the ground as it was found, whatever a drill left behind.

use std::sync::PoisonError;
use std::time::Duration;

use deckwatch_domain::{ReleaseVersion, Role, ServiceName};
use deckwatch_rollout::Phase;
use deckwatch_training::drills::{Desk, SERVICE};
use deckwatch_training::{DemoService, Faults};

use super::desk::TrainingDesk;
use super::{By, release};
use crate::problem::Problem;
use crate::revisions::{Undo, undo};
use crate::route::ByService;

/// The version of the drilled service that every drill begins with.
const BASE: &str = "v1";

impl TrainingDesk {
    /// The version that serves everyone.
    pub(super) async fn serving(&self) -> Result<Option<ReleaseVersion>, Problem> {
        let service =
            ServiceName::new(SERVICE).map_err(|e| Problem::new("training", e.to_string()))?;
        let seen = self.console().platform.observe(&service).await?;
        let stable = seen.traffic.roles.playing(Role::Stable);
        let release = stable.and_then(|slot| seen.slots[slot].release.clone());
        Ok(release.map(|r| r.version))
    }

    /// Brings back what served everyone when the drill began.
    pub(super) async fn restore(&self) -> Result<(), Problem> {
        let console = self.console();
        console.ensure_node().await?;
        let wrong = |why: String| Problem::new("training", why);
        self.start_driver().await.map_err(wrong)?;
        let service = Self::service().map_err(wrong)?;
        let state = console.rollouts(&service).await?;
        if state.current.as_ref().is_some_and(|r| r.is_live()) {
            self.abort("the drill is over").await?;
        }
        let found = self
            .found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if found.is_some() && self.serving().await? != found {
            match self.roll_back("the drill is over").await {
                Ok(_) => {}
                // Nothing of it was kept: it is brought up again.
                Err(_) => self.bring_back(found.as_ref()).await?,
            }
        }
        self.calm().await
    }

    /// Undoes to the newest revision of this version.
    async fn bring_back(&self, version: Option<&ReleaseVersion>) -> Result<(), Problem> {
        let console = self.console();
        let service =
            ServiceName::new(SERVICE).map_err(|e| Problem::new("training", e.to_string()))?;
        let by = ByService {
            service: service.clone(),
        };
        let rows = crate::revisions::list(&console, by).await?;
        let Some(row) = rows.iter().find(|r| Some(&r.release.version) == version) else {
            return Err(Problem::new("training", "what served is no revision"));
        };
        let ask = Undo {
            service,
            to: Some(row.number),
            plan: Some("training-rolling".into()),
            plan_yaml: None,
            supersede: false,
        };
        undo(&console, ask).await.map(|_| ())
    }

    /// The faults of what serves are switched off, whoever switched them on.
    pub(super) async fn calm(&self) -> Result<(), Problem> {
        let Some(version) = self.serving().await? else {
            return Ok(());
        };
        if version.as_str() != BASE {
            // It is about to be replaced.
            return Ok(());
        }
        let none = serde_json::json!(Faults::default());
        let set = self.set_faults(version.as_str(), &none).await;
        set.map_err(|why| Problem::new("training", why))
    }

    /// Every drill begins with the same version in front of everybody, and with a journal that
    /// knows it: one that was lost took the revisions with it.
    pub(super) async fn base(&self, demos: &[DemoService]) -> Result<(), Problem> {
        let wrong = |why: &str| Problem::new("training", why);
        let console = self.console();
        let service = Self::service().map_err(|why| wrong(&why))?;
        let serves = self.serving().await?;
        let by = ByService {
            service: service.clone(),
        };
        let known = crate::revisions::list(&console, by).await?;
        let is_base = |version: &ReleaseVersion| version.as_str() == BASE;
        if serves.as_ref().is_some_and(is_base) && known.iter().any(|r| is_base(&r.release.version))
        {
            return Ok(());
        }
        let demo = demos.iter().find(|demo| demo.name == SERVICE);
        let demo = demo.ok_or_else(|| wrong("no demo service"))?;
        self.tell(&format!("{BASE} is brought up again to begin with"));
        release(&console, demo, BASE, By::Name("first")).await?;
        for _ in 0..300 {
            let state = console.rollouts(&service).await?;
            match state.current.as_ref().map(|rollout| rollout.phase) {
                Some(Phase::Promoted) => return Ok(()),
                Some(phase) if phase.is_over() => {
                    let why = format!("{BASE} did not come up again: {}", phase.words());
                    return Err(wrong(&why));
                }
                _ => console.clock.sleep(Duration::from_millis(100)).await,
            }
        }
        Err(wrong("what drills begin with did not come up within 30 s"))
    }

    /// Anything left of an earlier drill is ended first.
    pub(super) async fn clear(&self, note: &str) -> Result<(), Problem> {
        let console = self.console();
        let service =
            ServiceName::new(SERVICE).map_err(|e| Problem::new("training", e.to_string()))?;
        let state = console.rollouts(&service).await?;
        if state.current.as_ref().is_some_and(|r| r.is_live()) {
            self.abort(note).await?;
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
