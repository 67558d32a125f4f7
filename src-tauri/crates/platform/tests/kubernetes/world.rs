//! A namespace with a service in it, and both ways to it: the platform, and plain requests for what
//! other people do.

use std::sync::Arc;
use std::time::Duration;

use deckwatch_domain::{ServiceName, Slot};
use deckwatch_platform::kubernetes::{Access, AdoptAsk, Connection, FrontAsk, KubernetesPlatform};
use deckwatch_platform::{Observation, Platform as _};
use http::{Method, Request};
use kube::Client;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::proxy::Proxy;

/// The longest that something may take which takes a moment.
pub const SOON: Duration = Duration::from_secs(60);

pub struct World {
    pub cluster: Arc<Cluster>,
    pub namespace: String,
    admin: Client,
    pub platform: KubernetesPlatform,
}

pub fn service() -> ServiceName {
    ServiceName::new("web").expect("a name")
}

impl World {
    pub async fn new(cluster: Arc<Cluster>, test: &str) -> Self {
        let namespace = test.trim_start_matches("kubernetes::").replace("::", "-");
        let namespace = namespace.replace('_', "-");
        let namespace = namespace.chars().take(60).collect::<String>();
        let namespace = namespace.trim_end_matches('-').to_owned();
        let config = cluster.config("admin").await;
        let admin = Client::try_from(config.clone()).expect("a client");
        let connection = Connection::with("admin", config)
            .await
            .expect("a connection");
        let platform = KubernetesPlatform::new(connection, namespace.as_str());
        platform.set_access(Access::Open);
        let world = World {
            cluster,
            namespace,
            admin,
            platform,
        };
        let body = json!({"metadata": {"name": world.namespace}});
        world
            .ask(Method::POST, "/api/v1/namespaces", Some(body))
            .await;
        world
    }

    /// A Deployment of so many pods and a Service; with a route in front or not.
    pub async fn service(&self, replicas: u32, route: bool) {
        self.make("apps/v1", "deployments", deployment(replicas))
            .await;
        self.make("v1", "services", json!({"metadata": {"name": "web-svc"},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})).await;
        if route {
            self.make(
                "gateway.networking.k8s.io/v1",
                "httproutes",
                json!({
                "kind": "HTTPRoute", "apiVersion": "gateway.networking.k8s.io/v1",
                "metadata": {"name": "shop"},
                "spec": {"rules": [
                    {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                     "backendRefs": [{"name": "web-svc", "port": 80}]},
                    {"matches": [{"path": {"type": "PathPrefix", "value": "/other"}}],
                     "backendRefs": [{"name": "elsewhere", "port": 80}]},
                ]}}),
            )
            .await;
        }
        self.until("the pods are ready", async || {
            self.ready("web-svc").await == replicas as usize
        })
        .await;
    }

    /// The same, adopted.
    pub async fn adopted(&self, replicas: u32, route: bool) {
        self.service(replicas, route).await;
        self.platform
            .adopt(&ask(route))
            .await
            .expect("it is adopted");
    }

    /// The same platform through a proxy.
    pub async fn through_proxy(&self) -> (Proxy, KubernetesPlatform) {
        let proxy = Proxy::start(self.cluster.relay().await).await;
        let mut config = self.cluster.config("admin").await;
        config.cluster_url = format!("http://{}", proxy.address).parse().expect("a URL");
        let connection = Connection::with("proxied", config)
            .await
            .expect("a connection");
        let platform = KubernetesPlatform::new(connection, self.namespace.as_str());
        platform.set_access(Access::Open);
        (proxy, platform)
    }

    /// The same platform as another user.
    pub async fn platform_of(&self, user: &str) -> KubernetesPlatform {
        let config = self.cluster.config(user).await;
        let connection = Connection::with(user, config).await.expect("a connection");
        let platform = KubernetesPlatform::new(connection, self.namespace.as_str());
        platform.set_access(Access::Open);
        platform
    }

    /// One request as the administrator; the answer, or its status where that is no success.
    pub async fn try_ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, u16> {
        let kind = match method {
            Method::PATCH => "application/merge-patch+json",
            _ => "application/json",
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind)
            .body(body.map_or_else(Vec::new, |b| b.to_string().into_bytes()))
            .expect("a request");
        match self.admin.request::<Value>(request).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) => Err(status.code),
            Err(error) => panic!("{path}: {error}"),
        }
    }

    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.try_ask(method, path, body).await;
        answer.unwrap_or_else(|status| panic!("{path}: {status}"))
    }

    fn path(&self, api: &str, rest: &str) -> String {
        let root = if api == "v1" {
            "/api/v1".into()
        } else {
            format!("/apis/{api}")
        };
        format!("{root}/namespaces/{}/{rest}", self.namespace)
    }

    pub async fn make(&self, api: &str, plural: &str, body: Value) -> Value {
        self.ask(Method::POST, &self.path(api, plural), Some(body))
            .await
    }

    pub async fn get(&self, api: &str, rest: &str) -> Value {
        self.ask(Method::GET, &self.path(api, rest), None).await
    }

    pub async fn find(&self, api: &str, rest: &str) -> Option<Value> {
        self.try_ask(Method::GET, &self.path(api, rest), None)
            .await
            .ok()
    }

    /// What somebody else does with `kubectl edit`.
    pub async fn edit(&self, api: &str, rest: &str, patch: Value) -> Value {
        let path = format!("{}?fieldManager=kubectl-edit", self.path(api, rest));
        self.ask(Method::PATCH, &path, Some(patch)).await
    }

    pub async fn route(&self) -> Value {
        self.get("gateway.networking.k8s.io/v1", "httproutes/shop")
            .await
    }

    /// What the route's first rule gives to blue and to green.
    pub async fn weights(&self) -> (u64, u64) {
        let route = self.route().await;
        let refs = &route["spec"]["rules"][0]["backendRefs"];
        assert_eq!(refs[0]["name"], "web-blue");
        assert_eq!(refs[1]["name"], "web-green");
        let weight = |n: usize| refs[n]["weight"].as_u64().expect("a weight");
        (weight(0), weight(1))
    }

    /// Where the traffic goes, to blue and to green: by the route, or by the Service alone.
    pub async fn led(&self) -> (u64, u64) {
        let api = "gateway.networking.k8s.io/v1";
        if self.find(api, "httproutes/shop").await.is_some() {
            return self.weights().await;
        }
        let service = self.get("v1", "services/web-svc").await;
        let selector = &service["spec"]["selector"];
        match (
            selector["app"] == "web",
            selector["deckwatch.dev/slot"].as_str(),
        ) {
            (true, _) | (_, Some("blue")) => (100, 0),
            (_, Some("green")) => (0, 100),
            _ => (0, 0),
        }
    }

    /// Ready pods behind a Service.
    pub async fn ready(&self, service: &str) -> usize {
        self.endpoints(service).await.len()
    }

    /// The names of the ready pods behind a Service.
    pub async fn endpoints(&self, service: &str) -> Vec<String> {
        let rest = format!("endpointslices?labelSelector=kubernetes.io/service-name%3D{service}");
        let slices = self.get("discovery.k8s.io/v1", &rest).await;
        let mut names: Vec<String> = Vec::new();
        for slice in slices["items"].as_array().expect("a list") {
            for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
                if endpoint["conditions"]["ready"] != false {
                    names.push(
                        endpoint["targetRef"]["name"]
                            .as_str()
                            .unwrap_or_default()
                            .into(),
                    );
                }
            }
        }
        names.sort();
        names
    }

    pub async fn pods(&self, labels: &str) -> Vec<Value> {
        let pods = self
            .get("v1", &format!("pods?labelSelector={labels}"))
            .await;
        pods["items"].as_array().expect("a list").clone()
    }

    /// Sets a label on pods: what the simulated node then does is told by it.
    pub async fn label_pods(&self, pods: &[Value], key: &str, value: Value) {
        for pod in pods {
            let name = pod["metadata"]["name"].as_str().expect("a name");
            self.edit(
                "v1",
                &format!("pods/{name}"),
                json!({"metadata": {"labels": {key: value}}}),
            )
            .await;
        }
    }

    /// Makes all pods of green fail from now on.
    pub async fn break_green(&self, fault: &str) {
        let labels = json!({"deckwatch.test/fault": fault});
        self.edit(
            "apps/v1",
            "deployments/web-green",
            json!({"spec": {
            "strategy": {"type": "Recreate", "rollingUpdate": null},
            "template": {"metadata": {"labels": labels}}}}),
        )
        .await;
        self.until("green is broken", async || {
            self.seen().await.slots.green.ready == 0 && self.ready("web-green").await == 0
        })
        .await;
    }

    pub async fn seen(&self) -> Observation {
        self.platform.observe(&service()).await.expect("a look")
    }

    pub async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let tries = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(SOON, tries).await.is_err() {
            panic!("{what}: not after {SOON:?}");
        }
    }

    pub async fn until_ready(&self, slot: Slot, instances: u32) {
        self.until(&format!("{instances} ready in {slot}"), async || {
            self.seen().await.slots[slot].ready >= instances
        })
        .await;
    }
}

pub fn ask(route: bool) -> AdoptAsk {
    AdoptAsk {
        deployment: "web".into(),
        service: None,
        front: match route {
            true => FrontAsk::HttpRoute("shop".into()),
            false => FrontAsk::Service,
        },
        container: None,
    }
}

pub fn deployment(replicas: u32) -> Value {
    json!({"metadata": {"name": "web"}, "spec": {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web", "team": "shop"}},
            "spec": {"containers": [{"name": "main", "image": "registry/web:v1",
                "resources": {"requests": {"cpu": "10m"}}}]}}}})
}
