//! Credential plugins of a kubeconfig, found as a terminal would find them. A program that was
//! started from a desktop icon has the desktop's `PATH`, which seldom knows where people install such
//! plugins; their login shell does.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use kube::config::AuthInfo;
use tokio::sync::OnceCell;

/// The longest that a login shell may take to say its `PATH`.
const SHELL: Duration = Duration::from_secs(3);
/// What stands around the answer: profiles print things of their own.
const MARK: &str = "=deckwatch-path=";

/// Lets the plugin of these credentials, if they have one, be found by the login shell's `PATH` when
/// this process' own does not know it.
pub(super) async fn find(auth: &mut AuthInfo) {
    static LOGIN: OnceCell<Option<String>> = OnceCell::const_new();
    let Some(exec) = &mut auth.exec else {
        return;
    };
    let here = std::env::var_os("PATH").unwrap_or_default();
    let Some(name) = exec.command.as_deref().filter(|name| !stands(name, &here)) else {
        return;
    };
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".into());
    let login = LOGIN.get_or_init(|| path_of(&shell)).await;
    let Some(path) = login.as_ref().filter(|path| stands(name, path.as_ref())) else {
        return;
    };
    let env = exec.env.get_or_insert_default();
    let of = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    env.push(HashMap::from([of("name", "PATH"), of("value", path)]));
}

/// Whether a command names a file by itself, or is found in one of these folders.
fn stands(name: &str, path: &OsStr) -> bool {
    name.contains('/') || std::env::split_paths(path).any(|folder| folder.join(name).is_file())
}

/// What a login shell says its `PATH` is; none when it does not say so in time.
async fn path_of(shell: impl AsRef<Path>) -> Option<String> {
    let asked = tokio::process::Command::new(shell.as_ref())
        .args(["-lc", &format!("printf '{MARK}%s{MARK}' \"$PATH\"")])
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let answer = tokio::time::timeout(SHELL, asked).await.ok()?.ok()?;
    marked(&String::from_utf8_lossy(&answer.stdout))
}

/// What stands between the marks.
fn marked(said: &str) -> Option<String> {
    let (_, rest) = said.split_once(MARK)?;
    let (path, _) = rest.split_once(MARK)?;
    (!path.is_empty()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_login_shell_says_where_programs_lie() {
        let path = path_of("/bin/sh").await.unwrap();
        assert!(stands("sh", path.as_ref()), "{path}");
        assert_eq!(path_of("/nowhere/shell").await, None);
    }

    #[test]
    fn what_a_profile_prints_besides_is_passed_over() {
        let said = format!("welcome\n{MARK}/opt/plugins:/usr/bin{MARK}\nbye");
        assert_eq!(marked(&said).as_deref(), Some("/opt/plugins:/usr/bin"));
        for said in ["", "/usr/bin", MARK, &format!("{MARK}{MARK}")] {
            assert_eq!(marked(said), None, "{said}");
        }
    }

    #[test]
    fn a_plugin_is_looked_for_in_folders_unless_it_names_its_own() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("aws"), "").unwrap();
        let path = folder.path().as_os_str();
        assert!(stands("aws", path));
        assert!(!stands("gcloud", path));
        assert!(stands("/usr/local/bin/gcloud", path));
    }
}
