//! The task of one instance: launch, attend, stop, and the waits in between.
//!
//! It alone changes the instance's place in the rotation, and takes it out the moment its end is
//! known or its stop begins.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_domain::Slot;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::instance::{Handed, Instance, Order};
use super::link::ShimLink;
use super::readiness::Probes;
use crate::local::definition::{Restart, ServiceDefinition};
use crate::local::now;
use crate::local::proxy::upstream::Upstream;
use crate::local::wire::{FromShim, Launch, ToShim};
use crate::model::{InstancePhase, ReleaseSpec};

/// A start that takes longer than this has a problem of its own to tell.
const LONG_START: Duration = Duration::from_secs(3);

/// How a problem begins that readiness checks found.
const NOT_READY: &str = "readiness: ";

/// How one run of the process came to its end.
pub(super) enum End {
    /// By itself, with the reason.
    Fell(String),
    /// Because it was told to.
    Done,
    HandedOver,
}

/// The waits between restarts: each twice the one before. They follow the
/// definition as it is now, so a changed `initial` binds the very next one.
#[derive(Default)]
struct BackOff {
    doublings: u32,
}

impl BackOff {
    /// How long to wait now, after the process ran for `ran`.
    fn wait(&mut self, restart: &Restart, ran: Duration) -> Duration {
        if ran >= restart.reset_after.duration() {
            self.doublings = 0;
        }
        let factor = 2_u32.saturating_pow(self.doublings);
        self.doublings = self.doublings.saturating_add(1);
        let wait = restart.initial.duration().saturating_mul(factor);
        wait.min(restart.max.duration())
    }
}

/// The task of one instance.
pub(super) struct Run {
    of: Arc<Instance>,
    orders: mpsc::UnboundedReceiver<Order>,
    upstream: Option<Arc<Upstream>>,
}

impl Run {
    pub(super) fn new(of: Arc<Instance>, orders: mpsc::UnboundedReceiver<Order>) -> Self {
        Run {
            of,
            orders,
            upstream: None,
        }
    }

    pub(super) async fn live(&mut self, mut resumed: Option<ShimLink>) -> End {
        let mut back_off = BackOff::default();
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
            let End::Fell(why) = end else {
                return end;
            };
            self.take_out();
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
                    if let Some(Order::HandOver(give)) = order {
                        let _ = give.send(Handed { view: self.of.view(), link: None });
                        return End::HandedOver;
                    }
                    self.of.see(|view| view.phase = InstancePhase::Stopped);
                    return End::Done;
                }
                _ = tokio::time::sleep(wait) => {}
            }
            self.of.see(|view| view.restarts += 1);
        }
    }

    async fn launch(&mut self) -> Result<ShimLink, String> {
        let of = &self.of;
        let port = super::process::free_port().map_err(|e| format!("no free port: {e}"))?;
        let mut launch = launch(
            &of.around.definition.load(),
            &of.release,
            of.slot,
            &of.id(),
            port,
        );
        launch.open_files = of.around.open_files;
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
            self.of
                .around
                .front
                .set_ready(self.of.slot, &upstream, true);
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
                        return End::HandedOver;
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
                self.of.print(format!(
                    "[deckwatch] {lines} lines came too fast and were dropped"
                ));
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
                // Its shim may speak later than it answers; an instance without a process id is
                // nothing that anyone could look at or stop.
                let known = self.of.view().pid.is_some();
                if known && turned >= definition.readiness.healthy_after {
                    self.of.see(|view| {
                        view.phase = InstancePhase::Ready;
                        view.last_problem = view.last_problem.take().and_then(overcome);
                    });
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
                        view.last_problem = Some(format!("{NOT_READY}{why}"));
                    });
                }
            }
            Err(why) => {
                let problem = format!("{NOT_READY}{why}");
                let view = self.of.view();
                // How it ended the last time says more than that it is still starting.
                let known = view.last_problem.as_deref().unwrap_or(NOT_READY);
                let telling = known.starts_with(NOT_READY) || now().since(view.since) > LONG_START;
                if telling && known != problem {
                    self.of.see(|view| view.last_problem = Some(problem));
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
            self.of
                .around
                .front
                .set_ready(self.of.slot, upstream, false);
        }
    }

    pub(super) fn take_out(&mut self) {
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

/// What is still to be said of a problem once the instance is ready: that it was not ready is over,
/// how it ended the last time is history and says so.
fn overcome(problem: String) -> Option<String> {
    (!problem.starts_with(NOT_READY)).then(|| format!("ended earlier: {problem}"))
}

/// Good or bad answers in a row.
#[derive(Default)]
struct Row {
    good: bool,
    length: u32,
}

impl Row {
    fn count(&mut self, good: bool) -> u32 {
        self.length = if good == self.good {
            self.length.saturating_add(1)
        } else {
            1
        };
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
        env: env
            .map(|(name, value)| (name.clone(), fill(value)))
            .collect(),
        folder: definition.folder.clone(),
        open_files: None,
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
        let mut back_off = BackOff::default();
        let short = Duration::from_secs(1);
        let waits: Vec<u128> = (0..4)
            .map(|_| back_off.wait(&restart, short).as_millis())
            .collect();
        assert_eq!(waits, [100, 200, 350, 350]);
        assert_eq!(
            back_off.wait(&restart, Duration::from_secs(10)).as_millis(),
            100
        );
        let slower = Restart {
            initial: Span::from_secs(60),
            max: Span::from_secs(60),
            ..restart
        };
        assert_eq!(back_off.wait(&slower, short).as_secs(), 60);
        let waits: Vec<u128> = (0..70)
            .map(|_| back_off.wait(&slower, short).as_millis())
            .collect();
        assert!(waits.iter().all(|w| *w == 60_000), "{waits:?}");
    }

    #[test]
    fn rows_count_what_comes_in_a_row() {
        let mut row = Row::default();
        let counted: Vec<u32> = [true, true, false, false, false, true]
            .map(|good| row.count(good))
            .into();
        assert_eq!(counted, [1, 2, 1, 2, 3, 1]);
    }
}
