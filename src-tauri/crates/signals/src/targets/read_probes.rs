//! Reading the probes of `targets.yaml`.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use deckwatch_domain::{Node, Problems, Span, Value};
use hickory_resolver::proto::rr::RecordType;

use super::read::{MOST_TARGETS, login, span, tls};
use super::{DnsProbe, Expect, HttpProbe, Probe, ProbeKind, TcpProbe, Tls};
use crate::probe::LONGEST;
use crate::relabel::Pattern;

const RECORDS: [(&str, RecordType); 7] = [
    ("A", RecordType::A),
    ("AAAA", RecordType::AAAA),
    ("CNAME", RecordType::CNAME),
    ("MX", RecordType::MX),
    ("NS", RecordType::NS),
    ("SRV", RecordType::SRV),
    ("TXT", RecordType::TXT),
];

pub(super) fn probes(node: &Node, p: &mut Problems) -> Vec<Arc<Probe>> {
    let mut seen = BTreeMap::new();
    let items = node.items(p);
    if items.len() > MOST_TARGETS {
        p.at(node, format!("more than {MOST_TARGETS} probes"));
        return Vec::new();
    }
    let mut probes = Vec::new();
    for item in items {
        let probe = probe(item, p);
        if seen.insert(probe.name.clone(), ()).is_some() && !probe.name.is_empty() {
            p.at(item, format!("the probe {} stands twice", probe.name));
        }
        probes.push(Arc::new(probe));
    }
    probes
}

fn probe(node: &Node, p: &mut Problems) -> Probe {
    let mut entries = node.entries(p);
    let name = entries.need("probe", p).and_then(|n| n.text(p));
    let name = name.unwrap_or_default();
    let component = entries.get("component").and_then(|n| n.text(p));
    let critical = entries.get("critical").and_then(|n| n.truth(p));
    let every = span(&mut entries, "every", 1, 86_400, p);
    let timeout = entries.get("timeout").and_then(|n| {
        let span = n.span(p)?;
        if span.as_millis() == 0 || span > LONGEST {
            p.at(
                n,
                format!("a probe answers within {LONGEST} or less: that is its longest timeout"),
            );
            return None;
        }
        Some(span)
    });
    let kinds = [
        entries.get("http").map(|n| ProbeKind::Http(http(n, p))),
        entries.get("tcp").map(|n| ProbeKind::Tcp(tcp(n, p))),
        entries.get("dns").map(|n| ProbeKind::Dns(dns(n, p))),
    ];
    let mut kinds: Vec<ProbeKind> = kinds.into_iter().flatten().collect();
    if kinds.len() != 1 && matches!(node.value, Value::Map(_)) {
        p.at(node, "exactly one of `http`, `tcp` and `dns` belongs here");
    }
    let kind = kinds.pop().unwrap_or(ProbeKind::Tcp(TcpProbe {
        address: String::new(),
        tls: None,
    }));
    let expect = entries.get("expect").map(|n| expect(n, &kind, p));
    entries.finish(p);
    Probe {
        component: component.unwrap_or_else(|| name.clone()),
        name,
        critical: critical.unwrap_or(true),
        every: every.unwrap_or(Span::from_secs(15)),
        timeout: timeout.unwrap_or(LONGEST),
        kind,
        expect: expect.unwrap_or_default(),
    }
}

fn http(node: &Node, p: &mut Problems) -> HttpProbe {
    let mut entries = node.entries(p);
    let url = entries.need("url", p).and_then(|n| {
        let text = n.text(p)?;
        let uri = text.parse::<http::Uri>().ok();
        let good = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
        });
        if !good {
            p.at(
                n,
                format!("`{text}` is no address that begins with http:// or https://"),
            );
        }
        Some(text)
    });
    let method = entries
        .get("method")
        .and_then(|n| n.parsed::<http::Method>(p));
    let mut headers = Vec::new();
    if let Some(node) = entries.get("headers") {
        for (name, node) in node.entries(p).all() {
            let value = node.text(p).unwrap_or_default();
            let name = http::HeaderName::from_str(name);
            let value = http::HeaderValue::from_str(&value);
            match (name, value) {
                (Ok(name), Ok(value)) => headers.push((name, value)),
                _ => p.at(node, "this is no header"),
            }
        }
    }
    let body = entries.get("body").and_then(|n| n.text(p));
    let auth = entries.get("auth").map(|n| login(n, p));
    let found = HttpProbe {
        url: url.unwrap_or_default(),
        method: method.unwrap_or(http::Method::GET),
        headers,
        body: body.unwrap_or_default(),
        auth: auth.unwrap_or_default(),
        tls: entries.get("tls").map(|n| tls(n, p)).unwrap_or_default(),
    };
    entries.finish(p);
    found
}

fn tcp(node: &Node, p: &mut Problems) -> TcpProbe {
    let mut entries = node.entries(p);
    let address = entries.need("address", p).and_then(|n| {
        let text = n.text(p)?;
        let port = text
            .rsplit_once(':')
            .map(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
        if port != Some(true) {
            p.at(n, format!("`{text}` is no `host:port`"));
        }
        Some(text)
    });
    let tls = entries.get("tls").and_then(|n| match n.value {
        Value::Bool(true) => Some(Tls::default()),
        Value::Bool(false) => None,
        _ => Some(tls(n, p)),
    });
    entries.finish(p);
    TcpProbe {
        address: address.unwrap_or_default(),
        tls,
    }
}

fn dns(node: &Node, p: &mut Problems) -> DnsProbe {
    let mut entries = node.entries(p);
    let name = entries.need("name", p).and_then(|n| n.text(p));
    let record = entries.get("record").and_then(|n| n.word(&RECORDS, p));
    let server = entries.get("server").and_then(|n| {
        let text = n.text(p)?;
        let with_port = text.parse().ok();
        let bare = || {
            text.parse()
                .ok()
                .map(|ip| std::net::SocketAddr::new(ip, 53))
        };
        let server = with_port.or_else(bare);
        if server.is_none() {
            p.at(
                n,
                format!("`{text}` is no IP address of a name server, such as 127.0.0.1:53"),
            );
        }
        server
    });
    entries.finish(p);
    DnsProbe {
        name: name.unwrap_or_default(),
        record: record.unwrap_or(RecordType::A),
        server,
    }
}

fn expect(node: &Node, kind: &ProbeKind, p: &mut Problems) -> Expect {
    let mut entries = node.entries(p);
    let is_http = matches!(kind, ProbeKind::Http(_));
    let mut only = |name, allowed: bool, p: &mut Problems| {
        let node: &Node = entries.get(name)?;
        if !allowed {
            p.at(
                node,
                format!("`{name}` is not what a {} probe can tell", kind.word()),
            );
            return None;
        }
        Some(node)
    };
    let status = only("status", is_http, p).map(|n| match &n.value {
        Value::List(items) => items.iter().filter_map(|n| n.whole(100, 599, p)).collect(),
        _ => n.whole(100, 599, p).into_iter().collect::<Vec<u64>>(),
    });
    let body = only("body", is_http, p).and_then(|n| pattern(n, true, p));
    let is_dns = matches!(kind, ProbeKind::Dns(_));
    let answer = only("answer", is_dns, p).and_then(|n| pattern(n, false, p));
    let days = only("certificate_days", !is_dns, p).and_then(|n| n.whole(0, 3650, p));
    let latency = entries.get("latency").and_then(|n| n.span(p));
    entries.finish(p);
    let status = status.unwrap_or_default();
    Expect {
        status: status
            .into_iter()
            .filter_map(|s| s.try_into().ok())
            .collect(),
        body,
        answer,
        latency,
        certificate_days: days.and_then(|d| d.try_into().ok()),
    }
}

fn pattern(node: &Node, somewhere: bool, p: &mut Problems) -> Option<Pattern> {
    let text = node.text(p)?;
    let read = match somewhere {
        true => Pattern::somewhere(&text),
        false => Pattern::new(&text),
    };
    read.map_err(|why| p.at(node, why)).ok()
}
