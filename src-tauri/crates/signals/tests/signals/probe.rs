//! Probing real servers.

use std::sync::Arc;

use deckwatch_domain::Timestamp;
use deckwatch_signals::pool::{Duty, SecretOf};
use deckwatch_signals::probe::{Health, ProbeStatus, Prober};
use deckwatch_signals::{SampleStore, Selector, targets};

use super::server::{dns, http, https, page, status};
use super::t;

struct Scene {
    folder: tempfile::TempDir,
    store: Arc<SampleStore>,
    prober: Prober,
}

impl Scene {
    async fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let store = SampleStore::open(&folder.path().join("samples.db")).await;
        let store = Arc::new(store.unwrap());
        let duty = Arc::new(Duty::new(store.clone(), "me", |_| false));
        duty.renew(now()).await;
        let secret: SecretOf = Arc::new(|_: &str| Ok("hush".to_owned()));
        Scene {
            folder,
            store,
            prober: Prober::new(duty, secret),
        }
    }

    async fn probe(&self, text: &str) -> Vec<ProbeStatus> {
        let read = targets::read(text).unwrap_or_else(|p| panic!("{p}"));
        self.prober.sync(&read.probes, now());
        self.prober.probe_all(now()).await;
        self.prober.status()
    }

    async fn value(&self, name: &str, probe: &str) -> Option<f64> {
        let selector = Selector::new(name, &[("probe", probe)]);
        let found = self
            .store
            .range(&selector, Timestamp::EPOCH, t(i64::MAX / 2000))
            .await;
        found.unwrap().first().map(|s| s.points.last().unwrap().1)
    }
}

/// Certificates are judged by the real clock.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_millis(since.unwrap().as_millis() as i64)
}

fn told(status: &ProbeStatus) -> (Health, String) {
    let judged = &status.last.as_ref().unwrap().judged;
    (judged.health, judged.reasons.join("; "))
}

#[tokio::test]
async fn http_is_judged_by_status_body_and_time() {
    let scene = Scene::new().await;
    let server = http(|request| async move {
        match request.uri().path() {
            "/good" => page("text/plain", "all is well"),
            "/who" if request.headers()["authorization"] == "Bearer hush" => status(204),
            "/silent" => std::future::pending().await,
            _ => status(404),
        }
    })
    .await;
    let at = format!("http://{}", server.address);
    let text = format!(
        "probes:
  - {{probe: a, http: {{url: '{at}/good'}}, expect: {{body: 'is w'}}}}
  - {{probe: b, http: {{url: '{at}/good'}}, expect: {{body: broken}}}}
  - {{probe: c, http: {{url: '{at}/none'}}}}
  - {{probe: d, http: {{url: '{at}/who', auth: {{bearer: x}}}}}}
  - {{probe: e, http: {{url: '{at}/silent'}}}}
  - {{probe: f, critical: false, http: {{url: '{at}/silent'}}, timeout: 100ms}}
  - {{probe: g, http: {{url: 'http://127.0.0.1:1/'}}}}
"
    );
    let found = scene.probe(&text).await;
    assert_eq!(told(&found[0]), (Health::Healthy, String::new()));
    assert_eq!(
        told(&found[1]),
        (Health::Unhealthy, "its body is not as expected".into())
    );
    assert_eq!(
        told(&found[2]).1,
        "it answered with HTTP 404, not 200 to 299"
    );
    assert_eq!(told(&found[3]).0, Health::Healthy);
    assert_eq!(told(&found[4]).1, "timeout: no answer within 500ms");
    assert_eq!(
        told(&found[5]),
        (Health::Degraded, "timeout: no answer within 100ms".into())
    );
    assert!(
        told(&found[6]).1.contains("refused"),
        "{:?}",
        told(&found[6])
    );
    let phases = &found[0]
        .last
        .as_ref()
        .unwrap()
        .found
        .as_ref()
        .unwrap()
        .phases;
    let names: Vec<&str> = phases.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["resolve", "connect", "processing", "transfer"]);
    assert_eq!(scene.value("probe_success", "a").await, Some(1.0));
    assert_eq!(scene.value("probe_success", "e").await, Some(0.0));
    assert_eq!(
        scene.value("probe_http_status_code", "c").await,
        Some(404.0)
    );
    // What is not probed any more ends.
    scene.probe("").await;
    assert!(scene.value("probe_success", "a").await.unwrap().is_nan());
}

#[tokio::test]
async fn a_certificate_tells_how_long_it_is_good() {
    let scene = Scene::new().await;
    let (server, ca) = https(scene.folder.path(), 5, |_| async { status(200) }).await;
    let (port, ca) = (server.address.port(), ca.display());
    let text = format!(
        "probes:
  - {{probe: a, http: {{url: 'https://localhost:{port}/', tls: {{ca: {ca}}}}}, expect: {{certificate_days: 3}}}}
  - {{probe: b, http: {{url: 'https://localhost:{port}/', tls: {{ca: {ca}}}}}, expect: {{certificate_days: 14}}}}
  - {{probe: c, http: {{url: 'https://localhost:{port}/'}}}}
  - {{probe: d, tcp: {{address: 'localhost:{port}', tls: {{ca: {ca}}}}}, expect: {{certificate_days: 14}}}}
  - {{probe: e, tcp: {{address: 'localhost:{port}'}}}}
  - {{probe: f, tcp: {{address: 'localhost:{port}', tls: {{ca: {ca}, server_name: other}}}}}}
"
    );
    let found = scene.probe(&text).await;
    assert_eq!(told(&found[0]), (Health::Healthy, String::new()));
    let soon = "the certificate has 5 days left, less than 14";
    assert_eq!(told(&found[1]), (Health::Degraded, soon.into()));
    assert!(
        told(&found[2]).1.starts_with("TLS: "),
        "{:?}",
        told(&found[2])
    );
    assert_eq!(told(&found[3]), (Health::Degraded, soon.into()));
    assert_eq!(told(&found[4]).0, Health::Healthy);
    assert_eq!(told(&found[5]).0, Health::Unhealthy);
    let until = scene
        .value("probe_ssl_earliest_cert_expiry", "a")
        .await
        .unwrap();
    let days = (until - now().as_millis() as f64 / 1000.0) / 86_400.0;
    assert!((5.0..5.1).contains(&days), "{days}");
}

#[tokio::test]
async fn a_name_server_is_asked() {
    let scene = Scene::new().await;
    let server = dns().await;
    let at = server.address;
    let text = format!(
        "probes:
  - {{probe: a, dns: {{name: known.test., server: '{at}'}}, expect: {{answer: '10[.]1[.].*'}}}}
  - {{probe: b, dns: {{name: known.test., server: '{at}'}}, expect: {{answer: '10[.]9[.].*'}}}}
  - {{probe: c, dns: {{name: other.test., server: '{at}'}}}}
  - {{probe: d, dns: {{name: known.test., server: '127.0.0.1:1'}}}}
"
    );
    let found = scene.probe(&text).await;
    assert_eq!(told(&found[0]), (Health::Healthy, String::new()));
    let answers = &found[0]
        .last
        .as_ref()
        .unwrap()
        .found
        .as_ref()
        .unwrap()
        .answers;
    assert_eq!(answers.as_deref(), Some(&["10.1.2.3".to_owned()][..]));
    assert_eq!(told(&found[1]).1, "no answer is as expected: 10.1.2.3");
    assert_eq!(told(&found[2]).1, "there is no A record");
    assert_eq!(told(&found[3]).0, Health::Unhealthy);
}
