//! The toy HTTP server.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;

#[derive(Clone, Debug)]
struct Toy {
    version: String,
    /// Of every 100 requests, how many fail.
    fail: u64,
    /// Milliseconds after which `/ready` says yes; `u64::MAX` never.
    ready_after: u64,
    delay: u64,
    begun: Instant,
    served: Arc<AtomicU64>,
}

fn value<'a>(arguments: &[&'a str], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|a| *a == name)?;
    arguments.get(at + 1).copied()
}

pub fn run(arguments: &[&str]) -> ExitCode {
    let number = |name: &str| value(arguments, name).and_then(|v| v.parse::<u64>().ok());
    if arguments.contains(&"--crash") {
        println!("going down at once");
        return ExitCode::from(3);
    }
    if arguments.contains(&"--ignore-term") {
        // A shell would be needed to ignore it for good; catching it is as good.
    }
    let toy = Toy {
        version: value(arguments, "--version").unwrap_or("v0").to_owned(),
        fail: number("--fail").unwrap_or(0),
        ready_after: number("--ready-after").unwrap_or(0),
        delay: number("--delay").unwrap_or(0),
        begun: Instant::now(),
        served: Arc::default(),
    };
    let port = number("--port")
        .and_then(|p| u16::try_from(p).ok())
        .unwrap_or(0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let ignore_term = arguments.contains(&"--ignore-term");
    runtime.block_on(async move {
        if ignore_term {
            let kind = tokio::signal::unix::SignalKind::terminate();
            let mut term = tokio::signal::unix::signal(kind).expect("a signal");
            tokio::spawn(async move { while term.recv().await.is_some() {} });
        }
        serve(toy, port).await
    })
}

async fn serve(toy: Toy, port: u16) -> ExitCode {
    let listener = match tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("port {port}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{} serves on {port}", toy.version);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let toy = toy.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let toy = toy.clone();
                async move { Ok::<_, Infallible>(toy.answer(request).await) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        });
    }
}

impl Toy {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if let ["ready"] = parts.as_slice() {
            let up = self.begun.elapsed() >= Duration::from_millis(self.ready_after);
            return self.say(if up { 200 } else { 503 }, Bytes::new());
        }
        let served = self.served.fetch_add(1, Relaxed);
        if self.delay > 0 {
            tokio::time::sleep(Duration::from_millis(self.delay)).await;
        }
        match parts.as_slice() {
            ["slow", millis] => {
                let millis = millis.parse().unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(millis)).await;
                self.say(200, Bytes::from(self.version.clone()))
            }
            ["status", code] => self.say(code.parse().unwrap_or(500), Bytes::new()),
            ["crash"] => std::process::exit(9),
            ["say", bytes] => {
                println!("{}", "x".repeat(bytes.parse().unwrap_or(1)));
                self.say(200, Bytes::new())
            }
            ["headers"] => {
                let text = format!("{:?}", request.headers());
                self.say(200, Bytes::from(text))
            }
            ["big", bytes] => self.say(200, Bytes::from(vec![b'x'; bytes.parse().unwrap_or(0)])),
            ["ws"]
                if request
                    .headers()
                    .get(UPGRADE)
                    .is_some_and(|u| u == "websocket") =>
            {
                self.switch(request)
            }
            ["ws"] => self.say(426, Bytes::new()),
            ["echo"] => match request.into_body().collect().await {
                Ok(body) => self.say(200, body.to_bytes()),
                Err(_) => self.say(400, Bytes::new()),
            },
            _ if served % 100 < self.fail => self.say(500, Bytes::from(self.version.clone())),
            _ => self.say(200, Bytes::from(self.version.clone())),
        }
    }

    /// Bytes, not frames: who passes them on must not care.
    fn switch(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        tokio::spawn(async move {
            let Ok(bare) = hyper::upgrade::on(request).await else {
                return;
            };
            let (mut from, mut to) = tokio::io::split(TokioIo::new(bare));
            let _ = to.write_all(b"hello ").await;
            let _ = tokio::io::copy(&mut from, &mut to).await;
            let _ = to.shutdown().await;
        });
        let mut answer = self.say(101, Bytes::new());
        let headers = answer.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        answer
    }

    fn say(&self, status: u16, body: Bytes) -> Response<Full<Bytes>> {
        let mut answer = Response::new(Full::new(body));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
        if let Ok(version) = self.version.parse() {
            answer.headers_mut().insert("x-version", version);
        }
        answer
    }
}
