//! The lease table: each change is read, decided by `lease.rs` and written in one transaction.

use std::time::Duration;

use deckwatch_domain::Epoch;

use super::{Journal, rows};
use crate::error::LeaseError;
use crate::lease::{self, LeaseRow};

async fn change(
    journal: &Journal,
    name: &str,
    decide: impl FnOnce(Option<LeaseRow>) -> Result<Option<LeaseRow>, LeaseError> + Send,
) -> Result<Option<LeaseRow>, LeaseError> {
    let mut pen = journal.pen().await?;
    let conn = pen.conn()?;
    let done: Result<_, LeaseError> = async {
        let row = decide(rows::lease(conn, name).await?)?;
        if let Some(row) = &row {
            rows::set_lease(conn, row).await?;
        }
        Ok(row)
    }
    .await;
    pen.end(done).await
}

/// The same, for changes that always leave a row.
async fn change_to(
    journal: &Journal,
    name: &str,
    decide: impl FnOnce(Option<LeaseRow>) -> Result<LeaseRow, LeaseError> + Send,
) -> Result<LeaseRow, LeaseError> {
    let row = change(journal, name, |row| decide(row).map(Some)).await?;
    row.ok_or_else(|| LeaseError::Lost {
        name: name.to_owned(),
        found: None,
    })
}

pub(super) async fn take(
    journal: &Journal,
    name: &str,
    holder: &str,
    seen: Option<(Epoch, u64)>,
    at_least: Epoch,
    ttl: Duration,
) -> Result<LeaseRow, LeaseError> {
    change_to(journal, name, |row| {
        lease::take(row, name, holder, seen, at_least, ttl)
    })
    .await
}

pub(super) async fn beat(
    journal: &Journal,
    name: &str,
    holder: &str,
    epoch: Epoch,
) -> Result<LeaseRow, LeaseError> {
    change_to(journal, name, |row| lease::beat(row, name, holder, epoch)).await
}

pub(super) async fn raise(
    journal: &Journal,
    name: &str,
    holder: &str,
    epoch: Epoch,
    at_least: Epoch,
) -> Result<LeaseRow, LeaseError> {
    change_to(journal, name, |row| {
        lease::raise(row, name, holder, epoch, at_least)
    })
    .await
}

pub(super) async fn release(
    journal: &Journal,
    name: &str,
    holder: &str,
    epoch: Epoch,
) -> Result<(), LeaseError> {
    change(journal, name, |row| {
        lease::release(row, name, holder, epoch)
    })
    .await
    .map(|_| ())
}
