//! Settling a change from elsewhere: a person says which of the two is the truth from now on.
//!
//! Either the object is made to do what the record says again, or the record takes over what the
//! object does. The second asks the rules' questions too: no traffic for a slot that nobody knows.

use deckwatch_domain::{PerSlot, Role, ServiceName, Slot, Weights};
use serde::{Deserialize, Serialize};

use super::fetch::Front;
use super::guard::Purpose;
use super::record::Record;
use super::traffic::{MOST_RACES, Tried, overtaken};
use super::{KubernetesPlatform, PATIENCE, look, malformed, writer};
use crate::model::{Drift, PlatformError};

/// Whose traffic holds from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Truth {
    /// What the record says is written again.
    Ours,
    /// What was changed from elsewhere is taken into the record.
    Theirs,
}

/// A change that was settled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    pub drift: Drift,
    /// The weights that hold now.
    pub weights: Weights,
}

impl KubernetesPlatform {
    /// Settles a change of a service's traffic from elsewhere; none: there is none.
    ///
    /// # Errors
    /// [`PlatformError::Rejected`] where theirs is nothing that the record could say; otherwise as
    /// those of a forward write.
    pub async fn settle(
        &self,
        service: &ServiceName,
        truth: Truth,
    ) -> Result<Option<Settled>, PlatformError> {
        self.door().admits(Purpose::Upkeep)?;
        for _ in 0..MOST_RACES {
            let front = self.front(service, PATIENCE).await?;
            let kind = front.place.kind;
            let Some(drift) = writer::drift(kind, &front.object, &front.record) else {
                return Ok(None);
            };
            let ready = match truth {
                Truth::Ours => PerSlot::new(|_| 0),
                Truth::Theirs => {
                    let index = self.scene(&front.record).await?;
                    PerSlot::new(|slot| look::ready(&index, &front.record, slot))
                }
            };
            let record = settled(&front, truth, ready).map_err(malformed)?;
            let weights = record.traffic.weights;
            if let Tried::Done(_) = self
                .commit(&front, record, Purpose::Upkeep, PATIENCE)
                .await?
            {
                return Ok(Some(Settled { drift, weights }));
            }
        }
        Err(overtaken(service))
    }
}

/// The record that a settled change leaves. Of ours, `ready` is not looked at.
fn settled(front: &Front, truth: Truth, ready: PerSlot<u32>) -> Result<Record, String> {
    let mut record = front.record.clone();
    record.traffic.revision = record.traffic.revision.wrapping_add(1);
    if truth == Truth::Ours {
        return Ok(record);
    }
    let weights = writer::theirs(front.place.kind, &front.object, &front.record)?;
    for slot in Slot::BOTH {
        if weights.of(slot) == 0 {
            continue;
        }
        let lacks = match record.traffic.roles[slot] {
            Role::Free => "nothing stands there that a release has brought up",
            _ if ready[slot] == 0 => "no instance there is ready",
            _ => continue,
        };
        return Err(format!(
            "it says {weights}, and of {slot}: {lacks}; write ours again"
        ));
    }
    record.traffic.weights = weights;
    // What only differs by more than weights is put right with it, or this would be asked again.
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::fetch::Place;
    use crate::kubernetes::kind::Kind;
    use crate::kubernetes::record::tests::{patched, record};
    use serde_json::json;

    const READY: PerSlot<u32> = PerSlot { blue: 1, green: 1 };

    fn front(blue: u64, green: u64) -> Front {
        let mut object = json!({"metadata": {"name": "shop"}, "spec": {"rules": [{"backendRefs": [
            {"name": "web-blue", "weight": blue}, {"name": "web-green", "weight": green}]}]}});
        object = patched(&object, &record().ops(&object));
        Front {
            place: Place {
                kind: Kind::HttpRoute,
                name: "shop".into(),
            },
            object,
            record: record(),
        }
    }

    #[test]
    fn theirs_becomes_the_truth_or_ours_is_written_again() {
        let front = front(60, 40);
        let kept = settled(&front, Truth::Theirs, READY).unwrap();
        assert_eq!(kept.traffic.weights, Weights::toward(Slot::Green, 40));
        assert_eq!(kept.traffic.revision, front.record.traffic.revision + 1);
        assert_eq!(kept.traffic.way_back, front.record.traffic.way_back);
        let drift = |record: &Record| writer::drift(Kind::HttpRoute, &front.object, record);
        assert!(drift(&front.record).is_some() && drift(&kept).is_none());
        let ours = settled(&front, Truth::Ours, READY).unwrap();
        assert_eq!(ours.traffic.weights, front.record.traffic.weights);
    }

    #[test]
    fn what_the_record_cannot_say_is_not_kept() {
        let said = settled(&front(2, 1), Truth::Theirs, READY).unwrap_err();
        assert!(said.contains("2 to 1"), "{said}");
        let mut free = front(0, 1);
        free.record.traffic.roles.green = Role::Free;
        let said = settled(&free, Truth::Theirs, READY).unwrap_err();
        assert!(said.contains("of green: nothing stands there"), "{said}");
        let none = PerSlot { blue: 1, green: 0 };
        let said = settled(&front(50, 50), Truth::Theirs, none).unwrap_err();
        assert!(said.contains("no instance there is ready"), "{said}");
        let mut other = front(50, 50);
        other.object["spec"]["rules"][0]["backendRefs"][0]["name"] = json!("elsewhere");
        let said = settled(&other, Truth::Theirs, READY).unwrap_err();
        assert!(said.contains("elsewhere"), "{said}");
    }
}
