use proptest::prelude::*;

use super::*;

fn same(a: &[Point], b: &[Point]) -> bool {
    let bits = |points: &[Point]| -> Vec<(i64, u64)> {
        points.iter().map(|(t, v)| (*t, v.to_bits())).collect()
    };
    bits(a) == bits(b)
}

fn there_and_back(points: &[Point]) -> usize {
    let bytes = encode(points).unwrap();
    let found = decode(&bytes).unwrap();
    assert!(same(points, &found), "{points:?}\n{found:?}");
    bytes.len()
}

fn every(step: i64, values: impl IntoIterator<Item = f64>) -> Vec<Point> {
    let values = values.into_iter().enumerate();
    values.map(|(n, v)| (n as i64 * step, v)).collect()
}

#[test]
fn nothing_one_and_two() {
    there_and_back(&[]);
    there_and_back(&[(i64::MIN, f64::NAN)]);
    there_and_back(&[(i64::MIN, -0.0), (i64::MAX, f64::MIN_POSITIVE)]);
    there_and_back(&[(i64::MAX, f64::MAX), (i64::MIN, f64::MIN), (0, 5e-324)]);
}

#[test]
fn every_payload_of_nan_survives() {
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let others = [
        0x7ff8_0000_0000_0001,
        0xfff8_0000_0000_0000,
        0x7ff0_0000_0000_0001,
    ];
    let odd = others.map(f64::from_bits);
    let mut values: Vec<f64> = (0..200).map(f64::from).collect();
    values[17] = stale;
    values[111] = odd[0];
    values.extend([stale, odd[1], odd[2], f64::INFINITY]);
    let size = there_and_back(&every(15_000, values));
    // They cost themselves, not the chunk.
    assert!(size < 120, "{size}");
    there_and_back(&every(15_000, vec![stale; 50]));
}

#[test]
fn what_does_not_change_costs_nothing() {
    assert!(there_and_back(&every(15_000, vec![42.0; 480])) < 24);
    assert!(there_and_back(&every(15_000, (0..480).map(|n| n as f64 * 3.0))) < 24);
}

#[test]
fn rounded_readings_are_integers() {
    // A walk by hundredths: near two bits a step by either coding of integers, 40 and more by bits.
    let walk = (0..480_i64).scan(0_i64, |at, n| {
        *at += (n * 7919) % 7 - 3;
        Some((2000 + *at) as f64 / 100.0)
    });
    let size = there_and_back(&every(15_000, walk));
    assert!(size < 480, "{size}");
    // Pages of memory: the zeros below are not written.
    let pages = (0..480_i64).map(|n| ((n * 7919) % 13 * 4096) as f64);
    let size = there_and_back(&every(15_000, pages));
    assert!(size < 340, "{size}");
}

#[test]
fn too_many_points_are_refused() {
    let many = vec![(0, 0.0); MOST + 1];
    assert_eq!(encode(&many), Err(ChunkError::Long(MOST as u64 + 1)));
    there_and_back(&many[1..]);
    assert_eq!(decode(&[]), Err(ChunkError::Short));
    assert_eq!(decode(&[9]), Err(ChunkError::Format(9)));
    assert!(matches!(
        decode(&[1, 255, 255, 255, 127]),
        Err(ChunkError::Long(_))
    ));
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-1000_i64..1000).prop_map(|n| n as f64),
        2 => (0_i64..1 << 60).prop_map(|n| n as f64),
        3 => (-100_000_i64..100_000).prop_map(|n| n as f64 / 1000.0),
        2 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(f64::from_bits(0x7ff0_0000_0000_0002)),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(15_000_i64),
        3 => 14_900_i64..15_100,
        1 => any::<i64>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_comes_back(steps in prop::collection::vec((time(), value()), 0..300)) {
        let points: Vec<Point> = steps
            .iter()
            .scan(1_770_000_000_000_i64, |at, (step, value)| {
                *at = at.wrapping_add(*step);
                Some((*at, *value))
            })
            .collect();
        let found = decode(&encode(&points).unwrap()).unwrap();
        prop_assert!(same(&points, &found));
    }

    #[test]
    fn columns_come_back(rows in prop::collection::vec((time(), value(), value()), 0..100)) {
        let times: Vec<i64> = rows.iter().map(|r| r.0).collect();
        let columns = [
            rows.iter().map(|r| r.1).collect::<Vec<_>>(),
            rows.iter().map(|r| r.2).collect(),
        ];
        let bytes = write_columns(&times, &columns).unwrap();
        let (again, found) = read_columns::<2>(&bytes).unwrap();
        prop_assert_eq!(&times, &again);
        for (a, b) in columns.iter().zip(&found) {
            prop_assert!(a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits())));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = read_columns::<4>(&bytes);
        let mut dressed = vec![1, 200, 1];
        dressed.extend(bytes);
        let _ = decode(&dressed);
    }

    #[test]
    fn a_flipped_byte_is_an_error_or_other_points(
        values in prop::collection::vec(value(), 1..100), place: usize, with: u8,
    ) {
        let mut bytes = encode(&every(15_000, values)).unwrap();
        let place = place % bytes.len();
        bytes[place] ^= with;
        if let Ok(found) = decode(&bytes) {
            prop_assert!(found.len() <= MOST);
        }
    }
}
