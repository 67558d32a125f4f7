//! Reading the tasks of a plan.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_domain::{Entries, Node, Problems, Span};

use deckwatch_platform::{Does, HttpCall};

use super::task::{Around, Task, TaskKind};

/// Tasks in one list.
const MOST: usize = 50;
/// The shortest time between two runs of a task that is run again and again.
const SHORTEST: Span = Span::from_millis(200);

const KINDS: [(&str, TaskKind); 7] = [
    ("smoke", TaskKind::Smoke),
    ("load", TaskKind::Load),
    ("synthetic", TaskKind::Synthetic),
    ("migration", TaskKind::Migration),
    ("backup", TaskKind::Backup),
    ("cache-purge", TaskKind::CachePurge),
    ("other", TaskKind::Other),
];

/// Reads what stands beside the steps.
pub(super) fn read_around(top: &mut Entries<'_>, problems: &mut Problems) -> Around {
    Around {
        before: read_list(top.get("before"), Kind::Once, problems),
        during: read_list(top.get("during"), Kind::Again, problems),
        after: read_list(top.get("after"), Kind::Once, problems),
        verify: read_list(top.get("verify"), Kind::OfTheWayBack, problems),
        export: alone("export", top, problems),
        import: alone("import", top, problems),
    }
}

/// How a task is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Once,
    Again,
    /// By a rollback; it has no way back itself.
    OfTheWayBack,
}

fn alone(name: &'static str, top: &mut Entries<'_>, problems: &mut Problems) -> Option<Task> {
    let node = top.get(name)?;
    read_one(node, Kind::OfTheWayBack, problems)
}

pub(super) fn read_list(node: Option<&Node>, run: Kind, problems: &mut Problems) -> Vec<Task> {
    let Some(node) = node else {
        return Vec::new();
    };
    let items = node.items(problems);
    if items.len() > MOST {
        let many = format!("at most {MOST} tasks, not {}", items.len());
        problems.at(node, many);
    }
    let items = items.iter().take(MOST);
    items
        .filter_map(|item| read_one(item, run, problems))
        .collect()
}

fn read_one(node: &Node, run: Kind, problems: &mut Problems) -> Option<Task> {
    let mut task = node.entries(problems);
    let name = task.need("name", problems).and_then(|n| n.text(problems));
    let kind = task.get("kind").and_then(|n| n.word(&KINDS, problems));
    let kind = kind.unwrap_or(TaskKind::Other);
    let does = read_does(&mut task, node, "a task", problems);
    let timeout = task.get("timeout").and_then(|n| n.span(problems));
    let retries = task.get("retries").and_then(|n| n.whole(0, 20, problems));
    let critical = task.get("critical").and_then(|n| n.truth(problems));
    let again = run == Kind::Again;
    let way_back = task.get("way_back").and_then(|n| {
        if run == Kind::OfTheWayBack {
            problems.at(n, "what a rollback runs has no way back of its own");
        }
        let mut entries = n.entries(problems);
        let does = read_does(&mut entries, n, "a way back", problems);
        entries.finish(problems);
        does
    });
    let env = read_map(task.get("env"), problems);
    let secrets = read_map(task.get("secrets"), problems);
    let schema = task.get("previous_runs_on_new_schema");
    if let (Some(schema), false) = (schema, kind == TaskKind::Migration) {
        problems.at(schema, "only a migration changes the schema");
    }
    let schema = schema.and_then(|n| n.truth(problems));
    let every = task.get("every");
    match every {
        Some(every) if !again => problems.at(every, "only tasks under `during` are run again"),
        None if again => problems.at(node, "a task under `during` needs `every`"),
        _ => {}
    }
    let every = every.and_then(|n| {
        let span = n.span(problems)?;
        if span < SHORTEST {
            problems.at(n, format!("at least {SHORTEST} between two runs"));
        }
        Some(span)
    });
    task.finish(problems);
    Some(Task {
        name: name?,
        kind,
        does: does?,
        timeout: timeout.unwrap_or(Span::from_secs(if again { 30 } else { 300 })),
        retries: retries.unwrap_or(0) as u32,
        critical: critical.unwrap_or(true),
        env,
        secrets,
        way_back,
        previous_runs_on_new_schema: schema,
        every,
    })
}

fn read_does(
    entries: &mut Entries<'_>,
    node: &Node,
    what: &str,
    problems: &mut Problems,
) -> Option<Does> {
    let command = entries.get("command");
    let http = entries.get("http");
    match (command, http) {
        (Some(command), None) => Some(read_command(command, problems)),
        (None, Some(http)) => read_http(http, problems).map(Does::Http),
        _ => {
            problems.at(node, format!("{what} has either `command` or `http`"));
            None
        }
    }
}

pub(super) fn read_command(node: &Node, problems: &mut Problems) -> Does {
    let items = node.items(problems);
    let words: Vec<String> = items.iter().filter_map(|n| n.text(problems)).collect();
    if items.is_empty() || words.first().is_some_and(String::is_empty) {
        problems.at(node, "a command names a program, then its arguments");
    }
    Does::Command(words)
}

pub(super) fn read_http(node: &Node, problems: &mut Problems) -> Option<HttpCall> {
    let mut http = node.entries(problems);
    let method = http.get("method").and_then(|n| n.text(problems));
    let url = http.need("url", problems).and_then(|n| {
        let url = n.text(problems)?;
        if !["http://", "https://"].iter().any(|s| url.starts_with(s)) {
            problems.at(n, "an address begins with http:// or https://");
        }
        Some(url)
    });
    let headers = read_map(http.get("headers"), problems);
    let body = http.get("body").and_then(|n| n.text(problems));
    let expect = http.get("expect").and_then(|n| n.whole(100, 599, problems));
    let contains = http.get("contains").and_then(|n| n.text(problems));
    http.finish(problems);
    Some(HttpCall {
        method: method.map_or_else(|| "GET".into(), |m| m.to_uppercase()),
        url: url?,
        headers,
        body,
        expect: expect.map(|status| status as u16),
        contains,
    })
}

pub(super) fn read_map(node: Option<&Node>, problems: &mut Problems) -> BTreeMap<String, String> {
    let Some(node) = node else {
        return BTreeMap::new();
    };
    let mut entries = node.entries(problems);
    let pairs = entries.all().iter();
    pairs
        .filter_map(|(name, value)| Some((name.clone(), value.text(problems)?)))
        .collect()
}

/// Two tasks of one name could not be told apart in the record.
pub(super) fn names_differ<'a>(
    node: &Node,
    tasks: impl Iterator<Item = &'a Task>,
    problems: &mut Problems,
) {
    let mut seen = BTreeSet::new();
    for task in tasks {
        if !seen.insert(&task.name) {
            problems.at(node, format!("two tasks are named `{}`", task.name));
        }
    }
}
