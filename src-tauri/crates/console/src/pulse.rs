//! What every service's traffic did lately, for the eye: two thin reads of the samples for all
//! services together, however many there are. Nothing here decides anything.

use std::collections::BTreeMap;
use std::time::Duration;

use deckwatch_domain::{ServiceName, Timestamp};
use deckwatch_signals::{
    NODE_JOB, RESPONSE_BOUNDS, RESPONSE_SECONDS, RESPONSES, SampleStore, Selector, Series,
    StoreError, bucket_quantile, increases,
};

/// Points of a sparkline, and the time that each stands for.
pub const POINTS: usize = 60;
pub const POINT: Duration = Duration::from_secs(60);
/// "Now" is this long: short, so that a figure follows a change of weight within seconds.
const NOW: Duration = Duration::from_secs(15);
const SCRAPE: Duration = Duration::from_secs(1);

/// What one service did in one stretch of time, all slots together.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Tally {
    pub total: f64,
    pub bad: f64,
    /// Cumulative counts per bucket of response time, `+Inf` last.
    buckets: [f64; RESPONSE_BOUNDS.len() + 1],
    covered: Duration,
    at: Option<Timestamp>,
}

impl Tally {
    pub fn errors(&self) -> Option<f64> {
        (self.total > 0.0).then(|| self.bad / self.total)
    }

    pub fn p95_ms(&self) -> Option<f64> {
        let bounds = RESPONSE_BOUNDS.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<(f64, f64)> = bounds.zip(self.buckets).collect();
        bucket_quantile(0.95, &buckets).map(|seconds| seconds * 1000.0)
    }

    pub fn rate(&self) -> Option<f64> {
        let seconds = self.covered.as_secs_f64();
        (seconds > 0.0).then(|| self.total / seconds)
    }

    pub fn at(&self) -> Option<Timestamp> {
        self.at
    }
}

/// The last hour, minute by minute, and the last seconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pulse {
    now: BTreeMap<ServiceName, Tally>,
    minutes: BTreeMap<i64, BTreeMap<ServiceName, Tally>>,
    /// The newest moment that was looked at.
    seen: Option<Timestamp>,
    /// The newest scrape of the node that got an answer.
    scraped_at: Option<Timestamp>,
}

impl Pulse {
    /// Brings the last seconds, and the minutes since the last call, up to date.
    pub async fn refresh(&mut self, store: &SampleStore, now: Timestamp) -> Result<(), StoreError> {
        self.now = tallies(store, now.minus(NOW + SCRAPE), now, SCRAPE, |_| 0)
            .await?
            .remove(&0)
            .unwrap_or_default();
        let hour = POINT * POINTS as u32;
        // The minute that was under way is counted anew, from the last look before it.
        let from = match self.seen {
            Some(seen) if now.since(seen) < hour => seen.minus(2 * POINT),
            _ => now.minus(hour + POINT),
        };
        let whole_from = minute(from) + 1;
        let fresh = tallies(store, from, now, POINT, minute).await?;
        self.minutes.retain(|m, _| *m < whole_from);
        self.minutes
            .extend(fresh.into_iter().filter(|(m, _)| *m >= whole_from));
        let oldest = minute(now) - POINTS as i64;
        self.minutes.retain(|m, _| *m > oldest);
        self.seen = Some(now);
        let up = Selector::new("up", &[("job", NODE_JOB)]);
        for series in store.thin_range(&up, now.minus(POINT), now, SCRAPE).await? {
            let answered = series.points.iter().rev().find(|(_, up)| *up == 1.0);
            self.scraped_at = self.scraped_at.max(answered.map(|(at, _)| *at));
        }
        Ok(())
    }

    pub fn scraped_at(&self) -> Option<Timestamp> {
        self.scraped_at
    }

    /// Whether it was refreshed within `span` before `now`.
    pub fn is_fresh(&self, now: Timestamp, span: Duration) -> bool {
        self.seen
            .is_some_and(|seen| seen <= now && now.since(seen) < span)
    }

    pub fn now(&self, service: &ServiceName) -> Tally {
        self.now.get(service).cloned().unwrap_or_default()
    }

    /// One value a minute up to `now`, oldest first; none where nothing was answered.
    pub fn line(
        &self,
        service: &ServiceName,
        now: Timestamp,
        of: impl Fn(&Tally) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        let last = minute(now);
        (last - POINTS as i64 + 1..=last)
            .map(|m| self.minutes.get(&m)?.get(service).and_then(&of).map(short))
            .collect()
    }
}

/// Four digits are more than a sparkline can show, and less than half the text.
fn short(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn minute(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(POINT.as_millis() as i64)
}

type Tallies<K> = BTreeMap<i64, BTreeMap<K, Tally>>;

async fn tallies(
    store: &SampleStore,
    from: Timestamp,
    to: Timestamp,
    step: Duration,
    place: impl Fn(Timestamp) -> i64,
) -> Result<Tallies<ServiceName>, StoreError> {
    let whose = |series: &Series| ServiceName::new(series.label("service")).ok();
    let job = [("job", NODE_JOB)];
    read(store, &job, (from, to, step), whose, place).await
}

/// Reads the node's counters of the series with these labels, one point a `step`.
pub(crate) async fn read<K: Ord + Clone>(
    store: &SampleStore,
    labels: &[(&str, &str)],
    (from, to, step): (Timestamp, Timestamp, Duration),
    whose: impl Fn(&Series) -> Option<K>,
    place: impl Fn(Timestamp) -> i64,
) -> Result<Tallies<K>, StoreError> {
    let responses = Selector::new(RESPONSES, labels);
    let buckets = Selector::new(&format!("{RESPONSE_SECONDS}_bucket"), labels);
    let responses = store.thin_range(&responses, from, to, step).await?;
    let buckets = store.thin_range(&buckets, from, to, step).await?;
    Ok(gather(&responses, &buckets, whose, place))
}

/// Adds the increases of all series up, by what they belong to and by place in time. Pure.
fn gather<K: Ord + Clone>(
    responses: &[Series],
    buckets: &[Series],
    whose: impl Fn(&Series) -> Option<K>,
    place: impl Fn(Timestamp) -> i64,
) -> Tallies<K> {
    let mut found: Tallies<K> = BTreeMap::new();
    for series in responses {
        let Some(key) = whose(series) else {
            continue;
        };
        let class = series.label("class");
        let bad = matches!(class, "5xx" | "timeout" | "refused");
        let mut covered: BTreeMap<i64, Duration> = BTreeMap::new();
        for rise in increases(&series.points) {
            let at = place(rise.to);
            let tally = found.entry(at).or_default().entry(key.clone()).or_default();
            tally.at = tally.at.max(Some(rise.to));
            *covered.entry(at).or_default() += rise.to.since(rise.from);
            // What the client gave up is counted on neither side.
            if class != "aborted" {
                tally.total += rise.by;
                tally.bad += if bad { rise.by } else { 0.0 };
            }
        }
        for (at, span) in covered {
            if let Some(tally) = found.get_mut(&at).and_then(|s| s.get_mut(&key)) {
                tally.covered = tally.covered.max(span);
            }
        }
    }
    for series in buckets {
        let bound = RESPONSE_BOUNDS.iter().position(|b| {
            series
                .label("le")
                .parse::<f64>()
                .is_ok_and(|le| (le - b).abs() < 1e-9)
        });
        let bound = match (bound, series.label("le")) {
            (Some(bound), _) => bound,
            (None, "+Inf") => RESPONSE_BOUNDS.len(),
            _ => continue,
        };
        let Some(key) = whose(series) else {
            continue;
        };
        for rise in increases(&series.points) {
            let tally = found.get_mut(&place(rise.to));
            if let Some(tally) = tally.and_then(|s| s.get_mut(&key)) {
                tally.buckets[bound] += rise.by;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use deckwatch_signals::Sample;

    fn t(second: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + second * 1000)
    }

    async fn scrape(store: &SampleStore, second: i64, ok: f64, bad: f64) {
        let of = |class| {
            [
                ("job", NODE_JOB),
                ("service", "checkout"),
                ("slot", "blue"),
                ("release", "v1"),
                ("class", class),
            ]
        };
        let le = |le| {
            [
                ("job", NODE_JOB),
                ("service", "checkout"),
                ("slot", "blue"),
                ("release", "v1"),
                ("le", le),
            ]
        };
        let buckets = format!("{RESPONSE_SECONDS}_bucket");
        let samples = [
            Sample::new(RESPONSES, &of("2xx"), ok),
            Sample::new(RESPONSES, &of("5xx"), bad),
            Sample::new(RESPONSES, &of("aborted"), 5.0 * ok),
            Sample::new(&buckets, &le("0.1"), ok),
            Sample::new(&buckets, &le("0.2"), ok + bad),
            Sample::new(&buckets, &le("+Inf"), ok + bad),
        ];
        store.append(t(second), &samples).await.unwrap();
    }

    #[tokio::test]
    async fn the_last_seconds_and_the_last_hour() {
        let folder = tempfile::tempdir().unwrap();
        let store = SampleStore::open(&folder.path().join("s.db"))
            .await
            .unwrap();
        for second in 0..=180 {
            let ok = second as f64 * 8.0;
            scrape(&store, second, ok, second as f64 * 2.0).await;
        }
        let service = ServiceName::new("checkout").unwrap();
        let mut pulse = Pulse::default();
        for now in [170, 180] {
            pulse.refresh(&store, t(now)).await.unwrap();
        }
        let now = pulse.now(&service);
        assert_eq!(now.errors(), Some(0.2));
        assert!((now.rate().unwrap() - 10.0).abs() < 1e-9);
        assert_eq!(now.at(), Some(t(180)));
        let p95 = now.p95_ms().unwrap();
        assert!((100.0..=200.0).contains(&p95), "{p95}");
        let line = pulse.line(&service, t(180), Tally::errors);
        assert_eq!(line.len(), POINTS);
        // t(0) is a whole minute: three are complete and the fourth has begun.
        assert_eq!(line[POINTS - 3..], [Some(0.2); 3]);
        assert!(line[..POINTS - 4].iter().all(Option::is_none));
        // What came before the first minute's last look has no look before it to count from.
        let total: f64 = pulse.minutes.values().map(|m| m[&service].total).sum();
        assert!((total - 1210.0).abs() < 1e-6, "nothing twice: {total}");
        let other = ServiceName::new("search").unwrap();
        assert_eq!(pulse.now(&other).rate(), None);
    }

    #[tokio::test]
    async fn after_a_long_sleep_the_hour_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = SampleStore::open(&folder.path().join("s.db"))
            .await
            .unwrap();
        for second in [0, 30, 60, 9000, 9030, 9060] {
            scrape(&store, second, second as f64, 0.0).await;
        }
        let service = ServiceName::new("checkout").unwrap();
        let mut pulse = Pulse::default();
        pulse.refresh(&store, t(60)).await.unwrap();
        pulse.refresh(&store, t(9060)).await.unwrap();
        let line = pulse.line(&service, t(9060), Tally::rate);
        assert_eq!(line.iter().flatten().count(), 1);
        assert_eq!(line[POINTS - 1], Some(1.0));
    }
}
