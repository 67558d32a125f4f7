use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Exposition, ExpositionError> {
    parse(text, &Limits::default())
}

fn one(text: &str) -> Sample {
    let read = read(text).unwrap();
    assert_eq!(read.samples.len(), 1, "{text}");
    read.samples[0].clone()
}

#[test]
fn what_the_format_allows_is_read() {
    let table: &[(&str, Sample)] = &[
        ("a 1", Sample::new("a", &[], 1.0)),
        ("  a:b_c\t 1.5e3  ", Sample::new("a:b_c", &[], 1500.0)),
        ("a{} 1", Sample::new("a", &[], 1.0)),
        ("a {x=\"1\",} 2", Sample::new("a", &[("x", "1")], 2.0)),
        (
            "a{ z = \"1\" , b=\"2\" } +Inf",
            Sample::new("a", &[("b", "2"), ("z", "1")], f64::INFINITY),
        ),
        ("a{x=\"\"} -Inf", Sample::new("a", &[], f64::NEG_INFINITY)),
        (
            r#"a{x="q\"b\\n\n}"} 0"#,
            Sample::new("a", &[("x", "q\"b\\n\n}")], 0.0),
        ),
        ("a{x=\"ü\"}-1", Sample::new("a", &[("x", "ü")], -1.0)),
        (
            "le_bucket{le=\"+Inf\"} 144320",
            Sample::new("le_bucket", &[("le", "+Inf")], 144_320.0),
        ),
    ];
    for (text, expected) in table {
        assert_eq!(&one(text), expected, "{text}");
    }
    assert!(one("a NaN").value.is_nan());
    assert_eq!(
        one("a 3 1395066363000").timestamp_ms,
        Some(1_395_066_363_000)
    );
    assert_eq!(one("a 3 -5").timestamp_ms, Some(-5));
}

#[test]
fn comments_types_and_blank_lines() {
    let text =
        "# HELP a Says \\n things\n# TYPE a counter\n\n#nothing\n# EOF\na 1\n#TYPE b gauge\nb 2\n";
    let read = read(text).unwrap();
    assert_eq!(read.samples.len(), 2);
    assert_eq!(read.types["a"], MetricType::Counter);
    assert_eq!(read.types["b"], MetricType::Gauge);
    assert_eq!(
        super::parse("", &Limits::default()).unwrap(),
        Exposition::default()
    );
}

#[test]
fn mistakes_are_named_with_their_line() {
    let table = [
        ("a 1\nb", 2, "value is missing"),
        ("1a 1", 1, "not a metric name"),
        ("{x=\"1\"} 1", 1, "metric name is missing"),
        ("a{x=1} 1", 1, "not in quotes"),
        ("a{x=\"1} 1", 1, "does not end"),
        ("a{x=\"1\"", 1, "missing after the label x"),
        ("a{x=\"1\" y=\"2\"} 1", 1, "missing after the label x"),
        ("a{x=\"1\",x=\"2\"} 1", 1, "stands twice"),
        ("a{,} 1", 1, "label name is missing"),
        ("a{b:c=\"1\"} 1", 1, "`=` is missing"),
        ("a{x=\"\\t\"} 1", 1, "not an escape"),
        ("a{x=\"\\", 1, "does not end"),
        ("a 1 2 3", 1, "after the sample's end"),
        ("a 1 1.5", 1, "not a timestamp"),
        ("a one", 1, "not a number"),
        ("a 1\r\nb 2", 1, "not a number"),
        ("# TYPE a meter", 1, "not a metric type"),
        ("# TYPE a", 1, "a TYPE line is"),
        ("# TYPE a counter\n# TYPE a counter", 2, "second TYPE"),
        ("<html>", 1, "metric name is missing"),
    ];
    for (text, line, what) in table {
        let error = read(text).unwrap_err();
        assert_eq!(error.line, line, "{text}");
        assert!(error.what.contains(what), "{text}: {error}");
    }
}

#[test]
fn limits_hold() {
    let small = Limits {
        bytes: 200,
        samples: 2,
        labels: 2,
        text: 10,
    };
    assert!(parse(&"x".repeat(201), &small).is_err());
    assert!(parse("a 1\na 2\na 3", &small).is_err());
    assert!(parse("a{a=\"1\",b=\"2\",c=\"3\"} 1", &small).is_err());
    assert!(parse("a{a=\"12345678901234\"} 1", &small).is_err());
    assert!(parse("aaaaaaaaaaaaaa 1", &small).is_err());
    assert!(parse("a{a=\"1\",b=\"2\"} 1\na 2", &small).is_ok());
}

fn open(text: &str) -> Result<Exposition, ExpositionError> {
    parse_as(Format::OpenMetrics, text, &Limits::default())
}

#[test]
fn names_in_quotes_may_be_any_text() {
    let table: &[(&str, Sample)] = &[
        (r#"{"a.b"} 1"#, Sample::new("a.b", &[], 1.0)),
        (
            r#"{"http.requests", "url.path"="/ü", code="200"} 2"#,
            Sample::new("http.requests", &[("code", "200"), ("url.path", "/ü")], 2.0),
        ),
        (r#"{x="1","a b"} 3"#, Sample::new("a b", &[("x", "1")], 3.0)),
        (r#"a{"x.y"="1"} 4"#, Sample::new("a", &[("x.y", "1")], 4.0)),
    ];
    for (text, expected) in table {
        assert_eq!(&one(text), expected, "{text}");
        let whole = open(&format!("{text}\n# EOF\n")).unwrap();
        assert_eq!(&whole.samples[0], expected, "{text}");
    }
    let typed = read("# TYPE \"a b\" counter\n{\"a b\"} 1\n").unwrap();
    assert_eq!(typed.types["a b"], MetricType::Counter);
    for (text, what) in [
        (r#"{"a","b"} 1"#, "`=` is missing after the label b"),
        (r#"a{"b"} 1"#, "a second metric name after a"),
        (r#"{"","x"="1"} 1"#, "is empty"),
        (r#"{x="1"} 1"#, "metric name is missing"),
        (r#"{"a"x="1"} 1"#, "after the metric's name"),
        (r#"{"a} 1"#, "does not end"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.what.contains(what), "{text}: {error}");
    }
}

const OPEN: &str = r#"# TYPE acme_http_seconds histogram
# UNIT acme_http_seconds seconds
# HELP acme_http_seconds How long \"it\" took.\nAll of it.
acme_http_seconds_bucket{le="0.1"} 8 # {} 0.05
acme_http_seconds_bucket{le="+Inf"} 10 1520879607.789 # {trace_id="KOO"} 0.67 1520879606.1
acme_http_seconds_sum 3.5
acme_http_seconds_count 10
acme_http_seconds_created 1520430000.123
# TYPE build info
build_info{version="1.2 # {"} 1
# TYPE mode stateset
mode{mode="on"} 1
# TYPE sizes gaugehistogram
# TYPE odd unknown
odd NaN
# EOF
"#;

#[test]
fn openmetrics_is_read_whole() {
    let read = open(OPEN).unwrap();
    assert_eq!(read.samples.len(), 8);
    assert_eq!(read.exemplars, 2);
    assert_eq!(read.units["acme_http_seconds"], "seconds");
    assert_eq!(read.types["acme_http_seconds"], MetricType::Histogram);
    assert_eq!(read.types["build"], MetricType::Info);
    assert_eq!(read.types["mode"], MetricType::StateSet);
    assert_eq!(read.types["sizes"], MetricType::GaugeHistogram);
    let bucket = &read.samples[1];
    assert_eq!(bucket.timestamp_ms, Some(1_520_879_607_789));
    assert_eq!(bucket.labels, [("le".to_owned(), "+Inf".to_owned())]);
    // What tells when a counter began is a series like any other.
    assert_eq!(read.samples[4].name, "acme_http_seconds_created");
    assert_eq!(read.samples[5].labels[0].1, "1.2 # {");
    assert_eq!(open("# EOF").unwrap(), Exposition::default());
}

#[test]
fn mistakes_of_openmetrics_are_named_with_their_line() {
    let table = [
        ("a 1\n", 1, "does not end with `# EOF`"),
        ("", 0, "does not end with `# EOF`"),
        ("a 1\nb 2", 2, "does not end with `# EOF`"),
        ("a 1\n# EOF\nb 2\n", 3, "more after `# EOF`"),
        ("a 1\n\n# EOF\n", 2, "a blank line"),
        ("# nothing\n# EOF\n", 1, "only HELP, TYPE, UNIT and EOF"),
        (
            "#TYPE a counter\n# EOF\n",
            1,
            "only HELP, TYPE, UNIT and EOF",
        ),
        ("# TYPE a meter\n# EOF\n", 1, "not a metric type"),
        (
            "# TYPE a gauge\n# TYPE a gauge\n# EOF\n",
            2,
            "second TYPE line",
        ),
        ("# HELP a b\n# HELP a b\n# EOF\n", 2, "second HELP line"),
        ("# HELP a \\t\n# EOF\n", 1, "begins no escape"),
        (
            "# UNIT a_seconds bytes\n# EOF\n",
            1,
            "not the end of the name",
        ),
        ("a 1 1e300\n# EOF\n", 1, "not a timestamp in seconds"),
        ("a 1 2 3\n# EOF\n", 1, "after the sample's end"),
        ("a\n# EOF\n", 1, "value is missing"),
        ("a{x=\"1\"}1\n# EOF\n", 1, "where the value belongs"),
        (
            "a 1 # 0.5\n# EOF\n",
            1,
            "the exemplar: its labels are missing",
        ),
        (
            "a 1 # {x=\"1\"}\n# EOF\n",
            1,
            "the exemplar: the value is missing",
        ),
        (
            "a 1 # {\"x\"} 1\n# EOF\n",
            1,
            "the exemplar: `=` is missing",
        ),
    ];
    for (text, line, what) in table {
        let error = open(text).unwrap_err();
        assert_eq!(error.line, line, "{text}: {error}");
        assert!(error.what.contains(what), "{text}: {error}");
    }
    let long = format!("a 1 # {{x=\"{}\"}} 1\n# EOF\n", "y".repeat(128));
    assert!(open(&long).unwrap_err().what.contains("128 characters"));
}

#[test]
fn the_content_type_says_which_format() {
    let of = |text: &str| Format::of(Some(text));
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(of(open), Ok(Format::OpenMetrics));
    assert_eq!(of("text/plain; version=0.0.4"), Ok(Format::Text));
    assert_eq!(Format::of(None), Ok(Format::Text));
    assert!(of("application/vnd.google.protobuf; proto=x").is_err());
    assert!(of("text/html; charset=utf-8").unwrap_err().contains("page"));
}

/// Writes a sample as a target would.
fn written(sample: &Sample) -> String {
    let labels: Vec<String> = sample
        .labels
        .iter()
        .map(|(name, value)| {
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        })
        .collect();
    format!("{}{{{}}} {}", sample.name, labels.join(","), sample.value)
}

/// The same with every name in quotes.
fn written_quoted(sample: &Sample) -> String {
    let quoted = |text: &str| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{}\"", text.replace('\n', "\\n"))
    };
    let mut inside = vec![quoted(&sample.name)];
    for (name, value) in &sample.labels {
        inside.push(format!("{}={}", quoted(name), quoted(value)));
    }
    format!("{{{}}} {}", inside.join(","), sample.value)
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,200}") {
        let _ = read(&text);
        let _ = open(&text);
    }

    #[test]
    fn nothing_near_the_format_panics(text in "[a{}=\",\\\\ \t\n#1.eTYPEUNIOF+-ü]{0,120}") {
        let _ = read(&text);
        let _ = open(&text);
    }

    #[test]
    fn an_answer_that_is_cut_off_is_refused(cut in 0..OPEN.len()) {
        // All but the last line's end.
        prop_assume!(OPEN.is_char_boundary(cut) && cut < OPEN.len() - 1);
        prop_assert!(open(&OPEN[..cut]).is_err());
    }

    #[test]
    fn names_in_quotes_are_read_back(
        name in "\\PC{1,12}",
        labels in proptest::collection::btree_map("\\PC{1,8}", "\\PC{1,12}", 0..5),
        value in proptest::num::f64::NORMAL,
        at in proptest::option::of(-4_000_000_000_000i64..4_000_000_000_000),
    ) {
        let sample = Sample { name, labels: labels.into_iter().collect(), value, timestamp_ms: at };
        let line = written_quoted(&sample);
        let (ms, seconds) = match at {
            Some(at) => (format!(" {at}"), format!(" {}", at as f64 / 1000.0)),
            None => Default::default(),
        };
        prop_assert_eq!(&one(&format!("{line}{ms}")), &sample);
        let whole = open(&format!("{line}{seconds}\n# EOF\n")).unwrap();
        prop_assert_eq!(&whole.samples[0], &sample);
    }

    #[test]
    fn what_is_written_is_read_back(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,12}",
        labels in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,8}", "[ -~ü\n\\\\\"]{1,12}", 0..5),
        value in proptest::num::f64::ANY,
    ) {
        let sample = Sample { name, labels: labels.into_iter().collect(), value, timestamp_ms: None };
        let back = one(&written(&sample));
        prop_assert_eq!(&back.labels, &sample.labels);
        prop_assert!(back.value == sample.value || (back.value.is_nan() && sample.value.is_nan()));
    }
}
