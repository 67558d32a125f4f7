//! Rule files of Prometheus: read, looked through, and tested.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deckwatch_alerting::lint::{self, Facts};
use deckwatch_alerting::rules::{self, RuleFile};
use deckwatch_alerting::unit::{self, RuleFiles, UnitReport};
use deckwatch_console::api::{self, ByName, RulesText};
use deckwatch_console::{Console, Problem};
use serde::Serialize;

use super::alerts;
use crate::args;
use crate::ask::{answer, read};
use crate::code;
use crate::paint::{Paint, Tone};

pub(super) async fn rules(
    console: &Console,
    it: args::Rules,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Rules as R;
    match it {
        R::Check { files } => return check(&files, j, paint),
        R::Test { files } => return test(&files, j, paint),
        R::List => alerts::listed(console, j, paint).await?,
        R::Preset { name } => alerts::preset(console, name.as_deref(), j).await?,
        R::Set { name, file } => {
            let yaml = read(&file)?;
            let name = Some(name);
            let found = api::write_rules(console, RulesText { name, yaml }).await?;
            answer(j, &found, |found| format!("written: {}\n", found.path));
        }
        R::Remove { name } => {
            let done = api::remove_rules(console, ByName { name }).await?;
            answer(j, &done, |done| format!("{}\n", done.done));
        }
        R::Backtest {
            file,
            alert,
            over,
            threshold,
            hold,
        } => {
            let yaml = read(&file)?;
            let ask = alerts::Asked {
                yaml,
                alert,
                over,
                threshold,
                hold,
            };
            alerts::backtest(console, ask, j, paint).await?;
        }
    }
    Ok(code::DONE)
}

/// What was found in one file.
#[derive(Serialize)]
struct Checked {
    file: String,
    rules: usize,
    mistakes: Vec<deckwatch_domain::Problem>,
    doubts: Vec<rules::Finding>,
    findings: Vec<lint::Finding>,
}

fn check(files: &[PathBuf], j: bool, paint: Paint) -> Result<u8, Problem> {
    let mut all = Vec::new();
    for path in files {
        let mut checked = Checked {
            file: path.display().to_string(),
            rules: 0,
            mistakes: Vec::new(),
            doubts: Vec::new(),
            findings: Vec::new(),
        };
        match rules::read(&read(path)?) {
            Ok(reading) => {
                checked.rules = reading.file.rules().count();
                checked.findings = lint::lint(&reading.file, &Facts::default());
                checked.doubts = reading.findings;
            }
            Err(problems) => checked.mistakes = problems.0,
        }
        all.push(checked);
    }
    answer(j, &all, |all| all.iter().map(|c| told(paint, c)).collect());
    // As promtool does: what is only doubtful fails nothing.
    let bad = all.iter().any(|c| !c.mistakes.is_empty());
    Ok(if bad { code::FOUND } else { code::DONE })
}

fn told(paint: Paint, checked: &Checked) -> String {
    let name = &checked.file;
    let mut out = String::new();
    for m in &checked.mistakes {
        let path = match m.path.is_empty() {
            true => String::new(),
            false => format!("{}: ", m.path),
        };
        let words = format!("✕ {name}:{}:{}: {path}{}", m.line, m.column, m.message);
        out += &format!("{}\n", paint.say(Tone::Bad, words));
    }
    for doubt in &checked.doubts {
        let words = format!(
            "◆ {name}:{}:{}: {}",
            doubt.line, doubt.column, doubt.message
        );
        out += &format!("{}\n", paint.say(Tone::Warn, words));
    }
    for finding in &checked.findings {
        let words = format!(
            "◆ {name}:{}: {}: {} ({}); {}",
            finding.line,
            finding.rule,
            finding.what,
            finding.code.word(),
            finding.advice
        );
        out += &format!("{}\n", paint.say(Tone::Warn, words));
    }
    if checked.mistakes.is_empty() {
        let words = format!("● {name}: {} rules", checked.rules);
        out += &format!("{}\n", paint.say(Tone::Good, words));
    }
    out
}

/// How the tests of one file went.
#[derive(Serialize)]
struct Tested {
    file: String,
    passed: usize,
    total: usize,
    /// Why none could be run.
    error: Option<String>,
    tests: Vec<UnitReport>,
}

fn test(files: &[PathBuf], j: bool, paint: Paint) -> Result<u8, Problem> {
    let mut all = Vec::new();
    for path in files {
        let text = read(path)?;
        let mut tested = Tested {
            file: path.display().to_string(),
            passed: 0,
            total: 0,
            error: None,
            tests: Vec::new(),
        };
        match ran(path, &text) {
            Ok(tests) => {
                tested.total = tests.len();
                tested.passed = tests.iter().filter(|t| t.passed()).count();
                tested.tests = tests;
            }
            Err(why) => tested.error = Some(why),
        }
        all.push(tested);
    }
    answer(j, &all, |all| {
        all.iter().map(|t| results(paint, t)).collect()
    });
    let good = |t: &Tested| t.error.is_none() && t.passed == t.total;
    Ok(if all.iter().all(good) {
        code::DONE
    } else {
        code::FOUND
    })
}

fn ran(path: &Path, text: &str) -> Result<Vec<UnitReport>, String> {
    let file = unit::read(text).map_err(|problems| problems.to_string())?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut rules = RuleFiles::new();
    for pattern in &file.rule_files {
        rules.extend(named(folder, pattern)?);
    }
    let run = |test| unit::run(&file, test, &rules, &mut |_, _| true);
    Ok(file.tests.iter().map(run).collect())
}

/// The rule files that a pattern means, from where the test's file lies.
fn named(folder: &Path, pattern: &str) -> Result<BTreeMap<String, RuleFile>, String> {
    let whole = folder.join(pattern);
    let words = whole.to_string_lossy();
    let found = glob::glob(&words).map_err(|e| format!("{pattern}: {e}"))?;
    let mut files = BTreeMap::new();
    for path in found {
        let path = path.map_err(|e| e.to_string())?;
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{name}: {e}"))?;
        let reading = rules::read(&text).map_err(|problems| format!("{name}: {problems}"))?;
        files.insert(name, reading.file);
    }
    match files.is_empty() {
        true => Err(format!("{pattern}: there is no such rule file")),
        false => Ok(files),
    }
}

fn results(paint: Paint, tested: &Tested) -> String {
    let name = &tested.file;
    if let Some(why) = &tested.error {
        return format!("{}\n", paint.say(Tone::Bad, format!("✕ {name}: {why}")));
    }
    let mut out = String::new();
    for test in &tested.tests {
        for failure in &test.failures {
            let words = format!("✕ {name}:{}: {}", failure.line, failure.what);
            out += &format!("{}\n", paint.say(Tone::Bad, words));
            if let Some(error) = &failure.error {
                out += &format!("    {error}\n");
                continue;
            }
            for (word, lines) in [("expected", &failure.expected), ("got", &failure.got)] {
                match lines.is_empty() {
                    true => out += &format!("    {word} nothing\n"),
                    false => {
                        for line in lines {
                            out += &format!("    {word} {line}\n");
                        }
                    }
                }
            }
        }
    }
    let (shape, tone) = match tested.passed == tested.total {
        true => ("●", Tone::Good),
        false => ("▲", Tone::Bad),
    };
    let words = format!("{shape} {name}: {}/{} passed", tested.passed, tested.total);
    out + &format!("{}\n", paint.say(tone, words))
}
