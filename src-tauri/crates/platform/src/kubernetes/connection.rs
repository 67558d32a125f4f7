//! Which cluster, as whom.
//!
//! A connection is one context of the kubeconfig files, and follows them: when what they say of its
//! cluster or its user changes, the next request goes by it. So do a token's file and the files of
//! certificates. Certificates, exec plugins (run again when their token runs out, or is no longer
//! accepted), `proxy-url` over `http` and `https` and `tls-server-name` are read by the client
//! library. What it does not do: the old `auth-provider` entries and SOCKS proxies.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deckwatch_domain::{Actor, ActorKind, Identity};
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::door::Door;
use super::failure::Failure;
use super::kubeconfig::{Picked, Source, Stamp};
use super::{lock, plugin};
use crate::model::PlatformError;

/// The longest that a new TCP and TLS connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// The longest that a credential plugin may take: it may ask a person in a browser.
const PLUGIN: Duration = Duration::from_secs(60);
/// The longest that a question about the cluster itself may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(1);
/// The longest that a request waits for what has changed to be read: the way back must not wait for
/// a plugin while what there was may still do.
const RELOAD: Duration = Duration::from_millis(300);
/// How soon after new credentials, that are not accepted either, others are asked for.
const RENEW: Duration = Duration::from_secs(5);

fn broken(why: impl std::fmt::Display) -> PlatformError {
    PlatformError::Broken {
        why: why.to_string(),
    }
}

/// A client for one context. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    context: Arc<str>,
    namespace: Arc<str>,
    /// None: it was made of a configuration, and follows no file.
    source: Option<Arc<Source>>,
    live: Arc<Mutex<Live>>,
    renewing: Arc<tokio::sync::Mutex<()>>,
    /// Counts how often the context came to lead to another cluster.
    moved: Arc<watch::Sender<u64>>,
    generation: Arc<AtomicU64>,
}

/// What holds now.
struct Live {
    client: Client,
    config: Config,
    files: Vec<PathBuf>,
    stamp: Stamp,
    certificates: (Vec<PathBuf>, Stamp),
    cluster: Value,
    user: Value,
    looked: Instant,
    renewed: Option<Instant>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let server = lock(&self.live).config.cluster_url.to_string();
        f.debug_struct("Connection")
            .field("context", &self.context)
            .field("server", &server)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Makes a client for a context (none: the current one). Asks the cluster nothing yet, but runs
    /// the context's credential plugin, if it has one.
    ///
    /// `place`: a kubeconfig or a folder of them; none: the files of `KUBECONFIG`, or the one in the
    /// home directory.
    ///
    /// # Errors
    /// [`PlatformError::Broken`]: the files or the credentials are not usable.
    pub async fn open(place: Option<&Path>, context: Option<&str>) -> Result<Self, PlatformError> {
        Connection::of(Source::of(place), context).await
    }

    /// As [`Connection::open`], of a list of files that is merged as that of `KUBECONFIG` is.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub async fn open_list(
        files: Vec<PathBuf>,
        context: Option<&str>,
    ) -> Result<Self, PlatformError> {
        Connection::of(Source::List(files), context).await
    }

    async fn of(source: Source, context: Option<&str>) -> Result<Self, PlatformError> {
        let picked = source.pick(context)?;
        let name = picked.name.clone();
        let live = Live::of(picked).await?;
        Ok(Connection::new(name, Some(source), live))
    }

    /// As [`Connection::open`], of a configuration that was made elsewhere.
    pub async fn with(context: impl Into<String>, config: Config) -> Result<Self, PlatformError> {
        let config = ours(config);
        let live = Live {
            client: make(&config).await?,
            config,
            files: Vec::new(),
            stamp: Stamp::default(),
            certificates: Default::default(),
            cluster: Value::Null,
            user: Value::Null,
            looked: Instant::now(),
            renewed: None,
        };
        Ok(Connection::new(context.into(), None, live))
    }

    fn new(context: String, source: Option<Source>, live: Live) -> Self {
        Connection {
            context: context.into(),
            namespace: live.config.default_namespace.clone().into(),
            source: source.map(Arc::new),
            live: Arc::new(Mutex::new(live)),
            renewing: Arc::default(),
            moved: Arc::new(watch::Sender::new(0)),
            generation: Arc::default(),
        }
    }

    /// The client, made anew once its certificate has run out or its files say something else.
    pub(super) async fn client(&self) -> Result<Client, PlatformError> {
        if self.has_changed() {
            let reload = self.renew(false);
            // What there was may still do; the reading goes on beside it.
            if let Ok(Err(error)) = tokio::time::timeout(RELOAD, reload).await {
                tracing::debug!(%error, context = %self.context, "the changed kubeconfig is not usable");
            }
        }
        let client = lock(&self.live).client.clone();
        let over = |until: &k8s_openapi::jiff::Timestamp| {
            until.as_millisecond() <= super::now().as_millis()
        };
        if !client.valid_until().as_ref().is_some_and(over) {
            return Ok(client);
        }
        self.renew(true).await?;
        Ok(lock(&self.live).client.clone())
    }

    /// Looks whether the files have changed, and goes by what they say then.
    pub(super) async fn refresh(&self) {
        // A failure is said where it is met.
        let _ = self.client().await;
    }

    /// New credentials, after those there were have not been accepted; whether there are any.
    pub(super) async fn renew_refused(&self) -> bool {
        let lately = lock(&self.live).renewed;
        if lately.is_some_and(|at| at.elapsed() < RENEW) {
            return false;
        }
        self.renew(true).await.is_ok()
    }

    /// Counts how often the files came to say something else of the cluster or the user.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Follows how often the context came to lead to another cluster.
    pub(super) fn moves(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    fn has_changed(&self) -> bool {
        if self.source.is_none() {
            return false;
        }
        let mut live = lock(&self.live);
        if live.looked.elapsed() < LOOK {
            return false;
        }
        live.looked = Instant::now();
        Stamp::of(&live.files) != live.stamp
    }

    /// Reads the files again and makes a client of them. Goes on when nobody waits for it any more:
    /// a plugin that asks a person is not asked twice.
    ///
    /// `anyway`: also when they say the same as before.
    async fn renew(&self, anyway: bool) -> Result<(), PlatformError> {
        let this = self.clone();
        let renewed = tokio::spawn(async move { this.renewed(anyway).await });
        renewed.await.map_err(broken)?
    }

    async fn renewed(&self, anyway: bool) -> Result<(), PlatformError> {
        let asked = Instant::now();
        let _one = self.renewing.lock().await;
        // Somebody else has just done it.
        if lock(&self.live).renewed.is_some_and(|at| at > asked) {
            return Ok(());
        }
        let Some(source) = &self.source else {
            let config = lock(&self.live).config.clone();
            let client = make(&config).await?;
            let mut live = lock(&self.live);
            (live.client, live.renewed) = (client, Some(Instant::now()));
            return Ok(());
        };
        let picked = source.pick(Some(&self.context))?;
        let cluster = picked.cluster.clone();
        {
            let mut live = lock(&self.live);
            let (certificates, stamp) = &live.certificates;
            let same = *certificates == picked.certificates
                && Stamp::of(certificates) == *stamp
                && (&live.cluster, &live.user) == (&picked.cluster, &picked.user);
            if same && !anyway {
                live.stamp = Stamp::of(&picked.files);
                live.files = picked.files;
                return Ok(());
            }
        }
        let mut fresh = Live::of(picked).await?;
        fresh.renewed = Some(Instant::now());
        let before = std::mem::replace(&mut *lock(&self.live), fresh).cluster;
        tracing::info!(context = %self.context, "the connection goes by what its files say now");
        self.generation.fetch_add(1, Ordering::AcqRel);
        if before["server"] != cluster["server"] {
            self.moved.send_modify(|times| *times += 1);
        }
        Ok(())
    }

    /// The context's name. It is this machine's name for the cluster: see [`Connection::cluster`].
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The context's own namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
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

impl Live {
    async fn of(picked: Picked) -> Result<Live, PlatformError> {
        // Before it is read again by the client: what changes in between is seen the next time.
        let stamp = Stamp::of(&picked.files);
        let certificates = Stamp::of(&picked.certificates);
        let options = KubeConfigOptions {
            context: Some(picked.name.clone()),
            ..Default::default()
        };
        let config = Config::from_custom_kubeconfig(picked.kubeconfig, &options).await;
        let mut config = config.map_err(|e| broken(format!("the context {}: {e}", picked.name)))?;
        plugin::find(&mut config.auth_info).await;
        let config = ours(config);
        Ok(Live {
            client: make(&config).await?,
            config,
            files: picked.files,
            stamp,
            certificates: (picked.certificates, certificates),
            cluster: picked.cluster,
            user: picked.user,
            looked: Instant::now(),
            renewed: None,
        })
    }
}

fn ours(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECT);
    // When to ask again is decided here, not in the client: the way back must not wait.
    config.default_retry = false;
    config
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
contexts: [{name: prod, context: {cluster: c1, user: ana, namespace: shop}}]
"#;

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

    #[tokio::test]
    async fn what_does_not_concern_the_context_makes_no_new_client() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, ONE).unwrap();
        let open = Connection::open(Some(&file), None).await.unwrap();
        let renewed = || lock(&open.live).renewed;
        let change = async |text: String| {
            std::fs::write(&file, text).unwrap();
            open.renewed(false).await
        };
        change(ONE.replace("current-context: prod", "preferences: {}"))
            .await
            .unwrap();
        assert_eq!(renewed(), None);
        // Half of a file is passed over: what there was goes on.
        assert!(change("apiVersion: v1\nclusters: [{".into()).await.is_err());
        assert_eq!(renewed(), None);
        change(ONE.replace("token: t", "token: u")).await.unwrap();
        assert!(renewed().is_some());
        assert_eq!(*open.moves().borrow(), 0);
        change(ONE.replace(":6443", ":7443")).await.unwrap();
        assert_eq!(*open.moves().borrow(), 1);
        assert_eq!(lock(&open.live).config.cluster_url.port_u16(), Some(7443));
    }
}
