//! Several columns of values beside the same moments: what a rollup is made of.

use super::bits::{Bytes, put_varint};
use super::{ChunkError, FORMAT, MOST, floats, header, integers};

/// Moments, and for each column one value a moment.
pub type Columns<const N: usize> = (Vec<i64>, [Vec<f64>; N]);

/// Encodes columns of the same length, at most [`MOST`].
///
/// # Errors
/// [`ChunkError::Long`] with more rows; [`ChunkError::Nonsense`] where lengths differ.
pub fn write_columns<const N: usize>(
    times: &[i64],
    columns: &[Vec<f64>; N],
) -> Result<Vec<u8>, ChunkError> {
    if times.len() > MOST {
        return Err(ChunkError::Long(times.len() as u64));
    }
    if columns.iter().any(|column| column.len() != times.len()) {
        return Err(ChunkError::Nonsense);
    }
    let mut out = vec![FORMAT];
    put_varint(&mut out, times.len() as u64);
    integers::write(&mut out, times);
    for column in columns {
        floats::write(&mut out, column);
    }
    Ok(out)
}

/// Decodes what [`write_columns`] wrote, if it has as many columns.
///
/// # Errors
/// What is wrong with the bytes.
pub fn read_columns<const N: usize>(bytes: &[u8]) -> Result<Columns<N>, ChunkError> {
    let mut bytes = Bytes::new(bytes);
    let count = header(&mut bytes)?;
    let times = integers::read(&mut bytes, count)?;
    let mut columns: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for column in &mut columns {
        floats::read(&mut bytes, count, |value| column.push(value))?;
    }
    if !bytes.is_empty() {
        return Err(ChunkError::Nonsense);
    }
    Ok((times, columns))
}
