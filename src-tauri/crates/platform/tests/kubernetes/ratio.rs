//! A canary by the ratio of instances, where only a Service stands in front.

use deckwatch_domain::{PerSlot, Role, Slot, Weights};
use deckwatch_platform::kubernetes::Truth;
use deckwatch_platform::{Action, Sharing, TrafficWrite};
use serde_json::json;

use crate::drive::{Drive, lane, take_back};
use crate::tests;
use crate::world::{World, service};

tests![
    the_share_is_that_of_the_instances_and_the_way_back_one_patch,
    adopted_pods_and_autoscaled_ones_are_not_shared_out,
];

/// A release of ours stands in green, and nothing in blue: from here on a canary can be made.
async fn relabelled(world: &World, instances: u32) {
    world.adopted(instances, false).await;
    let first = Drive::new(1, Slot::Green);
    first.begin(world, "v2", instances).await;
    first.done(world, first.promotion(false)).await;
    let mut roles = PerSlot::new(|_| Role::Free);
    roles.green = Role::Stable;
    let over = TrafficWrite {
        weights: Weights::all_to(Slot::Green),
        roles,
        plan_digest: None,
        way_back: None,
        audience: None,
    };
    first.done(world, Action::SetTraffic(over)).await;
    first.done(world, Action::Retire { slot: Slot::Blue }).await;
}

/// Ready pods of each slot behind the Service.
async fn behind(world: &World) -> (usize, usize) {
    let all = world.endpoints("web-svc").await;
    let blue = world.endpoints("web-blue").await;
    let in_blue = all.iter().filter(|pod| blue.contains(pod)).count();
    (in_blue, all.len() - in_blue)
}

async fn the_share_is_that_of_the_instances_and_the_way_back_one_patch(world: World) {
    relabelled(&world, 4).await;
    assert_eq!(world.seen().await.sharing, Sharing::Instances);
    let drive = Drive::new(2, Slot::Blue);
    drive.begin(&world, "v3", 1).await;
    world
        .until("green alone serves", async || {
            behind(&world).await == (0, 4)
        })
        .await;
    // What the instances do not make is not written.
    let refused = drive
        .apply(&world.platform, drive.weight(50))
        .await
        .unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains("1 ready instances in blue and 4 in green"),
        "{refused}"
    );
    let applied = drive.done(&world, drive.weight(20)).await;
    assert_eq!(applied.traffic.weights, Weights::toward(Slot::Blue, 20));
    world
        .until("one of five is the candidate's", async || {
            behind(&world).await == (1, 4)
        })
        .await;
    let selector = async || world.get("v1", "services/web-svc").await["spec"]["selector"].clone();
    assert_eq!(selector().await, json!({"deckwatch.dev/service": "web"}));
    let seen = world.seen().await;
    assert_eq!(
        (seen.reached, seen.drift),
        (Some(Weights::toward(Slot::Blue, 20)), None)
    );

    // More instances are more traffic, and that is shown before it is written.
    drive
        .done(
            &world,
            Action::Scale {
                slot: Slot::Blue,
                instances: 4,
            },
        )
        .await;
    world.until_ready(Slot::Blue, 4).await;
    let seen = world.seen().await;
    assert_eq!(seen.traffic.weights, Weights::toward(Slot::Blue, 20));
    assert_eq!(seen.reached, Some(Weights::toward(Slot::Blue, 50)));
    let applied = drive.done(&world, drive.weight(50)).await;
    assert_eq!(applied.traffic.weights, Weights::toward(Slot::Blue, 50));

    let (took, back) = lane(&world.platform, &take_back()).await;
    assert_eq!(back.unwrap().traffic.weights, Weights::all_to(Slot::Green));
    println!("  way back of a ratio canary: {took:?}");
    assert_eq!(selector().await["deckwatch.dev/slot"], "green");
    world
        .until("green alone serves again", async || {
            behind(&world).await == (0, 4)
        })
        .await;
    assert_eq!(world.seen().await.reached, None);

    // Another hand on the selector: theirs is no share that could be kept, ours is written again.
    world
        .edit(
            "v1",
            "services/web-svc",
            json!({"spec": {"selector": {"deckwatch.dev/slot": "blue"}}}),
        )
        .await;
    assert!(world.seen().await.drift.is_some());
    let settle = async |truth| world.platform.settle(&service(), truth).await;
    assert!(settle(Truth::Theirs).await.is_err());
    settle(Truth::Ours).await.unwrap().unwrap();
    assert_eq!(selector().await["deckwatch.dev/slot"], "green");
}

async fn adopted_pods_and_autoscaled_ones_are_not_shared_out(world: World) {
    world.adopted(2, false).await;
    let why = async || match world.seen().await.sharing {
        Sharing::Whole { why } => why,
        other => format!("{other:?}"),
    };
    assert!(why().await.contains("blue-green"), "{}", why().await);
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 2).await;
    let refused = drive
        .apply(&world.platform, drive.weight(50))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("one slot"), "{refused}");
    world
        .make(
            "autoscaling/v2",
            "horizontalpodautoscalers",
            json!({"metadata": {"name": "web"}, "spec": {"minReplicas": 2, "maxReplicas": 4,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
        )
        .await;
    assert!(why().await.contains("autoscaler"), "{}", why().await);
}
