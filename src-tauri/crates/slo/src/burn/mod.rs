//! How fast a budget burns, and whether that should alert.

mod pair;

pub use pair::{Pair, Refused, Severity};

use crate::objective::Objective;

impl Objective {
    /// The pairs that alert for it, and those that could never do so.
    pub fn pairs(&self) -> (Vec<Pair>, Vec<Refused>) {
        let period = self.period.nominal();
        let pairs = self.burn.clone().unwrap_or_else(|| Pair::usual(period));
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        for pair in pairs {
            match pair.check(self.target, period) {
                Ok(pair) => kept.push(pair),
                Err(why) => refused.push(why),
            }
        }
        (kept, refused)
    }
}
