//! Objectives.

use deckwatch_console::api::{
    self, CheckObjectives, Exclude, Excluded, ImportObjectives, ObjectivesCheck, ObjectivesText,
    ObjectivesTold, PresetAsk, SloAsk, SloRow, SloState, SloView, SlosView, Withdraw,
};
use deckwatch_console::{Console, Nothing, Problem};
use deckwatch_domain::Span;

use crate::args;
use crate::ask::{answer, read};
use crate::code;
use crate::paint::{Paint, Tone, table};

pub(super) async fn slo(
    console: &Console,
    it: args::Slo,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Slo as S;
    match it {
        S::List => {
            let found = api::objectives(console, Nothing {}).await?;
            answer(j, &found, |found| listed(paint, found));
        }
        S::Show { service, name } => {
            let ask = SloAsk {
                service,
                name,
                group: None,
            };
            let found = api::objective(console, ask).await?;
            answer(j, &found, |found| shown(paint, found));
        }
        S::File => {
            let found = api::objectives_file(console, Nothing {}).await?;
            answer(j, &found, |found| match &found.text {
                Some(text) => text.clone(),
                None => format!("There is no {}: nothing is promised.\n", found.path),
            });
        }
        S::Check { file } => {
            let yaml = file.as_deref().map(read).transpose()?;
            let name = match &file {
                Some(file) => file.display().to_string(),
                None => console.folder().objectives().display().to_string(),
            };
            let found = api::check_objectives(console, CheckObjectives { yaml }).await?;
            answer(j, &found, |found| checked(paint, &name, found));
            let bad = !found.mistakes.is_empty() || !found.refused.is_empty();
            return Ok(if bad { code::FOUND } else { code::DONE });
        }
        S::Set { file } => {
            let yaml = read(&file)?;
            let found = api::write_objectives(console, ObjectivesText { yaml }).await?;
            answer(j, &found, |found| checked(paint, &found.path, &found.check));
        }
        S::Import { file, dry_run } => {
            let text = read(&file)?;
            let ask = ImportObjectives { text, dry: dry_run };
            let found = api::import_objectives(console, ask).await?;
            let name = file.display().to_string();
            answer(j, &found, |found| {
                let done = match dry_run {
                    true => found.text.clone(),
                    false => format!("added: {}\n", found.objectives.join(", ")),
                };
                done + &left_out(paint, &name, found)
            });
        }
        S::Exclusions => {
            let found = api::exclusions(console, Nothing {}).await?;
            answer(j, &found, |found| excluded(paint, found));
        }
        S::Exclude {
            service,
            objective,
            from,
            to,
            reason,
        } => {
            let ask = Exclude {
                service,
                objective,
                from,
                to,
                reason,
            };
            let done = api::exclude(console, ask).await?;
            answer(j, &done, |done| format!("{}\n", done.done));
        }
        S::Withdraw { id, reason } => {
            let done = api::withdraw(console, Withdraw { id, reason }).await?;
            answer(j, &done, |done| format!("{}\n", done.done));
        }
        S::Export => text(
            j,
            paint,
            &api::export_objectives(console, Nothing {}).await?,
        ),
        S::Rules => text(j, paint, &api::objective_rules(console, Nothing {}).await?),
        S::Preset { name, service } => {
            let found = api::objective_preset(console, PresetAsk { name, service }).await?;
            answer(j, &found, |found| found.yaml.clone());
        }
    }
    Ok(code::DONE)
}

fn excluded(paint: Paint, found: &[Excluded]) -> String {
    if found.is_empty() {
        return "every time counts\n".into();
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|e| {
            let of = match &e.objective {
                Some(name) => format!("{}/{name}", e.service),
                None => format!("{}, all", e.service),
            };
            let id = e.id.map_or("in the file".into(), |id| id.to_string());
            vec![
                e.from.to_string(),
                e.to.to_string(),
                of,
                e.author.clone(),
                id,
                e.reason.clone(),
            ]
        })
        .collect();
    table(paint, &["from", "to", "of", "by", "id", ""], &rows)
}

/// The text alone goes where a file is written to; what it does not say goes beside it.
fn text(j: bool, paint: Paint, told: &ObjectivesTold) {
    answer(j, told, |told| told.text.clone());
    if !j {
        eprint!("{}", left_out(paint, "", told));
    }
}

fn left_out(paint: Paint, name: &str, told: &ObjectivesTold) -> String {
    let mut out = String::new();
    for m in &told.left_out {
        let place = match m.line {
            0 => String::new(),
            line => format!("{name}:{line}:{}: ", m.column),
        };
        let path = match m.path.is_empty() {
            true => String::new(),
            false => format!("{}: ", m.path),
        };
        let words = format!("◆ not carried over: {place}{path}{}", m.message);
        out += &format!("{}\n", paint.say(Tone::Warn, words));
    }
    out
}

fn checked(paint: Paint, name: &str, found: &ObjectivesCheck) -> String {
    let mut out = String::new();
    for m in &found.mistakes {
        let path = match m.path.is_empty() {
            true => String::new(),
            false => format!("{}: ", m.path),
        };
        out += &format!("{name}:{}:{}: {path}{}\n", m.line, m.column, m.message);
    }
    for words in &found.refused {
        out += &format!("{}\n", paint.say(Tone::Warn, format!("◆ {words}")));
    }
    if found.mistakes.is_empty() {
        out += &match found.objectives.as_slice() {
            [] => "no objectives\n".to_owned(),
            all => format!("{}\n", all.join("\n")),
        };
    }
    out
}

fn state(state: SloState) -> (&'static str, Tone) {
    match state {
        SloState::Page => ("▲ page", Tone::Bad),
        SloState::Ticket => ("◆ ticket", Tone::Warn),
        SloState::NoData => ("○ no data", Tone::Warn),
        SloState::Quiet => ("● quiet", Tone::Good),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".into(), |share| format!("{:.1} %", share * 100.0))
}

fn pace(pace: Option<f64>) -> String {
    pace.map_or("–".into(), |pace| format!("×{pace:.1}"))
}

fn gone(gone: Option<Span>) -> String {
    match gone {
        None => "–".into(),
        Some(Span::ZERO) => "gone".into(),
        Some(span) => rough(span),
    }
}

/// To the unit that matters.
fn rough(span: Span) -> String {
    let minutes = span.as_millis() / 60_000;
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

fn listed(paint: Paint, found: &SlosView) -> String {
    let mut out = String::new();
    for m in &found.mistakes {
        let words = format!("✕ {}:{}:{}: {}", found.file, m.line, m.column, m.message);
        out += &format!("{}\n", paint.say(Tone::Bad, words));
    }
    if let Some(trouble) = &found.trouble {
        out += &format!("{}\n", paint.say(Tone::Warn, format!("◆ {trouble}")));
    }
    if found.rows.is_empty() && out.is_empty() {
        return "nothing is promised yet: deckwatchctl slo preset availability SERVICE | deckwatchctl slo import -\n".into();
    }
    let rows: Vec<Vec<String>> = found.rows.iter().map(|r| line(paint, r)).collect();
    if rows.is_empty() {
        return out;
    }
    let heads = [
        "state",
        "objective",
        "target",
        "period",
        "budget left",
        "burn",
        "gone in",
        "",
    ];
    out + &table(paint, &heads, &rows)
}

fn line(paint: Paint, row: &SloRow) -> Vec<String> {
    let (word, tone) = state(row.state);
    let burns: Vec<String> = row
        .burns
        .iter()
        .map(|b| format!("{} {}", b.window, pace(b.pace)))
        .collect();
    let mut words = match &row.trouble {
        Some(trouble) => trouble.clone(),
        None => row.words.clone(),
    };
    if row.counted < 1.0 {
        words = format!(
            "{:.0} % of the period is counted so far; {words}",
            row.counted * 100.0
        );
    }
    vec![
        paint.say(tone, word),
        format!("{}/{}", row.service, row.name),
        format!("{} %", trimmed(row.target * 100.0)),
        row.period.clone(),
        percent(row.left),
        burns.join("  "),
        gone(row.gone_in),
        words,
    ]
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn shown(paint: Paint, found: &SloView) -> String {
    let row = &found.row;
    let (word, tone) = state(row.state);
    let mut out = format!(
        "{}  {}\n{}\n",
        paint.say(Tone::Strong, format!("{}/{}", row.service, row.name)),
        paint.say(tone, word),
        found.headline
    );
    out += &format!(
        "  target {} % over {}: {}\n  {}\n",
        trimmed(row.target * 100.0),
        row.period,
        found.arithmetic,
        row.words
    );
    if let Some(forecast) = &found.forecast {
        out += &format!("  {}\n", forecast.words);
    }
    if let Some(advice) = &found.advice {
        out += &format!(
            "  {}\n",
            paint.say(Tone::Warn, format!("◆ {}", advice.words))
        );
    }
    for part in &found.ledger.parts {
        out += &format!(
            "  {:>6.1} points  {}\n",
            part.points * 100.0,
            if part.title.is_empty() {
                "unknown"
            } else {
                &part.title
            }
        );
    }
    let rows: Vec<Vec<String>> = found
        .decisions
        .iter()
        .map(|d| {
            let needed = d.needed.map_or("never".into(), |n| format!("{n:.0}"));
            vec![
                format!("{:?}", d.state).to_lowercase(),
                d.pair.severity.to_string(),
                d.formula.clone(),
                pace(d.short.pace),
                pace(d.long.pace),
                format!("{} / {}", d.pair.short, d.pair.long),
                gone(d.gone_in),
                needed,
            ]
        })
        .collect();
    let heads = [
        "state",
        "severity",
        "threshold",
        "short",
        "long",
        "windows",
        "gone in",
        "needs bad",
    ];
    out += &table(paint, &heads, &rows);
    for refused in &found.refused {
        out += &format!("{}\n", paint.say(Tone::Warn, format!("◆ {refused}")));
    }
    out
}
