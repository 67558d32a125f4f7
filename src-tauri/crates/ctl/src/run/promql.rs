//! Questions in PromQL, and files of its test language.

use std::path::{Path, PathBuf};

use deckwatch_console::api::{self, CompleteAsk, QueryAnswer, QueryAsk, ReadAsk};
use deckwatch_console::{Console, Problem};
use deckwatch_promql::testlang::{Report, run_script};
use serde_json::json;

use crate::args;
use crate::ask::{answer, read};
use crate::code;
use crate::paint::{Paint, Tone, table};

pub(super) async fn promql(
    console: &Console,
    it: args::Promql,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    match it {
        args::Promql::Query {
            query,
            at,
            from,
            step,
            url,
            source,
            csv,
        } => {
            let ask = QueryAsk {
                query,
                at,
                from,
                step,
                url,
                source: source.map(Into::into),
                limit: None,
            };
            let found = api::query(console, ask).await?;
            if csv {
                print!("{}", api::csv(&found));
                return Ok(code::DONE);
            }
            answer(j, &found, |found| shown(paint, found));
            Ok(code::DONE)
        }
        args::Promql::Format { query } => format(console, query, j, paint).await,
        args::Promql::Complete { query, at } => complete(console, query, at, j, paint).await,
        args::Promql::Test { files } => test(&files, j, paint),
    }
}

async fn format(console: &Console, query: String, j: bool, paint: Paint) -> Result<u8, Problem> {
    let whole = query.clone();
    let read = api::read_query(console, ReadAsk { query }).await?;
    answer(j, &read, |read| match (&read.formatted, &read.mistake) {
        (Some(formatted), _) => format!("{formatted}\n"),
        (None, Some(mistake)) => {
            let words = format!("✕ {}: {}", mistake.position, mistake.message);
            format!("{}\n", paint.say(Tone::Bad, words))
        }
        // Its comments would be lost.
        (None, None) => format!("{whole}\n"),
    });
    Ok(match read.mistake {
        Some(_) => code::FOUND,
        None => code::DONE,
    })
}

async fn complete(
    console: &Console,
    query: String,
    at: Option<usize>,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let ask = CompleteAsk {
        at: at.unwrap_or_else(|| query.encode_utf16().count()),
        query,
        source: None,
        url: None,
    };
    let found = api::complete(console, ask).await?;
    answer(j, &found, |found| {
        let row = |c: &api::Completion| vec![c.insert.clone(), c.kind.clone(), c.about.clone()];
        let rows: Vec<Vec<String>> = found.rows.iter().map(row).collect();
        table(paint, &["text", "kind", "about"], &rows)
    });
    Ok(code::DONE)
}

fn shown(paint: Paint, found: &QueryAnswer) -> String {
    let mut out = String::new();
    for note in &found.notes {
        out += &format!("{}\n", paint.say(Tone::Warn, format!("◆ {note}")));
    }
    if let Some(text) = &found.text {
        return out + text + "\n";
    }
    let mut rows = Vec::new();
    for series in &found.series {
        let labels = series.labels.iter().filter(|(name, _)| *name != "__name__");
        let labels: Vec<String> = labels.map(|(n, v)| format!("{n}={v:?}")).collect();
        let name = series.labels.get("__name__").map_or("", String::as_str);
        let name = format!("{name}{{{}}}", labels.join(", "));
        for (at, value) in &series.points {
            rows.push(vec![name.clone(), at.to_string(), value.clone()]);
        }
    }
    match rows.is_empty() {
        true => out + "no series\n",
        false => out + &table(paint, &["series", "at", "value"], &rows),
    }
}

fn test(files: &[PathBuf], j: bool, paint: Paint) -> Result<u8, Problem> {
    let mut reports = Vec::new();
    for file in files {
        let text = read(file)?;
        reports.push((file, run_script(&text)));
    }
    let whole = reports.iter().all(|(_, r)| r.passed() == r.total());
    if j {
        let rows: Vec<_> = reports.iter().map(|(file, r)| told(file, r)).collect();
        println!("{}", json!(rows));
    } else {
        print!("{}", lines(paint, &reports));
    }
    Ok(if whole { code::DONE } else { code::FOUND })
}

fn told(file: &Path, report: &Report) -> serde_json::Value {
    let failures = report.cases.iter().filter_map(|case| {
        let why = case.failure.as_ref()?;
        Some(json!({"line": case.line, "query": case.query, "why": why}))
    });
    json!({
        "file": file.display().to_string(), "passed": report.passed(), "total": report.total(),
        "failures": failures.collect::<Vec<_>>(),
    })
}

fn lines(paint: Paint, reports: &[(&PathBuf, Report)]) -> String {
    let mut out = String::new();
    for (file, report) in reports {
        for case in &report.cases {
            if let Some(why) = &case.failure {
                let words = format!("✕ {}:{}: {}: {why}", file.display(), case.line, case.query);
                out += &format!("{}\n", paint.say(Tone::Bad, words));
            }
        }
        out += &format!(
            "{}  {}/{}\n",
            file.display(),
            report.passed(),
            report.total()
        );
    }
    out
}
