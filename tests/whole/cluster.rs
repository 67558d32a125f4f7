//! Releases in a cluster: the same words, the same judge and the same way back, on a real control
//! plane and judged by a real Prometheus.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::control_plane::{ControlPlane, Counted, Prometheus, program, traffic};
use crate::harness::{Ground, Ran, eventually};
use crate::plans;

/// Bad answers of every thousand that versions give whose name begins with `v3`.
const BAD: u64 = 300;
const RATE: u64 = 2000;

pub struct Shop {
    pub ground: Ground,
    pub control: ControlPlane,
    counted: Counted,
    _prometheus: Prometheus,
    /// Requests a second.
    rate: Arc<AtomicU64>,
}

fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cluster/demo")
        .join(name)
}

/// None, and said, where there is no control plane or no Prometheus to run on.
pub async fn shop(test: &str) -> Option<Shop> {
    let needed = std::env::var_os("DECKWATCH_CONTROL_PLANE_NEEDED").is_some();
    let absent = |what: &str| {
        assert!(!needed, "{test}: {what}");
        crate::mounts::skipped(test, what);
    };
    let Some(program) = program() else {
        absent("no control plane was built (scripts/control-plane.sh)");
        return None;
    };
    let counted = Counted::default();
    let Some(prometheus) = Prometheus::up(counted.clone(), "shop").await else {
        absent("prometheus is not installed");
        return None;
    };
    let ground = Ground::new().await;
    let control = ControlPlane::up(&program).await;
    let files = ["00-shop.yaml", "basket.yaml", "catalogue.yaml"].map(demo);
    control.apply(&files.each_ref().map(PathBuf::as_path));
    Some(Shop {
        ground,
        control,
        counted,
        _prometheus: prometheus,
        rate: Arc::new(AtomicU64::new(RATE)),
    })
}

impl Shop {
    pub async fn environment(&self, name: &str, more: &[&str]) -> Ran {
        let url = self._prometheus.url.clone();
        let mut args = vec![
            "environment",
            "add",
            name,
            "--context",
            "admin",
            "--namespace",
            "shop",
            "--kubeconfig",
            &self.control.kubeconfig,
            "--prometheus",
            &url,
            "--seconds",
            "",
        ];
        args.extend(more);
        self.ground.ctl(&args).await
    }

    pub async fn ctl(&self, args: &[&str]) -> Ran {
        let mut all = vec!["-e", "shop"];
        all.extend(args);
        self.ground.ctl(&all).await
    }

    pub async fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        self.ctl(&all).await.code(0).json()
    }

    pub async fn observe(&self, service: &str) -> Value {
        self.json(&["service", "show", service]).await["observation"].clone()
    }

    /// People ask the basket for things, as the route leads them, while `until` runs.
    pub async fn under_load<T>(&self, until: impl Future<Output = T>) -> T {
        let load = async {
            loop {
                let seen = self.observe("basket").await;
                for _ in 0..5 {
                    let rate = self.rate.load(Ordering::Relaxed);
                    traffic(&seen, &self.counted, rate, ("v3", BAD));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        };
        tokio::select! {
            done = until => done,
            () = load => unreachable!("load does not end"),
        }
    }

    /// Adopts the basket behind its route and the catalogue behind its Service, as soon as their pods
    /// are there.
    pub async fn adopt_both(&self) {
        for adopt in [&["basket", "--route", "basket"][..], &["catalogue"]] {
            let args = [&["cluster", "adopt"], adopt].concat();
            eventually("the demo's pods to be there to be adopted", || async {
                let ran = self.ctl(&args).await;
                if ran.code == 0 { Ok(()) } else { Err(ran.err) }
            })
            .await;
        }
    }

    pub async fn phase(&self, service: &str, wanted: &str) -> Value {
        eventually(&format!("{service} to be {wanted}"), || async {
            let view = self.json(&["rollout", "show", service]).await;
            let status = view["status"].clone();
            match status["phase"].to_string().contains(wanted) {
                true => Ok(status),
                false => Err(status.to_string()),
            }
        })
        .await
    }
}

/// The share of the traffic that a version has.
pub fn weight(seen: &Value, version: &str) -> u64 {
    let slots = ["blue", "green"].into_iter();
    let of = slots.filter(|slot| seen["slots"][slot]["release"]["version"] == version);
    of.map(|slot| seen["traffic"]["weights"][slot].as_u64().unwrap_or(0))
        .sum()
}

/// A good release is promoted, a bad one comes back by the judge's word, and one that a person
/// takes back is back at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_goes_out_and_comes_back_on_a_real_control_plane() {
    let Some(shop) = shop("releases in a cluster").await else {
        return;
    };
    shop.environment("shop", &["--class", "staging"])
        .await
        .code(0);
    shop.ctl(&["cluster", "show"])
        .await
        .code(0)
        .says("every right is there");
    let adopt = ["cluster", "adopt", "basket", "--route", "basket"];
    let dry = [&adopt[..], &["--dry-run"]].concat();
    shop.ctl(&dry).await.code(0).says("nothing was written");
    assert!(
        shop.json(&["service", "list"])
            .await
            .as_array()
            .is_some_and(Vec::is_empty)
    );
    eventually("the demo's pods to be there to be adopted", || async {
        let ran = shop.ctl(&adopt).await;
        if ran.code == 0 { Ok(()) } else { Err(ran.err) }
    })
    .await;
    // Nothing of this machine's is spoken of there.
    shop.ctl(&["node", "stop"])
        .await
        .refused("there is no node here");

    let agent = shop.ground.agent_with(&["-e", "shop"]);
    let plan = shop.ground.file("quick.yaml", &plans::quick());
    let start = |version: &'static str, plan: String| {
        let image = format!("registry.test/basket:{version}");
        let shop = &shop;
        async move {
            let args = [
                "rollout",
                "start",
                "basket",
                version,
                "--image",
                &image,
                "--plan-file",
                &plan,
            ];
            shop.ctl(&args).await
        }
    };
    shop.ctl(&["rollout", "start", "basket", "v2", "--plan-file", &plan])
        .await
        .code(1)
        .says("image is missing");
    shop.under_load(async {
        // A plan is held against what was measured: there has to be something.
        tokio::time::sleep(Duration::from_secs(8)).await;
        start("v2", plan.clone()).await.code(0);
        shop.phase("basket", "promoted").await;
        let seen = shop.observe("basket").await;
        assert_eq!(weight(&seen, "v2"), 100, "{seen:#}");

        start("v3", plan.clone()).await.code(0);
        let status = shop.phase("basket", "rolled-back").await;
        assert!(status["verdict"].to_string().contains("fail"), "{status:#}");
        let seen = shop.observe("basket").await;
        assert_eq!(weight(&seen, "v2"), 100, "{seen:#}");
    })
    .await;

    let standing = shop.ground.file("standing.yaml", &plans::standing_at(25));
    start("v4", standing).await.code(0);
    eventually("v4 to have its share", || async {
        let seen = shop.observe("basket").await;
        if weight(&seen, "v4") == 25 {
            Ok(())
        } else {
            Err(seen.to_string())
        }
    })
    .await;
    settled(&shop).await;
    // Nobody drives any more, and it makes no difference.
    agent.kill().await;
    let back = ["--json", "rollback", "basket", "--reason", "by hand"];
    let report = shop.ctl(&back).await.code(0).json();
    assert_eq!(report["report"]["verified"], true, "{report:#}");
    let seen = shop.observe("basket").await;
    assert_eq!(weight(&seen, "v2"), 100, "{seen:#}");
    let events = shop.json(&["journal", "events", "-n", "500"]).await;
    let by = |kind: &str| {
        let all = events.as_array().unwrap().iter();
        let mut of = all.filter(|e| e["kind"].as_str().is_some_and(|k| k.contains(kind)));
        of.next_back()
            .unwrap_or_else(|| panic!("no {kind} in {events:#}"))["actor"]
            .to_string()
    };
    // The API server said who that is, not the command line.
    for kind in ["service.adopted", "traffic.taken-over"] {
        assert!(by(kind).contains("admin"), "{kind}: {}", by(kind));
    }
    shop.ctl(&["journal", "verify"]).await.code(0);
}

/// Looking needs no opening: objects, pods and why they are not ready, events, texts, lines.
async fn what_stands_is_shown(shop: &Shop) {
    let pods = eventually("the catalogue's pods to be well", || async {
        let page = shop
            .json(&["cluster", "pods", "--filter", "catalogue"])
            .await;
        let rows = page["rows"].as_array().cloned().unwrap_or_default();
        let well = |row: &Value| row["standing"] == "good";
        match !rows.is_empty() && rows.iter().all(well) && page["freshness"]["follows"] == true {
            true => Ok(rows),
            false => Err(page.to_string()),
        }
    })
    .await;
    let kind = [
        "cluster",
        "objects",
        "--kind",
        "deploy",
        "--filter",
        "catalogue",
    ];
    shop.ctl(&kind)
        .await
        .code(0)
        .says("● ")
        .says("Deployment  catalogue");
    let events = ["cluster", "events", "--newest"];
    shop.ctl(&events).await.code(0).says("ScalingReplicaSet");
    let yaml = ["cluster", "yaml", "deployment/catalogue"];
    shop.ctl(&yaml).await.code(0).says("kind: Deployment");
    let secret = ["cluster", "yaml", "secret/catalogue"];
    shop.ctl(&secret).await.code(2).says("Secrets are not read");

    let pod = pods[0]["name"].as_str().expect("a name");
    let lines = "2026-01-02T03:04:05.678Z stdout F listening on 8080\n";
    let lines = shop.ground.file("printed", lines);
    let logs = format!(
        "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: Logs\nmetadata: {{ name: {pod}, namespace: shop }}\n\
         spec: {{ logs: [{{ logsFile: {lines} }}] }}\n"
    );
    let logs = shop.ground.file("logs.yaml", &logs);
    shop.control.apply(&[Path::new(&logs)]);
    eventually("the pod's lines", || async {
        let ran = shop.ctl(&["cluster", "logs", pod]).await;
        match ran.code == 0 && ran.out.contains("listening on 8080") {
            true => Ok(()),
            false => Err(ran.out + &ran.err),
        }
    })
    .await;
}

/// Somebody else's weights are named, and a person chooses whose hold; both choices are journaled.
async fn settled(shop: &Shop) {
    let settle = ["cluster", "settle", "basket"];
    let ours = [&settle[..], &["--write-ours"]].concat();
    let theirs = [&settle[..], &["--keep-theirs"]].concat();
    shop.ctl(&ours).await.refused("there is nothing to settle");
    let change = async |blue: u8| {
        let text = format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{ name: basket, namespace: shop }}
spec:
  parentRefs: [{{ name: front }}]
  hostnames: [basket.shop.test]
  rules:
    - matches: [{{ path: {{ type: PathPrefix, value: / }} }}]
      backendRefs:
        - {{ name: basket-blue, port: 80, weight: {blue} }}
        - {{ name: basket-green, port: 80, weight: {} }}
",
            100 - blue
        );
        let file = shop.ground.file("theirs.yaml", &text);
        shop.control.apply(&[Path::new(&file)]);
        eventually("the change to be seen", || async {
            let seen = shop.observe("basket").await;
            match seen["drift"]["by"].is_string() {
                true => Ok(()),
                false => Err(seen.to_string()),
            }
        })
        .await;
    };
    change(40).await;
    shop.ctl(&theirs)
        .await
        .code(0)
        .says("holds from now on: blue 40 · green 60");
    let seen = shop.observe("basket").await;
    assert!(seen["drift"].is_null(), "{seen:#}");
    assert_eq!(weight(&seen, "v4"), 40, "{seen:#}");
    change(90).await;
    shop.ctl(&ours)
        .await
        .code(0)
        .says("holds again: blue 40 · green 60");
    let kinds = shop
        .json(&["journal", "events", "-n", "500"])
        .await
        .to_string();
    for kind in ["traffic.taken-over", "traffic.written-again"] {
        assert!(kinds.contains(kind), "{kind} is missing: {kinds}");
    }
}

/// A context for looking lets nothing through but the way back, until it is opened for a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_is_read_only_until_it_is_opened() {
    let Some(shop) = shop("a read-only cluster").await else {
        return;
    };
    shop.environment("shop", &["--class", "production"])
        .await
        .code(0);
    let adopt = ["cluster", "adopt", "catalogue"];
    shop.ctl(&adopt).await.refused("is read-only");
    what_stands_is_shown(&shop).await;
    shop.ctl(&["environment", "open", "--reason", " "])
        .await
        .code(1);
    shop.ctl(&[
        "environment",
        "open",
        "--for",
        "9h",
        "--reason",
        "a release",
    ])
    .await
    .code(1)
    .says("at most 8 h");
    shop.ctl(&[
        "environment",
        "open",
        "--for",
        "10m",
        "--reason",
        "a release",
    ])
    .await
    .code(0);
    eventually("the catalogue to be adopted", || async {
        let ran = shop.ctl(&adopt).await;
        if ran.code == 0 { Ok(()) } else { Err(ran.err) }
    })
    .await;
    let diff = ["cluster", "diff", "service/catalogue"];
    shop.ctl(&diff).await.code(0).says("nothing differs");
    let agent = shop.ground.agent_with(&["-e", "shop"]);
    let plan = shop.ground.file("all.yaml", ALL_AT_ONCE);
    let image = "registry.test/catalogue:v2";
    shop.ctl(&[
        "rollout",
        "start",
        "catalogue",
        "v2",
        "--image",
        image,
        "--plan-file",
        &plan,
    ])
    .await
    .code(0);
    shop.phase("catalogue", "promoted").await;
    shop.ctl(&["environment", "close"]).await.code(0);
    shop.ctl(&["cluster", "show"])
        .await
        .says("read-only, but for the way back");
    shop.ctl(&[
        "rollout",
        "start",
        "catalogue",
        "v3",
        "--image",
        image,
        "--plan-file",
        &plan,
    ])
    .await
    .refused("is read-only");
    shop.ctl(&["rollback", "catalogue", "--reason", "v2 is wrong"])
        .await
        .code(0);
    let seen = shop.observe("catalogue").await;
    assert_eq!(weight(&seen, "v2"), 0, "{seen:#}");
    let kinds = shop
        .json(&["journal", "events", "-n", "500"])
        .await
        .to_string();
    for kind in ["access.opened", "access.closed", "service.adopted"] {
        assert!(kinds.contains(kind), "{kind} is missing: {kinds}");
    }
    drop(agent);
}

/// Blue-green by a Service alone: all or nothing, and nobody is judged.
pub const ALL_AT_ONCE: &str = "\
plan: all-at-once
strategy: blue-green
steps:
  - { weight: 0, bake: { min: 1s, max: 60s }, analysis: false }
  - { weight: 100, bake: { min: 1s, max: 60s }, analysis: false }
analysis: { metrics: [] }
on_error: hold
rollback_window: 10m
baseline: 0s
rehearse_every: 5s
deadlines: { capacity: 60s, traffic: 30s }
";
