//! Addresses and links in templates.

use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// What a query's value in an address may hold as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// As the value of a query parameter: a space is a plus.
pub(super) fn query_escape(text: &str) -> String {
    let escaped = text
        .split(' ')
        .map(|part| percent_encode(part.as_bytes(), KEPT).to_string());
    escaped.collect::<Vec<_>>().join("+")
}

/// Where an expression can be looked at; `table`: as a table.
pub(super) fn link(expression: &str, table: bool) -> String {
    let tab = u8::from(table);
    format!("/graph?g0.expr={}&g0.tab={tab}", query_escape(expression))
}

/// `host:port`, or `[host]:port`; none: that is not what it is.
fn split(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    if let Some(inner) = host.strip_prefix('[') {
        return Some((inner.strip_suffix(']')?, port));
    }
    (!host.contains([':', '[', ']'])).then_some((host, port))
}

pub(super) fn strip_port(address: &str) -> String {
    split(address).map_or(address, |(host, _)| host).to_owned()
}

/// The first part of a name; an address of numbers stays as it is.
pub(super) fn strip_domain(address: &str) -> String {
    let (host, port) = match split(address) {
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    if host.parse::<IpAddr>().is_ok() {
        return address.to_owned();
    }
    let first = host.split('.').next().unwrap_or(host);
    match port.filter(|port| !port.is_empty()) {
        Some(port) => format!("{first}:{port}"),
        None => first.to_owned(),
    }
}

/// The path of an address, without its end's slash.
pub(super) fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(strip_port("[::1]:80"), "::1");
        assert_eq!(strip_port("::1"), "::1");
        assert_eq!(strip_domain("a.b.c"), "a");
        assert_eq!(strip_domain("[::1]:80"), "[::1]:80");
        assert_eq!(path("http://a/b/?c"), "/b");
        assert_eq!(path("http://a"), "");
    }
}
