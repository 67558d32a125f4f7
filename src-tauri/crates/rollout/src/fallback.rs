//! A file of fixed size in which a rollback leaves its record when the journal cannot take it.
//!
//! Every byte is allocated when the file is made, so a disk that is full later cannot keep a
//! record out. Whoever opens the console next brings the records into the journal, once each.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use deckwatch_domain::{Digest, EventId, ServiceName};
use deckwatch_platform::TakeBackRecord;
use serde::{Deserialize, Serialize};

const CELL: usize = 4096;
const CELLS: usize = 32;

/// A record that waits for the journal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Waiting {
    pub service: ServiceName,
    pub record: TakeBackRecord,
}

/// The preallocated file.
#[derive(Clone, Debug)]
pub struct FallbackFile {
    path: PathBuf,
}

impl FallbackFile {
    /// Makes the file with all its bytes, unless it exists already.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn prepare(path: &Path) -> std::io::Result<Self> {
        let file = FallbackFile {
            path: path.to_owned(),
        };
        let length = std::fs::metadata(path).map(|m| m.len()).unwrap_or(0);
        if length < (CELL * CELLS) as u64 {
            let mut out = file.open(true)?;
            out.seek(SeekFrom::Start(length))?;
            // Real zeroes: a sparse file would promise space that it does not have.
            out.write_all(&vec![0; CELL * CELLS - length as usize])?;
            out.sync_all()?;
        }
        Ok(file)
    }

    fn open(&self, create: bool) -> std::io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)
    }

    /// Keeps a record, in place of the oldest when all cells are taken.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn keep(&self, waiting: &Waiting) -> std::io::Result<()> {
        let body = serde_json::to_vec(waiting)?;
        if body.len() > CELL - 36 {
            return Err(std::io::Error::other("the record is larger than a cell"));
        }
        let mut file = self.open(false)?;
        file.lock()?;
        let cells = read_cells(&mut file)?;
        let known = cells
            .iter()
            .position(|c| matches!(c, Some(w) if w.record.event_id == waiting.record.event_id));
        let free = cells.iter().position(Option::is_none);
        let oldest = (0..CELLS).min_by_key(|i| cells[*i].as_ref().map(|w| w.record.at));
        let cell = known.or(free).or(oldest).unwrap_or(0);
        let mut bytes = Vec::with_capacity(CELL);
        bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(Digest::of(&body).as_bytes());
        bytes.extend_from_slice(&body);
        file.seek(SeekFrom::Start((cell * CELL) as u64))?;
        file.write_all(&bytes)?;
        file.sync_data()
    }

    /// All records that wait, oldest first. A damaged cell is passed over.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn waiting(&self) -> std::io::Result<Vec<Waiting>> {
        let mut file = self.open(false)?;
        file.lock_shared()?;
        let mut found: Vec<Waiting> = read_cells(&mut file)?.into_iter().flatten().collect();
        found.sort_by_key(|w| w.record.at);
        Ok(found)
    }

    /// Frees the cells of records that the journal has taken.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn forget(&self, taken: &[EventId]) -> std::io::Result<()> {
        let mut file = self.open(false)?;
        file.lock()?;
        for (i, cell) in read_cells(&mut file)?.iter().enumerate() {
            if matches!(cell, Some(w) if taken.contains(&w.record.event_id)) {
                file.seek(SeekFrom::Start((i * CELL) as u64))?;
                file.write_all(&[0; 36])?;
            }
        }
        file.sync_data()
    }
}

fn read_cells(file: &mut File) -> std::io::Result<Vec<Option<Waiting>>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take((CELL * CELLS) as u64).read_to_end(&mut bytes)?;
    bytes.resize(CELL * CELLS, 0);
    Ok(bytes.chunks_exact(CELL).map(read_cell).collect())
}

fn read_cell(cell: &[u8]) -> Option<Waiting> {
    let length = u32::from_be_bytes(cell.get(..4)?.try_into().ok()?) as usize;
    let digest: [u8; 32] = cell.get(4..36)?.try_into().ok()?;
    let body = cell.get(36..36 + length).filter(|b| !b.is_empty())?;
    (Digest::of(body) == Digest::from_bytes(digest))
        .then(|| serde_json::from_slice(body).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_domain::{Actor, Epoch, Slot, Timestamp, Weights};

    fn waiting(n: u128) -> Waiting {
        Waiting {
            service: ServiceName::new("checkout").unwrap(),
            record: TakeBackRecord {
                event_id: EventId::from_u128(n),
                actor: Actor::person("ana", "desk"),
                at: Timestamp::from_millis(n as i64),
                reason: "r".repeat(400),
                rollout: None,
                from: Weights::toward(Slot::Green, 10),
                to: Weights::all_to(Slot::Blue),
                slot: Slot::Blue,
                epoch: Epoch(3),
            },
        }
    }

    #[test]
    fn records_wait_once_and_are_forgotten_once_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = FallbackFile::prepare(&folder.path().join("fallback")).unwrap();
        for n in [2, 1, 1, 3] {
            file.keep(&waiting(n)).unwrap();
        }
        assert_eq!(
            file.waiting().unwrap(),
            vec![waiting(1), waiting(2), waiting(3)]
        );
        file.forget(&[EventId::from_u128(2)]).unwrap();
        let again = FallbackFile::prepare(&folder.path().join("fallback")).unwrap();
        assert_eq!(again.waiting().unwrap(), vec![waiting(1), waiting(3)]);
    }

    #[test]
    fn the_newest_outlive_the_oldest_and_damage_costs_one_cell() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fallback");
        let file = FallbackFile::prepare(&path).unwrap();
        for n in 1..=(CELLS as u128 + 5) {
            file.keep(&waiting(n)).unwrap();
        }
        let kept = file.waiting().unwrap();
        assert_eq!(kept.len(), CELLS);
        assert_eq!(kept[0], waiting(6));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[50] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(file.waiting().unwrap().len(), CELLS - 1);
    }
}
