//! Cuts a query into words and signs.
//!
//! What a character may mean depends on where it stands: between braces there are no keywords,
//! between brackets only lengths of time, and a series description of the test language has signs
//! of its own. So the lexer keeps a place and is asked for one token at a time.

use super::token::{Kind, Token, keyword};
use crate::span::Span;
use crate::text::quote_rune;

/// Where the lexer stands.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Query,
    Braces,
    /// Between brackets, before the first length of time is over.
    Brackets,
    /// The values of a series description.
    Values,
    /// Between `{{` and `}}`.
    Histogram,
}

pub(crate) struct Lexer<'a> {
    pub(super) input: &'a str,
    pub(super) at: usize,
    pub(super) start: usize,
    pub(super) place: Place,
    depth: usize,
    pub(super) bracket_open: bool,
    got_colon: bool,
    got_duration: bool,
    /// A series description rather than a query.
    pub(super) series: bool,
    failed: bool,
}

impl<'a> Lexer<'a> {
    pub fn new(input: &'a str, series: bool) -> Self {
        Lexer {
            input,
            at: 0,
            start: 0,
            place: Place::Query,
            depth: 0,
            bracket_open: false,
            got_colon: false,
            got_duration: false,
            series,
            failed: false,
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.input[self.at..].chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(super) fn eat(&mut self, c: char) -> bool {
        let met = self.peek() == Some(c);
        if met {
            self.at += c.len_utf8();
        }
        met
    }

    pub(super) fn eat_while(&mut self, allowed: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&allowed) {
            self.bump();
        }
    }

    pub(super) fn word(&self) -> &'a str {
        &self.input[self.start..self.at]
    }

    pub(super) fn token(&mut self, kind: Kind) -> Token {
        let span = Span::new(self.start, self.at);
        let text = self.word().to_owned();
        self.start = self.at;
        Token { kind, text, span }
    }

    pub(super) fn fail(&mut self, why: impl Into<String>) -> Token {
        self.failed = true;
        Token {
            kind: Kind::Error,
            text: why.into(),
            span: Span::new(self.start, self.input.len()),
        }
    }

    /// The next token; after the end or an error always the end.
    pub fn next(&mut self) -> Token {
        if self.failed {
            self.start = self.input.len();
            self.at = self.start;
            return self.token(Kind::Eof);
        }
        match self.place {
            Place::Values => return self.next_value(),
            Place::Histogram => return self.next_in_histogram(),
            _ => self.skip_blanks(),
        }
        match self.place {
            Place::Braces => self.next_in_braces(),
            Place::Brackets => self.next_in_brackets(),
            _ => self.next_in_query(),
        }
    }

    /// Skips white space and comments; between brackets a comment is possible only after the
    /// first length.
    fn skip_blanks(&mut self) {
        loop {
            self.eat_while(is_space);
            if self.peek() != Some('#') || self.place == Place::Brackets {
                break;
            }
            self.eat_while(|c| !matches!(c, '\r' | '\n'));
        }
        self.start = self.at;
    }

    fn next_in_query(&mut self) -> Token {
        let Some(c) = self.bump() else {
            if self.depth > 0 {
                return self.fail("unclosed left parenthesis");
            }
            if self.bracket_open {
                return self.fail("unclosed left bracket");
            }
            return self.token(Kind::Eof);
        };
        if let Some(kind) = simple_sign(c) {
            return self.token(kind);
        }
        match c {
            '=' | '!' | '<' | '>' => self.comparison(c),
            '"' | '\'' => self.quoted(c),
            '`' => self.raw_quoted(),
            '(' => self.open_paren(),
            ')' => self.close_paren(c),
            '{' => {
                self.place = Place::Braces;
                self.token(Kind::LeftBrace)
            }
            '[' => self.open_bracket(c),
            ']' => self.close_bracket(c),
            c if c.is_ascii_digit() || (c == '.' && self.peek().is_some_and(is_digit)) => {
                self.at = self.start;
                self.number_or_duration()
            }
            c if is_alpha(c) || c == ':' => self.name(c),
            c => self.fail(format!("unexpected character: {}", quote_rune(c))),
        }
    }

    fn comparison(&mut self, c: char) -> Token {
        let kind = match c {
            '=' if self.eat('=') => Kind::EqualEqual,
            '=' if self.peek() == Some('~') => {
                return self.fail("unexpected character after '=': '~'");
            }
            '=' => Kind::Equal,
            '!' => match self.bump() {
                Some('=') => Kind::NotEqual,
                other => {
                    let shown = rune_or_end(other);
                    return self.fail(format!("unexpected character after '!': {shown}"));
                }
            },
            '<' if self.eat('=') => Kind::LessOrEqual,
            '<' if self.eat('/') => Kind::TrimUpper,
            '<' => Kind::Less,
            _ if self.eat('=') => Kind::GreaterOrEqual,
            _ if self.eat('/') => Kind::TrimLower,
            _ => Kind::Greater,
        };
        self.token(kind)
    }

    fn open_paren(&mut self) -> Token {
        self.depth += 1;
        self.token(Kind::LeftParen)
    }

    fn close_paren(&mut self, c: char) -> Token {
        if self.depth == 0 {
            return self.fail(format!("unexpected right parenthesis {}", quote_rune(c)));
        }
        self.depth -= 1;
        self.token(Kind::RightParen)
    }

    fn open_bracket(&mut self, c: char) -> Token {
        if self.bracket_open {
            return self.fail(format!("unexpected left bracket {}", quote_rune(c)));
        }
        self.bracket_open = true;
        self.got_colon = false;
        self.place = Place::Brackets;
        self.token(Kind::LeftBracket)
    }

    fn close_bracket(&mut self, c: char) -> Token {
        if !self.bracket_open {
            return self.fail(format!("unexpected right bracket {}", quote_rune(c)));
        }
        self.bracket_open = false;
        self.place = Place::Query;
        self.token(Kind::RightBracket)
    }

    fn name(&mut self, c: char) -> Token {
        if !self.bracket_open {
            self.at = self.start;
            return self.keyword_or_identifier();
        }
        if c == ':' {
            if self.got_colon {
                return self.fail("unexpected colon ':'");
            }
            self.got_colon = true;
            return self.token(Kind::Colon);
        }
        match self.duration_word(c) {
            Some(kind) => self.token(kind),
            None => self.fail(format!(
                "unexpected character: {}, expected ':'",
                quote_rune(c)
            )),
        }
    }

    /// `step`, `range`, `max_of` or `min_of`, whose first letter was just read.
    fn duration_word(&mut self, c: char) -> Option<Kind> {
        if !matches!(c.to_ascii_lowercase(), 's' | 'r' | 'm') {
            return None;
        }
        self.eat_while(is_alpha);
        keyword(self.word())
            .filter(|kind| matches!(kind, Kind::Step | Kind::Range | Kind::MaxOf | Kind::MinOf))
    }

    fn next_in_brackets(&mut self) -> Token {
        let Some(c) = self.bump() else {
            return self.fail("unexpected end of input in duration expression");
        };
        match c {
            ']' => {
                self.bracket_open = false;
                self.got_colon = false;
                self.place = Place::Query;
                self.token(Kind::RightBracket)
            }
            ':' if !self.got_duration => {
                self.fail("unexpected colon before duration in duration expression")
            }
            ':' if self.got_colon => self.fail("unexpected repeated colon in duration expression"),
            ':' => {
                self.got_colon = true;
                self.token(Kind::Colon)
            }
            '(' => self.open_paren(),
            ')' => self.close_paren(c),
            '+' | '-' | '*' | '/' | '%' | '^' | ',' => {
                let kind = simple_sign(c).unwrap_or(Kind::Comma);
                self.token(kind)
            }
            c if c.is_ascii_digit() || (c == '.' && self.peek().is_some_and(is_digit)) => {
                self.at = self.start;
                self.got_duration = true;
                self.place = Place::Query;
                self.number_or_duration()
            }
            c => match self.duration_word(c) {
                Some(kind) => self.token(kind),
                None => self.fail(format!(
                    "unexpected character in duration expression: {}",
                    quote_rune(c)
                )),
            },
        }
    }

    fn next_in_braces(&mut self) -> Token {
        let Some(c) = self.bump() else {
            return self.fail("unexpected end of input inside braces");
        };
        match c {
            ',' => self.token(Kind::Comma),
            '"' | '\'' => self.quoted(c),
            '`' => self.raw_quoted(),
            '=' if self.eat('~') => self.token(Kind::EqualRegex),
            '=' => self.token(Kind::Equal),
            '!' => match self.bump() {
                Some('~') => self.token(Kind::NotRegex),
                Some('=') => self.token(Kind::NotEqual),
                other => {
                    let shown = rune_or_end(other);
                    self.fail(format!(
                        "unexpected character after '!' inside braces: {shown}"
                    ))
                }
            },
            '{' => self.fail("unexpected left brace '{'"),
            '}' => {
                self.place = if self.series {
                    Place::Values
                } else {
                    Place::Query
                };
                self.token(Kind::RightBrace)
            }
            c if is_alpha(c) => {
                self.eat_while(is_alphanumeric);
                self.token(Kind::Identifier)
            }
            c => self.fail(format!(
                "unexpected character inside braces: {}",
                quote_rune(c)
            )),
        }
    }

    pub(super) fn keyword_or_identifier(&mut self) -> Token {
        self.eat_while(|c| is_alphanumeric(c) || c == ':');
        let word = self.word();
        let fill = matches!(
            keyword(word),
            Some(Kind::Fill | Kind::FillLeft | Kind::FillRight)
        );
        let kind = match keyword(word) {
            // `fill` is a name like any other unless arguments follow.
            Some(_) if fill && !self.paren_follows() => Kind::Identifier,
            Some(kind) => kind,
            None if word.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        };
        if self.series && self.peek() != Some('{') {
            self.place = Place::Values;
        }
        self.token(kind)
    }

    fn paren_follows(&self) -> bool {
        self.input[self.at..]
            .trim_start_matches(is_space)
            .starts_with('(')
    }
}

fn simple_sign(c: char) -> Option<Kind> {
    Some(match c {
        ',' => Kind::Comma,
        '*' => Kind::Mul,
        '/' => Kind::Div,
        '%' => Kind::Mod,
        '+' => Kind::Add,
        '-' => Kind::Sub,
        '^' => Kind::Pow,
        '@' => Kind::At,
        _ => return None,
    })
}

fn rune_or_end(c: Option<char>) -> String {
    c.map_or_else(|| "'\u{fffd}'".to_owned(), quote_rune)
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

pub(super) fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

pub(super) fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

pub(super) fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || is_digit(c)
}
