//! Hearing that something happened: from the journal, whoever wrote it, and from the node.

use std::sync::{Arc, Weak};

use deckwatch_journal::JournalError;
use tokio::sync::watch;

use crate::console::Console;

impl Console {
    /// Changes whenever the journal or the node says that something happened. What follows them
    /// is started with the first to ask, and ends with the console.
    pub(crate) fn changes(self: &Arc<Self>) -> watch::Receiver<u64> {
        let changes = self.changes.get_or_init(|| {
            let (tell, _) = watch::channel(0);
            tokio::spawn(follow_node(Arc::downgrade(self), tell.clone()));
            tokio::spawn(follow_journal(Arc::downgrade(self), tell.clone()));
            tell
        });
        changes.subscribe()
    }
}

async fn follow_node(console: Weak<Console>, tell: watch::Sender<u64>) {
    let Some(mut ticks) = console.upgrade().map(|console| console.local.watch()) else {
        return;
    };
    while console.strong_count() > 0 && ticks.changed().await.is_ok() {
        tell.send_modify(|count| *count += 1);
    }
}

async fn follow_journal(console: Weak<Console>, tell: watch::Sender<u64>) {
    let again = std::time::Duration::from_secs(1);
    loop {
        let Some(store) = console.upgrade().map(|c| async move {
            let store = c.store().await?;
            let seq = c.book().await.map(|book| book.seq)?;
            Ok::<_, JournalError>((store, seq))
        }) else {
            return;
        };
        if let Ok((store, seq)) = store.await {
            let mut events = store.subscribe(seq);
            while console.strong_count() > 0 && events.next().await.is_ok() {
                tell.send_modify(|count| *count += 1);
            }
        }
        tokio::time::sleep(again).await;
    }
}
