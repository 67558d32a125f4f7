//! Reading the steps of a plan, and what single strategies add to them.

use std::collections::BTreeSet;

use deckwatch_domain::{Entries, Node, Problems, Span, Value};
use deckwatch_platform::AudienceBy;

use super::model::*;
use super::read_gates::{minute, read_gate};
use super::read_tasks;
use super::strategy::{AudiencePlan, BatchSize, Batches, Day};

/// A plan may have this many steps.
const MOST_STEPS: usize = 50;

pub(super) fn read_steps(
    node: &Node,
    strategy: Option<Strategy>,
    problems: &mut Problems,
) -> Vec<Step> {
    let items = node.items(problems);
    if items.is_empty() || items.len() > MOST_STEPS {
        problems.at(
            node,
            format!("a plan has 1 to {MOST_STEPS} steps, not {}", items.len()),
        );
    }
    let mut steps: Vec<Step> = Vec::new();
    for item in items.iter().take(MOST_STEPS) {
        let Some(step) = read_step(item, strategy, problems) else {
            continue;
        };
        if let Some(before) = steps.last()
            && step.weight <= before.weight
        {
            problems.at(
                item,
                format!(
                    "weights must rise: {} comes after {}",
                    step.weight, before.weight
                ),
            );
        }
        steps.push(step);
    }
    if let (Some(last), Some(item)) = (steps.last(), items.last())
        && last.weight != 100
    {
        problems.at(
            item,
            format!(
                "the last step must reach 100, or the release never finishes; it is {}",
                last.weight
            ),
        );
    }
    fits(node, strategy, &steps, problems);
    steps
}

/// Whether the steps are such as the strategy has.
fn fits(node: &Node, strategy: Option<Strategy>, steps: &[Step], problems: &mut Problems) {
    let weights: Vec<u8> = steps.iter().map(|s| s.weight).collect();
    if strategy == Some(Strategy::BlueGreen) && weights != [0, 100] {
        problems.at(
            node,
            "blue-green has two steps: weight 0 (the preview), then weight 100 (the switch)",
        );
    }
    if strategy == Some(Strategy::Rolling) && steps.len() != 1 {
        problems.at(
            node,
            "rolling has one step, without a weight: what every batch goes through",
        );
    }
    let days: Vec<Day> = steps.iter().filter_map(|s| s.day).collect();
    if days.windows(2).any(|pair| pair[1] < pair[0]) {
        problems.at(node, "the days of the steps must not go backwards");
    }
}

fn read_step(node: &Node, strategy: Option<Strategy>, problems: &mut Problems) -> Option<Step> {
    let mut step = node.entries(problems);
    let weight = match strategy {
        // Every batch has its own, which depends on how many instances there are.
        Some(Strategy::Rolling) => Some(100),
        _ => step
            .need("weight", problems)
            .and_then(|n| n.whole(0, 100, problems)),
    };
    let day = read_day(&mut step, problems);
    let bake = step
        .get("bake")
        .map(|n| read_bake(n, problems))
        .unwrap_or(Bake {
            min: Span::from_secs(300),
            max: Span::from_secs(3600),
        });
    let analysis = step
        .get("analysis")
        .and_then(|n| n.truth(problems))
        // A step that gives no traffic has nothing to judge.
        .unwrap_or(weight != Some(0));
    if analysis && weight == Some(0) {
        problems.at(
            node,
            "a step of weight 0 gives the candidate no traffic to judge by",
        );
    }
    let pause = step.get("pause").and_then(|n| read_pause(n, problems));
    let gates = step
        .get("gates")
        .map(|n| {
            n.items(problems)
                .iter()
                .filter_map(|gate| read_gate(gate, problems))
                .collect()
        })
        .unwrap_or_default();
    let tasks = read_tasks::read_list(step.get("tasks"), read_tasks::Kind::Once, problems);
    step.finish(problems);
    Some(Step {
        weight: u8::try_from(weight?).ok()?,
        instances: None,
        day,
        bake,
        analysis,
        pause,
        gates,
        tasks,
    })
}

fn read_bake(node: &Node, problems: &mut Problems) -> Bake {
    let mut bake = node.entries(problems);
    let min = bake.need("min", problems).and_then(|n| n.span(problems));
    let max = bake.need("max", problems).and_then(|n| n.span(problems));
    bake.finish(problems);
    let (min, max) = (min.unwrap_or_default(), max.unwrap_or_default());
    if max < min {
        problems.at(node, format!("max ({max}) is shorter than min ({min})"));
    }
    Bake { min, max }
}

fn read_pause(node: &Node, problems: &mut Problems) -> Option<StepPause> {
    match &node.value {
        Value::Bool(true) => Some(StepPause::UntilResumed),
        Value::Bool(false) => None,
        _ => node.span(problems).map(StepPause::For),
    }
}

/// The earliest day and time of a step.
fn read_day(step: &mut Entries<'_>, problems: &mut Problems) -> Option<Day> {
    let day = step.get("day").and_then(|n| n.whole(1, 366, problems));
    let at = step.get("at");
    let minute = at.and_then(|n| minute(n, problems));
    if let (Some(at), None) = (at, day) {
        problems.at(at, "`at` is a time of a day: write `day: 1` beside it");
    }
    Some(Day {
        day: u32::try_from(day?).ok()?,
        at: minute,
    })
}

/// How a rolling plan replaces instances.
pub(super) fn read_batches(
    top: &mut Entries<'_>,
    strategy: Option<Strategy>,
    problems: &mut Problems,
) -> Option<Batches> {
    let (size, surge) = (top.get("batch"), top.get("surge"));
    if strategy != Some(Strategy::Rolling) {
        for node in [size, surge].into_iter().flatten() {
            problems.at(node, "only rolling replaces instances in batches");
        }
        return None;
    }
    let surge = surge.and_then(|n| n.truth(problems)).unwrap_or(true);
    let size = match size {
        Some(node) => read_batch_size(node, problems)?,
        None => BatchSize::Count(1),
    };
    Some(Batches { size, surge })
}

fn read_batch_size(node: &Node, problems: &mut Problems) -> Option<BatchSize> {
    let Value::Text(text) = &node.value else {
        let count = node.whole(1, 1000, problems)?;
        return Some(BatchSize::Count(u32::try_from(count).ok()?));
    };
    let percent = text
        .trim()
        .strip_suffix('%')
        .and_then(|t| t.trim().parse().ok());
    match percent {
        Some(percent @ 1..=100) => Some(BatchSize::Percent(percent)),
        _ => {
            problems.at(
                node,
                format!("`{text}` is no batch: write a number of instances, or 1% to 100%"),
            );
            None
        }
    }
}

/// Who gets the candidate first.
pub(super) fn read_audience(
    top: &mut Entries<'_>,
    strategy: Option<Strategy>,
    problems: &mut Problems,
) -> Option<AudiencePlan> {
    let is_one = strategy == Some(Strategy::Audience);
    let node = match top.get("audience") {
        None if is_one => return top.need("audience", problems).and(None),
        Some(node) if !is_one => {
            problems.at(node, "only the strategy `audience` leads people by name");
            return None;
        }
        node => node?,
    };
    let mut entries = node.entries(problems);
    let flag = entries
        .need("flag", problems)
        .and_then(|n| n.text(problems));
    let by = entries
        .need("by", problems)
        .and_then(|n| read_by(n, problems));
    let listed = entries.get("people").map(|n| read_people(n, problems));
    let people = entries
        .get("number")
        .and_then(|n| n.whole(1, 1_000_000_000_000, problems));
    entries.finish(problems);
    let audience = AudiencePlan {
        flag: flag?,
        by: by?,
        listed: listed.unwrap_or_default(),
        people,
    };
    if let Err(why) = audience.at(100).check() {
        problems.at(node, why);
    }
    Some(audience)
}

fn read_by(node: &Node, problems: &mut Problems) -> Option<AudienceBy> {
    let mut by = node.entries(problems);
    let header = by.get("header").and_then(|n| n.text(problems));
    let cookie = by.get("cookie").and_then(|n| n.text(problems));
    by.finish(problems);
    match (header, cookie) {
        (Some(name), None) => Some(AudienceBy::Header { name }),
        (None, Some(name)) => Some(AudienceBy::Cookie { name }),
        _ => {
            problems.at(node, "people are told apart by one of: header, cookie");
            None
        }
    }
}

fn read_people(node: &Node, problems: &mut Problems) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut people = Vec::new();
    for item in node.items(problems) {
        let Some(name) = item.text(problems) else {
            continue;
        };
        if seen.insert(name.clone()) {
            people.push(name);
        } else {
            problems.at(item, format!("{name} is listed twice"));
        }
    }
    people
}
