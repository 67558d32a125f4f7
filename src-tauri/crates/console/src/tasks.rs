//! Tasks: carried out on this machine by the platform, shown to people.

use std::sync::Arc;

use async_trait::async_trait;
use deckwatch_domain::{IntentId, ServiceName};
use deckwatch_platform::local::LocalTasks;
use deckwatch_platform::{TaskRun, TaskSeen};
use deckwatch_rollout::ports::Tasks;
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::problem::Problem;
use crate::secrets::Secrets;

/// Bytes of output that are shown: the newest.
const SHOWN: u64 = 256 * 1024;

/// The engine's tasks, carried out by processes of this machine.
pub(crate) struct TaskDesk {
    pub tasks: LocalTasks,
    pub secrets: Secrets,
}

impl Console {
    pub(crate) fn tasks(&self) -> LocalTasks {
        LocalTasks::new(self.folder.tasks(), self.program.clone())
    }
}

#[async_trait]
impl Tasks for TaskDesk {
    async fn begin(&self, run: &TaskRun) -> Result<(), String> {
        let (tasks, secrets, run) = (self.tasks.clone(), self.secrets.clone(), run.clone());
        aside(move || {
            let named = run.secrets.iter();
            let values = named.map(|(to, name)| Ok((to.clone(), secrets.get(name)?)));
            let values = values.collect::<Result<_, String>>()?;
            tasks.begin(&run, values)
        })
        .await
    }

    async fn look(&self, intent: IntentId) -> Result<TaskSeen, String> {
        let tasks = self.tasks.clone();
        aside(move || tasks.look(intent)).await
    }

    async fn stop(&self, intent: IntentId) -> Result<(), String> {
        let tasks = self.tasks.clone();
        aside(move || tasks.stop(intent)).await
    }
}

/// A slow disk holds up nobody else.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| e.to_string())?
}

/// Which attempt at a task.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct OutputAsk {
    pub service: ServiceName,
    pub intent: IntentId,
}

/// What it printed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Printed {
    /// The newest of what was kept.
    pub text: String,
    /// Of everything it printed.
    pub bytes: u64,
    pub running: bool,
}

async fn is_check(console: &Console, ask: &OutputAsk) -> Result<bool, Problem> {
    let all = console.validations(&ask.service).await?;
    let mut records = all.iter().flat_map(|v| v.records.values());
    Ok(records.any(|record| record.intent == Some(ask.intent)))
}

/// # Errors
/// That it is no task of this service, or cannot be read.
pub async fn output(console: &Console, ask: OutputAsk) -> Result<Printed, Problem> {
    let all = console.rollouts(&ask.service).await?;
    let mut known = all.current.iter().flat_map(|r| &r.tasks);
    if !known.any(|t| t.intent == Some(ask.intent)) && !is_check(console, &ask).await? {
        let why = format!("{} has no such task", ask.service);
        return Err(Problem::new("task.unknown", why));
    }
    let tasks = Arc::new(console.tasks());
    let found = aside(move || tasks.output(ask.intent, SHOWN)).await;
    let found = found.map_err(|why| Problem::new("task.output", why))?;
    Ok(Printed {
        text: found.text,
        bytes: found.bytes,
        running: found.running,
    })
}
