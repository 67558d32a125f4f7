//! Reading a definition from YAML. Reading goes on after a mistake, so that all are found.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use deckwatch_domain::{Entries, Node, Problems, Role, ServiceName, Slot, Span, parse_document};

use super::{
    HeaderRoute, Readiness, Restart, RouteTo, ServiceDefinition, Sticky, Stop, check, defaults,
};

const SLOTS: [(&str, Slot); 2] = [("blue", Slot::Blue), ("green", Slot::Green)];
const ROLES: [(&str, Role); 3] = [
    ("stable", Role::Stable),
    ("candidate", Role::Candidate),
    ("previous", Role::Previous),
];

pub(super) fn from_yaml(text: &str) -> Result<ServiceDefinition, Problems> {
    let node = parse_document(text)?;
    let mut problems = Problems::default();
    let p = &mut problems;
    let mut top = node.entries(p);
    let service = top
        .need("service", p)
        .and_then(|n| n.parsed::<ServiceName>(p));
    let listen = top.need("listen", p).and_then(|n| address(n, p));
    let preview = top.get("preview").and_then(|n| preview(n, listen, p));
    let command = top
        .need("command", p)
        .map(|n| command(n, p))
        .unwrap_or_default();
    let env = top
        .get("env")
        .map(|n| environment(n, p))
        .unwrap_or_default();
    let folder = top.get("folder").and_then(|n| n.text(p)).map(Into::into);
    let instances = number(
        &mut top,
        "instances",
        1,
        check::MOST_INSTANCES,
        defaults::instances(),
        p,
    );
    let readiness = top
        .get("readiness")
        .map(|n| readiness(n, p))
        .unwrap_or_default();
    let stop = top.get("stop").map(|n| stop(n, p)).unwrap_or_default();
    let restart = top
        .get("restart")
        .map(|n| restart(n, p))
        .unwrap_or_default();
    let routing = top
        .get("routing")
        .map(|n| routing(n, p))
        .unwrap_or_default();
    let sticky = top.get("sticky").and_then(|n| sticky(n, p));
    let client_header = top
        .get("client_header")
        .and_then(|n| checked(n, p, check::header_name));
    let needs = top
        .get("needs")
        .map(|n| needs(n, service.as_ref(), p))
        .unwrap_or_default();
    let request_timeout = span(
        &mut top,
        "request_timeout",
        defaults::request_timeout(),
        check::wait,
        p,
    );
    let output_lines = number(
        &mut top,
        "output_lines",
        1,
        check::MOST_LINES,
        defaults::output_lines(),
        p,
    );
    top.finish(p);
    // Stand-ins where something was missing: they are never returned, as problems are not empty.
    let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
    let Some(service) = service.or_else(|| ServiceName::new("unnamed").ok()) else {
        return Err(problems);
    };
    problems.or(ServiceDefinition {
        service,
        listen: listen.unwrap_or(nowhere),
        preview,
        command,
        env,
        folder,
        instances,
        readiness,
        stop,
        restart,
        routing,
        sticky,
        client_header,
        needs,
        request_timeout,
        output_lines,
    })
}

fn address(node: &Node, p: &mut Problems) -> Option<SocketAddr> {
    let text = node.text(p)?;
    // A bare port is the commonest thing to write.
    let read = match text.parse::<u16>() {
        Ok(port) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        Err(_) => text.parse().ok(),
    };
    let Some(address) = read else {
        p.at(
            node,
            format!("`{text}` is not an address such as 127.0.0.1:8080"),
        );
        return None;
    };
    match check::listen(&address) {
        Ok(()) => Some(address),
        Err(why) => {
            p.at(node, why);
            None
        }
    }
}

fn preview(node: &Node, listen: Option<SocketAddr>, p: &mut Problems) -> Option<SocketAddr> {
    let address = address(node, p)?;
    if let Some(Err(why)) = listen.map(|clients| check::preview(&address, &clients)) {
        p.at(node, why);
    }
    Some(address)
}

fn checked(
    node: &Node,
    p: &mut Problems,
    check: impl Fn(&str) -> Result<(), String>,
) -> Option<String> {
    let text = node.text(p)?;
    match check(&text) {
        Ok(()) => Some(text),
        Err(why) => {
            p.at(node, why);
            None
        }
    }
}

fn needs(node: &Node, own: Option<&ServiceName>, p: &mut Problems) -> Vec<ServiceName> {
    let items = node.items(p).iter();
    let needs: Vec<ServiceName> = items.filter_map(|n| n.parsed(p)).collect();
    if let Err(why) = check::needs(&needs, own) {
        p.at(node, why);
    }
    needs
}

fn command(node: &Node, p: &mut Problems) -> Vec<String> {
    let parts: Vec<String> = node
        .items(p)
        .to_vec()
        .iter()
        .filter_map(|item| item.text(p))
        .collect();
    if let Err(why) = check::command(&parts) {
        p.at(node, why);
    }
    parts
}

fn environment(node: &Node, p: &mut Problems) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let mut entries = node.entries(p);
    for (name, value) in entries.all() {
        if let Some(text) = checked(value, p, |text| check::env(name, text)) {
            env.insert(name.clone(), text);
        }
    }
    env
}

fn number(
    entries: &mut Entries<'_>,
    name: &'static str,
    low: u32,
    high: u32,
    default: u32,
    p: &mut Problems,
) -> u32 {
    entries
        .get(name)
        .and_then(|n| n.whole(low.into(), high.into(), p))
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or(default)
}

fn span(
    entries: &mut Entries<'_>,
    name: &'static str,
    default: Span,
    check: fn(Span) -> Result<(), String>,
    p: &mut Problems,
) -> Span {
    let Some(node) = entries.get(name) else {
        return default;
    };
    let Some(span) = node.span(p) else {
        return default;
    };
    if let Err(why) = check(span) {
        p.at(node, why);
    }
    span
}

fn readiness(node: &Node, p: &mut Problems) -> Readiness {
    let d = Readiness::default();
    let mut e = node.entries(p);
    let read = Readiness {
        path: e
            .get("path")
            .and_then(|n| checked(n, p, check::path))
            .unwrap_or(d.path),
        interval: span(&mut e, "interval", d.interval, check::wait, p),
        timeout: span(&mut e, "timeout", d.timeout, check::wait, p),
        healthy_after: number(&mut e, "healthy_after", 1, 100, d.healthy_after, p),
        unhealthy_after: number(&mut e, "unhealthy_after", 1, 100, d.unhealthy_after, p),
    };
    e.finish(p);
    read
}

fn stop(node: &Node, p: &mut Problems) -> Stop {
    let d = Stop::default();
    let mut e = node.entries(p);
    let read = Stop {
        drain: span(&mut e, "drain", d.drain, check::patience, p),
        grace: span(&mut e, "grace", d.grace, check::patience, p),
    };
    e.finish(p);
    read
}

fn restart(node: &Node, p: &mut Problems) -> Restart {
    let d = Restart::default();
    let mut e = node.entries(p);
    let read = Restart {
        initial: span(&mut e, "initial", d.initial, check::wait, p),
        max: span(&mut e, "max", d.max, check::wait, p),
        reset_after: span(&mut e, "reset_after", d.reset_after, check::patience, p),
    };
    e.finish(p);
    read
}

fn routing(node: &Node, p: &mut Problems) -> Vec<HeaderRoute> {
    let items = node.items(p).to_vec();
    if items.len() > check::MOST_ROUTES {
        p.at(node, format!("at most {} routes", check::MOST_ROUTES));
    }
    items.iter().filter_map(|item| route(item, p)).collect()
}

fn route(node: &Node, p: &mut Problems) -> Option<HeaderRoute> {
    let mut e = node.entries(p);
    let header = e
        .need("header", p)
        .and_then(|n| checked(n, p, check::header_name));
    let value = e
        .need("value", p)
        .and_then(|n| checked(n, p, check::header_value));
    let slot = e.get("slot").map(|n| n.word(&SLOTS, p).map(RouteTo::Slot));
    let role = e.get("role").map(|n| n.word(&ROLES, p).map(RouteTo::Role));
    e.finish(p);
    let to = match (slot, role) {
        (Some(to), None) | (None, Some(to)) => to,
        (None, None) => {
            p.at(
                node,
                "say where it leads: `slot` (blue, green) or `role` (candidate, ...)",
            );
            None
        }
        (Some(_), Some(_)) => {
            p.at(node, "`slot` and `role` exclude each other");
            None
        }
    };
    Some(HeaderRoute {
        header: header?,
        value: value?,
        to: to?,
    })
}

fn sticky(node: &Node, p: &mut Problems) -> Option<Sticky> {
    let mut e = node.entries(p);
    let cookie = e
        .need("cookie", p)
        .and_then(|n| checked(n, p, check::cookie));
    e.finish(p);
    Some(Sticky { cookie: cookie? })
}
