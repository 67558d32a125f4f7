//! One instance: a process under a shim, from its first start to its last stop.
//!
//! An instance that ends by itself is started again after a growing wait; it gets requests while
//! its readiness checks pass and not one moment after its end is known. It is stopped in order:
//! out of rotation, its requests finished, SIGTERM, SIGKILL. All of it runs in one task, which is
//! told what to do and tells what it sees through [`View`].

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use deckwatch_domain::{Slot, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::link::ShimLink;
use super::output::{Presses, Ring};
use super::readiness::Probes;
use crate::local::definition::{Restart, ServiceDefinition};
use crate::local::proxy::route::Front;
use crate::local::proxy::upstream::Upstream;
use crate::local::wire::{FromShim, Launch, ToShim};
use crate::local::{lock, now};
use crate::model::{InstancePhase, InstanceState, LogLine, ReleaseSpec};

/// What an instance needs of the node and its service.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub front: Arc<Front>,
    pub definition: Arc<ArcSwap<ServiceDefinition>>,
    pub presses: Arc<Presses>,
    pub shim: Arc<[OsString]>,
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
#[derive(Clone, Debug)]
pub(super) struct View {
    pub phase: InstancePhase,
    pub pid: Option<u32>,
    pub port: Option<u16>,
    pub restarts: u32,
    pub since: Timestamp,
    pub last_problem: Option<String>,
}

/// What an instance's task is told.
enum Order {
    /// Stop; without `drain`, do not wait for its requests.
    Stop { drain: bool },
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
    around: Surroundings,
}

/// How one run of the process came to its end.
enum End {
    /// By itself, with the reason.
    Fell(String),
    /// Because it was told to, or was handed over.
    Done,
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
        tokio::spawn(async move {
            let mut run = Run { of: running.clone(), orders: inbox, upstream: None };
            run.live(resumed).await;
            run.take_out();
            let _ = ending.send(true);
            running.around.changed();
        });
        instance
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

    fn see(&self, change: impl FnOnce(&mut View)) {
        let mut view = lock(&self.view);
        let before = view.phase;
        change(&mut view);
        if view.phase != before {
            view.since = now();
        }
        drop(view);
        self.around.changed();
    }

    fn print(&self, text: String) {
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

/// The waits between restarts.
pub(super) struct BackOff {
    next: Duration,
}

impl BackOff {
    pub(super) fn new(restart: &Restart) -> Self {
        BackOff { next: restart.initial.duration() }
    }

    /// How long to wait now, after the process ran for `ran`.
    pub(super) fn wait(&mut self, restart: &Restart, ran: Duration) -> Duration {
        if ran >= restart.reset_after.duration() {
            self.next = restart.initial.duration();
        }
        let wait = self.next.min(restart.max.duration());
        self.next = wait.saturating_mul(2).min(restart.max.duration());
        wait
    }
}

/// The task of one instance.
struct Run {
    of: Arc<Instance>,
    orders: mpsc::UnboundedReceiver<Order>,
    upstream: Option<Arc<Upstream>>,
}

impl Run {
    async fn live(&mut self, mut resumed: Option<ShimLink>) {
        let mut back_off = BackOff::new(&self.of.around.definition.load().restart);
        loop {
            let began = Instant::now();
            let launched = match resumed.take() {
                Some(link) => Ok(link),
                None => self.launch().await,
            };
            let end = match launched {
                Ok(link) => self.attend(link).await,
                Err(why) => End::Fell(why),
            };
            self.take_out();
            let End::Fell(why) = end else {
                return;
            };
            self.of.print(format!("[deckwatch] ended: {why}"));
            self.of.see(|view| {
                view.phase = InstancePhase::BackOff;
                view.pid = None;
                view.port = None;
                view.last_problem = Some(why);
            });
            let restart = self.of.around.definition.load().restart.clone();
            let wait = back_off.wait(&restart, began.elapsed());
            tokio::select! {
                biased;
                order = self.orders.recv() => {
                    match order {
                        Some(Order::HandOver(give)) => {
                            let _ = give.send(Handed { view: self.of.view(), link: None });
                        }
                        _ => self.of.see(|view| view.phase = InstancePhase::Stopped),
                    }
                    return;
                }
                _ = tokio::time::sleep(wait) => {}
            }
            self.of.see(|view| view.restarts += 1);
        }
    }

    async fn launch(&mut self) -> Result<ShimLink, String> {
        let of = &self.of;
        let port = super::process::free_port().map_err(|e| format!("no free port: {e}"))?;
        let launch = launch(&of.around.definition.load(), &of.release, of.slot, &of.id(), port);
        of.see(|view| {
            view.phase = InstancePhase::Starting;
            view.port = Some(port);
            view.pid = None;
        });
        ShimLink::start(&of.around.shim, &launch)
            .await
            .map_err(|e| format!("its shim cannot be started: {e}"))
    }

    /// Follows the process until it ends or is to be stopped.
    async fn attend(&mut self, mut link: ShimLink) -> End {
        let view = self.of.view();
        let Some(port) = view.port else {
            return End::Fell("it was handed over without a port".into());
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let upstream = Arc::new(Upstream::new(address, self.of.around.workers));
        self.upstream = Some(upstream.clone());
        if view.phase == InstancePhase::Ready {
            self.of.around.front.set_ready(self.of.slot, &upstream, true);
        }
        let mut probes = Probes::start(address, self.of.clone(), self.of.around.definition.clone());
        let mut row = Row::default();
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::HandOver(give)) => {
                        let handed = Handed { view: self.of.view(), link: link.into_parts().ok() };
                        let _ = give.send(handed);
                        return End::Done;
                    }
                    Some(Order::Stop { drain }) => return self.stop(link, drain).await,
                    None => return self.stop(link, false).await,
                },
                said = link.next() => {
                    if let Some(why) = self.hear(said) {
                        return End::Fell(why);
                    }
                }
                probe = probes.next() => self.judge(probe, &mut row),
            }
        }
    }

    /// Takes in what the shim says; a reason when the process has ended.
    fn hear(&mut self, said: Option<FromShim>) -> Option<String> {
        match said {
            Some(FromShim::Pid(pid)) => self.of.see(|view| view.pid = Some(pid)),
            Some(FromShim::Out(line)) => self.of.print(line),
            Some(FromShim::Lost(lines)) => {
                self.of.print(format!("[deckwatch] {lines} lines came too fast and were dropped"));
            }
            Some(FromShim::Failed(why)) => return Some(why),
            Some(FromShim::Exit(exit)) => return Some(exit.to_string()),
            None => {
                // The shim was killed. Its instance is alone now: end it as the shim would have.
                if let Some(pid) = self.of.view().pid {
                    end_group(pid);
                }
                return Some("its shim ended".into());
            }
        }
        None
    }

    fn judge(&mut self, probe: Result<(), String>, row: &mut Row) {
        let definition = self.of.around.definition.load();
        let phase = self.of.view().phase;
        let turned = row.count(probe.is_ok());
        match probe {
            Ok(()) if phase != InstancePhase::Ready => {
                if turned >= definition.readiness.healthy_after {
                    self.of.see(|view| view.phase = InstancePhase::Ready);
                    if let Some(upstream) = &self.upstream {
                        self.of.around.front.set_ready(self.of.slot, upstream, true);
                        self.of.around.changed();
                    }
                }
            }
            Err(why) if phase == InstancePhase::Ready => {
                if turned >= definition.readiness.unhealthy_after {
                    self.take_out_of_rotation();
                    self.of.see(|view| {
                        view.phase = InstancePhase::Unready;
                        view.last_problem = Some(format!("readiness: {why}"));
                    });
                }
            }
            Err(why) => {
                let problem = Some(format!("readiness: {why}"));
                if self.of.view().last_problem != problem {
                    self.of.see(|view| view.last_problem = problem);
                }
            }
            Ok(()) => {
                if let Some(upstream) = &self.upstream {
                    upstream.sweep();
                }
            }
        }
    }

    fn take_out_of_rotation(&self) {
        if let Some(upstream) = &self.upstream {
            self.of.around.front.set_ready(self.of.slot, upstream, false);
        }
    }

    fn take_out(&mut self) {
        self.take_out_of_rotation();
        self.upstream = None;
    }

    /// Ends the process in order.
    async fn stop(&mut self, mut link: ShimLink, drain: bool) -> End {
        let stop = self.of.around.definition.load().stop.clone();
        self.take_out_of_rotation();
        self.of.see(|view| view.phase = InstancePhase::Draining);
        if drain {
            let _ = timeout(stop.drain.duration(), self.drained(&mut link)).await;
        }
        let longest_kill = Duration::from_secs(2);
        for (order, patience) in [
            (ToShim::Term, stop.grace.duration()),
            (ToShim::Kill, longest_kill),
        ] {
            link.send(order).await;
            if timeout(patience, self.gone(&mut link)).await.is_ok() {
                break;
            }
        }
        self.of.see(|view| {
            view.phase = InstancePhase::Stopped;
            view.pid = None;
        });
        End::Done
    }

    /// Waits until no request is being answered. Twice in a row, as one may just have chosen it.
    async fn drained(&mut self, link: &mut ShimLink) {
        let mut quiet = 0;
        while quiet < 2 {
            let busy = self.upstream.as_ref().is_some_and(|u| u.load() > 0);
            quiet = if busy { 0 } else { quiet + 1 };
            tokio::select! {
                said = link.next() => if self.hear(said).is_some() { return },
                _ = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
    }

    async fn gone(&mut self, link: &mut ShimLink) {
        loop {
            let said = link.next().await;
            if self.hear(said).is_some() {
                return;
            }
        }
    }
}

/// Good or bad answers in a row.
#[derive(Default)]
struct Row {
    good: bool,
    length: u32,
}

impl Row {
    fn count(&mut self, good: bool) -> u32 {
        self.length = if good == self.good { self.length.saturating_add(1) } else { 1 };
        self.good = good;
        self.length
    }
}

fn end_group(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// What to run, with everything filled in.
fn launch(
    definition: &ServiceDefinition,
    release: &ReleaseSpec,
    slot: Slot,
    id: &str,
    port: u16,
) -> Launch {
    let fill = |text: &String| {
        text.replace("{port}", &port.to_string())
            .replace("{version}", release.version.as_str())
            .replace("{slot}", slot.as_str())
            .replace("{instance}", id)
    };
    let command = release.command.as_ref().unwrap_or(&definition.command);
    let env = definition.env.iter().chain(&release.env);
    Launch {
        command: command.iter().map(fill).collect(),
        env: env.map(|(name, value)| (name.clone(), fill(value))).collect(),
        folder: definition.folder.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_domain::Span;

    #[test]
    fn waits_double_and_begin_anew_after_a_good_run() {
        let restart = Restart {
            initial: Span::from_millis(100),
            max: Span::from_millis(350),
            reset_after: Span::from_secs(10),
        };
        let mut back_off = BackOff::new(&restart);
        let short = Duration::from_secs(1);
        let waits: Vec<u128> =
            (0..4).map(|_| back_off.wait(&restart, short).as_millis()).collect();
        assert_eq!(waits, [100, 200, 350, 350]);
        assert_eq!(back_off.wait(&restart, Duration::from_secs(10)).as_millis(), 100);
    }

    #[test]
    fn rows_count_what_comes_in_a_row() {
        let mut row = Row::default();
        let counted: Vec<u32> =
            [true, true, false, false, false, true].map(|good| row.count(good)).into();
        assert_eq!(counted, [1, 2, 1, 2, 3, 1]);
    }
}
