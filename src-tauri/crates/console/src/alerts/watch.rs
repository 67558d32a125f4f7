//! Evaluates rules and objectives for as long as this process is on duty: every group at its
//! moments, and afterwards those that were missed.
//!
//! The order of what follows an evaluation is what makes a crash harmless: facts into the journal,
//! samples into the store, the books last. Whoever goes on from older books does all of it again,
//! with the same outcome under the same names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deckwatch_alerting::eval::{ALERT_NAME, Evaluation};
use deckwatch_alerting::replay::{Plan, Planning, plan};
use deckwatch_alerting::rules::{Group, INTERVAL_MS};
use deckwatch_alerting::template::{Expander, Scene};
use deckwatch_domain::{Digest, Timestamp};
use deckwatch_promql::Matcher;
use deckwatch_promql::labels::METRIC_NAME;
use deckwatch_signals::Retention;
use deckwatch_signals::pool::Duty;
use deckwatch_signals::source::SampleSource as Fetches;
use tokio::runtime::Handle;

use super::books::{AlertBook, Books, GroupBook, Stands, key};
use super::facts::{self, Fact};
use super::files::{self, Followed};
use super::objectives;
use super::round::{Lazy, Rounds, Stretch, ended};
use crate::console::Console;
use crate::identity::Host;
use crate::metrics::{Source, source};

/// How often it is looked whether anything is due.
const LOOK: Duration = Duration::from_millis(500);
/// How often the files are looked at.
const FILES: Duration = Duration::from_secs(2);
/// Others believe the books for longer than this.
const SIGN: Duration = Duration::from_secs(5);
/// What failed is not tried again for so long.
const REST: Duration = Duration::from_secs(5);
/// What may fail besides groups; no group is called so, as their keys have a slash.
const OBJECTIVES: &str = "objectives";
const JOURNAL: &str = "journal";
/// Moments of one stretch.
const MOST: usize = 240;
/// An evaluation that is not later than this is in time.
const GRACE_MS: i64 = 30_000;
/// What the samples of rules are written as.
const JOB: &str = "deckwatch-rules";

/// Evaluates while on duty; ends when it is dropped.
pub(crate) async fn watch(console: Arc<Console>, duty: Arc<Duty>) {
    let mut watch: Option<Watch> = None;
    loop {
        match (duty.is_mine(), &mut watch) {
            // Another process goes on from the books.
            (false, _) => watch = None,
            (true, Some(watch)) => watch.turn().await,
            (true, None) => match Watch::begin(&console, &duty).await {
                Ok(begun) => watch = Some(begun),
                Err(why) => tracing::warn!(why, "rules are not evaluated"),
            },
        }
        tokio::time::sleep(LOOK).await;
    }
}

struct Watch {
    console: Arc<Console>,
    duty: Arc<Duty>,
    books: Books,
    followed: Followed,
    looked: Option<Instant>,
    written: Option<Instant>,
    /// Groups as they are evaluated, by [`key`].
    live: BTreeMap<String, Evaluation>,
    expander: Arc<Expander>,
    /// What did not succeed, when it was last tried, and why: groups by their key.
    failing: BTreeMap<String, (Instant, String)>,
    /// Since when groups are known that were never evaluated.
    seen: BTreeMap<String, Timestamp>,
    /// Somebody evaluated here whose books are lost.
    lost: bool,
}

impl Watch {
    async fn begin(console: &Arc<Console>, duty: &Arc<Duty>) -> Result<Watch, String> {
        let books = Books::read(&console.folder.alerts_status()).map_err(|p| p.message)?;
        let own = console.samples().await.map_err(|p| p.message)?;
        let pending = Matcher::equal(METRIC_NAME, "ALERTS_FOR_STATE");
        let pending = own.series(&[pending]).await.map_err(|e| e.to_string())?;
        Ok(Watch {
            console: console.clone(),
            duty: duty.clone(),
            failing: BTreeMap::new(),
            seen: BTreeMap::new(),
            lost: books.at.is_none() && !pending.is_empty(),
            books,
            followed: Followed::default(),
            looked: None,
            written: None,
            live: BTreeMap::new(),
            expander: Arc::new(Expander::new(Scene::default())),
        })
    }

    async fn turn(&mut self) {
        let mut news = false;
        if self.looked.is_none_or(|at| at.elapsed() >= FILES) {
            self.looked = Some(Instant::now());
            if self.followed.take(files::found(&self.console)) {
                self.follow().await;
                news = true;
            }
        }
        news |= self.tell_rest().await;
        for (file, group, plan) in self.due() {
            news |= self.evaluate(&file, group, &plan).await;
        }
        news |= self.objectives().await;
        if news || self.written.is_none_or(|at| at.elapsed() >= SIGN) {
            self.write();
        }
    }

    fn now(&self) -> Timestamp {
        self.console.clock.now().wall
    }

    /// The files read otherwise than before.
    async fn follow(&mut self) {
        let now: Vec<String> = self
            .followed
            .groups()
            .map(|(file, group)| key(file, &group.name))
            .collect();
        let gone: Vec<String> = self
            .books
            .groups
            .keys()
            .filter(|key| !now.contains(key))
            .cloned()
            .collect();
        self.failing
            .retain(|what, _| !what.contains('/') || now.contains(what));
        for key in gone {
            self.live.remove(&key);
            let Some(book) = self.books.groups.remove(&key) else {
                continue;
            };
            let samples = ended(&book);
            if !samples.is_empty()
                && let Err(error) = self.duty.append(JOB, self.now(), &samples).await
            {
                tracing::warn!(%error, key, "the end of a group's series is not recorded");
            }
            let over = orphaned(&key, &book, &GroupBook::default(), &[], self.now());
            self.tell(over).await;
        }
    }

    /// The group as it is evaluated from now on: what was kept, with the rules as they read now.
    fn taken(&mut self, key: &str, group: Group) -> Evaluation {
        match (self.live.remove(key), self.books.groups.get(key)) {
            (Some(kept), _) if *kept.group() == group => kept,
            (Some(kept), _) => kept.reloaded(group),
            (None, Some(book)) => {
                let remembered = book.remembered(&group);
                Evaluation::remembering(group, remembered)
            }
            // What was pending is found again in what was recorded of it.
            (None, None) if self.lost => Evaluation::resuming(group),
            (None, None) => Evaluation::new(group),
        }
    }

    /// The groups that have something to evaluate now, and at which moments.
    fn due(&mut self) -> Vec<(String, Group, Plan)> {
        let now = self.now();
        let mut due = Vec::new();
        for (file, group) in self.followed.groups() {
            let key = key(file, &group.name);
            if rests(&self.failing, &key) {
                continue;
            }
            let last = self.books.groups.get(&key).and_then(|b| b.evaluated_at);
            // One that is new begins with its next moment: what it is about may have begun with it.
            let last = last.unwrap_or_else(|| *self.seen.entry(key.clone()).or_insert(now));
            let planning = planning(&key, interval(group));
            let plan = plan(Some(last.as_millis()), now.as_millis(), &planning);
            if !plan.due.is_empty() {
                due.push((file.to_owned(), group.clone(), plan));
            }
        }
        due
    }

    async fn evaluate(&mut self, file: &str, group: Group, plan: &Plan) -> bool {
        let key = key(file, &group.name);
        let interval_ms = interval(&group);
        let evaluation = self.taken(&key, group);
        match self.stretch(file, &key, evaluation, plan).await {
            Ok(rounds) => {
                self.failing.remove(&key);
                self.keep(file, &key, interval_ms, plan, rounds).await;
            }
            Err(why) => {
                let why = format!("{key} cannot be evaluated now: {why}");
                self.failed(&key, why);
            }
        }
        true
    }

    async fn stretch(
        &mut self,
        file: &str,
        key: &str,
        evaluation: Evaluation,
        plan: &Plan,
    ) -> Result<(Rounds, Duration), String> {
        let began = Instant::now();
        let sources = match self.sources().await {
            Ok(sources) => sources,
            Err(why) => {
                self.live.insert(key.to_owned(), evaluation);
                return Err(why);
            }
        };
        let first = plan.due.first().map_or(0, |due| due.at_ms);
        let last = plan.due.last().map_or(0, |due| due.at_ms);
        let late = self.books.groups.get(key).map(GroupBook::late);
        let stretch = Stretch {
            file: file.to_owned(),
            evaluation,
            due: plan.due.clone(),
            late: late.unwrap_or_default(),
            expander: self.expander.clone(),
        };
        let runtime = Handle::current();
        let rounds = tokio::task::spawn_blocking(move || {
            let lazy = Lazy::new(runtime, sources, last - first);
            let rounds = stretch.run(&lazy);
            // Without its samples a moment is not evaluated but missed: it is made up for later.
            match lazy.failure() {
                Some(why) => Err(why),
                None => Ok(rounds),
            }
        });
        let rounds = rounds.await.map_err(|error| error.to_string())?;
        Ok((rounds?, began.elapsed()))
    }

    /// Whoever has the samples: the environment's Prometheus, and always our own, where what rules
    /// record is.
    async fn sources(&self) -> Result<Vec<Arc<dyn Fetches>>, String> {
        let own = self.console.samples().await.map_err(|p| p.message)?;
        let there = source(&self.console, None, None).await;
        Ok(match there.map_err(|p| p.message)? {
            Source::Own(_) => vec![own],
            Source::Prometheus { client, .. } => vec![Arc::new(client), own],
        })
    }

    async fn keep(
        &mut self,
        file: &str,
        key: &str,
        interval_ms: i64,
        plan: &Plan,
        (rounds, took): (Rounds, Duration),
    ) {
        let millis = Timestamp::from_millis;
        let before = self.books.groups.get(key).cloned().unwrap_or_default();
        let lost = plan.lost.map(|(from, to)| (millis(from), millis(to)));
        let book = GroupBook {
            file: file.to_owned(),
            name: rounds.evaluation.group().name.clone(),
            interval_ms,
            evaluated_at: plan.due.last().map(|due| millis(due.at_ms)),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            moments: plan.due.len(),
            behind: plan.more,
            lost: lost.or(before.lost),
            rules: rounds.rules,
        };
        let at = book.evaluated_at.unwrap_or_else(|| self.now());
        let mut facts = orphaned(key, &before, &book, &rounds.facts, at);
        facts.extend(rounds.facts);
        self.tell(facts).await;
        for (at, samples) in &rounds.writes {
            if let Err(error) = self.duty.append(JOB, *at, samples).await {
                self.failed(key, format!("what {key} records is not kept: {error}"));
                break;
            }
        }
        self.books.groups.insert(key.to_owned(), book);
        self.live.insert(key.to_owned(), rounds.evaluation);
    }

    async fn objectives(&mut self) -> bool {
        if rests(&self.failing, OBJECTIVES) {
            return false;
        }
        let decided = objectives::decide(&self.console, &mut self.books).await;
        match decided {
            Ok(None) => false,
            Ok(Some(facts)) => {
                self.failing.remove(OBJECTIVES);
                self.tell(facts).await;
                true
            }
            Err(why) => {
                let why = format!("objectives cannot be decided now: {why}");
                self.failed(OBJECTIVES, why);
                true
            }
        }
    }

    /// What the journal does not take now it takes later.
    async fn tell(&mut self, facts: Vec<Fact>) {
        self.books.untold.extend(facts);
        self.tell_rest().await;
    }

    async fn tell_rest(&mut self) -> bool {
        if self.books.untold.is_empty() || rests(&self.failing, JOURNAL) {
            return false;
        }
        match facts::tell(&self.console, &self.books.untold).await {
            Ok(()) => {
                self.books.untold.clear();
                self.failing.remove(JOURNAL);
                true
            }
            Err(problem) => {
                let count = self.books.untold.len();
                let why = format!("{count} alerts are not in the journal yet: {problem}");
                self.failed(JOURNAL, why);
                false
            }
        }
    }

    /// It is tried again after a while, and told until it succeeds.
    fn failed(&mut self, what: &str, why: String) {
        let now = (Instant::now(), why);
        let before = self.failing.insert(what.to_owned(), now.clone());
        if before.is_none_or(|(_, before)| before != now.1) {
            tracing::warn!("{}", now.1);
        }
    }

    fn write(&mut self) {
        self.books.trouble = self.followed.trouble();
        let failing = self.failing.values().map(|(_, why)| why.clone());
        self.books.trouble.extend(failing);
        self.books.at = Some(self.now());
        self.books.by = Host::this().0;
        if let Err(error) = self.books.write(&self.console.folder.alerts_status()) {
            tracing::warn!(%error, "what is known of alerts cannot be told");
        }
        self.written = Some(Instant::now());
    }
}

/// It failed a moment ago, and whoever did not answer is left in peace.
fn rests(failing: &BTreeMap<String, (Instant, String)>, what: &str) -> bool {
    failing.get(what).is_some_and(|(at, _)| at.elapsed() < REST)
}

/// Alerts that fired by rules that are no more, and of which nobody else has said that they are
/// over.
fn orphaned(
    key: &str,
    before: &GroupBook,
    now: &GroupBook,
    told: &[Fact],
    at: Timestamp,
) -> Vec<Fact> {
    let alerts = |book: &GroupBook| -> Vec<AlertBook> {
        let rules = book.rules.iter();
        rules.flat_map(|rule| rule.alerts.clone()).collect()
    };
    let there = alerts(now);
    let fired = alerts(before)
        .into_iter()
        .filter(|alert| alert.stands == Stands::Firing);
    let gone = fired.filter(|alert| {
        !there.iter().any(|a| a.id == alert.id) && !told.iter().any(|fact| fact.alert == alert.id)
    });
    let label = |alert: &AlertBook, name: &str| alert.labels.get(name).cloned().unwrap_or_default();
    gone.map(|alert| {
        let name = label(&alert, ALERT_NAME);
        Fact {
            fires: false,
            words: format!("{name} is over: its rule is no more."),
            name,
            from: key.to_owned(),
            severity: label(&alert, "severity"),
            service: label(&alert, "service"),
            alert: alert.id,
            labels: alert.labels,
            annotations: alert.annotations,
            value: alert.value,
            at,
            late: false,
        }
    })
    .collect()
}

fn interval(group: &Group) -> i64 {
    let own = group.interval_ms.filter(|ms| *ms > 0);
    own.unwrap_or(INTERVAL_MS)
}

fn planning(key: &str, interval_ms: i64) -> Planning {
    let reach = Retention::default().age.as_millis();
    Planning {
        interval_ms,
        offset_ms: offset(key, interval_ms),
        reach_ms: i64::try_from(reach).unwrap_or(i64::MAX),
        grace_ms: GRACE_MS,
        most: MOST,
    }
}

/// A group's own place within its interval, so that not all are evaluated at once.
fn offset(key: &str, interval_ms: i64) -> i64 {
    let mut half = [0; 8];
    half.copy_from_slice(&Digest::of(key.as_bytes()).as_bytes()[..8]);
    (u64::from_be_bytes(half) % interval_ms.unsigned_abs().max(1)) as i64
}
