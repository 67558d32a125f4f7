//! Numbers, lengths of time and strings: their lexing, and what escapes in a string mean.

use super::lexer::{Lexer, Place, is_alphanumeric};
use super::token::{Kind, Token};
use crate::text::quote;

impl Lexer<'_> {
    pub(super) fn number(&mut self) -> Token {
        if self.scan_number() {
            return self.token(Kind::Number);
        }
        let word = quote(self.word());
        self.fail(format!("bad number syntax: {word}"))
    }

    pub(super) fn number_or_duration(&mut self) -> Token {
        if self.scan_number() {
            return self.token(Kind::Number);
        }
        if self.scan_duration() {
            return self.token(Kind::Duration);
        }
        let word = quote(self.word());
        self.fail(format!("bad number or duration syntax: {word}"))
    }

    fn peek_in(&self, set: &str) -> bool {
        self.peek().is_some_and(|c| set.contains(c))
    }

    fn eat_in(&mut self, set: &str) -> bool {
        let met = self.peek_in(set);
        if met {
            self.bump();
        }
        met
    }

    /// Digits with a point, an exponent, underscores, or in base sixteen. Whether what follows
    /// ends a number; if not, it may still be a length of time.
    fn scan_number(&mut self) -> bool {
        let from = self.at;
        let mut digits = "0123456789";
        if !self.series && self.eat('0') && self.eat_in("xX") {
            self.eat('_');
            digits = "0123456789abcdefABCDEF";
        }
        self.eat('.');
        self.eat_in(digits);
        let (mut point, mut exponent) = (false, false);
        while self.peek_in(digits) || self.peek_in("._eE") {
            if (self.peek() == Some('.') && point)
                || (self.peek_in("eE") && exponent && digits.len() == 10)
            {
                self.bump();
                return false;
            }
            if self.eat('.') {
                point = true;
                if self.eat_in("_.") || digits.len() > 10 {
                    return false;
                }
            } else if digits.len() == 10 && self.eat_in("eE") {
                exponent = true;
                self.eat_in("+-");
                if self.eat_in("._eE") || self.peek().is_none() {
                    return false;
                }
            } else if self.eat('_') {
                if self.eat_in("._eE") || self.peek().is_none() {
                    return false;
                }
            } else {
                while self.eat_in(digits) {}
            }
        }
        if self.at == from {
            return false;
        }
        match self.peek() {
            Some('x') if self.series => true,
            Some(c) => !is_alphanumeric(c),
            None => true,
        }
    }

    /// The rest of a length of time, whose first digits were read as a number.
    fn scan_duration(&mut self) -> bool {
        if !self.eat_in("smhdwy") {
            return false;
        }
        // "ms", that is; other units do not take it and are refused when they are read.
        self.eat('s');
        while self.eat_in("0123456789") {
            while self.eat_in("0123456789") {}
            if !self.eat_in("smhdw") {
                return false;
            }
            self.eat('s');
        }
        let goes_on = self.peek().is_some_and(is_alphanumeric);
        if goes_on {
            // The message shows what should not have followed.
            self.bump();
        }
        !goes_on
    }

    pub(super) fn quoted(&mut self, quote: char) -> Token {
        loop {
            match self.bump() {
                Some('\\') => {
                    if let Err(why) = self.escape(quote) {
                        return self.fail(why);
                    }
                }
                Some('\u{fffd}') => return self.fail("invalid UTF-8 rune"),
                None | Some('\n') => return self.fail("unterminated quoted string"),
                Some(c) if c == quote => break,
                Some(_) => {}
            }
        }
        self.end_string()
    }

    pub(super) fn raw_quoted(&mut self) -> Token {
        loop {
            match self.bump() {
                Some('\u{fffd}') => return self.fail("invalid UTF-8 rune"),
                None => return self.fail("unterminated raw string"),
                Some('`') => break,
                Some(_) => {}
            }
        }
        self.end_string()
    }

    fn end_string(&mut self) -> Token {
        if self.place != Place::Braces {
            self.place = Place::Query;
        }
        self.token(Kind::String)
    }

    fn escape(&mut self, quote: char) -> Result<(), String> {
        let not_terminated = || "escape sequence not terminated".to_owned();
        let c = self.bump().ok_or_else(not_terminated)?;
        let (count, radix, most) = match c {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
            c if c == quote => return Ok(()),
            '0'..='7' => (3, 8, 255),
            'x' => (2, 16, 255),
            'u' => (4, 16, 0x10_FFFF),
            'U' => (8, 16, 0x10_FFFF),
            c => return Err(format!("unknown escape sequence {}", code_point(c))),
        };
        let mut value = c.to_digit(8).filter(|_| radix == 8).unwrap_or(0);
        let rest = if radix == 8 { count - 1 } else { count };
        for _ in 0..rest {
            let c = self.bump().ok_or_else(not_terminated)?;
            let digit = c
                .to_digit(radix)
                .ok_or_else(|| format!("illegal character {} in escape sequence", code_point(c)))?;
            value = value.wrapping_mul(radix).wrapping_add(digit);
        }
        if value > most || (0xD800..0xE000).contains(&value) {
            return Err("escape sequence is an invalid Unicode code point".to_owned());
        }
        Ok(())
    }
}

fn code_point(c: char) -> String {
    format!("U+{:04X} '{c}'", c as u32)
}

/// The bytes that a quoted text means.
pub(crate) fn unquote(text: &str) -> Option<Vec<u8>> {
    let quote = text.chars().next()?;
    let inner = text.get(1..text.len().checked_sub(1)?)?;
    if text.len() < 2 || !text.ends_with(quote) {
        return None;
    }
    match quote {
        '`' => return (!inner.contains('`')).then(|| inner.replace('\r', "").into_bytes()),
        '"' | '\'' => {}
        _ => return None,
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\n' => return None,
            c if c == quote => return None,
            '\\' => unescape(&mut chars, quote, &mut out)?,
            c => push_char(c, &mut out),
        }
    }
    Some(out)
}

fn push_char(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Reads `count` more digits onto a number.
fn digits(chars: &mut std::str::Chars<'_>, from: u32, count: usize, radix: u32) -> Option<u32> {
    (0..count).try_fold(from, |value, _| {
        value
            .checked_mul(radix)?
            .checked_add(chars.next()?.to_digit(radix)?)
    })
}

fn unescape(chars: &mut std::str::Chars<'_>, quote: char, out: &mut Vec<u8>) -> Option<()> {
    let c = chars.next()?;
    match c {
        'a' => out.push(7),
        'b' => out.push(8),
        'f' => out.push(12),
        'n' => out.push(b'\n'),
        'r' => out.push(b'\r'),
        't' => out.push(b'\t'),
        'v' => out.push(11),
        '\\' => out.push(b'\\'),
        'x' => out.push(u8::try_from(digits(chars, 0, 2, 16)?).ok()?),
        'u' => push_char(char::from_u32(digits(chars, 0, 4, 16)?)?, out),
        'U' => push_char(char::from_u32(digits(chars, 0, 8, 16)?)?, out),
        '0'..='7' => out.push(u8::try_from(digits(chars, c.to_digit(8)?, 2, 8)?).ok()?),
        c if c == quote => push_char(c, out),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::unquote;

    #[test]
    fn escapes_mean_bytes() {
        assert_eq!(
            unquote(r#""a\n\x41\101\u00e9""#).unwrap(),
            "a\nAA\u{e9}".as_bytes()
        );
        assert_eq!(unquote(r#""a\xc5z""#).unwrap(), b"a\xc5z");
        assert_eq!(unquote(r"`a\n`").unwrap(), br"a\n");
        assert_eq!(unquote(r"'\''").unwrap(), b"'");
        for wrong in ["\"", "\"a", r#""\q""#, r#""\'""#, "ab", ""] {
            assert_eq!(unquote(wrong), None, "{wrong}");
        }
    }
}
