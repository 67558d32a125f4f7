//! What is scraped, probed and measured, by real agents of real HTTP servers; and whether Deckwatch
//! itself is well.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{Ground, eventually};

/// A service that tells of itself, for as long as the test lasts.
async fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for turn in 0u64.. {
            let Ok((mut stream, _)) = listener.accept().await else {
                return;
            };
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let body = format!("orders_total{{kind=\"card\"}} {turn}\ngo_threads 7\n");
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/plain\r\n";
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

async fn file(ground: &Ground) -> String {
    let port = serve().await;
    let text = format!(
        "scrape:
  - job: shop
    targets: ['127.0.0.1:{port}']
    labels: {{team: shop}}
    interval: 1s
    metric_relabel_configs:
      - {{action: drop, source_labels: [__name__], regex: 'go_.*'}}
  - job: gone
    targets: ['127.0.0.1:9']
    interval: 1s
probes:
  - {{probe: home, component: shop, every: 1s, http: {{url: 'http://127.0.0.1:{port}/'}}, expect: {{body: orders}}}}
  - {{probe: database, every: 1s, tcp: {{address: '127.0.0.1:9'}}}}
host: {{every: 1s}}
"
    );
    ground.file("targets.yaml", &text)
}

/// The targets once this job has been scraped and is as it should be.
async fn scraped(ground: &Ground, job: &str, state: &str) -> Value {
    eventually(&format!("{job} to be {state}"), || async {
        let seen = ground.json(&["targets"]).await;
        let rows = seen["rows"].as_array().cloned().unwrap_or_default();
        let is = |row: &&Value| row["job"] == job && row["state"] == state;
        match rows.iter().find(is) {
            Some(row) if seen["scraping"]["current"] == true => Ok(row.clone()),
            _ => Err(seen.to_string()),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_file_names_is_scraped_and_probed() {
    let ground = Ground::new().await;
    let good = file(&ground).await;
    let bad = ground.file("bad.yaml", "scrape:\n  - job: shop\n    targts: []\n");
    let checked = ground.ctl(&["targets", "check", &bad]).await.code(6);
    let checked = checked
        .says("bad.yaml:2:5: ")
        .says("did you mean `targets`?");
    drop(checked);
    ground
        .ctl(&["targets", "set", &bad])
        .await
        .code(1)
        .says("2 mistakes");
    ground
        .ctl(&["targets"])
        .await
        .code(0)
        .says("nobody scrapes here");
    ground
        .ctl(&["targets", "set", &good])
        .await
        .code(0)
        .says("2 targets, 2 probes");
    let agent = ground.agent();

    let shop = scraped(&ground, "shop", "up").await;
    assert_eq!(
        (&shop["scraped"], &shop["kept"]),
        (&2.into(), &1.into()),
        "{shop:#}"
    );
    let gone = scraped(&ground, "gone", "down").await;
    assert!(
        gone["error"].as_str().unwrap().contains("refused"),
        "{gone:#}"
    );
    scraped(&ground, "node", "up").await;
    let query = "sum by (team) (orders_total{job=\"shop\", kind=\"card\"})";
    let found = ground.json(&["promql", "query", query]).await;
    assert_eq!(found["series"][0]["labels"]["team"], "shop", "{found:#}");
    let down = ground
        .json(&["promql", "query", "up{job=\"gone\"} == 0"])
        .await;
    assert_eq!(down["series"].as_array().unwrap().len(), 1, "{down:#}");

    let probes = eventually("the probes to be told", || async {
        let seen = ground.json(&["targets", "probes"]).await;
        let told = |name: &str, health: &str| {
            let mut all = seen["components"].as_array().into_iter().flatten();
            all.any(|c| c["component"] == name && c["health"] == health)
        };
        match told("shop", "healthy") && told("database", "unhealthy") {
            true => Ok(seen),
            false => Err(seen.to_string()),
        }
    })
    .await;
    assert_eq!(probes["probes"][1]["last"]["status"], 200, "{probes:#}");

    // A file with mistakes is told of, and what was scraped is scraped on.
    std::fs::write(ground.data.join("targets.yaml"), "scrape: [{jb: x}]\n").unwrap();
    eventually("the mistakes to be told", || async {
        let seen = ground.json(&["targets"]).await;
        let trouble = seen["scraping"]["trouble"].as_str().unwrap_or_default();
        match trouble.contains("did you mean `job`?") {
            true => Ok(()),
            false => Err(seen.to_string()),
        }
    })
    .await;
    scraped(&ground, "shop", "up").await;
    let changed = ["journal", "events", "--kind", "targets.changed"];
    assert_eq!(ground.json(&changed).await.as_array().unwrap().len(), 1);

    // Whoever comes after one that was killed scrapes on.
    std::fs::copy(&good, ground.data.join("targets.yaml")).unwrap();
    agent.kill().await;
    let agent = ground.agent();
    let last = shop["last"].as_str().unwrap().to_owned();
    eventually("the next one to scrape", || async {
        let row = scraped(&ground, "shop", "up").await;
        match row["last"].as_str().is_some_and(|at| at > last.as_str()) {
            true => Ok(()),
            false => Err(row.to_string()),
        }
    })
    .await;
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_machine_and_deckwatch_itself_are_told_of() {
    let ground = Ground::new().await;
    // Nothing runs, and nothing is needed yet.
    let well = ground.json(&["health"]).await;
    assert_eq!(
        (&well["live"], &well["ready"]),
        (&true.into(), &true.into()),
        "{well:#}"
    );
    let agent = ground.agent();
    let host = eventually("this machine to be measured", || async {
        let seen = ground.json(&["host", "--over", "1m"]).await;
        let measured = seen["current"] == true && seen["cpu"]["points"].as_u64() >= Some(2);
        match measured {
            true => Ok(seen),
            false => Err(seen.to_string()),
        }
    })
    .await;
    for figure in ["cpu", "memory"] {
        let p99 = host[figure]["p99"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&p99), "{host:#}");
    }
    assert!(!host["programs"].as_array().unwrap().is_empty(), "{host:#}");
    let well = ground.json(&["health"]).await;
    let parts = well["parts"].as_array().unwrap();
    let names: Vec<&str> = parts.iter().filter_map(|p| p["part"].as_str()).collect();
    let all = ["journal", "samples", "node", "scraping", "driver", "disk"];
    assert_eq!(names, all, "{well:#}");
    agent.end().await;
    // A journal that is no journal: alive it is not, and the words say why.
    std::fs::write(
        ground.data.join("journal.db"),
        "this is no database at all, not even nearly",
    )
    .unwrap();
    for file in ["journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(ground.data.join(file));
    }
    ground
        .ctl(&["health", "--live"])
        .await
        .code(6)
        .says("unhealthy");
}
