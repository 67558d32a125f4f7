//! Queries in a plan: read as PromQL with any names in the variables' places, so that a mistake is
//! found before a release goes out.

use deckwatch_domain::{Node, Problems};
use deckwatch_promql::ast::ValueType;
use deckwatch_promql::parse::{Dialect, parse};
use deckwatch_verdict::{ValueBound, ValueRule};

use super::model::{CountQuery, ValueLimit};

/// What stands for what is judged: each is put into the query where a label's value is.
pub(super) const VARIABLES: [&str; 3] = ["service", "slot", "release"];

pub(super) fn read_count_query(node: &Node, problems: &mut Problems) -> Option<CountQuery> {
    let mut query = node.entries(problems);
    let bad = query.need("bad", problems).and_then(|n| read(n, problems));
    let total = query
        .need("total", problems)
        .and_then(|n| read(n, problems));
    query.finish(problems);
    Some(CountQuery {
        bad: bad?,
        total: total?,
    })
}

pub(super) fn read_value(node: &Node, problems: &mut Problems) -> Option<ValueLimit> {
    let mut limit = node.entries(problems);
    let name = limit.need("name", problems).and_then(|n| n.text(problems));
    let query = limit.get("query").and_then(|n| read(n, problems));
    let most = limit.get("at_most").and_then(|n| n.number(problems));
    let least = limit.get("at_least").and_then(|n| n.number(problems));
    let in_a_row = limit
        .get("in_a_row")
        .and_then(|n| n.whole(1, 1000, problems));
    limit.finish(problems);
    let bound = match (most, least) {
        (Some(most), None) => ValueBound::AtMost(most),
        (None, Some(least)) => ValueBound::AtLeast(least),
        _ => {
            problems.at(
                node,
                "a limit on a query has either `at_most` or `at_least`",
            );
            return None;
        }
    };
    Some(ValueLimit {
        name: name?,
        query: query?,
        rule: ValueRule {
            bound,
            in_a_row: in_a_row.map_or(3, |n| n as usize),
        },
    })
}

fn read(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = node.text(problems)?;
    let mut written = text.clone();
    for name in VARIABLES {
        written = written.replace(&format!("${name}"), "x");
    }
    match parse(&written, Dialect::default()) {
        Ok(expr) if matches!(expr.value_type(), ValueType::Vector | ValueType::Scalar) => {}
        Ok(expr) => problems.at(
            node,
            format!(
                "this query gives a {}; series with one value each are needed",
                expr.value_type().documented()
            ),
        ),
        Err(error) => problems.at(node, format!("this is no query: {error}")),
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use crate::plan::{What, read};
    use deckwatch_verdict::ValueBound;

    fn plan(analysis: &str) -> String {
        format!(
            "plan: p\nstrategy: canary\nsteps:\n  - {{ weight: 100, bake: {{ min: 1m, max: 5m }} }}\nanalysis:\n{analysis}"
        )
    }

    #[test]
    fn queries_are_metrics_and_limits() {
        let read = read(&plan(
            "  metrics:
    - name: payments
      query: { bad: 'bad_total{slot=\"$slot\"}', total: 'all_total{slot=\"$slot\"}' }
  limits:
    - { name: errors, errors_at_most: 1% }
    - { name: queue, query: max(depth), at_least: 2, in_a_row: 5 }
",
        ));
        let analysis = read.unwrap().analysis;
        assert_eq!(analysis.metrics[0].what, What::Query);
        let query = analysis.metrics[0].query.as_ref().unwrap();
        assert_eq!(query.bad, "bad_total{slot=\"$slot\"}");
        assert_eq!((analysis.limits.len(), analysis.values.len()), (1, 1));
        let rule = &analysis.values[0].rule;
        assert_eq!((rule.bound, rule.in_a_row), (ValueBound::AtLeast(2.0), 5));
        // As it stands in the journal, and as it stood there before there were queries.
        let kept = serde_json::to_value(&analysis).unwrap();
        assert_eq!(
            serde_json::from_value::<crate::plan::Analysis>(kept).unwrap(),
            analysis
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let told = read(&plan(
            "  metrics:
    - { name: a, query: { bad: 'sum(', total: 'a[5m]' } }
    - { name: b, query: { bad: x }, count: errors }
  limits:
    - { name: c, query: up }
",
        ));
        let told = told.unwrap_err().to_string();
        for (place, words) in [
            ("analysis.metrics[0].query.bad", "this is no query: 1:5"),
            ("analysis.metrics[0].query.total", "gives a range vector"),
            ("analysis.metrics[1].query", "`total` is missing"),
            ("analysis.metrics[1]", "a metric has one of"),
            ("analysis.limits[0]", "either `at_most` or `at_least`"),
        ] {
            let found = told
                .lines()
                .any(|l| l.contains(&format!("{place}: ")) && l.contains(words));
            assert!(found, "{place}: {words} is not in\n{told}");
        }
    }
}
