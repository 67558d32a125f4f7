//! What a person may do to a rollout now, and why not: the decider is asked, nothing is done.

use deckwatch_rollout::plan::RollbackKind;
use deckwatch_rollout::{Command, Rollouts, decide};
use serde::{Deserialize, Serialize};

use crate::console::{Console, TimeIds};
use crate::people;
use crate::problem::Problem;
use deckwatch_rollout::ports::Ids;

/// Each control: none when it may be used, else what to say beside it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct Controls {
    pub pause: Option<String>,
    pub resume: Option<String>,
    pub retry: Option<String>,
    /// End the current step.
    pub promote: Option<String>,
    /// Go to 100 %.
    pub promote_full: Option<String>,
    pub approve: Option<String>,
    pub reject: Option<String>,
    pub abort: Option<String>,
}

pub(crate) async fn controls(console: &Console, state: &Rollouts) -> Result<Controls, Problem> {
    let (roles, bound) = people::bindings(console, &state.service).await?;
    let now = console.clock.now().wall;
    let why = |command: Command| {
        let refusal = decide(state, &command, &console.actor(), now).err()?;
        Some(refusal.to_string())
    };
    let promote = |full| Command::Promote {
        full,
        break_glass: None,
    };
    let (why_text, take_back) = (String::new(), TimeIds.event());
    Ok(Controls {
        pause: why(Command::Pause {
            note: String::new(),
        }),
        resume: why(Command::Resume),
        retry: why(Command::Retry),
        promote: why(promote(false)),
        promote_full: why(promote(true)),
        approve: why(Command::Approve {
            roles,
            bound,
            note: String::new(),
        }),
        reject: why(Command::Reject {
            why: why_text.clone(),
            take_back,
            kind: RollbackKind::Quick,
        }),
        abort: why(Command::Abort {
            why: why_text,
            take_back,
            kind: RollbackKind::Quick,
        }),
    })
}
