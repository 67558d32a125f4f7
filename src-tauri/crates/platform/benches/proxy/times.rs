//! Many times of one thing, in words.

use std::time::Duration;

/// The time that this part (0 to 1) of them does not exceed; zero of none.
pub fn percentile(all: &[Duration], part: f64) -> Duration {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let at = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len().max(1));
    sorted.get(at - 1).copied().unwrap_or_default()
}

/// Half of them, nearly all of them, the worst.
pub fn line(all: &[Duration]) -> String {
    let ms = |part: f64| percentile(all, part).as_secs_f64() * 1e3;
    format!(
        "p50 {:>7.2} ms   p99 {:>7.2} ms   max {:>7.2} ms",
        ms(0.5),
        ms(0.99),
        ms(1.0)
    )
}
