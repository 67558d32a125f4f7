//! Alerts, and the rules that are evaluated here.

use deckwatch_alerting::rules;
use deckwatch_console::api::{
    self, AlertAsk, AlertRow, AlertView, AlertsAsk, AlertsView, BacktestAsk, BacktestView,
    RulesView, Stands,
};
use deckwatch_console::{Console, Nothing, Problem};
use deckwatch_domain::{Span, Timestamp};

use crate::args;
use crate::ask::answer;
use crate::code;
use crate::paint::{Paint, Tone, table};

pub(super) async fn alerts(
    console: &Console,
    it: args::Alerts,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    match it {
        args::Alerts::List { filter } => {
            let ask = AlertsAsk {
                filter,
                ..AlertsAsk::default()
            };
            let found = api::alerts(console, ask).await?;
            answer(j, &found, |found| list(paint, found));
        }
        args::Alerts::Show { id } => {
            let (from, to) = (None, None);
            let found = api::alert(console, AlertAsk { id, from, to }).await?;
            answer(j, &found, |found| one(paint, found));
        }
    }
    Ok(code::DONE)
}

fn stands(row: &AlertRow) -> (&'static str, Tone) {
    match row.stands {
        Stands::Firing => ("▲ firing", Tone::Bad),
        Stands::Pending => ("◆ pending", Tone::Warn),
        Stands::Resolved => ("● over", Tone::Good),
    }
}

fn list(paint: Paint, found: &AlertsView) -> String {
    let mut out = String::new();
    for trouble in &found.evaluator.trouble {
        out += &format!("{}\n", paint.say(Tone::Warn, format!("◆ {trouble}")));
    }
    if !found.evaluator.current {
        let words = match found.evaluator.at {
            Some(at) => format!("◆ nobody evaluates; last seen at {at}"),
            None => "◆ nobody has evaluated yet: a window or `deckwatchctl agent` does".into(),
        };
        out += &format!("{}\n", paint.say(Tone::Warn, words));
    }
    if found.evaluator.behind {
        out += "◆ what was missed is being made up for\n";
    }
    if found.alerts.rows.is_empty() {
        let rules = found.rules;
        return out + &format!("nothing fires; {rules} rules are evaluated\n");
    }
    let rows: Vec<Vec<String>> = found.alerts.rows.iter().map(|r| line(paint, r)).collect();
    let heads = ["state", "alert", "severity", "since", "id", ""];
    out + &table(paint, &heads, &rows)
}

fn line(paint: Paint, row: &AlertRow) -> Vec<String> {
    let (word, tone) = stands(row);
    let late = if row.late { " (learned late)" } else { "" };
    vec![
        paint.say(tone, word),
        row.name.clone(),
        row.severity.clone(),
        row.fired_at.unwrap_or(row.since).to_string(),
        row.id.clone(),
        format!("{}{late}", row.words),
    ]
}

fn one(paint: Paint, found: &AlertView) -> String {
    let mut out = format!("{}\n", found.name);
    if let Some(row) = &found.row {
        let (word, tone) = stands(row);
        out += &format!("{}  {}\n", paint.say(tone, word), row.words);
        for (name, value) in row.annotations.iter() {
            out += &format!("  {name}: {value}\n");
        }
        for (name, value) in row.labels.iter() {
            out += &format!("  {name}={value}\n");
        }
    }
    if let (Some(file), Some(group), Some(query)) = (&found.file, &found.group, &found.query) {
        out += &format!("rule of {file}/{group}: {query}\n");
    }
    for told in &found.told {
        let what = if told.fires { "fired" } else { "over" };
        let late = if told.late { ", learned late" } else { "" };
        out += &format!("{} {what}{late}: {}\n", told.at, told.words);
    }
    out
}

/// The rules that are evaluated.
pub(super) async fn listed(console: &Console, j: bool, paint: Paint) -> Result<(), Problem> {
    let found = api::rules(console, Nothing {}).await?;
    answer(j, &found, |found| rules_told(paint, found));
    Ok(())
}

fn rules_told(paint: Paint, found: &RulesView) -> String {
    if found.files.is_empty() {
        return format!(
            "no rules in {}: deckwatchctl rules preset services | deckwatchctl rules set services -\n",
            found.folder
        );
    }
    let mut out = String::new();
    for file in &found.files {
        for m in &file.mistakes {
            let words = format!("✕ {}:{}:{}: {}", file.path, m.line, m.column, m.message);
            out += &format!("{}\n", paint.say(Tone::Bad, words));
        }
        for group in &file.groups {
            let at = group
                .evaluated_at
                .map_or("not yet".into(), |at| at.to_string());
            out += &format!("{}/{}, evaluated {at}\n", file.name, group.name);
            for rule in &group.rules {
                let (shape, tone, state) = match (&rule.failure, rule.firing, rule.pending) {
                    (Some(why), ..) => ("✕", Tone::Bad, why.clone()),
                    (None, 0, 0) => ("●", Tone::Good, String::new()),
                    (None, 0, pending) => ("◆", Tone::Warn, format!("{pending} pending")),
                    (None, firing, _) => ("▲", Tone::Bad, format!("{firing} firing")),
                };
                let words = format!("  {shape} {}  {state}", rule.name);
                out += &format!("{}\n", paint.say(tone, words.trim_end()));
            }
        }
    }
    out
}

/// A preset's text, or which there are.
pub(super) async fn preset(console: &Console, name: Option<&str>, j: bool) -> Result<(), Problem> {
    let all = api::rule_presets(console, Nothing {}).await?;
    let Some(name) = name else {
        answer(j, &all, |all| {
            all.iter()
                .map(|p| format!("{}  {}\n", p.name, p.about))
                .collect()
        });
        return Ok(());
    };
    let names: Vec<&str> = all.iter().map(|p| p.name.as_str()).collect();
    let Some(found) = all.iter().find(|p| p.name == name) else {
        let why = format!("no preset is called {name}; there is: {}", names.join(", "));
        return Err(Problem::new("preset.unknown", why));
    };
    answer(j, found, |found| found.yaml.clone());
    Ok(())
}

/// What is asked of the past.
pub(super) struct Asked {
    pub yaml: String,
    pub alert: String,
    pub over: Span,
    pub threshold: Option<f64>,
    pub hold: Option<Span>,
}

pub(super) async fn backtest(
    console: &Console,
    asked: Asked,
    j: bool,
    paint: Paint,
) -> Result<(), Problem> {
    let (group, place) = place(&asked)?;
    let ask = BacktestAsk {
        yaml: asked.yaml,
        group,
        place,
        over_ms: Some(millis(asked.over)),
        to: None,
        threshold: asked.threshold,
        hold_ms: asked.hold.map(millis),
    };
    let found = api::backtest(console, ask).await?;
    answer(j, &found, |found| past(paint, found));
    Ok(())
}

fn millis(span: Span) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Where the alert stands in its file.
fn place(asked: &Asked) -> Result<(String, usize), Problem> {
    let read = rules::read_lenient(&asked.yaml);
    let read = read.map_err(|p| Problem::new("rules.invalid", p.to_string()))?;
    for group in &read.file.groups {
        let named = |rule: &rules::Rule| rule.kind() == "alert" && rule.name() == asked.alert;
        if let Some(place) = group.rules.iter().position(named) {
            return Ok((group.name.clone(), place));
        }
    }
    let why = format!("the file has no alert {}", asked.alert);
    Err(Problem::new("rules.unknown", why))
}

fn past(paint: Paint, found: &BacktestView) -> String {
    let mut out = format!("{}\n", found.words);
    for why in &found.failures {
        out += &format!("{}\n", paint.say(Tone::Warn, format!("◆ {why}")));
    }
    let until = |at: Option<Timestamp>| at.map_or("still".into(), |at| at.to_string());
    let rows: Vec<Vec<String>> = found
        .episodes
        .iter()
        .map(|episode| {
            let labels = episode.labels.iter().filter(|(n, _)| *n != "alertname");
            let labels: Vec<String> = labels.map(|(n, v)| format!("{n}={v}")).collect();
            vec![
                episode.pending_since.to_string(),
                episode.firing_since.map_or("–".into(), |at| at.to_string()),
                until(episode.resolved_at),
                episode.peak.map_or("–".into(), |peak| format!("{peak:.4}")),
                labels.join(" "),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let heads = ["condition from", "fired", "over", "peak", "labels"];
        out += &table(paint, &heads, &rows);
    }
    out
}
