//! The file in a hostile world: newer formats, other programs' files, locks, full and read-only
//! disks. Each gives its own error, and nothing that was acknowledged is lost.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use deckwatch_domain::Epoch;
use deckwatch_journal::{
    AppendError, Expected, Journal, JournalError, LeaseError, NewEvent, Store,
};
use sqlx::Connection;

use crate::support::*;

#[tokio::test]
async fn folder_and_file_are_their_owners_alone() {
    let place = Place::new();
    let path = place.folder.path().join("a/b/journal.db");
    let journal = Journal::open(&path).await.unwrap();
    put(&journal, "a", events(1..2)).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(path.parent().unwrap().parent().unwrap()), 0o700);
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(ending);
        assert_eq!(mode(&PathBuf::from(name)), 0o600, "{ending}");
    }
}

#[tokio::test]
async fn opening_again_finds_everything_and_migrates_once() {
    let place = Place::new();
    let head = place.filled(25).await.head().await.unwrap();
    let many: Vec<_> = (0..8).map(|_| place.path()).collect();
    let opened = futures_util::future::join_all(many.iter().map(|path| Journal::open(path))).await;
    for journal in opened {
        assert_eq!(journal.unwrap().head().await.unwrap(), head);
    }
    // And when none was there before.
    let fresh = place.folder.path().join("fresh.db");
    let opened = futures_util::future::join_all((0..8).map(|_| Journal::open(&fresh))).await;
    for (n, journal) in opened.into_iter().enumerate() {
        put(&journal.unwrap(), "a", events(n as u128..n as u128 + 1)).await;
    }
}

#[tokio::test]
async fn a_file_from_a_newer_deckwatch_is_left_as_it_is() {
    // The new format may stand in the file, or still in the log beside it.
    for moved_over in [true, false] {
        let place = Place::new();
        place.filled(12).await.close().await;
        let mut keeper = raw(&place.path()).await;
        sqlx::raw_sql("PRAGMA user_version = 7")
            .execute(&mut keeper)
            .await
            .unwrap();
        if moved_over {
            sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&mut keeper)
                .await
                .unwrap();
        }
        let files = ["journal.db", "journal.db-wal"].map(|name| place.folder.path().join(name));
        let copy = tempfile::tempdir().unwrap();
        for file in &files {
            let _ = std::fs::copy(file, copy.path().join(file.file_name().unwrap()));
        }
        let path = copy.path().join("journal.db");
        let bytes = |path: &Path| {
            let mut wal = path.to_owned().into_os_string();
            wal.push("-wal");
            (
                std::fs::read(path).unwrap(),
                std::fs::read(PathBuf::from(wal)).unwrap_or_default(),
            )
        };
        let before = bytes(&path);
        let newer = JournalError::Newer { found: 7, known: 1 };
        assert_eq!(Journal::open(&path).await.err(), Some(newer.clone()));
        assert_eq!(
            Journal::open_read_only(&path).await.err(),
            Some(newer.clone())
        );
        let aside = deckwatch_journal::set_aside(&path, None, ana(), at(0)).await;
        assert_eq!(aside.err(), Some(newer));
        assert!(
            before == bytes(&path),
            "the file was touched (moved over: {moved_over})"
        );
    }
}

/// Who has it open is no exception: nothing is appended to a format that is not known.
#[tokio::test]
async fn a_file_that_became_newer_while_it_was_open_is_left_as_it_is() {
    let place = Place::new();
    let journal = place.filled(3).await;
    let before = journal.head().await.unwrap();
    sql(&place.path(), "PRAGMA user_version = 7").await;
    let newer = JournalError::Newer { found: 7, known: 1 };
    let append = journal.append("a", Expected::Any, events(50..51), None, at(1));
    assert_eq!(append.await, Err(AppendError::Journal(newer.clone())));
    let ttl = Duration::from_secs(5);
    let lease = journal.lease_take("l", "me", None, Epoch(0), ttl).await;
    assert_eq!(lease, Err(LeaseError::Journal(newer)));
    assert_eq!(journal.head().await.unwrap(), before);
    // Back in the format it knows, it goes on: no transaction was left open.
    sql(&place.path(), "PRAGMA user_version = 1").await;
    put(&journal, "a", events(50..51)).await;
}

#[tokio::test]
async fn what_is_no_journal_is_not_taken_for_one() {
    let place = Place::new();
    let corrupt = |error: Option<JournalError>| matches!(error, Some(JournalError::Corrupt { .. }));
    assert!(matches!(
        Journal::open_read_only(&place.path()).await.err(),
        Some(JournalError::Missing(_))
    ));
    std::fs::write(place.path(), vec![b'x'; 9000]).unwrap();
    assert!(corrupt(Journal::open(&place.path()).await.err()));
    assert!(corrupt(Journal::open_read_only(&place.path()).await.err()));
    assert_eq!(std::fs::read(place.path()).unwrap(), vec![b'x'; 9000]);
    let other = place.folder.path().join("other.db");
    std::fs::write(&other, b"").unwrap();
    sql(&other, "CREATE TABLE songs (title)").await;
    let before = std::fs::read(&other).unwrap();
    assert!(corrupt(Journal::open(&other).await.err()));
    assert_eq!(std::fs::read(&other).unwrap(), before);
    // A folder where the file should be, and a file where the folder should be.
    assert!(Journal::open(place.folder.path()).await.is_err());
    assert!(Journal::open(&other.join("journal.db")).await.is_err());
}

#[tokio::test]
async fn a_half_file_is_damaged_not_empty() {
    let place = Place::new();
    place.filled(80).await.close().await;
    sql(&place.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
    let whole = std::fs::read(place.path()).unwrap();
    for length in [50, 5000, whole.len() / 2, whole.len() - 4096] {
        let path = place.folder.path().join(format!("cut-{length}.db"));
        std::fs::write(&path, &whole[..length]).unwrap();
        let damaged = match Journal::open(&path).await {
            Err(JournalError::Corrupt { .. }) => true,
            Err(other) => panic!("{length}: {other}"),
            Ok(journal) => !journal.verify(&[]).await.unwrap().is_sound(),
        };
        assert!(
            damaged,
            "{length} of {} bytes passed for a journal",
            whole.len()
        );
    }
}

#[tokio::test]
async fn a_held_file_is_busy_and_free_again_afterwards() {
    let place = Place::new();
    place.filled(3).await;
    let journal = Journal::open_with(&place.path(), impatient())
        .await
        .unwrap();
    let mut other = raw(&place.path()).await;
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let one = || journal.append("a", Expected::Any, events(50..51), None, at(0));
    assert_eq!(one().await, Err(AppendError::Journal(JournalError::Busy)));
    // Reading and opening do not wait for a writer.
    assert_eq!(all(&journal).await.len(), 3);
    Journal::open_with(&place.path(), impatient())
        .await
        .unwrap();
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    assert_eq!(one().await.unwrap()[0].seq, 4);
}

#[tokio::test]
async fn a_journal_opened_for_reading_only_reads() {
    let place = Place::new();
    let writer = place.filled(3).await;
    let reader = Journal::open_read_only(&place.path()).await.unwrap();
    let refused = reader
        .append("a", Expected::Any, events(9..10), None, at(0))
        .await;
    assert_eq!(refused, Err(AppendError::Journal(JournalError::ReadOnly)));
    let mut follower = reader.subscribe(3);
    put(&writer, "a", events(10..11)).await;
    assert_eq!(follower.next().await.unwrap()[0].seq, 4);
    assert!(reader.verify(&[]).await.unwrap().is_sound());
}

/// A small disk of our own; `None` when we may not mount one.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &Path, size: &str) -> Option<Disk> {
        std::fs::create_dir_all(path).unwrap();
        let options = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .output();
        mount
            .is_ok_and(|done| done.status.success())
            .then(|| Disk(path.to_owned()))
    }

    fn read_only(&self) {
        let done = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let place = Place::new();
    let folder = place.folder.path().join("disk");
    let Some(_disk) = Disk::mount(&folder, "2m") else {
        eprintln!("not run: no disk could be mounted (needs root)");
        return;
    };
    let path = folder.join("journal.db");
    let journal = Journal::open(&path).await.unwrap();
    let big = |n: u128| NewEvent {
        payload: vec![b'1'; 60_000],
        ..event(n)
    };
    let mut kept = Vec::new();
    let refused = loop {
        let n = kept.len() as u128 + 1;
        match journal
            .append("a", Expected::Any, vec![big(n)], None, at(0))
            .await
        {
            Ok(events) => kept.extend(events),
            Err(error) => break error,
        }
        assert!(n < 100, "the disk never filled");
    };
    assert_eq!(refused, AppendError::Journal(JournalError::DiskFull));
    // Again and again, and reading goes on.
    let n = kept.len() as u128 + 1;
    let again = journal
        .append("a", Expected::Any, vec![big(n)], None, at(0))
        .await;
    assert_eq!(again, Err(AppendError::Journal(JournalError::DiskFull)));
    assert_eq!(all(&journal).await, kept);
    assert!(journal.verify(&[]).await.unwrap().is_sound());
    let backup = journal.backup(&folder.join("backup.db")).await;
    assert_eq!(backup.err(), Some(JournalError::DiskFull));
    assert!(!folder.join("backup.db").exists());
    // Room again: the same append goes through, under the next number.
    let done = Command::new("mount")
        .args(["-o", "remount,size=20m"])
        .arg(&folder)
        .status();
    assert!(done.unwrap().success());
    let done = journal
        .append("a", Expected::Any, vec![big(n)], None, at(0))
        .await
        .unwrap();
    assert_eq!(done[0].seq, n as u64);
    assert!(journal.verify(&[]).await.unwrap().is_sound());
}

#[tokio::test]
async fn a_read_only_disk_is_read_only() {
    let place = Place::new();
    let folder = place.folder.path().join("disk");
    let Some(disk) = Disk::mount(&folder, "2m") else {
        eprintln!("not run: no disk could be mounted (needs root)");
        return;
    };
    let path = folder.join("journal.db");
    let journal = Journal::open(&path).await.unwrap();
    put(&journal, "a", events(1..4)).await;
    journal.close().await;
    disk.read_only();
    let refused = match Journal::open(&path).await {
        Err(error) => error,
        Ok(journal) => {
            match journal
                .append("a", Expected::Any, events(5..6), None, at(0))
                .await
            {
                Err(AppendError::Journal(error)) => error,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(refused, JournalError::ReadOnly);
    let journal = Journal::open_read_only(&path).await.unwrap();
    assert_eq!(all(&journal).await.len(), 3);
    assert!(journal.verify(&[]).await.unwrap().is_sound());
    let fresh = Journal::open(&folder.join("new/journal.db")).await;
    assert_eq!(fresh.err(), Some(JournalError::ReadOnly));
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_noticed() {
    let place = Place::new();
    let journal = place.filled(3).await;
    let mut follower = journal.subscribe(3);
    std::fs::rename(place.path(), place.folder.path().join("elsewhere.db")).unwrap();
    let refused = journal
        .append("a", Expected::Any, events(9..10), None, at(0))
        .await;
    assert_eq!(refused, Err(AppendError::Journal(JournalError::Replaced)));
    let told = tokio::time::timeout(std::time::Duration::from_secs(2), follower.next()).await;
    assert_eq!(told.unwrap(), Err(JournalError::Replaced));
}
