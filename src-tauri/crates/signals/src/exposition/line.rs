//! What the lines of both formats are made of: names, labels, quoted text, numbers. Each reader
//! takes what it knows from the front of a line and returns what stands behind it.

use super::Limits;
use crate::sample::Labels;

/// What may stand between the parts of a line.
pub(super) const BLANK: [char; 2] = [' ', '\t'];

/// The name and labels at the front of a line: `name`, `name{…}` or `{"name", …}`.
pub(super) fn series<'t>(
    line: &'t str,
    limits: &Limits,
) -> Result<(String, Labels, &'t str), String> {
    let (bare, rest) = word(line, true);
    if !bare.is_empty() {
        check_bare(bare, true, limits)?;
    }
    let Some(inside) = rest.trim_start_matches(BLANK).strip_prefix('{') else {
        return match bare.is_empty() {
            true => Err("a metric name is missing".into()),
            false => Ok((bare.to_owned(), Labels::new(), rest)),
        };
    };
    let (quoted, labels, rest) = braces(inside, limits)?;
    let name = match (bare.is_empty(), quoted) {
        (false, None) => bare.to_owned(),
        (true, Some(name)) => name,
        (true, None) => return Err("a metric name is missing".into()),
        (false, Some(_)) => return Err(format!("a second metric name after {bare}")),
    };
    Ok((name, labels, rest))
}

/// The labels of an exemplar, which has no name.
pub(super) fn labels<'t>(inside: &'t str, limits: &Limits) -> Result<(Labels, &'t str), String> {
    match braces(inside, limits)? {
        (None, labels, rest) => Ok((labels, rest)),
        (Some(name), ..) => Err(format!("`=` is missing after the label {}", shown(&name))),
    }
}

/// Everything up to the closing brace: a metric name in quotes, if there is one, and the labels.
fn braces<'t>(
    mut rest: &'t str,
    limits: &Limits,
) -> Result<(Option<String>, Labels, &'t str), String> {
    let mut name = None;
    let mut labels = Labels::new();
    let mut seen = 0;
    loop {
        rest = rest.trim_start_matches(BLANK);
        if let Some(after) = rest.strip_prefix('}') {
            rest = after;
            break;
        }
        let (key, after, in_quotes) = key(rest, limits)?;
        let after = after.trim_start_matches(BLANK);
        let (after, what) = match after.strip_prefix('=') {
            Some(after) => {
                seen += 1;
                if seen > limits.labels {
                    return Err(format!("more than {} labels", limits.labels));
                }
                let (value, after) = value(&key, after, limits)?;
                let what = format!("the label {}", shown(&key));
                // An empty label is the same as none; keeping it would make two series of one.
                if !value.is_empty() {
                    labels.push((key, value));
                }
                (after, what)
            }
            None if in_quotes && name.is_none() => {
                name = Some(key);
                (after, "the metric's name".into())
            }
            None => return Err(format!("`=` is missing after the label {}", shown(&key))),
        };
        rest = after.trim_start_matches(BLANK);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err(format!("`,` or `}}` is missing after {what}")),
        }
    }
    labels.sort();
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(format!("the label {} stands twice", shown(&pair[0].0))),
        None => Ok((name, labels, rest)),
    }
}

/// A label's name, or a metric's in quotes.
fn key<'t>(rest: &'t str, limits: &Limits) -> Result<(String, &'t str, bool), String> {
    if let Some(inside) = rest.strip_prefix('"') {
        let (key, after) = quoted(inside, "a name", limits)?;
        return match key.is_empty() {
            true => Err("a name in quotes is empty".into()),
            false => Ok((key, after, true)),
        };
    }
    let (key, after) = word(rest, false);
    check_bare(key, false, limits)?;
    Ok((key.to_owned(), after, false))
}

fn value<'t>(key: &str, after: &'t str, limits: &Limits) -> Result<(String, &'t str), String> {
    let inside = after.trim_start_matches(BLANK).strip_prefix('"');
    let inside =
        inside.ok_or_else(|| format!("the value of the label {} is not in quotes", shown(key)))?;
    quoted(inside, "a label value", limits)
}

/// The text up to the closing quote, with `\\`, `\"` and `\n` resolved.
fn quoted<'t>(text: &'t str, what: &str, limits: &Limits) -> Result<(String, &'t str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if value.len() > limits.text {
            return Err(format!("{what} of more than {} bytes", limits.text));
        }
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, '\\')) => value.push('\\'),
                Some((_, '"')) => value.push('"'),
                Some((_, 'n')) => value.push('\n'),
                Some((_, other)) => return Err(format!("`\\{other}` is not an escape")),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err(format!("{what} does not end"))
}

/// The name at the front of a `# TYPE`, `# HELP` or `# UNIT` line's rest.
pub(super) fn family<'t>(text: &'t str, limits: &Limits) -> Result<(String, &'t str), String> {
    if let Some(inside) = text.strip_prefix('"') {
        let (name, rest) = quoted(inside, "a metric name", limits)?;
        return match name.is_empty() {
            true => Err("a metric name is missing".into()),
            false => Ok((name, rest)),
        };
    }
    let end = text.find(BLANK).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    check_bare(name, true, limits)?;
    Ok((name.to_owned(), rest))
}

/// Any float as the formats write it: `1`, `-2.5e3`, `+Inf`, `NaN`.
pub(super) fn number(word: &str) -> Result<f64, String> {
    word.parse()
        .map_err(|_| format!("`{}` is not a number", shown(word)))
}

/// The longest front of the text that can be a name without quotes.
fn word(text: &str, colons: bool) -> (&str, &str) {
    let end = text.find(|c: char| !is_name_char(c, colons));
    text.split_at(end.unwrap_or(text.len()))
}

fn is_name_char(c: char, colons: bool) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':')
}

fn check_bare(name: &str, colons: bool, limits: &Limits) -> Result<(), String> {
    let kind = if colons { "metric" } else { "label" };
    if name.is_empty() {
        return Err(format!("a {kind} name is missing"));
    }
    if name.len() > limits.text {
        return Err(format!("a {kind} name of more than {} bytes", limits.text));
    }
    let wrong = name.starts_with(|c: char| c.is_ascii_digit())
        || name.chars().any(|c| !is_name_char(c, colons));
    if wrong {
        return Err(format!("`{}` is not a {kind} name", shown(name)));
    }
    Ok(())
}

/// A stranger's word, short enough for a message.
pub(super) fn shown(word: &str) -> String {
    word.chars()
        .take(40)
        .collect::<String>()
        .escape_debug()
        .to_string()
}
