//! What people are shown of a namespace, and what a container printed.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use deckwatch_domain::Slot;
use deckwatch_platform::PlatformError;
use deckwatch_platform::kubernetes::{
    FieldState, Kind, KubernetesPlatform, ObjectDiff, PodFollow, PodLogs, Standing,
};
use serde_json::json;

use crate::drive::Drive;
use crate::proxy::Fault;
use crate::rights::{grant, rule};
use crate::tests;
use crate::world::{World, service};

tests![
    everything_that_stands_is_shown_with_whose_it_is,
    a_pod_that_is_not_ready_says_why,
    what_somebody_else_wrote_is_named_with_who_it_was,
    a_text_has_neither_managers_nor_secrets,
    a_view_that_is_cut_off_says_so_and_catches_up,
    what_may_not_be_seen_is_said,
    lines_of_one_container_as_they_come,
    a_stream_that_breaks_is_taken_up_where_it_was,
];

async fn everything_that_stands_is_shown_with_whose_it_is(world: World) {
    world.adopted(2, true).await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    drive.done(&world, drive.weight(10)).await;
    world.until_ready(Slot::Green, 1).await;
    world
        .until("all of it is shown, and well", async || {
            let seen = world.platform.objects().await;
            let has = |kind: Kind, name: &str, slot: Option<Slot>, state: &str| {
                seen.rows.iter().any(|r| {
                    r.kind == kind
                        && r.name == name
                        && r.service == Some(service())
                        && r.slot == slot
                        && r.state == state
                        && r.standing == Standing::Good
                })
            };
            let sets = |slot| {
                let of = |r: &&_| is_set_of(r, slot);
                seen.rows.iter().filter(of).count()
            };
            seen.freshness.follows
                && has(Kind::Deployment, "web", Some(Slot::Blue), "2 of 2 ready")
                && has(
                    Kind::Deployment,
                    "web-green",
                    Some(Slot::Green),
                    "1 of 1 ready",
                )
                && has(Kind::Service, "web-svc", None, "2 endpoints ready")
                && has(
                    Kind::Service,
                    "web-green",
                    Some(Slot::Green),
                    "1 endpoint ready",
                )
                && has(
                    Kind::HttpRoute,
                    "shop",
                    None,
                    "to web-blue 90, web-green 10, elsewhere 1",
                )
                && sets(Slot::Blue) == 1
                && sets(Slot::Green) == 1
        })
        .await;
    let pods = world.platform.pods_shown().await;
    assert_eq!(pods.rows.len(), 3);
    assert!(
        pods.rows
            .iter()
            .all(|pod| pod.node.is_some() && pod.ready == 1)
    );
    let images: Vec<&str> = pods.rows.iter().map(|pod| pod.image.as_str()).collect();
    assert!(images.contains(&"registry/web:v2"), "{images:?}");
    world
        .until("the cluster's events are there, newest first", async || {
            let seen = world.platform.notices().await.rows;
            seen.is_sorted_by(|a, b| a.last >= b.last)
                && seen
                    .iter()
                    .any(|n| n.reason == "ScalingReplicaSet" && n.slot == Some(Slot::Green))
                && seen
                    .iter()
                    .any(|n| n.reason == "Scheduled" && n.kind == "Pod" && n.service.is_some())
        })
        .await;
}

fn is_set_of(row: &deckwatch_platform::kubernetes::ObjectRow, slot: Slot) -> bool {
    row.kind == Kind::ReplicaSet && row.slot == Some(slot) && row.owner.is_some()
}

async fn a_pod_that_is_not_ready_says_why(world: World) {
    world.adopted(1, false).await;
    for (fault, phase, why) in [
        ("image-pull", "ImagePullBackOff", "its image cannot be had"),
        (
            "crash-loop",
            "CrashLoopBackOff",
            "it keeps ending, last with exit code",
        ),
        (
            "never-ready",
            "Running",
            "container main does not pass its readiness check",
        ),
    ] {
        let labels = json!({"deckwatch.test/fault": fault});
        let patch = json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null},
            "template": {"metadata": {"labels": labels}}}});
        world.edit("apps/v1", "deployments/web", patch).await;
        world
            .until(&format!("{fault} is said"), async || {
                let seen = world.platform.pods_shown().await.rows;
                seen.iter().any(|pod| {
                    pod.phase == phase
                        && pod.why.as_deref().is_some_and(|said| said.starts_with(why))
                        && pod.standing != Standing::Good
                })
            })
            .await;
    }
}

fn of<'a>(diff: &'a ObjectDiff, state: FieldState, field: &str) -> Option<&'a str> {
    let found = diff
        .fields
        .iter()
        .find(|f| f.state == state && f.field == field)?;
    let mut names = found.owners.iter().map(|o| o.manager.as_str());
    names.next_back()
}

async fn what_somebody_else_wrote_is_named_with_who_it_was(world: World) {
    world.adopted(2, true).await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    drive.done(&world, drive.weight(10)).await;
    let platform = &world.platform;
    for (kind, name) in [
        (Kind::HttpRoute, "shop"),
        (Kind::Deployment, "web-green"),
        (Kind::Service, "web-green"),
        (Kind::Service, "web-svc"),
    ] {
        let calm = platform.diff(kind, name).await.unwrap();
        let other = calm.fields.iter().find(|f| f.state == FieldState::Differs);
        assert_eq!(other, None, "{kind} {name}");
        let ours = calm.fields.iter().any(|f| f.state == FieldState::Same);
        assert_eq!(ours, name != "web-svc", "{calm:#?}");
    }
    let mut route = world.route().await;
    route["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(77);
    let gateway = "gateway.networking.k8s.io/v1";
    let patch = json!({"spec": {"rules": route["spec"]["rules"]}});
    world.edit(gateway, "httproutes/shop", patch).await;
    let seen = platform.diff(Kind::HttpRoute, "shop").await.unwrap();
    let weight = "spec.rules[0].backendRefs[web-green].weight";
    assert_eq!(
        of(&seen, FieldState::Differs, weight),
        Some("kubectl-edit"),
        "{seen:#?}"
    );
    let row = seen.fields.iter().find(|f| f.field == weight).unwrap();
    assert_eq!(
        (row.applied.as_deref(), row.found.as_deref()),
        (Some("10"), Some("77"))
    );

    let image = json!({"spec": {"replicas": 3, "template": {"spec": {"containers": [
        {"name": "main", "image": "registry/web:hot", "env": [{"name": "VERSION", "value": "v2"}]}]}}}});
    world.edit("apps/v1", "deployments/web-green", image).await;
    let seen = platform.diff(Kind::Deployment, "web-green").await.unwrap();
    let field = "spec.template.spec.containers[main].image";
    assert_eq!(
        of(&seen, FieldState::Differs, field),
        Some("kubectl-edit"),
        "{seen:#?}"
    );
    assert_eq!(
        of(&seen, FieldState::Taken, "spec.replicas"),
        Some("kubectl-edit"),
        "{seen:#?}"
    );
}

async fn a_text_has_neither_managers_nor_secrets(world: World) {
    let mut made = crate::world::deployment(1);
    made["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "fast"}]);
    world.make("apps/v1", "deployments", made).await;
    let platform = &world.platform;
    let text = platform.text(Kind::Deployment, "web", false).await.unwrap();
    assert!(
        text.yaml
            .starts_with("apiVersion: apps/v1\nkind: Deployment\n"),
        "{}",
        text.yaml
    );
    assert!(text.yaml.contains("value: fast"));
    for gone in ["hunter2", "managedFields"] {
        assert!(!text.yaml.contains(gone), "{}", text.yaml);
    }
    assert!(text.managers > 0);
    let whole = platform.text(Kind::Deployment, "web", true).await.unwrap();
    assert!(whole.yaml.contains("managedFields"));
    assert!(!whole.yaml.contains("hunter2"));
    let absent = platform
        .text(Kind::Deployment, "none", false)
        .await
        .unwrap_err();
    assert!(
        absent.to_string().contains("Deployment none is not there"),
        "{absent}"
    );
    let path = platform
        .text(Kind::Deployment, "../secrets/x", false)
        .await
        .unwrap_err();
    assert!(path.to_string().contains("no object's name"), "{path}");
}

async fn a_view_that_is_cut_off_says_so_and_catches_up(world: World) {
    world.adopted(1, true).await;
    let (proxy, view) = world.through_proxy().await;
    assert_eq!(view.pods_shown().await.rows.len(), 1);
    proxy.set(Fault::Cut);
    world
        .until("it says that it is old", async || {
            let seen = view.pods_shown().await;
            let old = !seen.freshness.follows && seen.freshness.trouble.is_some();
            // What was known is shown all the same.
            old && seen.rows.len() == 1 && seen.freshness.at.is_some()
        })
        .await;
    world
        .edit(
            "apps/v1",
            "deployments/web",
            json!({"spec": {"replicas": 2}}),
        )
        .await;
    proxy.set(Fault::None);
    world
        .until("it has caught up", async || {
            let seen = view.pods_shown().await;
            seen.freshness.follows && seen.rows.len() == 2
        })
        .await;
}

async fn what_may_not_be_seen_is_said(world: World) {
    world.adopted(1, true).await;
    let all = [
        "",
        "apps",
        "discovery.k8s.io",
        "gateway.networking.k8s.io",
        "autoscaling",
        "policy",
    ];
    let seen = [
        "deployments",
        "replicasets",
        "pods",
        "services",
        "endpointslices",
        "httproutes",
        "horizontalpodautoscalers",
        "poddisruptionbudgets",
    ];
    grant(
        &world,
        "viewer",
        vec![rule(&all, &seen, &["get", "list", "watch"])],
    )
    .await;
    let viewer = world.platform_of("viewer").await;
    world
        .until("the rest is seen", async || {
            let seen = viewer.objects().await;
            seen.freshness.follows && seen.rows.iter().any(|r| r.kind == Kind::ReplicaSet)
        })
        .await;
    let events = viewer.notices().await;
    assert!(!events.freshness.follows && events.freshness.at.is_none() && events.rows.is_empty());
    let why = events.freshness.trouble.expect("a reason");
    assert!(why.contains("events") && why.contains("forbidden"), "{why}");
    let denied = viewer
        .text(Kind::VirtualService, "x", false)
        .await
        .unwrap_err();
    assert!(
        matches!(
            denied,
            PlatformError::Denied { .. } | PlatformError::Broken { .. }
        ),
        "{denied}"
    );
}

/// Lets a pod print what stands in a file, as a container runtime writes it.
async fn prints(world: &World, pod: &str, file: &Path, before: &Path) {
    let logs = json!({"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Logs",
        "metadata": {"name": pod}, "spec": {"logs": [
        {"logsFile": file, "previousLogsFile": before, "follow": true}]}});
    world.make("kwok.x-k8s.io/v1alpha1", "logs", logs).await;
}

fn line(second: u32, text: &str) -> String {
    format!("2026-01-01T00:00:{second:02}.000000000Z stdout F {text}\n")
}

fn append(file: &Path, text: &str) {
    let mut open = std::fs::OpenOptions::new();
    let mut file = open.append(true).open(file).expect("the file");
    file.write_all(text.as_bytes()).expect("written");
}

/// A pod that prints, and its file.
async fn printing(world: &World) -> (tempfile::TempDir, std::path::PathBuf, PodLogs) {
    world.adopted(1, false).await;
    let pod = world.pods("app%3Dweb").await[0]["metadata"]["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, before) = (folder.path().join("now"), folder.path().join("before"));
    std::fs::write(&file, line(1, "one") + &line(2, "two") + &line(3, "three")).expect("written");
    std::fs::write(&before, line(0, "the last words")).expect("written");
    prints(world, &pod, &file, &before).await;
    let ask = PodLogs {
        pod,
        container: None,
        previous: false,
        lines: 2,
    };
    (folder, file, ask)
}

async fn texts(platform: &KubernetesPlatform, ask: &PodLogs) -> Vec<String> {
    let lines = platform.pod_logs(ask).await.unwrap_or_default();
    lines.into_iter().map(|line| line.text).collect()
}

/// The next so many lines, however often the stream ends or fails in between.
async fn read(follow: &mut PodFollow, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let reading = async {
        while lines.len() < count {
            match follow.next().await {
                Ok(Some(line)) => lines.push(line.text),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let ended = tokio::time::timeout(crate::world::SOON, reading).await;
    ended.unwrap_or_else(|_| panic!("{count} lines did not come"));
    lines
}

async fn lines_of_one_container_as_they_come(world: World) {
    let (_folder, file, ask) = printing(&world).await;
    world
        .until("the pod prints", async || {
            texts(&world.platform, &ask).await == ["two", "three"]
        })
        .await;
    let previous = PodLogs {
        previous: true,
        container: Some("main".into()),
        ..ask.clone()
    };
    assert_eq!(texts(&world.platform, &previous).await, ["the last words"]);
    let mut follow = world.platform.follow_pod(ask.clone());
    assert_eq!(read(&mut follow, 2).await, ["two", "three"]);
    append(&file, &(line(4, "four") + &line(5, "five")));
    assert_eq!(read(&mut follow, 2).await, ["four", "five"]);
    let none = PodLogs {
        pod: "nobody".into(),
        ..ask
    };
    let absent = world.platform.pod_logs(&none).await.unwrap_err();
    assert!(
        absent
            .to_string()
            .contains("the log of nobody is not there"),
        "{absent}"
    );
}

async fn a_stream_that_breaks_is_taken_up_where_it_was(world: World) {
    let (_folder, file, ask) = printing(&world).await;
    world
        .until("the pod prints", async || {
            texts(&world.platform, &ask).await == ["two", "three"]
        })
        .await;
    let (proxy, through) = world.through_proxy().await;
    let mut follow = through.follow_pod(ask);
    assert_eq!(read(&mut follow, 2).await, ["two", "three"]);
    for n in 0..3 {
        proxy.set(Fault::Cut);
        // Two of one moment: one second is asked for again, and neither comes twice.
        append(&file, &(line(4 + n, "a") + &line(4 + n, "b")));
        assert!(
            matches!(follow.next().await, Ok(None)),
            "the stream has ended"
        );
        let away = follow.next().await.unwrap_err();
        assert!(matches!(away, PlatformError::Unreachable { .. }), "{away}");
        proxy.set(Fault::None);
        assert_eq!(read(&mut follow, 2).await, ["a", "b"]);
    }
    append(&file, &line(9, "end"));
    assert_eq!(read(&mut follow, 1).await, ["end"]);
}
