//! How long it takes to take back what tasks did. The traffic is not part of it: it is back at
//! once, whatever is chosen.

use deckwatch_domain::Span;
use serde::{Deserialize, Serialize};

use crate::plan::{Place, RollbackKind};
use crate::state::Rollout;
use crate::task::Way;

/// An estimate for one kind of rollback, from the time the traffic is back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct BackTime {
    pub kind: RollbackKind,
    /// Tasks that are run.
    pub tasks: u32,
    /// Of those, how many have passed on a way back of this service before.
    pub timed: u32,
    /// What these took then, together. None: nothing is known of any.
    pub usual: Option<Span>,
    /// Every attempt at every task taking all the time it may.
    pub at_most: Span,
}

impl BackTime {
    /// `2 tasks, about 4s as they last took, 2m at most`
    pub fn words(&self) -> String {
        let tasks = match self.tasks {
            1 => "1 task".to_owned(),
            many => format!("{many} tasks"),
        };
        let most = self.at_most;
        match self.usual {
            None => format!("{tasks}, {most} at most: none of them has run on a way back yet"),
            Some(usual) if self.timed == self.tasks => {
                format!("{tasks}, about {usual} as they last took, {most} at most")
            }
            Some(usual) => {
                let timed = self.timed;
                format!("{tasks}, {most} at most; {timed} of them last took {usual}")
            }
        }
    }
}

impl Rollout {
    /// The kinds that run anything, each with its estimate.
    pub fn back_times(&self) -> Vec<BackTime> {
        let kinds = [RollbackKind::Full, RollbackKind::DataPreserving];
        let offered = kinds.into_iter().filter(|kind| match kind {
            RollbackKind::DataPreserving => self.plan.around.export.is_some(),
            _ => true,
        });
        let times = offered.map(|kind| self.back_time(kind));
        times.filter(|time| time.tasks > 0).collect()
    }

    fn back_time(&self, kind: RollbackKind) -> BackTime {
        let mut time = BackTime {
            kind,
            tasks: 0,
            timed: 0,
            usual: None,
            at_most: Span::ZERO,
        };
        let sum = |a: Span, b: Span| Span::from(a.duration().saturating_add(b.duration()));
        for (place, way) in self.of_the_way_back(kind) {
            let Some(task) = self.plan.task(place) else {
                continue;
            };
            time.tasks += 1;
            let attempts = task.retries.saturating_add(1);
            let longest = task.timeout.duration().saturating_mul(attempts);
            time.at_most = sum(time.at_most, longest.into());
            if let Some(took) = self.took_back.get(&(task.name.clone(), way)) {
                time.timed += 1;
                time.usual = Some(sum(time.usual.unwrap_or(Span::ZERO), *took));
            }
        }
        time
    }

    /// What a rollback of this kind runs once traffic is back, in its order.
    fn of_the_way_back(&self, kind: RollbackKind) -> Vec<(Place, Way)> {
        if kind == RollbackKind::Quick {
            return Vec::new();
        }
        let around = &self.plan.around;
        let preserving = kind == RollbackKind::DataPreserving;
        let out = |place| (place, Way::Out);
        let export = around.export.iter().filter(|_| preserving);
        let import = around.import.iter().filter(|_| preserving);
        let verify = (0..around.verify.len()).map(|index| out(Place::Verify { index }));
        let ways = self.ways_back().into_iter().map(|p| (p, Way::Back));
        export
            .map(|_| out(Place::Export))
            .chain(ways)
            .chain(import.map(|_| out(Place::Import)))
            .chain(verify)
            .collect()
    }
}
