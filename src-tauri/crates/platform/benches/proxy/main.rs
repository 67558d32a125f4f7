//! The proxy beside HAProxy and nginx, and the time of a take-back.
//!
//! `cargo bench -p deckwatch-platform --bench proxy [-- quick]`. Exits with an error when an aim
//! that is ours to keep is missed: a take-back's last bad response within 50 ms (p99) at 1,000
//! requests a second, with no request dropped. The ratios beside the other proxies are printed
//! with their aim. What is not installed is said and left out.

#[cfg(unix)]
mod peers;
#[cfg(unix)]
mod takeback;

#[cfg(unix)]
fn main() {
    let quick = std::env::args().any(|a| a == "quick");
    // Cargo builds no examples for a bench: the host is built here, in the bench's own profile.
    let Some(host) = peers::host() else {
        eprintln!("the example `node_host` could not be built");
        std::process::exit(2);
    };
    let only = std::env::args().find(|a| a == "peers" || a == "takeback");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut kept = true;
    if only.as_deref() != Some("takeback") {
        peers::run(&runtime, &host, quick);
    }
    if only.as_deref() != Some("peers") {
        kept = takeback::run(&runtime, &host, quick);
    }
    if !kept {
        std::process::exit(1);
    }
}

#[cfg(not(unix))]
fn main() {}
