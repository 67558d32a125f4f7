//! Fifty services in each of four contexts, all taken back at once.
//!
//! The four contexts lead to one API server here, each with a connection of its own, so that it is four
//! times as busy as it would be. Beside it: as many bare patches at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_domain::{ServiceName, Slot};
use deckwatch_platform::kubernetes::{AdoptAsk, FrontAsk, KubernetesPlatform};
use deckwatch_platform::{Action, Platform as _};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use http::Method;
use serde_json::json;

use crate::cluster::Cluster;
use crate::drive::{Drive, order, release, take_back};
use crate::times;
use crate::world::{World, deployment};

const AIM: Duration = Duration::from_secs(1);
const CONTEXTS: usize = 4;

/// Makes and adopts one service and brings a candidate to half of the traffic.
async fn live(world: &World, name: &str) {
    let mut web = deployment(1);
    web["metadata"]["name"] = json!(name);
    web["spec"]["selector"]["matchLabels"] = json!({"app": name});
    web["spec"]["template"]["metadata"]["labels"] = json!({"app": name});
    world.make("apps/v1", "deployments", web).await;
    let service = json!({"metadata": {"name": name}, "spec": {
        "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}});
    world.make("v1", "services", service).await;
    let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {"rules": [{"backendRefs": [{"name": name, "port": 80}]}]}});
    world
        .make("gateway.networking.k8s.io/v1", "httproutes", route)
        .await;
    world
        .until("it is ready", async || world.ready(name).await == 1)
        .await;
    let ask = AdoptAsk {
        deployment: name.into(),
        service: None,
        front: FrontAsk::HttpRoute(name.into()),
        container: None,
    };
    world.platform.adopt(&ask).await.expect("it is adopted");
    let service = ServiceName::new(name).expect("a name");
    let drive = Drive::new(1, Slot::Green);
    let bring_up = Action::BringUp {
        slot: Slot::Green,
        release: release("v2"),
        instances: 1,
    };
    for action in [drive.weight(0), bring_up] {
        let done = world.platform.apply(&service, &drive.order(action)).await;
        done.expect("it is done");
    }
    world
        .until("the candidate is ready", async || {
            let seen = world.platform.observe(&service).await;
            seen.is_ok_and(|seen| seen.slots.green.ready == 1)
        })
        .await;
    let half = drive.order(drive.weight(50));
    world.platform.apply(&service, &half).await.expect("half");
}

/// Whether the aim was kept.
pub async fn run(cluster: &Arc<Cluster>, quick: bool) -> bool {
    let services = if quick { 10 } else { 50 };
    let names: Vec<String> = (0..services).map(|n| format!("s{n}")).collect();
    let mut worlds = Vec::new();
    for context in 0..CONTEXTS {
        let world = World::new(cluster.clone(), &format!("bench-fleet-{context}")).await;
        stream::iter(&names)
            .for_each_concurrent(8, |name| live(&world, name))
            .await;
        worlds.push(world);
    }
    let all = || {
        let pairs = worlds
            .iter()
            .flat_map(|w| names.iter().map(move |n| (w, n)));
        pairs.collect::<Vec<_>>()
    };
    let bare = join_all(all().into_iter().map(|(world, name)| async move {
        let path = format!(
            "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes/{name}",
            world.namespace
        );
        let note = json!({"metadata": {"annotations": {"bench": "1"}}});
        let began = Instant::now();
        world.ask(Method::PATCH, &path, Some(note)).await;
        began.elapsed()
    }));
    let began = Instant::now();
    let bare = bare.await;
    let bare_whole = began.elapsed();
    let back = join_all(all().into_iter().map(|(world, name)| {
        let platform: KubernetesPlatform = world.platform.clone();
        let service = ServiceName::new(name).expect("a name");
        async move {
            let began = Instant::now();
            let take = order(Action::TakeBack(take_back()));
            let applied = platform.apply(&service, &take).await.expect("back");
            assert_eq!(applied.traffic.weights.of(Slot::Blue), 100);
            began.elapsed()
        }
    }));
    let began = Instant::now();
    let back = back.await;
    let whole = began.elapsed();
    println!("\n{services} services in each of {CONTEXTS} contexts, all at once:");
    println!(
        "  taken back    {}   all after {} ms",
        times::line(&back),
        whole.as_millis()
    );
    println!(
        "  bare patches  {}   all after {} ms",
        times::line(&bare),
        bare_whole.as_millis()
    );
    let kept = whole <= AIM;
    println!(
        "  {:.2} times; aim: all within {AIM:?}: {}",
        whole.as_secs_f64() / bare_whole.as_secs_f64(),
        if kept { "met" } else { "MISSED" }
    );
    kept
}
