//! The window, measured beside an empty one built in the same run: how soon it is painted, what
//! it weighs, how soon a change is a pixel, and how it bears a thousand services and 20,000 rows.
//!
//! Fails when an aim is missed. `DECKWATCH_SOAK_MINUTES` looks at the thousand services for that
//! long and asks that the memory stays flat; nothing else is measured then.

#[path = "../../tests/desktop/crowd.rs"]
mod crowd;
#[path = "../../tests/desktop/driver.rs"]
mod driver;
mod figures;
mod rows;

use std::process::ExitCode;
use std::time::Duration;

pub use driver::Window;
use figures::{Aims, frames, median, percentile, pss_mib, shown};
use serde_json::json;

const STARTS: usize = 5;
const CHANGES: usize = 40;
const SERVICES: usize = 1000;
const ROWS: usize = 20_000;
const LOOK: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> ExitCode {
    let mut aims = Aims::default();
    let soak = std::env::var("DECKWATCH_SOAK_MINUTES").ok();
    match soak.and_then(|minutes| minutes.parse().ok()) {
        Some(minutes) => soak_for(minutes, &mut aims).await,
        None => measure(&mut aims).await,
    }
    aims.end()
}

async fn measure(aims: &mut Aims) {
    let empty = alone("an empty window", &figures::beside("examples/empty_window")).await;
    let ours = alone("Deckwatch", driver::PROGRAM.as_ref()).await;
    aims.hold(
        "first paint, times an empty window's",
        ours.paint / empty.paint,
        0.8 / 0.58,
    );
    aims.hold(
        "idle memory, times an empty window's",
        ours.pss / empty.pss,
        300.0 / 247.0,
    );
    update(aims).await;
    crowded(aims, &empty).await;
    rows(aims, &empty).await;
}

struct Alone {
    paint: f64,
    pss: f64,
    /// The longest frame of an idle page, in milliseconds: what this machine cannot do better.
    frame: f64,
}

/// Opened on a fresh folder, and left alone.
async fn alone(what: &str, program: &std::path::Path) -> Alone {
    let mut paints = Vec::new();
    let mut weights = Vec::new();
    let mut longest: f64 = 0.0;
    // The first start fills the disk's cache and is not counted.
    for start in 0..=STARTS {
        let window = Window::on(program, async |_| {}).await;
        let paint = figures::first_paint(&window).await;
        if start == 0 {
            window.close().await;
            continue;
        }
        paints.push(paint);
        tokio::time::sleep(Duration::from_secs(5)).await;
        weights.push(pss_mib(window.pid()));
        if start == STARTS {
            longest = frames(&window, LOOK, "").await.max();
        }
        window.close().await;
    }
    let (paint, pss) = (median(&mut paints), median(&mut weights));
    println!(
        "{what}: first paint {} (median of {STARTS}), idle {pss:.0} MiB, longest idle frame {longest:.0} ms",
        shown(paint)
    );
    Alone {
        paint,
        pss,
        frame: longest,
    }
}

/// From a command that changes something to the pixel that says so.
async fn update(aims: &mut Aims) {
    let window = Window::fresh().await;
    window.read("Welcome aboard").await;
    let mut took = Vec::new();
    for change in 0..CHANGES {
        let (command, params, wanted) = if change % 2 == 0 {
            (
                "freeze_declare",
                json!({"reason": format!("n{change}")}),
                true,
            )
        } else {
            ("freeze_lift", json!({}), false)
        };
        took.push(figures::until_pixel(&window, command, params, wanted).await);
        tokio::time::sleep(Duration::from_millis(170)).await;
    }
    let p95 = percentile(&mut took, 0.95);
    println!(
        "change to pixel: median {}, p95 {} over {CHANGES}",
        shown(median(&mut took)),
        shown(p95)
    );
    aims.hold("change to pixel, p95 in ms", p95 * 1000.0, 150.0);
    window.close().await;
}

async fn crowded(aims: &mut Aims, empty: &Alone) {
    let (window, beating) = crowd::open(SERVICES).await;
    let seen = frames(&window, LOOK, "").await;
    println!(
        "{SERVICES} live services: {}, {:.0} MiB",
        seen.words(),
        pss_mib(window.pid())
    );
    aims.hold(
        "live services, longest frame in ms",
        seen.max(),
        32f64.max(empty.frame),
    );
    beating.abort();
    window.close().await;
}

async fn rows(aims: &mut Aims, empty: &Alone) {
    let window = Window::on(driver::PROGRAM.as_ref(), async |folder| {
        rows::write(folder, ROWS).await
    })
    .await;
    window.press("g").await;
    window.press("j").await;
    window.read("20 00").await;
    let seen = frames(&window, LOOK, "scroll").await;
    println!("{ROWS} rows scrolled: {}", seen.words());
    aims.hold(
        "scrolled rows, longest frame in ms",
        seen.max(),
        32f64.max(empty.frame),
    );
    window.close().await;
}

async fn soak_for(minutes: u64, aims: &mut Aims) {
    let (window, beating) = crowd::open(SERVICES).await;
    let mut weights = Vec::new();
    for minute in 0..=minutes {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let weight = pss_mib(window.pid());
        println!("after {} min: {weight:.0} MiB", minute + 1);
        weights.push(weight);
    }
    let last = weights[weights.len() - 1];
    // What the first minute fills (caches, the hour of sparklines' first points) is not growth.
    let settled = weights[weights.len() / 2];
    aims.hold(
        "memory at the end, times that at half-time",
        last / settled,
        1.05,
    );
    beating.abort();
    window.close().await;
}
