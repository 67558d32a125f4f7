//! Which series a selector means.

use std::fmt;

use regex::Regex;

use crate::labels::{Labels, is_plain_name};
use crate::text::quote;

/// How a label's value is compared.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends, `.` matching line breaks too.
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// The operator as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }
}

/// One condition on one label.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.op == other.op && self.value == other.value
    }
}

impl Matcher {
    /// A condition.
    ///
    /// # Errors
    /// The regular expression's error, in words.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, String> {
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(anchored(value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Matcher {
            name: name.to_owned(),
            op,
            value: value.to_owned(),
            regex,
        })
    }

    /// The condition that a label has exactly this value.
    pub fn equal(name: &str, value: &str) -> Self {
        Matcher {
            name: name.to_owned(),
            op: MatchOp::Equal,
            value: value.to_owned(),
            regex: None,
        }
    }

    /// The label's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is compared.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it is compared with.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a value meets the condition; a missing label has the empty value.
    pub fn matches(&self, value: &str) -> bool {
        match self.op {
            MatchOp::Equal => value == self.value,
            MatchOp::NotEqual => value != self.value,
            MatchOp::Regex => self.regex.as_ref().is_some_and(|r| r.is_match(value)),
            MatchOp::NotRegex => !self.regex.as_ref().is_some_and(|r| r.is_match(value)),
        }
    }

    /// Whether labels meet the condition.
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name))
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            f.write_str(&quote(&self.name))?;
        }
        write!(f, "{}{}", self.op.symbol(), quote(&self.value))
    }
}

/// A regular expression that has to match the whole text.
///
/// # Errors
/// Why it is none, in words.
pub fn anchored(pattern: &str) -> Result<Regex, String> {
    // Alone first: a pattern such as `a)(b` would otherwise close our own group.
    Regex::new(pattern)
        .and_then(|_| Regex::new(&format!("^(?s:{pattern})$")))
        .map_err(|why| {
            let why = why.to_string();
            let reason = why
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix("error: "))
                .unwrap_or("not understood");
            format!("error parsing regexp: {reason}: `{pattern}`")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regexes_match_the_whole_value() {
        let m = Matcher::new("a", MatchOp::Regex, "b|cd").unwrap();
        assert!(m.matches("b") && m.matches("cd"));
        assert!(!m.matches("bc") && !m.matches("xb"));
        assert!(
            Matcher::new("a", MatchOp::NotRegex, "b.")
                .unwrap()
                .matches("b")
        );
        assert!(
            Matcher::new("a", MatchOp::Regex, "b.*")
                .unwrap()
                .matches("b\nc")
        );
    }

    #[test]
    fn broken_patterns_are_refused() {
        for pattern in ["(.*", "a)(b", "*"] {
            assert!(
                Matcher::new("a", MatchOp::Regex, pattern).is_err(),
                "{pattern}"
            );
        }
    }

    #[test]
    fn missing_labels_are_empty() {
        let labels = Labels::from_pairs([("a", "1")]);
        assert!(Matcher::equal("b", "").matches_labels(&labels));
        assert!(!Matcher::equal("a", "").matches_labels(&labels));
    }

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(Matcher::equal("a.b", "c").to_string(), r#""a.b"="c""#);
    }
}
