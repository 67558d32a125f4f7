//! The way back out of every state that a release can get into, of a canary at half of the traffic
//! behind a route and of blue-green after the switch of a Service alone. Each says how long the
//! traffic took to return, as seen on the traffic object by somebody else. The table of them is in
//! `docs/rollback.md`.

use std::time::{Duration, Instant};

use deckwatch_domain::{Role, Slot};
use deckwatch_platform::kubernetes::Truth;
use deckwatch_platform::{Action, Platform as _, PlatformError, Rejection};
use http::Method;
use serde_json::json;

use crate::drive::{Drive, lane, order, take_back};
use crate::strategy::{Strategy, from_both};
use crate::tests;
use crate::world::{World, service};

from_both![
    candidate_crash_looping,
    candidate_never_ready,
    candidate_without_an_image,
    stable_short_of_ready_pods,
    stable_short_and_candidate_dead,
    nothing_ready_on_the_way_back,
    paused_by_a_person,
    mid_promotion,
    after_promotion_within_the_window,
    autoscaler_at_its_maximum,
    another_manager_holds_the_field,
    a_stale_driver_writes_after_the_rollback,
    many_writers_at_once,
];

tests![another_manager_took_the_rule_away, twenty_ways_back];

/// The longest that a way back may take where the API server answers.
const BAR: Duration = Duration::from_secs(1);

/// Takes traffic back and sees to it that it has returned.
async fn back(world: &World, state: &str) {
    let began = Instant::now();
    let (took, answer) = lane(&world.platform, &take_back()).await;
    let applied = answer.unwrap_or_else(|e| panic!("{state}: {e}"));
    let weights = world.led().await;
    println!(
        "  {state}: answered after {took:?}, seen after {:?}",
        began.elapsed()
    );
    assert_eq!(weights, (100, 0), "{state}");
    assert!(took < BAR, "{state}: {took:?}");
    let record = applied.traffic.records.last().expect("a record");
    assert_eq!(
        (record.slot, applied.traffic.epoch),
        (Slot::Blue, record.epoch)
    );
    assert_eq!(world.seen().await.traffic, applied.traffic);
}

async fn live(world: &World, instances: u32, weight: u8) -> Drive {
    let drive = Drive::new(1, Slot::Green);
    drive.begin(world, "v2", instances).await;
    drive.done(world, drive.weight(weight)).await;
    drive
}

async fn stable_unready(world: &World, how_many: usize) {
    let pods = world.pods("app%3Dweb").await;
    let left = pods.len() - how_many;
    world
        .label_pods(&pods[..how_many], "deckwatch.test/ready", json!("false"))
        .await;
    world
        .until("stable is short", async || {
            world.ready("web-blue").await == left
        })
        .await;
}

async fn candidate_crash_looping(world: World, of: Strategy) {
    world.adopted(2, of.by_route()).await;
    live(&world, 2, of.weight()).await;
    world.break_green("crash-loop").await;
    world
        .until("it backs off", async || {
            let problem = |i: &deckwatch_platform::InstanceState| {
                i.last_problem
                    .as_deref()
                    .is_some_and(|p| p.contains("CrashLoopBackOff"))
            };
            world.seen().await.slots.green.instances.iter().any(problem)
        })
        .await;
    back(&world, "candidate crash-looping").await;
}

async fn candidate_never_ready(world: World, of: Strategy) {
    world.adopted(2, of.by_route()).await;
    live(&world, 2, of.weight()).await;
    world.break_green("never-ready").await;
    back(&world, "candidate never ready").await;
}

async fn candidate_without_an_image(world: World, of: Strategy) {
    world.adopted(2, of.by_route()).await;
    let drive = live(&world, 2, of.weight()).await;
    world.break_green("image-pull").await;
    if of == Strategy::Canary {
        // Forward it goes no further.
        let refused = drive.apply(&world.platform, drive.weight(60)).await;
        let not_ready = Err(PlatformError::Rejected(Rejection::NotReady {
            slot: Slot::Green,
        }));
        assert_eq!(refused, not_ready);
    }
    back(&world, "candidate without an image").await;
}

async fn stable_short_of_ready_pods(world: World, of: Strategy) {
    world.adopted(3, of.by_route()).await;
    live(&world, 2, of.weight()).await;
    stable_unready(&world, 2).await;
    back(&world, "stable short of ready pods").await;
}

async fn stable_short_and_candidate_dead(world: World, of: Strategy) {
    world.adopted(3, of.by_route()).await;
    live(&world, 2, of.weight()).await;
    stable_unready(&world, 1).await;
    world.break_green("crash-loop").await;
    back(&world, "stable short and candidate dead").await;
}

async fn nothing_ready_on_the_way_back(world: World, of: Strategy) {
    world.adopted(2, of.by_route()).await;
    live(&world, 2, of.weight()).await;
    stable_unready(&world, 2).await;
    let once = order(Action::TakeBack(take_back()));
    let refused = world.platform.apply(&service(), &once).await;
    let not_ready = Err(PlatformError::Rejected(Rejection::NotReady {
        slot: Slot::Blue,
    }));
    assert_eq!(refused, not_ready);
    let rehearsed = order(Action::Rehearse(take_back()));
    let rehearsed = world.platform.apply(&service(), &rehearsed).await.unwrap();
    assert!(rehearsed.warnings[0].contains("no instance in blue"));
    // More are started there although the candidate serves, and are soon ready.
    let scale = order(Action::Scale {
        slot: Slot::Blue,
        instances: 3,
    });
    let scale = deckwatch_platform::Order {
        epoch: world.seen().await.traffic.epoch,
        ..scale
    };
    world.platform.apply(&service(), &scale).await.unwrap();
    world
        .until("one is ready", async || world.ready("web-blue").await == 1)
        .await;
    back(&world, "way back was empty").await;
    // And when told to, at once.
    let drive = Drive::new(9, Slot::Green);
    drive.begin(&world, "v3", 1).await;
    drive.done(&world, drive.weight(100)).await;
    let rest = world.pods("app%3Dweb").await;
    world
        .label_pods(&rest, "deckwatch.test/ready", json!("false"))
        .await;
    world
        .until("blue is empty", async || world.ready("web-blue").await == 0)
        .await;
    let mut now = take_back();
    now.now = true;
    lane(&world.platform, &now).await.1.unwrap();
    assert_eq!(world.led().await, (100, 0));
}

/// Somebody has paused both Deployments (`kubectl rollout pause`). What a person pauses in the window is
/// in `tests/whole/cluster_back.rs`.
async fn paused_by_a_person(world: World, of: Strategy) {
    world.adopted(2, of.by_route()).await;
    live(&world, 2, of.weight()).await;
    for deployment in ["deployments/web", "deployments/web-green"] {
        let paused = json!({"spec": {"paused": true}});
        world.edit("apps/v1", deployment, paused).await;
    }
    back(&world, "paused by a person").await;
}

async fn mid_promotion(world: World, of: Strategy) {
    world.adopted(2, of.by_route()).await;
    let drive = live(&world, 2, 100).await;
    // The promotion and the way back at the same moment: whoever is first, the way back holds.
    let (promotion, take) = (drive.order(drive.promotion(true)), take_back());
    let service = service();
    let promoting = world.platform.apply(&service, &promotion);
    let (promoted, (took, answer)) =
        futures_util::future::join(promoting, lane(&world.platform, &take)).await;
    answer.unwrap();
    println!(
        "  mid-promotion: {took:?}, the promotion {}",
        if promoted.is_ok() {
            "was first"
        } else {
            "was refused"
        }
    );
    assert_eq!(world.led().await, (100, 0));
    let refused = drive.apply(&world.platform, drive.promotion(true)).await;
    assert!(matches!(refused, Err(PlatformError::Rejected(_))));
}

async fn after_promotion_within_the_window(world: World, of: Strategy) {
    world.adopted(2, of.by_route()).await;
    let drive = live(&world, 2, of.weight()).await;
    drive.done(&world, drive.promotion(true)).await;
    let kept = drive
        .apply(&world.platform, Action::Retire { slot: Slot::Blue })
        .await;
    assert!(matches!(
        kept,
        Err(PlatformError::Rejected(Rejection::IsWayBack { .. }))
    ));
    world.break_green("crash-loop").await;
    back(&world, "after promotion, new version dead").await;
    assert_eq!(
        world.seen().await.traffic.roles.playing(Role::Stable),
        Some(Slot::Blue)
    );
}

async fn autoscaler_at_its_maximum(world: World, of: Strategy) {
    world.service(2, of.by_route()).await;
    world
        .make(
            "autoscaling/v2",
            "horizontalpodautoscalers",
            json!({"metadata": {"name": "web"}, "spec": {
            "minReplicas": 2, "maxReplicas": 2,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
        )
        .await;
    world
        .platform
        .adopt(&crate::world::ask(of.by_route()))
        .await
        .unwrap();
    live(&world, 2, of.weight()).await;
    stable_unready(&world, 1).await;
    back(&world, "autoscaler at its maximum").await;
}

async fn another_manager_holds_the_field(world: World, of: Strategy) {
    world.adopted(2, of.by_route()).await;
    let drive = live(&world, 2, of.weight()).await;
    somebody_leads_elsewhere(&world, of).await;
    let drift = world.seen().await.drift.expect("it is seen");
    assert_eq!(drift.by.as_deref(), Some("kubectl-edit"));
    let said = match of {
        Strategy::Canary => "web-green 70",
        Strategy::BlueGreen => "selects app=elsewhere",
    };
    assert!(drift.what.contains(said), "{}", drift.what);
    let forward = drive.weight(of.weight());
    let refused = drive.apply(&world.platform, forward).await.unwrap_err();
    assert!(
        matches!(refused, PlatformError::Rejected(Rejection::Drifted { .. })),
        "{refused}"
    );
    // A person may put it right, and then it goes on.
    let settled = world.platform.settle(&service(), Truth::Ours).await;
    assert_eq!(settled.unwrap().unwrap().drift, drift);
    let green = u64::from(of.weight());
    assert_eq!(world.led().await, (100 - green, green));
    drive.done(&world, drive.weight(of.weight())).await;
    // The way back asks nobody.
    somebody_leads_elsewhere(&world, of).await;
    back(&world, "another manager holds the field").await;
    // What they lead to again is not stopped before that is settled, whatever the record says.
    somebody_leads_elsewhere(&world, of).await;
    let epoch = world.seen().await.traffic.epoch;
    let after = Drive { epoch, ..drive };
    let retire = || Action::Retire { slot: Slot::Green };
    let refused = after.apply(&world.platform, retire()).await.unwrap_err();
    assert!(
        matches!(refused, PlatformError::Rejected(Rejection::Drifted { .. })),
        "{refused}"
    );
    let settled = world.platform.settle(&service(), Truth::Ours).await;
    settled.unwrap();
    after.done(&world, retire()).await;
}

/// What a person does with `kubectl edit`, or a delivery tool with what it has in its repository.
async fn somebody_leads_elsewhere(world: &World, of: Strategy) {
    match of {
        Strategy::Canary => {
            let mut route = world.route().await;
            let rules = &mut route["spec"]["rules"];
            rules[0]["backendRefs"][0]["weight"] = json!(30);
            rules[0]["backendRefs"][1]["weight"] = json!(70);
            let body = json!({"spec": {"rules": rules}});
            let api = "gateway.networking.k8s.io/v1";
            world.edit(api, "httproutes/shop", body).await;
        }
        Strategy::BlueGreen => {
            // A merge: what is not to stay has to be named.
            let there = world.get("v1", "services/web-svc").await;
            let mut selector = there["spec"]["selector"].clone();
            for (_, value) in selector.as_object_mut().expect("a selector") {
                *value = json!(null);
            }
            selector["app"] = json!("elsewhere");
            let body = json!({"spec": {"selector": selector}});
            world.edit("v1", "services/web-svc", body).await;
        }
    }
}

async fn another_manager_took_the_rule_away(world: World) {
    world.adopted(1, true).await;
    live(&world, 1, 20).await;
    let rules = json!([{"backendRefs": [{"name": "theirs", "port": 80}]}]);
    world
        .edit(
            "gateway.networking.k8s.io/v1",
            "httproutes/shop",
            json!({"spec": {"rules": rules}}),
        )
        .await;
    let (_, answer) = lane(&world.platform, &take_back()).await;
    let refused = answer.unwrap_err().to_string();
    assert!(
        refused.contains("kubectl-edit") && refused.contains("no rule"),
        "{refused}"
    );
}

async fn a_stale_driver_writes_after_the_rollback(world: World, of: Strategy) {
    world.adopted(2, of.by_route()).await;
    let drive = live(&world, 2, of.weight()).await;
    back(&world, "before the stale write").await;
    let version = async || of.front(&world).await["metadata"]["resourceVersion"].clone();
    let before = version().await;
    let late = drive
        .apply(&world.platform, drive.weight(of.weight()))
        .await;
    assert!(
        matches!(
            late,
            Err(PlatformError::Rejected(Rejection::StaleEpoch { .. }))
        ),
        "{late:?}"
    );
    // With a stolen epoch too: the rollout itself is latched.
    let thief = Drive {
        epoch: world.seen().await.traffic.epoch.next(),
        ..drive
    };
    let late = thief
        .apply(&world.platform, thief.weight(of.weight()))
        .await;
    assert!(
        matches!(
            late,
            Err(PlatformError::Rejected(Rejection::Latched { .. }))
        ),
        "{late:?}"
    );
    assert_eq!(version().await, before);
}

/// Somebody else keeps writing to the route (its status, say): the way back still gets through.
async fn many_writers_at_once(world: World, of: Strategy) {
    world.adopted(2, of.by_route()).await;
    live(&world, 2, of.weight()).await;
    let path = of.path(&world);
    let busy = async {
        for n in 0.. {
            let body = json!({"metadata": {"annotations": {"busy": n.to_string()}}});
            world.ask(Method::PATCH, &path, Some(body)).await;
        }
    };
    tokio::select! {
        () = busy => unreachable!("it never ends"),
        () = back(&world, "many writers at once") => {}
    }
}

/// What a way back costs where nothing is wrong: a read of one object and a patch of it.
async fn twenty_ways_back(world: World) {
    world.adopted(1, true).await;
    Drive::new(0, Slot::Green).begin(&world, "v2", 1).await;
    let mut took = Vec::new();
    for n in 0..20 {
        let epoch = 10 * (n + 1);
        let drive = Drive::new(epoch, Slot::Green);
        drive.done(&world, drive.weight(50)).await;
        took.push(lane(&world.platform, &take_back()).await.0);
    }
    took.sort();
    // And a rehearsal of it, which leaves no trace.
    let drive = Drive::new(500, Slot::Green);
    drive.done(&world, drive.weight(50)).await;
    let before = world.route().await;
    let rehearsal = order(Action::Rehearse(take_back()));
    let rehearsed = world.platform.apply(&service(), &rehearsal).await.unwrap();
    assert_eq!(world.route().await, before);
    assert!(rehearsed.took_us > 0 && rehearsed.warnings.is_empty());
    assert_eq!(rehearsed.traffic, world.seen().await.traffic);
    lane(&world.platform, &take_back()).await.1.unwrap();
    println!(
        "  twenty ways back: median {:?}, longest {:?}",
        took[10], took[19]
    );
    assert!(took[10] < Duration::from_millis(500), "{took:?}");
    assert_eq!(world.weights().await, (100, 0));
}
