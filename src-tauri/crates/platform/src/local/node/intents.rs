//! Which orders were carried out, so that one that comes again is answered and not repeated.

use std::collections::VecDeque;

use deckwatch_domain::IntentId;

use crate::model::{Applied, Traffic};

/// Intents remembered for each of the two files of a service.
pub(super) const REMEMBERED: usize = 256;

/// Where an order's intent is kept on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kept {
    /// With the traffic object.
    Traffic,
    /// With the desired slots.
    Slots,
}

#[derive(Debug, Default)]
pub(super) struct Intents {
    traffic: VecDeque<IntentId>,
    slots: VecDeque<IntentId>,
    /// Answers given since this node started.
    answers: VecDeque<Applied>,
}

fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    while queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}

impl Intents {
    pub(super) fn from_disk(traffic: Vec<IntentId>, slots: Vec<IntentId>) -> Self {
        Intents {
            traffic: traffic.into(),
            slots: slots.into(),
            answers: VecDeque::new(),
        }
    }

    pub(super) fn note(&mut self, kept: Kept, intent: IntentId) {
        let queue = match kept {
            Kept::Traffic => &mut self.traffic,
            Kept::Slots => &mut self.slots,
        };
        if !queue.contains(&intent) {
            push(queue, intent, REMEMBERED);
        }
    }

    pub(super) fn answered(&mut self, applied: &Applied) {
        push(&mut self.answers, applied.clone(), REMEMBERED);
    }

    /// The answer to an order that was carried out before.
    pub(super) fn repeat(&self, intent: IntentId, traffic: &Traffic) -> Option<Applied> {
        if let Some(answer) = self.answers.iter().find(|a| a.intent == intent) {
            return Some(Applied {
                repeated: true,
                ..answer.clone()
            });
        }
        if !self.traffic.contains(&intent) && !self.slots.contains(&intent) {
            return None;
        }
        Some(Applied {
            intent,
            traffic: traffic.clone(),
            repeated: true,
            took_us: 0,
            warnings: Vec::new(),
        })
    }

    pub(super) fn of(&self, kept: Kept) -> Vec<IntentId> {
        match kept {
            Kept::Traffic => self.traffic.iter().copied().collect(),
            Kept::Slots => self.slots.iter().copied().collect(),
        }
    }
}
