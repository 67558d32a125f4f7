//! One rollout, live in a terminal: steps, weights, candidate against stable, the evidence and its
//! bound, the age of each figure.

use std::io::{IsTerminal, Write};

use deckwatch_console::api::{Measured, RolloutView};
use deckwatch_domain::{Span, Timestamp, Weights};
use deckwatch_rollout::{BakedBy, Phase, RolloutStatus, Stage};
use deckwatch_training::LoadReport;
use deckwatch_verdict::{CountEvidence, Detail, Verdict};

use crate::paint::{Paint, Tone, table};

/// A shape and a tone for each verdict: colour is never the only signal.
pub fn verdict(paint: Paint, verdict: Verdict) -> String {
    let (shape, tone) = match verdict {
        Verdict::Pass => ("●", Tone::Good),
        Verdict::Fail => ("▲", Tone::Bad),
        Verdict::Inconclusive => ("◐", Tone::Candidate),
        Verdict::NoData => ("◌", Tone::Mute),
        Verdict::Error => ("◆", Tone::Warn),
    };
    paint.say(tone, format!("{shape} {verdict:?}"))
}

pub fn phase(paint: Paint, phase: Phase) -> String {
    let (shape, tone) = match phase {
        Phase::Progressing => ("→", Tone::Candidate),
        Phase::Promoted => ("●", Tone::Good),
        Phase::Paused(_) => ("◆", Tone::Warn),
        Phase::RollingBack | Phase::RolledBack | Phase::Aborted => ("▲", Tone::Bad),
        Phase::Failed => ("▲", Tone::Bad),
        Phase::Pending | Phase::Superseded => ("◌", Tone::Mute),
    };
    paint.say(tone, format!("{shape} {}", phase.words()))
}

/// The frame of one look.
pub fn frame(view: &RolloutView, load: Option<&LoadReport>, paint: Paint) -> Vec<String> {
    let status = &view.status;
    let mut lines = vec![headline(view, paint), track(status, paint)];
    lines.extend(sides(view, paint));
    lines.extend(evidence(status, paint));
    if !status.note.is_empty() {
        lines.push(paint.say(Tone::Warn, format!("  {}", status.note)));
    }
    for gate in status.gates.iter().filter(|g| !g.open) {
        lines.push(format!(
            "  gate      {}: {} (opens: {})",
            gate.name, gate.why, gate.opens
        ));
    }
    lines.push(way_back(status, paint));
    if let Some(load) = load {
        lines.push(format!(
            "  load      {:.0}/s · {} sent · {} failed · {} dropped",
            load.rate,
            load.sent,
            load.failed,
            load.failures.dropped()
        ));
    }
    lines.extend(
        view.troubles
            .iter()
            .map(|t| paint.say(Tone::Warn, format!("  ◆ {t}"))),
    );
    lines
}

fn headline(view: &RolloutView, paint: Paint) -> String {
    let status = &view.status;
    let from = status
        .from
        .as_ref()
        .map_or("nothing".to_owned(), ToString::to_string);
    let stage = match status.phase {
        Phase::Progressing => format!(
            " · {} for {}",
            status.stage.words(),
            seconds(status.in_step_for)
        ),
        _ => String::new(),
    };
    let driver = status.driver.as_deref().unwrap_or("nobody");
    format!(
        "{}  {from} → {}  {} · {} %{stage}   {}",
        paint.say(Tone::Strong, status.service.as_str()),
        paint.say(Tone::Candidate, status.release.as_str()),
        phase(paint, status.phase),
        status.progress,
        paint.say(
            Tone::Mute,
            format!(
                "{} · plan {} {} · driving: {driver}",
                clock(view.now),
                status.plan,
                status.plan_digest.short()
            )
        ),
    )
}

fn track(status: &RolloutStatus, paint: Paint) -> String {
    let steps: Vec<String> = status
        .steps
        .iter()
        .map(|step| {
            let weight = match step.instances {
                Some(instances) => format!("{instances} × {} %", step.weight),
                None => format!("{} %", step.weight),
            };
            match (&step.done, step.current) {
                (Some(BakedBy::Pass), _) => paint.say(Tone::Good, format!("{weight} ● Pass")),
                (Some(BakedBy::NoHarm { requests }), _) => {
                    paint.say(Tone::Warn, format!("{weight} ◐ no harm in {requests}"))
                }
                (Some(BakedBy::Unjudged), _) => {
                    paint.say(Tone::Mute, format!("{weight} ○ not judged"))
                }
                (Some(BakedBy::BrokenGlass), _) => {
                    paint.say(Tone::Warn, format!("{weight} ◆ by hand"))
                }
                (None, true) => {
                    let word = match (status.stage, status.verdict) {
                        (Stage::Bake | Stage::Gate, Some(v)) => verdict(paint, v),
                        (stage, _) => stage.words().to_owned(),
                    };
                    format!("{} {word}", paint.say(Tone::Strong, weight))
                }
                (None, false) => paint.say(Tone::Mute, format!("{weight} ○")),
            }
        })
        .collect();
    format!("  {}", steps.join(&paint.say(Tone::Mute, "  ─  ")))
}

fn sides(view: &RolloutView, paint: Paint) -> Vec<String> {
    let status = &view.status;
    let weights = status.weights.unwrap_or(Weights::NONE);
    let roles = status.roles.unwrap_or_default();
    let weight = |role| roles.playing(role).map_or(0, |slot| weights.of(slot));
    let row = |name: String, weight: u8, m: &Measured, ready: String| {
        vec![
            name,
            format!("{weight} %"),
            m.rate.map_or("–".into(), |r| format!("{r:.1}/s")),
            m.errors
                .map_or("–".into(), |e| format!("{:.2} %", e * 100.0)),
            m.p95_ms.map_or("–".into(), |p| format!("{p:.1} ms")),
            ready,
            age(m.at, view.now),
        ]
    };
    let stable = deckwatch_domain::Role::Stable;
    let candidate = deckwatch_domain::Role::Candidate;
    let heads = [
        "          ",
        ">weight",
        ">requests",
        ">errors",
        ">p95",
        ">ready",
        ">age",
    ];
    let rows = vec![
        row(
            "  stable".into(),
            weight(stable),
            &view.stable,
            String::new(),
        ),
        row(
            paint.say(Tone::Candidate, "  candidate"),
            weight(candidate),
            &view.candidate,
            format!("{}/{}", view.candidate_ready, view.candidate_desired),
        ),
    ];
    table(paint, &heads, &rows)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn evidence(status: &RolloutStatus, paint: Paint) -> Vec<String> {
    let Some(answer) = &status.answer else {
        return vec![
            paint.say(Tone::Mute, "  evidence  nothing is judged at the moment"),
            String::new(),
        ];
    };
    let mut lines = Vec::new();
    for metric in &answer.metrics {
        let name = if metric.critical {
            metric.name.clone()
        } else {
            format!("{} (warns only)", metric.name)
        };
        if let Detail::Count(e) = &metric.detail {
            lines.push(format!(
                "  {} {}   {}",
                verdict(paint, metric.verdict),
                name,
                meters(e, paint)
            ));
        } else {
            lines.push(format!("  {} {name}", verdict(paint, metric.verdict)));
        }
        for line in wrap(&metric.words, terminal_columns().saturating_sub(8)) {
            lines.push(paint.say(Tone::Mute, format!("      {line}")));
        }
    }
    lines
}

fn meters(e: &CountEvidence, paint: Paint) -> String {
    format!(
        "harm {} ×{} of ×{}   safe {} ×{} of ×{}",
        paint.say(Tone::Bad, bar(e.harm_e, e.harm_bound)),
        figure(e.harm_e),
        figure(e.harm_bound),
        paint.say(Tone::Good, bar(e.safe_e, e.safe_bound)),
        figure(e.safe_e),
        figure(e.safe_bound),
    )
}

/// How far evidence has climbed, on the scale on which it climbs.
fn bar(e: f64, bound: f64) -> String {
    let share = if e > 1.0 && bound > 1.0 {
        (e.ln() / bound.ln()).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let full = (share * 12.0).round() as usize;
    format!("{}{}", "█".repeat(full), "·".repeat(12 - full))
}

fn figure(x: f64) -> String {
    match x {
        x if x >= 1e6 => format!("{x:.0e}"),
        x if x >= 10.0 => format!("{x:.0}"),
        x => format!("{x:.2}"),
    }
}

fn way_back(status: &RolloutStatus, paint: Paint) -> String {
    let Some(back) = &status.way_back else {
        return paint.say(Tone::Mute, "  way back  none: nothing to go back to");
    };
    let version = back
        .version
        .as_ref()
        .map_or("?".to_owned(), ToString::to_string);
    let until = back
        .until
        .map_or(String::new(), |u| format!(" · until {} UTC", u.clock()));
    let (tone, armed) = match &back.rehearsal {
        None => (Tone::Mute, "not rehearsed yet".to_owned()),
        Some(r) if r.obstacles.is_empty() => (
            Tone::Good,
            format!(
                "rehearsed {} UTC, {:.1} ms",
                r.at.clock(),
                r.took_us as f64 / 1000.0
            ),
        ),
        Some(r) => (Tone::Warn, r.obstacles.join("; ")),
    };
    format!(
        "  way back  one write: all to {} ({version}), {}/{} ready{until} · {}",
        back.slot,
        back.ready,
        back.wanted,
        paint.say(tone, armed)
    )
}

pub fn seconds(span: Span) -> String {
    let s = span.as_millis() / 1000;
    format!("{}:{:02}", s / 60, s % 60)
}

fn clock(at: Timestamp) -> String {
    format!("{} UTC", at.clock())
}

pub fn age(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or("–".into(), |at| {
        format!("{:.1} s", now.since(at).as_secs_f64())
    })
}

/// Draws frames over one another on a terminal; elsewhere prints a line when something changes.
pub struct Screen {
    paint: Paint,
    terminal: bool,
    drawn: usize,
    last: String,
}

impl Screen {
    pub fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        Screen {
            paint: Paint::stdout(),
            terminal,
            drawn: 0,
            last: String::new(),
        }
    }

    pub fn paint(&self) -> Paint {
        self.paint
    }

    pub fn draw(&mut self, view: &RolloutView, load: Option<&LoadReport>) {
        if self.terminal {
            self.redraw(&frame(view, load, self.paint));
        } else {
            self.log(view);
        }
    }

    fn redraw(&mut self, lines: &[String]) {
        let columns = terminal_columns();
        let mut out = String::new();
        if self.drawn > 0 {
            out += &format!("\x1b[{}A", self.drawn);
        }
        for line in lines {
            out += &clip(line, columns);
            out += "\x1b[0m\x1b[K\n";
        }
        for _ in lines.len()..self.drawn {
            out += "\x1b[K\n";
        }
        self.drawn = self.drawn.max(lines.len());
        print!("{out}");
        let _ = std::io::stdout().flush();
    }

    fn log(&mut self, view: &RolloutView) {
        let s = &view.status;
        let word = s.verdict.map_or(String::new(), |v| format!(" · {v:?}"));
        let step = s.steps.get(s.step).map_or(100, |step| step.weight);
        let line = format!("{} · {step} % · {}{word}", s.phase.words(), s.stage.words());
        if line != self.last {
            let words = s.answer.as_ref().map_or("", |a| a.words.as_str());
            println!("{} {} {line}  {words}", view.now.clock(), s.service);
            self.last = line;
        }
    }

    /// What is drawn stays; the next frame begins below it.
    pub fn settle(&mut self) {
        self.drawn = 0;
        self.last.clear();
    }
}

fn terminal_columns() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout()).map_or(120, |w| usize::from(w.ws_col).max(40))
}

/// Words in lines of at most `columns`.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut();
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns.max(20) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A line longer than the terminal would break the redrawing.
fn clip(line: &str, columns: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '\x1b' {
            for c in chars.by_ref() {
                out.push(c);
                if c == 'm' {
                    break;
                }
            }
            continue;
        }
        count += 1;
        if count + 1 >= columns && chars.as_str().len() > 4 {
            out.push('…');
            break;
        }
    }
    out
}
