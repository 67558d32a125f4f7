//! This machine, measured for real.

use std::sync::Arc;
use std::time::Duration;

use deckwatch_signals::SampleStore;
use deckwatch_signals::host::{JOB, Look, snapshot};
use deckwatch_signals::pool::Duty;

use super::t;

#[tokio::test]
async fn this_machine_is_measured_and_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = SampleStore::open(&folder.path().join("samples.db")).await;
    let store = Arc::new(store.unwrap());
    let duty = Duty::new(store.clone(), "me", |_| false);
    duty.renew(t(0)).await;
    let mut look = Look::new(5);
    for second in [0, 5, 10] {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let samples = look.samples();
        assert!(
            samples
                .iter()
                .all(|s| s.labels.contains(&("job".into(), JOB.into())))
        );
        duty.append(JOB, t(second), &samples).await.unwrap();
    }
    let seen = snapshot::read(&store, t(10), Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(seen.at, Some(t(10)));
    assert_eq!((seen.cpu.points, seen.memory.points), (3, 3));
    for share in [seen.cpu.now, seen.cpu.p99, seen.memory.now, seen.memory.p50] {
        assert!((0.0..=1.0).contains(&share.unwrap()), "{share:?}");
    }
    assert!(seen.cpus.unwrap() >= 1.0 && seen.memory_bytes.unwrap() > 1e6);
    assert!(seen.processes.now.unwrap() >= 1.0);
    assert!((1..=5).contains(&seen.programs.len()));
    assert!(seen.booted.unwrap().as_millis() > 0);
    // A look at a time when nothing was measured says so.
    let none = snapshot::read(&store, t(9999), Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!((none.at, none.cpu.now), (None, None));
}
