//! Reading gates.

use deckwatch_domain::{Node, Problems, Value};

use super::gate::{Gate, ObjectiveAsks, ObjectiveGate, Window};

const KINDS: &str =
    "a gate is one of: approval, window, no_freeze, budget_left, no_page, burn_below";

pub(super) fn read_gate(node: &Node, problems: &mut Problems) -> Option<Gate> {
    let mut gate = node.entries(problems);
    let approval = gate.get("approval").map(|n| read_approval(n, problems));
    let window = gate.get("window").and_then(|n| read_window(n, problems));
    let freeze = gate.get("no_freeze").and_then(|n| n.truth(problems));
    let left = gate.get("budget_left").and_then(|n| read_left(n, problems));
    let page = gate.get("no_page").and_then(|n| n.truth(problems));
    let burn = gate.get("burn_below").and_then(|n| read_burn(n, problems));
    gate.finish(problems);
    let no_page = ObjectiveGate {
        objective: None,
        asks: ObjectiveAsks::NoPage,
    };
    let found: Vec<Gate> = [
        approval,
        window.map(Gate::Window),
        freeze.filter(|on| *on).map(|_| Gate::NoFreeze),
        left.map(Gate::Objective),
        page.filter(|on| *on).map(|_| Gate::Objective(no_page)),
        burn.map(Gate::Objective),
    ]
    .into_iter()
    .flatten()
    .collect();
    match found.as_slice() {
        [one] => Some(one.clone()),
        _ => {
            problems.at(node, KINDS);
            None
        }
    }
}

fn read_approval(node: &Node, problems: &mut Problems) -> Gate {
    let mut approval = node.entries(problems);
    let count = approval
        .get("count")
        .and_then(|n| n.whole(1, 20, problems))
        .unwrap_or(1);
    let role = approval.get("role").and_then(|n| n.text(problems));
    approval.finish(problems);
    Gate::Approval {
        count: count as u32,
        role,
    }
}

fn read_window(node: &Node, problems: &mut Problems) -> Option<Window> {
    let mut window = node.entries(problems);
    let from = window
        .need("from", problems)
        .and_then(|n| minute(n, problems));
    let to = window
        .need("to", problems)
        .and_then(|n| minute(n, problems));
    window.finish(problems);
    Some(Window {
        from: from?,
        to: to?,
    })
}

/// A share, or a share of one objective.
fn read_left(node: &Node, problems: &mut Problems) -> Option<ObjectiveGate> {
    let Value::Map(_) = &node.value else {
        return Some(ObjectiveGate {
            objective: None,
            asks: ObjectiveAsks::BudgetLeft(share(node, problems)?),
        });
    };
    let mut left = node.entries(problems);
    let least = left
        .need("at_least", problems)
        .and_then(|n| share(n, problems));
    let objective = left.get("objective").and_then(|n| n.text(problems));
    left.finish(problems);
    Some(ObjectiveGate {
        objective,
        asks: ObjectiveAsks::BudgetLeft(least?),
    })
}

/// More than all of a budget is never left; less than nothing of it may be.
fn share(node: &Node, problems: &mut Problems) -> Option<f64> {
    let share = node.number(problems)?;
    if !(-10.0..=1.0).contains(&share) {
        problems.at(node, format!("{share} is not a share such as 20% or 0.2"));
        return None;
    }
    Some(share)
}

fn read_burn(node: &Node, problems: &mut Problems) -> Option<ObjectiveGate> {
    let mut burn = node.entries(problems);
    let factor = burn.need("factor", problems).and_then(|n| {
        let factor = n.number(problems)?;
        if !(factor > 0.0 && factor <= 100_000.0) {
            problems.at(
                n,
                format!("{factor} is no pace: 1 spends the budget exactly"),
            );
            return None;
        }
        Some(factor)
    });
    let window = burn.need("window", problems).and_then(|n| {
        let window = n.span(problems)?;
        if window.as_millis() < 60_000 {
            problems.at(n, format!("{window} is too short: a minute is the least"));
            return None;
        }
        Some(window)
    });
    let objective = burn.get("objective").and_then(|n| n.text(problems));
    burn.finish(problems);
    Some(ObjectiveGate {
        objective,
        asks: ObjectiveAsks::BurnBelow {
            factor: factor?,
            window: window?,
        },
    })
}

/// Minutes after midnight.
pub(super) fn minute(node: &Node, problems: &mut Problems) -> Option<u16> {
    let text = node.text(problems)?;
    let read = text.split_once(':').and_then(|(h, m)| {
        let (h, m): (u16, u16) = (h.parse().ok()?, m.parse().ok()?);
        (h < 24 && m < 60).then_some(h * 60 + m)
    });
    if read.is_none() {
        problems.at(
            node,
            format!("`{text}` is not a time of day in UTC such as \"02:00\""),
        );
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_domain::{Span, parse_document};

    fn read(text: &str) -> Result<Gate, String> {
        let node = parse_document(text).unwrap();
        let mut problems = Problems::default();
        let gate = read_gate(&node, &mut problems);
        match problems.is_empty() {
            true => gate.ok_or_else(|| "nothing was read, and nothing said".into()),
            false => Err(problems.to_string()),
        }
    }

    #[test]
    fn objectives_are_asked_in_three_ways() {
        let of = |objective: Option<&str>, asks| {
            Gate::Objective(ObjectiveGate {
                objective: objective.map(str::to_owned),
                asks,
            })
        };
        let table = [
            ("budget_left: 20%", of(None, ObjectiveAsks::BudgetLeft(0.2))),
            (
                "budget_left: { at_least: 0.5, objective: availability }",
                of(Some("availability"), ObjectiveAsks::BudgetLeft(0.5)),
            ),
            ("no_page: true", of(None, ObjectiveAsks::NoPage)),
            (
                "burn_below: { factor: 2, window: 1h }",
                of(
                    None,
                    ObjectiveAsks::BurnBelow {
                        factor: 2.0,
                        window: Span::from_secs(3600),
                    },
                ),
            ),
        ];
        for (text, gate) in table {
            assert_eq!(read(text), Ok(gate), "{text}");
        }
    }

    #[test]
    fn what_is_no_gate_is_told_with_what_is() {
        for (text, part) in [
            ("budget_left: 120%", "not a share"),
            ("budget_left: { objective: a }", "at_least"),
            ("burn_below: { factor: 0, window: 1h }", "no pace"),
            ("burn_below: { factor: 2, window: 5s }", "too short"),
            ("no_page: false", "a gate is one of"),
            ("{ no_page: true, no_freeze: true }", "a gate is one of"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn gates_are_called_by_what_they_ask() {
        for (text, name) in [
            ("budget_left: 12.5%", "budget at least 12.5 %"),
            (
                "burn_below: { factor: 2, window: 1h, objective: fast }",
                "burn of fast below 2 over 1h",
            ),
            ("no_page: true", "no page"),
        ] {
            assert_eq!(read(text).unwrap().name(), name);
        }
    }
}
