//! The house's directions, checked: which room may use which, and what no room may do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the floor it stands on; a room may use only what is on a lower floor.
const FLOORS: [(&str, u8); 17] = [
    ("domain", 0),
    ("journal", 1),
    ("promql", 1),
    ("verdict", 1),
    ("platform", 2),
    ("signals", 2),
    ("rollout", 3),
    ("slo", 3),
    ("alerting", 3),
    ("incident", 3),
    ("change", 3),
    ("training", 4),
    ("report", 4),
    ("console", 5),
    ("ctl", 6),
    // The desktop shell is the root package.
    ("deckwatch", 6),
    ("tests", 7),
];

/// Rooms without IO, clock or processes.
const PURE: [&str; 4] = ["domain", "verdict", "promql", "slo"];
const IMPURE_WORDS: [&str; 12] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "tokio",
    "sqlx",
    "now_v7",
    "rand::rng",
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src-tauri/crates")
}

fn rooms() -> Vec<String> {
    let mut rooms: Vec<String> = fs::read_dir(crates())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    rooms.sort();
    rooms
}

/// The rooms that a room's manifest names under `[dependencies]`.
fn uses(room: &str) -> Vec<String> {
    let manifest = fs::read_to_string(crates().join(room).join("Cargo.toml")).unwrap();
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim().to_owned();
        } else if section == "[dependencies]"
            && let Some(rest) = line.strip_prefix("deckwatch-")
        {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric())
                .collect();
            found.push(name);
        }
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Lines of code, without comments and without what stands below `#[cfg(test)]`.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .take_while(|line| !line.contains("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_room_uses_only_what_is_below_it() {
    let floors: BTreeMap<&str, u8> = FLOORS.into_iter().collect();
    let mut wrong = Vec::new();
    for room in rooms() {
        let Some(floor) = floors.get(room.as_str()) else {
            wrong.push(format!("{room} stands on no floor; name it here"));
            continue;
        };
        for used in uses(&room) {
            match floors.get(used.as_str()) {
                Some(below) if below < floor => {}
                Some(_) => wrong.push(format!("{room} uses {used}, which is not below it")),
                None => wrong.push(format!("{room} uses {used}, which stands on no floor")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_room_knows_the_window() {
    let mut wrong = Vec::new();
    for room in rooms() {
        let manifest = fs::read_to_string(crates().join(&room).join("Cargo.toml")).unwrap();
        if manifest
            .lines()
            .any(|l| l.starts_with("tauri") || l.starts_with("wry"))
        {
            wrong.push(room);
        }
    }
    assert!(
        wrong.is_empty(),
        "only the desktop shell may know tauri: {wrong:?}"
    );
}

#[test]
fn pure_rooms_do_nothing_but_think() {
    let mut wrong = Vec::new();
    for room in PURE.iter().filter(|r| crates().join(r).exists()) {
        let mut files = Vec::new();
        sources(&crates().join(room).join("src"), &mut files);
        assert!(!files.is_empty());
        for file in files {
            for line in code(&file) {
                if let Some(word) = IMPURE_WORDS.iter().find(|w| line.contains(*w)) {
                    wrong.push(format!("{}: {word}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_rooms_that_own_an_effect_have_it() {
    // Nothing outside `journal` and `signals` touches the database; nothing outside `platform`
    // and the training ground starts or ends a process.
    let owners: [(&str, &[&str]); 2] = [
        ("sqlx::", &["journal", "signals"]),
        ("process::Command", &["platform", "console"]),
    ];
    let mut wrong = Vec::new();
    for room in rooms() {
        let mut files = Vec::new();
        sources(&crates().join(&room).join("src"), &mut files);
        for file in files {
            let code = code(&file);
            for (word, allowed) in owners {
                if !allowed.contains(&room.as_str()) && code.iter().any(|l| l.contains(word)) {
                    wrong.push(format!("{}: {word}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

struct Entry {
    name: &'static str,
}

macro_rules! commands {
    ($($kind:ident $name:literal $module:ident::$function:ident($params:ty) -> $result:ty, $about:literal;)*) => {
        const LIST: &[Entry] = &[$(Entry { name: $name }),*];
    };
}

include!("../src-tauri/crates/console/src/list.rs");

/// The window may ask what the list names and nothing else.
#[test]
fn the_windows_permissions_are_the_list() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src-tauri/capabilities/main.json");
    let text = fs::read_to_string(file).unwrap();
    let capability: serde_json::Value = serde_json::from_str(&text).unwrap();
    let allowed: std::collections::BTreeSet<String> = capability["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p.as_str().filter(|p| p.starts_with("allow-")))
        .map(str::to_owned)
        .collect();
    let own = [
        "environments",
        "watch",
        "unwatch",
        "roll_back",
        "close",
        "ready",
    ];
    let listed = LIST.iter().map(|e| e.name).chain(own);
    let wanted: std::collections::BTreeSet<String> = listed
        .map(|name| format!("allow-{}", name.replace(['.', '_'], "-")))
        .collect();
    assert_eq!(allowed, wanted, "src-tauri/capabilities/main.json");
}
