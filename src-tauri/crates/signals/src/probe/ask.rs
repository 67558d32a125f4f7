//! Asking: one connection for each probing, so that each part of it is measured anew.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deckwatch_domain::Timestamp;
use hickory_resolver::Resolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::judge::Found;
use crate::pool::{AGENT, SecretOf, credential, header_of};
use crate::targets::{DnsProbe, HttpProbe, Probe, ProbeKind, TcpProbe, Tls};
use crate::web::{causes, client_config, server_name};

/// Bytes of a body that are looked at.
const BODY: usize = 1 << 20;

/// An answer, or why there is none.
pub(super) async fn ask(probe: &Probe, secret: &SecretOf) -> Result<Found, String> {
    let asked = async {
        match &probe.kind {
            ProbeKind::Http(http) => ask_http(probe, http, secret).await,
            ProbeKind::Tcp(tcp) => ask_tcp(tcp).await,
            ProbeKind::Dns(dns) => ask_dns(probe, dns).await,
        }
    };
    let within = tokio::time::timeout(probe.timeout.duration(), asked).await;
    within.map_err(|_| format!("timeout: no answer within {}", probe.timeout))?
}

/// Measures one part after the other.
struct Phases {
    began: Instant,
    found: Found,
}

impl Phases {
    fn new() -> Self {
        Phases {
            began: Instant::now(),
            found: Found::default(),
        }
    }

    fn over(&mut self, phase: &'static str) {
        let now = Instant::now();
        self.found.phases.push((phase, now - self.began));
        self.began = now;
    }
}

async fn ask_http(probe: &Probe, http: &HttpProbe, secret: &SecretOf) -> Result<Found, String> {
    // A keychain's time is not the answer's, but counts against the timeout all the same.
    let auth = credential(&http.auth, secret).await?;
    let uri: Uri = http.url.parse().map_err(|e| format!("{}: {e}", http.url))?;
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let mut phases = Phases::new();
    let stream = connect(&host, port, &mut phases).await?;
    let authority = uri.authority().map(|a| a.as_str()).unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let mut request = Request::builder()
        .method(&http.method)
        .uri(path)
        .header(header::HOST, authority)
        .header(header::USER_AGENT, AGENT)
        .body(Full::new(Bytes::from(http.body.clone())))
        .map_err(|e| e.to_string())?;
    if let Some(value) = header_of(&auth)? {
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    for (name, value) in &http.headers {
        request.headers_mut().insert(name, value.clone());
    }
    if is_tls {
        let stream = encrypt(stream, &host, &http.tls, &mut phases).await?;
        exchange(TokioIo::new(stream), request, probe, phases).await
    } else {
        exchange(TokioIo::new(stream), request, probe, phases).await
    }
}

async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    probe: &Probe,
    mut phases: Phases,
) -> Result<Found, String>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .map_err(|e| causes(&e))?;
    let answered = async {
        let answer = sender.send_request(request).await.map_err(|e| causes(&e))?;
        phases.over("processing");
        phases.found.status = Some(answer.status().as_u16());
        if let Some(pattern) = &probe.expect.body {
            let body = Limited::new(answer.into_body(), BODY).collect().await;
            let body = body.map_err(|e| format!("its body: {}", causes(e.as_ref())))?;
            let body = body.to_bytes();
            phases.found.body_matches = Some(pattern.is_match(&String::from_utf8_lossy(&body)));
            phases.over("transfer");
        }
        Ok::<Found, String>(std::mem::take(&mut phases.found))
    };
    // The connection is driven only for as long as something is asked of it.
    tokio::pin!(answered);
    tokio::select! {
        biased;
        found = &mut answered => found,
        ended = connection => match ended {
            // It may have said all that there is to say.
            Ok(()) => answered.await,
            Err(error) => Err(causes(&error)),
        },
    }
}

async fn ask_tcp(tcp: &TcpProbe) -> Result<Found, String> {
    let (host, port) = tcp.address.rsplit_once(':').unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
    let mut phases = Phases::new();
    let stream = connect(host, port, &mut phases).await?;
    if let Some(tls) = &tcp.tls {
        encrypt(stream, host, tls, &mut phases).await?;
    }
    Ok(phases.found)
}

async fn connect(host: &str, port: u16, phases: &mut Phases) -> Result<TcpStream, String> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found: Vec<SocketAddr> = found.map_err(|e| format!("{host}: {e}"))?.collect();
    phases.over("resolve");
    let mut why = format!("{host} has no address");
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                phases.over("connect");
                return Ok(stream);
            }
            Err(error) => why = format!("{address}: {error}"),
        }
    }
    Err(why)
}

async fn encrypt(
    stream: TcpStream,
    host: &str,
    tls: &Tls,
    phases: &mut Phases,
) -> Result<TlsStream<TcpStream>, String> {
    // Reading the system's certificates takes a while, and is no part of the answer's time.
    let settings = tls.clone();
    let config = tokio::task::spawn_blocking(move || client_config(&settings)).await;
    let config = config
        .map_err(|e| e.to_string())?
        .map_err(|e| e.to_string())?;
    let name = tls.server_name.as_deref().unwrap_or(host);
    let name = server_name(name).map_err(|e| e.to_string())?;
    let began = Instant::now();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await;
    let stream = stream.map_err(|e| format!("TLS: {e}"))?;
    phases.began = began;
    phases.over("tls");
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    phases.found.certificate_until = chain.iter().filter_map(|c| runs_out(c)).min();
    Ok(stream)
}

/// When a certificate runs out.
fn runs_out(certificate: &[u8]) -> Option<Timestamp> {
    let (_, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let seconds = read.validity().not_after.timestamp();
    Some(Timestamp::from_millis(seconds.saturating_mul(1000)))
}

async fn ask_dns(probe: &Probe, dns: &DnsProbe) -> Result<Found, String> {
    let provider = TokioRuntimeProvider::default();
    let mut builder = match dns.server {
        None => Resolver::builder(provider).map_err(|e| e.to_string())?,
        Some(server) => {
            let mut named = NameServerConfig::udp_and_tcp(server.ip());
            for connection in &mut named.connections {
                connection.port = server.port();
            }
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![named]);
            Resolver::builder_with_config(config, provider)
        }
    };
    let options = builder.options_mut();
    options.attempts = 1;
    options.timeout = probe.timeout.duration().max(Duration::from_millis(1));
    options.cache_size = 0;
    let resolver = builder.build().map_err(|e| e.to_string())?;
    let mut phases = Phases::new();
    let answer = resolver.lookup(dns.name.as_str(), dns.record).await;
    phases.over("resolve");
    let answers = match answer {
        Ok(lookup) => {
            let records = lookup.answers().iter();
            let of_kind = records.filter(|record| record.record_type() == dns.record);
            of_kind.map(|record| record.data.to_string()).collect()
        }
        Err(error) if error.is_no_records_found() => Vec::new(),
        Err(error) => return Err(error.to_string()),
    };
    phases.found.answers = Some(answers);
    Ok(phases.found)
}
