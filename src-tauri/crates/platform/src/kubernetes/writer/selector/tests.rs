use super::*;
use crate::kubernetes::record::tests::{patched, record};

fn service(selector: Value) -> Value {
    json!({"metadata": {"name": "web-svc"}, "spec": {"selector": selector}})
}

#[test]
fn the_selector_follows_the_slot_that_has_everything() {
    let mut record = record();
    record.traffic.weights = Weights::all_to(Slot::Green);
    let before = service(json!({"app": "web"}));
    let said = Selector.differs(&before, &record).unwrap();
    assert!(said.contains("selects app=web,"), "{said}");
    let ops = Selector.route(&before, &record).unwrap();
    let after = patched(&before, &ops);
    assert_eq!(
        labels(&after["spec"]["selector"]),
        record.adopted.selectors.green
    );
    assert!(Selector.route(&after, &record).unwrap().is_empty());
    assert_eq!(Selector.differs(&after, &record), None);
    let back = patched(&after, &Selector.release(&after, &record).unwrap());
    assert_eq!(back, before);
}

#[test]
fn shares_and_audiences_are_refused() {
    let mut record = record();
    let said = Selector.refuses(&record).unwrap();
    assert!(said.contains("blue 90 · green 10"), "{said}");
    record.traffic.weights = Weights::all_to(Slot::Green);
    assert_eq!(Selector.refuses(&record), None);
    record.traffic.audience = Some(crate::audience::Audience {
        flag: "new".into(),
        by: crate::AudienceBy::Header {
            name: "x-id".into(),
        },
        listed: vec!["ana".into()],
        share: 0,
        salt: String::new(),
    });
    assert!(Selector.refuses(&record).unwrap().contains("audience"));
}

/// As it is once a release of ours has stood in blue too.
fn labelled_record() -> Record {
    let mut record = record();
    record.adopted.selectors.blue =
        crate::kubernetes::record::slot_labels(&record.adopted.service, Slot::Blue);
    record
}

#[test]
fn a_share_leads_to_the_pods_of_both_and_the_way_back_to_one() {
    let mut record = labelled_record();
    assert_eq!(Selector.refuses(&record), None);
    let before = service(json!(record.adopted.selectors.blue));
    let shared = patched(&before, &Selector.route(&before, &record).unwrap());
    assert_eq!(
        shared["spec"]["selector"],
        json!({"deckwatch.dev/service": "web"})
    );
    assert_eq!(Selector.differs(&shared, &record), None);
    record.traffic.weights = Weights::all_to(Slot::Blue);
    let back = Selector.route(&shared, &record).unwrap();
    assert_eq!(back.len(), 1, "the way back is one operation");
    assert_eq!(patched(&shared, &back), before);
    assert_eq!(Selector.theirs(&before, &record), Ok(0));
    let said = Selector.theirs(&shared, &record).unwrap_err();
    assert!(said.contains("neither slot"), "{said}");
}

#[test]
fn the_weights_that_are_written_are_those_that_the_instances_make() {
    let ready = |blue, green| PerSlot { blue, green };
    let asked = Weights::toward(Slot::Green, 33);
    assert_eq!(meant(asked, ready(2, 1)), Ok(asked));
    // Rounded otherwise is the same.
    let near = Weights::toward(Slot::Green, 34);
    assert_eq!(meant(near, ready(2, 1)), Ok(asked));
    let said = meant(asked, ready(1, 1)).unwrap_err();
    assert!(said.contains("make blue 50 · green 50 of it"), "{said}");
    assert!(meant(asked, ready(0, 0)).is_err());
    let all = Weights::all_to(Slot::Blue);
    assert_eq!(meant(all, ready(0, 5)), Ok(all));
}

#[test]
fn what_can_be_shared_out_depends_on_what_stands() {
    let whole = |sharing| match sharing {
        Sharing::Whole { why } => why,
        other => panic!("{other:?}"),
    };
    assert!(whole(sharing(&record(), false)).contains("blue-green"));
    assert!(whole(sharing(&labelled_record(), true)).contains("autoscaler"));
    assert_eq!(sharing(&labelled_record(), false), Sharing::Instances);
    let mut second = record();
    second.traffic.roles = PerSlot {
        blue: Role::Free,
        green: Role::Stable,
    };
    assert_eq!(sharing(&second, false), Sharing::Instances);
}
