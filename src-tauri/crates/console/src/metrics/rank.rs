//! Which of many words is meant by a few letters.

/// How well letters fit a word, the smaller the better; none: they do not.
///
/// The whole word, its beginning, the beginning of one of its parts, somewhere inside, then the
/// letters in their order with others between them. Case does not count.
pub(super) fn fit(letters: &str, word: &str) -> Option<u32> {
    if letters.is_empty() {
        return Some(100);
    }
    let (letters, word) = (letters.to_ascii_lowercase(), word.to_ascii_lowercase());
    if word == letters {
        return Some(0);
    }
    if word.starts_with(&letters) {
        return Some(10);
    }
    if let Some(at) = word.find(&letters) {
        let before = word[..at].chars().next_back();
        let begins = before.is_none_or(|c| !c.is_ascii_alphanumeric());
        return Some(if begins { 20 } else { 30 });
    }
    scattered(&letters, &word).map(|gaps| 40 + gaps.min(50))
}

/// How many holes there are between the letters.
fn scattered(letters: &str, word: &str) -> Option<u32> {
    let mut rest = word.chars();
    let mut gaps = 0;
    for letter in letters.chars() {
        let passed = rest.position_of(letter)?;
        gaps += u32::from(passed > 0);
    }
    Some(gaps)
}

trait PositionOf {
    fn position_of(&mut self, wanted: char) -> Option<usize>;
}

impl PositionOf for std::str::Chars<'_> {
    fn position_of(&mut self, wanted: char) -> Option<usize> {
        self.position(|c| c == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_better_than_a_part_and_a_part_than_letters() {
        let words = ["rate", "rated", "irate", "cpu_rate", "resets_at", "sum"];
        let mut fits: Vec<(u32, &str)> = words
            .iter()
            .filter_map(|w| Some((fit("rate", w)?, *w)))
            .collect();
        fits.sort();
        let order: Vec<&str> = fits.into_iter().map(|(_, w)| w).collect();
        assert_eq!(order, ["rate", "rated", "cpu_rate", "irate"]);
        assert!(fit("RAT", "rate").is_some());
        assert!(fit("rsa", "resets_at").is_some());
        assert_eq!(fit("x", "rate"), None);
        assert_eq!(fit("", "anything"), Some(100));
        assert_eq!(fit("é", "rate"), None);
    }
}
