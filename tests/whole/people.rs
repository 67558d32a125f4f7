//! Two users of one machine. A data folder is its user's alone: another user is kept out of it
//! whole, and only the machine's superuser, who may enter any folder, is a second person there.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use deckwatch_rollout::{Event, Phase};
use tokio::process::Command;

use crate::aftermath::{events, story};
use crate::harness::{Agent, Ground, Ran, SERVICE, program};
use crate::mounts::skipped;
use crate::plans;
use crate::process::PATIENCE;
use crate::scene::{rollout, stand_up};

/// The user whom every system has and who owns nothing.
const NOBODY: u32 = 65_534;

/// Runs the program as that user.
struct Nobody {
    program: PathBuf,
    data: PathBuf,
}

impl Nobody {
    /// None, said aloud, where nobody can be had.
    fn on(ground: &Ground) -> Option<Nobody> {
        let folder = ground.data.parent().unwrap();
        // The way to the data folder is open; the folder itself is what must be closed.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).unwrap();
        // The checkout may lie where only its owner goes.
        let copy = folder.join("deckwatchctl");
        std::fs::copy(program(), &copy).unwrap();
        let nobody = Nobody {
            program: copy,
            data: ground.data.clone(),
        };
        let tried = std::process::Command::new("setpriv")
            .args(SETPRIV)
            .arg(&nobody.program)
            .arg("--version")
            .output();
        if tried.is_ok_and(|t| t.status.success()) {
            return Some(nobody);
        }
        skipped(
            "two users of one machine",
            "becoming another user needs root and setpriv",
        );
        None
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(SETPRIV)
            .arg(&self.program)
            .args(args)
            .env("DECKWATCH_DATA", &self.data)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn ctl(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output();
        let output = tokio::time::timeout(PATIENCE, output)
            .await
            .unwrap()
            .unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            words: format!("nobody: deckwatchctl {}", args.join(" ")),
        }
    }

    async fn id(&self) -> String {
        let said = self.ctl(&["--json", "whoami"]).await.code(0).json();
        said["id"].as_str().unwrap().to_owned()
    }
}

const SETPRIV: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/// Every file below a folder, with its owner.
fn owners(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let Ok(about) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        if about.is_dir() {
            found.extend(owners(&path));
        }
        found.push((path, about.uid()));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_is_kept_out_of_the_data_folder() {
    let ground = Ground::new().await;
    let Some(nobody) = Nobody::on(&ground) else {
        return;
    };
    let agent = ground.agent();
    stand_up(&ground).await;
    let plan = ground.file("plan.yaml", &plans::gated("[ { approval: { count: 1 } } ]"));
    let start = ["rollout", "start", SERVICE, "v2", "--plan-file", &plan];
    ground.ctl(&start).await.code(0);
    rollout(&ground, "20 %", |r| r.weight == 20).await;
    let before = events(&ground).await.len();
    let theirs = &["belongs to user"][..];
    let closed = &["belongs to user", "denied", "cannot be opened"][..];
    // Not with the folder as it is made, and not with its door left open either: what lies in it
    // is closed as well.
    for (mode, words) in [(0o700, theirs), (0o755, theirs), (0o777, closed)] {
        std::fs::set_permissions(&ground.data, std::fs::Permissions::from_mode(mode)).unwrap();
        let attempts: [&[&str]; 5] = [
            &["rollout", "approve", SERVICE],
            &["rollout", "promote", SERVICE, "--break-glass", "mine now"],
            &["rollout", "start", SERVICE, "v3", "--supersede"],
            &["freeze", "declare", "mine"],
            &["journal", "events"],
        ];
        for args in attempts {
            let ran = nobody.ctl(args).await.code(1);
            assert!(words.iter().any(|w| ran.err.contains(w)), "{ran:?}");
            assert!(ran.out.is_empty(), "{ran:?}");
        }
        // Who is kept out is told whose it is, without a minute of trying.
        let began = Instant::now();
        let ran = nobody.ctl(&["rollback", SERVICE]).await.code(1);
        assert!(ran.err.contains("belongs to user"), "{ran:?}");
        assert!(ran.err.contains(ground.data.to_str().unwrap()), "{ran:?}");
        assert!(began.elapsed() < Duration::from_secs(30), "{ran:?}");
    }
    ground.ctl(&["doctor"]).await.code(6).says("chmod 700");
    let row = rollout(&ground, "a row", |_| true).await;
    assert_eq!((row.weight, row.phase), (20, Phase::Progressing));
    let mut rows = events(&ground).await;
    rows.drain(..before);
    assert!(
        rows.iter().all(|r| !r.actor.id.contains("nobody")),
        "{rows:#?}"
    );
    assert!(
        !story(&ground)
            .await
            .iter()
            .any(|e| matches!(e, Event::Approved { .. }))
    );
    agent.end().await;
}

/// A data folder that is nobody's; none, said aloud, where nobody can be had.
async fn nobodys() -> Option<(Ground, Nobody)> {
    let mut made = false;
    let ground = Ground::prepared(|data| {
        std::fs::create_dir(data).unwrap();
        std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).unwrap();
        made = std::os::unix::fs::chown(data, Some(NOBODY), Some(NOBODY)).is_ok();
    })
    .await;
    let nobody = Nobody::on(&ground).filter(|_| made)?;
    Some((ground, nobody))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_superuser_makes_nothing_in_anothers_folder() {
    let Some((ground, owner)) = nobodys().await else {
        return;
    };
    let whose = format!("{} belongs to user nobody", ground.data.display());
    let found = ground.ctl(&["doctor"]).await.code(0).says(&whose);
    assert!(!found.out.contains("set-aside"), "{found:?}");
    assert!(!found.out.contains("good  data folder"), "{found:?}");
    for start in [&["node", "start"][..], &["node", "run"], &["agent"]] {
        let ran = ground.ctl(start).await.code(1);
        assert!(ran.err.contains(&whose), "{ran:?}");
    }
    let made = owners(&ground.data);
    assert!(made.is_empty(), "{made:?}");
    owner.ctl(&["node", "start"]).await.code(0);
    owner.ctl(&["freeze", "declare", "mine"]).await.code(0);
    // Once it is there it can be looked at, and what is broken is not the superuser's to mend.
    std::fs::write(ground.data.join("journal.db"), "no journal").unwrap();
    for companion in ["journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(ground.data.join(companion));
    }
    let found = ground.ctl(&["doctor"]).await.code(6).says(&whose);
    assert!(!found.out.contains("set-aside"), "{found:?}");
    owner.ctl(&["doctor"]).await.code(6).says("set-aside");
    owner.ctl(&["node", "stop"]).await.code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_user_opens_the_gate() {
    let Some((ground, author)) = nobodys().await else {
        return;
    };
    let mut driving = author.command(&["agent"]);
    driving.stdout(Stdio::null()).stderr(Stdio::null());
    let agent = Agent::of(driving.spawn().unwrap());
    let definition = plans::definition(&author.program, ground.port);
    let definition = readable(&ground, "checkout.yaml", &definition);
    let node = ["node", "start"];
    author.ctl(&node).await.code(0);
    author
        .ctl(&["service", "define", &definition])
        .await
        .code(0);
    author
        .ctl(&["rollout", "start", SERVICE, "v1"])
        .await
        .code(0);
    rollout(&ground, "v1", |r| r.phase == Phase::Promoted).await;
    // The superuser and the author are both bound; the author may not open it even so.
    let second = ground.json(&["whoami"]).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let roles = format!("release-manager: [{second}, {}]\n", author.id().await);
    readable(&ground, "d/roles.yaml", &roles);
    let gates = "[ { approval: { count: 1, role: release-manager } } ]";
    let plan = readable(&ground, "plan.yaml", &plans::gated(gates));
    let start = ["rollout", "start", SERVICE, "v2", "--plan-file", &plan];
    author.ctl(&start).await.code(0);
    rollout(&ground, "20 %", |r| r.weight == 20).await;
    let approve = ["rollout", "approve", SERVICE];
    let said = "who starts a rollout cannot approve it";
    author.ctl(&approve).await.refused(said);
    ground.ctl(&approve).await.code(0).says("approved");
    rollout(&ground, "v2", |r| r.phase == Phase::Promoted).await;
    let rows = events(&ground).await;
    let by = |kind: &str| {
        let mut found = rows.iter().filter(|r| r.kind == kind);
        let last = found.next_back().unwrap_or_else(|| panic!("no {kind}"));
        (last.actor.id.clone(), last.payload.clone())
    };
    assert_eq!(by("rollout.started").0, author.id().await);
    let (approved_by, approval) = by("rollout.approved");
    assert_eq!(approved_by, second);
    assert_eq!(approval["advisory"], false, "{approval}");
    author.ctl(&["journal", "verify"]).await.code(0);
    // The second person left nothing behind that locks the first one out.
    for (path, owner) in owners(&ground.data) {
        let roles = path.ends_with("roles.yaml");
        assert!(
            roles || owner == NOBODY,
            "{} is user {owner}'s",
            path.display()
        );
    }
    author.ctl(&["node", "stop"]).await.code(0);
    agent.end().await;
}

/// A file beside the data folder, or in it, that others may read.
fn readable(ground: &Ground, name: &str, text: &str) -> String {
    let path = ground.file(name, text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    path
}
