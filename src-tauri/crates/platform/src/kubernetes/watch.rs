//! Keeps the index true: for each kind a list, then a watch from where the list ended.
//!
//! A watch that says nothing is not trusted for ever: the API server sends a bookmark about once a
//! minute, and one that has been silent for longer is begun anew. What a watch missed (410) is
//! listed again. In between the index is not fresh, and whoever looks reads for themselves.

use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::failure::Failure;
use super::index::Event;
use super::kind::Kind;
use super::{Shared, lock, now};

/// How long a watch may say nothing.
const SILENCE: Duration = Duration::from_secs(90);
/// After how long the API server ends a watch by itself, in seconds.
const LASTS: u32 = 290;
/// The longest that beginning a list or a watch may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Objects that are listed at once.
const PAGE: u32 = 500;
/// The first and the longest pause after a failure.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// The longest line of a watch, in bytes: an object has at most about 1.5 MiB.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// How often the connection's files are looked at while nothing is asked.
const FILES: Duration = Duration::from_secs(2);

/// Begins a watch for each of these kinds. They end with `shared`.
pub(super) fn begin(shared: &Arc<Shared>, kinds: &[Kind]) -> Vec<JoinHandle<()>> {
    let begin = |kind: &Kind| tokio::spawn(follow(Arc::downgrade(shared), *kind));
    kinds.iter().map(begin).collect()
}

/// Looks at the connection's files now and then. Ends with `shared`.
pub(super) async fn attend_files(shared: Weak<Shared>) {
    while let Some(here) = shared.upgrade() {
        let connection = here.door.connection().clone();
        drop(here);
        connection.refresh().await;
        tokio::time::sleep(FILES).await;
    }
}

async fn follow(shared: Weak<Shared>, kind: Kind) {
    let mut failures: u32 = 0;
    loop {
        let Some(here) = shared.upgrade() else { return };
        let (list, door) = (Kind::all(kind, &here.namespace), here.door.clone());
        let anew = here.anew.subscribe();
        drop(here);
        let mut moves = door.connection().moves();
        let ended = match listed(&door, kind, &list).await {
            Ok((objects, version)) => {
                if tell(&shared, Event::Listed(kind, objects)).is_break() {
                    return;
                }
                let (failure, lived) = tokio::select! {
                    ended = watch(&shared, &door, (kind, &list), version, anew) => ended,
                    Ok(()) = moves.changed() => (elsewhere(&shared, kind), true),
                };
                // A list that works is not enough: a watch that breaks at once would list for ever.
                if lived {
                    failures = 0;
                }
                failure
            }
            // A kind that the cluster does not know, or does not show, has no objects here; it may
            // come to be known.
            Err(failure) if absent(kind, &failure) => {
                if tell(&shared, Event::Listed(kind, Vec::new())).is_break() {
                    return;
                }
                tokio::time::sleep(LONGEST_PAUSE).await;
                continue;
            }
            Err(failure) => failure,
        };
        if tell(&shared, Event::Lost(kind, ended.words())).is_break() {
            return;
        }
        tracing::debug!(%kind, ?ended, "the watch ended");
        // History that is gone is listed again at once, but not over and over.
        if ended != Failure::Gone || failures > 0 {
            tokio::time::sleep(pause(failures.saturating_sub(1), rand::random())).await;
        }
        failures += 1;
    }
}

/// The context leads to another cluster: versions that were written in the one before mean nothing
/// there.
fn elsewhere(shared: &Weak<Shared>, kind: Kind) -> Failure {
    if let Some(here) = shared.upgrade() {
        lock(&here.written).retain(|(of, _), _| *of != kind);
        lock(&here.places).clear();
    }
    Failure::Gone
}

fn absent(kind: Kind, failure: &Failure) -> bool {
    match failure {
        Failure::NotFound => true,
        Failure::Denied { .. } => kind.is_optional(),
        _ => false,
    }
}

/// The pause after so many failures in a row, between a half and the whole of a doubled one, so that
/// many consoles do not come back at once.
fn pause(failures: u32, chance: u8) -> Duration {
    let whole = PAUSE
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_PAUSE);
    whole / 2 + (whole / 2).mul_f64(f64::from(chance) / 255.0)
}

fn tell(shared: &Weak<Shared>, event: Event) -> ControlFlow<()> {
    match shared.upgrade() {
        Some(here) => {
            lock(&here.index).apply(event, now());
            ControlFlow::Continue(())
        }
        None => ControlFlow::Break(()),
    }
}

/// Leaves off what nobody looks at before the next page is read: of many pods that is most.
fn slim(kind: Kind, object: &mut Value) {
    if Kind::FRONTS.contains(&kind) {
        return;
    }
    if let Some(meta) = object["metadata"].as_object_mut() {
        meta.remove("managedFields");
    }
    if kind == Kind::Pod && object["spec"].is_object() {
        let spec = &object["spec"];
        let containers = spec["containers"].as_array().into_iter().flatten();
        let named = containers.map(|c| json!({"name": c["name"], "image": c["image"]}));
        object["spec"] =
            json!({"nodeName": spec["nodeName"], "containers": named.collect::<Vec<_>>()});
    }
}

/// Everything there is, and the version at which that was so.
async fn listed(
    door: &super::door::Door,
    kind: Kind,
    list: &str,
) -> Result<(Vec<Value>, String), Failure> {
    let mut objects = Vec::new();
    let mut next = String::new();
    loop {
        let path = format!("{list}?limit={PAGE}{next}");
        let mut page = door.get(&path, PATIENCE).await?;
        if let Value::Array(mut items) = page["items"].take() {
            items.iter_mut().for_each(|object| slim(kind, object));
            objects.extend(items);
        }
        let more = page["metadata"]["continue"].as_str().unwrap_or_default();
        if more.is_empty() {
            let version = page["metadata"]["resourceVersion"].as_str();
            return Ok((objects, version.unwrap_or_default().to_owned()));
        }
        // A continuation is base64 for URLs, as it stands.
        next = format!("&continue={more}");
    }
}

/// Follows one kind until the watch has truly failed; whether it told anything before.
async fn watch(
    shared: &Weak<Shared>,
    door: &super::door::Door,
    (kind, list): (Kind, &str),
    mut version: String,
    mut anew: tokio::sync::watch::Receiver<u32>,
) -> (Failure, bool) {
    let mut lived = false;
    let silent = |why: &str| Failure::Silent { why: why.into() };
    loop {
        let path = format!(
            "{list}?watch=true&allowWatchBookmarks=true&timeoutSeconds={LASTS}&resourceVersion={version}"
        );
        let answer = match door.follow(&path, PATIENCE).await {
            Ok(answer) => answer,
            Err(failure) => return (failure, lived),
        };
        let mut lines = Lines::new(answer.into_body());
        loop {
            let line = tokio::select! {
                line = tokio::time::timeout(SILENCE, lines.next()) => line,
                _ = anew.changed() => return (silent("all watches begin anew"), lived),
            };
            let line = match line {
                Ok(Some(line)) => line,
                // The API server ends watches after a while: go on from here.
                Ok(None) => break,
                Err(_) => return (silent("the watch fell silent"), lived),
            };
            match heard(kind, line) {
                Ok((event, at)) => {
                    (version, lived) = (at, true);
                    if tell(shared, event).is_break() {
                        return (Failure::Gone, lived);
                    }
                }
                Err(failure) => return (failure, lived),
            }
        }
    }
}

/// What one line of a watch says, and up to which version it is known.
fn heard(kind: Kind, mut line: Value) -> Result<(Event, String), Failure> {
    let object = line["object"].take();
    let version = object["metadata"]["resourceVersion"].as_str();
    let version = version.unwrap_or_default().to_owned();
    match line["type"].as_str() {
        Some("ADDED" | "MODIFIED") => Ok((Event::Applied(kind, object), version)),
        Some("DELETED") => Ok((Event::Deleted(kind, object), version)),
        Some("BOOKMARK") => Ok((Event::Bookmark(kind), version)),
        _ if object["code"] == 410 => Err(Failure::Gone),
        _ => Err(Failure::Busy {
            why: object["message"]
                .as_str()
                .unwrap_or("the watch broke")
                .to_owned(),
            after: None,
        }),
    }
}

/// Lines of JSON as they come.
struct Lines {
    body: Body,
    buffer: BytesMut,
}

impl Lines {
    fn new(body: Body) -> Self {
        Lines {
            body,
            buffer: BytesMut::new(),
        }
    }

    /// The next line; none: there is none, or what comes is not one.
    async fn next(&mut self) -> Option<Value> {
        let mut looked = 0;
        loop {
            if let Some(end) = self.buffer[looked..].iter().position(|b| *b == b'\n') {
                let line = self.buffer.split_to(looked + end + 1);
                return serde_json::from_slice(&line).ok();
            }
            looked = self.buffer.len();
            if looked > LONGEST_LINE {
                return None;
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(bytes) = frame.into_data() {
                self.buffer.extend_from_slice(&bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_a_bound_and_is_never_the_same_for_all() {
        assert_eq!(pause(0, 0), PAUSE / 2);
        assert_eq!(pause(0, 255), PAUSE);
        assert!(pause(3, 9) > pause(0, 255));
        assert_eq!(pause(u32::MAX, 255), LONGEST_PAUSE);
    }

    #[test]
    fn a_line_is_an_event_or_the_end_of_the_watch() {
        let object = json!({"metadata": {"name": "a", "resourceVersion": "9"}});
        let line = |kind: &str| json!({"type": kind, "object": object});
        let (event, version) = heard(Kind::Pod, line("MODIFIED")).unwrap();
        assert_eq!(event, Event::Applied(Kind::Pod, object.clone()));
        assert_eq!(version, "9");
        let (event, _) = heard(Kind::Pod, line("DELETED")).unwrap();
        assert_eq!(event, Event::Deleted(Kind::Pod, object.clone()));
        let (event, version) = heard(Kind::Pod, line("BOOKMARK")).unwrap();
        assert_eq!((event, version.as_str()), (Event::Bookmark(Kind::Pod), "9"));
        let gone = json!({"type": "ERROR", "object": {"code": 410}});
        assert_eq!(heard(Kind::Pod, gone), Err(Failure::Gone));
        let other = json!({"type": "ERROR", "object": {"code": 500, "message": "m"}});
        assert!(matches!(heard(Kind::Pod, other), Err(Failure::Busy { .. })));
    }

    #[test]
    fn what_is_left_off_is_not_looked_at() {
        let pod = json!({"metadata": {"name": "a", "managedFields": [1]},
            "spec": {"x": 1, "nodeName": "n", "containers": [{"name": "main", "image": "i", "env": []}]},
            "status": {"phase": "Running"}});
        let mut less = pod.clone();
        slim(Kind::Pod, &mut less);
        assert_eq!(
            less,
            json!({"metadata": {"name": "a"}, "status": {"phase": "Running"},
                "spec": {"nodeName": "n", "containers": [{"name": "main", "image": "i"}]}})
        );
        let pods = |object| super::super::object::Pod::of(object);
        assert_eq!(pods(&less), pods(&pod));
        // Who wrote a traffic object is looked at.
        let mut route = pod.clone();
        slim(Kind::HttpRoute, &mut route);
        assert_eq!(route, pod);
    }

    #[tokio::test]
    async fn lines_are_found_however_they_come() {
        let text = b"{\"a\":1}\n{\"b\":2}\n".to_vec();
        let mut lines = Lines::new(Body::from(text));
        assert_eq!(lines.next().await, Some(json!({"a": 1})));
        assert_eq!(lines.next().await, Some(json!({"b": 2})));
        assert_eq!(lines.next().await, None);
    }
}
