//! The desktop shell: a window, a tray, notifications, and the door between the page and the
//! console. Nothing is decided here.

mod alone;
mod arguments;
mod ipc;
mod notify;
mod paint;
mod tray;
mod window;

use std::process::ExitCode;
use std::sync::Arc;

use deckwatch_console::{Desk, DeskOptions, Problem};
use tauri::{Manager, RunEvent, Runtime};

use crate::arguments::Arguments;

/// Everything the window is made of, on any runtime.
///
/// # Errors
/// That no data folder is known.
pub fn builder<R: Runtime>(
    builder: tauri::Builder<R>,
    options: DeskOptions,
) -> Result<tauri::Builder<R>, Problem> {
    let desk = Desk::new(options)?;
    Ok(builder
        .manage(desk)
        .manage(ipc::Watches::default())
        .invoke_handler(ipc::handler()))
}

/// Starts the window; returns when it is closed.
pub fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("DECKWATCH_LOG")
                .unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let arguments = match Arguments::read(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(words) => {
            println!("{words}");
            return ExitCode::from(2);
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("deckwatch: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let options = DeskOptions {
        folder: arguments.data.clone(),
        program: Some(ctl()?),
    };
    let builder = builder(tauri::Builder::default(), options)?;
    let context = tauri::generate_context!();
    let base = deckwatch_console::DataFolder::find(arguments.data.as_deref())?;
    base.prepare()?;
    let base = base.path().to_owned();
    let link = arguments.link;
    let Some(alone) = alone::alone(&base, link.as_deref())? else {
        // The window that is open already has been told, and comes to the front.
        return Ok(());
    };
    let app = builder
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        .plugin(
            tauri_plugin_window_state::Builder::new()
                .with_filename(base.join("window.json").display().to_string())
                .build(),
        )
        .on_page_load(ipc::page_load)
        .setup(move |app| {
            window::open(app.handle(), link.as_deref())?;
            tray::put(app.handle());
            alone.listen(app.handle().clone());
            notify::watch(app.handle().clone());
            Ok(())
        })
        .build(context)?;
    app.run(|app, event| match event {
        RunEvent::WindowEvent {
            event: tauri::WindowEvent::CloseRequested { api, .. },
            label,
            ..
        } => window::close_asked(app, &label, &api),
        RunEvent::Exit => {
            let desk = app.state::<Arc<Desk>>().inner().clone();
            tauri::async_runtime::block_on(async move { desk.close().await });
        }
        _ => {}
    });
    Ok(())
}

/// The program that hosts nodes and agents lies beside this one.
fn ctl() -> Result<std::path::PathBuf, Box<dyn std::error::Error>> {
    let mut path = std::env::current_exe()?;
    path.set_file_name(format!("deckwatchctl{}", std::env::consts::EXE_SUFFIX));
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "{} is missing; it comes with Deckwatch and hosts the node and the agent",
        path.display()
    )
    .into())
}
