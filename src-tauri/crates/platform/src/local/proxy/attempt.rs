//! One request while instances are tried for it: which one is next, and what counts against whom.

use std::sync::Arc;
use std::time::Instant;

use deckwatch_domain::Slot;
use hyper::upgrade::OnUpgrade;

use super::Entrance;
use super::body::Flight;
use super::route::Route;
use super::tally::{Class, Tally};
use super::upstream::Upstream;

/// Instances tried for one request at most.
const MOST_TRIES: usize = 4;

/// One request while instances are tried for it.
pub(super) struct Attempt {
    pub(super) slot: Slot,
    pub(super) entrance: Entrance,
    pub(super) started: Instant,
    pub(super) client: Option<u64>,
    /// The client asks for a WebSocket.
    pub(super) tunnel: Option<OnUpgrade>,
    tried: [Option<Arc<Upstream>>; MOST_TRIES],
    pub(super) tries: usize,
    /// The chosen slot failed this request: counted once.
    refused: bool,
    /// The try under way. Dropped with its client, it counts as given up by the client.
    pub(super) flight: Option<Flight>,
}

impl Attempt {
    pub(super) fn new(
        slot: Slot,
        entrance: Entrance,
        started: Instant,
        client: Option<u64>,
    ) -> Self {
        Attempt {
            slot,
            entrance,
            started,
            client,
            tunnel: None,
            tried: Default::default(),
            tries: 0,
            refused: false,
            flight: None,
        }
    }

    /// The next instance to try: in the chosen slot, then in its refuge. A preview has none: it
    /// would show another version than the one it is for.
    pub(super) fn pick(
        &mut self,
        route: &Route,
        worker: usize,
    ) -> Option<(Arc<Upstream>, Arc<Tally>)> {
        if self.tries >= MOST_TRIES {
            return None;
        }
        let here = &route.slots[self.slot];
        let found = match self.untried(&here.ready, worker) {
            Some(upstream) => Some((upstream, here.counted(self.entrance))),
            None if self.entrance == Entrance::Preview => None,
            None => {
                let refuge = route.refuge(self.slot)?;
                self.refuse(&here.tally);
                let there = &route.slots[refuge];
                let upstream = self.untried(&there.ready, worker)?;
                Some((upstream, there.tally.clone()))
            }
        }?;
        self.tried[self.tries] = Some(found.0.clone());
        self.tries += 1;
        Some(found)
    }

    /// The less busy of two instances picked at random, among those not tried yet.
    fn untried(&self, ready: &[Arc<Upstream>], worker: usize) -> Option<Arc<Upstream>> {
        if self.tries == 0 {
            return match ready {
                [] => None,
                [only] => Some(only.clone()),
                many => {
                    let (a, b) = two_of(many.len(), worker);
                    let (a, b) = (&many[a], &many[b]);
                    Some(if b.load() < a.load() {
                        b.clone()
                    } else {
                        a.clone()
                    })
                }
            };
        }
        let tried = |u: &&Arc<Upstream>| !self.tried.iter().flatten().any(|t| Arc::ptr_eq(t, u));
        ready.iter().filter(tried).min_by_key(|u| u.load()).cloned()
    }

    /// The try under way brought no answer. The chosen slot's failure counts once for a request.
    pub(super) fn failed(&mut self) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        if self.refused {
            flight.forget();
        } else {
            self.refused = true;
            flight.ends_as(Class::Refused);
        }
    }

    /// The try under way ends with this answer of the proxy's own.
    pub(super) fn ends_as(&mut self, class: Class) {
        if let Some(mut flight) = self.flight.take() {
            flight.took(self.started);
            flight.ends_as(class);
        }
    }

    /// Counts the chosen slot's failure, once.
    pub(super) fn refuse(&mut self, tally: &Tally) {
        if !self.refused {
            self.refused = true;
            tally.count(Class::Refused, None, self.client);
        }
    }
}

/// Two different numbers below `n`, which is at least 2.
fn two_of(n: usize, worker: usize) -> (usize, usize) {
    use std::cell::Cell;
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    // SplitMix64: this needs to be cheap and even, not secret.
    let mixed = STATE.with(|state| {
        let next = state
            .get()
            .wrapping_add(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(worker as u64);
        state.set(next);
        let z = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    });
    let a = (mixed as u32 as usize) % n;
    let b = ((mixed >> 32) as usize) % (n - 1);
    (a, if b >= a { b + 1 } else { b })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_never_the_same_and_all_come_up() {
        let mut seen = [0; 5];
        for _ in 0..1000 {
            let (a, b) = two_of(5, 1);
            assert!(a != b && a < 5 && b < 5);
            seen[a] += 1;
            seen[b] += 1;
        }
        assert!(seen.iter().all(|n| *n > 250), "{seen:?}");
    }
}
