//! Values: scaled to integers where that gives every bit back, else by exclusive or.

use super::ChunkError;
use super::bits::{BitReader, BitWriter, Bytes, put_varint};
use super::integers;

const XOR: u8 = 0;
const SCALED: u8 = 1;
/// Integers up to here are exact in a float.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Powers of ten that are exact themselves, as far as readings go.
const SCALES: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// How many values are looked at before a scale is tried on all.
const PROBES: usize = 16;

pub(super) fn write(out: &mut Vec<u8>, values: &[f64]) {
    let short = scaled(values);
    // Hardly anything is shorter than a byte and a half each: it is not tried.
    if let Some(short) = short.as_ref().filter(|s| s.len() * 2 <= values.len() * 3) {
        out.push(SCALED);
        out.extend(short);
        return;
    }
    let plain = xored(values);
    if let Some(short) = short.filter(|short| short.len() <= plain.len()) {
        out.push(SCALED);
        out.extend(short);
        return;
    }
    out.push(XOR);
    put_varint(out, plain.len() as u64);
    out.extend(plain);
}

/// The integer that stands for a value at a scale, if it gives back the very same bits.
fn whole(value: f64, scale: f64) -> Option<i64> {
    let up = (value * scale).round();
    if up.abs() >= EXACT || up.is_nan() {
        return None;
    }
    let whole = up as i64;
    (back(whole, scale).to_bits() == value.to_bits()).then_some(whole)
}

#[inline]
fn back(whole: i64, scale: f64) -> f64 {
    whole as f64 / scale
}

/// Exponent, trailing zeros that all share, the values that do not fit (stale markers, say) with
/// their places, then the column. None where too many do not fit.
fn scaled(values: &[f64]) -> Option<Vec<u8>> {
    let probes = values.iter().filter(|v| v.is_finite()).take(PROBES);
    let probes: Vec<f64> = probes.copied().collect();
    let fits = |scale: f64| {
        let misfits = probes.iter().filter(|v| whole(**v, scale).is_none());
        misfits.count() * PROBES <= probes.len()
    };
    let exponent = SCALES.iter().position(|scale| fits(*scale))?;
    let scale = SCALES[exponent];
    let mut misfits = Vec::new();
    let mut column = Vec::with_capacity(values.len());
    let mut last = values.iter().find_map(|v| whole(*v, scale)).unwrap_or(0);
    let mut used = 0_i64;
    for (place, value) in values.iter().enumerate() {
        match whole(*value, scale) {
            Some(whole) => last = whole,
            None => misfits.push((place, value.to_bits())),
        }
        used |= last;
        column.push(last);
    }
    if misfits.len() * PROBES > values.len() {
        return None;
    }
    let shift = used.trailing_zeros().min(62);
    column.iter_mut().for_each(|whole| *whole >>= shift);
    let mut out = vec![exponent as u8, shift as u8];
    put_varint(&mut out, misfits.len() as u64);
    let mut before = 0;
    for (place, bits) in misfits {
        put_varint(&mut out, (place - before) as u64);
        out.extend(bits.to_le_bytes());
        before = place;
    }
    integers::write(&mut out, &column);
    Some(out)
}

fn read_scaled(
    bytes: &mut Bytes<'_>,
    count: usize,
    mut give: impl FnMut(f64),
) -> Result<(), ChunkError> {
    let exponent = usize::from(bytes.byte()?);
    let scale = *SCALES.get(exponent).ok_or(ChunkError::Nonsense)?;
    let shift = u32::from(bytes.byte()?);
    if shift > 62 {
        return Err(ChunkError::Nonsense);
    }
    let many = bytes.varint()?;
    if many > count as u64 {
        return Err(ChunkError::Nonsense);
    }
    let mut misfits = Vec::new();
    let mut place = 0_u64;
    for _ in 0..many {
        place = place.wrapping_add(bytes.varint()?);
        misfits.push((place, f64::from_bits(bytes.eight()?)));
    }
    let mut misfits = misfits.into_iter();
    let mut next = misfits.next();
    let mut place = 0_u64;
    integers::read_each(bytes, count, |whole| {
        let whole = whole << shift;
        let mut value = if exponent == 0 {
            whole as f64
        } else {
            back(whole, scale)
        };
        if let Some((at, misfit)) = next
            && at == place
        {
            value = misfit;
            next = misfits.next();
        }
        give(value);
        place += 1;
    })
}

/// One bit for the same value again; else the bits that differ, within the last window if they
/// fit there.
fn xored(values: &[f64]) -> Vec<u8> {
    let mut bits = BitWriter::default();
    let Some(first) = values.first() else {
        return Vec::new();
    };
    let mut last = first.to_bits();
    bits.put(last, 64);
    let (mut lead, mut length) = (0_u32, 0_u32);
    for value in &values[1..] {
        let now = value.to_bits();
        let apart = now ^ last;
        last = now;
        if apart == 0 {
            bits.put(0, 1);
            continue;
        }
        let zeros = apart.leading_zeros().min(31);
        let trail = apart.trailing_zeros();
        if length > 0 && zeros >= lead && trail >= 64 - lead - length {
            bits.put(0b10, 2);
        } else {
            (lead, length) = (zeros, 64 - zeros - trail);
            bits.put(0b11, 2);
            bits.put(u64::from(lead), 5);
            bits.put(u64::from(length - 1), 6);
        }
        bits.put(apart >> (64 - lead - length), length);
    }
    bits.finish()
}

fn read_xored(packed: &[u8], count: usize, mut give: impl FnMut(f64)) -> Result<(), ChunkError> {
    if count == 0 {
        return Ok(());
    }
    let mut bits = BitReader::new(packed);
    let mut last = bits.get(64)?;
    give(f64::from_bits(last));
    let (mut lead, mut length) = (0_u32, 0_u32);
    for _ in 1..count {
        if bits.get(1)? == 1 {
            if bits.get(1)? == 1 {
                lead = bits.get(5)? as u32;
                length = bits.get(6)? as u32 + 1;
            }
            if length == 0 || lead + length > 64 {
                return Err(ChunkError::Nonsense);
            }
            last ^= bits.get(length)? << (64 - lead - length);
        }
        give(f64::from_bits(last));
    }
    Ok(())
}

pub(super) fn read(
    bytes: &mut Bytes<'_>,
    count: usize,
    give: impl FnMut(f64),
) -> Result<(), ChunkError> {
    match bytes.byte()? {
        XOR => {
            let length = usize::try_from(bytes.varint()?).map_err(|_| ChunkError::Short)?;
            read_xored(bytes.take(length)?, count, give)
        }
        SCALED => read_scaled(bytes, count, give),
        _ => Err(ChunkError::Nonsense),
    }
}
