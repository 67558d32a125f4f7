//! Processes: started, watched, ended, and never left behind.

use std::time::{Duration, Instant};

use deckwatch_domain::{Slot, Span, Weights};
use deckwatch_platform::{Action, InstancePhase, Platform};

use crate::rig::{Load, Rig, failures, get, processes_of, until};

pub fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

async fn pids(rig: &Rig) -> Vec<u32> {
    let seen = rig.observe().await;
    [&seen.slots.blue, &seen.slots.green]
        .into_iter()
        .flat_map(|slot| slot.instances.iter().filter_map(|i| i.pid))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_leaves_no_orphan_and_everything_comes_back() {
    let mut rig = Rig::new().await;
    rig.canary_up(2, 10).await;
    let before = rig.observe().await;
    let old = pids(&rig).await;
    assert_eq!(old.len(), 4);
    let load = Load::start(rig.listen, 8, Duration::from_millis(2));
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.kill_node();
    until("no orphan is left", Duration::from_secs(3), async || {
        processes_of(&old).is_empty()
    })
    .await;
    load.end().await;
    rig.start_node(&[]).await;
    rig.ready(Slot::Blue, 2).await;
    rig.ready(Slot::Green, 2).await;
    let after = rig.observe().await;
    assert_eq!(after.traffic, before.traffic);
    for intent in &before.applied {
        assert!(after.applied.contains(intent));
    }
    for slot in Slot::BOTH {
        assert_eq!(after.slots[slot].release, before.slots[slot].release);
    }
    let mut candidate = 0;
    for _ in 0..200 {
        candidate += u32::from(rig.get("/").await.version.as_deref() == Some("v2"));
    }
    assert_eq!(candidate, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_instance_fails_no_request_and_is_started_again() {
    let rig = Rig::new().await;
    rig.canary_up(2, 0).await;
    let mut d = rig.definition();
    d.request_timeout = Span::from_secs(2);
    rig.platform.define(&d).await.unwrap();
    let load = Load::start(rig.listen, 16, Duration::from_millis(1));
    tokio::time::sleep(Duration::from_millis(100)).await;
    for round in 1..=3 {
        let seen = rig.observe().await;
        let victim = seen
            .slots
            .blue
            .instances
            .iter()
            .find(|i| i.id == "blue-1")
            .unwrap();
        kill(victim.pid.unwrap());
        until("it is started again", Duration::from_secs(5), async || {
            let seen = rig.observe().await;
            let now = seen
                .slots
                .blue
                .instances
                .iter()
                .find(|i| i.id == "blue-1")
                .unwrap()
                .clone();
            now.restarts == round && now.phase == InstancePhase::Ready
        })
        .await;
    }
    let hits = load.end().await;
    assert!(failures(&hits).is_empty(), "{:?}", failures(&hits));
    let seen = rig.observe().await;
    let again = seen
        .slots
        .blue
        .instances
        .iter()
        .find(|i| i.id == "blue-1")
        .unwrap();
    assert_eq!(
        again.last_problem.as_deref(),
        Some("ended earlier: signal 9")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_whole_slot_dies_the_stable_one_serves_and_the_failure_is_counted() {
    let rig = Rig::new().await;
    rig.canary_up(1, 50).await;
    let mut d = rig.definition();
    d.restart.initial = Span::from_secs(60);
    d.restart.max = Span::from_secs(60);
    rig.platform.define(&d).await.unwrap();
    let load = Load::start(rig.listen, 8, Duration::from_millis(1));
    tokio::time::sleep(Duration::from_millis(100)).await;
    kill(rig.observe().await.slots.green.instances[0].pid.unwrap());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let hits = load.end().await;
    assert!(failures(&hits).is_empty(), "{:?}", failures(&hits));
    let metrics = rig.platform.metrics().await.unwrap();
    let refused = "deckwatch_proxy_responses_total{service=\"shop\",slot=\"green\",release=\"v2\",class=\"refused\"} ";
    let count: u64 = metrics
        .lines()
        .find_map(|l| l.strip_prefix(refused))
        .unwrap()
        .parse()
        .unwrap();
    assert!(count > 20, "{count}");
    assert!(!metrics.contains("class=\"aborted\"} 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_loops_and_unready_ones_say_so_and_get_no_traffic() {
    let rig = Rig::new().await;
    rig.platform.define(&rig.definition()).await.unwrap();
    rig.bring_up(Slot::Blue, "v1", 1, &[]).await;
    rig.ready(Slot::Blue, 1).await;
    rig.weigh(0).await;
    rig.bring_up(Slot::Green, "v2", 1, &["--crash"]).await;
    until("it backs off", Duration::from_secs(5), async || {
        let seen = rig.observe().await;
        let it = &seen.slots.green.instances[0];
        it.restarts >= 2 && it.last_problem.as_deref() == Some("exit code 3")
    })
    .await;
    let refused = rig.apply(1, Action::SetTraffic(rig.canary(1))).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("no instance in green is ready")
    );
    let logs = rig.platform.logs(&rig.service, 50).await.unwrap();
    assert!(
        logs.iter().any(|l| l.text == "going down at once"),
        "{logs:?}"
    );
    rig.bring_up(Slot::Green, "v3", 1, &["--ready-after", "99999999"])
        .await;
    until("it says why", Duration::from_secs(5), async || {
        let seen = rig.observe().await;
        let problem = |i: &deckwatch_platform::InstanceState| {
            i.phase == InstancePhase::Starting
                && i.last_problem.as_deref() == Some("readiness: HTTP 503")
        };
        seen.slots.green.instances.iter().any(problem)
    })
    .await;
    let mut release = rig.release("v4", &[]);
    release.command = Some(vec!["/no/such/program".into()]);
    rig.apply(
        1,
        Action::BringUp {
            slot: Slot::Green,
            release,
            instances: 1,
        },
    )
    .await
    .unwrap();
    until("it says why", Duration::from_secs(5), async || {
        let seen = rig.observe().await;
        seen.slots.green.instances.iter().any(|i| {
            i.last_problem
                .as_ref()
                .is_some_and(|p| p.contains("cannot start `/no/such/program`"))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kept_an_instance_from_being_ready_is_over_once_it_is() {
    let rig = Rig::new().await;
    let mut d = rig.definition();
    for (path, phase, problem) in [
        ("/status/503", InstancePhase::Starting, Some("HTTP 503")),
        ("/ready", InstancePhase::Ready, None),
        ("/status/404", InstancePhase::Unready, Some("HTTP 404")),
        ("/ready", InstancePhase::Ready, None),
    ] {
        d.readiness.path = path.into();
        rig.platform.define(&d).await.unwrap();
        if rig.observe().await.slots.blue.desired == 0 {
            rig.bring_up(Slot::Blue, "v1", 1, &[]).await;
        }
        let problem = problem.map(|p| format!("readiness: {p}"));
        let what = format!("{phase:?} with {problem:?}");
        until(&what, Duration::from_secs(5), async || {
            let it = rig.observe().await.slots.blue.instances[0].clone();
            it.phase == phase && it.last_problem == problem
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_drains_and_the_stubborn_are_killed() {
    let rig = Rig::new().await;
    rig.canary_up(1, 50).await;
    let old = rig.observe().await.slots.green.instances[0].pid.unwrap();
    // A hundred slow requests, half of them in green, and traffic taken away under them.
    let slow: Vec<_> = (0..100)
        .map(|_| {
            let address = rig.listen;
            tokio::spawn(async move { get(address, "/slow/600", &[]).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.apply(0, Action::TakeBack(rig.take())).await.unwrap();
    let seen = rig.observe().await;
    assert!(
        seen.slots.green.in_flight > 10,
        "{}",
        seen.slots.green.in_flight
    );
    rig.apply(99, Action::Retire { slot: Slot::Green })
        .await
        .unwrap();
    let mut from_green = 0;
    for got in slow {
        let got = got.await.unwrap().unwrap();
        assert_eq!(got.status, 200);
        from_green += u32::from(got.version.as_deref() == Some("v2"));
    }
    assert_eq!(from_green, 50);
    until("it is gone", Duration::from_secs(3), async || {
        processes_of(&[old]).is_empty()
    })
    .await;
    rig.apply(
        99,
        Action::BringUp {
            slot: Slot::Green,
            release: rig.release("v3", &["--ignore-term"]),
            instances: 1,
        },
    )
    .await
    .unwrap_err();
    let mut order = rig.order(
        99,
        Action::BringUp {
            slot: Slot::Green,
            release: rig.release("v3", &["--ignore-term"]),
            instances: 1,
        },
    );
    order.rollout = None;
    rig.platform.apply(&rig.service, &order).await.unwrap();
    rig.ready(Slot::Green, 1).await;
    let stubborn = rig.observe().await.slots.green.instances[0].pid.unwrap();
    let began = Instant::now();
    rig.apply(99, Action::Retire { slot: Slot::Green })
        .await
        .unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "retiring does not wait"
    );
    until("it is killed", Duration::from_secs(4), async || {
        processes_of(&[stubborn]).is_empty()
    })
    .await;
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "it had its grace"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_scale_both_ways_without_a_failed_request() {
    let rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    let load = Load::start(rig.listen, 8, Duration::from_millis(1));
    for instances in [4, 2] {
        rig.apply(
            1,
            Action::Scale {
                slot: Slot::Blue,
                instances,
            },
        )
        .await
        .unwrap();
        rig.ready(Slot::Blue, instances).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let hits = load.end().await;
    assert!(failures(&hits).is_empty(), "{:?}", failures(&hits));
    until("the others are gone", Duration::from_secs(4), async || {
        pids(&rig).await.len() == 3
    })
    .await;
    let metrics = rig.platform.metrics().await.unwrap();
    assert!(metrics.contains("deckwatch_instance_resident_bytes{service=\"shop\",slot=\"blue\",release=\"v1\",instance=\"blue-2\"}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_bounded() {
    let rig = Rig::new().await;
    let mut d = rig.definition();
    d.output_lines = 10;
    rig.platform.define(&d).await.unwrap();
    rig.bring_up(Slot::Blue, "v1", 1, &[]).await;
    rig.ready(Slot::Blue, 1).await;
    rig.weigh(0).await;
    let mut follow = rig.platform.follow_logs(&rig.service, 5).await.unwrap();
    assert!(follow.recv().await.unwrap().text.contains("v1 serves on"));
    for _ in 0..30 {
        rig.get("/say/100").await;
    }
    rig.get("/say/100000").await;
    until(
        "the long line is there",
        Duration::from_secs(3),
        async || {
            let logs = rig.platform.logs(&rig.service, 1000).await.unwrap();
            logs.iter().any(|l| l.text.ends_with("(line cut at 8 KiB)"))
        },
    )
    .await;
    let logs = rig.platform.logs(&rig.service, 1000).await.unwrap();
    assert_eq!(logs.len(), 10);
    assert!(logs.iter().all(|l| l.text.len() < 8300));
    assert_eq!(follow.recv().await.unwrap().text.len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_told_to_end_stops_its_instances_first() {
    let mut rig = Rig::new().await;
    rig.canary_up(1, 10).await;
    let old = pids(&rig).await;
    let mut watch = rig.platform.watch();
    until(
        "the watch is connected",
        Duration::from_secs(2),
        async || watch.borrow().connected,
    )
    .await;
    let slow = {
        let address = rig.listen;
        tokio::spawn(async move { get(address, "/slow/400", &[]).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.platform.shutdown().await.unwrap();
    assert_eq!(slow.await.unwrap().unwrap().status, 200);
    let mut node = rig.node.take().unwrap();
    until("the node has ended", Duration::from_secs(4), async || {
        node.try_wait().unwrap().is_some()
    })
    .await;
    assert!(processes_of(&old).is_empty());
    tokio::time::timeout(
        Duration::from_secs(2),
        watch.wait_for(|tick| !tick.connected),
    )
    .await
    .unwrap()
    .unwrap();
    rig.start_node(&[]).await;
    rig.ready(Slot::Green, 1).await;
    assert_eq!(
        rig.observe().await.traffic.weights,
        Weights::toward(Slot::Green, 10)
    );
    tokio::time::timeout(
        Duration::from_secs(2),
        watch.wait_for(|tick| tick.connected),
    )
    .await
    .unwrap()
    .unwrap();
}
