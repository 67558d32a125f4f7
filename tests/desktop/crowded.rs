//! A large house: a thousand services whose figures change every second.

use std::time::{Duration, Instant};

use crate::crowd;

const SERVICES: usize = 1000;

/// The rate that the first row shows.
const FIRST_RATE: &str =
    "return document.querySelector('[role=row][aria-rowindex=\"2\"]')?.innerText ?? ''";

#[tokio::test]
async fn a_thousand_services_stay_live() {
    let (window, beating) = crowd::open(SERVICES).await;
    window.read("1 000 services").await;
    window.read("service-0000").await;

    // The figures move by themselves.
    let mut seen = std::collections::BTreeSet::new();
    let began = Instant::now();
    while seen.len() < 3 && began.elapsed() < Duration::from_secs(60) {
        let row = window.run(FIRST_RATE).await;
        seen.insert(row.as_str().unwrap_or_default().to_owned());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(seen.len() >= 3, "the first row stands still: {seen:?}");

    // The last row is one key away, and a filter finds one of a thousand.
    window.press("/").await;
    window.type_in("0777").await;
    window.read("service-0777").await;
    let gone = "return !document.body.innerText.includes('service-0000')";
    let began = Instant::now();
    while window.run(gone).await != true {
        assert!(began.elapsed() < Duration::from_secs(20), "not filtered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    beating.abort();
    window.close().await;
}
