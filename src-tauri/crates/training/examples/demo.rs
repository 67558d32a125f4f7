//! The demo service and the load, by hand:
//! `demo serve PORT [NAME=VALUE…]` · `demo load PORT RATE SECONDS`.

use std::time::Duration;

use deckwatch_training::load::{LoadOptions, start};
use deckwatch_training::{DemoOptions, serve};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", port, settings @ ..] => {
            let mut options =
                DemoOptions::new("demo", "v1", port.parse()?).with_process_environment()?;
            for setting in settings {
                let (name, value) = setting.split_once('=').ok_or("write NAME=VALUE")?;
                options.set(name, value)?;
            }
            if let Err(error) = serve(options).await {
                eprintln!("{error}");
                std::process::exit(error.exit_code().into());
            }
        }
        ["load", port, rate, seconds] => {
            let options = LoadOptions {
                rate: rate.parse()?,
                ..LoadOptions::new(([127, 0, 0, 1], port.parse()?).into())
            };
            let load = start(options)?;
            tokio::time::sleep(Duration::from_secs(seconds.parse()?)).await;
            let mut report = load.stop().await;
            report.timeline.clear();
            println!("{}", serde_json::to_string_pretty(&report)?);
        }
        _ => return Err("demo serve PORT [NAME=VALUE…] | demo load PORT RATE SECONDS".into()),
    }
    Ok(())
}
