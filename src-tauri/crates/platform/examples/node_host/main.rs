//! A program for the tests and the bench: node, shim and a toy HTTP server in one.
//!
//! `node <folder> [--take-over]`, `shim`, `task-run <folder>`, and `server --port <port> [--version v] [...]`, which
//! answers with its version and does as it is told by the path: `/slow/<ms>`, `/status/<code>`,
//! `/crash`, `/echo`, `/say/<bytes>`, `/ready`; `/ws` says hello on a WebSocket's connection and echoes.

#[cfg(unix)]
mod server;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use deckwatch_platform::local::{NodeFolder, NodeOptions, run_node, run_shim, run_task};
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["shim"] => run_shim(),
        ["task-run", folder] => run_task(folder.into()),
        ["node", folder, rest @ ..] => {
            let options = NodeOptions {
                shim_command: vec![
                    std::env::current_exe()
                        .expect("this program has a path")
                        .into(),
                    "shim".into(),
                ],
                take_over: rest.contains(&"--take-over"),
            };
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let run = NodeFolder::new(*folder).map(|folder| run_node(folder, options));
            match run.and_then(|run| runtime.block_on(run)) {
                Ok(()) => std::process::ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("{error}");
                    std::process::ExitCode::FAILURE
                }
            }
        }
        ["server", rest @ ..] => server::run(rest),
        _ => {
            eprintln!("node <folder> [--take-over] | shim | server --port <port> ...");
            std::process::ExitCode::from(64)
        }
    }
}

#[cfg(not(unix))]
fn main() {}
