//! Sums and distances in log space, where evidence of a thousand looks neither overflows nor
//! vanishes. A weight of nothing is [`NOTHING`], a finite number, so that state survives JSON.

/// The logarithm of what is as good as zero. Finite on purpose: JSON has no infinity.
pub(crate) const NOTHING: f64 = -1e300;
/// No evidence grows past this; it keeps sums of evidence finite.
pub(crate) const EVERYTHING: f64 = 1e300;

/// `value` kept between [`NOTHING`] and [`EVERYTHING`]; what is not a number is worth nothing.
pub(crate) fn keep(value: f64) -> f64 {
    if value.is_nan() {
        NOTHING
    } else {
        value.clamp(NOTHING, EVERYTHING)
    }
}

/// ln Σ exp(term).
pub(crate) fn ln_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = terms.clone().fold(NOTHING, f64::max);
    if top <= NOTHING {
        return NOTHING;
    }
    keep(top + terms.map(|t| (t - top).exp()).sum::<f64>().ln())
}

/// ln(exp(a) + exp(b)).
pub(crate) fn ln_add(a: f64, b: f64) -> f64 {
    let (more, less) = if a >= b { (a, b) } else { (b, a) };
    keep(more + (less - more).exp().ln_1p())
}

/// `count · ln(factor)` where a count of nothing is nothing, whatever the factor.
pub(crate) fn times_ln(count: f64, factor: f64) -> f64 {
    if count == 0.0 {
        0.0
    } else if factor <= 0.0 {
        NOTHING
    } else {
        keep(count * factor.ln())
    }
}

/// A log evidence as a plain number, at most `f64::MAX` so that it survives JSON.
pub(crate) fn plain(ln: f64) -> f64 {
    ln.exp().min(f64::MAX)
}

/// Kullback–Leibler divergence of Bernoulli(p) from Bernoulli(q), in nats. Infinite where p puts
/// weight that q does not.
pub(crate) fn divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| {
        if p <= 0.0 {
            0.0
        } else if q <= 0.0 {
            f64::INFINITY
        } else {
            p * (p / q).ln()
        }
    };
    (part(p, q) + part(1.0 - p, 1.0 - q)).max(0.0)
}

/// What one bad request adds to the evidence that the ratio of rates is `size` times its edge:
/// ln(θ/θ0) when it is the candidate's, ln((1−θ)/(1−θ0)) when it is stable's, where θ0/(1−θ0) is
/// `edge`. Written so that nothing cancels, however lopsided the traffic is.
pub(crate) fn split_factors(size: f64, edge: f64) -> (f64, f64) {
    let more = ((size - 1.0) / (1.0 + size * edge)).ln_1p();
    let fewer = -((size - 1.0) * edge / (1.0 + edge)).ln_1p();
    (more, fewer)
}
