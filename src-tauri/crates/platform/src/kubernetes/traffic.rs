//! Writing traffic: forward by the rules, and back past everything.
//!
//! Every write is one patch on one object, and holds only while everything that it was decided on
//! is as it was read. When somebody was faster, what they wrote is read and the rules are asked
//! again; a patch is never simply repeated. The way back reads one object and writes it. It looks
//! at the endpoints too, at the same time, because it must not lead into nothing unasked; when they
//! cannot be read it goes without.

use std::time::{Duration, Instant};

use deckwatch_domain::{PerSlot, ServiceName, Slot};
use futures_util::StreamExt as _;
use futures_util::future::join;
use futures_util::stream::FuturesUnordered;

use super::door::{Verb, Write};
use super::failure::Failure;
use super::fetch::Front;
use super::guard::Purpose;
use super::kind::Kind;
use super::record::Record;
use super::{KubernetesPlatform, PATIENCE, broken, look, malformed, writer};
use crate::model::{
    Action, Applied, Order, PlatformError, Rejection, TakeBack, TakeBackRecord, TrafficWrite,
};
use crate::rules;

/// The longest that one call of a take-back may take; the caller repeats it.
const BACK_PATIENCE: Duration = Duration::from_secs(2);
/// The longest that it waits to hear what is ready there; then it goes without knowing.
const BACK_LOOK: Duration = Duration::from_secs(1);
/// When a take-back that has no answer yet is sent once more beside itself, on a connection of its
/// own: the first may hang in one that is dead.
const BACK_HEDGE: Duration = Duration::from_millis(500);
/// How long that goes on before the caller is told: a read and a write that are both as slow as can
/// be still come through.
const BACK_LASTS: Duration = Duration::from_millis(4500);
/// The longest that a take-back obeys the API server's wish to be asked later.
const BACK_OBEDIENCE: Duration = Duration::from_millis(250);
/// The longest that a forward write does.
const OBEDIENCE: Duration = Duration::from_secs(10);
/// How often a write that somebody overtook is decided again.
pub(super) const MOST_RACES: usize = 8;

/// How one try of a write ended.
pub(super) enum Tried {
    Done(Box<Record>),
    /// Somebody else was faster, or the API server is busy for so long.
    Again(Duration),
}

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn applied(order: &Order, record: &Record, began: Instant) -> Applied {
    Applied {
        intent: order.intent,
        traffic: record.traffic.clone(),
        repeated: false,
        took_us: micros(began),
        warnings: Vec::new(),
    }
}

impl KubernetesPlatform {
    pub(super) async fn set_traffic(
        &self,
        service: &ServiceName,
        order: &Order,
        write: &TrafficWrite,
    ) -> Result<Applied, PlatformError> {
        let began = Instant::now();
        self.door().admits(Purpose::Forward)?;
        for _ in 0..MOST_RACES {
            self.door().courtesy(OBEDIENCE).await;
            let front = self.front(service, PATIENCE).await?;
            if front.record.intents.contains(&order.intent) {
                let mut answer = applied(order, &front.record, began);
                answer.repeated = true;
                return Ok(answer);
            }
            let record = self.decide(&front, order, write).await?;
            match self
                .commit(&front, record, Purpose::Forward, PATIENCE)
                .await?
            {
                Tried::Done(record) => return Ok(applied(order, &record, began)),
                // How long it asks to be left alone is obeyed above.
                Tried::Again(_) => {}
            }
        }
        Err(overtaken(service))
    }

    /// The record after a forward write, if it may be made.
    async fn decide(
        &self,
        front: &Front,
        order: &Order,
        write: &TrafficWrite,
    ) -> Result<Record, PlatformError> {
        let index = self.scene(&front.record).await?;
        let ready = PerSlot::new(|slot| look::ready(&index, &front.record, slot));
        let after = rules::set_traffic(&front.record.traffic, ready, order, write)?;
        let kind = front.place.kind;
        if let Some(drift) = writer::drift(kind, &front.object, &front.record) {
            return Err(Rejection::Drifted { drift }.into());
        }
        let mut record = front.record.clone();
        record.traffic = after;
        if let Some(why) = writer::of(kind).refuses(&record) {
            return Err(malformed(why));
        }
        if kind == Kind::Service {
            let asked = record.traffic.weights;
            record.traffic.weights = writer::selector::meant(asked, ready).map_err(malformed)?;
        }
        record.note(order.intent);
        Ok(record)
    }

    /// One try of writing a record where it was read.
    pub(super) async fn commit(
        &self,
        front: &Front,
        record: Record,
        purpose: Purpose,
        limit: Duration,
    ) -> Result<Tried, PlatformError> {
        let write = self.write_of(front, &record, purpose, false)?;
        match self.door().write(&write, limit).await {
            Ok(object) => {
                self.note_written(front.place.kind, &object);
                Ok(Tried::Done(Box::new(record)))
            }
            Err(Failure::Conflict { .. } | Failure::NotFound) => Ok(Tried::Again(Duration::ZERO)),
            // The precondition in a patch fails the same way as an object that is not valid.
            Err(Failure::Invalid { why }) => match self.has_changed(front, limit).await? {
                true => Ok(Tried::Again(Duration::ZERO)),
                false => Err(broken(why)),
            },
            Err(Failure::Busy {
                after: Some(after), ..
            }) => Ok(Tried::Again(after)),
            Err(failure) => Err(self.told(front, failure)),
        }
    }

    fn write_of(
        &self,
        front: &Front,
        record: &Record,
        purpose: Purpose,
        dry_run: bool,
    ) -> Result<Write, PlatformError> {
        let kind = front.place.kind;
        let body = writer::patch(kind, &front.object, record).map_err(|what| {
            let drift = writer::drift(kind, &front.object, record);
            let drift = drift.unwrap_or(crate::model::Drift { by: None, what });
            PlatformError::Rejected(Rejection::Drifted { drift })
        })?;
        Ok(Write {
            purpose,
            verb: Verb::JsonPatch,
            path: self.path(kind, &front.place.name),
            body,
            dry_run,
        })
    }

    /// Names the right that is missing, where one is.
    fn told(&self, front: &Front, failure: Failure) -> PlatformError {
        match failure {
            Failure::Denied { why } => PlatformError::Denied {
                why: format!(
                    "the right to patch {} in {} is missing: {why}",
                    front.place.kind.plural(),
                    self.namespace()
                ),
            },
            failure => failure.told(&front.place.name),
        }
    }

    async fn has_changed(&self, front: &Front, limit: Duration) -> Result<bool, PlatformError> {
        let path = self.path(front.place.kind, &front.place.name);
        let now = self.door().get(&path, limit).await;
        let now = now.map_err(|f| f.told(&front.place.name))?;
        let kind = front.place.kind;
        Ok(writer::held(kind, &now) != writer::held(kind, &front.object))
    }

    /// One try after the other, each beside those that have no answer yet. All carry the same event
    /// id and patch the version that they read: only one can land, and the others find its record.
    pub(super) async fn take_back(
        &self,
        service: &ServiceName,
        order: &Order,
        take: &TakeBack,
    ) -> Result<Applied, PlatformError> {
        // Never closed; if it were, nobody would have to wait.
        let _turn = self.shared.turns.acquire().await.ok();
        let began = Instant::now();
        let mut tries = FuturesUnordered::new();
        while began.elapsed() < BACK_LASTS {
            tries.push(self.take_back_once(service, order, take));
            let hedge = tokio::time::sleep(BACK_HEDGE);
            tokio::pin!(hedge);
            loop {
                tokio::select! {
                    () = &mut hedge => break,
                    answer = tries.next() => match answer {
                        Some(Err(error @ PlatformError::Unreachable { .. })) if tries.is_empty() => {
                            return Err(error);
                        }
                        Some(Err(PlatformError::Unreachable { .. })) | None => {}
                        Some(answer) => return answer,
                    },
                }
            }
        }
        Err(PlatformError::Unreachable {
            why: format!("the API server has not answered for {BACK_LASTS:?}"),
        })
    }

    async fn take_back_once(
        &self,
        service: &ServiceName,
        order: &Order,
        take: &TakeBack,
    ) -> Result<Applied, PlatformError> {
        let began = Instant::now();
        for _ in 0..MOST_RACES {
            let (front, ready, warnings) = self.before_back(service).await?;
            let (mut record, done) = back(&front.record, ready, take)?;
            if record.traffic.revision == front.record.traffic.revision {
                let mut answer = applied(order, &record, began);
                answer.repeated = true;
                return Ok(answer);
            }
            record.note(order.intent);
            tracing::debug!(slot = %done.slot, "taking traffic back");
            match self
                .commit(&front, record, Purpose::WayBack, BACK_PATIENCE)
                .await?
            {
                Tried::Done(record) => {
                    let mut answer = applied(order, &record, began);
                    answer.warnings = warnings;
                    return Ok(answer);
                }
                Tried::Again(after) => tokio::time::sleep(after.min(BACK_OBEDIENCE)).await,
            }
        }
        Err(overtaken(service))
    }

    /// The object to write and what is ready, read at the same time. Endpoints that cannot be read
    /// are no reason to stay.
    async fn before_back(
        &self,
        service: &ServiceName,
    ) -> Result<(Front, PerSlot<u32>, Vec<String>), PlatformError> {
        let front = self.front(service, BACK_PATIENCE);
        let endpoints = self.endpoints(service, BACK_LOOK);
        let (front, endpoints) = join(front, endpoints).await;
        let front = front?;
        match endpoints {
            Ok(index) => {
                let ready = PerSlot::new(|slot| look::ready(&index, &front.record, slot));
                Ok((front, ready, Vec::new()))
            }
            Err(failure) => {
                let why = failure.told("the endpoints");
                let warning =
                    format!("how many instances are ready there could not be read ({why})");
                Ok((front, PerSlot::new(|_| 1), vec![warning]))
            }
        }
    }

    /// The very same patch, which the API server checks and throws away.
    pub(super) async fn rehearse(
        &self,
        service: &ServiceName,
        order: &Order,
        take: &TakeBack,
    ) -> Result<Applied, PlatformError> {
        let began = Instant::now();
        for _ in 0..MOST_RACES {
            let (front, ready, mut warnings) = self.before_back(service).await?;
            let mut anyway = take.clone();
            anyway.now = true;
            let (mut record, done) = back(&front.record, ready, &anyway)?;
            if ready[done.slot] == 0 {
                warnings.push(format!(
                    "no instance in {} is ready: a take-back would wait for one, unless told to go at once",
                    done.slot
                ));
            }
            record.note(order.intent);
            let write = self.write_of(&front, &record, Purpose::WayBack, true)?;
            match self.door().write(&write, BACK_PATIENCE).await {
                Ok(_) => {
                    let mut answer = applied(order, &front.record, began);
                    answer.warnings = warnings;
                    return Ok(answer);
                }
                Err(Failure::Conflict { .. }) => {}
                Err(Failure::Invalid { why }) => {
                    if !self.has_changed(&front, BACK_PATIENCE).await? {
                        return Err(broken(why));
                    }
                }
                Err(failure) => return Err(self.told(&front, failure)),
            }
        }
        Err(overtaken(service))
    }

    /// Writes a changed record that moves no traffic; the front as it is then.
    pub(super) async fn amend(
        &self,
        service: &ServiceName,
        order: &Order,
        change: &(dyn Fn(&mut Record) + Sync),
    ) -> Result<Record, PlatformError> {
        for _ in 0..MOST_RACES {
            let front = self.front(service, PATIENCE).await?;
            // What was allowed a moment ago may no longer be.
            rules::change_slot(&front.record.traffic, order)?;
            let mut record = front.record.clone();
            change(&mut record);
            if record == front.record {
                return Ok(record);
            }
            match self
                .commit(&front, record, Purpose::Forward, PATIENCE)
                .await?
            {
                Tried::Done(record) => return Ok(*record),
                Tried::Again(_) => self.door().courtesy(OBEDIENCE).await,
            }
        }
        Err(overtaken(service))
    }
}

/// The record after a take-back.
fn back(
    record: &Record,
    ready: PerSlot<u32>,
    take: &TakeBack,
) -> Result<(Record, TakeBackRecord), Rejection> {
    let (traffic, done) = rules::take_back(&record.traffic, ready, take)?;
    let mut after = record.clone();
    after.traffic = traffic;
    Ok((after, done))
}

pub(super) fn overtaken(service: &ServiceName) -> PlatformError {
    PlatformError::Unreachable {
        why: format!("the traffic object of {service} kept changing while it was written"),
    }
}

/// Whether an order belongs to the way back although it only changes a slot: as many instances or
/// more where traffic has returned to, or would.
pub(super) fn purpose(order: &Order, record: &Record, has: u32) -> Purpose {
    let Action::Scale { slot, instances } = order.action else {
        return Purpose::Forward;
    };
    let traffic = &record.traffic;
    let leads_there = traffic.way_back.is_some_and(|back| back.slot == slot);
    let returned = |slot: Slot| traffic.weights.of(slot) == 100;
    match instances >= has && (leads_there || returned(slot)) {
        true => Purpose::WayBack,
        false => Purpose::Forward,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::record::tests::record;
    use crate::rules::tests::live;
    use deckwatch_domain::{Epoch, IntentId, Weights};

    fn scale(slot: Slot, instances: u32) -> Order {
        Order {
            intent: IntentId::from_u128(1),
            epoch: Epoch(0),
            rollout: None,
            action: Action::Scale { slot, instances },
        }
    }

    #[test]
    fn more_instances_where_traffic_returns_to_are_the_way_back() {
        let mut record = record();
        assert_eq!(record.traffic, live());
        assert_eq!(purpose(&scale(Slot::Blue, 3), &record, 2), Purpose::WayBack);
        assert_eq!(purpose(&scale(Slot::Blue, 2), &record, 2), Purpose::WayBack);
        assert_eq!(purpose(&scale(Slot::Blue, 1), &record, 2), Purpose::Forward);
        assert_eq!(
            purpose(&scale(Slot::Green, 3), &record, 2),
            Purpose::Forward
        );
        // Once it has returned, nothing leads further back.
        record.traffic.way_back = None;
        assert_eq!(purpose(&scale(Slot::Blue, 3), &record, 2), Purpose::Forward);
        record.traffic.weights = Weights::all_to(Slot::Blue);
        assert_eq!(purpose(&scale(Slot::Blue, 3), &record, 2), Purpose::WayBack);
    }
}
