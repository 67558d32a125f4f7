//! Which cluster, as whom.
//!
//! A connection is one context of the kubeconfig files. Certificates, exec plugins, tokens (a token
//! file is read again every minute, a plugin's token when it runs out), `proxy-url` over `http` and
//! `https` and `tls-server-name` are read by the client library. What it does not do: the old
//! `auth-provider` entries, SOCKS proxies, and a CA file that is exchanged while it runs (open the
//! context anew).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deckwatch_domain::{Actor, ActorKind, Identity};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::door::Door;
use super::failure::Failure;
use super::{lock, plugin};
use crate::model::PlatformError;

/// The longest that a new TCP and TLS connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// The longest that a credential plugin may take: it may ask a person in a browser.
const PLUGIN: Duration = Duration::from_secs(60);
/// The longest that a question about the cluster itself may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One context of the kubeconfig files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContextEntry {
    pub name: String,
    pub cluster: String,
    pub user: Option<String>,
    pub namespace: String,
    /// What `kubectl` uses when nothing is said.
    pub current: bool,
}

/// Every context that the kubeconfig files name.
///
/// `file`: one file; none: the files of `KUBECONFIG`, or the one in the home directory. Files of
/// the list that are not there are passed over, as `kubectl` does.
///
/// # Errors
/// [`PlatformError::Broken`] when there is no such file or it is not understood.
pub fn contexts(file: Option<&Path>) -> Result<Vec<ContextEntry>, PlatformError> {
    let read = read(file)?;
    let current = read.current_context;
    let entries = read.contexts.into_iter().filter_map(|named| {
        let context = named.context?;
        Some(ContextEntry {
            current: current.as_deref() == Some(named.name.as_str()),
            name: named.name,
            cluster: context.cluster,
            user: context.user,
            namespace: context.namespace.unwrap_or_else(|| "default".into()),
        })
    });
    Ok(entries.collect())
}

fn broken(why: impl std::fmt::Display) -> PlatformError {
    PlatformError::Broken {
        why: why.to_string(),
    }
}

fn read(file: Option<&Path>) -> Result<Kubeconfig, PlatformError> {
    let files = match file {
        Some(file) => vec![file.to_owned()],
        None => listed(std::env::var_os("KUBECONFIG").as_deref()),
    };
    if files.is_empty() {
        return Kubeconfig::read().map_err(broken);
    }
    let mut whole = Kubeconfig::default();
    for file in files {
        let one =
            Kubeconfig::read_from(&file).map_err(|e| broken(format!("{}: {e}", file.display())))?;
        whole = whole.merge(one).map_err(broken)?;
    }
    Ok(whole)
}

fn listed(variable: Option<&std::ffi::OsStr>) -> Vec<PathBuf> {
    let paths = variable.into_iter().flat_map(std::env::split_paths);
    paths.filter(|p| p.is_file()).collect()
}

/// A client for one context. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    context: Arc<str>,
    namespace: Arc<str>,
    config: Arc<Config>,
    client: Arc<Mutex<Client>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("context", &self.context)
            .field("server", &self.config.cluster_url.to_string())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Makes a client for a context (none: the current one). Asks the cluster nothing yet, but runs
    /// the context's credential plugin, if it has one.
    ///
    /// # Errors
    /// [`PlatformError::Broken`]: the files or the credentials are not usable.
    pub async fn open(file: Option<&Path>, context: Option<&str>) -> Result<Self, PlatformError> {
        let kubeconfig = read(file)?;
        let name = context
            .map(str::to_owned)
            .or_else(|| kubeconfig.current_context.clone())
            .ok_or_else(|| broken("the kubeconfig has no current context; name one"))?;
        let options = KubeConfigOptions {
            context: Some(name.clone()),
            ..Default::default()
        };
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|e| broken(format!("the context {name}: {e}")))?;
        plugin::find(&mut config.auth_info).await;
        Connection::with(name, config).await
    }

    /// As [`Connection::open`], of a configuration that was made elsewhere.
    pub async fn with(context: impl Into<String>, config: Config) -> Result<Self, PlatformError> {
        let mut config = config;
        config.connect_timeout = Some(CONNECT);
        // When to ask again is decided here, not in the client: the way back must not wait.
        config.default_retry = false;
        let client = make(&config).await?;
        Ok(Connection {
            context: context.into().into(),
            namespace: config.default_namespace.clone().into(),
            config: config.into(),
            client: Arc::new(Mutex::new(client)),
        })
    }

    /// The context's name. It is this machine's name for the cluster: see [`Connection::cluster`].
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The context's own namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The client, made anew once its certificate has run out.
    pub(super) async fn client(&self) -> Result<Client, PlatformError> {
        let client = lock(&self.client).clone();
        let over = |until: &k8s_openapi::jiff::Timestamp| {
            until.as_millisecond() <= super::now().as_millis()
        };
        if !client.valid_until().as_ref().is_some_and(over) {
            return Ok(client);
        }
        let fresh = make(&self.config).await?;
        *lock(&self.client) = fresh.clone();
        Ok(fresh)
    }

    /// Who the API server says is asking.
    ///
    /// # Errors
    /// The API server's.
    pub async fn who(&self) -> Result<Actor, PlatformError> {
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        let review = Door::new(self.clone())
            .ask(path, &body, PATIENCE)
            .await
            .map_err(|e| e.told("who is asking"))?;
        let user = review["status"]["userInfo"]["username"].as_str();
        let user = user.ok_or_else(|| broken("the API server does not say who is asking"))?;
        Ok(actor(user))
    }

    /// The cluster's own identity: the uid of its namespace `kube-system`. Context names differ
    /// from machine to machine; this does not.
    ///
    /// # Errors
    /// The API server's; `Denied` when that namespace may not be read.
    pub async fn cluster(&self) -> Result<String, PlatformError> {
        let system = self.get("/api/v1/namespaces/kube-system").await?;
        let uid = system["metadata"]["uid"].as_str();
        uid.map(str::to_owned)
            .ok_or_else(|| broken("the namespace kube-system has no uid"))
    }

    /// The API server's version, `v1.36.3`.
    ///
    /// # Errors
    /// The API server's.
    pub async fn version(&self) -> Result<String, PlatformError> {
        let version = self.get("/version").await?;
        let version = version["gitVersion"].as_str();
        Ok(version.unwrap_or("unknown").to_owned())
    }

    async fn get(&self, path: &str) -> Result<Value, PlatformError> {
        let door = Door::new(self.clone());
        let answer = door.get(path, PATIENCE).await;
        answer.map_err(|e: Failure| e.told(path))
    }
}

fn actor(user: &str) -> Actor {
    let machine = user.starts_with("system:serviceaccount:");
    Actor {
        kind: if machine {
            ActorKind::Machine
        } else {
            ActorKind::Person
        },
        id: user.to_owned(),
        identity: Identity::Kubernetes,
        display: None,
    }
}

/// A plugin is a program that is run and waited for, so this happens off the runtime's threads.
async fn make(config: &Config) -> Result<Client, PlatformError> {
    let config = config.clone();
    let made = tokio::task::spawn_blocking(move || Client::try_from(config));
    match tokio::time::timeout(PLUGIN, made).await {
        Ok(Ok(made)) => made.map_err(broken),
        Ok(Err(e)) => Err(broken(e)),
        Err(_) => Err(broken(format!(
            "the credential plugin has not answered for {PLUGIN:?}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"
apiVersion: v1
kind: Config
current-context: prod
clusters: [{name: c1, cluster: {server: "https://127.0.0.1:6443"}}]
users: [{name: ana, user: {token: t}}]
contexts:
- {name: prod, context: {cluster: c1, user: ana, namespace: shop}}
- {name: dev, context: {cluster: c2, user: ana}}
"#;
    const TWO: &str = r#"
apiVersion: v1
kind: Config
current-context: dev
clusters: [{name: c2, cluster: {server: "https://127.0.0.1:7443"}}]
"#;

    #[test]
    fn the_contexts_are_listed_with_what_they_lead_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, ONE).unwrap();
        let found = contexts(Some(&file)).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].current), ("prod", true));
        assert_eq!(found[0].namespace, "shop");
        assert_eq!(found[1].namespace, "default");
        assert_eq!(found[1].cluster, "c2");
        let missing = contexts(Some(&folder.path().join("none"))).unwrap_err();
        assert!(missing.to_string().contains("none"), "{missing}");
    }

    #[test]
    fn files_of_the_list_that_are_not_there_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::write(&one, ONE).unwrap();
        std::fs::write(&two, TWO).unwrap();
        let list = std::env::join_paths([&folder.path().join("none"), &two, &one]).unwrap();
        assert_eq!(listed(Some(&list)), [two, one]);
        assert!(listed(None).is_empty());
    }

    #[test]
    fn a_service_account_is_a_machine() {
        assert_eq!(actor("ana").kind, ActorKind::Person);
        let agent = actor("system:serviceaccount:ops:agent");
        assert_eq!(
            (agent.kind, agent.identity),
            (ActorKind::Machine, Identity::Kubernetes)
        );
    }

    #[tokio::test]
    async fn a_context_that_does_not_exist_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, ONE).unwrap();
        let open = Connection::open(Some(&file), Some("nowhere")).await;
        assert!(open.unwrap_err().to_string().contains("nowhere"));
        let open = Connection::open(Some(&file), None).await.unwrap();
        assert_eq!((open.context(), open.namespace()), ("prod", "shop"));
    }
}
