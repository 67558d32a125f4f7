//! OpenSLO's alert policies as pairs of windows.

use deckwatch_domain::Node;

use super::super::{Reader, child};
use super::{Named, time};
use crate::burn::{Pair, Severity};

/// The pairs of all policies of an SLO.
pub(super) fn pairs(list: &Node, named: &Named<'_>, reader: &mut Reader) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for item in list.items(&mut reader.mistakes) {
        let Some(policy) = resolved(item, "alertPolicyRef", &named.policies, reader) else {
            continue;
        };
        let Some(spec) = reader.need(policy, "spec") else {
            continue;
        };
        reader.rest(spec, &["description", "conditions", "alertWhenBreaching"]);
        let Some(conditions) = child(spec, "conditions") else {
            continue;
        };
        for item in conditions.items(&mut reader.mistakes) {
            let condition = resolved(item, "conditionRef", &named.conditions, reader);
            pairs.extend(condition.and_then(|n| pair(n, reader)));
        }
    }
    pairs
}

/// What stands inline, or what a name means.
fn resolved<'n>(
    item: &'n Node,
    by_name: &str,
    known: &std::collections::BTreeMap<String, &'n Node>,
    reader: &mut Reader,
) -> Option<&'n Node> {
    let Some(at) = child(item, by_name) else {
        return Some(item);
    };
    let name = at.text(&mut reader.mistakes)?;
    let found = known.get(&name).copied();
    if found.is_none() {
        reader.lost(at, format!("`{name}` is not in this text"));
    }
    found
}

fn pair(condition: &Node, reader: &mut Reader) -> Option<Pair> {
    let spec = reader.need(condition, "spec")?;
    reader.rest(spec, &["description", "severity", "condition"]);
    let severity = reader.text(spec, "severity").unwrap_or_default();
    let severity = match severity.to_ascii_lowercase().as_str() {
        "page" | "critical" | "high" | "sev1" | "1" => Severity::Page,
        _ => Severity::Ticket,
    };
    let node = reader.need(spec, "condition")?;
    reader.rest(node, &["kind", "threshold", "lookbackWindow", "alertAfter"]);
    let factor = reader.need(node, "threshold");
    let factor = factor.and_then(|n| n.number(&mut reader.mistakes));
    let long = reader.need(node, "lookbackWindow");
    let (long, ..) = long.and_then(|n| time::shorthand(n, reader))?;
    let short = Pair::short_of(long);
    if let Some(after) = child(node, "alertAfter") {
        let text = after.text(&mut reader.mistakes).unwrap_or_default();
        // What has to go on for a while goes on in the short window instead.
        if !text.starts_with('0') {
            reader.lost(
                after,
                format!("`alertAfter` is not carried over: the pace must hold for {short} as well"),
            );
        }
    }
    Some(Pair {
        severity,
        long,
        short,
        factor: factor?,
    })
}
