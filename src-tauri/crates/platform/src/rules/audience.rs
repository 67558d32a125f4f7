//! What may be written of an audience, and what a write makes of its flag.

use deckwatch_domain::{PerSlot, Role, Slot};

use crate::audience::AudienceFlag;
use crate::model::{Rejection, Traffic, TrafficWrite};

/// Whether the audience of a write is one, has somewhere to go, and finds somebody there.
pub(super) fn check(
    traffic: &Traffic,
    ready: PerSlot<u32>,
    write: &TrafficWrite,
) -> Result<(), Rejection> {
    let Some(audience) = &write.audience else {
        return Ok(());
    };
    audience
        .check()
        .map_err(|what| Rejection::Malformed { what })?;
    let Some(slot) = write.roles.playing(Role::Candidate) else {
        return Err(Rejection::Malformed {
            what: "an audience is led to the candidate, and this write names none".into(),
        });
    };
    let led_here = traffic.roles.playing(Role::Candidate) == Some(slot);
    let before = traffic.audience.as_ref().filter(|_| led_here);
    if ready[slot] == 0 && audience.grows(before) {
        return Err(Rejection::NotReady { slot });
    }
    Ok(())
}

/// What the flag says after a write: off while its audience lasts, on once its slot has everyone.
/// Only writes of its own rollout move it.
pub(super) fn note_flag(after: &mut Traffic) {
    if let Some(audience) = &after.audience
        && let Some(slot) = after.roles.playing(Role::Candidate)
    {
        after.flag = Some(AudienceFlag {
            name: audience.flag.clone(),
            slot,
            rollout: after.rollout,
            on: false,
        });
        return;
    }
    if let Some(flag) = &mut after.flag
        && flag.rollout == after.rollout
    {
        flag.on = after.weights.of(flag.slot) == 100;
    }
}

/// A slot that people are led to is not stopped or replaced under them.
pub(super) fn guard(traffic: &Traffic, slot: Slot) -> Result<(), Rejection> {
    match &traffic.audience {
        Some(audience) if !audience.is_empty() && traffic.roles[slot] == Role::Candidate => {
            Err(Rejection::CarriesAudience {
                slot,
                flag: audience.flag.clone(),
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use deckwatch_domain::Weights;

    use super::*;
    use crate::audience::{Audience, AudienceBy};
    use crate::model::{Action, Order};
    use crate::rules::tests::{READY, back, forward, live, rollout};
    use crate::rules::{change_slot, set_traffic, take_back};

    fn audience(share: u16) -> Audience {
        Audience {
            flag: "new-basket".into(),
            by: AudienceBy::Cookie { name: "who".into() },
            listed: vec!["ana".into()],
            share,
            salt: String::new(),
        }
    }

    fn wrote(traffic: &Traffic, weight: u8, audience: Option<Audience>) -> Traffic {
        try_write(traffic, READY, weight, audience).unwrap()
    }

    fn try_write(
        traffic: &Traffic,
        ready: PerSlot<u32>,
        weight: u8,
        audience: Option<Audience>,
    ) -> Result<Traffic, Rejection> {
        let (order, mut write) = forward(5, weight);
        write.audience = audience;
        set_traffic(traffic, ready, &order, &write)
    }

    const DEAD: PerSlot<u32> = PerSlot { blue: 2, green: 0 };

    #[test]
    fn a_take_back_ends_the_audience_and_so_does_a_write_without_one() {
        let led = wrote(&live(), 0, Some(audience(100)));
        assert_eq!(led.audience, Some(audience(100)));
        let (after, _) = take_back(&led, READY, &back(9)).unwrap();
        assert_eq!(after.audience, None);
        assert_eq!(after.flag.as_ref().map(|f| f.on), Some(false));
        assert_eq!(wrote(&led, 0, None).audience, None);
    }

    #[test]
    fn nobody_is_led_to_a_slot_where_nothing_is_ready() {
        let refused = Err(Rejection::NotReady { slot: Slot::Green });
        assert_eq!(try_write(&live(), DEAD, 0, Some(audience(0))), refused);
        let led = wrote(&live(), 0, Some(audience(100)));
        assert_eq!(try_write(&led, DEAD, 0, Some(audience(101))), refused);
        // The same people, and fewer of them, are no new weight.
        for share in [100, 50] {
            let mut fewer = audience(share);
            fewer.listed.clear();
            assert!(try_write(&led, DEAD, 0, Some(fewer)).is_ok());
        }
        let mut nobody = audience(0);
        nobody.listed.clear();
        assert!(try_write(&live(), DEAD, 0, Some(nobody)).is_ok());
        // Led to another slot before: there they are not known here.
        let mut elsewhere = led.clone();
        elsewhere.roles = PerSlot {
            blue: Role::Candidate,
            green: Role::Stable,
        };
        assert_eq!(try_write(&elsewhere, DEAD, 0, Some(audience(100))), refused);
    }

    #[test]
    fn an_audience_needs_sense_and_a_candidate() {
        let malformed = |result: Result<Traffic, Rejection>| match result {
            Err(Rejection::Malformed { what }) => what,
            other => format!("{other:?}"),
        };
        let mut many = audience(0);
        many.listed = vec!["x".into(); 501];
        let said = malformed(try_write(&live(), READY, 0, Some(many)));
        assert!(said.contains("at most 500 names"), "{said}");
        let (order, mut write) = forward(5, 0);
        write.audience = Some(audience(1));
        write.roles.green = Role::Previous;
        let said = malformed(set_traffic(&live(), READY, &order, &write));
        assert!(said.contains("names none"), "{said}");
    }

    #[test]
    fn the_flag_says_how_its_own_rollout_ended() {
        let says = |traffic: &Traffic| traffic.flag.as_ref().map(|flag| flag.on);
        assert_eq!(says(&wrote(&live(), 100, None)), None);
        let led = wrote(&live(), 0, Some(audience(100)));
        assert_eq!(says(&led), Some(false));
        assert_eq!(says(&wrote(&led, 100, Some(audience(100)))), Some(false));
        assert_eq!(says(&wrote(&led, 10, None)), Some(false));
        let promoted = wrote(&led, 100, None);
        assert_eq!(says(&promoted), Some(true));
        // Taken back within its window: off.
        let (back, _) = take_back(&promoted, READY, &back(9)).unwrap();
        assert_eq!(says(&back), Some(false));
        // The next rollout moves weight away from that slot: what was promoted stays on.
        let (mut order, write) = forward(6, 50);
        order.rollout = Some(rollout(2));
        let next = set_traffic(&promoted, READY, &order, &write).unwrap();
        assert_eq!(
            (next.weights.of(Slot::Green), says(&next)),
            (50, Some(true))
        );
        let mut done = next.clone();
        done.flag.as_mut().unwrap().on = false;
        let next = set_traffic(&done, READY, &order, &write).unwrap();
        assert_eq!(says(&next), Some(false));
    }

    #[test]
    fn a_slot_that_an_audience_is_led_to_is_left_standing() {
        let led = wrote(&live(), 0, Some(audience(0)));
        assert_eq!(led.weights, Weights::all_to(Slot::Blue));
        let order = |action| Order {
            action,
            ..forward(5, 0).0
        };
        let slot = Slot::Green;
        for action in [
            Action::Retire { slot },
            Action::Scale { slot, instances: 0 },
        ] {
            let refused = change_slot(&led, &order(action.clone()));
            assert!(
                matches!(refused, Err(Rejection::CarriesAudience { .. })),
                "{refused:?}"
            );
            let over = wrote(&led, 0, None);
            assert_eq!(change_slot(&over, &order(action)), Ok(()));
        }
    }

    #[test]
    fn the_largest_audience_fits_beside_everything_else() {
        let mut traffic = live();
        for n in 0..200 {
            let mut take = back(100 + n);
            take.reason = "ü".repeat(5000);
            traffic.rollout = Some(rollout(1000 + n));
            traffic.way_back = live().way_back;
            traffic = take_back(&traffic, READY, &take).unwrap().0;
        }
        let mut largest = audience(1);
        largest.listed = (0..500)
            .map(|n| format!("{n:03}{}", "\"".repeat(12)))
            .collect();
        while largest.check().is_ok() {
            largest.listed[0].push('"');
        }
        largest.listed[0].pop();
        assert_eq!(largest.check(), Ok(()));
        traffic.audience = Some(largest);
        // What a half of the traffic file holds (`local::node`).
        assert!(serde_json::to_vec(&traffic).unwrap().len() < 32 * 1024 - 52);
    }
}
