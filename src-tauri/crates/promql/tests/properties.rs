//! Properties that no input may break.

mod queries;

use deckwatch_promql::parse::{Dialect, parse, parse_selector, parse_series};
use deckwatch_promql::testlang::run_script;
use deckwatch_promql::{EvalError, Interrupt, Options, Query, When};
use proptest::prelude::*;
use queries::{query, source};

/// Text that looks like a query more often than chance would have it.
fn soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "sum",
        "by",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "5m",
        ":",
        "a",
        "\"b\"",
        "=~",
        "!=",
        "=",
        ",",
        "offset",
        "@",
        "-",
        "+",
        "1",
        "1e3",
        "0x1",
        "rate",
        "step()",
        "on",
        "group_left",
        "bool",
        "==",
        "</",
        "'",
        "`",
        "#",
        "\n",
        " ",
        "inf",
        "é",
        "\\x",
        "{{",
        "}}",
        "x5",
        "_",
        "stale",
        "fill(",
        "start()",
        "anchored",
        "min_of(",
        "[5m",
        "info(",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_the_parser(text in any::<String>()) {
        let _ = parse(&text, Dialect::FULL);
        let _ = parse_selector(&text);
        let _ = parse_series(&text);
    }

    #[test]
    fn no_soup_breaks_the_parser(text in soup()) {
        if let Err(error) = parse(&text, Dialect::FULL) {
            prop_assert!(!error.message.is_empty());
        }
        let _ = parse(&text, Dialect::default());
        let _ = parse_series(&text);
        let _ = run_script(&text);
    }

    #[test]
    fn what_is_printed_reads_back(text in query()) {
        let first = parse(&text, Dialect::FULL).unwrap_or_else(|e| panic!("{text}: {e}"));
        let printed = first.to_string();
        let second = parse(&printed, Dialect::FULL).unwrap_or_else(|e| panic!("{printed}: {e}"));
        prop_assert_eq!(printed, second.to_string());
    }

    #[test]
    fn no_query_breaks_the_evaluator(text in query(), start in 0i64..1_200_000, steps in 0i64..9) {
        let query = Query::new(&text, Dialect::FULL).unwrap();
        let source = source();
        for delayed_name_removal in [true, false] {
            let options = Options { delayed_name_removal, ..Options::default() };
            let instant = query.run(When::Instant(start), &source, &options);
            let when = When::Range { start, end: start + steps * 45_000, step: 45_000 };
            let range = query.run(when, &source, &options);
            // Whoever is asked twice says the same twice.
            prop_assert_eq!(
                format!("{instant:?}"),
                format!("{:?}", query.run(When::Instant(start), &source, &options))
            );
            prop_assert_eq!(
                format!("{range:?}"),
                format!("{:?}", query.run(when, &source, &options))
            );
        }
    }

    #[test]
    fn needs_are_all_that_is_read(text in query(), start in 0i64..1_200_000) {
        let query = Query::new(&text, Dialect::FULL).unwrap();
        let options = Options::default();
        let when = When::Range { start, end: start + 120_000, step: 30_000 };
        let (Ok(needs), full) = (query.needs(when, &options), source()) else {
            return Ok(());
        };
        let bare = queries::only(&full, &needs);
        prop_assert_eq!(
            format!("{:?}", query.run(when, &full, &options)),
            format!("{:?}", query.run(when, &bare, &options))
        );
    }
}

#[test]
fn limits_are_kept() {
    let query = Query::new("sum(rate(counter_total[5m]))", Dialect::default()).unwrap();
    let when = When::Range {
        start: 0,
        end: 600_000,
        step: 1_000,
    };
    let options = Options {
        max_samples: 100,
        ..Options::default()
    };
    assert_eq!(
        query.run(when, &source(), &options),
        Err(EvalError::TooManySamples)
    );
    let stopped = query.run_while(when, &source(), &Options::default(), &|| {
        Interrupt::Cancelled
    });
    assert_eq!(stopped, Err(EvalError::Cancelled));
}
