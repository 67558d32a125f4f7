//! What is known of a namespace, in memory. Pure: events go in, and time comes with them.
//!
//! Filled either by watches ([`super::watch`]) or by one round of lists. Only the fields that are
//! looked at are kept, so it grows with the number of pods and not with what is written into them.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kind::Kind;
use super::notice::Notice;
use super::object::{
    Autoscaler, Budget, Deployment, Front, Pod, ReplicaSet, Slice, matches, name, version,
};
use super::record::Labels;

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
    /// The watch has ended, and why; what is kept may be old from now on.
    Lost(Kind, String),
}

/// Notices that are kept: of more, the oldest go.
const MOST_NOTICES: usize = 5_000;
/// So many more may come before the oldest are looked for.
const SLACK: usize = 500;

/// Objects of one kind by name, each with its version.
type Of<T> = BTreeMap<String, (u64, T)>;

/// A label as one word.
fn said((key, value): (&String, &String)) -> String {
    format!("{key}={value}")
}

/// How long ago a kind was last heard of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Heard {
    at: Option<Timestamp>,
    follows: bool,
    trouble: Option<String>,
}

/// How true what is shown of some kinds is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Freshness {
    /// Every watch lives: what is shown is what is there.
    pub follows: bool,
    /// When the kind that was heard of longest ago was; none: one was never heard of.
    pub at: Option<Timestamp>,
    /// Why a watch does not live.
    pub trouble: Option<String>,
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
    /// The pods that carry a label, so that nobody looks through all of them for a few.
    labelled: BTreeMap<String, BTreeSet<String>>,
    pub(super) sets: Of<ReplicaSet>,
    pub(super) notices: Of<Notice>,
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
            Event::Lost(kind, why) => {
                let heard = self.heard.entry(kind).or_default();
                heard.follows = false;
                heard.trouble = Some(why);
                return;
            }
        };
        let heard = Heard {
            at: Some(now),
            follows,
            trouble: None,
        };
        self.heard.insert(kind, heard);
    }

    /// How true what is known of these kinds is.
    pub fn freshness(&self, kinds: &[Kind]) -> Freshness {
        let heard = || kinds.iter().map(|kind| self.heard.get(kind));
        Freshness {
            follows: heard().all(|h| h.is_some_and(|h| h.follows)),
            at: heard().map(|h| h.and_then(|h| h.at)).min().flatten(),
            trouble: heard().find_map(|h| h.and_then(|h| h.trouble.clone())),
        }
    }

    /// Whether each of these kinds was heard of, or it is known why not.
    pub fn has_asked(&self, kinds: &[Kind]) -> bool {
        let asked = |kind: &Kind| {
            let heard = self.heard.get(kind);
            heard.is_some_and(|h| h.at.is_some() || h.trouble.is_some())
        };
        kinds.iter().all(asked)
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
            Kind::ReplicaSet => of(&self.sets, name),
            Kind::Event => of(&self.notices, name),
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

    /// The pods that a selector finds.
    pub(super) fn pods_of(&self, selector: &Labels) -> impl Iterator<Item = &Pod> {
        let by_label = selector.iter().map(|pair| self.labelled.get(&said(pair)));
        // All of its labels have to be known; the rarest leads to the fewest pods.
        let all = by_label.collect::<Option<Vec<_>>>().unwrap_or_default();
        let fewest = all.into_iter().min_by_key(|names| names.len());
        let names = fewest.into_iter().flatten();
        let pods = names.filter_map(|name| Some(&self.pods.get(name)?.1));
        pods.filter(|pod| matches(selector, &pod.labels))
    }

    fn put_pod(&mut self, key: String, pod: (u64, Pod)) {
        let labels = &pod.1.labels;
        let before = self.pods.get(&key);
        if before.is_none_or(|(_, before)| before.labels != *labels) {
            let labels: Vec<String> = labels.iter().map(said).collect();
            self.remove_pod(&key);
            for label in labels {
                self.labelled.entry(label).or_default().insert(key.clone());
            }
        }
        self.pods.insert(key, pod);
    }

    fn remove_pod(&mut self, name: &str) {
        let Some((_, pod)) = self.pods.remove(name) else {
            return;
        };
        for label in pod.labels.iter().map(said) {
            if let Some(names) = self.labelled.get_mut(&label) {
                names.remove(name);
                if names.is_empty() {
                    self.labelled.remove(&label);
                }
            }
        }
    }

    fn put(&mut self, kind: Kind, object: &Value) {
        let key = name(object).to_owned();
        let version = version(object);
        match kind {
            Kind::Deployment => drop(
                self.deployments
                    .insert(key, (version, Deployment::of(object))),
            ),
            Kind::Pod => self.put_pod(key, (version, Pod::of(object))),
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
            Kind::ReplicaSet => drop(self.sets.insert(key, (version, ReplicaSet::of(object)))),
            Kind::Event => {
                self.notices.insert(key, (version, Notice::of(object)));
                self.forget_old_notices();
            }
            Kind::StatefulSet | Kind::DaemonSet => {}
        }
    }

    fn remove(&mut self, kind: Kind, name: &str) {
        match kind {
            Kind::Deployment => drop(self.deployments.remove(name)),
            Kind::Pod => self.remove_pod(name),
            Kind::Service => drop(self.services.remove(name)),
            Kind::HttpRoute => drop(self.routes.remove(name)),
            Kind::VirtualService => drop(self.meshes.remove(name)),
            Kind::Ingress => drop(self.canaries.remove(name)),
            Kind::EndpointSlice => drop(self.slices.remove(name)),
            Kind::Autoscaler => drop(self.autoscalers.remove(name)),
            Kind::DisruptionBudget => drop(self.budgets.remove(name)),
            Kind::ReplicaSet => drop(self.sets.remove(name)),
            Kind::Event => drop(self.notices.remove(name)),
            Kind::StatefulSet | Kind::DaemonSet => {}
        }
    }

    fn clear(&mut self, kind: Kind) {
        match kind {
            Kind::Deployment => self.deployments.clear(),
            Kind::Pod => {
                self.pods.clear();
                self.labelled.clear();
            }
            Kind::Service => self.services.clear(),
            Kind::HttpRoute => self.routes.clear(),
            Kind::VirtualService => self.meshes.clear(),
            Kind::Ingress => self.canaries.clear(),
            Kind::EndpointSlice => self.slices.clear(),
            Kind::Autoscaler => self.autoscalers.clear(),
            Kind::DisruptionBudget => self.budgets.clear(),
            Kind::ReplicaSet => self.sets.clear(),
            Kind::Event => self.notices.clear(),
            Kind::StatefulSet | Kind::DaemonSet => {}
        }
    }

    /// A namespace that is in trouble makes notices without end.
    fn forget_old_notices(&mut self) {
        if self.notices.len() <= MOST_NOTICES + SLACK {
            return;
        }
        let mut moments: Vec<Timestamp> = self.notices.values().map(|(_, n)| n.last).collect();
        moments.sort_unstable_by(|a, b| b.cmp(a));
        let oldest = moments[MOST_NOTICES - 1];
        self.notices.retain(|_, (_, notice)| notice.last >= oldest);
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
        index.apply(Event::Lost(Kind::Pod, "it was cut".into()), at(50));
        assert!(!index.is_fresh(&BTreeMap::new()));
        let freshness = index.freshness(&[Kind::Service, Kind::Pod]);
        let cut = Some("it was cut".to_owned());
        assert_eq!((freshness.follows, freshness.trouble), (false, cut));
        assert_eq!(freshness.at, Some(at(0)));
        assert!(index.freshness(&[Kind::Service]).follows);
        index.apply(Event::Bookmark(Kind::Pod), at(60));
        assert!(index.is_fresh(&BTreeMap::new()));
    }

    #[test]
    fn what_is_only_shown_holds_nothing_up() {
        let mut index = all_listed();
        assert!(index.is_fresh(&BTreeMap::new()));
        assert!(!index.has_asked(&Kind::SHOWN));
        index.apply(Event::Lost(Kind::Event, "forbidden".into()), at(3));
        index.apply(Event::Listed(Kind::ReplicaSet, vec![]), at(4));
        assert!(index.is_fresh(&BTreeMap::new()));
        assert!(index.has_asked(&Kind::SHOWN));
        let freshness = index.freshness(&Kind::SHOWN);
        assert_eq!(
            (
                freshness.follows,
                freshness.at,
                freshness.trouble.as_deref()
            ),
            (false, None, Some("forbidden"))
        );
    }

    #[test]
    fn of_too_many_notices_the_newest_are_kept() {
        let mut index = Index::default();
        let all = MOST_NOTICES + SLACK + 1;
        for n in 0..all {
            let at = Timestamp::from_millis(n as i64 * 1000).to_string();
            let notice = json!({"metadata": {"name": format!("n{n}"), "resourceVersion": "1"},
                "lastTimestamp": at});
            index.apply(Event::Applied(Kind::Event, notice), Timestamp::EPOCH);
        }
        assert_eq!(index.notices.len(), MOST_NOTICES);
        assert!(index.notices.contains_key(&format!("n{}", all - 1)));
        assert!(!index.notices.contains_key("n0"));
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
    fn pods_are_found_by_their_labels_as_they_are_now() {
        let mut index = all_listed();
        let pod = |name: &str, version: u64, labels: Value| {
            let meta =
                json!({"name": name, "resourceVersion": version.to_string(), "labels": labels});
            Event::Applied(Kind::Pod, json!({"metadata": meta}))
        };
        let found = |index: &Index, pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            let selector = pairs.collect();
            let pods = index.pods_of(&selector);
            pods.map(|pod| pod.name.clone()).collect::<Vec<_>>()
        };
        index.apply(pod("a", 1, json!({"app": "web", "slot": "green"})), at(1));
        index.apply(pod("b", 2, json!({"app": "web"})), at(1));
        assert_eq!(found(&index, &[("app", "web")]), ["a", "b"]);
        let both = [("app", "web"), ("slot", "green")];
        assert_eq!(found(&index, &both), ["a"]);
        assert!(found(&index, &[]).is_empty(), "nothing selects nothing");
        assert!(found(&index, &[("app", "web"), ("slot", "blue")]).is_empty());
        index.apply(pod("a", 3, json!({"app": "web"})), at(2));
        assert!(found(&index, &both).is_empty());
        index.apply(pod("b", 4, json!({"app": "web", "slot": "green"})), at(2));
        assert_eq!(found(&index, &both), ["b"]);
        index.apply(
            Event::Deleted(Kind::Pod, json!({"metadata": {"name": "b"}})),
            at(3),
        );
        assert_eq!(found(&index, &[("app", "web")]), ["a"]);
        index.apply(Event::Listed(Kind::Pod, vec![]), at(4));
        assert!(index.labelled.is_empty() && found(&index, &[("app", "web")]).is_empty());
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
