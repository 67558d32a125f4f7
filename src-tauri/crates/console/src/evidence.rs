//! The judge's numbers, read from recorded samples, or asked for by a plan's own queries.

mod asked;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::{ServiceName, Span, Timestamp};
use deckwatch_rollout::Baseline;
use deckwatch_rollout::plan::{CountQuery, Metric, What};
use deckwatch_rollout::ports::{Clock, Evidence, Look, Standing, Totals};
use deckwatch_signals::{BadRule, Cohort, Gauge, SampleStore, gauge, mean_response, slot_counts};
use deckwatch_verdict::{Counts, Interval};

pub(crate) use asked::Asker;

/// How old a sample may be that still tells how stable is doing.
const RECENT: Duration = Duration::from_secs(10);

/// Samples of the node, as evidence.
pub struct SampleEvidence {
    pub store: Arc<SampleStore>,
    pub clock: Arc<dyn Clock>,
    /// Who answers a plan's own queries.
    pub(crate) asker: Asker,
}

pub(crate) fn cohort(service: &ServiceName, standing: &Standing) -> Cohort {
    Cohort {
        service: service.clone(),
        slot: standing.slot,
        release: standing.version.clone(),
    }
}

pub(crate) fn rule(what: What) -> Result<BadRule, String> {
    match what {
        What::Errors => Ok(BadRule::Errors),
        What::SlowerThan(span) => BadRule::slower_than(span).map_err(|e| e.to_string()),
        What::ClientErrors => Ok(BadRule::Clients),
        What::Query => Err("this metric is counted by its queries".into()),
    }
}

impl SampleEvidence {
    async fn counts(
        &self,
        service: &ServiceName,
        standing: &Standing,
        what: What,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(Timestamp, Timestamp, Counts)>, String> {
        let counted = slot_counts(
            &self.store,
            &cohort(service, standing),
            from,
            to,
            rule(what)?,
        )
        .await
        .map_err(|e| e.to_string())?;
        Ok(counted
            .into_iter()
            .map(|i| {
                let counts = Counts {
                    total: i.total,
                    bad: i.bad,
                };
                (i.from, i.at, counts)
            })
            .collect())
    }
}

fn sum(counted: &[(Timestamp, Timestamp, Counts)]) -> Counts {
    counted
        .iter()
        .fold(Counts::default(), |sum, (_, _, c)| Counts {
            total: sum.total.saturating_add(c.total),
            bad: sum.bad.saturating_add(c.bad),
        })
}

#[async_trait]
impl Evidence for SampleEvidence {
    async fn looks(
        &self,
        service: &ServiceName,
        candidate: &Standing,
        stable: Option<&Standing>,
        what: What,
        after: Timestamp,
    ) -> Result<Vec<Look>, String> {
        let now = self.clock.now().wall;
        let mut looks: BTreeMap<Timestamp, Interval> = BTreeMap::new();
        for (_, at, counts) in self.counts(service, candidate, what, after, now).await? {
            looks.entry(at).or_default().candidate = counts;
        }
        if let Some(stable) = stable {
            for (_, at, counts) in self.counts(service, stable, what, after, now).await? {
                looks.entry(at).or_default().stable = counts;
            }
        }
        Ok(looks
            .into_iter()
            .map(|(at, interval)| Look { at, interval })
            .collect())
    }

    async fn query_looks(
        &self,
        service: &ServiceName,
        candidate: &Standing,
        stable: Option<&Standing>,
        query: &CountQuery,
        interval: Span,
        after: Timestamp,
    ) -> Result<Vec<Look>, String> {
        let now = self.clock.now().wall;
        let (store, asker) = (&self.store, &self.asker);
        let mut looks: BTreeMap<Timestamp, Interval> = BTreeMap::new();
        let whom = (service, candidate);
        let counted = asker.counts(store, whom, query, interval, after, now);
        for (at, counts) in counted.await? {
            looks.entry(at).or_default().candidate = counts;
        }
        if let Some(stable) = stable {
            let whom = (service, stable);
            let counted = asker.counts(store, whom, query, interval, after, now);
            for (at, counts) in counted.await? {
                looks.entry(at).or_default().stable = counts;
            }
        }
        let looks = looks
            .into_iter()
            .map(|(at, interval)| Look { at, interval });
        Ok(looks.collect())
    }

    async fn query_values(
        &self,
        service: &ServiceName,
        candidate: &Standing,
        query: &str,
        highest: bool,
        interval: Span,
        since: Timestamp,
    ) -> Result<Vec<f64>, String> {
        let (whom, stretch) = ((service, candidate), (since, self.clock.now().wall));
        self.asker
            .values(&self.store, whom, query, highest, interval, stretch)
            .await
    }

    async fn totals(
        &self,
        service: &ServiceName,
        candidate: &Standing,
        since: Timestamp,
    ) -> Result<Totals, String> {
        let now = self.clock.now().wall;
        let counted = self
            .counts(service, candidate, What::Errors, since, now)
            .await?;
        let sum = sum(&counted);
        let mean = mean_response(&self.store, &cohort(service, candidate), since, now)
            .await
            .map_err(|e| e.to_string())?;
        Ok(Totals {
            requests: sum.total,
            bad: sum.bad,
            mean_seconds: mean,
        })
    }

    async fn gauge(
        &self,
        service: &ServiceName,
        series: &str,
        candidate: &Standing,
        stable: Option<&Standing>,
        since: Timestamp,
    ) -> Result<(Vec<f64>, Vec<f64>), String> {
        let which = match series {
            "cpu" => Gauge::Cpu,
            "memory" => Gauge::Memory,
            other => return Err(format!("no gauge is called {other}")),
        };
        let now = self.clock.now().wall;
        let read = async |standing: &Standing| {
            gauge(&self.store, &cohort(service, standing), which, since, now)
                .await
                .map(|points| points.into_iter().map(|(_, v)| v).collect::<Vec<f64>>())
                .map_err(|e| e.to_string())
        };
        let stable = match stable {
            Some(stable) => read(stable).await?,
            None => Vec::new(),
        };
        Ok((read(candidate).await?, stable))
    }

    async fn baseline(
        &self,
        service: &ServiceName,
        stable: &Standing,
        metrics: &[Metric],
        span: Duration,
        now: Timestamp,
    ) -> Result<Option<Baseline>, String> {
        let from = now.minus(span);
        let looked = self
            .counts(service, stable, What::Errors, from, now)
            .await?;
        // No two scrapes within the span: the newest two before it will do, if they are recent.
        let (from, looked) = match looked.is_empty() && !span.is_zero() && span < RECENT {
            false => (from, looked),
            true => {
                let from = now.minus(RECENT);
                let looked = self
                    .counts(service, stable, What::Errors, from, now)
                    .await?;
                let newest = looked.last().cloned();
                (
                    newest.as_ref().map_or(from, |n| n.0),
                    newest.into_iter().collect(),
                )
            }
        };
        let mut baseline = Baseline {
            from,
            to: now,
            ..Baseline::default()
        };
        // Not every metric counts in every interval; the scrapes are the same for all.
        let covered: Duration = looked.iter().map(|(a, b, _)| b.since(*a)).sum();
        baseline.covered = covered.into();
        for metric in metrics {
            let counted = match &metric.query {
                None => sum(&self.counts(service, stable, metric.what, from, now).await?),
                Some(query) => {
                    let every = Span::from_secs(5);
                    let looks = self.query_looks(service, stable, None, query, every, from);
                    let looks = looks.await?.into_iter();
                    sum(&looks
                        .map(|l| (l.at, l.at, l.interval.candidate))
                        .collect::<Vec<_>>())
                }
            };
            baseline.counts.push((metric.name.clone(), counted));
        }
        baseline.mean_seconds = mean_response(&self.store, &cohort(service, stable), from, now)
            .await
            .map_err(|e| e.to_string())?;
        let empty = baseline.counts.iter().all(|(_, c)| c.total == 0);
        Ok((!empty).then_some(baseline))
    }
}
