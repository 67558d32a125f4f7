//! What is scraped, probed and measured, recorded with targets and probes that are well and others
//! that are not: one that counts anew, one that nobody listens at, one that is slow.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::Recorder;

/// A service that tells of itself; it counts anew with every seventh answer.
async fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        for turn in 0u64.. {
            let Ok((mut stream, _)) = listener.accept().await else {
                return;
            };
            let mut asked = vec![0; 4096];
            let _ = stream.read(&mut asked).await;
            let count = 100 * (turn % 7 + 1);
            let body = format!(
                "# TYPE shop_orders counter\nshop_orders_total{{kind=\"card\"}} {count}\n\
                 shop_orders_total{{kind=\"cash\"}} {count}\n# TYPE shop_carts gauge\nshop_carts 12\n# EOF\n"
            );
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\
                        content-type: application/openmetrics-text; version=1.0.0\r\n";
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

pub async fn take_all(recorder: &mut Recorder) {
    let port = serve().await;
    let yaml = format!(
        "scrape:
  - job: shop
    targets: ['127.0.0.1:{port}']
    labels: {{team: shop}}
    interval: 1s
  - job: billing
    targets: ['127.0.0.1:9']
    interval: 1s
probes:
  - {{probe: shop-home, component: shop, every: 1s, http: {{url: 'http://127.0.0.1:{port}/'}}, expect: {{body: shop_carts, latency: 300ms}}}}
  - {{probe: shop-orders, component: shop, every: 1s, critical: false, http: {{url: 'http://127.0.0.1:{port}/'}}, expect: {{status: 404}}}}
  - {{probe: database, every: 1s, tcp: {{address: '127.0.0.1:9'}}}}
  - {{probe: name, every: 1s, tcp: {{address: '127.0.0.1:{port}'}}}}
"
    );
    recorder.ask("targets.write", json!({"yaml": yaml})).await;
    tokio::time::sleep(Duration::from_secs(22)).await;
    for name in [
        "targets.list",
        "targets.file",
        "probes.list",
        "host.snapshot",
        "health",
    ] {
        recorder.take(name, json!({})).await;
    }
    only_ours(recorder);
    let check = json!({"yaml": yaml});
    recorder.take("targets.check", check).await;
    let wrong = "scrape:\n  - job: shop\n    targts: ['127.0.0.1:9100']\n";
    recorder.take("targets.check", json!({"yaml": wrong})).await;
}

/// What else ran on the machine it was recorded on is nobody's business: of the busiest programs
/// only this one is kept, under the window's name.
fn only_ours(recorder: &mut Recorder) {
    let mut taken = recorder.taken.iter_mut();
    let host = taken.find(|taken| taken["request"] == "host.snapshot");
    let programs = host.and_then(|host| host["answer"]["programs"].as_array_mut());
    let Some(programs) = programs else { return };
    programs.retain(|program| program["name"] == "record");
    for program in programs {
        program["name"] = json!("deckwatch");
    }
}
