//! The parser's hand: one token ahead, and the errors so far.
//!
//! A syntax error ends the construct it stands in with [`Failed`]; whoever knows a name for that
//! construct (an aggregation, a subquery) says so in the message, the innermost one first. Mistakes
//! of meaning are noted and parsing goes on.

use super::lexer::Lexer;
use super::token::{Kind, Token};
use super::{Dialect, ParseError};
use crate::span::Span;

/// A syntax error at the current token that has not been worded yet.
#[derive(Debug)]
pub(super) struct Failed;

pub(super) type Parsed<T> = Result<T, Failed>;

/// How deep expressions may be nested, so that no input can exhaust the stack.
const DEEPEST: usize = 120;

pub(super) struct Cursor<'a> {
    query: &'a str,
    lexer: Lexer<'a>,
    pub token: Token,
    pub dialect: Dialect,
    errors: Vec<ParseError>,
    /// A message about the current failure has been written.
    worded: bool,
    depth: usize,
    /// Where the last token gone past ended.
    behind: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(query: &'a str, dialect: Dialect, series: bool) -> Self {
        let mut cursor = Cursor {
            query,
            lexer: Lexer::new(query, series),
            token: Token {
                kind: Kind::Eof,
                text: String::new(),
                span: Span::default(),
            },
            dialect,
            errors: Vec::new(),
            worded: false,
            depth: 0,
            behind: 0,
        };
        cursor.advance();
        cursor
    }

    /// Goes on and gives the token left behind.
    pub fn advance(&mut self) -> Token {
        let next = self.lexer.next();
        if next.kind == Kind::Error {
            self.error(next.span, next.text.clone());
            self.worded = true;
        }
        let past = std::mem::replace(&mut self.token, next);
        self.behind = past.span.end;
        past
    }

    /// Where the last token gone past ended.
    pub fn behind(&self) -> usize {
        self.behind
    }

    pub fn kind(&self) -> Kind {
        self.token.kind
    }

    /// Goes past a token of this kind if there is one.
    pub fn eat(&mut self, kind: Kind) -> Option<Token> {
        (self.kind() == kind).then(|| self.advance())
    }

    pub fn expect(&mut self, kind: Kind) -> Parsed<Token> {
        self.eat(kind).ok_or(Failed)
    }

    pub fn error(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(ParseError {
            span,
            position: span.describe(self.query),
            message: message.into(),
        });
    }

    /// Words a syntax error at the current token. `context` and `expected` may be empty.
    pub fn unexpected(&mut self, context: &str, expected: &str) {
        if self.worded {
            return;
        }
        self.worded = true;
        let mut message = format!("unexpected {}", self.token.describe());
        if !context.is_empty() {
            message.push_str(&format!(" in {context}"));
        }
        if !expected.is_empty() {
            message.push_str(&format!(", expected {expected}"));
        }
        self.error(self.token.span, message);
    }

    /// Words a failure and passes it on.
    pub fn named<T>(&mut self, parsed: Parsed<T>, context: &str, expected: &str) -> Parsed<T> {
        if parsed.is_err() {
            self.unexpected(context, expected);
        }
        parsed
    }

    /// Runs a part of the parser one level deeper.
    pub fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEEPEST {
            self.error(self.token.span, "expression is nested too deeply");
            self.worded = true;
            return Err(Failed);
        }
        self.depth += 1;
        let parsed = part(self);
        self.depth -= 1;
        parsed
    }

    pub fn query(&self) -> &'a str {
        self.query
    }

    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    pub fn into_errors(self) -> Vec<ParseError> {
        self.errors
    }
}
