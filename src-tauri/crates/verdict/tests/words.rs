//! The sentences people read at night, word for word.

use deckwatch_verdict::{
    Basis, Budget, CountEvidence, CountJudge, CountRule, Counts, Interval, SafeBy, Verdict,
};

/// What a judge makes of `looks` equal intervals.
fn judged(
    reference: Option<Counts>,
    looks: u32,
    candidate: (u64, u64),
    stable: (u64, u64),
) -> CountJudge {
    let mut judge = CountJudge::new(CountRule::default(), Budget::default(), reference).unwrap();
    let interval = Interval {
        candidate: Counts::new(candidate.0, candidate.1),
        stable: Counts::new(stable.0, stable.1),
    };
    (0..looks).for_each(|_| judge.look(interval));
    judge
}

fn words(candidate: (u64, u64), stable: (u64, u64)) -> String {
    judged(None, 1, candidate, stable).evidence().words()
}

/// Evidence of one verdict, with what the sentence needs.
fn evidence(verdict: Verdict, candidate: (u64, u64), compared: (u64, u64)) -> CountEvidence {
    let (candidate, compared) = (
        Counts::new(candidate.0, candidate.1),
        Counts::new(compared.0, compared.1),
    );
    CountEvidence {
        verdict,
        candidate,
        compared,
        stable: compared,
        ratio: candidate.rate().zip(compared.rate()).map(|(a, b)| a / b),
        needed_for: None,
        requests_needed: None,
        harm_e: 0.4,
        harm_bound: 1_200.0,
        safe_e: 3.0,
        safe_bound: 100.0,
        ..judged(None, 0, (0, 0), (0, 0)).evidence()
    }
}

#[test]
fn the_ratio_comes_first_when_it_means_something() {
    let fail = CountEvidence {
        harm_e: 4_321.4,
        ..evidence(Verdict::Fail, (1_310, 42), (11_700, 121))
    };
    assert_eq!(
        fail.words(),
        "candidate's bad requests are 3.1× stable's (42 of 1,310 against 121 of 11,700); \
         shown to be worse: evidence 4,321, 1,200 needed."
    );
    let certain = CountEvidence {
        harm_e: f64::MAX,
        ..fail.clone()
    };
    assert!(
        certain
            .words()
            .ends_with("evidence over 1,000,000, 1,200 needed."),
        "{}",
        certain.words()
    );
    let past = CountEvidence {
        basis: Basis::Reference,
        ..fail
    };
    assert!(
        past.words().starts_with(
            "candidate's bad requests are 3.1× stable's before this step \
             (42 of 1,310 against 121 of 11,700); "
        ),
        "{}",
        past.words()
    );
}

#[test]
fn what_is_clean_or_rare_is_counted_and_not_divided() {
    assert_eq!(
        words((89, 0), (8_871, 0)),
        "no bad request in 89 on the candidate, none in 8,871 on stable; \
         about 389 of 478 requests still needed for a Pass."
    );
    let counts_of = |candidate, compared| {
        let words = evidence(Verdict::Inconclusive, candidate, compared).words();
        words.split(';').next().unwrap_or_default().to_owned()
    };
    for (candidate, stable, expected) in [
        (
            (1, 0),
            (9, 0),
            "no bad request in 1 on the candidate, none in 9 on stable",
        ),
        (
            (10, 1),
            (90, 1),
            "1 bad request in 10 on the candidate, 1 in 90 on stable",
        ),
        (
            (10, 2),
            (90, 2),
            "2 bad requests in 10 on the candidate, 2 in 90 on stable",
        ),
        (
            (1_310, 0),
            (11_700, 1_121),
            "no bad request in 1,310 on the candidate, 1,121 in 11,700 on stable",
        ),
        (
            (1_310, 1_042),
            (11_700, 0),
            "1,042 bad requests in 1,310 on the candidate, none in 11,700 on stable",
        ),
        (
            (10, 0),
            (0, 0),
            "no bad request in 10 on the candidate, nothing of stable to compare with",
        ),
        (
            (100, 3),
            (900, 2),
            "candidate's bad requests are 13.5× stable's (3 of 100 against 2 of 900)",
        ),
        (
            (90_000, 10),
            (10_000, 1_000),
            "candidate's bad requests are 0.00111× stable's (10 of 90,000 against 1,000 of 10,000)",
        ),
    ] {
        assert_eq!(counts_of(candidate, stable), expected);
    }
}

#[test]
fn a_pass_says_by_what() {
    let pass = CountEvidence {
        safe_e: 104.2,
        safe_by: Some(SafeBy::Margin),
        ..evidence(Verdict::Pass, (600, 0), (5_400, 0))
    };
    assert_eq!(
        pass.words(),
        "no bad request in 600 on the candidate, none in 5,400 on stable; \
         shown to be within the margin: evidence 104, 100 needed."
    );
    let by_ratio = CountEvidence {
        safe_by: Some(SafeBy::Odds),
        ..pass
    };
    assert!(
        by_ratio
            .words()
            .ends_with("; shown to be below the tolerated ratio: evidence 104, 100 needed."),
        "{}",
        by_ratio.words()
    );
}

#[test]
fn a_pass_that_is_held_back_says_why() {
    let held = CountEvidence {
        harm_e: 41.0,
        safe_e: 150.0,
        held_back: true,
        requests_needed: Some(1),
        needed_for: Some(Verdict::Fail),
        ..evidence(Verdict::Inconclusive, (900, 9), (8_100, 30))
    };
    assert_eq!(
        held.words(),
        "candidate's bad requests are 2.7× stable's (9 of 900 against 30 of 8,100); \
         its Pass is held back: evidence of harm is 41, above 34.6 (1,200 is a Fail)."
    );
}

#[test]
fn how_far_it_is_and_to_what() {
    let open = |needed, goal| {
        let words = CountEvidence {
            requests_needed: needed,
            needed_for: goal,
            ..evidence(Verdict::Inconclusive, (1_310, 12), (11_700, 121))
        }
        .words();
        words.split("; ").nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(
        open(Some(12_345), Some(Verdict::Pass)),
        "about 12,300 of 13,700 requests still needed for a Pass."
    );
    assert_eq!(
        open(Some(7), Some(Verdict::Fail)),
        "about 7 of 1,320 requests still needed for a Fail."
    );
    // Evidence written down before it said which.
    assert_eq!(
        open(Some(999), None),
        "about 999 of 2,310 requests still needed for a verdict."
    );
    assert_eq!(
        open(None, None),
        "how many more requests a verdict takes cannot be said yet."
    );
    assert!(open(Some(u64::MAX), None).starts_with("about 18,"));
}

#[test]
fn a_judge_says_the_same() {
    assert_eq!(
        words((20, 12), (180, 0)),
        "12 bad requests in 20 on the candidate, none in 180 on stable; \
         shown to be worse: evidence over 1,000,000, 100 needed."
    );
    let fresh = judged(None, 10, (100, 0), (0, 0)).evidence();
    assert_eq!(
        fresh.words(),
        "no bad request in 1,000 on the candidate, nothing of stable to compare with; \
         no verdict without it."
    );
    let known = judged(Some(Counts::new(50_000, 50)), 10, (100, 0), (0, 0)).evidence();
    assert_eq!(
        known.words(),
        "no bad request in 1,000 on the candidate, 50 in 50,000 on stable before this step; \
         shown to be within the margin: evidence 194, 100 needed."
    );
}

#[test]
fn no_data_and_contradictions_are_said_as_such() {
    assert_eq!(
        words((0, 0), (0, 0)),
        "the candidate has answered no request yet."
    );
    assert_eq!(
        words((0, 0), (8_871, 3)),
        "the candidate has answered no request yet (stable: 8,871)."
    );
    assert_eq!(
        words((10, 11), (100, 0)),
        "the counts contradict themselves (more bad requests than requests, or more than can be \
         added up), so nothing is judged."
    );
}
