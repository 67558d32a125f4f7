//! Small things that every command needs: reading files, printing answers.

use std::io::Read;
use std::path::Path;

use deckwatch_console::Problem;
use serde::Serialize;
use serde_json::Value;

/// A file's text; `-` is standard input.
pub fn read(path: &Path) -> Result<String, Problem> {
    let wrong = |e: std::io::Error| Problem::new("file", format!("{}: {e}", path.display()));
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(wrong)?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(wrong)
}

/// JSON typed on the command line.
pub fn json(text: &str) -> Result<Value, Problem> {
    serde_json::from_str(text)
        .map_err(|e| Problem::new("request.invalid", format!("this is not JSON: {e}: {text}")))
}

/// Prints an answer: as JSON when asked to, else with `show`.
pub fn answer<T: Serialize>(json: bool, answer: &T, show: impl FnOnce(&T) -> String) {
    if json {
        let text = serde_json::to_string_pretty(answer).unwrap_or_default();
        println!("{text}");
    } else {
        print!("{}", show(answer));
    }
}
