//! From rules to text: what is read again is the same.

use std::fmt::Write as _;

use deckwatch_promql::format_duration;

use super::{Alerting, Group, Makes, Rule, RuleFile, Words};

/// The file in YAML, every word that could be misread in quotes.
pub fn write(file: &RuleFile) -> String {
    let mut out = String::from("groups:\n");
    if file.groups.is_empty() {
        out = "groups: []\n".into();
    }
    for group in &file.groups {
        write_group(&mut out, group);
    }
    out
}

/// Writing into a text does not fail.
macro_rules! line {
    ($out:expr, $($words:tt)*) => {{
        let _ = writeln!($out, $($words)*);
    }};
}

fn write_group(out: &mut String, group: &Group) {
    line!(out, "  - name: {}", quoted(&group.name));
    if let Some(interval) = group.interval_ms {
        line!(out, "    interval: {}", format_duration(interval));
    }
    if let Some(offset) = group.query_offset_ms {
        line!(out, "    query_offset: {}", format_duration(offset));
    }
    if group.limit > 0 {
        line!(out, "    limit: {}", group.limit);
    }
    write_words(out, "    ", "labels", &group.labels);
    match group.rules.is_empty() {
        true => line!(out, "    rules: []"),
        false => line!(out, "    rules:"),
    }
    for rule in &group.rules {
        write_rule(out, rule);
    }
}

fn write_rule(out: &mut String, rule: &Rule) {
    line!(out, "      - {}: {}", rule.kind(), quoted(rule.name()));
    let query = rule.query.text();
    if query.contains('\n') && folds(query) {
        line!(out, "        expr: |-");
        for part in query.lines() {
            line!(out, "          {part}");
        }
    } else {
        line!(out, "        expr: {}", quoted(query));
    }
    if let Makes::Alert(Alerting {
        hold_ms,
        keep_ms,
        annotations,
        ..
    }) = &rule.makes
    {
        if *hold_ms > 0 {
            line!(out, "        for: {}", format_duration(*hold_ms));
        }
        if *keep_ms > 0 {
            line!(
                out,
                "        keep_firing_for: {}",
                format_duration(*keep_ms)
            );
        }
        write_words(out, "        ", "labels", &rule.labels);
        write_words(out, "        ", "annotations", annotations);
    } else {
        write_words(out, "        ", "labels", &rule.labels);
    }
}

/// Whether a text stands in a block as it is: no line that begins the block may be indented, and
/// nothing may be lost at its end.
fn folds(text: &str) -> bool {
    let odd = |c: char| c.is_control() && c != '\n';
    !text.starts_with([' ', '\n']) && !text.ends_with('\n') && !text.chars().any(odd)
}

fn write_words(out: &mut String, indent: &str, name: &str, words: &Words) {
    if words.is_empty() {
        return;
    }
    line!(out, "{indent}{name}:");
    for (name, value) in words {
        line!(out, "{indent}  {}: {}", quoted(name), quoted(value));
    }
}

/// Plain where nothing in it means anything to YAML, else between double quotes.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let first = text.chars().next();
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let word = first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| plain(c) || c == ':')
        && !text.ends_with(':')
        && !reserved.contains(&text.to_ascii_lowercase().as_str());
    if word {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || c == '\u{feff}' || ('\u{2028}'..='\u{2029}').contains(&c) => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
