//! What is scraped and probed, this machine, and whether Deckwatch itself is well.

use deckwatch_console::api::{
    self, CheckTargets, HealthState, HostAsk, HostView, ProbesView, SpreadRow, TargetState,
    TargetsAsk, TargetsCheck, TargetsText, TargetsView, Wellness,
};
use deckwatch_console::{Console, Nothing, Problem};
use deckwatch_domain::Span;

use crate::args;
use crate::ask::{answer, read};
use crate::code;
use crate::paint::{Paint, Tone, table};

pub(super) async fn targets(
    console: &Console,
    it: args::Targets,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Targets as T;
    match it {
        T::List { filter } => {
            let ask = TargetsAsk {
                filter,
                limit: Some(500),
                ..TargetsAsk::default()
            };
            let found = api::targets(console, ask).await?;
            answer(j, &found, |found| listed(paint, found));
        }
        T::Probes => {
            let found = api::probes(console, Nothing {}).await?;
            answer(j, &found, |found| probed(paint, found));
        }
        T::Show => {
            let found = api::targets_file(console, Nothing {}).await?;
            answer(j, &found, |found| match &found.text {
                Some(text) => text.clone(),
                None => format!(
                    "There is no {}: this machine is measured, nothing is scraped but the node.\n",
                    found.path
                ),
            });
        }
        T::Check { file } => {
            let yaml = file.as_deref().map(read).transpose()?;
            let name = match &file {
                Some(file) => file.display().to_string(),
                None => console.folder().targets().display().to_string(),
            };
            let found = api::check_targets(console, CheckTargets { yaml }).await?;
            answer(j, &found, |found| checked(paint, &name, found));
            let bad = !found.mistakes.is_empty() || !found.missing_secrets.is_empty();
            return Ok(if bad { code::FOUND } else { code::DONE });
        }
        T::Set { file } => {
            let yaml = read(&file)?;
            let found = api::write_targets(console, TargetsText { yaml }).await?;
            answer(j, &found, |found| {
                format!(
                    "{}\n{}",
                    found.path,
                    checked(paint, &found.path, &found.check)
                )
            });
        }
        T::Schema => {
            let schema = api::targets_schema(console, Nothing {}).await?;
            println!(
                "{}",
                serde_json::to_string_pretty(&schema).unwrap_or_default()
            );
        }
    }
    Ok(code::DONE)
}

fn checked(paint: Paint, name: &str, found: &TargetsCheck) -> String {
    let mut out = String::new();
    for m in &found.mistakes {
        let path = if m.path.is_empty() {
            String::new()
        } else {
            format!("{}: ", m.path)
        };
        out += &format!("{name}:{}:{}: {path}{}\n", m.line, m.column, m.message);
    }
    for secret in &found.missing_secrets {
        let words = format!("◆ the secret {secret} is not set (deckwatchctl secret set {secret})");
        out += &format!("{}\n", paint.say(Tone::Warn, words));
    }
    if found.mistakes.is_empty() {
        out += &format!("{} targets, {} probes\n", found.scrapes.len(), found.probes);
    }
    out
}

fn listed(paint: Paint, found: &TargetsView) -> String {
    let scraping = &found.scraping;
    let mut out = String::new();
    let mut warn = |words: String| out += &format!("{}\n", paint.say(Tone::Warn, words));
    match scraping.at {
        Some(at) if !scraping.current => warn(format!("◆ nobody scrapes; this is of {at}")),
        None => warn("◆ nobody scrapes here: a window does, or deckwatchctl agent".into()),
        Some(_) => {}
    }
    if let Some(trouble) = &scraping.trouble {
        warn(format!("◆ {trouble}"));
    }
    if let Some(back) = &scraping.set_back {
        warn(format!(
            "◆ the clock was set back by {} at {}",
            back.by, back.at
        ));
    }
    let rows: Vec<Vec<String>> = found
        .rows
        .iter()
        .map(|row| {
            let (state, tone) = match row.state {
                TargetState::Up => ("● up", Tone::Good),
                TargetState::Down => ("✕ down", Tone::Bad),
                TargetState::Unknown => ("○ not yet", Tone::Warn),
            };
            let number = |n: Option<usize>| n.map_or("–".into(), |n| n.to_string());
            let mut notes: Vec<String> = row.error.iter().chain(&row.notes).cloned().collect();
            if let Some(gap) = &row.gap {
                notes.push(format!("not scraped from {} to {}", gap.from, gap.to));
            }
            if let Some(at) = row.reset_at {
                notes.push(format!("{} counters began anew at {at}", row.resets));
            }
            vec![
                paint.say(tone, state),
                row.job.clone(),
                row.url.clone(),
                row.last.map_or("–".into(), |at| at.to_string()),
                row.took_ms.map_or("–".into(), |ms| format!("{ms:.1} ms")),
                number(row.kept),
                notes.join("; "),
            ]
        })
        .collect();
    if rows.is_empty() {
        return out + "nothing is scraped yet\n";
    }
    out + &table(
        paint,
        &["state", "job", "target", "last", "took", "samples", "notes"],
        &rows,
    )
}

fn health(health: HealthState) -> (&'static str, Tone) {
    match health {
        HealthState::Healthy => ("● healthy", Tone::Good),
        HealthState::Degraded => ("◆ degraded", Tone::Warn),
        HealthState::Unhealthy => ("✕ unhealthy", Tone::Bad),
        HealthState::Unknown => ("○ unknown", Tone::Warn),
    }
}

fn probed(paint: Paint, found: &ProbesView) -> String {
    if found.probes.is_empty() {
        return format!("nothing is probed; {} says what is\n", found.scraping.file);
    }
    let mut rows = Vec::new();
    for probe in &found.probes {
        let (word, tone) = health(probe.health);
        let took = probe
            .last
            .as_ref()
            .map(|last| format!("{:.1} ms", last.took_ms));
        rows.push(vec![
            paint.say(tone, word),
            probe.component.clone(),
            probe.name.clone(),
            format!("{} {}", probe.kind, probe.target),
            took.unwrap_or_else(|| "–".into()),
            probe.reasons.join("; "),
        ]);
    }
    table(
        paint,
        &["health", "component", "probe", "asks", "took", "why"],
        &rows,
    )
}

pub(super) async fn host(
    console: &Console,
    over: Span,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let found = api::host_snapshot(console, HostAsk { over: Some(over) }).await?;
    answer(j, &found, |found| measured(paint, found));
    Ok(code::DONE)
}

fn measured(paint: Paint, found: &HostView) -> String {
    let Some(at) = found.at else {
        return "this machine was not measured: a window does, or deckwatchctl agent\n".into();
    };
    let row = |name: &str, spread: &SpreadRow, say: &dyn Fn(f64) -> String| {
        let figures = [spread.now, spread.p50, spread.p95, spread.p99].into_iter();
        let figures = figures.map(|n| n.map_or("–".into(), say));
        std::iter::once(name.to_owned())
            .chain(figures)
            .collect::<Vec<String>>()
    };
    let share = |n: f64| format!("{:.1} %", n * 100.0);
    let plain = |n: f64| format!("{n:.2}");
    let whole = |n: f64| format!("{n:.0}");
    let rate = |n: f64| format!("{:.1} KiB/s", n / 1024.0);
    let rows = [
        row("cpu", &found.cpu, &share),
        row("memory", &found.memory, &share),
        row("swap", &found.swap, &share),
        row("load (1 min)", &found.load1, &plain),
        row("disk read", &found.disk_read, &rate),
        row("disk written", &found.disk_written, &rate),
        row("network received", &found.network_received, &rate),
        row("network sent", &found.network_sent, &rate),
        row("processes", &found.processes, &whole),
    ];
    let head = format!("{} at {at}, over {}\n", found.host, found.over);
    let figures = table(paint, &["", "now", "p50", "p95", "p99"], &rows);
    let gib = |bytes: f64| format!("{:.1} GiB", bytes / f64::from(1u32 << 30));
    let disks: Vec<Vec<String>> = found
        .file_systems
        .iter()
        .map(|f| vec![f.mount.clone(), gib(f.size), gib(f.available)])
        .collect();
    let programs: Vec<Vec<String>> = found
        .programs
        .iter()
        .map(|p| {
            let memory = format!("{:.0} MiB", p.resident_bytes / f64::from(1u32 << 20));
            vec![
                p.name.clone(),
                whole(p.processes),
                plain(p.cpu_cores),
                memory,
            ]
        })
        .collect();
    let disks = table(paint, &["mounted at", "size", "available"], &disks);
    let programs = table(
        paint,
        &["program", "processes", "cores", "memory"],
        &programs,
    );
    format!("{head}{figures}\n{disks}\n{programs}")
}

pub(super) async fn well(
    console: &Console,
    it: args::Health,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let found = api::wellness(console, Nothing {}).await?;
    answer(j, &found, |found| parts(paint, found));
    let good = if it.live { found.live } else { found.ready };
    Ok(if good { code::DONE } else { code::FOUND })
}

fn parts(paint: Paint, found: &Wellness) -> String {
    let rows: Vec<Vec<String>> = found
        .parts
        .iter()
        .map(|part| {
            let (word, tone) = health(part.health);
            vec![
                paint.say(tone, word),
                part.part.clone(),
                format!("{:.1} ms", part.took_ms),
                part.words.clone(),
            ]
        })
        .collect();
    let yes = |is: bool| if is { "yes" } else { "no" };
    format!(
        "live: {}, ready: {}\n{}",
        yes(found.live),
        yes(found.ready),
        table(paint, &["health", "part", "took", "found"], &rows)
    )
}
