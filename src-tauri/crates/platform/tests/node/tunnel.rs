//! WebSockets: bytes both ways, counted once, waited for, ended.

use std::net::SocketAddr;
use std::time::Duration;

use deckwatch_domain::{Slot, Span};
use deckwatch_platform::{Action, InstancePhase};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Rig, processes_of, until};
use crate::serving::counted;

const LONG: Duration = Duration::from_secs(8);

/// Asks to switch to this protocol, and says this with the same breath. The answer's head.
async fn ask(address: SocketAddr, path: &str, to: &str, also: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: keep-alive, Upgrade\r\nUpgrade: {to}\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n{also}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (String::from_utf8(head).unwrap().to_lowercase(), stream)
}

async fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    let read = tokio::time::timeout(LONG, stream.read_exact(&mut got));
    read.await.expect("it says something").unwrap();
    assert!(got == bytes, "{:?}", String::from_utf8_lossy(&got));
}

/// A tunnel that is open both ways.
async fn tunnel(rig: &Rig) -> TcpStream {
    let (head, mut stream) = ask(rig.listen, "/ws", "WebSocket", "early ").await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    expect(&mut stream, b"hello early ").await;
    stream
}

async fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"still there?").await.unwrap();
    expect(stream, b"still there?").await;
}

async fn in_flight(rig: &Rig, slot: Slot, count: u64) {
    until("so many are in flight", LONG, async || {
        rig.observe().await.slots[slot].in_flight == count
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_passes_and_counts_once_when_it_opens() {
    let rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    let (head, mut stream) = ask(rig.listen, "/ws", "websocket", "").await;
    for line in ["connection: upgrade", "upgrade: websocket", "x-version: v1"] {
        assert_eq!(head.matches(line).count(), 1, "{head}");
    }
    let metrics = rig.platform.metrics().await.unwrap();
    assert_eq!(counted(&metrics, "blue", "2xx"), 1, "{metrics}");
    in_flight(&rig, Slot::Blue, 1).await;
    let seen = rig.observe().await.slots.blue.last_response_at;
    assert!(seen.is_some(), "its answer has left");
    // More than any buffer on the way holds, said and heard at once; then the client has said all.
    let long: Vec<u8> = (0..8_000_000u32).map(|n| (n / 7) as u8).collect();
    let (mut from, mut to) = stream.split();
    let say = async {
        to.write_all(&long).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut heard = Vec::new();
    let hear = from.read_to_end(&mut heard);
    let both = tokio::time::timeout(LONG, async { tokio::join!(say, hear) });
    both.await.expect("it comes back").1.unwrap();
    assert!(heard.strip_prefix(b"hello ") == Some(&long[..]));
    in_flight(&rig, Slot::Blue, 0).await;
    let metrics = rig.platform.metrics().await.unwrap();
    for (class, count) in [("2xx", 1), ("5xx", 0), ("aborted", 0)] {
        assert_eq!(counted(&metrics, "blue", class), count, "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_websocket_is_answered_as_it_always_was() {
    let rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    for (path, to, status) in [
        // The instance would switch; it is not asked to.
        ("/ws", "h2c", 426),
        ("/ws", "websocket, h2c", 426),
        // It is asked to, and declines.
        ("/status/404", "websocket", 404),
        ("/status/101", "h2c", 502),
    ] {
        let (head, mut stream) = ask(rig.listen, path, to, "").await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        if status != 502 {
            // The connection goes on in HTTP.
            let next = b"GET /status/302 HTTP/1.1\r\nHost: shop\r\n\r\n";
            stream.write_all(next).await.unwrap();
            expect(&mut stream, b"HTTP/1.1 302 ").await;
        }
    }
    let metrics = rig.platform.metrics().await.unwrap();
    assert_eq!(counted(&metrics, "blue", "5xx"), 1, "{metrics}");
    in_flight(&rig, Slot::Blue, 0).await;
}

/// What ends a tunnel into a slot that is retired.
#[derive(Clone, Copy, PartialEq)]
enum EndedBy {
    Client,
    DrainLimit,
    Death,
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_waits_for_a_tunnel_and_its_instance_ends_it() {
    for by in [EndedBy::Client, EndedBy::DrainLimit, EndedBy::Death] {
        let rig = Rig::new().await;
        rig.canary_up(1, 100).await;
        let mut d = rig.definition();
        let limit = if by == EndedBy::DrainLimit { 1 } else { 600 };
        d.stop.drain = Span::from_secs(limit);
        rig.platform.define(&d).await.unwrap();
        let mut stream = tunnel(&rig).await;
        let pid = rig.observe().await.slots.green.instances[0].pid.unwrap();
        rig.apply(0, Action::TakeBack(rig.take())).await.unwrap();
        rig.apply(99, Action::Retire { slot: Slot::Green })
            .await
            .unwrap();
        if by != EndedBy::DrainLimit {
            until("it drains", LONG, async || {
                let seen = rig.observe().await.slots.green;
                let phase = seen.instances.first().map(|i| i.phase);
                phase == Some(InstancePhase::Draining) && seen.in_flight == 1
            })
            .await;
            echoes(&mut stream).await;
        }
        match by {
            EndedBy::Client => drop(stream),
            EndedBy::DrainLimit | EndedBy::Death => {
                if by == EndedBy::Death {
                    crate::supervision::kill(pid);
                }
                let ended = tokio::time::timeout(LONG, stream.read_u8()).await;
                ended.expect("it ends").unwrap_err();
                // Although this end of it is still open.
                in_flight(&rig, Slot::Green, 0).await;
            }
        }
        until("its process is gone", LONG, async || {
            processes_of(&[pid]).is_empty()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_outlives_a_handover() {
    let mut rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    let mut stream = tunnel(&rig).await;
    let mut old = rig.node.take().unwrap();
    rig.start_node(&["--take-over"]).await;
    until("it is the newer", LONG, async || {
        rig.platform.node().await.is_ok_and(|n| n.pid != old.id())
    })
    .await;
    let mut newer = tunnel(&rig).await;
    echoes(&mut newer).await;
    in_flight(&rig, Slot::Blue, 1).await;
    echoes(&mut stream).await;
    assert!(old.try_wait().unwrap().is_none(), "it carries the tunnel");
    drop(stream);
    until("the older one ends", LONG, async || {
        old.try_wait().unwrap().is_some()
    })
    .await;
    echoes(&mut newer).await;
}
