//! The rollback lane: a way back that nothing can block.
//!
//! It needs the platform and nothing else: no journal, no metrics, no lease, no plan, no word
//! from the driver. Its first act is the traffic write; verification, clean-up and telling people
//! come after. Where the write leads is read by the platform from the object that carries the
//! traffic, and the same write raises the epoch and latches the rollout, so that whatever a driver
//! still has under way is refused.

#[cfg(test)]
mod tests;

use std::time::Duration;

use deckwatch_domain::{
    Actor, EventId, IntentId, ReleaseVersion, Role, RolloutId, ServiceName, Slot, Span, Weights,
};
use deckwatch_platform::{
    Action, Applied, Observation, Order, Platform, PlatformError, Rejection, TakeBack,
    TakeBackRecord,
};
use serde::{Deserialize, Serialize};

use crate::ports::Clock;

/// How long the lane tries to reach a platform that does not answer.
const REACH: Duration = Duration::from_secs(60);
/// How long it waits for a way back without a ready instance.
const READY: Duration = Duration::from_secs(300);
/// How long the version taken back may finish its answers.
const DRAIN: Duration = Duration::from_secs(15);

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    pub service: ServiceName,
    pub actor: Actor,
    pub reason: String,
    /// Shift even if nothing is ready there.
    pub now: bool,
    /// Take back only this rollout.
    pub only: Option<RolloutId>,
    /// The record's id in every journal.
    pub event_id: EventId,
    /// For the clean-up order.
    pub retire: IntentId,
}

/// What would be written, said before it is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Preview {
    pub service: ServiceName,
    pub from: Weights,
    /// None when there is nothing to go back to; `obstacles` says why.
    pub to: Option<Weights>,
    pub slot: Option<Slot>,
    pub version: Option<ReleaseVersion>,
    pub leaving: Option<ReleaseVersion>,
    pub rollout: Option<RolloutId>,
    pub ready: u32,
    pub wanted: u32,
    /// Answers under way in the slot that would lose its traffic.
    pub in_flight: u64,
    /// Whom the candidate was given to, whatever the weights; the same write ends it. In words.
    pub ends_audience: Option<String>,
    /// Until as many instances are ready there as there should be: an estimate from what starts
    /// took so far. None: they are, or nothing is known.
    pub full_after: Option<Span>,
    /// What stands in the way, or makes it slower, in words.
    pub obstacles: Vec<String>,
    /// What the rehearsal of this very write took, when it could be made.
    pub rehearsed_us: Option<u64>,
}

/// What the lane is doing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "progress", rename_all = "kebab-case")]
pub enum Progress {
    /// The platform does not answer; the lane keeps trying.
    Reaching {
        why: String,
    },
    /// Nothing is ready there: instances are being started.
    WaitingForReady {
        slot: Slot,
    },
    /// Traffic is back.
    Shifted {
        record: TakeBackRecord,
        after_us: u64,
    },
    ScalingUp {
        slot: Slot,
        ready: u32,
        wanted: u32,
    },
    Draining {
        in_flight: u64,
    },
    Retired {
        slot: Slot,
    },
    Warning {
        what: String,
    },
}

/// What was done.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Report {
    pub service: ServiceName,
    pub record: TakeBackRecord,
    /// From the command to the platform's acknowledgement, in microseconds.
    pub acknowledged_us: u64,
    /// What the platform itself spent on the write.
    pub platform_us: u64,
    /// From the acknowledgement to the last response of the version taken back.
    pub last_response_after_ms: Option<u64>,
    pub verified: bool,
    pub retired: bool,
    pub warnings: Vec<String>,
}

/// Why the lane ended without moving traffic.
#[derive(Clone, PartialEq, Debug, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "kebab-case")]
pub enum LaneError {
    /// There is nowhere to go, or the traffic belongs to somebody else.
    #[error("{0}")]
    Nothing(#[source] Rejection),
    #[error("{why}")]
    GaveUp { why: String },
}

/// Says what a rollback would write, and rehearses it.
///
/// # Errors
/// The platform's.
pub async fn preview(
    platform: &dyn Platform,
    ask: &Ask,
    clock: &dyn Clock,
) -> Result<Preview, PlatformError> {
    let seen = platform.observe(&ask.service).await?;
    let rehearsal = platform.apply(&ask.service, &order(ask, clock, true)).await;
    let mut obstacles = Vec::new();
    let mut rehearsed_us = None;
    match rehearsal {
        Ok(applied) => {
            rehearsed_us = Some(applied.took_us);
            obstacles.extend(applied.warnings);
        }
        Err(error) => obstacles.push(error.to_string()),
    }
    let way_back = seen.traffic.way_back.map(|b| b.slot);
    let version = |slot: Slot| seen.slots[slot].release.as_ref().map(|r| r.version.clone());
    if let Some(slot) = way_back {
        let (ready, wanted) = (seen.slots[slot].ready, seen.instances);
        if ready < wanted && ready > 0 {
            let when = full_after(&seen, slot).map_or(String::new(), |span| {
                format!(", which takes about {span} (an estimate from earlier starts)")
            });
            obstacles.push(format!(
                "{ready} of {wanted} instances are ready there: traffic goes there at once all the \
                 same, and {} more are started{when}",
                wanted - ready
            ));
        }
    }
    Ok(Preview {
        service: ask.service.clone(),
        from: seen.traffic.weights,
        to: way_back.map(Weights::all_to),
        slot: way_back,
        version: way_back.and_then(version),
        leaving: way_back.and_then(|slot| version(slot.other())),
        rollout: seen.traffic.rollout,
        ready: way_back.map_or(0, |slot| seen.slots[slot].ready),
        wanted: seen.instances,
        ends_audience: seen.traffic.audience.as_ref().map(|a| a.words()),
        full_after: way_back.and_then(|slot| full_after(&seen, slot)),
        in_flight: way_back.map_or(0, |slot| seen.slots[slot.other()].in_flight),
        obstacles,
        rehearsed_us,
    })
}

/// How long until a slot has all its instances: as long as the slowest start known took, of its own
/// instances or else of any. None when it has them, or nothing is known.
pub fn full_after(seen: &Observation, slot: Slot) -> Option<Span> {
    if seen.slots[slot].ready >= seen.instances {
        return None;
    }
    let slowest = |slot: Slot| {
        let instances = seen.slots[slot].instances.iter();
        instances.filter_map(|i| i.ready_after).max()
    };
    slowest(slot).or_else(|| slowest(slot.other()))
}

fn order(ask: &Ask, clock: &dyn Clock, rehearse: bool) -> Order {
    let take = TakeBack {
        event_id: ask.event_id,
        actor: ask.actor.clone(),
        at: clock.now().wall,
        reason: ask.reason.clone(),
        only: ask.only,
        now: ask.now,
    };
    Order {
        intent: IntentId::new(ask.event_id.uuid()),
        epoch: Default::default(),
        rollout: ask.only,
        action: if rehearse {
            Action::Rehearse(take)
        } else {
            Action::TakeBack(take)
        },
    }
}

/// Takes traffic back: the write first, then verification, then clean-up.
///
/// # Errors
/// Only when traffic was not moved.
pub async fn roll_back(
    platform: &dyn Platform,
    ask: &Ask,
    clock: &dyn Clock,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, LaneError> {
    let began = clock.now().boot;
    let applied = shift(platform, ask, clock, tell).await?;
    let record = find(&applied.traffic.records, ask.event_id).ok_or_else(|| LaneError::GaveUp {
        why: "the platform acknowledged the rollback but shows no record of it".into(),
    })?;
    let acknowledged_us = micros(clock.now().boot.saturating_sub(began));
    tell(Progress::Shifted {
        record: record.clone(),
        after_us: acknowledged_us,
    });
    let mut report = Report {
        service: ask.service.clone(),
        record,
        acknowledged_us,
        platform_us: applied.took_us,
        last_response_after_ms: None,
        verified: false,
        retired: false,
        warnings: applied.warnings,
    };
    for what in &report.warnings {
        tell(Progress::Warning { what: what.clone() });
    }
    verify(platform, ask, clock, tell, &mut report).await;
    if report.verified {
        retire(platform, ask, tell, &mut report).await;
    }
    Ok(report)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn find(records: &[TakeBackRecord], id: EventId) -> Option<TakeBackRecord> {
    records.iter().find(|r| r.event_id == id).cloned()
}

/// Repeats the write until the platform has taken it or there is truly nowhere to go.
async fn shift(
    platform: &dyn Platform,
    ask: &Ask,
    clock: &dyn Clock,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Applied, LaneError> {
    let began = clock.now().boot;
    let mut told = false;
    loop {
        let waited = clock.now().boot.saturating_sub(began);
        let answer = platform
            .apply(&ask.service, &order(ask, clock, false))
            .await;
        match answer {
            Ok(applied) => return Ok(applied),
            Err(PlatformError::Rejected(Rejection::NotReady { slot })) => {
                if waited >= READY {
                    return Err(LaneError::GaveUp {
                        why: format!(
                            "no instance in {slot} became ready; `--now` shifts all the same"
                        ),
                    });
                }
                if !told {
                    tell(Progress::WaitingForReady { slot });
                    told = true;
                }
                scale_up(platform, ask, slot, IntentId::new(ask.event_id.uuid())).await;
            }
            Err(PlatformError::Rejected(rejection)) => return Err(LaneError::Nothing(rejection)),
            Err(PlatformError::Denied { why }) => return Err(LaneError::GaveUp { why }),
            Err(error) => {
                if waited >= REACH {
                    return Err(LaneError::GaveUp {
                        why: error.to_string(),
                    });
                }
                if !told {
                    tell(Progress::Reaching {
                        why: error.to_string(),
                    });
                    told = true;
                }
            }
        }
        clock.sleep(Duration::from_millis(50)).await;
    }
}

/// Asks for a full slot where traffic returns to; best effort, repeated by the caller.
async fn scale_up(
    platform: &dyn Platform,
    ask: &Ask,
    slot: Slot,
    seed: IntentId,
) -> Option<(u32, u32)> {
    let seen = platform.observe(&ask.service).await.ok()?;
    let (ready, wanted) = (seen.slots[slot].ready, seen.instances);
    if seen.slots[slot].desired >= wanted {
        return Some((ready, wanted));
    }
    let order = Order {
        intent: IntentId::from_u128(seed.uuid().as_u128().wrapping_add(1)),
        epoch: seen.traffic.epoch,
        rollout: None,
        action: Action::Scale {
            slot,
            instances: wanted,
        },
    };
    let _ = platform.apply(&ask.service, &order).await;
    Some((ready, wanted))
}

/// Looks until the weights are seen and the last answer of the version taken back has left.
async fn verify(
    platform: &dyn Platform,
    ask: &Ask,
    clock: &dyn Clock,
    tell: &mut (dyn FnMut(Progress) + Send),
    report: &mut Report,
) {
    let slot = report.record.slot;
    let began = clock.now().boot;
    if let Some((ready, wanted)) = scale_up(platform, ask, slot, ask.retire).await
        && ready < wanted
    {
        tell(Progress::ScalingUp {
            slot,
            ready,
            wanted,
        });
    }
    let mut told = u64::MAX;
    loop {
        if let Ok(seen) = platform.observe(&ask.service).await {
            report.verified = shows(&seen, report);
            let bad = &seen.slots[slot.other()];
            let last = bad
                .last_response_at
                .map(|at| at.since(report.record.at).as_millis() as u64);
            report.last_response_after_ms = last;
            if bad.in_flight == 0 {
                return;
            }
            if bad.in_flight != told {
                told = bad.in_flight;
                tell(Progress::Draining { in_flight: told });
            }
        }
        if clock.now().boot.saturating_sub(began) >= DRAIN {
            return;
        }
        clock.sleep(Duration::from_millis(5)).await;
    }
}

/// Whether the object shows our write or a later one.
fn shows(seen: &Observation, report: &Report) -> bool {
    seen.traffic.epoch > report.record.epoch
        || (seen.traffic.epoch == report.record.epoch && seen.traffic.weights == report.record.to)
}

async fn retire(
    platform: &dyn Platform,
    ask: &Ask,
    tell: &mut (dyn FnMut(Progress) + Send),
    report: &mut Report,
) {
    let slot = report.record.slot.other();
    let Ok(seen) = platform.observe(&ask.service).await else {
        return;
    };
    if seen.traffic.epoch != report.record.epoch || seen.traffic.roles[slot] != Role::Free {
        // A newer rollout already uses the slot.
        return;
    }
    let order = Order {
        intent: ask.retire,
        epoch: report.record.epoch,
        rollout: report.record.rollout,
        action: Action::Retire { slot },
    };
    match platform.apply(&ask.service, &order).await {
        Ok(_) => {
            report.retired = true;
            tell(Progress::Retired { slot });
        }
        Err(error) => report
            .warnings
            .push(format!("{slot} was not stopped: {error}")),
    }
}
