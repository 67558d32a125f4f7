//! How fast a budget burns, and whether that should alert.

mod decide;
mod interval;
mod low;
mod pair;
mod words;

pub use decide::{Burn, Condition, Decision, FEWEST_BAD, Need, State};
pub use interval::lower_bound;
pub use low::{Advice, FEW};
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
