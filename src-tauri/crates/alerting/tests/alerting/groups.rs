//! Recording, order, offsets, labels, and series that end.

use deckwatch_alerting::eval::{Evaluation, Failure, Over, Recorder};
use deckwatch_alerting::template::{Expander, Scene};
use deckwatch_promql::{Head, Matcher, Options, SampleSource, Selection};

use crate::harness::{MINUTE, World, group_of, load};

#[test]
fn recording_rules_name_and_label_their_series() {
    let rules = "\
- record: job:x:sum
  expr: sum by (job, zone) (x)
  labels: {team: shop, zone: ''}
- record: one
  expr: '1'";
    let group = group_of("labels: {team: nobody, tier: web}", rules);
    let mut world = World::new(group, &["x{job=\"a\",zone=\"z\"} 1 2", "x{job=\"b\"} 3 4"]);
    world.run(0);
    world.run(1);
    let expected = [
        r#"{__name__="job:x:sum", job="a", team="shop", tier="web"} 2"#,
        r#"{__name__="job:x:sum", job="b", team="shop", tier="web"} 4"#,
    ];
    assert_eq!(world.ask("job:x:sum", 1), expected);
    let expected = [r#"{__name__="one", team="nobody", tier="web"} 1"#];
    assert_eq!(world.ask("one", 1), expected);
}

#[test]
fn a_rule_sees_what_those_before_it_recorded_now_and_those_after_it_before() {
    let rules = "\
- record: late
  expr: y * 10
- record: y
  expr: x + 1
- record: soon
  expr: y * 10";
    let mut world = World::new(group_of("interval: 1m", rules), &["x 1 2 3"]);
    for minute in 0..3 {
        world.run(minute);
    }
    assert_eq!(world.held("late")[0].1, "1=20 2=30");
    assert_eq!(world.held("soon")[0].1, "0=20 1=30 2=40");
}

#[test]
fn the_same_labels_twice_are_an_error() {
    let rules = "- record: y\n  expr: x\n  labels: {host: same}";
    let series = ["x{host=\"a\"} 1 1", "x{host=\"b\"} 1 _"];
    let mut world = World::new(group_of("interval: 1m", rules), &series);
    let outcome = world.run(0);
    assert!(matches!(
        outcome.rules[0].failure,
        Some(Failure::Collision(_))
    ));
    assert!(world.held("y").is_empty());
}

#[test]
fn too_many_series_are_none() {
    let rules = "- record: y\n  expr: x";
    let series = ["x{host=\"a\"} 1 1", "x{host=\"b\"} _ 1"];
    let mut world = World::new(group_of("limit: 1", rules), &series);
    assert_eq!(world.run(0).rules[0].failure, None);
    let expected = Failure::Limit { limit: 1, found: 2 };
    assert_eq!(world.run(1).rules[0].failure, Some(expected));
    // An error says nothing of the series, neither that they are there nor that they are gone.
    assert_eq!(world.held("y")[0].1, "0=1");
}

#[test]
fn a_query_that_gives_no_vector_is_an_error() {
    for (query, kind) in [("x[5m]", "a range vector"), ("'\"a\"'", "a text")] {
        let rules = format!("- record: y\n  expr: {query}");
        let mut world = World::new(group_of("interval: 1m", &rules), &["x 1"]);
        assert_eq!(world.run(0).rules[0].failure, Some(Failure::Kind(kind)));
    }
}

#[test]
fn what_a_rule_no_longer_gives_ends() {
    let rules = "- record: y\n  expr: x > 1\n- alert: High\n  expr: x > 1\n  for: 1m";
    let mut world = World::new(group_of("interval: 1m", rules), &["x{host=\"a\"} 2 2 0 2"]);
    let ended: Vec<usize> = (0..4)
        .map(|minute| world.run(minute).rules.iter().map(|r| r.ended.len()).sum())
        .collect();
    assert_eq!(ended, [0, 1, 3, 0]);
    assert_eq!(world.held("y")[0].1, "0=2 1=2 2s 3=2");
    let alerts: Vec<(String, String)> = world
        .held("ALERTS")
        .into_iter()
        .map(|(labels, told)| (labels.get("alertstate").to_owned(), told))
        .collect();
    let told = |state: &str, told: &str| (state.to_owned(), told.to_owned());
    assert_eq!(
        alerts,
        [told("pending", "0=1 1s 3=1"), told("firing", "1=1 2s")]
    );
    let since = &world.held("ALERTS_FOR_STATE")[0].1;
    assert_eq!(since, "0=0 1=0 2s 3=180");
}

#[test]
fn what_a_rule_gave_ends_with_the_rule() {
    let with = "- record: y\n  expr: x\n- record: z\n  expr: x";
    let mut world = World::new(group_of("interval: 1m", with), &["x 1 1 1"]);
    world.run(0);
    world.reload(group_of("interval: 1m", "- record: z\n  expr: x"));
    world.run(1);
    assert_eq!(world.held("y")[0].1, "0=1 1s");
    assert_eq!(world.held("z")[0].1, "0=1 1=1");
    let last = group_of("interval: 1m", "- record: z\n  expr: x");
    let evaluation = std::mem::replace(&mut world.evaluation, Evaluation::new(last));
    evaluation.end(2 * MINUTE, &mut world.head);
    assert_eq!(world.held("z")[0].1, "0=1 1=1 2s");
}

#[test]
fn rules_of_the_same_name_go_on_in_their_order() {
    let twice = "- alert: A\n  expr: x == 1\n- alert: A\n  expr: x == 2";
    let mut world = World::new(group_of("interval: 1m", twice), &["x 1 1"]);
    world.run(0);
    assert_eq!((world.letter(0), world.letter(1)), ('F', '-'));
    // Other labels are another rule.
    let other = "- alert: A\n  expr: x == 1\n  labels: {a: b}\n- alert: A\n  expr: x == 1";
    world.reload(group_of("interval: 1m", other));
    assert_eq!((world.letter(0), world.letter(1)), ('-', 'F'));
}

#[test]
fn samples_are_read_and_written_an_offset_ago() {
    let rules = "- record: y\n  expr: x\n- alert: High\n  expr: x >= 2";
    let mut world = World::new(group_of("query_offset: 2m", rules), &["x 0 1 2 3 4"]);
    for minute in 2..5 {
        world.run(minute);
    }
    assert_eq!(world.held("y")[0].1, "0=0 1=1 2=2");
    assert_eq!(world.held("ALERTS")[0].1, "2=1");
    // The alert itself is of the moment of evaluation.
    let alert = world.evaluation.alerts(1).next().unwrap();
    assert_eq!(alert.standing.active_at, 4 * MINUTE);
}

#[test]
fn a_template_asks_at_the_moment_of_evaluation() {
    let rules = "\
- alert: High
  expr: x > 0
  annotations:
    now: '{{ with query \"x\" }}{{ . | first | value }}{{ end }}'
    then: '{{ $value }}'";
    let mut world = World::new(group_of("query_offset: 1m", rules), &["x 1 2 3"]);
    world.run(2);
    let alert = world.evaluation.alerts(0).next().unwrap();
    assert_eq!(alert.annotations["now"], "3");
    assert_eq!(alert.annotations["then"], "2");
}

#[test]
fn labels_of_alerts_are_templates_also_those_of_the_group() {
    let rules = "\
- alert: High
  expr: x > 0
  labels:
    level: '{{ if gt $value 1.0 }}bad{{ else }}meh{{ end }}'
    gone: '{{ $labels.nothing }}'
  annotations: {broken: '{{ index $labels 1 }}'}";
    let group = group_of("labels: {who: '{{ $labels.host }}'}", rules);
    let mut world = World::new(group, &["x{host=\"a\"} 1 2"]);
    world.run(0);
    let first = world.evaluation.alerts(0).next().unwrap();
    assert_eq!(
        first.labels.to_string(),
        r#"{alertname="High", host="a", level="meh", who="a"}"#
    );
    let broken = &first.annotations["broken"];
    assert!(
        broken.starts_with("<error expanding template: "),
        "{broken}"
    );
    // Other labels are another alert.
    world.run(1);
    let levels: Vec<&str> = world
        .evaluation
        .alerts(0)
        .map(|a| a.labels.get("level"))
        .collect();
    assert_eq!(levels, ["bad", "meh"]);
}

#[test]
fn a_label_that_expands_to_nothing_stands_in_samples_as_its_template() {
    let rules = "- alert: A\n  expr: x > 0\n  labels: {who: '{{ $labels.nobody }}', none: ''}";
    let mut world = World::new(group_of("interval: 1m", rules), &["x 1"]);
    world.run(0);
    let alert = world.evaluation.alerts(0).next().unwrap();
    assert_eq!(alert.labels.to_string(), r#"{alertname="A"}"#);
    let told = &world.held("ALERTS_FOR_STATE")[0].0;
    assert_eq!(told.get("who"), "{{ $labels.nobody }}");
    assert!(!told.has("none"));
}

#[test]
fn samples_that_a_series_has_passed_are_counted() {
    let rules = "- record: y\n  expr: x\n- record: y\n  expr: x * 2";
    let mut world = World::new(group_of("interval: 1m", rules), &["x 1 1"]);
    let outcome = world.run(1);
    assert_eq!((outcome.rules[0].refused, outcome.rules[1].refused), (0, 1));
    assert_eq!(world.held("y")[0].1, "1=1");
}

#[test]
fn what_is_recorded_lies_over_what_was_there() {
    let mut below = Head::default();
    load(&mut below, &["y{a=\"b\"} 10 20 30 40", "x 1 2 3 4"]);
    let mut over = Over::new(&below);
    let rules =
        "- record: y\n  expr: x\n  labels: {a: b}\n- record: z\n  expr: sum_over_time(y[10m])";
    let mut evaluation = Evaluation::new(group_of("interval: 1m", rules));
    let expander = Expander::new(Scene::default());
    for minute in 2..4 {
        evaluation.run(minute * MINUTE, &mut over, &expander, &Options::default());
    }
    let all = Selection {
        matchers: vec![Matcher::equal("__name__", "z")],
        from_ms: 0,
        to_ms: i64::MAX,
    };
    let told: Vec<f64> = over.select(&all).unwrap()[0]
        .floats
        .iter()
        .map(|p| p.v)
        .collect();
    // 10 and 20 of before, then 3 and 4 of ours.
    assert_eq!(told, [33.0, 37.0]);
    assert!(
        over.record(
            &Default::default(),
            1,
            &deckwatch_promql::value::SampleValue::Float(1.0)
        )
        .is_ok()
    );
}
