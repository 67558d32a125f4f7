//! Taking everything over from the node that runs: the other side of `handover`.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use deckwatch_domain::Timestamp;

use super::desired::Files;
use super::fds;
use super::handover::{Estate, EstateService, HANDOVER, Hello, PATIENCE, Word};
use super::hosted::{Carried, Hosted, OnDisk};
use super::instance::Handed;
use super::traffic_file::TrafficFile;
use super::{Node, NodeError, NodeFolder};
use crate::local::lock;
use crate::local::proxy::Entrance;

/// What came, before the old node has let go of it for good.
pub(super) struct Offer {
    stream: UnixStream,
    pub lock_file: OwnedFd,
    pub control: UnixListener,
    pub started_at: Option<Timestamp>,
    troubles: Vec<String>,
    services: Vec<(EstateService, Vec<OwnedFd>)>,
}

fn failed(why: impl std::fmt::Display) -> NodeError {
    NodeError::TakeOver {
        why: why.to_string(),
    }
}

/// Asks the running node for everything. Blocks.
pub(super) fn ask(folder: &NodeFolder) -> Result<Offer, NodeError> {
    let path = folder.handover_socket();
    let mut stream = UnixStream::connect(&path)
        .map_err(|e| failed(format!("{} does not answer: {e}", path.display())))?;
    receive(&mut stream)
        .and_then(|(estate, files)| sort(stream, estate, files))
        .map_err(failed)
}

fn receive(stream: &mut UnixStream) -> io::Result<(Estate, Vec<OwnedFd>)> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let hello = Hello {
        handover: HANDOVER,
        version: env!("CARGO_PKG_VERSION").into(),
    };
    fds::send(stream, &hello)?;
    let estate: Estate = fds::receive(stream)?;
    if let Some(refused) = estate.refused {
        return Err(io::Error::other(refused));
    }
    let files = fds::receive_files(stream, estate.files)?;
    Ok((estate, files))
}

/// Gives each thing its files.
fn sort(stream: UnixStream, estate: Estate, files: Vec<OwnedFd>) -> io::Result<Offer> {
    let mut files = files.into_iter();
    let mut next = || {
        files
            .next()
            .ok_or_else(|| io::Error::other("fewer files came than were named"))
    };
    let lock_file = next()?;
    let control = UnixListener::from(next()?);
    let mut services = Vec::new();
    for service in estate.services {
        let links = service
            .instances
            .iter()
            .filter(|i| i.link.is_some())
            .count();
        let count = links + usize::from(service.listens) + usize::from(service.previews);
        let own = (0..count).map(|_| next()).collect::<io::Result<Vec<_>>>()?;
        services.push((service, own));
    }
    Ok(Offer {
        stream,
        lock_file,
        control,
        started_at: estate.started_at,
        troubles: estate.troubles,
        services,
    })
}

/// A service that is complete and only waits for the old node's last word.
type Waiting = (Arc<Hosted>, Vec<(Entrance, std::net::TcpListener)>);

/// Builds everything from the offer, and serves once the old node has let go.
pub(super) async fn accept(node: &Arc<Node>, offer: Offer) -> Result<(), NodeError> {
    let Offer {
        mut stream,
        troubles,
        services,
        ..
    } = offer;
    *lock(&node.troubles) = troubles;
    let mut waiting: Vec<Waiting> = Vec::new();
    for (service, files) in services {
        waiting.push(build(node, service, files).map_err(failed)?);
    }
    let last_words = tokio::task::spawn_blocking(move || {
        fds::send(&mut stream, &Word::Ready)?;
        fds::receive::<Word>(&mut stream)
    });
    match last_words.await.map_err(failed)?.map_err(failed)? {
        Word::Yours => {}
        Word::Ready => return Err(failed("the old node spoke out of turn")),
    }
    for (hosted, listeners) in waiting {
        for (entrance, listener) in listeners {
            if let Err(e) = node.open(&hosted, entrance, listener) {
                node.trouble(format!("{} cannot be served: {e}", hosted.name()));
            }
        }
        lock(&node.services).insert(hosted.name().clone(), hosted);
    }
    Ok(())
}

fn build(node: &Arc<Node>, service: EstateService, files: Vec<OwnedFd>) -> io::Result<Waiting> {
    let names = Files::new(&node.folder.services(), &service.desired.definition.service);
    let (file, found) = TrafficFile::open(&names.traffic())?;
    let carried = Carried {
        traffic: service.traffic,
        applied: service.applied,
    };
    let unsaved = found.content() != Some(&serde_json::to_vec(&carried)?);
    let hosted = node.host(
        names,
        &service.desired,
        OnDisk {
            carried,
            file,
            lost: false,
        },
    );
    hosted
        .unsaved
        .store(unsaved, std::sync::atomic::Ordering::Relaxed);
    hosted.stand(&service.desired.slots);
    hosted
        .around
        .front
        .recount(service.counts, service.unserved);
    let mut files = files.into_iter();
    let mut listeners = Vec::new();
    for (entrance, comes) in [
        (Entrance::Listen, service.listens),
        (Entrance::Preview, service.previews),
    ] {
        if comes && let Some(file) = files.next() {
            listeners.push((entrance, file.into()));
        }
    }
    for instance in service.instances {
        let link = instance
            .link
            .and_then(|rest| Some((UnixStream::from(files.next()?), rest)));
        let handed = Handed {
            view: instance.view,
            link,
        };
        hosted.adopt(instance.slot, instance.index, instance.release, handed);
    }
    Ok((hosted, listeners))
}
