//! Bringing versions up, scaling and retiring them.
//!
//! Each order is a few writes on different objects, and each of them is safe to repeat: the intent
//! is noted with the last one, so that a driver that died half-way does the rest. Before a slot is
//! touched, whoever calls the original Service directly is led to the slot that serves.
//!
//! No write spans two objects, and the record with its epoch stands on another one than a slot. So a
//! slot is read first, then the rules are asked, and the patch holds only while nothing has been
//! ordered there since: a write that is late by any time meets the orders that came after it.

use std::time::Instant;

use deckwatch_domain::{IntentId, ServiceName, Slot};
use serde_json::{Value, json};

use super::door::{Verb, Write};
use super::failure::Failure;
use super::fetch::Front;
use super::guard::Purpose;
use super::kind::Kind;
use super::object::labels;
use super::record::{self, Record, annotation_ops, slot_labels};
use super::template::{self, Filled};
use super::{KubernetesPlatform, PATIENCE, broken, malformed, writer};
use crate::model::{Action, Applied, Order, PlatformError, Rejection, ReleaseSpec};
use crate::rules;

/// The most instances that can be asked for.
pub(super) const MOST_INSTANCES: u32 = 10_000;
/// How often an order that somebody overtook is decided again.
const MOST_RACES: usize = 8;

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
        let mut warnings = Vec::new();
        for _ in 0..MOST_RACES {
            let front = self.front(service, PATIENCE).await?;
            rules::change_slot(&front.record.traffic, order)?;
            as_recorded(&front, order)?;
            let repeated = match self
                .slot_once(service, &front, order, &mut warnings)
                .await?
            {
                Slotted::Done => false,
                Slotted::Repeated => true,
                Slotted::Again => continue,
            };
            return Ok(Applied {
                intent: order.intent,
                traffic: front.record.traffic,
                repeated,
                took_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
                warnings,
            });
        }
        Err(PlatformError::Unreachable {
            why: format!("a slot of {service} kept changing while it was written"),
        })
    }

    async fn slot_once(
        &self,
        service: &ServiceName,
        front: &Front,
        order: &Order,
        warnings: &mut Vec<String>,
    ) -> Result<Slotted, PlatformError> {
        match &order.action {
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
                self.bring_up(service, order, &asked, warnings).await
            }
            Action::Retire { slot } => {
                self.door().admits(Purpose::Forward)?;
                self.retire(service, front, order, *slot).await
            }
            Action::Scale { slot, instances } => {
                self.scale(service, front, order, *slot, *instances, warnings)
                    .await
            }
            _ => Err(malformed("this is not a slot order")),
        }
    }

    async fn bring_up(
        &self,
        service: &ServiceName,
        order: &Order,
        asked: &Asked<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Slotted, PlatformError> {
        let slot = asked.slot;
        let front = self.front(service, PATIENCE).await?;
        let adopted = &front.record.adopted;
        let there = self
            .read(Kind::Deployment, &adopted.deployment(slot))
            .await?;
        if there.as_ref().is_some_and(|d| carries(d, order.intent)) {
            return Ok(Slotted::Repeated);
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
        let held = match &there {
            // Its selector cannot change, so its labels stay, and the slot's are added.
            Some(there) => {
                let own = &there["spec"]["template"]["metadata"]["labels"];
                let mut kept = labels(own);
                kept.extend(slot_labels(service, slot));
                filled.template["metadata"]["labels"] = json!(kept);
                self.replace(there, order, asked, &filled).await?
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
                self.create(&record, order, asked, from, &filled).await?
            }
        };
        if !held {
            return Ok(Slotted::Again);
        }
        self.follow_with_autoscaler(&record, slot, asked.instances, Purpose::Forward, warnings)
            .await?;
        Ok(Slotted::Done)
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

    /// Whether nobody else had made it meanwhile.
    async fn create(
        &self,
        record: &Record,
        order: &Order,
        asked: &Asked<'_>,
        from: &Value,
        filled: &Filled,
    ) -> Result<bool, PlatformError> {
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
        match self.door().write(&write, PATIENCE).await {
            Ok(object) => self.note_written(Kind::Deployment, &object),
            Err(Failure::Conflict { .. }) => return Ok(false),
            Err(failure) => return Err(failure.told(&record.adopted.slot_name(slot))),
        }
        Ok(true)
    }

    async fn replace(
        &self,
        there: &Value,
        order: &Order,
        asked: &Asked<'_>,
        filled: &Filled,
    ) -> Result<bool, PlatformError> {
        let annotations = template::annotations(asked.release, &filled.replaced);
        let mut ops = annotation_ops(there, &annotations);
        ops.push(json!({"op": "replace", "path": "/spec/template", "value": filled.template}));
        ops.push(json!({"op": "add", "path": "/spec/replicas", "value": asked.instances}));
        self.patch_slot(there, order.intent, Purpose::Forward, ops)
            .await
    }

    /// Patches a slot's Deployment as it was read and notes the intent in the same patch. Whether
    /// nothing had been ordered there meanwhile.
    pub(super) async fn patch_slot(
        &self,
        there: &Value,
        intent: IntentId,
        purpose: Purpose,
        change: Vec<Value>,
    ) -> Result<bool, PlatformError> {
        let name = super::object::name(there);
        let mut intents = record::intents(&there["metadata"]["annotations"]);
        record::note(&mut intents, intent);
        let mut ops = held(there, !scales(&change));
        ops.extend(change);
        let noted = [(record::INTENTS, record::text(&intents))];
        ops.extend(annotation_ops(there, &noted));
        let write = Write {
            purpose,
            verb: Verb::JsonPatch,
            path: self.path(Kind::Deployment, name),
            body: Value::Array(ops),
            dry_run: false,
        };
        match self.door().write(&write, PATIENCE).await {
            Ok(object) => {
                self.note_written(Kind::Deployment, &object);
                Ok(true)
            }
            Err(Failure::Conflict { .. } | Failure::NotFound) => Ok(false),
            // The precondition in a patch fails the same way as an object that is not valid.
            Err(Failure::Invalid { why }) => {
                let now = self.read(Kind::Deployment, name).await?;
                let same = |now: Value| held(&now, true) == held(there, true);
                match now.is_some_and(same) {
                    true => Err(broken(why)),
                    false => Ok(false),
                }
            }
            Err(failure) => Err(failure.told(name)),
        }
    }

    async fn retire(
        &self,
        service: &ServiceName,
        front: &Front,
        order: &Order,
        slot: Slot,
    ) -> Result<Slotted, PlatformError> {
        let name = front.record.adopted.deployment(slot);
        let there = self.read(Kind::Deployment, &name).await?;
        let record = self.make_way(service, order, slot).await?;
        let Some(there) = there else {
            return Ok(Slotted::Done);
        };
        if carries(&there, order.intent) && there["spec"]["replicas"] == 0 {
            return Ok(Slotted::Repeated);
        }
        let copy = record.adopted.slot_name(slot);
        if copy == name {
            self.delete(Kind::Autoscaler, &copy).await?;
        }
        let stop = vec![json!({"op": "add", "path": "/spec/replicas", "value": 0})];
        let held = self.patch_slot(&there, order.intent, Purpose::Forward, stop);
        Ok(match held.await? {
            true => Slotted::Done,
            false => Slotted::Again,
        })
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

/// Where somebody else has led the traffic, what the record says of a slot is not known to be so: it may
/// carry traffic although its weight is none. More instances do no harm.
fn as_recorded(front: &Front, order: &Order) -> Result<(), PlatformError> {
    if matches!(order.action, Action::Scale { instances, .. } if instances > 0) {
        return Ok(());
    }
    match writer::drift(front.place.kind, &front.object, &front.record) {
        Some(drift) => Err(Rejection::Drifted { drift }.into()),
        None => Ok(()),
    }
}

/// How one try of an order ended.
pub(super) enum Slotted {
    Done,
    /// It had been carried out before.
    Repeated,
    /// Somebody else was faster.
    Again,
}

/// What is brought up.
struct Asked<'a> {
    slot: Slot,
    release: &'a ReleaseSpec,
    instances: u32,
}

/// The preconditions of a patch of a slot: nothing has been ordered there since it was read, and (of
/// one that does not only scale) its spec is the same. Its status changes all the time and is no
/// reason to look again. Before anything was ordered there, it is the version all the same.
fn held(there: &Value, spec: bool) -> Vec<Value> {
    let Some(intents) = there["metadata"]["annotations"].get(record::INTENTS) else {
        return vec![record::unchanged(there)];
    };
    let path = format!("/metadata/annotations/{}", record::escaped(record::INTENTS));
    let mut tests = vec![json!({"op": "test", "path": path, "value": intents})];
    if spec {
        let generation = &there["metadata"]["generation"];
        tests.push(json!({"op": "test", "path": "/metadata/generation", "value": generation}));
    }
    tests
}

/// Whether a patch is only about the number of instances: an autoscaler changes that too.
fn scales(change: &[Value]) -> bool {
    change.iter().all(|op| op["path"] == "/spec/replicas")
}

/// Whether an object notes an intent as carried out.
pub(super) fn carries(object: &Value, intent: IntentId) -> bool {
    record::intents(&object["metadata"]["annotations"]).contains(&intent)
}
