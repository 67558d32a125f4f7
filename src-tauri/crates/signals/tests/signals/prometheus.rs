//! The client against Prometheus itself, as a process of its own, over samples that were written
//! into its blocks beforehand. Where it is not installed these tests say so and prove nothing.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use deckwatch_domain::{Span, Timestamp};
use deckwatch_signals::prometheus::{
    Access, Among, Carry, Prometheus, PrometheusError, RangeMemory, Value,
};
use deckwatch_signals::web::{Auth, Question, Reply, Web, WebError};
use futures_util::future::BoxFuture;
use http::Method;

/// The first moment of the samples, in seconds; they are 10 s apart, for an hour.
const START: i64 = 1_770_000_000;
const COUNT: i64 = 360;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((START + seconds) * 1000)
}

struct Server {
    child: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn installed() -> bool {
    let found = |name: &str| Command::new(name).arg("--version").output().is_ok();
    let there = found("prometheus") && found("promtool");
    if !there {
        eprintln!("skipped: prometheus is not installed");
    }
    there
}

fn history() -> String {
    let mut text = "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\n".to_owned();
    for pod in ["a", "b"] {
        for n in 0..COUNT {
            let value = n * if pod == "a" { 10 } else { 20 };
            let when = START + n * 10;
            text += &format!("jobs_total{{pod=\"{pod}\"}} {value} {when}\n");
        }
    }
    text + "# EOF\n"
}

impl Server {
    async fn up(web: Option<&str>) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("history"), history()).unwrap();
        let made = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([path("history"), path("data")])
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        std::fs::write(path("prometheus.yml"), "scrape_configs: []\n").unwrap();
        // The listener ends with the line, so that the port is free.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .unwrap()
            .port();
        let mut command = Command::new("prometheus");
        command
            .arg(format!(
                "--config.file={}",
                path("prometheus.yml").display()
            ))
            .arg(format!("--storage.tsdb.path={}", path("data").display()))
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        if let Some(web) = web {
            std::fs::write(path("web.yml"), web).unwrap();
            command.arg(format!("--web.config.file={}", path("web.yml").display()));
            certificate(folder.path());
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let scheme = if web.is_some() { "https" } else { "http" };
        let server = Server {
            child: child.unwrap(),
            url: format!("{scheme}://127.0.0.1:{port}"),
            folder,
        };
        for _ in 0..300 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
            {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("Prometheus does not listen");
    }

    fn client(&self) -> Prometheus {
        Prometheus::new(&Access::open(&self.url)).unwrap()
    }
}

/// One that vouches for itself and for nobody else.
fn certificate(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn what_it_knows_is_asked_for() {
    if !installed() {
        return;
    }
    let server = Server::up(None).await;
    let client = server.client();
    let among = Among {
        selector: Some("jobs_total".into()),
        from: Some(at(0)),
        to: Some(at(3600)),
        limit: None,
    };
    assert_eq!(client.labels(&among).await.unwrap(), ["__name__", "pod"]);
    assert_eq!(
        client.label_values("pod", &among).await.unwrap(),
        ["a", "b"]
    );
    let one = Among {
        limit: Some(1),
        ..among.clone()
    };
    assert_eq!(client.label_values("pod", &one).await.unwrap(), ["a"]);
    let narrowed = Among {
        selector: Some("jobs_total{pod=\"b\"}".into()),
        ..among.clone()
    };
    let series = client.series(&narrowed).await.unwrap();
    assert_eq!(series.len(), 1);
    assert!(series[0].contains(&("pod".to_owned(), "b".to_owned())));
    assert!(
        client.metadata().await.unwrap().is_empty(),
        "nothing is scraped"
    );
    assert_eq!(
        client.rules().await.unwrap()["groups"],
        serde_json::json!([])
    );
    assert_eq!(
        client.alerts().await.unwrap()["alerts"],
        serde_json::json!([])
    );
    assert!(!client.version().await.unwrap().is_empty());
    let answer = client.query("sum(jobs_total)", at(600)).await.unwrap();
    assert_eq!(answer.tracks()[0].points[0].value, 1800.0);
    let wrong = client.query("sum(", at(600)).await.unwrap_err();
    assert!(
        matches!(&wrong, PrometheusError::Refused { kind, .. } if kind == "bad_data"),
        "{wrong}"
    );
}

#[tokio::test]
async fn a_range_that_was_asked_in_parts_is_the_whole_one() {
    if !installed() {
        return;
    }
    let server = Server::up(None).await;
    let (client, memory) = (server.client(), RangeMemory::default());
    let step = Span::from_secs(30);
    let query = "rate(jobs_total[2m])";
    let range = async |from: i64, to: i64, now: i64| {
        let stretch = (at(from), at(to));
        let asked = memory.range(&client, "it", query, stretch, step, at(now));
        asked.await.unwrap()
    };
    // As a picture moves on: each is a part new, the newest part still unsettled.
    for to in [900, 1200, 1230, 2400] {
        let whole = client.query_range(query, at(to - 900), at(to), step).await;
        assert_eq!(range(to - 900, to, to).await.value, whole.unwrap().value);
    }
    let whole = client.query_range(query, at(600), at(3000), step).await;
    assert_eq!(range(600, 3000, 9000).await.value, whole.unwrap().value);
    // From here on nothing is asked at all: whoever would be asked is gone.
    drop(server);
    let Value::Tracks(tracks) = range(900, 2700, 9000).await.value else {
        panic!("a range is series");
    };
    assert_eq!((tracks.len(), tracks[0].points.len()), (2, 61));
    let beyond = memory.range(&client, "it", query, (at(900), at(3300)), step, at(9000));
    assert!(beyond.await.is_err());
}

/// `bcrypt` of `hush`.
const USERS: &str = "\
basic_auth_users:
  ana: $2b$05$JlJ/TTdQpzIaGtcbUicWPezUqYuQXSNTLXAIT2Jj2.QB/zM6WhZHK
tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
";

#[tokio::test]
async fn it_is_reached_with_a_password_over_tls_and_not_without() {
    if !installed() {
        return;
    }
    let server = Server::up(Some(USERS)).await;
    let access = Access {
        auth: Auth::Basic {
            user: "ana".into(),
            password: "hush".into(),
        },
        ca: Some(server.folder.path().join("cert.pem")),
        ..Access::open(&server.url)
    };
    let client = Prometheus::new(&access).unwrap();
    let answer = client.query("sum(jobs_total)", at(600)).await.unwrap();
    assert_eq!(answer.tracks()[0].points[0].value, 1800.0);
    let nobody = Access {
        auth: Auth::None,
        ..access.clone()
    };
    let refused = Prometheus::new(&nobody)
        .unwrap()
        .query("1", at(0))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("401"), "{refused}");
    let stranger = Access { ca: None, ..access };
    let untrusted = Prometheus::new(&stranger)
        .unwrap()
        .query("1", at(0))
        .await
        .unwrap_err();
    assert!(untrusted.to_string().contains("certificate"), "{untrusted}");
}

/// Carries questions as a cluster's API server would: by `GET`, whole path and all.
#[derive(Debug)]
struct ByHand {
    base: String,
    web: Web,
}

impl Carry for ByHand {
    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Reply, WebError>> {
        Box::pin(async move {
            let question = Question {
                method: Method::GET,
                url: format!("{}{path}", self.base),
                auth: Auth::None,
                form: String::new(),
            };
            self.web.ask(&question).await
        })
    }
}

#[tokio::test]
async fn questions_can_be_carried_by_somebody_else() {
    if !installed() {
        return;
    }
    let server = Server::up(None).await;
    let carrier = ByHand {
        base: server.url.clone(),
        web: Web::new(None, 1 << 20, Duration::from_secs(10)).unwrap(),
    };
    let carried = Prometheus::over(Arc::new(carrier), Span::from_secs(10));
    let direct = server.client();
    let query = "jobs_total{pod=~\"a|b\"} offset 10s + 1";
    let step = Span::from_secs(60);
    let (one, other) = (
        carried.query_range(query, at(600), at(1200), step).await,
        direct.query_range(query, at(600), at(1200), step).await,
    );
    assert_eq!(one.unwrap(), other.unwrap());
    let among = Among::default();
    assert_eq!(
        carried.labels(&among).await.unwrap(),
        direct.labels(&among).await.unwrap()
    );
    assert!(carried.query("sum(", at(0)).await.is_err());
}

#[tokio::test]
async fn a_question_that_is_let_go_is_given_up() {
    if !installed() {
        return;
    }
    let server = Server::up(None).await;
    let client = server.client();
    let web = Web::new(None, 1 << 22, Duration::from_secs(10)).unwrap();
    let under_way = async || {
        let question = Question {
            method: Method::GET,
            url: format!("{}/metrics", server.url),
            auth: Auth::None,
            form: String::new(),
        };
        let page = web.ask(&question).await.unwrap().body;
        let page = String::from_utf8(page.to_vec()).unwrap();
        let count = page
            .lines()
            .find_map(|l| l.strip_prefix("prometheus_engine_queries "));
        count.unwrap().trim().parse::<f64>().unwrap()
    };
    // Minutes of work.
    let long = "count_over_time(sum(jobs_total)[59m:10ms])";
    let asked = client.query_range(long, at(3500), at(3600), Span::from_millis(20));
    let waited = tokio::time::timeout(Duration::from_millis(700), asked).await;
    assert!(waited.is_err(), "it was answered: {waited:?}");
    for _ in 0..50 {
        if under_way().await == 0.0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("Prometheus still works on what nobody waits for");
}
