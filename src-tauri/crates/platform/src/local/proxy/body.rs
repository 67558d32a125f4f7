//! Bodies on their way through: a request's to the instance, an answer's to the client. Neither is
//! ever collected; a frame is passed on as it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::tally::{Class, Tally};
use super::upstream::{Line, Upstream};

/// A request's body.
#[derive(Debug)]
pub(crate) enum Upload {
    Empty,
    Stream(Incoming),
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Upload::Empty => Poll::Ready(None),
            Upload::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Upload::Empty => true,
            Upload::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Upload::Empty => SizeHint::with_exact(0),
            Upload::Stream(body) => body.size_hint(),
        }
    }
}

/// A request that is being answered by an instance. Counts itself when it ends, however it ends.
#[derive(Debug)]
pub(crate) struct Flight {
    tally: Arc<Tally>,
    upstream: Arc<Upstream>,
    client: Option<u64>,
    class: Class,
    took: Option<Duration>,
    /// Still to be counted.
    counted: bool,
}

impl Flight {
    pub(crate) fn begin(tally: Arc<Tally>, upstream: Arc<Upstream>, client: Option<u64>) -> Self {
        use std::sync::atomic::Ordering::Relaxed;
        tally.in_flight.fetch_add(1, Relaxed);
        upstream.in_flight.fetch_add(1, Relaxed);
        Flight {
            tally,
            upstream,
            client,
            class: Class::Aborted,
            took: None,
            counted: true,
        }
    }

    pub(crate) fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Its answer began, or it is known that none comes.
    pub(crate) fn took(&mut self, since: Instant) {
        self.took = Some(since.elapsed());
    }

    /// Ends without being counted: another try of the same request was.
    pub(crate) fn forget(mut self) {
        self.counted = false;
    }

    pub(crate) fn ends_as(mut self, class: Class) {
        self.class = class;
    }

    /// Counts it now, while it goes on being in flight: a tunnel may stay open for days.
    pub(crate) fn answered_as(&mut self, class: Class) {
        self.class = class;
        self.settle();
    }

    /// Counts it, once.
    fn settle(&mut self) {
        if !std::mem::replace(&mut self.counted, false) {
            return;
        }
        if self.took.is_some() {
            self.tally.answered();
        }
        let took = self.took.filter(|_| self.class != Class::Aborted);
        self.tally.count(self.class, took, self.client);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        use std::sync::atomic::Ordering::Relaxed;
        self.tally.in_flight.fetch_sub(1, Relaxed);
        self.upstream.in_flight.fetch_sub(1, Relaxed);
        self.settle();
    }
}

/// An answer's body.
pub(crate) enum Answer {
    /// Made here.
    Own(Option<Bytes>),
    /// From an instance.
    Relay(Box<Relay>),
}

pub(crate) struct Relay {
    body: Incoming,
    line: Option<Box<Line>>,
    flight: Option<Flight>,
    class: Class,
    worker: usize,
}

impl Answer {
    /// Passes on what an instance answers; counted as `class` once it is through.
    pub(crate) fn relay(
        body: Incoming,
        line: Box<Line>,
        flight: Flight,
        class: Class,
        worker: usize,
    ) -> Answer {
        Answer::Relay(Box::new(Relay {
            body,
            line: Some(line),
            flight: Some(flight),
            class,
            worker,
        }))
    }
}

impl Relay {
    /// All of it has been read: the connection is free again and the request has ended.
    fn complete(&mut self, cx: &mut Context<'_>) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        if let Some(line) = self.line.take() {
            flight.upstream().give_back(self.worker, line, cx);
        }
        flight.ends_as(self.class);
    }

    fn broken(&mut self) {
        self.line = None;
        if let Some(flight) = self.flight.take() {
            flight.ends_as(Class::ServerError);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(line) = &mut self.line {
            line.drive(cx);
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => self.complete(cx),
            Poll::Ready(Some(Ok(_))) if self.body.is_end_stream() => self.complete(cx),
            Poll::Ready(Some(Err(_))) => self.broken(),
            _ => {}
        }
        polled
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // An answer without a body may never be polled: it is through all the same.
        if self.body.is_end_stream() {
            self.complete(&mut Context::from_waker(std::task::Waker::noop()));
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Answer::Own(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Answer::Relay(relay) => relay.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Own(bytes) => bytes.is_none(),
            Answer::Relay(relay) => relay.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Own(None) => SizeHint::with_exact(0),
            Answer::Own(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Answer::Relay(relay) => relay.body.size_hint(),
        }
    }
}
