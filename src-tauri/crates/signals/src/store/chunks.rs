//! Chunks as rows: each with a checksum that also says whose it is, so that damage costs one
//! chunk and is never taken for numbers.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::chunk::{self, Point};

/// Points after which a chunk is full.
pub(super) const TARGET: usize = 480;
/// Rows of one INSERT.
const ROWS: usize = 32;

pub(super) const RAW: i64 = 0;

/// Bytes followed by the checksum of them and of the series they belong to.
pub(super) fn sealed(owner: i64, mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = checksum(owner, &bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// The bytes, if they are as they were sealed.
pub(super) fn unsealed(owner: i64, body: &[u8]) -> Option<&[u8]> {
    let (bytes, sum) = body.split_last_chunk::<4>()?;
    (checksum(owner, bytes) == u32::from_le_bytes(*sum)).then_some(bytes)
}

fn checksum(owner: i64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&owner.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Points of a series of at most [`chunk::MOST`] as a sealed body.
pub(super) fn body(owner: i64, points: &[Point]) -> Vec<u8> {
    // Only chunks of a few hundred points are made: there is no error to meet.
    sealed(owner, chunk::encode(points).unwrap_or_default())
}

/// The points of a sealed body; none if it is damaged.
pub(super) fn points(owner: i64, body: &[u8]) -> Option<Vec<Point>> {
    chunk::decode(unsealed(owner, body)?).ok()
}

/// A full chunk.
pub(super) struct Chunk {
    pub series: i64,
    pub level: i64,
    pub from: i64,
    pub to: i64,
    pub samples: i64,
    pub body: Vec<u8>,
}

impl Chunk {
    pub fn raw(series: i64, points: &[Point]) -> Option<Chunk> {
        let (first, last) = (points.first()?, points.last()?);
        Some(Chunk {
            series,
            level: RAW,
            from: first.0,
            to: last.0,
            samples: points.len() as i64,
            body: body(series, points),
        })
    }
}

/// What of a series is not full yet.
pub(super) struct Tail {
    pub series: i64,
    /// The newest moment in a full chunk.
    pub sealed: i64,
    /// The newest moment of the series.
    pub newest: i64,
    /// Everything before is in the rollups.
    pub rolled: i64,
    /// In order of time, one a moment.
    pub points: Vec<Point>,
}

impl Tail {
    pub fn empty(series: i64) -> Self {
        Tail {
            series,
            sealed: i64::MIN,
            newest: i64::MIN,
            rolled: i64::MIN,
            points: Vec::new(),
        }
    }

    /// Takes full chunks off the front.
    pub fn seal(&mut self) -> Vec<Chunk> {
        if let Some((last, _)) = self.points.last() {
            self.newest = self.newest.max(*last);
        }
        let full = self.points.len() / TARGET * TARGET;
        let chunks: Vec<Chunk> = self.points[..full]
            .chunks(TARGET)
            .filter_map(|points| Chunk::raw(self.series, points))
            .collect();
        if let Some(chunk) = chunks.last() {
            self.sealed = self.sealed.max(chunk.to);
        }
        self.points.drain(..full);
        chunks
    }
}

/// Sorts by time; of several points of one moment the last one given stays.
pub(super) fn settle(points: &mut Vec<Point>) {
    if points.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return;
    }
    points.sort_by_key(|(at, _)| *at);
    points.reverse();
    points.dedup_by_key(|(at, _)| *at);
    points.reverse();
}

pub(super) async fn put_chunks(
    tx: &mut SqliteConnection,
    chunks: &[Chunk],
) -> Result<(), sqlx::Error> {
    for some in chunks.chunks(ROWS) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO chunks (series_id, level, from_ms, to_ms, samples, body) ",
        );
        query.push_values(some, |mut row, chunk| {
            row.push_bind(chunk.series)
                .push_bind(chunk.level)
                .push_bind(chunk.from)
                .push_bind(chunk.to)
                .push_bind(chunk.samples)
                .push_bind(&chunk.body);
        });
        query.build().execute(&mut *tx).await?;
    }
    Ok(())
}

/// Writes tails anew, in place of those that are there. In order of series: then they lie close.
pub(super) async fn put_tails(
    tx: &mut SqliteConnection,
    tails: &[Tail],
) -> Result<(), sqlx::Error> {
    // Rows that shrink where they are leave half-empty pages, which SQLite never merges.
    let ids: Vec<i64> = tails.iter().map(|tail| tail.series).collect();
    sqlx::query("DELETE FROM tails WHERE series_id IN (SELECT value FROM json_each(?))")
        .bind(serde_json::to_string(&ids).unwrap_or_default())
        .execute(&mut *tx)
        .await?;
    for some in tails.chunks(ROWS) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO tails (series_id, sealed_ms, newest_ms, rolled_ms, body) ",
        );
        query.push_values(some, |mut row, tail| {
            row.push_bind(tail.series)
                .push_bind(tail.sealed)
                .push_bind(tail.newest)
                .push_bind(tail.rolled)
                .push_bind(body(tail.series, &tail.points));
        });
        query.build().execute(&mut *tx).await?;
    }
    Ok(())
}
