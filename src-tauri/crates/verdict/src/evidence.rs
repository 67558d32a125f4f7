//! What a counted verdict rests on, in numbers and in words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::counts::{Counts, Verdict};
use crate::figures::{count, number, of, percent, ratio};

/// What the candidate was compared with.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Stable's own traffic in the same intervals.
    Step,
    /// Stable's counts from before, because it has no traffic any more.
    Reference,
}

/// Which limit the candidate was shown to be below when it passed.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SafeBy {
    /// φ1 times stable's rate.
    Odds,
    /// Stable's rate plus δ.
    Margin,
}

/// The evidence of one counted metric in one step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CountEvidence {
    pub verdict: Verdict,
    /// Counted in this step.
    pub candidate: Counts,
    pub stable: Counts,
    /// What the ratio compares with: `stable`, with the reference where that had to be used.
    pub compared: Counts,
    pub basis: Basis,
    /// Looks taken so far.
    pub looks: u64,
    /// Candidate's rate of bad requests over the compared one, `None` where there is none.
    pub ratio: Option<f64>,
    /// 95 % interval of `ratio` by the exact method of Clopper and Pearson.
    pub ratio_low: Option<f64>,
    pub ratio_high: Option<f64>,
    /// Evidence of harm (an e-value: 1 is none), and what it must reach for `Fail`: K·S/α.
    pub harm_e: f64,
    pub harm_bound: f64,
    /// Highest evidence of safety so far, and what it must reach for `Pass`: 1/α.
    pub safe_e: f64,
    pub safe_bound: f64,
    pub safe_by: Option<SafeBy>,
    /// Candidate requests until a decision if things go on as they went: an estimate. `None` when
    /// it cannot be said.
    pub requests_needed: Option<u64>,
    /// It would pass, but evidence of harm is past the square root of its bound.
    pub held_back: bool,
}

/// Whether `n` candidate requests have gone by without a sign of harm: the evidence of harm is at
/// most 2 (chance alone moves it about 1), and nothing was broken.
///
/// This is weaker than `Pass` and never is one: it says that nothing was seen, not that nothing is
/// there. A plan may accept it by name.
pub fn no_harm_after(evidence: &CountEvidence, n: u64) -> bool {
    n > 0
        && evidence.candidate.total >= n
        && evidence.harm_e <= NO_SIGN
        && matches!(evidence.verdict, Verdict::Pass | Verdict::Inconclusive)
}

const NO_SIGN: f64 = 2.0;

impl CountEvidence {
    /// The evidence in plain sentences.
    pub fn words(&self) -> String {
        let mut sentences = vec![self.words_of_counts()];
        match self.verdict {
            Verdict::NoData => return "The candidate has answered no request yet.".to_owned(),
            Verdict::Error => sentences
                .push("Counts that contradict themselves were seen; they judge nothing".to_owned()),
            _ => {
                sentences.push(self.words_of_evidence());
                sentences.extend(self.words_of_need());
            }
        }
        sentences.join("; ") + "."
    }

    fn words_of_counts(&self) -> String {
        let whom = match self.basis {
            Basis::Step => "stable's",
            Basis::Reference => "stable's before this step",
        };
        let rates = format!(
            "{} of {} bad against {} of {}",
            count(self.candidate.bad),
            count(self.candidate.total),
            count(self.compared.bad),
            count(self.compared.total),
        );
        match (self.ratio, self.ratio_low, self.ratio_high) {
            (Some(estimate), Some(low), Some(high)) => format!(
                "candidate's bad requests are {} {whom} (95 %: {}–{}; {rates})",
                ratio(estimate),
                number(low),
                number(high),
            ),
            _ => {
                let share = self.candidate.rate().map_or_else(String::new, |rate| {
                    format!(", {} of its requests", percent(rate))
                });
                format!(
                    "candidate has {}{share}; {whom} compare as {rates}",
                    of(self.candidate.bad, "bad request")
                )
            }
        }
    }

    fn words_of_evidence(&self) -> String {
        let harm = format!(
            "evidence of harm ×{} of ×{}",
            number(self.harm_e),
            number(self.harm_bound)
        );
        let safe = format!(
            "of safety ×{} of ×{}",
            number(self.safe_e),
            number(self.safe_bound)
        );
        match (self.verdict, self.safe_by) {
            (Verdict::Fail, _) => harm,
            (Verdict::Pass, Some(SafeBy::Odds)) => format!("{safe}, by ratio; {harm}"),
            (Verdict::Pass, Some(SafeBy::Margin)) => format!("{safe}, by margin; {harm}"),
            _ if self.held_back => format!("{safe}, but held back: {harm}"),
            _ => format!("{harm}, {safe}"),
        }
    }

    fn words_of_need(&self) -> Option<String> {
        match self.requests_needed {
            Some(0) => None,
            Some(n) => Some(format!("about {} needed", of(n, "more request"))),
            None => Some("how many more requests are needed cannot be said yet".to_owned()),
        }
    }
}
