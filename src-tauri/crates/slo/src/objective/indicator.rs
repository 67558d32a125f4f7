//! Reads what is counted.

use deckwatch_domain::{Entries, Node, Problems, Span, Value, parse_span};

use super::checks::{checked_histogram, checked_query, checked_selector, checked_vector};
use super::read::share;
use super::{Comparison, Counting, Indicator, Side};

pub(super) fn indicator(node: &Node, p: &mut Problems) -> Option<Indicator> {
    let mut entries = node.entries(p);
    let kinds = [
        entries.get("ratio").map(|n| ratio(n, p)),
        entries.get("latency").map(|n| latency(n, p)),
        entries.get("gauge").map(|n| gauge(n, p)),
        entries.get("queries").map(|n| queries(n, p)),
        entries.get("slices").map(|n| slices(n, p)),
    ];
    entries.finish(p);
    let mut given = kinds.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(one), None) => one,
        _ => {
            p.at(
                node,
                "an indicator is one of: ratio, latency, gauge, queries, slices",
            );
            None
        }
    }
}

/// The numerator: `good` or `bad`.
fn sided(
    entries: &mut Entries<'_>,
    check: fn(&str) -> Result<(), String>,
    p: &mut Problems,
) -> Option<(Side, String, String)> {
    let good = entries.get("good");
    let bad = entries.get("bad");
    let total = entries.need("total", p);
    let mut read = |n: &Node| {
        let text = n.text(p)?;
        check(&text).map_err(|why| p.at(n, why)).ok()?;
        Some(text)
    };
    let total = total.and_then(&mut read);
    let (side, events) = match (good, bad) {
        (Some(n), None) => (Side::Good, read(n)),
        (None, Some(n)) => (Side::Bad, read(n)),
        _ => {
            p.at(entries.node, "either `good` or `bad` belongs here");
            return None;
        }
    };
    Some((side, events?, total?))
}

fn ratio(node: &Node, p: &mut Problems) -> Option<Indicator> {
    let mut entries = node.entries(p);
    let read = sided(&mut entries, checked_selector, p);
    entries.finish(p);
    let (side, events, total) = read?;
    Some(Indicator::Ratio {
        side,
        events,
        total,
    })
}

fn queries(node: &Node, p: &mut Problems) -> Option<Indicator> {
    let mut entries = node.entries(p);
    let read = sided(&mut entries, checked_query, p);
    let words = [
        ("events", Counting::Events),
        ("per-second", Counting::PerSecond),
    ];
    let counting = entries.get("counts").and_then(|n| n.word(&words, p));
    entries.finish(p);
    let (side, events, total) = read?;
    Some(Indicator::Queries {
        side,
        events,
        total,
        counting: counting.unwrap_or(Counting::Events),
    })
}

fn latency(node: &Node, p: &mut Problems) -> Option<Indicator> {
    let mut entries = node.entries(p);
    let histogram = entries.need("histogram", p).and_then(|n| {
        let text = n.text(p)?;
        checked_histogram(&text).map_err(|why| p.at(n, why)).ok()?;
        Some(text)
    });
    let below = entries.need("below", p).and_then(|n| seconds(n, p));
    let native = entries.get("native").and_then(|n| n.truth(p));
    entries.finish(p);
    Some(Indicator::Latency {
        histogram: histogram?,
        below: below?,
        native: native.unwrap_or(false),
    })
}

/// A number of seconds, or a length of time.
fn seconds(node: &Node, p: &mut Problems) -> Option<f64> {
    let seconds = match &node.value {
        Value::Text(text) => parse_span(text)
            .map_err(|why| p.at(node, why))
            .ok()?
            .as_secs_f64(),
        _ => node.number(p)?,
    };
    if seconds <= 0.0 {
        p.at(node, format!("{seconds} is no bound of a latency"));
        return None;
    }
    Some(seconds)
}

fn every(entries: &mut Entries<'_>, p: &mut Problems) -> Option<Span> {
    let Some(node) = entries.get("every") else {
        return Some(Span::from_secs(60));
    };
    let span = node.span(p)?;
    if span < Span::from_secs(1) {
        p.at(node, "once a second is the most");
        return None;
    }
    Some(span)
}

fn gauge(node: &Node, p: &mut Problems) -> Option<Indicator> {
    let mut entries = node.entries(p);
    let value = entries.need("value", p).and_then(|n| {
        let text = n.text(p)?;
        checked_vector(&text).map_err(|why| p.at(n, why)).ok()?;
        Some(text)
    });
    let holds = entries.need("holds", p).and_then(|n| {
        let text = n.text(p)?;
        let read = compared(&text);
        if read.is_none() {
            p.at(
                n,
                format!("`{text}` is no threshold; write it like `<= 0.85`"),
            );
        }
        read
    });
    let every = every(&mut entries, p);
    entries.finish(p);
    let (holds, threshold) = holds?;
    Some(Indicator::Gauge {
        value: value?,
        holds,
        threshold,
        every: every?,
    })
}

fn compared(text: &str) -> Option<(Comparison, f64)> {
    let text = text.trim();
    // The longer symbols first: `<=` begins with `<`.
    let known = [
        Comparison::AtMost,
        Comparison::AtLeast,
        Comparison::Below,
        Comparison::Above,
    ];
    known.into_iter().find_map(|comparison| {
        let rest = text.strip_prefix(comparison.symbol())?.trim();
        let number: f64 = match rest.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
            None => rest.parse().ok()?,
        };
        number.is_finite().then_some((comparison, number))
    })
}

fn slices(node: &Node, p: &mut Problems) -> Option<Indicator> {
    let mut entries = node.entries(p);
    let every = every(&mut entries, p);
    let at_least = entries.need("at-least", p).and_then(|n| share(n, p));
    let of = entries.need("of", p).and_then(|n| {
        let inner = indicator(n, p)?;
        if matches!(inner, Indicator::Slices { .. } | Indicator::Gauge { .. }) {
            p.at(n, "slices are of events: ratio, latency or queries");
            return None;
        }
        Some(inner)
    });
    entries.finish(p);
    Some(Indicator::Slices {
        every: every?,
        at_least: at_least?,
        of: Box::new(of?),
    })
}
