//! Coming in without anybody noticing, and going out again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use deckwatch_domain::{Role, Slot};
use deckwatch_platform::{Platform as _, PlatformError};
use serde_json::json;

use crate::drive::Drive;
use crate::proxy::Fault;
use crate::tests;
use crate::world::{World, ask, service};

tests![
    adoption_loses_no_endpoint,
    adoption_goes_on_where_it_was_cut,
    other_pods_behind_the_service_are_not_lost,
    a_stateful_set_and_a_daemon_set_are_refused,
    a_release_leaves_everything_as_it_was,
];

/// Ready pods behind whatever the route leads to right now.
async fn behind_route(world: &World) -> usize {
    let route = world.route().await;
    let mut ready = 0;
    let refs = route["spec"]["rules"][0]["backendRefs"]
        .as_array()
        .expect("backends");
    for backend in refs.iter().filter(|b| b["weight"] != 0) {
        ready += world.ready(backend["name"].as_str().expect("a name")).await;
    }
    ready
}

fn uids(pods: &[serde_json::Value]) -> Vec<String> {
    let uid = |pod: &serde_json::Value| pod["metadata"]["uid"].to_string();
    let mut uids: Vec<String> = pods.iter().map(uid).collect();
    uids.sort();
    uids
}

async fn adoption_loses_no_endpoint(world: World) {
    world.service(3, true).await;
    let before = uids(&world.pods("app%3Dweb").await);
    let plan = world.platform.plan_adoption(&ask(true)).await.unwrap();
    assert_eq!(plan.steps.len(), 3);
    assert!(
        world.find("v1", "services/web-blue").await.is_none(),
        "a dry run writes nothing"
    );
    let world = Arc::new(world);
    let (over, fewest, looks) = (
        AtomicBool::new(false),
        AtomicUsize::new(99),
        AtomicUsize::new(0),
    );
    let (over, fewest, looks) = (Arc::new(over), Arc::new(fewest), Arc::new(looks));
    let watching = {
        let (world, over, fewest, looks) =
            (world.clone(), over.clone(), fewest.clone(), looks.clone());
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                fewest.fetch_min(behind_route(&world).await, Ordering::Relaxed);
                looks.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    world.platform.adopt(&ask(true)).await.unwrap();
    world
        .until("a few looks", async || looks.load(Ordering::Relaxed) > 10)
        .await;
    over.store(true, Ordering::Relaxed);
    watching.await.unwrap();
    assert_eq!(
        fewest.load(Ordering::Relaxed),
        3,
        "there was a moment of less capacity"
    );
    assert_eq!(
        uids(&world.pods("app%3Dweb").await),
        before,
        "a pod was restarted"
    );
    assert_eq!(world.weights().await, (100, 0));
    let route = world.route().await;
    assert_eq!(
        route["spec"]["rules"][1]["backendRefs"][0]["name"],
        "elsewhere"
    );
    let seen = world.seen().await;
    assert_eq!((seen.slots.blue.ready, seen.instances), (3, 3));
    assert_eq!(seen.traffic.roles.playing(Role::Stable), Some(Slot::Blue));
    assert_eq!(seen.slots.blue.release.unwrap().version.as_str(), "v1");
    assert_eq!(seen.drift, None);
    // Again is nothing.
    let version = route["metadata"]["resourceVersion"].clone();
    world.platform.adopt(&ask(true)).await.unwrap();
    assert_eq!(world.route().await["metadata"]["resourceVersion"], version);
    assert_eq!(world.platform.services().await.unwrap(), [service()]);
}

async fn adoption_goes_on_where_it_was_cut(world: World) {
    world.service(2, true).await;
    // Before the first write, after it, and (going on) after the second.
    for writes in [0, 1, 1] {
        let (proxy, platform) = world.through_proxy().await;
        proxy.set(Fault::CutAfter(writes));
        let cut = platform.adopt(&ask(true)).await.unwrap_err();
        assert!(matches!(cut, PlatformError::Unreachable { .. }), "{cut}");
        assert_eq!(behind_route(&world).await, 2);
    }
    world.platform.adopt(&ask(true)).await.unwrap();
    assert_eq!(world.weights().await, (100, 0));
    assert_eq!(world.seen().await.slots.blue.ready, 2);
}

async fn other_pods_behind_the_service_are_not_lost(world: World) {
    world.service(2, true).await;
    world
        .make(
            "apps/v1",
            "deployments",
            json!({"metadata": {"name": "second"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"name": "second"}},
        "template": {"metadata": {"labels": {"name": "second", "app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "x"}]}}}}),
        )
        .await;
    world
        .until("both are behind it", async || {
            world.ready("web-svc").await >= 3
        })
        .await;
    let mut asked = ask(true);
    asked.deployment = "second".into();
    asked.service = Some("web-svc".into());
    let refused = world.platform.adopt(&asked).await.unwrap_err().to_string();
    assert!(refused.contains("also leads to"), "{refused}");
    let route = world.route().await;
    assert_eq!(
        route["spec"]["rules"][0]["backendRefs"][0]["name"],
        "web-svc"
    );
}

async fn a_stateful_set_and_a_daemon_set_are_refused(world: World) {
    world
        .make(
            "apps/v1",
            "statefulsets",
            json!({"metadata": {"name": "web"}, "spec": {
            "serviceName": "web", "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": "x"}]}}}}),
        )
        .await;
    let refused = world.platform.adopt(&ask(false)).await.unwrap_err();
    assert!(
        refused.to_string().contains("web is a StatefulSet"),
        "{refused}"
    );
    world
        .make(
            "apps/v1",
            "daemonsets",
            json!({"metadata": {"name": "agent"}, "spec": {"selector": {"matchLabels": {"app": "agent"}},
            "template": {"metadata": {"labels": {"app": "agent"}},
                "spec": {"containers": [{"name": "main", "image": "x"}]}}}}),
        )
        .await;
    let mut asked = ask(false);
    asked.deployment = "agent".into();
    let refused = world.platform.plan_adoption(&asked).await.unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("agent is a DaemonSet"), "{refused}");
    assert!(refused.contains("rolling update"), "{refused}");
}

async fn a_release_leaves_everything_as_it_was(world: World) {
    world.service(2, true).await;
    let before = world.route().await["spec"].clone();
    world.platform.adopt(&ask(true)).await.unwrap();
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    let refused = world.platform.release(&service()).await.unwrap_err();
    assert!(refused.to_string().contains("live"), "{refused}");
    crate::drive::lane(&world.platform, &crate::drive::take_back())
        .await
        .1
        .unwrap();
    world.platform.release(&service()).await.unwrap();
    let route = world.route().await;
    assert_eq!(route["spec"], before);
    assert!(
        route["metadata"]["annotations"]
            .as_object()
            .is_none_or(|a| a.is_empty())
    );
    for made in ["services/web-blue", "services/web-green"] {
        assert!(world.find("v1", made).await.is_none(), "{made}");
    }
    assert!(
        world
            .find("apps/v1", "deployments/web-green")
            .await
            .is_none()
    );
    assert_eq!(world.ready("web-svc").await, 2);
}
