//! Whole releases: canary through a route, blue-green through a Service, and the one after.

use deckwatch_domain::{PerSlot, Role, Slot, Weights};
use deckwatch_platform::kubernetes::FrontAsk;
use deckwatch_platform::{
    Action, Audience, AudienceBy, Platform as _, PlatformError, Rejection, TrafficWrite,
};
use serde_json::json;

use crate::drive::{Drive, lane, take_back};
use crate::tests;
use crate::world::{World, service};

tests![
    a_canary_and_the_release_after_it,
    blue_green_by_the_service_alone,
    an_order_that_comes_again_is_done_once,
    a_candidate_is_nobody_elses,
    an_autoscaler_has_a_copy_and_is_left_alone,
    a_disruption_budget_is_a_floor,
    an_audience_is_led_by_header,
    a_virtual_service_carries_the_weights,
];

async fn end_warm(world: &World, drive: &Drive) {
    let mut roles = PerSlot::new(|_| Role::Free);
    roles[drive.candidate] = Role::Stable;
    drive
        .done(
            world,
            Action::SetTraffic(TrafficWrite {
                weights: Weights::all_to(drive.candidate),
                roles,
                plan_digest: None,
                way_back: None,
                audience: None,
            }),
        )
        .await;
    let slot = drive.candidate.other();
    drive.done(world, Action::Retire { slot }).await;
    world
        .until("it is retired", async || {
            world.seen().await.slots[slot].instances.is_empty()
        })
        .await;
}

async fn a_canary_and_the_release_after_it(world: World) {
    world.adopted(3, true).await;
    let first = Drive::new(1, Slot::Green);
    first.begin(&world, "v2", 3).await;
    assert_eq!(world.weights().await, (100, 0));
    for weight in [10, 50] {
        first.done(&world, first.weight(weight)).await;
        assert_eq!(
            world.weights().await,
            (100 - u64::from(weight), u64::from(weight))
        );
    }
    first.done(&world, first.promotion(true)).await;
    assert_eq!(world.weights().await, (0, 100));
    // Whoever goes round the route still meets the version that is kept warm.
    assert_eq!(
        world.endpoints("web-svc").await,
        world.endpoints("web-blue").await
    );
    end_warm(&world, &first).await;
    assert_eq!(
        world.ready("web-svc").await,
        3,
        "direct callers were left with nothing"
    );
    assert_eq!(
        world.endpoints("web-svc").await,
        world.endpoints("web-green").await
    );

    let second = Drive::new(2, Slot::Blue);
    second.begin(&world, "v3", 2).await;
    assert_eq!(world.ready("web-green").await, 3);
    let web = world.get("apps/v1", "deployments/web").await;
    let container = &web["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "registry/web:v3");
    assert_eq!(
        container["env"],
        json!([{"name": "VERSION", "value": "v3"}])
    );
    assert_eq!(world.ready("web-blue").await, 2);
    second.done(&world, second.weight(20)).await;
    assert_eq!(world.weights().await, (20, 80));
    second.done(&world, second.promotion(false)).await;
    let slot = Slot::Green;
    second.done(&world, Action::Retire { slot }).await;
    assert_eq!(world.weights().await, (100, 0));
    assert_eq!(
        world.endpoints("web-svc").await,
        world.endpoints("web-blue").await
    );
    // The adopted Deployment serves: it can be given up again.
    world.platform.release(&service()).await.unwrap();
    assert_eq!(world.ready("web-svc").await, 2);
}

async fn blue_green_by_the_service_alone(world: World) {
    world.adopted(2, false).await;
    assert_eq!(world.ready("web-svc").await, 2);
    assert!(!{
        world.platform.services().await.unwrap();
        world.platform.capabilities().exact_weights
    });
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 2).await;
    let refused = drive
        .apply(&world.platform, drive.weight(50))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("one slot"), "{refused}");
    drive.done(&world, drive.weight(100)).await;
    world
        .until("the Service leads to green", async || {
            world.endpoints("web-svc").await == world.endpoints("web-green").await
        })
        .await;
    drive.done(&world, drive.promotion(true)).await;
    let (took, back) = lane(&world.platform, &take_back()).await;
    back.unwrap();
    println!("  blue-green way back: {took:?}");
    world
        .until("the Service leads to blue", async || {
            world.endpoints("web-svc").await == world.endpoints("web-blue").await
        })
        .await;
}

async fn an_order_that_comes_again_is_done_once(world: World) {
    world.adopted(1, true).await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    let order = drive.order(drive.weight(30));
    let first = world.platform.apply(&service(), &order).await.unwrap();
    drive.done(&world, drive.weight(40)).await;
    let again = world.platform.apply(&service(), &order).await.unwrap();
    assert!(!first.repeated && again.repeated);
    assert_eq!(world.weights().await, (60, 40));
    assert!(world.seen().await.applied.contains(&order.intent));
    let take = take_back();
    let (_, back) = lane(&world.platform, &take).await;
    assert!(!back.unwrap().repeated);
    let (_, back) = lane(&world.platform, &take).await;
    assert!(back.unwrap().repeated);
    let retire = drive.order(Action::Retire { slot: Slot::Green });
    let retire = deckwatch_platform::Order {
        epoch: world.seen().await.traffic.epoch,
        ..retire
    };
    assert!(
        !world
            .platform
            .apply(&service(), &retire)
            .await
            .unwrap()
            .repeated
    );
    assert!(
        world
            .platform
            .apply(&service(), &retire)
            .await
            .unwrap()
            .repeated
    );
}

async fn a_candidate_is_nobody_elses(world: World) {
    world.adopted(2, true).await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 2).await;
    let adopted = world.pods("app%3Dweb").await;
    assert_eq!(
        adopted.len(),
        2,
        "a candidate pod answers to the adopted selector"
    );
    assert_eq!(world.ready("web-svc").await, 2);
    let green = world.pods("deckwatch.dev/slot%3Dgreen").await;
    assert_eq!(green.len(), 2);
    assert_eq!(green[0]["metadata"]["labels"]["team"], "shop");
    // A slot that carries traffic is not stopped.
    drive.done(&world, drive.weight(10)).await;
    let refused = drive
        .apply(&world.platform, Action::Retire { slot: Slot::Green })
        .await;
    assert!(matches!(
        refused,
        Err(PlatformError::Rejected(Rejection::CarriesTraffic { .. }))
    ));
    let refused = drive
        .apply(&world.platform, Action::Retire { slot: Slot::Blue })
        .await;
    assert!(refused.is_err());
}

fn scaler(min: u32, max: u32) -> serde_json::Value {
    json!({"metadata": {"name": "web"}, "spec": {
        "minReplicas": min, "maxReplicas": max,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 60}}}]}})
}

async fn an_autoscaler_has_a_copy_and_is_left_alone(world: World) {
    world.service(3, true).await;
    let api = "autoscaling/v2";
    world
        .make(api, "horizontalpodautoscalers", scaler(3, 4))
        .await;
    let theirs = async || world.get(api, "horizontalpodautoscalers/web").await["spec"].clone();
    let before = theirs().await;
    world
        .platform
        .adopt(&crate::world::ask(true))
        .await
        .unwrap();
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    let copy = async || world.get(api, "horizontalpodautoscalers/web-green").await["spec"].clone();
    assert_eq!(copy().await["minReplicas"], 1);
    assert_eq!(copy().await["scaleTargetRef"]["name"], "web-green");
    let scale = |instances| Action::Scale {
        slot: Slot::Green,
        instances,
    };
    drive.done(&world, scale(3)).await;
    assert_eq!(copy().await["minReplicas"], 3);
    world.until_ready(Slot::Green, 3).await;
    let more = drive.done(&world, scale(9)).await;
    assert!(
        more.warnings[0].contains("4 instances at most"),
        "{:?}",
        more.warnings
    );
    assert_eq!(copy().await["minReplicas"], 4);
    lane(&world.platform, &take_back()).await.1.unwrap();
    let epoch = world.seen().await.traffic.epoch;
    let after = Drive { epoch, ..drive };
    after
        .done(&world, Action::Retire { slot: Slot::Green })
        .await;
    assert!(
        world
            .find(api, "horizontalpodautoscalers/web-green")
            .await
            .is_none()
    );
    assert_eq!(
        theirs().await,
        before,
        "somebody else's autoscaler was touched"
    );
}

async fn a_disruption_budget_is_a_floor(world: World) {
    world.service(3, true).await;
    world
        .make(
            "policy/v1",
            "poddisruptionbudgets",
            json!({"metadata": {"name": "web"}, "spec": {
            "minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}}),
        )
        .await;
    world
        .platform
        .adopt(&crate::world::ask(true))
        .await
        .unwrap();
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    let scale = |instances| Action::Scale {
        slot: Slot::Blue,
        instances,
    };
    let refused = drive.apply(&world.platform, scale(1)).await.unwrap_err();
    assert!(refused.to_string().contains("keeps 2"), "{refused}");
    drive.done(&world, scale(2)).await;
    world
        .until("blue has two", async || world.ready("web-blue").await == 2)
        .await;
}

async fn an_audience_is_led_by_header(world: World) {
    world.adopted(1, true).await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    let led = |by: AudienceBy, share: u16| {
        let Action::SetTraffic(mut write) = drive.weight(0) else {
            unreachable!("a weight is a traffic write")
        };
        write.audience = Some(Audience {
            flag: "new".into(),
            by,
            listed: vec!["ana".into(), "ben".into()],
            share,
            salt: String::new(),
        });
        Action::SetTraffic(write)
    };
    let header = || AudienceBy::Header {
        name: "x-user".into(),
    };
    let cookie = AudienceBy::Cookie {
        name: "user".into(),
    };
    for refused in [led(cookie, 0), led(header(), 5)] {
        assert!(drive.apply(&world.platform, refused).await.is_err());
    }
    drive.done(&world, led(header(), 0)).await;
    let route = world.route().await;
    let rules = route["spec"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 3);
    assert_eq!(rules[2]["matches"][1]["headers"][0]["value"], "ben");
    assert_eq!(rules[2]["backendRefs"][0]["name"], "web-green");
    assert_eq!(
        world.seen().await.drift,
        None,
        "the API server's defaults look like a change"
    );
    let refused = drive
        .apply(&world.platform, Action::Retire { slot: Slot::Green })
        .await;
    assert!(matches!(
        refused,
        Err(PlatformError::Rejected(Rejection::CarriesAudience { .. }))
    ));
    lane(&world.platform, &take_back()).await.1.unwrap();
    assert_eq!(
        world.route().await["spec"]["rules"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

/// Istio's own definition is not there; the API server keeps what one of that name is given.
async fn define_virtual_services(world: &World) {
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "virtualservices.networking.istio.io"},
        "spec": {"group": "networking.istio.io", "scope": "Namespaced",
            "names": {"plural": "virtualservices", "kind": "VirtualService"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let _ = world.try_ask(http::Method::POST, path, Some(crd)).await;
    world
        .until("VirtualServices are served", async || {
            world
                .find("networking.istio.io/v1", "virtualservices")
                .await
                .is_some()
        })
        .await;
}

async fn a_virtual_service_carries_the_weights(world: World) {
    define_virtual_services(&world).await;
    world.service(2, false).await;
    let api = "networking.istio.io/v1";
    world
        .make(
            api,
            "virtualservices",
            json!({"apiVersion": api, "kind": "VirtualService",
            "metadata": {"name": "mesh"}, "spec": {"hosts": ["web-svc"], "http": [
                {"timeout": "3s", "route": [{"destination": {"host": "web-svc"}}]}]}}),
        )
        .await;
    let mut asked = crate::world::ask(false);
    asked.front = FrontAsk::VirtualService("mesh".into());
    world.platform.adopt(&asked).await.unwrap();
    let route = async || world.get(api, "virtualservices/mesh").await["spec"]["http"][0].clone();
    let weights = async || {
        let route = route().await;
        let weight = |n: usize| route["route"][n]["weight"].as_u64().unwrap();
        (weight(0), weight(1))
    };
    assert_eq!(weights().await, (100, 0));
    assert_eq!(route().await["timeout"], "3s");
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 2).await;
    drive.done(&world, drive.weight(40)).await;
    assert_eq!(weights().await, (60, 40));
    lane(&world.platform, &take_back()).await.1.unwrap();
    assert_eq!(weights().await, (100, 0));
    world.platform.release(&service()).await.unwrap();
    assert_eq!(route().await["route"][0]["destination"]["host"], "web-svc");
}
