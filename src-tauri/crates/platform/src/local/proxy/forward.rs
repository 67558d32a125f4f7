//! The path of one request.
//!
//! A slot is chosen once and the choice is counted there, whatever happens. An instance that takes
//! no connection costs the client nothing: another one is tried, and then the other slot, if
//! people count on it. What is never done: sending a request again when any of it may have been
//! acted upon. Only requests that may be repeated by their method, and have no body, are.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use deckwatch_domain::Slot;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, SET_COOKIE};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};

use super::body::{Answer, Flight, Upload};
use super::headers;
use super::route::{Choice, Front, Route};
use super::tally::{Class, Tally};
use super::upstream::{Line, Upstream};

/// Instances tried for one request at most.
const MOST_TRIES: usize = 4;

/// One client's connection.
pub(crate) struct Client {
    pub(crate) front: Arc<Front>,
    pub(crate) worker: usize,
    /// Its address, as `X-Forwarded-For` says it.
    pub(crate) peer: HeaderValue,
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

/// One request while instances are tried for it.
struct Attempt {
    slot: Slot,
    started: Instant,
    client: Option<u64>,
    tried: [Option<Arc<Upstream>>; MOST_TRIES],
    tries: usize,
    /// The chosen slot failed this request: counted once.
    refused: bool,
    /// The try under way. Dropped with its client, it counts as given up by the client.
    flight: Option<Flight>,
}

impl Client {
    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Answer> {
        let started = Instant::now();
        let (choice, client, timeout, closing, onward) = {
            let route = self.front.route();
            let client = route
                .client_header
                .as_ref()
                .and_then(|name| request.headers().get(name))
                .map(|value| self.front.hash.of(value.as_bytes()));
            let choice = match &route.onward {
                Some(_) => Some(Choice {
                    slot: Slot::Blue,
                    set_cookie: None,
                }),
                None => self.front.choose(&route, request.headers()),
            };
            (
                choice,
                client,
                route.timeout,
                route.closing,
                route.onward.clone(),
            )
        };
        let mut answer = match (choice, self.prepare(request, onward.is_some())) {
            (_, None) => own(StatusCode::NOT_IMPLEMENTED, "this proxy opens no tunnels"),
            (None, Some(_)) => own(
                StatusCode::SERVICE_UNAVAILABLE,
                "no release stands here yet",
            ),
            (Some(_), Some(request)) if onward.is_some() => self.hand_on(onward, request).await,
            (Some(choice), Some(request)) => {
                let mut attempt = Attempt {
                    slot: choice.slot,
                    started,
                    client,
                    tried: Default::default(),
                    tries: 0,
                    refused: false,
                    flight: None,
                };
                let within = tokio::time::timeout(timeout, self.forward(&mut attempt, request));
                let mut answer = match within.await {
                    Ok(answer) => answer,
                    Err(_) => {
                        attempt.timed_out();
                        own(StatusCode::GATEWAY_TIMEOUT, "no answer began in time")
                    }
                };
                if let Some(cookie) = choice.set_cookie {
                    answer.headers_mut().append(SET_COOKIE, cookie);
                }
                answer
            }
        };
        if closing {
            answer
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    /// The request as an instance gets it; none for a tunnel, which nobody opens here.
    fn prepare(&self, request: Request<Incoming>, onward: bool) -> Option<Request<Upload>> {
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
        }
        let body = match body.is_end_stream() {
            true => Upload::Empty,
            false => Upload::Stream(body),
        };
        Some(Request::from_parts(parts, body))
    }

    async fn forward(&self, attempt: &mut Attempt, request: Request<Upload>) -> Response<Answer> {
        let mut request = request;
        loop {
            // Read anew for each try: the traffic may have moved meanwhile.
            let picked = {
                let route = self.front.route();
                attempt.pick(&route, self.worker)
            };
            let Some((upstream, tally)) = picked else {
                let route = self.front.route();
                attempt.refuse(&route.slots[attempt.slot].tally);
                return own(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "no instance can answer now",
                );
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

    fn relay(
        &self,
        head: Response<Incoming>,
        line: Box<Line>,
        attempt: &mut Attempt,
    ) -> Response<Answer> {
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
                let nobody = Arc::new(Tally::new(Slot::Blue, None));
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

impl Attempt {
    /// The next instance to try: in the chosen slot, then in its refuge.
    fn pick(&mut self, route: &Route, worker: usize) -> Option<(Arc<Upstream>, Arc<Tally>)> {
        if self.tries >= MOST_TRIES {
            return None;
        }
        let here = &route.slots[self.slot];
        let found = match self.untried(&here.ready, worker) {
            Some(upstream) => Some((upstream, here.tally.clone())),
            None => {
                let refuge = route.refuge(self.slot)?;
                self.refuse(&here.tally);
                let there = &route.slots[refuge];
                let upstream = self.untried(&there.ready, worker)?;
                Some((upstream, there.tally.clone()))
            }
        }?;
        self.tried[self.tries] = Some(found.0.clone());
        self.tries += 1;
        Some(found)
    }

    /// The less busy of two instances picked at random, among those not tried yet.
    fn untried(&self, ready: &[Arc<Upstream>], worker: usize) -> Option<Arc<Upstream>> {
        if self.tries == 0 {
            return match ready {
                [] => None,
                [only] => Some(only.clone()),
                many => {
                    let (a, b) = two_of(many.len(), worker);
                    let (a, b) = (&many[a], &many[b]);
                    Some(if b.load() < a.load() {
                        b.clone()
                    } else {
                        a.clone()
                    })
                }
            };
        }
        let tried = |u: &&Arc<Upstream>| !self.tried.iter().flatten().any(|t| Arc::ptr_eq(t, u));
        ready.iter().filter(tried).min_by_key(|u| u.load()).cloned()
    }

    /// The try under way brought no answer. The chosen slot's failure counts once for a request.
    fn failed(&mut self) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        if self.refused {
            flight.forget();
        } else {
            self.refused = true;
            flight.ends_as(Class::Refused);
        }
    }

    fn timed_out(&mut self) {
        if let Some(mut flight) = self.flight.take() {
            flight.took(self.started);
            flight.ends_as(Class::Timeout);
        }
    }

    /// Counts the chosen slot's failure, once.
    fn refuse(&mut self, tally: &Tally) {
        if !self.refused {
            self.refused = true;
            tally.count(Class::Refused, None, self.client);
        }
    }
}

/// Two different numbers below `n`, which is at least 2.
fn two_of(n: usize, worker: usize) -> (usize, usize) {
    use std::cell::Cell;
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    // SplitMix64: this needs to be cheap and even, not secret.
    let mixed = STATE.with(|state| {
        let next = state
            .get()
            .wrapping_add(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(worker as u64);
        state.set(next);
        let z = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    });
    let a = (mixed as u32 as usize) % n;
    let b = ((mixed >> 32) as usize) % (n - 1);
    (a, if b >= a { b + 1 } else { b })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_never_the_same_and_all_come_up() {
        let mut seen = [0; 5];
        for _ in 0..1000 {
            let (a, b) = two_of(5, 1);
            assert!(a != b && a < 5 && b < 5);
            seen[a] += 1;
            seen[b] += 1;
        }
        assert!(seen.iter().all(|n| *n > 250), "{seen:?}");
    }
}
