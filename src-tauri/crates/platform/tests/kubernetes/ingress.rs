//! A canary Ingress beside the main one. No ingress-nginx runs here: what is proven is what the API
//! server keeps, and that the way back is one patch of it.

use deckwatch_domain::{PerSlot, Role, Slot, Weights};
use deckwatch_platform::kubernetes::{AdoptAsk, FrontAsk, Truth};
use deckwatch_platform::{
    Action, Audience, AudienceBy, Platform as _, PlatformError, Rejection, TrafficWrite,
};
use serde_json::{Value, json};

use crate::drive::{Drive, lane, order, take_back};
use crate::tests;
use crate::world::{World, service};

tests![
    a_canary_ingress_carries_the_weights,
    the_candidate_is_behind_the_canary_in_either_slot,
    another_hand_on_the_canary_is_seen_and_settled,
    people_are_led_to_the_canary_by_header,
    an_ingress_that_cannot_be_taken_back_is_refused,
];

const API: &str = "networking.k8s.io/v1";
const NGINX: &str = "nginx.ingress.kubernetes.io/";

fn ask() -> AdoptAsk {
    AdoptAsk {
        front: FrontAsk::Ingress("shop".into()),
        ..crate::world::ask(false)
    }
}

async fn class(world: &World, name: &str, controller: &str) {
    let class = json!({"metadata": {"name": name}, "spec": {"controller": controller}});
    let path = "/apis/networking.k8s.io/v1/ingressclasses";
    // Another test may have made it: classes belong to the whole cluster.
    let _ = world.try_ask(http::Method::POST, path, Some(class)).await;
}

fn ingress(class: &str) -> Value {
    let to = |service: &str, path: &str| {
        json!({"path": path, "pathType": "Prefix",
            "backend": {"service": {"name": service, "port": {"number": 80}}}})
    };
    json!({"metadata": {"name": "shop"}, "spec": {"ingressClassName": class, "rules": [
        {"host": "shop.example", "http": {"paths": [to("web-svc", "/"), to("elsewhere", "/other")]}}]}})
}

async fn behind_ingress(world: &World, replicas: u32) {
    class(world, "nginx", "k8s.io/ingress-nginx").await;
    world.service(replicas, false).await;
    world.make(API, "ingresses", ingress("nginx")).await;
}

async fn canary(world: &World) -> Value {
    world.get(API, "ingresses/web-canary").await
}

/// The canary's weight, and the Service it leads to.
async fn led(world: &World) -> (String, String) {
    let canary = canary(world).await;
    let weight = &canary["metadata"]["annotations"][format!("{NGINX}canary-weight")];
    let path = &canary["spec"]["rules"][0]["http"]["paths"][0];
    let name = &path["backend"]["service"]["name"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(weight), text(name))
}

fn at(weight: &str, service: &str) -> (String, String) {
    (weight.to_owned(), service.to_owned())
}

async fn a_canary_ingress_carries_the_weights(world: World) {
    behind_ingress(&world, 2).await;
    let main =
        async || world.get(API, "ingresses/shop").await["metadata"]["resourceVersion"].clone();
    let before = main().await;
    let plan = world.platform.plan_adoption(&ask()).await.unwrap();
    let names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["web-blue", "web-green", "web-canary"]);
    world.platform.adopt(&ask()).await.unwrap();
    assert!(
        world
            .platform
            .plan_adoption(&ask())
            .await
            .unwrap()
            .steps
            .is_empty()
    );
    assert_eq!(led(&world).await, at("0", "web-green"));
    assert_eq!(world.ready("web-svc").await, 2);
    assert_eq!(world.platform.services().await.unwrap(), [service()]);
    assert_eq!(
        world.seen().await.drift,
        None,
        "what the API server adds looks like a change"
    );

    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 2).await;
    drive.done(&world, drive.weight(30)).await;
    assert_eq!(led(&world).await, at("30", "web-green"));
    assert!(world.platform.capabilities().exact_weights);
    let rehearsed = order(Action::Rehearse(take_back()));
    world.platform.apply(&service(), &rehearsed).await.unwrap();
    assert_eq!(led(&world).await.0, "30");
    world.break_green("crash-loop").await;
    let stale = drive.order(drive.weight(60));
    lane(&world.platform, &take_back()).await.1.unwrap();
    assert_eq!(led(&world).await, at("0", "web-green"));
    let late = world.platform.apply(&service(), &stale).await.unwrap_err();
    assert!(
        matches!(
            late,
            PlatformError::Rejected(Rejection::StaleEpoch { .. } | Rejection::Latched { .. })
        ),
        "{late}"
    );
    assert_eq!(main().await, before, "the main Ingress was touched");
    world.platform.release(&service()).await.unwrap();
    assert!(world.find(API, "ingresses/web-canary").await.is_none());
    assert_eq!(main().await, before);
    assert_eq!(world.ready("web-svc").await, 2);
}

async fn the_candidate_is_behind_the_canary_in_either_slot(world: World) {
    behind_ingress(&world, 2).await;
    world.platform.adopt(&ask()).await.unwrap();
    let first = Drive::new(1, Slot::Green);
    first.begin(&world, "v2", 2).await;
    first.done(&world, first.promotion(true)).await;
    assert_eq!(led(&world).await, at("100", "web-green"));
    // The main Ingress leads to the version that is kept warm: with nothing behind it ingress-nginx
    // would answer nobody.
    assert_eq!(
        world.endpoints("web-svc").await,
        world.endpoints("web-blue").await
    );
    let mut roles = PerSlot::new(|_| Role::Free);
    roles.green = Role::Stable;
    let over = Action::SetTraffic(TrafficWrite {
        weights: Weights::all_to(Slot::Green),
        roles,
        plan_digest: None,
        way_back: None,
        audience: None,
    });
    first.done(&world, over).await;
    first
        .done(&world, Action::Retire { slot: Slot::Blue })
        .await;
    assert_eq!(led(&world).await, at("0", "web-blue"));
    assert_eq!(world.ready("web-svc").await, 2);
    assert_eq!(
        world.endpoints("web-svc").await,
        world.endpoints("web-green").await
    );

    let second = Drive::new(2, Slot::Blue);
    second.begin(&world, "v3", 1).await;
    assert_eq!(
        world.endpoints("web-svc").await,
        world.endpoints("web-green").await
    );
    second.done(&world, second.weight(20)).await;
    assert_eq!(led(&world).await, at("20", "web-blue"));
    lane(&world.platform, &take_back()).await.1.unwrap();
    assert_eq!(led(&world).await, at("0", "web-blue"));
    assert_eq!(
        world.seen().await.traffic.weights,
        Weights::all_to(Slot::Green)
    );
    assert_eq!(world.seen().await.drift, None);
}

async fn another_hand_on_the_canary_is_seen_and_settled(world: World) {
    behind_ingress(&world, 1).await;
    world.platform.adopt(&ask()).await.unwrap();
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    drive.done(&world, drive.weight(10)).await;
    let edit = async |weight: &str| {
        let notes = json!({format!("{NGINX}canary-weight"): weight});
        let patch = json!({"metadata": {"annotations": notes}});
        world.edit(API, "ingresses/web-canary", patch).await;
    };
    edit("50").await;
    let drift = world.seen().await.drift.expect("it is seen");
    assert_eq!(drift.by.as_deref(), Some("kubectl-edit"));
    assert!(drift.what.contains("`50`"), "{}", drift.what);
    let refused = drive
        .apply(&world.platform, drive.weight(20))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, PlatformError::Rejected(Rejection::Drifted { .. })),
        "{refused}"
    );
    let kept = world
        .platform
        .settle(&service(), Truth::Theirs)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (kept.drift, kept.weights),
        (drift, Weights::toward(Slot::Green, 50))
    );
    let seen = world.seen().await;
    assert_eq!((seen.traffic.weights, seen.drift), (kept.weights, None));
    assert_eq!(
        world.platform.settle(&service(), Truth::Theirs).await,
        Ok(None)
    );
    edit("99").await;
    world
        .platform
        .settle(&service(), Truth::Ours)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(led(&world).await.0, "50");
    // The way back asks nobody.
    edit("100").await;
    lane(&world.platform, &take_back()).await.1.unwrap();
    assert_eq!(led(&world).await.0, "0");
    // What was taken back is nobody's truth again.
    edit("70").await;
    let refused = world
        .platform
        .settle(&service(), Truth::Theirs)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("nothing stands there"),
        "{refused}"
    );
}

async fn people_are_led_to_the_canary_by_header(world: World) {
    behind_ingress(&world, 1).await;
    world.platform.adopt(&ask()).await.unwrap();
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    let Action::SetTraffic(mut write) = drive.weight(0) else {
        unreachable!("a weight is a traffic write")
    };
    write.audience = Some(Audience {
        flag: "new".into(),
        by: AudienceBy::Header {
            name: "x-user".into(),
        },
        listed: vec!["ana".into(), "ben".into()],
        share: 0,
        salt: String::new(),
    });
    drive.done(&world, Action::SetTraffic(write)).await;
    let notes = canary(&world).await["metadata"]["annotations"].clone();
    let note = |key: &str| notes[format!("{NGINX}canary-{key}")].clone();
    assert_eq!(note("by-header"), "x-user");
    assert_eq!(note("by-header-pattern"), "^(ana|ben)$");
    assert_eq!(note("weight"), "0");
    lane(&world.platform, &take_back()).await.1.unwrap();
    let notes = canary(&world).await["metadata"]["annotations"].clone();
    assert!(notes[format!("{NGINX}canary-by-header")].is_null());
}

async fn an_ingress_that_cannot_be_taken_back_is_refused(world: World) {
    world.service(1, false).await;
    class(&world, "nginx", "k8s.io/ingress-nginx").await;
    class(&world, "other", "example.com/other").await;
    let refused = async |word: &str| {
        let refused = world.platform.adopt(&ask()).await.unwrap_err().to_string();
        assert!(refused.contains(word), "{refused}");
    };
    refused("there is no Ingress shop").await;
    world.make(API, "ingresses", ingress("other")).await;
    refused("example.com/other").await;
    let set = async |patch: Value| {
        world.edit(API, "ingresses/shop", patch).await;
    };
    set(json!({"spec": {"ingressClassName": "third"}})).await;
    refused("no such IngressClass").await;
    set(json!({"spec": {"ingressClassName": "nginx"},
        "metadata": {"annotations": {format!("{NGINX}affinity"): "cookie"}}}))
    .await;
    refused("stick").await;
    set(json!({"metadata": {"annotations": {format!("{NGINX}affinity"): null}}})).await;
    let mut theirs = ingress("nginx");
    theirs["metadata"] = json!({"name": "beta", "annotations": {format!("{NGINX}canary"): "true"}});
    world.make(API, "ingresses", theirs).await;
    refused("beta is a canary").await;
}
