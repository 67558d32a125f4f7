use std::time::{Duration, Instant};

use deckwatch_training::{DemoError, DemoOptions, serve_until, set_faults};
use serde_json::json;

use super::Demo;

#[tokio::test]
async fn it_answers_with_its_version_and_says_how_it_is() {
    let demo = Demo::start("v2", &[]).await;
    let answer = demo.get("/anything?x=1").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("x-version: v2") && answer.contains("x-service: checkout"));
    assert!(answer.contains(r#""version":"v2""#));
    for path in ["/ready", "/healthz", "/version", "/faults"] {
        assert!(demo.get(path).await.starts_with("HTTP/1.1 200"), "{path}");
    }
    demo.stop().await.unwrap();
}

#[tokio::test]
async fn faults_are_switched_while_it_runs() {
    let demo = Demo::start("v1", &[]).await;
    let shown = demo.faults(r#"{"errors":1}"#).await;
    assert!(shown.contains(r#""errors":1.0"#), "{shown}");
    let bad = demo.get("/").await;
    assert!(
        bad.starts_with("HTTP/1.1 500") && bad.contains("x-version: v1"),
        "{bad}"
    );
    assert!(demo.get("/ready").await.starts_with("HTTP/1.1 200"));

    // What is not named stays; what is nonsense changes nothing.
    demo.faults(r#"{"refuse_ready":true}"#).await;
    assert!(demo.get("/").await.starts_with("HTTP/1.1 500"));
    assert!(demo.get("/ready").await.starts_with("HTTP/1.1 503"));
    assert!(
        demo.faults(r#"{"errors":7}"#)
            .await
            .starts_with("HTTP/1.1 400")
    );
    assert!(demo.faults("{").await.starts_with("HTTP/1.1 400"));
    assert!(
        demo.faults(&"x".repeat(50_000))
            .await
            .starts_with("HTTP/1.1 400")
    );
    let form = demo
        .ask("POST", "/faults", "", r#"{"errors":0}"#)
        .await
        .unwrap();
    assert!(form.starts_with("HTTP/1.1 415"), "{form}");
    assert!(
        demo.ask("PUT", "/faults", "", "")
            .await
            .unwrap()
            .starts_with("HTTP/1.1 405")
    );

    assert!(
        demo.ask("DELETE", "/faults", "", "")
            .await
            .unwrap()
            .contains(r#""errors":0.0"#)
    );
    assert!(demo.get("/").await.starts_with("HTTP/1.1 200"));

    let began = Instant::now();
    demo.faults(r#"{"latency_ms":150}"#).await;
    demo.get("/").await;
    assert!(began.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn faults_are_switched_from_a_console() {
    let demo = Demo::start("v1", &[]).await;
    let faults = set_faults(demo.port, &json!({ "errors": 0.5 }))
        .await
        .unwrap();
    assert_eq!(faults.errors, 0.5);
    let error = set_faults(demo.port, &json!({ "erors": 0.5 }))
        .await
        .unwrap_err();
    assert!(
        error.contains("erors") && error.contains(&demo.port.to_string()),
        "{error}"
    );
    let port = demo.port;
    demo.stop().await.unwrap();
    assert!(set_faults(port, &json!({})).await.is_err());
}

#[tokio::test]
async fn a_slow_start_is_not_ready() {
    let demo = Demo::start("v1", &[("slow_start_ms", "300")]).await;
    assert!(demo.get("/ready").await.contains("starting"));
    assert!(demo.get("/").await.starts_with("HTTP/1.1 503"));
    assert!(demo.get("/healthz").await.starts_with("HTTP/1.1 200"));
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert!(demo.get("/ready").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_crash_cuts_everybody_off() {
    let demo = Demo::start("v1", &[("crash_after", "3")]).await;
    assert!(demo.get("/").await.starts_with("HTTP/1.1 200"));
    assert!(demo.get("/").await.starts_with("HTTP/1.1 200"));
    assert_eq!(demo.get("/").await, "");
    let ended = tokio::time::timeout(Duration::from_secs(2), demo.task)
        .await
        .unwrap();
    assert!(matches!(ended.unwrap(), Err(DemoError::Crashed)));

    let demo = Demo::start("v1", &[("latency_ms", "5000")]).await;
    let (answer, _) = tokio::join!(demo.get("/"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        demo.faults(r#"{"crash":true}"#).await
    });
    assert_eq!(answer, "");
}

#[tokio::test]
async fn a_stop_finishes_what_was_begun_but_waits_for_no_hanger() {
    let demo = Demo::start("v1", &[("latency_ms", "300")]).await;
    let address = demo.address();
    let asked = tokio::spawn(async move {
        let client = Demo {
            port: address.port(),
            stop: None,
            task: tokio::spawn(async { Ok(()) }),
        };
        client.get("/").await
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    demo.stop().await.unwrap();
    assert!(asked.await.unwrap().starts_with("HTTP/1.1 200"));

    let demo = Demo::start("v1", &[("hang", "1")]).await;
    let address = demo.address();
    let hanging = tokio::net::TcpStream::connect(address).await.unwrap();
    hanging
        .try_write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    demo.stop().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let demo = Demo::start("v1", &[]).await;
    let second = serve_until(
        DemoOptions::new("checkout", "v1", demo.port),
        std::future::pending(),
    );
    let error = second.await.unwrap_err();
    assert!(
        error.to_string().contains(&demo.port.to_string()),
        "{error}"
    );
    assert_eq!(error.exit_code(), 1);
}

#[tokio::test]
async fn garbage_on_the_socket_harms_nobody() {
    let demo = Demo::start("v1", &[]).await;
    for garbage in [
        "\0\0\0\0",
        "GET",
        "GET / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ] {
        let stream = tokio::net::TcpStream::connect(demo.address())
            .await
            .unwrap();
        stream.try_write(garbage.as_bytes()).unwrap();
    }
    assert!(demo.get("/").await.starts_with("HTTP/1.1 200"));
}
