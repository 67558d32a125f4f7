//! A file for whoever is asked for help: what the doctor found, versions, the node's log, the
//! shape of the journal. No environment variables, no commands, no output of services: these are
//! where secrets stand.

use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::console::Console;
use crate::doctor::doctor;
use crate::journal::ToFile;
use crate::pages::{self, EventsAsk};
use crate::problem::Problem;
use crate::route::Nothing;
use crate::settings::Settings;

/// What was written.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Bundled {
    pub to: PathBuf,
    pub bytes: u64,
    /// What is in it, for reading before sending.
    pub parts: Vec<String>,
}

/// Lines of the node's own log that are kept.
const LOG_LINES: usize = 500;

/// # Errors
/// That the file cannot be written, or is there already.
pub async fn bundle(console: &Console, ask: ToFile) -> Result<Bundled, Problem> {
    let parts = json!({
        "doctor": doctor(console, Nothing {}).await?,
        "system": system(),
        "settings": settings(console),
        "services": services(console).await,
        "events": events(console).await,
        "node_log": node_log(console),
    });
    let text =
        serde_json::to_vec_pretty(&parts).map_err(|e| Problem::new("file", e.to_string()))?;
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let wrong = |e: std::io::Error| Problem::new("file", format!("{}: {e}", ask.to.display()));
    let mut file = options
        .write(true)
        .create_new(true)
        .open(&ask.to)
        .map_err(wrong)?;
    file.write_all(&text).map_err(wrong)?;
    let names = parts.as_object().map(|o| o.keys().cloned().collect());
    Ok(Bundled {
        to: ask.to,
        bytes: text.len() as u64,
        parts: names.unwrap_or_default(),
    })
}

fn system() -> Value {
    let uname = rustix::system::uname();
    let text = |s: &std::ffi::CStr| s.to_string_lossy().into_owned();
    json!({
        "deckwatch": env!("CARGO_PKG_VERSION"),
        "system": text(uname.sysname()),
        "release": text(uname.release()),
        "machine": text(uname.machine()),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
    })
}

fn settings(console: &Console) -> Value {
    match Settings::read(&console.settings_file()) {
        Ok(settings) => json!(settings),
        Err(problem) => json!({"problem": problem.message}),
    }
}

/// Names, versions, weights and states; nothing of what they run or with which environment.
async fn services(console: &Console) -> Value {
    let services = match console.platform.services().await {
        Ok(services) => services,
        Err(error) => return json!({"problem": error.to_string()}),
    };
    let mut found = Vec::new();
    for service in services {
        let Ok(seen) = console.platform.observe(&service).await else {
            continue;
        };
        let slots = deckwatch_domain::Slot::BOTH.map(|slot| {
            let state = &seen.slots[slot];
            json!({
                "slot": slot,
                "version": state.release.as_ref().map(|r| &r.version),
                "ready": state.ready,
                "desired": state.desired,
                "instances": state.instances.iter().map(|i| json!({
                    "id": i.id, "phase": i.phase, "restarts": i.restarts,
                })).collect::<Vec<_>>(),
            })
        });
        found.push(json!({
            "service": service,
            "weights": seen.traffic.weights,
            "roles": seen.traffic.roles,
            "way_back": seen.traffic.way_back,
            "epoch": seen.traffic.epoch,
            "slots": slots,
        }));
    }
    json!(found)
}

/// Which events came when, without what they say.
async fn events(console: &Console) -> Value {
    let ask = EventsAsk {
        limit: Some(500),
        ..EventsAsk::default()
    };
    match pages::events(console, ask).await {
        Ok(page) => json!({
            "total": page.total,
            "newest": page.rows.iter().map(|e| json!({
                "seq": e.seq, "stream": e.stream, "kind": e.kind, "at": e.occurred_at,
            })).collect::<Vec<_>>(),
        }),
        Err(problem) => json!({"problem": problem.message}),
    }
}

fn node_log(console: &Console) -> Value {
    let path = console.folder.node().join("node.log");
    let Ok(bytes) = std::fs::read(&path) else {
        return Value::Null;
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    json!(lines[lines.len().saturating_sub(LOG_LINES)..])
}
