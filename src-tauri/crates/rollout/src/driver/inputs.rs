//! What the planner is told beside the state: the baseline, and why gates are closed.

use deckwatch_domain::Timestamp;

use super::Driver;
use crate::judging;
use crate::ports::Now;
use crate::state::Stage;

impl Driver {
    pub(super) async fn baseline(&self, now: Now) -> Option<crate::event::Baseline> {
        let rollout = self.state.current.as_ref()?;
        if rollout.baseline.is_some() || !rollout.is_live() || rollout.stage != Stage::Capacity {
            return None;
        }
        let stable = judging::stable(rollout)?;
        self.ports
            .evidence
            .baseline(
                &rollout.service,
                &stable,
                &rollout.plan.analysis.metrics,
                rollout.plan.baseline.duration(),
                now.wall,
            )
            .await
            .ok()
            .flatten()
    }

    pub(super) async fn closed_gates(&self, now: Timestamp) -> Vec<(usize, String)> {
        let mut closed = Vec::new();
        let Some(rollout) = &self.state.current else {
            return closed;
        };
        if rollout.stage != Stage::Gate {
            return closed;
        }
        let gates = rollout.current_step().map_or(&[][..], |s| &s.gates);
        for (i, gate) in gates.iter().enumerate() {
            if let Some(why) = self.ports.gates.closed(rollout, gate, now).await {
                closed.push((i, why));
            }
        }
        closed
    }
}
