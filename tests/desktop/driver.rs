//! One window on a data folder of its own, and what a person can do with it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

/// One window at a time: two on two cores would only measure each other.
static TURN: Semaphore = Semaphore::const_new(1);
/// For one thing to appear. Generous: it says that it hangs, not that it is slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The window's own program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_deckwatch");

/// A window under a driver.
pub struct Window {
    pub client: Client,
    pub folder: PathBuf,
    driver: Driver,
    _ends: Option<Ends>,
    _keep: Option<tempfile::TempDir>,
    _turn: Option<SemaphorePermit<'static>>,
}

struct Driver {
    child: Child,
}

/// Everything that runs in this folder ends with it.
struct Ends(PathBuf);

impl Drop for Ends {
    fn drop(&mut self) {
        // A test that failed has closed nothing, and a window that was killed has left its
        // training driver behind.
        let folder = self.0.display().to_string();
        let _ = Command::new("pkill")
            .args(["-KILL", "-f", &folder])
            .status();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Asked to end, not killed: a killed driver leaves its browser behind.
        signal(self.child.id(), "TERM");
        let _ = self.child.wait();
    }
}

pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Free ports in a row, out of the range that outgoing connections are given.
pub fn ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 500) as u16 * 8;
    for _ in 0..2000 {
        let first = 10_100 + (start + NEXT.fetch_add(count, Ordering::Relaxed)) % 5_000;
        let free =
            (first..first + count).all(|p| std::net::TcpListener::bind(("127.0.0.1", p)).is_ok());
        if free {
            return first;
        }
    }
    panic!("no {count} free ports in a row");
}

impl Window {
    /// A window on a folder nobody has used.
    pub async fn fresh() -> Window {
        Window::on(PROGRAM.as_ref(), async |_| {}).await
    }

    /// A window of `program` on a folder that was prepared for it.
    pub async fn on(program: &Path, prepare: impl AsyncFn(&Path)) -> Window {
        let turn = TURN.acquire().await.expect("never closed");
        let keep = tempfile::Builder::new()
            .prefix("dw")
            .tempdir()
            .expect("a folder");
        let folder = keep.path().to_owned();
        prepare(&folder).await;
        let (client, driver) = open(program, &folder, ports(8)).await;
        Window {
            client,
            driver,
            _ends: Some(Ends(folder.clone())),
            folder,
            _keep: Some(keep),
            _turn: Some(turn),
        }
    }

    /// The same folder, seen through a new window.
    pub async fn again(mut self) -> Window {
        let folder = self.folder.clone();
        let (keep, turn, ends) = (self._keep.take(), self._turn.take(), self._ends.take());
        drop(self);
        let (client, driver) = open(PROGRAM.as_ref(), &folder, ports(8)).await;
        Window {
            client,
            driver,
            _ends: ends,
            folder,
            _keep: keep,
            _turn: turn,
        }
    }

    /// The window's process.
    pub fn pid(&self) -> u32 {
        let found = Command::new("pgrep")
            .args(["-P", &self.driver.child.id().to_string()])
            .output()
            .expect("pgrep");
        let pids = String::from_utf8_lossy(&found.stdout).into_owned();
        let first = pids.lines().next().expect("the window runs");
        first.parse().expect("a pid")
    }

    /// Ends the window's process as a crash would.
    pub fn kill(&self) {
        signal(self.pid(), "KILL");
    }

    /// Waits for something that CSS finds.
    pub async fn see(&self, css: &str) -> fantoccini::elements::Element {
        let found = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await;
        match found {
            Ok(element) => element,
            Err(error) => {
                self.keep_picture().await;
                panic!("{css} was not seen: {error}\n{}", self.text().await)
            }
        }
    }

    /// What was there instead, for whoever reads the failure.
    async fn keep_picture(&self) {
        let path = Path::new(PROGRAM).with_file_name("window-test.png");
        if let Ok(picture) = self.client.screenshot().await {
            let _ = std::fs::write(&path, picture);
            eprintln!("see {}", path.display());
        }
    }

    /// Waits for words anywhere on the page.
    pub async fn read(&self, words: &str) {
        self.read_within(words, PATIENCE).await;
    }

    pub async fn read_within(&self, words: &str, patience: Duration) {
        let began = Instant::now();
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            if began.elapsed() > patience {
                self.keep_picture().await;
                let patience = patience.as_secs();
                panic!("`{words}` was not read within {patience} s; there is:\n{text}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Everything that can be read now.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        // Units are glued to their figures; a test writes a plain blank.
        text.as_str().unwrap_or_default().replace('\u{a0}', " ")
    }

    pub async fn run(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    /// Clicks the button, link or tab with this name.
    pub async fn click(&self, name: &str) {
        let path = format!(
            "//*[self::button or self::a or @role='tab' or @role='button' or @role='menuitemradio'][contains(normalize-space(.), {name:?}) or contains(@aria-label, {name:?})]"
        );
        let found = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::XPath(&path))
            .await;
        let element = match found {
            Ok(element) => element,
            Err(error) => panic!("no `{name}` to click: {error}\n{}", self.text().await),
        };
        element.click().await.expect("a click");
    }

    /// Presses keys one after another: `g`, `Enter`, `Control+Shift+R`.
    pub async fn press(&self, keys: &str) {
        self.hold(keys, Duration::ZERO).await;
    }

    /// Holds the last key of a combination down.
    pub async fn hold(&self, keys: &str, span: Duration) {
        let codes: Vec<char> = keys.split('+').map(code).collect();
        let mut actions = KeyActions::new("keys".into());
        for code in &codes {
            actions = actions.then(KeyAction::Down { value: *code });
        }
        if span > Duration::ZERO {
            actions = actions.then(KeyAction::Pause { duration: span });
        }
        for code in codes.iter().rev() {
            actions = actions.then(KeyAction::Up { value: *code });
        }
        self.client.perform_actions(actions).await.expect("keys");
    }

    /// Walks with Tab until the field whose label begins so has the focus.
    pub async fn focus(&self, label: &str) {
        let script = "const at = document.activeElement;
            return at?.labels?.[0]?.innerText?.trim() ?? at?.ariaLabel ?? at?.innerText ?? ''";
        let mut passed = Vec::new();
        while passed.len() < 60 {
            let at = self.run(script).await;
            let at = at.as_str().unwrap_or_default().to_owned();
            if at.starts_with(label) {
                return;
            }
            passed.push(at);
            self.press("Tab").await;
        }
        panic!("Tab never came to `{label}`: {passed:?}");
    }

    /// Types into whatever has the focus.
    pub async fn type_in(&self, text: &str) {
        for letter in text.chars() {
            self.press(&letter.to_string()).await;
        }
    }

    /// What the console answers, asked as the page asks.
    pub async fn ask(&self, environment: &str, command: &str, params: Value) -> Value {
        let script = "const [command, environment, params, done] = arguments;
            window.__TAURI_INTERNALS__.invoke(command, { environment, params })
                .then((answer) => done({ answer }), (problem) => done({ problem }))";
        let words = vec![json!(command), json!(environment), params];
        self.client
            .execute_async(script, words)
            .await
            .expect("an answer")
    }

    /// The same question with each of these params, one after another; answers with the first
    /// problem there was, else with nothing.
    pub async fn ask_each(&self, environment: &str, command: &str, params: Vec<Value>) -> Value {
        let script = "const [command, environment, all, done] = arguments;
            (async () => {
                for (const params of all)
                    await window.__TAURI_INTERNALS__.invoke(command, { environment, params });
            })().then(() => done(null), (problem) => done(problem))";
        let words = vec![json!(command), json!(environment), Value::from(params)];
        self.client
            .execute_async(script, words)
            .await
            .expect("an answer")
    }

    /// Leaves nothing running: the window, and the nodes of its environments.
    pub async fn close(self) {
        for environment in ["training", "local"] {
            self.ask(environment, "node_stop", json!({})).await;
        }
        let _ = self.client.clone().close().await;
    }
}

fn code(name: &str) -> char {
    use fantoccini::key::Key;
    let key = match name {
        "Control" => Key::Control,
        "Shift" => Key::Shift,
        "Enter" => Key::Enter,
        "Escape" => Key::Escape,
        "Tab" => Key::Tab,
        "Down" => Key::Down,
        "Up" => Key::Up,
        "Home" => Key::Home,
        "Space" => return ' ',
        other => return other.chars().next().expect("a key"),
    };
    key.into()
}

async fn open(program: &Path, folder: &Path, port: u16) -> (Client, Driver) {
    let child = Command::new("WebKitWebDriver")
        .arg(format!("--port={port}"))
        .env("TAURI_AUTOMATION", "true")
        .env("TAURI_WEBVIEW_AUTOMATION", "true")
        .env("DECKWATCH_DATA", folder)
        .env("DECKWATCH_TRAINING_PORT", (port + 1).to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("WebKitWebDriver (Debian: webkit2gtk-driver)");
    let driver = Driver { child };
    let wanted = json!({"webkitgtk:browserOptions": {
        "binary": program, "args": []
    }});
    let wanted = wanted.as_object().expect("an object").clone();
    let began = Instant::now();
    loop {
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let client = ClientBuilder::new(connector)
            .capabilities(wanted.clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        match client {
            Ok(client) => {
                // A page that is not drawn yet hears no keys.
                let drawn = client.wait().at_most(PATIENCE);
                let drawn = drawn.for_element(Locator::Css("footer")).await;
                drawn.unwrap_or_else(|e| panic!("the page was not drawn: {e}"));
                return (client, driver);
            }
            Err(error) if began.elapsed() > PATIENCE => panic!("no window: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
