//! Demo services and load for real, over sockets.

mod load;
mod service;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use deckwatch_training::load::LoadOptions;
use deckwatch_training::{DemoError, DemoOptions, serve_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running demo service.
struct Demo {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), DemoError>>,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Demo {
    async fn start(version: &str, settings: &[(&str, &str)]) -> Demo {
        let port = free_port();
        let mut options = DemoOptions::new("checkout", version, port);
        for (name, value) in settings {
            options.set(name, value).unwrap();
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve_until(options, async {
            let _ = stopped.await;
        }));
        let demo = Demo {
            port,
            stop: Some(stop),
            task,
        };
        for _ in 0..500 {
            if TcpStream::connect(demo.address()).await.is_ok() {
                return demo;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the demo service did not come up");
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    fn load(&self, rate: f64) -> LoadOptions {
        LoadOptions {
            rate,
            ..LoadOptions::new(self.address())
        }
    }

    async fn stop(mut self) -> Result<(), DemoError> {
        drop(self.stop.take());
        self.task.await.unwrap()
    }

    /// One request on a connection of its own; the whole answer as text, or none.
    async fn ask(&self, method: &str, path: &str, extra: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address()).await.ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{extra}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        (!answer.is_empty()).then_some(answer)
    }

    async fn get(&self, path: &str) -> String {
        self.ask("GET", path, "", "").await.unwrap_or_default()
    }

    async fn faults(&self, json: &str) -> String {
        let json_type = "content-type: application/json\r\n";
        self.ask("POST", "/faults", json_type, json)
            .await
            .unwrap_or_default()
    }
}
