//! Carrying out orders, by the rules and once each.
//!
//! What is written down first: a forward write and a slot order reach the disk before they take
//! effect, and are refused when they cannot. A take-back is the other way round: traffic moves
//! first, in memory, then it is written down, then it is answered, and a disk that fails or hangs
//! becomes a warning. A forward write that a take-back overtakes is judged again by the rules,
//! which then refuse it, and never stays on disk.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use deckwatch_domain::Slot;

use super::desired::DesiredSlot;
use super::hosted::Hosted;
use super::intents::Kept;
use crate::local::definition::ServiceDefinition;
use crate::local::lock;
use crate::model::{
    Action, Applied, Order, PlatformError, Rejection, ReleaseSpec, TakeBack, Traffic, TrafficWrite,
};
use crate::rules;

/// How long the answer to a take-back waits for the disk.
const DISK_PATIENCE: Duration = Duration::from_secs(2);
/// How often a forward write that lost a race is judged again.
const MOST_RACES: usize = 8;

fn broken(why: impl Into<String>) -> PlatformError {
    PlatformError::Broken { why: why.into() }
}

fn malformed(what: impl Into<String>) -> PlatformError {
    PlatformError::Rejected(Rejection::Malformed { what: what.into() })
}

/// The order met a node that has just handed everything over: it did not take effect here.
fn taken_over() -> PlatformError {
    PlatformError::Unreachable {
        why: "a newer node is taking over at this moment; send it again".into(),
    }
}

impl Hosted {
    /// Carries out one order.
    pub(super) async fn apply(self: &Arc<Self>, order: &Order) -> Result<Applied, PlatformError> {
        let began = Instant::now();
        if let Action::Rehearse(take) = &order.action {
            return self.rehearse(order, take, began).await;
        }
        if let Action::Watch { ttl } = &order.action {
            return self.watch(order, ttl.duration(), began);
        }
        if let Some(answer) = self.repeat(order) {
            return Ok(answer);
        }
        match &order.action {
            Action::TakeBack(take) => self.take_back(order, take, began).await,
            Action::SetTraffic(write) => {
                let _lane = self.lane.lock().await;
                match self.repeat(order) {
                    Some(answer) => Ok(answer),
                    None => self.set_traffic(order, write, began).await,
                }
            }
            _ => {
                let _lane = self.lane.lock().await;
                match self.repeat(order) {
                    Some(answer) => Ok(answer),
                    None => self.change_slot(order, began).await,
                }
            }
        }
    }

    fn repeat(&self, order: &Order) -> Option<Applied> {
        lock(&self.intents).repeat(order.intent, &self.traffic())
    }

    fn answer(&self, order: &Order, began: Instant, warnings: Vec<String>) -> Applied {
        let applied = Applied {
            intent: order.intent,
            traffic: Traffic::clone(&self.traffic()),
            repeated: false,
            took_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            warnings,
        };
        lock(&self.intents).answered(&applied);
        self.around.changed();
        applied
    }

    async fn take_back(
        self: &Arc<Self>,
        order: &Order,
        take: &TakeBack,
        began: Instant,
    ) -> Result<Applied, PlatformError> {
        let done_before = self.around.front.change(|route| {
            if route.frozen {
                return Err(taken_over());
            }
            let (after, _) = rules::take_back(&route.traffic, route.ready(), take)?;
            let done_before = after.revision == route.traffic.revision;
            if !done_before {
                route.traffic = Arc::new(after);
            }
            Ok::<_, PlatformError>(done_before)
        })?;
        lock(&self.intents).note(Kept::Traffic, order.intent);
        let mut warnings = Vec::new();
        if !done_before || self.unsaved.load(Relaxed) {
            self.unsaved.store(true, Relaxed);
            warnings.extend(self.saved().await.err());
        }
        // After everything that matters.
        warnings.extend(self.follow_with_flag().await);
        tokio::spawn(self.clone().fill_up());
        let mut applied = self.answer(order, began, warnings);
        applied.repeated = done_before;
        Ok(applied)
    }

    /// What a take-back has led to gets all its instances: a rolling release had let some go.
    /// Nobody may be there to ask for it.
    async fn fill_up(self: Arc<Self>) {
        let _lane = self.lane.lock().await;
        let traffic = self.traffic();
        let full = self.definition().instances;
        let serving = Slot::BOTH
            .into_iter()
            .find(|s| traffic.weights.of(*s) == 100);
        let Some(slot) = serving.filter(|_| !self.around.front.route().frozen) else {
            return;
        };
        let mut on_disk = self.desired();
        let wanted = &mut on_disk.slots[slot];
        if wanted.release.is_none() || wanted.instances >= full {
            return;
        }
        wanted.instances = full;
        let files = self.files.clone();
        // A disk that does not take it is no reason to serve with less.
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || files.write(&on_disk)).await {
            tracing::warn!(%error, %slot, "the number of instances could not be written down");
        }
        self.rescale(slot, full);
    }

    /// Writes the traffic object down, with bounded patience; a failure in words.
    async fn saved(self: &Arc<Self>) -> Result<(), String> {
        let this = self.clone();
        let saving = tokio::task::spawn_blocking(move || this.save());
        let in_memory = "the record is only in memory and is written as soon as the disk takes it";
        match tokio::time::timeout(DISK_PATIENCE, saving).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(e))) => Err(format!("the disk does not take it ({e}): {in_memory}")),
            Ok(Err(e)) => Err(format!("it could not be written down ({e}): {in_memory}")),
            Err(_) => Err(format!(
                "the disk has not answered for {DISK_PATIENCE:?}: {in_memory}"
            )),
        }
    }

    async fn rehearse(
        self: &Arc<Self>,
        order: &Order,
        take: &TakeBack,
        began: Instant,
    ) -> Result<Applied, PlatformError> {
        if self.around.front.route().frozen {
            return Err(taken_over());
        }
        let (traffic, ready) = {
            let route = self.around.front.route();
            (route.traffic.clone(), route.ready())
        };
        let mut warnings = Vec::new();
        let mut anyway = take.clone();
        anyway.now = true;
        let (after, record) = rules::take_back(&traffic, ready, &anyway)?;
        if ready[record.slot] == 0 {
            warnings.push(format!(
                "no instance in {} is ready: a take-back would wait for one, unless told to go at once",
                record.slot
            ));
        }
        self.carried(&after, Some(order.intent)).map_err(|e| {
            broken(format!(
                "the traffic object cannot be written as bytes: {e}"
            ))
        })?;
        warnings.extend(self.saved().await.err());
        Ok(Applied {
            intent: order.intent,
            traffic: Traffic::clone(&self.traffic()),
            repeated: false,
            took_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            warnings,
        })
    }

    async fn set_traffic(
        self: &Arc<Self>,
        order: &Order,
        write: &TrafficWrite,
        began: Instant,
    ) -> Result<Applied, PlatformError> {
        for _ in 0..MOST_RACES {
            let (this, order_, write_) = (self.clone(), order.clone(), write.clone());
            let switched = tokio::task::spawn_blocking(move || this.switch(&order_, &write_));
            match switched.await.map_err(|e| broken(e.to_string()))?? {
                Switched::Done => {
                    lock(&self.intents).note(Kept::Traffic, order.intent);
                    let warnings = self.follow_with_flag().await.into_iter().collect();
                    return Ok(self.answer(order, began, warnings));
                }
                Switched::Overtaken => {}
            }
        }
        Err(broken(
            "the traffic kept changing while this was written; observe and try again",
        ))
    }

    /// One try of a forward write: to disk, then to the front. Blocks.
    fn switch(&self, order: &Order, write: &TrafficWrite) -> Result<Switched, PlatformError> {
        let mut file = lock(&self.file);
        let (before, ready) = {
            let route = self.around.front.route();
            if route.frozen {
                return Err(taken_over());
            }
            (route.traffic.clone(), route.ready())
        };
        let after = rules::set_traffic(&before, ready, order, write)?;
        self.carried(&after, Some(order.intent))
            .and_then(|bytes| file.write(&bytes))
            .map_err(|e| {
                broken(format!(
                    "the write cannot be made durable, so it is not made: {e}"
                ))
            })?;
        let switched = self.around.front.change(|route| {
            if route.traffic.revision != before.revision {
                return Err(());
            }
            // What was ready a moment ago may have died while the disk was written.
            match rules::set_traffic(&route.traffic, route.ready(), order, write) {
                Ok(after) => {
                    route.traffic = Arc::new(after);
                    Ok(())
                }
                Err(_) => Err(()),
            }
        });
        if switched.is_ok() {
            self.unsaved.store(false, Relaxed);
            return Ok(Switched::Done);
        }
        // The disk holds a write that was not made: put back what is true, before anyone else
        // can touch the file.
        let true_again = self
            .carried(&self.traffic(), None)
            .and_then(|bytes| file.write(&bytes));
        self.unsaved.store(true_again.is_err(), Relaxed);
        Ok(Switched::Overtaken)
    }

    async fn change_slot(
        self: &Arc<Self>,
        order: &Order,
        began: Instant,
    ) -> Result<Applied, PlatformError> {
        if self.around.front.route().frozen {
            return Err(taken_over());
        }
        rules::change_slot(&self.traffic(), order)?;
        let (slot, desired) = self.wanted(&order.action)?;
        let mut on_disk = self.desired();
        on_disk.slots[slot] = desired.clone();
        on_disk.applied.push(order.intent);
        let files = self.files.clone();
        tokio::task::spawn_blocking(move || files.write(&on_disk))
            .await
            .map_err(|e| broken(e.to_string()))?
            .map_err(|e| {
                broken(format!(
                    "the order cannot be written down, so it is not carried out: {e}"
                ))
            })?;
        lock(&self.intents).note(Kept::Slots, order.intent);
        match &order.action {
            Action::Scale { instances, .. } => self.rescale(slot, *instances),
            _ => self.replace(slot, desired),
        }
        Ok(self.answer(order, began, Vec::new()))
    }

    /// What a slot order wants to stand where.
    fn wanted(&self, action: &Action) -> Result<(Slot, DesiredSlot), PlatformError> {
        let most = ServiceDefinition::MOST_INSTANCES;
        match action {
            Action::BringUp {
                slot,
                release,
                instances,
            } => {
                check_release(release)?;
                if *instances == 0 || *instances > most {
                    return Err(malformed(format!(
                        "{instances} instances: 1 to {most} can be brought up"
                    )));
                }
                Ok((
                    *slot,
                    DesiredSlot {
                        release: Some(release.clone()),
                        instances: *instances,
                    },
                ))
            }
            Action::Scale { slot, instances } => {
                let release = lock(&self.slots).desired[*slot].release.clone();
                if release.is_none() {
                    return Err(malformed(format!(
                        "nothing stands in {slot} that could be scaled"
                    )));
                }
                if *instances > most {
                    return Err(malformed(format!("{instances} instances: at most {most}")));
                }
                Ok((
                    *slot,
                    DesiredSlot {
                        release,
                        instances: *instances,
                    },
                ))
            }
            Action::Retire { slot } => Ok((*slot, DesiredSlot::default())),
            _ => Err(malformed("this is not a slot order")),
        }
    }
}

enum Switched {
    Done,
    /// The traffic changed in between; the rules must look again.
    Overtaken,
}

fn check_release(release: &ReleaseSpec) -> Result<(), PlatformError> {
    match ServiceDefinition::release_faults(release) {
        faults if faults.is_empty() => Ok(()),
        faults => Err(malformed(faults.join("; "))),
    }
}
