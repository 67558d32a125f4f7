//! Services with so few events that their budget is a handful.

use deckwatch_domain::Span;
use serde::Serialize;

use crate::figures::{count, exact_percent, number, of, percent};
use crate::objective::{Indicator, Objective};
use crate::target::Target;

/// With fewer bad events than this in a period's budget, each one is a tenth of it or more.
pub const FEW: f64 = 10.0;

/// What would help an objective whose budget is a handful of events.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
#[ts(rename = "SloAdvice")]
pub struct Advice {
    /// How many events may be bad in a period.
    pub allowed: f64,
    /// The target at which ten may be.
    pub target: Option<Target>,
    /// The period in which ten may be.
    pub period: Option<Span>,
    /// Synthetic requests a minute that would make it ten.
    pub probes_per_minute: f64,
    /// In words.
    pub words: String,
}

impl Objective {
    /// What would help, if a whole period's `total` events leave fewer than ten that may be bad.
    pub fn low_traffic(&self, total: f64) -> Option<Advice> {
        let allowed = total * self.target.budget();
        // A budget of exactly ten is enough, whatever the multiplication makes of it.
        if allowed + 1e-9 >= FEW {
            return None;
        }
        let length = self.period.nominal();
        // Rounded down to hundredths of a percent: a target that is asked of people is short.
        let target = (total > FEW)
            .then(|| ((1.0 - FEW / total) * 1e4).floor() / 1e4)
            .and_then(|share| Target::new(share).ok());
        let longer = length.as_secs_f64() * FEW / allowed;
        let days = (longer / 86_400.0).ceil();
        let period = (days <= 366.0).then(|| Span::from_secs(days as u64 * 86_400));
        let missing = FEW / self.target.budget() - total;
        let probes_per_minute = missing / (length.as_secs_f64() / 60.0);
        let noun = self.indicator.noun();
        let mut help = Vec::new();
        if let Some(target) = target {
            help.push(format!("a target of {}", exact_percent(target.share())));
        }
        if let Some(period) = period {
            help.push(format!("a period of {period}"));
        }
        help.push(format!(
            "{} synthetic requests a minute",
            number(probes_per_minute)
        ));
        if !matches!(
            self.indicator,
            Indicator::Slices { .. } | Indicator::Gauge { .. }
        ) {
            help.push("counting slices of time instead".to_owned());
        }
        let cost = if allowed > 0.0 {
            format!(
                "each bad one costs {} of the budget",
                percent(1.0 / allowed)
            )
        } else {
            "there is nothing to measure".to_owned()
        };
        let words = format!(
            "{length} bring {}, of which {} may be bad: {cost}. It would help: {}.",
            of(total, noun),
            count(allowed),
            help.join(", or ")
        );
        Some(Advice {
            allowed,
            target,
            period,
            probes_per_minute,
            words,
        })
    }
}
