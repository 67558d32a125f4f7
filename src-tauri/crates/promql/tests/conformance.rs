//! Prometheus' own engine tests, held against the evaluator.
//!
//! The files lie beside the repository and are not part of it; without them there is nothing to
//! hold against.

use std::fs;
use std::path::{Path, PathBuf};

use deckwatch_promql::testlang::{Report, run_script};

/// Cases that are known not to pass, with the reason: file, line of the `eval`.
const KNOWN: [(&str, usize, &str); 0] = [];

fn files() -> Vec<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance/promql");
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "test"))
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Our own files, in the same language, for what the given ones leave out.
#[test]
fn own_files_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let report = run_script(&fs::read_to_string(&path).unwrap());
        println!(
            "{:30} {:>4}/{}",
            name(&path),
            report.passed(),
            report.total()
        );
        assert!(report.total() > 0);
        for case in report.cases {
            if let Some(why) = case.failure {
                wrong.push(format!(
                    "{}:{} {}\n    {why}",
                    name(&path),
                    case.line,
                    case.query
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn given_files_pass() {
    let files = files();
    if files.is_empty() {
        println!("skipped: no conformance files beside the repository");
        return;
    }
    let mut wrong = Vec::new();
    for path in files {
        let report: Report = run_script(&fs::read_to_string(&path).unwrap());
        let name = name(&path);
        println!("{name:30} {:>4}/{}", report.passed(), report.total());
        assert!(report.total() > 0, "{name} holds no case");
        for case in &report.cases {
            let known = KNOWN.iter().any(|(f, l, _)| *f == name && *l == case.line);
            match &case.failure {
                Some(why) if !known => {
                    wrong.push(format!("{name}:{} {}\n    {why}", case.line, case.query));
                }
                None if known => wrong.push(format!("{name}:{} passes now", case.line)),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
