//! One instance: a process under a shim, from its first start to its last stop.
//!
//! An instance that ends by itself is started again after a growing wait; it gets requests while
//! its readiness checks pass and not one moment after its end is known. It is stopped in order:
//! out of rotation, its requests finished, SIGTERM, SIGKILL. All of it runs in one task, which is
//! told what to do and tells what it sees through [`View`].

use std::ffi::OsString;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use deckwatch_domain::{Slot, Span, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use super::link::ShimLink;
use super::output::{Presses, Ring};
use super::run::{End, Run};
use crate::local::definition::ServiceDefinition;
use crate::local::proxy::route::Front;
use crate::local::proxy::upstream::Upstream;
use crate::local::{lock, now};
use crate::model::{InstancePhase, InstanceState, LogLine, ReleaseSpec};

/// What an instance needs of the node and its service.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub front: Arc<Front>,
    pub definition: Arc<ArcSwap<ServiceDefinition>>,
    pub presses: Arc<Presses>,
    pub shim: Arc<[OsString]>,
    /// The limit of open files to be put back for instances; none where it was never changed.
    pub open_files: Option<u64>,
    pub workers: usize,
    pub pulse: watch::Sender<u64>,
}

impl Surroundings {
    /// Something observable has changed.
    pub(super) fn changed(&self) {
        self.pulse.send_modify(|n| *n += 1);
    }
}

/// What can be seen of an instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct View {
    pub phase: InstancePhase,
    pub pid: Option<u32>,
    pub port: Option<u16>,
    pub restarts: u32,
    pub since: Timestamp,
    /// What the last start took until it was ready.
    #[serde(default)]
    pub ready_after: Option<Span>,
    pub last_problem: Option<String>,
}

/// What an instance's task is told.
pub(super) enum Order {
    /// Stop; without `drain`, do not wait for its requests.
    Stop {
        drain: bool,
    },
    HandOver(oneshot::Sender<Handed>),
}

/// An instance on its way to another node.
pub(super) struct Handed {
    pub view: View,
    pub link: Option<(std::os::unix::net::UnixStream, Vec<u8>)>,
}

pub(super) struct Instance {
    pub slot: Slot,
    pub index: u32,
    pub release: Arc<ReleaseSpec>,
    pub output: Ring,
    view: Mutex<View>,
    orders: mpsc::UnboundedSender<Order>,
    ended: watch::Receiver<bool>,
    pub(super) around: Surroundings,
}

impl Instance {
    /// Starts an instance, or goes on with one that another node started.
    pub(super) fn start(
        around: Surroundings,
        slot: Slot,
        index: u32,
        release: Arc<ReleaseSpec>,
        handed: Option<Handed>,
    ) -> Arc<Instance> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (ending, ended) = watch::channel(false);
        let fresh = View {
            phase: InstancePhase::Starting,
            pid: None,
            port: None,
            restarts: 0,
            since: now(),
            ready_after: None,
            last_problem: None,
        };
        let (view, link) = match handed {
            Some(handed) => (handed.view, handed.link),
            None => (fresh, None),
        };
        let instance = Arc::new(Instance {
            slot,
            index,
            release,
            output: Ring::default(),
            view: Mutex::new(view),
            orders,
            ended,
            around,
        });
        let running = instance.clone();
        let resumed = link.and_then(|(stream, rest)| ShimLink::resume(stream, rest).ok());
        if resumed.is_some() {
            running.keep_in_rotation();
        }
        tokio::spawn(async move {
            let mut run = Run::new(running.clone(), inbox);
            if let End::Done = run.live(resumed).await {
                run.take_out();
            }
            // One that was handed over stays in this node's rotation: what is still under way
            // here goes on to it.
            let _ = ending.send(true);
            running.around.changed();
        });
        instance
    }

    /// One that was ready where it came from is so here, before the first request can ask; its
    /// task then goes on from there.
    fn keep_in_rotation(&self) {
        let view = self.view();
        if let (InstancePhase::Ready, Some(port)) = (view.phase, view.port) {
            let address = (std::net::Ipv4Addr::LOCALHOST, port).into();
            let upstream = Arc::new(Upstream::new(address, self.around.workers));
            self.around.front.set_ready(self.slot, &upstream, true);
        }
    }

    pub(super) fn id(&self) -> String {
        format!("{}-{}", self.slot, self.index)
    }

    pub(super) fn view(&self) -> View {
        lock(&self.view).clone()
    }

    pub(super) fn state(&self) -> InstanceState {
        let view = self.view();
        InstanceState {
            id: self.id(),
            phase: view.phase,
            pid: view.pid,
            port: view.port,
            restarts: view.restarts,
            since: view.since,
            ready_after: view.ready_after,
            last_problem: view.last_problem,
        }
    }

    pub(super) fn stop(&self, drain: bool) {
        let _ = self.orders.send(Order::Stop { drain });
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Waits until it has stopped for good.
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Lets go of the process without ending it; none when it has none to give.
    pub(super) async fn hand_over(&self) -> Option<Handed> {
        let (give, take) = oneshot::channel();
        self.orders.send(Order::HandOver(give)).ok()?;
        take.await.ok()
    }

    pub(super) fn see(&self, change: impl FnOnce(&mut View)) {
        let mut view = lock(&self.view);
        let before = view.phase;
        change(&mut view);
        if view.phase != before {
            let at = now();
            if (before, view.phase) == (InstancePhase::Starting, InstancePhase::Ready) {
                view.ready_after = Some(at.since(view.since).into());
            }
            view.since = at;
        }
        drop(view);
        self.around.changed();
    }

    pub(super) fn print(&self, text: String) {
        let line = LogLine {
            at: now(),
            slot: self.slot,
            instance: self.id(),
            text,
        };
        let most = self.around.definition.load().output_lines as usize;
        self.output.push(line, most, &self.around.presses);
    }
}
