//! The first training ground: three services everybody knows, and their releases.
//!
//! Described as text, in the same YAML that people write for services of their own: nothing about
//! a demo service is known to the node.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One service of the training ground.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DemoService {
    pub name: &'static str,
    /// What it plays, in a sentence.
    pub about: &'static str,
    /// Where the node's proxy listens for it, on 127.0.0.1.
    pub port: u16,
    /// For the local node.
    pub definition_yaml: String,
    /// In the order in which they are meant to be tried.
    pub releases: Vec<DemoRelease>,
}

/// One version of a demo service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DemoRelease {
    pub version: &'static str,
    /// Added to the definition's environment: what makes this version what it is.
    pub env: BTreeMap<String, String>,
    /// Whether it ought to be promoted; what a drill is graded against.
    pub good: bool,
    pub about: &'static str,
}

impl DemoService {
    pub fn release(&self, version: &str) -> Option<&DemoRelease> {
        self.releases
            .iter()
            .find(|release| release.version == version)
    }
}

/// Name, sentence, median answer in milliseconds.
const SERVICES: [(&str, &str, &str); 3] = [
    (
        "checkout",
        "takes the payment; every failed request is a customer",
        "2",
    ),
    ("search", "finds products; slow is as bad as failing", "4"),
    ("profile", "shows an account; quiet and dependable", "1"),
];

/// Where a demo service finds its schema, in the training ground's folder.
pub fn schema_file(folder: &Path, service: &str) -> PathBuf {
    folder.join(format!("{service}.schema"))
}

/// The demo services, on the ports from `first_port` on; their previews on those after. `exe` is the program that hosts them:
/// it is started as `exe demo-service --name … --version … --port …`. Their schemas lie in `folder`.
pub fn services(exe: &Path, folder: &Path, first_port: u16) -> Vec<DemoService> {
    SERVICES
        .into_iter()
        .zip(first_port..)
        .map(|((name, about, median_ms), port)| DemoService {
            name,
            about,
            port,
            definition_yaml: definition(
                exe,
                &schema_file(folder, name),
                (name, median_ms),
                (port, port + SERVICES.len() as u16),
            ),
            releases: releases(),
        })
        .collect()
}

fn definition(
    exe: &Path,
    schema: &Path,
    (name, median_ms): (&str, &str),
    (port, preview): (u16, u16),
) -> String {
    // JSON's strings are YAML's double-quoted ones, whatever a path may contain.
    let text = |path: &Path| serde_json::Value::from(path.to_string_lossy().into_owned());
    let (exe, schema) = (text(exe), text(schema));
    format!(
        "\
service: {name}
listen: 127.0.0.1:{port}
preview: 127.0.0.1:{preview}
command: [{exe}, demo-service, --name, {name}, --version, \"{{version}}\", --port, \"{{port}}\"]
env:
  DECKWATCH_DEMO_MEDIAN_MS: \"{median_ms}\"
  DECKWATCH_DEMO_SCHEMA_FILE: {schema}
instances: 2
client_header: x-client
readiness:
  path: /ready
  interval: 200ms
  timeout: 500ms
  healthy_after: 2
  unhealthy_after: 3
stop:
  drain: 3s
  grace: 2s
restart:
  initial: 200ms
  max: 5s
request_timeout: 5s
"
    )
}

fn releases() -> Vec<DemoRelease> {
    let release = |version, good, about, env: &[(&str, &str)]| DemoRelease {
        version,
        good,
        about,
        env: env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    vec![
        release("v1", true, "what runs today", &[]),
        release(
            "v2",
            true,
            "good: a little faster tail",
            &[("DECKWATCH_DEMO_SPREAD", "0.35")],
        ),
        release(
            "v3",
            false,
            "fails 4 % of its requests",
            &[("DECKWATCH_DEMO_ERRORS", "0.04")],
        ),
        release(
            "v5",
            true,
            "good: what v2 should have been",
            &[("DECKWATCH_DEMO_SPREAD", "0.3")],
        ),
        release(
            "v4",
            false,
            "120 ms slower for every fifth request",
            &[
                ("DECKWATCH_DEMO_LATENCY_MS", "120"),
                ("DECKWATCH_DEMO_LATENCY_SHARE", "0.2"),
            ],
        ),
        release(
            "v6",
            false,
            "keeps 64 KiB of memory with every request",
            &[("DECKWATCH_DEMO_LEAK_BYTES", "65536")],
        ),
        release(
            "v7",
            false,
            "dies whenever it is started",
            &[("DECKWATCH_DEMO_CRASH", "true")],
        ),
        release(
            "v8",
            false,
            "needs a migration, and fails 3 % of its requests",
            &[
                ("DECKWATCH_DEMO_RUNS_ON", "1,2"),
                ("DECKWATCH_DEMO_ERRORS", "0.03"),
            ],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use deckwatch_platform::local::ServiceDefinition;

    use super::*;
    use crate::DemoOptions;

    #[test]
    fn the_node_takes_the_definitions_and_the_service_its_environment() {
        let folder = Path::new("/tmp/a \"ground\"");
        let found = services(Path::new("/opt/deck \"watch\"/ctl"), folder, 7100);
        assert_eq!(found.len(), 3);
        for (service, port) in found.iter().zip(7100..) {
            let read = ServiceDefinition::from_yaml(&service.definition_yaml).unwrap();
            assert_eq!(read.service.as_str(), service.name);
            assert_eq!(read.listen.port(), port);
            assert_eq!(read.command[0], "/opt/deck \"watch\"/ctl");
            assert!(read.faults().is_empty());
            for release in &service.releases {
                let env = read.env.clone().into_iter().chain(release.env.clone());
                let options = DemoOptions::new(service.name, release.version, 1)
                    .with_environment(env)
                    .unwrap();
                let schema = schema_file(folder, service.name);
                assert_eq!(options.needs.file, Some(schema));
                let healthy = options.faults == crate::Faults::default();
                assert_eq!(healthy, release.good, "{}", release.version);
            }
            assert_eq!(
                service.release("v3").unwrap().env["DECKWATCH_DEMO_ERRORS"],
                "0.04"
            );
        }
    }
}
