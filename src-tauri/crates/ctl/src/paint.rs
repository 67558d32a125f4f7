//! Colour, only on a terminal, and never the only signal.

use std::io::IsTerminal;

/// What a piece of text is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warn,
    Bad,
    Candidate,
    Mute,
    Strong,
}

/// Whether to colour at all.
#[derive(Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    /// Colour when standard output is a terminal and nobody asked for none.
    pub fn stdout() -> Self {
        Paint(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
    }

    /// `text` in a tone; itself when there is no colour.
    pub fn say(self, tone: Tone, text: impl AsRef<str>) -> String {
        let text = text.as_ref();
        if !self.0 {
            return text.to_owned();
        }
        // Blue and orange, told apart by everyone; violet is always the candidate.
        let code = match tone {
            Tone::Good => "38;5;75",
            Tone::Warn => "38;5;221",
            Tone::Bad => "38;5;208",
            Tone::Candidate => "38;5;177",
            Tone::Mute => "38;5;245",
            Tone::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The width of a text without its colour codes.
pub fn width(text: &str) -> usize {
    let mut count = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            chars.by_ref().find(|c| *c == 'm');
        } else {
            count += 1;
        }
    }
    count
}

/// Rows under heads, aligned; a column of numbers to the right.
pub fn table(paint: Paint, heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = heads
        .iter()
        .map(|h| width(h.trim_start_matches('>')))
        .collect();
    for row in rows {
        for (i, cell) in row.iter().enumerate().take(widths.len()) {
            widths[i] = widths[i].max(width(cell));
        }
    }
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        let mut out = String::new();
        for (i, cell) in cells.enumerate().take(widths.len()) {
            let pad = " ".repeat(widths[i].saturating_sub(width(&cell)));
            if i > 0 {
                out.push_str("  ");
            }
            if heads[i].starts_with('>') {
                out += &pad;
                out += &cell;
            } else {
                out += &cell;
                out += &pad;
            }
        }
        text.push_str(out.trim_end());
        text.push('\n');
    };
    line(
        &mut heads
            .iter()
            .map(|h| paint.say(Tone::Mute, h.trim_start_matches('>'))),
    );
    for row in rows {
        line(&mut row.iter().cloned());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_whatever_their_colour() {
        let paint = Paint(true);
        let rows = vec![
            vec![paint.say(Tone::Good, "a"), "1".into()],
            vec!["longer".into(), "100".into()],
        ];
        let plain: Vec<usize> = table(paint, &["name", ">n"], &rows)
            .lines()
            .map(width)
            .collect();
        assert_eq!(plain, vec![11, 11, 11]);
        assert!(!table(Paint(false), &["name", ">n"], &rows[1..]).contains('\x1b'));
    }
}
