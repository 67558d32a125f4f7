//! Writing a definition as YAML that reads back to the same definition.

use std::fmt::Write as _;

use super::{RouteTo, ServiceDefinition};

/// Text in double quotes. JSON's escapes are YAML's; what YAML counts as a line break or as
/// unprintable is escaped too.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

pub(super) fn to_yaml(d: &ServiceDefinition) -> String {
    let mut y = String::new();
    write_all(d, &mut y).unwrap_or_default();
    y
}

fn write_all(d: &ServiceDefinition, y: &mut String) -> std::fmt::Result {
    writeln!(y, "service: {}", quoted(d.service.as_str()))?;
    writeln!(y, "listen: \"{}\"", d.listen)?;
    if let Some(preview) = &d.preview {
        writeln!(y, "preview: \"{preview}\"")?;
    }
    writeln!(y, "command:")?;
    for part in &d.command {
        writeln!(y, "  - {}", quoted(part))?;
    }
    if !d.env.is_empty() {
        writeln!(y, "env:")?;
        for (name, value) in &d.env {
            writeln!(y, "  {}: {}", quoted(name), quoted(value))?;
        }
    }
    if let Some(folder) = &d.folder {
        writeln!(y, "folder: {}", quoted(&folder.to_string_lossy()))?;
    }
    writeln!(y, "instances: {}", d.instances)?;
    let r = &d.readiness;
    writeln!(y, "readiness:\n  path: {}", quoted(&r.path))?;
    writeln!(y, "  interval: {}\n  timeout: {}", r.interval, r.timeout)?;
    writeln!(y, "  healthy_after: {}", r.healthy_after)?;
    writeln!(y, "  unhealthy_after: {}", r.unhealthy_after)?;
    writeln!(
        y,
        "stop:\n  drain: {}\n  grace: {}",
        d.stop.drain, d.stop.grace
    )?;
    let r = &d.restart;
    writeln!(y, "restart:\n  initial: {}\n  max: {}", r.initial, r.max)?;
    writeln!(y, "  reset_after: {}", r.reset_after)?;
    write_routing(d, y)?;
    if !d.needs.is_empty() {
        writeln!(y, "needs:")?;
    }
    for service in &d.needs {
        writeln!(y, "  - {}", quoted(service.as_str()))?;
    }
    writeln!(y, "request_timeout: {}", d.request_timeout)?;
    writeln!(y, "output_lines: {}", d.output_lines)
}

fn write_routing(d: &ServiceDefinition, y: &mut String) -> std::fmt::Result {
    if !d.routing.is_empty() {
        writeln!(y, "routing:")?;
    }
    for route in &d.routing {
        writeln!(y, "  - header: {}", quoted(&route.header))?;
        writeln!(y, "    value: {}", quoted(&route.value))?;
        match route.to {
            RouteTo::Slot(slot) => writeln!(y, "    slot: {slot}")?,
            RouteTo::Role(role) => writeln!(y, "    role: {role}")?,
        }
    }
    if let Some(sticky) = &d.sticky {
        writeln!(y, "sticky:\n  cookie: {}", quoted(&sticky.cookie))?;
    }
    if let Some(header) = &d.client_header {
        writeln!(y, "client_header: {}", quoted(header))?;
    }
    Ok(())
}
