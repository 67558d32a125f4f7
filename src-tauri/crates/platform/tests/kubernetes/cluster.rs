//! One control plane for the whole run. It ends with this process: it reads from a pipe that is
//! open as long as we are there.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The longest that it may take to come up.
const UP: Duration = Duration::from_secs(200);

pub struct Cluster {
    _program: Child,
    _folder: tempfile::TempDir,
    pub kubeconfig: PathBuf,
}

impl Cluster {
    /// The control plane's program: the one that is named, or the newest that was built.
    pub fn program() -> Option<PathBuf> {
        if let Some(named) = std::env::var_os("DECKWATCH_CONTROL_PLANE") {
            return Some(PathBuf::from(named)).filter(|p| p.is_file());
        }
        let under =
            |name: &str, rest: &str| Some(PathBuf::from(std::env::var_os(name)?).join(rest));
        let cache = under("DECKWATCH_CACHE", "")
            .or_else(|| under("XDG_CACHE_HOME", "deckwatch"))
            .or_else(|| under("HOME", ".cache/deckwatch"))?;
        let built = std::fs::read_dir(cache.join("control-plane")).ok()?;
        let programs = built.filter_map(|entry| {
            let program = entry.ok()?.path().join("control-plane");
            let built = program.metadata().ok()?.modified().ok()?;
            Some((built, program))
        });
        programs.max().map(|(_, program)| program)
    }

    pub async fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(program)
            .args(["up", "--dir"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the control plane starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready = tokio::time::timeout(UP, async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, path)) = line.split_once("ready KUBECONFIG=") {
                    return Some(PathBuf::from(path));
                }
            }
            None
        });
        let kubeconfig = ready
            .await
            .ok()
            .flatten()
            .expect("the control plane comes up");
        Cluster {
            _program: child,
            _folder: folder,
            kubeconfig,
        }
    }

    /// The configuration of one of its users.
    pub async fn config(&self, user: &str) -> Config {
        let file = Kubeconfig::read_from(&self.kubeconfig).expect("a kubeconfig");
        let options = KubeConfigOptions {
            context: Some(user.to_owned()),
            ..Default::default()
        };
        Config::from_custom_kubeconfig(file, &options)
            .await
            .expect("a context")
    }

    /// A client that sends everything on as it comes, with whatever credentials it carries.
    pub async fn relay(&self) -> Client {
        let mut config = self.config("admin").await;
        config.auth_info = Default::default();
        config.default_retry = false;
        Client::try_from(config).expect("a client")
    }
}
