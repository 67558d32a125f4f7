//! The signs of the test language's series: values in sequence, and histograms between `{{` and
//! `}}`.

use super::lexer::{Lexer, Place, is_alpha, is_digit, is_space};
use super::token::{Kind, Token, is_histogram_key, keyword};
use crate::text::{quote, quote_rune};

impl Lexer<'_> {
    pub(super) fn next_value(&mut self) -> Token {
        let Some(c) = self.bump() else {
            return self.token(Kind::Eof);
        };
        match c {
            '{' if self.eat('{') => {
                self.place = Place::Histogram;
                self.token(Kind::OpenHistogram)
            }
            c if is_space(c) => self.space(),
            '+' => self.token(Kind::Add),
            '-' => self.token(Kind::Sub),
            'x' => self.token(Kind::Times),
            '_' => self.token(Kind::Blank),
            c if c.is_ascii_digit() || (c == '.' && self.peek().is_some_and(is_digit)) => {
                self.at = self.start;
                self.number()
            }
            c if is_alpha(c) => {
                self.at = self.start;
                self.keyword_or_identifier()
            }
            c => self.fail(format!(
                "unexpected character in series sequence: {}",
                quote_rune(c)
            )),
        }
    }

    fn space(&mut self) -> Token {
        self.eat_while(is_space);
        self.token(Kind::Space)
    }

    pub(super) fn next_in_histogram(&mut self) -> Token {
        let Some(c) = self.bump() else {
            return self.fail("histogram description incomplete unexpected: '\u{fffd}'");
        };
        match c {
            c if is_space(c) => self.space(),
            ':' => self.token(Kind::Colon),
            '-' => self.token(Kind::Sub),
            '+' => self.token(Kind::Add),
            '[' => {
                self.bracket_open = true;
                self.token(Kind::LeftBracket)
            }
            ']' if self.bracket_open => {
                self.bracket_open = false;
                self.token(Kind::RightBracket)
            }
            '}' if !self.bracket_open && self.eat('}') => {
                self.place = Place::Values;
                self.token(Kind::CloseHistogram)
            }
            c if c.is_ascii_digit() || (c == '.' && self.peek().is_some_and(is_digit)) => {
                self.at = self.start;
                self.number()
            }
            c if is_alpha(c) => self.histogram_word(),
            c if self.bracket_open => self.fail(format!(
                "invalid character in buckets description: {}",
                quote_rune(c)
            )),
            c => self.fail(format!(
                "histogram description incomplete unexpected: {}",
                quote_rune(c)
            )),
        }
    }

    fn histogram_word(&mut self) -> Token {
        self.eat_while(is_alpha);
        let word = self.word().to_ascii_lowercase();
        if is_histogram_key(&word) {
            if self.peek() == Some(':') {
                return self.token(Kind::HistogramKey);
            }
            return self.fail("missing `:` for histogram descriptor");
        }
        if keyword(&word) == Some(Kind::Number) {
            return self.token(Kind::Number);
        }
        if matches!(word.as_str(), "unknown" | "reset" | "not_reset" | "gauge") {
            return self.token(Kind::ResetHint);
        }
        self.fail(format!(
            "bad histogram descriptor found: {}",
            quote(self.word())
        ))
    }
}
