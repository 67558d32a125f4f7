//! Which service an object belongs to. Every join is made here, over maps that are made once a look.

use std::collections::HashMap;

use deckwatch_domain::{ServiceName, Slot};

use super::super::index::Index;
use super::super::kind::Kind;
use super::super::object::{Pod, matches};
use super::super::record::{Labels, Record};
use super::rows::Whose;

/// The services of a namespace, by everything that leads to them.
#[derive(Debug, Default)]
pub(super) struct Belongings<'a> {
    records: Vec<Record>,
    deployments: HashMap<String, (usize, Slot)>,
    services: HashMap<String, (usize, Option<Slot>)>,
    fronts: HashMap<(Kind, &'a str), usize>,
    /// Every label by which pods of a slot are found.
    labels: HashMap<(String, String), Vec<(usize, Slot)>>,
}

impl<'a> Belongings<'a> {
    /// Records that are not understood are passed over: the service list says so.
    pub(super) fn of(index: &'a Index) -> Self {
        let mut all = Belongings::default();
        for (kind, name, object) in index.fronts() {
            let Ok(Some(record)) = Record::of(object) else {
                continue;
            };
            let at = all.records.len();
            let adopted = &record.adopted;
            all.fronts.insert((kind, name), at);
            all.services.insert(adopted.original.clone(), (at, None));
            for slot in Slot::BOTH {
                all.deployments.insert(adopted.deployment(slot), (at, slot));
                all.services
                    .insert(adopted.slot_name(slot), (at, Some(slot)));
                for (key, value) in &adopted.selectors[slot] {
                    let label = (key.clone(), value.clone());
                    all.labels.entry(label).or_default().push((at, slot));
                }
            }
            all.records.push(record);
        }
        all
    }

    pub(super) fn record(&self, service: &ServiceName) -> Option<&Record> {
        self.records.iter().find(|r| r.adopted.service == *service)
    }

    /// The container that releases are for, of a Deployment that a slot is.
    pub(super) fn container(&self, deployment: &str) -> Option<&str> {
        let (at, _) = self.deployments.get(deployment)?;
        Some(self.records[*at].adopted.container.as_str())
    }

    fn whose(&self, (at, slot): (usize, Option<Slot>)) -> Whose {
        Whose {
            service: self.records[at].adopted.service.clone(),
            slot,
        }
    }

    pub(super) fn deployment(&self, name: &str) -> Option<Whose> {
        let (at, slot) = *self.deployments.get(name)?;
        Some(self.whose((at, Some(slot))))
    }

    /// A Service or a route: what carries the record, or leads to what belongs to one.
    pub(super) fn front(
        &self,
        kind: Kind,
        name: &str,
        leads: &[(String, Option<u32>)],
    ) -> Option<Whose> {
        if let Some(at) = self.fronts.get(&(kind, name)) {
            return Some(self.whose((*at, None)));
        }
        let own = (kind == Kind::Service).then_some(name);
        let mut names = own
            .into_iter()
            .chain(leads.iter().map(|(name, _)| name.as_str()));
        let found = names.find_map(|name| self.services.get(name))?;
        Some(self.whose(*found))
    }

    /// What selects these pods belongs to the slot whose pods they are; none: to no slot, or both.
    pub(super) fn selected(&self, selector: &Labels) -> Option<Whose> {
        let first = selector.first_key_value()?;
        let label = (first.0.clone(), first.1.clone());
        let found =
            self.labels.get(&label)?.iter().find(|(at, slot)| {
                matches(selector, &self.records[*at].adopted.selectors[*slot])
            })?;
        Some(self.whose((found.0, Some(found.1))))
    }

    /// Any object, as an event names it.
    pub(super) fn named(&self, index: &Index, kind: &str, name: &str) -> Option<Whose> {
        match kind.parse::<Kind>().ok()? {
            Kind::Deployment => self.deployment(name),
            Kind::ReplicaSet => self.deployment(&of_set(index, name)?),
            Kind::Pod => {
                let (_, pod) = index.pods.get(name)?;
                self.deployment(&workload(index, pod)?)
            }
            Kind::Autoscaler => {
                let (_, scaler) = index.autoscalers.get(name)?;
                self.deployment(&scaler.target)
            }
            Kind::DisruptionBudget => {
                let (_, budget) = index.budgets.get(name)?;
                self.selected(&budget.selector)
            }
            kind if Kind::FRONTS.contains(&kind) => self.front(kind, name, &[]),
            _ => None,
        }
    }
}

/// The Deployment of a ReplicaSet.
fn of_set(index: &Index, name: &str) -> Option<String> {
    let (_, set) = index.sets.get(name)?;
    set.owner.clone()
}

/// The Deployment that a pod is of. ReplicaSets may not be known: their names say it too.
pub(super) fn workload(index: &Index, pod: &Pod) -> Option<String> {
    let set = pod.owner.as_deref()?;
    if index.sets.contains_key(set) {
        return of_set(index, set);
    }
    let hash = pod.labels.get("pod-template-hash")?;
    let name = set.strip_suffix(hash.as_str())?.strip_suffix('-')?;
    Some(name.to_owned())
}
