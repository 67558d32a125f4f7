//! xxHash64 with seed 0, after its published description
//! (<https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>).

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const P5: u64 = 0x27D4_EB2F_1656_67C5;

fn round(lane: u64, input: u64) -> u64 {
    lane.wrapping_add(input.wrapping_mul(P2))
        .rotate_left(31)
        .wrapping_mul(P1)
}

fn word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Four lanes over blocks of 32 bytes.
fn lanes(blocks: &[u8]) -> u64 {
    let mut lane = [P1.wrapping_add(P2), P2, 0, 0u64.wrapping_sub(P1)];
    for block in blocks.chunks_exact(32) {
        for (lane, input) in lane.iter_mut().zip(block.chunks_exact(8)) {
            *lane = round(*lane, word(input));
        }
    }
    let mut sum = [1, 7, 12, 18]
        .iter()
        .zip(lane)
        .fold(0u64, |sum, (turn, lane)| {
            sum.wrapping_add(lane.rotate_left(*turn))
        });
    for lane in lane {
        sum = (sum ^ round(0, lane)).wrapping_mul(P1).wrapping_add(P4);
    }
    sum
}

/// The hash of the bytes.
pub fn xxhash64(bytes: &[u8]) -> u64 {
    let (blocks, mut rest) = bytes.split_at(bytes.len() / 32 * 32);
    let mut hash = if blocks.is_empty() { P5 } else { lanes(blocks) };
    hash = hash.wrapping_add(bytes.len() as u64);
    while rest.len() >= 8 {
        hash = (hash ^ round(0, word(&rest[..8])))
            .rotate_left(27)
            .wrapping_mul(P1)
            .wrapping_add(P4);
        rest = &rest[8..];
    }
    if rest.len() >= 4 {
        hash = (hash ^ word(&rest[..4]).wrapping_mul(P1))
            .rotate_left(23)
            .wrapping_mul(P2)
            .wrapping_add(P3);
        rest = &rest[4..];
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(P5))
            .rotate_left(11)
            .wrapping_mul(P1);
    }
    hash = (hash ^ hash >> 33).wrapping_mul(P2);
    hash = (hash ^ hash >> 29).wrapping_mul(P3);
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::xxhash64;

    #[test]
    fn published_values() {
        assert_eq!(xxhash64(b""), 0xEF46_DB37_51D8_E999);
        assert_eq!(xxhash64(b"a"), 0xD24E_C4F1_A98C_6E5B);
        assert_eq!(
            xxhash64(b"Nobody inspects the spammish repetition"),
            0xFBCE_A83C_8A37_8BF1
        );
    }
}
