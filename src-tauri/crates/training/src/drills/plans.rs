//! The plans of drills that need one of their own: seconds where others take minutes, and nothing
//! that only a drill can do.

use std::path::Path;

const ERRORS: &str = "\
analysis:
  alpha: 0.01
  interval: 1s
  metrics:
    - { name: errors, count: errors, margin: 3% }
";

fn plan(name: &str, capacity: &str, steps: &[&str], more: &str) -> String {
    let steps: String = steps.iter().map(|s| format!("  - {{ {s} }}\n")).collect();
    format!(
        "\
plan: {name}
strategy: canary
steps:
{steps}{more}on_error: hold
on_driver_lost: hold
rollback_window: 10m
baseline: 0s
rehearse_every: 10s
deadlines: {{ capacity: {capacity}, traffic: 10s }}
"
    )
}

/// Two judged steps.
pub(super) fn short() -> String {
    let steps = [
        "weight: 10, bake: { min: 3s, max: 60s }",
        "weight: 100, bake: { min: 3s, max: 60s }",
    ];
    plan("drill-short", "30s", &steps, ERRORS)
}

/// A bake, a pause that ends by itself, and another bake.
pub(super) fn clock() -> String {
    let steps = [
        "weight: 10, bake: { min: 3s, max: 60s }, pause: 3s",
        "weight: 100, bake: { min: 3s, max: 60s }",
    ];
    plan("drill-clock", "30s", &steps, ERRORS)
}

/// A pause in which people go away, and a step that has seconds to find somebody.
pub(super) fn quiet() -> String {
    let steps = [
        "weight: 10, bake: { min: 2s, max: 60s }, pause: 2s",
        "weight: 100, bake: { min: 2s, max: 5s }",
    ];
    plan("drill-quiet", "30s", &steps, ERRORS)
}

/// Instance by instance; what was there before is kept for so long.
pub(super) fn rolling(window: &str) -> String {
    format!(
        "\
plan: drill-rolling
strategy: rolling
batch: 1
steps:
  - {{ bake: {{ min: 1s, max: 60s }}, analysis: false }}
analysis: {{ metrics: [] }}
on_error: hold
on_driver_lost: hold
rollback_window: {window}
baseline: 0s
rehearse_every: 10s
deadlines: {{ capacity: 30s, traffic: 10s }}
"
    )
}

/// Five seconds to be ready.
pub(super) fn crash() -> String {
    let steps = [
        "weight: 25, bake: { min: 2s, max: 60s }",
        "weight: 100, bake: { min: 2s, max: 60s }",
    ];
    plan("drill-crash", "5s", &steps, ERRORS)
}

/// Errors are judged, memory only warns, and a person decides.
pub(super) fn leak() -> String {
    let steps = [
        "weight: 25, bake: { min: 8s, max: 60s }, pause: true",
        "weight: 100, bake: { min: 3s, max: 60s }",
    ];
    let analysis = format!("{ERRORS}  gauges:\n    - series: memory\n");
    plan("drill-leak", "30s", &steps, &analysis)
}

/// Once everyone has the release, its migration makes the schema one on which the version before
/// does not run.
pub(super) fn migration(schema: &Path) -> String {
    // JSON's strings are YAML's double-quoted ones, whatever a path may contain.
    let schema = serde_json::Value::from(schema.to_string_lossy().into_owned());
    let steps = ["weight: 100, bake: { min: 1s, max: 60s }, analysis: false"];
    let more = format!(
        "\
after:
  - name: contract the schema
    kind: migration
    command: [sh, -c, 'echo 2 > \"$SCHEMA\"']
    env: {{ SCHEMA: {schema} }}
    way_back: {{ command: [sh, -c, 'echo 1 > \"$SCHEMA\"'] }}
    previous_runs_on_new_schema: false
analysis: {{ metrics: [] }}
"
    );
    plan("drill-migration", "30s", &steps, &more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_reads() {
        let schema = Path::new("/tmp/a \"ground\"/checkout.schema");
        let all = [
            short(),
            clock(),
            quiet(),
            crash(),
            leak(),
            migration(schema),
        ];
        for text in all {
            let read = deckwatch_rollout::plan::read(&text);
            let plan = read.unwrap_or_else(|e| panic!("{text}\n{e}"));
            assert_eq!(plan.steps.last().unwrap().weight, 100, "{}", plan.name);
        }
        let plan = deckwatch_rollout::plan::read(&migration(schema)).unwrap();
        let migration = &plan.around.after[0];
        assert_eq!(migration.previous_runs_on_new_schema, Some(false));
        assert_eq!(migration.env["SCHEMA"], schema.display().to_string());
    }
}
