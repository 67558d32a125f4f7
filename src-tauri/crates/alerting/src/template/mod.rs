//! Labels and annotations of alerts: Go templates with the functions that Prometheus gives them.
//!
//! What Go has and this has not: methods of values (`{{ (toTime 0).Year }}`), and functions of Go's
//! HTML escaping. A template that uses them does not expand, and says so.

mod functions;
mod humanize;
mod net;
mod tree;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::{Sample, SampleValue};
use gotmpl::{Template, Value};

use crate::rules::Words;

pub(crate) use humanize::humanize;

/// Answers a `query` in a template with an instant vector, or says why not.
pub type Asked = Result<Vec<Sample>, String>;

/// Who evaluates, as templates can name it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scene {
    /// Labels of whoever evaluates.
    pub external_labels: Words,
    /// Where whoever evaluates can be looked at.
    pub external_url: String,
}

/// Why a template does not expand.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("template: {0}")]
pub struct TemplateError(pub String);

/// What every template of an alert can name.
const DEFINITIONS: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
    {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// What a template is called.
const NAME: &str = "alert";

/// Stands behind every template: the library ends where an `{{end}}` has no beginning, and says
/// nothing of what follows.
const END: &str = "\u{3}";

/// Functions of the language itself.
const LANGUAGE: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or",
    "print", "printf", "println", "slice", "urlquery",
];

/// How often a loop in a template may turn: a template comes from a file, and may not hang us.
const MOST_TURNS: u64 = 100_000;
/// How many different queries one template may ask.
const MOST_QUERIES: usize = 1_000;

/// Whether a text is a template.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str) -> Result<(), TemplateError> {
    match is_template(text) {
        false => Ok(()),
        true => Parsed::new(text, &Scene::default(), &Arc::default()).map(|_| ()),
    }
}

/// Whether anything in a text is expanded.
pub fn is_template(text: &str) -> bool {
    text.contains("{{")
}

/// Expands templates; each is read once.
pub struct Expander {
    scene: Scene,
    parsed: Mutex<HashMap<String, Result<Parsed, TemplateError>>>,
    shared: Arc<Mutex<Moment>>,
}

/// What changes from expansion to expansion.
#[derive(Default)]
struct Moment {
    at_ms: i64,
    /// Labels that the template names.
    names: Vec<Arc<str>>,
    answers: BTreeMap<String, Asked>,
    /// Queries without an answer yet.
    wanted: Vec<String>,
}

struct Parsed {
    template: Template,
    names: Vec<Arc<str>>,
}

impl Parsed {
    fn new(text: &str, scene: &Scene, shared: &Arc<Mutex<Moment>>) -> Result<Self, TemplateError> {
        let wrong = |why: gotmpl::TemplateError| TemplateError(why.to_string());
        let functions = functions::all(scene, shared);
        let ours: BTreeSet<String> = functions.keys().cloned().collect();
        let template = Template::new(NAME)
            .max_range_iters(MOST_TURNS)
            .funcs(functions)
            .parse(&format!("{DEFINITIONS}{text}{END}"))
            .map_err(wrong)?;
        let known = |name: &str| ours.contains(name) || LANGUAGE.contains(&name);
        let (template, names) = tree::prepared(template, &known)?;
        Ok(Parsed { template, names })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Expander {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expander")
            .field("scene", &self.scene)
            .finish_non_exhaustive()
    }
}

impl Expander {
    pub fn new(scene: Scene) -> Self {
        Expander {
            scene,
            parsed: Mutex::default(),
            shared: Arc::default(),
        }
    }

    /// Expands a label or an annotation of the alert that a series makes at `at_ms` (milliseconds
    /// since 1970). `ask` answers each `query` in it once, at that moment.
    ///
    /// # Errors
    /// Why it does not expand.
    pub fn expand(
        &self,
        text: &str,
        labels: &Labels,
        value: &SampleValue,
        at_ms: i64,
        ask: &mut dyn FnMut(&str) -> Asked,
    ) -> Result<String, TemplateError> {
        // Most have nothing to be expanded.
        if !is_template(text) {
            return Ok(text.to_owned());
        }
        // Held to the end: one expansion at a time.
        let mut all = locked(&self.parsed);
        let parsed = match all.get(text) {
            Some(parsed) => parsed,
            None => {
                let read = Parsed::new(text, &self.scene, &self.shared);
                all.entry(text.to_owned()).or_insert(read)
            }
        };
        let parsed = parsed.as_ref().map_err(Clone::clone)?;
        *locked(&self.shared) = Moment {
            at_ms,
            names: parsed.names.clone(),
            ..Moment::default()
        };
        let external = self.scene.external_labels.iter();
        let external = external.map(|(n, v)| (n.as_str(), v.as_str()));
        let data = functions::map([
            ("Labels", functions::words(labels.iter(), &parsed.names)),
            ("ExternalLabels", functions::words(external, &parsed.names)),
            (
                "ExternalURL",
                Value::String(self.scene.external_url.as_str().into()),
            ),
            ("Value", functions::number_or_histogram(value)),
        ]);
        // What a template asks is known when it has asked. Then it begins again, with the answer.
        for _ in 0..MOST_QUERIES {
            let result = parsed.template.execute_template_to_string(NAME, &data);
            let wanted = std::mem::take(&mut locked(&self.shared).wanted);
            if wanted.is_empty() {
                return result.map_err(|e| TemplateError(e.to_string()));
            }
            for query in wanted {
                let answer = ask(&query);
                locked(&self.shared).answers.insert(query, answer);
            }
        }
        Err(TemplateError(format!(
            "it asks more than {MOST_QUERIES} queries"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        said_of(text, 0.0)
    }

    fn said_of(text: &str, value: f64) -> String {
        let labels = Labels::from_pairs([("instance", "web-1:9090"), ("job", "shop")]);
        let expander = Expander::new(Scene {
            external_labels: [("region".to_owned(), "eu".to_owned())].into(),
            external_url: "https://watch.example/prometheus".into(),
        });
        let mut ask = |query: &str| match query {
            "up" => Ok(["b", "a", "a10", "a9"]
                .map(|host| Sample {
                    labels: Labels::from_pairs([("host", host)]),
                    t: 0,
                    value: SampleValue::Float(2.5),
                })
                .into()),
            "nothing" => Ok(Vec::new()),
            _ => Err("no such query".into()),
        };
        let at = 1_435_065_584_128;
        expander
            .expand(text, &labels, &SampleValue::Float(value), at, &mut ask)
            .unwrap_or_else(|e| format!("error: {e}"))
    }

    #[test]
    fn what_an_alert_is_made_of_can_be_named() {
        assert_eq!(
            said("{{ $labels.instance }} of {{ .Labels.job }}"),
            "web-1:9090 of shop"
        );
        assert_eq!(said("{{ $labels.nothing }}"), "");
        assert_eq!(
            said("{{ $externalLabels.region }} {{ $externalURL }}"),
            "eu https://watch.example/prometheus"
        );
        assert_eq!(said_of("{{ $value }}", 0.25), "0.25");
        assert_eq!(said_of("{{ $value }}", 1_000_000.0), "1e+06");
        assert_eq!(said_of("{{ printf \"%.2f\" $value }}", 1.0 / 3.0), "0.33");
        assert_eq!(
            said_of("{{ if gt $value 0.5 }}high{{ else }}low{{ end }}", 0.7),
            "high"
        );
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
            (
                "humanizeTimestamp",
                1_435_065_584.128,
                "2015-06-23 13:19:44.128 +0000 UTC",
            ),
        ];
        for (function, value, expected) in table {
            assert_eq!(
                said_of(&format!("{{{{ $value | {function} }}}}"), value),
                expected,
                "{function} {value}"
            );
        }
        assert_eq!(said("{{ \"1.5e3\" | humanize }}"), "1.5k");
        assert!(said("{{ \"much\" | humanize }}").starts_with("error: "));
    }

    #[test]
    fn samples_can_be_asked_for() {
        assert_eq!(
            said("{{ with query \"up\" }}{{ . | first | value }}{{ end }}"),
            "2.5"
        );
        assert_eq!(said("{{ query \"up\" | first | label \"host\" }}"), "b");
        let all = "{{ range query \"up\" | sortByLabel \"host\" }}{{ .Labels.host }}={{ .Value }} {{ end }}";
        assert_eq!(said(all), "a=2.5 a10=2.5 a9=2.5 b=2.5 ");
        assert!(said("{{ query \"nothing\" | first }}").contains("no elements"));
        assert!(said("{{ query \"other\" }}").contains("no such query"));
    }

    #[test]
    fn texts_are_taken_apart() {
        let table = [
            ("{{ \"shop floor\" | title }}", "Shop Floor"),
            ("{{ toUpper \"aB\" }}{{ toLower \"aB\" }}", "ABab"),
            ("{{ match \"^w\" $labels.instance }}", "true"),
            (
                "{{ reReplaceAll \"(.*)-(\\\\d+):.*\" \"$2 of $1\" $labels.instance }}",
                "1 of web",
            ),
            ("{{ stripPort $labels.instance }}", "web-1"),
            (
                "{{ stripDomain \"web-1.shop.example:9090\" }}",
                "web-1:9090",
            ),
            ("{{ stripDomain \"192.0.2.1:80\" }}", "192.0.2.1:80"),
            (
                "{{ graphLink \"up == 0\" }}",
                "/graph?g0.expr=up+%3D%3D+0&g0.tab=0",
            ),
            ("{{ tableLink \"up\" }}", "/graph?g0.expr=up&g0.tab=1"),
            (
                "{{ pathPrefix }} {{ externalURL }}",
                "/prometheus https://watch.example/prometheus",
            ),
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
        for text in [
            "{{ $labels.",
            "{{ end }}",
            "{{ nothing 1 }}",
            "{{ if }}x{{ end }}",
            "{{ $nothing }}",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
        assert!(check("plain } text {").is_ok());
        assert!(said("{{ 1 | first }}").starts_with("error: "));
    }
}
