//! What headers and cookies can be named, and what they can say: one function for each, used
//! wherever somebody names one.

use hyper::header::{HeaderName, HeaderValue};

pub(crate) fn header_name(name: &str) -> Result<(), String> {
    HeaderName::from_bytes(name.as_bytes())
        .map(|_| ())
        .map_err(|_| format!("`{name}` is not a header's name"))
}

pub(crate) fn header_value(value: &str) -> Result<(), String> {
    HeaderValue::from_str(value)
        .map(|_| ())
        .map_err(|_| "a header cannot have this value".to_owned())
}

/// A cookie's name is a token, as RFC 6265 has it.
pub(crate) fn cookie(name: &str) -> Result<(), String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
        return Err(format!("`{name}` is not a cookie's name"));
    }
    Ok(())
}
