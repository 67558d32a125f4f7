//! What may be written at a place in a query that is not finished yet.
//!
//! A text under a cursor is seldom a query, so it is not parsed: quotes, comments and brackets
//! are followed as far as they go, and what stands before the cursor says what is expected there.

use crate::matcher::{MatchOp, Matcher};
use crate::parse::{is_keyword, unquote};
use crate::span::Span;

/// What is expected.
#[derive(Clone, PartialEq, Debug)]
pub enum Expected {
    /// A metric, a function or an aggregation.
    Expression,
    /// A label's name in a selector.
    LabelName {
        /// The metric that is selected; none: not named.
        metric: Option<String>,
        /// What the selector says already.
        matchers: Vec<Matcher>,
    },
    /// A label's value between quotes.
    LabelValue {
        /// The metric that is selected; none: not named.
        metric: Option<String>,
        /// Which label's.
        label: String,
        /// What the selector says besides.
        matchers: Vec<Matcher>,
    },
    /// Labels after `by`, `on` and their like. They are those of any metric of the query.
    Grouping {
        /// The metrics of the whole query, in its order.
        metrics: Vec<String>,
    },
    /// A length of time between brackets or after `offset`.
    Duration,
    /// An operator or a modifier: an operand has just ended.
    Operator,
    /// Nothing that could be known: a comment, a text, a number.
    Nothing,
}

/// A place in a query.
#[derive(Clone, PartialEq, Debug)]
pub struct Context {
    /// What is expected there.
    pub expected: Expected,
    /// The word under the cursor, which a completion takes the place of; empty between words. Bytes.
    pub word: Span,
}

#[derive(Clone, Debug)]
enum Open {
    /// `(`; true after a word that wants labels.
    Paren(bool),
    /// `{` after a metric's name, and where it stands.
    Brace(Option<String>, usize),
    Bracket,
}

#[derive(Clone, PartialEq, Debug)]
enum Last {
    Nothing,
    Word(String),
    /// What an operand ends with.
    End,
    Sign(char),
}

/// What is expected at a byte of a query. A place inside of a character is moved before it.
pub fn context(query: &str, at: usize) -> Context {
    let mut at = at.min(query.len());
    while !query.is_char_boundary(at) {
        at -= 1;
    }
    let (before, after) = query.split_at(at);
    let scan = Scan::of(before);
    let begins = scan.word;
    let tail = match scan.quoted {
        Some(quote) => after.find([quote, '\n', ',', '}']).unwrap_or(after.len()),
        None => after.find(|c| !in_word(c)).unwrap_or(after.len()),
    };
    Context {
        expected: scan.expected(query),
        word: Span::new(begins, at + tail),
    }
}

fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

const WANTS_LABELS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

struct Scan<'q> {
    text: &'q str,
    open: Vec<Open>,
    last: Last,
    /// Where the word at the end begins.
    word: usize,
    /// The text ends within quotes of this kind.
    quoted: Option<char>,
    comment: bool,
}

impl<'q> Scan<'q> {
    fn of(text: &'q str) -> Self {
        let mut scan = Scan {
            text,
            open: Vec::new(),
            last: Last::Nothing,
            word: text.len(),
            quoted: None,
            comment: false,
        };
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            at = scan.step(at, c);
        }
        scan
    }

    /// Takes what begins at `at`; gives where the next begins.
    fn step(&mut self, at: usize, c: char) -> usize {
        let rest = &self.text[at..];
        let next = at + c.len_utf8();
        match c {
            '#' => match rest.find('\n') {
                Some(end) => return at + end,
                None => {
                    self.comment = true;
                    return self.text.len();
                }
            },
            '"' | '\'' | '`' => return self.quote(at, c),
            c if in_word(c) && c != ':' => return self.take_word(at),
            c if c.is_whitespace() => return next,
            '(' => {
                let wants = matches!(&self.last, Last::Word(w) if wants_labels(w));
                self.open.push(Open::Paren(wants));
            }
            '{' => {
                let metric = match &self.last {
                    Last::Word(word) => Some(word.clone()),
                    _ => None,
                };
                self.open.push(Open::Brace(metric, next));
            }
            '[' => self.open.push(Open::Bracket),
            ')' | '}' | ']' => {
                self.open.pop();
                self.last = Last::End;
                return next;
            }
            _ => {}
        }
        self.last = Last::Sign(c);
        next
    }

    fn quote(&mut self, at: usize, quote: char) -> usize {
        let mut escaped = false;
        for (i, c) in self.text[at + 1..].char_indices() {
            if c == quote && !escaped {
                self.last = Last::End;
                return at + 1 + i + 1;
            }
            escaped = c == '\\' && !escaped && quote != '`';
        }
        self.quoted = Some(quote);
        self.word = at + 1;
        self.text.len()
    }

    fn take_word(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        let end = at + rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let word = &self.text[at..end];
        if end == self.text.len() {
            // It is being written: what it will be is asked, not what it is.
            self.word = at;
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                self.last = Last::Word(word.to_owned());
            }
            return end;
        }
        self.last = match word.starts_with(|c: char| c.is_ascii_digit()) {
            true => Last::End,
            false => Last::Word(word.to_owned()),
        };
        end
    }

    fn expected(&self, query: &str) -> Expected {
        if self.comment {
            return Expected::Nothing;
        }
        if let Some(Open::Brace(metric, from)) = self.open.last() {
            return self.in_braces(metric.as_deref(), *from);
        }
        if self.quoted.is_some() {
            return Expected::Nothing;
        }
        let digit = |w: &str| w.starts_with(|c: char| c.is_ascii_digit());
        match (self.open.last(), &self.last) {
            (Some(Open::Bracket), _) => Expected::Duration,
            (_, Last::Word(word)) if word.eq_ignore_ascii_case("offset") => Expected::Duration,
            (Some(Open::Paren(true)), _) => Expected::Grouping {
                metrics: metrics(query),
            },
            (_, Last::Word(word)) if digit(word) => Expected::Nothing,
            (_, Last::Word(word)) if !is_keyword(word) => Expected::Operator,
            (_, Last::End) => Expected::Operator,
            _ => Expected::Expression,
        }
    }

    fn in_braces(&self, metric: Option<&str>, from: usize) -> Expected {
        let metric = metric.map(str::to_owned);
        let inside = &self.text[from..];
        let (said, open) = conditions(inside);
        if self.quoted.is_some() {
            return match open.split_once(['=', '!']) {
                Some((label, _)) if !label.trim().is_empty() => Expected::LabelValue {
                    metric,
                    label: label.trim().to_owned(),
                    matchers: said,
                },
                _ => Expected::Nothing,
            };
        }
        match self.last {
            Last::Sign('{' | ',') => Expected::LabelName {
                metric,
                matchers: said,
            },
            _ => Expected::Operator,
        }
    }
}

fn wants_labels(word: &str) -> bool {
    WANTS_LABELS.iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// The conditions that are whole, and the one that is being written.
fn conditions(inside: &str) -> (Vec<Matcher>, &str) {
    let mut said = Vec::new();
    let mut rest = inside;
    loop {
        let Some((one, after)) = first_condition(rest) else {
            return (said, rest);
        };
        said.extend(matcher(one));
        rest = after;
    }
}

/// Up to a comma outside of quotes.
fn first_condition(text: &str) -> Option<(&str, &str)> {
    let (mut quote, mut escaped) = (None, false);
    for (i, c) in text.char_indices() {
        match quote {
            Some(q) if c == q && !escaped => quote = None,
            Some(q) => escaped = c == '\\' && !escaped && q != '`',
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c == ',' => return Some((&text[..i], &text[i + 1..])),
            None => {}
        }
    }
    None
}

fn matcher(text: &str) -> Option<Matcher> {
    let at = text.find(['=', '!'])?;
    let (label, rest) = text.split_at(at);
    let (op, value) = [
        ("=~", MatchOp::Regex),
        ("!~", MatchOp::NotRegex),
        ("!=", MatchOp::NotEqual),
        ("=", MatchOp::Equal),
    ]
    .into_iter()
    .find_map(|(sign, op)| Some((op, rest.strip_prefix(sign)?)))?;
    let value = String::from_utf8(unquote(value.trim())?).ok()?;
    Matcher::new(label.trim(), op, &value).ok()
}

/// The metrics that a text names, each once.
pub fn metrics(query: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut scan = Scan::of("");
    scan.text = query;
    let mut at = 0;
    while let Some(c) = query[at..].chars().next() {
        let next = scan.step(at, c);
        let outside = scan.open.iter().all(|o| matches!(o, Open::Paren(false)));
        let word = &query[at..next];
        let called = query[next..].trim_start().starts_with('(');
        if outside && in_word(c) && !c.is_ascii_digit() && !called && !is_keyword(word) {
            let word = word.to_owned();
            if !found.contains(&word) {
                found.push(word);
            }
        }
        at = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place is where the bar stands.
    fn at(marked: &str) -> (Expected, String) {
        let at = marked.find('|').unwrap();
        let query = marked.replacen('|', "", 1);
        let found = context(&query, at);
        (
            found.expected,
            query[found.word.start..found.word.end].to_owned(),
        )
    }

    fn metric(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn an_expression_is_expected_where_an_operand_may_stand() {
        for (query, word) in [
            ("|", ""),
            ("ra|", "ra"),
            ("ra|te(x[5m])", "rate"),
            ("sum by (a) (ra|)", "ra"),
            ("a + |", ""),
            ("a and |b", "b"),
            ("rate(|)", ""),
            ("job:req|uests:rate5m", "job:requests:rate5m"),
            ("a # why\n + |", ""),
        ] {
            assert_eq!(
                at(query),
                (Expected::Expression, word.to_owned()),
                "{query}"
            );
        }
        for query in ["a |", "rate(x[5m]) |", "x{a=\"b\"}|", "a b|"] {
            assert_eq!(at(query).0, Expected::Operator, "{query}");
        }
        for query in ["1|", "a # wh|y", "label_replace(a, \"b|\")"] {
            assert_eq!(at(query).0, Expected::Nothing, "{query}");
        }
    }

    #[test]
    fn labels_are_those_of_the_selector() {
        let name = |marked: &str| match at(marked).0 {
            Expected::LabelName { metric, matchers } => {
                let said: Vec<String> = matchers.iter().map(ToString::to_string).collect();
                (metric, said.join(","))
            }
            other => panic!("{marked}: {other:?}"),
        };
        assert_eq!(name("up{|"), (metric("up"), String::new()));
        assert_eq!(name("up{jo|}"), (metric("up"), String::new()));
        assert_eq!(
            name("rate(up{a=\"x,y\", b!~'z', |}[5m])"),
            (metric("up"), "a=\"x,y\",b!~\"z\"".to_owned())
        );
        assert_eq!(name("{|}"), (None, String::new()));
        assert_eq!(at("up{job|=\"x\"}").1, "job");
        assert_eq!(at("up{job |").0, Expected::Operator);
    }

    #[test]
    fn values_are_those_of_the_label() {
        let (expected, word) = at("up{a=\"b\",job=~\"no|de\"}");
        let Expected::LabelValue {
            metric: of,
            label,
            matchers,
        } = expected
        else {
            panic!("{expected:?}");
        };
        assert_eq!(
            (of, label.as_str(), matchers.len()),
            (metric("up"), "job", 1)
        );
        assert_eq!(word, "node");
        assert_eq!(at("up{job=\"|").1, "");
        assert_eq!(at("up{job=\"a\\\"|").1, "a\\\"");
    }

    #[test]
    fn groupings_have_the_labels_of_the_whole_query() {
        let grouping = |names: &[&str]| Expected::Grouping {
            metrics: names.iter().map(|n| (*n).to_owned()).collect(),
        };
        assert_eq!(at("sum by (|) (rate(x[5m]))").0, grouping(&["x"]));
        assert_eq!(
            at("a * on (p|) group_left b{c=\"d\"}").0,
            grouping(&["a", "b"])
        );
        assert_eq!(at("rate(x[|").0, Expected::Duration);
        assert_eq!(at("x offset |").0, Expected::Duration);
        assert_eq!(
            metrics("sum(rate(a{b=\"c\"}[5m])) / sum(a) > bool 5"),
            ["a"]
        );
    }

    #[test]
    fn no_place_in_any_text_is_too_much() {
        for text in [
            "é{ü=\"ß\"}",
            "\"",
            "}}))]]",
            "{[({",
            "a{b=\"\\",
            "👩‍👩‍👧 by (",
            "#",
        ] {
            for place in 0..=text.len() + 2 {
                let found = context(text, place);
                assert!(found.word.start <= found.word.end && found.word.end <= text.len());
                assert!(
                    text.get(found.word.start..found.word.end).is_some(),
                    "{text} {place}"
                );
            }
        }
    }
}
