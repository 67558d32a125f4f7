//! What a task prints: kept up to a limit, counted and digested whole.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use deckwatch_domain::Digest;
use sha2::{Digest as _, Sha256};

/// Bytes that are kept in the file; what comes after is counted and digested only.
const MOST: u64 = 1024 * 1024;
/// Bytes of the end that go into the result.
const TAIL: usize = 2 * 1024;

pub(super) struct Output(Mutex<State>);

struct State {
    file: Option<File>,
    digest: Sha256,
    bytes: u64,
    tail: VecDeque<u8>,
}

/// What there was of it.
pub(super) struct Printed {
    pub digest: Digest,
    pub bytes: u64,
    pub tail: String,
}

impl Output {
    /// Without a file (a full disk) the output is still counted, and its end kept.
    pub(super) fn new(place: &Path) -> Self {
        Output(Mutex::new(State {
            file: File::create(place.join("output")).ok(),
            digest: Sha256::new(),
            bytes: 0,
            tail: VecDeque::new(),
        }))
    }

    pub(super) fn take(&self, piece: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.digest.update(piece);
        let room = MOST.saturating_sub(state.bytes);
        let kept = piece.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        if let Some(file) = &mut state.file
            && kept > 0
            && file.write_all(&piece[..kept]).is_err()
        {
            state.file = None;
        }
        state.bytes += piece.len() as u64;
        state.tail.extend(piece);
        let excess = state.tail.len().saturating_sub(TAIL);
        state.tail.drain(..excess);
    }

    pub(super) fn end(&self) -> Printed {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tail: Vec<u8> = state.tail.iter().copied().collect();
        let mut tail = String::from_utf8_lossy(&tail).into_owned();
        if state.bytes > TAIL as u64
            && let Some(at) = tail.find('\n')
        {
            // It begins with a whole line.
            tail.drain(..=at);
        }
        Printed {
            digest: Digest::from_bytes(state.digest.clone().finalize().into()),
            bytes: state.bytes,
            tail,
        }
    }
}
