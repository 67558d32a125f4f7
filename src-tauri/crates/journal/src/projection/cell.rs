//! What goes into a projection's tables and comes out of them, without the database's own types.

use deckwatch_domain::Timestamp;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Row as _, Sqlite, TypeInfo as _, ValueRef as _};

use crate::error::JournalError;
use crate::sqlite::fault;

/// One value.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<i64> for Cell {
    fn from(n: i64) -> Self {
        Cell::Int(n)
    }
}
impl From<u64> for Cell {
    /// Beyond what a table can count to, the largest it can.
    fn from(n: u64) -> Self {
        Cell::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}
impl From<f64> for Cell {
    fn from(n: f64) -> Self {
        Cell::Real(n)
    }
}
impl From<bool> for Cell {
    fn from(b: bool) -> Self {
        Cell::Int(b.into())
    }
}
impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}
impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}
impl From<&[u8]> for Cell {
    fn from(bytes: &[u8]) -> Self {
        Cell::Bytes(bytes.to_vec())
    }
}
impl From<Timestamp> for Cell {
    /// Milliseconds since 1970.
    fn from(moment: Timestamp) -> Self {
        Cell::Int(moment.as_millis())
    }
}
impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}

/// One row of an answer. A column that is not there, or of another type, is `None`.
#[derive(Clone, PartialEq, Debug)]
pub struct Cells(pub Vec<Cell>);

impl Cells {
    pub fn int(&self, column: usize) -> Option<i64> {
        match self.0.get(column)? {
            Cell::Int(n) => Some(*n),
            _ => None,
        }
    }

    pub fn real(&self, column: usize) -> Option<f64> {
        match self.0.get(column)? {
            Cell::Real(n) => Some(*n),
            Cell::Int(n) => Some(*n as f64),
            _ => None,
        }
    }

    pub fn text(&self, column: usize) -> Option<&str> {
        match self.0.get(column)? {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn bytes(&self, column: usize) -> Option<&[u8]> {
        match self.0.get(column)? {
            Cell::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn moment(&self, column: usize) -> Option<Timestamp> {
        self.int(column).map(Timestamp::from_millis)
    }

    /// A number that cannot be negative.
    pub fn count(&self, column: usize) -> Result<u64, JournalError> {
        self.int(column)
            .and_then(|n| u64::try_from(n).ok())
            .ok_or_else(|| JournalError::corrupt("a projection's row cannot be read"))
    }
}

/// An open transaction on the projections' file. Questions are fixed text; what varies goes in as
/// arguments.
pub struct ProjectionTx<'c> {
    conn: &'c mut SqliteConnection,
}

impl<'c> ProjectionTx<'c> {
    pub(crate) fn new(conn: &'c mut SqliteConnection) -> Self {
        ProjectionTx { conn }
    }

    /// Answers how many rows were touched.
    pub async fn execute(
        &mut self,
        sql: &'static str,
        arguments: &[Cell],
    ) -> Result<u64, JournalError> {
        let done = bind(sql, arguments)
            .execute(&mut *self.conn)
            .await
            .map_err(fault)?;
        Ok(done.rows_affected())
    }

    pub async fn rows(
        &mut self,
        sql: &'static str,
        arguments: &[Cell],
    ) -> Result<Vec<Cells>, JournalError> {
        let rows = bind(sql, arguments)
            .fetch_all(&mut *self.conn)
            .await
            .map_err(fault)?;
        rows.iter()
            .map(cells)
            .collect::<Result<_, sqlx::Error>>()
            .map_err(fault)
    }
}

fn bind(
    sql: &'static str,
    arguments: &[Cell],
) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    arguments
        .iter()
        .fold(sqlx::query(sql), |query, argument| match argument {
            Cell::Null => query.bind(None::<i64>),
            Cell::Int(n) => query.bind(*n),
            Cell::Real(n) => query.bind(*n),
            Cell::Text(text) => query.bind(text.clone()),
            Cell::Bytes(bytes) => query.bind(bytes.clone()),
        })
}

fn cells(row: &SqliteRow) -> Result<Cells, sqlx::Error> {
    (0..row.len())
        .map(|column| {
            let raw = row.try_get_raw(column)?;
            Ok(match raw.type_info().name() {
                "NULL" => Cell::Null,
                "INTEGER" | "BOOLEAN" => Cell::Int(row.try_get_unchecked(column)?),
                "REAL" => Cell::Real(row.try_get_unchecked(column)?),
                "BLOB" => Cell::Bytes(row.try_get_unchecked(column)?),
                _ => Cell::Text(row.try_get_unchecked(column)?),
            })
        })
        .collect::<Result<_, _>>()
        .map(Cells)
}
