//! From what is known of a place to a target: Prometheus' labels with their rules applied. Pure.

use std::sync::Arc;

use super::{Job, Targets};
use crate::relabel::{self, LabelMap};
use crate::sample::Labels;

/// Who named a target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    File,
    Kubernetes,
}

/// How a target is reached.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Via {
    /// At its own address.
    Direct,
    /// Through the cluster's API server, at this path of it.
    ApiServer { path: String },
}

/// What is scraped.
#[derive(Clone, Debug)]
pub struct Target {
    pub job: Arc<Job>,
    pub source: Source,
    pub via: Via,
    pub url: String,
    /// What its samples carry: `job`, `instance` and its own.
    pub labels: Labels,
}

impl Target {
    /// Two targets are the same when their samples would be.
    pub fn key(&self) -> (Labels, String) {
        (self.labels.clone(), self.url.clone())
    }

    pub fn label(&self, name: &str) -> &str {
        crate::sample::label(&self.labels, name)
    }
}

impl Targets {
    /// The targets of all static lists, each once.
    pub fn listed(&self) -> Vec<Target> {
        let mut found: Vec<Target> = self.jobs.iter().flat_map(Job::targets).collect();
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|target| seen.insert(target.key()));
        found
    }
}

impl Job {
    /// The targets of its static list.
    pub fn targets(self: &Arc<Self>) -> Vec<Target> {
        let groups = self.groups.iter().flat_map(|group| {
            let labels = group.labels.clone();
            group.targets.iter().map(move |t| (t, labels.clone()))
        });
        groups
            .filter_map(|(address, mut labels)| {
                self.place(address, &mut labels);
                made(self, labels, Source::File, Via::Direct)
            })
            .collect()
    }

    /// Puts an address apart into the labels that the rules go by.
    fn place(&self, address: &str, labels: &mut LabelMap) {
        let parsed = address
            .contains("://")
            .then(|| address.parse::<http::Uri>());
        let Some(Ok(uri)) = parsed else {
            labels.insert("__address__".into(), address.to_owned());
            return;
        };
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        labels.insert("__address__".into(), authority);
        let scheme = uri.scheme_str().unwrap_or("http");
        labels.insert("__scheme__".into(), scheme.to_owned());
        if uri.path() != "/" {
            labels.insert("__metrics_path__".into(), uri.path().to_owned());
        }
        for pair in uri.query().unwrap_or_default().split('&') {
            if let Some((name, value)) = pair.split_once('=') {
                labels.insert(format!("__param_{name}"), value.to_owned());
            }
        }
    }
}

/// The target that labels make once the job's rules were applied; none where a rule drops it or
/// leaves it without an address.
pub fn made(job: &Arc<Job>, mut labels: LabelMap, source: Source, via: Via) -> Option<Target> {
    let mut unless = |name: &str, value: &str| {
        let present = labels.contains_key(name);
        if !present && !value.is_empty() {
            labels.insert(name.to_owned(), value.to_owned());
        }
    };
    unless("job", &job.name);
    unless("__scheme__", &job.scheme);
    unless("__metrics_path__", &job.path);
    unless("__scrape_interval__", &job.interval.to_string());
    unless("__scrape_timeout__", &job.timeout.to_string());
    for (name, value) in &job.params {
        unless(&format!("__param_{name}"), value);
    }
    let labels = relabel::apply(&job.relabel, labels)?;
    let get = |name: &str| labels.get(name).map_or("", String::as_str);
    let address = get("__address__");
    // Whoever is told to be Deckwatch's own is not: its figures are evidence.
    if address.is_empty() || super::RESERVED.contains(&get("job")) {
        return None;
    }
    let (scheme, path) = (get("__scheme__"), get("__metrics_path__"));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let url = format!("{scheme}://{address}{slash}{path}{}", query(&labels, job));
    let mut shown: LabelMap = labels.clone();
    shown.retain(|name, _| !name.starts_with("__"));
    let instance = shown.entry("instance".into());
    instance.or_insert_with(|| address.to_owned());
    Some(Target {
        job: job.clone(),
        source,
        via,
        url,
        labels: shown.into_iter().collect(),
    })
}

/// `?a=1&b=2`. A name that stands several times in the job keeps its further values.
fn query(labels: &LabelMap, job: &Job) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (label, value) in labels {
        if let Some(name) = label.strip_prefix("__param_") {
            pairs.push((name.to_owned(), value.clone()));
            let same = job.params.iter().filter(|(n, _)| n == name).skip(1);
            pairs.extend(same.cloned());
        }
    }
    if pairs.is_empty() {
        return String::new();
    }
    let pairs = pairs
        .iter()
        .map(|(n, v)| format!("{}={}", coded(n), coded(v)));
    format!("?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// As it stands in an address.
fn coded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            // What was coded already stays as it is.
            b'%' => out.push('%'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
