//! What each value of a definition must be. One function for each, used by both readers.

use std::net::SocketAddr;

use deckwatch_domain::{ServiceName, Span};

use super::ServiceDefinition;
pub(super) use crate::http_names::{cookie, header_name, header_value};

pub(super) const MOST_INSTANCES: u32 = 64;
pub(super) const MOST_LINES: u32 = 10_000;
pub(super) const MOST_ROUTES: usize = 32;
pub(super) const MOST_NEEDS: usize = 64;

pub(super) fn listen(address: &SocketAddr) -> Result<(), String> {
    if !address.ip().is_loopback() {
        return Err(format!(
            "{address} is not a loopback address; the node offers services to this machine only \
             (127.0.0.1 or [::1])"
        ));
    }
    if address.port() == 0 {
        return Err("port 0 would change at every start; choose a port".into());
    }
    Ok(())
}

/// A preview is a place of its own.
pub(super) fn preview(address: &SocketAddr, clients: &SocketAddr) -> Result<(), String> {
    listen(address)?;
    if address.port() == clients.port() {
        return Err(format!(
            "port {} is where clients reach the service; a preview needs another",
            address.port()
        ));
    }
    Ok(())
}

pub(super) fn command(command: &[String]) -> Result<(), String> {
    match command.first() {
        None => Err("a command has at least the program's name".into()),
        Some(program) if program.is_empty() => Err("the program's name is empty".into()),
        Some(_) if command.iter().any(|part| part.contains('\0')) => {
            Err("a command cannot contain a zero byte".into())
        }
        Some(_) if command.iter().map(String::len).sum::<usize>() > 64 * 1024 => {
            Err("the command is longer than 64 KiB".into())
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn env(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
        return Err(format!("`{name}` cannot be an environment variable"));
    }
    Ok(())
}

pub(super) fn path(path: &str) -> Result<(), String> {
    let plain = path.bytes().all(|b| b.is_ascii_graphic());
    if !path.starts_with('/') || !plain || path.len() > 1024 {
        return Err(format!("`{path}` is not a path such as /ready"));
    }
    Ok(())
}

/// A wait that may not be nothing and may not be endless.
pub(super) fn wait(span: Span) -> Result<(), String> {
    match span.as_millis() {
        0 => Err("this must be longer than nothing".into()),
        n if n > 3_600_000 => Err(format!("{span} is longer than an hour")),
        _ => Ok(()),
    }
}

/// A wait that may be nothing.
pub(super) fn patience(span: Span) -> Result<(), String> {
    if span.as_millis() > 3_600_000 {
        return Err(format!("{span} is longer than an hour"));
    }
    Ok(())
}

pub(super) fn between(number: u32, low: u32, high: u32) -> Result<(), String> {
    if number < low || number > high {
        return Err(format!(
            "{number} is not a whole number from {low} to {high}"
        ));
    }
    Ok(())
}

/// The services that one needs: others, each once.
pub(super) fn needs(needs: &[ServiceName], own: Option<&ServiceName>) -> Result<(), String> {
    if needs.len() > MOST_NEEDS {
        return Err(format!("at most {MOST_NEEDS} services"));
    }
    if let Some(own) = own.filter(|own| needs.contains(own)) {
        return Err(format!("{own} does not wait for itself"));
    }
    let twice = (1..needs.len()).find(|i| needs[..*i].contains(&needs[*i]));
    match twice.and_then(|i| needs.get(i)) {
        Some(name) => Err(format!("{name} stands here twice")),
        None => Ok(()),
    }
}

/// All of it, each fault with its place.
pub(super) fn faults(d: &ServiceDefinition) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |place: &str, checked: Result<(), String>| {
        if let Err(why) = checked {
            found.push(format!("{place}: {why}"));
        }
    };
    note("listen", listen(&d.listen));
    if let Some(address) = &d.preview {
        note("preview", preview(address, &d.listen));
    }
    note("command", command(&d.command));
    for (name, value) in &d.env {
        note("env", env(name, value));
    }
    note("instances", between(d.instances, 1, MOST_INSTANCES));
    note("readiness.path", path(&d.readiness.path));
    note("readiness.interval", wait(d.readiness.interval));
    note("readiness.timeout", wait(d.readiness.timeout));
    note(
        "readiness.healthy_after",
        between(d.readiness.healthy_after, 1, 100),
    );
    note(
        "readiness.unhealthy_after",
        between(d.readiness.unhealthy_after, 1, 100),
    );
    note("stop.drain", patience(d.stop.drain));
    note("stop.grace", patience(d.stop.grace));
    note("restart.initial", wait(d.restart.initial));
    note("restart.max", wait(d.restart.max));
    note("restart.reset_after", patience(d.restart.reset_after));
    if d.routing.len() > MOST_ROUTES {
        note("routing", Err(format!("at most {MOST_ROUTES} routes")));
    }
    for route in &d.routing {
        note("routing.header", header_name(&route.header));
        note("routing.value", header_value(&route.value));
    }
    if let Some(sticky) = &d.sticky {
        note("sticky.cookie", cookie(&sticky.cookie));
    }
    if let Some(header) = &d.client_header {
        note("client_header", header_name(header));
    }
    note("needs", needs(&d.needs, Some(&d.service)));
    note("request_timeout", wait(d.request_timeout));
    note("output_lines", between(d.output_lines, 1, MOST_LINES));
    found
}
