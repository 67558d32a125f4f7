//! What may be written to a traffic object and to slots. Pure, and enforced at the place where
//! the write lands: the local node and the simulated platform call exactly these functions.
//!
//! The rules, stated as what never happens:
//! - no forward write from a lower epoch than one that has written before;
//! - no weight for a rollout that was taken back;
//! - no forward weight for a slot without a ready instance, and nobody of an audience either;
//! - no audience that outlives the write after it, least of all a take-back;
//! - no stopping, scaling to nothing or replacing of a slot that carries traffic or an audience,
//!   or is the way back;
//! - nothing of this stops a take-back, except that there is nowhere to go.

mod audience;

use deckwatch_domain::{PerSlot, Role, RolloutId, Slot, Weights};

use crate::model::{Action, Order, Rejection, TakeBack, TakeBackRecord, Traffic, TrafficWrite};

/// How many latched rollouts and how many take-back records a traffic object keeps.
pub const LATCHES: usize = 64;
/// See [`LATCHES`].
pub const RECORDS: usize = 8;
/// The longest reason that a take-back's record keeps, in bytes: the record rides in the traffic
/// object, which has a fixed size.
pub const REASON: usize = 400;

/// Whether an order may be carried out at all, before its action is looked at.
pub fn admit(traffic: &Traffic, order: &Order) -> Result<(), Rejection> {
    if matches!(order.action, Action::TakeBack(_) | Action::Rehearse(_)) {
        return Ok(());
    }
    if order.epoch < traffic.epoch {
        return Err(Rejection::StaleEpoch {
            offered: order.epoch,
            current: traffic.epoch,
        });
    }
    Ok(())
}

/// Whether a driver may ask for its rollout to be taken back when it falls silent.
pub fn watch(traffic: &Traffic, order: &Order) -> Result<RolloutId, Rejection> {
    admit(traffic, order)?;
    match order.rollout {
        Some(rollout) if traffic.latched.contains(&rollout) => Err(Rejection::Latched { rollout }),
        Some(rollout) if traffic.rollout == Some(rollout) => Ok(rollout),
        Some(only) => Err(Rejection::OtherRollout { only }),
        None => Err(Rejection::Malformed {
            what: "a watch names the rollout that it is for".into(),
        }),
    }
}

/// The traffic object after a forward write, if it may be made.
pub fn set_traffic(
    traffic: &Traffic,
    ready: PerSlot<u32>,
    order: &Order,
    write: &TrafficWrite,
) -> Result<Traffic, Rejection> {
    admit(traffic, order)?;
    if let Some(rollout) = order.rollout
        && traffic.latched.contains(&rollout)
    {
        return Err(Rejection::Latched { rollout });
    }
    if write.weights == Weights::NONE && traffic.weights != Weights::NONE {
        return Err(Rejection::Malformed {
            what: "a service that serves cannot be left without any weight".into(),
        });
    }
    for slot in Slot::BOTH {
        let rises = write.weights.of(slot) > traffic.weights.of(slot);
        if rises && ready[slot] == 0 {
            return Err(Rejection::NotReady { slot });
        }
    }
    check_roles(write)?;
    audience::check(traffic, ready, write)?;
    let mut after = Traffic {
        weights: write.weights,
        roles: write.roles,
        rollout: order.rollout.or(traffic.rollout),
        plan_digest: write.plan_digest,
        epoch: order.epoch,
        way_back: write.way_back,
        audience: write.audience.clone(),
        flag: traffic.flag.clone(),
        latched: traffic.latched.clone(),
        records: traffic.records.clone(),
        revision: next(traffic.revision),
    };
    audience::note_flag(&mut after);
    Ok(after)
}

/// The revision of the write after this one. It wraps: a file may hold any number, and a write that
/// kept it would count as one that changed nothing.
fn next(revision: u64) -> u64 {
    revision.wrapping_add(1)
}

fn check_roles(write: &TrafficWrite) -> Result<(), Rejection> {
    let malformed = |what: String| Err(Rejection::Malformed { what });
    if write.roles.blue == write.roles.green && write.roles.blue != Role::Free {
        return malformed(format!("both slots cannot be {}", write.roles.blue));
    }
    for slot in Slot::BOTH {
        let role = write.roles[slot];
        if role == Role::Free && write.weights.of(slot) > 0 {
            return malformed(format!("{slot} has weight but no role"));
        }
    }
    match write.way_back {
        Some(back) if !matches!(write.roles[back.slot], Role::Stable | Role::Previous) => {
            malformed(format!(
                "the way back leads to {}, whose role is {}",
                back.slot, write.roles[back.slot]
            ))
        }
        _ => Ok(()),
    }
}

/// The traffic object after a take-back, and its record.
///
/// Refused only when there is nowhere to go, when `only` names another rollout, or (unless `now`)
/// when nothing is ready there. An event id that is already recorded answers with its record.
pub fn take_back(
    traffic: &Traffic,
    ready: PerSlot<u32>,
    take: &TakeBack,
) -> Result<(Traffic, TakeBackRecord), Rejection> {
    if let Some(done) = traffic.records.iter().find(|r| r.event_id == take.event_id) {
        return Ok((traffic.clone(), done.clone()));
    }
    if let Some(only) = take.only
        && traffic.rollout != Some(only)
    {
        return Err(Rejection::OtherRollout { only });
    }
    let back = traffic.way_back.ok_or_else(|| Rejection::NoWayBack {
        why: why_no_way_back(traffic),
    })?;
    if ready[back.slot] == 0 && !take.now {
        return Err(Rejection::NotReady { slot: back.slot });
    }
    let mut reason = take.reason.clone();
    truncate(&mut reason, REASON);
    let record = TakeBackRecord {
        event_id: take.event_id,
        actor: take.actor.clone(),
        at: take.at,
        reason,
        rollout: traffic.rollout,
        from: traffic.weights,
        to: Weights::all_to(back.slot),
        slot: back.slot,
        epoch: traffic.epoch.next(),
    };
    let mut roles = PerSlot::new(|_| Role::Free);
    roles[back.slot] = Role::Stable;
    let mut after = Traffic {
        weights: record.to,
        roles,
        rollout: traffic.rollout,
        plan_digest: traffic.plan_digest,
        epoch: record.epoch,
        way_back: None,
        audience: None,
        flag: traffic.flag.clone(),
        latched: traffic.latched.clone(),
        records: traffic.records.clone(),
        revision: next(traffic.revision),
    };
    audience::note_flag(&mut after);
    if let Some(rollout) = traffic.rollout {
        latch(&mut after, rollout);
    }
    after.records.push(record.clone());
    let excess = after.records.len().saturating_sub(RECORDS);
    after.records.drain(..excess);
    Ok((after, record))
}

fn latch(traffic: &mut Traffic, rollout: RolloutId) {
    if !traffic.latched.contains(&rollout) {
        traffic.latched.push(rollout);
    }
    let excess = traffic.latched.len().saturating_sub(LATCHES);
    traffic.latched.drain(..excess);
}

fn why_no_way_back(traffic: &Traffic) -> String {
    if let Some(last) = traffic.records.last()
        && last.rollout == traffic.rollout
        && last.epoch == traffic.epoch
    {
        return format!(
            "traffic was already taken back to {} at {}",
            last.slot, last.at
        );
    }
    match traffic.roles.playing(Role::Stable) {
        None => "no release has ever been promoted here".into(),
        Some(slot) => format!(
            "{slot} is stable and no other version is kept warm (the rollback window has ended, or none was \
             set); `rollout undo` brings an earlier one up again"
        ),
    }
}

fn truncate(text: &mut String, longest: usize) {
    if text.len() > longest {
        let mut end = longest;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
}

/// Whether a slot may be brought up anew, scaled to `instances` or retired (`None`).
pub fn change_slot(traffic: &Traffic, order: &Order) -> Result<(), Rejection> {
    admit(traffic, order)?;
    let guarded = |slot: Slot| {
        let weight = traffic.weights.of(slot);
        if weight > 0 {
            return Err(Rejection::CarriesTraffic { slot, weight });
        }
        audience::guard(traffic, slot)?;
        match traffic.way_back {
            Some(back) if back.slot == slot => Err(Rejection::IsWayBack { slot }),
            _ => Ok(()),
        }
    };
    match &order.action {
        Action::BringUp { slot, .. } => {
            if let Some(rollout) = order.rollout
                && traffic.latched.contains(&rollout)
            {
                return Err(Rejection::Latched { rollout });
            }
            guarded(*slot)
        }
        Action::Retire { slot } | Action::Scale { slot, instances: 0 } => guarded(*slot),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::WayBack;
    use deckwatch_domain::{Actor, Epoch, EventId, IntentId, Timestamp};

    pub(super) fn rollout(n: u128) -> RolloutId {
        RolloutId::from_u128(n)
    }

    pub(crate) fn live() -> Traffic {
        Traffic {
            weights: Weights::toward(Slot::Green, 10),
            roles: PerSlot {
                blue: Role::Stable,
                green: Role::Candidate,
            },
            rollout: Some(rollout(1)),
            epoch: Epoch(5),
            way_back: Some(WayBack {
                slot: Slot::Blue,
                until: None,
            }),
            ..Traffic::default()
        }
    }

    pub(super) fn forward(epoch: u64, weight: u8) -> (Order, TrafficWrite) {
        let write = TrafficWrite {
            weights: Weights::toward(Slot::Green, weight),
            roles: PerSlot {
                blue: Role::Stable,
                green: Role::Candidate,
            },
            plan_digest: None,
            way_back: Some(WayBack {
                slot: Slot::Blue,
                until: None,
            }),
            audience: None,
        };
        let order = Order {
            intent: IntentId::from_u128(7),
            epoch: Epoch(epoch),
            rollout: Some(rollout(1)),
            action: Action::SetTraffic(write.clone()),
        };
        (order, write)
    }

    pub(super) fn back(event: u128) -> TakeBack {
        TakeBack {
            event_id: EventId::from_u128(event),
            actor: Actor::person("ana", "desk"),
            at: Timestamp::from_millis(1),
            reason: "errors".into(),
            only: None,
            now: false,
        }
    }

    pub(super) const READY: PerSlot<u32> = PerSlot { blue: 2, green: 2 };

    #[test]
    fn a_lower_epoch_never_writes() {
        let (order, write) = forward(4, 50);
        assert!(matches!(
            set_traffic(&live(), READY, &order, &write),
            Err(Rejection::StaleEpoch { .. })
        ));
    }

    #[test]
    fn weight_rises_only_where_something_is_ready() {
        let (order, write) = forward(5, 50);
        let dead = PerSlot { blue: 2, green: 0 };
        assert_eq!(
            set_traffic(&live(), dead, &order, &write),
            Err(Rejection::NotReady { slot: Slot::Green })
        );
        assert!(set_traffic(&live(), READY, &order, &write).is_ok());
    }

    #[test]
    fn a_take_back_latches_raises_and_is_done_once() {
        let (after, record) = take_back(&live(), READY, &back(9)).unwrap();
        assert_eq!(after.weights, Weights::all_to(Slot::Blue));
        assert_eq!(after.epoch, Epoch(6));
        assert_eq!(after.latched, vec![rollout(1)]);
        assert_eq!(record.from, Weights::toward(Slot::Green, 10));
        // The same again is the same answer and changes nothing.
        let (again, same) = take_back(&after, READY, &back(9)).unwrap();
        assert_eq!((again, same), (after.clone(), record));
        // However late and with however high an epoch: no weight for the latched rollout.
        let (order, write) = forward(500, 50);
        assert_eq!(
            set_traffic(&after, READY, &order, &write),
            Err(Rejection::Latched {
                rollout: rollout(1)
            })
        );
        // A second take-back has nowhere to go, and says so.
        assert!(matches!(
            take_back(&after, READY, &back(10)),
            Err(Rejection::NoWayBack { .. })
        ));
    }

    #[test]
    fn every_write_has_a_revision_of_its_own() {
        let mut traffic = live();
        traffic.revision = u64::MAX;
        let (order, write) = forward(5, 50);
        let forward = set_traffic(&traffic, READY, &order, &write).unwrap();
        let (taken_back, _) = take_back(&traffic, READY, &back(9)).unwrap();
        assert_eq!((forward.revision, taken_back.revision), (0, 0));
    }

    #[test]
    fn a_take_back_of_one_rollout_leaves_another_alone() {
        let mut take = back(9);
        take.only = Some(rollout(2));
        assert!(matches!(
            take_back(&live(), READY, &take),
            Err(Rejection::OtherRollout { .. })
        ));
    }

    #[test]
    fn an_unready_way_back_waits_unless_told_not_to() {
        let dead = PerSlot { blue: 0, green: 2 };
        assert_eq!(
            take_back(&live(), dead, &back(9)),
            Err(Rejection::NotReady { slot: Slot::Blue })
        );
        let mut take = back(9);
        take.now = true;
        assert!(take_back(&live(), dead, &take).is_ok());
    }

    #[test]
    fn slots_that_count_are_not_stopped() {
        let order = |action| Order {
            intent: IntentId::from_u128(8),
            epoch: Epoch(5),
            rollout: Some(rollout(1)),
            action,
        };
        let mut promoted = live();
        promoted.weights = Weights::all_to(Slot::Green);
        promoted.roles = PerSlot {
            blue: Role::Previous,
            green: Role::Stable,
        };
        for (slot, expected) in [
            (
                Slot::Green,
                Rejection::CarriesTraffic {
                    slot: Slot::Green,
                    weight: 100,
                },
            ),
            (Slot::Blue, Rejection::IsWayBack { slot: Slot::Blue }),
        ] {
            assert_eq!(
                change_slot(&promoted, &order(Action::Retire { slot })),
                Err(expected.clone())
            );
            assert_eq!(
                change_slot(&promoted, &order(Action::Scale { slot, instances: 0 })),
                Err(expected)
            );
            assert!(change_slot(&promoted, &order(Action::Scale { slot, instances: 9 })).is_ok());
        }
    }

    #[test]
    fn the_object_stays_small_after_many_take_backs() {
        let mut traffic = live();
        for n in 0..200 {
            let mut take = back(100 + n);
            take.reason = "ü".repeat(5000);
            traffic.rollout = Some(rollout(n));
            traffic.way_back = Some(WayBack {
                slot: Slot::Blue,
                until: None,
            });
            traffic = take_back(&traffic, READY, &take).unwrap().0;
        }
        assert_eq!(
            (traffic.latched.len(), traffic.records.len()),
            (LATCHES, RECORDS)
        );
        assert!(serde_json::to_vec(&traffic).unwrap().len() < 16 * 1024);
    }
}
