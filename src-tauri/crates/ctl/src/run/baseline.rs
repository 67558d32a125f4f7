//! Baselines: captured, listed, compared, removed.

use deckwatch_console::api::{self, BaselineName, CaptureBaseline, CompareBaselines};
use deckwatch_console::{ByService, Console, Problem};
use deckwatch_rollout::baselines::{Difference, Figures, KeptBaseline};

use super::done;
use crate::args;
use crate::ask::answer;
use crate::code;
use crate::paint::{Paint, Tone, table};

pub(super) async fn baseline(
    console: &Console,
    it: args::Baseline,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Baseline as B;
    match it {
        B::Capture {
            service,
            name,
            over,
        } => {
            let ask = CaptureBaseline {
                service,
                name,
                over: Some(over),
            };
            let kept = api::capture_baseline(console, ask).await?;
            answer(j, &kept, |kept| rows(paint, std::slice::from_ref(kept)));
        }
        B::List { service } => {
            let all = api::baselines(console, ByService { service }).await?;
            answer(j, &all, |all| match all.as_slice() {
                [] => "no baseline is kept\n".into(),
                all => rows(paint, all),
            });
        }
        B::Compare {
            service,
            a,
            b,
            over,
        } => {
            let ask = CompareBaselines {
                service,
                a,
                b: Some(b),
                over,
            };
            let found = api::compare_baselines(console, ask).await?;
            answer(j, &found, |found| compared(paint, found));
        }
        B::Remove { service, name } => {
            let ask = BaselineName { service, name };
            return done(j, &api::remove_baseline(console, ask).await?);
        }
    }
    Ok(code::DONE)
}

fn rows(paint: Paint, all: &[KeptBaseline]) -> String {
    let heads = [
        "baseline", "version", "captured", "covers", ">answers", ">errors", ">mean", ">p50",
        ">p95", ">p99", ">cpu", ">memory",
    ];
    let row = |kept: &KeptBaseline| {
        let f = &kept.figures;
        vec![
            kept.name.clone(),
            f.version.to_string(),
            kept.at.to_string(),
            covers(f),
            f.requests.to_string(),
            value("share", f.error_rate()),
            value("ms", f.mean_ms),
            value("ms", f.p50_ms),
            value("ms", f.p95_ms),
            value("ms", f.p99_ms),
            value("cores", f.cpu_cores),
            value("bytes", f.memory_bytes),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    table(paint, &heads, &rows)
}

fn covers(figures: &Figures) -> String {
    let stretch = deckwatch_domain::Span::from(figures.to.since(figures.from));
    format!("{} of {stretch}", figures.covered)
}

/// A figure in its unit; a dash where nothing was measured.
fn value(unit: &str, value: Option<f64>) -> String {
    let Some(value) = value else {
        return "–".into();
    };
    match unit {
        "share" => format!("{:.2} %", value * 100.0),
        "ms" => format!("{value:.1} ms"),
        "cores" => format!("{value:.3}"),
        "bytes" => format!("{:.1} MiB", value / (1024.0 * 1024.0)),
        _ => format!("{value}"),
    }
}

fn change(difference: &Difference) -> String {
    let Some(change) = difference.change else {
        return "–".into();
    };
    match difference.unit.as_str() {
        "share" => format!("{:+.2} points", change * 100.0),
        _ => format!("{:+.1} %", change * 100.0),
    }
}

fn compared(paint: Paint, found: &api::BaselineComparison) -> String {
    let row = |d: &Difference| {
        let chance = if d.by_chance { "could be chance" } else { "" };
        vec![
            d.figure.clone(),
            value(&d.unit, d.a),
            value(&d.unit, d.b),
            change(d),
            chance.to_owned(),
        ]
    };
    let mut rows = vec![vec![
        "answers".to_owned(),
        found.a.figures.requests.to_string(),
        found.b.figures.requests.to_string(),
    ]];
    rows.extend(found.differences.iter().map(row));
    let heads = [
        "figure".to_owned(),
        format!(">{} ({})", found.a.name, found.a.figures.version),
        format!(">{} ({})", found.b.name, found.b.figures.version),
        ">change".to_owned(),
        String::new(),
    ];
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut out = table(paint, &heads, &rows);
    if let Some(why) = &found.too_few {
        out += &paint.say(Tone::Warn, format!("◆ {why}\n"));
    }
    out
}
