//! The control socket: who may knock, and with what.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use deckwatch_platform::PlatformError;
use deckwatch_platform::local::{LocalPlatform, NodeError, NodeFolder, ensure_node};

use crate::rig::{Rig, until};

/// Says this and hears what comes; nonsense ends with a closed half.
fn speak(rig: &Rig, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(rig.folder.socket()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    let _ = stream.write_all(bytes);
    if !bytes.windows(17).any(|w| w == b"connection: close") {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_and_does_no_harm() {
    let rig = Rig::new().await;
    rig.canary_up(1, 10).await;
    let before = rig.observe().await.traffic;
    let with = |rest: &str| {
        let head =
            format!("{rest}\r\nhost: x\r\nx-deckwatch-protocol: 1\r\nconnection: close\r\n\r\n");
        speak(&rig, head.as_bytes())
    };
    for garbage in [
        &b"\0\xff\xfe garbage \r\n\r\n"[..],
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        &[b'a'; 300_000],
    ] {
        speak(&rig, garbage);
    }
    assert!(with("GET /v1/nothing HTTP/1.1").contains("404"));
    assert!(with("GET /v1/services/..%2f..%2fetc HTTP/1.1").contains("is not a service name"));
    assert!(with("POST /v1/services/shop/orders HTTP/1.1").contains("not understood"));
    let old = speak(
        &rig,
        b"GET /v1/node HTTP/1.1\r\nhost: x\r\nx-deckwatch-protocol: 7\r\nconnection: close\r\n\r\n",
    );
    assert!(old.contains("speaks protocol 1 and the client 7"), "{old}");
    let none = speak(
        &rig,
        b"GET /v1/node HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert!(none.contains("is missing"), "{none}");
    let long = "x".repeat(1_100_000);
    let body = format!(
        "POST /v1/services/shop/orders HTTP/1.1\r\nhost: x\r\nx-deckwatch-protocol: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{long}",
        long.len()
    );
    let answer = speak(&rig, body.as_bytes());
    assert!(answer.contains("413") || answer.is_empty(), "{answer}");
    let mut bad = rig.definition();
    bad.listen = "0.0.0.0:80".parse().unwrap();
    bad.instances = 0;
    let refused = rig.platform.define(&bad).await.unwrap_err().to_string();
    assert!(
        refused.contains("loopback") && refused.contains("instances"),
        "{refused}"
    );
    assert_eq!(rig.observe().await.traffic, before);
    assert_eq!(rig.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_user_may_speak() {
    let rig = Rig::new().await;
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(rig.folder.path()), 0o700);
    assert_eq!(mode(&rig.folder.socket()), 0o600);
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: trying as another user needs root");
        return;
    }
    // Even with the doors wide open, the node asks who it is.
    for path in [rig.folder.path(), rig.folder.path().parent().unwrap()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::set_permissions(rig.folder.socket(), std::fs::Permissions::from_mode(0o666)).unwrap();
    let ask = "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); \
               connect(S, sockaddr_un($ARGV[0])) or die $!; $SIG{PIPE} = 'IGNORE'; \
               syswrite(S, qq(GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n)); \
               print sysread(S, $b, 100) || 0;";
    let socket = rig.folder.socket();
    let other = Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "perl",
            "-e",
            ask,
        ])
        .arg(&socket)
        .output();
    let Ok(other) = other else {
        eprintln!("skipped: setpriv and perl are needed to try as another user");
        return;
    };
    let said = String::from_utf8_lossy(&other.stdout).trim().to_owned();
    assert_eq!(said, "0", "{other:?}");
    until("it is noted", Duration::from_secs(2), async || {
        let troubles = rig.platform.node().await.unwrap().troubles.join("\n");
        troubles.contains("65534")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_a_folder_and_started_when_absent() {
    let mut rig = Rig::new().await;
    let second = Command::new(crate::rig::host())
        .arg("node")
        .arg(rig.folder.path())
        .output()
        .unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        said.contains("already running") && said.contains("process"),
        "{said}"
    );
    let running = rig.platform.node().await.unwrap();
    let found = ensure_node(&rig.folder, &rig.node_command(), Duration::from_secs(3))
        .await
        .unwrap();
    assert_eq!(found.pid, running.pid);
    rig.kill_node();
    let gone = rig.platform.node().await;
    assert!(
        matches!(gone, Err(PlatformError::Unreachable { .. })),
        "{gone:?}"
    );
    let started = ensure_node(&rig.folder, &rig.node_command(), Duration::from_secs(3))
        .await
        .unwrap();
    assert_ne!(started.pid, running.pid);
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", started.pid)).unwrap_or_default();
    if let Some((_, rest)) = stat.rsplit_once(')') {
        let session = rest.split_ascii_whitespace().nth(3).unwrap().to_owned();
        assert_eq!(session, started.pid.to_string(), "a session of its own");
    }
    rig.platform.shutdown().await.unwrap();
    until("it is gone", Duration::from_secs(3), async || {
        rig.platform.node().await.is_err()
    })
    .await;

    let dir = tempfile::Builder::new().prefix("dw").tempdir().unwrap();
    let folder = NodeFolder::new(dir.path().join("n")).unwrap();
    let command = ["sh", "-c", "echo it cannot be done >&2; exit 3"].map(Into::into);
    let error = ensure_node(&folder, &command, Duration::from_secs(3))
        .await
        .unwrap_err();
    assert!(matches!(error, NodeError::NotStarted { .. }));
    assert!(error.to_string().contains("it cannot be done"), "{error}");
    assert!(LocalPlatform::new(folder).node().await.is_err());
}
