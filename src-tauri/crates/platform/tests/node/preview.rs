//! The preview: the candidate alone, before anybody else is led to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use deckwatch_domain::{Slot, Span};
use deckwatch_platform::local::{ServiceDefinition, Sticky};
use deckwatch_platform::{Action, PlatformError, Rejection};

use crate::rig::{Load, Rig, connect, failures, free_port, get, send, until};
use crate::serving::counted;

fn previewing(rig: &Rig) -> (ServiceDefinition, SocketAddr) {
    let mut d = rig.definition();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    d.preview = Some(address);
    (d, address)
}

fn previewed(metrics: &str, slot: &str, class: &str) -> u64 {
    let wanted = [format!("slot=\"{slot}\""), format!("class=\"{class}\"")];
    metrics
        .lines()
        .filter(|l| l.starts_with("deckwatch_proxy_preview_responses_total{"))
        .filter(|l| wanted.iter().all(|part| l.contains(part)))
        .filter_map(|l| l.rsplit_once(' '))
        .map(|(_, count)| count.parse::<u64>().unwrap())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_candidate_answers_at_no_weight_and_nothing_of_it_counts() {
    let rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    let (mut d, preview) = previewing(&rig);
    d.sticky = Some(Sticky {
        cookie: "where".into(),
    });
    d.client_header = Some("x-client".into());
    rig.platform.define(&d).await.unwrap();
    assert_eq!(rig.observe().await.preview, Some(preview));
    for _ in 0..30 {
        let got = get(
            preview,
            "/",
            &[("x-client", "a"), ("cookie", "where=blue:v1")],
        )
        .await
        .unwrap();
        assert_eq!(got.version.as_deref(), Some("v2"));
        assert_eq!(got.headers["x-deckwatch-preview"], "v2");
        assert!(!got.headers.contains_key("set-cookie"));
    }
    get(preview, "/status/500", &[]).await.unwrap();
    // Everybody else is where the weights say, and is not told of any preview.
    let got = rig.get("/").await;
    assert_eq!(got.version.as_deref(), Some("v1"));
    assert!(!got.headers.contains_key("x-deckwatch-preview"));
    let metrics = rig.platform.metrics().await.unwrap();
    assert_eq!(previewed(&metrics, "green", "2xx"), 30, "{metrics}");
    assert_eq!(previewed(&metrics, "green", "5xx"), 1);
    assert_eq!(counted(&metrics, "green", "2xx"), 0);
    assert_eq!(counted(&metrics, "green", "5xx"), 0);
    assert_eq!(counted(&metrics, "blue", "2xx"), 1);
    let seconds =
        "deckwatch_proxy_response_seconds_count{service=\"shop\",slot=\"green\",release=\"v2\"} 0";
    assert!(metrics.contains(seconds), "{metrics}");
    assert!(
        !metrics.contains("deckwatch_proxy_clients_total{"),
        "{metrics}"
    );
    // The judge's other question: when did this slot last answer? Never, as far as it is asked.
    assert_eq!(rig.observe().await.slots.green.last_response_at, None);
    // At a weight, no card of the deck is drawn for a preview.
    rig.weigh(10).await;
    let mut sender = connect(rig.listen).await.unwrap();
    let mut over = 0;
    for _ in 0..100 {
        over += u32::from(
            send(&mut sender, "/", &[])
                .await
                .unwrap()
                .version
                .as_deref()
                == Some("v2"),
        );
        get(preview, "/", &[]).await.unwrap();
    }
    assert_eq!(over, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_candidate_it_says_that_nothing_is_previewed() {
    let rig = Rig::new().await;
    let (d, preview) = previewing(&rig);
    rig.canary_up(1, 50).await;
    rig.platform.define(&d).await.unwrap();
    let mut kept = connect(preview).await.unwrap();
    assert_eq!(send(&mut kept, "/", &[]).await.unwrap().status, 200);
    rig.apply(0, Action::TakeBack(rig.take())).await.unwrap();
    let got = send(&mut kept, "/", &[]).await.unwrap();
    assert_eq!(got.status, 503);
    let said = String::from_utf8_lossy(&got.body).into_owned();
    assert!(said.contains("nothing is previewed"), "{said}");
    let node = rig.platform.node().await.unwrap();
    assert_eq!(
        node.services[0].unserved, 0,
        "nobody went without an answer"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_with_nothing_ready_is_not_stood_in_for() {
    let rig = Rig::new().await;
    let (mut d, preview) = previewing(&rig);
    rig.canary_up(1, 0).await;
    d.restart.initial = Span::from_secs(60);
    d.restart.max = Span::from_secs(60);
    rig.platform.define(&d).await.unwrap();
    let pid = rig.observe().await.slots.green.instances[0].pid.unwrap();
    crate::supervision::kill(pid);
    rig.ready(Slot::Green, 0).await;
    let got = get(preview, "/", &[]).await.unwrap();
    assert_eq!((got.status, got.version), (503, None));
    let metrics = rig.platform.metrics().await.unwrap();
    assert_eq!(previewed(&metrics, "green", "refused"), 1, "{metrics}");
    assert_eq!(counted(&metrics, "green", "refused"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_opens_moves_and_closes_with_its_definition() {
    let rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    let (mut d, first) = previewing(&rig);
    let version = async |address| get(address, "/", &[]).await.map(|got| got.version);
    rig.platform.define(&d).await.unwrap();
    assert_eq!(version(first).await, Ok(Some("v2".into())));
    // The two change places: nothing needs to be opened for that, and nothing is refused.
    (d.listen, d.preview) = (first, Some(d.listen));
    rig.platform.define(&d).await.unwrap();
    assert_eq!(version(first).await, Ok(Some("v1".into())));
    assert_eq!(version(rig.listen).await, Ok(Some("v2".into())));
    (d.listen, d.preview) = (rig.listen, Some(first));
    rig.platform.define(&d).await.unwrap();
    assert_eq!(version(rig.listen).await, Ok(Some("v1".into())));
    let mut kept = connect(first).await.unwrap();
    assert_eq!(send(&mut kept, "/", &[]).await.unwrap().status, 200);
    let second = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    d.preview = Some(second);
    rig.platform.define(&d).await.unwrap();
    assert_eq!(version(second).await, Ok(Some("v2".into())));
    until("the old one closes", Duration::from_secs(2), async || {
        connect(first).await.is_err()
    })
    .await;
    d.preview = None;
    rig.platform.define(&d).await.unwrap();
    until("it closes", Duration::from_secs(2), async || {
        connect(second).await.is_err()
    })
    .await;
    // A connection from before finds out as well.
    assert_eq!(send(&mut kept, "/", &[]).await.unwrap().status, 503);
    assert_eq!(rig.observe().await.preview, None);
    // Another service's place is refused before anything is opened.
    d.preview = Some(second);
    rig.platform.define(&d).await.unwrap();
    for (listen, preview) in [(free_port(), second.port()), (second.port(), free_port())] {
        let mut other = rig.definition();
        other.service = "other".parse().unwrap();
        other.listen.set_port(listen);
        other.preview = Some((Ipv4Addr::LOCALHOST, preview).into());
        let refused = rig.platform.define(&other).await;
        assert!(
            matches!(&refused, Err(PlatformError::Rejected(Rejection::Malformed { what })) if what.contains("shop previews")),
            "{refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_survives_a_take_over_and_a_restart() {
    let mut rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    let (d, preview) = previewing(&rig);
    rig.platform.define(&d).await.unwrap();
    let mut kept = connect(preview).await.unwrap();
    send(&mut kept, "/", &[]).await.unwrap();
    let load = Load::start(preview, 8, Duration::from_millis(1));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut old = rig.node.take().unwrap();
    rig.start_node(&["--take-over"]).await;
    until("it is the newer", Duration::from_secs(5), async || {
        rig.platform.node().await.is_ok_and(|n| n.pid != old.id())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    // What was connected before is passed on to the new node's preview, not to its clients' door.
    let got = send(&mut kept, "/", &[]).await.unwrap();
    assert_eq!(got.version.as_deref(), Some("v2"));
    assert_eq!(got.headers["connection"], "close");
    let hits = load.end().await;
    assert!(failures(&hits).is_empty(), "{:?}", failures(&hits));
    assert!(hits.iter().all(|h| h.said.as_deref() == Ok("v2")));
    let metrics = rig.platform.metrics().await.unwrap();
    let seen = previewed(&metrics, "green", "2xx");
    assert!(
        seen as usize * 10 >= hits.len() * 9,
        "{seen} of {}",
        hits.len()
    );
    assert_eq!(counted(&metrics, "green", "2xx"), 0, "{metrics}");
    old.wait().unwrap();
    rig.kill_node();
    rig.start_node(&[]).await;
    // Who comes while the candidate is still starting waits for it.
    let got = get(preview, "/", &[]).await.unwrap();
    assert_eq!(got.version.as_deref(), Some("v2"));
}
