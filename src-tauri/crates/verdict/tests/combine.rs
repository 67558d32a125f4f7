//! Limits, and the one answer made of several.

use deckwatch_verdict::{
    Budget, CountJudge, CountRule, Counts, Detail, Limit, LimitRule, MetricAnswer, Observed,
    Verdict, combine, judge_limit,
};

fn metric(name: &str, critical: bool, verdict: Verdict) -> MetricAnswer {
    MetricAnswer {
        verdict,
        detail: Detail::Unreadable,
        ..MetricAnswer::unreadable(name, critical, "because.")
    }
}

fn answer(metrics: &[(bool, Verdict)]) -> Verdict {
    let metrics = metrics
        .iter()
        .map(|(critical, verdict)| metric("m", *critical, *verdict));
    combine(metrics.collect()).verdict
}

#[test]
fn the_worst_critical_answer_decides() {
    use Verdict::{Error, Fail, Inconclusive, NoData, Pass};
    for (metrics, expected) in [
        (vec![], Error),
        (vec![(false, Pass)], Error),
        (vec![(true, Pass)], Pass),
        (vec![(true, Pass), (true, Pass)], Pass),
        (vec![(true, Pass), (true, Inconclusive)], Inconclusive),
        (vec![(true, NoData), (true, Inconclusive)], NoData),
        (vec![(true, NoData), (true, Error)], Error),
        (vec![(true, Error), (true, Fail)], Fail),
        (vec![(true, Pass), (false, Fail)], Pass),
        (vec![(true, Pass), (false, NoData)], Pass),
        (vec![(true, Pass), (false, Error)], Error),
        (vec![(true, Inconclusive), (false, Pass)], Inconclusive),
    ] {
        assert_eq!(answer(&metrics), expected, "{metrics:?}");
    }
}

#[test]
fn only_an_answer_of_all_passes_is_a_pass() {
    use Verdict::{Error, Fail, Inconclusive, NoData, Pass};
    let all = [Pass, Fail, Inconclusive, NoData, Error];
    for a in all {
        for b in all {
            let both = answer(&[(true, a), (true, b)]);
            assert_eq!(
                both == Pass,
                a == Pass && b == Pass,
                "{a} and {b} make {both}"
            );
        }
    }
}

#[test]
fn the_words_say_what_decided_and_what_warns() {
    let whole = combine(vec![
        metric("errors", true, Verdict::Pass),
        metric("memory", false, Verdict::Inconclusive),
    ]);
    assert_eq!(
        whole.words,
        "errors: because. Warning, memory is inconclusive: because."
    );
    assert!(combine(Vec::new()).words.contains("no metric"));
}

#[test]
fn an_answer_survives_json() {
    let mut judge = CountJudge::new(CountRule::default(), Budget::default(), None).unwrap();
    judge.look(deckwatch_verdict::Interval {
        candidate: Counts::new(100, 100),
        stable: Counts::new(900, 0),
    });
    let whole = combine(vec![MetricAnswer::count("errors", true, judge.evidence())]);
    assert_eq!(whole.verdict, Verdict::Fail);
    let text = serde_json::to_string(&whole).unwrap();
    assert_eq!(
        serde_json::from_str::<deckwatch_verdict::Answer>(&text)
            .unwrap()
            .words,
        whole.words
    );
}

fn limited(limit: Limit, observed: Observed) -> Verdict {
    judge_limit(
        &LimitRule {
            limit,
            requests: 100,
        },
        &observed,
    )
    .verdict
}

fn seen(total: u64, bad: u64) -> Observed {
    Observed {
        counts: Counts::new(total, bad),
        ..Observed::default()
    }
}

#[test]
fn limits_hold_at_the_limit_and_not_beyond() {
    for limit in [Limit::SuccessAtLeast(0.99), Limit::BadAtMost(0.01)] {
        assert_eq!(limited(limit, seen(1_000, 10)), Verdict::Pass, "{limit:?}");
        assert_eq!(limited(limit, seen(1_000, 11)), Verdict::Fail, "{limit:?}");
        assert_eq!(
            limited(limit, seen(99, 99)),
            Verdict::Inconclusive,
            "{limit:?}"
        );
        assert_eq!(limited(limit, seen(0, 0)), Verdict::NoData, "{limit:?}");
        assert_eq!(limited(limit, seen(1, 2)), Verdict::Error, "{limit:?}");
    }
}

#[test]
fn the_mean_is_held_against_the_baselines() {
    let limit = Limit::MeanAtMostAbove(0.2);
    let with = |mean, baseline_mean| Observed {
        mean,
        baseline_mean,
        ..seen(200, 0)
    };
    assert_eq!(limited(limit, with(Some(0.12), Some(0.1))), Verdict::Pass);
    assert_eq!(limited(limit, with(Some(0.121), Some(0.1))), Verdict::Fail);
    assert_eq!(limited(limit, with(None, Some(0.1))), Verdict::NoData);
    assert_eq!(limited(limit, with(Some(0.1), None)), Verdict::NoData);
    assert_eq!(
        limited(limit, with(Some(f64::NAN), Some(0.1))),
        Verdict::Error
    );
    assert_eq!(limited(limit, with(Some(0.1), Some(-1.0))), Verdict::Error);
    assert_eq!(
        limited(Limit::BadAtMost(f64::NAN), seen(200, 0)),
        Verdict::Error
    );
    assert_eq!(
        limited(Limit::SuccessAtLeast(99.0), seen(200, 0)),
        Verdict::Error
    );
}
