//! The door between the page and the console: one command for each line of the list, watches over
//! channels, and the few things that only a shell can answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use deckwatch_console::{Desk, Environment, Frame, Problem};
use serde_json::Value;
use tauri::ipc::Channel;
use tauri::webview::{PageLoadEvent, PageLoadPayload};
use tauri::{AppHandle, Manager, Runtime, State, Webview};

use crate::window;

include!(concat!(env!("OUT_DIR"), "/adapters.rs"));

async fn ask(
    desk: &Arc<Desk>,
    environment: &str,
    name: &str,
    params: Value,
) -> Result<Value, Problem> {
    desk.ask(environment, name, params, &mut |_| {}).await
}

/// The rollback, telling what it does while it does it.
#[tauri::command]
pub async fn roll_back(
    desk: State<'_, Arc<Desk>>,
    environment: String,
    params: Value,
    progress: Channel<Value>,
) -> Result<Value, Problem> {
    let mut tell = |value| {
        let _ = progress.send(value);
    };
    desk.ask(&environment, "rollback", params, &mut tell).await
}

#[tauri::command]
pub async fn environments(desk: State<'_, Arc<Desk>>) -> Result<Vec<Environment>, Problem> {
    Ok(desk.environments())
}

/// Watches that run, by the number that the page was given.
#[derive(Default)]
pub struct Watches {
    next: AtomicU32,
    running: Mutex<BTreeMap<u32, tauri::async_runtime::JoinHandle<()>>>,
}

impl Watches {
    fn running(
        &self,
    ) -> std::sync::MutexGuard<'_, BTreeMap<u32, tauri::async_runtime::JoinHandle<()>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_all(&self) {
        for (_, task) in std::mem::take(&mut *self.running()) {
            task.abort();
        }
    }
}

/// Answers with a number to `unwatch`; frames come over the channel.
#[tauri::command]
pub async fn watch(
    desk: State<'_, Arc<Desk>>,
    watches: State<'_, Watches>,
    environment: String,
    name: String,
    params: Value,
    frames: Channel<Frame>,
) -> Result<u32, Problem> {
    let id = watches.next.fetch_add(1, Ordering::Relaxed);
    let desk = desk.inner().clone();
    let task = tauri::async_runtime::spawn(async move {
        let tell = move |frame| frames.send(frame).is_ok();
        desk.watch(&environment, name, params, tell).await;
    });
    watches.running().insert(id, task);
    Ok(id)
}

#[tauri::command]
pub async fn unwatch(watches: State<'_, Watches>, id: u32) -> Result<(), Problem> {
    if let Some(task) = watches.running().remove(&id) {
        task.abort();
    }
    Ok(())
}

/// The page has drawn itself; answers with where a link led, if one did.
#[tauri::command]
pub async fn ready<R: Runtime>(app: AppHandle<R>) -> Result<Option<String>, Problem> {
    Ok(window::drawn(&app))
}

/// What a person answered who was asked whether to close.
#[tauri::command]
pub async fn close<R: Runtime>(app: AppHandle<R>, how: window::How) -> Result<(), Problem> {
    window::close(&app, how).await
}

/// A page that is loaded anew has forgotten its watches.
pub fn page_load<R: Runtime>(webview: &Webview<R>, load: &PageLoadPayload<'_>) {
    if load.event() == PageLoadEvent::Started
        && let Some(watches) = webview.try_state::<Watches>()
    {
        watches.end_all();
    }
}
