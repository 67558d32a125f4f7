//! Metrics: what there is to ask for, who is asked, and dashboards.

use std::path::Path;

use deckwatch_console::api::{
    self, ByName, Change, CheckDashboard, Found, LabelsAsk, MetricName, MetricsSource, NamesAsk,
    Settings, UsualAsk,
};
use deckwatch_console::{Console, ConsoleOptions, Nothing, Problem};
use serde_json::Value;

use crate::args::{self, Source};
use crate::ask::{answer, read};
use crate::code;
use crate::paint::{Paint, Tone, table};

pub(super) async fn metrics(
    console: &Console,
    it: args::Metrics,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Metrics as M;
    match it {
        M::Names {
            filter,
            limit,
            source,
        } => {
            let ask = NamesAsk {
                filter,
                limit: Some(limit),
                source: source.map(Into::into),
                url: None,
            };
            let found = api::metric_names(console, ask).await?;
            answer(j, &found, |found| names(paint, found));
        }
        M::Labels { selector, source } => {
            let ask = asked(selector, None, source);
            let found = api::label_names(console, ask).await?;
            answer(j, &found, |found| lines(paint, found));
        }
        M::Values {
            label,
            selector,
            source,
        } => {
            let ask = asked(selector, Some(label), source);
            let found = api::label_values(console, ask).await?;
            answer(j, &found, |found| lines(paint, found));
        }
        M::Usual {
            query,
            days,
            amounts,
            source,
        } => {
            let ask = UsualAsk {
                query,
                days: Some(days),
                amounts: Some(amounts),
                source: source.map(Into::into),
                url: None,
            };
            let found = api::usual(console, ask).await?;
            answer(j, &found, |found| match (&found.bands, &found.why) {
                (Some(bands), _) => format!("{}\n", bands.words),
                (None, why) => format!("{}\n", why.as_deref().unwrap_or("nothing is known")),
            });
        }
        M::Sources => return sources(console, j, paint).await,
        M::Use(it) => return use_source(console, it, j, paint).await,
        M::Dashboard(it) => return dashboard(console, it, j, paint).await,
    }
    Ok(code::DONE)
}

fn asked(selector: Option<String>, label: Option<String>, source: Option<Source>) -> LabelsAsk {
    LabelsAsk {
        selector,
        label,
        limit: Some(10_000),
        source: source.map(Into::into),
        url: None,
    }
}

/// A word of the wire's own.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

fn names(paint: Paint, found: &Found<MetricName>) -> String {
    let row = |metric: &MetricName| {
        let kind = metric.kind.as_deref().unwrap_or("–");
        let guess = if metric.guessed { " ?" } else { "" };
        let help = metric.help.clone().unwrap_or_default();
        vec![
            metric.name.clone(),
            format!("{kind}{guess}"),
            word(metric.unit),
            help,
        ]
    };
    let rows: Vec<Vec<String>> = found.rows.iter().map(row).collect();
    table(paint, &["metric", "type", "unit", "help"], &rows) + &rest(found)
}

fn lines(_: Paint, found: &Found<String>) -> String {
    let lines: String = found.rows.iter().map(|row| format!("{row}\n")).collect();
    lines + &rest(found)
}

fn rest<T>(found: &Found<T>) -> String {
    match found.total.saturating_sub(found.rows.len()) {
        0 => String::new(),
        more => format!("and {more} more\n"),
    }
}

async fn sources(console: &Console, j: bool, paint: Paint) -> Result<u8, Problem> {
    let found = api::metric_sources(console, Nothing {}).await?;
    answer(j, &found, |found| {
        let mut out = format!("{} answers where nothing is said\n", word(found.default));
        if let Some(url) = &found.prometheus {
            let state = match (&found.version, &found.problem) {
                (_, Some(problem)) => paint.say(Tone::Bad, format!("✕ {problem}")),
                (version, None) => format!("version {}", version.as_deref().unwrap_or("unknown")),
            };
            out += &format!("{url}: {state}\n");
        }
        out
    });
    Ok(match found.problem {
        Some(_) => code::FOUND,
        None => code::DONE,
    })
}

async fn use_source(
    console: &Console,
    it: args::UseSource,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let mut settings = Settings::read(&console.settings_file())?;
    let view = api::settings(console, Nothing {}).await?;
    let mine = view
        .environments
        .iter()
        .find(|e| e.name == view.environment);
    let Some(mine) = mine.cloned() else {
        let why = format!("no environment {} is in the settings", view.environment);
        return Err(Problem::new("environment.unknown", why));
    };
    if !settings.environments.iter().any(|e| e.name == mine.name) {
        settings.environments.push(mine.clone());
    }
    let source = it.url.as_deref().map(|url| MetricsSource {
        user: it.user.clone(),
        token: it.token.clone(),
        ca: it.ca.clone(),
        ..MetricsSource::at(url)
    });
    for environment in &mut settings.environments {
        if environment.name == mine.name {
            environment.metrics = source.clone();
        }
    }
    api::change_settings(console, Change { settings }).await?;
    // What was written is only seen by whoever opens the environment anew.
    let file = console.settings_file();
    let base = file.parent().unwrap_or(Path::new("."));
    let again = Console::open(ConsoleOptions::of(base, &view.environment, None)?)?;
    sources(&again, j, paint).await
}

async fn dashboard(
    console: &Console,
    it: args::Dashboard,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Dashboard as D;
    match it {
        D::List => {
            let rows = api::dashboards(console, Nothing {}).await?;
            answer(j, &rows, |rows| {
                let row = |d: &api::DashboardRow| {
                    let file = d.file.as_deref().map(Path::display);
                    let place = file.map_or("ships with Deckwatch".into(), |f| f.to_string());
                    let state = match d.mistakes.len() {
                        0 => String::new(),
                        n => paint.say(Tone::Bad, format!("✕ {n}")),
                    };
                    vec![d.name.clone(), d.title.clone(), state, place]
                };
                let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
                table(paint, &["dashboard", "title", "mistakes", "where"], &rows)
            });
        }
        D::Show { name } => {
            let view = api::dashboard(console, ByName { name }).await?;
            answer(j, &view, |view| view.yaml.clone());
        }
        D::Check { file } => {
            let ask = CheckDashboard { yaml: read(&file)? };
            let mistakes = api::check_dashboard(console, ask).await?;
            answer(j, &mistakes, |mistakes| {
                let line = |m: &api::PlanMistake| {
                    let place = format!("{}:{}:{}", file.display(), m.line, m.column);
                    format!("{place}: {}: {}\n", m.path, m.message)
                };
                mistakes.iter().map(line).collect()
            });
            return Ok(if mistakes.is_empty() {
                code::DONE
            } else {
                code::FOUND
            });
        }
        D::Schema => {
            let schema = api::dashboard_schema(console, Nothing {}).await?;
            let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
            println!("{text}");
        }
    }
    Ok(code::DONE)
}
