//! The watch over a driver: when it falls silent for longer than it said, its rollout goes back.
//!
//! Only a plan that says `on_driver_lost: rollback` asks for this. The watch is in memory: a node
//! that starts anew begins without one, and the next word of the driver, or whoever finds the
//! rollout without a driver, takes its place.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use deckwatch_domain::{Actor, Epoch, EventId, IntentId, RolloutId};
use rand::RngExt;

use super::hosted::Hosted;
use crate::local::now;
use crate::model::{Action, Applied, Order, PlatformError, TakeBack, Traffic};
use crate::rules;

impl Hosted {
    /// Begins to watch, in place of whatever was watched before.
    pub(super) fn watch(
        self: &Arc<Self>,
        order: &Order,
        ttl: Duration,
        began: Instant,
    ) -> Result<Applied, PlatformError> {
        let traffic = self.traffic();
        let rollout = rules::watch(&traffic, order)?;
        let mine = self.watches.fetch_add(1, SeqCst) + 1;
        if !ttl.is_zero() {
            let hosted = Arc::downgrade(self);
            tokio::spawn(async move {
                tokio::time::sleep(ttl).await;
                if let Some(hosted) = hosted.upgrade()
                    && hosted.watches.load(SeqCst) == mine
                {
                    hosted.fell_silent(rollout, ttl).await;
                }
            });
        }
        Ok(Applied {
            intent: order.intent,
            traffic: Traffic::clone(&traffic),
            repeated: false,
            took_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            warnings: Vec::new(),
        })
    }

    async fn fell_silent(self: &Arc<Self>, rollout: RolloutId, ttl: Duration) {
        let event_id = EventId::from_u128(rand::rng().random());
        let order = Order {
            intent: IntentId::new(event_id.uuid()),
            epoch: Epoch::default(),
            rollout: Some(rollout),
            action: Action::TakeBack(TakeBack {
                event_id,
                actor: Actor::machine("node", &self.host()),
                at: now(),
                reason: format!(
                    "its driver has been silent for {} s, and the plan says to go back then",
                    ttl.as_secs()
                ),
                only: Some(rollout),
                now: false,
            }),
        };
        if let Err(error) = self.apply(&order).await {
            tracing::warn!(service = %self.name(), %error, "a silent driver's rollout was not taken back");
        }
    }

    fn host(&self) -> String {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    }
}
