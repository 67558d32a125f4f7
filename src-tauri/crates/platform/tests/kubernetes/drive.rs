//! What a driver does, step by step.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deckwatch_domain::{
    Actor, Epoch, EventId, IntentId, PerSlot, ReleaseVersion, Role, RolloutId, Slot, Timestamp,
    Weights,
};
use deckwatch_platform::kubernetes::KubernetesPlatform;
use deckwatch_platform::{
    Action, Applied, Order, Platform as _, PlatformError, ReleaseSpec, TakeBack, TrafficWrite,
    WayBack,
};

use crate::world::{World, service};

static NEXT: AtomicU64 = AtomicU64::new(1);

fn number() -> u128 {
    u128::from(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// One rollout into a slot.
#[derive(Clone, Debug)]
pub struct Drive {
    pub rollout: RolloutId,
    pub epoch: Epoch,
    pub candidate: Slot,
}

pub fn release(version: &str) -> ReleaseSpec {
    ReleaseSpec {
        version: ReleaseVersion::new(version).expect("a version"),
        command: None,
        env: [("VERSION".to_owned(), version.to_owned())].into(),
        image: Some(format!("registry/web:{version}")),
    }
}

pub fn take_back() -> TakeBack {
    TakeBack {
        event_id: EventId::from_u128(number()),
        actor: Actor::person("ana", "bridge"),
        at: Timestamp::from_millis(1_767_225_600_000),
        reason: "errors".into(),
        only: None,
        now: false,
    }
}

pub fn order(action: Action) -> Order {
    Order {
        intent: IntentId::from_u128(number()),
        epoch: Epoch(0),
        rollout: None,
        action,
    }
}

impl Drive {
    pub fn new(epoch: u64, candidate: Slot) -> Self {
        Drive {
            rollout: RolloutId::from_u128(number()),
            epoch: Epoch(epoch),
            candidate,
        }
    }

    pub fn order(&self, action: Action) -> Order {
        Order {
            epoch: self.epoch,
            rollout: Some(self.rollout),
            ..order(action)
        }
    }

    /// The write of a live rollout.
    pub fn weight(&self, weight: u8) -> Action {
        let mut roles = PerSlot::new(|_| Role::Stable);
        roles[self.candidate] = Role::Candidate;
        Action::SetTraffic(TrafficWrite {
            weights: Weights::toward(self.candidate, weight),
            roles,
            plan_digest: None,
            way_back: Some(WayBack {
                slot: self.candidate.other(),
                until: None,
            }),
            audience: None,
        })
    }

    /// The write that promotes; with the former stable kept warm or not.
    pub fn promotion(&self, warm: bool) -> Action {
        let mut roles = PerSlot::new(|_| if warm { Role::Previous } else { Role::Free });
        roles[self.candidate] = Role::Stable;
        let until = Timestamp::from_millis(4_000_000_000_000);
        Action::SetTraffic(TrafficWrite {
            weights: Weights::all_to(self.candidate),
            roles,
            plan_digest: None,
            way_back: warm.then_some(WayBack {
                slot: self.candidate.other(),
                until: Some(until),
            }),
            audience: None,
        })
    }

    pub async fn apply(
        &self,
        platform: &KubernetesPlatform,
        action: Action,
    ) -> Result<Applied, PlatformError> {
        platform.apply(&service(), &self.order(action)).await
    }

    pub async fn done(&self, world: &World, action: Action) -> Applied {
        let said = format!("{action:?}");
        match self.apply(&world.platform, action).await {
            Ok(applied) => applied,
            Err(error) => panic!("{said}: {error}"),
        }
    }

    /// Claims the traffic, brings the candidate up and waits for it.
    pub async fn begin(&self, world: &World, version: &str, instances: u32) {
        let claim = match self.weight(0) {
            Action::SetTraffic(write) => Action::SetTraffic(TrafficWrite {
                weights: world.seen().await.traffic.weights,
                ..write
            }),
            other => other,
        };
        self.done(world, claim).await;
        self.done(
            world,
            Action::BringUp {
                slot: self.candidate,
                release: release(version),
                instances,
            },
        )
        .await;
        world.until_ready(self.candidate, instances).await;
    }
}

/// Takes traffic back as the lane does: again and again until it is taken. How long that took, and
/// how the last answer went.
pub async fn lane(
    platform: &KubernetesPlatform,
    take: &TakeBack,
) -> (Duration, Result<Applied, PlatformError>) {
    let began = Instant::now();
    loop {
        let answer = platform
            .apply(&service(), &order(Action::TakeBack(take.clone())))
            .await;
        let again = matches!(
            answer,
            Err(PlatformError::Unreachable { .. } | PlatformError::Broken { .. })
        );
        if !again || began.elapsed() > Duration::from_secs(60) {
            return (began.elapsed(), answer);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
