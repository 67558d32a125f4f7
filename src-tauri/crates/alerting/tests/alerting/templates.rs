//! Every function that Prometheus gives to templates.

use deckwatch_alerting::template::{Expander, Scene, check};
use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::{Sample, SampleValue};

fn said(text: &str, value: f64) -> String {
    let labels = Labels::from_pairs([
        ("__name__", "x"),
        ("instance", "web-1.shop.example:9090"),
        ("job", "shop"),
    ]);
    let expander = Expander::new(Scene {
        external_labels: [("region".to_owned(), "eu".to_owned())].into(),
        external_url: "https://watch.example/prometheus".into(),
    });
    let sample = |host: &str, v: f64| Sample {
        labels: Labels::from_pairs([("host", host), ("__value__", "seven")]),
        t: 0,
        value: SampleValue::Float(v),
    };
    let mut ask = |query: &str| match query {
        "up" => Ok(vec![sample("b", 2.0), sample("a", 1.0), sample("a10", 3.0)]),
        "none" => Ok(Vec::new()),
        "up{host=\"a\"}" => Ok(vec![sample("a", 1_000_000.0)]),
        other => Err(format!("no such query: {other}")),
    };
    let value = SampleValue::Float(value);
    let said = expander.expand(text, &labels, &value, 1_435_065_584_128, &mut ask);
    said.unwrap_or_else(|why| format!("error: {why}"))
}

#[test]
fn what_an_alert_is_made_of() {
    let table = [
        ("no template }} at all", "no template }} at all"),
        (
            "{{ $labels.job }} {{ .Labels.job }} {{ $.Labels.job }}",
            "shop shop shop",
        ),
        ("{{ $labels.__name__ }}", "x"),
        (
            "{{ $labels.nothing }}|{{ index $labels \"nothing\" }}|{{ .Labels.nothing }}",
            "||",
        ),
        ("{{ if $labels.nothing }}a{{ else }}b{{ end }}", "b"),
        (
            "{{ $externalLabels.region }} {{ .ExternalLabels.region }}",
            "eu eu",
        ),
        (
            "{{ $externalURL }} {{ .ExternalURL }}",
            "https://watch.example/prometheus https://watch.example/prometheus",
        ),
        (
            "{{ externalURL }} {{ pathPrefix }}",
            "https://watch.example/prometheus /prometheus",
        ),
        (
            "{{ range $k, $v := $labels }}{{ $k }}={{ $v }},{{ end }}",
            "__name__=x,instance=web-1.shop.example:9090,job=shop,",
        ),
        (
            "{{ define \"t\" }}<{{ . }}>{{ end }}{{ template \"t\" $labels.job }}",
            "<shop>",
        ),
        ("{{ now }}", "1.435065584128e+09"),
    ];
    for (text, expected) in table {
        assert_eq!(said(text, 0.0), expected, "{text}");
    }
}

#[test]
fn numbers_are_printed_as_go_prints_them() {
    let table = [
        (0.0, "0"),
        (1.0, "1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (100_000.0, "100000"),
        (1_000_000.0, "1e+06"),
        (123_456_789.0, "1.23456789e+08"),
        (0.000_01, "1e-05"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
    ];
    for (value, expected) in table {
        for text in [
            "{{ $value }}",
            "{{ .Value }}",
            "{{ print $value }}",
            "{{ printf \"%v\" $value }}",
        ] {
            assert_eq!(said(text, value), expected, "{text} {value}");
        }
    }
    let table = [
        ("{{ printf \"%.2f\" $value }}", "1234567.89"),
        (
            "{{ printf \"%6.1f|%-6s|%d\" $value \"a\" 3 }}",
            "1234567.9|a     |3",
        ),
        ("{{ $value | printf \"%d%% %v\" 5 }}", "5% 1.23456789e+06"),
        ("{{ printf \"%v and %v\" 1e6 \"a\" }}", "1e+06 and a"),
        ("{{ println $value }}", "1.23456789e+06\n"),
        ("{{ print 1.5 2.5 \"a\" }}", "1.5 2.5a"),
        ("{{ $value | html }}", "1.23456789e+06"),
        ("{{ html \"<a>\" }}", "&lt;a&gt;"),
        ("{{ $value | urlquery }}", "1.23456789e%2B06"),
        ("{{ if gt $value 1e6 }}much{{ end }}", "much"),
    ];
    for (text, expected) in table {
        assert_eq!(said(text, 1_234_567.89), expected, "{text}");
    }
}

#[test]
fn numbers_are_made_readable() {
    let table = [
        ("humanize", 0.0, "0"),
        ("humanize", 1.0, "1"),
        ("humanize", 1_234_567.0, "1.235M"),
        ("humanize", 0.12, "120m"),
        ("humanize", 0.000_012, "12u"),
        ("humanize", -1500.0, "-1.5k"),
        ("humanize", 1e30, "1e+06Y"),
        ("humanize", f64::NAN, "NaN"),
        ("humanize", f64::INFINITY, "+Inf"),
        ("humanize1024", 0.0, "0"),
        ("humanize1024", 1.0, "1"),
        ("humanize1024", 1024.0, "1ki"),
        ("humanize1024", 1_048_576.0, "1Mi"),
        ("humanize1024", 1023.0, "1023"),
        ("humanize1024", 0.5, "0.5"),
        ("humanizeDuration", 0.0, "0s"),
        ("humanizeDuration", 1.0, "1s"),
        ("humanizeDuration", 60.0, "1m 0s"),
        ("humanizeDuration", 3600.0, "1h 0m 0s"),
        ("humanizeDuration", 86_400.0, "1d 0h 0m 0s"),
        ("humanizeDuration", 86_400.0 + 3600.0, "1d 1h 0m 0s"),
        (
            "humanizeDuration",
            -(86_400.0 * 2.0 + 3600.0 * 3.0 + 60.0 * 4.0 + 5.0),
            "-2d 3h 4m 5s",
        ),
        ("humanizeDuration", 899.99, "14m 59s"),
        ("humanizeDuration", 0.1, "100ms"),
        ("humanizeDuration", 0.000_1, "100us"),
        ("humanizeDuration", 0.123_456_7, "123.5ms"),
        ("humanizeDuration", 1.234_567, "1.235s"),
        ("humanizeDuration", f64::INFINITY, "+Inf"),
        ("humanizePercentage", -0.222_222_22, "-22.22%"),
        ("humanizePercentage", 0.0, "0%"),
        ("humanizePercentage", 0.123_456_78, "12.35%"),
        ("humanizePercentage", f64::NAN, "NaN%"),
        ("humanizeTimestamp", f64::INFINITY, "+Inf"),
        ("humanizeTimestamp", 0.0, "1970-01-01 00:00:00 +0000 UTC"),
        (
            "humanizeTimestamp",
            1_435_065_584.128,
            "2015-06-23 13:19:44.128 +0000 UTC",
        ),
        ("toTime", 1_435_065_584.5, "2015-06-23 13:19:44.5 +0000 UTC"),
        ("toDuration", 1800.0, "30m0s"),
        ("toDuration", 0.25, "250ms"),
    ];
    for (function, value, expected) in table {
        let text = format!("{{{{ $value | {function} }}}}");
        assert_eq!(said(&text, value), expected, "{function} {value}");
    }
    // Texts that are numbers count as those.
    for (text, expected) in [
        ("{{ humanize \"1.5e3\" }}", "1.5k"),
        ("{{ humanize1024 \"2048\" }}", "2ki"),
        ("{{ humanizeDuration \"61\" }}", "1m 1s"),
        ("{{ humanizePercentage \"0.5\" }}", "50%"),
        (
            "{{ humanizeTimestamp \"0\" }}",
            "1970-01-01 00:00:00 +0000 UTC",
        ),
        ("{{ humanize 5 }}", "5"),
    ] {
        assert_eq!(said(text, 0.0), expected, "{text}");
    }
    for text in [
        "{{ humanize \"much\" }}",
        "{{ humanize true }}",
        "{{ toTime 1e30 }}",
        "{{ humanizeTimestamp 1e30 }}",
    ] {
        assert!(said(text, 0.0).starts_with("error: "), "{text}");
    }
}

#[test]
fn samples_can_be_asked_for() {
    let table = [
        ("{{ query \"up\" | first | value }}", "2"),
        ("{{ query \"up\" | first | label \"host\" }}", "b"),
        ("{{ query \"up\" | first | label \"nothing\" }}", ""),
        ("{{ query \"up\" | first | strvalue }}", "seven"),
        (
            "{{ range query \"up\" | sortByLabel \"host\" }}{{ .Labels.host }}={{ .Value }} {{ end }}",
            "a=1 a10=3 b=2 ",
        ),
        (
            "{{ range query \"up\" }}{{ .Labels.nothing }}|{{ end }}",
            "|||",
        ),
        (
            "{{ range query \"none\" }}x{{ else }}empty{{ end }}",
            "empty",
        ),
        ("{{ with query \"none\" }}x{{ end }}", ""),
        (
            "{{ $h := \"a\" }}{{ printf \"up{host=%q}\" $h | query | first | value }}",
            "1e+06",
        ),
        ("{{ len (query \"up\") }}", "3"),
        ("{{ (query \"up\" | first).Value | humanize }}", "2"),
    ];
    for (text, expected) in table {
        assert_eq!(said(text, 0.0), expected, "{text}");
    }
    assert!(said("{{ query \"none\" | first }}", 0.0).contains("no elements"));
    assert!(said("{{ query \"else\" }}", 0.0).contains("no such query: else"));
    // Each query is asked once, however often it stands there.
    let mut asked = 0;
    let mut ask = |_: &str| {
        asked += 1;
        Ok(Vec::new())
    };
    let expander = Expander::new(Scene::default());
    let text = "{{ query \"a\" }}{{ query \"a\" }}{{ query \"b\" }}";
    let value = SampleValue::Float(0.0);
    expander
        .expand(text, &Labels::default(), &value, 0, &mut ask)
        .unwrap();
    assert_eq!(asked, 2);
}

#[test]
fn texts_are_taken_apart() {
    let table = [
        ("{{ \"shop floor\" | title }}", "Shop Floor"),
        (
            "{{ title \"aB-cd e_f don't a.b 1st\" }}",
            "AB-Cd E_f Don't A.b 1st",
        ),
        ("{{ toUpper \"aB\" }}{{ toLower \"aB\" }}", "ABab"),
        (
            "{{ match \"a+\" \"baab\" }} {{ match \"^a\" \"baab\" }}",
            "true false",
        ),
        ("{{ reReplaceAll \"(a)b\" \"x$1\" \"abcab\" }}", "xacxa"),
        ("{{ reReplaceAll \"b\" \"${1}\" \"abc\" }}", "ac"),
        ("{{ stripPort $labels.instance }}", "web-1.shop.example"),
        (
            "{{ stripPort \"[::1]:80\" }} {{ stripPort \"::1\" }} {{ stripPort \"a\" }}",
            "::1 ::1 a",
        ),
        ("{{ stripDomain $labels.instance }}", "web-1:9090"),
        (
            "{{ stripDomain \"web.example\" }} {{ stripDomain \"web:\" }}",
            "web web",
        ),
        (
            "{{ stripDomain \"192.0.2.1:80\" }} {{ stripDomain \"[2001:db8::1]:80\" }}",
            "192.0.2.1:80 [2001:db8::1]:80",
        ),
        (
            "{{ graphLink \"up == 0\" }}",
            "/graph?g0.expr=up+%3D%3D+0&g0.tab=0",
        ),
        (
            "{{ tableLink \"up{a=\\\"b\\\"}\" }}",
            "/graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=1",
        ),
        (
            "{{ parseDuration \"1h2m10ms\" }} {{ parseDuration \"-1m\" }} {{ parseDuration \"0\" }}",
            "3720.01 -60 0",
        ),
        ("{{ (args 1 \"b\").arg1 }}", "b"),
        ("{{ urlQueryEscape \"a b&c\" }}", "a+b%26c"),
        ("{{ safeHtml \"<b>\" }}", "<b>"),
    ];
    for (text, expected) in table {
        assert_eq!(said(text, 0.0), expected, "{text}");
    }
    for text in [
        "{{ match \"(\" \"a\" }}",
        "{{ reReplaceAll \"(\" \"\" \"a\" }}",
        "{{ parseDuration \"1\" }}",
    ] {
        assert!(said(text, 0.0).starts_with("error: "), "{text}");
    }
}

#[test]
fn what_is_no_template_is_refused_before_its_time() {
    let refused = [
        "{{ $labels.",
        "{{ end }}",
        "a{{ else }}b",
        "{{ nothing 1 }}",
        "{{ if }}x{{ end }}",
        "{{ if 1 }}x",
        "{{ $nothing }}",
        "{{ if $x := 1 }}{{ $x }}{{ end }}{{ $x }}",
        "{{ define \"t\" }}{{ $labels.a }}{{ end }}",
        "{{ template }}",
    ];
    for text in refused {
        assert!(check(text).is_err(), "{text}");
    }
    let taken = [
        "plain } text {",
        "{{/* a comment */}}",
        "{{ range $i, $s := query \"up\" }}{{ $i }}{{ $s.Value }}{{ end }}",
        "{{ with $x := $value }}{{ $x }}{{ else }}{{ $x }}{{ end }}",
        "{{- $labels.job -}}",
        "{{ $x := 1 }}{{ $x = 2 }}{{ $x }}",
    ];
    for text in taken {
        assert!(check(text).is_ok(), "{text}: {:?}", check(text));
    }
}

#[test]
fn a_template_cannot_hang_whoever_expands_it() {
    assert!(said("{{ range 1000000000 }}{{ end }}", 0.0).starts_with("error: "));
    let deep = [
        format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000)),
        "{{ if 1 }}".repeat(100_000) + &"{{ end }}".repeat(100_000),
        "{{if 1}}".to_owned() + &"{{- else if 1 -}}".repeat(100_000) + "{{end}}",
        "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}".to_owned(),
    ];
    for text in deep {
        assert!(said(&text, 0.0).starts_with("error: "));
    }
    let nested = "{{ if 1 }}".repeat(50) + "x" + &"{{ end }}".repeat(50);
    assert_eq!(said(&nested, 0.0), "x");
    let asks = "{{ range $i, $x := 5000 }}{{ printf \"%d\" $i | query }}{{ end }}";
    assert!(said(asks, 0.0).starts_with("error: "));
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_it(text in "(\\{\\{|\\}\\}| |\\$labels|\\$value|\\.|if|else|end|range|with|define|template|query|first|printf|\"%v\"|\"a\"|\\||\\(|\\)|:=|\\$x|1|-|é|/\\*|\\*/){0,16}") {
        let taken = check(&text).is_ok();
        let expanded = said(&text, 1.5);
        proptest::prop_assert!(taken || expanded.starts_with("error: "), "{} {}", text, expanded);
    }
}
