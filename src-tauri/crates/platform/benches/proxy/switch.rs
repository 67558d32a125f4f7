//! Two versions behind each proxy, and the same load: all traffic from one to the other and back,
//! and one instance of four replaced. In turns within one run, at 1,000 requests a second.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::contenders::Contender;
use crate::load::{Counts, Load, RATE};
use crate::times;

/// A version has left when it has not answered for so long, three requests of each lane.
const QUIET: Duration = Duration::from_millis(150);
/// Said for a version that does not leave.
const LONGEST: Duration = Duration::from_secs(10);

/// What was measured of one contender doing one thing.
#[derive(Clone, Debug, Default)]
struct Figures {
    acknowledged: Vec<Duration>,
    last: Vec<Duration>,
    gone: Vec<Duration>,
}

/// One thing that is done, and what each contender made of it.
struct Deed {
    what: String,
    /// Which answer it is that ends it.
    last: &'static str,
    of: Vec<Figures>,
}

/// From `since` to the last answer of what is leaving, once what arrives answers.
async fn left(load: &Load, leaving: &str, arriving: &str, since: Instant) -> Duration {
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let last = load.last(leaving).unwrap_or(since).max(since);
        let arrived = load.last(arriving).is_some_and(|at| at > since);
        if arrived && last.elapsed() > QUIET {
            return last - since;
        }
        if since.elapsed() > LONGEST {
            return LONGEST;
        }
    }
}

/// Whether no request of ours was dropped.
pub fn run(runtime: &tokio::runtime::Runtime, host: &Path, quick: bool) -> bool {
    let (turns, times) = if quick { (2, 5) } else { (10, 10) };
    runtime.block_on(async {
        let blue_green = blue_green(host, turns, times).await;
        let rolling = rolling(host, turns, if quick { 1 } else { 3 }).await;
        blue_green && rolling
    })
}

/// Runs `turn` for each contender, beginning with another each time, so that what drifts hits all
/// alike. Only the one whose turn it is has load.
async fn in_turns(
    contenders: &mut [Contender],
    turns: usize,
    mut turn: impl AsyncFnMut(usize, &mut Contender, &Load),
) -> Vec<Counts> {
    let mut counts = vec![Counts::default(); contenders.len()];
    for round in 0..turns {
        for step in 0..contenders.len() {
            let at = (round + step) % contenders.len();
            let load = Load::start(contenders[at].address());
            tokio::time::sleep(Duration::from_millis(300)).await;
            turn(at, &mut contenders[at], &load).await;
            counts[at].add(load.stop().await);
        }
    }
    counts
}

async fn blue_green(host: &Path, turns: usize, times: usize) -> bool {
    let mut contenders = Contender::all(host, 2, 2).await;
    let deed = |what: &str, last| Deed {
        what: format!("{what}, two instances each, {} times", turns * times),
        last,
        of: vec![Figures::default(); contenders.len()],
    };
    let mut there = deed("all traffic from v1 to v2", "last v1 response");
    let mut back = deed("all traffic back to v1", "last v2 response");
    let counts = in_turns(&mut contenders, turns, async |at, contender, load| {
        for _ in 0..times {
            let told = contender.switch().await;
            there.of[at].acknowledged.push(told.acknowledged);
            let last = left(load, "v1", "v2", told.at).await;
            there.of[at].last.push(last);
            let told = contender.back().await;
            back.of[at].acknowledged.push(told.acknowledged);
            let last = left(load, "v2", "v1", told.at).await;
            back.of[at].last.push(last);
        }
    })
    .await;
    report(&contenders, &there);
    report(&contenders, &back);
    dropped(&contenders, &counts)
}

async fn rolling(host: &Path, turns: usize, times: usize) -> bool {
    let mut contenders = Contender::all(host, 4, 1).await;
    let mut deed = Deed {
        what: format!("one instance of four replaced, {} times", turns * times),
        last: "its last response",
        of: vec![Figures::default(); contenders.len()],
    };
    let counts = in_turns(&mut contenders, turns, async |at, contender, load| {
        let leaving = contender.leaving();
        for _ in 0..times {
            let (told, gone) = contender.replace().await;
            let figures = &mut deed.of[at];
            figures.acknowledged.push(told.acknowledged);
            figures.gone.push(gone);
            figures.last.push(left(load, &leaving, "v2", told.at).await);
            contender.restore().await;
            // It serves again before it is stopped again.
            left(load, "v2", &leaving, Instant::now()).await;
        }
    })
    .await;
    report(&contenders, &deed);
    dropped(&contenders, &counts)
}

fn report(contenders: &[Contender], deed: &Deed) {
    println!("\n{}, at {RATE} requests/s:", deed.what);
    let last = format!("command → {}", deed.last);
    for (contender, figures) in contenders.iter().zip(&deed.of) {
        let acknowledged = match contender.name() {
            // It answers nothing.
            "nginx" => "command → signal sent",
            _ => "command → acknowledged",
        };
        let rows = [
            (acknowledged, &figures.acknowledged),
            (&last, &figures.last),
            ("command → its process ended", &figures.gone),
        ];
        for (what, all) in rows.into_iter().filter(|(_, all)| !all.is_empty()) {
            println!("  {:<10} {what:<29} {}", contender.name(), times::line(all));
        }
    }
    beside(deed.last, contenders, deed, |figures| &figures.last);
    if deed.of.iter().all(|figures| !figures.gone.is_empty()) {
        beside("its process ended", contenders, deed, |f| &f.gone);
    }
}

/// Our time beside the better of the others. What is shorter than the gap between two requests
/// cannot be seen from outside, and counts as that.
fn beside(
    what: &str,
    contenders: &[Contender],
    deed: &Deed,
    of: impl Fn(&Figures) -> &Vec<Duration>,
) {
    let ratio = |part: f64| {
        let gap = Duration::from_micros(1_000_000 / RATE);
        let seconds = |f: &Figures| times::percentile(of(f), part).max(gap).as_secs_f64();
        let (mut ours, mut best) = (f64::NAN, f64::INFINITY);
        for (contender, figures) in contenders.iter().zip(&deed.of) {
            match contender {
                Contender::Deckwatch(_) => ours = seconds(figures),
                Contender::Other(_) => best = best.min(seconds(figures)),
            }
        }
        best.is_finite().then(|| best / ours)
    };
    if let (Some(half), Some(tail)) = (ratio(0.5), ratio(0.99)) {
        println!("  {what}, the better one's time ÷ ours: p50 {half:.2}, p99 {tail:.2}");
    }
}

/// Says what became of all requests; whether all of ours were answered.
fn dropped(contenders: &[Contender], counts: &[Counts]) -> bool {
    let mut kept = true;
    println!();
    for (contender, counts) in contenders.iter().zip(counts) {
        let ours = matches!(contender, Contender::Deckwatch(_));
        let said = match counts.dropped {
            _ if !ours => "",
            0 => "; aim 0: met",
            _ => "; aim 0: MISSED",
        };
        println!(
            "  {:<10} of {} requests dropped {}{said}; sent again on a new connection {}",
            contender.name(),
            counts.sent,
            counts.dropped,
            counts.reconnected
        );
        if let Some(why) = &counts.why {
            println!("  {:<10} last failure: {why}", "");
        }
        kept &= !ours || counts.dropped == 0;
    }
    kept
}
