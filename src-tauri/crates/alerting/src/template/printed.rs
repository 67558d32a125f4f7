//! Values as Go prints them: the library prints numbers as Rust does.

use std::sync::Arc;

use deckwatch_promql::text::float_g;
use gotmpl::{FuncMap, Value, ValueFunc};

use super::net::query_escape;
use super::tree::PRINTED;

type Escape = fn(&str) -> String;

/// Functions of the language that print before they escape.
const ESCAPES: [(&str, Escape); 3] = [
    ("html", gotmpl::html_escape),
    ("js", gotmpl::js_escape),
    ("urlquery", query_escape),
];

/// A value as Go prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::Float(v) => float_g(*v),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(name, value)| format!("{name}:{}", shown(value)));
            format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

/// With a space between two values that are no texts.
fn printed_all(values: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::String(_));
        let before = at.checked_sub(1).and_then(|at| values.get(at));
        if before.is_some_and(|before| !is_text(before) && !is_text(value)) {
            out.push(' ');
        }
        out.push_str(&shown(value));
    }
    out
}

/// The functions of the language that print, and the one that every printed value goes through.
pub(super) fn functions() -> FuncMap {
    let text = |text: String| Ok(Value::String(text.into()));
    let print: ValueFunc = Arc::new(move |args| text(printed_all(args)));
    let line: ValueFunc = Arc::new(move |args| {
        let shown: Vec<String> = args.iter().map(shown).collect();
        text(shown.join(" ") + "\n")
    });
    let one: ValueFunc = Arc::new(move |args| match args {
        [value @ (Value::Float(_) | Value::List(_) | Value::Map(_))] => text(shown(value)),
        [other] => Ok(other.clone()),
        _ => Ok(Value::Nil),
    });
    let mut all: FuncMap = [("print", print), ("println", line), (PRINTED, one)]
        .map(|(name, function)| (name.to_owned(), function))
        .into();
    for (name, escape) in ESCAPES {
        let escaped: ValueFunc = Arc::new(move |args| text(escape(&printed_all(args))));
        all.insert(name.to_owned(), escaped);
    }
    all
}
