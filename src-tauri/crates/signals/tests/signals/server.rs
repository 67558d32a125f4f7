//! Real servers on loopback for whatever scrapes and probes: HTTP, HTTPS and DNS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

type Answer = Response<Full<Bytes>>;

/// Ends with the test that holds it.
pub struct Server {
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Once this returns nobody listens there, and nobody who was connected is any more.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn page(content_type: &str, body: impl Into<Bytes>) -> Answer {
    let answer = Response::builder().header("content-type", content_type);
    answer.body(Full::new(body.into())).unwrap()
}

pub fn status(status: u16) -> Answer {
    Response::builder()
        .status(status)
        .body(Full::default())
        .unwrap()
}

pub async fn http<F, A>(answer: F) -> Server
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    serve(answer, None).await
}

/// With a certificate for `localhost` that is good for so many days, and the file of who vouches
/// for it.
pub async fn https<F, A>(folder: &std::path::Path, days: i64, answer: F) -> (Server, PathBuf)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
    let now = std::time::SystemTime::now();
    let days = std::time::Duration::from_secs(days.unsigned_abs() * 86_400 + 3600);
    params.not_before = (now - std::time::Duration::from_secs(86_400)).into();
    params.not_after = (now + days).into();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, certificate.pem()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let server = serve(answer, Some(TlsAcceptor::from(Arc::new(config)))).await;
    (server, file)
}

async fn serve<F, A>(answer: F, tls: Option<TlsAcceptor>) -> Server
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        // They end with the server.
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, tls) = (answer.clone(), tls.clone());
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let answered = answer(request);
                    async move { Ok::<_, std::convert::Infallible>(answered.await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                match tls {
                    None => {
                        let _ = http.serve_connection(TokioIo::new(stream), service).await;
                    }
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            let _ = http.serve_connection(TokioIo::new(stream), service).await;
                        }
                    }
                }
            });
        }
    });
    Server { address, task }
}

/// A name server that has one record, `10.1.2.3`, for every name that begins with `known`, and none
/// for others.
pub async fn dns() -> Server {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let asked = &buffer[..length];
            let end = 12 + asked[12..].iter().position(|b| *b == 0).unwrap() + 5;
            let (question, known) = (&asked[12..end], asked[13..].starts_with(b"known"));
            let mut reply = asked[..2].to_vec();
            // An answer that may be cached by nobody: recursion is available, no error or no name.
            reply.extend([0x81, if known { 0x80 } else { 0x83 }]);
            reply.extend([0, 1, 0, u8::from(known), 0, 0, 0, 0]);
            reply.extend(question);
            if known {
                reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 10, 1, 2, 3]);
            }
            let _ = socket.send_to(&reply, from).await;
        }
    });
    Server { address, task }
}
