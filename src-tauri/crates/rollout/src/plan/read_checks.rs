//! Reading the checks of a plan, and of the presets that ship.

use std::collections::BTreeSet;

use deckwatch_domain::{Entries, Node, Problems, ServiceName, Span, Value, parse_document};

use super::builtin::check_preset;
use super::check::{Check, Health, Looks, Within};
use super::read_tasks::{read_command, read_http, read_map};
use crate::validation::LIMIT;

/// Checks of one plan.
const MOST: usize = 50;
/// What asks for health answers by then or not at all.
const HEALTH: Span = Span::from_millis(500);
const KINDS: [&str; 6] = [
    "command",
    "http",
    "health",
    "baseline",
    "dependencies",
    "inspect",
];

/// Reads what a plan asks to be validated, and for how long a validation counts.
pub(super) fn read_validate(top: &mut Entries<'_>, problems: &mut Problems) -> (Vec<Check>, Span) {
    let within = top.get("validated_within").and_then(|n| {
        let span = n.span(problems)?;
        if span == Span::ZERO {
            problems.at(n, "a validation that never counts can never be had");
        }
        Some(span)
    });
    let checks = top
        .get("validate")
        .map(|n| read_checks(n, true, problems))
        .unwrap_or_default();
    (checks, within.unwrap_or(Span::from_secs(3600)))
}

/// Reads a preset: its name, one line about it, and its checks.
pub(super) fn read_preset(text: &str) -> Result<(String, String, Vec<Check>), Problems> {
    let node = parse_document(text)?;
    let mut problems = Problems::default();
    let mut top = node.entries(&mut problems);
    let name = top.need("checks", &mut problems);
    let name = name.and_then(|n| n.text(&mut problems));
    let about = top.need("about", &mut problems);
    let about = about.and_then(|n| n.text(&mut problems));
    let checks = top
        .need("validate", &mut problems)
        .map(|n| read_checks(n, false, &mut problems))
        .unwrap_or_default();
    top.finish(&mut problems);
    problems.or((name.unwrap_or_default(), about.unwrap_or_default(), checks))
}

fn read_checks(node: &Node, presets: bool, problems: &mut Problems) -> Vec<Check> {
    let mut seen = BTreeSet::new();
    let mut checks = Vec::new();
    for item in node.items(problems) {
        let found = match &item.value {
            Value::Text(name) if presets => match check_preset(name) {
                Some(found) => found,
                None => {
                    let known: Vec<&str> = super::CHECKS.iter().map(|(n, _)| *n).collect();
                    let known = known.join(", ");
                    problems.at(
                        item,
                        format!("no checks are called `{name}`; there is: {known}"),
                    );
                    continue;
                }
            },
            _ => read_check(item, problems).into_iter().collect(),
        };
        for check in found {
            if !seen.insert(check.name.clone()) {
                problems.at(item, format!("two checks are named `{}`", check.name));
            }
            checks.push(check);
        }
    }
    if checks.len() > MOST {
        let many = format!("at most {MOST} checks, not {}", checks.len());
        problems.at(node, many);
    }
    checks
}

fn read_check(node: &Node, problems: &mut Problems) -> Option<Check> {
    let mut check = node.entries(problems);
    let name = check.need("name", problems).and_then(|n| n.text(problems));
    let description = check.get("description").and_then(|n| n.text(problems));
    let looks = read_looks(&mut check, problems);
    let is_health = check.get("health").is_some();
    let default = if is_health {
        HEALTH
    } else {
        Span::from_secs(30)
    };
    let most = if is_health { HEALTH } else { LIMIT };
    let timeout = check.get("timeout").and_then(|n| {
        let span = n.span(problems)?;
        if span == Span::ZERO || span > most {
            problems.at(
                n,
                format!("{span} must be longer than nothing and at most {most}"),
            );
        }
        Some(span)
    });
    let retries = check.get("retries").and_then(|n| n.whole(0, 20, problems));
    let critical = check.get("critical").and_then(|n| n.truth(problems));
    let runs = matches!(looks, Some(Looks::Run(_)) | None);
    let mut map = |name: &'static str, problems: &mut Problems| {
        let found = check.get(name);
        if let (Some(n), false) = (found, runs) {
            problems.at(n, format!("only a command or a call has `{name}`"));
        }
        read_map(found, problems)
    };
    let env = map("env", problems);
    let secrets = map("secrets", problems);
    check.finish(problems);
    Some(Check {
        name: name?,
        description: description.unwrap_or_default(),
        looks: looks?,
        timeout: timeout.unwrap_or(default),
        retries: retries.unwrap_or(3) as u32,
        critical: critical.unwrap_or(true),
        env,
        secrets,
    })
}

fn read_looks(check: &mut Entries<'_>, problems: &mut Problems) -> Option<Looks> {
    let given = KINDS.map(|kind| check.get(kind).map(|node| (kind, node)));
    let mut given = given.into_iter().flatten();
    let (Some((kind, node)), None) = (given.next(), given.next()) else {
        let known = KINDS.join(", ");
        problems.at(check.node, format!("a check has exactly one of: {known}"));
        return None;
    };
    match kind {
        "command" => Some(Looks::Run(read_command(node, problems))),
        "http" => {
            read_http(node, problems).map(|call| Looks::Run(deckwatch_platform::Does::Http(call)))
        }
        "health" => read_health(node, problems).map(Looks::Health),
        "baseline" => read_baseline(node, problems).map(Looks::Baseline),
        "dependencies" => {
            let items = node.items(problems).iter();
            let services = items.filter_map(|n| n.parsed::<ServiceName>(problems));
            Some(Looks::Dependencies(services.collect()))
        }
        _ => {
            let words = [("program", Looks::Program), ("secrets", Looks::Secrets)];
            let at = words.each_ref().map(|(word, _)| *word);
            let place = node.word(&[(at[0], 0), (at[1], 1)], problems)?;
            words.into_iter().nth(place).map(|(_, looks)| looks)
        }
    }
}

fn read_health(node: &Node, problems: &mut Problems) -> Option<Health> {
    let text = node.text(problems)?;
    if ["http://", "https://"].iter().any(|s| text.starts_with(s)) {
        return Some(Health::Url(text));
    }
    match text.parse() {
        Ok(service) => Some(Health::Service(service)),
        Err(_) => {
            problems.at(
                node,
                format!("`{text}` is neither an address that begins with http:// or https:// nor a service"),
            );
            None
        }
    }
}

/// A name alone, or a mapping with what is allowed.
fn read_baseline(node: &Node, problems: &mut Problems) -> Option<Within> {
    let mut within = Within {
        name: String::new(),
        over: Span::from_secs(60),
        p95: 0.2,
        mean: 0.2,
        errors: 0.01,
    };
    if !matches!(node.value, Value::Map(_)) {
        within.name = node.text(problems)?;
        return Some(within);
    }
    let mut entries = node.entries(problems);
    let name = entries
        .need("name", problems)
        .and_then(|n| n.text(problems));
    if let Some(n) = entries.get("over") {
        within.over = n.span(problems).unwrap_or(within.over);
        if within.over < Span::from_secs(1) || within.over > Span::from_secs(86_400) {
            problems.at(n, "between a second and a day is looked at");
        }
    }
    for (name, field) in [
        ("p95", &mut within.p95),
        ("mean", &mut within.mean),
        ("errors", &mut within.errors),
    ] {
        let Some(n) = entries.get(name) else { continue };
        match n.number(problems) {
            Some(share) if (0.0..=10.0).contains(&share) => *field = share,
            Some(share) => problems.at(n, format!("{share} is not a share such as 20% or 0.2")),
            None => {}
        }
    }
    entries.finish(problems);
    within.name = name?;
    Some(within)
}

#[cfg(test)]
mod tests {
    use super::super::{CHECKS, check_text, read};
    use super::*;

    fn plan(validate: &str) -> String {
        format!(
            "plan: p\nstrategy: canary\nsteps: [{{ weight: 100, analysis: false }}]\n\
             analysis: {{ metrics: [] }}\n{validate}"
        )
    }

    #[test]
    fn every_preset_reads_and_may_be_pasted_into_a_plan() {
        for (name, text) in CHECKS {
            let (named, about, checks) =
                read_preset(text).unwrap_or_else(|e| panic!("{name}:\n{e}"));
            assert_eq!(named, name);
            assert!(!about.is_empty() && !checks.is_empty());
            assert!(checks.iter().all(|c| !c.description.is_empty()));
            let pasted = text.split_once("validate:").unwrap().1;
            let pasted = read(&plan(&format!("validate:{pasted}"))).unwrap();
            assert_eq!(pasted.validate, checks);
            let by_name = read(&plan(&format!("validate: [{name}]"))).unwrap();
            assert_eq!(by_name.validate, checks);
            assert_eq!(check_text(name), Some(text));
        }
        // As the requirements have it: all but the performance baseline hold a release.
        for (name, critical) in [
            ("quality", true),
            ("security", true),
            ("performance-baseline", false),
            ("dependencies", true),
        ] {
            let checks = check_preset(name).unwrap();
            assert!(checks.iter().all(|c| c.critical == critical), "{name}");
        }
    }

    #[test]
    fn a_check_has_its_defaults() {
        let text =
            "validate: [{ name: tests, command: [make, test] }, { name: up, health: payments }]\n";
        let plan = read(&plan(text)).unwrap();
        let [tests, up] = plan.validate.as_slice() else {
            panic!("{plan:?}")
        };
        assert_eq!((tests.timeout, tests.retries), (Span::from_secs(30), 3));
        assert!(tests.critical);
        assert_eq!(up.timeout, Span::from_millis(500));
        assert_eq!(plan.validated_within, Span::from_secs(3600));
        let as_json = serde_json::to_value(&plan).unwrap();
        assert_eq!(
            serde_json::from_value::<super::super::Plan>(as_json).unwrap(),
            plan
        );
    }

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let table = [
            ("[speed]", "no checks are called `speed`"),
            ("[{ name: a }]", "exactly one of: command, http"),
            ("[{ name: a, command: [x], health: b }]", "exactly one of"),
            ("[{ command: [x] }]", "`name` is missing"),
            ("[{ name: a, command: [] }]", "a command names a program"),
            (
                "[{ name: a, http: { url: \"ftp://x\" } }]",
                "begins with http://",
            ),
            ("[{ name: a, health: \"A b\" }]", "neither an address"),
            ("[{ name: a, health: b, timeout: 2s }]", "at most 500ms"),
            ("[{ name: a, command: [x], timeout: 6m }]", "at most 5m"),
            (
                "[{ name: a, command: [x], timeout: 0s }]",
                "longer than nothing",
            ),
            ("[{ name: a, command: [x], retries: 99 }]", "0 to 20"),
            (
                "[{ name: a, inspect: program, env: { A: b } }]",
                "only a command or a call",
            ),
            (
                "[{ name: a, inspect: everything }]",
                "none of: program, secrets",
            ),
            ("[{ name: a, dependencies: [B!] }]", "is not a service name"),
            (
                "[{ name: a, baseline: { name: b, p95: 2000% } }]",
                "is not a share",
            ),
            (
                "[{ name: a, baseline: { name: b, over: 1ms } }]",
                "between a second and a day",
            ),
            (
                "[{ name: a, inspect: program }, { name: a, inspect: secrets }]",
                "two checks are named `a`",
            ),
            ("[security, security]", "two checks are named"),
            ("[{ name: a, comand: [x] }]", "did you mean `command`"),
        ];
        for (text, said) in table {
            let found = read(&plan(&format!("validate: {text}\n"))).unwrap_err();
            let problem = found.0.iter().find(|p| p.message.contains(said));
            let problem = problem.unwrap_or_else(|| panic!("{text}: {found}"));
            assert!(problem.line == 5 && problem.column > 0, "{text}: {problem}");
        }
        let never = read(&plan("validated_within: 0s\n")).unwrap_err();
        assert!(never.to_string().contains("never counts"), "{never}");
    }
}
