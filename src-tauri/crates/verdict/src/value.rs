//! A measured value against an absolute bound.
//!
//! As with the limits on requests, this is a rule and not a test: it promises no error rate. One
//! value outside may be chance, so it takes several in a row to fail, and as many to pass.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::counts::Verdict;
use crate::figures::{count, number, of};
use crate::limit::LimitAnswer;

/// What a value must stay at.
#[derive(Copy, Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValueBound {
    /// Or below.
    AtMost(f64),
    /// Or above.
    AtLeast(f64),
}

/// One bound.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueRule {
    pub bound: ValueBound,
    /// Values in a row that decide; at least one.
    pub in_a_row: usize,
}

/// Holds values, the oldest first, against a bound: the newest of them decide.
pub fn judge_value(rule: &ValueRule, values: &[f64]) -> LimitAnswer {
    let (ValueBound::AtMost(bound) | ValueBound::AtLeast(bound)) = rule.bound;
    let answer = |verdict, observed, words| LimitAnswer {
        verdict,
        observed,
        limit: Some(bound).filter(|b| b.is_finite()),
        requests: 0,
        words,
    };
    if !bound.is_finite() || rule.in_a_row == 0 {
        let words = format!("This limit cannot be held: {rule:?}.");
        return answer(Verdict::Error, None, words);
    }
    let Some(&newest) = values.last() else {
        return answer(
            Verdict::NoData,
            None,
            "No value has been measured yet.".into(),
        );
    };
    let deciding = &values[values.len().saturating_sub(rule.in_a_row)..];
    if let Some(odd) = deciding.iter().find(|v| !v.is_finite()) {
        let words = format!("A value is {odd}, which cannot be judged.");
        return answer(Verdict::Error, None, words);
    }
    let holds = |v: &f64| match rule.bound {
        ValueBound::AtMost(most) => *v <= most,
        ValueBound::AtLeast(least) => *v >= least,
    };
    let held = deciding.iter().filter(|v| holds(v)).count();
    let verdict = match held {
        _ if deciding.len() < rule.in_a_row => Verdict::Inconclusive,
        0 => Verdict::Fail,
        all if all == deciding.len() => Verdict::Pass,
        _ => Verdict::Inconclusive,
    };
    let must = match rule.bound {
        ValueBound::AtMost(most) => format!("at most {} is allowed", number(most)),
        ValueBound::AtLeast(least) => format!("at least {} is needed", number(least)),
    };
    let seen = format!("The value is {}, {must}", number(newest));
    let words = match verdict {
        Verdict::Inconclusive => format!(
            "{seen}; {} of the newest {} hold.",
            count(held as u64),
            of(rule.in_a_row as u64, "value")
        ),
        _ => format!("{seen}, {} in a row.", of(rule.in_a_row as u64, "value")),
    };
    answer(verdict, Some(newest), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_values(values: &[f64]) -> Verdict {
        let rule = ValueRule {
            bound: ValueBound::AtMost(10.0),
            in_a_row: 3,
        };
        judge_value(&rule, values).verdict
    }

    #[test]
    fn the_newest_in_a_row_decide_and_nothing_else_passes() {
        assert_eq!(of_values(&[]), Verdict::NoData);
        assert_eq!(of_values(&[1.0, 2.0]), Verdict::Inconclusive);
        assert_eq!(of_values(&[90.0, 1.0, 2.0, 10.0]), Verdict::Pass);
        assert_eq!(of_values(&[1.0, 11.0, 2.0]), Verdict::Inconclusive);
        assert_eq!(of_values(&[1.0, 11.0, 12.0, 13.0]), Verdict::Fail);
        assert_eq!(of_values(&[1.0, f64::NAN, 2.0]), Verdict::Error);
        assert_eq!(of_values(&[f64::INFINITY; 3]), Verdict::Error);
        let least = |bound, in_a_row| {
            let rule = ValueRule {
                bound: ValueBound::AtLeast(bound),
                in_a_row,
            };
            judge_value(&rule, &[3.0, 5.0]).verdict
        };
        assert_eq!(least(4.0, 1), Verdict::Pass);
        assert_eq!(least(4.0, 2), Verdict::Inconclusive);
        assert_eq!(least(6.0, 2), Verdict::Fail);
        assert_eq!(least(f64::NAN, 1), Verdict::Error);
        assert_eq!(least(1.0, 0), Verdict::Error);
    }
}
