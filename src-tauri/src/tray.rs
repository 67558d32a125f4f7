//! A mark in the tray: the way to the window, and to the way back.

use tauri::menu::{Menu, MenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Emitter, Runtime};

use crate::window;

/// Puts it there. A desktop without a tray has none, and nothing else is missing then.
pub fn put<R: Runtime>(app: &AppHandle<R>) {
    if let Err(error) = try_put(app) {
        tracing::warn!(%error, "no mark in the tray");
    }
}

fn try_put<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    let item = |id, text| MenuItem::with_id(app, id, text, true, None::<&str>);
    let menu = Menu::with_items(
        app,
        &[
            &item("open", "Open Deckwatch")?,
            &item("emergency.open", "Roll back…")?,
            &item("quit", "Quit")?,
        ],
    )?;
    let mut tray = TrayIconBuilder::with_id("deckwatch")
        .tooltip("Deckwatch")
        .menu(&menu)
        .on_menu_event(|app, event| match event.id().as_ref() {
            "quit" => window::quit_asked(app),
            "open" => window::come(app, None),
            action => {
                window::come(app, None);
                let _ = app.emit("action", action);
            }
        });
    if let Some(icon) = app.default_window_icon() {
        tray = tray.icon(icon.clone());
    }
    tray.build(app)?;
    Ok(())
}
