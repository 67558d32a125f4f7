//! When the lane tries again, and when there is no use in it.

use std::sync::Mutex;

use deckwatch_domain::Timestamp;
use deckwatch_platform::{Capabilities, LogLine};

use super::*;
use crate::ports::Now;

/// Answers every order in the same way, and counts them.
struct Refusing {
    answer: PlatformError,
    orders: Mutex<u32>,
}

#[async_trait::async_trait]
impl Platform for Refusing {
    async fn observe(&self, _: &ServiceName) -> Result<Observation, PlatformError> {
        Err(self.answer.clone())
    }
    async fn services(&self) -> Result<Vec<ServiceName>, PlatformError> {
        Err(self.answer.clone())
    }
    async fn apply(&self, _: &ServiceName, _: &Order) -> Result<Applied, PlatformError> {
        *self.orders.lock().unwrap() += 1;
        Err(self.answer.clone())
    }
    async fn logs(&self, _: &ServiceName, _: usize) -> Result<Vec<LogLine>, PlatformError> {
        Err(self.answer.clone())
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            exact_weights: true,
            header_routing: false,
            sticky_sessions: false,
            driver_lost_rollback: false,
        }
    }
}

/// Time passes only while somebody sleeps.
#[derive(Default)]
struct Sleeper(Mutex<Duration>);

#[async_trait::async_trait]
impl Clock for Sleeper {
    fn now(&self) -> Now {
        Now {
            wall: Timestamp::EPOCH,
            boot: *self.0.lock().unwrap(),
        }
    }
    async fn sleep(&self, span: Duration) {
        *self.0.lock().unwrap() += span;
    }
}

/// How often the lane asked, for how long, and with which words it ended.
async fn tried(answer: PlatformError) -> (u32, Duration, String) {
    let platform = Refusing {
        answer,
        orders: Mutex::new(0),
    };
    let clock = Sleeper::default();
    let ask = Ask {
        service: "shop".parse().unwrap(),
        actor: Actor::person("ben", "bridge"),
        reason: "carts are empty".into(),
        now: false,
        only: None,
        event_id: EventId::from_u128(1),
        retire: IntentId::from_u128(2),
    };
    let ended = roll_back(&platform, &ask, &clock, &mut |_| {}).await;
    let Err(LaneError::GaveUp { why }) = ended else {
        panic!("{ended:?}");
    };
    let orders = *platform.orders.lock().unwrap();
    (orders, clock.now().boot, why)
}

#[tokio::test]
async fn who_is_kept_out_is_told_at_once() {
    let why = "the node in /srv/deckwatch/node belongs to user 1000 and this is user 1001";
    let denied = PlatformError::Denied { why: why.into() };
    assert_eq!(tried(denied).await, (1, Duration::ZERO, why.to_owned()));
}

#[tokio::test]
async fn anything_else_is_tried_again_until_the_end() {
    for answer in [
        PlatformError::Unreachable { why: "gone".into() },
        PlatformError::Broken { why: "full".into() },
    ] {
        let (orders, waited, why) = tried(answer.clone()).await;
        assert!(orders > 100 && waited >= REACH, "{orders}, {waited:?}");
        assert_eq!(why, answer.to_string());
    }
}
