//! What single strategies add to a plan: batches, people, days.

use deckwatch_domain::Timestamp;
use deckwatch_platform::{Audience, AudienceBy, share};
use serde::{Deserialize, Serialize};

use super::model::{Plan, Step, Strategy};

/// Batches of a rolling release; more would make a plan that nobody can read.
pub const MOST_BATCHES: u32 = 50;
const DAY: i64 = 86_400_000;

/// How a rolling release replaces instances.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Batches {
    pub size: BatchSize,
    /// New instances stand before old ones leave, so that capacity never falls below what it was.
    /// Without, old ones leave first, and no more instances run than before.
    pub surge: bool,
}

/// Instances at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchSize {
    Count(u32),
    /// Of all instances, rounded up.
    Percent(u8),
}

impl BatchSize {
    pub fn words(self) -> String {
        match self {
            BatchSize::Count(1) => "one instance at a time".into(),
            BatchSize::Count(n) => format!("{n} instances at a time"),
            BatchSize::Percent(p) => format!("{p} % of the instances at a time"),
        }
    }

    /// Of so many instances, at least one and at most all.
    pub fn of(self, instances: u32) -> u32 {
        let size = match self {
            BatchSize::Count(n) => n,
            BatchSize::Percent(p) => {
                let part = (u64::from(instances) * u64::from(p)).div_ceil(100);
                u32::try_from(part).unwrap_or(u32::MAX)
            }
        };
        size.clamp(1, instances.max(1))
    }
}

/// Who gets the candidate before everybody does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AudiencePlan {
    pub flag: String,
    pub by: AudienceBy,
    /// Led to the candidate from the first step on, by name.
    pub listed: Vec<String>,
    /// How many people there are, for showing a share as a number of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u64>,
}

impl Batches {
    pub fn words(&self) -> String {
        let order = match self.surge {
            true => "new ones before old ones leave",
            false => "old ones leave first",
        };
        format!("{}, {order}", self.size.words())
    }
}

impl AudiencePlan {
    /// The audience of a step that gives the candidate to `percent` of the people.
    pub fn at(&self, percent: u8) -> Audience {
        Audience {
            flag: self.flag.clone(),
            by: self.by.clone(),
            listed: self.listed.clone(),
            share: u16::from(percent.min(100)) * 100,
            // The same people at every step, and others for another flag.
            salt: self.flag.clone(),
        }
    }
}

/// The earliest moment of a step, reckoned from the rollout's start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Day {
    /// 1 is the day on which the rollout begins.
    pub day: u32,
    /// Minutes after midnight UTC of that day; none: the time of day at which it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u16>,
}

impl Day {
    /// When it comes, for a rollout that began at `began`.
    pub fn after(self, began: Timestamp) -> Timestamp {
        let days = i64::from(self.day.saturating_sub(1)).saturating_mul(DAY);
        let began = began.as_millis();
        let from = match self.at {
            Some(minute) => began
                .saturating_sub(began.rem_euclid(DAY))
                .saturating_add(i64::from(minute) * 60_000),
            None => began,
        };
        Timestamp::from_millis(from.saturating_add(days))
    }
}

impl Plan {
    /// The plan for a service of so many instances: of rolling, with one step for each batch.
    ///
    /// # Errors
    /// Why there cannot be such batches, in words.
    pub fn for_instances(&self, instances: u32) -> Result<Plan, String> {
        let (Strategy::Rolling, Some(batches), Some(each)) =
            (self.strategy, self.batches, self.steps.first())
        else {
            return Ok(self.clone());
        };
        let instances = instances.max(1);
        let size = batches.size.of(instances);
        let count = instances.div_ceil(size);
        if count > MOST_BATCHES {
            return Err(format!(
                "{instances} instances, {}: that are {count} batches, and a plan has at most \
                 {MOST_BATCHES}; write a larger batch",
                batches.size.words()
            ));
        }
        let step = |batch: u32| {
            let up = batch.saturating_mul(size).min(instances);
            Step {
                weight: share(up, instances),
                instances: Some(up),
                ..each.clone()
            }
        };
        let mut plan = self.clone();
        plan.steps = (1..=count).map(step).collect();
        Ok(plan)
    }

    /// Of rolling: how many of stable's `instances` stay for the step `index`, once `serving` of
    /// the candidate have their share of the traffic. At least one stays until the release is
    /// promoted: the way back leads there.
    pub fn stable_instances(&self, index: usize, instances: u32, serving: u32) -> Option<u32> {
        let batches = self
            .batches
            .filter(|_| self.strategy == Strategy::Rolling)?;
        let planned = self.steps.get(index)?.instances?;
        let replaced = match batches.surge {
            true => serving,
            // Also where steps are skipped, no more leave at once than a batch.
            false => planned.min(serving.saturating_add(batches.size.of(instances))),
        };
        Some(instances.saturating_sub(replaced).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::builtin;

    fn rolling(size: BatchSize, surge: bool) -> Plan {
        let (mut plan, _) = builtin("rolling").unwrap();
        plan.batches = Some(Batches { size, surge });
        plan
    }

    fn batches(plan: &Plan, instances: u32) -> Vec<(u32, u8)> {
        let plan = plan.for_instances(instances).unwrap();
        plan.steps
            .iter()
            .map(|s| (s.instances.unwrap(), s.weight))
            .collect()
    }

    #[test]
    fn batches_replace_every_instance_and_carry_their_share() {
        let one = rolling(BatchSize::Count(1), true);
        assert_eq!(batches(&one, 3), [(1, 33), (2, 67), (3, 100)]);
        assert_eq!(batches(&one, 1), [(1, 100)]);
        let three = rolling(BatchSize::Count(3), true);
        assert_eq!(batches(&three, 10), [(3, 30), (6, 60), (9, 90), (10, 100)]);
        assert_eq!(batches(&three, 2), [(2, 100)]);
        let quarter = rolling(BatchSize::Percent(25), true);
        assert_eq!(
            batches(&quarter, 10),
            [(3, 30), (6, 60), (9, 90), (10, 100)]
        );
        // However many there are, the weights rise, and 100 is the last.
        for instances in 1..=50 {
            let weights: Vec<u8> = batches(&one, instances).iter().map(|b| b.1).collect();
            assert!(weights.windows(2).all(|w| w[0] < w[1]), "{weights:?}");
        }
        let refused = one.for_instances(51).unwrap_err();
        assert!(refused.contains("51 batches"), "{refused}");
    }

    #[test]
    fn old_instances_leave_after_new_ones_stand_or_before() {
        let stable = |surge: bool| {
            let plan = rolling(BatchSize::Count(2), surge)
                .for_instances(5)
                .unwrap();
            // The fourth goes straight to the last batch from the first one.
            [(0, 0), (1, 2), (2, 4), (2, 2)]
                .map(|(step, serving)| plan.stable_instances(step, 5, serving).unwrap())
        };
        assert_eq!(stable(true), [5, 3, 1, 3]);
        assert_eq!(stable(false), [3, 1, 1, 1]);
        let (canary, _) = builtin("canary-5-25-100").unwrap();
        assert_eq!(canary.stable_instances(1, 5, 2), None);
    }

    #[test]
    fn days_are_reckoned_from_the_start() {
        // 1970-01-03 10:30 UTC.
        let began = Timestamp::from_millis(2 * DAY + 10 * 3_600_000 + 30 * 60_000);
        let after = |day, at| Day { day, at }.after(began).as_millis();
        assert_eq!(after(1, None), began.as_millis());
        assert_eq!(after(3, None), began.as_millis() + 2 * DAY);
        assert_eq!(after(2, Some(9 * 60)), 3 * DAY + 9 * 3_600_000);
        // Nine o'clock of the first day has passed: the step may begin at once.
        assert!(after(1, Some(9 * 60)) < began.as_millis());
        assert!(after(u32::MAX, Some(0)) > began.as_millis());
    }
}
