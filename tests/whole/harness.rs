//! A ground for one test: a folder, a node, agents, and the program that speaks to them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use deckwatch_console::{Console, ConsoleOptions};
use deckwatch_domain::{Role, ServiceName, Slot};
use deckwatch_platform::local::{LocalPlatform, NodeFolder};
use deckwatch_platform::{Observation, Platform};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::process::PATIENCE;
pub use crate::process::{Agent, eventually, processes_with, signal};

pub const SERVICE: &str = "checkout";
/// Two grounds at a time: on two cores more of them would measure each other.
static TURNS: Semaphore = Semaphore::const_new(2);

/// The real program: `DECKWATCH_PROGRAM`, else the one beside this test.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let given = std::env::var_os("DECKWATCH_PROGRAM").filter(|p| !p.is_empty());
        let found = given.map(PathBuf::from).unwrap_or_else(|| {
            // target/debug/deps/whole-… -> target/debug/deckwatchctl
            let here = std::env::current_exe().expect("this test's own path");
            let folder = here.parent().and_then(Path::parent).expect("target/debug");
            folder.join("deckwatchctl")
        });
        assert!(
            found.is_file(),
            "there is no program at {}: run `cargo build -p deckwatch-ctl` first, or name one with DECKWATCH_PROGRAM",
            found.display()
        );
        found
    })
}

/// `count` free ports in a row, outside of the range that outgoing connections are given: a
/// client that keeps knocking at a dead port of that range can end up connected to itself.
pub fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 1000) as u16 * 8;
    for _ in 0..2000 {
        let first = 20_000 + (start + NEXT.fetch_add(count, Ordering::Relaxed)) % 10_000;
        let free = (first..first + count)
            .all(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok());
        if free {
            return first;
        }
    }
    panic!("no {count} free ports in a row");
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub words: String,
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "{}\nout: {}\nerr: {}",
            self.words, self.out, self.err
        );
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("{}: not JSON ({e}): {}", self.words, self.out))
    }

    /// Asserts that standard output and error together mention it.
    #[track_caller]
    pub fn says(self, part: &str) -> Self {
        let said = format!("{}{}", self.out, self.err);
        assert!(
            said.contains(part),
            "{}: `{part}` is missing in: {said}",
            self.words
        );
        self
    }

    /// Asserts a refusal that is one clear message: one paragraph, no trace of the inside.
    #[track_caller]
    pub fn refused(self, part: &str) -> Self {
        let ran = self.code(3).says(part);
        assert_eq!(
            ran.err.trim().lines().count(),
            1,
            "{}: {}",
            ran.words,
            ran.err
        );
        ran
    }
}

/// The folder, the node in it and everything that runs from there.
pub struct Ground {
    pub data: PathBuf,
    pub service: ServiceName,
    pub port: u16,
    pub platform: LocalPlatform,
    _turn: SemaphorePermit<'static>,
    _folder: tempfile::TempDir,
}

impl Ground {
    /// A ground whose data folder is made by whoever uses it first.
    pub async fn new() -> Ground {
        Ground::prepared(|_| {}).await
    }

    /// A ground whose data folder `prepare` may first turn into something (a mount).
    pub async fn prepared(prepare: impl FnOnce(&Path)) -> Ground {
        let turn = TURNS.acquire().await.expect("never closed");
        // A short path: the node's socket must fit into what the system allows.
        let folder = tempfile::Builder::new()
            .prefix("dw")
            .tempdir_in("/tmp")
            .unwrap();
        let data = folder.path().join("d");
        prepare(&data);
        let node = NodeFolder::new(data.join("node")).unwrap();
        Ground {
            service: ServiceName::new(SERVICE).unwrap(),
            port: free_ports(6),
            platform: LocalPlatform::new(node),
            data,
            _turn: turn,
            _folder: folder,
        }
    }

    /// A file beside the data folder.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self._folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub fn path(&self, name: &str) -> String {
        self._folder.path().join(name).display().to_string()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DECKWATCH_") {
                command.env_remove(&name);
            }
        }
        command
            .args(args)
            .env("DECKWATCH_DATA", &self.data)
            .env("DECKWATCH_TRAINING_PORT", self.port.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    pub async fn ctl(&self, args: &[&str]) -> Ran {
        let words = format!("deckwatchctl {}", args.join(" "));
        let output = self.command(args).output();
        let output = tokio::time::timeout(PATIENCE, output)
            .await
            .unwrap_or_else(|_| panic!("{words}: not done within {PATIENCE:?}"))
            .unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            words,
        }
    }

    /// Asserts success and reads its JSON.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> impl Future<Output = Value> {
        let mut all = vec!["--json"];
        all.extend(args);
        async move { self.ctl(&all).await.code(0).json() }
    }

    /// A console of this process on the folder, opened anew.
    pub fn console(&self) -> Console {
        Console::open(ConsoleOptions {
            folder: Some(self.data.clone()),
            program: Some(program().to_owned()),
            ..ConsoleOptions::default()
        })
        .unwrap()
    }

    pub fn agent(&self) -> Agent {
        self.agent_with(&[])
    }

    pub fn agent_with(&self, args: &[&str]) -> Agent {
        let mut all = vec!["agent"];
        all.extend(args);
        let log = self._folder.path().join("agents.log");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let child = self
            .command(&all)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Agent::of(child)
    }

    pub async fn observe(&self) -> Observation {
        let service = &self.service;
        eventually("the node to answer", || async move {
            self.platform
                .observe(service)
                .await
                .map_err(|e| e.to_string())
        })
        .await
    }

    /// Which version answers a request with these headers.
    pub async fn answered_to(&self, headers: &[(&str, &str)]) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut request = "GET / HTTP/1.1\r\nhost: checkout\r\nconnection: close\r\n".to_owned();
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        let address = ("127.0.0.1", self.port);
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let version = answer
            .lines()
            .find_map(|line| line.strip_prefix("x-version: "));
        version
            .unwrap_or_else(|| panic!("no version in: {answer}"))
            .to_owned()
    }

    /// The slot that plays a role now.
    pub async fn slot(&self, role: Role) -> Slot {
        let roles = self.observe().await.traffic.roles;
        roles
            .playing(role)
            .unwrap_or_else(|| panic!("no slot is {role}: {roles:?}"))
    }

    /// Every process that was started from this ground, by the environment it was started with.
    fn processes(&self) -> Vec<(u32, String)> {
        let mark = format!("DECKWATCH_DATA={}\0", self.data.display());
        processes_with(mark.as_bytes())
    }
}

impl Drop for Ground {
    /// Stops the node, sees that nothing is left, and ends what is.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for what in ["rollout", "service"] {
                let mut show = std::process::Command::new(program());
                show.args([what, "show", SERVICE])
                    .env("DECKWATCH_DATA", &self.data);
                let shown = show
                    .output()
                    .map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
                eprintln!("{what}:\n{}", shown.unwrap_or_default());
            }
        }
        let mut stop = std::process::Command::new(program());
        stop.args(["node", "stop"])
            .env("DECKWATCH_DATA", &self.data);
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let began = Instant::now();
        let mut left = self.processes();
        while !left.is_empty() && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(50));
            left = self.processes();
        }
        for (pid, _) in &left {
            signal(*pid, "KILL");
        }
        crate::mounts::unmount_below(self._folder.path());
        if std::thread::panicking() {
            let agents = std::fs::read_to_string(self._folder.path().join("agents.log"));
            let node = std::fs::read_to_string(self.data.join("node/node.log"));
            eprintln!(
                "agents:\n{}node:\n{}",
                agents.unwrap_or_default(),
                node.unwrap_or_default()
            );
        } else {
            assert!(left.is_empty(), "left running: {left:#?}");
        }
    }
}
