//! A Service alone in front: its selector leads to one slot or the other, never to both.

use deckwatch_domain::{Slot, Weights};
use serde_json::{Value, json};

use super::TrafficWriter;
use crate::kubernetes::object::labels;
use crate::kubernetes::record::{Labels, Record};
use crate::model::Traffic;

pub(super) struct Selector;

/// The slot that has all the weight.
fn whole(weights: &Weights) -> Option<Slot> {
    Slot::BOTH.into_iter().find(|s| weights.of(*s) == 100)
}

fn wanted(record: &Record) -> Result<&Labels, String> {
    let slot = whole(&record.traffic.weights).ok_or_else(|| {
        format!(
            "a Service leads to one slot, and the record says {}",
            record.traffic.weights
        )
    })?;
    Ok(&record.adopted.selectors[slot])
}

impl TrafficWriter for Selector {
    fn refuses(&self, traffic: &Traffic) -> Option<String> {
        if whole(&traffic.weights).is_none() {
            return Some(format!(
                "a Service leads all its traffic to one slot: {} cannot be shared out without a route in \
                 front of it; use a blue-green plan",
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
        if labels(&object["spec"]["selector"]) == *wanted {
            return Ok(Vec::new());
        }
        Ok(vec![
            json!({"op": "add", "path": "/spec/selector", "value": wanted}),
        ])
    }

    fn differs(&self, object: &Value, record: &Record) -> Option<String> {
        let found = labels(&object["spec"]["selector"]);
        let wanted = wanted(record).ok()?;
        (found != *wanted).then(|| {
            format!(
                "the Service selects {}, and the record says {}",
                written(&found),
                written(wanted)
            )
        })
    }

    fn release(&self, _: &Value, record: &Record) -> Result<Vec<Value>, String> {
        let selector = &record.adopted.original_selector;
        Ok(vec![
            json!({"op": "add", "path": "/spec/selector", "value": selector}),
        ])
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
mod tests {
    use super::*;
    use crate::kubernetes::record::tests::{patched, record};

    fn service(selector: Value) -> Value {
        json!({"metadata": {"name": "web-svc"}, "spec": {"selector": selector}})
    }

    #[test]
    fn the_selector_follows_the_slot_that_has_everything() {
        let mut record = record();
        record.traffic.weights = Weights::all_to(Slot::Green);
        let before = service(json!({"app": "web"}));
        let said = Selector.differs(&before, &record).unwrap();
        assert!(said.contains("selects app=web,"), "{said}");
        let ops = Selector.route(&before, &record).unwrap();
        let after = patched(&before, &ops);
        assert_eq!(
            labels(&after["spec"]["selector"]),
            record.adopted.selectors.green
        );
        assert!(Selector.route(&after, &record).unwrap().is_empty());
        assert_eq!(Selector.differs(&after, &record), None);
        let back = patched(&after, &Selector.release(&after, &record).unwrap());
        assert_eq!(back, before);
    }

    #[test]
    fn shares_and_audiences_are_refused() {
        let mut traffic = record().traffic;
        let said = Selector.refuses(&traffic).unwrap();
        assert!(said.contains("blue 90 · green 10"), "{said}");
        traffic.weights = Weights::all_to(Slot::Green);
        assert_eq!(Selector.refuses(&traffic), None);
        traffic.audience = Some(crate::audience::Audience {
            flag: "new".into(),
            by: crate::AudienceBy::Header {
                name: "x-id".into(),
            },
            listed: vec!["ana".into()],
            share: 0,
            salt: String::new(),
        });
        assert!(Selector.refuses(&traffic).unwrap().contains("audience"));
    }
}
