//! Whether two numbers are the same but for rounding.

use crate::value::is_stale;

/// Whether two numbers differ by less than a part of their sum. Stale markers equal only
/// themselves, what is no number equals what is none, and near zero the part is of the smallest
/// normal number.
pub(crate) fn almost_equal(a: f64, b: f64, part: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if (a.is_nan() && b.is_nan()) || a == b {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < part * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < part
}

#[cfg(test)]
mod tests {
    use super::almost_equal;
    use crate::value::stale_nan;

    #[test]
    fn near_is_relative() {
        assert!(almost_equal(1e9, 1e9 + 1.0, 1e-6));
        assert!(!almost_equal(1.0, 1.1, 1e-6));
        assert!(!almost_equal(0.0, 1e-300, 1e-6));
        assert!(almost_equal(f64::NAN, f64::NAN, 1e-6));
        assert!(!almost_equal(stale_nan(), f64::NAN, 1e-6));
        assert!(!almost_equal(f64::INFINITY, 1.0, 1e-6));
    }
}
