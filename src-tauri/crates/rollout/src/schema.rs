//! The published JSON Schema of a plan as people write it.
//!
//! Written by hand, as the page people write is smaller than the type it becomes; a test holds it
//! against every preset's keys.

use serde_json::{Value, json};

pub(crate) fn plan_schema() -> Value {
    let span = json!({
        "type": "string",
        "description": "A length of time: 500ms, 30s, 5m, 1h 30m, 2d",
        "pattern": "^(0|([0-9]+ *(ms|s|m|h|d) *)+)$"
    });
    let share = json!({
        "description": "A share: 0.01 or 1%",
        "oneOf": [{"type": "number"}, {"type": "string", "pattern": "^[0-9.]+ *%$"}]
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Deckwatch rollout plan",
        "type": "object",
        "required": ["plan", "strategy", "steps", "analysis"],
        "additionalProperties": false,
        "properties": {
            "plan": {"type": "string", "description": "The plan's name"},
            "strategy": {"enum": ["canary", "blue-green", "rolling", "audience"]},
            "batch": {
                "description": "Of rolling: instances at a time, or a share of them",
                "oneOf": [
                    {"type": "integer", "minimum": 1, "maximum": 1000},
                    {"type": "string", "pattern": "^[0-9]+ *%$"}
                ],
                "default": 1
            },
            "surge": {
                "type": "boolean",
                "default": true,
                "description": "Of rolling: new instances stand before old ones leave"
            },
            "audience": audience(),
            "steps": {"type": "array", "minItems": 1, "maxItems": 50, "items": step(&span, &share)},
            "analysis": analysis(&span, &share),
            "on_error": {"enum": ["hold", "rollback"], "default": "hold"},
            "on_driver_lost": {"enum": ["hold", "rollback"], "default": "hold"},
            "rollback_window": span,
            "baseline": span,
            "rehearse_every": span,
            "before": tasks(&span),
            "during": tasks(&span),
            "after": tasks(&span),
            "verify": tasks(&span),
            "export": task(&span),
            "import": task(&span),
            "validate": {"type": "array", "maxItems": 50, "items": check(&span, &share)},
            "validated_within": span,
            "rollback": {"enum": ["quick", "full", "data-preserving"], "default": "quick"},
            "deadlines": {
                "type": "object",
                "additionalProperties": false,
                "properties": {"capacity": span, "traffic": span, "gate": span}
            }
        }
    })
}

fn tasks(span: &Value) -> Value {
    json!({"type": "array", "maxItems": 50, "items": task(span)})
}

fn command() -> Value {
    json!({"type": "array", "minItems": 1, "items": {"type": "string"}})
}

fn http() -> Value {
    json!({
        "type": "object",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "method": {"type": "string", "default": "GET"},
            "url": {"type": "string", "pattern": "^https?://"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "body": {"type": "string"},
            "expect": {"type": "integer", "minimum": 100, "maximum": 599},
            "contains": {"type": "string"}
        }
    })
}

/// A check, or the name of checks that ship.
fn check(span: &Value, share: &Value) -> Value {
    let presets: Vec<&str> = crate::plan::CHECKS.iter().map(|(name, _)| *name).collect();
    json!({
        "type": ["string", "object"],
        "if": {"type": "string"},
        "then": {"enum": presets},
        "required": ["name"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string"},
            "description": {"type": "string"},
            "command": command(),
            "http": http(),
            "health": {"type": "string", "description": "An address that begins with http:// or https://, or a service"},
            "baseline": {
                "type": ["string", "object"],
                "required": ["name"],
                "additionalProperties": false,
                "properties": {"name": {"type": "string"}, "over": span, "p95": share, "mean": share, "errors": share}
            },
            "dependencies": {"type": "array", "items": {"type": "string"}},
            "inspect": {"enum": ["program", "secrets"]},
            "timeout": span,
            "retries": {"type": "integer", "minimum": 0, "maximum": 20, "default": 3},
            "critical": {"type": "boolean", "default": true},
            "env": {"type": "object", "additionalProperties": {"type": "string"}},
            "secrets": {"type": "object", "additionalProperties": {"type": "string"}}
        }
    })
}

fn task(span: &Value) -> Value {
    let does = json!({"command": command(), "http": http()});
    let mut properties = json!({
        "name": {"type": "string"},
        "kind": {"enum": ["smoke", "load", "synthetic", "migration", "backup", "cache-purge", "other"]},
        "timeout": span,
        "retries": {"type": "integer", "minimum": 0, "maximum": 20, "default": 0},
        "critical": {"type": "boolean", "default": true},
        "way_back": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": false,
            "properties": does
        },
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
        "secrets": {"type": "object", "additionalProperties": {"type": "string"}},
        "previous_runs_on_new_schema": {"type": "boolean"},
        "every": span
    });
    for (name, value) in does.as_object().into_iter().flatten() {
        properties[name] = value.clone();
    }
    json!({
        "type": "object",
        "required": ["name"],
        "additionalProperties": false,
        "properties": properties
    })
}

fn step(span: &Value, share: &Value) -> Value {
    let time = json!({"type": "string", "pattern": "^[0-2]?[0-9]:[0-5][0-9]$"});
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "weight": {
                "type": "integer",
                "minimum": 0,
                "maximum": 100,
                "description": "Of 100 requests; of audience, of 100 people. Rolling has none"
            },
            "day": {"type": "integer", "minimum": 1, "maximum": 366},
            "at": time,
            "bake": {
                "type": "object",
                "required": ["min", "max"],
                "additionalProperties": false,
                "properties": {"min": span, "max": span}
            },
            "analysis": {"type": "boolean", "default": true},
            "pause": {"oneOf": [{"type": "boolean"}, span]},
            "tasks": tasks(span),
            "gates": {"type": "array", "items": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": false,
                "properties": {
                    "approval": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                            "count": {"type": "integer", "minimum": 1, "maximum": 20},
                            "role": {"type": "string"}
                        }
                    },
                    "window": {
                        "type": "object",
                        "required": ["from", "to"],
                        "additionalProperties": false,
                        "properties": {"from": time, "to": time}
                    },
                    "no_freeze": {"type": "boolean"},
                    "budget_left": {"oneOf": [share, {
                        "type": "object",
                        "required": ["at_least"],
                        "additionalProperties": false,
                        "properties": {"at_least": share, "objective": {"type": "string"}}
                    }]},
                    "no_page": {"type": "boolean"},
                    "burn_below": {
                        "type": "object",
                        "required": ["factor", "window"],
                        "additionalProperties": false,
                        "properties": {
                            "factor": {"type": "number", "exclusiveMinimum": 0},
                            "window": span,
                            "objective": {"type": "string"}
                        }
                    }
                }
            }}
        }
    })
}

fn audience() -> Value {
    json!({
        "type": "object",
        "required": ["flag", "by"],
        "additionalProperties": false,
        "properties": {
            "flag": {"type": "string", "description": "The feature flag's name"},
            "by": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": false,
                "properties": {"header": {"type": "string"}, "cookie": {"type": "string"}}
            },
            "people": {"type": "array", "maxItems": 500, "items": {"type": "string"}},
            "number": {"type": "integer", "minimum": 1, "description": "How many people there are"}
        }
    })
}

fn analysis(span: &Value, share: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["metrics"],
        "additionalProperties": false,
        "properties": {
            "alpha": {"type": "number", "minimum": 0.000001, "maximum": 0.2, "default": 0.01},
            "interval": span,
            "metrics": {"type": "array", "items": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": false,
                "properties": {
                    "name": {"type": "string"},
                    "count": {"enum": ["errors", "client-errors"]},
                    "slower_than": span,
                    "query": {
                        "type": "object",
                        "required": ["bad", "total"],
                        "additionalProperties": false,
                        "description": "Two counters in PromQL; $service, $slot and $release stand for what is judged",
                        "properties": {"bad": {"type": "string"}, "total": {"type": "string"}}
                    },
                    "critical": {"type": "boolean", "default": true},
                    "harm": {"type": "number", "description": "Odds ratio up to which nothing is called harm"},
                    "tolerate": {"type": "number", "description": "Odds ratio below which it passes"},
                    "margin": share
                }
            }},
            "limits": {"type": "array", "items": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": false,
                "properties": {
                    "name": {"type": "string"},
                    "success_at_least": share,
                    "errors_at_most": share,
                    "mean_over_baseline": share,
                    "after": {"type": "integer", "minimum": 1, "default": 100},
                    "query": {
                        "type": "string",
                        "description": "PromQL with $service, $slot and $release; of several series the worst counts"
                    },
                    "at_most": {"type": "number"},
                    "at_least": {"type": "number"},
                    "in_a_row": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 3}
                }
            }},
            "gauges": {"type": "array", "items": {
                "type": "object",
                "required": ["series"],
                "additionalProperties": false,
                "properties": {
                    "series": {"enum": ["cpu", "memory"]},
                    "may_fail": {"type": "boolean", "default": false}
                }
            }},
            "accept_no_harm_after": {"type": "integer", "minimum": 1}
        }
    })
}

#[cfg(test)]
mod tests {
    use deckwatch_domain::{Node, Value as Yaml, parse_document};
    use serde_json::Value;

    /// Every key of `node` is in the schema at the same place.
    fn known(node: &Node, schema: &Value) {
        match &node.value {
            Yaml::Map(entries) => {
                for (key, inner) in entries {
                    let property = &schema["properties"][key];
                    assert!(!property.is_null(), "{} is not in the schema", inner.path);
                    known(inner, property);
                }
            }
            Yaml::List(items) => items.iter().for_each(|i| known(i, &schema["items"])),
            _ => {}
        }
    }

    #[test]
    fn the_schema_knows_every_key_of_every_preset() {
        for (_, _, text) in crate::plan::BUILTIN {
            known(&parse_document(text).unwrap(), &super::plan_schema());
        }
        for (_, text) in crate::plan::CHECKS {
            let pasted = text.split_once("validate:").unwrap().1;
            let pasted = format!("validate:{pasted}");
            known(&parse_document(&pasted).unwrap(), &super::plan_schema());
        }
    }
}
