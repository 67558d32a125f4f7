//! What instances printed: a bounded number of lines each, in memory only.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::broadcast;

use crate::local::lock;
use crate::model::LogLine;

/// Lines that a follower may lag behind before it is told that it missed some.
const FOLLOWED: usize = 1024;

/// Numbers the lines of one service across its instances, and passes them to followers.
#[derive(Debug)]
pub(super) struct Presses {
    next: AtomicU64,
    followers: broadcast::Sender<LogLine>,
}

impl Default for Presses {
    fn default() -> Self {
        Presses {
            next: AtomicU64::new(0),
            followers: broadcast::Sender::new(FOLLOWED),
        }
    }
}

impl Presses {
    pub(super) fn follow(&self) -> broadcast::Receiver<LogLine> {
        self.followers.subscribe()
    }
}

/// The newest lines of one instance.
#[derive(Debug, Default)]
pub(super) struct Ring(Mutex<VecDeque<(u64, LogLine)>>);

impl Ring {
    pub(super) fn push(&self, line: LogLine, most: usize, presses: &Presses) {
        let number = presses.next.fetch_add(1, Relaxed);
        let mut lines = lock(&self.0);
        while lines.len() >= most.max(1) {
            lines.pop_front();
        }
        lines.push_back((number, line.clone()));
        drop(lines);
        // Nobody follows most of the time.
        let _ = presses.followers.send(line);
    }

    fn copy(&self) -> Vec<(u64, LogLine)> {
        lock(&self.0).iter().cloned().collect()
    }
}

/// The last `most` lines of all rings, oldest first.
pub(super) fn last<'r>(rings: impl Iterator<Item = &'r Ring>, most: usize) -> Vec<LogLine> {
    let mut all: Vec<_> = rings.flat_map(Ring::copy).collect();
    all.sort_by_key(|(number, _)| *number);
    let excess = all.len().saturating_sub(most);
    all.drain(..excess);
    all.into_iter().map(|(_, line)| line).collect()
}
