//! One write as one row: the open head of the store.

use super::chunks::{sealed, unsealed};
use crate::chunk::Point;

/// The log's rows belong to no series; this is the owner that their checksums name.
const OWNER: i64 = -1;

/// A series and a point of it.
pub(super) type Entry = (i64, Point);

/// Entries as bytes: of each the distance to the series and the moment before, then the value.
pub(super) fn write(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * 11 + 16);
    let (mut series, mut at) = (0_i64, 0_i64);
    for (next, (moment, value)) in entries {
        varint(&mut out, next.wrapping_sub(series));
        varint(&mut out, moment.wrapping_sub(at));
        out.extend(value.to_le_bytes());
        (series, at) = (*next, *moment);
    }
    sealed(OWNER, out)
}

/// What a row says, one entry after another; none if it is damaged.
pub(super) fn read(body: &[u8], mut give: impl FnMut(Entry)) -> Option<()> {
    let mut rest = unsealed(OWNER, body)?;
    let (mut series, mut at) = (0_i64, 0_i64);
    while !rest.is_empty() {
        series = series.wrapping_add(unvarint(&mut rest)?);
        at = at.wrapping_add(unvarint(&mut rest)?);
        let (value, left) = rest.split_first_chunk::<8>()?;
        rest = left;
        give((series, (at, f64::from_le_bytes(*value))));
    }
    Some(())
}

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut value = ((value << 1) ^ (value >> 63)) as u64;
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn unvarint(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_comes_back_bit_by_bit() {
        let stale = f64::from_bits(0x7ff0_0000_0000_0002);
        let entries = [
            (7, (1_770_000_000_000, 1.5)),
            (i64::MAX, (i64::MIN, stale)),
            (1, (i64::MAX, -0.0)),
        ];
        let body = write(&entries);
        let mut found = Vec::new();
        read(&body, |entry| found.push(entry)).unwrap();
        let bits = |e: &Entry| (e.0, e.1.0, e.1.1.to_bits());
        assert!(entries.iter().map(bits).eq(found.iter().map(bits)));
        for place in 0..body.len() {
            let mut torn = body.clone();
            torn[place] ^= 4;
            assert_eq!(read(&torn, |_| {}), None, "{place}");
            assert_eq!(read(&body[..place], |_| {}), None, "{place}");
        }
    }
}
