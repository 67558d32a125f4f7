//! Handing everything to a newer node, without a request dropped or an instance restarted.
//!
//! The order of things: the old node stops taking connections (they wait in the listeners, which
//! live on), freezes every traffic object, lets go of its instances and sends it all. The new node
//! says that it is ready; the old one makes itself a mere relay to the new one and says so; only
//! then does the new one serve. So there are never two truths. Should the new one fail before
//! that, the old one takes up again what it had let go. Connections that clients keep open live on
//! in the old process until they are idle for long; what they ask is passed on to the new node.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use deckwatch_domain::{IntentId, Slot, Timestamp};
use serde::{Deserialize, Serialize};

use super::desired::Desired;
use super::hosted::Hosted;
use super::instance::{Handed, View};
use super::intents::Kept;
use super::{Ending, Node, fds};
use crate::local::lock;
use crate::local::proxy::Entrance;
use crate::local::proxy::route::Onward;
use crate::local::proxy::tally::Counts;
use crate::local::proxy::upstream::Upstream;
use crate::model::{ReleaseSpec, Traffic};

/// The handover's own number; another one is refused.
pub(super) const HANDOVER: u32 = 1;
/// How long one side waits for the other's next word.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long the new node may take to build everything.
const READY: Duration = Duration::from_secs(2);
/// How long kept-open connections may stay before they are closed when idle.
const LINGER: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub handover: u32,
    pub version: String,
}

/// The words after the files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// The new node could serve at once.
    Ready,
    /// The old node serves nothing by itself any more.
    Yours,
}

/// Everything a node has. Its files follow: lock, control socket, then for each service its
/// listener and its preview's if it has them, and the links of its instances.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Estate {
    pub refused: Option<String>,
    pub started_at: Option<Timestamp>,
    pub troubles: Vec<String>,
    pub services: Vec<EstateService>,
    pub files: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EstateService {
    pub desired: Desired,
    pub traffic: Traffic,
    pub applied: Vec<IntentId>,
    pub counts: Vec<Counts>,
    #[serde(default)]
    pub unserved: u64,
    pub listens: bool,
    #[serde(default)]
    pub previews: bool,
    pub instances: Vec<EstateInstance>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EstateInstance {
    pub slot: Slot,
    pub index: u32,
    pub release: ReleaseSpec,
    pub view: View,
    /// Whether a link follows, and what was already read from it.
    pub link: Option<Vec<u8>>,
}

/// One service whose instances have been let go.
struct LetGo {
    hosted: Arc<Hosted>,
    instances: Vec<(Slot, u32, ReleaseSpec, Handed)>,
}

/// Waits for a newer node, and hands over to it. Returns when that is done.
pub(super) async fn serve(
    node: Arc<Node>,
    listener: std::os::unix::net::UnixListener,
    lock_file: OwnedFd,
    control: OwnedFd,
) {
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::UnixListener::from_std(listener));
    let Ok(listener) = listener else {
        node.trouble("the handover socket cannot be listened on".into());
        return;
    };
    let me = rustix::process::geteuid().as_raw();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(peer) = stream.peer_cred().map_err(|_| ()) else {
            continue;
        };
        if peer.uid() != me {
            node.trouble(format!(
                "user {} tried to take over and was refused",
                peer.uid()
            ));
            continue;
        }
        let Ok(stream) = stream.into_std() else {
            continue;
        };
        match hand_over(&node, stream, &lock_file, &control).await {
            Ok(()) => {
                let _ = node.ending.send(Some(Ending::HandedOver));
                return;
            }
            Err(why) => node.trouble(format!("a newer node did not take over: {why}")),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|e| e.to_string()),
        Err(e) => Err(e.to_string()),
    }
}

async fn hand_over(
    node: &Arc<Node>,
    mut stream: UnixStream,
    lock_file: &OwnedFd,
    control: &OwnedFd,
) -> Result<(), String> {
    let prepared = stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_read_timeout(Some(PATIENCE)))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    prepared.map_err(|e| e.to_string())?;
    let (mut stream, hello) = blocking(move || {
        let hello: Hello = fds::receive(&mut stream)?;
        Ok((stream, hello))
    })
    .await?;
    if hello.handover != HANDOVER {
        let refused = format!(
            "this node hands over by {HANDOVER}, the new one takes by {}",
            hello.handover
        );
        let empty = Estate {
            refused: Some(refused.clone()),
            started_at: None,
            troubles: Vec::new(),
            services: Vec::new(),
            files: 0,
        };
        blocking(move || fds::send(&mut stream, &empty)).await?;
        return Err(refused);
    }
    // From here on no definition and no slow order begins; those under way are waited for.
    let _defining = node.defining.lock().await;
    let services = node.hosted();
    let mut lanes = Vec::new();
    for hosted in &services {
        lanes.push(hosted.lane.lock().await);
    }
    let mut let_go = Vec::new();
    for hosted in &services {
        let_go.push(release(hosted).await);
    }
    let sent = send_all(node, &let_go, stream, lock_file, control).await;
    match sent {
        Ok(()) => Ok(()),
        Err(why) => {
            for service in let_go {
                node.take_up_again(service);
            }
            Err(why)
        }
    }
}

/// Stops taking connections, freezes the traffic and lets go of the instances.
async fn release(hosted: &Arc<Hosted>) -> LetGo {
    lock(&hosted.doors).stop_accepting();
    hosted.around.front.freeze(true);
    if hosted.unsaved.load(Relaxed) {
        let saving = hosted.clone();
        let saving = tokio::task::spawn_blocking(move || saving.save());
        let _ = tokio::time::timeout(Duration::from_secs(2), saving).await;
    }
    let mut instances = Vec::new();
    for slot in Slot::BOTH {
        // Those on their way out stay with this node, which sees them out.
        let standing = lock(&hosted.slots).instances[slot].clone();
        for instance in standing {
            if let Some(handed) = instance.hand_over().await {
                let release = ReleaseSpec::clone(&instance.release);
                instances.push((slot, instance.index, release, handed));
            }
        }
    }
    LetGo {
        hosted: hosted.clone(),
        instances,
    }
}

fn estate(node: &Node, let_go: &[LetGo]) -> Estate {
    let services = let_go.iter().map(|service| {
        let hosted = &service.hosted;
        let [listens, previews] = {
            let mut doors = lock(&hosted.doors);
            Entrance::BOTH.map(|entrance| doors.listener(entrance).is_some())
        };
        let instances = service
            .instances
            .iter()
            .map(|(slot, index, release, handed)| EstateInstance {
                slot: *slot,
                index: *index,
                release: release.clone(),
                view: handed.view.clone(),
                link: handed.link.as_ref().map(|(_, rest)| rest.clone()),
            });
        EstateService {
            desired: hosted.desired(),
            traffic: Traffic::clone(&hosted.traffic()),
            applied: lock(&hosted.intents).of(Kept::Traffic),
            counts: hosted
                .around
                .front
                .tallies()
                .iter()
                .map(|t| t.counts())
                .collect(),
            unserved: hosted.around.front.unserved.load(Relaxed),
            listens,
            previews,
            instances: instances.collect(),
        }
    });
    Estate {
        refused: None,
        started_at: Some(node.started_at),
        troubles: lock(&node.troubles).clone(),
        services: services.collect(),
        files: 0,
    }
}

async fn send_all(
    node: &Arc<Node>,
    let_go: &[LetGo],
    mut stream: UnixStream,
    lock_file: &OwnedFd,
    control: &OwnedFd,
) -> Result<(), String> {
    let mut estate = estate(node, let_go);
    let mut files: Vec<OwnedFd> = Vec::new();
    let mut add = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map(|fd| files.push(fd));
    let mut gather = || -> io::Result<()> {
        add(lock_file.as_fd())?;
        add(control.as_fd())?;
        for service in let_go {
            let mut doors = lock(&service.hosted.doors);
            for entrance in Entrance::BOTH {
                if let Some(listener) = doors.listener(entrance) {
                    add(listener.as_fd())?;
                }
            }
            for (_, _, _, handed) in &service.instances {
                if let Some((link, _)) = &handed.link {
                    add(link.as_fd())?;
                }
            }
        }
        Ok(())
    };
    gather().map_err(|e| e.to_string())?;
    estate.files = files.len();
    let (mut stream, word) = blocking(move || {
        fds::send(&mut stream, &estate)?;
        let borrowed: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        fds::send_files(&stream, &borrowed)?;
        // Orders wait meanwhile, a take-back among them: a newer node that hangs is not waited for.
        stream.set_read_timeout(Some(READY))?;
        let word: Word = fds::receive(&mut stream)?;
        Ok((stream, word))
    })
    .await?;
    if word != Word::Ready {
        return Err("it did not say that it is ready".into());
    }
    for service in let_go {
        let front = &service.hosted.around.front;
        let definition = service.hosted.definition();
        let next = |address| Arc::new(Upstream::new(address, node.proxy.worker_count()));
        front.leave(Some(Onward {
            listen: next(definition.listen),
            preview: definition.preview.map(next),
        }));
    }
    let said = blocking(move || fds::send(&mut stream, &Word::Yours)).await;
    if said.is_err() {
        for service in let_go {
            service.hosted.around.front.stay();
        }
    }
    said
}

impl Node {
    /// Goes on as if nothing had been handed over.
    fn take_up_again(&self, service: LetGo) {
        let hosted = service.hosted;
        for slot in Slot::BOTH {
            // Their tasks have ended; the processes go on under new ones, in rotation all along.
            lock(&hosted.slots).instances[slot].clear();
        }
        for (slot, index, release, handed) in service.instances {
            hosted.adopt(slot, index, release, handed);
        }
        hosted.around.front.freeze(false);
        for entrance in Entrance::BOTH {
            if let Err(why) = self.reopen(&hosted, entrance) {
                self.trouble(format!("after a take-over that failed: {why}"));
            }
        }
    }

    /// After the handover: waits until nobody needs this process any more, within bounds.
    pub(super) async fn linger(&self) {
        let services = self.hosted();
        for hosted in &services {
            lock(&hosted.doors).close();
        }
        let busy = || {
            services
                .iter()
                .any(|h| h.around.front.connections.load(Relaxed) > 0)
        };
        let leaving = || services.iter().any(|h| h.is_anyone_leaving());
        let within = |limit: Duration| tokio::time::Instant::now() + limit;
        let (idle, end) = (within(LINGER), within(2 * LINGER));
        while tokio::time::Instant::now() < end && (busy() || leaving()) {
            if tokio::time::Instant::now() >= idle {
                for hosted in &services {
                    let _ = hosted.around.front.shut.send(true);
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
