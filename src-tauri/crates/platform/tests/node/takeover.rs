//! A newer node takes over, or tries to.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use deckwatch_domain::{Slot, Weights};
use deckwatch_platform::{Action, InstancePhase};

use crate::rig::{Load, Rig, failures, processes_of, until};

fn processes(seen: &deckwatch_platform::Observation) -> Vec<(String, Option<u32>, u32)> {
    [&seen.slots.blue, &seen.slots.green]
        .into_iter()
        .flat_map(|s| {
            s.instances
                .iter()
                .map(|i| (i.id.clone(), i.pid, i.restarts))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_over_under_load_drops_nothing() {
    let mut rig = Rig::new().await;
    rig.canary_up(2, 50).await;
    let before = rig.observe().await;
    let load = Load::start(rig.listen, 16, Duration::from_millis(1));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut old = rig.node.take().unwrap();
    for _ in 0..3 {
        let was = rig.platform.node().await.unwrap().pid;
        let newer = rig.spawn_node(&["--take-over"]);
        until(
            "the newer node answers",
            Duration::from_secs(5),
            async || {
                rig.platform
                    .node()
                    .await
                    .is_ok_and(|n| n.pid == newer.id() && n.pid != was)
            },
        )
        .await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        until("the older one ends", Duration::from_secs(5), async || {
            old.try_wait().unwrap().is_some()
        })
        .await;
        old = newer;
    }
    rig.node = Some(old);
    let seen = rig.observe().await;
    assert_eq!(seen.traffic, before.traffic);
    assert_eq!(
        processes(&seen),
        processes(&before),
        "no instance was restarted"
    );
    assert!(
        seen.slots
            .green
            .instances
            .iter()
            .all(|i| i.phase == InstancePhase::Ready)
    );
    for intent in &before.applied {
        assert!(seen.applied.contains(intent));
    }
    rig.apply(0, Action::TakeBack(rig.take())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let hits = load.end().await;
    assert!(failures(&hits).is_empty(), "{:?}", failures(&hits));
    let metrics = rig.platform.metrics().await.unwrap();
    let name = "deckwatch_proxy_responses_total{service=\"shop\",slot=\"blue\",release=\"v1\",class=\"2xx\"} ";
    let counted: usize = metrics
        .lines()
        .find_map(|l| l.strip_prefix(name))
        .unwrap()
        .parse()
        .unwrap();
    let sent = hits
        .iter()
        .filter(|h| h.said.as_deref() == Ok("v1"))
        .count();
    assert!(
        counted * 100 >= sent * 90,
        "{counted} of {sent} are still counted"
    );
    // Killed now, everything ends with the node that took over.
    let pids: Vec<u32> = seen
        .slots
        .blue
        .instances
        .iter()
        .filter_map(|i| i.pid)
        .collect();
    rig.kill_node();
    until("no orphan is left", Duration::from_secs(3), async || {
        processes_of(&pids).is_empty()
    })
    .await;
    rig.start_node(&[]).await;
    assert_eq!(
        rig.observe().await.traffic.weights,
        Weights::all_to(Slot::Blue)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_follows_the_new_nodes_weights() {
    let mut rig = Rig::new().await;
    rig.canary_up(1, 50).await;
    let mut idle = crate::rig::connect(rig.listen).await.unwrap();
    crate::rig::send(&mut idle, "/", &[]).await.unwrap();
    let mut old = rig.node.take().unwrap();
    rig.start_node(&["--take-over"]).await;
    until("it is the newer", Duration::from_secs(5), async || {
        rig.platform.node().await.is_ok_and(|n| n.pid != old.id())
    })
    .await;
    rig.apply(0, Action::TakeBack(rig.take())).await.unwrap();
    assert!(
        old.try_wait().unwrap().is_none(),
        "it stays while a client keeps its connection"
    );
    // The connection was made with the old node; its request is answered by the new one's rules.
    let got = crate::rig::send(&mut idle, "/", &[]).await.unwrap();
    assert_eq!(got.version.as_deref(), Some("v1"));
    assert_eq!(got.headers["connection"], "close");
    until("the older one ends", Duration::from_secs(5), async || {
        old.try_wait().unwrap().is_some()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_node_that_dies_while_taking_over_changes_nothing() {
    let rig = Rig::new().await;
    rig.canary_up(1, 50).await;
    let before = rig.observe().await;
    let load = Load::start(rig.listen, 8, Duration::from_millis(1));
    for hello in [
        r#"{"handover":1,"version":"9"}"#,
        r#"{"handover":9,"version":"9"}"#,
        "nonsense",
    ] {
        let mut stream = UnixStream::connect(rig.folder.handover_socket()).unwrap();
        stream
            .write_all(&(hello.len() as u32).to_le_bytes())
            .unwrap();
        stream.write_all(hello.as_bytes()).unwrap();
        let mut some = [0; 16];
        let _ = stream.read(&mut some);
        drop(stream);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let hits = load.end().await;
    assert!(failures(&hits).is_empty(), "{:?}", failures(&hits));
    let after = rig.observe().await;
    assert_eq!(processes(&after), processes(&before));
    rig.weigh(20).await;
    assert_eq!(rig.observe().await.slots.blue.ready, 1);
    let troubles = rig.platform.node().await.unwrap().troubles.join("\n");
    assert!(troubles.contains("did not take over"), "{troubles}");
}
