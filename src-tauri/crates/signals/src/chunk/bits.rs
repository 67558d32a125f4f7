//! Bytes and bits, read without trusting that they are there.

use super::ChunkError;

/// Seven bits a byte, the lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small numbers of either sign become small numbers.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// A cursor over bytes.
pub(crate) struct Bytes<'b> {
    rest: &'b [u8],
}

impl<'b> Bytes<'b> {
    pub fn new(rest: &'b [u8]) -> Self {
        Bytes { rest }
    }

    pub fn byte(&mut self) -> Result<u8, ChunkError> {
        let (first, rest) = self.rest.split_first().ok_or(ChunkError::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    pub fn varint(&mut self) -> Result<u64, ChunkError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ChunkError::Nonsense)
    }

    pub fn take(&mut self, count: usize) -> Result<&'b [u8], ChunkError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ChunkError::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn eight(&mut self) -> Result<u64, ChunkError> {
        let taken = self.take(8)?.try_into().map_err(|_| ChunkError::Short)?;
        Ok(u64::from_le_bytes(taken))
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Bits, the highest of each byte first.
#[derive(Default)]
pub(crate) struct BitWriter {
    out: Vec<u8>,
    /// Bits not yet in `out`, at the lower end; fewer than eight between calls.
    held: u64,
    count: u32,
}

impl BitWriter {
    /// The lower `count` bits of `value`.
    pub fn put(&mut self, value: u64, count: u32) {
        if count > 32 {
            self.put_few(value >> 32, count - 32);
            self.put_few(value & 0xffff_ffff, 32);
        } else {
            self.put_few(value, count);
        }
    }

    fn put_few(&mut self, value: u64, count: u32) {
        let value = value & ((1_u64 << count) - 1);
        self.held = self.held << count | value;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.out.push((self.held >> self.count) as u8);
        }
        self.held &= (1 << self.count) - 1;
    }

    /// The bytes, the last one filled up with zeros.
    pub fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.put_few(0, 8 - self.count);
        }
        self.out
    }
}

/// Reads what [`BitWriter`] wrote.
pub(crate) struct BitReader<'b> {
    rest: &'b [u8],
    /// The next bits, at the upper end; zeros below `count`.
    held: u64,
    count: u32,
}

impl<'b> BitReader<'b> {
    pub fn new(rest: &'b [u8]) -> Self {
        BitReader {
            rest,
            held: 0,
            count: 0,
        }
    }

    /// Holds at least 56 bits, or all that are left.
    #[inline]
    fn refill(&mut self) {
        if let Some(eight) = self.rest.first_chunk::<8>() {
            self.held |= u64::from_be_bytes(*eight) >> self.count;
            let whole = (63 - self.count) / 8;
            self.rest = &self.rest[whole as usize..];
            self.count += whole * 8;
            // What lies below the count is read again later; it must be zero until then.
            self.held &= !(u64::MAX.checked_shr(self.count).unwrap_or(0));
            return;
        }
        while self.count <= 56
            && let Some((first, rest)) = self.rest.split_first()
        {
            self.held |= u64::from(*first) << (56 - self.count);
            self.count += 8;
            self.rest = rest;
        }
    }

    /// The next `count` bits, 64 at most.
    #[inline]
    pub fn get(&mut self, count: u32) -> Result<u64, ChunkError> {
        if count > 32 {
            let upper = self.get_few(count - 32)?;
            return Ok(upper << 32 | self.get_few(32)?);
        }
        self.get_few(count)
    }

    #[inline]
    fn get_few(&mut self, count: u32) -> Result<u64, ChunkError> {
        if count == 0 {
            return Ok(0);
        }
        if self.count < count {
            self.refill();
            if self.count < count {
                return Err(ChunkError::Short);
            }
        }
        let value = self.held >> (64 - count);
        self.held <<= count;
        self.count -= count;
        Ok(value)
    }

    /// A number whose upper part is told by zeros before a one, fewer than `most`, and whose lower
    /// `k` bits follow; none if there are `most` zeros, which are passed.
    #[inline]
    pub fn rice(&mut self, k: u32, most: u32) -> Result<Option<u64>, ChunkError> {
        if self.count < 56 {
            self.refill();
        }
        let zeros = self.held.leading_zeros();
        let passed = zeros + 1;
        if zeros < most && passed + k <= self.count {
            let rest = self.held << passed;
            // Nothing to be taken is no shift by a whole word.
            let lower = if k == 0 { 0 } else { rest >> (64 - k) };
            self.held = rest << k;
            self.count -= passed + k;
            return Ok(Some(u64::from(zeros) << k | lower));
        }
        self.rice_across(k, most)
    }

    /// The same where it does not lie within what is held.
    fn rice_across(&mut self, k: u32, most: u32) -> Result<Option<u64>, ChunkError> {
        let zeros = self.held.leading_zeros().min(most);
        let passed = if zeros == most { most } else { zeros + 1 };
        if passed > self.count {
            return Err(ChunkError::Short);
        }
        self.held <<= passed;
        self.count -= passed;
        if zeros == most {
            return Ok(None);
        }
        Ok(Some(u64::from(zeros) << k | self.get(k)?))
    }
}
