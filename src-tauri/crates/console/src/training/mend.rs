//! Leaving the ground as it was found, whatever a drill left behind.

use std::sync::PoisonError;
use std::time::Duration;

use deckwatch_domain::{ReleaseVersion, Role, ServiceName};
use deckwatch_training::drills::{Desk, SERVICE};

use super::desk::TrainingDesk;
use crate::problem::Problem;
use crate::revisions::{Undo, undo};
use crate::route::ByService;

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
        Ok(())
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

    /// Anything left of an earlier drill is ended first.
    pub(super) async fn clear(&self) -> Result<(), Problem> {
        let console = self.console();
        let service =
            ServiceName::new(SERVICE).map_err(|e| Problem::new("training", e.to_string()))?;
        let state = console.rollouts(&service).await?;
        if state.current.as_ref().is_some_and(|r| r.is_live()) {
            self.abort("a new drill begins").await?;
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
