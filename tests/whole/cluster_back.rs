//! The way back in a cluster from what is wrong on this side: paused by a person, a lease that a dead
//! console holds, the journal gone. Each from a canary behind a route and from blue-green after the
//! switch of a Service alone. What is wrong in the cluster is in the platform's own tests
//! (`crates/platform/tests/kubernetes/hostile.rs`).

use std::path::{Path, PathBuf};

use crate::cluster::{Shop, shop, weight};
use crate::harness::eventually;
use crate::plans;

/// Blue-green that stands after the switch until somebody ends it.
const SWITCHED: &str = "\
plan: switched
strategy: blue-green
steps:
  - { weight: 0, bake: { min: 0s, max: 60s }, analysis: false }
  - { weight: 100, bake: { min: 10m, max: 20m }, analysis: false }
analysis: { metrics: [] }
on_error: hold
rollback_window: 10m
baseline: 0s
rehearse_every: 1s
deadlines: { capacity: 60s, traffic: 30s }
";

/// Starts `version` of both services, and waits until each has its traffic.
async fn both_live(shop: &Shop, version: &str) {
    let canary = shop.ground.file("canary.yaml", &plans::standing_at(25));
    let switched = shop.ground.file("switched.yaml", SWITCHED);
    let services = [("basket", &canary, 25), ("catalogue", &switched, 100)];
    for (service, plan, _) in services {
        let image = format!("registry.test/{service}:{version}");
        let args = [
            "rollout",
            "start",
            service,
            version,
            "--image",
            &image,
            "--plan-file",
            plan,
        ];
        shop.ctl(&args).await.code(0);
    }
    for (service, _, share) in services {
        eventually("the candidate to have its share", || async {
            let seen = shop.observe(service).await;
            (weight(&seen, version) == share)
                .then_some(())
                .ok_or(seen.to_string())
        })
        .await;
    }
}

async fn both_back(shop: &Shop, version: &str, state: &str) {
    for service in ["basket", "catalogue"] {
        let back = ["--json", "rollback", service, "--reason", state];
        let report = shop.ctl(&back).await.code(0).json();
        assert_eq!(report["report"]["verified"], true, "{state}: {report:#}");
        let took = report["report"]["acknowledged_us"].as_u64().unwrap();
        eprintln!("{service}, {state}: {:.1} ms", took as f64 / 1e3);
        let seen = shop.observe(service).await;
        assert_eq!(weight(&seen, version), 0, "{state}: {seen:#}");
        assert!(seen["drift"].is_null(), "{state}: {seen:#}");
    }
}

/// The journals of all environments below a folder.
fn journals(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            found.extend(journals(&path));
        } else if name.to_string_lossy().starts_with("journal.db") {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_in_a_cluster_needs_nobody_here() {
    let Some(shop) = shop("ways back in a cluster").await else {
        return;
    };
    shop.environment("shop", &["--class", "staging"])
        .await
        .code(0);
    shop.adopt_both().await;

    let agent = shop.ground.agent_with(&["-e", "shop"]);
    both_live(&shop, "v2").await;
    for service in ["basket", "catalogue"] {
        shop.ctl(&["rollout", "pause", service]).await.code(0);
        shop.phase(service, "paused").await;
    }
    both_back(&shop, "v2", "paused by a person").await;
    for service in ["basket", "catalogue"] {
        shop.phase(service, "rolled-back").await;
    }

    both_live(&shop, "v3").await;
    agent.kill().await;
    both_back(&shop, "v3", "lease held by a dead console").await;

    let agent = shop.ground.agent_with(&["-e", "shop"]);
    for service in ["basket", "catalogue"] {
        shop.phase(service, "rolled-back").await;
    }
    both_live(&shop, "v4").await;
    agent.kill().await;
    let gone = journals(&shop.ground.data);
    assert!(!gone.is_empty());
    gone.iter()
        .for_each(|file| std::fs::remove_file(file).unwrap());
    both_back(&shop, "v4", "journal gone").await;
}
