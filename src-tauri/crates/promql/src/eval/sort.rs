//! Sorting, by value and by label.

use std::cmp::Ordering;

use super::call::text;
use super::{Evaluator, Outcome};
use crate::labels::Labels;
use crate::plan::CallPlan;
use crate::value::{Matrix, Series};

/// Smaller first; what is no number last.
pub(super) fn ascending(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Larger first; what is no number last.
pub(super) fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl Evaluator<'_> {
    pub(super) fn sorted(&self, call: &CallPlan) -> Outcome<Matrix> {
        let mut matrix = self.eval(&call.args[0])?;
        let name = call.function.name;
        if matches!(name, "sort" | "sort_desc") {
            for series in &mut matrix {
                series.histograms.clear();
            }
            matrix.retain(|series| !series.is_empty());
        }
        if !self.scope.is_single() {
            // The result will be ordered by labels anyway.
            return Ok(matrix);
        }
        let value = |s: &Series| s.floats.first().map_or(f64::NAN, |p| p.v);
        match name {
            "sort" => matrix.sort_by(|a, b| ascending(value(a), value(b))),
            "sort_desc" => matrix.sort_by(|a, b| descending(value(a), value(b))),
            _ => {
                let names: Vec<String> = call.args[1..]
                    .iter()
                    .map(|arg| String::from_utf8_lossy(text(arg)).into_owned())
                    .collect();
                matrix.sort_by(|a, b| by_labels(&a.labels, &b.labels, &names));
                if name == "sort_by_label_desc" {
                    matrix.reverse();
                }
            }
        }
        Ok(matrix)
    }
}

fn by_labels(a: &Labels, b: &Labels, names: &[String]) -> Ordering {
    names
        .iter()
        .map(|name| natural(a.get(name), b.get(name)))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or_else(|| a.cmp(b))
}

/// Runs of digits and of anything else.
fn chunks(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digit = first.is_ascii_digit();
        let end = rest
            .find(|c: char| c.is_ascii_digit() != digit)
            .unwrap_or(rest.len());
        out.push(&rest[..end]);
        rest = &rest[end..];
    }
    out
}

/// The order in which people number things: `a2` before `a10`.
fn natural(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (left, right) = (chunks(a), chunks(b));
    for (x, y) in left.iter().zip(&right) {
        let order = match (x.parse::<i64>(), y.parse::<i64>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            _ => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_names_count() {
        let mut names = ["10", "9", "1.11.3", "1.2.3", "a10b", "a2b", "a"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["1.2.3", "1.11.3", "9", "10", "a", "a2b", "a10b"]);
    }

    #[test]
    fn what_is_no_number_is_last() {
        for order in [ascending, descending] {
            assert_eq!(order(f64::NAN, 1.0), Ordering::Greater);
            assert_eq!(order(1.0, f64::NAN), Ordering::Less);
        }
        assert_eq!(descending(1.0, 2.0), Ordering::Greater);
    }
}
