//! How fast a budget burns, and whether that should alert.

mod decide;
mod interval;
mod low;
mod pair;
mod words;

pub use decide::{Burn, BurnPoint, Condition, Decision, FEWEST_BAD, Need, State};
pub use interval::lower_bound;
pub use low::{Advice, FEW};
pub use pair::{Pair, Refused, Severity};

use crate::figures::{pace, percent};
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

    /// What there is to doubt about its alerts, in sentences: pairs that could never alert, and
    /// pairs that alert although the objective is kept.
    pub fn doubts(&self) -> Vec<String> {
        let (kept, refused) = self.pairs();
        let slow = kept.iter().filter(|pair| pair.factor < 1.0).map(|pair| {
            format!(
                "{pair}: a pace of {} would leave {} of the budget at the end of {}; it alerts although the objective is kept",
                pace(pair.factor),
                percent(1.0 - pair.factor),
                self.period,
            )
        });
        refused
            .iter()
            .map(ToString::to_string)
            .chain(slow)
            .collect()
    }
}
