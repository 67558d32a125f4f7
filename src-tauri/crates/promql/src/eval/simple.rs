//! Functions of one number at a time.

use super::{Evaluator, Outcome};
use crate::plan::CallPlan;
use crate::value::{FloatPoint, Matrix, Series};

impl Evaluator<'_> {
    /// Each number of each series changed, histograms left out.
    pub(super) fn each_float(
        &self,
        matrix: Matrix,
        change: impl Fn(FloatPoint) -> Option<f64>,
    ) -> Outcome<Matrix> {
        let mapped = matrix
            .into_iter()
            .map(|series| Series {
                labels: self.without_name(&series.labels),
                floats: series
                    .floats
                    .into_iter()
                    .filter_map(|p| change(p).map(|v| FloatPoint { t: p.t, v }))
                    .collect(),
                histograms: Vec::new(),
                drop_name: true,
            })
            .filter(|series| !series.is_empty())
            .collect();
        self.rejoined(mapped)
    }

    pub(super) fn simple(&self, call: &CallPlan) -> Outcome<Matrix> {
        let name = call.function.name;
        let matrix = self.eval(&call.args[0])?;
        if let Some(function) = unary(name) {
            return self.each_float(matrix, |p| Some(function(p.v)));
        }
        match name {
            "round" => {
                let nearest = match call.args.get(1) {
                    Some(arg) => self.scalars(arg)?,
                    None => vec![1.0; self.scope.steps()],
                };
                self.each_float(matrix, |p| {
                    let inverse = 1.0 / nearest[self.step_of(p.t)];
                    Some((p.v * inverse + 0.5).floor() / inverse)
                })
            }
            "clamp" | "clamp_min" | "clamp_max" => self.clamp(call, matrix),
            _ => self.unknown_function(name),
        }
    }

    fn clamp(&self, call: &CallPlan, matrix: Matrix) -> Outcome<Matrix> {
        let steps = self.scope.steps();
        let parameter = |at: usize| self.scalars(&call.args[at]);
        let (low, high) = match call.function.name {
            "clamp" => (parameter(1)?, parameter(2)?),
            "clamp_min" => (parameter(1)?, vec![f64::INFINITY; steps]),
            _ => (vec![f64::NEG_INFINITY; steps], parameter(1)?),
        };
        self.each_float(matrix, |p| {
            let step = self.step_of(p.t);
            let (low, high) = (low[step], high[step]);
            if high < low {
                return None;
            }
            if low.is_nan() || high.is_nan() || p.v.is_nan() {
                return Some(f64::NAN);
            }
            Some(low.max(high.min(p.v)))
        })
    }
}

fn unary(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "rad" => |v| v * std::f64::consts::PI / 180.0,
        "deg" => |v| v * 180.0 / std::f64::consts::PI,
        "sgn" => |v| {
            if v < 0.0 {
                -1.0
            } else if v > 0.0 {
                1.0
            } else {
                v
            }
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::unary;

    #[test]
    fn values() {
        for (name, x, y) in [
            ("abs", -2.5, 2.5),
            ("ceil", -2.5, -2.0),
            ("sgn", -7.0, -1.0),
            ("sgn", 0.0, 0.0),
            ("deg", std::f64::consts::PI, 180.0),
            ("rad", 180.0, std::f64::consts::PI),
            ("log2", 8.0, 3.0),
            ("acosh", 1.0, 0.0),
        ] {
            assert_eq!(unary(name).unwrap()(x), y, "{name}({x})");
        }
        assert!(unary("sgn").unwrap()(f64::NAN).is_nan());
        assert!(unary("rate").is_none());
    }
}
