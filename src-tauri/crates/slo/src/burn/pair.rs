//! Pairs of windows and the pace at which they alert.
//!
//! A pair says: a share `p` of the whole budget, gone within the long window, and still going in
//! the short one. The pace is then `p · period / long`: 2 % of 30 days' budget in an hour is 14.4
//! times the pace that would spend the budget exactly. The four usual pairs are those of the
//! Site Reliability Workbook, chapter 5.

use std::fmt;

use deckwatch_domain::Span;
use serde::{Deserialize, Serialize};

use crate::figures::{exact_percent, number, pace, percent};
use crate::target::Target;

/// What a pair asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ts_rs::TS)]
#[ts(rename = "SloSeverity")]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody, now.
    Page,
    /// Somebody, in working hours.
    Ticket,
}

impl Severity {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Two windows and a pace.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[ts(rename = "SloPair")]
pub struct Pair {
    /// What it asks for.
    pub severity: Severity,
    /// Over which the budget must have gone.
    pub long: Span,
    /// In which it must still be going.
    pub short: Span,
    /// The pace: 1 spends the budget exactly by the end of the period.
    pub factor: f64,
}

/// Severity, long and short window in minutes, and the share of the budget.
const USUAL: [(Severity, u64, u64, f64); 4] = [
    (Severity::Page, 60, 5, 0.02),
    (Severity::Page, 360, 30, 0.05),
    (Severity::Ticket, 1440, 120, 0.1),
    (Severity::Ticket, 4320, 360, 0.1),
];

/// Lengths that long windows are rounded to, in minutes.
const TIDY: [u64; 18] = [
    15, 30, 60, 120, 180, 240, 360, 480, 720, 1440, 2880, 4320, 7200, 10_080, 20_160, 43_200,
    86_400, 129_600,
];

impl Pair {
    /// The usual four for a period.
    pub fn usual(period: Span) -> Vec<Pair> {
        let minutes = |m: u64| Span::from_secs(m * 60);
        USUAL
            .iter()
            .map(|(severity, long, short, share)| {
                Pair::spending(*severity, *share, period, minutes(*long), minutes(*short))
            })
            .collect()
    }

    /// The pair that alerts once `share` of the period's budget has gone within `long`.
    pub fn spending(severity: Severity, share: f64, period: Span, long: Span, short: Span) -> Pair {
        let factor = share * period.as_secs_f64() / long.as_secs_f64().max(1.0);
        Pair {
            severity,
            long,
            short,
            // 0.02 · 720 is 14.4 and should read so.
            factor: (factor * 1e9).round() / 1e9,
        }
    }

    /// The short window that belongs to a long one: a twelfth.
    pub fn short_of(long: Span) -> Span {
        Span::from_secs((long.as_millis() / 12_000).max(60))
    }

    /// The share of the period's budget that is gone when it alerts.
    pub fn share(&self, period: Span) -> f64 {
        self.factor * self.long.as_secs_f64() / period.as_secs_f64().max(1.0)
    }

    /// The share of bad events at which it alerts.
    pub fn bad_share(&self, target: Target) -> f64 {
        self.factor * target.budget()
    }

    /// How its pace comes about: `14.4 = 2 % · 30d / 1h`.
    pub fn formula(&self, period: Span) -> String {
        format!(
            "{} = {} · {period} / {}",
            number(self.factor),
            percent(self.share(period)),
            self.long
        )
    }

    /// Whether it can do what it says.
    ///
    /// # Errors
    /// If it can never alert, or looks further back than the period; with the one to use instead.
    pub fn check(self, target: Target, period: Span) -> Result<Pair, Refused> {
        let reason = if !(self.factor > 0.0 && self.factor.is_finite()) {
            format!("a pace of {} is none", self.factor)
        } else if self.long >= period {
            format!(
                "its long window of {} is no shorter than the period of {period}",
                self.long
            )
        } else if self.short >= self.long || self.short == Span::ZERO {
            format!(
                "its short window of {} is not shorter than the long one of {}",
                self.short, self.long
            )
        } else if self.bad_share(target) >= 1.0 {
            format!(
                "{} · (1 − {}) = {}: even if every event is bad the pace is only {}, so it can never alert",
                number(self.factor),
                exact_percent(target.share()),
                number(self.bad_share(target)),
                pace(target.fastest()),
            )
        } else {
            return Ok(self);
        };
        Err(Refused {
            pair: self,
            reason,
            offer: self.rescaled(target, period),
        })
    }

    /// The pair for the same share of the budget that alerts when half of the events are bad: its
    /// long window is as long as that takes.
    fn rescaled(self, target: Target, period: Span) -> Option<Pair> {
        let share = self.share(period);
        if !(share > 0.0 && share.is_finite()) {
            return None;
        }
        let share = share.min(0.5);
        let pace = (0.5 * target.fastest()).max(1.0);
        let pace = pace.min(self.factor.max(1.0));
        let wanted = share * period.as_secs_f64() / pace / 60.0;
        let pairs = TIDY.iter().map(|minutes| {
            let long = Span::from_secs(minutes * 60);
            let short = Pair::short_of(long);
            Pair::spending(self.severity, share, period, long, short)
        });
        let fits = pairs.filter(|pair| {
            pair.bad_share(target) < 1.0 && pair.long < period && pair.short < pair.long
        });
        let off = |pair: &Pair| {
            let minutes = pair.long.as_secs_f64() / 60.0;
            (minutes / wanted).ln().abs()
        };
        fits.min_by(|a, b| off(a).total_cmp(&off(b)))
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at {} over {} and {}",
            self.severity,
            pace(self.factor),
            self.long,
            self.short
        )
    }
}

/// A pair that cannot do what it says.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS, thiserror::Error)]
#[ts(rename = "SloRefused")]
#[error("{pair}: {reason}{}", offered(.offer))]
pub struct Refused {
    /// The pair.
    pub pair: Pair,
    /// Why.
    pub reason: String,
    /// The one to use instead, for the same share of the budget.
    pub offer: Option<Pair>,
}

fn offered(offer: &Option<Pair>) -> String {
    offer
        .map(|pair| format!("; {pair} would do"))
        .unwrap_or_default()
}
