//! Following a journal: every event once, in order.
//!
//! A subscription holds nothing but the number of the last event it gave out. What wakes it (a
//! commit of our own, or a poll that found one of another program) is only a hint to read: a hint
//! too many costs a read, and a missed one would be made good by the next. As numbers are given
//! under the journal's lock and without gaps, no lower number can turn up later.

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::JournalError;
use crate::event::Recorded;
use crate::store::Store;

/// The most events given out at once.
const BATCH: usize = 500;

/// What followers are told: the highest number known, and how often something went wrong with
/// looking (then they look for themselves, and so see the error).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Signal {
    pub seq: u64,
    pub troubles: u64,
}

/// Tells followers that the journal reaches at least to `seq`.
pub(crate) fn announce(signal: &watch::Sender<Signal>, seq: u64) {
    signal.send_if_modified(|now| {
        let news = seq > now.seq;
        now.seq = now.seq.max(seq);
        news
    });
}

/// A follower of a journal. See [`Store::subscribe`].
pub struct Subscription {
    source: Arc<dyn Store>,
    signal: watch::Receiver<Signal>,
    /// Called before each wait: whatever looks for news must be running.
    look: Arc<dyn Fn() + Send + Sync>,
    position: u64,
    /// The last look found nothing, so wait for a sign before looking again.
    idle: bool,
}

impl Subscription {
    pub(crate) fn new(
        source: Arc<dyn Store>,
        signal: watch::Receiver<Signal>,
        look: Arc<dyn Fn() + Send + Sync>,
        after_seq: u64,
    ) -> Self {
        Subscription {
            source,
            signal,
            look,
            position: after_seq,
            idle: false,
        }
    }

    /// The number of the last event given out.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Waits for the next events: one or more, in order, beginning right after the last ones
    /// given out. After an error the position is unchanged and the call may be repeated (after a
    /// pause: the trouble may last). Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Vec<Recorded>, JournalError> {
        loop {
            (self.look)();
            if self.idle {
                // The sender lives as long as `source`; were it gone, looking is still right.
                let _ = self.signal.changed().await;
            }
            // From here on the sign is used up, so until a read has found nothing, also when this
            // one fails or its future is dropped, the next call must read without waiting.
            self.idle = false;
            // Before the read: what is announced from here on wakes the next wait.
            self.signal.borrow_and_update();
            let events = self.source.read(self.position, BATCH).await?;
            if events.is_empty() {
                self.check_end().await?;
                self.idle = true;
            }
            if let Some(last) = events.last() {
                self.check(&events)?;
                self.position = last.seq;
                return Ok(events);
            }
        }
    }

    /// Whoever waits behind the end waits for events of another journal, and would miss this one's.
    async fn check_end(&self) -> Result<(), JournalError> {
        let last = self.source.head().await?.seq;
        if last < self.position {
            return Err(JournalError::Refused(format!(
                "the journal ends at event {last}, before event {}: it is not the one that was followed",
                self.position
            )));
        }
        Ok(())
    }

    /// A gap cannot come from a commit still under way: it is a removed event.
    fn check(&self, events: &[Recorded]) -> Result<(), JournalError> {
        match events
            .iter()
            .zip(self.position + 1..)
            .find(|(event, due)| event.seq != *due)
        {
            None => Ok(()),
            Some((_, due)) => Err(JournalError::Corrupt {
                seq: Some(due),
                what: "this event is gone".into(),
            }),
        }
    }
}
