//! Answers as aligned tables.

use deckwatch_console::api::{EventRow, GivenUp, Measured, ServiceRow, ServiceView, Verified};
use deckwatch_console::{Doctor, Level, RollBackAnswer, RolloutRow};
use deckwatch_domain::{Role, Slot, Timestamp, Weights};
use deckwatch_platform::InstancePhase;
use deckwatch_rollout::Revision;
use deckwatch_rollout::lane::{Preview, Progress};
use serde_json::Value;

use crate::live::{age, phase};
use crate::paint::{Paint, Tone, table};

fn text<T: ToString>(value: Option<&T>) -> String {
    value.map_or("–".into(), ToString::to_string)
}

fn measured(m: &Measured, now: Timestamp) -> Vec<String> {
    vec![
        m.rate.map_or("–".into(), |r| format!("{r:.1}/s")),
        m.errors
            .map_or("–".into(), |e| format!("{:.2} %", e * 100.0)),
        m.p95_ms.map_or("–".into(), |p| format!("{p:.1} ms")),
        age(m.at, now),
    ]
}

pub fn services(paint: Paint, rows: &[ServiceRow], now: Timestamp) -> String {
    if rows.is_empty() {
        return "No service is defined yet. Write a definition (docs/services.md) and run \
                `deckwatchctl service define FILE`,\nor bring the training ground up: \
                `deckwatchctl training up`.\n"
            .into();
    }
    let heads = [
        "service",
        "stable",
        "candidate",
        ">weight",
        "previous",
        ">ready",
        ">requests",
        ">errors",
        ">p95",
        ">age",
    ];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            let mut row = vec![
                r.service.to_string(),
                text(r.stable.as_ref()),
                paint.say(Tone::Candidate, text(r.candidate.as_ref())),
                format!("{} %", r.candidate_weight),
                text(r.previous.as_ref()),
                format!("{}/{}", r.ready, r.desired),
            ];
            row.extend(measured(&r.measured, now));
            row
        })
        .collect();
    table(paint, &heads, &rows)
}

pub fn service(paint: Paint, view: &ServiceView) -> String {
    let seen = &view.observation;
    let mut out = String::new();
    if let Some(d) = &view.definition {
        out += &format!(
            "{}  http://{}\n",
            paint.say(Tone::Strong, d.service.as_str()),
            d.listen
        );
    }
    let t = &seen.traffic;
    out += &format!(
        "traffic   {} · epoch {} · revision {}\n",
        weights(t.weights),
        t.epoch,
        t.revision
    );
    out += &match t.way_back {
        Some(b) => format!("way back  all to {}\n", b.slot),
        None => "way back  none\n".into(),
    };
    let mut rows = Vec::new();
    for slot in Slot::BOTH {
        let s = &seen.slots[slot];
        for i in &s.instances {
            let (shape, tone) = match i.phase {
                InstancePhase::Ready => ("●", Tone::Good),
                InstancePhase::Starting => ("→", Tone::Candidate),
                InstancePhase::Draining | InstancePhase::Stopped => ("◌", Tone::Mute),
                InstancePhase::Unready | InstancePhase::BackOff => ("▲", Tone::Bad),
            };
            rows.push(vec![
                slot.to_string(),
                role(seen.traffic.roles[slot]),
                text(s.release.as_ref().map(|r| &r.version)),
                i.id.clone(),
                paint.say(tone, format!("{shape} {:?}", i.phase).to_lowercase()),
                text(i.pid.as_ref()),
                text(i.port.as_ref()),
                i.restarts.to_string(),
                i.last_problem.clone().unwrap_or_default(),
            ]);
        }
    }
    let heads = [
        "slot",
        "role",
        "version",
        "instance",
        "state",
        ">pid",
        ">port",
        ">restarts",
        "last problem",
    ];
    out + &table(paint, &heads, &rows)
}

fn weights(w: Weights) -> String {
    w.to_string()
}

fn role(role: Role) -> String {
    role.to_string()
}

pub fn rollouts(paint: Paint, rows: &[RolloutRow]) -> String {
    if rows.is_empty() {
        return "No rollout yet. `deckwatchctl rollout start SERVICE VERSION` begins one.\n".into();
    }
    let heads = [
        "started (UTC)",
        "service",
        "release",
        "from",
        "phase",
        ">step",
        ">weight",
        "plan",
        "by",
        "note",
    ];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            vec![
                minute(r.started_at),
                r.service.to_string(),
                r.release.to_string(),
                text(r.from.as_ref()),
                phase(paint, r.phase),
                format!("{}/{}", (r.step + 1).min(r.steps), r.steps),
                format!("{} %", r.weight),
                r.plan.clone(),
                r.author.id.clone(),
                shorten(&r.note, 70),
            ]
        })
        .collect();
    table(paint, &heads, &rows)
}

pub fn revisions(paint: Paint, rows: &[Revision]) -> String {
    if rows.is_empty() {
        return "Nothing has been promoted yet.\n".into();
    }
    let heads = [
        ">revision",
        "release",
        "stands",
        "promoted (UTC)",
        "plan",
        "by",
        "undo",
    ];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            let undo = r.undo_to.map_or(String::new(), |n| format!("to {n}"));
            vec![
                r.number.to_string(),
                r.release.version.to_string(),
                r.standing.words().into(),
                minute(r.promoted_at),
                r.plan.clone(),
                r.author.id.clone(),
                undo,
            ]
        })
        .collect();
    table(paint, &heads, &rows)
}

fn minute(at: Timestamp) -> String {
    at.to_string()
        .chars()
        .take(19)
        .map(|c| if c == 'T' { ' ' } else { c })
        .collect()
}

pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

pub fn events(paint: Paint, rows: &[EventRow], full: bool) -> String {
    if rows.is_empty() {
        return "Nothing is recorded that fits.\n".into();
    }
    let heads = [
        ">seq",
        "when (UTC)",
        "kind",
        "who",
        if full { "payload" } else { "what" },
    ];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            let what = if full {
                r.payload.to_string()
            } else {
                shorten(&summary(&r.payload), 100)
            };
            vec![
                r.seq.to_string(),
                r.occurred_at
                    .to_string()
                    .replace('T', " ")
                    .trim_end_matches('Z')
                    .to_owned(),
                r.kind.clone(),
                r.actor.to_string(),
                what,
            ]
        })
        .collect();
    table(paint, &heads, &rows)
}

/// The fields of a payload that say most, in one line.
fn summary(payload: &Value) -> String {
    let Value::Object(map) = payload else {
        return if payload.is_null() {
            "(redacted)".into()
        } else {
            payload.to_string()
        };
    };
    let plain = |v: &Value| match v {
        Value::String(s) => s.clone(),
        Value::Object(m) => m
            .iter()
            .filter(|(_, v)| !v.is_object() && !v.is_array() && !v.is_null())
            .take(3)
            .map(|(k, v)| format!("{k} {}", v.to_string().trim_matches('"')))
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    };
    let skip = [
        "event",
        "rollout",
        "intent",
        "plan_text",
        "plan",
        "answer",
        "counted",
        "take_back",
    ];
    map.iter()
        .filter(|(k, v)| !skip.contains(&k.as_str()) && !v.is_null() && !plain(v).is_empty())
        .map(|(k, v)| format!("{k} {}", plain(v)))
        .collect::<Vec<_>>()
        .join(" · ")
}

pub fn verified(paint: Paint, v: &Verified) -> String {
    let mut out = String::new();
    if v.sound {
        out += &paint.say(Tone::Good, "● sound");
        out += &format!(
            "  {} events, {} redacted; head {} {}\n",
            v.events,
            v.redacted,
            v.head,
            &v.head_hash[..v.head_hash.len().min(12)]
        );
        if !v.anchored {
            out += "  no head was noted outside the journal, so a cut tail could not be seen\n";
        }
    } else {
        out += &paint.say(Tone::Bad, "▲ not sound\n");
        for finding in &v.findings {
            out += &format!("  {finding}\n");
        }
    }
    out
}

pub fn doctor(paint: Paint, doctor: &Doctor) -> String {
    let rows: Vec<Vec<String>> = doctor
        .checks
        .iter()
        .map(|c| {
            let (shape, tone) = match c.level {
                Level::Good => ("● good", Tone::Good),
                Level::Note => ("◆ note", Tone::Warn),
                Level::Bad => ("▲ mend", Tone::Bad),
            };
            vec![
                paint.say(tone, shape),
                c.name.clone(),
                c.found.clone(),
                c.mend.clone(),
            ]
        })
        .collect();
    table(paint, &["", "what", "found", "what to do"], &rows)
}

pub fn preview(paint: Paint, p: &Preview) -> String {
    let Some(slot) = p.slot else {
        return format!("{}: {}\n", p.service, p.obstacles.join("; "));
    };
    let mut out = format!(
        "{}  one write: {} → all to {slot}\n  back to   {}, {}/{} ready\n  leaving   {}, {} answers under way will finish\n",
        paint.say(Tone::Strong, p.service.as_str()),
        p.from,
        text(p.version.as_ref()),
        p.ready,
        p.wanted,
        text(p.leaving.as_ref()),
        p.in_flight,
    );
    if let Some(us) = p.rehearsed_us {
        out += &format!("  rehearsed {:.1} ms\n", us as f64 / 1000.0);
    }
    for obstacle in &p.obstacles {
        out += &paint.say(Tone::Warn, format!("  ◆ {obstacle}\n"));
    }
    out
}

pub fn progress(paint: Paint, p: &Progress) -> String {
    match p {
        Progress::Reaching { why } => paint.say(Tone::Warn, format!("◆ {why}; trying on")),
        Progress::WaitingForReady { slot } => paint.say(
            Tone::Warn,
            format!("◆ nothing is ready in {slot}: starting instances, shifting at the first (or now, with --now)"),
        ),
        Progress::Shifted { record, after_us } => paint.say(
            Tone::Good,
            format!("● traffic is back: {} → {} after {:.1} ms", record.from, record.to, *after_us as f64 / 1000.0),
        ),
        Progress::ScalingUp { slot, ready, wanted } => format!("  {slot} has {ready} of {wanted} ready; scaling up"),
        Progress::Draining { in_flight } => format!("  {in_flight} answers of the version taken back are under way"),
        Progress::Retired { slot } => format!("  {slot} is stopped"),
        Progress::Warning { what } => paint.say(Tone::Warn, format!("◆ {what}")),
    }
}

pub fn given_up(paint: Paint, up: &GivenUp) -> String {
    let back = up.back.as_ref().map(|back| rolled_back(paint, back));
    format!("{}\n{}", up.done, back.unwrap_or_default())
}

pub fn rolled_back(paint: Paint, a: &RollBackAnswer) -> String {
    let r = &a.report;
    let mut out = format!(
        "{}  {} → {}\n  acknowledged  {:.1} ms after the command ({:.1} ms of them in the platform)\n",
        paint.say(Tone::Strong, r.service.as_str()),
        r.record.from,
        r.record.to,
        r.acknowledged_us as f64 / 1000.0,
        r.platform_us as f64 / 1000.0,
    );
    out += &match r.last_response_after_ms {
        Some(ms) => format!("  last response of what was taken back  {ms} ms after the write\n"),
        None => "  what was taken back had answered nothing\n".into(),
    };
    out += &format!(
        "  verified {} · stopped {} · recorded: {}\n",
        if r.verified { "yes" } else { "no" },
        if r.retired { "yes" } else { "no" },
        a.recorded
    );
    if let Some(follows) = &a.follows {
        out += &format!("  {follows}\n");
    }
    for w in &r.warnings {
        out += &paint.say(Tone::Warn, format!("  ◆ {w}\n"));
    }
    out
}
