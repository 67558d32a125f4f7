//! Headers that end at the proxy, and those it adds.

use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, UPGRADE};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HTTP: HeaderValue = HeaderValue::from_static("http");

/// Headers that are meant for one connection. Looked at for every header of every message: a
/// comparison of lengths decides almost always.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "te" | "expect"
            | "trailer"
            | "upgrade"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "proxy-authenticate"
    )
}

/// Takes out what is meant for one connection only: the known ones and those that `Connection`
/// names.
fn strip(headers: &mut HeaderMap) {
    if let Some(named) = headers.remove(CONNECTION) {
        let plain = matches!(named.as_bytes(), b"keep-alive" | b"close" | b"Keep-Alive");
        if !plain && let Ok(named) = named.to_str() {
            for name in named.split(',') {
                // What frames the message or routes it is not anyone's to name away.
                if let Ok(name) = name.trim().parse::<HeaderName>()
                    && name != hyper::header::CONTENT_LENGTH
                    && name != HOST
                {
                    headers.remove(name);
                }
            }
        }
    }
    while let Some(name) = headers.keys().find(|name| is_hop_by_hop(name)).cloned() {
        headers.remove(name);
    }
}

/// A request's headers on their way to an instance.
pub(crate) fn to_instance(headers: &mut HeaderMap, peer: &HeaderValue) {
    strip(headers);
    let chain = match headers.get(FORWARDED_FOR) {
        None => peer.clone(),
        Some(before) => {
            let joined = [before.as_bytes(), b", ", peer.as_bytes()].concat();
            HeaderValue::from_bytes(&joined).unwrap_or_else(|_| peer.clone())
        }
    };
    headers.insert(FORWARDED_FOR, chain);
    if !headers.contains_key(FORWARDED_PROTO) {
        headers.insert(FORWARDED_PROTO, HTTP);
    }
}

/// A request's headers on their way to the node that took over: it adds what is to be added.
pub(crate) fn to_next_node(headers: &mut HeaderMap) {
    strip(headers);
}

/// An answer's headers on their way to the client.
pub(crate) fn to_client(headers: &mut HeaderMap) {
    strip(headers);
}

/// Says to whoever gets them that this connection becomes a WebSocket, or is to.
pub(crate) fn to_websocket(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_for_one_connection_stays_there() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Secret, content-length, host"),
            ("x-secret", "1"),
            ("content-length", "5"),
            ("host", "a"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-kept", "yes"),
        ] {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        to_instance(&mut headers, &HeaderValue::from_static("127.0.0.1"));
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let kept = [
            "content-length",
            "host",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-kept",
        ];
        assert_eq!(names, kept);
        assert_eq!(headers["x-forwarded-for"], "10.0.0.1, 127.0.0.1");
    }
}
