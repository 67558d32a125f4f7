//! `label_replace` and `label_join`.

use super::call::text;
use super::collect::merge_same_labels;
use super::{Evaluator, Outcome};
use crate::error::EvalError;
use crate::labels::{Labels, METRIC_NAME};
use crate::matcher::anchored;
use crate::plan::{CallPlan, Planned};
use crate::value::Matrix;

/// The label name that an argument is.
fn label_name<'a>(planned: &'a Planned, which: &str, function: &str) -> Outcome<&'a str> {
    let bytes = text(planned);
    match std::str::from_utf8(bytes) {
        Ok(name) if !name.is_empty() => Ok(name),
        _ => Err(EvalError::execution(format!(
            "invalid {which} label name in {function}(): {}",
            String::from_utf8_lossy(bytes)
        ))),
    }
}

impl Evaluator<'_> {
    fn relabelled(
        &self,
        call: &CallPlan,
        target: &str,
        value: impl Fn(&Labels) -> Option<String>,
    ) -> Outcome<Matrix> {
        let mut matrix = self.eval(&call.args[0])?;
        for series in &mut matrix {
            if let Some(value) = value(&series.labels) {
                series.labels = series.labels.with(target, &value);
                // A name that was given anew is not the one that no longer fits.
                series.drop_name &= target != METRIC_NAME;
            }
        }
        merge_same_labels(matrix)
    }

    pub(super) fn label_replace(&self, call: &CallPlan) -> Outcome<Matrix> {
        let [target, replacement, source, pattern] =
            [1, 2, 3, 4].map(|at| String::from_utf8_lossy(text(&call.args[at])));
        let regex = anchored(&pattern).map_err(|_| {
            EvalError::execution(format!(
                "invalid regular expression in label_replace(): {pattern}"
            ))
        })?;
        label_name(&call.args[1], "destination", "label_replace")?;
        self.relabelled(call, &target, |labels| {
            let captures = regex.captures(labels.get(&source))?;
            let mut out = String::new();
            captures.expand(&replacement, &mut out);
            Some(out)
        })
    }

    pub(super) fn label_join(&self, call: &CallPlan) -> Outcome<Matrix> {
        let separator = String::from_utf8_lossy(text(&call.args[2]));
        let mut sources = Vec::new();
        for arg in &call.args[3..] {
            sources.push(label_name(arg, "source", "label_join")?);
        }
        let target = label_name(&call.args[1], "destination", "label_join")?;
        self.relabelled(call, target, |labels| {
            let values: Vec<&str> = sources.iter().map(|name| labels.get(name)).collect();
            Some(values.join(&separator))
        })
    }
}
