//! Plans and definitions in seconds, for the traffic that these tests make.

use std::path::Path;

/// A service of the training ground's own kind, quick to become ready and to stop.
pub fn definition(program: &Path, port: u16) -> String {
    let program = serde_json::Value::from(program.to_string_lossy().into_owned());
    format!(
        "\
service: checkout
listen: 127.0.0.1:{port}
command: [{program}, demo-service, --name, checkout, --version, \"{{version}}\", --port, \"{{port}}\"]
env:
  DECKWATCH_DEMO_MEDIAN_MS: \"1\"
instances: 2
client_header: x-client
readiness: {{ path: /ready, interval: 100ms, timeout: 2s, healthy_after: 1, unhealthy_after: 2 }}
stop: {{ drain: 1s, grace: 1s }}
restart: {{ initial: 100ms, max: 1s }}
request_timeout: 20s
"
    )
}

const ANALYSIS: &str = "\
analysis:
  alpha: 0.05
  interval: 500ms
  metrics:
    - { name: errors, count: errors, margin: 10% }
";

const REST: &str = "\
baseline: 1s
rehearse_every: 2s
deadlines: { capacity: 60s, traffic: 30s }
";

/// Two judged steps, a second or two each.
pub fn quick() -> String {
    quick_with("rollback_window: 10m\n")
}

pub fn quick_with(more: &str) -> String {
    format!(
        "\
plan: quick
strategy: canary
steps:
  - weight: 20
    bake: {{ min: 500ms, max: 2m }}
  - weight: 100
    bake: {{ min: 500ms, max: 2m }}
{ANALYSIS}{REST}{more}"
    )
}

/// Stands at `weight` and is not judged there, until somebody ends it.
pub fn standing_at(weight: u8) -> String {
    let last = match weight {
        100 => "",
        _ => "  - { weight: 100, bake: { min: 0s, max: 1m }, analysis: false }\n",
    };
    format!(
        "\
plan: standing
strategy: canary
steps:
  - {{ weight: {weight}, bake: {{ min: 10m, max: 20m }}, analysis: false }}
{last}{ANALYSIS}rollback_window: 10m
baseline: 0s
rehearse_every: 1s
deadlines: {{ capacity: 60s, traffic: 30s }}
"
    )
}

/// Promotes without a judge, as fast as the candidate is ready.
pub fn straight(window: &str) -> String {
    format!(
        "\
plan: straight
strategy: canary
steps:
  - {{ weight: 100, bake: {{ min: 0s, max: 1m }}, analysis: false }}
{ANALYSIS}rollback_window: {window}
baseline: 0s
rehearse_every: 1s
deadlines: {{ capacity: 60s, traffic: 30s }}
"
    )
}

/// One unjudged step with these gates, then everyone.
pub fn gated(gates: &str) -> String {
    format!(
        "\
plan: gated
strategy: canary
steps:
  - weight: 20
    bake: {{ min: 0s, max: 1m }}
    analysis: false
    gates: {gates}
  - {{ weight: 100, bake: {{ min: 0s, max: 1m }}, analysis: false }}
{ANALYSIS}rollback_window: 10m
baseline: 0s
"
    )
}

/// One instance after the other, judged.
pub fn rolling() -> String {
    format!(
        "\
plan: quick-rolling
strategy: rolling
batch: 1
steps:
  - bake: {{ min: 500ms, max: 2m }}
{ANALYSIS}{REST}rollback_window: 10m
"
    )
}

/// A preview, tasks around it, and the switch.
pub fn blue_green() -> String {
    format!(
        "\
plan: quick-blue-green
strategy: blue-green
before:
  - {{ name: migrate, kind: migration, command: [\"true\"], way_back: {{ command: [\"true\"] }} }}
steps:
  - weight: 0
    bake: {{ min: 0s, max: 2m }}
    tasks: [{{ name: smoke, kind: smoke, command: [\"true\"], retries: 3 }}]
  - weight: 100
    bake: {{ min: 500ms, max: 2m }}
rollback: full
{ANALYSIS}{REST}rollback_window: 10m
"
    )
}

/// Half of the clients, then all.
pub fn audience() -> String {
    format!(
        "\
plan: quick-audience
strategy: audience
audience: {{ flag: new, by: {{ header: x-client }}, people: [c000001] }}
steps:
  - {{ weight: 50, bake: {{ min: 500ms, max: 2m }} }}
  - {{ weight: 100, bake: {{ min: 500ms, max: 2m }} }}
{ANALYSIS}{REST}rollback_window: 10m
"
    )
}
