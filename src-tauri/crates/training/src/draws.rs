//! Chance that can be repeated: the same seed gives the same run.

use std::f64::consts::TAU;

/// SplitMix64 (Steele, Lea & Flood, 2014). Small enough to make one per request from the request's
/// number, so that what befalls a request does not depend on the order of others, and no lock is
/// shared by all of them. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Draws(seed)
    }

    /// The draws that belong to the `number`th thing of a run.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        let mut start = Draws(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        Draws(start.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, but never, 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in a share `p` of all cases.
    pub(crate) fn happens(&mut self, p: f64) -> bool {
        self.share() < p
    }

    /// Exponential with mean 1: the gaps of a Poisson stream.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.share()).ln()
    }

    /// Log-normal with median 1: most are near it, a few are several times longer.
    pub(crate) fn log_normal(&mut self, sigma: f64) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        (sigma * radius * (TAU * self.share()).cos()).exp()
    }

    /// A whole number below `end`, which must not be 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        ((self.share() * f64::from(end)) as u32).min(end.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_have_the_right_shape() {
        let many = |draw: fn(&mut Draws) -> f64| -> Vec<f64> {
            let mut draws = Draws::new(7);
            let mut found: Vec<f64> = (0..20_000).map(|_| draw(&mut draws)).collect();
            found.sort_by(f64::total_cmp);
            found
        };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean(&many(Draws::share)) - 0.5).abs() < 0.01);
        assert!((mean(&many(Draws::exponential)) - 1.0).abs() < 0.03);
        let latency = many(|d| d.log_normal(0.5));
        assert!((latency[10_000] - 1.0).abs() < 0.03);
        assert!((latency[19_800] - 3.2).abs() < 0.3, "{}", latency[19_800]);
        assert_eq!(Draws::of(1, 2).next(), Draws::of(1, 2).next());
        assert_ne!(Draws::of(1, 2).next(), Draws::of(1, 3).next());
        // Draws of neighbouring numbers are not alike.
        let hits = (0..20_000)
            .filter(|n| Draws::of(3, *n).happens(0.04))
            .count();
        assert!((700..900).contains(&hits), "{hits}");
        let mut draws = Draws::new(1);
        assert!((0..1000).all(|_| draws.below(3) < 3));
    }
}
