//! Reading: from the index while it is fresh, from the API server otherwise.

use std::time::Duration;

use deckwatch_domain::{ServiceName, Slot};
use futures_util::future::{join_all, try_join_all};
use serde_json::Value;

use super::failure::Failure;
use super::index::{Event, Index};
use super::kind::Kind;
use super::record::{Labels, Record, SERVICE};
use super::{KubernetesPlatform, PATIENCE, broken, lock, look, now, object, writer};
use crate::model::{Observation, PlatformError, Rejection};

/// Where a service's traffic object is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub kind: Kind,
    pub name: String,
}

/// A service's traffic object, as it was read.
#[derive(Clone, Debug)]
pub(super) struct Front {
    pub place: Place,
    pub object: Value,
    pub record: Record,
}

/// Labels as a query has them.
fn selector(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}%3D{v}")).collect();
    pairs.join(",")
}

impl KubernetesPlatform {
    /// One look out of the index; none: it is not fresh, or does not know the service.
    pub(super) fn observe_index(
        &self,
        service: &ServiceName,
    ) -> Result<Option<Observation>, PlatformError> {
        let index = lock(&self.shared.index);
        if !index.is_fresh(&lock(&self.shared.written)) {
            return Ok(None);
        }
        for (kind, name, object) in index.fronts() {
            // Before it is understood: there may be a thousand others.
            if object["metadata"]["labels"][SERVICE] != service.as_str() {
                continue;
            }
            let Some(record) = Record::of(object).map_err(broken)? else {
                continue;
            };
            if record.adopted.service == *service {
                let name = name.to_owned();
                lock(&self.shared.places).insert(service.clone(), Place { kind, name });
                let drift = writer::drift(kind, object, &record);
                return Ok(Some(look::look(&index, kind, &record, drift, now())));
            }
        }
        Ok(None)
    }

    /// A service's traffic object, read now: by its place if that is known, else by its label.
    pub(super) async fn front(
        &self,
        service: &ServiceName,
        limit: Duration,
    ) -> Result<Front, PlatformError> {
        let known = lock(&self.shared.places).get(service).cloned();
        if let Some(place) = known {
            match self.read_front(&place, limit).await {
                Ok(Some(front)) if front.record.adopted.service == *service => return Ok(front),
                Err(error) => return Err(error),
                // It is gone, or carries something else by now.
                Ok(_) => drop(lock(&self.shared.places).remove(service)),
            }
        }
        self.find_front(service, limit).await
    }

    async fn read_front(
        &self,
        place: &Place,
        limit: Duration,
    ) -> Result<Option<Front>, PlatformError> {
        let path = self.path(place.kind, &place.name);
        let object = match self.door().get(&path, limit).await {
            Ok(object) => object,
            Err(Failure::NotFound) => return Ok(None),
            Err(failure) => return Err(failure.told(&place.name)),
        };
        let record = Record::of(&object).map_err(broken)?;
        Ok(record.map(|record| Front {
            place: place.clone(),
            object,
            record,
        }))
    }

    async fn find_front(
        &self,
        service: &ServiceName,
        limit: Duration,
    ) -> Result<Front, PlatformError> {
        let query = format!("labelSelector={SERVICE}%3D{service}");
        let asked = Kind::FRONTS.map(|kind| self.list(kind, &query, limit));
        let mut failed = None;
        for (kind, answer) in Kind::FRONTS.into_iter().zip(join_all(asked).await) {
            let objects = match answer {
                Ok(objects) => objects,
                Err(failure) => {
                    failed = Some(failure);
                    continue;
                }
            };
            for object in objects {
                // The slots' own Services carry the label and no record.
                let Some(record) = Record::of(&object).map_err(broken)? else {
                    continue;
                };
                let name = object::name(&object).to_owned();
                let place = Place { kind, name };
                lock(&self.shared.places).insert(service.clone(), place.clone());
                return Ok(Front {
                    place,
                    object,
                    record,
                });
            }
        }
        match failed {
            // What could not be read may be what was looked for.
            Some(failure) => Err(failure.told(service.as_str())),
            None => Err(Rejection::UnknownService {
                service: service.clone(),
            }
            .into()),
        }
    }

    pub(super) async fn list_services(&self) -> Result<Vec<ServiceName>, PlatformError> {
        let mut index = Index::default();
        for kind in Kind::FRONTS {
            let query = format!("labelSelector={SERVICE}");
            let objects = self.list(kind, &query, PATIENCE).await;
            let objects = match objects {
                // Whoever may not see these has no service behind them.
                Err(Failure::Denied { .. }) if kind.is_optional() => continue,
                objects => objects.map_err(|f| f.told(kind.plural()))?,
            };
            for object in &objects {
                if let Ok(Some(record)) = Record::of(object) {
                    let name = object::name(object).to_owned();
                    let place = Place { kind, name };
                    lock(&self.shared.places).insert(record.adopted.service, place);
                }
            }
            index.apply(Event::Listed(kind, objects), now());
        }
        Ok(look::services(&index))
    }

    /// Everything about one service's slots, read now.
    pub(super) async fn scene(&self, record: &Record) -> Result<Index, PlatformError> {
        let slot_queries = Slot::BOTH.map(|slot| {
            let labels = selector(&record.adopted.selectors[slot]);
            format!("labelSelector={labels}")
        });
        let mut asked = vec![
            (Kind::EndpointSlice, slot_slices(&record.adopted.service)),
            (Kind::Autoscaler, String::new()),
            (Kind::DisruptionBudget, String::new()),
        ];
        asked.extend(slot_queries.map(|query| (Kind::Pod, query)));
        for slot in Slot::BOTH {
            let name = record.adopted.deployment(slot);
            asked.push((
                Kind::Deployment,
                format!("fieldSelector=metadata.name%3D{name}"),
            ));
        }
        let lists = asked.iter().map(|(kind, query)| async move {
            let objects = self.list(*kind, query, PATIENCE).await;
            objects.map_err(|f| f.told(kind.plural()))
        });
        let lists = try_join_all(lists).await?;
        let mut index = Index::default();
        for ((kind, _), objects) in asked.iter().zip(lists) {
            for object in objects {
                index.apply(Event::Applied(*kind, object), now());
            }
        }
        Ok(index)
    }

    /// The endpoints of a service's slots alone, as the API server has them at hand: what a take-back
    /// may know. A list of the very newest would make it wait about 90 ms for its store.
    pub(super) async fn endpoints(
        &self,
        service: &ServiceName,
        limit: Duration,
    ) -> Result<Index, Failure> {
        let query = format!("{}&resourceVersion=0", slot_slices(service));
        let objects = self.list(Kind::EndpointSlice, &query, limit).await?;
        let mut index = Index::default();
        index.apply(Event::Listed(Kind::EndpointSlice, objects), now());
        Ok(index)
    }

    /// All objects of a kind that a query finds. A kind that the API server does not know has none.
    pub(super) async fn list(
        &self,
        kind: Kind,
        query: &str,
        limit: Duration,
    ) -> Result<Vec<Value>, Failure> {
        let path = format!("{}?{query}", kind.all(&self.shared.namespace));
        match self.door().get(&path, limit).await {
            Ok(mut list) => match list["items"].take() {
                Value::Array(items) => Ok(items),
                _ => Ok(Vec::new()),
            },
            Err(Failure::NotFound) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    /// One object; none when it is not there.
    pub(super) async fn read(
        &self,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Value>, PlatformError> {
        match self.door().get(&self.path(kind, name), PATIENCE).await {
            Ok(object) => Ok(Some(object)),
            Err(Failure::NotFound) => Ok(None),
            Err(failure) => Err(failure.told(&format!("{kind} {name}"))),
        }
    }
}

fn slot_slices(service: &ServiceName) -> String {
    let names = Slot::BOTH.map(|slot| super::record::slot_name(service, slot));
    format!(
        "labelSelector=kubernetes.io/service-name%20in%20({})",
        names.join("%2C")
    )
}
