//! The socket, and the three ways a service ends: asked to, made to, unable to.

use std::convert::Infallible;
use std::future::Future;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::answer::Running;
use super::{DemoError, DemoOptions};

/// How long requests in progress are waited for when the service is asked to stop. A hanging
/// request is not waited for longer than this.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until SIGTERM or SIGINT, then finishes what it has. On [`DemoError::Crashed`] the host
/// ends the process at once.
pub async fn serve(options: DemoOptions) -> Result<(), DemoError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate()).map_err(DemoError::Signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(DemoError::Signals)?;
        serve_until(options, async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await
    }
    #[cfg(not(unix))]
    serve_until(options, async {
        let _ = tokio::signal::ctrl_c().await;
    })
    .await
}

/// Serves until `stop` ends. Dropping it, or a crash, cuts every connection off.
pub async fn serve_until(
    options: DemoOptions,
    stop: impl Future<Output = ()>,
) -> Result<(), DemoError> {
    let port = options.port;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|why| DemoError::Listen { port, why })?;
    let running = Arc::new(Running::new(options));
    let (closing, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = running.crash.notified() => return Err(DemoError::Crashed),
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&running), closed.clone()));
                }
                // Out of descriptors, or the peer was gone already: the next may do better.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            },
        }
    }
    drop(listener);
    let _ = closing.send(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = running.crash.notified() => return Err(DemoError::Crashed),
        _ = tokio::time::timeout(GRACE, finished) => {}
    }
    Ok(())
}

async fn connection(stream: TcpStream, running: Arc<Running>, mut closed: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let running = Arc::clone(&running);
        async move { Ok::<_, Infallible>(running.answer(request).await) }
    });
    let serving = http1::Builder::new()
        // An idle connection stays open: closing it while a client sends would look like a fault
        // that nobody injected.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), answer);
    let mut serving = pin!(serving);
    tokio::select! {
        // What a client does wrong on its connection concerns nobody else.
        _ = &mut serving => return,
        _ = closed.changed() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}
