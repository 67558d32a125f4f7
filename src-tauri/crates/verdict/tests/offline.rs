//! What people bring in files: read as it stands, or refused with its line.

use deckwatch_verdict::Verdict;
use deckwatch_verdict::offline::{
    OfflineOptions, Shape, judge_cases, judge_files, judge_intervals,
};

fn options() -> OfflineOptions {
    OfflineOptions {
        name: "errors".to_owned(),
        ..OfflineOptions::default()
    }
}

fn refusal(candidate: &str, stable: &str) -> String {
    judge_files(candidate, stable, &options())
        .expect_err("a refusal")
        .to_string()
}

/// `rows` of the same numbers under a header.
fn table(header: &str, row: &str, rows: usize) -> String {
    format!("{header}\n{}", format!("{row}\n").repeat(rows))
}

#[test]
fn intervals_are_read_whatever_separates_them() {
    for separator in [',', ';', '\t'] {
        let on = |text: &str| text.replace(',', &separator.to_string());
        let header = on("candidate_total,candidate_bad,stable_total,stable_bad");
        let text = table(&header, &on("100,10,900,9"), 20);
        let answer = judge_intervals(&text, &options()).unwrap();
        assert_eq!(answer.answer.verdict, Verdict::Fail);
        assert_eq!((answer.shape, answer.rows), (Shape::Counts, 20));
        assert!(answer.failed_at.is_some_and(|row| row < 5), "{answer:?}");
    }
}

#[test]
fn counts_and_series_come_in_two_files() {
    let good = table("time,total,bad", "12:00,200,0", 30);
    let answer = judge_files(&good, &good, &options()).unwrap();
    assert_eq!(answer.answer.verdict, Verdict::Pass);
    assert!(answer.passed_at.is_some());
    let no_header = "200,0\n".repeat(30);
    assert_eq!(judge_files(&no_header, &good, &options()).unwrap().rows, 30);

    let stable = "value\n1.0\n1.1\n0.9\n1.05\n0.95\n1.02\n0.97\n1.01\n";
    let slow = "value\n2.0\n2.1\n1.9\n2.05\n1.95\n2.02\n1.97\n2.01\n";
    let answer = judge_files(slow, stable, &options()).unwrap();
    assert_eq!(
        (answer.shape, answer.answer.verdict),
        (Shape::Series, Verdict::Fail)
    );
    let as_json = "[2.0, 2.1, 1.9, 2.05, 1.95, 2.02, 1.97, 2.01]";
    assert_eq!(
        judge_files(as_json, stable, &options())
            .unwrap()
            .answer
            .verdict,
        Verdict::Fail
    );
}

#[test]
fn decimal_commas_byte_order_marks_and_comments_are_read() {
    let text = "\u{feff}# from the old dashboard\n\"value\";\"note\"\n1,5;a\n\n1,6;b\n1,4;c\n1,5;d\n1,55;e\n";
    let answer = judge_files(text, text, &options()).unwrap();
    assert_eq!(answer.rows, 10);
}

#[test]
fn mistakes_are_told_with_their_line() {
    let good = "total,bad\n10,0\n";
    assert_eq!(
        refusal("total,bad\n10,0\n10,x\n", good),
        "candidate's file, line 3: `x` is not a count (a whole number from 0)"
    );
    assert_eq!(
        refusal(good, "total,bad\n10,11\n"),
        "stable's file, line 2: 11 bad requests of 10 cannot be"
    );
    assert!(refusal("total,bad\n10\n", good).contains("line 2: column 2 is missing"));
    assert!(refusal("a,b,c\n1,2,3\n", good).contains("names no known columns"));
    assert!(refusal("1,2,3\n", good).contains("3 columns without a header"));
    assert!(refusal("value\n1\nNaN\n", "value\n1\n").contains("line 3: `NaN`"));
    assert!(refusal("", good).contains("nothing in it"));
    assert!(refusal("[1, 2,\n}", good).contains("line 2: this is not JSON"));
    assert!(refusal("[{\"total\": 1, \"bad\": 2}]", good).contains("item 1: 2 bad"));
    assert!(refusal("total,bad\n1,0\n2,0\n", good).contains("2 intervals and stable 1"));
    assert!(refusal("value\n1\n", good).contains("candidate's holds a series, stable's counts"));
    let one_side = judge_intervals(good, &options()).unwrap_err().to_string();
    assert!(
        one_side.contains("other side's file is needed"),
        "{one_side}"
    );
}

#[test]
fn cases_are_judged_one_by_one() {
    let text = r#"{"cases": [
        {"name": "counts", "candidate": [{"total": 500, "bad": 60}], "stable": [{"total": 500, "bad": 5}]},
        {"id": "series", "experiment": [1, 2, 1, 2, 1, 2], "control": [1, 2, 1, 2, 1, 2],
         "direction": "either", "params": {"effect": 1.5, "alpha": 0.05, "tolerance": 0.1}},
        {"name": "intervals", "intervals": [{"candidate": {"total": 9, "bad": 0}, "stable_total": 9, "stable_bad": 0}]},
        {"name": "torn", "candidate": [1, null], "stable": [1]},
        {"name": "bad rule", "candidate": [{"total": 5, "bad": 0}], "stable": [{"total": 5, "bad": 0}], "params": {"harm": -1}}
    ]}"#;
    let answers = judge_cases(text, &options()).unwrap();
    let verdicts: Vec<_> = answers.iter().map(|a| a.outcome.answer.verdict).collect();
    use Verdict::{Error, Fail, Inconclusive, Pass};
    assert_eq!(verdicts, [Fail, Pass, Inconclusive, Error, Error]);
    assert_eq!(answers[1].ignored, ["tolerance"]);
    assert!(
        answers[3].outcome.answer.words.contains("item 2"),
        "{:?}",
        answers[3]
    );
    assert!(
        answers[4].outcome.answer.words.contains("harm must"),
        "{:?}",
        answers[4]
    );
    assert!(judge_cases("{}", &options()).is_err());
    assert_eq!(judge_cases("[]", &options()).unwrap().len(), 0);
}

#[test]
fn text_of_any_kind_is_answered() {
    for text in [
        "\0",
        "é;ü\n1;2",
        "[[[[",
        "{\"a\":1}",
        "[\"x\"]",
        ",,,\n,,,",
        "1e999",
        "-1,-1",
        "[1e308,-1e308,1,2,3]",
    ] {
        let _ = judge_files(text, text, &options());
        let _ = judge_intervals(text, &options());
        let _ = judge_cases(text, &options());
    }
}
