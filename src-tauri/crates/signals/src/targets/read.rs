//! Reading `targets.yaml`. Reading goes on after a mistake, so that all are found.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use deckwatch_domain::{Entries, Node, Problems, Span, Value, parse_document};

use super::read_probes::probes;
use super::read_rules::rules;
use super::{Group, HostSettings, Job, Kubernetes, Login, RESERVED, Reach, Targets, Tls};
use crate::relabel::LabelMap;

pub(super) const MOST_TARGETS: usize = 2_000;

pub(super) fn file(text: &str) -> Result<Targets, Problems> {
    // A file of comments alone says nothing, and is no mistake.
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Targets::default());
    }
    let node = parse_document(text)?;
    let mut problems = Problems::default();
    let p = &mut problems;
    let mut top = node.entries(p);
    let defaults = top.get("defaults").map(|n| defaults(n, p));
    let defaults = defaults.unwrap_or_else(|| Job::new(""));
    let jobs = top.get("scrape").map(|n| jobs(n, &defaults, p));
    let kubernetes = top.get("kubernetes").map(|n| kubernetes(n, &defaults, p));
    let probes = top.get("probes").map(|n| probes(n, p));
    let host = top.get("host").map(|n| host(n, p));
    top.finish(p);
    problems.or(Targets {
        jobs: jobs.unwrap_or_default(),
        kubernetes,
        probes: probes.unwrap_or_default(),
        host: host.unwrap_or_default(),
    })
}

fn defaults(node: &Node, p: &mut Problems) -> Job {
    let mut entries = node.entries(p);
    let mut job = Job::new("");
    timing(&mut entries, &mut job, p);
    entries.finish(p);
    job
}

fn host(node: &Node, p: &mut Problems) -> HostSettings {
    let mut entries = node.entries(p);
    let mut host = HostSettings {
        measured: entries.get("measured").and_then(|n| n.truth(p)),
        ..HostSettings::default()
    };
    if let Some(every) = span(&mut entries, "every", 1, 3600, p) {
        host.every = every;
    }
    if let Some(n) = entries.get("programs").and_then(|n| n.whole(0, 100, p)) {
        host.programs = n as usize;
    }
    entries.finish(p);
    host
}

fn jobs(node: &Node, defaults: &Job, p: &mut Problems) -> Vec<Arc<Job>> {
    let mut seen = BTreeMap::new();
    let mut jobs = Vec::new();
    let mut targets = 0;
    for item in node.items(p) {
        let mut entries = item.entries(p);
        let mut job = defaults.clone();
        let name = entries.need("job", p).and_then(|n| {
            let name = job_name(n, p)?;
            if seen.insert(name.clone(), ()).is_some() {
                p.at(n, format!("the job {name} stands twice"));
            }
            Some(name)
        });
        job.name = name.unwrap_or_default();
        let lists = [entries.get("targets"), entries.get("groups")];
        let shared = entries.get("labels").map(|n| labels(n, p));
        let shared = shared.unwrap_or_default();
        if let Some(list) = lists[0] {
            let group = Group {
                targets: addresses(list, p),
                labels: shared.clone(),
            };
            job.groups.push(group);
        }
        if let Some(list) = lists[1] {
            for item in list.items(p) {
                job.groups.push(group(item, &shared, p));
            }
        }
        if let [None, None] = lists
            && matches!(item.value, Value::Map(_))
        {
            p.at(item, "`targets` is missing");
        }
        targets += job.groups.iter().map(|g| g.targets.len()).sum::<usize>();
        if targets > MOST_TARGETS {
            p.at(item, format!("more than {MOST_TARGETS} targets"));
            return jobs;
        }
        scraping(&mut entries, &mut job, p);
        entries.finish(p);
        jobs.push(Arc::new(job));
    }
    jobs
}

fn group(node: &Node, shared: &LabelMap, p: &mut Problems) -> Group {
    let mut entries = node.entries(p);
    let targets = entries.need("targets", p).map(|n| addresses(n, p));
    let mut own = shared.clone();
    if let Some(node) = entries.get("labels") {
        own.extend(labels(node, p));
    }
    entries.finish(p);
    Group {
        targets: targets.unwrap_or_default(),
        labels: own,
    }
}

fn kubernetes(node: &Node, defaults: &Job, p: &mut Problems) -> Kubernetes {
    let mut entries = node.entries(p);
    let mut job = defaults.clone();
    let name = entries.get("job").and_then(|n| job_name(n, p));
    job.name = name.unwrap_or_else(|| "kubernetes-pods".into());
    let namespaces = entries.get("namespaces").map(|n| texts(n, p));
    let ways = [("api-server", Reach::ApiServer), ("direct", Reach::Direct)];
    let via = entries.get("via").and_then(|n| n.word(&ways, p));
    scraping(&mut entries, &mut job, p);
    entries.finish(p);
    Kubernetes {
        namespaces: namespaces.unwrap_or_default(),
        via: via.unwrap_or(Reach::ApiServer),
        job: Arc::new(job),
    }
}

fn job_name(node: &Node, p: &mut Problems) -> Option<String> {
    let name = node.text(p)?;
    let wrong = match name.as_str() {
        "" => Some("a job needs a name".into()),
        reserved if RESERVED.contains(&reserved) => Some(format!(
            "`{reserved}` is the job of Deckwatch's own figures; take another name"
        )),
        long if long.len() > 200 => Some("a job's name has at most 200 bytes".into()),
        _ => None,
    };
    match wrong {
        Some(why) => {
            p.at(node, why);
            None
        }
        None => Some(name),
    }
}

/// What the defaults and every job may say.
fn timing(entries: &mut Entries<'_>, job: &mut Job, p: &mut Problems) {
    if let Some(interval) = span(entries, "interval", 1, 86_400, p) {
        job.interval = interval;
    }
    let stated = entries.get("timeout");
    match stated.and_then(|n| n.span(p).map(|span| (n, span))) {
        Some((n, span)) if span.as_millis() == 0 => p.at(n, "a timeout is more than nothing"),
        Some((n, span)) if span > job.interval => {
            let why = format!(
                "a timeout is no longer than the interval, which is {}",
                job.interval
            );
            p.at(n, why);
        }
        Some((_, span)) => job.timeout = span,
        None => job.timeout = job.timeout.min(job.interval),
    }
}

fn scraping(entries: &mut Entries<'_>, job: &mut Job, p: &mut Problems) {
    timing(entries, job, p);
    let schemes = [("http", "http"), ("https", "https")];
    if let Some(scheme) = entries.get("scheme").and_then(|n| n.word(&schemes, p)) {
        job.scheme = scheme.into();
    }
    if let Some(node) = entries.get("path")
        && let Some(path) = node.text(p)
    {
        match path.starts_with('/') {
            true => job.path = path,
            false => p.at(node, "a path begins with `/`"),
        }
    }
    if let Some(node) = entries.get("params") {
        job.params = params(node, p);
    }
    let truth = |name, entries: &mut Entries<'_>, p: &mut Problems| {
        entries.get(name).and_then(|n| n.truth(p))
    };
    job.honor_labels = truth("honor_labels", entries, p).unwrap_or(job.honor_labels);
    job.honor_timestamps = truth("honor_timestamps", entries, p).unwrap_or(job.honor_timestamps);
    if let Some(n) = entries.get("body_limit").and_then(|n| bytes(n, p)) {
        job.body_limit = n;
    }
    let most = entries.get("sample_limit");
    if let Some(n) = most.and_then(|n| n.whole(1, 1_000_000, p)) {
        job.sample_limit = n as usize;
    }
    job.auth = entries.get("auth").map(|n| login(n, p)).unwrap_or_default();
    job.tls = entries.get("tls").map(|n| tls(n, p)).unwrap_or_default();
    job.relabel = rules(entries.get("relabel_configs"), p);
    job.metric_relabel = rules(entries.get("metric_relabel_configs"), p);
}

fn params(node: &Node, p: &mut Problems) -> Vec<(String, String)> {
    let mut entries = node.entries(p);
    let mut params = Vec::new();
    for (name, node) in entries.all() {
        match &node.value {
            Value::List(items) => {
                let values = items.iter().filter_map(|item| item.text(p));
                params.extend(values.map(|value| (name.clone(), value)));
            }
            _ => params.extend(node.text(p).map(|value| (name.clone(), value))),
        }
    }
    params
}

/// `16MiB`, `500KiB`, or a number of bytes.
fn bytes(node: &Node, p: &mut Problems) -> Option<usize> {
    const MOST: u64 = 256 << 20;
    let text = node.text(p)?;
    let units = [("KiB", 1u64 << 10), ("MiB", 1 << 20), ("B", 1), ("", 1)];
    let read = units.iter().find_map(|(unit, size)| {
        let number = text.strip_suffix(unit)?.trim().parse::<u64>().ok()?;
        number.checked_mul(*size)
    });
    match read {
        Some(n) if (1..=MOST).contains(&n) => usize::try_from(n).ok(),
        _ => {
            p.at(
                node,
                format!("`{text}` is no size from 1B to 256MiB, such as 500KiB or 16MiB"),
            );
            None
        }
    }
}

pub(super) fn login(node: &Node, p: &mut Problems) -> Login {
    let mut entries = node.entries(p);
    let bearer = entries.get("bearer").and_then(|n| secret(n, p));
    let basic = entries.get("basic").map(|n| {
        let mut inner = n.entries(p);
        let user = inner.need("user", p).and_then(|n| n.text(p));
        let secret = inner.need("password", p).and_then(|n| secret(n, p));
        inner.finish(p);
        Login::Basic {
            user: user.unwrap_or_default(),
            secret: secret.unwrap_or_default(),
        }
    });
    entries.finish(p);
    match (bearer, basic) {
        (Some(_), Some(basic)) => {
            p.at(node, "either `bearer` or `basic`, not both");
            basic
        }
        (Some(secret), None) => Login::Bearer { secret },
        (None, Some(basic)) => basic,
        (None, None) => Login::None,
    }
}

/// The name of a secret. What looks like the secret itself is not taken, and not repeated.
fn secret(node: &Node, p: &mut Problems) -> Option<String> {
    let name = node.text(p)?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
        let why = "the name of a secret belongs here (letters, digits, `_`, `-`, `.`; at most 64): \
                   its value is kept by `deckwatchctl secret set`";
        p.at(node, why);
        return None;
    }
    Some(name)
}

pub(super) fn tls(node: &Node, p: &mut Problems) -> Tls {
    let mut entries = node.entries(p);
    let mut path = |name, p: &mut Problems| {
        let node: &Node = entries.get(name)?;
        let path = PathBuf::from(node.text(p)?);
        if !path.is_absolute() {
            p.at(node, "a file is named by its whole path");
        }
        Some(path)
    };
    let (ca, cert, key) = (path("ca", p), path("cert", p), path("key", p));
    let server_name = entries.get("server_name").and_then(|n| n.text(p));
    entries.finish(p);
    let client = match (cert, key) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => {
            p.at(node, "`cert` and `key` belong together");
            None
        }
    };
    Tls {
        ca,
        server_name,
        client,
    }
}

pub(super) fn span(
    entries: &mut Entries<'_>,
    name: &'static str,
    low: u64,
    high: u64,
    p: &mut Problems,
) -> Option<Span> {
    let node = entries.get(name)?;
    let span = node.span(p)?;
    let (low, high) = (Span::from_secs(low), Span::from_secs(high));
    if span < low || span > high {
        p.at(node, format!("{span} is not between {low} and {high}"));
        return None;
    }
    Some(span)
}

fn addresses(node: &Node, p: &mut Problems) -> Vec<String> {
    let mut found = Vec::new();
    for item in node.items(p) {
        let Some(text) = item.text(p) else { continue };
        let whole = match text.contains("://") {
            true => text.clone(),
            false => format!("http://{text}"),
        };
        let uri = whole.parse::<http::Uri>().ok();
        let good = uri.is_some_and(|uri| {
            let host = uri.host().is_some_and(|host| !host.is_empty());
            host && matches!(uri.scheme_str(), Some("http" | "https"))
                && (text.contains("://") || uri.path() == "/")
                && !uri.authority().is_some_and(|a| a.as_str().contains('@'))
        });
        match good {
            true => found.push(text),
            false => p.at(
                item,
                format!("`{text}` is no `host:port` and no http address"),
            ),
        }
    }
    found
}

fn texts(node: &Node, p: &mut Problems) -> Vec<String> {
    let items = node.items(p).iter();
    let mut found = Vec::new();
    for item in items {
        found.extend(item.text(p));
    }
    found
}

fn labels(node: &Node, p: &mut Problems) -> LabelMap {
    let mut found = LabelMap::new();
    for (name, node) in node.entries(p).all() {
        if name.is_empty() || name.starts_with("__") {
            p.at(
                node,
                "a label's name is not empty and does not begin with `__`",
            );
            continue;
        }
        if let Some(value) = node.text(p).filter(|value| !value.is_empty()) {
            found.insert(name.clone(), value);
        }
    }
    found
}
