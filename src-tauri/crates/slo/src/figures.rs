//! Numbers as people read them.

use deckwatch_domain::Span;

/// A count with thousands set apart; a fraction only below ten: 12,345 or 3.5.
pub(crate) fn count(x: f64) -> String {
    if !x.is_finite() {
        return "unbounded".to_owned();
    }
    if x.abs() < 10.0 && (x - x.round()).abs() > 0.05 {
        return trimmed(format!("{x:.1}"));
    }
    let digits = format!("{:.0}", x.abs());
    let mut out = String::new();
    if x <= -0.5 {
        out.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun.
pub(crate) fn of(x: f64, noun: &str) -> String {
    let words = count(x);
    let plural = if words == "1" { "" } else { "s" };
    format!("{words} {noun}{plural}")
}

/// A number with about three figures that matter.
pub(crate) fn number(x: f64) -> String {
    let size = x.abs();
    if !x.is_finite() {
        "unbounded".to_owned()
    } else if size >= 1000.0 {
        count(x)
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

/// A share as a percentage with three figures: 0.0123 is `1.23 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

/// A share as it was promised, with all its nines: `99.95 %`.
pub(crate) fn exact_percent(share: f64) -> String {
    format!("{} %", plain(share * 100.0))
}

/// A number without an exponent and without rounding noise: 0.9995.
pub(crate) fn plain(x: f64) -> String {
    trimmed(format!("{x:.9}"))
}

/// A multiple of the pace that spends the budget exactly: `×14.4`.
pub(crate) fn pace(factor: f64) -> String {
    format!("×{}", number(factor))
}

/// A length of time in its two largest units: `1d 22h`.
pub(crate) fn rough(span: Span) -> String {
    let seconds = span.as_millis() / 1000;
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut rest = seconds;
    let mut parts: Vec<String> = Vec::new();
    for (unit, size) in units {
        let n = rest / size;
        rest %= size;
        if n > 0 {
            parts.push(format!("{n}{unit}"));
        }
        if parts.len() == 2 || (!parts.is_empty() && n == 0) {
            break;
        }
    }
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}

fn trimmed(text: String) -> String {
    if text.contains('.') {
        let short = text.trim_end_matches('0').trim_end_matches('.');
        if short == "-0" { "0" } else { short }.to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_keep_what_matters() {
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(count(3.5), "3.5");
        assert_eq!(count(-1200.0), "-1,200");
        assert_eq!(exact_percent(0.9995), "99.95 %");
        assert_eq!(exact_percent(0.999_99), "99.999 %");
        assert_eq!(percent(0.0144), "1.44 %");
        assert_eq!(pace(14.4), "×14.4");
        assert_eq!(of(1.0, "request"), "1 request");
        assert_eq!(rough(Span::from_secs(165_600)), "1d 22h");
        assert_eq!(rough(Span::from_secs(90_000)), "1d 1h");
        assert_eq!(rough(Span::from_secs(86_460)), "1d");
        assert_eq!(rough(Span::ZERO), "0s");
    }
}
