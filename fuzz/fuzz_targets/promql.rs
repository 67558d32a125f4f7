//! Whatever stands where a query should: an answer within its limits, or a refusal whose place lies
//! in the text. What is understood is written as Prometheus would, and that means the same.
#![no_main]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use deckwatch_promql::labels::Labels;
use deckwatch_promql::parse::Dialect;
use deckwatch_promql::value::FloatPoint;
use deckwatch_promql::{EvalError, Interrupt, MemorySource, Options, Query, SeriesSamples, When};
use libfuzzer_sys::fuzz_target;

/// An hour of a counter that begins anew, a gauge and a histogram's buckets.
fn samples() -> MemorySource {
    let counted = |pairs: &[(&str, &str)], of: fn(i64) -> f64| SeriesSamples {
        labels: Labels::from_pairs(pairs.iter().copied()),
        floats: (0..120)
            .map(|n| FloatPoint {
                t: n * 30_000,
                v: of(n),
            })
            .collect(),
        ..SeriesSamples::default()
    };
    MemorySource::new([
        counted(&[("__name__", "a"), ("job", "x")], |n| (n % 50) as f64),
        counted(&[("__name__", "a"), ("job", "y")], |n| n as f64 * 1e300),
        counted(&[("__name__", "b"), ("job", "x")], |n| match n % 7 {
            0 => f64::NAN,
            1 => f64::INFINITY,
            n => -(n as f64),
        }),
        counted(&[("__name__", "h_bucket"), ("le", "1")], |n| n as f64),
        counted(&[("__name__", "h_bucket"), ("le", "+Inf")], |n| 2.0 * n as f64),
    ])
}

fuzz_target!(|text: &str| {
    static SOURCE: OnceLock<MemorySource> = OnceLock::new();
    let query = match Query::new(text, Dialect::default()) {
        Ok(query) => query,
        Err(error) => {
            assert!(error.span.start <= text.len(), "{error}");
            return;
        }
    };
    let written = query.expr().to_string();
    let again = Query::new(&written, Dialect::default()).expect("what was written by us");
    assert_eq!(written, again.expr().to_string());
    let options = Options {
        max_samples: 100_000,
        ..Options::default()
    };
    let moments = [
        When::Instant(1_800_000),
        When::Range {
            start: 0,
            end: 3_600_000,
            step: 300_000,
        },
    ];
    for when in moments {
        let began = Instant::now();
        let patience = || match began.elapsed() > Duration::from_secs(2) {
            true => Interrupt::TimedOut,
            false => Interrupt::Continue,
        };
        let source = SOURCE.get_or_init(samples);
        match query.run_while(when, source, &options, &patience) {
            Ok(_) | Err(EvalError::Parse(_)) => {}
            // A refusal says why.
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        assert!(began.elapsed() < Duration::from_secs(8), "it was told to end");
    }
});
