//! Pods as rows, with why one is not ready in words. Pure.

use deckwatch_domain::Timestamp;

use super::super::index::Index;
use super::super::object::Pod;
use super::rows::{PodRow, Standing};
use super::whose::{Belongings, workload};

/// How long a pod may take to come up before it is no longer merely on its way.
const PATIENCE_SECS: u64 = 120;

/// Every pod of the namespace.
pub(super) fn pods(index: &Index, now: Timestamp) -> Vec<PodRow> {
    let belongings = Belongings::of(index);
    let rows = index.pods.values().map(|(_, pod)| {
        let workload = workload(index, pod);
        let whose = workload.as_ref().and_then(|w| belongings.deployment(w));
        let container = workload.as_ref().and_then(|w| belongings.container(w));
        let (standing, why) = stands(pod, now);
        PodRow {
            name: pod.name.clone(),
            standing,
            phase: phase(pod),
            ready: (pod.images.len().saturating_sub(pod.unready.len())) as u32
                * u32::from(has_begun(pod)),
            containers: pod.images.iter().map(|(name, _)| name.clone()).collect(),
            restarts: pod.restarts,
            node: pod.node.clone(),
            created: pod.created,
            image: image(pod, container),
            why,
            service: whose.as_ref().map(|w| w.service.clone()),
            slot: whose.and_then(|w| w.slot),
            workload,
        }
    });
    rows.collect()
}

fn has_begun(pod: &Pod) -> bool {
    pod.phase == "Running"
}

fn image(pod: &Pod, container: Option<&str>) -> String {
    let named = pod
        .images
        .iter()
        .find(|(name, _)| Some(name.as_str()) == container);
    let found = named.or_else(|| pod.images.first());
    found.map_or_else(String::new, |(_, image)| image.clone())
}

/// One word, as the people who know `kubectl` expect it.
fn phase(pod: &Pod) -> String {
    if pod.leaving {
        return "Terminating".into();
    }
    let waits = pod.waiting.clone().filter(|_| !pod.ready);
    waits.unwrap_or_else(|| pod.phase.clone())
}

fn stands(pod: &Pod, now: Timestamp) -> (Standing, Option<String>) {
    if pod.leaving {
        return (Standing::Moving, Some("it is being ended".into()));
    }
    match pod.phase.as_str() {
        "Succeeded" => {
            return (
                Standing::Idle,
                Some("it has done its work and ended".into()),
            );
        }
        "Failed" => {
            let why = pod.end_why.as_ref().or(pod.ended.as_ref());
            let words = why.map_or_else(String::new, |why| format!(": {why}"));
            return (Standing::Bad, Some(format!("it has failed{words}")));
        }
        _ => {}
    }
    if pod.ready {
        let ended = pod.ended.as_ref().filter(|_| pod.restarts > 0);
        let why = ended.map(|how| format!("a container ended earlier: {how}"));
        let standing = if why.is_some() {
            Standing::Warn
        } else {
            Standing::Good
        };
        return (standing, why);
    }
    let waited = now.since(pod.started.unwrap_or(pod.created)).as_secs();
    let standing = match (&pod.waiting, pod.unplaced_why.is_some()) {
        (Some(why), _) if given_up(why) => Standing::Bad,
        _ if waited > PATIENCE_SECS => Standing::Bad,
        (_, true) => Standing::Warn,
        // It was ready before: this is no start.
        _ if has_begun(pod) && pod.restarts > 0 => Standing::Warn,
        _ => Standing::Moving,
    };
    (standing, Some(unready(pod)))
}

/// Whether a node has given a container up for now.
fn given_up(why: &str) -> bool {
    why.ends_with("BackOff")
        || why.starts_with("Err")
        || why.ends_with("Error")
        || why.starts_with("Invalid")
}

/// Why a pod that has not ended is not ready.
fn unready(pod: &Pod) -> String {
    if let Some(why) = pod.unplaced_why.as_ref().filter(|_| pod.node.is_none()) {
        return format!("no node takes it: {}", after_colon(why));
    }
    if let Some(reason) = &pod.waiting {
        return waits(pod, reason);
    }
    if pod.node.is_none() {
        return "no node has been chosen yet".into();
    }
    if !has_begun(pod) {
        return "its containers are being started".into();
    }
    let what = match pod.unready.as_slice() {
        [] => "its readiness gates are not open".to_owned(),
        [one] => format!("container {one} does not pass its readiness check"),
        many => format!(
            "containers {} do not pass their readiness checks",
            many.join(", ")
        ),
    };
    match &pod.ended {
        Some(how) if pod.restarts > 0 => {
            format!(
                "{what}; it was restarted {} times, last after {how}",
                pod.restarts
            )
        }
        _ => match pod.unready_why.as_deref().filter(|why| !why.is_empty()) {
            Some(why) if pod.unready.is_empty() => format!("{what}: {why}"),
            _ => what,
        },
    }
}

fn waits(pod: &Pod, reason: &str) -> String {
    let last = pod.ended.as_ref();
    let last = last.map_or_else(String::new, |how| format!(", last with {how}"));
    let said = |words: &str| match pod.waiting_why.as_deref().filter(|m| !m.is_empty()) {
        Some(message) => format!("{words}: {message}"),
        None => words.to_owned(),
    };
    match reason {
        "CrashLoopBackOff" => {
            format!("it keeps ending{last}, and is started again later and later")
        }
        "ImagePullBackOff" | "ErrImagePull" | "ErrImageNeverPull" => {
            said("its image cannot be had")
        }
        "InvalidImageName" => said("its image's name is not one"),
        "CreateContainerConfigError" => said("something that its configuration names is missing"),
        "ContainerCreating" => "its containers are being made".into(),
        "PodInitializing" => "it waits for its init containers".into(),
        other => said(other),
    }
}

fn after_colon(why: &str) -> &str {
    why.split_once(": ").map_or(why, |(_, message)| message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::index::Event;
    use crate::kubernetes::kind::Kind;
    use serde_json::{Value, json};

    const NOW: &str = "2026-01-01T00:10:00Z";

    fn pod(status: Value, created: &str) -> PodRow {
        let mut index = Index::default();
        let pod = json!({"metadata": {"name": "web-1", "creationTimestamp": created, "resourceVersion": "1"},
            "spec": {"nodeName": status["node"], "containers": [{"name": "main", "image": "web:v1"}]},
            "status": status});
        let now = NOW.parse().unwrap();
        index.apply(Event::Applied(Kind::Pod, pod), now);
        pods(&index, now).remove(0)
    }

    fn container(state: Value) -> Value {
        json!([{"name": "main", "ready": false, "restartCount": 0, "state": state}])
    }

    #[test]
    fn why_it_is_not_ready_is_said_in_words() {
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-01T00:09:50Z");
        let crash = json!([{"name": "main", "ready": false, "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
            "lastState": {"terminated": {"exitCode": 3}}}]);
        let unready = json!([{"type": "Ready", "status": "False", "reason": "ContainersNotReady",
            "message": "containers with unready status: [main]"}]);
        let cases = [
            (
                json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
                    "reason": "Unschedulable", "message": "0/3 nodes are available"}]}),
                late,
                Standing::Warn,
                "Pending",
                "no node takes it: 0/3 nodes are available",
            ),
            (
                json!({"phase": "Pending", "node": "n1",
                    "containerStatuses": container(json!({"waiting": {"reason": "ContainerCreating"}}))}),
                late,
                Standing::Moving,
                "ContainerCreating",
                "its containers are being made",
            ),
            (
                json!({"phase": "Pending", "node": "n1", "containerStatuses": container(
                    json!({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}))}),
                late,
                Standing::Bad,
                "ImagePullBackOff",
                "its image cannot be had: not found",
            ),
            (
                json!({"phase": "Running", "node": "n1", "containerStatuses": crash}),
                late,
                Standing::Bad,
                "CrashLoopBackOff",
                "it keeps ending, last with exit code 3, and is started again later and later",
            ),
            (
                json!({"phase": "Running", "node": "n1", "conditions": unready,
                    "containerStatuses": container(json!({"running": {}}))}),
                early,
                Standing::Bad,
                "Running",
                "container main does not pass its readiness check",
            ),
            (
                json!({"phase": "Failed", "reason": "Evicted", "message": "disk pressure"}),
                late,
                Standing::Bad,
                "Failed",
                "it has failed: Evicted: disk pressure",
            ),
            (
                json!({"phase": "Succeeded"}),
                late,
                Standing::Idle,
                "Succeeded",
                "it has done its work and ended",
            ),
        ];
        for (status, created, standing, phase, why) in cases {
            let row = pod(status, created);
            assert_eq!(row.why.as_deref(), Some(why));
            assert_eq!(
                (row.standing, row.phase.as_str()),
                (standing, phase),
                "{why}"
            );
            assert_eq!((row.ready, row.containers.len()), (0, 1), "{why}");
        }
    }

    #[test]
    fn a_ready_pod_has_nothing_to_say_but_that_it_ended_before() {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let calm = json!({"phase": "Running", "node": "n1", "conditions": ready,
            "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0}]});
        let row = pod(calm, "2026-01-01T00:00:00Z");
        assert_eq!(
            (row.standing, row.ready, row.why),
            (Standing::Good, 1, None)
        );
        let ended = json!({"phase": "Running", "node": "n1", "conditions": ready,
            "containerStatuses": [{"name": "main", "ready": true, "restartCount": 2,
                "lastState": {"terminated": {"exitCode": 137}}}]});
        let row = pod(ended, "2026-01-01T00:00:00Z");
        assert_eq!(row.standing, Standing::Warn);
        assert_eq!(
            row.why.as_deref(),
            Some("a container ended earlier: exit code 137")
        );
    }
}
