//! What is probed, and what is expected of it.

use deckwatch_domain::Span;
use hickory_resolver::proto::rr::RecordType;

use super::{Login, Tls};
use crate::relabel::Pattern;

/// One check from outside: does it answer, and as it should?
#[derive(Clone, Debug)]
pub struct Probe {
    pub name: String,
    /// What it tells about; its own name, where nothing is said.
    pub component: String,
    /// The component is unhealthy when this fails; else it is degraded.
    pub critical: bool,
    pub every: Span,
    /// No longer than [`crate::probe::LONGEST`].
    pub timeout: Span,
    pub kind: ProbeKind,
    pub expect: Expect,
}

/// How it is asked.
#[derive(Clone, Debug)]
pub enum ProbeKind {
    Http(HttpProbe),
    Tcp(TcpProbe),
    Dns(DnsProbe),
}

impl ProbeKind {
    pub const fn word(&self) -> &'static str {
        match self {
            ProbeKind::Http(_) => "http",
            ProbeKind::Tcp(_) => "tcp",
            ProbeKind::Dns(_) => "dns",
        }
    }

    /// What is asked, for the eye.
    pub fn target(&self) -> String {
        match self {
            ProbeKind::Http(http) => http.url.clone(),
            ProbeKind::Tcp(tcp) => tcp.address.clone(),
            ProbeKind::Dns(dns) => format!("{} {}", dns.record, dns.name),
        }
    }
}

/// One HTTP request. Redirects are answers, and are not followed.
#[derive(Clone, Debug)]
pub struct HttpProbe {
    pub url: String,
    pub method: http::Method,
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    pub body: String,
    pub auth: Login,
    pub tls: Tls,
}

/// One connection, with TLS where it is said.
#[derive(Clone, Debug)]
pub struct TcpProbe {
    /// `host:port`
    pub address: String,
    pub tls: Option<Tls>,
}

/// One question to a name server.
#[derive(Clone, Debug)]
pub struct DnsProbe {
    pub name: String,
    pub record: RecordType,
    /// None: those of this system.
    pub server: Option<std::net::SocketAddr>,
}

/// What a good answer is like. What is not said is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// Of HTTP; empty: 200 to 299.
    pub status: Vec<u16>,
    /// Matches somewhere in the body of an HTTP answer.
    pub body: Option<Pattern>,
    /// Matches one of the answers of a name server, whole.
    pub answer: Option<Pattern>,
    /// Slower than this is degraded, not failed.
    pub latency: Option<Span>,
    /// A certificate that runs out sooner is degraded, not failed.
    pub certificate_days: Option<u32>,
}
