//! What a rollout may ask before it goes on.
//!
//! A gate opens only on what is known: without data, or with data that is too old, it stays shut
//! and says so.

use deckwatch_domain::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::budget::worst_first;
use crate::burn::Decision;
use crate::figures::{number, pace, percent, rough};
use crate::objective::{NoData, Objective};
use crate::track::Prepared;

/// A question with yes or no for an answer.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Is at least this share of the rolling budget left, in every group?
    BudgetLeft(f64),
    /// Does nothing page?
    NoPage,
    /// Has the budget burnt slower than this in the window, in every group?
    BurnBelow {
        /// The pace: 1 spends the budget exactly.
        factor: f64,
        /// The window.
        window: Span,
    },
}

/// The answer.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct Answer {
    /// Whether the gate opens.
    pub open: bool,
    /// What was found, in the question's unit; `None` without data.
    pub found: Option<f64>,
    /// Why, or why not.
    pub words: String,
}

impl Answer {
    fn shut(words: String) -> Self {
        Answer {
            open: false,
            found: None,
            words,
        }
    }
}

impl Objective {
    /// Answers a question over all groups. Data older than `stale` is no answer.
    pub fn ask(
        &self,
        question: &Question,
        groups: &[Prepared],
        now: Timestamp,
        stale: Span,
    ) -> Answer {
        if let Some(shut) = self.unknown(question, groups, now, stale) {
            return shut;
        }
        let mut answer = match *question {
            Question::BudgetLeft(least) => self.budget_left(least, groups, now),
            Question::NoPage => self.no_page(groups, now),
            Question::BurnBelow { factor, window } => self.burn_below(factor, window, groups, now),
        };
        // A group may be gone for good, so its silence alone shuts nothing; but it is said.
        let oldest = now.minus(stale.duration());
        let silent = groups.iter().filter(|t| t.last_known() < Some(oldest));
        match silent.count() {
            0 => {}
            1 => answer.words.push_str(" One group is silent."),
            n => answer.words.push_str(&format!(" {n} groups are silent.")),
        }
        answer
    }

    fn unknown(
        &self,
        question: &Question,
        groups: &[Prepared],
        now: Timestamp,
        stale: Span,
    ) -> Option<Answer> {
        let bound = match question {
            Question::BudgetLeft(x) => *x,
            Question::NoPage => 0.0,
            Question::BurnBelow { factor, .. } => *factor,
        };
        if !bound.is_finite() {
            return Some(Answer::shut(format!("{bound} is nothing to compare with.")));
        }
        let newest = groups.iter().filter_map(Prepared::last_known).max();
        let Some(newest) = newest else {
            return Some(Answer::shut(format!(
                "Nothing is known of {} yet.",
                self.name
            )));
        };
        let age = Span::from(now.since(newest));
        if age > stale && self.no_data != NoData::Bad {
            return Some(Answer::shut(format!(
                "The newest data of {} is {} old; older than {} is no answer.",
                self.name,
                rough(age),
                rough(stale)
            )));
        }
        None
    }

    fn budget_left(&self, least: f64, groups: &[Prepared], now: Timestamp) -> Answer {
        let standings = groups.iter().map(|track| self.rolling(track, now));
        let sorted = worst_first(standings.collect());
        let Some(worst) = sorted.iter().find(|s| s.budget.events.total > 0.0) else {
            return Answer::shut(format!("{} has counted nothing yet.", self.name));
        };
        let left = worst.budget.left;
        let open = left >= least;
        let than = if open { "at least" } else { "less than the" };
        Answer {
            open,
            found: Some(left),
            words: format!(
                "{}{} has {} of its budget left, {than} {}.",
                self.name,
                group(&worst.labels),
                percent(left),
                percent(least)
            ),
        }
    }

    fn no_page(&self, groups: &[Prepared], now: Timestamp) -> Answer {
        let decisions: Vec<Decision> = groups
            .iter()
            .flat_map(|track| self.decide(track, now))
            .collect();
        let firing: Vec<&Decision> = decisions.iter().filter(|d| d.pages()).collect();
        let found = Some(firing.len() as f64);
        match firing.first() {
            Some(first) => Answer {
                open: false,
                found,
                words: format!(
                    "{}{} pages. {}",
                    self.name,
                    group(&first.labels),
                    first.words
                ),
            },
            None => Answer {
                open: true,
                found,
                words: format!("{} pages nobody.", self.name),
            },
        }
    }

    fn burn_below(&self, factor: f64, window: Span, groups: &[Prepared], now: Timestamp) -> Answer {
        let paces = groups.iter().filter_map(|track| {
            let burn = self.burn_over(track, window, track.as_of(now));
            Some((burn.pace?, &track.track().labels))
        });
        let Some((fastest, labels)) = paces.max_by(|a, b| a.0.total_cmp(&b.0)) else {
            return Answer::shut(format!(
                "{} has counted nothing in the last {window}.",
                self.name
            ));
        };
        let open = fastest < factor;
        let than = if open { "slower" } else { "no slower" };
        Answer {
            open,
            found: Some(fastest),
            words: format!(
                "{}{} burns at {} over {window}, {than} than {}.",
                self.name,
                group(labels),
                pace(fastest),
                number(factor)
            ),
        }
    }
}

fn group(labels: &std::collections::BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k} {v}")).collect();
    format!(" ({})", pairs.join(", "))
}
