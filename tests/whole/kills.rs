//! `kill -9` of the driver and of the node at seeded random moments of real rollouts under load.
//!
//! `DECKWATCH_KILLS` says how many (20), `DECKWATCH_SEED` from which seed. A driver's death costs
//! no request. A node's death cuts off what it was answering; everything it acknowledged before is
//! there again afterwards.

use std::cell::Cell;
use std::time::{Duration, Instant};

use deckwatch_console::{Nothing, Problem, api};
use deckwatch_domain::{ServiceName, Slot};
use deckwatch_platform::Observation;
use deckwatch_rollout::Phase;
use deckwatch_training::load::LoadHandle;

use crate::aftermath::sound;
use crate::harness::{Agent, Ground, eventually, signal};
use crate::plans;
use crate::scene::Scene;

pub fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// SplitMix64: the same moments for the same seed.
pub struct Draws(pub u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub async fn nap(&mut self, most_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.next() % most_ms)).await;
    }
}

/// What is sent out, over and over, and how each deserves to end.
type Release = (&'static str, &'static str, Phase, fn() -> String);

const RELEASES: [Release; 8] = [
    ("v2", "", Phase::Promoted, plans::quick),
    ("v3", "0.5", Phase::RolledBack, plans::quick),
    ("v5", "", Phase::Promoted, plans::rolling),
    ("v4", "0.3", Phase::RolledBack, plans::rolling),
    ("v6", "", Phase::Promoted, plans::blue_green),
    ("v7", "0.3", Phase::RolledBack, plans::blue_green),
    ("v8", "", Phase::Promoted, plans::audience),
    ("v9", "0.3", Phase::RolledBack, plans::audience),
];

async fn start(ground: &Ground, release: &Release) -> Result<(), Problem> {
    let (version, errors, _, plan) = *release;
    let env = match errors {
        "" => Default::default(),
        share => [("DECKWATCH_DEMO_ERRORS".to_owned(), share.to_owned())].into(),
    };
    let ask = api::Start {
        service: ServiceName::new(ground.service.as_str()).ok(),
        version: version.parse().ok(),
        plan_yaml: Some(plan()),
        env,
        ..api::Start::default()
    };
    api::start(&ground.console(), ask).await.map(|_| ())
}

/// What the rollouts and the kills tell each other.
#[derive(Default)]
struct Shared {
    stop: Cell<bool>,
    node_kills: Cell<u64>,
}

/// Rollouts back to back until told to stop; each must end as its release deserves. While a node
/// is started again its slots answer nothing, and a good candidate may be blamed for that: then
/// it is taken back, which is the safe side, and counted.
async fn roll(ground: &Ground, shared: &Shared) -> (usize, usize) {
    let (mut done, mut blamed) = (0, 0);
    while !shared.stop.get() {
        let nodes = shared.node_kills.get();
        let release = &RELEASES[done % RELEASES.len()];
        let (version, _, deserved, _) = *release;
        // While the node is dead nothing can be started; that is said, and tried again.
        eventually("a start", || async {
            match start(ground, release).await {
                Err(problem) if problem.is_refusal() => panic!("refused: {problem}"),
                other => other.map_err(|p| p.to_string()),
            }
        })
        .await;
        let row = eventually("the end of a rollout", || async {
            let rows = api::rollouts(&ground.console(), Nothing {}).await;
            let row = rows
                .map_err(|p| p.to_string())?
                .into_iter()
                .next()
                .ok_or("none")?;
            let over = row.phase.is_over() || matches!(row.phase, Phase::Paused(_));
            over.then_some(row.clone()).ok_or(format!("{row:?}"))
        })
        .await;
        assert_eq!(row.release.as_str(), version);
        done += 1;
        if row.phase != deserved {
            let excused = row.phase == Phase::RolledBack && shared.node_kills.get() > nodes;
            assert!(excused, "rollout {done}: {row:?}");
            blamed += 1;
        }
    }
    (done, blamed)
}

/// What was lost, by whose death.
#[derive(Debug, Default)]
struct Lost {
    by_drivers: u64,
    by_nodes: u64,
    drivers: u64,
    nodes: u64,
    slowest_node: Duration,
}

async fn kill(
    ground: &Ground,
    load: &LoadHandle,
    mut agent: Agent,
    draws: &mut Draws,
    shared: &Shared,
) -> (Lost, Agent) {
    let kills = number("DECKWATCH_KILLS", 20);
    let dropped = || load.snapshot().failures.dropped();
    let mut lost = Lost::default();
    let mut since = dropped();
    for _ in 0..kills {
        draws.nap(1500).await;
        if !draws.next().is_multiple_of(4) {
            agent.kill().await;
            draws.nap(300).await;
            agent = ground.agent();
            lost.drivers += 1;
            continue;
        }
        lost.by_drivers += dropped() - since;
        let before = dropped();
        let began = Instant::now();
        shared.node_kills.set(shared.node_kills.get() + 1);
        kill_node(ground).await;
        settle(ground, load).await;
        lost.slowest_node = lost.slowest_node.max(began.elapsed());
        lost.nodes += 1;
        since = dropped();
        lost.by_nodes += since - before;
    }
    lost.by_drivers += dropped() - since;
    (lost, agent)
}

/// Kills the node and starts another; what had been acknowledged must be there again.
async fn kill_node(ground: &Ground) {
    let pid = eventually("the node", || async {
        ground.platform.node().await.map_err(|e| e.to_string())
    })
    .await
    .pid;
    let before = ground.observe().await.traffic;
    signal(pid, "KILL");
    ground.ctl(&["node", "start"]).await.code(0);
    let after = ground.observe().await.traffic;
    // The driver may have written between our look and the kill, and after the restart.
    if after.revision == before.revision {
        assert_eq!(after, before);
    } else {
        assert!(after.revision > before.revision, "{before:?}\n{after:?}");
        assert!(after.epoch >= before.epoch, "{before:?}\n{after:?}");
        assert!(before.latched.iter().all(|id| after.latched.contains(id)));
    }
}

fn serves(seen: &Observation) -> bool {
    Slot::BOTH
        .into_iter()
        .all(|slot| seen.traffic.weights.of(slot) == 0 || seen.slots[slot].ready > 0)
}

/// Until everything that has weight is ready and nothing is lost any more.
async fn settle(ground: &Ground, load: &LoadHandle) {
    eventually("everything to serve again", || async {
        let before = load.snapshot();
        tokio::time::sleep(Duration::from_millis(250)).await;
        let after = load.snapshot();
        let quiet = after.failures.dropped() == before.failures.dropped();
        let more = after.ok > before.ok;
        let seen = ground.observe().await;
        (quiet && more && serves(&seen))
            .then_some(())
            .ok_or(format!("{seen:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_double_nothing() {
    let seed = number("DECKWATCH_SEED", 7);
    let Scene {
        load,
        agent,
        ground,
    } = Scene::new().await;
    let began = Instant::now();
    let shared = Shared::default();
    let mut draws = Draws(seed);
    let ((rolled, blamed), (lost, agent)) = tokio::join!(roll(&ground, &shared), async {
        let agent = agent.expect("a driver");
        let done = kill(&ground, &load, agent, &mut draws, &shared).await;
        shared.stop.set(true);
        done
    });
    eprintln!(
        "seed {seed}: {} kills of the driver, {} of the node, {rolled} rollouts ({blamed} good ones blamed for a node's death) in {:.0} s: {} requests lost with drivers, {} with nodes; serving again within {} ms",
        lost.drivers,
        lost.nodes,
        began.elapsed().as_secs_f64(),
        lost.by_drivers,
        lost.by_nodes,
        lost.slowest_node.as_millis(),
    );
    assert_eq!(
        lost.by_drivers,
        0,
        "{lost:?} {:?}",
        load.snapshot().failures
    );
    assert_eq!(agent.end().await, Some(0));
    sound(&ground).await;
    let verified = ground.json(&["journal", "verify"]).await;
    assert_eq!(verified["anchored"], true, "{verified}");
}
