//! Tasks for real: processes that are begun once, bounded in time and output, and outlive whoever
//! began them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use deckwatch_domain::{IntentId, RolloutId, ServiceName, Span};
use deckwatch_platform::local::LocalTasks;
use deckwatch_platform::{Does, HttpCall, TaskOutcome, TaskRun, TaskSeen};

use crate::rig::host;

pub struct Desk {
    pub tasks: LocalTasks,
    folder: tempfile::TempDir,
}

fn desk() -> Desk {
    run_by(host(), tempfile::tempdir().unwrap())
}

/// Tasks in `folder` that are run by this program.
pub fn run_by(program: PathBuf, folder: tempfile::TempDir) -> Desk {
    Desk {
        tasks: LocalTasks::new(folder.path().join("tasks"), program),
        folder,
    }
}

fn shell(number: u128, script: &str) -> TaskRun {
    run(
        number,
        Does::Command(["sh", "-c", script].map(str::to_owned).to_vec()),
    )
}

pub fn run(number: u128, does: Does) -> TaskRun {
    TaskRun {
        intent: IntentId::from_u128(number),
        service: ServiceName::new("checkout").unwrap(),
        rollout: RolloutId::from_u128(7),
        name: "the task".into(),
        does,
        timeout: Span::from_secs(20),
        env: [("GREETING".to_owned(), "hi".to_owned())].into(),
        secrets: Default::default(),
        attempt: 2,
        words: [("version".to_owned(), "v2".to_owned())].into(),
    }
}

fn ended(desk: &Desk, run: &TaskRun) -> TaskOutcome {
    let began = Instant::now();
    loop {
        match desk.tasks.look(run.intent).unwrap() {
            TaskSeen::Ended(outcome) => return outcome,
            other => assert!(
                began.elapsed() < Duration::from_secs(30),
                "it did not end: {other:?}"
            ),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn done(desk: &Desk, run: &TaskRun) -> TaskOutcome {
    desk.tasks.begin(run, Default::default()).unwrap();
    ended(desk, run)
}

#[test]
fn a_command_passes_fails_and_says_what_it_printed() {
    let desk = desk();
    let good = shell(
        1,
        "echo hello $DECKWATCH_VERSION $DECKWATCH_ATTEMPT; echo there >&2",
    );
    assert_eq!(desk.tasks.look(good.intent).unwrap(), TaskSeen::Unknown);
    let outcome = done(&desk, &good);
    assert!(outcome.passed, "{outcome:?}");
    assert!(outcome.tail.contains("hello v2 2\n"), "{outcome:?}");
    assert!(outcome.tail.contains("there\n"), "{outcome:?}");
    let output = desk.tasks.output(good.intent, 1000).unwrap();
    assert_eq!(output.bytes, outcome.output_bytes);
    assert!(!output.running && output.text == outcome.tail, "{output:?}");
    let bad = done(&desk, &shell(2, "exit 3"));
    assert_eq!((bad.passed, bad.why.as_str()), (false, "ended with 3"));
    let missing = run(3, Does::Command(vec!["/no/such/program".into()]));
    let missing = done(&desk, &missing);
    assert!(!missing.passed && missing.why.contains("/no/such/program"));
}

#[test]
fn secrets_reach_the_process_and_no_file() {
    let desk = desk();
    let secret = shell(1, "test \"$TOKEN\" = hunter2 && echo $GREETING");
    let values = [("TOKEN".to_owned(), "hunter2".to_owned())].into();
    desk.tasks.begin(&secret, values).unwrap();
    let outcome = ended(&desk, &secret);
    assert!(outcome.passed && outcome.tail == "hi\n", "{outcome:?}");
    let place = desk
        .folder
        .path()
        .join("tasks")
        .join(secret.intent.to_string());
    for file in std::fs::read_dir(place).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
    }
}

#[test]
fn begun_twice_it_runs_once() {
    let desk = desk();
    let mark = desk.folder.path().join("mark");
    let once = shell(1, &format!("echo x >> {}; sleep 0.3", mark.display()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| desk.tasks.begin(&once, Default::default()).unwrap());
        }
    });
    assert!(ended(&desk, &once).passed);
    desk.tasks.begin(&once, Default::default()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(std::fs::read_to_string(mark).unwrap(), "x\n");
}

#[test]
fn its_time_is_bounded_and_nothing_of_it_stays() {
    let desk = desk();
    let pid = desk.folder.path().join("pid");
    let mut slow = shell(1, &format!("sleep 60 & echo $! > {}; wait", pid.display()));
    slow.timeout = Span::from_millis(500);
    let outcome = done(&desk, &slow);
    assert_eq!(outcome.why, "not done within 500ms");
    let child = std::fs::read_to_string(pid).unwrap();
    let there = std::path::Path::new("/proc").join(child.trim());
    let began = Instant::now();
    while there.exists() {
        let state = std::fs::read_to_string(there.join("stat")).unwrap_or_default();
        if state.contains(") Z ") || state.is_empty() {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{child} lives on"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn it_is_ended_by_hand_and_one_that_was_killed_is_said_to_be() {
    let desk = desk();
    let slow = shell(1, "sleep 60");
    desk.tasks.begin(&slow, Default::default()).unwrap();
    let running = || desk.tasks.look(slow.intent).unwrap() == TaskSeen::Running;
    assert!(running());
    let noted = desk
        .folder
        .path()
        .join("tasks")
        .join(slow.intent.to_string());
    while !noted.join("pid").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    desk.tasks.stop(slow.intent).unwrap();
    let outcome = ended(&desk, &slow);
    assert_eq!(
        (outcome.passed, outcome.why.as_str()),
        (false, "ended by hand")
    );
    desk.tasks.stop(slow.intent).unwrap();

    let killed = shell(2, "sleep 60");
    desk.tasks.begin(&killed, Default::default()).unwrap();
    let noted = desk
        .folder
        .path()
        .join("tasks")
        .join(killed.intent.to_string());
    while !noted.join("pid").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = std::fs::read_to_string(noted.join("pid")).unwrap();
    let sent = std::process::Command::new("kill")
        .args(["-KILL", pid.trim()])
        .status();
    assert!(sent.unwrap().success());
    let outcome = ended(&desk, &killed);
    assert!(
        !outcome.passed && outcome.why.contains("killed"),
        "{outcome:?}"
    );
}

#[test]
fn more_output_than_is_kept_is_counted() {
    let desk = desk();
    let loud = shell(
        1,
        "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo the end",
    );
    let outcome = done(&desk, &loud);
    assert!(outcome.passed, "{outcome:?}");
    assert_eq!(outcome.output_bytes, 3_000_000 + 1 + 8);
    assert_eq!(outcome.tail, "the end\n");
    let output = desk.tasks.output(loud.intent, u64::MAX / 2).unwrap();
    assert_eq!(output.text.len(), 1024 * 1024);
    assert_eq!(output.bytes, outcome.output_bytes);
}

#[test]
fn a_call_is_held_against_what_is_expected() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 2048];
            let n = stream.read(&mut asked).unwrap();
            let asked = String::from_utf8_lossy(&asked[..n]).into_owned();
            let status = if asked.starts_with("GET /good") {
                "200 OK"
            } else {
                "503 Service Unavailable"
            };
            let answer =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let call = |path: &str| HttpCall {
        method: "GET".into(),
        url: format!("http://127.0.0.1:{port}/{path}"),
        headers: Default::default(),
        body: None,
        expect: None,
        contains: None,
    };
    let desk = desk();
    let mut number = 0;
    let mut outcome = |call: HttpCall| {
        number += 1;
        done(&desk, &run(number, Does::Http(call)))
    };
    let good = outcome(call("good"));
    assert!(good.passed && good.tail.contains("hello"), "{good:?}");
    assert!(!outcome(call("bad")).passed);
    let expected = HttpCall {
        expect: Some(503),
        contains: Some("hell".into()),
        ..call("bad")
    };
    assert!(outcome(expected).passed);
    let without = HttpCall {
        contains: Some("goodbye".into()),
        ..call("good")
    };
    let without = outcome(without);
    assert!(
        !without.passed && without.why.contains("goodbye"),
        "{without:?}"
    );
    let nobody = HttpCall {
        url: "http://127.0.0.1:9/".into(),
        ..call("")
    };
    assert!(!outcome(nobody).passed);
}
