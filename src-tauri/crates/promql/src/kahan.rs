//! Sums that do not lose small numbers beside large ones.

/// Neumaier's variant of Kahan's compensated sum.
#[derive(Copy, Clone, PartialEq, Default, Debug)]
pub(crate) struct Kahan {
    pub sum: f64,
    /// What rounding has lost so far.
    pub lost: f64,
}

impl Kahan {
    pub fn from(sum: f64) -> Self {
        Kahan { sum, lost: 0.0 }
    }

    pub fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - total) + value;
        } else {
            self.lost += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub fn total(&self) -> f64 {
        self.sum + self.lost
    }
}

/// A mean that is a plain quotient until the sum overflows, and a running mean from then on.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct Mean {
    running: bool,
    count: f64,
    value: Kahan,
}

impl Mean {
    pub fn from(first: f64) -> Self {
        Mean {
            running: false,
            count: 1.0,
            value: Kahan::from(first),
        }
    }

    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.running {
            let mut sum = self.value;
            sum.add(value);
            if !sum.sum.is_infinite() {
                self.value = sum;
                return;
            }
            self.running = true;
            self.value.sum /= self.count - 1.0;
            self.value.lost /= self.count - 1.0;
        }
        let q = (self.count - 1.0) / self.count;
        self.value.sum *= q;
        self.value.lost *= q;
        self.value.add(value / self.count);
    }

    pub fn value(&self) -> f64 {
        if self.running {
            self.value.total()
        } else {
            self.value.sum / self.count + self.value.lost / self.count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_that_cancel_leave_the_small_ones() {
        let mut sum = Kahan::default();
        for value in [1.0, 1e100, 1.0, -1e100] {
            sum.add(value);
        }
        assert_eq!(sum.total(), 2.0);
    }

    #[test]
    fn a_mean_outlives_its_sum() {
        let huge = 9e307;
        let mut mean = Mean::from(huge);
        for _ in 0..3 {
            mean.add(huge);
        }
        assert_eq!(mean.value(), huge);
        let mut endless = Mean::from(1.0);
        endless.add(f64::INFINITY);
        endless.add(f64::INFINITY);
        assert_eq!(endless.value(), f64::INFINITY);
    }
}
