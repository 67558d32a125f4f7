//! Checks that need no process of their own: what Deckwatch itself can see.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deckwatch_domain::{Digest, Role, ServiceName, Span};
use deckwatch_platform::local::{ServiceDefinition, health};
use deckwatch_platform::{ReleaseSpec, TaskOutcome};
use deckwatch_rollout::Phase;
use deckwatch_rollout::baselines::holds;
use deckwatch_rollout::plan::{Check, Health, Looks, Within};
use deckwatch_rollout::validation::secrets;
use sha2::{Digest as _, Sha256};

use crate::baselines::{figures, kept};
use crate::console::Console;
use crate::identity::user_name;

/// One attempt at a check.
pub(super) async fn inspect(
    console: &Console,
    service: &ServiceName,
    release: &ReleaseSpec,
    check: &Check,
    within: Span,
) -> TaskOutcome {
    let began = Instant::now();
    let looked = look(console, service, release, &check.looks, within.duration());
    let answer = tokio::time::timeout(within.duration(), looked).await;
    let (passed, why) = match answer {
        Ok(Ok(words)) => (true, words),
        Ok(Err(words)) => (false, words),
        Err(_) => (false, format!("timeout after {} ms", within.as_millis())),
    };
    TaskOutcome {
        passed,
        took: began.elapsed().into(),
        ..TaskOutcome::lost(&why)
    }
}

async fn look(
    console: &Console,
    service: &ServiceName,
    release: &ReleaseSpec,
    looks: &Looks,
    within: Duration,
) -> Result<String, String> {
    match looks {
        Looks::Run(_) => Err("this is carried out by a process".into()),
        Looks::Health(Health::Url(url)) => health(url, within).await,
        Looks::Health(Health::Service(of)) => ready(console, of).await,
        Looks::Baseline(within) => baseline(console, service, within).await,
        Looks::Dependencies(listed) => dependencies(console, service, listed).await,
        Looks::Program => {
            let definition = definition(console, service).await?;
            let node = console.local.node().await.map_err(|e| e.to_string())?;
            let program = program(&definition, release, node.pid)?;
            let looked = tokio::task::spawn_blocking(move || of_the_file(&program)).await;
            looked.map_err(|e| e.to_string())?
        }
        Looks::Secrets => in_the_open(&definition(console, service).await?, release),
    }
}

async fn definition(console: &Console, service: &ServiceName) -> Result<ServiceDefinition, String> {
    console.on_this_machine().map_err(|p| p.message)?;
    let definition = console.local.definition(service).await;
    definition.map_err(|e| e.to_string())
}

async fn ready(console: &Console, service: &ServiceName) -> Result<String, String> {
    let known = console
        .platform
        .services()
        .await
        .map_err(|e| e.to_string())?;
    if !known.contains(service) {
        return Err(format!("{service} is not known here"));
    }
    let seen = console
        .platform
        .observe(service)
        .await
        .map_err(|e| e.to_string())?;
    let Some(slot) = seen.traffic.roles.playing(Role::Stable) else {
        return Err(format!("{service} has no release that serves"));
    };
    let slot = &seen.slots[slot];
    match slot.ready {
        0 => Err(format!(
            "{service}: none of {} instances is ready",
            slot.desired
        )),
        ready => Ok(format!(
            "{service}: {ready} of {} instances are ready",
            slot.desired
        )),
    }
}

async fn baseline(
    console: &Console,
    service: &ServiceName,
    within: &Within,
) -> Result<String, String> {
    let all = kept(console, service).await.map_err(|p| p.message)?;
    let baseline = all.find(&within.name).map_err(|r| r.to_string())?;
    let now = figures(console, service, within.over)
        .await
        .map_err(|p| p.message)?;
    holds(baseline, &now, within)
}

async fn dependencies(
    console: &Console,
    service: &ServiceName,
    listed: &[ServiceName],
) -> Result<String, String> {
    let mut needed: BTreeSet<ServiceName> = listed.iter().cloned().collect();
    if console.cluster.is_none() {
        needed.extend(definition(console, service).await?.needs);
    }
    needed.remove(service);
    if needed.is_empty() {
        return Ok("none is named, neither by `needs` in the definition nor by the check".into());
    }
    let mut wrong = Vec::new();
    for needed in &needed {
        if let Err(why) = stands(console, needed).await {
            wrong.push(why);
        }
    }
    let names: Vec<&str> = needed.iter().map(ServiceName::as_str).collect();
    match wrong.is_empty() {
        true => Ok(format!("ready: {}", names.join(", "))),
        false => Err(wrong.join("; ")),
    }
}

/// Whether a service can be relied on: it is ready, and nothing is being taken back or has failed.
/// Once a release is back, what serves is the version that everyone knew.
async fn stands(console: &Console, service: &ServiceName) -> Result<(), String> {
    ready(console, service).await?;
    let state = console.rollouts(service).await.map_err(|e| e.to_string())?;
    let Some(newest) = state.current else {
        return Ok(());
    };
    match newest.phase {
        Phase::RollingBack | Phase::Failed => Err(format!(
            "{service}: its newest release {} is {}",
            newest.release.version,
            newest.phase.words()
        )),
        _ => Ok(()),
    }
}

/// What an instance of the release is started with.
fn command<'a>(definition: &'a ServiceDefinition, release: &'a ReleaseSpec) -> &'a [String] {
    release.command.as_deref().unwrap_or(&definition.command)
}

fn in_the_open(definition: &ServiceDefinition, release: &ReleaseSpec) -> Result<String, String> {
    let whose = match release.command {
        Some(_) => "the release",
        None => "the definition",
    };
    let mut found = secrets::in_arguments(whose, command(definition, release));
    found.extend(secrets::in_environment("the definition", &definition.env));
    found.extend(secrets::in_environment("the release", &release.env));
    match found.is_empty() {
        true => Ok("nothing looks like a secret".into()),
        false => Err(found.join("; ")),
    }
}

/// Where the release's program lies, as the node would find it.
fn program(
    definition: &ServiceDefinition,
    release: &ReleaseSpec,
    node: u32,
) -> Result<PathBuf, String> {
    let words = command(definition, release);
    let written = words.first().ok_or("there is no command")?;
    let name = written.replace("{version}", release.version.as_str());
    if ["{port}", "{slot}", "{instance}"]
        .iter()
        .any(|word| name.contains(word))
    {
        return Err(format!("{written} is another file for each instance"));
    }
    if name.contains('/') {
        let folder = match &definition.folder {
            Some(folder) => folder.clone(),
            // Its instances are started where the node was.
            None => std::fs::read_link(format!("/proc/{node}/cwd")).unwrap_or_default(),
        };
        return Ok(folder.join(name));
    }
    let own = |env: &BTreeMap<String, String>| env.get("PATH").cloned();
    let path = own(&release.env)
        .or_else(|| own(&definition.env))
        .or_else(|| std::env::var("PATH").ok())
        .unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(&name));
    places
        .find(|place| place.is_file())
        .ok_or_else(|| format!("{name} is nowhere in PATH"))
}

/// Looks at the file and reads it through, for its digest.
fn of_the_file(path: &Path) -> Result<String, String> {
    let wrong = |e: std::io::Error| format!("{}: {e}", path.display());
    let path = path.canonicalize().map_err(wrong)?;
    let mut file = std::fs::File::open(&path).map_err(wrong)?;
    let found = file.metadata().map_err(wrong)?;
    let place = path.display();
    if !found.is_file() {
        return Err(format!("{place} is not a regular file"));
    }
    if found.mode() & 0o111 == 0 {
        return Err(format!(
            "{place} cannot be run: its mode is {:o}",
            found.mode() & 0o7777
        ));
    }
    let owner = user_name(found.uid());
    if found.mode() & 0o022 != 0 {
        return Err(format!(
            "{place} can be changed by others than {owner}: its mode is {:o} (chmod go-w)",
            found.mode() & 0o7777
        ));
    }
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece).map_err(wrong)? {
            0 => break,
            read => hasher.update(piece.get(..read).unwrap_or_default()),
        }
    }
    let digest = Digest::from_bytes(hasher.finalize().into());
    Ok(format!(
        "{place}: only {owner} can change it; sha256 {digest}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn definition(command: &str) -> ServiceDefinition {
        let text = format!("service: shop\nlisten: 8080\ncommand: {command}\n");
        ServiceDefinition::from_yaml(&text).unwrap()
    }

    fn release(command: Option<&[&str]>) -> ReleaseSpec {
        ReleaseSpec {
            version: "v2".parse().unwrap(),
            command: command.map(|all| all.iter().map(|w| (*w).to_owned()).collect()),
            env: BTreeMap::new(),
            image: None,
        }
    }

    #[test]
    fn the_program_is_found_as_the_node_would() {
        let here = std::process::id();
        let cwd = std::env::current_dir().unwrap();
        let found = |d: &ServiceDefinition, r: Option<&[&str]>| program(d, &release(r), here);
        let shop = definition("[./shop, --port, \"{port}\"]");
        assert_eq!(found(&shop, None).unwrap(), cwd.join("./shop"));
        let versioned = found(&shop, Some(&["/opt/{version}/shop"])).unwrap();
        assert_eq!(versioned, Path::new("/opt/v2/shop"));
        let mut elsewhere = shop.clone();
        elsewhere.folder = Some("/srv".into());
        assert_eq!(found(&elsewhere, None).unwrap(), Path::new("/srv/./shop"));
        assert!(found(&shop, Some(&["sh"])).unwrap().ends_with("bin/sh"));
        assert!(
            found(&shop, Some(&["no-such-program"]))
                .unwrap_err()
                .contains("PATH")
        );
        assert!(found(&shop, Some(&["/opt/{slot}"])).is_err());
    }

    #[test]
    fn a_program_that_others_can_change_does_not_pass() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop");
        std::fs::write(&file, "x").unwrap();
        let with = |mode: u32| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&file, mode).unwrap();
            of_the_file(&file)
        };
        let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        assert!(with(0o755).unwrap().contains(digest));
        assert!(with(0o775).unwrap_err().contains("775"));
        assert!(with(0o757).unwrap_err().contains("chmod go-w"));
        assert!(with(0o644).unwrap_err().contains("cannot be run"));
        assert!(
            of_the_file(folder.path())
                .unwrap_err()
                .contains("not a regular file")
        );
        assert!(of_the_file(&folder.path().join("none")).is_err());
    }

    #[test]
    fn what_is_given_in_the_open_is_found() {
        let shop = definition("[./shop, --token, abc]");
        let said = in_the_open(&shop, &release(None)).unwrap_err();
        assert!(
            said.contains("the definition: the argument --token"),
            "{said}"
        );
        // The release's own command replaces the definition's.
        assert!(in_the_open(&shop, &release(Some(&["./shop"]))).is_ok());
    }
}
