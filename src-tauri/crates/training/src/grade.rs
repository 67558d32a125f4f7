//! How well it went: from what the load generator counted and when things happened, to figures
//! and words. Pure.
//!
//! A grade says what happened to users, not what the engine meant to do. What is not known (a
//! fault that was never found, traffic that never came back) is absent and never graded as good.

use deckwatch_domain::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::load::LoadReport;

/// When things happened in one drill.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Course {
    /// When the fault first reached users; none in a drill without one.
    pub fault_at: Option<Timestamp>,
    /// When it was recognised: the verdict, or the person who pressed the button.
    pub detected_at: Option<Timestamp>,
    /// When the traffic was back where it belongs, as acknowledged by the platform.
    pub back_at: Option<Timestamp>,
    /// Nothing went anywhere, so nothing has to come back.
    #[serde(default)]
    pub held: bool,
}

/// What is asked for full marks. The defaults are those of the shipped drills.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bars {
    pub detect: Span,
    /// From detection to traffic back.
    pub back: Span,
    /// Share of all requests that may fail, in thousandths, because a fault takes time to see.
    pub failed_per_mille: u64,
    /// How long nobody may be served, where the drill takes away what serves: what is dropped in
    /// that time is not held against anybody.
    pub outage: Span,
}

impl Default for Bars {
    fn default() -> Self {
        Bars {
            detect: Span::from_secs(30),
            back: Span::from_secs(1),
            failed_per_mille: 5,
            outage: Span::ZERO,
        }
    }
}

/// How one drill went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grade {
    /// From the fault to its recognition.
    pub detected_in: Option<Span>,
    /// From recognition to traffic back.
    pub back_in: Option<Span>,
    /// Different clients with at least one failed request.
    pub users_hurt: u64,
    /// Requests that failed, dropped ones among them.
    pub requests_failed: u64,
    /// Requests that no version answered: lost by the change itself, not by the bad version.
    pub dropped: u64,
    /// 0 to 3.
    pub stars: u8,
    /// One word for the whole.
    pub word: Word,
    /// What was lost and why, in sentences, and what was borne; nothing when there was neither.
    pub remarks: Vec<String>,
}

/// The whole in a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Three stars.
    Flawless,
    /// Two.
    Sound,
    /// One.
    Shaky,
    /// None: the fault was not found, traffic did not come back, or nothing was measured.
    Failed,
}

impl Word {
    pub const fn as_str(self) -> &'static str {
        match self {
            Word::Flawless => "flawless",
            Word::Sound => "sound",
            Word::Shaky => "shaky",
            Word::Failed => "failed",
        }
    }
}

/// Grades a drill.
pub fn grade(report: &LoadReport, course: &Course, bars: &Bars) -> Grade {
    // Two moments that are one were not measured apart: a person's way back is known by its end,
    // a fault that the drill itself makes by its beginning.
    let between = |from: Option<Timestamp>, to: Option<Timestamp>| {
        let both = from.zip(to).filter(|(from, to)| from != to);
        both.map(|(from, to)| Span::from(to.since(from)))
    };
    let detected_in = between(course.fault_at, course.detected_at);
    let back_in = between(course.detected_at, course.back_at);
    let dropped = report.failures.dropped();
    let mut fatal = Vec::new();
    let mut lost = Vec::new();
    let mut borne_well = Vec::new();
    if report.ok + report.failed == 0 {
        fatal.push("no request was answered, so nothing is known".to_owned());
    }
    let unsent = report.overloaded + report.failures.local;
    if unsent * 100 > report.due {
        fatal.push(format!(
            "the load generator could not keep up: {unsent} of {} requests say nothing",
            report.due
        ));
    }
    if course.fault_at.is_some() && course.detected_at.is_none() {
        fatal.push("the fault was never recognised".to_owned());
    }
    if course.detected_at.is_some() && course.back_at.is_none() && !course.held {
        fatal.push("traffic did not come back".to_owned());
    }
    let over = |what: &str, took: Option<Span>, bar: Span| {
        took.filter(|took| *took > bar)
            .map(|took| format!("{what} took {took}; {bar} is the mark"))
    };
    lost.extend(over("detection", detected_in, bars.detect));
    lost.extend(over("the way back", back_in, bars.back));
    let borne = (report.rate * bars.outage.duration().as_secs_f64()) as u64;
    match (dropped > borne, borne) {
        (true, 0) => lost.push(format!("{dropped} requests were dropped; none need be")),
        (true, _) => lost.push(format!(
            "{dropped} requests were dropped; {borne} is the mark"
        )),
        (false, _) if dropped > 0 => borne_well.push(format!(
            "{dropped} requests were dropped while nobody could serve them, within the mark of {borne}"
        )),
        (false, _) => {}
    }
    let failed = report.failures.total() - report.failures.local;
    if failed * 1000 > report.sent * bars.failed_per_mille {
        let mark = bars.failed_per_mille;
        lost.push(format!(
            "{failed} of {} requests failed; {mark} of 1000 is the mark",
            report.sent
        ));
    }
    let (stars, word) = match (fatal.is_empty(), lost.len()) {
        (false, _) => (0, Word::Failed),
        (true, 0) => (3, Word::Flawless),
        (true, 1) => (2, Word::Sound),
        (true, _) => (1, Word::Shaky),
    };
    fatal.extend(lost);
    fatal.extend(borne_well);
    Grade {
        detected_in,
        back_in,
        users_hurt: report.clients_hurt,
        requests_failed: failed,
        dropped,
        stars,
        word,
        remarks: fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Failures, Latency};

    fn t(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_770_000_000_000 + ms)
    }

    fn report(sent: u64, failures: Failures) -> LoadReport {
        LoadReport {
            began_at: t(0),
            at: t(60_000),
            elapsed: Span::from_secs(60),
            rate: 100.0,
            due: sent,
            sent,
            overloaded: 0,
            in_flight: 0,
            ok: sent.saturating_sub(failures.total()),
            failed: failures.total(),
            failures,
            statuses: Default::default(),
            versions: Default::default(),
            clients_hurt: failures.total().min(17),
            first_failure_at: None,
            last_failure_at: None,
            latency: Latency::default(),
            start_delay: Latency::default(),
            connections_opened: 1,
            timeline: Vec::new(),
        }
    }

    fn course(fault: Option<i64>, detected: Option<i64>, back: Option<i64>) -> Course {
        Course {
            fault_at: fault.map(t),
            detected_at: detected.map(t),
            back_at: back.map(t),
            held: false,
        }
    }

    fn bad(answered_5xx: u64, reset: u64) -> Failures {
        Failures {
            answered_5xx,
            reset,
            ..Failures::default()
        }
    }

    #[test]
    fn grades_follow_what_users_met() {
        let found = course(Some(0), Some(9_000), Some(9_040));
        let table = [
            (report(10_000, bad(20, 0)), found, 3, None),
            (report(10_000, bad(0, 0)), course(None, None, None), 3, None),
            (report(10_000, bad(20, 1)), found, 2, Some("dropped")),
            (report(10_000, bad(200, 0)), found, 2, Some("5 of 1000")),
            (
                report(10_000, bad(20, 0)),
                course(Some(0), Some(31_000), Some(33_000)),
                1,
                Some("detection took 31s"),
            ),
            (
                report(10_000, bad(20, 0)),
                course(Some(0), None, None),
                0,
                Some("never recognised"),
            ),
            (
                report(10_000, bad(20, 0)),
                course(Some(0), Some(1), None),
                0,
                Some("did not come back"),
            ),
            (
                report(10_000, bad(20, 0)),
                Course {
                    held: true,
                    ..course(Some(0), Some(1), None)
                },
                3,
                None,
            ),
            (
                report(0, bad(0, 0)),
                course(None, None, None),
                0,
                Some("nothing is known"),
            ),
        ];
        for (report, course, stars, remark) in table {
            let grade = grade(&report, &course, &Bars::default());
            assert_eq!(grade.stars, stars, "{grade:?}");
            match remark {
                None => assert!(grade.remarks.is_empty(), "{grade:?}"),
                Some(text) => assert!(grade.remarks.iter().any(|r| r.contains(text)), "{grade:?}"),
            }
        }
    }

    #[test]
    fn an_outage_that_the_drill_makes_is_borne_for_so_long() {
        let bars = Bars {
            outage: Span::from_secs(2),
            failed_per_mille: 100,
            ..Bars::default()
        };
        let stars = |dropped| grade(&report(10_000, bad(0, dropped)), &Course::default(), &bars);
        assert_eq!(stars(200).stars, 3);
        assert!(stars(200).remarks[0].contains("within the mark of 200"));
        assert!(stars(0).remarks.is_empty());
        let long = stars(201);
        assert_eq!(long.stars, 2);
        assert!(long.remarks[0].contains("200 is the mark"), "{long:?}");
    }

    #[test]
    fn figures_are_spans_and_counts() {
        let by_hand = grade(
            &report(10_000, bad(20, 3)),
            &course(Some(1_000), Some(9_000), Some(9_000)),
            &Bars::default(),
        );
        assert_eq!((by_hand.back_in, by_hand.stars), (None, 2));
        let course = course(Some(1_000), Some(9_000), Some(9_040));
        let grade = grade(&report(10_000, bad(20, 3)), &course, &Bars::default());
        assert_eq!(grade.detected_in, Some(Span::from_secs(8)));
        assert_eq!(grade.back_in, Some(Span::from_millis(40)));
        assert_eq!(
            (grade.requests_failed, grade.dropped, grade.users_hurt),
            (23, 3, 17)
        );
    }

    #[test]
    fn a_load_that_could_not_keep_up_proves_nothing() {
        let mut report = report(1000, bad(0, 0));
        report.overloaded = 500;
        report.due = 1500;
        let grade = grade(&report, &Course::default(), &Bars::default());
        assert_eq!((grade.stars, grade.word), (0, Word::Failed));
    }
}
