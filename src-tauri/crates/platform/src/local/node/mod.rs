//! The node: the process that outlives the console.
//!
//! It is given nothing to decide. It carries out orders by the rules, keeps instances running,
//! counts, and remembers. What must never happen: two nodes in one folder, a word from another
//! user taken in, a file that cannot be read keeping the rest from being brought back.

mod claim;
mod control;
mod dead_man;
mod desired;
mod doors;
mod fds;
mod flags;
mod handover;
mod hosted;
mod instance;
mod intents;
mod link;
mod metrics;
mod orders;
mod output;
mod process;
mod readiness;
mod run;
mod takeover;
mod traffic_file;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deckwatch_domain::{PerSlot, ServiceName, Slot, Timestamp};
use tokio::sync::watch;

use super::definition::ServiceDefinition;
use super::protocol::{NodeStatus, PROTOCOL};
use super::proxy::Proxy;
use super::{NodeError, NodeFolder, lock, now};
use crate::local::proxy::route::Front;
use crate::model::{PlatformError, Rejection};
use claim::{bind, hold, note_pid};
use desired::{Desired, Files};
use doors::Opened;
use flags::FlagFile;
use hosted::{Hosted, OnDisk, Slots, open_traffic, rescued, shared};
use instance::Surroundings;
use intents::Intents;

/// Troubles kept for the node's status.
const TROUBLES: usize = 32;

/// How a node is run.
#[derive(Clone, Debug, Default)]
pub struct NodeOptions {
    /// The command that becomes a shim: this program's path and the word that makes it one.
    pub shim_command: Vec<OsString>,
    /// Take everything over from the node that runs in the folder, without dropping anything.
    /// Where none runs, this starts as usual.
    pub take_over: bool,
}

/// Why a node ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// Instances are stopped first.
    Stop,
    /// Everything belongs to another node now.
    HandedOver,
}

struct Node {
    folder: NodeFolder,
    shim: Arc<[OsString]>,
    /// The limit of open files that instances get, where this node has another than it was given.
    open_files: Option<u64>,
    proxy: Proxy,
    services: Mutex<BTreeMap<ServiceName, Arc<Hosted>>>,
    /// Definitions come and go one at a time.
    defining: tokio::sync::Mutex<()>,
    pulse: watch::Sender<u64>,
    ending: watch::Sender<Option<Ending>>,
    started_at: Timestamp,
    troubles: Mutex<Vec<String>>,
}

/// Runs a node in this folder until it is told to end, by signal or by a client.
pub async fn run_node(folder: NodeFolder, options: NodeOptions) -> Result<(), NodeError> {
    if std::env::var_os(super::ensure::DETACH).is_some() {
        let _ = rustix::process::setsid();
    }
    folder.create()?;
    let files = process::allow_many_files();
    let (node, held, control) = begin(folder, options, files.before).await?;
    if let Some(trouble) = files.trouble {
        node.trouble_once(trouble);
    }
    let shared = control.try_clone().map(OwnedFd::from);
    let shared = shared.map_err(|e| NodeError::io("the control socket cannot be shared", e))?;
    let next = bind(&node.folder.handover_socket())?;
    let serving = tokio::spawn(control::serve(node.clone(), control));
    let saving = tokio::spawn(save_again(node.clone()));
    let handing = tokio::spawn(handover::serve(node.clone(), next, held, shared));
    let ending = asked_to_end(&node).await;
    tracing::info!(?ending, "the node ends");
    handing.abort();
    match ending {
        Ending::HandedOver => {
            saving.abort();
            tokio::select! {
                _ = node.linger() => {}
                _ = signalled() => {}
            }
        }
        Ending::Stop => {
            // Asked a second time, it goes at once: the shims end what is left.
            tokio::select! {
                _ = node.stop() => {}
                _ = signalled() => {}
            }
            // A last moment for the answer to whoever asked for it.
            tokio::time::sleep(Duration::from_millis(50)).await;
            serving.abort();
            saving.abort();
            let _ = std::fs::remove_file(node.folder.handover_socket());
            let _ = std::fs::remove_file(node.folder.socket());
        }
    }
    Ok(())
}

/// Starts from what the disk has, or goes on where the running node lets go.
async fn begin(
    folder: NodeFolder,
    options: NodeOptions,
    open_files: Option<u64>,
) -> Result<(Arc<Node>, OwnedFd, UnixListener), NodeError> {
    match hold(&folder) {
        Ok(held) => {
            let control = bind(&folder.socket())?;
            let node = Node::new(folder, options.shim_command, open_files, now())?;
            node.bring_back().await;
            Ok((node, held.into(), control))
        }
        Err(NodeError::AlreadyRunning { .. }) if options.take_over => {
            let asking = folder.clone();
            let asked = tokio::task::spawn_blocking(move || takeover::ask(&asking)).await;
            let mut offer = asked.map_err(|e| NodeError::TakeOver { why: e.to_string() })??;
            let started_at = offer.started_at.unwrap_or_else(now);
            let node = Node::new(folder, options.shim_command, open_files, started_at)?;
            let wrong = |e| NodeError::io("what was taken over cannot be shared", e);
            let control = offer.control.try_clone().map_err(wrong)?;
            let held = offer.lock_file.try_clone().map_err(wrong)?;
            offer.control = control.try_clone().map_err(wrong)?;
            takeover::accept(&node, offer).await?;
            note_pid(&mut File::from(held.try_clone().map_err(wrong)?));
            Ok((node, held, control))
        }
        Err(other) => Err(other),
    }
}

async fn asked_to_end(node: &Node) -> Ending {
    let mut ending = node.ending.subscribe();
    tokio::select! {
        _ = signalled() => Ending::Stop,
        asked = ending.wait_for(Option::is_some) => {
            asked.ok().and_then(|e| *e).unwrap_or(Ending::Stop)
        }
    }
}

/// SIGTERM or SIGINT came.
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// Writes down what a failing disk did not take, as soon as it does.
async fn save_again(node: Arc<Node>) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for hosted in node.hosted() {
            hosted.tidy();
            if hosted.around.front.route().frozen {
                continue;
            }
            if hosted.unsaved.load(Relaxed) {
                let saving = hosted.clone();
                let _ = tokio::task::spawn_blocking(move || saving.save()).await;
            }
            if let Some(trouble) = hosted.flag_again().await {
                node.trouble_once(trouble);
            }
        }
    }
}

fn broken(why: impl Into<String>) -> PlatformError {
    PlatformError::Broken { why: why.into() }
}

impl Node {
    fn new(
        folder: NodeFolder,
        shim: Vec<OsString>,
        open_files: Option<u64>,
        started_at: Timestamp,
    ) -> Result<Arc<Node>, NodeError> {
        let proxy = Proxy::start().map_err(|e| NodeError::io("the proxy cannot start", e))?;
        Ok(Arc::new(Node {
            folder,
            shim: shim.into(),
            open_files,
            proxy,
            services: Mutex::default(),
            defining: tokio::sync::Mutex::default(),
            pulse: watch::Sender::new(1),
            ending: watch::Sender::new(None),
            started_at,
            troubles: Mutex::default(),
        }))
    }

    fn trouble(&self, what: String) {
        tracing::warn!("{what}");
        let mut troubles = lock(&self.troubles);
        if troubles.len() >= TROUBLES {
            troubles.remove(0);
        }
        troubles.push(what);
    }

    /// Says what would otherwise be said again and again.
    fn trouble_once(&self, what: String) {
        if !lock(&self.troubles).contains(&what) {
            self.trouble(what);
        }
    }

    fn hosted(&self) -> Vec<Arc<Hosted>> {
        lock(&self.services).values().cloned().collect()
    }

    fn find(&self, service: &ServiceName) -> Result<Arc<Hosted>, PlatformError> {
        let found = lock(&self.services).get(service).cloned();
        found.ok_or_else(|| {
            Rejection::UnknownService {
                service: service.clone(),
            }
            .into()
        })
    }

    fn status(&self) -> NodeStatus {
        NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            pid: std::process::id(),
            started_at: self.started_at,
            services: self.hosted().iter().map(|h| h.status()).collect(),
            troubles: lock(&self.troubles).clone(),
        }
    }

    /// Starts everything that should be running, as the disk has it.
    async fn bring_back(self: &Arc<Self>) {
        let folder = self.folder.services();
        let names = match Files::list(&folder) {
            Ok(names) => names,
            Err(e) => {
                self.trouble(format!("{} cannot be read: {e}", folder.display()));
                return;
            }
        };
        for name in names {
            let files = Files::new(&folder, &name);
            let mut troubles = Vec::new();
            if let Some(desired) = files.read(&mut troubles)
                && let Err(why) = self.bring_back_one(files, desired, &mut troubles)
            {
                troubles.push(format!("{name}: {why}"));
            }
            for trouble in troubles {
                self.trouble(trouble);
            }
        }
    }

    fn bring_back_one(
        self: &Arc<Self>,
        files: Files,
        desired: Desired,
        troubles: &mut Vec<String>,
    ) -> Result<(), String> {
        let mut on_disk = open_traffic(&files, troubles).map_err(|e| e.to_string())?;
        if on_disk.lost {
            on_disk.carried.traffic = rescued(&desired.slots, troubles);
        }
        let hosted = self.host(files, &desired, on_disk);
        for slot in Slot::BOTH {
            hosted.replace(slot, desired.slots[slot].clone());
        }
        lock(&self.services).insert(hosted.name().clone(), hosted.clone());
        self.open_again(&hosted, troubles)
    }

    fn host(&self, files: Files, desired: &Desired, on_disk: OnDisk) -> Arc<Hosted> {
        let OnDisk { carried, file, .. } = on_disk;
        let front = Arc::new(Front::new(&desired.definition, carried.traffic));
        let flag = FlagFile::new(&self.folder.flags(), &desired.definition.service);
        Arc::new(Hosted {
            around: Surroundings {
                front,
                definition: shared(desired.definition.clone()),
                presses: Arc::default(),
                shim: self.shim.clone(),
                open_files: self.open_files,
                workers: self.proxy.worker_count(),
                pulse: self.pulse.clone(),
            },
            files,
            slots: Mutex::new(Slots::default()),
            lane: tokio::sync::Mutex::default(),
            file: Mutex::new(file),
            intents: Mutex::new(Intents::from_disk(carried.applied, desired.applied.clone())),
            unsaved: false.into(),
            watches: 0.into(),
            flag: Mutex::new(flag),
            flag_behind: true.into(),
            doors: Mutex::default(),
        })
    }

    /// Takes in a definition, new or changed. Running instances keep the command they were
    /// started with; everything else counts from now on.
    async fn define(&self, definition: ServiceDefinition) -> Result<(), PlatformError> {
        let faults = definition.faults();
        if !faults.is_empty() {
            let what = faults.join("; ");
            return Err(Rejection::Malformed { what }.into());
        }
        let _one = self.defining.lock().await;
        let mut others = self.hosted();
        others.retain(|other| *other.name() != definition.service);
        let clash = |other: &Arc<Hosted>| definition.clash(&other.definition());
        if let Some(what) = others.iter().find_map(clash) {
            return Err(Rejection::Malformed { what }.into());
        }
        match self.find(&definition.service) {
            Ok(hosted) => self.redefine(&hosted, definition).await,
            Err(_) => self.define_new(definition),
        }?;
        self.pulse.send_modify(|n| *n += 1);
        Ok(())
    }

    fn define_new(&self, definition: ServiceDefinition) -> Result<(), PlatformError> {
        let files = Files::new(&self.folder.services(), &definition.service);
        let desired = Desired {
            format: 1,
            definition,
            slots: PerSlot::default(),
            applied: Vec::new(),
        };
        let opened = Opened::all(&desired.definition).map_err(broken)?;
        let on_disk = open_traffic(&files, &mut Vec::new())
            .and_then(|on_disk| files.write(&desired).map(|()| on_disk))
            .map_err(|e| broken(format!("the definition cannot be written down: {e}")))?;
        let hosted = self.host(files, &desired, on_disk);
        self.open_all(&hosted, opened)
            .map_err(|e| broken(format!("{} cannot be served: {e}", hosted.name())))?;
        lock(&self.services).insert(hosted.name().clone(), hosted);
        Ok(())
    }

    async fn redefine(
        &self,
        hosted: &Arc<Hosted>,
        definition: ServiceDefinition,
    ) -> Result<(), PlatformError> {
        let _lane = hosted.lane.lock().await;
        let before = hosted.definition();
        if *before == definition {
            return Ok(());
        }
        let opened = Opened::changed(hosted, &before, &definition).map_err(broken)?;
        let mut desired = hosted.desired();
        desired.definition = definition.clone();
        hosted
            .files
            .write(&desired)
            .map_err(|e| broken(format!("the definition cannot be written down: {e}")))?;
        hosted.around.front.follow(&definition);
        hosted.around.definition.store(Arc::new(definition));
        self.open_all(hosted, opened)
            .map_err(|e| broken(format!("{} cannot be served: {e}", hosted.name())))
    }

    /// Ends a service and forgets it. Refused while it carries traffic, unless forced.
    async fn remove(&self, service: &ServiceName, force: bool) -> Result<(), PlatformError> {
        let one = self.defining.lock().await;
        let hosted = self.find(service)?;
        let _lane = hosted.lane.lock().await;
        let weights = hosted.traffic().weights;
        let carrying = Slot::BOTH.into_iter().find(|slot| weights.of(*slot) > 0);
        if let (Some(slot), false) = (carrying, force) {
            let weight = weights.of(slot);
            return Err(Rejection::CarriesTraffic { slot, weight }.into());
        }
        hosted
            .files
            .remove()
            .map_err(|e| broken(format!("its files cannot be removed: {e}")))?;
        lock(&self.services).remove(service);
        lock(&hosted.doors).close();
        lock(&hosted.flag).remove();
        // Gone as far as anyone else can see: others need not wait for its instances.
        drop(one);
        hosted.around.front.leave(None);
        hosted.stop_all(true).await;
        let _ = hosted.around.front.shut.send(true);
        self.pulse.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Ends in order: no new connections, requests finished, instances stopped.
    async fn stop(&self) {
        let services = self.hosted();
        for hosted in &services {
            lock(&hosted.doors).close();
            hosted.around.front.leave(None);
            let _ = hosted.around.front.shut.send(true);
        }
        let stops = services.iter().map(|hosted| async move {
            let drain = hosted.definition().stop.drain.duration();
            let _ = tokio::time::timeout(drain, hosted.quiet()).await;
            hosted.stop_all(false).await;
        });
        futures_util::future::join_all(stops).await;
    }
}
