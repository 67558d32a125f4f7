//! Reading clocks, memory and frames of a window from outside it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Window;

/// Aims, and those that were missed.
#[derive(Default)]
pub struct Aims(Vec<String>);

impl Aims {
    pub fn hold(&mut self, what: &str, value: f64, most: f64) {
        let met = value <= most;
        let word = if met { "met" } else { "MISSED" };
        println!("  {what}: {value:.2}, aim {most:.2}: {word}");
        if !met {
            self.0.push(what.to_owned());
        }
    }

    pub fn end(self) -> ExitCode {
        if self.0.is_empty() {
            return ExitCode::SUCCESS;
        }
        eprintln!("missed: {}", self.0.join("; "));
        ExitCode::FAILURE
    }
}

/// A program of this bench's own profile.
pub fn beside(name: &str) -> PathBuf {
    Path::new(crate::driver::PROGRAM).with_file_name(name)
}

pub fn shown(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1000.0)
}

pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}

pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * share).ceil() as usize;
    values[place.clamp(1, values.len()) - 1]
}

/// Seconds from the start of the program to the first paint with anything in it.
pub async fn first_paint(window: &Window) -> f64 {
    // Field 22 of stat: the start, in ticks of 10 ms since the machine's.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", window.pid())).expect("stat");
    let after = stat.rsplit_once(')').expect("a name").1;
    let ticks: f64 = after
        .split_whitespace()
        .nth(19)
        .expect("a start")
        .parse()
        .expect("ticks");
    let uptime = std::fs::read_to_string("/proc/uptime").expect("uptime");
    let up: f64 = uptime
        .split_whitespace()
        .next()
        .expect("up")
        .parse()
        .expect("seconds");
    let booted = crate::crowd::now().as_millis() as f64 / 1000.0 - up;
    let script = "return performance.timeOrigin
        + performance.getEntriesByName('first-contentful-paint')[0]?.startTime";
    let mut painted = None;
    while painted.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        painted = window.run(script).await.as_f64();
    }
    painted.unwrap_or_default() / 1000.0 - booted - ticks / 100.0
}

/// The proportional memory of a process and all below it.
pub fn pss_mib(pid: u32) -> f64 {
    let own = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let own: f64 = own
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
        .unwrap_or(0.0);
    let children = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let below: Vec<u32> = children
        .flat_map(|text| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|pid| pid.parse().ok())
        .filter(|pid| !is_node(*pid))
        .collect();
    own / 1024.0 + below.into_iter().map(pss_mib).sum::<f64>()
}

/// A node and an agent are no part of the window: they outlive it.
fn is_node(pid: u32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("deckwatchctl")
}

/// Seconds from a command to the frame that shows what it changed.
pub async fn until_pixel(window: &Window, command: &str, params: Value, wanted: bool) -> f64 {
    let script = "const [command, params, wanted, done] = arguments;
        const began = performance.now();
        const there = () => document.querySelector('header')?.innerText.includes('freeze:') ?? false;
        window.__TAURI_INTERNALS__.invoke(command, { environment: 'local', params });
        const look = () => there() === wanted
            ? requestAnimationFrame(() => done(performance.now() - began))
            : performance.now() - began > 10000 ? done(null) : requestAnimationFrame(look);
        look();";
    let words = vec![json!(command), params, json!(wanted)];
    let took = window
        .client
        .execute_async(script, words)
        .await
        .expect("an answer");
    took.as_f64().expect("the change was never shown") / 1000.0
}

/// Times between frames.
pub struct Frames(Vec<f64>);

impl Frames {
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }

    pub fn words(&self) -> String {
        let mut all = self.0.clone();
        let long = all.iter().filter(|ms| **ms > 32.0).count();
        format!(
            "frames p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms, {long} of {} over 32 ms",
            percentile(&mut all.clone(), 0.5),
            percentile(&mut all, 0.99),
            self.max(),
            self.0.len()
        )
    }
}

/// Watches frames for a while; with `scroll`, while the view's table is scrolled to its end.
pub async fn frames(window: &Window, span: Duration, scroll: &str) -> Frames {
    let script = "const [span, scroll, done] = arguments;
        const table = scroll ? document.querySelector('main [role=grid], main [role=table]') : null;
        const step = table ? (table.scrollHeight - table.clientHeight) / (span / 16) : 0;
        const times = [];
        let last = performance.now(); const began = last;
        const frame = (now) => {
            times.push(now - last); last = now;
            if (table) table.scrollTop += step;
            if (now - began > span) done(times); else requestAnimationFrame(frame);
        };
        requestAnimationFrame((now) => { last = now; requestAnimationFrame(frame); });";
    let words = vec![json!(span.as_millis() as u64), json!(scroll)];
    let times = window
        .client
        .execute_async(script, words)
        .await
        .expect("frames");
    let times = times.as_array().expect("a list");
    Frames(times.iter().filter_map(Value::as_f64).collect())
}
