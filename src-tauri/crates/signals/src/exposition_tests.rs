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

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn nothing_near_the_format_panics(text in "[a{}=\",\\\\ \t\n#1.eTYPE+-ü]{0,120}") {
        let _ = read(&text);
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
