//! The listeners of a service, and when they open: one for everybody and, if its definition names
//! one, a preview.
//!
//! Both live by the same rules. A new one is opened before an old one is closed, they are handed to
//! a newer node as they are, and while a restarted node's instances are still starting, clients wait
//! in them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use deckwatch_domain::Slot;

use super::Node;
use super::hosted::Hosted;
use crate::local::definition::ServiceDefinition;
use crate::local::lock;
use crate::local::proxy::route::Route;
use crate::local::proxy::{Accepting, Entrance, listen};

/// How long a restarted node lets clients wait for the first ready instance.
const RESTART_PATIENCE: Duration = Duration::from_secs(5);

/// A listener, and what keeps connections coming from it.
type Door = (TcpListener, Option<Accepting>);

#[derive(Debug, Default)]
pub(super) struct Doors {
    listen: Option<Door>,
    preview: Option<Door>,
}

impl Doors {
    pub(super) fn at(&mut self, entrance: Entrance) -> &mut Option<Door> {
        match entrance {
            Entrance::Listen => &mut self.listen,
            Entrance::Preview => &mut self.preview,
        }
    }

    pub(super) fn listener(&mut self, entrance: Entrance) -> Option<&TcpListener> {
        self.at(entrance).as_ref().map(|(listener, _)| listener)
    }

    /// Takes no more connections; those that come wait in the listeners.
    pub(super) fn stop_accepting(&mut self) {
        for entrance in Entrance::BOTH {
            if let Some((_, accepting)) = self.at(entrance) {
                *accepting = None;
            }
        }
    }

    pub(super) fn close(&mut self) {
        *self = Doors::default();
    }

    /// The listener that stands at this address already, to be used once more.
    fn standing(&self, address: SocketAddr) -> Option<&TcpListener> {
        let doors = [&self.listen, &self.preview].into_iter().flatten();
        let mut listeners = doors.map(|(listener, _)| listener);
        listeners.find(|l| l.local_addr().is_ok_and(|at| at == address))
    }
}

/// Listeners opened for a definition, not yet in use.
#[derive(Default)]
pub(super) struct Opened {
    listen: Option<TcpListener>,
    preview: Option<TcpListener>,
}

fn bound(address: SocketAddr) -> Result<TcpListener, String> {
    listen(address).map_err(|e| format!("{address} cannot be opened: {e}"))
}

impl Opened {
    /// Everything a new service needs.
    pub(super) fn all(definition: &ServiceDefinition) -> Result<Self, String> {
        Ok(Opened {
            listen: Some(bound(definition.listen)?),
            preview: definition.preview.map(bound).transpose()?,
        })
    }

    /// What a changed definition needs beside what there is.
    pub(super) fn changed(
        hosted: &Hosted,
        before: &ServiceDefinition,
        after: &ServiceDefinition,
    ) -> Result<Self, String> {
        let doors = lock(&hosted.doors);
        // One that changes from one purpose to the other cannot be opened a second time.
        let open = |address: SocketAddr| match doors.standing(address) {
            Some(standing) => standing
                .try_clone()
                .map_err(|e| format!("{address} cannot be shared: {e}")),
            None => bound(address),
        };
        let listen = (after.listen != before.listen).then_some(after.listen);
        let preview = after.preview.filter(|_| after.preview != before.preview);
        Ok(Opened {
            listen: listen.map(open).transpose()?,
            preview: preview.map(open).transpose()?,
        })
    }
}

impl Node {
    /// Takes connections by a listener.
    pub(super) fn open(
        &self,
        hosted: &Hosted,
        entrance: Entrance,
        listener: TcpListener,
    ) -> io::Result<()> {
        let kept = listener.try_clone()?;
        let front = hosted.around.front.clone();
        let accepting = self.proxy.accept(listener, front, entrance)?;
        *lock(&hosted.doors).at(entrance) = Some((kept, Some(accepting)));
        Ok(())
    }

    /// Takes connections by everything that was opened for the definition in force, and by nothing
    /// that it no longer names.
    pub(super) fn open_all(&self, hosted: &Hosted, opened: Opened) -> io::Result<()> {
        for (entrance, listener) in [
            (Entrance::Listen, opened.listen),
            (Entrance::Preview, opened.preview),
        ] {
            if let Some(listener) = listener {
                self.open(hosted, entrance, listener)?;
            }
        }
        if hosted.definition().preview.is_none() {
            *lock(&hosted.doors).at(Entrance::Preview) = None;
        }
        Ok(())
    }

    /// Opens the doors of a service that is brought back, and lets nobody in yet. A preview that
    /// cannot be opened keeps nobody from being served.
    pub(super) fn open_again(
        self: &Arc<Self>,
        hosted: &Arc<Hosted>,
        troubles: &mut Vec<String>,
    ) -> Result<(), String> {
        let definition = hosted.definition();
        let clients = bound(definition.listen)?;
        *lock(&hosted.doors).at(Entrance::Listen) = Some((clients, None));
        tokio::spawn(
            self.clone()
                .open_when_ready(hosted.clone(), Entrance::Listen),
        );
        match definition.preview.map(bound).transpose() {
            Ok(None) => {}
            Ok(Some(preview)) => {
                *lock(&hosted.doors).at(Entrance::Preview) = Some((preview, None));
                tokio::spawn(
                    self.clone()
                        .open_when_ready(hosted.clone(), Entrance::Preview),
                );
            }
            Err(why) => troubles.push(format!("{}: its preview: {why}", hosted.name())),
        }
        Ok(())
    }

    /// Clients that come while a restarted node's instances are still starting wait in the
    /// listener, for a while: better than being turned away.
    async fn open_when_ready(self: Arc<Self>, hosted: Arc<Hosted>, entrance: Entrance) {
        let until = tokio::time::Instant::now() + RESTART_PATIENCE;
        let front = &hosted.around.front;
        while !serves(&front.route(), entrance) && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Removed or handed over meanwhile: then it is not this node's to open.
        if !front.route().frozen
            && let Err(why) = self.reopen(&hosted, entrance)
        {
            self.trouble(why);
        }
    }

    /// Takes connections again where it had stopped to.
    pub(super) fn reopen(&self, hosted: &Hosted, entrance: Entrance) -> Result<(), String> {
        let door = lock(&hosted.doors).at(entrance).take();
        let Some((listener, _)) = door else {
            return Ok(());
        };
        self.open(hosted, entrance, listener).map_err(|e| {
            let name = hosted.name();
            match entrance {
                Entrance::Listen => format!("{name} cannot be served: {e}"),
                Entrance::Preview => format!("{name} cannot be previewed: {e}"),
            }
        })
    }
}

/// Whether a client that comes in here now would find somebody.
fn serves(route: &Route, entrance: Entrance) -> bool {
    let ready = route.ready();
    match entrance {
        Entrance::Listen => {
            let weights = route.traffic.weights;
            Slot::BOTH
                .iter()
                .any(|s| weights.of(*s) > 0 && ready[*s] > 0)
        }
        // With nothing to preview there is nothing to wait for.
        Entrance::Preview => route.candidate().is_none_or(|slot| ready[slot] > 0),
    }
}
