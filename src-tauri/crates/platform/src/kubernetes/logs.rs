//! What the pods of a service printed, through the API server: the last lines of all of them, or
//! one container's, followed or as its predecessor left them.

mod pod;

use deckwatch_domain::{ServiceName, Slot, Timestamp};
use futures_util::future::join_all;

pub use pod::{PodFollow, PodLine, PodLogs};

use super::failure::Failure;
use super::fetch::Front;
use super::kind::Kind;
use super::object::Pod;
use super::{KubernetesPlatform, PATIENCE};
use crate::model::{LogLine, PlatformError};

/// Pods whose lines are read at most: the newest of each slot.
const MOST_PODS: usize = 20;
/// The most of one pod's lines that is read, in bytes.
const MOST_BYTES: u32 = 1024 * 1024;

impl KubernetesPlatform {
    /// The last lines of all pods of both slots, oldest first. A pod whose lines cannot be read
    /// (its node is gone) is passed over as long as another's can.
    pub(super) async fn read_logs(
        &self,
        service: &ServiceName,
        lines: usize,
    ) -> Result<Vec<LogLine>, PlatformError> {
        let front = self.front(service, PATIENCE).await?;
        let pods = self.pods(&front).await?;
        let container = &front.record.adopted.container;
        let asked = pods.iter().map(|(slot, pod)| async move {
            let path = format!(
                "{}/log?container={container}&timestamps=true&tailLines={lines}&limitBytes={MOST_BYTES}",
                self.path(Kind::Pod, &pod.name)
            );
            let text = self.door().text(&path, PATIENCE).await?;
            Ok::<_, Failure>(read(*slot, &pod.name, &String::from_utf8_lossy(&text)))
        });
        let mut all = Vec::new();
        let mut failed = None;
        for answer in join_all(asked).await {
            match answer {
                Ok(read) => all.extend(read),
                Err(failure) => failed = Some(failure),
            }
        }
        match failed {
            Some(failure) if all.is_empty() => Err(failure.told("the logs")),
            _ => Ok(last(all, lines)),
        }
    }

    /// The pods of both slots, newest first.
    async fn pods(&self, front: &Front) -> Result<Vec<(Slot, Pod)>, PlatformError> {
        let index = self.scene(&front.record).await?;
        let mut found = Vec::new();
        for slot in Slot::BOTH {
            let selector = &front.record.adopted.selectors[slot];
            let mut pods: Vec<&Pod> = index.pods_of(selector).collect();
            pods.sort_by_key(|pod| std::cmp::Reverse(pod.created));
            let newest = pods.into_iter().take(MOST_PODS / 2);
            found.extend(newest.map(|pod| (slot, pod.clone())));
        }
        Ok(found)
    }
}

/// Lines that begin with the time the node took them in.
fn read(slot: Slot, pod: &str, text: &str) -> Vec<LogLine> {
    let line = |line: &str| {
        let (at, text) = line.split_once(' ').unwrap_or((line, ""));
        let (at, text) = match at.parse::<Timestamp>() {
            Ok(at) => (at, text),
            // The first line may have been cut off at the front.
            Err(_) => (Timestamp::EPOCH, line),
        };
        LogLine {
            at,
            slot,
            instance: pod.to_owned(),
            text: text.to_owned(),
        }
    };
    text.lines().map(line).collect()
}

/// The last of all lines, by time; what one pod said at one time stays in its order.
fn last(mut all: Vec<LogLine>, lines: usize) -> Vec<LogLine> {
    all.sort_by_key(|line| line.at);
    let excess = all.len().saturating_sub(lines);
    all.drain(..excess);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_several_pods_are_in_the_order_of_time() {
        let mut all = read(
            Slot::Blue,
            "a",
            "2026-01-01T00:00:01.5Z one\n2026-01-01T00:00:03Z three  spaced\n",
        );
        all.extend(read(
            Slot::Green,
            "b",
            "2026-01-01T00:00:02.123456789Z two\n",
        ));
        let texts = |lines: &[LogLine]| lines.iter().map(|l| l.text.clone()).collect::<Vec<_>>();
        let all = last(all, 10);
        assert_eq!(texts(&all), ["one", "two", "three  spaced"]);
        assert_eq!(all[1].slot, Slot::Green);
        assert_eq!(texts(&last(all, 1)), ["three  spaced"]);
    }

    #[test]
    fn a_line_without_a_time_is_kept_whole() {
        let lines = read(Slot::Blue, "a", "cut off here");
        assert_eq!(lines[0].text, "cut off here");
    }
}
