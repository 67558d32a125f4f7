//! People: they press buttons at bad moments, and their programs die too.

use async_trait::async_trait;
use deckwatch_domain::{Actor, Digest, EventId, RolloutId, Timestamp};
use deckwatch_journal::{Expected, NewEvent, Store};
use deckwatch_platform::ReleaseSpec;
use deckwatch_rollout::lane::{self, Ask};
use deckwatch_rollout::plan::{Plan, RollbackKind};
use deckwatch_rollout::ports::{Clock, Ids, Now};
use deckwatch_rollout::{Command, Event, Rollouts, Started, decide, stream};

use crate::platform::{INSTANCES, SimPlatform};
use crate::store::SimStore;
use crate::world::{World, run};

/// Sleeping moves the world's clock.
pub struct SimClock(pub World);

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Now {
        self.0.now()
    }
    async fn sleep(&self, duration: std::time::Duration) {
        self.0.advance(duration.as_millis() as u64);
    }
}

pub struct People {
    pub world: World,
    pub store: SimStore,
    pub platform: SimPlatform,
    pub plan: Plan,
    pub plan_text: String,
    versions: u32,
}

pub fn person(name: &str) -> Actor {
    Actor::person(name, "desk")
}

/// What the journal says, from the first event.
pub fn replay(
    store: &SimStore,
    platform: &SimPlatform,
) -> (Rollouts, Vec<(Event, Actor, Timestamp)>) {
    let mut state = Rollouts::new(platform.service.clone());
    let mut story = Vec::new();
    let name = stream(&platform.service);
    let events = run(store.inner.read_stream(&name, 0, 100_000))
        .unwrap()
        .unwrap();
    for recorded in events {
        let event: Event = serde_json::from_slice(recorded.payload.as_deref().unwrap()).unwrap();
        state.version = recorded.version;
        state.evolve(&event, &recorded.actor, recorded.occurred_at);
        story.push((event, recorded.actor, recorded.occurred_at));
    }
    (state, story)
}

impl People {
    pub fn new(world: World, store: SimStore, platform: SimPlatform, plan: (Plan, String)) -> Self {
        People {
            world,
            store,
            platform,
            plan: plan.0,
            plan_text: plan.1,
            versions: 1,
        }
    }

    fn state(&self) -> Rollouts {
        replay(&self.store, &self.platform).0
    }

    fn event_id(&self) -> EventId {
        self.world.event()
    }

    /// Asks; a refusal or a journal in trouble is fine.
    pub fn ask(&self, command: &Command, who: &Actor) -> bool {
        let state = self.state();
        let now = self.world.now();
        let events = match decide(&state, command, who, now.wall) {
            Ok(events) => events,
            Err(refusal) => {
                self.world.tell(|| format!("{who}: refused: {refusal}"));
                return false;
            }
        };
        let new = events
            .iter()
            .map(|event| NewEvent {
                event_id: match event {
                    Event::TakenBack { record } => record.event_id,
                    _ => self.event_id(),
                },
                kind: event.kind().into(),
                payload: event.payload(),
                actor: who.clone(),
                occurred_at: now.wall,
            })
            .collect();
        let name = stream(&self.platform.service);
        self.world
            .tell(|| format!("{who}: {command:?}").chars().take(80).collect());
        matches!(
            run(self
                .store
                .append(&name, Expected::Version(state.version), new, None, now.wall)),
            Some(Ok(_))
        )
    }

    pub fn start(&mut self, temper: &str, supersede: bool) -> bool {
        let seen = self.platform.state.lock().unwrap().traffic.clone();
        let stable = seen.roles.playing(deckwatch_domain::Role::Stable);
        self.versions += 1;
        let version = format!("{temper}-{}", self.versions);
        let stable_version = stable.and_then(|slot| {
            let state = self.platform.state.lock().unwrap();
            state.slots[slot]
                .release
                .as_ref()
                .map(|r| r.version.clone())
        });
        let now = self.world.now().wall;
        let later = self.world.chance(15.0);
        let soon = std::time::Duration::from_millis(self.world.below(8_000));
        let started = Started {
            rollout: RolloutId::new(self.event_id().uuid()),
            service: self.platform.service.clone(),
            release: ReleaseSpec {
                version: version.parse().unwrap(),
                command: None,
                env: Default::default(),
                image: None,
            },
            instances: INSTANCES,
            candidate: stable.map_or(deckwatch_domain::Slot::Blue, |s| s.other()),
            stable,
            stable_version,
            plan: self.plan.for_instances(INSTANCES).unwrap(),
            plan_text: self.plan_text.clone(),
            plan_digest: Digest::of(self.plan_text.as_bytes()),
            author: person("ana"),
            preview: None,
            stable_instances: stable.map_or(0, |_| INSTANCES),
            not_before: later.then(|| now.plus(soon)),
            undo_to: None,
        };
        let take_back = self.event_id();
        let command = Command::Start {
            started: Box::new(started),
            supersede,
            take_back,
            validated: Default::default(),
        };
        self.ask(&command, &person("ana"))
    }

    /// The emergency control: the lane itself, with or without a journal to tell.
    pub fn roll_back(&self) {
        let ask = Ask {
            service: self.platform.service.clone(),
            actor: person("ben"),
            reason: "it burns".into(),
            now: self.world.chance(20.0),
            only: None,
            event_id: self.event_id(),
            retire: self.world.intent(),
        };
        if self.world.chance(20.0) {
            let n = self.world.below(6) as u32;
            self.world.lock().fuse = Some(n);
        }
        self.world.tell(|| "ben: ROLL BACK".into());
        let clock = SimClock(self.world.clone());
        let report = run(lane::roll_back(&self.platform, &ask, &clock, &mut |_| {}));
        self.world.lock().fuse = None;
        if let Some(Ok(report)) = report
            && self.world.chance(50.0)
        {
            self.ask(
                &Command::Absorb {
                    record: report.record,
                },
                &person("ben"),
            );
        }
    }

    /// One thing somebody might do.
    pub fn do_something(&mut self) {
        let ids = self.event_id();
        let who = person(["ana", "ben", "cid"][self.world.below(3) as usize]);
        if self.platform.is_cluster() && self.world.chance(15.0) {
            self.settle();
        }
        let command = match self.world.below(14) {
            0 => Command::Pause {
                note: "let me look".into(),
            },
            1 | 2 => Command::Resume,
            3 => Command::Retry,
            4 => Command::Promote {
                full: false,
                break_glass: None,
            },
            5 => Command::Promote {
                full: self.world.chance(50.0),
                break_glass: self.world.chance(50.0).then(|| "I know better".into()),
            },
            6..=8 => approve(),
            9 => Command::Reject {
                why: "no".into(),
                take_back: ids,
                kind: self.kind(),
            },
            10 => Command::Abort {
                why: "stop".into(),
                take_back: ids,
                kind: self.kind(),
            },
            11 => {
                let temper = ["good", "bad"][self.world.below(2) as usize];
                let supersede = self.world.chance(70.0);
                self.start(temper, supersede);
                return;
            }
            12 => Command::PutBack {
                why: "all of it".into(),
                kind: self.kind(),
            },
            _ => return self.roll_back(),
        };
        self.ask(&command, &who);
    }

    fn kind(&self) -> RollbackKind {
        let kinds = [
            RollbackKind::Quick,
            RollbackKind::Full,
            RollbackKind::DataPreserving,
        ];
        kinds[self.world.below(3) as usize]
    }

    /// Where another manager has led the traffic elsewhere, the record is made true again.
    pub fn settle(&self) {
        let boot = self.world.lock().boot;
        let mut state = self.platform.state.lock().unwrap();
        let weights = state.traffic.weights;
        if state
            .api
            .as_ref()
            .is_some_and(|a| a.front.routed != weights)
        {
            self.world.tell(|| format!("ben: settles at {weights}"));
            state.somebody_reroutes(boot, weights);
        }
    }

    /// In the calm after the storm, whoever is asked decides.
    pub fn decide_what_is_held(&mut self) {
        let take_back = self.event_id();
        let kind = self.kind();
        match self.world.below(9) {
            0 | 1 => self.ask(&Command::Retry, &person("ben")),
            2 | 3 => self.ask(&Command::Resume, &person("ben")),
            4 => self.ask(&approve(), &person("ben")),
            5 => self.ask(&approve(), &person("cid")),
            6 => self.ask(
                &Command::Promote {
                    full: false,
                    break_glass: Some("on with it".into()),
                },
                &person("ben"),
            ),
            _ => self.ask(
                &Command::Abort {
                    why: "enough".into(),
                    take_back,
                    kind,
                },
                &person("cid"),
            ),
        };
    }
}

fn approve() -> Command {
    Command::Approve {
        roles: vec!["release-manager".into()],
        bound: true,
        note: String::new(),
    }
}
