//! A proxy in front of the API server that can be slow, answer for it, or be away.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What is wrong.
#[derive(Clone, Debug, Default)]
pub enum Fault {
    #[default]
    None,
    /// Every request waits so long before it goes on.
    Slow(Duration),
    /// Every request is answered with this status, and told to come back after so many seconds.
    Answers(u16, Option<u32>),
    /// So many writes are answered with 409; then all is well.
    Conflicts(u32),
    /// So many writes go through; everything after that meets a closed door.
    CutAfter(u32),
    /// Connections are closed, and no new one is taken.
    Cut,
    /// Requests are taken and never answered.
    Hangs,
    /// Requests whose path has this in it are never answered; all others go on.
    HangsFor(&'static str),
    /// Patches whose path ends so are held up until something else is wrong, and then go on.
    Holds(&'static str),
    /// Every watch is told that its history is gone.
    Expired,
    /// Requests for logs are answered with this text; all others go on.
    Prints(&'static str),
}

#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    /// Rises with each change, so that what is under way is dropped by a cut.
    changed: watch::Sender<u32>,
    held: Arc<AtomicU32>,
    listed: Arc<AtomicU32>,
}

impl Proxy {
    pub async fn start(upstream: Client) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Proxy {
            address: listener.local_addr().expect("an address"),
            fault: Arc::default(),
            changed: watch::channel(0).0,
            held: Arc::default(),
            listed: Arc::default(),
        };
        let this = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if matches!(*this.fault(), Fault::Cut) {
                    continue;
                }
                tokio::spawn(this.clone().serve(TokioIo::new(stream), upstream.clone()));
            }
        });
        proxy
    }

    fn fault(&self) -> std::sync::MutexGuard<'_, Fault> {
        self.fault.lock().expect("a lock")
    }

    /// How many patches have been held up.
    pub fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    /// How many times pods were listed as a watch begins.
    pub fn listed(&self) -> u32 {
        self.listed.load(Ordering::Relaxed)
    }

    /// Until something else is wrong.
    async fn hold(&self) {
        let mut changed = self.changed.subscribe();
        self.held.fetch_add(1, Ordering::Relaxed);
        let _ = changed.changed().await;
    }

    pub fn set(&self, fault: Fault) {
        *self.fault() = fault;
        self.changed.send_modify(|n| *n += 1);
    }

    async fn serve(self, stream: TokioIo<tokio::net::TcpStream>, upstream: Client) {
        let mut changed = self.changed.subscribe();
        let this = self.clone();
        let answer = service_fn(move |request| {
            let (this, upstream) = (this.clone(), upstream.clone());
            async move { Ok::<_, Infallible>(this.answer(request, upstream).await) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(stream, answer);
        tokio::pin!(connection);
        loop {
            tokio::select! {
                _ = &mut connection => return,
                _ = changed.changed() => if matches!(*self.fault(), Fault::Cut) { return },
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>, upstream: Client) -> Response<Body> {
        let writes = matches!(
            *request.method(),
            Method::PATCH | Method::POST | Method::DELETE
        );
        let fault = self.now(writes);
        let query = request.uri().query().unwrap_or_default();
        if request.uri().path().ends_with("/pods") && query.starts_with("limit=") {
            self.listed.fetch_add(1, Ordering::Relaxed);
        }
        match fault {
            Fault::Slow(wait) => tokio::time::sleep(wait).await,
            Fault::Hangs => std::future::pending().await,
            Fault::HangsFor(part) if request.uri().path().contains(part) => {
                std::future::pending().await
            }
            Fault::Answers(status, after) => return status_answer(status, after),
            Fault::Conflicts(_) if writes => return status_answer(409, None),
            Fault::CutAfter(0) if writes => {
                self.set(Fault::Cut);
                std::future::pending().await
            }
            Fault::Holds(end) if writes && request.uri().path().ends_with(end) => self.hold().await,
            Fault::Expired if query.starts_with("watch=true") => {
                let gone =
                    r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#;
                return Response::new(Body::from(Bytes::from(format!("{gone}\n"))));
            }
            Fault::Prints(text) if request.uri().path().ends_with("/log") => {
                return Response::new(Body::from(Bytes::from_static(text.as_bytes())));
            }
            _ => {}
        }
        let (mut parts, body) = request.into_parts();
        parts.headers.remove(header::HOST);
        let body = body
            .collect()
            .await
            .map(|b| b.to_bytes())
            .unwrap_or_default();
        let path = parts
            .uri
            .path_and_query()
            .map_or("/", |p| p.as_str())
            .to_owned();
        parts.uri = path.parse().expect("a path");
        match upstream
            .send(Request::from_parts(parts, Body::from(body)))
            .await
        {
            Ok(answer) => answer,
            Err(_) => status_answer(502, None),
        }
    }

    /// What is wrong for this request; counts the ones that are counted.
    fn now(&self, writes: bool) -> Fault {
        let mut fault = self.fault();
        let now = fault.clone();
        match &mut *fault {
            Fault::Conflicts(left) if writes && *left <= 1 => *fault = Fault::None,
            Fault::Conflicts(left) if writes => *left -= 1,
            Fault::CutAfter(left) if writes && *left > 0 => *left -= 1,
            _ => {}
        }
        now
    }
}

fn status_answer(status: u16, after: Option<u32>) -> Response<Body> {
    let text =
        format!(r#"{{"kind":"Status","message":"the test answers {status}","code":{status}}}"#);
    let mut answer = Response::new(Body::from(Bytes::from(text)));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    if let Some(after) = after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, after.into());
    }
    answer
}
