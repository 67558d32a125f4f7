//! Whether this machine slept, or its clock was set: then no open connection can be trusted. What it
//! would have told may be lost, and a watch that is dead waits for more than a minute before it is
//! missed, on a clock that stood still meanwhile.

use std::sync::Weak;
use std::time::{Duration, Instant};

use deckwatch_domain::Timestamp;

use super::{Shared, now};

/// How often the clocks are compared.
const LOOK: Duration = Duration::from_secs(2);
/// Clocks that differ by less are being disciplined, or the machine is busy.
const JUMP: Duration = Duration::from_secs(5);

/// One moment by three clocks.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// Stands still while the machine sleeps.
    ticking: Duration,
    /// Counts on while it sleeps.
    boot: Duration,
    /// What a person would read.
    wall: Timestamp,
}

impl Moment {
    fn now(began: Instant) -> Self {
        // Elsewhere than on Linux the monotonic clock already counts suspend, or nothing does.
        #[cfg(target_os = "linux")]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let id = rustix::time::ClockId::Monotonic;
        let boot = rustix::time::clock_gettime(id);
        Moment {
            ticking: began.elapsed(),
            boot: Duration::new(
                u64::try_from(boot.tv_sec).unwrap_or_default(),
                u32::try_from(boot.tv_nsec).unwrap_or_default(),
            ),
            wall: now(),
        }
    }
}

/// Whether time between two moments went by differently on different clocks.
fn jumped(before: Moment, after: Moment) -> bool {
    let ticked = after.ticking.saturating_sub(before.ticking);
    let lasted = after.boot.saturating_sub(before.boot);
    let read = i128::from(after.wall.as_millis()) - i128::from(before.wall.as_millis());
    let lasted_millis = i128::try_from(lasted.as_millis()).unwrap_or(i128::MAX);
    let slept = lasted.saturating_sub(ticked) > JUMP;
    slept || read.abs_diff(lasted_millis) > JUMP.as_millis()
}

/// Begins the watches anew after a sleep or a jump. Ends with `shared`.
pub(super) async fn attend(shared: Weak<Shared>) {
    let began = Instant::now();
    let mut before = Moment::now(began);
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(here) = shared.upgrade() else { return };
        let after = Moment::now(began);
        if jumped(before, after) {
            tracing::info!("the machine slept, or its clock was set: watches begin anew");
            here.anew.send_modify(|times| *times += 1);
        }
        before = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(ticking: u64, boot: u64, wall: i64) -> Moment {
        Moment {
            ticking: Duration::from_secs(ticking),
            boot: Duration::from_secs(boot),
            wall: Timestamp::from_millis(wall * 1000),
        }
    }

    #[test]
    fn a_sleep_and_a_clock_that_is_set_are_told_from_a_busy_machine() {
        let before = moment(10, 1000, 500_000);
        for (after, said) in [
            (moment(12, 1002, 500_002), false),
            // Busy: late by all clocks alike.
            (moment(70, 1060, 500_060), false),
            (moment(12, 1006, 500_006), false),
            // Slept for an hour.
            (moment(12, 4602, 503_602), true),
            // Set forward, and back.
            (moment(12, 1002, 500_032), true),
            (moment(12, 1002, 499_000), true),
        ] {
            assert_eq!(jumped(before, after), said, "{after:?}");
        }
    }
}
