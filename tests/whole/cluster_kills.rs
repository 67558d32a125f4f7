//! `kill -9` of the driver at seeded random moments of real rollouts in a real control plane.
//!
//! `DECKWATCH_CLUSTER_ROLLOUTS` says how many rollouts (10), `DECKWATCH_SEED` from which seed. Two
//! services are released over and over at the same time: one behind a route (canary and rolling, judged
//! by a real Prometheus), one behind a Service alone (blue-green, taken back by hand). Meanwhile
//! somebody else reads what the two traffic objects say.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use deckwatch_domain::{RolloutId, ServiceName, Slot};
use deckwatch_platform::kubernetes::{Connection, KubernetesPlatform};
use deckwatch_platform::{Observation, Platform as _, Traffic};
use deckwatch_rollout::Event;

use crate::aftermath::intents_once;
use crate::cluster::{ALL_AT_ONCE, Shop, shop};
use crate::harness::{Agent, eventually};
use crate::kills::{Draws, number};
use crate::plans;

/// What is sent out behind the route, over and over, and how each deserves to end. Versions whose
/// name begins with `v3` fail.
type Release = (&'static str, fn() -> String, &'static str);
const RELEASES: [Release; 4] = [
    ("v2", plans::quick, "promoted"),
    ("v3", plans::quick, "rolled-back"),
    ("v4", plans::rolling, "promoted"),
    ("v3", plans::rolling, "rolled-back"),
];

/// What the rollouts, the kills and the onlooker tell each other.
struct Shared {
    left: Cell<u64>,
    rolled: Cell<u64>,
    stop: Cell<bool>,
}

impl Shared {
    /// Whether another rollout is to be begun.
    fn another(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

async fn start(shop: &Shop, service: &str, version: &str, plan: &str) {
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
    eventually("a start", || async {
        let ran = shop.ctl(&args).await;
        assert_ne!(ran.code, 3, "refused: {}", ran.err);
        (ran.code == 0).then_some(()).ok_or(ran.err)
    })
    .await;
}

/// Waits for the end of the newest rollout; a pause is an end that nobody deserves.
async fn ended(shop: &Shop, service: &str, version: &str) -> String {
    eventually("the end of a rollout", || async {
        let view = shop.json(&["rollout", "show", service]).await;
        let status = &view["status"];
        let phase = status["phase"].to_string();
        let ends = ["promoted", "rolled-back", "aborted", "failed", "paused"];
        let over = status["release"].to_string().contains(version)
            && ends.iter().any(|end| phase.contains(end));
        over.then_some(phase).ok_or(status.to_string())
    })
    .await
}

/// Rollouts behind the route, back to back.
async fn judged(shop: &Shop, shared: &Shared) {
    let mut number = 0;
    while shared.another() {
        let (name, plan, deserved) = RELEASES[number % RELEASES.len()];
        number += 1;
        let version = format!("{name}.{number}");
        let plan = shop.ground.file("judged.yaml", &plan());
        start(shop, "basket", &version, &plan).await;
        let phase = ended(shop, "basket", &version).await;
        assert!(phase.contains(deserved), "{version} was {phase}");
        shared.rolled.set(shared.rolled.get() + 1);
    }
}

/// Rollouts behind a Service alone; each is promoted and then taken back by hand, whoever drives.
async fn switched(shop: &Shop, shared: &Shared) {
    let plan = shop.ground.file("switched.yaml", ALL_AT_ONCE);
    let mut number = 0;
    while shared.another() {
        number += 1;
        let version = format!("w.{number}");
        start(shop, "catalogue", &version, &plan).await;
        let phase = ended(shop, "catalogue", &version).await;
        assert!(phase.contains("promoted"), "{version} was {phase}");
        let back = ["rollback", "catalogue", "--reason", "a test"];
        shop.ctl(&back).await.code(0);
        // Traffic is back; the next one may begin once whoever drives has cleaned up.
        shop.phase("catalogue", "rolled-back").await;
        shared.rolled.set(shared.rolled.get() + 1);
    }
}

/// Kills the driver at random moments until told to stop; how often, and the last one.
async fn kill(shop: &Shop, shared: &Shared, draws: &mut Draws) -> (u64, Agent) {
    let mut kills = 0;
    let mut agent = shop.ground.agent_with(&["-e", "shop"]);
    while !shared.stop.get() {
        draws.nap(6000).await;
        agent.kill().await;
        kills += 1;
        draws.nap(300).await;
        agent = shop.ground.agent_with(&["-e", "shop"]);
    }
    (kills, agent)
}

/// Everything that the traffic objects said, in order, each once.
async fn watched(platform: &KubernetesPlatform, shared: &Shared) -> [Vec<Traffic>; 2] {
    let mut seen = [Vec::new(), Vec::new()];
    while !shared.stop.get() {
        for (service, seen) in ["basket", "catalogue"].into_iter().zip(&mut seen) {
            let look = platform.observe(&ServiceName::new(service).unwrap()).await;
            let traffic = look.unwrap().traffic;
            if seen.last() != Some(&traffic) {
                seen.push(traffic);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    seen
}

/// The epoch never falls, nothing is unlatched, and a rollout that was taken back moves nothing.
fn never_after_a_latch(story: &[Traffic]) {
    for pair in story.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert!(after.revision > before.revision, "{before:?}\n{after:?}");
        assert!(after.epoch >= before.epoch, "{before:?}\n{after:?}");
        let kept = |id: &RolloutId| after.latched.contains(id);
        assert!(before.latched.iter().all(kept), "{before:?}\n{after:?}");
        let latched = |t: &Traffic| t.rollout.is_some_and(|id| t.latched.contains(&id));
        if latched(before) && after.rollout == before.rollout {
            assert_eq!(after.weights, before.weights, "{before:?}\n{after:?}");
        }
    }
}

/// The route leads where the record says, all of what serves is there, and nothing else is.
fn at_rest(seen: &Observation) -> Result<(), String> {
    let mut wrong = Vec::new();
    wrong.extend(seen.drift.as_ref().map(|drift| drift.what.clone()));
    for slot in Slot::BOTH {
        let (weight, state) = (seen.traffic.weights.of(slot), &seen.slots[slot]);
        let leads_back = seen.traffic.way_back.is_some_and(|back| back.slot == slot);
        let wanted = if weight == 100 { seen.instances } else { 0 };
        if (weight > 0 || !leads_back) && (state.ready, state.desired) != (wanted, wanted) {
            wrong.push(format!(
                "{slot}: {} of {} ready",
                state.ready, state.desired
            ));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!("{wrong:?} {:?}", seen.traffic)),
    }
}

/// The rollouts' events of the environment, and that the chain is sound.
async fn story(shop: &Shop) -> Vec<Event> {
    shop.ctl(&["journal", "verify"]).await.code(0);
    let rows = shop.json(&["journal", "events", "-n", "100000"]).await;
    let rows = rows.as_array().unwrap().iter();
    let ours = rows.filter(|r| {
        let stream = r["stream"].as_str();
        stream.is_some_and(|s| s.starts_with("rollouts/"))
    });
    ours.map(|r| serde_json::from_value(r["payload"].clone()).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_in_a_cluster_lose_and_double_nothing() {
    let Some(shop) = shop("kills in a cluster").await else {
        return;
    };
    let environment = ["--class", "staging"];
    shop.environment("shop", &environment).await.code(0);
    shop.adopt_both().await;
    let config = Path::new(&shop.control.kubeconfig);
    let connection = Connection::open(Some(config), Some("admin")).await.unwrap();
    let onlooker = KubernetesPlatform::new(connection, "shop");
    let shared = Shared {
        left: Cell::new(number("DECKWATCH_CLUSTER_ROLLOUTS", 10)),
        rolled: Cell::default(),
        stop: Cell::default(),
    };
    let mut draws = Draws(number("DECKWATCH_SEED", 7));
    let rolled = async {
        // A plan is held against what was measured: there has to be something.
        tokio::time::sleep(Duration::from_secs(8)).await;
        tokio::join!(judged(&shop, &shared), switched(&shop, &shared));
        shared.stop.set(true);
    };
    let all = async {
        tokio::join!(
            rolled,
            kill(&shop, &shared, &mut draws),
            watched(&onlooker, &shared)
        )
    };
    let ((), (kills, agent), seen) = shop.under_load(all).await;
    eprintln!(
        "{} rollouts in a cluster, {kills} kills of their driver, {} and {} states of the traffic seen",
        shared.rolled.get(),
        seen[0].len(),
        seen[1].len()
    );
    assert!(kills > 0 && seen.iter().all(|seen| seen.len() > 3));
    seen.iter().for_each(|seen| never_after_a_latch(seen));
    for service in ["basket", "catalogue"] {
        let service = ServiceName::new(service).unwrap();
        eventually("everything to be at rest", || async {
            let seen = onlooker.observe(&service).await;
            at_rest(&seen.map_err(|e| e.to_string())?)
        })
        .await;
    }
    assert_eq!(agent.end().await, Some(0));
    let story = story(&shop).await;
    intents_once(&story);
    let begun = story.iter().filter(|e| matches!(e, Event::Started(_)));
    assert_eq!(
        begun.count() as u64,
        shared.rolled.get(),
        "a rollout was lost"
    );
}
