//! What a node and its shims say to each other: one JSON object a line, both ways, over the
//! socket pair that is the shim's standard input.
//!
//! Lines are bounded on both sides; a line that is too long is cut and says so.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The longest line of output that is kept, in bytes.
pub(crate) const LONGEST_LINE: usize = 8 * 1024;
/// The longest frame either side reads: a line of output whose every byte needed six in JSON.
pub(crate) const LONGEST_FRAME: usize = 8 * LONGEST_LINE + 64 * 1024;

/// The first line a shim reads: what to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub command: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub folder: Option<PathBuf>,
    /// The soft limit of open files that the node was started with and has raised for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
}

/// What a node tells a shim.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToShim {
    Term,
    Kill,
}

/// How an instance ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What a shim tells its node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FromShim {
    /// The process runs; its id is also its group's.
    Pid(u32),
    /// A line of output, of either stream.
    Out(String),
    /// This many lines were thrown away because the node was not reading.
    Lost(u64),
    /// It could not be started.
    Failed(String),
    Exit(Exit),
}

/// Text of at most [`LONGEST_LINE`] bytes; what was cut off is said.
pub(crate) fn bounded_line(bytes: &[u8], more: bool) -> String {
    let kept = &bytes[..bytes.len().min(LONGEST_LINE)];
    let mut text = String::from_utf8_lossy(kept).into_owned();
    while text.ends_with(['\n', '\r']) {
        text.pop();
    }
    if more || kept.len() < bytes.len() {
        text.push_str(" … (line cut at 8 KiB)");
    }
    text
}

/// Takes whole frames out of bytes as they arrive.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    read: usize,
}

impl Frames {
    pub(crate) fn from_rest(rest: Vec<u8>) -> Self {
        Frames {
            buffer: rest,
            read: 0,
        }
    }

    /// Where the next bytes are to be appended.
    pub(crate) fn space(&mut self) -> &mut Vec<u8> {
        if self.read > 0 {
            self.buffer.drain(..self.read);
            self.read = 0;
        }
        &mut self.buffer
    }

    /// The next frame; `Some(None)` for a line that is not one.
    pub(crate) fn next<T: serde::de::DeserializeOwned>(&mut self) -> Option<Option<T>> {
        let unread = &self.buffer[self.read..];
        match unread.iter().position(|b| *b == b'\n') {
            Some(end) => {
                let frame = serde_json::from_slice(&unread[..end]).ok();
                self.read += end + 1;
                Some(frame)
            }
            None if unread.len() > LONGEST_FRAME => {
                self.read = self.buffer.len();
                Some(None)
            }
            None => None,
        }
    }

    /// What has not been taken yet.
    pub(crate) fn rest(self) -> Vec<u8> {
        self.buffer[self.read..].to_vec()
    }
}

pub(crate) fn frame<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(message).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_in_any_pieces() {
        let mut bytes = frame(&FromShim::Pid(7));
        bytes.extend(b"nonsense\n");
        bytes.extend(frame(&FromShim::Exit(Exit::Signal(9))));
        let mut frames = Frames::default();
        let mut got = Vec::new();
        for byte in bytes {
            frames.space().push(byte);
            while let Some(frame) = frames.next::<FromShim>() {
                got.push(frame);
            }
        }
        assert_eq!(
            got,
            vec![
                Some(FromShim::Pid(7)),
                None,
                Some(FromShim::Exit(Exit::Signal(9)))
            ]
        );
        assert!(frames.rest().is_empty());
    }

    #[test]
    fn an_endless_frame_is_dropped() {
        let mut frames = Frames::default();
        frames.space().extend(vec![b'x'; LONGEST_FRAME + 1]);
        assert_eq!(frames.next::<FromShim>(), Some(None));
        assert_eq!(frames.next::<FromShim>(), None);
    }

    #[test]
    fn lines_are_cut_and_say_so() {
        assert_eq!(bounded_line(b"ok\r\n", false), "ok");
        let long = bounded_line(&vec![b'a'; LONGEST_LINE + 1], false);
        assert!(long.len() < LONGEST_LINE + 64 && long.ends_with("(line cut at 8 KiB)"));
        assert!(!bounded_line(&[0xff, 0xfe], false).is_empty());
    }
}
