//! Tasks at run time: what is run, what has become of it, and what the rollout remembers of it.

use std::collections::BTreeMap;

use deckwatch_domain::{IntentId, Timestamp};
use deckwatch_platform::{Does, TaskOutcome, TaskRun};
use serde::{Deserialize, Serialize};

use crate::plan::{Place, Plan, Step, Task};
use crate::state::Rollout;

/// Whether a task does its work or takes it back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    Out,
    Back,
}

/// What a rollout remembers of one task: its newest attempt.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskRecord {
    pub place: Place,
    pub way: Way,
    pub intent: Option<IntentId>,
    pub attempt: u32,
    pub started_at: Timestamp,
    pub ended: Option<(TaskOutcome, Timestamp)>,
    /// A person said, for a reason, that its failure is not to hold the rollout.
    pub waived: bool,
}

impl TaskRecord {
    pub fn passed(&self) -> bool {
        self.ended.as_ref().is_some_and(|(o, _)| o.passed)
    }

    pub fn failed(&self) -> bool {
        self.ended.as_ref().is_some_and(|(o, _)| !o.passed)
    }
}

impl Plan {
    /// Everything this plan runs, in the order in which it stands.
    pub fn tasks(&self) -> Vec<(Place, &Task)> {
        let around = &self.around;
        let listed = |list: &'_ [Task], place: fn(usize) -> Place| {
            (0..list.len()).map(place).collect::<Vec<_>>()
        };
        let mut places = listed(&around.before, |index| Place::Before { index });
        for (step, steps) in self.steps.iter().enumerate() {
            places.extend((0..steps.tasks.len()).map(|index| Place::Step { step, index }));
        }
        places.extend(listed(&around.during, |index| Place::During { index }));
        places.extend(listed(&around.after, |index| Place::After { index }));
        places.extend(around.export.iter().map(|_| Place::Export));
        places.extend(around.import.iter().map(|_| Place::Import));
        places.extend(listed(&around.verify, |index| Place::Verify { index }));
        let task = |place| self.task(place).map(|task| (place, task));
        places.into_iter().filter_map(task).collect()
    }

    pub fn task(&self, place: Place) -> Option<&Task> {
        let around = &self.around;
        match place {
            Place::Before { index } => around.before.get(index),
            Place::Step { step, index } => self.steps.get(step)?.tasks.get(index),
            Place::During { index } => around.during.get(index),
            Place::After { index } => around.after.get(index),
            Place::Export => around.export.as_ref(),
            Place::Import => around.import.as_ref(),
            Place::Verify { index } => around.verify.get(index),
        }
    }
}

impl Rollout {
    pub fn task_record(&self, place: Place, way: Way) -> Option<&TaskRecord> {
        self.tasks.iter().find(|r| r.place == place && r.way == way)
    }

    /// The task that is under way; those that are run again and again are not counted.
    pub fn running_task(&self) -> Option<&TaskRecord> {
        let again = |place| matches!(place, Place::During { .. });
        self.tasks
            .iter()
            .find(|r| r.ended.is_none() && !again(r.place))
    }

    /// The ways back of everything that was begun, the plan's last first.
    pub fn ways_back(&self) -> Vec<Place> {
        let mut begun: Vec<&TaskRecord> = self
            .tasks
            .iter()
            .filter(|r| r.way == Way::Out && !r.place.is_of_the_way_back())
            .filter(|r| {
                self.plan
                    .task(r.place)
                    .is_some_and(|t| t.way_back.is_some())
            })
            .collect();
        begun.sort_by_key(|r| r.place);
        begun.iter().rev().map(|r| r.place).collect()
    }

    /// A critical task of the current step that has neither passed nor been waived.
    pub fn unsettled<'a>(&self, step: &'a Step) -> Option<&'a Task> {
        let tasks = step.tasks.iter().enumerate();
        let mut open = tasks.filter(|(index, task)| {
            let place = Place::Step {
                step: self.step,
                index: *index,
            };
            let record = self.task_record(place, Way::Out);
            task.critical && !record.is_some_and(|r| r.passed() || r.waived)
        });
        open.next().map(|(_, task)| task)
    }

    /// A migration that was begun and that the version before cannot live with.
    pub fn breaks_previous(&self) -> Option<&Task> {
        self.tasks
            .iter()
            .filter(|r| r.way == Way::Out)
            .filter_map(|r| self.plan.task(r.place))
            .find(|t| t.previous_runs_on_new_schema == Some(false))
    }

    /// Why taking back the traffic alone would not be enough; none: it is.
    pub fn full_advised(&self) -> Option<String> {
        let task = self.breaks_previous()?;
        let before = self.stable_version.as_ref();
        let before = before.map_or_else(|| "the version before".into(), ToString::to_string);
        Some(format!(
            "{before} does not run on the schema that {} left",
            task.name
        ))
    }

    /// An attempt at a task of this rollout, ready to be carried out.
    pub fn task_run(
        &self,
        place: Place,
        way: Way,
        attempt: u32,
        intent: IntentId,
    ) -> Option<TaskRun> {
        let task = self.plan.task(place)?;
        let does = match way {
            Way::Out => &task.does,
            Way::Back => task.way_back.as_ref()?,
        };
        let words = self.task_words();
        Some(TaskRun {
            intent,
            service: self.service.clone(),
            rollout: self.id,
            name: task.name.clone(),
            does: filled(does, &words),
            timeout: task.timeout,
            env: task.env.clone(),
            secrets: task.secrets.clone(),
            attempt,
            words,
        })
    }

    fn task_words(&self) -> BTreeMap<String, String> {
        let stable = self.stable_version.as_ref();
        [
            ("service", self.service.to_string()),
            ("version", self.release.version.to_string()),
            (
                "stable",
                stable.map(ToString::to_string).unwrap_or_default(),
            ),
            ("slot", self.candidate.to_string()),
            ("preview", self.preview.clone().unwrap_or_default()),
            ("rollout", self.id.to_string()),
            ("step", (self.step + 1).to_string()),
            ("weight", self.weight.to_string()),
        ]
        .map(|(word, value)| (word.to_owned(), value))
        .into()
    }
}

/// With every `{word}` that is known replaced by what it stands for.
pub fn filled(does: &Does, words: &BTreeMap<String, String>) -> Does {
    let fill = |text: &str| {
        words.iter().fold(text.to_owned(), |text, (word, value)| {
            text.replace(&format!("{{{word}}}"), value)
        })
    };
    match does {
        Does::Command(command) => Does::Command(command.iter().map(|w| fill(w)).collect()),
        Does::Http(call) => {
            let mut call = call.clone();
            call.url = fill(&call.url);
            call.body = call.body.as_deref().map(fill);
            for value in call.headers.values_mut() {
                *value = fill(value);
            }
            Does::Http(call)
        }
    }
}
