//! Numbers for the judge: what a candidate of a given temper would have been measured as.

use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{ServiceName, Timestamp};
use deckwatch_rollout::Baseline;
use deckwatch_rollout::Rollout;
use deckwatch_rollout::plan::{Gate, Metric, What};
use deckwatch_rollout::ports::{Evidence, Gates, Look, Standing, Totals};
use deckwatch_verdict::{Counts, Interval};

use crate::platform::SimPlatform;
use crate::world::World;

/// What the candidate is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Temper {
    Good,
    /// One answer in eight is wrong.
    Bad,
    /// Good, then bad after some seconds.
    Late,
    /// Nobody asks it anything.
    Silent,
    /// The numbers cannot be read, now and then.
    Unreadable,
}

#[derive(Clone)]
pub struct SimEvidence {
    pub world: World,
    pub platform: SimPlatform,
    /// By version: the temper of what runs.
    pub temper: fn(&str) -> Temper,
    pub born: i64,
}

pub const LOOK: u64 = 500;
const PER_LOOK: u64 = 600;

fn noise(at: i64, salt: u64) -> u64 {
    let mut x =
        (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD1B5_4A32_D192_ED03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^ (x >> 32)
}

#[async_trait]
impl Evidence for SimEvidence {
    async fn looks(
        &self,
        _: &ServiceName,
        candidate: &Standing,
        stable: Option<&Standing>,
        _: What,
        after: Timestamp,
    ) -> Result<Vec<Look>, String> {
        let temper = (self.temper)(candidate.version.as_str());
        if temper == Temper::Unreadable && self.world.chance(30.0) {
            return Err("the samples cannot be read".into());
        }
        let now = self.world.lock().wall;
        let traffic = self.platform.state.lock().unwrap().traffic.clone();
        let led = traffic.audience.map_or(0, |a| u64::from(a.share) / 100);
        let share = u64::from(traffic.weights.of(candidate.slot)).max(led);
        let step = LOOK as i64;
        let mut at = (after.as_millis() / step + 1) * step;
        // After a long sleep only the newest samples are there: nobody scraped meanwhile.
        at = at.max(now / step * step - 40 * step);
        let mut looks = Vec::new();
        while at <= now {
            let total = PER_LOOK * share / 100;
            let bad = match temper {
                Temper::Bad => total / 8 + noise(at, 1) % 3,
                Temper::Late if at > self.born + 12_000 => total / 6,
                _ => 0,
            };
            let total = if temper == Temper::Silent { 0 } else { total };
            let other = if stable.is_some() {
                PER_LOOK * (100 - share) / 100
            } else {
                0
            };
            looks.push(Look {
                at: Timestamp::from_millis(at),
                interval: Interval {
                    candidate: Counts {
                        total,
                        bad: bad.min(total),
                    },
                    stable: Counts {
                        total: other,
                        bad: 0,
                    },
                },
            });
            at += step;
        }
        Ok(looks)
    }

    async fn totals(&self, _: &ServiceName, _: &Standing, _: Timestamp) -> Result<Totals, String> {
        Ok(Totals::default())
    }

    async fn gauge(
        &self,
        _: &ServiceName,
        _: &str,
        _: &Standing,
        _: Option<&Standing>,
        _: Timestamp,
    ) -> Result<(Vec<f64>, Vec<f64>), String> {
        Ok((Vec::new(), Vec::new()))
    }

    async fn baseline(
        &self,
        _: &ServiceName,
        _: &Standing,
        metrics: &[Metric],
        span: Duration,
        now: Timestamp,
    ) -> Result<Option<Baseline>, String> {
        if self.world.fault(5.0) {
            return Ok(None);
        }
        Ok(Some(Baseline {
            from: now.minus(span),
            to: now,
            covered: span.into(),
            counts: metrics
                .iter()
                .map(|m| {
                    (
                        m.name.clone(),
                        Counts {
                            total: 3000,
                            bad: 0,
                        },
                    )
                })
                .collect(),
            mean_seconds: None,
        }))
    }
}

/// A freeze that comes and goes.
pub struct SimGates(pub World);

#[async_trait]
impl Gates for SimGates {
    async fn closed(&self, _: &Rollout, _: &Gate, _: Timestamp) -> Option<String> {
        self.0.fault(20.0).then(|| "a freeze is on".to_owned())
    }
}
