//! Points of one series as few bytes: a chunk. Pure, and total over any bytes.
//!
//! A chunk holds the moments as integers (differences, or differences of differences) and the
//! values in whichever of two ways is shorter: as integers after scaling by a power of ten (counts,
//! bytes, rounded readings), or by exclusive or with the value before, after Pelkonen et al.,
//! "Gorilla: A Fast, Scalable, In-Memory Time Series Database" (VLDB 2015). Both give back every
//! bit, those of NaN included: a stale marker is a NaN with a payload.
//!
//! Reading never panics and never allocates more than [`MOST`] points' worth, whatever the bytes
//! are. Whether they are the bytes that were written is a question for the checksum around them.

mod bits;
mod columns;
mod floats;
mod integers;

pub use columns::{read_columns, write_columns};

use bits::{Bytes, put_varint};

/// Points that one chunk may hold.
pub const MOST: usize = 1 << 16;
const FORMAT: u8 = 1;

/// A moment in milliseconds since 1970, and the value then.
pub type Point = (i64, f64);

/// Why bytes are no chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChunkError {
    #[error("the chunk ends before its points do")]
    Short,
    #[error("the chunk is of an unknown format ({0})")]
    Format(u8),
    #[error("the chunk claims {0} points, more than any can hold")]
    Long(u64),
    #[error("the chunk says what no encoder writes")]
    Nonsense,
}

/// Encodes points, in order of time; at most [`MOST`].
///
/// # Errors
/// [`ChunkError::Long`] with more points.
pub fn encode(points: &[Point]) -> Result<Vec<u8>, ChunkError> {
    if points.len() > MOST {
        return Err(ChunkError::Long(points.len() as u64));
    }
    let mut out = Vec::with_capacity(32 + points.len() * 2);
    out.push(FORMAT);
    put_varint(&mut out, points.len() as u64);
    let times: Vec<i64> = points.iter().map(|(at, _)| *at).collect();
    integers::write(&mut out, &times);
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    floats::write(&mut out, &values);
    Ok(out)
}

/// Decodes what [`encode`] wrote.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<Vec<Point>, ChunkError> {
    let mut found = Vec::new();
    decode_into(bytes, &mut found)?;
    Ok(found)
}

/// As [`decode`], appending to what is there; on an error nothing is appended.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_into(bytes: &[u8], found: &mut Vec<Point>) -> Result<(), ChunkError> {
    let mut bytes = Bytes::new(bytes);
    let count = header(&mut bytes)?;
    let times = integers::read(&mut bytes, count)?;
    let start = found.len();
    found.extend(times.into_iter().map(|at| (at, 0.0)));
    let mut place = start;
    let read = floats::read(&mut bytes, count, |value| {
        if let Some(point) = found.get_mut(place) {
            point.1 = value;
        }
        place += 1;
    });
    if let Err(why) = read {
        found.truncate(start);
        return Err(why);
    }
    Ok(())
}

fn header(bytes: &mut Bytes<'_>) -> Result<usize, ChunkError> {
    match bytes.byte()? {
        FORMAT => {}
        other => return Err(ChunkError::Format(other)),
    }
    let count = bytes.varint()?;
    match usize::try_from(count) {
        Ok(count) if count <= MOST => Ok(count),
        _ => Err(ChunkError::Long(count)),
    }
}

#[cfg(test)]
mod tests;
