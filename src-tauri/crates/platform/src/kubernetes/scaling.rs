//! How many instances a slot has, beside autoscalers and disruption budgets that are not ours.
//!
//! The adopted Deployment's autoscaler is left alone. The other slot has a copy of it whose minimum
//! follows what is asked, so that it does not undo it.

use deckwatch_domain::{ServiceName, Slot};
use serde_json::json;

use super::door::{Verb, Write};
use super::fetch::Front;
use super::guard::Purpose;
use super::kind::Kind;
use super::object::{Autoscaler, Budget, Deployment, matches};
use super::record::{self, Record};
use super::slots::{self, MOST_INSTANCES, Slotted};
use super::{KubernetesPlatform, PATIENCE, look, malformed, template, traffic};
use crate::model::{Order, PlatformError};
use crate::rules;

impl KubernetesPlatform {
    pub(super) async fn scale(
        &self,
        service: &ServiceName,
        front: &Front,
        order: &Order,
        slot: Slot,
        instances: u32,
        warnings: &mut Vec<String>,
    ) -> Result<Slotted, PlatformError> {
        let name = front.record.adopted.deployment(slot);
        let there = self.read(Kind::Deployment, &name).await?;
        let there = there
            .ok_or_else(|| malformed(format!("nothing stands in {slot} that could be scaled")))?;
        if slots::carries(&there, order.intent) {
            return Ok(Slotted::Repeated);
        }
        // After what is patched was read: see `slots`.
        let front = self.front(service, PATIENCE).await?;
        rules::change_slot(&front.record.traffic, order)?;
        let record = &front.record;
        if instances > MOST_INSTANCES {
            return Err(malformed(format!(
                "{instances} instances: at most {MOST_INSTANCES}"
            )));
        }
        let has = Deployment::of(&there).replicas;
        let purpose = traffic::purpose(order, record, has);
        self.door().admits(purpose)?;
        if instances < has {
            self.above_budget(&front, slot, instances).await?;
        }
        self.follow_with_autoscaler(record, slot, instances, purpose, warnings)
            .await?;
        let count = vec![json!({"op": "add", "path": "/spec/replicas", "value": instances})];
        let held = self.patch_slot(&there, order.intent, purpose, count);
        Ok(match held.await? {
            true => Slotted::Done,
            false => Slotted::Again,
        })
    }

    /// A slot that serves keeps what the disruption budget of the adopted pods promises.
    async fn above_budget(
        &self,
        front: &Front,
        slot: Slot,
        instances: u32,
    ) -> Result<(), PlatformError> {
        let record = &front.record;
        let traffic = &record.traffic;
        let counted_on =
            traffic.weights.of(slot) > 0 || traffic.way_back.is_some_and(|back| back.slot == slot);
        if !counted_on {
            return Ok(());
        }
        let index = self.scene(record).await?;
        let full = look::look(&index, front.place.kind, record, None, super::now()).instances;
        let least = look::least(&index, &record.adopted, full);
        match instances < least {
            true => Err(malformed(format!(
                "a disruption budget keeps {least} instances of what serves; {instances} are fewer"
            ))),
            false => Ok(()),
        }
    }

    /// Where an autoscaler decides, it is told first: otherwise it undoes what is asked.
    pub(super) async fn follow_with_autoscaler(
        &self,
        record: &Record,
        slot: Slot,
        instances: u32,
        purpose: Purpose,
        warnings: &mut Vec<String>,
    ) -> Result<(), PlatformError> {
        let adopted = &record.adopted;
        let all = self.list(Kind::Autoscaler, "", PATIENCE).await;
        let all = all.map_err(|f| f.told(Kind::Autoscaler.plural()))?;
        let of = |name: &str| all.iter().find(|a| Autoscaler::of(a).target == name);
        let Some(original) = of(&adopted.deployment) else {
            return Ok(());
        };
        let (name, most) = (adopted.slot_name(slot), Autoscaler::of(original).max);
        if instances > most {
            warnings.push(format!(
                "the autoscaler allows {most} instances at most, and {instances} were asked for"
            ));
        }
        if adopted.deployment(slot) == adopted.deployment {
            let least = Autoscaler::of(original).min;
            if instances > 0 && instances < least {
                warnings.push(format!(
                    "the adopted Deployment's own autoscaler keeps at least {least} instances"
                ));
            }
            return Ok(());
        }
        if instances == 0 {
            return self.delete(Kind::Autoscaler, &name).await;
        }
        let (verb, path, body) = match of(&name) {
            Some(copy) => {
                let least = template::floor(&copy["spec"], instances);
                let body = json!({"spec": {"minReplicas": least}});
                (Verb::MergePatch, self.path(Kind::Autoscaler, &name), body)
            }
            None => (
                Verb::Create,
                Kind::Autoscaler.all(self.namespace()),
                template::autoscaler(original, adopted, slot, instances),
            ),
        };
        let write = Write {
            purpose,
            verb,
            path,
            body,
            dry_run: false,
        };
        let object = self.door().write(&write, PATIENCE).await;
        let object = object.map_err(|f| f.told(&name))?;
        self.note_written(Kind::Autoscaler, &object);
        Ok(())
    }

    /// The selectors of the disruption budgets that find these pods.
    pub(super) async fn budgets_over(
        &self,
        pods: &record::Labels,
    ) -> Result<Vec<record::Labels>, PlatformError> {
        let all = self.list(Kind::DisruptionBudget, "", PATIENCE).await;
        let all = all.map_err(|f| f.told(Kind::DisruptionBudget.plural()))?;
        let selectors = all.iter().map(|b| Budget::of(b).selector);
        Ok(selectors.filter(|s| matches(s, pods)).collect())
    }
}
