//! The few words that the window's program takes.

use std::ffi::OsString;
use std::path::PathBuf;

const USAGE: &str = "\
Usage: deckwatch [--data FOLDER] [deckwatch://…]

  --data FOLDER   where journal, samples and settings lie (else DECKWATCH_DATA, else the user's
                  own data folder)
  deckwatch://…   what to open: rollouts/NAME, services/NAME, metrics, journal, training, settings

Everything else is deckwatchctl's.";

/// What was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Arguments {
    pub data: Option<PathBuf>,
    pub link: Option<String>,
}

impl Arguments {
    /// # Errors
    /// How it is used, when that is asked for or needed.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut found = Arguments::default();
        let mut words = words;
        while let Some(word) = words.next() {
            let text = word.to_string_lossy();
            match text.as_ref() {
                "--data" => {
                    let folder = words
                        .next()
                        .ok_or(format!("--data needs a folder\n\n{USAGE}"))?;
                    found.data = Some(folder.into());
                }
                "--help" | "-h" => return Err(USAGE.into()),
                link if link.starts_with("deckwatch:") => found.link = Some(link.to_owned()),
                other => return Err(format!("`{other}` is not understood\n\n{USAGE}")),
            }
        }
        Ok(found)
    }
}

/// The longest part of a link after its `?`, in bytes.
const LONGEST: usize = 8192;

/// The page's own address for a link: `deckwatch://rollouts/checkout` is `/rollouts/checkout`.
/// Anything but plain words, and after a `?` what a form would send, gives none: a link comes from
/// anywhere.
pub fn route(link: &str) -> Option<String> {
    let rest = link.strip_prefix("deckwatch:")?;
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, format!("?{query}")),
        None => (rest, String::new()),
    };
    let coded = |b: u8| b.is_ascii_alphanumeric() || b"-_.~%=&+*?".contains(&b);
    if query.len() > LONGEST || !query.bytes().all(coded) {
        return None;
    }
    let rest = rest.trim_matches('/');
    let rest = percent_encoding::percent_decode_str(rest)
        .decode_utf8()
        .ok()?;
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    (rest.split('/').count() <= 3 && rest.split('/').all(plain)).then(|| format!("/{rest}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Arguments, String> {
        Arguments::read(words.iter().map(|w| OsString::from(*w)))
    }

    #[test]
    fn words_are_understood_or_answered_with_how_it_is_used() {
        let found = read(&["--data", "/d", "deckwatch://rollouts/checkout"]).unwrap();
        assert_eq!(found.data.as_deref(), Some(std::path::Path::new("/d")));
        assert_eq!(found.link.as_deref(), Some("deckwatch://rollouts/checkout"));
        for wrong in [&["--data"][..], &["--help"], &["rollback"]] {
            assert!(read(wrong).unwrap_err().contains("Usage"));
        }
    }

    #[test]
    fn links_are_plain_words_or_nothing() {
        assert_eq!(
            route("deckwatch://rollouts/checkout").unwrap(),
            "/rollouts/checkout"
        );
        assert_eq!(route("deckwatch:training/").unwrap(), "/training");
        let query = "deckwatch://metrics/explore?q=rate%28a%5B5m%5D%29&over=1h";
        assert_eq!(route(query).unwrap(), query["deckwatch:/".len()..]);
        let long = format!("deckwatch://metrics?q={}", "a".repeat(LONGEST));
        assert_eq!(route(&long), None);
        for wrong in [
            "deckwatch://",
            "https://x",
            "deckwatch://a/<script>",
            "deckwatch://a/../../b/c/d",
            "deckwatch://a/%3Cb",
            "deckwatch://a//b",
            "deckwatch://a?q=<script>",
            "deckwatch://a?q=b#c",
        ] {
            assert_eq!(route(wrong), None, "{wrong}");
        }
    }
}
