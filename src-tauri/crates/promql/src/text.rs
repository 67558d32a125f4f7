//! Numbers, strings and lengths of time in the spelling that Prometheus uses.
//!
//! Its messages, label values and printed expressions come from Go's formatting verbs; whoever
//! compares them byte by byte (tests, alert templates, `count_values`) meets these spellings.

/// A number as Go's `%g` and `%v` write it: shortest digits that read back the same, with an
/// exponent below 1e-4 and from 1e6 on.
pub fn float_g(value: f64) -> String {
    if let Some(word) = not_finite(value) {
        return word.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// A number without an exponent, shortest digits: `FormatFloat(v, 'f', -1, 64)`.
pub fn float_f(value: f64) -> String {
    match not_finite(value) {
        Some(word) => word.to_owned(),
        None => format!("{value}"),
    }
}

/// A number as OpenMetrics writes label values such as `le`: always with a point or an exponent.
pub fn float_open_metrics(value: f64) -> String {
    if let Some(word) = not_finite(value) {
        return word.to_owned();
    }
    let text = float_g(value);
    if text.contains(['e', '.']) {
        text
    } else {
        format!("{text}.0")
    }
}

/// A number with two significant digits, Go's `%.2g`.
pub fn float_two_digits(value: f64) -> String {
    if not_finite(value).is_some() || value == 0.0 {
        return float_g(value);
    }
    let rounded = format!("{value:.1e}");
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..2).contains(&exponent) {
        return float_f(rounded.parse().unwrap_or(value));
    }
    let mantissa = mantissa.strip_suffix(".0").unwrap_or(mantissa);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn not_finite(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

/// A string between double quotes with Go's escapes.
pub fn quote(text: &str) -> String {
    quote_bytes(text.as_bytes())
}

/// Bytes between double quotes with Go's escapes; what is not UTF-8 becomes `\x..`.
pub fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            quote_char(c, &mut out);
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

fn quote_char(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c if (c as u32) < 0x20 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
        c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push(c),
    }
}

/// A character between single quotes, as Go's `%q` of a rune.
pub fn quote_rune(c: char) -> String {
    match c {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let mut out = String::from("'");
            quote_char(c, &mut out);
            out.push('\'');
            out
        }
    }
}

/// Reads a number as Go's `ParseInt(…, 0, 64)` and, failing that, `ParseFloat` do: `0x1f`, `0b1`,
/// `017`, `1_000`, `1e3`, `Inf`, `nan`.
pub fn parse_number(text: &str) -> Option<f64> {
    if let Some(whole) = parse_whole(text) {
        return Some(whole as f64);
    }
    parse_float(text)
}

/// Reads a number as Go's `ParseFloat` does, base ten only.
pub fn parse_float(text: &str) -> Option<f64> {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = bare.to_ascii_lowercase();
    let allowed = matches!(lower.as_str(), "inf" | "infinity" | "nan")
        || bare.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !allowed || bare.contains('_') {
        return None;
    }
    text.parse().ok()
}

fn parse_whole(text: &str) -> Option<i64> {
    let (negative, bare) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = bare.to_ascii_lowercase();
    let (radix, digits) = if let Some(hex) = lower.strip_prefix("0x") {
        (16, hex)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    let prefixed = radix != 10;
    let digits = underscores_removed(digits, prefixed)?;
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(&digits, radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

/// Underscores may stand between digits, and after a prefix.
fn underscores_removed(digits: &str, prefixed: bool) -> Option<String> {
    let mut last_was_digit = prefixed;
    for c in digits.chars() {
        if c == '_' && !last_was_digit {
            return None;
        }
        last_was_digit = c != '_';
    }
    last_was_digit.then(|| digits.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_go_spells_them() {
        let cases = [
            (1e6, "1e+06"),
            (123456.0, "123456"),
            (1234567.0, "1.234567e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "+Inf"),
            (1.01, "1.01"),
            (-0.0, "-0"),
        ];
        for (value, text) in cases {
            assert_eq!(float_g(value), text);
        }
        assert_eq!(float_f(1e21), "1000000000000000000000");
        assert_eq!(float_open_metrics(1.0), "1.0");
        assert_eq!(float_two_digits(0.0123), "0.012");
        assert_eq!(float_two_digits(123.0), "1.2e+02");
    }

    #[test]
    fn strings_keep_what_is_not_text() {
        assert_eq!(quote("a\"b\n"), r#""a\"b\n""#);
        assert_eq!(quote_bytes(b"a\xc5z"), r#""a\xc5z""#);
        assert_eq!(quote_rune('x'), "'x'");
    }

    #[test]
    fn numbers_are_read_in_every_base() {
        for (text, value) in [
            ("0x1f", 31.0),
            ("017", 15.0),
            ("09", 9.0),
            ("1_000", 1000.0),
            ("1e3", 1000.0),
            (".5", 0.5),
            ("2.", 2.0),
            ("0b11", 3.0),
            ("inF", f64::INFINITY),
        ] {
            assert_eq!(parse_number(text), Some(value), "{text}");
        }
        for wrong in ["1_000.5", "", "abc", "1__0", "0x", "infin"] {
            assert_eq!(parse_number(wrong), None, "{wrong}");
        }
    }
}
