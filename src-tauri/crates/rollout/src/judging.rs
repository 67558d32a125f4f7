//! From samples to one judgement of the current step.
//!
//! The judges keep their state in memory and are rebuilt from recorded samples after a restart:
//! the same samples give the same answer, so nothing of this needs to be an event.

use deckwatch_domain::{RolloutId, Timestamp};
use deckwatch_verdict::{
    Answer, Budget, CountJudge, Counts, Interval, LimitRule, MetricAnswer, Observed, ValueBound,
    Verdict, combine, judge_gauge, judge_limit, judge_value, no_harm_after,
};

use crate::event::Counted;
use crate::plan::{Limit, LimitKind, Metric};
use crate::planner::Judgement;
use crate::ports::{Evidence, Standing};
use crate::state::Rollout;

/// The judges of one step of one rollout.
pub struct Judging {
    rollout: RolloutId,
    step: usize,
    since: Timestamp,
    metrics: Vec<Watched>,
}

/// One metric's evidence after one look.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Waypoint {
    pub at: Timestamp,
    pub harm_e: f64,
    pub safe_e: f64,
}

/// How one metric's evidence came to where it is, oldest first.
#[derive(Clone, PartialEq, Debug)]
pub struct EvidencePath {
    pub metric: String,
    pub harm_bound: f64,
    pub safe_bound: f64,
    pub waypoints: Vec<Waypoint>,
}

/// More waypoints than a chart has room for; every other one is dropped then.
const WAYPOINTS: usize = 512;

struct Watched {
    metric: Metric,
    judge: Option<CountJudge>,
    path: Vec<Waypoint>,
    /// Why the judge could not be made.
    broken: Option<String>,
    after: Timestamp,
}

/// The candidate as samples are labelled.
pub fn candidate(rollout: &Rollout) -> Standing {
    Standing {
        slot: rollout.candidate,
        version: rollout.release.version.clone(),
    }
}

/// Stable as samples are labelled; none for a first release.
pub fn stable(rollout: &Rollout) -> Option<Standing> {
    Some(Standing {
        slot: rollout.stable?,
        version: rollout.stable_version.clone()?,
    })
}

impl Judging {
    /// Judges for the step that `rollout` stands at, looking from `since`.
    pub fn new(rollout: &Rollout, since: Timestamp) -> Self {
        let plan = &rollout.plan;
        let budget = Budget {
            alpha: plan.analysis.alpha,
            metrics: plan.analysis.metrics.len().max(1) as u32,
            steps: plan.steps.iter().filter(|s| s.analysis).count().max(1) as u32,
        };
        let metrics = plan
            .analysis
            .metrics
            .iter()
            .map(|metric| {
                let reference = rollout.reference.get(&metric.name).copied();
                let judge = CountJudge::new(metric.rule.clone(), budget, reference);
                Watched {
                    metric: metric.clone(),
                    broken: judge.as_ref().err().map(ToString::to_string),
                    judge: judge.ok(),
                    path: Vec::new(),
                    after: since,
                }
            })
            .collect();
        Judging {
            rollout: rollout.id,
            step: rollout.step,
            since,
            metrics,
        }
    }

    /// Whether these judges still belong to where the rollout stands.
    pub fn fits(&self, rollout: &Rollout) -> bool {
        self.rollout == rollout.id
            && self.step == rollout.step
            && Some(self.since) == rollout.bake_started_at
    }

    /// The way that each counted metric's evidence has come in this step.
    pub fn paths(&self) -> Vec<EvidencePath> {
        self.metrics
            .iter()
            .filter_map(|watched| {
                let now = watched.judge.as_ref()?.evidence();
                Some(EvidencePath {
                    metric: watched.metric.name.clone(),
                    harm_bound: now.harm_bound,
                    safe_bound: now.safe_bound,
                    waypoints: watched.path.clone(),
                })
            })
            .collect()
    }

    /// Takes in what was sampled since the last look, and answers.
    pub async fn look(
        &mut self,
        rollout: &Rollout,
        evidence: &dyn Evidence,
        now: Timestamp,
    ) -> Judgement {
        let candidate = candidate(rollout);
        let stable = stable(rollout);
        let mut answers = Vec::new();
        let mut counted = Vec::new();
        let mut newest = None;
        let mut harmless: Option<u64> = None;
        let mut any_harm = false;
        for watched in &mut self.metrics {
            let looked = watched
                .take_in(rollout, evidence, &candidate, stable.as_ref())
                .await;
            if watched.after > self.since {
                newest = newest.max(Some(watched.after));
            }
            let answer = match (looked, &watched.judge) {
                (Ok(()), Some(judge)) => {
                    let seen = judge.evidence();
                    if watched.metric.critical {
                        any_harm |= !no_harm_after(&seen, 1);
                        harmless = Some(
                            harmless.map_or(seen.candidate.total, |h| h.min(seen.candidate.total)),
                        );
                    }
                    counted.push(Counted {
                        metric: watched.metric.name.clone(),
                        candidate: seen.candidate,
                        stable: seen.stable,
                    });
                    MetricAnswer::count(watched.metric.name.clone(), watched.metric.critical, seen)
                }
                (Err(why), _) => error(&watched.metric, why),
                (Ok(()), None) => error(
                    &watched.metric,
                    watched
                        .broken
                        .clone()
                        .unwrap_or_else(|| "it has no judge".into()),
                ),
            };
            answers.push(answer);
        }
        self.limits(rollout, evidence, &candidate, &mut answers)
            .await;
        self.values(rollout, evidence, &candidate, &mut answers)
            .await;
        self.gauges(rollout, evidence, &candidate, now, &mut answers)
            .await;
        Judgement {
            answer: combine(answers),
            counted,
            harmless_requests: harmless.filter(|_| !any_harm),
            newest,
        }
    }

    async fn limits(
        &self,
        rollout: &Rollout,
        evidence: &dyn Evidence,
        candidate: &Standing,
        answers: &mut Vec<MetricAnswer>,
    ) {
        let limits = &rollout.plan.analysis.limits;
        if limits.is_empty() {
            return;
        }
        let totals = evidence
            .totals(&rollout.service, candidate, self.since)
            .await;
        let baseline_mean = rollout.baseline.as_ref().and_then(|b| b.mean_seconds);
        for limit in limits {
            answers.push(match &totals {
                Ok(totals) => {
                    let seen = Observed {
                        counts: Counts {
                            total: totals.requests,
                            bad: totals.bad,
                        },
                        mean: totals.mean_seconds,
                        baseline_mean,
                    };
                    let answer = judge_limit(&limit_rule(limit), &seen);
                    MetricAnswer::limit(limit.name.clone(), true, answer)
                }
                Err(why) => MetricAnswer::unreadable(limit.name.clone(), true, why.clone()),
            });
        }
    }

    /// What the plan's own queries give, against their bounds.
    async fn values(
        &self,
        rollout: &Rollout,
        evidence: &dyn Evidence,
        candidate: &Standing,
        answers: &mut Vec<MetricAnswer>,
    ) {
        let analysis = &rollout.plan.analysis;
        for limit in &analysis.values {
            let highest = matches!(limit.rule.bound, ValueBound::AtMost(_));
            let values = evidence
                .query_values(
                    &rollout.service,
                    candidate,
                    &limit.query,
                    highest,
                    analysis.interval,
                    self.since,
                )
                .await;
            let name = limit.name.clone();
            answers.push(match values {
                Ok(values) => MetricAnswer::limit(name, true, judge_value(&limit.rule, &values)),
                Err(why) => MetricAnswer::unreadable(name, true, why),
            });
        }
    }

    /// Gauges are compared once, when the minimum bake is over: they spend their share of α then.
    async fn gauges(
        &self,
        rollout: &Rollout,
        evidence: &dyn Evidence,
        candidate: &Standing,
        now: Timestamp,
        answers: &mut Vec<MetricAnswer>,
    ) {
        let Some(step) = rollout.current_step() else {
            return;
        };
        let end = self.since.plus(step.bake.min.duration());
        if now < end {
            return;
        }
        let stable = stable(rollout);
        for gauge in &rollout.plan.analysis.gauges {
            let values = evidence
                .gauge(
                    &rollout.service,
                    &gauge.series,
                    candidate,
                    stable.as_ref(),
                    self.since,
                )
                .await;
            answers.push(match values {
                Ok((candidate, stable)) => MetricAnswer::gauge(
                    gauge.name.clone(),
                    gauge.rule.direction,
                    gauge.rule.may_fail,
                    judge_gauge(&gauge.rule, &candidate, &stable),
                ),
                Err(why) => MetricAnswer::unreadable(gauge.name.clone(), false, why),
            });
        }
    }
}

fn error(metric: &Metric, why: String) -> MetricAnswer {
    MetricAnswer::unreadable(metric.name.clone(), metric.critical, why)
}

fn limit_rule(limit: &Limit) -> LimitRule {
    LimitRule {
        limit: match limit.kind {
            LimitKind::SuccessAtLeast(share) => deckwatch_verdict::Limit::SuccessAtLeast(share),
            LimitKind::ErrorsAtMost(share) => deckwatch_verdict::Limit::BadAtMost(share),
            LimitKind::MeanOverBaseline(share) => deckwatch_verdict::Limit::MeanAtMostAbove(share),
        },
        requests: limit.after,
    }
}

impl Watched {
    async fn take_in(
        &mut self,
        rollout: &Rollout,
        evidence: &dyn Evidence,
        candidate: &Standing,
        stable: Option<&Standing>,
    ) -> Result<(), String> {
        let service = &rollout.service;
        let looks = match &self.metric.query {
            None => {
                let what = self.metric.what;
                evidence
                    .looks(service, candidate, stable, what, self.after)
                    .await?
            }
            Some(query) => {
                let interval = rollout.plan.analysis.interval;
                evidence
                    .query_looks(service, candidate, stable, query, interval, self.after)
                    .await?
            }
        };
        for look in looks {
            if look.at <= self.after {
                continue;
            }
            self.after = look.at;
            if let Some(judge) = &mut self.judge
                && look.interval != Interval::default()
            {
                judge.look(look.interval);
                let evidence = judge.evidence();
                self.path.push(Waypoint {
                    at: look.at,
                    harm_e: evidence.harm_e,
                    safe_e: evidence.safe_e,
                });
                if self.path.len() > WAYPOINTS {
                    let mut keep = false;
                    self.path.retain(|_| {
                        keep = !keep;
                        keep
                    });
                }
            }
        }
        Ok(())
    }
}

/// The verdict that a person sees before the first look.
pub fn nothing_yet() -> Answer {
    Answer {
        verdict: Verdict::NoData,
        metrics: Vec::new(),
        words: "nothing has been measured yet".into(),
    }
}
