//! How well it goes, as one number that says what it lost and to what. Pure.

use std::time::Duration;

use deckwatch_domain::{ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

/// How a service stands, worst first. Each has a shape and a word as well as a colour.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    Bad,
    Warn,
    Moving,
    NoData,
    Good,
}

/// 100 less what was lost. Below 50 it is critical.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Health {
    pub score: u8,
    pub critical: bool,
    /// The heaviest first.
    pub lost: Vec<Loss>,
}

/// Points lost, and to what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Loss {
    pub points: u8,
    /// None when it is not one service's doing.
    pub service: Option<ServiceName>,
    pub why: String,
}

/// The share of bad answers that the availability objective of 99.95 % allows.
pub const ALLOWED: f64 = 0.0005;
/// From this share on, and the points it costs. The highest that fits counts.
const ERRORS: [(f64, u8); 4] = [(0.10, 40), (0.02, 20), (0.005, 8), (ALLOWED, 2)];
const WARN: f64 = 0.005;
const BAD: f64 = 0.02;
/// Figures older than this are stale.
const STALE: Duration = Duration::from_secs(10);

/// What is known of one service.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Standing {
    /// The platform answered for it.
    pub seen: bool,
    /// A release is stable.
    pub serves: bool,
    pub ready: u32,
    pub desired: u32,
    pub errors: Option<f64>,
    pub rate: Option<f64>,
    pub moving: bool,
}

impl Standing {
    /// Nothing can answer though something should.
    fn is_down(&self) -> bool {
        self.seen && self.serves && self.ready == 0
    }

    /// What its users feel, if they feel something.
    pub fn hurts(&self) -> Option<String> {
        if self.is_down() {
            return Some("no instance is ready".into());
        }
        let errors = self.errors.filter(|e| *e >= WARN)?;
        Some(format!(
            "errors {} %, {}× what 99.95 % allows",
            short(errors * 100.0),
            short(errors / ALLOWED)
        ))
    }

    pub fn mark(&self) -> (Mark, Option<String>) {
        if !self.seen {
            return (Mark::NoData, Some("the node does not answer".into()));
        }
        let errors = self.errors.unwrap_or(0.0);
        if self.is_down() || errors >= BAD {
            return (Mark::Bad, self.hurts());
        }
        if errors >= WARN {
            return (Mark::Warn, self.hurts());
        }
        if self.serves && self.ready < self.desired {
            let why = format!("{} of {} instances ready", self.ready, self.desired);
            return (Mark::Warn, Some(why));
        }
        if self.moving {
            return (Mark::Moving, None);
        }
        if !self.serves {
            return (Mark::NoData, Some("no release yet".into()));
        }
        match self.rate {
            Some(rate) if rate > 0.0 => (Mark::Good, None),
            Some(_) => (Mark::NoData, Some("no traffic".into())),
            None => (Mark::NoData, Some("no figures".into())),
        }
    }

    fn loss(&self) -> Option<(u8, String)> {
        if self.is_down() {
            return Some((50, "no instance is ready".into()));
        }
        let errors = self.errors.unwrap_or(0.0);
        if let Some((_, points)) = ERRORS.iter().find(|(from, _)| errors >= *from) {
            return Some((*points, format!("errors {} %", short(errors * 100.0))));
        }
        (self.seen && self.serves && self.ready < self.desired).then(|| {
            let missing = f64::from(self.desired - self.ready) / f64::from(self.desired);
            let points = (10.0 * missing).ceil() as u8;
            (
                points,
                format!("{} of {} instances", self.ready, self.desired),
            )
        })
    }
}

/// Two digits that mean something: 0.0512 is 0.051, 4.16 is 4.2, 83.2 is 83.
fn short(value: f64) -> String {
    match value {
        v if v >= 10.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v if v >= 0.1 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

/// What is around the services.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Around {
    /// What is wrong with the platform as a whole, in words.
    pub node: Option<String>,
    /// Why the journal cannot be used.
    pub journal: Option<String>,
    /// Services whose rollout nobody drives.
    pub undriven: Vec<String>,
    /// Somebody is there who takes these over as soon as their last driver's lease ends.
    pub stands_ready: bool,
    /// None when nothing was ever measured.
    pub figures_age: Option<Duration>,
}

/// The whole score.
pub fn health(services: &[(&ServiceName, &Standing)], around: &Around) -> Health {
    let mut lost = Vec::new();
    let mut lose = |points, why: String| {
        lost.push(Loss {
            points,
            service: None,
            why,
        });
    };
    if let Some(why) = &around.node {
        lose(100, why.clone());
    }
    if let Some(why) = &around.journal {
        lose(20, format!("the journal cannot be used: {why}"));
    }
    if !around.undriven.is_empty() {
        let who = around.undriven.join(", ");
        match around.stands_ready {
            true => lose(
                5,
                format!("the rollout of {who} is taken over once its last driver's lease ends"),
            ),
            false => lose(15, format!("nobody drives the rollout of {who}")),
        }
    }
    if let Some(age) = around.figures_age.filter(|age| *age > STALE) {
        lose(10, format!("figures are {} s old", age.as_secs()));
    }
    for (service, standing) in services {
        if let Some((points, why)) = standing.loss() {
            let service = Some((*service).clone());
            lost.push(Loss {
                points,
                service,
                why,
            });
        }
    }
    lost.sort_by_key(|loss| std::cmp::Reverse(loss.points));
    let sum: u32 = lost.iter().map(|loss| u32::from(loss.points)).sum();
    let score = 100 - u8::try_from(sum.min(100)).unwrap_or(100);
    lost.truncate(20);
    Health {
        score,
        critical: score < 50,
        lost,
    }
}

/// Since when the errors have been where they hurt, by the minutes of a sparkline.
pub fn since(errors: &[Option<f64>], now: Timestamp) -> Option<Timestamp> {
    let minutes = errors
        .iter()
        .rev()
        .take_while(|e| e.is_some_and(|e| e >= WARN))
        .count();
    (minutes > 0).then(|| now.minus(Duration::from_secs(60 * minutes as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Standing {
        Standing {
            seen: true,
            serves: true,
            ready: 3,
            desired: 3,
            errors: Some(0.0),
            rate: Some(100.0),
            moving: false,
        }
    }

    fn of(standing: &Standing) -> Health {
        let name = ServiceName::new("checkout").unwrap();
        health(&[(&name, standing)], &Around::default())
    }

    #[test]
    fn a_good_day_is_a_hundred() {
        assert_eq!(of(&good()).score, 100);
        assert_eq!(good().mark(), (Mark::Good, None));
        assert_eq!(health(&[], &Around::default()).score, 100);
    }

    #[test]
    fn what_is_lost_is_said_and_the_worst_comes_first() {
        let a = ServiceName::new("a").unwrap();
        let b = ServiceName::new("b").unwrap();
        let erring = Standing {
            errors: Some(0.041),
            ..good()
        };
        let thin = Standing { ready: 2, ..good() };
        let found = health(&[(&a, &thin), (&b, &erring)], &Around::default());
        assert_eq!(found.score, 100 - 20 - 4);
        assert_eq!(found.lost[0].service, Some(b));
        assert_eq!(found.lost[0].why, "errors 4.1 %");
        assert_eq!(found.lost[1].why, "2 of 3 instances");
        assert_eq!(
            erring.hurts().unwrap(),
            "errors 4.1 %, 82× what 99.95 % allows"
        );
        assert_eq!(erring.mark().0, Mark::Bad);
        assert_eq!(thin.mark().0, Mark::Warn);
    }

    #[test]
    fn a_service_that_is_down_halves_it_and_two_are_critical() {
        let down = Standing {
            ready: 0,
            errors: None,
            rate: None,
            ..good()
        };
        assert_eq!(of(&down).score, 50);
        assert!(!of(&down).critical);
        let (a, b) = (
            ServiceName::new("a").unwrap(),
            ServiceName::new("b").unwrap(),
        );
        let both = health(&[(&a, &down), (&b, &down)], &Around::default());
        assert_eq!((both.score, both.critical), (0, true));
    }

    #[test]
    fn what_is_not_known_is_not_good() {
        let unseen = Standing::default();
        assert_eq!(unseen.mark().0, Mark::NoData);
        let quiet = Standing {
            rate: Some(0.0),
            errors: None,
            ..good()
        };
        assert_eq!(quiet.mark(), (Mark::NoData, Some("no traffic".into())));
        let blind = Standing {
            rate: None,
            errors: None,
            ..good()
        };
        assert_eq!(blind.mark().0, Mark::NoData);
        let around = Around {
            node: Some("nobody listens".into()),
            figures_age: Some(Duration::from_secs(60)),
            ..Around::default()
        };
        let found = health(&[], &around);
        assert_eq!((found.score, found.lost.len()), (0, 2));
    }

    #[test]
    fn the_start_of_a_fire_is_read_from_its_line() {
        let now = Timestamp::from_millis(600_000);
        let line = [Some(0.2), Some(0.0), None, Some(0.01), Some(0.3)];
        assert_eq!(since(&line, now), Some(Timestamp::from_millis(480_000)));
        assert_eq!(since(&[Some(0.0)], now), None);
        assert_eq!(since(&[], now), None);
    }
}
