//! Serving: weights, take-backs, routes.

use std::time::{Duration, Instant};

use deckwatch_domain::{Epoch, Slot, Span, Weights};
use deckwatch_platform::local::{HeaderRoute, RouteTo, Sticky};
use deckwatch_platform::{Action, Platform, PlatformError, Rejection};

use crate::rig::{Load, Rig, connect, failures, get, send, until};

#[tokio::test(flavor = "multi_thread")]
async fn weights_are_exact() {
    let rig = Rig::new().await;
    rig.canary_up(2, 0).await;
    for weight in [1u8, 10, 50] {
        rig.weigh(weight).await;
        let mut sender = connect(rig.listen).await.unwrap();
        let mut candidate = 0;
        for _ in 0..1000 {
            let got = send(&mut sender, "/", &[]).await.unwrap();
            assert_eq!(got.status, 200);
            candidate += u32::from(got.version.as_deref() == Some("v2"));
        }
        assert_eq!(candidate, u32::from(weight) * 10);
    }
    let metrics = rig.platform.metrics().await.unwrap();
    let line = "deckwatch_proxy_responses_total{service=\"shop\",slot=\"green\",release=\"v2\",class=\"2xx\"} 610";
    assert!(metrics.contains(line), "{metrics}");
    let line = "deckwatch_proxy_response_seconds_count{service=\"shop\",slot=\"green\",release=\"v2\"} 610";
    assert!(metrics.contains(line), "{metrics}");
    assert!(metrics.contains("deckwatch_traffic_weight{service=\"shop\",slot=\"green\"} 50"));
    assert!(metrics.contains("deckwatch_instances_ready{service=\"shop\",slot=\"green\"} 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_back_under_load_fails_nothing_and_is_quick() {
    let rig = Rig::new().await;
    rig.canary_up(2, 50).await;
    let load = Load::start(rig.listen, 20, Duration::from_millis(2));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let rehearsed = rig.apply(0, Action::Rehearse(rig.take())).await.unwrap();
    assert!(rehearsed.warnings.is_empty(), "{rehearsed:?}");
    assert_eq!(rehearsed.traffic.weights, Weights::toward(Slot::Green, 50));
    let commanded = Instant::now();
    let applied = rig.apply(0, Action::TakeBack(rig.take())).await.unwrap();
    let answered = commanded.elapsed();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let hits = load.end().await;
    assert!(failures(&hits).is_empty(), "{:?}", failures(&hits));
    let last_bad = hits
        .iter()
        .filter(|h| h.said.as_deref() == Ok("v2"))
        .map(|h| h.at)
        .max()
        .unwrap();
    let back_in = last_bad.saturating_duration_since(commanded);
    println!(
        "answered in {answered:?}, took {} µs, last bad answer after {back_in:?}",
        applied.took_us
    );
    assert!(applied.warnings.is_empty(), "{applied:?}");
    assert!(back_in < Duration::from_millis(100), "{back_in:?}");
    let seen = rig.observe().await;
    assert_eq!(seen.traffic.weights, Weights::all_to(Slot::Blue));
    assert_eq!(seen.traffic.epoch, Epoch(2));
    assert!(hits.len() > 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_hold_at_the_node() {
    let rig = Rig::new().await;
    rig.canary_up(1, 10).await;
    // The same intent again is answered and not repeated.
    let order = rig.order(5, Action::SetTraffic(rig.canary(20)));
    let first = rig.platform.apply(&rig.service, &order).await.unwrap();
    let again = rig.platform.apply(&rig.service, &order).await.unwrap();
    assert!(!first.repeated && again.repeated);
    assert_eq!(first.traffic, again.traffic);
    assert!(rig.observe().await.applied.contains(&order.intent));
    let stale = rig.apply(4, Action::SetTraffic(rig.canary(50))).await;
    assert!(
        matches!(
            stale,
            Err(PlatformError::Rejected(Rejection::StaleEpoch { .. }))
        ),
        "{stale:?}"
    );
    for action in [
        Action::Retire { slot: Slot::Blue },
        Action::Scale {
            slot: Slot::Green,
            instances: 0,
        },
        Action::BringUp {
            slot: Slot::Green,
            release: rig.release("v3", &[]),
            instances: 1,
        },
    ] {
        let refused = rig.apply(5, action).await;
        assert!(
            matches!(
                refused,
                Err(PlatformError::Rejected(Rejection::CarriesTraffic { .. }))
            ),
            "{refused:?}"
        );
    }
    let take = rig.take();
    let back = rig.apply(0, Action::TakeBack(take.clone())).await.unwrap();
    assert_eq!(back.traffic.epoch, Epoch(6));
    // The same event under another intent is recognised as well.
    let same = rig.apply(0, Action::TakeBack(take)).await.unwrap();
    assert!(same.repeated);
    assert_eq!(same.traffic.revision, back.traffic.revision);
    let latched = rig.apply(99, Action::SetTraffic(rig.canary(50))).await;
    assert!(
        matches!(
            latched,
            Err(PlatformError::Rejected(Rejection::Latched { .. }))
        ),
        "{latched:?}"
    );
    let unknown = rig.platform.observe(&"nobody".parse().unwrap()).await;
    assert!(matches!(
        unknown,
        Err(PlatformError::Rejected(Rejection::UnknownService { .. }))
    ));
    let removed = rig.platform.remove(&rig.service, false).await;
    assert!(matches!(
        removed,
        Err(PlatformError::Rejected(Rejection::CarriesTraffic { .. }))
    ));
    rig.platform.remove(&rig.service, true).await.unwrap();
    assert!(rig.platform.services().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_cookies_route() {
    let rig = Rig::new().await;
    rig.canary_up(1, 1).await;
    let mut d = rig.definition();
    d.routing = vec![HeaderRoute {
        header: "x-preview".into(),
        value: "yes".into(),
        to: RouteTo::Role(deckwatch_domain::Role::Candidate),
    }];
    d.sticky = Some(Sticky {
        cookie: "where".into(),
    });
    d.client_header = Some("x-client".into());
    rig.platform.define(&d).await.unwrap();
    for _ in 0..20 {
        let got = get(rig.listen, "/", &[("x-preview", "yes")]).await.unwrap();
        assert_eq!(got.version.as_deref(), Some("v2"));
    }
    // The first answer says where the client belongs, and there it stays.
    let first = rig.get("/").await;
    let cookie = first.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("where=blue:v1;"), "{cookie}");
    for _ in 0..200 {
        let got = get(rig.listen, "/", &[("cookie", "a=b; where=green:v2")])
            .await
            .unwrap();
        assert_eq!(got.version.as_deref(), Some("v2"));
        assert!(!got.headers.contains_key("set-cookie"));
    }
    let stranger = get(rig.listen, "/", &[("cookie", "where=green:v9")])
        .await
        .unwrap();
    assert!(stranger.headers.contains_key("set-cookie"));
    // Taken back: neither cookie nor header reaches it any more, on the same connection.
    let mut sender = connect(rig.listen).await.unwrap();
    let before = send(&mut sender, "/", &[("cookie", "where=green:v2")])
        .await
        .unwrap();
    assert_eq!(before.version.as_deref(), Some("v2"));
    rig.apply(0, Action::TakeBack(rig.take())).await.unwrap();
    for headers in [[("cookie", "where=green:v2")], [("x-preview", "yes")]] {
        let got = send(&mut sender, "/", &headers).await.unwrap();
        assert_eq!(got.version.as_deref(), Some("v1"));
    }
}

pub fn counted(metrics: &str, slot: &str, class: &str) -> u64 {
    let ending = format!(",class=\"{class}\"}} ");
    let slot = format!("slot=\"{slot}\"");
    let lines = metrics
        .lines()
        .filter(|l| l.starts_with("deckwatch_proxy_responses_total{"));
    lines
        .filter(|l| l.contains(&slot))
        .filter_map(|l| l.split_once(&ending))
        .map(|(_, count)| count.parse::<u64>().unwrap())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_and_every_end_is_counted() {
    let rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    let mut d = rig.definition();
    d.request_timeout = Span::from_millis(300);
    rig.platform.define(&d).await.unwrap();
    // Three megabytes up and down, and a long answer.
    let stream = tokio::net::TcpStream::connect(rig.listen).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let body = bytes::Bytes::from((0..3_000_000u32).map(|n| n as u8).collect::<Vec<_>>());
    let request = hyper::Request::post("/echo")
        .header("host", "shop")
        .header("connection", "x-secret")
        .header("x-secret", "1")
        .body(http_body_util::Full::new(body.clone()))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let echoed = http_body_util::BodyExt::collect(answer.into_body())
        .await
        .unwrap();
    assert_eq!(echoed.to_bytes(), body);
    assert_eq!(rig.get("/big/5000000").await.body.len(), 5_000_000);
    let got = get(rig.listen, "/headers", &[("x-forwarded-for", "10.9.8.7")])
        .await
        .unwrap();
    let seen = String::from_utf8_lossy(&got.body).into_owned();
    assert!(seen.contains("\"10.9.8.7, 127.0.0.1\""), "{seen}");
    for (path, status) in [
        ("/status/404", 404),
        ("/status/429", 429),
        ("/status/302", 302),
        ("/status/503", 503),
    ] {
        assert_eq!(rig.get(path).await.status, status);
    }
    assert_eq!(rig.get("/slow/2000").await.status, 504);
    // A client that goes away before its answer harms nobody.
    let gone = get(rig.listen, "/slow/250", &[]);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), gone)
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_millis(400)).await;
    let metrics = rig.platform.metrics().await.unwrap();
    for (class, count) in [
        ("2xx", 3),
        ("3xx", 1),
        ("404", 1),
        ("4xx", 1),
        ("5xx", 1),
        ("timeout", 1),
        ("aborted", 1),
        ("refused", 0),
    ] {
        assert_eq!(
            counted(&metrics, "blue", class),
            count,
            "{class}\n{metrics}"
        );
    }
    assert!(metrics.contains("deckwatch_proxy_in_flight{service=\"shop\",slot=\"blue\"} 0"));
    // An instance that dies over a request that may not be repeated: the client is told, once.
    let request = hyper::Request::post("/crash").header("host", "shop");
    let request = request
        .body(http_body_util::Full::new(bytes::Bytes::from_static(b"x")))
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 502);
}

fn unserved(metrics: &str) -> u64 {
    let name = "deckwatch_proxy_unserved_total{service=\"shop\"} ";
    let count = metrics.lines().find_map(|l| l.strip_prefix(name));
    count.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_could_serve_counts_for_no_slot() {
    let mut rig = Rig::new().await;
    rig.platform.define(&rig.definition()).await.unwrap();
    assert_eq!(rig.get("/").await.status, 503);
    assert_eq!(unserved(&rig.platform.metrics().await.unwrap()), 1);
    rig.canary_up(1, 50).await;
    // After this the node's instances start, and none of them gets ready.
    let mut d = rig.definition();
    d.readiness.path = "/status/503".into();
    rig.platform.define(&d).await.unwrap();
    rig.ready(Slot::Blue, 0).await;
    rig.ready(Slot::Green, 0).await;
    rig.kill_node();
    rig.start_node(&[]).await;
    for _ in 0..40 {
        assert_eq!(rig.get("/").await.status, 503);
    }
    let metrics = rig.platform.metrics().await.unwrap();
    for slot in ["blue", "green"] {
        assert_eq!(counted(&metrics, slot, "refused"), 0, "{metrics}");
    }
    assert_eq!(unserved(&metrics), 40);
    // A newer node counts on.
    let mut old = rig.node.take().unwrap();
    rig.start_node(&["--take-over"]).await;
    until("it is the newer", Duration::from_secs(5), async || {
        rig.platform.node().await.is_ok_and(|n| n.pid != old.id())
    })
    .await;
    assert_eq!(rig.get("/").await.status, 503);
    assert_eq!(rig.platform.node().await.unwrap().services[0].unserved, 41);
    old.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_with_nothing_ready_is_charged_while_the_other_stands() {
    for (dead, status) in [(Slot::Green, 200), (Slot::Blue, 503)] {
        let rig = Rig::new().await;
        rig.canary_up(1, 50).await;
        let mut d = rig.definition();
        d.restart.initial = Span::from_secs(60);
        d.restart.max = Span::from_secs(60);
        rig.platform.define(&d).await.unwrap();
        let pid = rig.observe().await.slots[dead].instances[0].pid.unwrap();
        crate::supervision::kill(pid);
        rig.ready(dead, 0).await;
        for _ in 0..100 {
            let got = rig.get("/").await;
            assert!(got.status == 200 || got.status == status, "{got:?}");
        }
        let metrics = rig.platform.metrics().await.unwrap();
        assert_eq!(counted(&metrics, dead.as_str(), "refused"), 50, "{metrics}");
        let other = counted(&metrics, dead.other().as_str(), "refused");
        assert_eq!((other, unserved(&metrics)), (0, 0));
    }
}
