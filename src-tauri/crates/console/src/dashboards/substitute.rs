//! Variables in queries: `$name` and `${name}`.

/// Given in every dashboard: `$window`, long enough that a rate has samples in it; `$step`, the
/// picture's.
pub(super) const BUILT_IN: [&str; 2] = ["window", "step"];

/// The choice of all values at once.
pub(super) const ALL: &str = "all";

/// A rate's window is at least so long, in milliseconds: some scrapes even where they are rare.
const LEAST_WINDOW: i64 = 60_000;

/// What a variable is.
pub(super) struct Given {
    pub name: String,
    pub value: String,
    /// It stands in a regular expression; [`ALL`] is then any value.
    pub pattern: bool,
}

pub(super) struct Substitution {
    given: Vec<Given>,
    step: i64,
}

impl Substitution {
    /// For a picture with this step, in milliseconds.
    pub fn new(given: Vec<Given>, step: i64) -> Self {
        Substitution { given, step }
    }

    /// The query with every known variable in its place. Others stay as they are.
    pub fn of(&self, query: &str) -> String {
        let mut out = String::with_capacity(query.len());
        let mut rest = query;
        while let Some(at) = rest.find('$') {
            let (before, after) = rest.split_at(at);
            out.push_str(before);
            let value = variable(after).and_then(|(name, len)| Some((self.value(name)?, len)));
            let (value, len) = value.unwrap_or(("$".into(), 1));
            out += &value;
            rest = &after[len..];
        }
        out + rest
    }

    fn value(&self, name: &str) -> Option<String> {
        let millis = |ms: i64| format!("{ms}ms");
        match name {
            "step" => return Some(millis(self.step)),
            "window" => return Some(millis(self.step.saturating_mul(4).max(LEAST_WINDOW))),
            _ => {}
        }
        let given = self.given.iter().find(|given| given.name == name)?;
        Some(match given.pattern {
            true if given.value == ALL => ".+".into(),
            true => quoted(&pattern(&given.value)),
            false => quoted(&given.value),
        })
    }
}

/// Between quotes nothing of it is more than a text.
fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => out += r"\\",
            // By their numbers, which mean the same between quotes of either kind.
            '"' | '\'' | '`' => out += &format!(r"\x{:02x}", u32::from(c)),
            '\n' => out += "\\n",
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn pattern(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The name after a `$`, and how long both are.
fn variable(text: &str) -> Option<(&str, usize)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let after = text.strip_prefix('$')?;
    if let Some(inside) = after.strip_prefix('{') {
        let (name, _) = inside.split_once('}')?;
        return name.chars().all(plain).then_some((name, name.len() + 3));
    }
    let end = after.find(|c| !plain(c)).unwrap_or(after.len());
    (end > 0).then_some((&after[..end], end + 1))
}

/// The variables that a query names, in its order.
pub(super) fn named(query: &str) -> Vec<&str> {
    let starts = query.match_indices('$').map(|(at, _)| at);
    let names = starts.filter_map(|at| Some(variable(&query[at..])?.0));
    // A regular expression's end is no variable.
    names.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_promql::context::metrics;
    use deckwatch_promql::parse::{Dialect, parse};

    fn with(value: &str, all: bool) -> Substitution {
        let given = Given {
            name: "service".into(),
            value: value.into(),
            pattern: all,
        };
        Substitution::new(vec![given], 5_000)
    }

    #[test]
    fn variables_take_their_places() {
        let query = "rate(a{s=\"$service\",t=\"${service}x\",u=~\".*$\"}[$window:$step])";
        assert_eq!(
            with("shop", false).of(query),
            "rate(a{s=\"shop\",t=\"shopx\",u=~\".*$\"}[60000ms:5000ms])"
        );
        assert_eq!(named(query), ["service", "service", "window", "step"]);
        assert_eq!(with("all", true).of("a{s=~\"$service\"}"), "a{s=~\".+\"}");
        assert_eq!(
            with("a.b", true).of("a{s=~\"$service\"}"),
            "a{s=~\"a\\\\.b\"}"
        );
    }

    #[test]
    fn a_value_stays_a_text() {
        for value in [
            "\"} or up{a=\"",
            "\\",
            "'",
            "a\nb",
            "$service",
            "\u{0}",
            "`",
        ] {
            for pattern in [false, true] {
                let query = match pattern {
                    true => "sum(a{s=~\"$service\"})",
                    false => "sum(a{s=\"$service\"})",
                };
                let written = with(value, pattern).of(query);
                let read = parse(&written, Dialect::default());
                assert!(read.is_ok(), "{value:?}: {written}");
                assert_eq!(metrics(&written), ["a"], "{written}");
            }
        }
    }
}
