//! The sequential judge of one counted metric within one step.

use serde::{Deserialize, Serialize};

use crate::counts::{Counts, Interval, Verdict};
use crate::evidence::{Basis, CountEvidence, SafeBy};
use crate::harm::Harm;
use crate::logs::plain;
use crate::outlook::{Outlook, requests_needed};
use crate::ratio::rate_ratio;
use crate::rule::{Budget, CountRule, RuleError};
use crate::safe::Safe;

/// Judges one counted metric within one step, look by look.
///
/// A new one begins with every step. It keeps two streams of evidence, of harm and of safety; both
/// may be read after every look without cost to their promised error rates. A look costs the same
/// however many came before. It can be kept as JSON and continued.
///
/// `Fail` is final. `Pass` is final too, except that harm found later fails, and that it is held
/// back (as `Inconclusive`) while the evidence of harm is past the square root of its bound:
/// half-way there, in the terms evidence grows in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CountJudge {
    rule: CountRule,
    budget: Budget,
    reference: Option<Counts>,
    candidate: Counts,
    stable: Counts,
    looks: u64,
    used_reference: bool,
    harm: Harm,
    safe: Safe,
    best_harm: f64,
    best_safe: f64,
    safe_by: Option<SafeBy>,
    broken: bool,
}

impl CountJudge {
    /// `reference` is what stable did before this step (the captured baseline and earlier steps).
    /// It is compared with where stable has no traffic of its own, and guides the guesses
    /// elsewhere. Without it, such intervals say nothing.
    pub fn new(
        rule: CountRule,
        budget: Budget,
        reference: Option<Counts>,
    ) -> Result<Self, RuleError> {
        rule.check()?;
        budget.check()?;
        if let Some(Counts { total, bad }) = reference.filter(|r| !r.is_possible()) {
            return Err(RuleError::Reference { total, bad });
        }
        let reference = reference.filter(|r| r.total > 0);
        let needed = budget.pass_bound().ln();
        Ok(CountJudge {
            harm: Harm::new(rule.harm),
            safe: Safe::new(rule.tolerate, rule.margin, needed, reference),
            rule,
            budget,
            reference,
            candidate: Counts::default(),
            stable: Counts::default(),
            looks: 0,
            used_reference: false,
            best_harm: 0.0,
            best_safe: 0.0,
            safe_by: None,
            broken: false,
        })
    }

    /// Takes what was counted since the last look. More bad requests than requests, or sums beyond
    /// what can be counted, leave the judge in `Error` and are otherwise ignored.
    pub fn look(&mut self, interval: Interval) {
        let Interval { candidate, stable } = interval;
        let sums = (self.candidate.plus(candidate), self.stable.plus(stable));
        let (Some(all_candidate), Some(all_stable)) = sums else {
            self.broken = true;
            return;
        };
        if !candidate.is_possible() || !stable.is_possible() {
            self.broken = true;
            return;
        }
        self.candidate = all_candidate;
        self.stable = all_stable;
        self.looks = self.looks.saturating_add(1);
        if candidate.total == 0 {
            return;
        }
        // Safety once shown stays shown; what may still turn up is harm.
        let shown = self.is_safe();
        if stable.total > 0 {
            self.harm.compare(interval);
            if !shown {
                self.safe.compare(interval);
            }
        } else if let Some(reference) = self.reference {
            self.used_reference = true;
            self.harm.compare_with(reference, candidate);
            if !shown {
                self.safe.compare_with(reference, candidate);
            }
        }
        self.remember();
    }

    fn remember(&mut self) {
        self.best_harm = self.best_harm.max(self.harm.ln());
        self.best_safe = self.best_safe.max(self.safe.ln());
        if self.safe_by.is_none() && self.is_safe() {
            self.safe_by = Some(if self.safe.bound_by_margin() {
                SafeBy::Margin
            } else {
                SafeBy::Odds
            });
        }
    }

    fn is_harmful(&self) -> bool {
        self.best_harm >= self.budget.fail_bound().ln()
    }

    fn is_safe(&self) -> bool {
        self.best_safe >= self.budget.pass_bound().ln()
    }

    /// Whether evidence of harm is so near its bound that a pass has to wait.
    fn is_suspect(&self) -> bool {
        self.harm.ln() > 0.5 * self.budget.fail_bound().ln()
    }

    /// The answer after the last look. Harm once found outweighs everything; input that cannot be
    /// read comes next, so that it is never passed over.
    pub fn verdict(&self) -> Verdict {
        if self.is_harmful() {
            Verdict::Fail
        } else if self.broken {
            Verdict::Error
        } else if self.candidate.total == 0 {
            Verdict::NoData
        } else if self.is_safe() && !self.is_suspect() {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        }
    }

    /// What the answer rests on.
    pub fn evidence(&self) -> CountEvidence {
        let (basis, compared) = self.compared();
        let ratio = rate_ratio(self.candidate, compared);
        let verdict = self.verdict();
        let needed = self.requests_needed(verdict, compared);
        let harm = if verdict == Verdict::Fail {
            self.best_harm
        } else {
            self.harm.ln()
        };
        CountEvidence {
            verdict,
            candidate: self.candidate,
            stable: self.stable,
            compared,
            basis,
            looks: self.looks,
            ratio: ratio.map(|r| r.estimate),
            ratio_low: ratio.map(|r| r.low),
            ratio_high: ratio.and_then(|r| r.high),
            harm_e: plain(harm),
            harm_bound: self.budget.fail_bound(),
            safe_e: plain(self.best_safe),
            safe_bound: self.budget.pass_bound(),
            safe_by: self.safe_by,
            requests_needed: needed.map(|(n, _)| n),
            needed_for: needed.and_then(|(_, goal)| goal),
            held_back: self.is_safe() && self.is_suspect() && !self.is_harmful(),
        }
    }

    /// What the candidate's rate is shown against: stable in this step, or the reference where it
    /// had to be used.
    fn compared(&self) -> (Basis, Counts) {
        match self.reference {
            Some(reference) if self.used_reference => (
                Basis::Reference,
                reference.plus(self.stable).unwrap_or(reference),
            ),
            _ => (Basis::Step, self.stable),
        }
    }

    /// How many candidate requests until a decision, and until which.
    fn requests_needed(
        &self,
        verdict: Verdict,
        compared: Counts,
    ) -> Option<(u64, Option<Verdict>)> {
        match verdict {
            Verdict::Pass | Verdict::Fail => Some((0, None)),
            Verdict::NoData | Verdict::Error => None,
            Verdict::Inconclusive => {
                let outlook = Outlook {
                    candidate: self.candidate,
                    compared,
                    alone: self.used_reference,
                    harm: &self.harm,
                    safe: &self.safe,
                    fail_bound: self.budget.fail_bound().ln(),
                    pass_bound: (!self.is_safe()).then(|| self.budget.pass_bound().ln()),
                };
                requests_needed(&self.rule, &outlook).map(|(n, goal)| (n, Some(goal)))
            }
        }
    }
}
