//! What deserves a word outside the window: something waits for a person, a release was taken
//! back, nobody drives. Each is said once. Pure.

use std::collections::BTreeMap;

use deckwatch_domain::ServiceName;
use deckwatch_rollout::Phase;
use serde::{Deserialize, Serialize};

use crate::bridge::BridgeView;

/// One thing to tell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Notice {
    pub service: Option<ServiceName>,
    pub title: String,
    pub body: String,
}

/// What was true at the last look.
#[derive(Clone, Debug, Default)]
pub struct Noticed {
    begun: bool,
    /// What is open, by what it is about.
    open: BTreeMap<String, Notice>,
}

impl Noticed {
    /// What is new since the last look. The first look tells what waits, not what is past.
    pub fn look(&mut self, view: &BridgeView) -> Vec<Notice> {
        let now = all(view);
        let new = now
            .iter()
            .filter(|(key, _)| !self.open.contains_key(*key))
            .filter(|(key, _)| self.begun || !key.starts_with("ended/"))
            .map(|(_, notice)| notice.clone())
            .collect();
        self.begun = true;
        self.open = now;
        new
    }
}

fn all(view: &BridgeView) -> BTreeMap<String, Notice> {
    let mut all = BTreeMap::new();
    for waiting in &view.waiting {
        let key = format!("waits/{}/{}", waiting.service, waiting.what);
        let notice = Notice {
            service: Some(waiting.service.clone()),
            title: format!("{} waits for you", waiting.service),
            body: waiting.what.clone(),
        };
        all.insert(key, notice);
    }
    for moving in &view.moving {
        if moving.driver.is_none() {
            let notice = Notice {
                service: Some(moving.service.clone()),
                title: format!("nobody drives {}", moving.service),
                body: format!("{} stands at {} %", moving.to, moving.weight),
            };
            all.insert(format!("undriven/{}", moving.service), notice);
        }
        if moving.phase == Phase::RollingBack {
            let notice = Notice {
                service: Some(moving.service.clone()),
                title: format!("{} goes back", moving.service),
                body: moving.standing.clone(),
            };
            all.insert(format!("back/{}/{}", moving.service, moving.to), notice);
        }
    }
    for line in &view.services.rows {
        let Some(change) = &line.last_change else {
            continue;
        };
        if change.what.ends_with(Phase::RolledBack.words()) {
            let notice = Notice {
                service: Some(line.service.clone()),
                title: format!("{} rolled back", line.service),
                body: change.what.clone(),
            };
            all.insert(format!("ended/{}/{}", line.service, change.at), notice);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::{BridgeView, Moving, Page, Verb, Waiting};
    use crate::health::Health;

    fn view() -> BridgeView {
        BridgeView {
            health: Health {
                score: 100,
                critical: false,
                lost: Vec::new(),
            },
            burning: Vec::new(),
            moving: Vec::new(),
            waiting: Vec::new(),
            settled: None,
            services: Page {
                total: 0,
                rows: Vec::new(),
            },
        }
    }

    fn moving(driver: Option<&str>) -> Moving {
        Moving {
            service: ServiceName::new("checkout").unwrap(),
            from: None,
            to: "v2".parse().unwrap(),
            phase: Phase::Progressing,
            weight: 10,
            standing: "bake".into(),
            driver: driver.map(str::to_owned),
        }
    }

    #[test]
    fn each_thing_is_told_once_and_again_when_it_comes_back() {
        let mut noticed = Noticed::default();
        let mut with = view();
        with.waiting.push(Waiting {
            service: ServiceName::new("checkout").unwrap(),
            verb: Verb::Approve,
            what: "v2 at 10 %".into(),
            since: None,
        });
        assert_eq!(noticed.look(&with).len(), 1);
        assert_eq!(noticed.look(&with), []);
        assert_eq!(noticed.look(&view()), []);
        assert_eq!(noticed.look(&with)[0].title, "checkout waits for you");
    }

    #[test]
    fn a_lost_driver_is_told() {
        let mut noticed = Noticed::default();
        let mut driven = view();
        driven.moving.push(moving(Some("host/1/a")));
        assert_eq!(noticed.look(&driven), []);
        let mut lost = view();
        lost.moving.push(moving(None));
        assert_eq!(noticed.look(&lost)[0].title, "nobody drives checkout");
    }
}
