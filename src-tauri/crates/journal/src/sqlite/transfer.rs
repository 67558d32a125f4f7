//! Out of a file and into an empty one, byte for byte.

use futures_util::TryStreamExt;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use super::rows::{self, columns};
use super::{Journal, fault};
use crate::chain::{Row, digest};
use crate::error::JournalError;
use crate::event::{Head, LARGEST_PAYLOAD};
use crate::line;
use crate::subscribe::announce;
use crate::verify::{Verification, Walk};

/// A line holds at most a payload in digits and its record.
const LONGEST_LINE: usize = 2 * LARGEST_PAYLOAD + 64 * 1024;

impl Journal {
    /// Writes every event as one line of JSON, in order, as of one moment. Answers the head that
    /// was reached: noted elsewhere, it proves later that no line is missing at the end.
    pub async fn export<W>(&self, out: &mut W) -> Result<Head, JournalError>
    where
        W: AsyncWrite + Unpin + Send + ?Sized,
    {
        let mut conn = self.aside_connection().await?;
        let done = export(&mut conn, out).await;
        let _ = conn.close().await;
        done
    }

    /// Takes an export into this journal, which must be empty. Everything is verified first, also
    /// against `anchors`; on any doubt it is refused and nothing is kept.
    pub async fn import<R>(
        &self,
        from: &mut R,
        anchors: &[Head],
    ) -> Result<Verification, JournalError>
    where
        R: AsyncBufRead + Unpin + Send + ?Sized,
    {
        let mut pen = self.pen().await?;
        let done = import(pen.conn()?, from, anchors).await;
        let verification = pen.end(done).await?;
        announce(&self.0.signal, verification.head.seq);
        Ok(verification)
    }
}

async fn export<W>(conn: &mut SqliteConnection, out: &mut W) -> Result<Head, JournalError>
where
    W: AsyncWrite + Unpin + Send + ?Sized,
{
    let broken = |error: std::io::Error| JournalError::Io(error.to_string());
    sqlx::query("BEGIN")
        .execute(&mut *conn)
        .await
        .map_err(fault)?;
    let head = rows::head(conn).await?;
    {
        let mut records = sqlx::query(columns!("ORDER BY seq")).fetch(&mut *conn);
        while let Some(found) = records.try_next().await.map_err(fault)? {
            let line = line::write(rows::row(&found)?)?;
            out.write_all(&line).await.map_err(broken)?;
        }
    }
    out.flush().await.map_err(broken)?;
    sqlx::query("COMMIT").execute(conn).await.map_err(fault)?;
    Ok(head)
}

async fn import<R>(
    conn: &mut SqliteConnection,
    from: &mut R,
    anchors: &[Head],
) -> Result<Verification, JournalError>
where
    R: AsyncBufRead + Unpin + Send + ?Sized,
{
    if rows::head(conn).await?.seq != 0 {
        return Err(JournalError::refused("an import needs an empty journal"));
    }
    let mut walk = Walk::new(anchors);
    let mut number = 0_u64;
    let mut text = String::new();
    while read_line(from, &mut text).await? {
        number += 1;
        let wrong = |what: String| JournalError::Refused(format!("line {number}: {what}"));
        let row = line::read(text.trim_end()).map_err(wrong)?;
        if number == 1 {
            begin_at(conn, &row).await?;
        }
        walk.step(&row);
        // A record that does not follow would be refused by the file's own guard, in worse words.
        if let Some(finding) = walk.first_finding() {
            return Err(wrong(finding.to_string()));
        }
        rows::insert(conn, &row).await?;
    }
    let noted = (number > 0).then_some(rows::head(conn).await?);
    let verification = walk.finish(noted);
    match verification.findings.first() {
        Some(finding) => Err(JournalError::Refused(format!(
            "the export is not sound: {finding}"
        ))),
        None => Ok(verification),
    }
}

/// One line of bounded length; `false` at the end.
async fn read_line<R>(from: &mut R, text: &mut String) -> Result<bool, JournalError>
where
    R: AsyncBufRead + Unpin + Send + ?Sized,
{
    use tokio::io::AsyncReadExt;
    text.clear();
    let mut bounded = from.take(LONGEST_LINE as u64);
    let read = bounded
        .read_line(text)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => {
                JournalError::refused("the export is not UTF-8 text")
            }
            _ => JournalError::Io(error.to_string()),
        })?;
    if read == LONGEST_LINE {
        return Err(JournalError::refused("a line of the export is too long"));
    }
    Ok(read > 0)
}

/// A journal may continue another: its chain then begins at that one's last hash. Whether this
/// first record may do so, the walk decides.
async fn begin_at(conn: &mut SqliteConnection, first: &Row) -> Result<(), JournalError> {
    match digest(&first.prev_hash) {
        Some(hash) => start_chain(conn, hash).await,
        None => Ok(()),
    }
}

/// Sets where the chain of a journal without events begins.
pub(super) async fn start_chain(
    conn: &mut SqliteConnection,
    hash: deckwatch_domain::Digest,
) -> Result<(), JournalError> {
    sqlx::query("UPDATE head SET hash = ? WHERE seq = 0")
        .bind(hash.as_bytes().as_slice())
        .execute(conn)
        .await
        .map_err(fault)?;
    Ok(())
}
