//! What is known of a namespace, in memory. Pure: events go in, and time comes with them.
//!
//! Filled either by watches ([`super::watch`]) or by one round of lists. Only the fields that are
//! looked at are kept, so it grows with the number of pods and not with what is written into them.

use std::collections::BTreeMap;

use deckwatch_domain::Timestamp;
use serde_json::Value;

use super::kind::Kind;
use super::object::{Autoscaler, Budget, Deployment, Front, Pod, Slice, name, version};

/// Something that was learned.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// All there are; what is not among them is gone.
    Listed(Kind, Vec<Value>),
    /// One is new or has changed.
    Applied(Kind, Value),
    Deleted(Kind, Value),
    /// Nothing has changed, and the watch lives.
    Bookmark(Kind),
    /// The watch has ended; what is kept may be old from now on.
    Lost(Kind),
}

/// Objects of one kind by name, each with its version.
type Of<T> = BTreeMap<String, (u64, T)>;

/// How long ago a kind was last heard of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Heard {
    at: Option<Timestamp>,
    follows: bool,
}

/// The objects of one namespace.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(super) deployments: Of<Deployment>,
    pub(super) pods: Of<Pod>,
    pub(super) services: Of<Front>,
    pub(super) routes: Of<Front>,
    pub(super) meshes: Of<Front>,
    pub(super) canaries: Of<Front>,
    pub(super) slices: Of<Slice>,
    pub(super) autoscalers: Of<Autoscaler>,
    pub(super) budgets: Of<Budget>,
    heard: BTreeMap<Kind, Heard>,
}

impl Index {
    /// Takes in one event.
    pub fn apply(&mut self, event: Event, now: Timestamp) {
        let (kind, follows) = match event {
            Event::Listed(kind, objects) => {
                self.clear(kind);
                for object in &objects {
                    self.put(kind, object);
                }
                (kind, true)
            }
            Event::Applied(kind, object) => {
                if version(&object) >= self.version(kind, name(&object)) {
                    self.put(kind, &object);
                }
                (kind, true)
            }
            Event::Deleted(kind, object) => {
                self.remove(kind, name(&object));
                (kind, true)
            }
            Event::Bookmark(kind) => (kind, true),
            Event::Lost(kind) => {
                if let Some(heard) = self.heard.get_mut(&kind) {
                    heard.follows = false;
                }
                return;
            }
        };
        let heard = Heard {
            at: Some(now),
            follows,
        };
        self.heard.insert(kind, heard);
    }

    /// When the kind that was heard of longest ago was; none: one was never heard of.
    pub fn as_of(&self) -> Option<Timestamp> {
        let all = Kind::INDEXED
            .iter()
            .map(|kind| self.heard.get(kind).and_then(|heard| heard.at));
        all.min().flatten()
    }

    /// Whether every watch lives and nothing known to be newer is missing here.
    ///
    /// `written`: the versions of objects that were written from here. A look at what is older than
    /// one's own write would show that somebody else undid it.
    pub fn is_fresh(&self, written: &BTreeMap<(Kind, String), u64>) -> bool {
        let follows = |kind: &Kind| self.heard.get(kind).is_some_and(|h| h.follows);
        Kind::INDEXED.iter().all(follows)
            && written
                .iter()
                .all(|((kind, name), version)| self.version(*kind, name) >= *version)
    }

    /// The version in which an object is known; 0 when it is not.
    pub fn version(&self, kind: Kind, name: &str) -> u64 {
        fn of<T>(map: &Of<T>, name: &str) -> u64 {
            map.get(name).map_or(0, |(version, _)| *version)
        }
        match kind {
            Kind::Deployment => of(&self.deployments, name),
            Kind::Pod => of(&self.pods, name),
            Kind::Service => of(&self.services, name),
            Kind::HttpRoute => of(&self.routes, name),
            Kind::VirtualService => of(&self.meshes, name),
            Kind::Ingress => of(&self.canaries, name),
            Kind::EndpointSlice => of(&self.slices, name),
            Kind::Autoscaler => of(&self.autoscalers, name),
            Kind::DisruptionBudget => of(&self.budgets, name),
            Kind::StatefulSet | Kind::DaemonSet => 0,
        }
    }

    /// The objects that carry a record, with their kind.
    pub(super) fn fronts(&self) -> impl Iterator<Item = (Kind, &str, &Value)> {
        let routes = self.routes.iter().map(|entry| (Kind::HttpRoute, entry));
        let services = self.services.iter().map(|entry| (Kind::Service, entry));
        let meshes = self
            .meshes
            .iter()
            .map(|entry| (Kind::VirtualService, entry));
        let canaries = self.canaries.iter().map(|entry| (Kind::Ingress, entry));
        routes
            .chain(meshes)
            .chain(canaries)
            .chain(services)
            .filter_map(|(kind, (name, (_, front)))| {
                Some((kind, name.as_str(), front.object.as_ref()?))
            })
    }

    fn put(&mut self, kind: Kind, object: &Value) {
        let key = name(object).to_owned();
        let version = version(object);
        match kind {
            Kind::Deployment => drop(
                self.deployments
                    .insert(key, (version, Deployment::of(object))),
            ),
            Kind::Pod => drop(self.pods.insert(key, (version, Pod::of(object)))),
            Kind::Service => drop(self.services.insert(key, (version, Front::of(object)))),
            Kind::HttpRoute => drop(self.routes.insert(key, (version, Front::of(object)))),
            Kind::VirtualService => drop(self.meshes.insert(key, (version, Front::of(object)))),
            Kind::Ingress => drop(self.canaries.insert(key, (version, Front::of(object)))),
            Kind::EndpointSlice => drop(self.slices.insert(key, (version, Slice::of(object)))),
            Kind::Autoscaler => drop(
                self.autoscalers
                    .insert(key, (version, Autoscaler::of(object))),
            ),
            Kind::DisruptionBudget => drop(self.budgets.insert(key, (version, Budget::of(object)))),
            Kind::StatefulSet | Kind::DaemonSet => {}
        }
    }

    fn remove(&mut self, kind: Kind, name: &str) {
        match kind {
            Kind::Deployment => drop(self.deployments.remove(name)),
            Kind::Pod => drop(self.pods.remove(name)),
            Kind::Service => drop(self.services.remove(name)),
            Kind::HttpRoute => drop(self.routes.remove(name)),
            Kind::VirtualService => drop(self.meshes.remove(name)),
            Kind::Ingress => drop(self.canaries.remove(name)),
            Kind::EndpointSlice => drop(self.slices.remove(name)),
            Kind::Autoscaler => drop(self.autoscalers.remove(name)),
            Kind::DisruptionBudget => drop(self.budgets.remove(name)),
            Kind::StatefulSet | Kind::DaemonSet => {}
        }
    }

    fn clear(&mut self, kind: Kind) {
        match kind {
            Kind::Deployment => self.deployments.clear(),
            Kind::Pod => self.pods.clear(),
            Kind::Service => self.services.clear(),
            Kind::HttpRoute => self.routes.clear(),
            Kind::VirtualService => self.meshes.clear(),
            Kind::Ingress => self.canaries.clear(),
            Kind::EndpointSlice => self.slices.clear(),
            Kind::Autoscaler => self.autoscalers.clear(),
            Kind::DisruptionBudget => self.budgets.clear(),
            Kind::StatefulSet | Kind::DaemonSet => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn pod(name: &str, version: u64) -> Value {
        json!({"metadata": {"name": name, "resourceVersion": version.to_string()}})
    }

    fn all_listed() -> Index {
        let mut index = Index::default();
        for (n, kind) in Kind::INDEXED.into_iter().enumerate() {
            assert!(!index.is_fresh(&BTreeMap::new()));
            assert_eq!(index.as_of(), None);
            index.apply(Event::Listed(kind, vec![]), at(n as i64));
        }
        index
    }

    #[test]
    fn it_is_fresh_while_every_watch_lives() {
        let mut index = all_listed();
        assert!(index.is_fresh(&BTreeMap::new()));
        assert_eq!(index.as_of(), Some(at(0)));
        index.apply(Event::Lost(Kind::Pod), at(50));
        assert!(!index.is_fresh(&BTreeMap::new()));
        index.apply(Event::Bookmark(Kind::Pod), at(60));
        assert!(index.is_fresh(&BTreeMap::new()));
    }

    #[test]
    fn it_is_not_fresh_before_ones_own_write_has_come_back() {
        let mut index = all_listed();
        let written = BTreeMap::from([((Kind::Service, "web".to_owned()), 7)]);
        assert!(!index.is_fresh(&written));
        index.apply(Event::Applied(Kind::Service, pod("web", 6)), at(9));
        assert!(!index.is_fresh(&written));
        index.apply(Event::Applied(Kind::Service, pod("web", 7)), at(9));
        assert!(index.is_fresh(&written));
    }

    #[test]
    fn a_list_forgets_what_it_does_not_name() {
        let mut index = all_listed();
        index.apply(Event::Applied(Kind::Pod, pod("a", 3)), at(9));
        index.apply(Event::Applied(Kind::Pod, pod("b", 4)), at(9));
        index.apply(Event::Applied(Kind::Pod, pod("b", 2)), at(9));
        assert_eq!(index.version(Kind::Pod, "b"), 4, "an old event came late");
        index.apply(Event::Listed(Kind::Pod, vec![pod("b", 5)]), at(9));
        assert_eq!((index.pods.len(), index.version(Kind::Pod, "b")), (1, 5));
        index.apply(Event::Deleted(Kind::Pod, pod("b", 6)), at(9));
        assert!(index.pods.is_empty());
    }
}
