//! A latency's bound and the buckets that a histogram really has.

use crate::figures::plain;

/// Why a bound cannot be counted: no bucket ends there, and what lies between two bounds is not
/// known.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum BucketError {
    /// There is no bucket at all.
    #[error("the series has no buckets: is it a histogram?")]
    None,
    /// The bound is not among them.
    #[error(
        "no bucket ends at {}; the nearest {}",
        plain(*bound),
        near(*below, *above)
    )]
    NotABound {
        /// What was asked for.
        bound: f64,
        /// The next smaller bound.
        below: Option<f64>,
        /// The next larger one.
        above: Option<f64>,
    },
}

fn near(below: Option<f64>, above: Option<f64>) -> String {
    match (below, above) {
        (Some(a), Some(b)) => format!("are {} and {}", plain(a), plain(b)),
        (Some(a), None) | (None, Some(a)) => format!("is {}", plain(a)),
        (None, None) => "is +Inf, which holds every request".to_owned(),
    }
}

/// The `le` label of the bucket that ends at `bound`, as the histogram itself spells it.
///
/// # Errors
/// If no bucket ends there.
pub fn bucket_label<'l>(
    bound: f64,
    labels: impl IntoIterator<Item = &'l str>,
) -> Result<&'l str, BucketError> {
    let (mut any, mut below, mut above) = (false, None, None);
    for label in labels {
        let Ok(end) = label.trim().parse::<f64>() else {
            continue;
        };
        any = true;
        if end.is_infinite() {
            continue;
        }
        if (end - bound).abs() <= 1e-9 * bound.abs().max(end.abs()) {
            return Ok(label);
        }
        if end < bound {
            below = Some(below.map_or(end, |b: f64| b.max(end)));
        } else {
            above = Some(above.map_or(end, |a: f64| a.min(end)));
        }
    }
    Err(if any {
        BucketError::NotABound {
            bound,
            below,
            above,
        }
    } else {
        BucketError::None
    })
}
