//! Kubeconfig files that change while a connection lives: real files, the real API server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deckwatch_platform::kubernetes::{Access, Connection, KubernetesPlatform};
use deckwatch_platform::{Platform as _, PlatformError};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::proxy::Proxy;
use crate::tests;
use crate::world::{World, service};

tests![
    an_edited_file_is_gone_by,
    a_token_in_a_file_may_be_exchanged,
    a_plugin_is_asked_again_when_its_token_is_no_longer_accepted,
    a_list_and_a_folder_lead_to_their_clusters,
    a_proxy_in_the_file_is_gone_through,
    a_context_that_moves_is_looked_at_anew,
];

/// The control plane's own kubeconfig, as it can be changed.
struct File {
    folder: tempfile::TempDir,
    whole: Value,
}

impl File {
    fn new(world: &World) -> Self {
        let file = kube::config::Kubeconfig::read_from(&world.cluster.kubeconfig);
        File {
            folder: tempfile::tempdir().expect("a folder"),
            whole: json!(file.expect("a kubeconfig")),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The token of one of the control plane's users.
    fn token(&self, user: &str) -> String {
        let users = self.whole["users"].as_array().expect("users");
        let user = users.iter().find(|u| u["name"] == user).expect("the user");
        user["user"]["token"].as_str().expect("a token").to_owned()
    }

    fn cluster(&self) -> Value {
        self.whole["clusters"][0]["cluster"].clone()
    }

    /// A kubeconfig with one context, `here`, for this cluster and user.
    fn write(&self, name: &str, cluster: &Value, user: &Value) -> PathBuf {
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}]});
        let path = self.path(name);
        // As editors write: beside it, then over it.
        let beside = self.path(".beside");
        std::fs::write(&beside, config.to_string()).expect("it is written");
        std::fs::rename(beside, &path).expect("it is moved");
        path
    }
}

async fn open(place: &Path) -> Connection {
    let opened = Connection::open(Some(place), Some("here")).await;
    opened.expect("a connection")
}

async fn who(connection: &Connection) -> String {
    match connection.who().await {
        Ok(who) => who.id,
        Err(error) => error.to_string(),
    }
}

async fn an_edited_file_is_gone_by(world: World) {
    let file = File::new(&world);
    let as_user = |user: &str| json!({"token": file.token(user)});
    let path = file.write("config", &file.cluster(), &as_user("viewer"));
    let connection = open(&path).await;
    assert_eq!(who(&connection).await, "viewer");
    let before = connection.generation();
    file.write("config", &file.cluster(), &as_user("driver"));
    world
        .until("the file is read again", async || {
            who(&connection).await == "driver"
        })
        .await;
    assert!(connection.generation() > before);
    // Half of a file is passed over: what there was goes on.
    std::fs::write(&path, "apiVersion: v1\nclusters: [{").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(who(&connection).await, "driver");
    std::fs::remove_file(&path).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(who(&connection).await, "driver");
    file.write("config", &file.cluster(), &as_user("admin"));
    world
        .until("it is read once more", async || {
            who(&connection).await == "admin"
        })
        .await;
}

async fn a_token_in_a_file_may_be_exchanged(world: World) {
    let file = File::new(&world);
    let secret = file.path("token");
    std::fs::write(&secret, "nobody knows this\n").unwrap();
    let user = json!({"tokenFile": secret});
    let connection = open(&file.write("config", &file.cluster(), &user)).await;
    let denied = connection.who().await.unwrap_err();
    assert!(matches!(denied, PlatformError::Denied { .. }), "{denied}");
    std::fs::write(&secret, format!("{}\n", file.token("driver"))).unwrap();
    world
        .until("the new token is used", async || {
            who(&connection).await == "driver"
        })
        .await;
}

/// A plugin that gives out what a file says, and notes each time that it was asked.
fn plugin(file: &File, until: &str) -> Value {
    let script = format!(
        "#!/bin/sh\necho asked >> '{asked}'\nprintf '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\
         \"kind\":\"ExecCredential\",\"status\":{{\"token\":\"%s\",\"expirationTimestamp\":\"{until}\"}}}}' \
         \"$(cat '{token}')\"\n",
        asked = file.path("asked").display(),
        token = file.path("token").display(),
    );
    let path = file.path("plugin");
    std::fs::write(&path, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, mode).unwrap();
    json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": path,
        "interactiveMode": "Never"}})
}

async fn a_plugin_is_asked_again_when_its_token_is_no_longer_accepted(world: World) {
    let file = File::new(&world);
    let asked = || {
        let asked = std::fs::read_to_string(file.path("asked"));
        asked.unwrap_or_default().lines().count()
    };
    std::fs::write(file.path("token"), file.token("viewer")).unwrap();
    let user = plugin(&file, "2999-01-01T00:00:00Z");
    let connection = open(&file.write("config", &file.cluster(), &user)).await;
    assert_eq!(who(&connection).await, "viewer");
    let once = asked();
    assert_eq!(who(&connection).await, "viewer");
    assert_eq!(asked(), once, "a token that holds is asked for again");
    // The token of before is good for another user of the test's; here it is taken away by the plugin
    // giving out one that was never known, and then a good one.
    std::fs::write(file.path("token"), "revoked").unwrap();
    let stale = open(&file.write("second", &file.cluster(), &user)).await;
    std::fs::write(file.path("token"), file.token("driver")).unwrap();
    assert_eq!(
        who(&stale).await,
        "driver",
        "a 401 asks the plugin again at once"
    );
    // A token that is over is asked for anew before it is used.
    std::fs::write(file.path("token"), file.token("viewer")).unwrap();
    let user = plugin(&file, "2001-01-01T00:00:00Z");
    let short = open(&file.write("third", &file.cluster(), &user)).await;
    assert_eq!(who(&short).await, "viewer");
    std::fs::write(file.path("token"), file.token("driver")).unwrap();
    assert_eq!(who(&short).await, "driver");
}

async fn a_list_and_a_folder_lead_to_their_clusters(world: World) {
    let file = File::new(&world);
    let part = |name: &str, part: Value| {
        let mut config = json!({"apiVersion": "v1", "kind": "Config"});
        config["clusters"] = part["clusters"].clone();
        config["users"] = part["users"].clone();
        config["contexts"] = part["contexts"].clone();
        let config: Value = config
            .as_object()
            .expect("a map")
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into();
        std::fs::write(file.path(name), config.to_string()).unwrap();
        file.path(name)
    };
    let where_ = part(
        "where",
        json!({"clusters": [{"name": "c", "cluster": file.cluster()}]}),
    );
    let user = json!({"name": "u", "user": {"token": file.token("driver")}});
    let context = json!({"name": "here", "context": {"cluster": "c", "user": "u"}});
    let as_whom = part("as-whom", json!({"users": [user], "contexts": [context]}));
    let list = vec![file.path("not-there"), where_, as_whom];
    let merged = Connection::open_list(list, Some("here")).await.unwrap();
    assert_eq!(who(&merged).await, "driver");

    let folder = File::new(&world);
    folder.write(
        "one",
        &folder.cluster(),
        &json!({"token": folder.token("viewer")}),
    );
    std::fs::write(folder.path("README"), "not a kubeconfig").unwrap();
    let connection = open(folder.folder.path()).await;
    assert_eq!(who(&connection).await, "viewer");
    folder.write(
        "one",
        &folder.cluster(),
        &json!({"token": folder.token("admin")}),
    );
    world
        .until("the folder's file is read again", async || {
            who(&connection).await == "admin"
        })
        .await;
}

/// A proxy that opens tunnels, and counts them.
async fn tunnels() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, opened) = (
        listener.local_addr().expect("one"),
        Arc::new(AtomicUsize::new(0)),
    );
    let count = opened.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = count.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut first = String::new();
                stream.read_line(&mut first).await.ok()?;
                let mut line = String::new();
                while stream.read_line(&mut line).await.ok()? > 2 {
                    line.clear();
                }
                let to = first.strip_prefix("CONNECT ")?.split(' ').next()?;
                let mut upstream = TcpStream::connect(to).await.ok()?;
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
                count.fetch_add(1, Ordering::Relaxed);
                tokio::io::copy_bidirectional(&mut stream, &mut upstream)
                    .await
                    .ok()
            });
        }
    });
    (format!("http://{address}"), opened)
}

async fn a_proxy_in_the_file_is_gone_through(world: World) {
    let file = File::new(&world);
    let (proxy, opened) = tunnels().await;
    let mut cluster = file.cluster();
    cluster["proxy-url"] = json!(proxy);
    let user = json!({"token": file.token("driver")});
    let connection = open(&file.write("config", &cluster, &user)).await;
    assert_eq!(who(&connection).await, "driver");
    let through = opened.load(Ordering::Relaxed);
    assert!(through > 0, "the proxy was gone round");
    // Taken out of the file, it is no longer gone through.
    file.write("config", &file.cluster(), &user);
    world
        .until("the file is read again", async || {
            who(&connection).await;
            connection.generation() > 0
        })
        .await;
    let before = opened.load(Ordering::Relaxed);
    let fresh = who(&connection).await;
    assert_eq!(
        (fresh.as_str(), opened.load(Ordering::Relaxed)),
        ("driver", before)
    );
}

async fn a_context_that_moves_is_looked_at_anew(world: World) {
    world.adopted(1, true).await;
    let file = File::new(&world);
    let user = json!({"token": file.token("admin")});
    let path = file.write("config", &file.cluster(), &user);
    let platform = KubernetesPlatform::new(open(&path).await, world.namespace.as_str());
    platform.set_access(Access::Open);
    platform.follow();
    world
        .until("it is filled", async || platform.as_of().is_some())
        .await;
    assert_eq!(
        platform.observe(&service()).await.unwrap().slots.blue.ready,
        1
    );
    // The same cluster by another address; all that was known is listed again from there.
    let proxy = Proxy::start(world.cluster.relay().await).await;
    let there = json!({"server": format!("http://{}", proxy.address)});
    file.write("config", &there, &user);
    world
        .until("it has moved", async || {
            platform.connection().generation() > 0
        })
        .await;
    // What is known is no longer heard of from the address of before.
    proxy.set(crate::proxy::Fault::Cut);
    world
        .until("it is asked there", async || {
            platform.observe(&service()).await.is_err()
        })
        .await;
    proxy.set(crate::proxy::Fault::None);
    world
        .until("it is known from there", async || {
            let seen = platform.observe(&service()).await;
            seen.is_ok_and(|seen| seen.slots.blue.ready == 1)
        })
        .await;
}
