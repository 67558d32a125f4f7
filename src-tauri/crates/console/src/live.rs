//! Queries that are watched: an answer at once, and another whenever it has changed.
//!
//! A watch asks its query again when the journal or the node says that something happened, and
//! once a second for what only time changes; it tells only what differs from what it told last,
//! and never more often than ten times a second. Lists come in pages, so an answer stays small.

use std::sync::Arc;
use std::time::Duration;

use deckwatch_domain::Timestamp;
use deckwatch_platform::LogLine;
use deckwatch_platform::kubernetes::{PodFollow, PodLine, PodLogs};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::console::Console;
use crate::problem::Problem;
use crate::route::{self, Kind, LIST};
use crate::services::Logs;

/// One thing told to whoever watches.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Frame {
    /// The whole answer; it replaces the one before.
    Answer {
        at: Timestamp,
        #[ts(type = "unknown")]
        answer: Value,
    },
    /// More of it: to be appended to what one has.
    More {
        at: Timestamp,
        #[ts(type = "unknown")]
        answer: Value,
        /// What could not be kept up with and is left out.
        skipped: u64,
    },
    /// It cannot be answered now; what one has is stale from here on.
    Problem { at: Timestamp, problem: Problem },
}

/// Between two frames of one watch, at least.
const APART: Duration = Duration::from_millis(100);
/// What only time changes is looked at this often.
const BEAT: Duration = Duration::from_secs(1);
/// Rows told at once, at most.
const MOST: usize = 500;

/// Watches one query until `tell` says that nobody listens any more.
pub async fn watch(
    console: Arc<Console>,
    name: String,
    params: Value,
    tell: impl Fn(Frame) -> bool + Send + Sync,
) {
    let Some(entry) = LIST.iter().find(|e| e.name == name) else {
        let problem = Problem::new("request.unknown", format!("there is no `{name}`"));
        tell(Frame::Problem {
            at: console.clock.now().wall,
            problem,
        });
        return;
    };
    if entry.kind == Kind::Command {
        let problem = Problem::new("request.invalid", format!("`{name}` is no query"));
        tell(Frame::Problem {
            at: console.clock.now().wall,
            problem,
        });
        return;
    }
    if name == "services.logs" {
        follow_logs(&console, params, &tell).await;
        return;
    }
    if name == "cluster.logs" && params["previous"] != true {
        follow_pod(&console, params, &tell).await;
        return;
    }
    let mut changes = console.changes();
    let mut told: Option<Result<Value, Problem>> = None;
    loop {
        changes.borrow_and_update();
        let answer = route::route(&console, &name, params.clone()).await;
        if told.as_ref() != Some(&answer) {
            let at = console.clock.now().wall;
            let frame = match &answer {
                Ok(answer) => Frame::Answer {
                    at,
                    answer: answer.clone(),
                },
                Err(problem) => Frame::Problem {
                    at,
                    problem: problem.clone(),
                },
            };
            if !tell(frame) {
                return;
            }
            told = Some(answer);
        }
        tokio::time::sleep(APART).await;
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep(BEAT) => {}
        }
    }
}

async fn follow_logs(console: &Console, params: Value, tell: &(impl Fn(Frame) -> bool + Sync)) {
    let ask: Logs = match serde_json::from_value(params) {
        Ok(ask) => ask,
        Err(error) => {
            let problem = Problem::new("request.invalid", format!("services.logs: {error}"));
            let at = console.clock.now().wall;
            tell(Frame::Problem { at, problem });
            return;
        }
    };
    if console.cluster.is_some() {
        return follow_pods(console, &ask, tell).await;
    }
    let mut first = true;
    loop {
        let lines = if first { ask.lines.min(10_000) } else { 0 };
        match console.local.follow_logs(&ask.service, lines).await {
            Ok(lines) => {
                let listening = tell_lines(console, lines, &ask, &mut first, tell).await;
                if !listening {
                    return;
                }
            }
            Err(error) => {
                let at = console.clock.now().wall;
                let problem = Problem::from(error);
                if !tell(Frame::Problem { at, problem }) {
                    return;
                }
            }
        }
        tokio::time::sleep(BEAT).await;
    }
}

/// Lines of pods, asked for again and again: what is newer than the newest that was told.
async fn follow_pods(console: &Console, ask: &Logs, tell: &(impl Fn(Frame) -> bool + Sync)) {
    let mut told: Option<Timestamp> = None;
    loop {
        let lines = told.map_or(ask.lines.min(10_000), |_| MOST);
        let at = console.clock.now().wall;
        let frame = match console.platform.logs(&ask.service, lines).await {
            Err(error) => Frame::Problem {
                at,
                problem: Problem::from(error),
            },
            Ok(mut lines) => {
                lines.retain(|line| told.is_none_or(|newest| line.at > newest));
                let newest = lines.last().map(|line| line.at);
                lines.retain(|line| ask.takes(line));
                let answer = json!(lines);
                let first = told.is_none();
                told = Some(newest.or(told).unwrap_or(Timestamp::EPOCH));
                match first {
                    true => Frame::Answer { at, answer },
                    false => Frame::More {
                        at,
                        answer,
                        skipped: 0,
                    },
                }
            }
        };
        if !tell(frame) {
            return;
        }
        tokio::time::sleep(BEAT).await;
    }
}

/// One container's lines as they come, many at once. A stream that ends is taken up again.
async fn follow_pod(console: &Console, params: Value, tell: &(impl Fn(Frame) -> bool + Sync)) {
    let broken = |problem: Problem| Frame::Problem {
        at: console.clock.now().wall,
        problem,
    };
    let ask: PodLogs = match serde_json::from_value(params) {
        Ok(ask) => ask,
        Err(error) => {
            let what = format!("cluster.logs: {error}");
            tell(broken(Problem::new("request.invalid", what)));
            return;
        }
    };
    let mut following: Option<PodFollow> = None;
    let mut first = true;
    loop {
        let platform = match console.the_cluster() {
            Ok(cluster) => cluster.platform().await.map_err(Problem::from),
            Err(problem) => Err(problem),
        };
        let listening = match platform {
            Err(problem) => tell(broken(problem)),
            Ok(platform) => {
                let lines = following.get_or_insert_with(|| platform.follow_pod(ask.clone()));
                let (batch, ended) = batch(lines).await;
                let at = console.clock.now().wall;
                let answer = json!(batch);
                let frame = match first {
                    true => Frame::Answer { at, answer },
                    false => Frame::More {
                        at,
                        answer,
                        skipped: 0,
                    },
                };
                let failed = ended.and_then(Result::err);
                // A first look that failed has not said that there is nothing.
                let says = !batch.is_empty() || failed.is_none();
                first &= !says;
                (!says || tell(frame)) && failed.is_none_or(|problem| tell(broken(problem)))
            }
        };
        if !listening {
            return;
        }
        tokio::time::sleep(APART).await;
    }
}

/// What comes within a beat, and whether the stream ended with it. What is not read yet waits in the
/// connection, so nothing is left out and nothing grows.
async fn batch(lines: &mut PodFollow) -> (Vec<PodLine>, Option<Result<(), Problem>>) {
    let mut batch = Vec::new();
    let until = tokio::time::Instant::now() + BEAT;
    let mut wait = until;
    while batch.len() < MOST {
        match tokio::time::timeout_at(wait, lines.next()).await {
            Ok(Ok(Some(line))) => batch.push(line),
            Ok(Ok(None)) => {
                tokio::time::sleep_until(until).await;
                return (batch, Some(Ok(())));
            }
            Ok(Err(error)) => {
                tokio::time::sleep_until(until).await;
                return (batch, Some(Err(Problem::from(error))));
            }
            Err(_) => break,
        }
        // Whoever has something to tell does not wait for more than a moment.
        wait = until.min(tokio::time::Instant::now() + APART);
    }
    (batch, None)
}

/// Tells lines as they come, many at once; false when nobody listens any more.
async fn tell_lines(
    console: &Console,
    mut lines: tokio::sync::mpsc::Receiver<LogLine>,
    ask: &Logs,
    first: &mut bool,
    tell: &(impl Fn(Frame) -> bool + Sync),
) -> bool {
    loop {
        let mut batch = Vec::new();
        let ended = tokio::select! {
            count = lines.recv_many(&mut batch, 10_000) => count == 0,
            () = tokio::time::sleep(BEAT) => false,
        };
        let skipped = batch
            .len()
            .saturating_sub(if *first { 10_000 } else { MOST });
        let kept: Vec<LogLine> = batch
            .into_iter()
            .skip(skipped)
            .filter(|line| ask.takes(line))
            .collect();
        let at = console.clock.now().wall;
        let frame = if *first {
            *first = false;
            Frame::Answer {
                at,
                answer: json!(kept),
            }
        } else {
            Frame::More {
                at,
                answer: json!(kept),
                skipped: skipped as u64,
            }
        };
        // An empty frame is how it is found out that nobody listens any more.
        if !tell(frame) {
            return false;
        }
        if ended {
            return true;
        }
        tokio::time::sleep(APART).await;
    }
}
