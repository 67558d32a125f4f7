//! Numbers as people read them.

/// A count with thousands set apart: 12,345.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// An estimated count, to three figures: 12,300.
pub(crate) fn about(n: u64) -> String {
    let step = 10_u64.pow(n.checked_ilog10().unwrap_or(0).saturating_sub(2));
    count(n.saturating_add(step / 2) / step * step)
}

/// A number with about three figures that matter.
pub(crate) fn number(x: f64) -> String {
    let size = x.abs();
    if !x.is_finite() {
        "unbounded".to_owned()
    } else if size >= 1e6 {
        format!("{x:.1e}")
    } else if size >= 1000.0 {
        let sign = if x < 0.0 { "-" } else { "" };
        format!("{sign}{}", count(size.round() as u64))
    } else if size >= 100.0 {
        format!("{x:.0}")
    } else if size >= 10.0 {
        trimmed(format!("{x:.1}"))
    } else if size >= 0.1 || size == 0.0 {
        trimmed(format!("{x:.2}"))
    } else if size >= 1e-4 {
        trimmed(format!("{x:.5}"))
    } else {
        format!("{x:.1e}")
    }
}

/// A share as a percentage: 0.0123 is `1.23 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

/// A ratio: `3.1×`.
pub(crate) fn ratio(x: f64) -> String {
    if (0.1..100.0).contains(&x) {
        format!("{x:.1}×")
    } else {
        format!("{}×", number(x))
    }
}

fn trimmed(text: String) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A count with its noun: `1 request`, `12 requests`.
pub(crate) fn of(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(n))
}
