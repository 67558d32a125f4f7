//! One container's lines: the last of them, its predecessor's, or as they come.
//!
//! A stream that breaks off is taken up where it ended. The API server is asked by whole seconds, so
//! what comes twice is told apart by the node's own time stamp, and lines of one stamp by their number.

use std::collections::VecDeque;

use bytes::BytesMut;
use deckwatch_domain::Timestamp;
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde::{Deserialize, Serialize};

use super::super::kind::Kind;
use super::super::view::is_name;
use super::super::{KubernetesPlatform, PATIENCE, malformed};
use super::MOST_BYTES;
use crate::model::PlatformError;

/// The most lines that are asked for at once.
const MOST_LINES: usize = 10_000;
/// The longest line that is told whole, in bytes.
const LONGEST: usize = 64 * 1024;

/// Which lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct PodLogs {
    pub pod: String,
    /// None: the only one there is.
    #[serde(default)]
    #[ts(optional)]
    pub container: Option<String>,
    /// Of the container that ran before this one and ended.
    #[serde(default)]
    #[ts(optional, as = "Option<_>")]
    pub previous: bool,
    /// The last so many, at most 10,000.
    #[serde(default = "lines")]
    #[ts(optional, as = "Option<_>")]
    pub lines: usize,
}

fn lines() -> usize {
    500
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct PodLine {
    /// When the node took it in; the epoch where it does not say.
    pub at: Timestamp,
    pub text: String,
}

impl PodLogs {
    fn path(&self, platform: &KubernetesPlatform, more: &str) -> Result<String, PlatformError> {
        let container = self.container.as_deref();
        for name in [Some(self.pod.as_str()), container].into_iter().flatten() {
            if !is_name(name) {
                return Err(malformed(format!(
                    "`{name}` is no pod's or container's name"
                )));
            }
        }
        let pod = platform.path(Kind::Pod, &self.pod);
        let container = container.map_or_else(String::new, |c| format!("&container={c}"));
        Ok(format!("{pod}/log?timestamps=true{container}{more}"))
    }

    fn what(&self) -> String {
        format!("the log of {}", self.pod)
    }
}

impl KubernetesPlatform {
    /// The last lines of one container, oldest first; of very long ones, the last MiB.
    ///
    /// # Errors
    /// The API server's, which also speaks for the node.
    pub async fn pod_logs(&self, ask: &PodLogs) -> Result<Vec<PodLine>, PlatformError> {
        let more = format!(
            "&tailLines={}&limitBytes={MOST_BYTES}&previous={}",
            ask.lines.min(MOST_LINES),
            ask.previous
        );
        let path = ask.path(self, &more)?;
        let text = self.door().text(&path, PATIENCE).await;
        let text = text.map_err(|failure| failure.told(&ask.what()))?;
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().map(|line| Stamped::of(line).line()).collect())
    }

    /// The same lines as they come, from the last ones on.
    pub fn follow_pod(&self, ask: PodLogs) -> PodFollow {
        PodFollow {
            platform: self.clone(),
            ask,
            told: None,
            reading: None,
            ready: VecDeque::new(),
        }
    }
}

/// One container that is followed.
#[derive(Debug)]
pub struct PodFollow {
    platform: KubernetesPlatform,
    ask: PodLogs,
    told: Option<Told>,
    reading: Option<Reading>,
    ready: VecDeque<PodLine>,
}

/// Up to where lines were told.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Told {
    at: Timestamp,
    stamp: String,
    /// Lines that had this very stamp.
    lines: usize,
}

impl PodFollow {
    /// The next line; none: the stream has ended, and asking again takes it up where it was. May be
    /// dropped while it waits: nothing is lost.
    ///
    /// # Errors
    /// The API server's. Asking again tries again.
    pub async fn next(&mut self) -> Result<Option<PodLine>, PlatformError> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            if self.reading.is_none() {
                self.reading = Some(self.open().await?);
            }
            let Some(reading) = &mut self.reading else {
                return Ok(None);
            };
            if !reading.more().await {
                self.reading = None;
                return Ok(None);
            }
            while let Some(line) = reading.line() {
                let stamped = Stamped::of(&line);
                if reading.resumed.take_if_new(&stamped) {
                    note(&mut self.told, &stamped);
                    self.ready.push_back(stamped.line());
                }
            }
        }
    }

    /// Exclusive although nothing is changed: what is being read cannot be looked at by two threads,
    /// so a shared borrow of it could not be held across an await that may change threads.
    async fn open(&mut self) -> Result<Reading, PlatformError> {
        let from = match &self.told {
            None => format!("&tailLines={}", self.ask.lines.min(MOST_LINES)),
            // By whole seconds, which every version reads.
            Some(told) => {
                let second = told.at.as_millis().div_euclid(1000) * 1000;
                let text = Timestamp::from_millis(second).to_string();
                format!("&sinceTime={}Z", text.split('.').next().unwrap_or(&text))
            }
        };
        let path = self
            .ask
            .path(&self.platform, &format!("&follow=true{from}"))?;
        let answer = self.platform.door().follow(&path, PATIENCE).await;
        let answer = answer.map_err(|failure| failure.told(&self.ask.what()))?;
        Ok(Reading {
            body: answer.into_body(),
            buffer: BytesMut::new(),
            looked: 0,
            cut: false,
            ended: false,
            resumed: Resumed {
                told: self.told.clone(),
                same: 0,
            },
        })
    }
}

fn note(told: &mut Option<Told>, line: &Stamped) {
    if line.at == Timestamp::EPOCH {
        return;
    }
    match told {
        Some(told) if told.stamp == line.stamp => told.lines += 1,
        _ => {
            *told = Some(Told {
                at: line.at,
                stamp: line.stamp.to_owned(),
                lines: 1,
            });
        }
    }
}

/// What a stream that was taken up again begins with was told before.
#[derive(Debug)]
struct Resumed {
    told: Option<Told>,
    same: usize,
}

impl Resumed {
    fn take_if_new(&mut self, line: &Stamped) -> bool {
        let Some(told) = &self.told else { return true };
        if line.stamp == told.stamp {
            self.same += 1;
            return self.same > told.lines;
        }
        let newer = (line.at, line.stamp) > (told.at, told.stamp.as_str());
        if newer {
            self.told = None;
        }
        newer
    }
}

/// A line with its time stamp as the node wrote it.
struct Stamped<'a> {
    at: Timestamp,
    stamp: &'a str,
    text: &'a str,
}

impl<'a> Stamped<'a> {
    fn of(line: &'a str) -> Self {
        let (stamp, text) = line.split_once(' ').unwrap_or((line, ""));
        match stamp.parse() {
            Ok(at) => Stamped { at, stamp, text },
            // The first line may have been cut off at the front.
            Err(_) => Stamped {
                at: Timestamp::EPOCH,
                stamp: "",
                text: line,
            },
        }
    }

    fn line(&self) -> PodLine {
        PodLine {
            at: self.at,
            text: self.text.to_owned(),
        }
    }
}

/// A stream of lines.
#[derive(Debug)]
struct Reading {
    body: Body,
    buffer: BytesMut,
    /// So much of the buffer has no end of a line in it.
    looked: usize,
    /// The rest of a line that was too long is passed over.
    cut: bool,
    ended: bool,
    resumed: Resumed,
}

impl Reading {
    /// Waits for more; false: there is none any more.
    async fn more(&mut self) -> bool {
        if self.ended {
            return false;
        }
        match self.body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    self.buffer.extend_from_slice(&bytes);
                }
            }
            _ => {
                self.ended = true;
                // The last line may lack its end.
                if !self.buffer.is_empty() {
                    self.buffer.extend_from_slice(b"\n");
                }
            }
        }
        true
    }

    /// A line that is there whole, or as much of a very long one as is told.
    fn line(&mut self) -> Option<String> {
        loop {
            let end = self.buffer[self.looked..].iter().position(|b| *b == b'\n');
            let Some(end) = end.map(|n| n + self.looked) else {
                self.looked = self.buffer.len();
                if self.looked <= LONGEST {
                    return None;
                }
                let line = self.buffer.split_to(LONGEST);
                self.buffer.clear();
                self.looked = 0;
                if std::mem::replace(&mut self.cut, true) {
                    continue;
                }
                return Some(format!("{}…", String::from_utf8_lossy(&line)));
            };
            let line = self.buffer.split_to(end + 1);
            self.looked = 0;
            if std::mem::take(&mut self.cut) {
                continue;
            }
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            return Some(match line.get(..LONGEST) {
                Some(start) if line.len() > LONGEST => {
                    format!("{}…", String::from_utf8_lossy(start))
                }
                _ => String::from_utf8_lossy(line).into_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: impl Into<Vec<u8>>) -> Reading {
        Reading {
            body: Body::from(text.into()),
            buffer: BytesMut::new(),
            looked: 0,
            cut: false,
            ended: false,
            resumed: Resumed {
                told: None,
                same: 0,
            },
        }
    }

    async fn all(mut reading: Reading) -> Vec<String> {
        let mut lines = Vec::new();
        while reading.more().await {
            while let Some(line) = reading.line() {
                lines.push(line);
            }
        }
        lines
    }

    #[tokio::test]
    async fn a_very_long_line_is_cut_and_the_next_is_whole() {
        let long = "x".repeat(LONGEST * 3);
        let lines = all(reading(format!("one\n{long}\ntwo\nlast"))).await;
        assert_eq!(lines.len(), 4);
        assert_eq!((lines[0].as_str(), lines[2].as_str()), ("one", "two"));
        assert_eq!(lines[1].len(), LONGEST + "…".len());
        assert_eq!(lines[3], "last", "the last line lacks its end");
    }

    #[test]
    fn what_comes_twice_is_told_once() {
        let lines = [
            "2026-01-01T00:00:01.000000001Z a",
            "2026-01-01T00:00:01.000000002Z b",
            "2026-01-01T00:00:01.000000002Z c",
        ];
        let more = [
            "2026-01-01T00:00:01.000000002Z d",
            "2026-01-01T00:00:01.000000003Z e",
        ];
        let mut told = None;
        for line in lines {
            note(&mut told, &Stamped::of(line));
        }
        let mut resumed = Resumed { told, same: 0 };
        let again = lines.iter().chain(&more).map(|line| Stamped::of(line));
        let new: Vec<&str> = again
            .filter(|line| resumed.take_if_new(line))
            .map(|line| line.text)
            .collect();
        assert_eq!(new, ["d", "e"]);
    }

    #[test]
    fn a_line_without_a_time_is_told_whole() {
        let line = Stamped::of("cut off here").line();
        assert_eq!(
            (line.at, line.text.as_str()),
            (Timestamp::EPOCH, "cut off here")
        );
    }
}
