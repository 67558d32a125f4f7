//! Records what the console answers in the middle of a lively training ground, so that the
//! window's pages can be run and tested without one: `record DECKWATCHCTL FILE`. What is scraped goes
//! into `targets.json` beside it; with a third word, `targets`, only that is recorded.
//!
//! search is promoted with its way back warm, profile waits for a person, checkout has a bad
//! release at its first step while the evidence climbs.

mod targets;

use std::path::PathBuf;
use std::time::Duration;

use deckwatch_console::{Desk, DeskOptions};
use serde_json::{Value, json};

const AT: &str = "training";

struct Recorder {
    desk: std::sync::Arc<Desk>,
    taken: Vec<Value>,
}

impl Recorder {
    async fn ask(&self, name: &str, params: Value) -> Value {
        match self.desk.ask(AT, name, params, &mut |_| {}).await {
            Ok(answer) => answer,
            Err(problem) => panic!("{name}: {problem}"),
        }
    }

    async fn take(&mut self, name: &str, params: Value) {
        let answer = self.ask(name, params.clone()).await;
        let at = deckwatch_console::SystemClock::wall();
        self.taken
            .push(json!({"request": name, "params": params, "at": at, "answer": answer}));
    }

    async fn until(&self, service: &str, what: impl Fn(&Value) -> bool) {
        for _ in 0..600 {
            let view = self.ask("rollouts.show", json!({"service": service})).await;
            if what(&view["status"]) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{service} did not get there");
    }

    async fn start(&self, service: &str, version: &str, plan: &str) {
        let ask = json!({"service": service, "version": version, "plan": plan});
        self.ask("rollouts.start", ask).await;
    }
}

#[tokio::main]
async fn main() {
    let mut words = std::env::args_os().skip(1);
    let (Some(program), Some(to)) = (words.next(), words.next()) else {
        eprintln!("record DECKWATCHCTL FILE");
        std::process::exit(2);
    };
    let folder = std::env::temp_dir().join(format!("deckwatch-record-{}", std::process::id()));
    let options = DeskOptions {
        folder: Some(folder.clone()),
        program: std::path::absolute(PathBuf::from(program)).ok(),
    };
    let desk = Desk::new(options).expect("a folder");
    let mut recorder = Recorder {
        desk: desk.clone(),
        taken: Vec::new(),
    };
    let to = PathBuf::from(to);
    let write = |taken: &[Value], file: &std::path::Path| {
        let text = serde_json::to_string(taken).expect("JSON");
        std::fs::write(file, anonymous(&text, &folder)).expect("the file");
        println!("{} answers", taken.len());
    };
    if words.next().is_none() {
        play(&recorder).await;
        take_all(&mut recorder).await;
        write(&std::mem::take(&mut recorder.taken), &to);
    }
    targets::take_all(&mut recorder).await;
    write(&recorder.taken, &to.with_file_name("targets.json"));
    desk.close().await;
    let _ = std::fs::remove_dir_all(&folder);
}

async fn play(recorder: &Recorder) {
    recorder.ask("training.open", json!({})).await;
    recorder.start("search", "v2", "training-by-hand").await;
    recorder.start("profile", "v2", "training-by-hand").await;
    let held = |status: &Value| !status["phase"]["paused"].is_null();
    recorder.until("search", held).await;
    let full = json!({"service": "search", "full": true, "break_glass": "enough seen"});
    recorder.ask("rollouts.promote", full).await;
    let promoted = |status: &Value| status["phase"] == "promoted";
    recorder.until("search", promoted).await;
    recorder.until("profile", held).await;
    recorder.start("checkout", "v2", "training").await;
    recorder.until("checkout", promoted).await;
    recorder
        .ask("training.play", json!({"drill": "bad canary"}))
        .await;
    recorder
        .until("checkout", |status| {
            status["release"] == "v3" && status["stage"] == "bake"
        })
        .await;
    tokio::time::sleep(Duration::from_secs(8)).await;
}

async fn take_all(recorder: &mut Recorder) {
    for name in [
        "status",
        "bridge",
        "rollouts.page",
        "rollback.list",
        "training.show",
        "training.drills",
        "journal.page",
        "settings.show",
        "people.roles",
        "people.whoami",
        "plans.list",
        "node.show",
        "freeze.show",
    ] {
        recorder.take(name, json!({})).await;
    }
    for service in ["checkout", "search", "profile"] {
        let by = json!({"service": service});
        for name in [
            "rollouts.show",
            "rollouts.charts",
            "rollouts.events",
            "services.show",
        ] {
            recorder.take(name, by.clone()).await;
        }
        recorder
            .take("services.logs", json!({"service": service, "lines": 200}))
            .await;
        recorder
            .take("rollouts.page", json!({"service": service}))
            .await;
    }
    for plan in ["canary-1-10-50-100", "canary-5-25-100", "training"] {
        recorder.take("plans.show", json!({"name": plan})).await;
        let text = recorder.ask("plans.show", json!({"name": plan})).await;
        let check = json!({"yaml": text["yaml"], "service": "checkout"});
        recorder.take("plans.check", check).await;
    }
    let wrong = json!({"yaml": "plan: mine\nstrategy: canary\nsteps:\n  - weigth: 10\n"});
    recorder.take("plans.check", wrong).await;
    recorder.take("journal.verify", json!({})).await;
    recorder.take("doctor", json!({})).await;
}

/// Nothing of the machine it was recorded on.
fn anonymous(text: &str, folder: &std::path::Path) -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    let home = folder.display().to_string();
    let program = std::env::args().nth(1).unwrap_or_default();
    text.replace(&home, "/home/ana/.local/share/deckwatch")
        .replace(&program, "/usr/bin/deckwatchctl")
        .replace(&format!("root@{host}"), "ana@bridge-7")
        .replace(&host, "bridge-7")
}
