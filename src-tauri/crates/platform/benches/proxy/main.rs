//! The proxy beside HAProxy and nginx: throughput, the time of a take-back, the time of a switch.
//!
//! `cargo bench -p deckwatch-platform --bench proxy [-- [peers|takeback|switch] [quick]]`. Exits
//! with an error when an aim that is ours to keep is missed: a take-back's last bad response within
//! 50 ms (p99) at 1,000 requests a second, and no request dropped by it or by any switch. The ratios
//! beside the other proxies are printed. What is not installed is said and left out.

#[cfg(unix)]
mod contenders;
#[cfg(unix)]
mod load;
#[cfg(unix)]
mod peers;
#[cfg(unix)]
mod switch;
#[cfg(unix)]
mod takeback;
#[cfg(unix)]
mod times;

#[cfg(unix)]
fn main() {
    let quick = std::env::args().any(|a| a == "quick");
    // Cargo builds no examples for a bench: the host is built here, in the bench's own profile.
    let Some(host) = peers::host() else {
        eprintln!("the example `node_host` could not be built");
        std::process::exit(2);
    };
    let parts = ["peers", "takeback", "switch"];
    let only = std::env::args().find(|a| parts.contains(&a.as_str()));
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut kept = true;
    if wanted("peers") {
        peers::run(&runtime, &host, quick);
    }
    if wanted("takeback") {
        kept &= takeback::run(&runtime, &host, quick);
    }
    if wanted("switch") {
        kept &= switch::run(&runtime, &host, quick);
    }
    if !kept {
        std::process::exit(1);
    }
}

#[cfg(not(unix))]
fn main() {}
