//! A real Kubernetes control plane and a real Prometheus for one test, and what the pods of it
//! would have counted: pods are simulated there and answer nobody, so their counters are written
//! by the test, as if traffic went where the route says.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{eventually, free_ports};

/// The control plane's program: the one that is named, or the newest in the cache.
pub fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("DECKWATCH_CONTROL_PLANE") {
        return Some(PathBuf::from(named)).filter(|p| p.is_file());
    }
    let under = |name: &str, rest: &str| Some(PathBuf::from(std::env::var_os(name)?).join(rest));
    let cache = under("DECKWATCH_CACHE", "")
        .or_else(|| under("XDG_CACHE_HOME", "deckwatch"))
        .or_else(|| under("HOME", ".cache/deckwatch"))?;
    let built = std::fs::read_dir(cache.join("control-plane")).ok()?;
    let programs = built.filter_map(|entry| {
        let program = entry.ok()?.path().join("control-plane");
        Some((program.metadata().ok()?.modified().ok()?, program))
    });
    programs.max().map(|(_, program)| program)
}

/// Ends with this test: it reads from a pipe that is open as long as we are there.
pub struct ControlPlane {
    child: Child,
    pub kubeconfig: String,
    program: PathBuf,
    _folder: tempfile::TempDir,
}

impl ControlPlane {
    /// Brings one up with the demo services in it.
    pub async fn up(program: &Path) -> ControlPlane {
        let folder = tempfile::tempdir().unwrap();
        let program = program.to_owned();
        let (dir, run) = (folder.path().to_owned(), program.clone());
        let started = tokio::task::spawn_blocking(move || {
            let mut child = Command::new(&run)
                .args(["up", "--dir"])
                .arg(&dir)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("the control plane starts");
            let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
            let ready = lines
                .map_while(Result::ok)
                .find_map(|l| Some(l.split_once("ready KUBECONFIG=")?.1.to_owned()));
            (child, ready.expect("the control plane comes up"))
        });
        let (child, kubeconfig) = tokio::time::timeout(Duration::from_secs(200), started)
            .await
            .expect("the control plane comes up in time")
            .unwrap();
        ControlPlane {
            child,
            kubeconfig,
            program,
            _folder: folder,
        }
    }

    /// Applies files of the demo, or any other.
    pub fn apply(&self, files: &[&Path]) {
        let applied = Command::new(&self.program)
            .args(["apply", "--kubeconfig", &self.kubeconfig])
            .args(files)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&applied.stderr);
        assert!(applied.status.success(), "{said}");
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What the pods have counted, by pod and status.
pub type Counted = Arc<Mutex<BTreeMap<(String, u16), u64>>>;

/// A real Prometheus that scrapes what `counted` holds, every half second.
pub struct Prometheus {
    child: Child,
    pub url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// None where it is not installed.
    pub async fn up(counted: Counted, namespace: &'static str) -> Option<Prometheus> {
        let folder = tempfile::tempdir().unwrap();
        let port = free_ports(2);
        let (server, pods) = (port, port + 1);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", pods)).await;
        tokio::spawn(answer(listener.unwrap(), counted, namespace));
        let config = folder.path().join("prometheus.yml");
        std::fs::write(
            &config,
            format!(
                "global: {{ scrape_interval: 500ms }}\nscrape_configs:\n  - job_name: pods\n    \
                 honor_labels: true\n    static_configs: [ {{ targets: [\"127.0.0.1:{pods}\"] }} ]\n"
            ),
        )
        .unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{server}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let url = format!("http://127.0.0.1:{server}");
        let up = Prometheus {
            child,
            url,
            _folder: folder,
        };
        eventually("Prometheus to listen", || async {
            let open = tokio::net::TcpStream::connect(("127.0.0.1", server)).await;
            open.map(drop).map_err(|e| e.to_string())
        })
        .await;
        Some(up)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn answer(listener: tokio::net::TcpListener, counted: Counted, namespace: &str) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut asked = [0; 4096];
        let _ = stream.read(&mut asked).await;
        let mut body = "# TYPE http_requests_total counter\n".to_owned();
        for ((pod, code), count) in counted.lock().unwrap().iter() {
            body += &format!(
                "http_requests_total{{namespace=\"{namespace}\",pod=\"{pod}\",code=\"{code}\"}} {count}\n"
            );
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all((head + &body).as_bytes()).await;
    }
}

/// Sends so many requests a second where an observation says that traffic goes, for a tenth of a
/// second; `bad` of every thousand to versions whose name begins so fail.
pub fn traffic(seen: &Value, counted: &Counted, rate: u64, bad: (&str, u64)) {
    let mut counted = counted.lock().unwrap();
    for slot in ["blue", "green"] {
        let share = seen["traffic"]["weights"][slot].as_u64().unwrap_or(0);
        let state = &seen["slots"][slot];
        let pods = state["instances"].as_array().cloned().unwrap_or_default();
        let ready: Vec<&str> = pods
            .iter()
            .filter(|p| p["phase"] == "ready")
            .filter_map(|p| p["id"].as_str())
            .collect();
        let all = rate * share / 1000;
        let version = state["release"]["version"].as_str();
        let failing = version.is_some_and(|v| v.starts_with(bad.0));
        for (i, pod) in ready.iter().enumerate() {
            let mine = all / ready.len() as u64 + u64::from((i as u64) < all % ready.len() as u64);
            let wrong = if failing { mine * bad.1 / 1000 } else { 0 };
            *counted.entry(((*pod).to_owned(), 200)).or_default() += mine - wrong;
            *counted.entry(((*pod).to_owned(), 503)).or_default() += wrong;
        }
    }
}
