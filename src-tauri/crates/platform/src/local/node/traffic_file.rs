//! The traffic object on disk: one file of fixed size per service, written in place.
//!
//! Two halves are written in turn, each with a generation, a length and a SHA-256, and made
//! durable before the write counts. The file is filled with real zero bytes when it is made, so
//! that a full disk can neither stop a traffic write nor lose a take-back's record; a write that
//! was torn by a crash fails its digest and the other half is read. (On a file system that never
//! overwrites, such as btrfs or ZFS, the room is the file system's to find, and this promise is
//! only as good as its reserve.)

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Bytes of one half.
const HALF: usize = 32 * 1024;
const MAGIC: &[u8; 8] = b"DWTRAF01";
/// Magic, generation, length, digest.
const HEADER: usize = 8 + 8 + 4 + 32;
/// The longest content that fits.
pub(super) const LONGEST: usize = HALF - HEADER;

/// What an opened file held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Never written.
    Nothing,
    Content(Vec<u8>),
    /// The content of the older half: the newer one is damaged.
    Older(Vec<u8>),
    /// Something was written here once and neither half can be read.
    Damaged,
}

impl Found {
    pub(super) fn content(&self) -> Option<&Vec<u8>> {
        match self {
            Found::Content(content) | Found::Older(content) => Some(content),
            Found::Nothing | Found::Damaged => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct TrafficFile {
    file: File,
    generation: u64,
    /// The half that the next write goes to.
    next: usize,
}

impl TrafficFile {
    /// Opens a service's file, or makes it, whole and durable.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Found)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let fresh = length == 0;
        if length < 2 * HALF {
            file.write_all_at(&vec![0; 2 * HALF - length], length as u64)?;
            file.sync_all()?;
            if let Some(folder) = path.parent() {
                File::open(folder)?.sync_all()?;
            }
        }
        let halves = [read_half(&file, 0)?, read_half(&file, 1)?];
        let written = !fresh && halves.iter().any(|h| !matches!(h, Half::Blank));
        let damaged = halves.iter().any(|h| matches!(h, Half::Damaged));
        let mut best: Option<(usize, u64, Vec<u8>)> = None;
        for (at, half) in halves.into_iter().enumerate() {
            if let Half::Whole(generation, content) = half
                && best.as_ref().is_none_or(|(_, g, _)| generation > *g)
            {
                best = Some((at, generation, content));
            }
        }
        let (next, generation, found) = match best {
            Some((at, generation, content)) if damaged => {
                (1 - at, generation, Found::Older(content))
            }
            Some((at, generation, content)) => (1 - at, generation, Found::Content(content)),
            None if written => (0, 0, Found::Damaged),
            None => (0, 0, Found::Nothing),
        };
        Ok((
            TrafficFile {
                file,
                generation,
                next,
            },
            found,
        ))
    }

    /// Writes the content and waits until the disk has it. After an error the content before it
    /// still stands.
    pub(super) fn write(&mut self, content: &[u8]) -> io::Result<()> {
        if content.len() > LONGEST {
            return Err(io::Error::other(format!(
                "{} bytes do not fit into the traffic file",
                content.len()
            )));
        }
        let generation = self.generation + 1;
        let length = content.len() as u32;
        let mut bytes = Vec::with_capacity(HEADER + content.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&generation.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&digest(generation, content));
        bytes.extend_from_slice(content);
        self.file.write_all_at(&bytes, (self.next * HALF) as u64)?;
        self.file.sync_data()?;
        self.generation = generation;
        self.next = 1 - self.next;
        Ok(())
    }
}

enum Half {
    Blank,
    Damaged,
    Whole(u64, Vec<u8>),
}

fn digest(generation: u64, content: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(generation.to_le_bytes());
    hasher.update((content.len() as u64).to_le_bytes());
    hasher.update(content);
    hasher.finalize().into()
}

fn read_half(file: &File, at: usize) -> io::Result<Half> {
    let mut bytes = vec![0; HALF];
    file.read_exact_at(&mut bytes, (at * HALF) as u64)?;
    if bytes.iter().all(|b| *b == 0) {
        return Ok(Half::Blank);
    }
    let (header, body) = bytes.split_at(HEADER);
    let generation = u64::from_le_bytes(header[8..16].try_into().unwrap_or_default());
    let length = u32::from_le_bytes(header[16..20].try_into().unwrap_or_default()) as usize;
    if &header[..8] != MAGIC || length > LONGEST {
        return Ok(Half::Damaged);
    }
    let content = &body[..length];
    if digest(generation, content) != header[20..52] {
        return Ok(Half::Damaged);
    }
    Ok(Half::Whole(generation, content.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reopened(path: &Path) -> Found {
        TrafficFile::open(path).unwrap().1
    }

    #[test]
    fn the_newest_content_is_read_back() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.traffic");
        let (mut file, found) = TrafficFile::open(&path).unwrap();
        assert_eq!(found, Found::Nothing);
        assert_eq!(reopened(&path), Found::Nothing);
        for n in 0..5u8 {
            file.write(&[n; 100]).unwrap();
            assert_eq!(reopened(&path), Found::Content(vec![n; 100]));
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 2 * HALF as u64);
        assert!(file.write(&vec![0; LONGEST + 1]).is_err());
        file.write(&vec![7; LONGEST]).unwrap();
        assert_eq!(reopened(&path), Found::Content(vec![7; LONGEST]));
    }

    #[test]
    fn any_torn_write_falls_back_to_the_content_before() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.traffic");
        let (mut file, _) = TrafficFile::open(&path).unwrap();
        file.write(b"first").unwrap();
        file.write(b"second").unwrap();
        let whole = std::fs::read(&path).unwrap();
        for torn_at in 0..(HEADER + 6) {
            let mut torn = whole.clone();
            torn[HALF + torn_at] ^= 0x40;
            std::fs::write(&path, &torn).unwrap();
            assert_eq!(
                reopened(&path),
                Found::Older(b"first".to_vec()),
                "byte {torn_at}"
            );
        }
        // Writing goes on over the damaged half and the good one is never touched first.
        let (mut file, _) = TrafficFile::open(&path).unwrap();
        file.write(b"third").unwrap();
        assert_eq!(reopened(&path), Found::Content(b"third".to_vec()));
        let mut gone = whole;
        gone[8] ^= 1;
        gone[HALF + 8] ^= 1;
        std::fs::write(&path, &gone).unwrap();
        assert_eq!(reopened(&path), Found::Damaged);
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(reopened(&path), Found::Damaged);
    }
}
