//! The way back beside Argo Rollouts' controller, on the same API server and in the same states: from
//! the command to the traffic object seen changed by somebody who reads it all the time.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_domain::Slot;
use deckwatch_platform::Action;
use deckwatch_platform::Platform as _;
use deckwatch_platform::kubernetes::FrontAsk;
use http::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::cluster::Cluster;
use crate::drive::{Drive, order, take_back};
use crate::world::{World, ask, service};

/// After so long without a change the traffic is said not to move.
const NEVER: Duration = Duration::from_secs(20);
const MESH: &str = "networking.istio.io/v1";
const ROLLOUT: &str = "argoproj.io/v1alpha1";
const STABLE: u32 = 10;

/// A state in which the way back is asked for.
struct State {
    name: &'static str,
    blue_green: bool,
    /// So many of the stable pods are not ready.
    stable_short: usize,
    candidate_dead: bool,
}

const STATES: [State; 6] = [
    state("canary at 50 %, healthy", false, 0, false),
    state("canary at 50 %, candidate all unready", false, 0, true),
    state(
        "canary at 50 %, 1 of 10 stable pods unready",
        false,
        1,
        false,
    ),
    state("the same, candidate all unready too", false, 1, true),
    state("blue-green after the switch, healthy", true, 0, false),
    state(
        "blue-green after the switch, all new pods unready",
        true,
        0,
        true,
    ),
];

const fn state(name: &'static str, blue_green: bool, short: usize, dead: bool) -> State {
    State {
        name,
        blue_green,
        stable_short: short,
        candidate_dead: dead,
    }
}

pub async fn run(cluster: &Arc<Cluster>) {
    let program = std::env::var_os("DECKWATCH_ARGO_ROLLOUTS").map(PathBuf::from);
    let Some(program) = program.filter(|p| p.is_file()) else {
        println!("\nArgo Rollouts is left out: DECKWATCH_ARGO_ROLLOUTS names no program");
        return;
    };
    let world = World::new(cluster.clone(), "bench-argo").await;
    define(&world, &program, cluster).await;
    let _controller = controller(&program, cluster);
    println!("\nfrom the command to the traffic object seen changed, {STABLE} pods:");
    println!(
        "  {:<52} {:>14}   Argo Rollouts 1.10.0",
        "state", "Deckwatch"
    );
    for (n, state) in STATES.iter().enumerate() {
        let ours = ours(cluster, state, n).await;
        let theirs = theirs(cluster, state, n).await;
        println!("  {:<52} {ours:>14}   {theirs}", state.name);
    }
}

/// Its definitions, and one of Istio's name: nothing of Istio's runs here.
async fn define(world: &World, program: &std::path::Path, cluster: &Cluster) {
    let version = |name: &str, storage: bool| {
        json!({"name": name, "served": true, "storage": storage, "schema": {
            "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}})
    };
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "virtualservices.networking.istio.io"},
        "spec": {"group": "networking.istio.io", "scope": "Namespaced",
            "names": {"plural": "virtualservices", "kind": "VirtualService"},
            "versions": [version("v1", true), version("v1alpha3", false)]}});
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    world.ask(Method::POST, path, Some(crd)).await;
    let crds = program.with_file_name("crds");
    let plane = Cluster::program().expect("it runs");
    let applied = Command::new(plane)
        .args(["apply", "--kubeconfig"])
        .args([&cluster.kubeconfig, &crds])
        .stdout(Stdio::null())
        .status()
        .await;
    assert!(
        applied.is_ok_and(|s| s.success()),
        "its definitions are applied"
    );
    world
        .until("both are served", async || {
            let mesh = world.find(MESH, "virtualservices").await;
            mesh.is_some() && world.find(ROLLOUT, "rollouts").await.is_some()
        })
        .await;
}

fn controller(program: &std::path::Path, cluster: &Cluster) -> Child {
    let port = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener
            .local_addr()
            .expect("an address")
            .port()
            .to_string()
    };
    Command::new(program)
        .arg("--kubeconfig")
        .arg(&cluster.kubeconfig)
        .args([
            "--context",
            "admin",
            "--leader-elect=false",
            "--loglevel=error",
        ])
        .args(["--qps=200", "--burst=400", "--istio-api-version=v1"])
        .args(["--metricsPort", &port(), "--healthzPort", &port()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the controller starts")
}

/// Reads all the time until it holds; how long that took since `began`.
async fn seen(began: Instant, holds: impl AsyncFn() -> bool) -> String {
    while began.elapsed() < NEVER {
        if holds().await {
            return format!("{:.1} ms", began.elapsed().as_secs_f64() * 1e3);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    "never moved".into()
}

/// What the mesh gives to its second destination.
async fn share(world: &World) -> u64 {
    let mesh = world.get(MESH, "virtualservices/mesh").await;
    mesh["spec"]["http"][0]["route"][1]["weight"]
        .as_u64()
        .unwrap_or(0)
}

async fn unready(world: &World, labels: &str, how_many: usize) {
    let pods = world.pods(labels).await;
    let some = &pods[..how_many.min(pods.len())];
    world
        .label_pods(some, "deckwatch.test/ready", json!("false"))
        .await;
    let dead = |pod: &Value| {
        let conditions = pod["status"]["conditions"].as_array();
        conditions.is_some_and(|all| {
            all.iter()
                .any(|c| c["type"] == "Ready" && c["status"] == "False")
        })
    };
    world
        .until("they are unready", async || {
            world.pods(labels).await.iter().filter(|p| dead(p)).count() >= some.len()
        })
        .await;
    // Time for whoever reacts to that by itself.
    tokio::time::sleep(Duration::from_secs(2)).await;
}

async fn ours(cluster: &Arc<Cluster>, state: &State, n: usize) -> String {
    let world = World::new(cluster.clone(), &format!("bench-argo-ours-{n}")).await;
    world.service(STABLE, false).await;
    let mut adopted = ask(false);
    if !state.blue_green {
        let mesh = json!({"apiVersion": MESH, "kind": "VirtualService", "metadata": {"name": "mesh"},
            "spec": {"hosts": ["web-svc"], "http": [{"route": [{"destination": {"host": "web-svc"}}]}]}});
        world.make(MESH, "virtualservices", mesh).await;
        adopted.front = FrontAsk::VirtualService("mesh".into());
    }
    world.platform.adopt(&adopted).await.expect("it is adopted");
    let drive = Drive::new(1, Slot::Green);
    let candidates = if state.blue_green { STABLE } else { STABLE / 2 };
    drive.begin(&world, "v2", candidates).await;
    let weight = if state.blue_green { 100 } else { 50 };
    drive.done(&world, drive.weight(weight)).await;
    if state.stable_short > 0 {
        unready(&world, "app%3Dweb", state.stable_short).await;
    }
    if state.candidate_dead {
        unready(&world, "deckwatch.dev/slot%3Dgreen", STABLE as usize).await;
    }
    let began = Instant::now();
    let take = order(Action::TakeBack(take_back()));
    let service = service();
    let back = world.platform.apply(&service, &take);
    let looks = seen(began, async || match state.blue_green {
        true => world.get("v1", "services/web-svc").await["spec"]["selector"]["app"] == "web",
        false => share(&world).await == 0,
    });
    let (back, took) = futures_util::future::join(back, looks).await;
    back.expect("it is taken back");
    took
}

fn rollout(blue_green: bool) -> Value {
    let strategy = match blue_green {
        // Judged after the switch: what has no more to wait for is promoted, and not aborted any more.
        true => json!({"blueGreen": {"activeService": "active", "previewService": "preview",
            "scaleDownDelaySeconds": 600,
            "postPromotionAnalysis": {"templates": [{"templateName": "wait"}]}}}),
        false => json!({"canary": {"stableService": "active", "canaryService": "preview",
            "trafficRouting": {"istio": {"virtualService": {"name": "mesh"}}},
            "steps": [{"setWeight": 50}, {"pause": {}}]}}),
    };
    json!({"apiVersion": ROLLOUT, "kind": "Rollout", "metadata": {"name": "web"}, "spec": {
        "replicas": STABLE, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "registry/web:v1"}]}},
        "strategy": strategy}})
}

/// An analysis that goes on for ever: nothing here runs its job.
fn analysis() -> Value {
    let pod = json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry/wait:v1"}]});
    json!({"apiVersion": ROLLOUT, "kind": "AnalysisTemplate", "metadata": {"name": "wait"},
        "spec": {"metrics": [{"name": "wait",
            "provider": {"job": {"spec": {"template": {"spec": pod}}}}}]}})
}

async fn theirs(cluster: &Arc<Cluster>, state: &State, n: usize) -> String {
    let world = World::new(cluster.clone(), &format!("bench-argo-theirs-{n}")).await;
    for name in ["active", "preview"] {
        let body = json!({"metadata": {"name": name}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
        world.make("v1", "services", body).await;
    }
    let mesh = json!({"apiVersion": MESH, "kind": "VirtualService", "metadata": {"name": "mesh"},
        "spec": {"hosts": ["web"], "http": [{"route": [
            {"destination": {"host": "active"}, "weight": 100},
            {"destination": {"host": "preview"}, "weight": 0}]}]}});
    world.make(MESH, "virtualservices", mesh).await;
    world.make(ROLLOUT, "analysistemplates", analysis()).await;
    world
        .make(ROLLOUT, "rollouts", rollout(state.blue_green))
        .await;
    let status = async || world.get(ROLLOUT, "rollouts/web").await["status"].clone();
    world
        .until("it is healthy", async || {
            status().await["phase"] == "Healthy"
        })
        .await;
    let image = json!([{"name": "main", "image": "registry/web:v2"}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": image}}}});
    world.edit(ROLLOUT, "rollouts/web", patch).await;
    let hash = async || {
        let status = status().await;
        let text = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
        (text("stableRS"), text("currentPodHash"))
    };
    let (stable, _) = hash().await;
    let active = async || {
        let service = world.get("v1", "services/active").await;
        service["spec"]["selector"]["rollouts-pod-template-hash"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    world
        .until("it is live", async || match state.blue_green {
            true => active().await != stable && !active().await.is_empty(),
            false => share(&world).await == 50,
        })
        .await;
    let (_, new) = hash().await;
    let pods = |hash: &str| format!("rollouts-pod-template-hash%3D{hash}");
    if state.stable_short > 0 {
        unready(&world, &pods(&stable), state.stable_short).await;
    }
    if state.candidate_dead {
        unready(&world, &pods(&new), STABLE as usize).await;
    }
    let there = async || match state.blue_green {
        true => active().await == stable,
        false => share(&world).await == 0,
    };
    if there().await {
        return "went back by itself".into();
    }
    let began = Instant::now();
    world
        .edit(
            ROLLOUT,
            "rollouts/web/status",
            json!({"status": {"abort": true}}),
        )
        .await;
    seen(began, there).await
}
