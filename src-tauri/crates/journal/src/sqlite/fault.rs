//! Turns the database's complaints into the journal's own. This is where its words stop; they go
//! to the debug log, for us.

use crate::error::JournalError;

/// Result codes of the database, see <https://www.sqlite.org/rescode.html>.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const CONSTRAINT: i32 = 19;
const NOTADB: i32 = 26;
const IOERR_SHORT_READ: i32 = 522;
/// The shared index beside the file could not grow, which on a full disk comes before [`FULL`].
const IOERR_SHMSIZE: i32 = 4874;
const IOERR_CORRUPTFS: i32 = 8458;

pub(crate) fn fault(error: sqlx::Error) -> JournalError {
    tracing::debug!(%error, "the journal's database complains");
    match &error {
        sqlx::Error::Database(complaint) => {
            let code = complaint
                .code()
                .and_then(|code| code.parse().ok())
                .unwrap_or(0);
            by_code(code)
        }
        sqlx::Error::ColumnDecode { .. } => JournalError::corrupt("a record cannot be read"),
        sqlx::Error::Io(error) => JournalError::Io(error.to_string()),
        sqlx::Error::WorkerCrashed => JournalError::Io("the connection to it was lost".into()),
        _ => JournalError::Io("it does not answer as it should".into()),
    }
}

fn by_code(code: i32) -> JournalError {
    match (code, code & 0xff) {
        (IOERR_SHMSIZE, _) | (_, FULL) => JournalError::DiskFull,
        (IOERR_SHORT_READ, _) => JournalError::corrupt("it ends too early"),
        (IOERR_CORRUPTFS, _) => JournalError::corrupt("the disk returns damaged data"),
        (_, BUSY | LOCKED) => JournalError::Busy,
        (_, READONLY) => JournalError::ReadOnly,
        (_, CORRUPT) => JournalError::corrupt("its pages contradict each other"),
        (_, NOTADB) => JournalError::corrupt("this is not a journal file"),
        (_, CONSTRAINT) => JournalError::corrupt("it refuses a record that should fit"),
        (_, IOERR) => JournalError::Io("the disk reports an error".into()),
        (_, CANTOPEN) => JournalError::Io("it cannot be opened".into()),
        // What is asked is fixed text, so a question it cannot answer is a table that is not there.
        (_, 1) => JournalError::corrupt("its tables are not as they should be"),
        _ => JournalError::Io(format!("unexpected answer {code}")),
    }
}
