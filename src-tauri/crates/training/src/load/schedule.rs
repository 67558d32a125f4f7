//! When the next request is due and who sends it. Pure: the same seed gives the same schedule.

use super::Arrivals;
use crate::draws::Draws;

/// One arrival.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Arrival {
    /// Seconds after the one before.
    pub gap: f64,
    pub client: u32,
}

pub(super) struct Schedule {
    draws: Draws,
    arrivals: Arrivals,
    clients: u32,
}

impl Schedule {
    pub(super) fn new(seed: u64, arrivals: Arrivals, clients: u32) -> Self {
        Schedule {
            draws: Draws::new(seed),
            arrivals,
            clients,
        }
    }

    /// The next arrival at `rate` per second.
    pub(super) fn next(&mut self, rate: f64) -> Arrival {
        // Both draws are made for either kind, so that the clients are the same.
        let wait = self.draws.exponential();
        let client = self.draws.below(self.clients);
        let gap = match self.arrivals {
            Arrivals::Poisson => wait / rate,
            Arrivals::Uniform => 1.0 / rate,
        };
        Arrival { gap, client }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(seed: u64, kind: Arrivals) -> Vec<Arrival> {
        let mut schedule = Schedule::new(seed, kind, 100);
        (0..10_000).map(|_| schedule.next(500.0)).collect()
    }

    #[test]
    fn the_seed_decides_everything() {
        let one = arrivals(7, Arrivals::Poisson);
        assert_eq!(one, arrivals(7, Arrivals::Poisson));
        assert_ne!(one, arrivals(8, Arrivals::Poisson));
        let even = arrivals(7, Arrivals::Uniform);
        assert!(one.iter().zip(&even).all(|(a, b)| a.client == b.client));
    }

    #[test]
    fn gaps_are_poisson_or_even() {
        let gaps: Vec<f64> = arrivals(7, Arrivals::Poisson)
            .iter()
            .map(|a| a.gap)
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 0.002).abs() < 0.0001, "{mean}");
        // An exponential's standard deviation is its mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05);
        assert!(
            arrivals(7, Arrivals::Uniform)
                .iter()
                .all(|a| a.gap == 0.002)
        );
        let clients: std::collections::BTreeSet<u32> = arrivals(7, Arrivals::Poisson)
            .iter()
            .map(|a| a.client)
            .collect();
        assert_eq!(clients.len(), 100);
    }
}
