//! The load: clients that wait for nobody, and their own count of who was hurt.
//!
//! Arrivals follow a schedule drawn in advance from a seed, never the answers (an open loop), and
//! a request's latency runs from the moment it was due, so a server that stalls cannot hide the
//! requests it kept waiting (coordinated omission). What cannot be sent because too much is in
//! flight is counted as `overloaded`, a class of its own: nothing is ever dropped in silence, so
//! at every moment `due = overloaded + ok + failed + in_flight`.
//!
//! Only loopback addresses are accepted: this is a training ground, not a weapon.

mod connections;
mod histogram;
mod report;
mod schedule;
mod tally;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deckwatch_domain::{Span, Timestamp};
use hyper::header::HeaderValue;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use connections::{Connections, Outcome};
use schedule::Schedule;
use tally::Tally;

pub use histogram::Latency;
pub use report::{Failures, LoadReport, Second, VersionReport};

/// How arrivals are spaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrivals {
    /// Independent of one another, as those of many people are.
    Poisson,
    /// Evenly.
    Uniform,
}

/// What load to make.
#[derive(Clone, PartialEq, Debug)]
pub struct LoadOptions {
    /// A loopback address.
    pub target: SocketAddr,
    pub path: String,
    /// Requests per second, 1 to 5000.
    pub rate: f64,
    pub arrivals: Arrivals,
    /// The same seed gives the same arrivals from the same clients.
    pub seed: u64,
    /// Different clients, named in the header `x-client`.
    pub clients: u32,
    /// From the moment a request is due.
    pub timeout: Span,
    /// Requests (and so connections) open at once.
    pub most_in_flight: u32,
}

impl LoadOptions {
    /// 200 requests a second from 1000 clients.
    pub fn new(target: SocketAddr) -> Self {
        LoadOptions {
            target,
            path: "/".into(),
            rate: 200.0,
            arrivals: Arrivals::Poisson,
            seed: 1,
            clients: 1000,
            timeout: Span::from_secs(2),
            // Below the 1024 descriptors that most systems give a process.
            most_in_flight: 700,
        }
    }
}

/// Why no load is made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{0} is not on this machine; load is only made for loopback addresses")]
    NotLoopback(SocketAddr),
    #[error("`{0}` is not a path such as /search")]
    Path(String),
    #[error("{what} must be from {low} to {high}")]
    Range {
        what: &'static str,
        low: u32,
        high: u32,
    },
}

const RATES: (f64, f64) = (1.0, 5000.0);

impl LoadOptions {
    fn checked(self) -> Result<Self, LoadError> {
        let range = |what, ok, low, high| {
            if ok {
                Ok(())
            } else {
                Err(LoadError::Range { what, low, high })
            }
        };
        if !self.target.ip().is_loopback() {
            return Err(LoadError::NotLoopback(self.target));
        }
        let (low, high) = RATES;
        range("the rate", (low..=high).contains(&self.rate), 1, 5000)?;
        range(
            "the clients",
            (1..=1_000_000).contains(&self.clients),
            1,
            1_000_000,
        )?;
        let in_flight = (1..=20_000).contains(&self.most_in_flight);
        range("the requests in flight", in_flight, 1, 20_000)?;
        let timeout = (1..=600_000).contains(&self.timeout.as_millis());
        range("the timeout in milliseconds", timeout, 1, 600_000)?;
        let plain = self.path.bytes().all(|b| b.is_ascii_graphic());
        if !self.path.starts_with('/') || !plain || self.path.parse::<hyper::Uri>().is_err() {
            return Err(LoadError::Path(self.path.chars().take(80).collect()));
        }
        Ok(self)
    }
}

/// A running load. It ends when this is stopped or dropped.
pub struct LoadHandle {
    run: Arc<Run>,
    dispatcher: JoinHandle<()>,
}

struct Run {
    options: LoadOptions,
    began: Instant,
    /// The rate in force, as the bits of an f64.
    rate: AtomicU64,
    /// Nobody comes, whatever the rate.
    silent: AtomicBool,
    rate_changed: Notify,
    in_flight: Arc<Semaphore>,
    connections: Connections,
    tally: Tally,
}

/// Begins at once; must be called within a tokio runtime.
pub fn start(options: LoadOptions) -> Result<LoadHandle, LoadError> {
    let options = options.checked()?;
    let run = Arc::new(Run {
        began: Instant::now(),
        rate: AtomicU64::new(options.rate.to_bits()),
        silent: AtomicBool::new(false),
        rate_changed: Notify::new(),
        in_flight: Arc::new(Semaphore::new(options.most_in_flight as usize)),
        connections: Connections::new(options.target, &options.path),
        tally: Tally::new(wall()),
        options,
    });
    let dispatcher = tokio::spawn(dispatch(Arc::clone(&run)));
    Ok(LoadHandle { run, dispatcher })
}

impl LoadHandle {
    /// Changes the rate from now on, held to 1–5000; returns the rate in force.
    pub fn set_rate(&self, rate: f64) -> f64 {
        let (low, high) = RATES;
        let rate = if rate.is_nan() {
            low
        } else {
            rate.clamp(low, high)
        };
        self.run.rate.store(rate.to_bits(), Ordering::SeqCst);
        self.run.rate_changed.notify_one();
        rate
    }

    /// Nobody comes any more until told otherwise; what is counted so far stays.
    pub fn silence(&self, silent: bool) {
        self.run.silent.store(silent, Ordering::SeqCst);
        self.run.rate_changed.notify_one();
    }

    /// Everything counted so far.
    pub fn snapshot(&self) -> LoadReport {
        self.run.report()
    }

    /// Sends nothing more, waits for what is in flight (at most the timeout), and reports.
    pub async fn stop(self) -> LoadReport {
        self.dispatcher.abort();
        let all = self.run.options.most_in_flight;
        let patience = self.run.options.timeout.duration() + Duration::from_millis(200);
        let _ = tokio::time::timeout(patience, self.run.in_flight.acquire_many(all)).await;
        self.run.report()
    }
}

impl Drop for LoadHandle {
    fn drop(&mut self) {
        self.dispatcher.abort();
    }
}

impl Run {
    fn rate(&self) -> f64 {
        f64::from_bits(self.rate.load(Ordering::SeqCst))
    }

    fn report(&self) -> LoadReport {
        self.tally
            .report(wall(), self.rate(), self.connections.opened())
    }
}

/// Starts every request when it is due, whatever became of those before it.
async fn dispatch(run: Arc<Run>) {
    let mut schedule = Schedule::new(run.options.seed, run.options.arrivals, run.options.clients);
    let mut rate = run.rate();
    let mut arrival = schedule.next(rate);
    let mut due = arrival.gap;
    loop {
        if run.silent.load(Ordering::SeqCst) {
            run.rate_changed.notified().await;
            // Whoever would have come meanwhile does not come later.
            due = run.began.elapsed().as_secs_f64() + arrival.gap;
            continue;
        }
        let now = run.began.elapsed().as_secs_f64();
        if due <= now {
            send(&run, due, arrival.client);
            arrival = schedule.next(rate);
            due += arrival.gap;
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep_until(run.began + Duration::from_secs_f64(due)) => {}
            () = run.rate_changed.notified() => {
                // What is left of the gap shrinks or stretches with the rate.
                let now = run.began.elapsed().as_secs_f64();
                let new = run.rate();
                due = now + (due - now).max(0.0) * rate / new;
                rate = new;
            }
        }
    }
}

fn send(run: &Arc<Run>, due: f64, client: u32) {
    let Ok(place) = Arc::clone(&run.in_flight).try_acquire_owned() else {
        run.tally.overloaded(wall());
        return;
    };
    let due = run.began + Duration::from_secs_f64(due);
    run.tally.sent(wall(), due.elapsed());
    let run = Arc::clone(run);
    tokio::spawn(async move {
        let name = HeaderValue::from_str(&format!("c{client:06}"));
        let name = name.unwrap_or_else(|_| HeaderValue::from_static("c"));
        let deadline = due + run.options.timeout.duration();
        let exchange = run.connections.exchange(name);
        let (outcome, spare) = match tokio::time::timeout_at(deadline, exchange).await {
            Ok(done) => done,
            Err(_) => (Outcome::Timeout, None),
        };
        run.tally.done(wall(), due.elapsed(), client, &outcome);
        drop(place);
        if let Some(connection) = spare {
            run.connections.put_back(connection).await;
        }
    });
}

fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
