//! One request, answered, or not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::faults::MOST_LEAKED;
use super::schema::Lookup;
use super::{DemoOptions, Faults};
use crate::draws::Draws;

pub(super) type Answer = Response<Full<Bytes>>;

/// What all connections of one demo service share.
pub(super) struct Running {
    options: DemoOptions,
    faults: RwLock<Arc<Faults>>,
    /// Requests so far, control requests not among them.
    requests: AtomicU64,
    /// Requests that are being answered.
    under_way: AtomicU64,
    /// Requests left until `crash_after`.
    fuse: AtomicU64,
    leaked: Mutex<Leak>,
    ready_from: Instant,
    schema: Lookup,
    version: HeaderValue,
    service: HeaderValue,
    /// The body of a good answer, made once.
    good: Bytes,
    pub(super) crash: Notify,
}

/// One request's place among those that are being answered; given up when it is dropped, also by
/// a client that hangs up.
struct Place<'a> {
    count: &'a AtomicU64,
    before: u64,
}

impl<'a> Place<'a> {
    fn of(count: &'a AtomicU64) -> Self {
        Place {
            before: count.fetch_add(1, Ordering::SeqCst),
            count,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Leak {
    kept: Vec<Vec<u8>>,
    bytes: u64,
}

impl Running {
    pub(super) fn new(options: DemoOptions) -> Self {
        let header = |text: &str| {
            HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unprintable"))
        };
        let body = serde_json::json!({
            "service": options.service, "version": options.version, "status": "ok",
        });
        let running = Running {
            version: header(&options.version),
            service: header(&options.service),
            good: Bytes::from(body.to_string()),
            schema: Lookup::new(options.needs.clone()),
            ready_from: Instant::now() + options.slow_start,
            faults: RwLock::default(),
            requests: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            fuse: AtomicU64::new(u64::MAX),
            leaked: Mutex::default(),
            crash: Notify::new(),
            options,
        };
        running.break_with(running.options.faults.clone());
        running
    }

    fn faults(&self) -> Arc<Faults> {
        Arc::clone(&self.faults.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn break_with(&self, faults: Faults) {
        self.fuse
            .store(faults.crash_after.unwrap_or(u64::MAX), Ordering::SeqCst);
        if faults.leak_bytes == 0 {
            *self.leaked.lock().unwrap_or_else(PoisonError::into_inner) = Leak::default();
        }
        if faults.crash {
            self.crash.notify_one();
        }
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(faults);
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        match request.uri().path() {
            "/faults" => self.control(request).await,
            "/healthz" => self.json(StatusCode::OK, Bytes::from_static(br#"{"status":"alive"}"#)),
            "/version" => self.json(StatusCode::OK, self.good.clone()),
            "/ready" => self.readiness(),
            _ => self.work().await,
        }
    }

    fn readiness(&self) -> Answer {
        let body: &'static [u8] = if Instant::now() < self.ready_from {
            br#"{"status":"starting"}"#
        } else if self.faults().refuse_ready {
            br#"{"status":"refusing"}"#
        } else {
            return self.json(StatusCode::OK, Bytes::from_static(br#"{"status":"ready"}"#));
        };
        self.json(StatusCode::SERVICE_UNAVAILABLE, Bytes::from_static(body))
    }

    /// The service itself.
    async fn work(&self) -> Answer {
        if Instant::now() < self.ready_from {
            let body = Bytes::from_static(br#"{"error":"starting"}"#);
            return self.json(StatusCode::SERVICE_UNAVAILABLE, body);
        }
        if let Some(why) = self.schema.trouble() {
            let body = serde_json::json!({ "error": why });
            return self.json(
                StatusCode::INTERNAL_SERVER_ERROR,
                Bytes::from(body.to_string()),
            );
        }
        let faults = self.faults();
        if faults.crash_after.is_some() && self.burn() {
            self.crash.notify_one();
            std::future::pending::<()>().await;
        }
        let place = Place::of(&self.under_way);
        if faults.at_once.is_some_and(|room| place.before >= room) {
            let body = Bytes::from_static(br#"{"error":"full"}"#);
            return self.json(StatusCode::SERVICE_UNAVAILABLE, body);
        }
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut draws = Draws::of(self.options.seed, number);
        if draws.happens(faults.hang) {
            std::future::pending::<()>().await;
        }
        let spread = draws.log_normal(self.options.spread).min(100.0);
        let mut latency = self.options.median.mul_f64(spread);
        if draws.happens(faults.latency_share.unwrap_or(1.0)) {
            latency += Duration::from_millis(faults.latency_ms);
        }
        self.leak(faults.leak_bytes);
        tokio::time::sleep(latency).await;
        if draws.happens(faults.errors) {
            let body = Bytes::from_static(br#"{"error":"an injected fault"}"#);
            return self.json(StatusCode::INTERNAL_SERVER_ERROR, body);
        }
        self.json(StatusCode::OK, self.good.clone())
    }

    /// Burns one request off the fuse; true when it has reached its end.
    fn burn(&self) -> bool {
        let burnt = self
            .fuse
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        matches!(burnt, Err(_) | Ok(0..=1))
    }

    fn leak(&self, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let mut leak = self.leaked.lock().unwrap_or_else(PoisonError::into_inner);
        if leak.bytes + bytes <= MOST_LEAKED {
            leak.bytes += bytes;
            // Not zeroes: a page nobody has written to would not be resident.
            leak.kept
                .push(vec![0xa5; usize::try_from(bytes).unwrap_or(0)]);
        }
    }

    async fn control(&self, request: Request<Incoming>) -> Answer {
        let method = request.method().clone();
        let refuse = |status, why: &str| {
            let body = serde_json::json!({ "error": why });
            self.json(status, Bytes::from(body.to_string()))
        };
        if method == Method::DELETE {
            self.break_with(Faults::default());
        } else if method == Method::POST {
            // A web page can make a browser post a form here, but not this content type.
            let json = request
                .headers()
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
            if !json {
                let why = "send faults as content-type: application/json";
                return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
            }
            let Ok(body) = Limited::new(request.into_body(), 16 * 1024).collect().await else {
                return refuse(StatusCode::BAD_REQUEST, "the body is cut off or too long");
            };
            match self.faults().with(&body.to_bytes()) {
                Ok(faults) => self.break_with(faults),
                Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
            }
        } else if method != Method::GET {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "GET, POST or DELETE");
        }
        let shown = serde_json::to_vec(&*self.faults()).unwrap_or_default();
        self.json(StatusCode::OK, Bytes::from(shown))
    }

    fn json(&self, status: StatusCode, body: Bytes) -> Answer {
        let mut answer = Response::new(Full::new(body));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-version", self.version.clone());
        headers.insert("x-service", self.service.clone());
        answer
    }
}
