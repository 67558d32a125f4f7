//! The functions of PromQL: names, arguments, and which of them Prometheus calls experimental.

use crate::ast::ValueType;
use crate::ast::ValueType::{Matrix, Scalar, String, Vector};

/// A function's signature.
#[derive(PartialEq, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The types of its arguments; the last one may be missing or repeated if it is variadic.
    pub args: &'static [ValueType],
    /// How many arguments beyond all but the last type there may be: none (exactly the types
    /// given), some, or any number.
    pub variadic: Variadic,
    /// What it gives.
    pub returns: ValueType,
    /// Whether Prometheus wants it switched on.
    pub experimental: bool,
}

/// How often a function's last argument may occur.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Variadic {
    /// Exactly once.
    No,
    /// From none to this many times.
    UpTo(usize),
    /// As often as one likes, or never.
    Any,
}

const fn stable(
    name: &'static str,
    args: &'static [ValueType],
    variadic: Variadic,
    returns: ValueType,
) -> Function {
    Function {
        name,
        args,
        variadic,
        returns,
        experimental: false,
    }
}

const fn trial(
    name: &'static str,
    args: &'static [ValueType],
    variadic: Variadic,
    returns: ValueType,
) -> Function {
    Function {
        name,
        args,
        variadic,
        returns,
        experimental: true,
    }
}

use Variadic::{Any, No, UpTo};

/// All functions, by name.
pub static FUNCTIONS: &[Function] = &[
    stable("abs", &[Vector], No, Vector),
    stable("absent", &[Vector], No, Vector),
    stable("absent_over_time", &[Matrix], No, Vector),
    stable("acos", &[Vector], No, Vector),
    stable("acosh", &[Vector], No, Vector),
    stable("asin", &[Vector], No, Vector),
    stable("asinh", &[Vector], No, Vector),
    stable("atan", &[Vector], No, Vector),
    stable("atanh", &[Vector], No, Vector),
    stable("avg_over_time", &[Matrix], No, Vector),
    stable("ceil", &[Vector], No, Vector),
    stable("changes", &[Matrix], No, Vector),
    stable("clamp", &[Vector, Scalar, Scalar], No, Vector),
    stable("clamp_max", &[Vector, Scalar], No, Vector),
    stable("clamp_min", &[Vector, Scalar], No, Vector),
    stable("cos", &[Vector], No, Vector),
    stable("cosh", &[Vector], No, Vector),
    stable("count_over_time", &[Matrix], No, Vector),
    stable("day_of_month", &[Vector], UpTo(1), Vector),
    stable("day_of_week", &[Vector], UpTo(1), Vector),
    stable("day_of_year", &[Vector], UpTo(1), Vector),
    stable("days_in_month", &[Vector], UpTo(1), Vector),
    stable("deg", &[Vector], No, Vector),
    stable("delta", &[Matrix], No, Vector),
    stable("deriv", &[Matrix], No, Vector),
    trial(
        "double_exponential_smoothing",
        &[Matrix, Scalar, Scalar],
        No,
        Vector,
    ),
    trial("end", &[], No, Scalar),
    stable("exp", &[Vector], No, Vector),
    stable("first_over_time", &[Matrix], No, Vector),
    stable("floor", &[Vector], No, Vector),
    stable("histogram_avg", &[Vector], No, Vector),
    stable("histogram_count", &[Vector], No, Vector),
    stable("histogram_fraction", &[Scalar, Scalar, Vector], No, Vector),
    stable("histogram_quantile", &[Scalar, Vector], No, Vector),
    trial(
        "histogram_quantiles",
        &[Vector, String, Scalar, Scalar],
        UpTo(9),
        Vector,
    ),
    stable("histogram_stddev", &[Vector], No, Vector),
    stable("histogram_stdvar", &[Vector], No, Vector),
    stable("histogram_sum", &[Vector], No, Vector),
    stable("hour", &[Vector], UpTo(1), Vector),
    stable("idelta", &[Matrix], No, Vector),
    stable("increase", &[Matrix], No, Vector),
    trial("info", &[Vector, Vector], UpTo(1), Vector),
    stable("irate", &[Matrix], No, Vector),
    stable("label_join", &[Vector, String, String, String], Any, Vector),
    stable(
        "label_replace",
        &[Vector, String, String, String, String],
        No,
        Vector,
    ),
    stable("last_over_time", &[Matrix], No, Vector),
    stable("ln", &[Vector], No, Vector),
    stable("log10", &[Vector], No, Vector),
    stable("log2", &[Vector], No, Vector),
    trial("mad_over_time", &[Matrix], No, Vector),
    trial("max_of", &[Scalar, Scalar], No, Scalar),
    stable("max_over_time", &[Matrix], No, Vector),
    trial("min_of", &[Scalar, Scalar], No, Scalar),
    stable("min_over_time", &[Matrix], No, Vector),
    stable("minute", &[Vector], UpTo(1), Vector),
    stable("month", &[Vector], UpTo(1), Vector),
    stable("pi", &[], No, Scalar),
    stable("predict_linear", &[Matrix, Scalar], No, Vector),
    stable("present_over_time", &[Matrix], No, Vector),
    stable("quantile_over_time", &[Scalar, Matrix], No, Vector),
    stable("rad", &[Vector], No, Vector),
    trial("range", &[], No, Scalar),
    stable("rate", &[Matrix], No, Vector),
    stable("resets", &[Matrix], No, Vector),
    stable("round", &[Vector, Scalar], UpTo(1), Vector),
    stable("scalar", &[Vector], No, Scalar),
    stable("sgn", &[Vector], No, Vector),
    stable("sin", &[Vector], No, Vector),
    stable("sinh", &[Vector], No, Vector),
    stable("sort", &[Vector], No, Vector),
    trial("sort_by_label", &[Vector, String], Any, Vector),
    trial("sort_by_label_desc", &[Vector, String], Any, Vector),
    stable("sort_desc", &[Vector], No, Vector),
    stable("sqrt", &[Vector], No, Vector),
    trial("start", &[], No, Scalar),
    trial("start_timestamp", &[Vector], No, Vector),
    stable("stddev_over_time", &[Matrix], No, Vector),
    stable("stdvar_over_time", &[Matrix], No, Vector),
    trial("step", &[], No, Scalar),
    stable("sum_over_time", &[Matrix], No, Vector),
    stable("tan", &[Vector], No, Vector),
    stable("tanh", &[Vector], No, Vector),
    stable("time", &[], No, Scalar),
    stable("timestamp", &[Vector], No, Vector),
    trial("ts_of_first_over_time", &[Matrix], No, Vector),
    trial("ts_of_last_over_time", &[Matrix], No, Vector),
    trial("ts_of_max_over_time", &[Matrix], No, Vector),
    trial("ts_of_min_over_time", &[Matrix], No, Vector),
    stable("vector", &[Scalar], No, Vector),
    stable("year", &[Vector], UpTo(1), Vector),
];

/// The function of this name.
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS
        .binary_search_by(|f| f.name.cmp(name))
        .ok()
        .map(|at| &FUNCTIONS[at])
}

/// Whether the result depends on the moment of evaluation even if all arguments are fixed by `@`.
pub(crate) fn depends_on_time(name: &str) -> bool {
    matches!(
        name,
        "days_in_month"
            | "day_of_month"
            | "day_of_week"
            | "day_of_year"
            | "end"
            | "hour"
            | "minute"
            | "month"
            | "year"
            | "predict_linear"
            | "range"
            | "start"
            | "step"
            | "time"
            | "timestamp"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_sorted_and_found() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        for f in FUNCTIONS {
            assert_eq!(function(f.name).map(|f| f.name), Some(f.name));
        }
        assert!(function("holt_winters").is_none());
    }
}
