//! Labels and annotations of alerts: Go templates with the functions that Prometheus gives them.
//!
//! What Go has and this has not: methods of values (`{{ (toTime 0).Year }}`), and functions of Go's
//! HTML escaping. A template that uses them does not expand, and says so.

mod functions;
mod humanize;
mod net;
mod printed;
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
        tree::shallow(text)?;
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
