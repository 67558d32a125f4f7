//! Labels and annotations of alerts: Go templates with the functions that Prometheus gives them.
//!
//! What Go has and this has not: methods of values (`{{ (toTime 0).Year }}`), and functions of Go's
//! HTML escaping. A template that uses them does not expand, and says so.

mod functions;
mod humanize;
mod net;

use std::sync::Arc;

use deckwatch_promql::value::SampleValue;
use gotmpl::{Template, Value};

use crate::rules::Words;

/// Answers a `query` in a template: series with one value each, or why not.
pub type Ask = Arc<dyn Fn(&str) -> Result<Vec<(Words, f64)>, String> + Send + Sync>;

/// What is the same for all templates of one evaluation.
#[derive(Clone)]
pub struct Context {
    /// The moment that is evaluated, in milliseconds since 1970.
    pub at_ms: i64,
    /// Labels of whoever evaluates.
    pub external_labels: Words,
    /// Where whoever evaluates can be looked at.
    pub external_url: String,
    pub ask: Ask,
}

impl Context {
    /// A context in which nothing can be asked.
    pub fn bare(at_ms: i64) -> Self {
        Context {
            at_ms,
            external_labels: Words::new(),
            external_url: String::new(),
            ask: Arc::new(|_| Err("there are no samples here".to_owned())),
        }
    }
}

/// Why a template does not expand.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("template: {0}")]
pub struct TemplateError(pub String);

/// What every template of an alert can name.
const DEFINITIONS: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
    {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// Whether a text is a template.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str) -> Result<(), TemplateError> {
    if !text.contains("{{") {
        return Ok(());
    }
    parsed(text, &Context::bare(0)).map(|_| ())
}

/// Expands a label or an annotation of an alert.
///
/// # Errors
/// Why it does not expand.
pub fn expand(
    text: &str,
    labels: &Words,
    value: &SampleValue,
    context: &Context,
) -> Result<String, TemplateError> {
    // Most have nothing to be expanded.
    if !text.contains("{{") {
        return Ok(text.to_owned());
    }
    let value = match value {
        SampleValue::Float(v) => Value::Float(*v),
        SampleValue::Histogram(h) => Value::String(h.to_string().into()),
    };
    let data = functions::map([
        ("Labels", functions::words(labels)),
        ("ExternalLabels", functions::words(&context.external_labels)),
        ("ExternalURL", Value::String(context.external_url.as_str().into())),
        ("Value", value),
    ]);
    let template = parsed(text, context)?;
    template.execute_to_string(&data).map_err(|e| TemplateError(e.to_string()))
}

fn parsed(text: &str, context: &Context) -> Result<Template, TemplateError> {
    Template::new("alert")
        .funcs(functions::all(context))
        .parse(&format!("{DEFINITIONS}{text}"))
        .map_err(|e| TemplateError(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        said_of(text, 0.0)
    }

    fn said_of(text: &str, value: f64) -> String {
        let labels: Words = [("instance", "web-1:9090"), ("job", "shop")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into();
        let context = Context {
            external_labels: [("region".to_owned(), "eu".to_owned())].into(),
            external_url: "https://watch.example/prometheus".into(),
            ask: Arc::new(|query| match query {
                "up" => Ok(["b", "a", "a10", "a9"]
                    .map(|host| ([("host".to_owned(), host.to_owned())].into(), 2.5))
                    .into()),
                "nothing" => Ok(Vec::new()),
                _ => Err("no such query".into()),
            }),
            ..Context::bare(1_435_065_584_128)
        };
        expand(text, &labels, &SampleValue::Float(value), &context)
            .unwrap_or_else(|e| format!("error: {e}"))
    }

    #[test]
    fn what_an_alert_is_made_of_can_be_named() {
        assert_eq!(said("{{ $labels.instance }} of {{ .Labels.job }}"), "web-1:9090 of shop");
        assert_eq!(said("{{ $labels.nothing }}"), "<no value>");
        assert_eq!(said("{{ $externalLabels.region }} {{ $externalURL }}"), "eu https://watch.example/prometheus");
        assert_eq!(said_of("{{ $value }}", 0.25), "0.25");
        assert_eq!(said_of("{{ $value }}", 1_000_000.0), "1e+06");
        assert_eq!(said_of("{{ printf \"%.2f\" $value }}", 1.0 / 3.0), "0.33");
        assert_eq!(said_of("{{ if gt $value 0.5 }}high{{ else }}low{{ end }}", 0.7), "high");
    }

    #[test]
    fn numbers_are_made_readable() {
        let table = [
            ("humanize", 0.0, "0"),
            ("humanize", 1_234_567.0, "1.235M"),
            ("humanize", 0.000_012, "12u"),
            ("humanize", f64::NAN, "NaN"),
            ("humanize", f64::INFINITY, "+Inf"),
            ("humanize1024", 1_048_576.0, "1Mi"),
            ("humanize1024", 1023.0, "1023"),
            ("humanizeDuration", 0.0, "0s"),
            ("humanizeDuration", 899.99, "14m 59s"),
            ("humanizeDuration", 86_400.0, "1d 0h 0m 0s"),
            ("humanizeDuration", -3600.0, "-1h 0m 0s"),
            ("humanizeDuration", 0.001, "1ms"),
            ("humanizeDuration", 1.234_567, "1.235s"),
            ("humanizePercentage", 0.0512, "5.12%"),
            ("humanizeTimestamp", 1_435_065_584.128, "2015-06-23 13:19:44.128 +0000 UTC"),
        ];
        for (function, value, expected) in table {
            assert_eq!(said_of(&format!("{{{{ $value | {function} }}}}"), value), expected, "{function} {value}");
        }
        assert_eq!(said("{{ \"1.5e3\" | humanize }}"), "1.5k");
        assert!(said("{{ \"much\" | humanize }}").starts_with("error: "));
    }

    #[test]
    fn samples_can_be_asked_for() {
        assert_eq!(said("{{ with query \"up\" }}{{ . | first | value }}{{ end }}"), "2.5");
        assert_eq!(said("{{ query \"up\" | first | label \"host\" }}"), "b");
        let all = "{{ range query \"up\" | sortByLabel \"host\" }}{{ .Labels.host }}={{ .Value }} {{ end }}";
        assert_eq!(said(all), "a=2.5 a9=2.5 a10=2.5 b=2.5 ");
        assert!(said("{{ query \"nothing\" | first }}").contains("no elements"));
        assert!(said("{{ query \"other\" }}").contains("no such query"));
    }

    #[test]
    fn texts_are_taken_apart() {
        let table = [
            ("{{ \"shop floor\" | title }}", "Shop Floor"),
            ("{{ toUpper \"aB\" }}{{ toLower \"aB\" }}", "ABab"),
            ("{{ match \"^w\" $labels.instance }}", "true"),
            ("{{ reReplaceAll \"(.*)-(\\\\d+):.*\" \"$2 of $1\" $labels.instance }}", "1 of web"),
            ("{{ stripPort $labels.instance }}", "web-1"),
            ("{{ stripDomain \"web-1.shop.example:9090\" }}", "web-1:9090"),
            ("{{ stripDomain \"192.0.2.1:80\" }}", "192.0.2.1:80"),
            ("{{ graphLink \"up == 0\" }}", "/graph?g0.expr=up+%3D%3D+0&g0.tab=0"),
            ("{{ tableLink \"up\" }}", "/graph?g0.expr=up&g0.tab=1"),
            ("{{ pathPrefix }} {{ externalURL }}", "/prometheus https://watch.example/prometheus"),
            ("{{ parseDuration \"1h30m\" }}", "5400"),
            ("{{ (args 1 \"b\").arg1 }}", "b"),
            ("{{ urlQueryEscape \"a b&c\" }}", "a+b%26c"),
            ("{{ now }}", "1.435065584128e+09"),
        ];
        for (text, expected) in table {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_before_and_at_its_time() {
        for text in ["{{ $labels.", "{{ end }}", "{{ nothing 1 }}", "{{ if }}x{{ end }}"] {
            assert!(check(text).is_err(), "{text}");
        }
        assert!(check("plain } text {").is_ok());
        assert!(said("{{ 1 | first }}").starts_with("error: "));
    }
}
