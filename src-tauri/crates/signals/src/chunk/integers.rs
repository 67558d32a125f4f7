//! Integers in order: what differs from a steady course, each in as many bits as it needs.
//!
//! The course is the value before (order 1) or the step before (order 2). What remains is taken
//! relative to a base, and written as Rice codes: the upper part in zeros and a one, the lower `k`
//! bits as they are. Base, order and `k` are chosen for the whole column. If nothing remains,
//! nothing is written.

use super::ChunkError;
use super::bits::{BitReader, BitWriter, Bytes, put_varint, unzigzag, zigzag};

/// So many zeros say that the value follows with its length instead.
const ESCAPE: u32 = 20;
/// `k` of a column in which nothing remains.
const NOTHING: u8 = 63;
/// Values of which the middle is taken.
const SAMPLED: usize = 48;
const SECOND: u8 = 0x80;
const SIGNED: u8 = 0x40;

/// How the remainders of a column are written, and at what cost.
struct Plan {
    head: u8,
    base: i64,
    k: u32,
    bits: u64,
}

pub(super) fn write(out: &mut Vec<u8>, values: &[i64]) {
    let Some(first) = values.first() else {
        return;
    };
    put_varint(out, zigzag(*first));
    let steps = differences(values);
    let Some(step) = steps.first() else {
        return;
    };
    let bends = differences(&steps);
    let (one, two) = (plan(&steps, 0), plan(&bends, SECOND));
    let (plan, remaining) = if two.bits < one.bits {
        (two, &bends)
    } else {
        (one, &steps)
    };
    out.push(plan.head | plan.k as u8);
    if plan.head & SECOND != 0 {
        put_varint(out, zigzag(*step));
    }
    put_varint(out, zigzag(plan.base));
    if plan.k != u32::from(NOTHING) {
        let mut bits = BitWriter::default();
        for value in remaining {
            put(&mut bits, relative(*value, &plan), plan.k);
        }
        let bits = bits.finish();
        put_varint(out, bits.len() as u64);
        out.extend(bits);
    }
}

fn differences(values: &[i64]) -> Vec<i64> {
    let pairs = values.windows(2);
    pairs.map(|pair| pair[1].wrapping_sub(pair[0])).collect()
}

fn relative(value: i64, plan: &Plan) -> u64 {
    let apart = value.wrapping_sub(plan.base);
    match plan.head & SIGNED {
        0 => apart as u64,
        _ => zigzag(apart),
    }
}

/// The cheaper of two bases: the least value, or the middle one with signs around it.
fn plan(values: &[i64], head: u8) -> Plan {
    let Some(least) = values.iter().min() else {
        return Plan {
            head,
            base: 0,
            k: u32::from(NOTHING),
            bits: 0,
        };
    };
    // The middle of some of them is close enough.
    let few = values.len().div_ceil(SAMPLED);
    let mut order: Vec<i64> = values.iter().step_by(few).copied().collect();
    let half = order.len() / 2;
    let (_, middle, _) = order.select_nth_unstable(half);
    let over = priced(values, head, *least);
    let around = priced(values, head | SIGNED, *middle);
    if around.bits < over.bits {
        around
    } else {
        over
    }
}

fn priced(values: &[i64], head: u8, base: i64) -> Plan {
    let mut plan = Plan {
        head,
        base,
        k: u32::from(NOTHING),
        bits: 0,
    };
    // How many remainders have how many bits: enough to tell the cost of each k closely.
    let mut lengths = [0_u64; 65];
    for value in values {
        lengths[(64 - relative(*value, &plan).leading_zeros()) as usize] += 1;
    }
    if lengths[0] == values.len() as u64 {
        return plan;
    }
    let used: Vec<(u32, u64)> = (0_u32..).zip(lengths).filter(|(_, n)| *n > 0).collect();
    let cost = |k: u32| -> u64 { used.iter().map(|(length, n)| n * price(*length, k)).sum() };
    // Longer than the longest does not pay; more than 56 would not fit beside the flags.
    let longest = used.last().map_or(0, |(length, _)| *length).min(56);
    let best = (0..=longest).map(|k| (cost(k), k)).min();
    (plan.bits, plan.k) = best.unwrap_or((0, 0));
    plan
}

/// About what a remainder of so many bits costs.
fn price(length: u32, k: u32) -> u64 {
    if length <= k {
        return u64::from(1 + k);
    }
    let above = length - k - 1;
    // The upper part lies between 2^above and twice that.
    let zeros = if above >= 5 {
        u64::from(ESCAPE)
    } else {
        3 << above >> 1
    };
    if zeros >= u64::from(ESCAPE) {
        return u64::from(ESCAPE + 6 + length);
    }
    zeros.max(1) + 1 + u64::from(k)
}

fn put(bits: &mut BitWriter, value: u64, k: u32) {
    let upper = value >> k;
    if upper < u64::from(ESCAPE) {
        bits.put(1, upper as u32 + 1);
        bits.put(value, k);
    } else {
        let length = 64 - value.leading_zeros();
        bits.put(0, ESCAPE);
        bits.put(u64::from(length - 1), 6);
        bits.put(value, length);
    }
}

#[inline]
fn get(bits: &mut BitReader<'_>, k: u32) -> Result<u64, ChunkError> {
    match bits.rice(k, ESCAPE)? {
        Some(value) => Ok(value),
        None => {
            let length = bits.get(6)? as u32 + 1;
            bits.get(length)
        }
    }
}

pub(super) fn read(bytes: &mut Bytes<'_>, count: usize) -> Result<Vec<i64>, ChunkError> {
    let mut found = Vec::with_capacity(count);
    read_each(bytes, count, |value| found.push(value))?;
    Ok(found)
}

/// Gives the values one after another to `give`.
pub(super) fn read_each(
    bytes: &mut Bytes<'_>,
    count: usize,
    mut give: impl FnMut(i64),
) -> Result<(), ChunkError> {
    if count == 0 {
        return Ok(());
    }
    let mut value = unzigzag(bytes.varint()?);
    give(value);
    if count == 1 {
        return Ok(());
    }
    let head = bytes.byte()?;
    let k = head & 0x3f;
    if k != NOTHING && k > 56 {
        return Err(ChunkError::Nonsense);
    }
    let mut step = 0_i64;
    let mut left = count - 1;
    if head & SECOND != 0 {
        step = unzigzag(bytes.varint()?);
        value = value.wrapping_add(step);
        give(value);
        left -= 1;
    }
    let base = unzigzag(bytes.varint()?);
    let packed = match k {
        NOTHING => &[],
        _ => {
            let length = usize::try_from(bytes.varint()?).map_err(|_| ChunkError::Short)?;
            bytes.take(length)?
        }
    };
    let course = Course {
        value,
        step,
        base,
        left,
    };
    let second = head & SECOND != 0;
    if k == NOTHING {
        return follow(course, second, || Ok(0), give);
    }
    let mut bits = BitReader::new(packed);
    let k = u32::from(k);
    match head & SIGNED {
        0 => follow(course, second, || Ok(get(&mut bits, k)? as i64), give),
        _ => follow(course, second, || Ok(unzigzag(get(&mut bits, k)?)), give),
    }
}

/// Where a column stands while it is read.
struct Course {
    value: i64,
    step: i64,
    base: i64,
    left: usize,
}

#[inline(always)]
fn follow(
    course: Course,
    second: bool,
    mut apart: impl FnMut() -> Result<i64, ChunkError>,
    mut give: impl FnMut(i64),
) -> Result<(), ChunkError> {
    let Course {
        mut value,
        mut step,
        base,
        left,
    } = course;
    for _ in 0..left {
        let apart = base.wrapping_add(apart()?);
        step = if second {
            step.wrapping_add(apart)
        } else {
            apart
        };
        value = value.wrapping_add(step);
        give(value);
    }
    Ok(())
}
