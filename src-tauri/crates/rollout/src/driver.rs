//! One driver of one service's rollouts.
//!
//! A tick reads what others wrote, keeps the lease, looks at the platform, asks the planner and
//! carries out its answer: the intent is written before the platform is touched and the outcome
//! after. It sleeps nowhere and asks no clock, so the simulation runs this very code in virtual
//! time and ends it at any point, as a crash would.
//!
//! What must never happen: a forward effect without a fenced intent; a rollback that waits for the
//! journal; two drivers that both act.

mod act;
mod inputs;
mod lease;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use deckwatch_domain::{Actor, ServiceName, Timestamp};
use deckwatch_journal::{AppendError, Expected, JournalError, NewEvent, Store};
use deckwatch_platform::{Action, Observation, Order, Platform, PlatformError, TakeBackRecord};

use crate::event::{Event, stream};
use crate::judging::Judging;
use crate::plan::OnLost;
use crate::planner::{self, Inputs, Judgement, Next};
use crate::ports::{Evidence, Gates, Ids, Liveness, Now, Tasks};
use crate::state::{Phase, Rollout, Rollouts, Stage};

pub use lease::Held;

/// Everything a driver reaches the world through.
#[derive(Clone)]
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub platform: Arc<dyn Platform>,
    pub evidence: Arc<dyn Evidence>,
    pub gates: Arc<dyn Gates>,
    pub tasks: Arc<dyn Tasks>,
    pub ids: Arc<dyn Ids>,
    pub liveness: Arc<dyn Liveness>,
}

/// Who drives, and how long its lease lasts without a sign of life.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Unique to this process.
    pub holder: String,
    pub actor: Actor,
    pub ttl: Duration,
}

/// What a tick came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Tick {
    pub standing: Standing,
    /// Look again after this, or sooner when something changes.
    pub after: Duration,
    /// What is being waited for, in words.
    pub why: String,
}

/// Whether this driver drives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Driving,
    /// Somebody else drives.
    Following,
    Idle,
}

/// What ends a tick early.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    #[error("{0}")]
    Platform(#[from] PlatformError),
    /// The lease is somebody else's now.
    #[error("another driver has taken over")]
    Fenced,
}

/// A driver. Cheap to make; all it knows it reads from the journal.
pub struct Driver {
    pub(crate) ports: Ports,
    pub(crate) identity: Identity,
    pub(crate) state: Rollouts,
    pub(crate) lease: lease::Keeper,
    judging: Option<Judging>,
    judgement: Option<Judgement>,
    observation: Option<Observation>,
    /// When the way back was last rehearsed, on the clock that never jumps.
    rehearsed: Option<Duration>,
    rehearsal_us: Option<u64>,
    /// A take-back that has been asked of the platform and is not recorded yet.
    pub(crate) taking_back: Option<deckwatch_domain::EventId>,
    /// When the platform was last asked to watch over this driver.
    watched: Option<Duration>,
    /// Tasks that are run again and again.
    watches: tasks::Watches,
    /// Take-backs that moved traffic and that the journal has not taken yet.
    pub(crate) unrecorded: Vec<TakeBackRecord>,
}

const PAGE: usize = 500;
/// Steps in one tick; more are taken in the next, so that one service cannot starve the others.
const MOST_STEPS: usize = 24;

impl Driver {
    pub fn new(service: ServiceName, ports: Ports, identity: Identity) -> Self {
        Driver {
            ports,
            lease: lease::Keeper::new(&service),
            identity,
            state: Rollouts::new(service),
            judging: None,
            judgement: None,
            observation: None,
            rehearsed: None,
            rehearsal_us: None,
            taking_back: None,
            watched: None,
            watches: tasks::Watches::default(),
            unrecorded: Vec::new(),
        }
    }

    pub fn state(&self) -> &Rollouts {
        &self.state
    }

    /// The newest judgement of the current step.
    pub fn judgement(&self) -> Option<&Judgement> {
        self.judgement.as_ref()
    }

    pub fn observation(&self) -> Option<&Observation> {
        self.observation.as_ref()
    }

    pub fn rehearsal_us(&self) -> Option<u64> {
        self.rehearsal_us
    }

    /// Take-backs that the journal has not taken; the host keeps them in the fallback file.
    pub fn unrecorded(&self) -> &[TakeBackRecord] {
        &self.unrecorded
    }

    /// Does what can be done now.
    ///
    /// # Errors
    /// What could not be done; the next tick tries again.
    pub async fn tick(&mut self, now: Now) -> Result<Tick, DriverError> {
        if let Err(error) = self.catch_up().await {
            return self.without_journal(now, error).await;
        }
        if !self.state.wants_driver() {
            self.release().await;
            return Ok(Tick {
                standing: Standing::Idle,
                after: Duration::from_secs(60),
                why: "nothing is under way".into(),
            });
        }
        let observation = self.observe().await?;
        match self.keep_lease(now, observation.traffic.epoch).await {
            Ok(lease::Kept::Ours { lost_driver }) => {
                if lost_driver {
                    self.after_lost_driver(now).await?;
                }
            }
            Ok(lease::Kept::Theirs { why, look_after }) => {
                return Ok(Tick {
                    standing: Standing::Following,
                    after: look_after,
                    why,
                });
            }
            Err(DriverError::Journal(error)) => return self.without_journal(now, error).await,
            Err(error) => return Err(error),
        }
        for _ in 0..MOST_STEPS {
            match self.step(now).await? {
                Some(tick) => return Ok(tick),
                None => continue,
            }
        }
        Ok(self.driving(Duration::from_millis(1), "working"))
    }

    fn driving(&self, after: Duration, why: impl Into<String>) -> Tick {
        Tick {
            standing: Standing::Driving,
            after: after.min(self.identity.ttl / 3),
            why: why.into(),
        }
    }

    /// One question to the planner and its answer carried out; a tick when there is to wait.
    async fn step(&mut self, now: Now) -> Result<Option<Tick>, DriverError> {
        let observation = self.observe().await?;
        if self.absorb(&observation, now).await? {
            return Ok(None);
        }
        self.judge(now).await;
        let baseline = self.baseline(now).await;
        let closed = self.closed_gates(now.wall).await;
        if self.run_again(now).await? {
            return Ok(None);
        }
        let task = self.look_at_task().await;
        let inputs = Inputs {
            observation: &observation,
            judgement: self.judgement.as_ref(),
            baseline: baseline.as_ref(),
            closed: &closed,
            task: task.as_ref(),
            now: now.wall,
        };
        match planner::next(&self.state, &inputs) {
            Next::Idle => {
                self.release().await;
                Ok(Some(Tick {
                    standing: Standing::Idle,
                    after: Duration::from_secs(60),
                    why: "nothing is left to do".into(),
                }))
            }
            Next::Wait { until, why } => {
                self.be_watched(now).await;
                self.rehearse_when_due(now).await?;
                let until = until.map_or(Duration::MAX, |t| t.since(now.wall));
                let after = until.min(self.look_again()).min(self.tasks_look());
                Ok(Some(self.driving(after.max(Duration::from_millis(5)), why)))
            }
            Next::Record(events) => {
                self.append(events, now).await?;
                Ok(None)
            }
            Next::Act { purpose, action } => self.act(purpose, action, now).await,
            Next::Repeat => self.repeat(now).await,
            Next::BeginTask {
                place,
                way,
                attempt,
            } => self.begin_task(place, way, attempt, now).await,
            Next::BeginAgain => self.begin_again().await,
            Next::StopTask => self.stop_task().await,
            Next::TakeBack {
                cause,
                ends_as,
                why,
            } => self.take_back(cause, ends_as, why, now).await,
        }
    }

    /// How soon the judge may want to look again.
    fn look_again(&self) -> Duration {
        let Some(rollout) = &self.state.current else {
            return Duration::from_secs(10);
        };
        match (rollout.phase, rollout.stage) {
            (Phase::RollingBack, _) => Duration::from_millis(20),
            (_, Stage::Capacity | Stage::Traffic) if rollout.is_live() => {
                Duration::from_millis(100)
            }
            _ if rollout.is_live() => rollout.plan.analysis.interval.duration(),
            _ => Duration::from_secs(10),
        }
    }

    /// Takes in what anybody has written since the last look.
    pub async fn catch_up(&mut self) -> Result<(), JournalError> {
        let stream = stream(&self.state.service);
        loop {
            let events = self
                .ports
                .store
                .read_stream(&stream, self.state.version, PAGE)
                .await?;
            let full = events.len() == PAGE;
            for recorded in events {
                self.state.version = recorded.version;
                // A redacted or unknown event changes nothing that a driver decides by.
                if let Some(event) = recorded
                    .payload
                    .as_deref()
                    .and_then(|bytes| serde_json::from_slice::<Event>(bytes).ok())
                {
                    self.state
                        .evolve(&event, &recorded.actor, recorded.occurred_at);
                }
            }
            if !full {
                break;
            }
        }
        self.forget_what_is_recorded();
        Ok(())
    }

    fn forget_what_is_recorded(&mut self) {
        let known = &self.state.take_backs;
        self.unrecorded.retain(|r| !known.contains(&r.event_id));
        if self.taking_back.is_some_and(|id| known.contains(&id)) {
            self.taking_back = None;
        }
        let fits = |judging: &Judging| self.state.current.as_ref().is_some_and(|r| judging.fits(r));
        if !self.judging.as_ref().is_some_and(fits) {
            self.judging = None;
            self.judgement = None;
        }
    }

    pub(crate) async fn observe(&mut self) -> Result<Observation, PlatformError> {
        let service = self.state.service.clone();
        let seen = self.ports.platform.observe(&service).await?;
        self.observation = Some(seen.clone());
        Ok(seen)
    }

    /// Brings take-backs that others made on the platform into the journal.
    async fn absorb(&mut self, seen: &Observation, now: Now) -> Result<bool, DriverError> {
        let unknown: Vec<Event> = seen
            .traffic
            .records
            .iter()
            .filter(|r| !self.state.take_backs.contains(&r.event_id))
            .map(|r| Event::TakenBack { record: r.clone() })
            .collect();
        if unknown.is_empty() {
            return Ok(false);
        }
        self.append(unknown, now).await?;
        Ok(true)
    }

    /// Lets the judge look, where the current step is one to be judged and has traffic.
    async fn judge(&mut self, now: Now) {
        let Some(rollout) = self.state.current.clone() else {
            self.judgement = None;
            return;
        };
        let Some(since) = judged_since(&rollout) else {
            self.judging = None;
            self.judgement = None;
            return;
        };
        let judging = match self.judging.take() {
            Some(judging) if judging.fits(&rollout) => judging,
            _ => Judging::new(&rollout, since),
        };
        let judging = self.judging.insert(judging);
        let evidence = self.ports.evidence.clone();
        self.judgement = Some(judging.look(&rollout, evidence.as_ref(), now.wall).await);
    }

    /// Appends what the engine decided, fenced by the lease, and takes it in.
    pub(crate) async fn append(&mut self, events: Vec<Event>, now: Now) -> Result<(), DriverError> {
        let fence = self.lease.fence(&self.identity);
        let service = self.state.service.clone();
        let new = events
            .iter()
            .map(|event| self.new_event(event, now))
            .collect();
        let answer = self
            .ports
            .store
            .append(
                &stream(&service),
                Expected::Version(self.state.version),
                new,
                fence.as_ref(),
                now.wall,
            )
            .await;
        match answer {
            Ok(_) => Ok(self.catch_up().await?),
            // Somebody wrote first: look again and decide anew.
            Err(AppendError::Conflict { .. }) => Ok(self.catch_up().await?),
            Err(AppendError::Fenced { .. }) => {
                self.lease.lost();
                Err(DriverError::Fenced)
            }
            Err(AppendError::Duplicate { .. }) => Ok(self.catch_up().await?),
            Err(AppendError::Journal(error)) => Err(error.into()),
        }
    }

    pub(crate) fn new_event(&self, event: &Event, now: Now) -> NewEvent {
        let (event_id, actor, occurred_at) = match event {
            Event::TakenBack { record } => (record.event_id, record.actor.clone(), record.at),
            _ => (
                self.ports.ids.event(),
                self.identity.actor.clone(),
                now.wall,
            ),
        };
        NewEvent {
            event_id,
            kind: event.kind().into(),
            payload: event.payload(),
            actor,
            occurred_at,
        }
    }
}

/// From when the current step is judged; none when nothing is to be judged now.
fn judged_since(rollout: &Rollout) -> Option<Timestamp> {
    let watching = matches!(rollout.stage, Stage::Bake | Stage::Gate) && rollout.is_live();
    let judged = rollout.current_step().is_some_and(|s| s.analysis);
    rollout
        .bake_started_at
        .filter(|_| watching && judged && rollout.phase != Phase::RollingBack)
}

impl Driver {
    /// Where the plan says to go back when the driver is lost, the platform is told to do that by
    /// itself if it hears nothing more. Best effort: whoever finds the rollout does it otherwise.
    async fn be_watched(&mut self, now: Now) {
        let Some(rollout) = &self.state.current else {
            return;
        };
        let wanted = rollout.plan.on_driver_lost == OnLost::Rollback
            && rollout.is_live()
            && rollout.claimed
            && rollout.stable.is_some()
            && rollout.back.is_none();
        let every = self.identity.ttl / 3;
        let due = self
            .watched
            .is_none_or(|at| now.boot.saturating_sub(at) >= every);
        if wanted == self.watched.is_some() && !(wanted && due) {
            return;
        }
        let ttl = if wanted {
            self.identity.ttl * 2
        } else {
            Duration::ZERO
        };
        let order = Order {
            intent: self.ports.ids.intent(),
            epoch: self.lease.epoch(),
            rollout: Some(rollout.id),
            action: Action::Watch { ttl: ttl.into() },
        };
        let service = self.state.service.clone();
        let asked = self.ports.platform.apply(&service, &order).await;
        self.watched = (wanted && asked.is_ok()).then_some(now.boot);
    }

    /// Whether the way back of what is under way is to be rehearsed now, and what came of it.
    async fn rehearse_when_due(&mut self, now: Now) -> Result<(), DriverError> {
        let Some(rollout) = &self.state.current else {
            return Ok(());
        };
        let armed = rollout.claimed
            && rollout.stable.is_some()
            && matches!(
                rollout.phase,
                Phase::Progressing | Phase::Paused(_) | Phase::Promoted
            );
        let every = rollout.plan.rehearse_every.duration();
        let due = self
            .rehearsed
            .is_none_or(|at| now.boot.saturating_sub(at) >= every);
        if !armed || !due {
            return Ok(());
        }
        self.rehearsed = Some(now.boot);
        self.rehearse(now).await
    }
}
