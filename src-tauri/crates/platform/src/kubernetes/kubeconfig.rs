//! Reading kubeconfig files: one, a list of them, or a folder.
//!
//! A list (`KUBECONFIG`) is merged as `kubectl` merges it: what a file names first holds. In a folder
//! every file stands for itself, because files that were collected from several clusters call their
//! users and clusters the same. A context that two of them name is not guessed at.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kube::config::{Context, Kubeconfig};
use serde_json::{Value, json};

use crate::model::PlatformError;

/// The most files of a folder that are looked at.
const MOST_FILES: usize = 1000;
/// The longest file that is read, in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// One context of the kubeconfig files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContextEntry {
    pub name: String,
    pub cluster: String,
    pub user: Option<String>,
    pub namespace: String,
    /// What `kubectl` uses when nothing is said.
    pub current: bool,
    /// The file of a folder that it stands in; none where files are merged.
    pub file: Option<PathBuf>,
}

/// Every context that kubeconfig files name.
///
/// `place`: one file, or a folder of them; none: the files of `KUBECONFIG`, or the one in the home
/// directory. Files of the list that are not there are passed over, as `kubectl` does; so are files
/// of a folder that are no kubeconfig.
///
/// # Errors
/// [`PlatformError::Broken`] when there is no such file or it is not understood.
pub fn contexts(place: Option<&Path>) -> Result<Vec<ContextEntry>, PlatformError> {
    let mut all = Vec::new();
    for (file, read) in Source::of(place).read()? {
        let current = read.current_context;
        all.extend(read.contexts.into_iter().filter_map(|named| {
            let context = named.context?;
            Some(ContextEntry {
                current: current.as_deref() == Some(named.name.as_str()),
                name: named.name,
                cluster: context.cluster,
                user: context.user,
                namespace: context.namespace.unwrap_or_else(|| "default".into()),
                file: file.clone(),
            })
        }));
    }
    Ok(all)
}

fn broken(why: impl std::fmt::Display) -> PlatformError {
    PlatformError::Broken {
        why: why.to_string(),
    }
}

/// Where contexts are read from, again and again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    One(PathBuf),
    List(Vec<PathBuf>),
    Folder(PathBuf),
}

/// One context with everything it leads to.
pub(super) struct Picked {
    pub name: String,
    /// The file that has it, with credentials that lie in files of their own read.
    pub kubeconfig: Kubeconfig,
    /// What it says of the cluster.
    pub cluster: Value,
    /// What it says of the user, with the contents of the files that it names. Secret: it is
    /// compared, and never written.
    pub user: Value,
    /// Everything that was read for it.
    pub files: Vec<PathBuf>,
    /// Certificates and keys that the client reads by itself.
    pub certificates: Vec<PathBuf>,
}

impl Source {
    pub(super) fn of(place: Option<&Path>) -> Source {
        match place {
            Some(folder) if folder.is_dir() => Source::Folder(folder.to_owned()),
            Some(file) => Source::One(file.to_owned()),
            None => Source::List(listed(std::env::var_os("KUBECONFIG").as_deref())),
        }
    }

    /// The files there are now.
    fn files(&self) -> Result<Vec<PathBuf>, PlatformError> {
        match self {
            Source::One(file) => Ok(vec![file.clone()]),
            Source::List(files) => {
                let there: Vec<PathBuf> = files.iter().filter(|f| f.is_file()).cloned().collect();
                match there.is_empty() {
                    false => Ok(there),
                    true => Err(broken(format!(
                        "no kubeconfig: {} is not there",
                        said(files)
                    ))),
                }
            }
            Source::Folder(folder) => {
                let wrong = |e| broken(format!("{}: {e}", folder.display()));
                let entries = std::fs::read_dir(folder).map_err(wrong)?;
                let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
                let hidden = |path: &PathBuf| {
                    let name = path.file_name().unwrap_or_default();
                    name.as_encoded_bytes().starts_with(b".")
                };
                let mut paths: Vec<PathBuf> = paths.filter(|p| !hidden(p) && p.is_file()).collect();
                paths.sort();
                paths.truncate(MOST_FILES);
                Ok(paths)
            }
        }
    }

    /// What they say: merged, or each file of a folder for itself.
    fn read(&self) -> Result<Vec<(Option<PathBuf>, Kubeconfig)>, PlatformError> {
        let files = self.files()?;
        if let Source::Folder(_) = self {
            let each = files.into_iter().filter_map(|file| {
                let read = one(&file)
                    .inspect_err(|error| tracing::debug!(%error, "passed over in a folder"))
                    .ok()?;
                (!read.contexts.is_empty()).then_some((Some(file), read))
            });
            return Ok(each.collect());
        }
        let mut whole = Kubeconfig::default();
        for file in files {
            whole = whole.merge(one(&file)?).map_err(broken)?;
        }
        Ok(vec![(None, whole)])
    }

    /// The context of this name; none: the current one.
    pub(super) fn pick(&self, context: Option<&str>) -> Result<Picked, PlatformError> {
        let mut all = self.read()?;
        let has = |read: &Kubeconfig| match context {
            Some(name) => read.contexts.iter().any(|named| named.name == name),
            None => read.current_context.is_some(),
        };
        all.retain(|(_, read)| has(read));
        if all.len() > 1 {
            let files: Vec<PathBuf> = all.into_iter().filter_map(|(file, _)| file).collect();
            let what = context.map_or("a current context".into(), |c| format!("the context {c}"));
            return Err(broken(format!(
                "{what} stands in several files: {}; name one of them as the kubeconfig",
                said(&files)
            )));
        }
        let (file, read) = all.pop().ok_or_else(|| match context {
            Some(name) => broken(format!("there is no context {name}")),
            None => broken("the kubeconfig has no current context; name one"),
        })?;
        let name = context.map(str::to_owned).or(read.current_context.clone());
        // Also what is not there: it may come.
        let files = match (self, file) {
            (Source::Folder(folder), Some(file)) => vec![file, folder.clone()],
            (Source::List(all), _) => all.clone(),
            _ => self.files()?,
        };
        whole(name.unwrap_or_default(), read, files)
    }
}

fn said(files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    names.join(", ")
}

fn one(file: &Path) -> Result<Kubeconfig, PlatformError> {
    let wrong = |e: &dyn std::fmt::Display| broken(format!("{}: {e}", file.display()));
    let long = std::fs::metadata(file).map_err(|e| wrong(&e))?.len() > LONGEST;
    if long {
        return Err(wrong(&"it is too long for a kubeconfig"));
    }
    Kubeconfig::read_from(file).map_err(|e| wrong(&e))
}

/// A context with what it names in files of their own. A token's file is read here, and not by the
/// client, which would notice a new token a minute later.
fn whole(
    name: String,
    mut kubeconfig: Kubeconfig,
    mut files: Vec<PathBuf>,
) -> Result<Picked, PlatformError> {
    let context = context(&kubeconfig, &name).cloned().unwrap_or_default();
    let of = |named: &kube::config::NamedCluster| named.name == context.cluster;
    let cluster = kubeconfig.clusters.iter().find(|named| of(named));
    let cluster = cluster.and_then(|named| named.cluster.clone());
    let (mut user, mut certificates) = (Value::Null, Vec::new());
    let theirs =
        |named: &&mut kube::config::NamedAuthInfo| Some(&named.name) == context.user.as_ref();
    let auth = kubeconfig.auth_infos.iter_mut().find(theirs);
    if let Some(auth) = auth.and_then(|named| named.auth_info.as_mut()) {
        if let Some(file) = auth.token_file.take() {
            let token = std::fs::read_to_string(&file)
                .map_err(|e| broken(format!("the token in {file}: {e}")))?;
            auth.token = Some(token.trim().to_owned().into());
            files.push(file.into());
        }
        let named = [&auth.client_certificate, &auth.client_key];
        certificates.extend(named.into_iter().flatten().map(PathBuf::from));
        user = json!(auth);
    }
    let authority = cluster
        .as_ref()
        .and_then(|c| c.certificate_authority.as_ref());
    certificates.extend(authority.map(PathBuf::from));
    files.extend(certificates.iter().cloned());
    Ok(Picked {
        name,
        kubeconfig,
        cluster: json!(cluster),
        user,
        files,
        certificates,
    })
}

fn context<'a>(read: &'a Kubeconfig, name: &str) -> Option<&'a Context> {
    let named = read.contexts.iter().find(|named| named.name == name)?;
    named.context.as_ref()
}

/// The files of a list, in its order, whether they are there or not; of none, the usual one.
fn listed(variable: Option<&std::ffi::OsStr>) -> Vec<PathBuf> {
    let paths = variable.into_iter().flat_map(std::env::split_paths);
    let files: Vec<PathBuf> = paths.filter(|p| !p.as_os_str().is_empty()).collect();
    match (files.is_empty(), std::env::home_dir()) {
        (true, Some(home)) => vec![home.join(".kube/config")],
        _ => files,
    }
}

/// By what it is seen that files have changed: when each was written, and how long it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Stamp {
    pub(super) fn of(files: &[PathBuf]) -> Stamp {
        let seen = files.iter().map(|file| {
            let seen = std::fs::metadata(file).ok()?;
            Some((seen.modified().ok()?, seen.len()))
        });
        Stamp(seen.collect())
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
    /// Another cluster, whose user and cluster are called as those of `ONE`.
    const THIRD: &str = r#"
apiVersion: v1
kind: Config
clusters: [{name: c1, cluster: {server: "https://127.0.0.1:8443"}}]
users: [{name: ana, user: {token: other}}]
contexts: [{name: third, context: {cluster: c1, user: ana}}]
"#;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn server(picked: &Picked) -> &str {
        picked.cluster["server"].as_str().unwrap()
    }

    #[test]
    fn the_contexts_are_listed_with_what_they_lead_to() {
        let folder = folder(&[("config", ONE)]);
        let file = folder.path().join("config");
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
    fn a_list_is_merged_and_what_is_not_there_is_passed_over() {
        let folder = folder(&[("one", ONE), ("two", TWO)]);
        let path = |name: &str| folder.path().join(name);
        let list = std::env::join_paths([path("none"), path("two"), path("one")]).unwrap();
        let source = Source::List(listed(Some(&list)));
        let dev = source.pick(None).unwrap();
        assert_eq!(
            (dev.name.as_str(), server(&dev)),
            ("dev", "https://127.0.0.1:7443")
        );
        assert_eq!(dev.user["token"], "t");
        let nothing = Source::List(vec![path("none")]).pick(None);
        assert!(
            nothing
                .err()
                .unwrap()
                .to_string()
                .contains("none is not there")
        );
    }

    #[test]
    fn in_a_folder_every_file_stands_for_itself() {
        let folder = folder(&[
            ("a", ONE),
            ("b", THIRD),
            ("notes.txt", "- x"),
            (".hidden", ONE),
        ]);
        let found = contexts(Some(folder.path())).unwrap();
        let names: Vec<&str> = found.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["prod", "dev", "third"]);
        assert_eq!(
            found[2].file.as_deref(),
            Some(folder.path().join("b").as_path())
        );
        let source = Source::of(Some(folder.path()));
        let third = source.pick(Some("third")).unwrap();
        assert_eq!(server(&third), "https://127.0.0.1:8443");
        assert_eq!(third.user["token"], "other");
        std::fs::write(folder.path().join("c"), THIRD).unwrap();
        let said = source.pick(Some("third")).err().unwrap().to_string();
        assert!(
            said.contains("several files") && said.contains("/c"),
            "{said}"
        );
        let said = source.pick(Some("fourth")).err().unwrap().to_string();
        assert!(said.contains("no context fourth"), "{said}");
    }

    #[test]
    fn a_token_in_a_file_is_read_without_the_end_of_its_line() {
        let text = ONE.replace("token: t", "tokenFile: secret");
        let folder = folder(&[("config", &text), ("secret", "first\n")]);
        let source = Source::One(folder.path().join("config"));
        let before = source.pick(None).unwrap();
        assert_eq!(before.user["token"], "first");
        let stamp = Stamp::of(&before.files);
        assert_eq!(stamp, Stamp::of(&before.files));
        std::fs::write(folder.path().join("secret"), "second, and longer\n").unwrap();
        assert_ne!(stamp, Stamp::of(&before.files));
        assert_ne!(source.pick(None).unwrap().user, before.user);
        std::fs::remove_file(folder.path().join("secret")).unwrap();
        assert_ne!(stamp, Stamp::of(&before.files));
        assert!(
            source
                .pick(None)
                .err()
                .unwrap()
                .to_string()
                .contains("secret")
        );
    }
}
