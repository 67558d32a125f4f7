//! What a counted verdict rests on, in numbers and in words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::counts::{Counts, Verdict};
use crate::figures::{about, count, number, ratio};

/// What the candidate was compared with.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Stable's own traffic in the same intervals.
    Step,
    /// Stable's counts from before, because it has no traffic any more.
    Reference,
}

/// Which limit the candidate was shown to be below when it passed.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum SafeBy {
    /// φ1 times stable's rate.
    Odds,
    /// Stable's rate plus δ.
    Margin,
}

/// The evidence of one counted metric in one step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, ts_rs::TS)]
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
    /// Candidate requests until the nearer decision if things go on as they went: an estimate.
    /// `None` when it cannot be said.
    pub requests_needed: Option<u64>,
    /// Which decision that is: `Pass` or `Fail`.
    #[serde(default)]
    pub needed_for: Option<Verdict>,
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

/// With fewer bad requests on both sides together a ratio is chance, and reads like an alarm.
const FEWEST_FOR_A_RATIO: u64 = 5;

impl CountEvidence {
    /// The evidence as one sentence: what was counted, then what it decides or how far it is.
    pub fn words(&self) -> String {
        match self.verdict {
            Verdict::NoData if self.stable.total == 0 => {
                "the candidate has answered no request yet.".to_owned()
            }
            Verdict::NoData => format!(
                "the candidate has answered no request yet (stable: {}).",
                count(self.stable.total)
            ),
            Verdict::Error => "the counts contradict themselves (more bad requests than requests, \
                               or more than can be added up), so nothing is judged."
                .to_owned(),
            _ => format!("{}; {}.", self.words_of_counts(), self.words_of_decision()),
        }
    }

    fn words_of_counts(&self) -> String {
        let (ours, theirs) = (self.candidate, self.compared);
        let before = match self.basis {
            Basis::Step => "",
            Basis::Reference => " before this step",
        };
        let on_candidate = match ours.bad {
            0 => format!("no bad request in {} on the candidate", count(ours.total)),
            1 => format!("1 bad request in {} on the candidate", count(ours.total)),
            bad => format!(
                "{} bad requests in {} on the candidate",
                count(bad),
                count(ours.total)
            ),
        };
        if theirs.total == 0 {
            return format!("{on_candidate}, nothing of stable to compare with");
        }
        let telling = ours.bad.min(theirs.bad) > 0
            && ours.bad.saturating_add(theirs.bad) >= FEWEST_FOR_A_RATIO;
        match self.ratio.filter(|_| telling) {
            Some(estimate) => format!(
                "candidate's bad requests are {} stable's{before} ({} of {} against {} of {})",
                ratio(estimate),
                count(ours.bad),
                count(ours.total),
                count(theirs.bad),
                count(theirs.total),
            ),
            None => {
                let bad = match theirs.bad {
                    0 => "none".to_owned(),
                    bad => count(bad),
                };
                format!(
                    "{on_candidate}, {bad} in {} on stable{before}",
                    count(theirs.total)
                )
            }
        }
    }

    fn words_of_decision(&self) -> String {
        let (harm, fails_at) = (strength(self.harm_e), strength(self.harm_bound));
        let safe = format!(
            "evidence {}, {} needed",
            strength(self.safe_e),
            strength(self.safe_bound)
        );
        match (self.verdict, self.safe_by) {
            (Verdict::Fail, _) => {
                format!("shown to be worse: evidence {harm}, {fails_at} needed")
            }
            (Verdict::Pass, Some(SafeBy::Odds)) => {
                format!("shown to be below the tolerated ratio: {safe}")
            }
            (Verdict::Pass, _) => format!("shown to be within the margin: {safe}"),
            _ if self.held_back => format!(
                "its Pass is held back: evidence of harm is {harm}, above {} \
                 ({fails_at} is a Fail)",
                strength(self.harm_bound.sqrt())
            ),
            _ => self.words_of_need(),
        }
    }

    fn words_of_need(&self) -> String {
        match (self.requests_needed, self.needed_for) {
            (Some(n), goal) => format!(
                "about {} of {} requests still needed for a {}",
                about(n),
                about(self.candidate.total.saturating_add(n)),
                match goal {
                    Some(Verdict::Pass) => "Pass",
                    Some(Verdict::Fail) => "Fail",
                    _ => "verdict",
                },
            ),
            (None, _) if self.compared.total == 0 => "no verdict without it".to_owned(),
            (None, _) => "how many more requests a verdict takes cannot be said yet".to_owned(),
        }
    }
}

/// Evidence beyond this decides everything, and its digits say nothing.
const OVERWHELMING: f64 = 1e6;

fn strength(evidence: f64) -> String {
    if evidence > OVERWHELMING {
        format!("over {}", count(OVERWHELMING as u64))
    } else {
        number(evidence)
    }
}
