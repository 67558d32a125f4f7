//! The core against a table of cases, and against seeded random worlds.

use std::collections::BTreeMap;

use deckwatch_domain::{Actor, Digest, IntentId, RolloutId, Slot, Span, Timestamp, ValidationId};
use deckwatch_platform::{ReleaseSpec, TaskOutcome};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::event::Started;
use crate::plan::{Check, Looks, builtin};

const BEGAN: i64 = 1_800_000_000_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(BEGAN + millis as i64)
}

fn ana() -> Actor {
    Actor::person("ana", "bridge")
}

fn release(version: &str) -> ReleaseSpec {
    ReleaseSpec {
        version: version.parse().unwrap(),
        command: None,
        env: BTreeMap::new(),
        image: None,
    }
}

fn check(name: &str, critical: bool, retries: u32) -> Check {
    Check {
        name: name.into(),
        description: String::new(),
        looks: Looks::Program,
        timeout: Span::from_secs(30),
        retries,
        critical,
        env: BTreeMap::new(),
        secrets: BTreeMap::new(),
    }
}

fn begun(checks: Vec<Check>) -> Begun {
    Begun {
        validation: ValidationId::from_u128(1),
        service: "shop".parse().unwrap(),
        release: release("v2"),
        stable: None,
        plan: "p".into(),
        plan_digest: Digest::of(b"p"),
        checks,
        runner: "desk/1/abc".into(),
    }
}

fn outcome(passed: bool) -> TaskOutcome {
    TaskOutcome {
        passed,
        ..TaskOutcome::lost("ended with 1")
    }
}

/// A validation, and what happens to it.
struct World {
    state: Validations,
    now: u64,
}

impl World {
    fn new(checks: Vec<Check>) -> World {
        let state = Validations::new("shop".parse().unwrap());
        let mut world = World { state, now: 0 };
        let events = begin(&world.state, begun(checks), false, at(0)).unwrap();
        world.take(&events);
        world
    }

    fn take(&mut self, events: &[Event]) {
        for event in events {
            // As it comes back from the journal.
            let bytes = serde_json::to_vec(event).unwrap();
            let event: Event = serde_json::from_slice(&bytes).unwrap();
            assert!(!event.words().is_empty());
            self.state.evolve(&event, &ana(), at(self.now));
        }
    }

    fn newest(&self) -> &Validation {
        self.state.newest().unwrap()
    }

    /// Does what is next, and says what that was.
    fn step(&mut self) -> Vec<Step> {
        let steps = next(self.newest(), at(self.now));
        for step in &steps {
            let validation = self.newest();
            let event = match *step {
                Step::Begin { check, attempt, .. } => {
                    let intent = IntentId::from_u128(u128::from(attempt));
                    validation.check_begun(check, attempt, Some(intent))
                }
                Step::Stop { check, why } => {
                    validation.check_stopped(check, why, at(self.now)).unwrap()
                }
                Step::End(ending) => validation.ending(ending),
            };
            self.take(&[event]);
        }
        steps
    }

    fn ends(&mut self, check: usize, passed: bool) {
        let attempt = self.newest().records[&check].attempt;
        let event = self.newest().check_ended(check, attempt, outcome(passed));
        self.take(&[event]);
    }
}

#[test]
fn a_critical_failure_keeps_it_a_warning_does_not() {
    // Each check: critical, passes. What it comes to.
    let table = [
        (vec![(true, true), (false, true)], Outcome::Passed),
        (vec![(true, true), (false, false)], Outcome::Warnings),
        (vec![(true, false), (false, true)], Outcome::Failed),
        (vec![(true, false), (false, false)], Outcome::Failed),
        (vec![(false, false)], Outcome::Warnings),
    ];
    for (checks, wanted) in table {
        let of = |(critical, _): &(bool, bool)| check(&critical.to_string(), *critical, 0);
        let mut world = World::new(checks.iter().map(of).collect());
        assert_eq!(world.step().len(), checks.len(), "all at once");
        assert_eq!(world.newest().outcome(), None);
        for (place, (_, passes)) in checks.iter().enumerate() {
            world.ends(place, *passes);
        }
        assert_eq!(world.step(), [Step::End(Ending::Finished)]);
        let found = world.newest();
        assert_eq!(found.outcome(), Some(wanted), "{checks:?}");
        assert_eq!(found.can_deploy(), wanted != Outcome::Failed);
        let failed = checks
            .iter()
            .filter(|(critical, passes)| *critical && !passes);
        assert_eq!(found.lacking().len(), failed.count());
        assert!(world.step().is_empty(), "what ended stays ended");
    }
}

#[test]
fn a_failed_attempt_is_followed_by_another_after_a_while() {
    let mut world = World::new(vec![check("a", true, 2)]);
    for (attempt, wait) in [(1, 250), (2, 500)] {
        world.step();
        assert_eq!(world.newest().records[&0].attempt, attempt);
        world.ends(0, false);
        assert_eq!(world.newest().standing(0), CheckStanding::Retrying);
        world.now += wait - 1;
        assert!(world.step().is_empty(), "too early");
        world.now += 1;
    }
    world.step();
    assert_eq!(world.newest().records[&0].attempt, 3);
    world.ends(0, true);
    world.step();
    assert!(world.newest().can_deploy());
    assert_eq!(world.newest().lacking(), Vec::<String>::new());
}

#[test]
fn an_attempt_that_does_not_end_is_ended_and_so_is_the_whole() {
    let mut world = World::new(vec![check("a", true, 0), check("b", false, 20)]);
    world.step();
    world.now = 34_999;
    assert!(world.step().is_empty());
    world.now = 35_000;
    let why = Why::Overdue;
    let stops = [0, 1].map(|check| Step::Stop { check, why });
    assert_eq!(world.step(), stops);
    world.now = 299_000;
    let begins = Step::Begin {
        check: 1,
        attempt: 2,
        within: Span::from_secs(1),
    };
    assert_eq!(world.step(), [begins], "no longer than is left");
    world.now = 300_000;
    let last = world.step();
    assert_eq!(last.last(), Some(&Step::End(Ending::TimedOut)));
    assert!(!world.newest().can_deploy());
    let said = world.newest().lacking();
    assert_eq!(said, ["a failed: it did not end in its time"]);
}

#[test]
fn it_is_cancelled_and_one_whose_runner_is_gone_makes_way() {
    let mut world = World::new(vec![check("a", true, 0)]);
    world.step();
    let second = || begun(vec![check("a", true, 0)]);
    let refused = begin(&world.state, second(), false, at(10)).unwrap_err();
    assert_eq!(refused.code, "validation-running");
    let lost = begin(&world.state, second(), true, at(10)).unwrap();
    assert!(matches!(
        lost[0],
        Event::Ended {
            ending: Ending::Lost,
            can_deploy: false,
            ..
        }
    ));
    // A runner of whom nothing can be known has had its time.
    assert!(begin(&world.state, second(), false, at(360_000)).is_ok());
    let asked = cancel(&world.state, "no", false, at(20)).unwrap();
    world.take(&asked);
    assert!(
        cancel(&world.state, "no", false, at(20))
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.step().last(), Some(&Step::End(Ending::Cancelled)));
    assert!(!world.newest().can_deploy());
    let refused = cancel(&world.state, "", false, at(30)).unwrap_err();
    assert_eq!(refused.code, "not-validating");
    let nothing = begin(&world.state, begun(Vec::new()), false, at(30)).unwrap_err();
    assert_eq!(nothing.code, "nothing-to-validate");
}

fn started(checks: Vec<Check>) -> Started {
    let (mut plan, text) = builtin("canary-5-25-100").unwrap();
    plan.validate = checks;
    plan.validated_within = Span::from_secs(600);
    Started {
        rollout: RolloutId::from_u128(7),
        service: "shop".parse().unwrap(),
        release: release("v2"),
        instances: 2,
        candidate: Slot::Green,
        stable: Some(Slot::Blue),
        stable_version: Some("v1".parse().unwrap()),
        plan,
        plan_text: text.to_owned(),
        plan_digest: Digest::of(b"p"),
        author: ana(),
        preview: None,
        stable_instances: 2,
        not_before: None,
        undo_to: None,
    }
}

#[test]
fn an_undo_needs_none() {
    let mut undo = started(vec![check("tests", true, 0)]);
    let now = Timestamp::EPOCH;
    assert!(admit(&undo, &Validated::default(), now).is_err());
    undo.undo_to = Some(3);
    assert_eq!(admit(&undo, &Validated::default(), now), Ok(None));
}

#[test]
fn a_start_needs_a_validation_of_exactly_this() {
    let checks = || vec![check("tests", true, 0)];
    let of = |passes: bool, ended: bool| {
        let mut world = World::new(checks());
        world.step();
        world.ends(0, passes);
        if ended {
            world.step();
        }
        Some(Box::new(world.newest().clone()))
    };
    let asked = started(checks());
    let tell = |newest: Option<Box<Validation>>, started: &Started, seconds: u64| {
        let validated = Validated {
            newest,
            ..Validated::default()
        };
        let answer = admit(started, &validated, at(seconds * 1000));
        answer.map_or_else(
            |refusal| {
                assert_eq!(refusal.code, "not-validated");
                refusal.why
            },
            |glass| {
                assert_eq!(glass, None);
                String::new()
            },
        )
    };
    assert_eq!(tell(None, &started(Vec::new()), 0), "", "none is asked for");
    assert_eq!(tell(of(true, true), &asked, 600), "");
    assert!(tell(None, &asked, 0).ends_with("missing: tests"));
    assert!(tell(of(false, true), &asked, 0).ends_with("tests failed: ended with 1"));
    assert!(tell(of(true, false), &asked, 0).contains("has not ended"));
    assert!(tell(of(true, true), &asked, 601).contains("10m"), "too old");
    // Another command, another plan, other checks: another release.
    let mut other = asked.clone();
    other.release.command = Some(vec!["x".into()]);
    assert!(tell(of(true, true), &other, 0).contains("not been validated"));
    let mut other = asked.clone();
    other.plan_digest = Digest::of(b"q");
    assert!(tell(of(true, true), &other, 0).contains("not been validated"));
    let other = started(vec![check("tests", true, 1)]);
    assert!(tell(of(true, true), &other, 0).contains("not been validated"));
    // A reason opens it, and what was lacking is what goes on record; blanks are no reason.
    for (reason, opens) in [("the shop is down", true), ("  ", false)] {
        let validated = Validated {
            newest: of(false, true),
            break_glass: Some(reason.into()),
            ..Validated::default()
        };
        let answer = admit(&asked, &validated, at(0));
        assert_eq!(answer.is_ok(), opens);
        if let Ok(lacking) = answer {
            assert_eq!(lacking.as_deref(), Some("tests failed: ended with 1"));
        }
    }
}

#[test]
fn it_ends_in_time_and_never_lets_a_critical_failure_pass() {
    for seed in 0..400 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        one(&mut rng, seed);
    }
}

fn one(rng: &mut impl Rng, seed: u64) {
    let count = rng.random_range(1..20);
    let checks: Vec<Check> = (0..count)
        .map(|i| Check {
            timeout: Span::from_millis(rng.random_range(100..60_000)),
            ..check(&i.to_string(), rng.random_bool(0.6), rng.random_range(0..6))
        })
        .collect();
    let mut world = World::new(checks.clone());
    // How often an attempt passes, and how often it never ends by itself.
    let (passes, hangs) = (rng.random_range(0.0..1.0), rng.random_range(0.0..0.2));
    while world.newest().is_live() {
        let context = format!("seed {seed} at {}", world.now);
        world.step();
        let validation = world.newest();
        let running = validation.records.values().filter(|r| r.ended.is_none());
        if validation.is_live() {
            assert!(running.count() <= MOST_AT_ONCE, "{context}");
        }
        for (place, record) in &validation.records {
            assert!(record.attempt <= checks[*place].retries + 1, "{context}");
        }
        assert!(
            world.now <= LIMIT.as_millis() + 2000,
            "{context}: it goes on"
        );
        let open: Vec<usize> = validation
            .records
            .iter()
            .filter(|(_, r)| r.ended.is_none())
            .map(|(place, _)| *place)
            .collect();
        for place in open {
            if rng.random_bool(0.3) && !rng.random_bool(hangs) {
                world.ends(place, rng.random_bool(passes));
            }
        }
        if rng.random_bool(0.002) && world.newest().is_live() {
            let events = cancel(&world.state, "", false, at(world.now)).unwrap();
            world.take(&events);
        }
        world.now += rng.random_range(1..2000);
    }
    says_what_it_should(world.newest(), seed);
}

fn says_what_it_should(validation: &Validation, seed: u64) {
    let checks = &validation.checks;
    let passed = |place: usize| {
        let ended = validation
            .records
            .get(&place)
            .and_then(|r| r.ended.as_ref());
        ended.is_some_and(|(outcome, _)| outcome.passed)
    };
    let critical = (0..checks.len()).filter(|place| checks[*place].critical);
    let all = critical.into_iter().all(passed);
    let cut = matches!(
        validation.ended,
        Some((Ending::Cancelled | Ending::Lost, _))
    );
    assert_eq!(validation.can_deploy(), all && !cut, "seed {seed}");
    assert_eq!(
        validation.outcome() == Some(Outcome::Failed),
        !validation.can_deploy()
    );
}
