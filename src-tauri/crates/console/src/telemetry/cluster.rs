//! A cluster's pods as targets, and what its metrics-server measured.

use std::time::Duration;

use deckwatch_domain::Timestamp;
use deckwatch_platform::kubernetes::{ScrapablePod, UsedBy};
use deckwatch_signals::pool::Duty;
use deckwatch_signals::targets::{Kubernetes, Reach, Source, Target, Targets, Via, made};
use deckwatch_signals::{Sample, Selector};
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::console::Console;
use crate::problem::Problem;
use crate::route::Nothing;

/// The job that what metrics-server measured carries.
const JOB: &str = deckwatch_signals::targets::CLUSTER_JOB;
const CPU: [&str; 2] = ["deckwatch_node_cpu_cores", "deckwatch_container_cpu_cores"];
const MEMORY: [&str; 2] = [
    "deckwatch_node_memory_bytes",
    "deckwatch_container_memory_bytes",
];
/// What is older is not told.
const RECENT: Duration = Duration::from_secs(120);

/// The targets that pods name by their annotations.
///
/// # Errors
/// Why the cluster does not tell, in words.
pub(super) async fn pods(console: &Console, read: &Targets) -> Result<Vec<Target>, String> {
    let Some(settings) = &read.kubernetes else {
        return Ok(Vec::new());
    };
    let Some(cluster) = &console.cluster else {
        let name = &console.environment.name;
        return Err(format!(
            "`kubernetes`: the services of {name} run on this machine"
        ));
    };
    let wrong = |e: deckwatch_platform::PlatformError| format!("finding pods to scrape: {e}");
    let platform = cluster.platform().await.map_err(wrong)?;
    let pods = platform
        .scrapable(&settings.namespaces)
        .await
        .map_err(wrong)?;
    Ok(pods
        .iter()
        .filter_map(|pod| target(settings, pod))
        .collect())
}

/// The target that a pod names; none where it names no port, or a rule drops it.
fn target(settings: &Kubernetes, pod: &ScrapablePod) -> Option<Target> {
    let said = |name: &str| pod.annotations.get(&format!("prometheus.io/{name}"));
    let named = pod.ports.first();
    let port: u16 = match said("port") {
        Some(port) => port.parse().ok()?,
        None => named?.2,
    };
    let host = match pod.ip.contains(':') {
        true => format!("[{}]", pod.ip),
        false => pod.ip.clone(),
    };
    let mut labels = deckwatch_signals::relabel::LabelMap::new();
    let mut set = |name: String, value: &str| {
        if !value.is_empty() {
            labels.insert(name, value.to_owned());
        }
    };
    set("__address__".into(), &format!("{host}:{port}"));
    for (said, meant) in [
        (said("path"), "__metrics_path__"),
        (said("scheme"), "__scheme__"),
    ] {
        set(meant.into(), said.map_or("", String::as_str));
    }
    let meta = |name: &str| format!("__meta_kubernetes_{name}");
    for (name, value) in [
        ("namespace", &pod.namespace),
        ("pod_name", &pod.name),
        ("pod_ip", &pod.ip),
        ("pod_node_name", &pod.node),
        ("pod_phase", &pod.phase),
    ] {
        set(meta(name), value);
    }
    if let Some((container, name, number)) = pod.ports.iter().find(|p| p.2 == port) {
        set(meta("pod_container_name"), container);
        set(meta("pod_container_port_name"), name);
        set(meta("pod_container_port_number"), &number.to_string());
    }
    for (kind, pairs) in [("label", &pod.labels), ("annotation", &pod.annotations)] {
        for (name, value) in pairs {
            set(meta(&format!("pod_{kind}_{}", plain(name))), value);
            set(meta(&format!("pod_{kind}present_{}", plain(name))), "true");
        }
    }
    set("namespace".into(), &pod.namespace);
    set("pod".into(), &pod.name);
    set("node".into(), &pod.node);
    let mut target = made(&settings.job, labels, Source::Kubernetes, Via::Direct)?;
    if settings.via == Reach::ApiServer {
        let path = through(&target.url, pod)?;
        target.via = Via::ApiServer { path };
    }
    Some(target)
}

/// As a label's name can be written.
fn plain(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(plain).collect()
}

/// The path of the API server that leads to a pod's address.
fn through(url: &str, pod: &ScrapablePod) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/')?);
    let (_, port) = authority.rsplit_once(':')?;
    let scheme = if scheme == "https" { "https:" } else { "" };
    let (namespace, name) = (&pod.namespace, &pod.name);
    Some(format!(
        "/api/v1/namespaces/{namespace}/pods/{scheme}{name}:{port}/proxy{path}"
    ))
}

/// Stores what metrics-server measured, if there is one.
pub(super) async fn measure(cluster: &Cluster, duty: &Duty, now: Timestamp) -> Result<(), String> {
    let platform = cluster.platform().await.map_err(|e| e.to_string())?;
    let used = platform.usage(&[]).await.map_err(|e| e.to_string())?;
    let Some(used) = used else { return Ok(()) };
    let mut samples = Vec::new();
    for usage in used {
        let (kind, labels) = match &usage.what {
            UsedBy::Node { node } => (0, vec![("node", node.as_str())]),
            UsedBy::Container {
                namespace,
                pod,
                container,
            } => (
                1,
                vec![
                    ("namespace", namespace.as_str()),
                    ("pod", pod.as_str()),
                    ("container", container.as_str()),
                ],
            ),
        };
        let labels = [labels, vec![("job", JOB)]].concat();
        samples.push(Sample::new(CPU[kind], &labels, usage.cpu_cores));
        samples.push(Sample::new(MEMORY[kind], &labels, usage.memory_bytes));
    }
    let stored = duty.append(JOB, now, &samples).await;
    stored.map_err(|e| e.to_string())
}

/// What a node or a container uses.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct UsageRow {
    /// Of a node.
    pub node: Option<String>,
    /// Of a container.
    pub namespace: Option<String>,
    pub pod: Option<String>,
    pub container: Option<String>,
    pub cpu_cores: f64,
    pub memory_bytes: f64,
    pub at: Timestamp,
}

/// What a cluster's nodes and containers use.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct ClusterUsage {
    /// Nodes first; what uses most of a processor first. Empty: no metrics-server was heard within
    /// two minutes.
    pub rows: Vec<UsageRow>,
}

/// # Errors
/// The samples', or that there is no cluster here.
pub async fn cluster_usage(console: &Console, _: Nothing) -> Result<ClusterUsage, Problem> {
    console.the_cluster()?;
    let now = console.clock.now().wall;
    let store = console.samples().await?;
    let wrong = |e: deckwatch_signals::StoreError| Problem::new("samples", e.to_string());
    let mut rows = Vec::new();
    for kind in [0, 1] {
        let of = |name: &str| Selector::new(name, &[("job", JOB)]);
        let from = now.minus(RECENT);
        let cpu = store
            .range(&of(CPU[kind]), from, now)
            .await
            .map_err(wrong)?;
        let memory = store
            .range(&of(MEMORY[kind]), from, now)
            .await
            .map_err(wrong)?;
        let mut found: Vec<UsageRow> = cpu
            .iter()
            .filter_map(|series| {
                let (at, cpu_cores) = *series.points.last()?;
                let same = memory.iter().find(|m| m.labels == series.labels)?;
                let label = |name: &str| {
                    let value = series.label(name);
                    (!value.is_empty()).then(|| value.to_owned())
                };
                Some(UsageRow {
                    node: label("node"),
                    namespace: label("namespace"),
                    pod: label("pod"),
                    container: label("container"),
                    cpu_cores,
                    memory_bytes: same.points.last()?.1,
                    at,
                })
            })
            .collect();
        // What has gone since is not told of with its last figures.
        let newest = found.iter().map(|row| row.at).max();
        found.retain(|row| Some(row.at) == newest);
        found.sort_by(|a, b| b.cpu_cores.total_cmp(&a.cpu_cores));
        rows.extend(found);
    }
    rows.truncate(500);
    Ok(ClusterUsage { rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn pod(annotations: &[(&str, &str)]) -> ScrapablePod {
        let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(n, v)| ((*n).into(), (*v).into()))
                .collect()
        };
        ScrapablePod {
            namespace: "shop".into(),
            name: "web-1".into(),
            ip: "10.0.0.7".into(),
            node: "n1".into(),
            phase: "Running".into(),
            labels: pairs(&[("app.kubernetes.io/name", "web")]),
            annotations: pairs(annotations),
            ports: vec![("web".into(), "http".into(), 8080)],
        }
    }

    fn settings(more: &str) -> Kubernetes {
        let text = format!("kubernetes:\n  job: pods\n{more}");
        deckwatch_signals::targets::read(&text)
            .unwrap()
            .kubernetes
            .unwrap()
    }

    #[test]
    fn annotations_say_where_a_pod_is_scraped() {
        let plain = target(&settings("  via: direct\n"), &pod(&[])).unwrap();
        assert_eq!(plain.url, "http://10.0.0.7:8080/metrics");
        assert_eq!((plain.label("pod"), plain.label("job")), ("web-1", "pods"));
        let said = [
            ("prometheus.io/port", "9100"),
            ("prometheus.io/path", "/own"),
            ("prometheus.io/scheme", "https"),
        ];
        let through = target(&settings(""), &pod(&said)).unwrap();
        assert_eq!(through.url, "https://10.0.0.7:9100/own");
        let path = "/api/v1/namespaces/shop/pods/https:web-1:9100/proxy/own";
        assert_eq!(through.via, Via::ApiServer { path: path.into() });
        assert!(target(&settings(""), &pod(&[("prometheus.io/port", "web")])).is_none());
    }

    #[test]
    fn rules_see_what_the_cluster_knows_of_a_pod() {
        let rules = "  relabel_configs:\n    - {action: labelmap, regex: __meta_kubernetes_pod_label_app_kubernetes_io_(.+), replacement: app_$1}\n    - {action: drop, source_labels: [__meta_kubernetes_pod_annotation_off], regex: 'yes'}\n";
        let kept = target(&settings(rules), &pod(&[])).unwrap();
        assert_eq!(kept.label("app_name"), "web");
        assert!(target(&settings(rules), &pod(&[("off", "yes")])).is_none());
    }
}
