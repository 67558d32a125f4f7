//! What stands in a cluster's namespace: read, and never written.

use std::io::Write as _;

use deckwatch_console::api::{
    self, NoticesAsk, NoticesPage, ObjectAsk, ObjectsAsk, ObjectsPage, PodsAsk, PodsPage, TextAsk,
};
use deckwatch_console::{Console, Problem, SystemClock};
use deckwatch_domain::{ServiceName, Slot, Timestamp};
use deckwatch_platform::kubernetes::{
    FieldDiff, FieldState, Freshness, ObjectDiff, PodLine, PodLogs, Standing,
};

use crate::args::{Cluster as C, Only};
use crate::ask::answer;
use crate::code;
use crate::paint::{Paint, Tone, table};

/// The commands that only look.
pub(super) async fn look(console: &Console, it: C, j: bool, paint: Paint) -> Result<u8, Problem> {
    let now = SystemClock::wall();
    match it {
        C::Objects { only, kind } => {
            let ask = ObjectsAsk {
                service: only.service,
                filter: only.filter,
                limit: Some(only.limit),
                kind,
                ..ObjectsAsk::default()
            };
            let page = api::objects(console, ask).await?;
            answer(j, &page, |page| objects(paint, page, now));
        }
        C::Pods { only, trouble } => {
            let ask = PodsAsk {
                service: only.service,
                filter: only.filter,
                limit: Some(only.limit),
                trouble_only: Some(trouble),
                ..PodsAsk::default()
            };
            let page = api::pods(console, ask).await?;
            answer(j, &page, |page| pods(paint, page, now));
        }
        C::Events {
            only,
            about,
            warnings,
            newest,
        } => {
            let ask = notices_ask(only, about, warnings, newest);
            let page = api::notices(console, ask).await?;
            answer(j, &page, |page| notices(paint, page, now));
        }
        C::Yaml { object, managed } => {
            let ask = TextAsk {
                kind: object.kind,
                name: object.name,
                managed,
            };
            let text = api::yaml(console, ask).await?;
            answer(j, &text, |text| text.yaml.clone());
        }
        C::Diff { object, all } => {
            let ask = ObjectAsk {
                kind: object.kind,
                name: object.name,
            };
            let diff = api::diff(console, ask).await?;
            answer(j, &diff, |diff| differences(paint, diff, all, now));
            let differs = diff.fields.iter().any(|f| f.state == FieldState::Differs);
            return Ok(if differs { code::FOUND } else { code::DONE });
        }
        C::Logs {
            pod,
            container,
            previous,
            follow,
            lines,
        } => {
            let ask = PodLogs {
                pod,
                container,
                previous,
                lines,
            };
            if follow {
                return followed(console, ask, j).await;
            }
            let lines = api::pod_logs(console, ask).await?;
            answer(j, &lines, |lines| lines.iter().map(line).collect());
        }
        _ => return Err(Problem::new("request.unknown", "this is no look")),
    }
    Ok(code::DONE)
}

fn notices_ask(only: Only, about: Option<String>, warnings: bool, newest: bool) -> NoticesAsk {
    NoticesAsk {
        service: only.service,
        filter: only.filter,
        limit: Some(only.limit),
        about,
        warnings_only: Some(warnings),
        sort: newest.then_some(api::NoticeSort::Newest),
        ..NoticesAsk::default()
    }
}

/// Lines as they come, until the stream ends.
async fn followed(console: &Console, ask: PodLogs, j: bool) -> Result<u8, Problem> {
    let mut lines = api::follow_pod(console, ask).await?;
    let mut out = std::io::stdout();
    while let Some(one) = lines.next().await? {
        let text = match j {
            true => serde_json::to_string(&one).unwrap_or_default() + "\n",
            false => line(&one),
        };
        // Whoever reads has gone: there is nobody to tell.
        if out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            break;
        }
    }
    Ok(code::DONE)
}

fn line(line: &PodLine) -> String {
    match line.at {
        Timestamp::EPOCH => format!("{}\n", line.text),
        at => format!("{at}  {}\n", line.text),
    }
}

fn mark(paint: Paint, standing: Standing, words: &str) -> String {
    let (shape, tone) = match standing {
        Standing::Bad => ("▲", Tone::Bad),
        Standing::Warn => ("◆", Tone::Warn),
        Standing::Moving => ("→", Tone::Candidate),
        Standing::Good => ("●", Tone::Good),
        Standing::Idle => ("◌", Tone::Mute),
    };
    paint.say(tone, format!("{shape} {words}"))
}

/// How old something is, as people say it.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).as_secs();
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7_199 => format!("{}m", seconds / 60),
        7_200..=172_799 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn whose(service: Option<&ServiceName>, slot: Option<Slot>) -> String {
    match (service, slot) {
        (Some(service), Some(slot)) => format!("{service} {slot}"),
        (Some(service), None) => service.to_string(),
        (None, _) => "–".into(),
    }
}

/// What is said before rows that may be old.
fn stale(paint: Paint, freshness: &Freshness, now: Timestamp) -> String {
    if freshness.follows {
        return String::new();
    }
    let why = freshness
        .trouble
        .as_deref()
        .unwrap_or("the cluster has not said all of it yet");
    let age = match freshness.at {
        Some(at) => format!("as of {} ago", ago(at, now)),
        None => "not all of it is known".into(),
    };
    let words = format!("◆ stale, {age}: {why}");
    format!("{}\n", paint.say(Tone::Warn, words))
}

/// How many rows there are, where they are not all shown.
fn more(shown: usize, total: usize) -> String {
    match shown < total {
        true => format!("{shown} of {total}\n"),
        false => String::new(),
    }
}

fn objects(paint: Paint, page: &ObjectsPage, now: Timestamp) -> String {
    let rows = page.rows.iter().map(|r| {
        vec![
            mark(paint, r.standing, &r.state),
            r.kind.to_string(),
            r.name.clone(),
            whose(r.service.as_ref(), r.slot),
            ago(r.created, now),
            r.about.clone(),
            r.why.clone().unwrap_or_default(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let heads = ["state", "kind", "name", "service", ">age", "about", "why"];
    stale(paint, &page.freshness, now)
        + &table(paint, &heads, &rows)
        + &more(page.rows.len(), page.total)
}

fn pods(paint: Paint, page: &PodsPage, now: Timestamp) -> String {
    let rows = page.rows.iter().map(|r| {
        vec![
            mark(paint, r.standing, &r.phase),
            r.name.clone(),
            whose(r.service.as_ref(), r.slot),
            format!("{}/{}", r.ready, r.containers.len()),
            r.restarts.to_string(),
            ago(r.created, now),
            r.node.clone().unwrap_or_else(|| "–".into()),
            r.image.clone(),
            r.why.clone().unwrap_or_default(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let heads = [
        "phase",
        "pod",
        "service",
        ">ready",
        ">restarts",
        ">age",
        "node",
        "image",
        "why",
    ];
    stale(paint, &page.freshness, now)
        + &table(paint, &heads, &rows)
        + &more(page.rows.len(), page.total)
}

fn notices(paint: Paint, page: &NoticesPage, now: Timestamp) -> String {
    let rows = page.rows.iter().map(|r| {
        let kind = match r.warning {
            true => paint.say(Tone::Warn, "◆ warning"),
            false => paint.say(Tone::Mute, "◌ normal"),
        };
        vec![
            kind,
            ago(r.last, now),
            r.count.to_string(),
            format!("{}/{}", r.kind, r.name),
            whose(r.service.as_ref(), r.slot),
            r.reason.clone(),
            r.message.replace(char::is_control, " "),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let heads = [
        "event", ">age", ">times", "object", "service", "reason", "message",
    ];
    stale(paint, &page.freshness, now)
        + &table(paint, &heads, &rows)
        + &more(page.rows.len(), page.total)
}

fn differences(paint: Paint, diff: &ObjectDiff, all: bool, now: Timestamp) -> String {
    let Some(applied) = diff.applied_at.map(|at| ago(at, now)) else {
        return match diff.fields.is_empty() {
            true => format!(
                "Deckwatch has written nothing into {} {}\n",
                diff.kind, diff.name
            ),
            false => rows(paint, diff, all, now),
        };
    };
    let head = format!(
        "{} {}, last written by Deckwatch {applied} ago\n",
        diff.kind, diff.name
    );
    head + &rows(paint, diff, all, now)
}

fn rows(paint: Paint, diff: &ObjectDiff, all: bool, now: Timestamp) -> String {
    let shown = diff
        .fields
        .iter()
        .filter(|f| all || f.state != FieldState::Same);
    let rows: Vec<Vec<String>> = shown.map(|f| row(paint, f, now)).collect();
    let same = diff
        .fields
        .iter()
        .filter(|f| f.state == FieldState::Same)
        .count();
    let rest = match all {
        true => String::new(),
        false => format!("{same} fields are as they were applied\n"),
    };
    if rows.is_empty() {
        let calm = format!("● nothing differs; {rest}");
        return paint.say(Tone::Good, calm.trim_end()) + "\n";
    }
    table(paint, &["", "field", "applied", "there", "owner"], &rows) + &rest
}

fn row(paint: Paint, field: &FieldDiff, now: Timestamp) -> Vec<String> {
    let (shape, tone, word) = match field.state {
        FieldState::Differs => ("▲", Tone::Bad, "differs"),
        FieldState::Taken => ("◆", Tone::Warn, "taken"),
        FieldState::Same => ("●", Tone::Good, "same"),
    };
    let owners = field.owners.iter().map(|o| {
        let at =
            o.at.map_or_else(String::new, |at| format!(", {} ago", ago(at, now)));
        format!("{} ({}{at})", o.manager, o.operation)
    });
    let value = |value: Option<&String>| value.map_or("–".to_owned(), |v| short(v));
    vec![
        paint.say(tone, format!("{shape} {word}")),
        field.field.clone(),
        value(field.applied.as_ref()),
        value(field.found.as_ref()),
        owners.collect::<Vec<_>>().join(", "),
    ]
}

/// As much of a value as a table has room for; `--json` has it whole.
fn short(value: &str) -> String {
    match value.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stale_is_said_with_its_age() {
        let now = Timestamp::from_millis(600_000);
        let freshness = |follows, at| Freshness {
            follows,
            at,
            trouble: Some("forbidden".into()),
        };
        assert_eq!(stale(Paint(false), &freshness(true, Some(now)), now), "");
        let old = freshness(false, Some(Timestamp::EPOCH));
        assert_eq!(
            stale(Paint(false), &old, now),
            "◆ stale, as of 10m ago: forbidden\n"
        );
        let never = stale(Paint(false), &freshness(false, None), now);
        assert!(never.contains("not all of it is known"), "{never}");
    }
}
