//! The process that carries one attempt out.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::Orders;
use super::call::call;
use super::output::Output;
use crate::task::{Does, TaskOutcome, TaskRun};

/// Between being asked to end and being made to.
const GRACE: Duration = Duration::from_secs(2);

/// The body of `deckwatchctl task-run <folder>`: carries out the attempt that standard input
/// describes, and leaves its result in the folder.
pub fn run_task(place: PathBuf) -> ExitCode {
    let _ = rustix::process::setsid();
    let mut words = Vec::new();
    let read = std::io::stdin().read_to_end(&mut words);
    let orders = read.ok().and_then(|_| serde_json::from_slice(&words).ok());
    let Some(Orders { run, values }) = orders else {
        eprintln!("a task is begun by a driver, with its orders on standard input");
        return ExitCode::from(64);
    };
    let _ = std::fs::write(place.join("pid"), std::process::id().to_string());
    let began = Instant::now();
    let output = Arc::new(Output::new(&place));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let (passed, why) = match runtime {
        Ok(runtime) => runtime.block_on(carry_out(&run, values, &output)),
        Err(error) => (false, format!("no runtime: {error}")),
    };
    let printed = output.end();
    let outcome = TaskOutcome {
        passed,
        why,
        took: began.elapsed().into(),
        output_digest: Some(printed.digest),
        output_bytes: printed.bytes,
        tail: printed.tail,
    };
    match write(&place, &outcome) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Whole or not at all.
fn write(place: &Path, outcome: &TaskOutcome) -> std::io::Result<()> {
    let draft = place.join("result.draft");
    let bytes = serde_json::to_vec(outcome)?;
    let file = std::fs::File::create(&draft)?;
    std::io::Write::write_all(&mut &file, &bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, place.join("result.json"))
}

async fn carry_out(
    run: &TaskRun,
    values: BTreeMap<String, String>,
    output: &Arc<Output>,
) -> (bool, String) {
    let Ok(mut asked_to_end) = signal(SignalKind::terminate()) else {
        return (false, "signals cannot be heard".into());
    };
    let timeout = run.timeout.duration();
    match &run.does {
        Does::Http(http) => {
            let mut http = http.clone();
            http.headers.extend(values);
            tokio::select! {
                answer = call(&http, timeout, output) => answer,
                _ = asked_to_end.recv() => (false, "ended by hand".into()),
            }
        }
        Does::Command(words) => command(run, words, values, output, &mut asked_to_end).await,
    }
}

async fn command(
    run: &TaskRun,
    words: &[String],
    values: BTreeMap<String, String>,
    output: &Arc<Output>,
    asked_to_end: &mut tokio::signal::unix::Signal,
) -> (bool, String) {
    let Some((program, arguments)) = words.split_first() else {
        return (false, "the command is empty".into());
    };
    let env = run
        .words
        .iter()
        .map(|(word, value)| (format!("DECKWATCH_{}", word.to_uppercase()), value.clone()));
    let started = Command::new(program)
        .args(arguments)
        .envs(&run.env)
        .envs(env)
        .envs(values)
        .env("DECKWATCH_INTENT", run.intent.to_string())
        .env("DECKWATCH_ATTEMPT", run.attempt.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return (false, format!("cannot start `{program}`: {error}")),
    };
    let group = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let readers = [
        child
            .stdout
            .take()
            .map(|out| tokio::spawn(read(out, output.clone()))),
        child
            .stderr
            .take()
            .map(|err| tokio::spawn(read(err, output.clone()))),
    ];
    let timeout = run.timeout.duration();
    let (status, cut) = tokio::select! {
        status = child.wait() => (status, None),
        () = tokio::time::sleep(timeout) => {
            let words = format!("not done within {}", run.timeout);
            (end(&mut child, group).await, Some(words))
        }
        _ = asked_to_end.recv() => {
            (end(&mut child, group).await, Some("ended by hand".to_owned()))
        }
    };
    if let Some(group) = group {
        // What it left behind in its group does not outlive it.
        let _ = kill_process_group(group, Signal::KILL);
    }
    for reader in readers.into_iter().flatten() {
        let _ = tokio::time::timeout(Duration::from_millis(500), reader).await;
    }
    match (cut, status) {
        (Some(why), _) => (false, why),
        (None, Ok(status)) if status.success() => (true, "ended with 0".into()),
        (None, Ok(status)) => match (status.code(), status.signal()) {
            (Some(code), _) => (false, format!("ended with {code}")),
            (None, Some(signal)) => (false, format!("ended by signal {signal}")),
            (None, None) => (false, "ended".into()),
        },
        (None, Err(error)) => (false, format!("its end cannot be told: {error}")),
    }
}

/// Asked to end, then made to.
async fn end(
    child: &mut tokio::process::Child,
    group: Option<Pid>,
) -> std::io::Result<std::process::ExitStatus> {
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::TERM);
    }
    match tokio::time::timeout(GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            if let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait().await
        }
    }
}

async fn read(mut stream: impl tokio::io::AsyncRead + Unpin, output: Arc<Output>) {
    let mut piece = vec![0; 8 * 1024];
    while let Ok(n) = stream.read(&mut piece).await {
        if n == 0 {
            return;
        }
        output.take(&piece[..n]);
    }
}
