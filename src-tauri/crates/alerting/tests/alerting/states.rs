//! Pending, firing, resolved, and what is told of it.

use deckwatch_alerting::eval::{AlertState, Evaluation, Failure};

use crate::harness::{MINUTE, World, group_of};

fn down(hold: &str, keep: &str) -> deckwatch_alerting::rules::Group {
    let rule = format!("- alert: Down\n  expr: x == 1\n  for: {hold}\n  keep_firing_for: {keep}");
    group_of("interval: 1m", &rule)
}

/// `x` where the condition holds.
fn series(holds: &str) -> String {
    let values = holds.chars().map(|c| if c == 'x' { "1 " } else { "0 " });
    format!("x{{job=\"shop\"}} {}", values.collect::<String>())
}

/// The states of one alert, minute by minute.
fn story(hold: &str, keep: &str, holds: &str) -> String {
    let mut world = World::new(down(hold, keep), &[&series(holds)]);
    let minutes = 0..i64::try_from(holds.len()).unwrap();
    let letters = minutes.map(|minute| {
        world.run(minute);
        world.letter(0)
    });
    letters.collect()
}

#[test]
fn states_follow_the_condition() {
    let table = [
        ("0s", "0s", "x.x", "FiF"),
        ("1m", "0s", "xx", "pF"),
        ("2m", "0s", "xxxx.x", "ppFFip"),
        ("2m", "0s", "xx.xx", "pp-pp"),
        ("30s", "0s", "xx", "pF"),
        ("90s", "0s", "xxx", "ppF"),
        // Firing on, while the rule says so; what comes back meanwhile was never gone.
        ("0s", "3m", "x....x", "FFFFiF"),
        ("0s", "3m", "x..x...", "FFFFFFF"),
        ("0s", "3m", "x..x....", "FFFFFFFi"),
        ("1m", "2m", "xx...", "pFFFi"),
        // What is only pending is not kept.
        ("2m", "5m", "x...", "p---"),
        // After it was over it begins anew.
        ("1m", "0s", "xx.xx", "pFipF"),
        ("0s", "0s", "......", "------"),
    ];
    for (hold, keep, holds, expected) in table {
        assert_eq!(
            story(hold, keep, holds),
            expected,
            "for {hold}, keep {keep}: {holds}"
        );
    }
}

#[test]
fn what_is_over_is_known_for_a_quarter_of_an_hour() {
    let holds = format!("x{}", ".".repeat(18));
    let expected = format!("F{}--", "i".repeat(16));
    assert_eq!(story("0s", "0s", &holds), expected);
}

#[test]
fn moments_of_an_alert_are_kept() {
    let mut world = World::new(down("2m", "1m"), &[&series("xxxx....")]);
    for minute in 0..8 {
        world.run(minute);
    }
    let alert = world.evaluation.alerts(0).next().unwrap();
    let standing = alert.standing;
    assert_eq!(standing.state, AlertState::Inactive);
    assert_eq!(standing.active_at, 0);
    assert_eq!(standing.fired_at, Some(2 * MINUTE));
    assert_eq!(standing.kept_since, Some(4 * MINUTE));
    assert_eq!(standing.resolved_at, Some(5 * MINUTE));
}

#[test]
fn a_longer_for_takes_back_what_fires_too_early() {
    // At minute 3 the rule is read anew with another `for`.
    let table = [
        ("1m", "10m", "pFFpppppppFF"),
        ("1m", "3m", "pFFFFF"),
        ("5m", "1m", "pppFFF"),
        ("0s", "5m", "FFFppF"),
    ];
    for (before, after, expected) in table {
        let holds = "x".repeat(expected.len());
        let mut world = World::new(down(before, "0s"), &[&series(&holds)]);
        let minutes = 0..i64::try_from(expected.len()).unwrap();
        let said: String = minutes
            .map(|minute| {
                if minute == 3 {
                    world.reload(down(after, "0s"));
                }
                world.run(minute);
                world.letter(0)
            })
            .collect();
        assert_eq!(said, expected, "for {before}, then {after}");
    }
}

#[test]
fn changes_are_told_once() {
    let mut world = World::new(down("1m", "0s"), &[&series("xxx.x.")]);
    let mut told = Vec::new();
    for minute in 0..6 {
        for change in world.run(minute).rules.remove(0).changes {
            told.push((minute, change.from.map(AlertState::word), change.to.word()));
        }
    }
    let expected = [
        (0, None, "pending"),
        (1, Some("pending"), "firing"),
        (3, Some("firing"), "inactive"),
        (4, Some("inactive"), "pending"),
        (5, Some("pending"), "inactive"),
    ];
    assert_eq!(told, expected);
}

/// The moments in seconds at which the alert is to be told of, with its state.
fn sent(hold: &str, holds: &str, step_s: i64, until_s: i64) -> Vec<(i64, char)> {
    let mut world = World::new(down(hold, "0s"), &[&series(holds)]);
    let mut sent = Vec::new();
    for at in (0..=until_s).step_by(usize::try_from(step_s).unwrap()) {
        let outcome = world.run_at(at * 1000);
        for due in &outcome.rules[0].due {
            let letter = match due.alert.standing.state {
                AlertState::Firing => 'F',
                AlertState::Pending => 'p',
                AlertState::Inactive => 'i',
            };
            assert_eq!(due.valid_until, at * 1000 + 4 * MINUTE);
            sent.push((at, letter));
        }
    }
    sent
}

#[test]
fn what_stands_is_told_again_after_more_than_a_minute() {
    let firing: Vec<(i64, char)> = vec![(0, 'F'), (75, 'F'), (150, 'F')];
    assert_eq!(sent("0s", "xxxx", 15, 180), firing);
    // Exactly a minute is not yet more than a minute.
    assert_eq!(sent("0s", "xxxx", 60, 180), [(0, 'F'), (120, 'F')]);
    // The end is told at once, and again and again for a quarter of an hour.
    let ended = sent("0s", &format!("x{}", ".".repeat(20)), 30, 1200);
    assert_eq!(ended[..3], [(0, 'F'), (60, 'i'), (150, 'i')]);
    assert_eq!(ended.last(), Some(&(960, 'i')));
    // Pending is told to nobody.
    assert_eq!(sent("2m", "x..", 60, 120), []);
}

#[test]
fn the_same_labels_twice_are_an_error_and_change_nothing() {
    let rule = "- alert: Down\n  expr: x == 1\n  labels: {host: same}";
    let mut world = World::new(
        group_of("interval: 1m", rule),
        &["x{host=\"a\"} 1 1 0", "x{host=\"b\"} 0 1 0"],
    );
    assert_eq!(world.run(0).rules[0].failure, None);
    let outcome = world.run(1);
    assert!(
        matches!(&outcome.rules[0].failure, Some(Failure::Collision(labels))
        if labels.to_string() == r#"{alertname="Down", host="same"}"#)
    );
    assert!(outcome.rules[0].changes.is_empty() && outcome.rules[0].due.is_empty());
    assert_eq!(world.letter(0), 'F');
    world.run(2);
    assert_eq!(world.letter(0), 'i');
}

#[test]
fn too_many_alerts_are_none() {
    let rule = "- alert: Down\n  expr: x == 1";
    let group = group_of("limit: 1", rule);
    let mut world = World::new(group, &["x{host=\"a\"} 1 1 1", "x{host=\"b\"} 0 1 0"]);
    assert_eq!(world.run(0).rules[0].failure, None);
    let outcome = world.run(1);
    let expected = Failure::Limit { limit: 1, found: 2 };
    assert_eq!(outcome.rules[0].failure, Some(expected));
    assert_eq!(world.evaluation.alerts(0).count(), 0);
    // It begins anew.
    let outcome = world.run(2);
    assert_eq!(outcome.rules[0].failure, None);
    let alert = world.evaluation.alerts(0).next().unwrap();
    assert_eq!(alert.standing.active_at, 2 * MINUTE);
}

#[test]
fn a_series_that_vanishes_ends_its_alert() {
    let mut world = World::new(down("1m", "0s"), &["x{job=\"shop\"} 1 1 1 stale"]);
    let letters: String = (0..5)
        .map(|minute| {
            world.run(minute);
            world.letter(0)
        })
        .collect();
    assert_eq!(letters, "pFFii");
    // Without a marker it is looked back for, for five minutes.
    let mut world = World::new(down("1m", "0s"), &["x{job=\"shop\"} 1 1 1"]);
    let letters: String = (0..9)
        .map(|minute| {
            world.run(minute);
            world.letter(0)
        })
        .collect();
    assert_eq!(letters, "pFFFFFFii");
}

/// Evaluated to `dies`, lost, and resumed at `wakes` (minutes): since when it is pending then, and
/// the minute at which it fires again.
fn resumed(hold: &str, dies: i64, wakes: i64) -> (i64, Option<i64>) {
    let mut world = World::new(down(hold, "0s"), &[&series(&"x".repeat(400))]);
    for minute in 0..=dies {
        world.run(minute);
    }
    world.evaluation = Evaluation::resuming(down(hold, "0s"));
    let mut since = 0;
    let mut fires = None;
    for minute in wakes..wakes + 60 {
        world.run(minute);
        if minute == wakes + 1 {
            since = world
                .evaluation
                .alerts(0)
                .next()
                .unwrap()
                .standing
                .active_at
                / MINUTE;
        }
        if world.letter(0) == 'F' && fires.is_none() {
            fires = Some(minute);
        }
    }
    (since, fires)
}

#[test]
fn what_was_pending_before_a_restart_goes_on() {
    let table = [
        // The time away does not count: ten minutes of thirty had passed.
        (("30m", 10, 20), (11, Some(41))),
        // Nearly through: it still waits ten minutes.
        (("30m", 28, 40), (21, Some(51))),
        // It was firing, and fires at once.
        (("30m", 35, 45), (0, Some(47))),
        // Too long ago: it begins anew.
        (("30m", 10, 80), (80, Some(110))),
        // Rules that wait for less than ten minutes are not restored.
        (("5m", 10, 20), (20, Some(25))),
    ];
    for ((hold, dies, wakes), expected) in table {
        assert_eq!(
            resumed(hold, dies, wakes),
            expected,
            "{hold} {dies} {wakes}"
        );
    }
}

#[test]
fn until_then_nothing_is_told_in_samples() {
    let mut world = World::new(down("30m", "0s"), &[&series("xxxx")]);
    world.evaluation = Evaluation::resuming(down("30m", "0s"));
    for minute in 0..4 {
        world.run(minute);
    }
    let held = world.held("ALERTS");
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].1, "2=1 3=1");
}

#[test]
fn what_is_remembered_goes_on_as_if_nothing_had_been() {
    let series = [series("xxx.xx.....")];
    let series: Vec<&str> = series.iter().map(String::as_str).collect();
    let mut whole = World::new(down("2m", "1m"), &series);
    let mut cut = World::new(down("2m", "1m"), &series);
    for minute in 0..11 {
        let remembered = cut.evaluation.remembered();
        cut.evaluation = Evaluation::remembering(down("2m", "1m"), remembered);
        assert_eq!(cut.run(minute), whole.run(minute), "{minute}");
    }
    assert_eq!(cut.held("ALERTS"), whole.held("ALERTS"));
}
