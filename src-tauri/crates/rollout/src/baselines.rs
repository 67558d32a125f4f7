//! Kept baselines: what a service was like at a time that somebody found worth remembering, to be
//! held against later. They are facts of a stream of their own, `baselines/<service>`; comparing is
//! pure. (What the judge knows of stable's past is another thing: see [`crate::Baseline`].)

use deckwatch_domain::{Actor, ReleaseVersion, ServiceName, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::command::{Refusal, refuse};
use crate::plan::{NEWEST, Within};

/// Answers below which nothing is said of a service.
pub const ENOUGH: u64 = 100;
/// What stands for the present in a comparison.
pub const NOW: &str = "now";
/// Baselines that one service may have.
const MOST: usize = 200;

/// The stream that keeps this service's baselines.
pub fn stream(service: &ServiceName) -> String {
    format!("baselines/{service}")
}

/// The service whose baselines a stream keeps.
pub fn service_of(stream: &str) -> Option<ServiceName> {
    ServiceName::new(stream.strip_prefix("baselines/")?).ok()
}

/// What one version of a service did in a stretch of time. What was not measured is not there.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Figures {
    pub version: ReleaseVersion,
    pub from: Timestamp,
    pub to: Timestamp,
    /// How much of the stretch was really covered by samples.
    pub covered: Span,
    pub requests: u64,
    /// 5xx, timeouts and refused connections.
    pub errors: u64,
    pub mean_ms: Option<f64>,
    /// Estimates out of the proxy's buckets, as the other quantiles.
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Of an instance: the mean over the stretch.
    pub cpu_cores: Option<f64>,
    pub memory_bytes: Option<f64>,
}

impl Figures {
    /// The share of bad answers; none without answers.
    pub fn error_rate(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.errors as f64 / self.requests as f64)
    }

    /// Why nothing can be said by them; none when something can.
    pub fn too_few(&self) -> Option<String> {
        (self.requests < ENOUGH).then(|| {
            let stretch = Span::from(self.to.since(self.from));
            format!(
                "not enough data: {} answers of {} in {stretch}, and {ENOUGH} are needed",
                self.requests, self.version
            )
        })
    }
}

/// One baseline that is kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct KeptBaseline {
    pub name: String,
    pub figures: Figures,
    pub by: Actor,
    pub at: Timestamp,
}

/// One fact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    Captured { name: String, figures: Figures },
    Removed { name: String },
}

impl Event {
    /// The journal's kind for it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Event::Captured { .. } => "baseline.captured",
            Event::Removed { .. } => "baseline.removed",
        }
    }

    /// One sentence.
    pub fn words(&self) -> String {
        match self {
            Event::Captured { name, figures } => format!(
                "baseline {name} captured of {}: {} answers",
                figures.version, figures.requests
            ),
            Event::Removed { name } => format!("baseline {name} removed"),
        }
    }
}

/// A service's baselines, oldest first.
#[derive(Clone, PartialEq, Debug)]
pub struct Baselines {
    pub service: ServiceName,
    /// The stream's version.
    pub version: u64,
    pub kept: Vec<KeptBaseline>,
}

impl Baselines {
    pub fn new(service: ServiceName) -> Self {
        Baselines {
            service,
            version: 0,
            kept: Vec::new(),
        }
    }

    /// Takes in one fact that `actor` caused at `at`.
    pub fn evolve(&mut self, event: &Event, actor: &Actor, at: Timestamp) {
        match event {
            Event::Captured { name, figures } => self.kept.push(KeptBaseline {
                name: name.clone(),
                figures: figures.clone(),
                by: actor.clone(),
                at,
            }),
            Event::Removed { name } => self.kept.retain(|kept| kept.name != *name),
        }
    }

    /// By its name; `newest` is the one that was captured last.
    ///
    /// # Errors
    /// That there is none, and which there are.
    pub fn find(&self, name: &str) -> Result<&KeptBaseline, Refusal> {
        let named = self.kept.iter().find(|kept| kept.name == name);
        let newest = || self.kept.last().filter(|_| name == NEWEST);
        if let Some(found) = named.or_else(newest) {
            return Ok(found);
        }
        if self.kept.is_empty() {
            return refuse(
                "no-baseline",
                format!("no baseline of {} is kept", self.service),
                "capture one while it is well (baseline capture)",
            );
        }
        let names: Vec<&str> = self.kept.iter().map(|kept| kept.name.as_str()).collect();
        refuse(
            "no-baseline",
            format!("{} has no baseline {name}", self.service),
            format!("there is: {}", names.join(", ")),
        )
    }

    /// Keeps these figures, under a name of their own when none is given.
    ///
    /// # Errors
    /// That they say too little, or that the name cannot be taken.
    pub fn capture(&self, name: Option<&str>, figures: Figures) -> Result<Event, Refusal> {
        if let Some(why) = figures.too_few() {
            let instead = "wait until there has been more traffic, or look at a longer time";
            return refuse("not-enough-data", why, instead);
        }
        if self.kept.len() >= MOST {
            let why = format!("{} has {MOST} baselines", self.service);
            return refuse("too-many-baselines", why, "remove some");
        }
        let taken = |name: &str| self.kept.iter().any(|kept| kept.name == name);
        let name = match name {
            Some(name) => name.to_owned(),
            None => {
                let version = figures.version.as_str();
                let numbered = (2..).map(|n| format!("{version}-{n}"));
                let mut names = std::iter::once(version.to_owned()).chain(numbered);
                names.find(|name| !taken(name)).unwrap_or_default()
            }
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
        if name.is_empty() || name.len() > 140 || !name.chars().all(allowed) {
            return refuse(
                "bad-name",
                format!("`{name}` is no name for a baseline"),
                "use letters, digits, `.`, `-`, `_` and `+`",
            );
        }
        if name == NOW || name == NEWEST {
            return refuse(
                "bad-name",
                format!("`{name}` has a meaning of its own"),
                "choose another",
            );
        }
        if taken(&name) {
            return refuse(
                "baseline-exists",
                format!("{} has a baseline {name} already", self.service),
                "choose another name, or remove that one first",
            );
        }
        Ok(Event::Captured { name, figures })
    }

    /// Forgets one; what was captured stays in the record.
    ///
    /// # Errors
    /// That there is none.
    pub fn remove(&self, name: &str) -> Result<Event, Refusal> {
        let name = self.find(name)?.name.clone();
        Ok(Event::Removed { name })
    }
}

/// One figure of two stretches.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Difference {
    /// `errors`, `mean`, `p50`, `p95`, `p99`, `cpu`, `memory`.
    pub figure: String,
    /// `share`, `ms`, `cores`, `bytes`.
    pub unit: String,
    pub a: Option<f64>,
    pub b: Option<f64>,
    /// From a to b, as a share of a; of shares, the difference itself. None where it has no meaning.
    pub change: Option<f64>,
    /// Of errors: they differ by so little that it could be chance (a z-test at 5 %).
    pub by_chance: bool,
}

/// Every figure of `a` beside `b`'s.
pub fn compare(a: &Figures, b: &Figures) -> Vec<Difference> {
    let one = |figure: &str, unit: &str, of: fn(&Figures) -> Option<f64>| {
        let (a, b) = (of(a), of(b));
        let change = match (a, b) {
            (Some(a), Some(b)) if unit == "share" => Some(b - a),
            (Some(a), Some(b)) if a > 0.0 => Some(b / a - 1.0),
            _ => None,
        };
        Difference {
            figure: figure.to_owned(),
            unit: unit.to_owned(),
            a,
            b,
            change,
            by_chance: false,
        }
    };
    let errors = Difference {
        by_chance: by_chance(a, b),
        ..one("errors", "share", Figures::error_rate)
    };
    vec![
        errors,
        one("mean", "ms", |f| f.mean_ms),
        one("p50", "ms", |f| f.p50_ms),
        one("p95", "ms", |f| f.p95_ms),
        one("p99", "ms", |f| f.p99_ms),
        one("cpu", "cores", |f| f.cpu_cores),
        one("memory", "bytes", |f| f.memory_bytes),
    ]
}

/// Whether the two error rates could well be the same: the z-test of two proportions, at 5 %.
fn by_chance(a: &Figures, b: &Figures) -> bool {
    let (n, m) = (a.requests as f64, b.requests as f64);
    if n == 0.0 || m == 0.0 {
        return false;
    }
    let pooled = (a.errors + b.errors) as f64 / (n + m);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    let apart = (a.errors as f64 / n - b.errors as f64 / m).abs();
    apart > 0.0 && apart <= 1.96 * deviation
}

/// Whether `now` is as far from a baseline as is allowed; answers with what was found.
///
/// # Errors
/// What is further from it, or that there is too little to say.
pub fn holds(baseline: &KeptBaseline, now: &Figures, within: &Within) -> Result<String, String> {
    if let Some(why) = now.too_few() {
        return Err(why);
    }
    let then = &baseline.figures;
    let mut wrong = Vec::new();
    let mut found = Vec::new();
    let times = [
        ("p95", then.p95_ms, now.p95_ms, within.p95),
        ("mean", then.mean_ms, now.mean_ms, within.mean),
    ];
    for (name, then, now, allowed) in times {
        let (Some(then), Some(now)) = (then, now) else {
            wrong.push(format!("{name} was not measured"));
            continue;
        };
        let said = format!("{name} {now:.1} ms, was {then:.1} ms");
        if now > then * (1.0 + allowed) {
            let percent = allowed * 100.0;
            wrong.push(format!("{said}: more than {percent:.0} % above"));
        } else {
            found.push(said);
        }
    }
    let (before, after) = (
        then.error_rate().unwrap_or(0.0),
        now.error_rate().unwrap_or(0.0),
    );
    let said = format!(
        "errors {:.2} %, were {:.2} %",
        after * 100.0,
        before * 100.0
    );
    if after > before + within.errors {
        let allowed = within.errors * 100.0;
        wrong.push(format!("{said}: more than {allowed:.1} points above"));
    } else {
        found.push(said);
    }
    let against = format!("against {}", baseline.name);
    match wrong.is_empty() {
        true => Ok(format!("{against}: {}", found.join(", "))),
        false => Err(format!("{against}: {}", wrong.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(requests: u64, errors: u64, p95: f64) -> Figures {
        Figures {
            version: "v1".parse().unwrap(),
            from: Timestamp::from_millis(0),
            to: Timestamp::from_millis(60_000),
            covered: Span::from_secs(60),
            requests,
            errors,
            mean_ms: Some(p95 / 2.0),
            p50_ms: Some(p95 / 2.0),
            p95_ms: Some(p95),
            p99_ms: Some(p95 * 2.0),
            cpu_cores: None,
            memory_bytes: Some(1e6),
        }
    }

    fn kept(all: &[(&str, Figures)]) -> Baselines {
        let mut state = Baselines::new("shop".parse().unwrap());
        for (name, figures) in all {
            let event = state.capture(Some(name), figures.clone()).unwrap();
            let bytes = serde_json::to_vec(&event).unwrap();
            let event = serde_json::from_slice(&bytes).unwrap();
            state.evolve(
                &event,
                &Actor::person("ana", "desk"),
                Timestamp::from_millis(1),
            );
        }
        state
    }

    #[test]
    fn a_name_is_taken_once_and_too_little_is_not_kept() {
        let state = kept(&[
            ("v1", figures(1000, 1, 10.0)),
            ("good", figures(1000, 2, 10.0)),
        ]);
        let code = |name, f| state.capture(name, f).err().map(|r| r.code);
        assert_eq!(
            code(Some("good"), figures(1000, 0, 1.0)),
            Some("baseline-exists".into())
        );
        assert_eq!(
            code(Some("now"), figures(1000, 0, 1.0)),
            Some("bad-name".into())
        );
        assert_eq!(
            code(Some("a b"), figures(1000, 0, 1.0)),
            Some("bad-name".into())
        );
        assert_eq!(
            code(None, figures(99, 0, 1.0)),
            Some("not-enough-data".into())
        );
        let unnamed = state.capture(None, figures(1000, 0, 1.0)).unwrap();
        assert!(matches!(unnamed, Event::Captured { name, .. } if name == "v1-2"));
        assert_eq!(state.find("newest").unwrap().name, "good");
        assert!(state.find("bad").unwrap_err().instead.contains("v1, good"));
        let mut after = state.clone();
        after.evolve(
            &state.remove("newest").unwrap(),
            &Actor::person("a", "b"),
            Timestamp::EPOCH,
        );
        assert_eq!(after.find("newest").unwrap().name, "v1");
        assert!(after.remove("good").is_err());
        assert!(
            kept(&[])
                .find("newest")
                .unwrap_err()
                .why
                .contains("no baseline")
        );
    }

    #[test]
    fn what_differs_and_by_how_much() {
        let all = compare(&figures(1000, 10, 10.0), &figures(2000, 60, 15.0));
        let of = |name: &str| all.iter().find(|d| d.figure == name).unwrap();
        assert!((of("errors").change.unwrap() - 0.02).abs() < 1e-9);
        assert!(!of("errors").by_chance);
        assert!((of("p95").change.unwrap() - 0.5).abs() < 1e-9);
        assert_eq!(of("memory").change, Some(0.0));
        assert_eq!((of("cpu").a, of("cpu").change), (None, None));
        let alike = compare(&figures(1000, 10, 1.0), &figures(1000, 14, 1.0));
        assert!(alike[0].by_chance);
        for (a, b) in [((0, 0), (1000, 14)), ((1000, 5), (1000, 5))] {
            let all = compare(&figures(a.0, a.1, 1.0), &figures(b.0, b.1, 1.0));
            assert!(!all[0].by_chance, "there is no difference to explain");
        }
    }

    #[test]
    fn held_against_a_baseline() {
        let within = |errors| Within {
            name: "v1".into(),
            over: Span::from_secs(60),
            p95: 0.2,
            mean: 0.2,
            errors,
        };
        let state = kept(&[("v1", figures(1000, 10, 10.0))]);
        let baseline = state.find("v1").unwrap();
        let table = [
            (figures(1000, 10, 12.0), Ok("p95 12.0 ms, was 10.0 ms")),
            (figures(1000, 10, 12.1), Err("p95 12.1 ms")),
            (figures(1000, 20, 10.0), Ok("errors 2.00 %, were 1.00 %")),
            (figures(1000, 21, 10.0), Err("errors 2.10 %")),
            (
                figures(50, 0, 1.0),
                Err("not enough data: 50 answers of v1 in 1m"),
            ),
        ];
        for (now, wanted) in table {
            match (holds(baseline, &now, &within(0.01)), wanted) {
                (Ok(said), Ok(part)) | (Err(said), Err(part)) => {
                    assert!(said.contains(part), "{said}");
                }
                (found, _) => panic!("{found:?}"),
            }
        }
        let mut unmeasured = figures(1000, 10, 10.0);
        unmeasured.p95_ms = None;
        assert!(holds(baseline, &unmeasured, &within(0.01)).is_err());
    }
}
