//! The platform of one namespace of a Kubernetes cluster, reached through one context.
//!
//! Nothing is installed there. A service is a Deployment and what stands in front of it (an
//! HTTPRoute, an Istio VirtualService, a canary Ingress, or a Service alone), and that front carries
//! the whole truth as annotations, written in the same patch as the routing. What must never happen
//! in here: a traffic write that was not decided by [`crate::rules`] on exactly the object that it
//! lands on; a take-back that waits for anything but that one object; a pod of ours that somebody
//! else's selector finds; a write that the guard has not seen.
//!
//! The rooms: `kubeconfig` and `connection` which cluster and as whom, `guard` and `door` the way of
//! every request, `failure` what an answer means, `record` the truth and the names, `writer` how
//! traffic is written, `object`, `index` and `look` what is read and what it means, `watch` (with
//! `awake`) what keeps the index true, `template` what is made for a slot, `traffic` and `slots` (with
//! `scaling`) how orders are carried out, `settle` whose traffic holds after a change from elsewhere,
//! `adopt` how a service comes in and goes out again, `preflight` which rights it takes, `proxy`
//! questions to what runs in the cluster, `logs`, `view` (with `notice`) what people are shown of it all.
//!
//! What it cannot do is said and not half done: a driver that falls silent is not noticed by the
//! cluster, requests are not counted, and a StatefulSet or DaemonSet is not adopted.

mod adopt;
mod awake;
mod connection;
mod door;
mod failure;
mod fetch;
mod guard;
mod index;
mod kind;
mod kubeconfig;
mod logs;
mod look;
mod notice;
mod object;
mod plugin;
mod preflight;
mod proxy;
mod record;
mod scaling;
mod settle;
mod slots;
mod telemetry;
mod template;
mod traffic;
mod view;
mod watch;
mod writer;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{ServiceName, Timestamp};
use tokio::task::JoinHandle;

pub use adopt::{AdoptAsk, AdoptPlan, AdoptStep, FrontAsk};
pub use connection::Connection;
pub use guard::{Access, Purpose};
pub use index::{Event, Freshness, Index};
pub use kind::Kind;
pub use kubeconfig::{ContextEntry, contexts};
pub use logs::{PodFollow, PodLine, PodLogs};
pub use preflight::{Need, Preflight, needs, needs_of};
pub use proxy::ServiceAddress;
pub use settle::{Settled, Truth};
pub use telemetry::{ScrapablePod, Usage, UsedBy};
pub use view::{
    FieldDiff, FieldState, NoticeRow, ObjectDiff, ObjectRow, ObjectText, Owner, PodRow, Rows,
    Standing,
};

use crate::Platform;
use crate::model::{
    Action, Applied, Capabilities, LogLine, Observation, Order, PlatformError, Rejection,
};
use door::Door;
use fetch::Place;

/// The longest that a read, or a write that moves forward, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ways back that are under way at once.
const BACKS_AT_ONCE: usize = 8;

/// The services of one namespace, as a [`Platform`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KubernetesPlatform {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    door: Door,
    namespace: String,
    index: Mutex<Index>,
    /// The versions of what was written from here: the index must not show anything older.
    written: Mutex<BTreeMap<(Kind, String), u64>>,
    /// Where each service's traffic object was found last.
    places: Mutex<BTreeMap<ServiceName, Place>>,
    following: Mutex<Vec<JoinHandle<()>>>,
    /// Rises when all watches are to begin anew.
    anew: tokio::sync::watch::Sender<u32>,
    /// Ways back take turns here: hundreds at once would all be answered late, and each that is late is
    /// sent once more.
    turns: tokio::sync::Semaphore,
    /// The watches of what is only shown: begun by the first look.
    showing: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        for tasks in [&self.following, &self.showing] {
            lock(tasks).drain(..).for_each(|task| task.abort());
        }
    }
}

impl KubernetesPlatform {
    /// The services of `namespace`. Writes are closed, but for the way back, until
    /// [`KubernetesPlatform::set_access`] opens them.
    pub fn new(connection: Connection, namespace: impl Into<String>) -> Self {
        KubernetesPlatform {
            shared: Arc::new(Shared {
                door: Door::new(connection),
                namespace: namespace.into(),
                index: Mutex::default(),
                written: Mutex::default(),
                places: Mutex::default(),
                following: Mutex::default(),
                anew: tokio::sync::watch::Sender::new(0),
                turns: tokio::sync::Semaphore::new(BACKS_AT_ONCE),
                showing: Mutex::default(),
            }),
        }
    }

    pub fn connection(&self) -> &Connection {
        self.shared.door.connection()
    }

    pub fn namespace(&self) -> &str {
        &self.shared.namespace
    }

    /// What may be written from now on.
    pub fn set_access(&self, access: Access) {
        self.shared.door.set_access(access);
    }

    /// Keeps an index of the namespace from now on, so that looking costs nothing. Ends when the
    /// last clone is dropped. Must be called where a tokio runtime runs; again does nothing.
    pub fn follow(&self) {
        let mut following = lock(&self.shared.following);
        if following.is_empty() {
            *following = watch::begin(&self.shared, &Kind::INDEXED);
            let attend = awake::attend(Arc::downgrade(&self.shared));
            following.push(tokio::spawn(attend));
            let files = watch::attend_files(Arc::downgrade(&self.shared));
            following.push(tokio::spawn(files));
        }
    }

    /// Begins every watch anew: what they have told so far is not trusted before it was listed again.
    /// A sleep of the machine and a clock that was set are noticed without being told.
    pub fn follow_anew(&self) {
        self.shared.anew.send_modify(|times| *times += 1);
    }

    /// When what the index knows was last heard of; none while it is not filled.
    pub fn as_of(&self) -> Option<Timestamp> {
        lock(&self.shared.index).as_of()
    }

    fn door(&self) -> &Door {
        &self.shared.door
    }

    fn path(&self, kind: Kind, name: &str) -> String {
        kind.one(&self.shared.namespace, name)
    }

    /// What carries the traffic of the services that are known by now, each kind once.
    pub fn fronts(&self) -> Vec<Kind> {
        let places = lock(&self.shared.places);
        let mut kinds: Vec<Kind> = places.values().map(|place| place.kind).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    fn note_written(&self, kind: Kind, object: &serde_json::Value) {
        let key = (kind, object::name(object).to_owned());
        lock(&self.shared.written).insert(key, object::version(object));
    }
}

/// The present moment by the system's clock.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Locks, whatever became of whoever held it last: no state here is left half-written by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn malformed(what: impl Into<String>) -> PlatformError {
    PlatformError::Rejected(Rejection::Malformed { what: what.into() })
}

fn broken(why: impl Into<String>) -> PlatformError {
    PlatformError::Broken { why: why.into() }
}

#[async_trait]
impl Platform for KubernetesPlatform {
    async fn observe(&self, service: &ServiceName) -> Result<Observation, PlatformError> {
        if let Some(seen) = self.observe_index(service)? {
            return Ok(seen);
        }
        let front = self.front(service, PATIENCE).await?;
        let index = self.scene(&front.record).await?;
        let drift = writer::drift(front.place.kind, &front.object, &front.record);
        Ok(look::look(
            &index,
            front.place.kind,
            &front.record,
            drift,
            now(),
        ))
    }

    async fn services(&self) -> Result<Vec<ServiceName>, PlatformError> {
        let known = {
            let index = lock(&self.shared.index);
            let fresh = index.is_fresh(&lock(&self.shared.written));
            fresh.then(|| look::services(&index))
        };
        match known {
            Some(known) => Ok(known),
            None => self.list_services().await,
        }
    }

    async fn apply(&self, service: &ServiceName, order: &Order) -> Result<Applied, PlatformError> {
        match &order.action {
            Action::TakeBack(take) => self.take_back(service, order, take).await,
            Action::Rehearse(take) => self.rehearse(service, order, take).await,
            Action::SetTraffic(write) => self.set_traffic(service, order, write).await,
            Action::Watch { .. } => Err(malformed(
                "nothing in the cluster notices that a driver has fallen silent: another console or \
                 the agent has to",
            )),
            Action::BringUp { .. } | Action::Scale { .. } | Action::Retire { .. } => {
                self.change_slot(service, order).await
            }
        }
    }

    async fn logs(
        &self,
        service: &ServiceName,
        lines: usize,
    ) -> Result<Vec<LogLine>, PlatformError> {
        self.read_logs(service, lines).await
    }

    /// Of the services that are known by now: weights are exact as long as none is a Service alone.
    fn capabilities(&self) -> Capabilities {
        let places = lock(&self.shared.places);
        let all = |holds: fn(Kind) -> bool| places.values().all(|p| holds(p.kind));
        Capabilities {
            exact_weights: all(|kind| kind != Kind::Service),
            header_routing: all(|kind| matches!(kind, Kind::HttpRoute | Kind::Ingress)),
            sticky_sessions: false,
            driver_lost_rollback: false,
        }
    }
}
