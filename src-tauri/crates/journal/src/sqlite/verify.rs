//! Verifying a file: its structure, its guards, and the chain of its records, all as of one
//! moment, while others go on writing.

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row as _};

use super::rows::{self, columns};
use super::{Journal, fault, file};
use crate::error::JournalError;
use crate::event::Head;
use crate::verify::{Flaw, Verification, Walk};

impl Journal {
    /// Walks the whole chain and says what was changed, removed, put in another order or cut off,
    /// and where. `anchors` are heads that were noted outside; without one, a tail that was cut
    /// off together with the file's own note of its end cannot be seen.
    ///
    /// An error means that nothing could be said; damage is a finding.
    pub async fn verify(&self, anchors: &[Head]) -> Result<Verification, JournalError> {
        let mut conn = self.aside_connection().await?;
        let found = verify(&mut conn, anchors).await;
        let _ = conn.close().await;
        found.map_err(|error| self.0.place.explain(error))
    }
}

pub(super) async fn verify(
    conn: &mut SqliteConnection,
    anchors: &[Head],
) -> Result<Verification, JournalError> {
    let mut walk = Walk::new(anchors);
    // One transaction: one moment. It only reads, so the connection's end is its end.
    sqlx::query("BEGIN")
        .execute(&mut *conn)
        .await
        .map_err(fault)?;
    finding(&mut walk, check_guards(conn).await)?;
    let noted = match rows::head(conn).await {
        Ok(head) => Some(head),
        Err(error) => finding(&mut walk, Err(error)).map(|()| None)?,
    };
    let walked = walk_records(conn, &mut walk).await;
    finding(&mut walk, walked.map(|()| Vec::new()))?;
    let structure = check_structure(conn).await;
    finding(&mut walk, structure)?;
    sqlx::query("COMMIT").execute(conn).await.map_err(fault)?;
    Ok(walk.finish(noted))
}

/// Damage that shows as an error is a finding, too; other errors end the verification.
fn finding(
    walk: &mut Walk<'_>,
    found: Result<Vec<Flaw>, JournalError>,
) -> Result<(), JournalError> {
    match found {
        Ok(flaws) => flaws
            .into_iter()
            .for_each(|flaw| walk.report(None, None, flaw)),
        Err(JournalError::Corrupt { seq, what }) => {
            walk.report(seq, None, Flaw::Unreadable { what });
        }
        Err(other) => return Err(other),
    }
    Ok(())
}

async fn walk_records(
    conn: &mut SqliteConnection,
    walk: &mut Walk<'_>,
) -> Result<(), JournalError> {
    let mut last = 0;
    // In the order of the table itself: an index could hide a record.
    let mut records = sqlx::query(columns!("NOT INDEXED ORDER BY seq")).fetch(conn);
    loop {
        let next = async {
            let found = records.try_next().await.map_err(fault)?;
            found.as_ref().map(rows::row).transpose()
        };
        match next.await {
            Ok(None) => return Ok(()),
            Ok(Some(row)) => {
                last = row.seq;
                walk.step(&row);
            }
            // Where it stopped is where it is damaged.
            Err(JournalError::Corrupt { what, .. }) => {
                return Err(JournalError::Corrupt {
                    seq: u64::try_from(last + 1).ok(),
                    what,
                });
            }
            Err(other) => return Err(other),
        }
    }
}

/// Pages and indexes; what a record's own hash cannot see.
async fn check_structure(conn: &mut SqliteConnection) -> Result<Vec<Flaw>, JournalError> {
    let found = sqlx::query("PRAGMA integrity_check(20)")
        .fetch_all(conn)
        .await
        .map_err(fault)?;
    let mut flaws = Vec::new();
    for line in found {
        let what: String = line.try_get_unchecked(0).map_err(fault)?;
        if what != "ok" {
            tracing::debug!(what, "the file's structure is damaged");
            let flaw = Flaw::Structure {
                what: in_our_words(&what).to_owned(),
            };
            if !flaws.contains(&flaw) {
                flaws.push(flaw);
            }
        }
    }
    Ok(flaws)
}

/// What the database says of a damaged structure, as far as it tells a reader anything.
fn in_our_words(what: &str) -> &'static str {
    match what {
        _ if what.contains("index") => "an index does not agree with the records",
        _ if what.contains("value in") || what.contains("NULL") => "a value is of the wrong kind",
        _ => "its pages contradict each other",
    }
}

/// The tables and guards must be those that our own migrations make, to the letter.
async fn check_guards(conn: &mut SqliteConnection) -> Result<Vec<Flaw>, JournalError> {
    let mut model = SqliteConnection::connect("sqlite::memory:")
        .await
        .map_err(fault)?;
    for sql in file::MIGRATIONS {
        sqlx::raw_sql(*sql)
            .execute(&mut model)
            .await
            .map_err(fault)?;
    }
    let wanted = schema(&mut model).await?;
    let found = schema(conn).await?;
    let _ = model.close().await;
    let differs = |(name, _): &&(String, String)| name.to_owned();
    let missing = wanted
        .iter()
        .filter(|item| !found.contains(item))
        .map(|item| differs(&item));
    let added = found
        .iter()
        .filter(|item| !wanted.iter().any(|known| known.0 == item.0))
        .map(|item| differs(&item));
    Ok(missing
        .chain(added)
        .map(|name| Flaw::Guard { name })
        .collect())
}

async fn schema(conn: &mut SqliteConnection) -> Result<Vec<(String, String)>, JournalError> {
    let sql = "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema ORDER BY 1";
    let rows = sqlx::query(sql).fetch_all(conn).await.map_err(fault)?;
    rows.iter()
        .map(|row| Ok((row.try_get_unchecked(0)?, row.try_get_unchecked(1)?)))
        .collect::<Result<_, sqlx::Error>>()
        .map_err(fault)
}
