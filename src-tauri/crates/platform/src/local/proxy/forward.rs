//! The path of one request.
//!
//! A slot is chosen once and the choice is counted there, whatever happens, unless neither slot has
//! an instance to try: that says nothing about the one that was chosen. An instance that takes no
//! connection costs the client nothing: another one is tried, and then the other slot, if people
//! count on it. What is never done: sending a request again when any of it may have been
//! acted upon. Only requests that may be repeated by their method, and have no body, are.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use deckwatch_domain::Slot;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};

use super::attempt::Attempt;
use super::body::{Answer, Flight, Upload};
use super::headers;
use super::route::{Choice, Front, Route};
use super::tally::{Class, Tally};
use super::upstream::{Line, Upstream};
use super::{Entrance, Inside, tunnel};

/// One client's connection.
pub(crate) struct Client {
    pub(crate) front: Arc<Front>,
    pub(crate) entrance: Entrance,
    pub(crate) worker: usize,
    /// Its address, as `X-Forwarded-For` says it.
    pub(crate) peer: HeaderValue,
}

/// Where a request leads.
enum To {
    Slot(Choice),
    /// To the node that took over, if it listens where this one came in.
    Onward(Option<Arc<Upstream>>),
    Nobody,
}

/// What a request needs to know of the route, read once.
struct Way {
    to: To,
    client: Option<u64>,
    timeout: Duration,
    closing: bool,
}

/// How one try ended short of an answer.
enum Trouble {
    /// Nothing was sent; here is the request back.
    Unsent(Box<Request<Upload>>),
    /// Something may have arrived.
    Lost,
}

/// What can be sent again: a request without a body whose method allows repeating.
struct Spare {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Spare {
    fn of(request: &Request<Upload>) -> Option<Spare> {
        let repeatable = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
        );
        (repeatable && matches!(request.body(), Upload::Empty)).then(|| Spare {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        })
    }

    fn request(self) -> Request<Upload> {
        let mut request = Request::new(Upload::Empty);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

impl Client {
    /// Answers one request.
    pub(crate) async fn answer(&self, mut request: Request<Incoming>) -> Response<Answer> {
        let started = Instant::now();
        let tunnel = tunnel::asked(&mut request);
        let way = self.way(request.headers());
        let onward = matches!(way.to, To::Onward(_));
        let prepared = self.prepare(request, onward, tunnel.is_some());
        let mut answer = match (way.to, prepared) {
            (_, None) => own(StatusCode::NOT_IMPLEMENTED, "CONNECT is not answered here"),
            (To::Nobody, Some(_)) => self.nobody(),
            (To::Onward(next), Some(request)) => self.hand_on(next, request).await,
            (To::Slot(choice), Some(request)) => {
                let mut attempt = Attempt::new(choice.slot, self.entrance, started, way.client);
                attempt.tunnel = tunnel;
                let mut answer = self.within(way.timeout, attempt, request).await;
                if let Some((name, value)) = choice.adds {
                    answer.headers_mut().append(name, value);
                }
                answer
            }
        };
        if way.closing && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            answer
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    /// Reads the route, and chooses.
    fn way(&self, headers: &HeaderMap) -> Way {
        let route = self.front.route();
        let told_apart = route.client_header.as_ref();
        let client = told_apart
            // Nobody's evidence: those who only look beforehand are not told apart either.
            .filter(|_| self.entrance == Entrance::Listen)
            .and_then(|name| headers.get(name))
            .map(|value| self.front.hash.of(value.as_bytes()));
        let to = match &route.onward {
            Some(onward) => To::Onward(onward.by(self.entrance)),
            None => match self.front.choose(&route, headers, self.entrance) {
                Some(choice) => To::Slot(choice),
                None => To::Nobody,
            },
        };
        Way {
            to,
            client,
            timeout: route.timeout,
            closing: route.closing,
        }
    }

    /// There is no release for it.
    fn nobody(&self) -> Response<Answer> {
        let why = match self.entrance {
            Entrance::Listen => {
                self.front.unserved.fetch_add(1, Relaxed);
                "no release stands here yet"
            }
            Entrance::Preview => "nothing is previewed: no version of this service is a candidate",
        };
        own(StatusCode::SERVICE_UNAVAILABLE, why)
    }

    /// The request as an instance gets it; none for `CONNECT`, which leads elsewhere.
    fn prepare(
        &self,
        request: Request<Incoming>,
        onward: bool,
        tunnel: bool,
    ) -> Option<Request<Upload>> {
        let (mut parts, body) = request.into_parts();
        if parts.method == Method::CONNECT {
            return None;
        }
        if parts.uri.scheme().is_some() || parts.uri.authority().is_some() {
            let path = parts.uri.path_and_query().cloned();
            if let Some(authority) = parts.uri.authority()
                && let Ok(host) = HeaderValue::from_str(authority.as_str())
            {
                parts.headers.insert(HOST, host);
            }
            parts.uri = path.map(Uri::from).unwrap_or_default();
        }
        parts.version = Version::HTTP_11;
        if !parts.headers.contains_key(HOST) {
            // HTTP/1.0 may leave it out; what is sent on is HTTP/1.1, which may not.
            parts
                .headers
                .insert(HOST, HeaderValue::from_static("localhost"));
        }
        if onward {
            headers::to_next_node(&mut parts.headers);
        } else {
            headers::to_instance(&mut parts.headers, &self.peer);
            if tunnel {
                headers::to_websocket(&mut parts.headers);
            }
        }
        let body = match body.is_end_stream() {
            true => Upload::Empty,
            false => Upload::Stream(body),
        };
        Some(Request::from_parts(parts, body))
    }

    async fn within(
        &self,
        timeout: Duration,
        mut attempt: Attempt,
        request: Request<Upload>,
    ) -> Response<Answer> {
        match tokio::time::timeout(timeout, self.forward(&mut attempt, request)).await {
            Ok(answer) => answer,
            Err(_) => {
                attempt.ends_as(Class::Timeout);
                own(StatusCode::GATEWAY_TIMEOUT, "no answer began in time")
            }
        }
    }

    async fn forward(&self, attempt: &mut Attempt, request: Request<Upload>) -> Response<Answer> {
        let mut request = request;
        loop {
            // Read anew for each try: the traffic may have moved meanwhile.
            let picked = {
                let route = self.front.route();
                let picked = attempt.pick(&route, self.worker);
                if picked.is_none() {
                    self.blame(&route, attempt);
                }
                picked
            };
            let Some((upstream, tally)) = picked else {
                let why = match self.entrance {
                    Entrance::Listen => "no instance can answer now",
                    Entrance::Preview => "the version previewed here has no ready instance now",
                };
                return own(StatusCode::SERVICE_UNAVAILABLE, why);
            };
            let spare = Spare::of(&request);
            attempt.flight = Some(Flight::begin(tally, upstream.clone(), attempt.client));
            match self.exchange(&upstream, request).await {
                Ok((head, line)) => return self.relay(head, line, attempt),
                Err(trouble) => {
                    attempt.failed();
                    let again = match trouble {
                        Trouble::Unsent(request) => Some(*request),
                        Trouble::Lost => spare.map(Spare::request),
                    };
                    match again {
                        Some(again) => request = again,
                        None => {
                            return own(
                                StatusCode::BAD_GATEWAY,
                                "the instance went away and the request cannot be repeated",
                            );
                        }
                    }
                }
            }
        }
    }

    /// Counts a request that found no instance. The chosen slot is at fault when something was
    /// tried for it, or when the other slot stands; never when there was nothing anywhere.
    fn blame(&self, route: &Route, attempt: &mut Attempt) {
        let chosen = &route.slots[attempt.slot];
        let nothing = attempt.tries == 0 && route.is_bare();
        if nothing && self.entrance == Entrance::Listen {
            self.front.unserved.fetch_add(1, Relaxed);
        } else {
            attempt.refuse(&chosen.counted(self.entrance));
        }
    }

    fn relay(
        &self,
        head: Response<Incoming>,
        line: Box<Line>,
        attempt: &mut Attempt,
    ) -> Response<Answer> {
        if head.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(head, line, attempt);
        }
        let (mut parts, body) = head.into_parts();
        headers::to_client(&mut parts.headers);
        let class = Class::of(parts.status.as_u16());
        let body = match attempt.flight.take() {
            Some(mut flight) => {
                flight.took(attempt.started);
                Answer::relay(body, line, flight, class, self.worker)
            }
            None => Answer::Own(None),
        };
        Response::from_parts(parts, body)
    }

    /// The instance switches protocols: to a WebSocket, if that was asked for.
    fn switch(
        &self,
        head: Response<Incoming>,
        line: Box<Line>,
        attempt: &mut Attempt,
    ) -> Response<Answer> {
        if let Some(client) = attempt.tunnel.take()
            && let Some(mut flight) = attempt.flight.take()
        {
            flight.took(attempt.started);
            flight.answered_as(Class::of(head.status().as_u16()));
            self.front.entered();
            return tunnel::open(client, head, line, flight, Inside(self.front.clone()));
        }
        attempt.ends_as(Class::ServerError);
        own(
            StatusCode::BAD_GATEWAY,
            "the instance switched protocols, which nobody asked for",
        )
    }

    /// Sends a request on an idle connection, or on a new one.
    async fn exchange(
        &self,
        upstream: &Upstream,
        request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Box<Line>), Trouble> {
        let mut request = request;
        while let Some(mut line) = upstream.idle(self.worker) {
            match line.exchange(request).await {
                Ok(head) => return Ok((head, line)),
                // It had been closed while idle: nothing was sent, and nobody is to blame.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Trouble::Lost),
                },
            }
        }
        let Ok(mut line) = Line::open(upstream.address).await else {
            return Err(Trouble::Unsent(Box::new(request)));
        };
        match line.exchange(request).await {
            Ok(head) => Ok((head, line)),
            Err(mut error) => Err(match error.take_message() {
                Some(unsent) => Trouble::Unsent(Box::new(unsent)),
                None => Trouble::Lost,
            }),
        }
    }

    /// A newer node has taken over: what still arrives on old connections is its to answer.
    async fn hand_on(
        &self,
        onward: Option<Arc<Upstream>>,
        request: Request<Upload>,
    ) -> Response<Answer> {
        let Some(next) = onward else {
            return own(StatusCode::SERVICE_UNAVAILABLE, "this node has ended");
        };
        match self.exchange(&next, request).await {
            Ok((head, line)) => {
                let (mut parts, body) = head.into_parts();
                headers::to_client(&mut parts.headers);
                let nobody = Arc::new(Tally::alone(Slot::Blue, None));
                let flight = Flight::begin(nobody, next, None);
                let answer = Answer::relay(body, line, flight, Class::Ok, self.worker);
                Response::from_parts(parts, answer)
            }
            Err(_) => own(
                StatusCode::BAD_GATEWAY,
                "the node that took over did not answer",
            ),
        }
    }
}

/// An answer of the proxy's own.
fn own(status: StatusCode, why: &'static str) -> Response<Answer> {
    let mut answer = Response::new(Answer::Own(Some(Bytes::from_static(why.as_bytes()))));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert("x-deckwatch", HeaderValue::from_static("proxy"));
    answer
}
