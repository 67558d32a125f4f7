//! Reading: series by their labels, over a stretch of time, as of one moment.

use deckwatch_domain::Timestamp;
use deckwatch_promql::Matcher;
use deckwatch_promql::labels::METRIC_NAME;
use futures_util::TryStreamExt;
use sqlx::{Connection, Row, SqliteConnection};
use tokio::sync::Mutex;

use super::head::Head;
use super::index::{Entry, Index};
use super::rollup::{self, Resolution};
use super::{SampleStore, StoreError, chunks, open};
use crate::chunk::Point;
use crate::sample::{Labels, label};

/// Chunks that are decoded where they are read; more of them go to a thread of their own.
const FEW: usize = 64;

/// Which series.
#[derive(Clone, PartialEq, Debug)]
pub struct Selector {
    /// All must be met. The metric's name is the label `__name__`.
    pub matchers: Vec<Matcher>,
}

impl Selector {
    /// The series of this name whose labels have these values; the empty value also matches an
    /// absent label.
    pub fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let named = [(METRIC_NAME, name)];
        let pairs = named.iter().chain(labels);
        Selector {
            matchers: pairs.map(|(n, v)| Matcher::equal(n, v)).collect(),
        }
    }
}

/// One series' points, in order of time.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    pub name: String,
    pub labels: Labels,
    pub points: Vec<(Timestamp, f64)>,
}

impl Series {
    /// The value of one label; empty when absent.
    pub fn label(&self, name: &str) -> &str {
        label(&self.labels, name)
    }
}

/// A connection for reading, and what it knows of the file.
pub(super) struct Reader {
    pub connection: SqliteConnection,
    pub index: Index,
    head: Head,
    state: State,
}

/// What the file says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct State {
    generation: i64,
    folds: i64,
    /// No folded sample is newer.
    pub folded_to: i64,
    /// Before, there are rollups only; and before the other, only those of an hour.
    pub raw_from: i64,
    pub fine_from: i64,
    last_id: i64,
    last_seq: i64,
}

/// A chunk as it lies in the file.
struct Found {
    place: usize,
    id: i64,
    rolled: bool,
    from: i64,
    to: i64,
    body: Vec<u8>,
}

/// Everything that a read needs, out of the file.
struct Gathered {
    series: Vec<Series>,
    chunks: Vec<Found>,
    head: Vec<Vec<Point>>,
}

impl Reader {
    pub fn new(connection: SqliteConnection) -> Self {
        Reader {
            connection,
            index: Index::default(),
            head: Head::default(),
            state: State {
                generation: -1,
                ..State::default()
            },
        }
    }

    /// What looking up needs: no samples.
    pub fn parts(&mut self) -> (&mut SqliteConnection, &mut Index, &mut State) {
        (&mut self.connection, &mut self.index, &mut self.state)
    }
}

impl SampleStore {
    /// The matching series and their points from `from` to `to`, both included. Series without a
    /// point in that stretch are left out; the rest are sorted by name and labels.
    ///
    /// Where the points themselves are no longer kept, those that stand for them are given.
    pub async fn range(
        &self,
        selector: &Selector,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Series>, StoreError> {
        let matchers = &selector.matchers;
        let most = self.options.most_points;
        self.collect(&self.reader, matchers, (from, to), Resolution::Raw, most)
            .await
    }

    /// As [`SampleStore::range`], for queries: on a connection of their own, so that nobody waits
    /// for them, with points that stand for many where they suffice, and five times as many of them.
    pub async fn select(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
        resolution: Resolution,
    ) -> Result<Vec<Series>, StoreError> {
        let most = self.options.most_points.saturating_mul(5);
        self.collect(self.bulk().await?, matchers, (from, to), resolution, most)
            .await
    }

    /// How closely samples from a moment on are held: what is older is held as rollups.
    pub async fn closest_since(&self, from: Timestamp) -> Result<Resolution, StoreError> {
        let mut reader = self.bulk().await?.lock().await;
        let (raw, fine): (i64, i64) = sqlx::query_as("SELECT raw_from_ms, fine_from_ms FROM state")
            .fetch_one(&mut reader.connection)
            .await
            .map_err(|error| self.error(error))?;
        Ok(match from.as_millis() {
            at if at < fine => Resolution::Hour,
            at if at < raw => Resolution::FiveMinutes,
            _ => Resolution::Raw,
        })
    }

    pub(super) async fn bulk(&self) -> Result<&Mutex<Reader>, StoreError> {
        let open = || async {
            let connection = open::for_reading(&self.path, &self.options).await?;
            Ok(Mutex::new(Reader::new(connection)))
        };
        self.bulk.get_or_try_init(open).await
    }

    async fn collect(
        &self,
        reader: &Mutex<Reader>,
        matchers: &[Matcher],
        (from, to): (Timestamp, Timestamp),
        resolution: Resolution,
        most: usize,
    ) -> Result<Vec<Series>, StoreError> {
        let span = (from.as_millis(), to.as_millis());
        let gathered = {
            let mut reader = reader.lock().await;
            self.gather(&mut reader, matchers, span, resolution).await?
        };
        let (series, damaged) = if gathered.chunks.len() <= FEW {
            put_together(gathered, span, most)?
        } else {
            let work = move || put_together(gathered, span, most);
            let done = tokio::task::spawn_blocking(work).await;
            done.map_err(|error| StoreError::Failed {
                path: self.path.clone(),
                why: error.to_string(),
            })??
        };
        for (id, from, to) in damaged {
            self.damaged(id, from, to);
        }
        Ok(series)
    }

    async fn gather(
        &self,
        reader: &mut Reader,
        matchers: &[Matcher],
        (from, to): (i64, i64),
        resolution: Resolution,
    ) -> Result<Gathered, StoreError> {
        let Reader {
            connection,
            index,
            head,
            state,
        } = reader;
        let wrong = |error| self.error(error);
        let mut tx = connection.begin().await.map_err(wrong)?;
        self.catch_up(&mut tx, index, Some(head), state).await?;
        let entries = index.matching(matchers);
        let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        let mut chunks = Vec::new();
        // What decides asks for the last seconds, and those are in the log.
        if from <= state.folded_to && !ids.is_empty() {
            let list = serde_json::to_string(&ids).unwrap_or_default();
            for (level, from, to) in resolution.levels(state, from, to) {
                read_chunks(
                    &mut tx,
                    &list,
                    &ids,
                    (level, resolution),
                    (from, to),
                    &mut chunks,
                )
                .await
                .map_err(wrong)?;
            }
            read_tails(&mut tx, &list, &ids, from, &mut chunks)
                .await
                .map_err(wrong)?;
        }
        tx.commit().await.map_err(wrong)?;
        let series = entries.iter().map(|entry| Series {
            name: entry.name.clone(),
            labels: entry.labels.clone(),
            points: Vec::new(),
        });
        Ok(Gathered {
            series: series.collect(),
            head: ids.iter().map(|id| head.within(*id, from, to)).collect(),
            chunks,
        })
    }

    /// Brings index and head up to the snapshot that `tx` sees.
    pub(super) async fn catch_up(
        &self,
        tx: &mut SqliteConnection,
        index: &mut Index,
        head: Option<&mut Head>,
        state: &mut State,
    ) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let row = sqlx::query(
            "SELECT generation, folds, folded_to_ms, raw_from_ms, fine_from_ms,
                    (SELECT max(id) FROM series), (SELECT max(seq) FROM log) FROM state",
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(wrong)?;
        let number = |place: usize| row.try_get::<Option<i64>, _>(place);
        let get = |place: usize| number(place).map(Option::unwrap_or_default).map_err(wrong);
        let now = State {
            generation: get(0)?,
            folds: get(1)?,
            folded_to: get(2)?,
            raw_from: get(3)?,
            fine_from: get(4)?,
            last_id: get(5)?,
            last_seq: get(6)?,
        };
        if now.generation != state.generation {
            index.clear();
        }
        if now.last_id > index.last_id() {
            self.read_series(tx, index).await?;
        }
        if let Some(head) = head {
            if now.folds != state.folds {
                head.clear();
            }
            if now.last_seq > head.seq {
                self.read_log(tx, head).await?;
            }
            // Only who reads the log may say that it has been read.
            state.folds = now.folds;
        }
        *state = State {
            folds: state.folds,
            ..now
        };
        Ok(())
    }

    async fn read_series(
        &self,
        tx: &mut SqliteConnection,
        index: &mut Index,
    ) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let mut rows = sqlx::query("SELECT id, name, labels FROM series WHERE id > ? ORDER BY id")
            .bind(index.last_id())
            .fetch(tx);
        while let Some(row) = rows.try_next().await.map_err(wrong)? {
            let name: String = row.try_get(1).map_err(wrong)?;
            let text: &str = row.try_get(2).map_err(wrong)?;
            let labels = serde_json::from_str(text).map_err(|_| StoreError::Corrupt {
                path: self.path.clone(),
                why: format!("unreadable labels of a series {name}"),
            })?;
            let id = row.try_get(0).map_err(wrong)?;
            index.add(Entry { id, name, labels });
        }
        Ok(())
    }

    async fn read_log(&self, tx: &mut SqliteConnection, head: &mut Head) -> Result<(), StoreError> {
        let wrong = |error| self.error(error);
        let mut rows = sqlx::query("SELECT seq, payload FROM log WHERE seq > ? ORDER BY seq")
            .bind(head.seq)
            .fetch(tx);
        while let Some(row) = rows.try_next().await.map_err(wrong)? {
            let payload: &[u8] = row.try_get(1).map_err(wrong)?;
            if !head.add(row.try_get(0).map_err(wrong)?, payload) {
                self.damaged(-1, i64::MIN, i64::MAX);
            }
        }
        Ok(())
    }
}

async fn read_chunks(
    tx: &mut SqliteConnection,
    list: &str,
    ids: &[i64],
    (level, resolution): (i64, Resolution),
    (from, to): (i64, i64),
    found: &mut Vec<Found>,
) -> Result<(), sqlx::Error> {
    // Beside rollups only what is not in them yet is read.
    let text = if level == chunks::RAW && resolution != Resolution::Raw {
        "SELECT c.series_id, c.from_ms, c.to_ms, c.body FROM json_each(?1) AS ids
         CROSS JOIN tails AS t ON t.series_id = ids.value
         CROSS JOIN chunks AS c INDEXED BY chunks_in_time
         ON c.series_id = ids.value AND c.level = ?2 AND c.to_ms >= max(?3, t.rolled_ms)
            AND c.from_ms <= ?4"
    } else {
        "SELECT c.series_id, c.from_ms, c.to_ms, c.body FROM json_each(?1) AS ids
         CROSS JOIN chunks AS c INDEXED BY chunks_in_time
         ON c.series_id = ids.value AND c.level = ?2 AND c.to_ms >= ?3 AND c.from_ms <= ?4"
    };
    let mut rows = sqlx::query(text)
        .bind(list)
        .bind(level)
        .bind(from)
        .bind(to)
        .fetch(tx);
    while let Some(row) = rows.try_next().await? {
        let id: i64 = row.try_get(0)?;
        if let Ok(place) = ids.binary_search(&id) {
            found.push(Found {
                place,
                id,
                rolled: level != chunks::RAW,
                from: row.try_get(1)?,
                to: row.try_get(2)?,
                body: row.try_get(3)?,
            });
        }
    }
    Ok(())
}

async fn read_tails(
    tx: &mut SqliteConnection,
    list: &str,
    ids: &[i64],
    from: i64,
    found: &mut Vec<Found>,
) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::query(
        "SELECT t.series_id, t.sealed_ms, t.newest_ms, t.body FROM json_each(?1) AS ids
         CROSS JOIN tails AS t ON t.series_id = ids.value WHERE t.newest_ms >= ?2",
    )
    .bind(list)
    .bind(from)
    .fetch(tx);
    while let Some(row) = rows.try_next().await? {
        let id: i64 = row.try_get(0)?;
        if let Ok(place) = ids.binary_search(&id) {
            found.push(Found {
                place,
                id,
                rolled: false,
                from: row.try_get(1)?,
                to: row.try_get(2)?,
                body: row.try_get(3)?,
            });
        }
    }
    Ok(())
}

type Damaged = Vec<(i64, i64, i64)>;

/// Decodes and merges. Later sources win where they speak of the same moment.
fn put_together(
    gathered: Gathered,
    (from, to): (i64, i64),
    most: usize,
) -> Result<(Vec<Series>, Damaged), StoreError> {
    let Gathered {
        mut series,
        chunks: mut found,
        head,
    } = gathered;
    // Each series' chunks together, in the order they were read: coarse before fine, tails last.
    found.sort_by_key(|chunk| chunk.place);
    let mut found = found.into_iter().peekable();
    let mut damaged = Vec::new();
    let mut total = 0;
    for (place, (series, head)) in series.iter_mut().zip(head).enumerate() {
        let mut points: Vec<Point> = Vec::new();
        while let Some(chunk) = found.next_if(|chunk| chunk.place == place) {
            let added = match chunk.rolled {
                false => chunks::points(chunk.id, &chunk.body),
                true => rollup::points(chunk.id, &chunk.body),
            };
            let Some(mut added) = added else {
                damaged.push((chunk.id, chunk.from, chunk.to));
                continue;
            };
            if chunk.from < from || chunk.to > to {
                let first = added.partition_point(|(at, _)| *at < from);
                added.truncate(added.partition_point(|(at, _)| *at <= to));
                added.drain(..first.min(added.len()));
            }
            points.append(&mut added);
        }
        points.extend(head);
        chunks::settle(&mut points);
        total += points.len();
        if total > most {
            return Err(StoreError::TooMuch {
                what: "more points than one read may return; ask for less time".into(),
                limit: most as u64,
            });
        }
        let points = points.into_iter();
        series.points = points
            .map(|(at, v)| (Timestamp::from_millis(at), v))
            .collect();
    }
    series.retain(|series| !series.points.is_empty());
    series.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    Ok((series, damaged))
}
