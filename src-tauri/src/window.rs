//! The one window: opened, brought to the front, closed with care.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use deckwatch_console::{Desk, Environment, FIRST, Problem};
use serde::Deserialize;
use serde_json::{Value, json};
use tauri::{
    AppHandle, CloseRequestApi, Emitter, Manager, Runtime, WebviewUrl, WebviewWindowBuilder,
};

use crate::arguments::route;

pub const MAIN: &str = "main";

/// Where a link that came before the page was drawn leads.
#[derive(Default)]
struct Pending(Mutex<Option<String>>);

/// How a window is closed while it drives rollouts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Nothing is left running but nodes and services.
    Quit,
    /// The window goes, the program stays in the tray and drives on.
    Hide,
    /// An agent takes over, then this program ends.
    HandToAgent,
}

/// # Errors
/// What the system said.
pub fn open<R: Runtime>(app: &AppHandle<R>, link: Option<&str>) -> tauri::Result<()> {
    app.manage(Pending(Mutex::new(link.and_then(route))));
    let desk = app.state::<Arc<Desk>>();
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        // What the page keeps belongs to this data folder, as everything else does.
        .data_directory(desk.base().join("window"))
        .title("Deckwatch")
        .inner_size(1280.0, 800.0)
        .min_inner_size(960.0, 600.0)
        .background_color(tauri::window::Color(0x0b, 0x0e, 0x12, 0xff))
        .build()?;
    crate::paint::fit(&window)
}

/// The page is there: what it is told from now on, it hears.
pub fn drawn<R: Runtime>(app: &AppHandle<R>) -> Option<String> {
    let pending = app.try_state::<Pending>()?;
    let mut pending = pending.0.lock().ok()?;
    pending.take()
}

/// Brings the window to the front, and to where a link leads.
pub fn come<R: Runtime>(app: &AppHandle<R>, link: Option<&str>) {
    if let Some(window) = app.get_webview_window(MAIN) {
        let _ = window.show();
        let _ = window.unminimize();
        let _ = window.set_focus();
    }
    if let Some(to) = link.and_then(route) {
        let _ = app.emit("go", to);
    }
}

/// Asks the page what to do when rollouts are driven from here; closes at once otherwise.
pub fn close_asked<R: Runtime>(app: &AppHandle<R>, label: &str, api: &CloseRequestApi) {
    if label != MAIN {
        return;
    }
    api.prevent_close();
    quit_asked(app);
}

/// Ends the program, or asks the page when that would leave rollouts without a driver.
pub fn quit_asked<R: Runtime>(app: &AppHandle<R>) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let driven = driven_here(&app).await;
        if driven.is_empty() {
            app.exit(0);
        } else {
            come(&app, None);
            let _ = app.emit("close-asked", driven);
        }
    });
}

/// Environments whose live rollouts nobody else would drive.
async fn driven_here<R: Runtime>(app: &AppHandle<R>) -> Vec<Value> {
    let desk = app.state::<Arc<Desk>>().inner().clone();
    let mut driven = Vec::new();
    for Environment { name, .. } in desk.environments() {
        if !desk.is_open(&name).await {
            continue;
        }
        let status = desk.ask(&name, "status", json!({}), &mut |_| {}).await;
        let Ok(status) = status else { continue };
        let live = status["live_rollouts"].as_u64().unwrap_or(0);
        if live > 0 && status["driver"]["kind"] == "this" {
            driven.push(json!({"environment": name, "rollouts": live}));
        }
    }
    driven
}

/// # Errors
/// That no agent could be started; nothing is closed then.
pub async fn close<R: Runtime>(app: &AppHandle<R>, how: How) -> Result<(), Problem> {
    match how {
        How::Quit => app.exit(0),
        How::Hide => {
            if let Some(window) = app.get_webview_window(MAIN) {
                let _ = window.hide();
            }
        }
        How::HandToAgent => {
            let desk = app.state::<Arc<Desk>>().inner().clone();
            for driven in driven_here(app).await {
                let name = driven["environment"].as_str().unwrap_or(FIRST);
                start_agent(&desk, name).await?;
            }
            app.exit(0);
        }
    }
    Ok(())
}

/// An agent that outlives this program; it takes the leases over as they are given back.
async fn start_agent(desk: &Arc<Desk>, environment: &str) -> Result<(), Problem> {
    let console = desk.console(environment).await?;
    std::process::Command::new(console.program())
        .arg("--data")
        .arg(desk.base())
        .arg("--environment")
        .arg(environment)
        .arg("agent")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| Problem::new("agent.start", e.to_string()))?;
    Ok(())
}
