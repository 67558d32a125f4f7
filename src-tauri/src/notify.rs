//! A word on the desktop while nobody looks at the window.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deckwatch_console::{Desk, Noticed};
use serde_json::json;
use tauri::{AppHandle, Manager, Runtime};
use tauri_plugin_notification::NotificationExt;

use crate::window::MAIN;

const EVERY: Duration = Duration::from_secs(2);

/// Looks at every open environment for as long as the program lives.
pub fn watch<R: Runtime>(app: AppHandle<R>) {
    tauri::async_runtime::spawn(async move {
        let desk = app.state::<Arc<Desk>>().inner().clone();
        let mut noticed: BTreeMap<String, Noticed> = BTreeMap::new();
        loop {
            tokio::time::sleep(EVERY).await;
            for environment in desk.environments() {
                let name = environment.name;
                if !desk.is_open(&name).await {
                    continue;
                }
                let ask = json!({"limit": 500});
                let Ok(view) = desk.ask(&name, "bridge", ask, &mut |_| {}).await else {
                    continue;
                };
                let Ok(view) = serde_json::from_value(view) else {
                    continue;
                };
                for notice in noticed.entry(name.clone()).or_default().look(&view) {
                    tell(&app, &format!("{} · {name}", notice.title), &notice.body);
                }
            }
        }
    });
}

fn tell<R: Runtime>(app: &AppHandle<R>, title: &str, body: &str) {
    let looked_at = app
        .get_webview_window(MAIN)
        .is_some_and(|w| w.is_focused().unwrap_or(false));
    if looked_at {
        return;
    }
    let shown = app.notification().builder().title(title).body(body).show();
    if let Err(error) = shown {
        tracing::debug!(%error, "the desktop shows no notifications");
    }
}
