//! One schedule: a plan, a storm, the calm after it, and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use deckwatch_domain::{Actor, PerSlot, Role, ServiceName, Slot, Weights};
use deckwatch_journal::MemoryStore;
use deckwatch_platform::ReleaseSpec;
use deckwatch_rollout::plan;
use deckwatch_rollout::{Driver, DriverError, Identity, Ports, Standing, Tick};

use crate::check;
use crate::evidence::{SimEvidence, SimGates, Temper};
use crate::people::{People, replay};
use crate::plans;
use crate::platform::{INSTANCES, SimPlatform, SimSlot};
use crate::store::SimStore;
use crate::tasks::SimTasks;
use crate::world::World;

/// What a schedule came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    pub phases: Vec<String>,
    pub events: usize,
    pub deaths: u32,
    pub take_backs: usize,
    pub writes: usize,
    pub tasks: usize,
    pub put_back: usize,
    /// Times that old instances left for new ones.
    pub batches: usize,
}

#[derive(Default)]
pub struct Tally {
    phases: BTreeMap<String, u64>,
    deaths: u64,
    take_backs: u64,
    events: u64,
    tasks: u64,
    put_back: u64,
    batches: u64,
}

impl Tally {
    pub fn add(&mut self, outcome: &Outcome) {
        for phase in &outcome.phases {
            *self.phases.entry(phase.clone()).or_default() += 1;
        }
        self.deaths += u64::from(outcome.deaths);
        self.take_backs += outcome.take_backs as u64;
        self.events += outcome.events as u64;
        self.tasks += outcome.tasks as u64;
        self.put_back += outcome.put_back as u64;
        self.batches += outcome.batches as u64;
    }

    /// The schedules went everywhere they should.
    pub fn assert_varied(&self) {
        for phase in ["promoted", "rolled back", "aborted", "superseded"] {
            assert!(
                self.phases.get(phase).is_some_and(|n| *n > 20),
                "hardly ever {phase}: {self}"
            );
        }
        assert!(self.deaths > 100 && self.take_backs > 100, "{self}");
        assert!(self.batches > 100, "{self}");
        assert!(self.tasks > 1000 && self.put_back > 50, "{self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}, {} drivers died, {} take-backs, {} tasks, {} ways back of tasks, {} batches, {} events",
            self.phases,
            self.deaths,
            self.take_backs,
            self.tasks,
            self.put_back,
            self.batches,
            self.events
        )
    }
}

fn temper(version: &str) -> Temper {
    match version.split('-').next() {
        Some("bad") => Temper::Bad,
        Some("late") => Temper::Late,
        Some("silent") => Temper::Silent,
        Some("unreadable") => Temper::Unreadable,
        _ => Temper::Good,
    }
}

type Suspended = Pin<Box<dyn Future<Output = (Driver, Result<Tick, DriverError>)>>>;

struct Programs {
    ports: Ports,
    world: World,
    drivers: [Option<Driver>; 2],
    /// Ticks that were cut off in the middle and may go on later.
    suspended: [Option<Suspended>; 2],
    born: u32,
    deaths: u32,
}

impl Programs {
    fn tick(&mut self, which: usize, platform: &SimPlatform) -> (Option<Standing>, Duration) {
        let service = platform.service.clone();
        let (born, mut ports) = (&mut self.born, self.ports.clone());
        if let Some(mut tick) = self.suspended[which].take() {
            return self.go_on(
                which,
                tick.as_mut().poll(&mut Context::from_waker(Waker::noop())),
                tick,
            );
        }
        let mut driver = self.drivers[which].take().unwrap_or_else(|| {
            *born += 1;
            let identity = Identity {
                holder: format!("driver-{born}"),
                actor: Actor::machine(&format!("engine-{born}"), "desk"),
                ttl: Duration::from_secs(3),
            };
            if platform.is_cluster() {
                ports.platform = Arc::new(platform.for_program());
            }
            Driver::new(service, ports, identity)
        });
        let now = self.world.now();
        self.world.lock().resumed = false;
        let mut tick: Suspended = Box::pin(async move {
            let answer = driver.tick(now).await;
            (driver, answer)
        });
        let polled = tick.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.go_on(which, polled, tick)
    }

    fn go_on(
        &mut self,
        which: usize,
        polled: Poll<(Driver, Result<Tick, DriverError>)>,
        tick: Suspended,
    ) -> (Option<Standing>, Duration) {
        let stalled = self.world.lock().fuse.is_none();
        match polled {
            Poll::Ready((driver, answer)) => {
                self.drivers[which] = Some(driver);
                match answer {
                    Ok(tick) => (Some(tick.standing), tick.after),
                    Err(error) => {
                        self.world.tell(|| format!("driver {which}: {error}"));
                        (None, Duration::from_millis(250))
                    }
                }
            }
            Poll::Pending if stalled => {
                self.world.tell(|| format!("driver {which} is suspended"));
                self.suspended[which] = Some(tick);
                (None, Duration::from_millis(500))
            }
            Poll::Pending => {
                self.world.tell(|| format!("driver {which} DIES"));
                let mut inner = self.world.lock();
                inner.fuse = None;
                inner.dead.push(format!("driver-{}", self.born));
                inner
                    .dead
                    .push(format!("driver-{}", self.born.saturating_sub(1)));
                drop(inner);
                self.deaths += 1;
                self.drivers[which] = None;
                (None, Duration::from_millis(50))
            }
        }
    }
}

fn stand(platform: &SimPlatform) {
    let mut state = platform.state.lock().unwrap();
    state.traffic.weights = Weights::all_to(Slot::Blue);
    state.traffic.roles = PerSlot {
        blue: Role::Stable,
        green: Role::Free,
    };
    state.slots.blue = SimSlot {
        release: Some(ReleaseSpec {
            version: "good-1".parse().unwrap(),
            command: None,
            env: Default::default(),
            image: None,
        }),
        desired: INSTANCES,
        ready_at: Some(0),
        ..SimSlot::default()
    };
}

pub fn run(seed: u64, telling: bool) -> Outcome {
    let world = World::new(seed, telling);
    let service = ServiceName::new("svc").unwrap();
    let platform = SimPlatform::new(world.clone(), service);
    let first = world.chance(5.0);
    if !first {
        stand(&platform);
    }
    if seed % 2 == 1 {
        platform.become_cluster();
    }
    let store = SimStore {
        inner: Arc::new(MemoryStore::new()),
        world: world.clone(),
        full: Arc::default(),
    };
    let plan = if first {
        let (plan, text) = plan::builtin("first").unwrap();
        (plan, text.to_owned())
    } else {
        plans::make_plan(&world)
    };
    world.tell(|| plan.1.clone());
    let born = world.lock().wall;
    let evidence = SimEvidence {
        world: world.clone(),
        platform: platform.clone(),
        temper,
        born,
    };
    let tasks = SimTasks::new(world.clone());
    let ports = Ports {
        store: Arc::new(store.clone()),
        platform: Arc::new(platform.clone()),
        evidence: Arc::new(evidence),
        gates: Arc::new(SimGates(world.clone())),
        tasks: Arc::new(tasks.clone()),
        ids: Arc::new(world.clone()),
        liveness: Arc::new(world.clone()),
    };
    let mut people = People::new(world.clone(), store.clone(), platform.clone(), plan);
    let tempers = ["good", "good", "bad", "bad", "late", "silent", "unreadable"];
    let temper = if first {
        "good"
    } else {
        tempers[world.below(7) as usize]
    };
    while !people.start(temper, false) {}
    let mut programs = Programs {
        ports,
        world: world.clone(),
        drivers: [None, None],
        suspended: [None, None],
        born: 0,
        deaths: 0,
    };
    storm(&world, &platform, &store, &mut people, &mut programs);
    calm(&world, &platform, &store, &mut people, &mut programs, seed);
    let outcome = check::all(
        seed,
        &store,
        &platform,
        &tasks,
        &programs.drivers,
        programs.deaths,
    );
    world.tell(|| format!("{outcome:?}"));
    outcome
}

fn storm(
    world: &World,
    platform: &SimPlatform,
    store: &SimStore,
    people: &mut People,
    programs: &mut Programs,
) {
    let ticks = 20 + world.below(120);
    let mut full_for = 0;
    for _ in 0..ticks {
        let which = usize::from(world.chance(25.0));
        if world.chance(7.0) {
            let n = world.below(25) as u32;
            world.lock().fuse = Some(n);
        } else if world.chance(4.0) {
            let (n, millis) = (world.below(25) as u32, 500 + world.below(9_000));
            world.lock().stall = Some((n, millis));
        }
        let (_, after) = programs.tick(which, platform);
        world.lock().fuse = None;
        world.lock().stall = None;
        if world.chance(4.0) {
            people.do_something();
        }
        weather(world, platform);
        full_for = if full_for > 0 {
            full_for - 1
        } else if world.chance(0.7) {
            5 + world.below(15)
        } else {
            0
        };
        store
            .full
            .store(full_for > 0, std::sync::atomic::Ordering::Relaxed);
        let most = after.as_millis().clamp(20, 2000) as u64;
        world.advance(1 + world.below(most));
        if world.chance(1.5) {
            // The lid is closed for a while.
            world.advance(5_000 + world.below(120_000));
        }
        if world.chance(0.5) {
            let jump = world.below(240_000) as i64 - 120_000;
            world.lock().wall += jump;
        }
    }
}

fn weather(world: &World, platform: &SimPlatform) {
    let boot = world.lock().boot;
    let mut state = platform.state.lock().unwrap();
    let were = PerSlot::new(|slot| state.slots[slot].broken);
    if world.chance(0.7) {
        state.away_until = boot + world.below(8_000);
    }
    for slot in Slot::BOTH {
        if world.chance(0.8) {
            state.slots[slot].broken = true;
        } else if world.chance(20.0) {
            state.slots[slot].broken = false;
        }
    }
    if state.api.is_some() {
        if world.chance(0.5) {
            let weights = Weights::toward(Slot::Green, world.below(101) as u8);
            world.tell(|| format!("another manager leads {weights}"));
            state.somebody_reroutes(boot, weights);
        }
        // What breaks is seen as late as everything else.
        if were != PerSlot::new(|slot| state.slots[slot].broken) {
            state.show_slots(boot);
        }
    }
}

/// No more faults: everything must come to an end, or wait for a person who then decides.
fn calm(
    world: &World,
    platform: &SimPlatform,
    store: &SimStore,
    people: &mut People,
    programs: &mut Programs,
    seed: u64,
) {
    {
        world.lock().stormy = false;
        store
            .full
            .store(false, std::sync::atomic::Ordering::Relaxed);
        let boot = world.lock().boot;
        let mut state = platform.state.lock().unwrap();
        state.away_until = 0;
        for slot in Slot::BOTH {
            let slot = &mut state.slots[slot];
            slot.broken = false;
            if slot.desired > 0 && slot.ready_at.is_none() {
                slot.ready_at = Some(boot);
            }
        }
        if state.api.is_some() {
            state.show_slots(boot);
        }
    }
    people.settle();
    world.tell(|| "--- calm ---".into());
    for round in 0..2000 {
        let (standing, after) = programs.tick(round % 2, platform);
        let (state, _) = replay_if(round, store, platform);
        if let Some(state) = state {
            let settled = state.queued.is_none()
                && state.current.as_ref().is_none_or(|r| r.phase.is_over())
                && state.warm.is_none_or(|w| {
                    let left = w.until.map(|until| until.since(world.now().wall));
                    left.is_some_and(|left| left > Duration::from_secs(60))
                });
            if settled && (standing != Some(Standing::Driving) || round > 1000) {
                return;
            }
            people.settle();
            people.decide_what_is_held();
        }
        world.advance(after.as_millis().clamp(5, 3000) as u64);
    }
    let (state, _) = replay(store, platform);
    panic!(
        "seed {seed}: never settled: {:?}",
        state.current.map(|r| (r.phase, r.stage, r.step))
    );
}

fn replay_if(
    round: usize,
    store: &SimStore,
    platform: &SimPlatform,
) -> (Option<deckwatch_rollout::Rollouts>, ()) {
    if round % 20 < 18 {
        return (None, ());
    }
    (Some(replay(store, platform).0), ())
}
