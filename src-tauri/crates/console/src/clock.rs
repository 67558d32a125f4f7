//! The system's clocks.

use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::Timestamp;
use deckwatch_rollout::ports::{Clock, Now};

/// Wall clock and the clock that counts time asleep.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    pub fn wall() -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn boot() -> Duration {
        // Elsewhere than on Linux the monotonic clock already counts suspend, or nothing does.
        #[cfg(target_os = "linux")]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let id = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(id);
        Duration::new(
            u64::try_from(now.tv_sec).unwrap_or_default(),
            u32::try_from(now.tv_nsec).unwrap_or_default(),
        )
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now {
            wall: Self::wall(),
            boot: Self::boot(),
        }
    }

    async fn sleep(&self, duration: Duration) {
        // Timers stop while a laptop sleeps; short naps look at the clock again soon after.
        let until = Self::boot() + duration;
        loop {
            let left = until.saturating_sub(Self::boot());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Duration::from_secs(5))).await;
        }
    }
}
