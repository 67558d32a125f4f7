//! What becomes of a plan's weights where something in front cannot give any share: there every ready
//! instance gets as much as any other, or one slot has everything.

use deckwatch_platform::{Observation, Sharing, share};

use super::Plan;
use super::model::{Step, Strategy};

impl Plan {
    /// The plan for what stands in front of this service, and what a person should know of it.
    ///
    /// `stable`: instances that serve now. `most`: instances of a full candidate; a canary has no more.
    ///
    /// # Errors
    /// Why such a plan cannot be carried out there, in words.
    pub fn for_front(
        &self,
        sharing: &Sharing,
        stable: u32,
        most: u32,
    ) -> Result<(Plan, Vec<String>), String> {
        match (sharing, self.strategy) {
            (Sharing::Weight, _) | (_, Strategy::BlueGreen) => Ok((self.clone(), Vec::new())),
            (_, _) if self.steps.iter().all(is_whole) => Ok((self.clone(), Vec::new())),
            (Sharing::Whole { why }, strategy) => Err(format!(
                "{} shares traffic out, and here one slot has everything: {why}; a blue-green plan can be \
                 carried out",
                strategy.words()
            )),
            (Sharing::Instances, Strategy::Canary) => Ok(self.by_instances(stable, most)),
            (Sharing::Instances, strategy) => Err(format!(
                "{} is not carried out where the share of a version is its share of the instances; a canary or a \
                 blue-green plan can be",
                strategy.words()
            )),
        }
    }

    /// Every share becomes the nearest one that instances can make.
    fn by_instances(&self, stable: u32, most: u32) -> (Plan, Vec<String>) {
        let (stable, most) = (stable.max(1), most.max(1));
        let mut plan = self.clone();
        let mut notes = Vec::new();
        for (n, step) in plan.steps.iter_mut().enumerate() {
            if is_whole(step) {
                // All of them take it over, and none before.
                step.instances = Some(if step.weight == 0 { 1 } else { most });
                continue;
            }
            let (up, weight) = nearest(step.weight, stable, most);
            step.instances = Some(up);
            if weight != step.weight {
                notes.push(format!(
                    "step {} asks for {} %, and {up} of {} instances get {weight} %",
                    n + 1,
                    step.weight,
                    up.saturating_add(stable)
                ));
                step.weight = weight;
            }
        }
        notes.push(format!(
            "traffic goes by instances here: beside {stable} of stable, 1 to {most} of the candidate reach {}",
            reachable(stable, most)
        ));
        (plan, notes)
    }
}

/// The share that the instances of a service can make of this plan now; see [`Plan::for_front`].
///
/// # Errors
/// As [`Plan::for_front`].
pub fn held_against(
    plan: &Plan,
    seen: &Observation,
    instances: u32,
) -> Result<(Plan, Vec<String>), String> {
    let stable = seen.traffic.roles.playing(deckwatch_domain::Role::Stable);
    let stands = stable.map_or(0, |slot| seen.slots[slot].desired);
    plan.for_front(&seen.sharing, stands, instances)
}

fn is_whole(step: &Step) -> bool {
    step.weight == 0 || step.weight == 100
}

/// How many of the candidate's instances come nearest to a share, and the share that they get.
fn nearest(weight: u8, stable: u32, most: u32) -> (u32, u8) {
    let of = |up: u32| share(up, up.saturating_add(stable));
    // As many as would be exact, and one more; of two that are as near, the smaller share.
    let exact = u64::from(weight) * u64::from(stable) / u64::from(100 - weight.min(99));
    let exact = u32::try_from(exact).unwrap_or(u32::MAX);
    let near = [exact, exact.saturating_add(1)].map(|up| up.clamp(1, most));
    let near = near.map(|up| (of(up).abs_diff(weight), up));
    let up = near.into_iter().min().map_or(1, |(_, up)| up);
    (up, of(up))
}

/// The shares that can be reached, in words; of many, the ends.
fn reachable(stable: u32, most: u32) -> String {
    let of = |up: u32| share(up, up.saturating_add(stable));
    if most > 8 {
        return format!("{} % to {} %", of(1), of(most));
    }
    let all: Vec<String> = (1..=most).map(|up| of(up).to_string()).collect();
    format!("{} %", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::builtin;

    fn steps(plan: &Plan) -> Vec<(Option<u32>, u8)> {
        plan.steps.iter().map(|s| (s.instances, s.weight)).collect()
    }

    #[test]
    fn a_share_becomes_the_nearest_that_instances_make() {
        let (canary, _) = builtin("canary-5-25-100").unwrap();
        let (plan, notes) = canary.for_front(&Sharing::Instances, 4, 4).unwrap();
        assert_eq!(steps(&plan), [(Some(1), 20), (Some(1), 20), (Some(4), 100)]);
        assert!(
            notes[0].contains("asks for 5 %, and 1 of 5 instances get 20 %"),
            "{notes:?}"
        );
        assert!(notes[2].contains("reach 20, 33, 43, 50 %"), "{notes:?}");
        let (plan, _) = canary.for_front(&Sharing::Instances, 30, 30).unwrap();
        assert_eq!(
            steps(&plan),
            [(Some(2), 6), (Some(10), 25), (Some(30), 100)]
        );
    }

    #[test]
    fn no_share_is_beyond_the_instances_that_there_are() {
        for stable in 1..=40 {
            for most in 1..=40 {
                for weight in 1..=99 {
                    let (up, got) = nearest(weight, stable, most);
                    assert!((1..=most).contains(&up));
                    let better = (1..=most).find(|other| {
                        let other = share(*other, other + stable);
                        other.abs_diff(weight) < got.abs_diff(weight)
                    });
                    assert_eq!(better, None, "{weight} % of {stable} and {most}: {up}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_share_is_refused_with_the_reason() {
        let whole = Sharing::Whole {
            why: "no label".into(),
        };
        let plan = |name: &str| builtin(name).unwrap().0;
        let refused = plan("canary-5-25-100").for_front(&whole, 4, 4).unwrap_err();
        assert!(
            refused.contains("no label") && refused.contains("blue-green"),
            "{refused}"
        );
        for sharing in [whole, Sharing::Instances] {
            assert!(
                plan("rolling")
                    .for_instances(3)
                    .unwrap()
                    .for_front(&sharing, 3, 3)
                    .is_err()
            );
            for kept in ["blue-green", "first"] {
                let kept = plan(kept);
                assert_eq!(kept.for_front(&sharing, 4, 4), Ok((kept, Vec::new())));
            }
        }
        let any = plan("canary-5-25-100");
        assert_eq!(any.for_front(&Sharing::Weight, 4, 4), Ok((any, Vec::new())));
    }
}
