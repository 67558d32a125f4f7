//! Virtual time, chance and crashes, shared by every port.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use deckwatch_domain::{EventId, IntentId, RolloutId, Timestamp};
use deckwatch_rollout::ports::{Ids, Liveness, Now};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What every port can see.
pub struct Inner {
    pub rng: ChaCha8Rng,
    pub wall: i64,
    pub boot: u64,
    ids: u128,
    /// Port calls left until the running driver dies; none: it lives.
    pub fuse: Option<u32>,
    /// Faults happen only before the storm is over.
    pub stormy: bool,
    /// Port calls left until the running driver is suspended, and for how many milliseconds.
    pub stall: Option<(u32, u64)>,
    pub dead: Vec<String>,
    /// Rollouts whose way back has been asked for in the journal.
    pub asked_back: BTreeSet<RolloutId>,
    /// The running driver was suspended in the middle of this tick: what it still sends was
    /// decided before.
    pub resumed: bool,
    pub story: Option<Vec<String>>,
}

/// A handle to it.
#[derive(Clone)]
pub struct World(Arc<Mutex<Inner>>);

/// Whether a port call is cut before or after its effect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    No,
    Before,
    After,
}

impl World {
    pub fn new(seed: u64, telling: bool) -> Self {
        World(Arc::new(Mutex::new(Inner {
            rng: ChaCha8Rng::seed_from_u64(seed),
            wall: 1_767_225_600_000,
            boot: 1_000_000,
            ids: u128::from(seed) << 64,
            fuse: None,
            stormy: true,
            stall: None,
            dead: Vec::new(),
            asked_back: BTreeSet::new(),
            resumed: false,
            story: telling.then(Vec::new),
        })))
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub fn now(&self) -> Now {
        let inner = self.lock();
        Now {
            wall: Timestamp::from_millis(inner.wall),
            boot: Duration::from_millis(inner.boot),
        }
    }

    pub fn advance(&self, millis: u64) {
        let mut inner = self.lock();
        inner.wall += millis as i64;
        inner.boot += millis;
    }

    pub fn chance(&self, percent: f64) -> bool {
        self.lock().rng.random_bool(percent / 100.0)
    }

    /// A fault happens with this chance, while the storm lasts.
    pub fn fault(&self, percent: f64) -> bool {
        let mut inner = self.lock();
        inner.stormy && inner.rng.random_bool(percent / 100.0)
    }

    pub fn below(&self, n: u64) -> u64 {
        self.lock().rng.random_range(0..n)
    }

    pub fn tell(&self, what: impl FnOnce() -> String) {
        let mut inner = self.lock();
        let at = inner.boot;
        if inner.story.is_some() {
            println!("{at:>9} {}", what());
        }
        let _ = &mut inner.story;
    }

    /// Suspends the caller, as a closed lid does, when its time has come.
    pub async fn pass(&self) -> Cut {
        let until = {
            let mut inner = self.lock();
            let boot = inner.boot;
            match &mut inner.stall {
                Some((0, millis)) => {
                    let until = boot + *millis;
                    inner.stall = None;
                    Some(until)
                }
                Some((n, _)) => {
                    *n -= 1;
                    None
                }
                None => None,
            }
        };
        if let Some(until) = until {
            std::future::poll_fn(|_| {
                if self.lock().boot >= until {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            self.lock().resumed = true;
        }
        self.burn()
    }

    /// Counts one port call against the fuse.
    fn burn(&self) -> Cut {
        let mut inner = self.lock();
        match &mut inner.fuse {
            None => Cut::No,
            Some(0) => Cut::Before,
            Some(n) => {
                *n -= 1;
                if *n == 0 && inner.rng.random_bool(0.5) {
                    Cut::After
                } else {
                    Cut::No
                }
            }
        }
    }

    fn id(&self) -> u128 {
        let mut inner = self.lock();
        // Apart from each other: the lane makes one id from another.
        inner.ids += 16;
        inner.ids
    }
}

/// What a dead program's port call answers: nothing, ever.
pub async fn never<T>() -> T {
    std::future::pending().await
}

/// Runs a future that only waits when its program has died.
pub fn run<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

impl Ids for World {
    fn event(&self) -> EventId {
        EventId::from_u128(self.id())
    }
    fn intent(&self) -> IntentId {
        IntentId::from_u128(self.id())
    }
}

impl Liveness for World {
    fn is_gone(&self, holder: &str) -> bool {
        // Half of the time it can be told at once, otherwise the lease has to run out.
        let mut inner = self.lock();
        inner.dead.iter().any(|d| d == holder) && inner.rng.random_bool(0.5)
    }
}
