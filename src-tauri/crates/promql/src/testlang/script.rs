//! A file cut into commands.

use super::case::{Case, Expectation, Expected, Moments};
use super::load::Load;
use crate::duration::parse_duration;
use crate::parse::{parse_series, unquote};
use crate::text::parse_number;

/// A line that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Misread {
    /// From 1.
    pub line: usize,
    pub message: String,
}

pub(super) enum Command {
    Clear,
    Load(Result<Load, Misread>),
    Eval(Box<Result<Case, Misread>>),
}

/// Lines without the blanks around them; comments are empty lines.
fn lines(text: &str) -> Vec<&str> {
    text.split('\n')
        .map(str::trim)
        .map(|line| if line.starts_with('#') { "" } else { line })
        .collect()
}

/// All commands of a file. A command ends at an empty line.
pub(super) fn commands(text: &str) -> Vec<Command> {
    let lines = lines(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if line.is_empty() {
            at += 1;
            continue;
        }
        let word = line
            .split(['\t', ' '])
            .next()
            .unwrap_or("")
            .to_ascii_lowercase();
        if word == "clear" {
            found.push(Command::Clear);
            at += 1;
            continue;
        }
        let body = lines[at + 1..]
            .iter()
            .take_while(|line| !line.is_empty())
            .count();
        if word.starts_with("load") {
            let load = Load::read(line, &lines[at + 1..=at + body], at + 1);
            found.push(Command::Load(load));
            at += body + 1;
        } else if word.starts_with("eval") {
            let (case, used) = read_case(line, &lines[at + 1..=at + body], at + 1);
            found.push(Command::Eval(Box::new(case)));
            at += used + 1;
        } else {
            found.push(Command::Eval(Box::new(Err(Misread {
                line: at + 1,
                message: format!("invalid command {line:?}"),
            }))));
            at += 1;
        }
    }
    found
}

/// A word and what follows it.
fn word(text: &str) -> (&str, &str) {
    match text.split_once(|c: char| c.is_whitespace()) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

fn expect_word<'a>(text: &'a str, wanted: &str) -> Result<&'a str, String> {
    let (found, rest) = word(text);
    if found == wanted {
        Ok(rest)
    } else {
        Err(format!("invalid eval command: expected {wanted}"))
    }
}

fn moment(text: &str) -> Result<i64, String> {
    parse_duration(text).map_err(|why| format!("invalid timestamp definition {text:?}: {why}"))
}

fn from_to_step(text: &str) -> Result<(Moments, &str), String> {
    let rest = expect_word(text, "from")?;
    let (from, rest) = word(rest);
    let (to, rest) = word(expect_word(rest, "to")?);
    let (step, rest) = word(expect_word(rest, "step")?);
    let (start, end, step) = (moment(from)?, moment(to)?, moment(step)?);
    if end < start {
        return Err(format!(
            "invalid test definition, end timestamp ({to}) is before start timestamp ({from})"
        ));
    }
    Ok((Moments::Range { start, end, step }, rest))
}

/// The `eval` line: what is expected of old, when, and the query.
fn read_eval(line: &str) -> Result<(Option<Expectation>, Moments, &str), String> {
    let (command, rest) = word(line);
    let old = match command.strip_prefix("eval").unwrap_or("") {
        "" => None,
        "_fail" => Some(Expectation::Fail),
        "_warn" => Some(Expectation::Warn),
        "_info" => Some(Expectation::Info),
        "_ordered" => Some(Expectation::Ordered),
        other => return Err(format!("invalid eval command: eval{other}")),
    };
    let (kind, rest) = word(rest);
    let (moments, query) = match kind {
        "instant" => {
            let (at, query) = match word(rest) {
                ("at", rest) => word(rest),
                _ => return Err("invalid eval command: expected at".to_owned()),
            };
            (Moments::Instant(moment(at)?), query)
        }
        "range" => from_to_step(rest)?,
        _ => return Err("invalid eval command. Must be either 'eval[_fail|_warn|_ordered|_info] instant [at <offset:duration>] <query>' or 'eval[_fail|_warn|_info] range from <from> to <to> step <step> <query>'".to_owned()),
    };
    if query.is_empty() {
        return Err("invalid eval command: no query".to_owned());
    }
    Ok((old, moments, query))
}

/// A case, and how many lines after the first belong to it.
fn read_case(line: &str, body: &[&str], number: usize) -> (Result<Case, Misread>, usize) {
    let misread = |offset: usize, message: String| Misread {
        line: number + offset,
        message,
    };
    let (old, moments, query) = match read_eval(line) {
        Ok(read) => read,
        Err(why) => return (Err(misread(0, why)), body.len()),
    };
    let mut case = Case::new(query, moments, number);
    if let Some(old) = old {
        case.expect_any(old);
    }
    for (offset, line) in body.iter().enumerate() {
        match read_expected(&mut case, line) {
            Ok(true) => {}
            // A scalar or an old message ends the case, whatever follows.
            Ok(false) => return (Ok(case), offset + 1),
            Err(why) => return (Err(misread(offset + 1, why)), body.len()),
        }
    }
    match case.contradiction() {
        Some(why) => (Err(misread(0, why)), body.len()),
        None => (Ok(case), body.len()),
    }
}

/// Reads one line of what is expected; whether more may follow.
fn read_expected(case: &mut Case, line: &str) -> Result<bool, String> {
    if case.has_to_fail() {
        if let Some(message) = line.strip_prefix("expected_fail_message") {
            case.expect_message(Expectation::Fail, message.trim());
            return Ok(false);
        }
        if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
            case.expect_pattern(Expectation::Fail, pattern.trim())?;
            return Ok(false);
        }
    }
    if let Some(rest) = line.strip_prefix("expect range vector") {
        let (Moments::Range { start, end, step }, "") = from_to_step(rest.trim_start())? else {
            return Err(format!("invalid range vector definition {line:?}"));
        };
        case.expect_range(start, end, step);
        return Ok(true);
    }
    if let Some(rest) = line.strip_prefix("expect string") {
        let bytes = unquote(rest.trim_start()).ok_or(
            "expected string literal not valid - check that the string is correctly quoted",
        )?;
        case.expect_string(String::from_utf8_lossy(&bytes).into_owned());
        return Ok(true);
    }
    let (first, rest) = word(line);
    if first == "expect" {
        read_expectation(case, rest)?;
        return Ok(true);
    }
    if let Some(value) = parse_number(line) {
        case.expect_scalar(value);
        return Ok(false);
    }
    let (labels, values) = parse_series(line).map_err(|why| why.to_string())?;
    case.expect_series(Expected { labels, values })?;
    Ok(true)
}

fn read_expectation(case: &mut Case, text: &str) -> Result<(), String> {
    let (kind, rest) = word(text);
    let wrong = || {
        "invalid expect statement, must match `expect <type> <match_type>: <string>` format"
            .to_owned()
    };
    let kind = match kind {
        "ordered" => Expectation::Ordered,
        "fail" => Expectation::Fail,
        "warn" => Expectation::Warn,
        "no_warn" => Expectation::NoWarn,
        "info" => Expectation::Info,
        "no_info" => Expectation::NoInfo,
        _ => return Err(wrong()),
    };
    if rest.is_empty() {
        case.expect_any(kind);
    } else if let Some(message) = rest.strip_prefix("msg:") {
        case.expect_message(kind, message.trim());
    } else if let Some(pattern) = rest.strip_prefix("regex:") {
        case.expect_pattern(kind, pattern.trim())?;
    } else {
        return Err(wrong());
    }
    Ok(())
}
