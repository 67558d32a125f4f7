//! Bringing versions up, scaling and retiring them.
//!
//! Each order is a few writes on different objects, and each of them is safe to repeat: the intent
//! is noted with the last one, so that a driver that died half-way does the rest. Before a slot is
//! touched, whoever calls the original Service directly is led to the slot that serves.

use std::time::Instant;

use deckwatch_domain::{IntentId, ServiceName, Slot};
use serde_json::{Value, json};

use super::door::{Verb, Write};
use super::failure::Failure;
use super::guard::Purpose;
use super::kind::Kind;
use super::object::labels;
use super::record::{self, Record, annotation_ops, slot_labels};
use super::template::{self, Filled};
use super::{KubernetesPlatform, PATIENCE, broken, malformed};
use crate::model::{Action, Applied, Order, PlatformError, ReleaseSpec};
use crate::rules;

/// The most instances that can be asked for.
pub(super) const MOST_INSTANCES: u32 = 10_000;
/// How often a change of a Deployment that somebody overtook is tried again.
const MOST_RACES: usize = 5;

impl KubernetesPlatform {
    pub(super) async fn change_slot(
        &self,
        service: &ServiceName,
        order: &Order,
    ) -> Result<Applied, PlatformError> {
        let began = Instant::now();
        if !matches!(order.action, Action::Scale { .. }) {
            self.door().courtesy(PATIENCE).await;
        }
        let front = self.front(service, PATIENCE).await?;
        rules::change_slot(&front.record.traffic, order)?;
        let mut warnings = Vec::new();
        let repeated = match &order.action {
            Action::BringUp {
                slot,
                release,
                instances,
            } => {
                self.door().admits(Purpose::Forward)?;
                if *instances == 0 || *instances > MOST_INSTANCES {
                    return Err(malformed(format!(
                        "{instances} instances: 1 to {MOST_INSTANCES} can be brought up"
                    )));
                }
                let asked = Asked {
                    slot: *slot,
                    release,
                    instances: *instances,
                };
                self.bring_up(service, order, &asked, &mut warnings).await?
            }
            Action::Retire { slot } => {
                self.door().admits(Purpose::Forward)?;
                self.retire(service, order, *slot).await?
            }
            Action::Scale { slot, instances } => {
                self.scale(&front, order, *slot, *instances, &mut warnings)
                    .await?;
                false
            }
            _ => return Err(malformed("this is not a slot order")),
        };
        Ok(Applied {
            intent: order.intent,
            traffic: front.record.traffic,
            repeated,
            took_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            warnings,
        })
    }

    /// Whether it had been brought up already.
    async fn bring_up(
        &self,
        service: &ServiceName,
        order: &Order,
        asked: &Asked<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<bool, PlatformError> {
        let slot = asked.slot;
        let front = self.front(service, PATIENCE).await?;
        let adopted = &front.record.adopted;
        let there = self
            .read(Kind::Deployment, &adopted.deployment(slot))
            .await?;
        if there.as_ref().is_some_and(|d| carries(d, order.intent)) {
            return Ok(true);
        }
        let other = adopted.deployment(slot.other());
        let other = self.read(Kind::Deployment, &other).await?;
        let from = other.as_ref().or(there.as_ref()).ok_or_else(|| {
            broken(format!(
                "neither slot of {service} has a Deployment to be made like"
            ))
        })?;
        let mut filled = template::fill(from, &adopted.container, asked.release, order.intent)?;
        let record = self.make_way(service, order, slot).await?;
        match &there {
            // Its selector cannot change, so its labels stay, and the slot's are added.
            Some(there) => {
                let own = &there["spec"]["template"]["metadata"]["labels"];
                let mut kept = labels(own);
                kept.extend(slot_labels(service, slot));
                filled.template["metadata"]["labels"] = json!(kept);
                self.replace(there, order, asked, &filled).await?;
            }
            None => {
                let adopted_there = self
                    .read(Kind::Deployment, &record.adopted.deployment)
                    .await?;
                let base = adopted_there.as_ref().unwrap_or(from);
                let pods = labels(&base["spec"]["template"]["metadata"]["labels"]);
                let budgets = self.budgets_over(&pods).await?;
                let reserved = template::reserved(&record.adopted, base, &budgets);
                template::relabel(&mut filled.template, &record.adopted, slot, &reserved);
                self.create(&record, order, asked, from, &filled).await?;
            }
        }
        self.follow_with_autoscaler(&record, slot, asked.instances, Purpose::Forward, warnings)
            .await?;
        Ok(false)
    }

    /// Before a slot is replaced or stopped: its pods will be found by the slot's own labels, and
    /// direct callers are led to the other one.
    async fn make_way(
        &self,
        service: &ServiceName,
        order: &Order,
        slot: Slot,
    ) -> Result<Record, PlatformError> {
        let front = self.front(service, PATIENCE).await?;
        let adopted = &front.record.adopted;
        let serving = slot.other();
        let moves = front.place.kind != Kind::Service
            && adopted.follows == slot
            && front.record.traffic.weights.of(serving) == 100;
        if moves {
            let selector = &adopted.selectors[serving];
            self.select(&adopted.original, selector).await?;
        }
        let bring_up = matches!(order.action, Action::BringUp { .. });
        let own = slot_labels(service, slot);
        let record = self
            .amend(service, order, &|record: &mut Record| {
                if moves {
                    record.adopted.follows = serving;
                }
                if bring_up {
                    record.adopted.selectors[slot] = own.clone();
                }
            })
            .await?;
        if bring_up {
            self.select(&record.adopted.slot_name(slot), &own).await?;
        }
        Ok(record)
    }

    /// Makes a Service select these labels.
    async fn select(&self, name: &str, selector: &record::Labels) -> Result<(), PlatformError> {
        let there = self.read(Kind::Service, name).await?;
        let there = there.ok_or_else(|| broken(format!("the Service {name} is not there")))?;
        if labels(&there["spec"]["selector"]) == *selector {
            return Ok(());
        }
        let body = json!([{"op": "add", "path": "/spec/selector", "value": selector}]);
        self.patch(Kind::Service, name, body, Purpose::Forward)
            .await?;
        Ok(())
    }

    async fn create(
        &self,
        record: &Record,
        order: &Order,
        asked: &Asked<'_>,
        from: &Value,
        filled: &Filled,
    ) -> Result<(), PlatformError> {
        let (slot, instances) = (asked.slot, asked.instances);
        let mut made = template::deployment(
            from,
            &record.adopted,
            slot,
            filled,
            asked.release,
            instances,
        );
        made["metadata"]["annotations"][record::INTENTS] = json!(record::text(&[order.intent]));
        let write = Write {
            purpose: Purpose::Forward,
            verb: Verb::Create,
            path: Kind::Deployment.all(self.namespace()),
            body: made,
            dry_run: false,
        };
        let object = self.door().write(&write, PATIENCE).await;
        let object = object.map_err(|f| f.told(&record.adopted.slot_name(slot)))?;
        self.note_written(Kind::Deployment, &object);
        Ok(())
    }

    async fn replace(
        &self,
        there: &Value,
        order: &Order,
        asked: &Asked<'_>,
        filled: &Filled,
    ) -> Result<(), PlatformError> {
        let annotations = template::annotations(asked.release, &filled.replaced);
        let name = super::object::name(there).to_owned();
        self.change_deployment(&name, order.intent, |found| {
            let mut ops = annotation_ops(found, &annotations);
            ops.push(json!({"op": "replace", "path": "/spec/template", "value": filled.template}));
            ops.push(json!({"op": "add", "path": "/spec/replicas", "value": asked.instances}));
            ops
        })
        .await?;
        Ok(())
    }

    /// Patches a Deployment and notes the intent in the same patch. Holds only for the spec that was
    /// read: its status changes all the time, and is no reason to look again.
    async fn change_deployment(
        &self,
        name: &str,
        intent: IntentId,
        change: impl Fn(&Value) -> Vec<Value>,
    ) -> Result<bool, PlatformError> {
        for _ in 0..MOST_RACES {
            let Some(found) = self.read(Kind::Deployment, name).await? else {
                return Ok(false);
            };
            let mut intents = record::intents(&found["metadata"]["annotations"]);
            record::note(&mut intents, intent);
            let generation = &found["metadata"]["generation"];
            let mut ops =
                vec![json!({"op": "test", "path": "/metadata/generation", "value": generation})];
            ops.extend(change(&found));
            ops.extend(annotation_ops(
                &found,
                &[(record::INTENTS, record::text(&intents))],
            ));
            let write = Write {
                purpose: Purpose::Forward,
                verb: Verb::JsonPatch,
                path: self.path(Kind::Deployment, name),
                body: Value::Array(ops),
                dry_run: false,
            };
            match self.door().write(&write, PATIENCE).await {
                Ok(object) => {
                    self.note_written(Kind::Deployment, &object);
                    return Ok(true);
                }
                Err(Failure::Conflict { .. }) => {}
                Err(Failure::Invalid { why }) => {
                    let now = self.read(Kind::Deployment, name).await?.unwrap_or_default();
                    if now["metadata"]["generation"] == *generation {
                        return Err(broken(why));
                    }
                }
                Err(failure) => return Err(failure.told(name)),
            }
        }
        Err(PlatformError::Unreachable {
            why: format!("the Deployment {name} kept changing while it was written"),
        })
    }

    /// Whether it had been retired by this very order.
    async fn retire(
        &self,
        service: &ServiceName,
        order: &Order,
        slot: Slot,
    ) -> Result<bool, PlatformError> {
        let record = self.make_way(service, order, slot).await?;
        let name = record.adopted.deployment(slot);
        let Some(there) = self.read(Kind::Deployment, &name).await? else {
            return Ok(false);
        };
        let stopped = there["spec"]["replicas"] == 0;
        if carries(&there, order.intent) && stopped {
            return Ok(true);
        }
        let copy = record.adopted.slot_name(slot);
        if copy == name {
            self.delete(Kind::Autoscaler, &copy).await?;
        }
        self.change_deployment(&name, order.intent, |_| {
            vec![json!({"op": "add", "path": "/spec/replicas", "value": 0})]
        })
        .await?;
        Ok(false)
    }

    pub(super) async fn patch(
        &self,
        kind: Kind,
        name: &str,
        body: Value,
        purpose: Purpose,
    ) -> Result<Value, PlatformError> {
        let write = Write {
            purpose,
            verb: Verb::JsonPatch,
            path: self.path(kind, name),
            body,
            dry_run: false,
        };
        let object = self.door().write(&write, PATIENCE).await;
        let object = object.map_err(|f| f.told(name))?;
        self.note_written(kind, &object);
        Ok(object)
    }

    /// Deletes what was made here. What is gone already is no failure.
    pub(super) async fn delete(&self, kind: Kind, name: &str) -> Result<(), PlatformError> {
        let write = Write {
            purpose: Purpose::Forward,
            verb: Verb::Delete,
            path: self.path(kind, name),
            body: Value::Null,
            dry_run: false,
        };
        match self.door().write(&write, PATIENCE).await {
            Ok(_) | Err(Failure::NotFound) => {
                let key = (kind, name.to_owned());
                super::lock(&self.shared.written).remove(&key);
                Ok(())
            }
            Err(failure) => Err(failure.told(name)),
        }
    }
}

/// What is brought up.
struct Asked<'a> {
    slot: Slot,
    release: &'a ReleaseSpec,
    instances: u32,
}

/// Whether an object notes an intent as carried out.
fn carries(object: &Value, intent: IntentId) -> bool {
    record::intents(&object["metadata"]["annotations"]).contains(&intent)
}
