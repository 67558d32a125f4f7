//! Figures for the eye, and gauges for the judge's end-of-bake look: mean and quantiles of the
//! response time, memory and processor use of a cohort's instances.
//!
//! A quantile read from buckets is an estimate and is only shown; what decides is counted
//! ([`crate::cohort`]). Where nothing was measured there is no figure.

use std::collections::BTreeMap;

use deckwatch_domain::Timestamp;

use crate::cohort::{
    Cohort, INSTANCE_CPU, INSTANCE_MEMORY, Points, RESPONSE_SECONDS, bucket_name, looks, read,
};
use crate::counts::{increases, joint_increases};
use crate::store::{SampleStore, StoreError};

/// The mean response time in seconds over `[from, to]`; none when nothing was answered.
pub async fn mean_response(
    store: &SampleStore,
    cohort: &Cohort,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<f64>, StoreError> {
    let mut both = BTreeMap::new();
    for part in ["sum", "count"] {
        let name = format!("{RESPONSE_SECONDS}_{part}");
        let found = read(store, cohort, &name, "", from, to).await?;
        both.extend(found.into_values().map(|points| (part.to_owned(), points)));
    }
    let total = total(store, both, from, to).await?;
    let of = |part: &str| total.get(part).copied().unwrap_or(0.0);
    Ok((of("count") > 0.0).then(|| of("sum") / of("count")))
}

/// An estimate of the response time, in seconds, that a share `q` of the answers over
/// `[from, to]` did not exceed.
pub async fn quantile(
    store: &SampleStore,
    cohort: &Cohort,
    q: f64,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<f64>, StoreError> {
    let buckets = read(store, cohort, &bucket_name(), "le", from, to).await?;
    let total = total(store, buckets, from, to).await?;
    let mut buckets: Vec<(f64, f64)> = total
        .into_iter()
        .filter_map(|(le, count)| Some((le.parse().ok()?, count)))
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(bucket_quantile(q, &buckets))
}

/// The quantile of cumulative buckets (upper bound, count), as Prometheus' `histogram_quantile`
/// estimates it: linear within a bucket, the lowest bucket from 0, and the highest finite bound
/// for what lies in the last. None without answers or without a bucket up to +Inf.
pub fn bucket_quantile(q: f64, buckets: &[(f64, f64)]) -> Option<f64> {
    let (last, total) = *buckets.last()?;
    if last != f64::INFINITY || buckets.len() < 2 || total.is_nan() || total <= 0.0 || q.is_nan() {
        return None;
    }
    let rank = q.clamp(0.0, 1.0) * total;
    let place = buckets
        .iter()
        .take(buckets.len() - 1)
        .position(|(_, count)| *count >= rank);
    let Some(place) = place else {
        return Some(buckets[buckets.len() - 2].0);
    };
    let (end, count) = buckets[place];
    let (start, before) = match place {
        0 if end <= 0.0 => return Some(end),
        0 => (0.0, 0.0),
        _ => buckets[place - 1],
    };
    let inside = count - before;
    if inside <= 0.0 {
        return Some(end);
    }
    Some(start + (end - start) * ((rank - before) / inside))
}

async fn total(
    store: &SampleStore,
    counters: BTreeMap<String, Points>,
    from: Timestamp,
    to: Timestamp,
) -> Result<BTreeMap<String, f64>, StoreError> {
    let looks = looks(store, from, to).await?;
    let mut total = BTreeMap::new();
    for (_, _, rose) in joint_increases(&looks, &counters) {
        for (key, by) in rose {
            *total.entry(key).or_insert(0.0) += by;
        }
    }
    Ok(total)
}

/// What is measured of an instance rather than counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gauge {
    /// Resident memory in bytes.
    Memory,
    /// Processor time used per second, in cores.
    Cpu,
}

/// The mean over the cohort's instances at each scrape in `[from, to]`. For [`Gauge::Cpu`] the
/// first scrape of an instance has no value yet, as use takes two looks.
pub async fn gauge(
    store: &SampleStore,
    cohort: &Cohort,
    gauge: Gauge,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(Timestamp, f64)>, StoreError> {
    let name = match gauge {
        Gauge::Memory => INSTANCE_MEMORY,
        Gauge::Cpu => INSTANCE_CPU,
    };
    let mut sums: BTreeMap<Timestamp, (f64, f64)> = BTreeMap::new();
    for points in read(store, cohort, name, "instance", from, to)
        .await?
        .into_values()
    {
        let values = match gauge {
            Gauge::Memory => points,
            Gauge::Cpu => increases(&points)
                .into_iter()
                .map(|rise| (rise.to, rise.by / rise.to.since(rise.from).as_secs_f64()))
                .collect(),
        };
        for (at, value) in values.into_iter().filter(|(_, value)| value.is_finite()) {
            let (sum, count) = sums.entry(at).or_insert((0.0, 0.0));
            *sum += value;
            *count += 1.0;
        }
    }
    Ok(sums
        .into_iter()
        .map(|(at, (sum, count))| (at, sum / count))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::bucket_quantile;

    #[test]
    fn quantiles_are_interpolated_as_prometheus_does() {
        let buckets = [(0.1, 10.0), (0.2, 20.0), (0.5, 20.0), (f64::INFINITY, 25.0)];
        let table = [
            (0.0, 0.0),
            (0.2, 0.05),
            (0.4, 0.1),
            (0.6, 0.15),
            (0.8, 0.2),
            (0.99, 0.5),
            (1.0, 0.5),
        ];
        for (q, expected) in table {
            let found = bucket_quantile(q, &buckets).unwrap();
            assert!((found - expected).abs() < 1e-12, "{q}: {found}");
        }
        assert_eq!(bucket_quantile(0.5, &[]), None);
        assert_eq!(bucket_quantile(0.5, &[(0.1, 1.0)]), None);
        assert_eq!(
            bucket_quantile(0.5, &[(0.1, 0.0), (f64::INFINITY, 0.0)]),
            None
        );
        assert_eq!(bucket_quantile(f64::NAN, &buckets), None);
    }
}
