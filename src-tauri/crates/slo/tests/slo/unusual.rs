//! What is usual for a series, and what is not.

use deckwatch_domain::Timestamp;
use deckwatch_slo::anomaly::{Bands, NoBand, Place, Scale, Settings, bands};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{DAY, HOUR, at, seconds};

const FROM: &str = "2026-11-02T00:00:00Z";

/// Four weeks of traffic by the hour: days, quiet weekends, slow growth, and chance.
fn traffic(seed: u64) -> Vec<Option<f64>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..28 * 24)
        .map(|n| {
            let hour = f64::from(n % 24);
            let day = (n / 24) % 7;
            let daily = 1.0 + 0.8 * ((hour - 14.0) / 24.0 * std::f64::consts::TAU).cos();
            let weekend = if day >= 5 { 0.5 } else { 1.0 };
            let growth = 1.0 + 0.2 * f64::from(n) / 672.0;
            let chance = 1.0 + 0.05 * (random.random::<f64>() + random.random::<f64>() - 1.0);
            Some(1000.0 * daily * weekend * growth * chance + 50.0)
        })
        .collect()
}

fn judge(values: &[Option<f64>]) -> Bands {
    bands(at(FROM), seconds(HOUR), values, &Settings::default()).unwrap()
}

#[test]
fn usual_traffic_stays_inside() {
    let mut outside = 0;
    for seed in 0..20 {
        let found = judge(&traffic(seed));
        assert_eq!(found.seasons, [seconds(DAY), seconds(7 * DAY)]);
        assert!(found.changes.is_empty(), "{:?}", found.changes);
        outside += found.outside;
    }
    assert!(outside <= 5, "{outside} of 240 points");
}

#[test]
fn a_drop_that_is_usual_at_night_is_not_at_noon() {
    let mut values = traffic(1);
    let last = values.len() - 9;
    // Three in the afternoon of a Sunday, as little as at three in the morning.
    let night = values[last - 12].unwrap();
    assert_eq!(last % 24, 15);
    values[last] = Some(night);
    let found = judge(&values);
    assert_eq!(found.points[last].place, Place::Below);
    assert_eq!(found.outside, 1);
    // Noon as at noon, but twice.
    values[last] = values[last - 24].map(|v| v * 2.0);
    assert_eq!(judge(&values).points[last].place, Place::Above);
    values[last] = None;
    assert_eq!(judge(&values).points[last].place, Place::Unknown);
}

#[test]
fn an_old_incident_does_not_widen_the_band() {
    let width = |values: &[Option<f64>]| {
        let last = *judge(values).points.last().unwrap();
        last.high / last.low
    };
    let clean = traffic(2);
    let mut hurt = clean.clone();
    for value in &mut hurt[300..304] {
        *value = Some(1.0);
    }
    assert!(width(&hurt) < 1.2 * width(&clean));
}

#[test]
fn a_change_of_level_is_found_where_it_was() {
    let mut values = traffic(3);
    for value in &mut values[400..] {
        *value = value.map(|v| v * 1.6);
    }
    let found = judge(&values);
    assert_eq!(found.changes.len(), 1, "{:?}", found.changes);
    let change = found.changes[0];
    let off = change.at.as_millis() - at(FROM).as_millis();
    let off = off / 3_600_000 - 400;
    assert!(off.abs() <= 2, "{off}");
    assert!(
        (1.4..1.8).contains(&(change.after / change.before)),
        "{change:?}"
    );
    assert!(
        found.words.contains("The level changed at 2026-11-18"),
        "{}",
        found.words
    );
}

#[test]
fn shares_vary_by_amounts() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut values: Vec<Option<f64>> = (0..24 * 14)
        .map(|_| Some(0.02 * random.random::<f64>()))
        .collect();
    values.push(Some(0.5));
    let settings = Settings {
        scale: Scale::Amounts,
        judged: 1,
        ..Settings::default()
    };
    let found = bands(at(FROM), seconds(HOUR), &values, &settings).unwrap();
    assert_eq!(found.points.last().unwrap().place, Place::Above);
    assert!(
        found.words.starts_with("0.5 is above what is usual"),
        "{}",
        found.words
    );
}

#[test]
fn too_little_is_no_band() {
    let ask = |values: &[Option<f64>]| bands(at(FROM), seconds(HOUR), values, &Settings::default());
    let values = traffic(1);
    assert_eq!(
        ask(&values[..40]).unwrap_err(),
        NoBand::TooShort {
            needed: 48,
            known: 28
        }
    );
    // A week and a half: days, no weeks.
    let found = ask(&values[..240]).unwrap();
    assert_eq!(found.seasons, [seconds(DAY)]);
    let holes: Vec<Option<f64>> = values
        .iter()
        .enumerate()
        .map(|(i, v)| v.filter(|_| i % 3 > 0))
        .collect();
    assert!(matches!(ask(&holes).unwrap_err(), NoBand::Holes { .. }));
    assert!(matches!(
        ask(&[]).unwrap_err(),
        NoBand::TooShort { known: 0, .. }
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_that_is_measured_does_harm(
        values in prop::collection::vec(prop::option::weighted(0.95, any::<f64>()), 0..300),
        step in 0_u64..90_000,
        judged in 0_usize..400,
        factors in any::<bool>(),
    ) {
        let settings = Settings {
            judged,
            scale: if factors { Scale::Factors } else { Scale::Amounts },
            ..Settings::default()
        };
        if let Ok(found) = bands(Timestamp::EPOCH, seconds(step), &values, &settings) {
            prop_assert_eq!(found.points.len(), values.len());
        }
    }
}
