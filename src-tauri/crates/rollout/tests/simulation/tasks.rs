//! Tasks in the simulation: they take their time, fail, are lost, and outlive whoever began them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use deckwatch_domain::{IntentId, Span};
use deckwatch_platform::{TaskOutcome, TaskRun, TaskSeen};
use deckwatch_rollout::ports::Tasks;

use crate::world::{Cut, World, never};

/// One attempt as it really went.
#[derive(Clone, Debug)]
pub struct SimTask {
    pub name: String,
    pub began: u64,
    ends: u64,
    passes: bool,
    /// How often it had an effect.
    pub times: u32,
}

#[derive(Clone)]
pub struct SimTasks {
    pub world: World,
    pub all: Arc<Mutex<BTreeMap<IntentId, SimTask>>>,
}

impl SimTasks {
    pub fn new(world: World) -> Self {
        SimTasks {
            world,
            all: Arc::default(),
        }
    }

    fn outcome(task: &SimTask) -> TaskOutcome {
        TaskOutcome {
            passed: task.passes,
            why: format!("ended with {}", u8::from(!task.passes)),
            took: Span::from_millis(task.ends - task.began),
            ..TaskOutcome::lost("")
        }
    }
}

#[async_trait]
impl Tasks for SimTasks {
    async fn begin(&self, run: &TaskRun) -> Result<(), String> {
        let cut = self.world.pass().await;
        if cut == Cut::Before {
            return never().await;
        }
        if self.world.fault(5.0) {
            return Err("no process can be started".into());
        }
        let took = self.world.below(3_000);
        let passes = self.world.chance(if run.name.starts_with("weak") {
            50.0
        } else {
            95.0
        });
        let boot = self.world.lock().boot;
        let fresh = SimTask {
            name: run.name.clone(),
            began: boot,
            ends: boot + took,
            passes,
            times: 0,
        };
        self.all
            .lock()
            .unwrap()
            .entry(run.intent)
            .or_insert_with(|| SimTask { times: 1, ..fresh });
        self.world
            .tell(|| format!("  task {} attempt {}", run.name, run.attempt));
        if cut == Cut::After {
            return never().await;
        }
        Ok(())
    }

    async fn look(&self, intent: IntentId) -> Result<TaskSeen, String> {
        if self.world.pass().await != Cut::No {
            return never().await;
        }
        if self.world.fault(2.0) {
            return Err("its folder cannot be read".into());
        }
        let boot = self.world.lock().boot;
        Ok(match self.all.lock().unwrap().get(&intent) {
            None => TaskSeen::Unknown,
            Some(task) if task.ends > boot => TaskSeen::Running,
            Some(task) => TaskSeen::Ended(SimTasks::outcome(task)),
        })
    }

    async fn stop(&self, intent: IntentId) -> Result<(), String> {
        if self.world.pass().await != Cut::No {
            return never().await;
        }
        let boot = self.world.lock().boot;
        if let Some(task) = self.all.lock().unwrap().get_mut(&intent)
            && task.ends > boot
        {
            task.ends = boot;
            task.passes = false;
        }
        Ok(())
    }
}
