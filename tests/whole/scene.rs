//! A ground on which a service stands on v1, a driver runs and traffic flows.

use std::time::Duration;

use deckwatch_console::{Nothing, RollBackAnswer, RolloutRow, api};
use deckwatch_domain::{Role, Slot, Weights};
use deckwatch_rollout::Phase;
use deckwatch_training::load::{LoadHandle, LoadOptions, LoadReport, start};

use crate::harness::{Agent, Ground, Ran, SERVICE, eventually, program};
use crate::plans;

/// Requests a second: enough for a `Pass` in a second or two, little enough for a busy machine.
pub const RATE: f64 = 300.0;

/// Fields are dropped in this order: load, driver, node.
pub struct Scene {
    pub load: LoadHandle,
    pub agent: Option<Agent>,
    pub ground: Ground,
}

/// Defines the service and promotes its first release, v1.
pub async fn stand_up(ground: &Ground) {
    let yaml = plans::definition(program(), ground.port);
    let file = ground.file("checkout.yaml", &yaml);
    ground.ctl(&["service", "define", &file]).await.code(0);
    ground
        .ctl(&["rollout", "start", SERVICE, "v1"])
        .await
        .code(0)
        .says("no release yet");
    let until = |row: &RolloutRow| row.phase == Phase::Promoted;
    rollout(ground, "v1 to be promoted", until).await;
}

/// Waits until the newest rollout is as `wanted`.
pub async fn rollout(
    ground: &Ground,
    what: &str,
    wanted: impl Fn(&RolloutRow) -> bool,
) -> RolloutRow {
    let wanted = &wanted;
    eventually(what, || async move {
        // Opened anew each time: the file may be another one by now.
        let rows = api::rollouts(&ground.console(), Nothing {}).await;
        match rows.map_err(|p| p.to_string())?.into_iter().next() {
            Some(row) if wanted(&row) => Ok(row),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

impl Scene {
    pub async fn new() -> Scene {
        Scene::on(Ground::new().await).await
    }

    pub async fn on(ground: Ground) -> Scene {
        ground.ctl(&["node", "start"]).await.code(0);
        let agent = ground.agent();
        stand_up(&ground).await;
        let target = ([127, 0, 0, 1], ground.port).into();
        let options = LoadOptions {
            rate: RATE,
            clients: 200,
            // A machine that is busy with other things is no dropped request.
            timeout: Duration::from_secs(20).into(),
            ..LoadOptions::new(target)
        };
        Scene {
            load: start(options).unwrap(),
            agent: Some(agent),
            ground,
        }
    }

    pub async fn start(&self, version: &str, plan: &str, more: &[&str]) -> Ran {
        let plan = self.ground.file("plan.yaml", plan);
        let mut args = vec!["rollout", "start", SERVICE, version, "--plan-file", &plan];
        args.extend(more);
        self.ground.ctl(&args).await
    }

    pub async fn rollout(&self, what: &str, wanted: impl Fn(&RolloutRow) -> bool) -> RolloutRow {
        rollout(&self.ground, what, wanted).await
    }

    pub async fn ended(&self, phase: Phase) -> RolloutRow {
        self.rollout(&format!("{phase:?}"), |row| row.phase == phase)
            .await
    }

    /// Brings `version` to stand at `weight`, unjudged, with traffic seen there.
    pub async fn canary(&self, version: &str, weight: u8, more: &[&str]) -> RolloutRow {
        let before = answers(&self.load.snapshot(), version);
        self.start(version, &plans::standing_at(weight), more)
            .await
            .code(0);
        let row = self
            .rollout("the canary's weight", |row| {
                row.weight == weight && !row.phase.is_over()
            })
            .await;
        eventually("answers of the canary", || async {
            let now = answers(&self.load.snapshot(), version);
            (now > before)
                .then_some(())
                .ok_or(format!("{now} answers of {version}"))
        })
        .await;
        row
    }

    /// Waits until this many instances of a slot are ready.
    pub async fn until_ready(&self, slot: Slot, count: u32) {
        eventually("readiness", || async {
            let ready = self.ground.observe().await.slots[slot].ready;
            (ready == count)
                .then_some(())
                .ok_or(format!("{ready} ready in {slot}"))
        })
        .await;
    }

    /// Sets faults on instances of a slot: on the first `count` of them.
    pub async fn faults(&self, slot: Slot, count: usize, faults: serde_json::Value) {
        let seen = self.ground.observe().await;
        let ports: Vec<u16> = seen.slots[slot]
            .instances
            .iter()
            .filter_map(|i| i.port)
            .collect();
        assert!(ports.len() >= count, "{ports:?}");
        for port in &ports[..count] {
            deckwatch_training::set_faults(*port, &faults)
                .await
                .unwrap();
        }
    }

    /// Rolls back by the program and asserts all that must hold whatever the state was: it says
    /// so with 0, traffic is back as the platform sees it and as clients see it.
    pub async fn back(&self, leaving: &str, more: &[&str]) -> RollBackAnswer {
        let mut args = vec!["--json", "rollback", SERVICE, "--reason", "whole test"];
        args.extend(more);
        let ran = self.ground.ctl(&args).await.code(0);
        let answer: RollBackAnswer = serde_json::from_value(ran.json()).unwrap();
        self.is_back(&answer, leaving).await;
        answer
    }

    pub async fn is_back(&self, answer: &RollBackAnswer, leaving: &str) {
        let record = &answer.report.record;
        assert!(answer.report.verified, "{answer:?}");
        let seen = self.ground.observe().await;
        assert_eq!(seen.traffic.weights, Weights::all_to(record.slot));
        assert_eq!(seen.traffic.roles[record.slot], Role::Stable);
        assert_eq!(seen.traffic.roles[record.slot.other()], Role::Free);
        assert_eq!(seen.traffic.way_back, None);
        assert!(
            record
                .rollout
                .is_none_or(|id| seen.traffic.latched.contains(&id))
        );
        let release = seen.slots[record.slot]
            .release
            .as_ref()
            .expect("something serves");
        // What had left the node by then has reached the clients by now.
        tokio::time::sleep(Duration::from_millis(150)).await;
        let then = self.load.snapshot();
        eventually("answers of what traffic returned to", || async {
            let more = answers(&self.load.snapshot(), release.version.as_str())
                - answers(&then, release.version.as_str());
            (more >= 30).then_some(()).ok_or(format!("{more} more"))
        })
        .await;
        let now = self.load.snapshot();
        assert_eq!(
            answers(&now, leaving),
            answers(&then, leaving),
            "{leaving} still answers"
        );
    }

    /// Requests that no version answered so far.
    pub fn dropped(&self) -> u64 {
        self.load.snapshot().failures.dropped()
    }

    /// Replaces the driver by a new one.
    pub async fn new_agent(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.kill().await;
        }
        self.agent = Some(self.ground.agent());
    }
}

/// How many answers carried this `x-version`.
pub fn answers(report: &LoadReport, version: &str) -> u64 {
    report.versions.get(version).map_or(0, |v| v.answers)
}
