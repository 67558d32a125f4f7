//! Distinct clients per window of five seconds, and how many of them met a bad answer.
//!
//! Retries and sticky clients make errors come in bursts; a judge that counts each client once
//! per window is not fooled by one unlucky client. Clients are kept as hashes, at most
//! [`MOST`] a window: beyond that new ones are not counted, and their number says so.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

/// Milliseconds of a window. Windows begin at multiples of it.
pub(crate) const WINDOW: i64 = 5000;
/// Clients remembered per window.
pub(crate) const MOST: usize = 50_000;

/// Makes the hashes; keyed at random, so nobody can choose names that collide.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientHash(RandomState);

impl ClientHash {
    pub(crate) fn of(&self, client: &[u8]) -> u64 {
        self.0.hash_one(client)
    }
}

#[derive(Debug, Default)]
pub(crate) struct ClientWindow {
    window: i64,
    /// Who was seen in it, and whether badly.
    seen: HashMap<u64, bool>,
    bad: u64,
    closed_seen: u64,
    closed_bad: u64,
}

impl ClientWindow {
    /// One answer to one client at this moment.
    pub(crate) fn note(&mut self, client: u64, bad: bool, now_ms: i64) {
        self.turn(now_ms);
        if self.seen.len() >= MOST && !self.seen.contains_key(&client) {
            return;
        }
        let was_bad = self.seen.entry(client).or_insert(false);
        if bad && !*was_bad {
            *was_bad = true;
            self.bad += 1;
        }
    }

    /// Clients and badly served clients in all windows that have ended.
    pub(crate) fn totals(&mut self, now_ms: i64) -> (u64, u64) {
        self.turn(now_ms);
        (self.closed_seen, self.closed_bad)
    }

    fn turn(&mut self, now_ms: i64) {
        let window = now_ms.div_euclid(WINDOW);
        if window == self.window {
            return;
        }
        self.window = window;
        self.closed_seen += self.seen.len() as u64;
        self.closed_bad += self.bad;
        self.bad = 0;
        self.seen.clear();
        if self.seen.capacity() > 4096 {
            self.seen.shrink_to(1024);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_counts_once_a_window_and_badly_once() {
        let mut w = ClientWindow::default();
        for _ in 0..10 {
            w.note(1, true, 5000);
            w.note(2, false, 9999);
        }
        assert_eq!(w.totals(9999), (0, 0));
        w.note(1, false, 10_000);
        assert_eq!(w.totals(10_000), (2, 1));
        assert_eq!(w.totals(15_000), (3, 1));
    }

    #[test]
    fn memory_is_bounded() {
        let mut w = ClientWindow::default();
        for client in 0..(MOST as u64 * 2) {
            w.note(client, true, 0);
        }
        assert_eq!(w.totals(WINDOW), (MOST as u64, MOST as u64));
    }
}
