//! What a cluster can be asked about numbers: which pods say that they may be scraped, what such a
//! pod answers, and what metrics-server measured. Everything here only reads.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::KubernetesPlatform;
use super::failure::Failure;
use crate::model::PlatformError;

/// The longest that a list may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pods that are listed at once, at most.
const PAGE: u32 = 500;

/// A pod that says of itself that it may be scraped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScrapablePod {
    pub namespace: String,
    pub name: String,
    pub ip: String,
    pub node: String,
    pub phase: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// Each port that its containers name: the container, the port's name and number.
    pub ports: Vec<(String, String, u16)>,
}

/// What something uses, as metrics-server measured it.
#[derive(Clone, PartialEq, Debug)]
pub struct Usage {
    /// A node, or a container of a pod.
    pub what: UsedBy,
    pub cpu_cores: f64,
    pub memory_bytes: f64,
}

/// Who uses it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum UsedBy {
    Node {
        node: String,
    },
    Container {
        namespace: String,
        pod: String,
        container: String,
    },
}

impl KubernetesPlatform {
    /// The running pods with the annotation `prometheus.io/scrape: "true"`, in these namespaces
    /// (none: the platform's own).
    ///
    /// # Errors
    /// The API server's.
    pub async fn scrapable(
        &self,
        namespaces: &[String],
    ) -> Result<Vec<ScrapablePod>, PlatformError> {
        let own = [self.namespace().to_owned()];
        let namespaces = if namespaces.is_empty() {
            &own[..]
        } else {
            namespaces
        };
        let mut found = Vec::new();
        for namespace in namespaces {
            let path = format!("/api/v1/namespaces/{namespace}/pods");
            let mut page = format!("{path}?limit={PAGE}");
            loop {
                let list = self.shared.door.get(&page, PATIENCE).await;
                let list = list.map_err(|e| e.told(&path))?;
                let items = list["items"].as_array().into_iter().flatten();
                found.extend(items.filter_map(scrapable));
                let more = list["metadata"]["continue"].as_str().unwrap_or_default();
                if more.is_empty() {
                    break;
                }
                page = format!("{path}?limit={PAGE}&continue={more}");
            }
        }
        Ok(found)
    }

    /// What stands at a path of the API server: a pod's answer, through its proxy.
    ///
    /// # Errors
    /// The API server's, or the pod's as the API server tells it.
    pub async fn page(&self, path: &str, within: Duration) -> Result<Bytes, PlatformError> {
        let page = self.shared.door.text(path, within).await;
        page.map_err(|e| e.told("the pod"))
    }

    /// What nodes and the containers of these namespaces (none: the platform's own) use now; none
    /// where no metrics-server is installed, or it may not be asked.
    ///
    /// # Errors
    /// The API server's.
    pub async fn usage(&self, namespaces: &[String]) -> Result<Option<Vec<Usage>>, PlatformError> {
        let root = "/apis/metrics.k8s.io/v1beta1";
        let own = [self.namespace().to_owned()];
        let namespaces = if namespaces.is_empty() {
            &own[..]
        } else {
            namespaces
        };
        let mut found = Vec::new();
        let mut any = false;
        let lists = namespaces
            .iter()
            .map(|n| format!("{root}/namespaces/{n}/pods"));
        // Nodes are not for everybody to see; pods may be all the same.
        for path in std::iter::once(format!("{root}/nodes")).chain(lists) {
            match self.shared.door.get(&path, PATIENCE).await {
                Ok(list) => {
                    any = true;
                    let items = list["items"].as_array().into_iter().flatten();
                    items.for_each(|item| usage(item, &mut found));
                }
                Err(Failure::NotFound | Failure::Denied { .. }) => {}
                Err(failure) => return Err(failure.told("metrics-server")),
            }
        }
        Ok(any.then_some(found))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

fn scrapable(pod: &Value) -> Option<ScrapablePod> {
    let annotations = texts(&pod["metadata"]["annotations"]);
    let asked = annotations.get("prometheus.io/scrape").map(String::as_str);
    let (ip, phase) = (text(&pod["status"]["podIP"]), text(&pod["status"]["phase"]));
    let over = matches!(phase.as_str(), "Succeeded" | "Failed");
    if asked != Some("true") || ip.is_empty() || over {
        return None;
    }
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let ports = containers.flat_map(|container| {
        let ports = container["ports"].as_array().into_iter().flatten();
        ports.filter_map(|port| {
            let number = u16::try_from(port["containerPort"].as_u64()?).ok()?;
            Some((text(&container["name"]), text(&port["name"]), number))
        })
    });
    Some(ScrapablePod {
        namespace: text(&pod["metadata"]["namespace"]),
        name: text(&pod["metadata"]["name"]),
        ip,
        node: text(&pod["spec"]["nodeName"]),
        phase,
        labels: texts(&pod["metadata"]["labels"]),
        ports: ports.collect(),
        annotations,
    })
}

fn usage(item: &Value, found: &mut Vec<Usage>) {
    let used = |what: UsedBy, usage: &Value| {
        Some(Usage {
            what,
            cpu_cores: quantity(usage["cpu"].as_str()?)?,
            memory_bytes: quantity(usage["memory"].as_str()?)?,
        })
    };
    let name = text(&item["metadata"]["name"]);
    let Some(containers) = item["containers"].as_array() else {
        found.extend(used(UsedBy::Node { node: name }, &item["usage"]));
        return;
    };
    for container in containers {
        let what = UsedBy::Container {
            namespace: text(&item["metadata"]["namespace"]),
            pod: name.clone(),
            container: text(&container["name"]),
        };
        found.extend(used(what, &container["usage"]));
    }
}

/// A quantity as Kubernetes writes it: `156340064n`, `250m`, `2`, `1904Ki`, `1e3`.
fn quantity(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, size) = match unit {
        Some((unit, size)) => (text.strip_suffix(unit)?, *size),
        None => (text, 1.0),
    };
    let number: f64 = number.parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number * size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What a metrics-server 0.8 answered, cut to the parts that are read.
    const NODES: &str = r#"{"kind":"NodeMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[{"metadata":{"name":"n1","creationTimestamp":"2026-11-20T10:00:00Z"},"timestamp":"2026-11-20T09:59:52Z","window":"20.058s","usage":{"cpu":"156340064n","memory":"1904932Ki"}}]}"#;
    const PODS: &str = r#"{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[{"metadata":{"name":"web-1","namespace":"shop","labels":{"app":"web"}},"timestamp":"2026-11-20T09:59:55Z","window":"14.2s","containers":[{"name":"web","usage":{"cpu":"2471310n","memory":"18192Ki"}},{"name":"side","usage":{"cpu":"0","memory":"512Ki"}}]}]}"#;

    /// An API server that plays recorded answers by path; it knows nothing else.
    async fn recorded(answers: Vec<(&'static str, String)>) -> KubernetesPlatform {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = vec![0; 16 * 1024];
                let read = stream.read(&mut asked).await.unwrap_or_default();
                let asked = String::from_utf8_lossy(&asked[..read]).into_owned();
                let path = asked.split(' ').nth(1).unwrap_or_default();
                let found = answers.iter().find(|(known, _)| *known == path);
                let (status, body) = match found {
                    Some((_, body)) => ("200 OK", body.as_str()),
                    None => ("404 Not Found", "404 page not found"),
                };
                let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
                let length = body.len();
                let answer = format!("{head}content-length: {length}\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let config = kube::Config::new(format!("http://127.0.0.1:{port}").parse().unwrap());
        let connection = super::super::Connection::with("recorded", config)
            .await
            .unwrap();
        KubernetesPlatform::new(connection, "shop")
    }

    #[tokio::test]
    async fn what_metrics_server_measured_is_read() {
        let platform = recorded(vec![
            ("/apis/metrics.k8s.io/v1beta1/nodes", NODES.into()),
            (
                "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods",
                PODS.into(),
            ),
        ])
        .await;
        let used = platform.usage(&[]).await.unwrap().unwrap();
        assert_eq!(used.len(), 3);
        assert_eq!(used[0].memory_bytes, 1_904_932.0 * 1024.0);
        assert!((used[1].cpu_cores - 0.002_471_31).abs() < 1e-12);
        // Where there is none, that is no error.
        let without = recorded(Vec::new()).await;
        assert_eq!(without.usage(&[]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn pods_are_listed_page_by_page_and_asked_through_the_proxy() {
        let pod = |name: &str| {
            format!(
                r#"{{"metadata":{{"name":"{name}","namespace":"shop","annotations":{{"prometheus.io/scrape":"true"}}}},"spec":{{"containers":[]}},"status":{{"podIP":"10.0.0.7","phase":"Running"}}}}"#
            )
        };
        let page = |name: &str, more: &str| {
            let pod = pod(name);
            format!(r#"{{"metadata":{{"continue":"{more}"}},"items":[{pod}]}}"#)
        };
        let proxy = "/api/v1/namespaces/shop/pods/web-1:9100/proxy/metrics";
        let platform = recorded(vec![
            (
                "/api/v1/namespaces/shop/pods?limit=500",
                page("web-1", "more"),
            ),
            (
                "/api/v1/namespaces/shop/pods?limit=500&continue=more",
                page("web-2", ""),
            ),
            (proxy, "a 1\n".into()),
        ])
        .await;
        let found = platform.scrapable(&[]).await.unwrap();
        let names: Vec<&str> = found.iter().map(|pod| pod.name.as_str()).collect();
        assert_eq!(names, ["web-1", "web-2"]);
        let second = Duration::from_secs(2);
        assert_eq!(platform.page(proxy, second).await.unwrap(), "a 1\n");
        assert!(platform.page("/nowhere", second).await.is_err());
    }

    #[test]
    fn quantities_are_read_in_all_their_units() {
        let near = |text: &str, value: f64| {
            let read = quantity(text).unwrap();
            assert!((read - value).abs() <= value * 1e-12, "{text}: {read}");
        };
        near("156340064n", 0.156_340_064);
        near("250m", 0.25);
        near("2", 2.0);
        near("1904Ki", 1_949_696.0);
        near("1e3", 1000.0);
        near("1.5Gi", 1_610_612_736.0);
        for wrong in ["", "m", "-1", "many", "NaN"] {
            assert_eq!(quantity(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_a_running_pod_that_says_so_is_scraped() {
        let pod = |annotation: &str, ip: &str, phase: &str| {
            json!({
                "metadata": {
                    "namespace": "shop", "name": "web-1", "labels": {"app": "web"},
                    "annotations": {"prometheus.io/scrape": annotation, "prometheus.io/port": "81"}
                },
                "spec": {"nodeName": "n1", "containers": [
                    {"name": "web", "ports": [{"name": "http", "containerPort": 80}]},
                    {"name": "side"}
                ]},
                "status": {"podIP": ip, "phase": phase}
            })
        };
        let found = scrapable(&pod("true", "10.0.0.7", "Running")).unwrap();
        assert_eq!(found.ports, [("web".to_owned(), "http".to_owned(), 80)]);
        assert_eq!(
            (
                found.node.as_str(),
                found.annotations["prometheus.io/port"].as_str()
            ),
            ("n1", "81")
        );
        assert_eq!(scrapable(&pod("false", "10.0.0.7", "Running")), None);
        assert_eq!(scrapable(&pod("true", "", "Pending")), None);
        assert_eq!(scrapable(&pod("true", "10.0.0.7", "Succeeded")), None);
    }

    #[test]
    fn usage_is_of_nodes_and_of_containers() {
        let mut found = Vec::new();
        let used = json!({"cpu": "250m", "memory": "1Ki"});
        usage(
            &json!({"metadata": {"name": "n1"}, "usage": used}),
            &mut found,
        );
        let pod = json!({
            "metadata": {"name": "web-1", "namespace": "shop"},
            "containers": [{"name": "web", "usage": used}, {"name": "broken", "usage": {}}]
        });
        usage(&pod, &mut found);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].what, UsedBy::Node { node: "n1".into() });
        assert_eq!((found[1].cpu_cores, found[1].memory_bytes), (0.25, 1024.0));
    }
}
