//! The agent: driving until asked to stop.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deckwatch_console::{Agent, AgentOptions, Console, ConsoleOptions, Problem};

use crate::args;
use crate::code;

/// Ctrl-C or a polite signal.
pub async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

/// Ends with standard input, if that is asked for. A thread of its own: a read that waits would
/// keep the runtime from ending.
async fn leash(held: bool) {
    if !held {
        return std::future::pending().await;
    }
    let (gone, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = gone.send(());
    });
    let _ = ended.await;
}

pub(super) async fn agent(
    mut console: Arc<Console>,
    opening: ConsoleOptions,
    it: args::Agent,
) -> Result<u8, Problem> {
    if !it.lease.is_finite() || !(0.5..=600.0).contains(&it.lease) {
        return Err(Problem::new(
            "request.invalid",
            "--lease lies between 0.5 and 600 seconds",
        ));
    }
    let options = AgentOptions {
        lease: Duration::from_secs_f64(it.lease),
        ..AgentOptions::default()
    };
    let folder = console.folder().path().display().to_string();
    let mut leash = pin!(leash(it.leash));
    loop {
        let agent = Agent::start(&console, options.clone()).await?;
        eprintln!("driving what nobody else drives in {folder}; Ctrl-C ends it");
        let asked = tokio::select! {
            () = asked_to_stop() => true,
            () = &mut leash => true,
            () = agent.outdated() => false,
        };
        agent.stop().await;
        if asked {
            return Ok(code::DONE);
        }
        eprintln!("the journal is another file now; going on with that one");
        console = Arc::new(Console::open(opening.clone())?);
    }
}
