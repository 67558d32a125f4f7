//! Whatever stands where a chunk of samples should: decoded, or refused by name. What is decoded
//! comes back the same, bit by bit, after being encoded again.
#![no_main]

use deckwatch_signals::chunk::{self, MOST};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((times, columns)) = chunk::read_columns::<4>(bytes) {
        assert!(columns.iter().all(|column| column.len() == times.len()));
    }
    let Ok(points) = chunk::decode(bytes) else {
        return;
    };
    assert!(points.len() <= MOST);
    let again = chunk::encode(&points).expect("as many as were decoded");
    let again = chunk::decode(&again).expect("what was just encoded");
    let bits = |points: &[chunk::Point]| -> Vec<(i64, u64)> {
        points.iter().map(|(at, v)| (*at, v.to_bits())).collect()
    };
    assert_eq!(bits(&points), bits(&again));
});
