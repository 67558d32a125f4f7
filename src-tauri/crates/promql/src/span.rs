//! Where in the query something stands.

/// A range of bytes of the query, end exclusive.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to and without `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Span { start, end }
    }

    /// The smallest range that holds both, `self` being the left one.
    pub fn to(self, last: Span) -> Span {
        Span::new(self.start, last.end)
    }

    /// Line and column of the start, both from 1, columns in bytes as Prometheus counts them.
    pub fn line_and_column(&self, query: &str) -> (usize, usize) {
        let start = self.start.min(query.len());
        let before = &query.as_bytes()[..start];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let column = match before.iter().rposition(|b| *b == b'\n') {
            Some(at) => start - at,
            None => start + 1,
        };
        (line, column)
    }

    /// `line:column` as error messages and annotations print it.
    pub fn describe(&self, query: &str) -> String {
        if query.is_empty() {
            return "unknown position".to_owned();
        }
        if self.start > query.len() {
            return "invalid position".to_owned();
        }
        let (line, column) = self.line_and_column(query);
        format!("{line}:{column}")
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn positions_count_from_one_and_lines_break() {
        assert_eq!(Span::new(0, 1).describe("abc"), "1:1");
        assert_eq!(Span::new(2, 3).describe("abc"), "1:3");
        assert_eq!(Span::new(2, 3).describe("a\nbc"), "2:1");
        assert_eq!(Span::new(9, 9).describe("abc"), "invalid position");
        assert_eq!(Span::new(0, 0).describe(""), "unknown position");
    }
}
