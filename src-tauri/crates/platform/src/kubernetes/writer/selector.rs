//! A Service alone in front: its selector leads to one slot, or to the pods of both.
//!
//! Where it leads to both, every ready pod gets as much as any other, so the share of a slot is its
//! share of the ready instances. That takes a label that the pods of both slots have and nobody else's:
//! ours, which pods carry from their first release on. The adopted pods have none of it.

use deckwatch_domain::{PerSlot, Role, Slot, Weights};
use serde_json::{Value, json};

use super::TrafficWriter;
use crate::kubernetes::object::labels;
use crate::kubernetes::record::{Adopted, Labels, Record, SERVICE};
use crate::model::{Sharing, share};

pub(super) struct Selector;

/// The slot that has all the weight.
fn whole(weights: &Weights) -> Option<Slot> {
    Slot::BOTH.into_iter().find(|s| weights.of(*s) == 100)
}

/// Whether a slot's pods carry our label.
fn labelled(adopted: &Adopted, slot: Slot) -> bool {
    let service = adopted.selectors[slot].get(SERVICE);
    service.is_some_and(|found| *found == adopted.service.as_str())
}

/// The labels by which the pods of both slots are found, and nobody else's.
fn both(adopted: &Adopted) -> Option<Labels> {
    let all = Slot::BOTH.into_iter().all(|slot| labelled(adopted, slot));
    all.then(|| Labels::from([(SERVICE.into(), adopted.service.to_string())]))
}

const UNLABELLED: &str = "the pods of what was adopted have no label that a second version could share with them, and \
     giving them one would restart them; the release after the next can be a canary, once one has gone out \
     blue-green";

/// How finely a Service can share out the traffic of this record.
///
/// `autoscaled`: an autoscaler decides how many instances the adopted Deployment has.
pub fn sharing(record: &Record, autoscaled: bool) -> Sharing {
    let stable = record.traffic.roles.playing(Role::Stable);
    let why = if autoscaled {
        "an autoscaler decides how many instances there are, and with them it would decide the shares"
    } else if stable.is_some_and(|slot| labelled(&record.adopted, slot)) {
        return Sharing::Instances;
    } else {
        UNLABELLED
    };
    Sharing::Whole { why: why.into() }
}

/// What so many ready instances make of a Service that leads to both slots.
pub fn reached(ready: PerSlot<u32>) -> Option<Weights> {
    let all = ready.blue.saturating_add(ready.green);
    (all > 0).then(|| Weights::toward(Slot::Green, share(ready.green, all)))
}

/// The weights that a forward write really brings about, if they are those that were asked for.
///
/// # Errors
/// That the instances that are ready make something else of it, in words.
pub fn meant(asked: Weights, ready: PerSlot<u32>) -> Result<Weights, String> {
    if whole(&asked).is_some() || asked == Weights::NONE {
        return Ok(asked);
    }
    let found = reached(ready).ok_or_else(|| "no instance is ready".to_owned())?;
    // Rounded, and no more than that.
    match found.of(Slot::Green).abs_diff(asked.of(Slot::Green)) <= 1 {
        true => Ok(found),
        false => Err(format!(
            "{asked} was asked for, and {} ready instances in blue and {} in green make {found} of it",
            ready.blue, ready.green
        )),
    }
}

fn wanted(record: &Record) -> Result<Labels, String> {
    if let Some(slot) = whole(&record.traffic.weights) {
        return Ok(record.adopted.selectors[slot].clone());
    }
    both(&record.adopted).ok_or_else(|| {
        format!(
            "a Service leads to one slot, and the record says {}",
            record.traffic.weights
        )
    })
}

impl TrafficWriter for Selector {
    fn refuses(&self, record: &Record) -> Option<String> {
        let traffic = &record.traffic;
        if whole(&traffic.weights).is_none() && both(&record.adopted).is_none() {
            return Some(format!(
                "a Service leads all its traffic to one slot, so {} cannot be shared out: {UNLABELLED}",
                traffic.weights
            ));
        }
        let leads = traffic.audience.as_ref().is_some_and(|a| !a.is_empty());
        leads.then(|| "a Service cannot tell requests apart, so it leads no audience".into())
    }

    fn adoptable(&self, _: &Value, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn route(&self, object: &Value, record: &Record) -> Result<Vec<Value>, String> {
        let wanted = wanted(record)?;
        if labels(&object["spec"]["selector"]) == wanted {
            return Ok(Vec::new());
        }
        Ok(vec![
            json!({"op": "add", "path": "/spec/selector", "value": wanted}),
        ])
    }

    fn differs(&self, object: &Value, record: &Record) -> Option<String> {
        let found = labels(&object["spec"]["selector"]);
        let wanted = wanted(record).ok()?;
        (found != wanted).then(|| {
            format!(
                "the Service selects {}, and the record says {}",
                written(&found),
                written(&wanted)
            )
        })
    }

    fn release(&self, _: &Value, record: &Record) -> Result<Vec<Value>, String> {
        let selector = &record.adopted.original_selector;
        Ok(vec![
            json!({"op": "add", "path": "/spec/selector", "value": selector}),
        ])
    }

    fn theirs(&self, object: &Value, record: &Record) -> Result<u8, String> {
        let found = labels(&object["spec"]["selector"]);
        let slot = Slot::BOTH
            .into_iter()
            .find(|slot| record.adopted.selectors[*slot] == found);
        match slot {
            Some(slot) => Ok(Weights::all_to(slot).of(Slot::Green)),
            None => Err(format!(
                "it selects {}, which is neither slot; write ours again",
                written(&found)
            )),
        }
    }
}

/// Labels as people write them.
fn written(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    match pairs.is_empty() {
        true => "nothing".into(),
        false => pairs.join(","),
    }
}

#[cfg(test)]
mod tests;
