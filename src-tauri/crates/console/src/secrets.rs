//! Secrets: they go in and never come out. Their values lie in the system's keychain; where there
//! is none, in a file that only its owner can read, and that is said. The journal learns that a
//! secret was set, never what it is. Tasks name secrets; their values go from here straight to the
//! task's process.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deckwatch_domain::Timestamp;
use deckwatch_journal::{Expected, NewEvent};
use deckwatch_rollout::ports::Ids as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::console::{Console, TimeIds};
use crate::problem::Problem;
use crate::route::{Done, Nothing};

/// The stream of what happened to secrets.
pub(crate) const STREAM: &str = "secrets";
/// Under which the keychain knows them.
const SERVICE: &str = "deckwatch";
/// A keychain may ask its owner to unlock it; one that never answers is none.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest value, in bytes.
const LONGEST: usize = 64 * 1024;

/// A secret to keep.
#[derive(Clone, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// Letters, digits, `_`, `-` and `.`; at most 64.
    pub name: String,
    pub value: String,
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewSecret({})", self.name)
    }
}

/// Which secret.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct SecretName {
    pub name: String,
}

/// Where a secret's value lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    Keychain,
    /// In a file that only its owner can read: this system has no keychain that answers.
    File,
}

/// A secret, but for its value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct SecretRow {
    pub name: String,
    pub kept: Kept,
    pub set_at: Timestamp,
    pub set_by: String,
}

/// What the file says of one secret.
#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    kept: Kept,
    set_at: Timestamp,
    set_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

type Entries = BTreeMap<String, Entry>;

/// The secrets of one base folder.
#[derive(Clone)]
pub(crate) struct Secrets(PathBuf);

impl Secrets {
    fn file(&self) -> PathBuf {
        self.0.join("secrets.json")
    }

    fn read(&self) -> Result<Entries, Problem> {
        let file = self.file();
        match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| Problem::new("secrets.damaged", format!("{}: {e}", file.display()))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Entries::new()),
            Err(e) => Err(wrong(&file, &e)),
        }
    }

    /// Whole or not at all, and its owner's alone from the first byte on.
    fn write(&self, entries: &Entries) -> Result<(), Problem> {
        let (file, draft) = (self.file(), self.0.join("secrets.draft"));
        let bytes = serde_json::to_vec_pretty(entries)
            .map_err(|e| Problem::new("secrets.damaged", e.to_string()))?;
        let write = || -> std::io::Result<()> {
            let _ = std::fs::remove_file(&draft);
            let mut out = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&draft)?;
            out.write_all(&bytes)?;
            out.sync_all()?;
            std::fs::rename(&draft, &file)
        };
        write().map_err(|e| wrong(&file, &e))
    }

    fn entry(&self, name: &str) -> Result<keyring::Entry, String> {
        if std::env::var_os("DECKWATCH_NO_KEYCHAIN").is_some_and(|v| !v.is_empty()) {
            return Err("it is not to be used".into());
        }
        let user = format!("{}:{name}", self.0.display());
        keyring::Entry::new(SERVICE, &user).map_err(|e| e.to_string())
    }

    /// The value, for a task's process and nobody else.
    ///
    /// # Errors
    /// That it is not set, or its keychain does not give it.
    pub fn get(&self, name: &str) -> Result<String, String> {
        let entries = self.read().map_err(|p| p.message)?;
        let entry = entries
            .get(name)
            .ok_or_else(|| format!("the secret `{name}` is not set"))?;
        match &entry.value {
            Some(value) => Ok(value.clone()),
            None => self
                .entry(name)
                .and_then(|entry| entry.get_password().map_err(|e| e.to_string()))
                .map_err(|e| format!("the keychain does not give the secret `{name}`: {e}")),
        }
    }

    /// Whether there is a secret of this name; its keychain is not asked.
    pub fn is_set(&self, name: &str) -> bool {
        self.read().is_ok_and(|entries| entries.contains_key(name))
    }

    fn keep(&self, new: &NewSecret, by: String, now: Timestamp) -> Result<Kept, Problem> {
        let mut entries = self.read()?;
        let kept = self
            .entry(&new.name)
            .and_then(|entry| entry.set_password(&new.value).map_err(|e| e.to_string()));
        let (kept, value) = match kept {
            Ok(()) => (Kept::Keychain, None),
            Err(_) => (Kept::File, Some(new.value.clone())),
        };
        let entry = Entry {
            kept,
            set_at: now,
            set_by: by,
            value,
        };
        entries.insert(new.name.clone(), entry);
        self.write(&entries)?;
        Ok(kept)
    }

    fn forget(&self, name: &str) -> Result<(), Problem> {
        let mut entries = self.read()?;
        let Some(entry) = entries.remove(name) else {
            let why = format!("there is no secret `{name}`");
            return Err(Problem::new("secrets.unknown", why));
        };
        if entry.kept == Kept::Keychain
            && let Err(error) = self
                .entry(name)
                .and_then(|entry| entry.delete_credential().map_err(|e| e.to_string()))
        {
            let why = format!("the keychain does not remove `{name}`: {error}");
            return Err(Problem::new("secrets.keychain", why));
        }
        self.write(&entries)
    }
}

fn wrong(file: &Path, error: &std::io::Error) -> Problem {
    Problem::new("secrets.file", format!("{}: {error}", file.display()))
}

impl Console {
    pub(crate) fn secrets(&self) -> Secrets {
        Secrets(self.base().to_owned())
    }
}

/// A keychain that asks its owner, or hangs, holds up nobody else.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => Err(Problem::new("secrets.keychain", error.to_string())),
        Err(_) => Err(Problem::new(
            "secrets.keychain",
            "the keychain does not answer; unlock it and try again",
        )),
    }
}

/// # Errors
/// That the list cannot be read.
pub async fn list(console: &Console, _: Nothing) -> Result<Vec<SecretRow>, Problem> {
    let rows = console.secrets().read()?.into_iter();
    let rows = rows.map(|(name, entry)| SecretRow {
        name,
        kept: entry.kept,
        set_at: entry.set_at,
        set_by: entry.set_by,
    });
    Ok(rows.collect())
}

/// # Errors
/// A name or value that cannot be, or that neither keychain nor file takes it.
pub async fn set(console: &Console, ask: NewSecret) -> Result<Done, Problem> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if ask.name.is_empty() || ask.name.len() > 64 || !ask.name.chars().all(allowed) {
        let why = "a secret's name has 1 to 64 letters, digits, `_`, `-` and `.`";
        return Err(Problem::new("request.invalid", why));
    }
    if ask.value.is_empty() || ask.value.len() > LONGEST {
        let why = format!("a secret's value has 1 to {LONGEST} bytes");
        return Err(Problem::new("request.invalid", why));
    }
    let (secrets, name) = (console.secrets(), ask.name.clone());
    let (by, now) = (console.actor().to_string(), console.clock.now().wall);
    let kept = aside(move || secrets.keep(&ask, by, now)).await?;
    note(console, "secret.set", &name).await?;
    Ok(Done::new(match kept {
        Kept::Keychain => format!("{name} is in the system's keychain"),
        Kept::File => format!(
            "{name} is kept in {}, which only you can read: no keychain answers here",
            console.secrets().file().display()
        ),
    }))
}

/// # Errors
/// That there is none of this name, or that its keychain keeps it.
pub async fn remove(console: &Console, ask: SecretName) -> Result<Done, Problem> {
    let (secrets, name) = (console.secrets(), ask.name.clone());
    aside(move || secrets.forget(&ask.name)).await?;
    note(console, "secret.removed", &name).await?;
    Ok(Done::new(format!("{name} is removed")))
}

/// One sentence about an event of the stream.
pub(crate) fn words(payload: &[u8]) -> Option<String> {
    let said: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let name = said["name"].as_str()?;
    match said["event"].as_str()? {
        "secret.set" => Some(format!("the secret {name} was set")),
        "secret.removed" => Some(format!("the secret {name} was removed")),
        _ => None,
    }
}

/// The name alone.
async fn note(console: &Console, kind: &str, name: &str) -> Result<(), Problem> {
    let now = console.clock.now().wall;
    let event = NewEvent {
        event_id: TimeIds.event(),
        kind: kind.into(),
        payload: json!({ "event": kind, "name": name })
            .to_string()
            .into_bytes(),
        actor: console.actor(),
        occurred_at: now,
    };
    let store = console.store().await?;
    store
        .append(STREAM, Expected::Any, vec![event], None, now)
        .await
        .map_err(|e| Problem::new("journal", e.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    /// Set in the process that has a keychain of its own.
    const HERE: &str = "DECKWATCH_KEYCHAIN_HERE";

    /// A real keychain, on a bus of its own, asked by this test in a second process.
    #[test]
    fn a_keychain_keeps_gives_and_forgets_them() {
        if std::env::var_os(HERE).is_some() {
            return in_a_keychain();
        }
        if Command::new("gnome-keyring-daemon")
            .arg("--version")
            .output()
            .is_err()
        {
            let needed = std::env::var_os("DECKWATCH_KEYCHAIN_NEEDED").is_some();
            assert!(!needed, "gnome-keyring-daemon is missing");
            return eprintln!("skipped: there is no gnome-keyring-daemon");
        }
        let home = tempfile::tempdir().unwrap();
        let script = "printf open-sesame | gnome-keyring-daemon --unlock --components=secrets >/dev/null
            exec \"$0\" --exact secrets::tests::a_keychain_keeps_gives_and_forgets_them --nocapture";
        let asked = Command::new("dbus-run-session")
            .args(["--", "sh", "-ec", script])
            .arg(std::env::current_exe().unwrap())
            .env_remove("DECKWATCH_NO_KEYCHAIN")
            .env("HOME", home.path())
            .env("XDG_DATA_HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .env(HERE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&asked.stdout);
        let why = String::from_utf8_lossy(&asked.stderr);
        assert!(
            asked.status.success() && said.contains("1 passed"),
            "{said}{why}"
        );
    }

    fn in_a_keychain() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets(folder.path().to_owned());
        let keep = |value: &str| {
            let new = NewSecret {
                name: "db".into(),
                value: value.into(),
            };
            secrets.keep(&new, "ana@desk".into(), Timestamp::from_millis(0))
        };
        assert_eq!(keep("hunter2").unwrap(), Kept::Keychain);
        let file = std::fs::read_to_string(secrets.file()).unwrap();
        assert!(!file.contains("hunter2"), "{file}");
        assert_eq!(secrets.get("db").unwrap(), "hunter2");
        keep("hunter3").unwrap();
        assert_eq!(secrets.get("db").unwrap(), "hunter3");
        // Another folder's secret of the same name is another one.
        let other = Secrets(folder.path().join("other"));
        assert!(other.entry("db").unwrap().get_password().is_err());
        secrets.forget("db").unwrap();
        assert!(secrets.entry("db").unwrap().get_password().is_err());
        assert!(secrets.get("db").unwrap_err().contains("not set"));
    }

    #[test]
    fn the_journal_says_which_and_never_what() {
        let said = br#"{"event": "secret.set", "name": "db"}"#;
        assert_eq!(words(said).unwrap(), "the secret db was set");
        assert_eq!(words(b"{}"), None);
    }

    #[test]
    fn without_a_keychain_they_lie_in_a_file_of_their_owners() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets(folder.path().to_owned());
        let new = NewSecret {
            name: "db".into(),
            value: "hunter2".into(),
        };
        assert!(!format!("{new:?}").contains("hunter2"));
        let mut entries = Entries::new();
        entries.insert(
            new.name.clone(),
            Entry {
                kept: Kept::File,
                set_at: Timestamp::from_millis(0),
                set_by: "ana@desk".into(),
                value: Some(new.value.clone()),
            },
        );
        secrets.write(&entries).unwrap();
        let mode = std::fs::metadata(secrets.file()).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert_eq!(secrets.get("db").unwrap(), "hunter2");
        assert!(secrets.get("other").unwrap_err().contains("`other`"));
        secrets.forget("db").unwrap();
        assert_eq!(secrets.forget("db").unwrap_err().code, "secrets.unknown");
        std::fs::write(secrets.file(), "nonsense").unwrap();
        assert_eq!(secrets.read().err().unwrap().code, "secrets.damaged");
    }
}
