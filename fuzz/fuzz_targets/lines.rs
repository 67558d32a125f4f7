//! Mutates documents of one JSON object a line without leaving JSON most of the time: bytes changed
//! at random are almost never read, and what is behind the reading would not be reached.

/// What numbers are replaced by: where widths end and signs turn.
const NUMBERS: [&str; 12] = [
    "0",
    "1",
    "2",
    "-1",
    "99",
    "101",
    "255",
    "4294967295",
    "9223372036854775807",
    "18446744073709551615",
    "1e308",
    "0.5",
];
/// What strings are replaced by: spans and moments, of which documents are full.
const WORDS: [&str; 8] = [
    "\"0s\"",
    "\"1ms\"",
    "\"3660d\"",
    "\"59s\"",
    "\"0001-01-01T00:00:00.000Z\"",
    "\"9999-12-30T22:00:00.000Z\"",
    "\"\"",
    "null",
];

/// Numbers without a pattern, from the fuzzer's seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`, which is above zero.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Changes `data[..size]` in place and says how long it is now.
pub fn mutate(data: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
    let mut chance = Chance(seed.into());
    let kind = chance.below(8);
    let after = match kind {
        0..=3 => whole_lines(&data[..size], kind, &mut chance),
        4..=5 => one_value(&data[..size], &mut chance),
        _ => None,
    };
    match after {
        Some(after) if after.len() <= most.min(data.len()) => {
            data[..after.len()].copy_from_slice(&after);
            after.len()
        }
        _ => libfuzzer_sys::fuzzer_mutate(data, size, most),
    }
}

/// Removes, repeats, swaps or moves whole lines.
fn whole_lines(data: &[u8], kind: usize, chance: &mut Chance) -> Option<Vec<u8>> {
    let mut lines: Vec<&[u8]> = data.split(|b| *b == b'\n').collect();
    if lines.len() < 2 {
        return None;
    }
    let (from, to) = (chance.below(lines.len()), chance.below(lines.len()));
    match kind {
        0 => {
            lines.remove(from);
        }
        1 => lines.insert(to, lines[from]),
        2 => lines.swap(from, to),
        _ => {
            let line = lines.remove(from);
            lines.insert(to.min(lines.len()), line);
        }
    }
    Some(lines.join(&b'\n'))
}

/// Replaces a number, or a whole string, by one that is hard to bear.
fn one_value(data: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    let begins = |at: usize| -> bool {
        let after_colon = at > 0 && data[at - 1] == b':';
        after_colon && (data[at] == b'"' || data[at].is_ascii_digit())
    };
    let places: Vec<usize> = (0..data.len()).filter(|at| begins(*at)).collect();
    let from = *places.get(chance.below(places.len().max(1)))?;
    let is_string = data[from] == b'"';
    let rest = &data[from + 1..];
    let length = match is_string {
        true => rest.iter().position(|b| *b == b'"')? + 1,
        false => rest.iter().take_while(|b| b.is_ascii_digit()).count(),
    };
    let new = match is_string {
        true => WORDS[chance.below(WORDS.len())],
        false => NUMBERS[chance.below(NUMBERS.len())],
    };
    let mut after = data[..from].to_vec();
    after.extend_from_slice(new.as_bytes());
    after.extend_from_slice(&rest[length..]);
    Some(after)
}
