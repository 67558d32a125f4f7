//! Who may do what, and how it is said that they may not.

use deckwatch_domain::{Identity, Slot};
use deckwatch_platform::kubernetes::{Access, Kind, contexts, needs};
use deckwatch_platform::{Action, Platform as _, PlatformError};
use serde_json::{Value, json};

use crate::drive::{Drive, lane, order, take_back};
use crate::tests;
use crate::world::{World, service};

tests![
    a_viewer_looks_and_may_not_write,
    a_driver_without_the_route_is_told_which_right_is_missing,
    the_way_back_passes_a_closed_context,
    the_connection_knows_where_it_is,
];

pub fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
}

pub async fn grant(world: &World, user: &str, rules: Vec<Value>) {
    let api = "rbac.authorization.k8s.io/v1";
    world
        .make(
            api,
            "roles",
            json!({"metadata": {"name": user}, "rules": rules}),
        )
        .await;
    world
        .make(
            api,
            "rolebindings",
            json!({"metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]}),
        )
        .await;
}

async fn a_viewer_looks_and_may_not_write(world: World) {
    world.adopted(1, true).await;
    grant(
        &world,
        "viewer",
        vec![rule(&["*"], &["*"], &["get", "list", "watch"])],
    )
    .await;
    let viewer = world.platform_of("viewer").await;
    world
        .until("the rights are known", async || {
            viewer.observe(&service()).await.is_ok()
        })
        .await;
    assert_eq!(
        viewer.observe(&service()).await.unwrap().slots.blue.ready,
        1
    );
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    let (_, answer) = lane(&viewer, &take_back()).await;
    let denied = answer.unwrap_err();
    assert!(matches!(denied, PlatformError::Denied { .. }), "{denied}");
    assert!(denied.to_string().contains("patch httproutes"), "{denied}");
    let rehearsed = viewer
        .apply(&service(), &order(Action::Rehearse(take_back())))
        .await;
    assert!(
        matches!(rehearsed, Err(PlatformError::Denied { .. })),
        "a rehearsal passes what the way back would not"
    );
    let report = viewer.preflight(needs(Kind::HttpRoute)).await.unwrap();
    assert!(!report.can_take_back());
    let nobody = world.platform_of("nobody").await;
    let denied = nobody.observe(&service()).await.unwrap_err();
    assert!(matches!(denied, PlatformError::Denied { .. }), "{denied}");
}

async fn a_driver_without_the_route_is_told_which_right_is_missing(world: World) {
    world.adopted(1, true).await;
    let read = rule(&["*"], &["*"], &["get", "list", "watch"]);
    let write = rule(
        &["apps", "autoscaling", ""],
        &["*"],
        &["create", "patch", "delete"],
    );
    grant(&world, "driver", vec![read, write]).await;
    let driver = world.platform_of("driver").await;
    world
        .until("the rights are known", async || {
            driver.observe(&service()).await.is_ok()
        })
        .await;
    let report = driver.preflight(needs(Kind::HttpRoute)).await.unwrap();
    let missing: Vec<String> = report.missing.iter().map(|need| need.words()).collect();
    assert_eq!(missing, ["patch httproutes.gateway.networking.k8s.io"]);
    assert!(!report.can_take_back());
    let report = driver.preflight(needs(Kind::Service)).await.unwrap();
    assert!(report.missing.is_empty() && report.can_take_back());
    let drive = Drive::new(1, Slot::Green);
    let denied = drive.apply(&driver, drive.weight(0)).await.unwrap_err();
    assert!(
        denied.to_string().contains("right to patch httproutes"),
        "{denied}"
    );
}

async fn the_way_back_passes_a_closed_context(world: World) {
    world.adopted(1, true).await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    drive.done(&world, drive.weight(50)).await;
    world.platform.set_access(Access::ReadOnly);
    for action in [drive.weight(60), Action::Retire { slot: Slot::Green }] {
        let denied = drive.apply(&world.platform, action).await.unwrap_err();
        assert!(!denied.to_string().is_empty());
    }
    let denied = drive
        .apply(&world.platform, drive.weight(60))
        .await
        .unwrap_err();
    assert!(denied.to_string().contains("read-only"), "{denied}");
    // More instances where traffic would return to are the way back too; fewer are not.
    let scale = |instances| Action::Scale {
        slot: Slot::Blue,
        instances,
    };
    drive.done(&world, scale(2)).await;
    assert!(drive.apply(&world.platform, scale(1)).await.is_err());
    lane(&world.platform, &take_back()).await.1.unwrap();
    assert_eq!(world.weights().await, (100, 0));
}

async fn the_connection_knows_where_it_is(world: World) {
    let connection = world.platform.connection();
    let who = connection.who().await.unwrap();
    assert_eq!(
        (who.id.as_str(), who.identity),
        ("admin", Identity::Kubernetes)
    );
    assert_eq!(connection.cluster().await.unwrap().len(), 36);
    assert!(connection.version().await.unwrap().starts_with("v1."));
    let listed = contexts(Some(&world.cluster.kubeconfig)).unwrap();
    let names: Vec<&str> = listed.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["admin", "driver", "nobody", "viewer"]);
    let nobody = world.platform_of("nobody").await;
    let denied = nobody.connection().cluster().await.unwrap_err();
    assert!(matches!(denied, PlatformError::Denied { .. }), "{denied}");
}
