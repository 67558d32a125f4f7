//! Reading a plan from YAML: every mistake at once, each with its line and column.

use deckwatch_domain::{Node, Problems, Span, parse_document};
use deckwatch_verdict::{CountRule, GaugeRule};

use super::model::*;
use super::read_queries::{read_count_query, read_value};
use super::{read_checks, read_steps, read_tasks};

/// Reads a plan.
///
/// # Errors
/// All mistakes found, sorted by line.
pub fn read(text: &str) -> Result<Plan, Problems> {
    let node = parse_document(text)?;
    let mut problems = Problems::default();
    let plan = read_plan(&node, &mut problems);
    match plan {
        Some(plan) => problems.or(plan),
        None => match problems.or(()) {
            Err(problems) => Err(problems),
            Ok(()) => Err(parse_failed(&node)),
        },
    }
}

fn parse_failed(node: &Node) -> Problems {
    let mut problems = Problems::default();
    problems.at(node, "this is not a plan");
    problems
}

/// The JSON Schema of a plan as people write it, for editors.
pub fn schema() -> serde_json::Value {
    crate::schema::plan_schema()
}

fn read_plan(node: &Node, problems: &mut Problems) -> Option<Plan> {
    let mut top = node.entries(problems);
    let name = top.need("plan", problems).and_then(|n| n.text(problems));
    let strategy = top.need("strategy", problems).and_then(|n| {
        let words = [
            Strategy::Canary,
            Strategy::BlueGreen,
            Strategy::Rolling,
            Strategy::Audience,
        ];
        n.word(&words.map(|s| (s.words(), s)), problems)
    });
    let steps = top
        .need("steps", problems)
        .map(|n| read_steps::read_steps(n, strategy, problems))
        .unwrap_or_default();
    let batches = read_steps::read_batches(&mut top, strategy, problems);
    let audience = read_steps::read_audience(&mut top, strategy, problems);
    let analysis = top
        .need("analysis", problems)
        .map(|n| read_analysis(n, problems));
    let on_error = top
        .get("on_error")
        .and_then(|n| {
            n.word(
                &[("hold", OnError::Hold), ("rollback", OnError::Rollback)],
                problems,
            )
        })
        .unwrap_or(OnError::Hold);
    let on_driver_lost = top
        .get("on_driver_lost")
        .and_then(|n| {
            n.word(
                &[("hold", OnLost::Hold), ("rollback", OnLost::Rollback)],
                problems,
            )
        })
        .unwrap_or(OnLost::Hold);
    let mut span = |name, default: Span| {
        top.get(name)
            .and_then(|n| n.span(problems))
            .unwrap_or(default)
    };
    let rollback_window = span("rollback_window", Span::from_secs(3600));
    let baseline = span("baseline", Span::from_secs(60));
    let rehearse_every = span("rehearse_every", Span::from_secs(60));
    let deadlines = read_deadlines(top.get("deadlines"), problems);
    let around = read_tasks::read_around(&mut top, problems);
    let rollback = top.get("rollback").and_then(|n| {
        let words = [
            ("quick", RollbackKind::Quick),
            ("full", RollbackKind::Full),
            ("data-preserving", RollbackKind::DataPreserving),
        ];
        n.word(&words, problems)
    });
    let (validate, validated_within) = read_checks::read_validate(&mut top, problems);
    top.finish(problems);
    let plan = Plan {
        name: name?,
        strategy: strategy?,
        steps,
        batches,
        audience,
        analysis: analysis?,
        on_error,
        on_driver_lost,
        rollback_window,
        baseline,
        rehearse_every,
        deadlines,
        around,
        rollback: rollback.unwrap_or_default(),
        validate,
        validated_within,
    };
    read_tasks::names_differ(
        node,
        plan.tasks().into_iter().map(|(_, task)| task),
        problems,
    );
    if plan.analysis.metrics.is_empty() && plan.steps.iter().any(|s| s.analysis) {
        problems.at(
            node,
            "a step is to be judged but `analysis.metrics` names nothing to judge by; \
             write `analysis: false` at the step if that is meant",
        );
    }
    Some(plan)
}

fn read_analysis(node: &Node, problems: &mut Problems) -> Analysis {
    let mut analysis = node.entries(problems);
    let alpha = analysis
        .get("alpha")
        .and_then(|n| {
            let alpha = n.number(problems)?;
            if !(0.000_001..=0.2).contains(&alpha) {
                problems.at(
                    n,
                    format!("alpha is {alpha}; it must lie between 0.000001 and 0.2"),
                );
                return None;
            }
            Some(alpha)
        })
        .unwrap_or(0.01);
    let interval = analysis
        .get("interval")
        .and_then(|n| {
            let span = n.span(problems)?;
            if span < Span::from_millis(100) {
                problems.at(n, "the judge looks at most ten times a second");
                return None;
            }
            Some(span)
        })
        .unwrap_or(Span::from_secs(5));
    let list = |node: Option<&Node>, problems: &mut Problems| -> Vec<Node> {
        node.map(|n| n.items(problems).to_vec()).unwrap_or_default()
    };
    let metrics = list(analysis.need("metrics", problems), problems);
    let limits = list(analysis.get("limits"), problems);
    let gauges = list(analysis.get("gauges"), problems);
    let accept_no_harm_after = analysis
        .get("accept_no_harm_after")
        .and_then(|n| n.whole(1, 1_000_000_000, problems));
    analysis.finish(problems);
    let metrics: Vec<Metric> = metrics
        .iter()
        .filter_map(|n| read_metric(n, problems))
        .collect();
    if !metrics.is_empty() && metrics.iter().all(|m| !m.critical) {
        problems.at(
            node,
            "no metric is critical, so none could ever let a step pass",
        );
    }
    let (values, limits): (Vec<&Node>, Vec<&Node>) = limits.iter().partition(|n| n.has("query"));
    Analysis {
        alpha,
        interval,
        limits: limits
            .iter()
            .filter_map(|n| read_limit(n, problems))
            .collect(),
        values: values
            .iter()
            .filter_map(|n| read_value(n, problems))
            .collect(),
        gauges: gauges
            .iter()
            .filter_map(|n| read_gauge(n, problems))
            .collect(),
        metrics,
        accept_no_harm_after,
    }
}

fn read_metric(node: &Node, problems: &mut Problems) -> Option<Metric> {
    let mut metric = node.entries(problems);
    let name = metric.need("name", problems).and_then(|n| n.text(problems));
    let count = metric.get("count").and_then(|n| {
        n.word(
            &[
                ("errors", What::Errors),
                ("client-errors", What::ClientErrors),
            ],
            problems,
        )
    });
    let slower = metric
        .get("slower_than")
        .and_then(|n| n.span(problems))
        .map(What::SlowerThan);
    let query = metric.get("query").map(|n| read_count_query(n, problems));
    let critical = metric
        .get("critical")
        .and_then(|n| n.truth(problems))
        .unwrap_or(true);
    let default = CountRule::default();
    let mut number = |name| metric.get(name).and_then(|n| n.number(problems));
    let rule = CountRule {
        harm: number("harm").unwrap_or(default.harm),
        tolerate: number("tolerate").unwrap_or(default.tolerate),
        margin: number("margin").or(default.margin),
    };
    metric.finish(problems);
    let what = match (count, slower, &query) {
        (Some(what), None, None) | (None, Some(what), None) => what,
        (None, None, Some(_)) => What::Query,
        _ => {
            problems.at(
                node,
                "a metric has one of: `count: errors`, `slower_than: 300ms`, `query` with `bad` and `total`",
            );
            return None;
        }
    };
    if let Err(why) = rule.check() {
        problems.at(node, why.to_string());
    }
    Some(Metric {
        name: name?,
        what,
        query: query.flatten(),
        critical,
        rule,
    })
}

fn read_limit(node: &Node, problems: &mut Problems) -> Option<Limit> {
    let mut limit = node.entries(problems);
    let name = limit.need("name", problems).and_then(|n| n.text(problems));
    let mut share = |name, problems: &mut Problems| {
        limit.get(name).and_then(|n| {
            let share = n.number(problems)?;
            if !(0.0..=10.0).contains(&share) {
                problems.at(n, format!("{share} is not a share such as 99% or 0.01"));
                return None;
            }
            Some(share)
        })
    };
    let kinds: Vec<LimitKind> = [
        share("success_at_least", problems).map(LimitKind::SuccessAtLeast),
        share("errors_at_most", problems).map(LimitKind::ErrorsAtMost),
        share("mean_over_baseline", problems).map(LimitKind::MeanOverBaseline),
    ]
    .into_iter()
    .flatten()
    .collect();
    let after = limit
        .get("after")
        .and_then(|n| n.whole(1, 1_000_000_000, problems))
        .unwrap_or(100);
    limit.finish(problems);
    let [kind] = kinds.as_slice() else {
        problems.at(
            node,
            "a limit is one of: success_at_least, errors_at_most, mean_over_baseline, or a `query` with \
             at_most or at_least",
        );
        return None;
    };
    Some(Limit {
        name: name?,
        kind: *kind,
        after,
    })
}

fn read_gauge(node: &Node, problems: &mut Problems) -> Option<Gauge> {
    let mut gauge = node.entries(problems);
    let series = gauge
        .need("series", problems)
        .and_then(|n| n.word(&[("cpu", "cpu"), ("memory", "memory")], problems));
    let may_fail = gauge
        .get("may_fail")
        .and_then(|n| n.truth(problems))
        .unwrap_or(false);
    gauge.finish(problems);
    let series = series?;
    Some(Gauge {
        name: series.to_owned(),
        series: series.to_owned(),
        rule: GaugeRule {
            may_fail,
            ..GaugeRule::default()
        },
    })
}

fn read_deadlines(node: Option<&Node>, problems: &mut Problems) -> Deadlines {
    let mut deadlines = Deadlines {
        capacity: Span::from_secs(300),
        traffic: Span::from_secs(30),
        gate: Span::from_secs(86_400),
    };
    let Some(node) = node else {
        return deadlines;
    };
    let mut entries = node.entries(problems);
    for (name, field) in [
        ("capacity", &mut deadlines.capacity),
        ("traffic", &mut deadlines.traffic),
        ("gate", &mut deadlines.gate),
    ] {
        if let Some(span) = entries.get(name).and_then(|n| n.span(problems)) {
            *field = span;
        }
    }
    entries.finish(problems);
    deadlines
}
