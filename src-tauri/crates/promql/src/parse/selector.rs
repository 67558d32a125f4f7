//! Selectors: a name, conditions between braces.

use super::cursor::{Cursor, Failed, Parsed};
use super::token::{Kind, Token};
use crate::ast::{Extension, Shift, VectorSelector};
use crate::labels::METRIC_NAME;
use crate::matcher::{MatchOp, Matcher};
use crate::span::Span;

impl Cursor<'_> {
    /// A selector that may begin with a name.
    pub(super) fn vector_selector(&mut self) -> Parsed<VectorSelector> {
        if self.kind() != Kind::LeftBrace {
            if !self.kind().names_metric() {
                return Err(Failed);
            }
            let word = self.advance();
            return self.named_selector(word);
        }
        let (matchers, span) = self.label_matchers()?;
        Ok(selector(None, matchers, span))
    }

    /// A selector whose name has been read.
    pub(super) fn named_selector(&mut self, word: Token) -> Parsed<VectorSelector> {
        let (mut matchers, span) = if self.kind() == Kind::LeftBrace {
            let (matchers, braces) = self.label_matchers()?;
            (matchers, word.span.to(braces))
        } else {
            (Vec::new(), word.span)
        };
        matchers.push(Matcher::equal(METRIC_NAME, &word.text));
        Ok(selector(Some(word.text), matchers, span))
    }

    fn label_matchers(&mut self) -> Parsed<(Vec<Matcher>, Span)> {
        let open = self.expect(Kind::LeftBrace)?;
        let mut matchers = Vec::new();
        loop {
            if let Some(close) = self.eat(Kind::RightBrace) {
                return Ok((matchers, open.span.to(close.span)));
            }
            matchers.extend(self.label_matcher()?);
            if self.eat(Kind::Comma).is_none() && self.kind() != Kind::RightBrace {
                self.unexpected("label matching", "\",\" or \"}\"");
                return Err(Failed);
            }
        }
    }

    fn label_matcher(&mut self) -> Parsed<Option<Matcher>> {
        let (name, at) = match self.kind() {
            Kind::Identifier => {
                let token = self.advance();
                (token.text, token.span)
            }
            Kind::String => {
                let token = self.advance();
                let name = String::from_utf8_lossy(&self.unquoted(&token)).into_owned();
                let compared = matches!(
                    self.kind(),
                    Kind::Equal | Kind::NotEqual | Kind::EqualRegex | Kind::NotRegex
                );
                if !compared {
                    return Ok(Some(Matcher::equal(METRIC_NAME, &name)));
                }
                (name, token.span)
            }
            _ => {
                self.unexpected("label matching", "identifier or \"}\"");
                return Err(Failed);
            }
        };
        let op = match self.kind() {
            Kind::Equal => MatchOp::Equal,
            Kind::NotEqual => MatchOp::NotEqual,
            Kind::EqualRegex => MatchOp::Regex,
            Kind::NotRegex => MatchOp::NotRegex,
            _ => {
                self.unexpected("label matching", "label matching operator");
                return Err(Failed);
            }
        };
        self.advance();
        let text = self.expect(Kind::String);
        let token = self.named(text, "label matching", "string")?;
        let value = String::from_utf8_lossy(&self.unquoted(&token)).into_owned();
        match Matcher::new(&name, op, &value) {
            Ok(matcher) => Ok(Some(matcher)),
            Err(why) => {
                self.error(at.to(token.span), why);
                Ok(None)
            }
        }
    }
}

fn selector(name: Option<String>, matchers: Vec<Matcher>, span: Span) -> VectorSelector {
    VectorSelector {
        name,
        matchers,
        shift: Shift::default(),
        extension: Extension::None,
        span,
    }
}
