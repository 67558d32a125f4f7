//! Where the requests of one service go: one immutable [`Route`], swapped whole.
//!
//! Every request reads the route once, without a lock. Everything that changes it (weights,
//! readiness, a new release, a new definition) makes a new one under one short lock and stores it
//! atomically; nothing that waits for anything ever holds that lock.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use deckwatch_domain::{PerSlot, ReleaseVersion, Role, ServiceName, Slot};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue, SET_COOKIE};
use tokio::sync::watch;

use super::Entrance;
use super::audience::{self, Led};
use super::clients::ClientHash;
use super::shuffle::Deck;
use super::tally::{Counts, Tally};
use super::upstream::Upstream;
use crate::local::definition::{RouteTo, ServiceDefinition};
use crate::local::lock;
use crate::model::Traffic;

/// Releases whose counters are kept beside the present ones.
const OLD_TALLIES: usize = 6;
/// Says on a preview's answer which version it is.
const PREVIEW: HeaderName = HeaderName::from_static("x-deckwatch-preview");

/// One slot as requests see it.
#[derive(Clone, Debug)]
pub(crate) struct RouteSlot {
    pub(crate) tally: Arc<Tally>,
    /// Instances in rotation.
    pub(crate) ready: Arc<[Arc<Upstream>]>,
    /// What a sticky cookie says for this release.
    mark: Option<Arc<str>>,
    /// What a preview's answers say of it.
    version: Option<HeaderValue>,
}

impl RouteSlot {
    /// What counts a request that came in here.
    pub(super) fn counted(&self, entrance: Entrance) -> Arc<Tally> {
        match (entrance, &self.tally.preview) {
            (Entrance::Preview, Some(preview)) => preview.clone(),
            _ => self.tally.clone(),
        }
    }
}

/// Where a newer node listens.
#[derive(Clone, Debug)]
pub(crate) struct Onward {
    pub(crate) listen: Arc<Upstream>,
    pub(crate) preview: Option<Arc<Upstream>>,
}

impl Onward {
    pub(super) fn by(&self, entrance: Entrance) -> Option<Arc<Upstream>> {
        match entrance {
            Entrance::Listen => Some(self.listen.clone()),
            Entrance::Preview => self.preview.clone(),
        }
    }
}

/// Everything a request needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) slots: PerSlot<RouteSlot>,
    rules: Arc<[(HeaderName, HeaderValue, RouteTo)]>,
    sticky: Option<Arc<str>>,
    /// Made from the traffic object, with every change of it.
    audience: Option<Arc<Led>>,
    /// The definition names a preview.
    previews: bool,
    pub(crate) client_header: Option<HeaderName>,
    pub(crate) timeout: Duration,
    /// Answers ask the client to close its connection: this node is on its way out.
    pub(crate) closing: bool,
    /// A newer node has taken over: it gets what still arrives here.
    pub(crate) onward: Option<Onward>,
    /// The traffic object is on its way to a newer node: nothing here may change it any more.
    pub(crate) frozen: bool,
}

/// The entrance of one service.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) service: ServiceName,
    route: ArcSwap<Route>,
    change: Mutex<()>,
    deck: Mutex<Deck>,
    old: Mutex<Vec<Arc<Tally>>>,
    pub(crate) hash: ClientHash,
    /// Requests that no slot can be blamed for: no slot was to serve, or nothing was ready in either.
    pub(crate) unserved: AtomicU64,
    /// True once connections are to end as soon as they are idle.
    pub(crate) shut: watch::Sender<bool>,
    pub(crate) connections: AtomicUsize,
}

/// What was chosen for one request.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) slot: Slot,
    /// A header for its answer.
    pub(crate) adds: Option<(HeaderName, HeaderValue)>,
}

impl Choice {
    fn of(slot: Slot) -> Self {
        Choice { slot, adds: None }
    }
}

impl Front {
    pub(crate) fn new(definition: &ServiceDefinition, traffic: Traffic) -> Self {
        let slot = |slot| RouteSlot {
            tally: Arc::new(Tally::new(slot, None)),
            ready: Arc::from([]),
            mark: None,
            version: None,
        };
        let mut route = Route {
            audience: Led::of(&traffic).map(Arc::new),
            traffic: Arc::new(traffic),
            slots: PerSlot::new(slot),
            rules: Arc::from([]),
            sticky: None,
            previews: false,
            client_header: None,
            timeout: definition.request_timeout.duration(),
            closing: false,
            onward: None,
            frozen: false,
        };
        route.follow(definition);
        Front {
            service: definition.service.clone(),
            route: ArcSwap::from_pointee(route),
            change: Mutex::default(),
            deck: Mutex::default(),
            old: Mutex::default(),
            hash: ClientHash::default(),
            unserved: AtomicU64::new(0),
            shut: watch::Sender::new(false),
            connections: AtomicUsize::new(0),
        }
    }

    pub(crate) fn route(&self) -> arc_swap::Guard<Arc<Route>> {
        self.route.load()
    }

    /// Changes the route, or refuses to. `change` must be short: it holds up every other change.
    pub(crate) fn change<T, E>(
        &self,
        change: impl FnOnce(&mut Route) -> Result<T, E>,
    ) -> Result<T, E> {
        let _only = lock(&self.change);
        let before = self.route.load_full();
        let mut route = Route::clone(&before);
        let said = change(&mut route)?;
        if !Arc::ptr_eq(&route.traffic, &before.traffic) {
            route.audience = Led::of(&route.traffic).map(Arc::new);
        }
        let new_weights = route.traffic.weights != before.traffic.weights;
        self.route.store(Arc::new(route));
        if new_weights {
            lock(&self.deck).begin();
        }
        Ok(said)
    }

    fn always(&self, change: impl FnOnce(&mut Route)) {
        let _ = self.change(|route| {
            change(route);
            Ok::<(), std::convert::Infallible>(())
        });
    }

    pub(crate) fn follow(&self, definition: &ServiceDefinition) {
        self.always(|route| route.follow(definition));
    }

    /// A release stands in a slot from now on (or none); nothing of it is ready yet.
    pub(crate) fn set_release(&self, slot: Slot, release: Option<ReleaseVersion>) {
        self.always(|route| {
            let now = &mut route.slots[slot];
            now.ready = Arc::from([]);
            now.mark = release
                .as_ref()
                .map(|version| format!("{slot}:{version}").into());
            now.version = release
                .as_ref()
                .and_then(|version| HeaderValue::from_str(version.as_str()).ok());
            if now.tally.release != release {
                now.tally = self.tally(now.tally.clone(), release);
            }
        });
    }

    /// The counters of this release in this slot: those it had before, if it was here lately.
    fn tally(&self, leaving: Arc<Tally>, release: Option<ReleaseVersion>) -> Arc<Tally> {
        let slot = leaving.slot;
        let mut old = lock(&self.old);
        let known = old
            .iter()
            .position(|t| t.slot == slot && t.release == release);
        let tally = match known {
            Some(at) => old.remove(at),
            None => Arc::new(Tally::new(slot, release)),
        };
        if leaving.release.is_some() {
            old.push(leaving);
        }
        let excess = old.len().saturating_sub(OLD_TALLIES);
        old.drain(..excess);
        tally
    }

    /// Present counters, then those of releases that left lately.
    pub(crate) fn tallies(&self) -> Vec<Arc<Tally>> {
        let route = self.route.load();
        let mut all: Vec<_> = Slot::BOTH
            .iter()
            .map(|s| route.slots[*s].tally.clone())
            .collect();
        all.extend(lock(&self.old).iter().cloned());
        all
    }

    /// Puts an instance into rotation, or takes it out. One that comes in at an address takes the
    /// place of what was known there, so an instance that changes hands is never out of rotation.
    pub(crate) fn set_ready(&self, slot: Slot, upstream: &Arc<Upstream>, ready: bool) {
        self.always(|route| {
            let stays = |other: &&Arc<Upstream>| match ready {
                true => other.address != upstream.address,
                false => !Arc::ptr_eq(other, upstream),
            };
            let others = route.slots[slot].ready.iter().filter(stays);
            let mut list: Vec<_> = others.cloned().collect();
            if ready {
                list.push(upstream.clone());
            }
            route.slots[slot].ready = list.into();
        });
    }

    /// The node is on its way out: answers close their connections. With addresses, whatever
    /// still arrives goes to the node that listens there now.
    pub(crate) fn leave(&self, onward: Option<Onward>) {
        self.always(|route| {
            route.closing = true;
            route.onward = onward;
        });
    }

    /// Takes back [`Front::leave`]: this node serves on.
    pub(crate) fn stay(&self) {
        self.always(|route| {
            route.closing = false;
            route.onward = None;
        });
    }

    /// Freezes the traffic object and says what it is; or lets it change again.
    pub(crate) fn freeze(&self, frozen: bool) -> Arc<Traffic> {
        self.always(|route| route.frozen = frozen);
        self.route.load().traffic.clone()
    }

    /// Goes on counting where another node stopped.
    pub(crate) fn recount(&self, counts: Vec<Counts>, unserved: u64) {
        self.unserved.store(unserved, Relaxed);
        for counts in counts {
            let tally = Arc::new(Tally::from_counts(counts));
            let mut counted = Some(tally.clone());
            self.always(|route| {
                let here = &mut route.slots[tally.slot];
                if here.tally.release == tally.release
                    && let Some(tally) = counted.take()
                {
                    here.tally = tally;
                }
            });
            if let Some(tally) = counted {
                lock(&self.old).push(tally);
            }
        }
    }

    /// Which slot a request goes to; none when no release is there for it. Rules of the definition
    /// come first, then the audience, the sticky cookie, and the weights.
    pub(crate) fn choose(
        &self,
        route: &Route,
        headers: &HeaderMap,
        entrance: Entrance,
    ) -> Option<Choice> {
        if entrance == Entrance::Preview {
            return route.previewed();
        }
        let told = route
            .by_header(headers)
            .or_else(|| route.audience.as_ref()?.slot(headers))
            .or_else(|| route.by_cookie(headers));
        if let Some(slot) = told {
            return Some(Choice::of(slot));
        }
        let blue = route.traffic.weights.of(Slot::Blue);
        let green = route.traffic.weights.of(Slot::Green);
        let slot = match (blue, green) {
            (0, 0) => return None,
            (_, 0) => Slot::Blue,
            (0, _) => Slot::Green,
            _ if lock(&self.deck).draw() < blue => Slot::Blue,
            _ => Slot::Green,
        };
        let cookie = route.cookie_for(slot);
        Some(Choice {
            slot,
            adds: cookie.map(|cookie| (SET_COOKIE, cookie)),
        })
    }

    pub(crate) fn entered(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn left(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }
}

impl Route {
    fn follow(&mut self, definition: &ServiceDefinition) {
        let rules = definition.routing.iter().filter_map(|route| {
            let name = HeaderName::from_bytes(route.header.as_bytes()).ok()?;
            let value = HeaderValue::from_str(&route.value).ok()?;
            Some((name, value, route.to))
        });
        self.rules = rules.collect();
        self.sticky = definition.sticky.as_ref().map(|s| s.cookie.as_str().into());
        self.previews = definition.preview.is_some();
        self.client_header = definition
            .client_header
            .as_ref()
            .and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        self.timeout = definition.request_timeout.duration();
    }

    pub(crate) fn ready(&self) -> PerSlot<u32> {
        PerSlot::new(|slot| u32::try_from(self.slots[slot].ready.len()).unwrap_or(u32::MAX))
    }

    /// Whether neither slot has an instance that could take a request.
    pub(crate) fn is_bare(&self) -> bool {
        Slot::BOTH
            .iter()
            .all(|slot| self.slots[*slot].ready.is_empty())
    }

    /// The slot that a preview shows: whoever is candidate, and nobody else.
    pub(crate) fn candidate(&self) -> Option<Slot> {
        self.traffic.roles.playing(Role::Candidate)
    }

    fn previewed(&self) -> Option<Choice> {
        let slot = self.candidate().filter(|_| self.previews)?;
        let version = self.slots[slot].version.clone();
        Some(Choice {
            slot,
            adds: version.map(|version| (PREVIEW, version)),
        })
    }

    /// Header routes lead to slots that play a role and can answer; a version that was taken back
    /// plays none, so no header reaches it any more.
    fn by_header(&self, headers: &HeaderMap) -> Option<Slot> {
        self.rules.iter().find_map(|(name, value, to)| {
            if headers.get(name) != Some(value) {
                return None;
            }
            let slot = match to {
                RouteTo::Slot(slot) => *slot,
                RouteTo::Role(role) => self.traffic.roles.playing(*role)?,
            };
            let plays = self.traffic.roles[slot] != Role::Free;
            (plays && !self.slots[slot].ready.is_empty()).then_some(slot)
        })
    }

    /// A sticky cookie counts while its slot has weight and the same release.
    fn by_cookie(&self, headers: &HeaderMap) -> Option<Slot> {
        let name = self.sticky.as_deref()?;
        let mark = audience::cookie(headers, name)?;
        Slot::BOTH.into_iter().find(|slot| {
            let here = self.slots[*slot].mark.as_deref().map(str::as_bytes);
            self.traffic.weights.of(*slot) > 0 && here == Some(mark)
        })
    }

    fn cookie_for(&self, slot: Slot) -> Option<HeaderValue> {
        let name = self.sticky.as_deref()?;
        let mark = self.slots[slot].mark.as_deref()?;
        HeaderValue::try_from(format!("{name}={mark}; Path=/; HttpOnly; SameSite=Lax")).ok()
    }

    /// Where a request may go when its own slot cannot take it: the other slot, if people count
    /// on it and something there is ready.
    pub(crate) fn refuge(&self, slot: Slot) -> Option<Slot> {
        let other = slot.other();
        let counted_on = matches!(self.traffic.roles[other], Role::Stable | Role::Previous);
        (counted_on && !self.slots[other].ready.is_empty()).then_some(other)
    }
}
