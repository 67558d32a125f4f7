//! What can go wrong with the file, in the words of whoever has to act on it.

use std::path::{Path, PathBuf};

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file is damaged, or is not a sample store. [`super::set_aside`] moves it away.
    #[error("{path}: not a sound sample store: {why}")]
    Corrupt { path: PathBuf, why: String },
    #[error(
        "{path}: written by a newer Deckwatch (format {found}, this one knows {known}); it is left as it is"
    )]
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error(
        "{path}: written by an older Deckwatch (format {found}, this one reads {known}); opening it for writing brings it up to date"
    )]
    Older {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("{path}: another process is writing; gave up after waiting")]
    Busy { path: PathBuf },
    #[error("{path}: no room: the disk is full or the store has reached its limit")]
    Full { path: PathBuf },
    #[error("{path}: opened for reading only")]
    ReadOnly { path: PathBuf },
    #[error("{path}: cannot be opened: {why}")]
    Unavailable { path: PathBuf, why: String },
    /// Another process took over scraping this job in the meantime; nothing was written.
    #[error("another process scrapes `{job}` now; nothing was written")]
    ClaimLost { job: String },
    #[error("{what}; the limit is {limit}")]
    TooMuch { what: String, limit: u64 },
    #[error("{path}: {why}")]
    Failed { path: PathBuf, why: String },
}

impl StoreError {
    /// SQLite's primary result codes, from <https://www.sqlite.org/rescode.html>.
    pub(super) fn from_sqlite(path: &Path, error: sqlx::Error) -> Self {
        let path = path.to_owned();
        let sqlx::Error::Database(inner) = &error else {
            let why = error.to_string();
            return match error {
                sqlx::Error::Io(_) => StoreError::Unavailable { path, why },
                _ => StoreError::Failed { path, why },
            };
        };
        let why = inner.message().to_owned();
        let code: Option<i32> = inner.code().and_then(|code| code.parse().ok());
        match code.map(|code| code & 0xff) {
            Some(5 | 6) => StoreError::Busy { path },
            Some(8) => StoreError::ReadOnly { path },
            Some(11 | 26) => StoreError::Corrupt { path, why },
            Some(13) => StoreError::Full { path },
            Some(10 | 14) => StoreError::Unavailable { path, why },
            _ => StoreError::Failed { path, why },
        }
    }
}
