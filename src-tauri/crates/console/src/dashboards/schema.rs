//! The published JSON Schema of a dashboard as people write it.

use serde_json::{Value, json};

pub(super) fn dashboard_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Deckwatch dashboard",
        "type": "object",
        "required": ["title", "panels"],
        "additionalProperties": false,
        "properties": {
            "title": {"type": "string"},
            "about": {"type": "string"},
            "source": {
                "enum": ["samples", "prometheus"],
                "description": "Who is asked; without it the environment's default"
            },
            "variables": {"type": "array", "maxItems": 60, "items": variable()},
            "panels": {"type": "array", "maxItems": 60, "items": panel()}
        }
    })
}

fn variable() -> Value {
    json!({
        "type": "object",
        "required": ["name"],
        "additionalProperties": false,
        "oneOf": [{"required": ["label"]}, {"required": ["values"]}],
        "properties": {
            "name": {"type": "string", "pattern": "^[A-Za-z0-9_]+$"},
            "title": {"type": "string"},
            "label": {"type": "string", "description": "Its values are those of this label"},
            "of": {"type": "string", "description": "A selector of the series that are meant"},
            "all": {
                "type": "boolean",
                "default": false,
                "description": "All values at once can be chosen; queries then say =~\"$name\""
            },
            "values": {"type": "array", "maxItems": 60, "items": {"type": ["string", "number"]}}
        }
    })
}

fn panel() -> Value {
    let query = json!({
        "type": "string",
        "description": "PromQL; $name is a variable, $window a rate's window, $step the picture's step"
    });
    json!({
        "type": "object",
        "required": ["title", "queries"],
        "additionalProperties": false,
        "properties": {
            "title": {"type": "string"},
            "about": {"type": "string"},
            "unit": {
                "enum": ["none", "seconds", "bytes", "bytes-per-second", "share", "per-second"],
                "description": "Without it, what the query says"
            },
            "width": {"type": "integer", "minimum": 2, "maximum": 12, "default": 6},
            "queries": {
                "type": "array",
                "minItems": 1,
                "maxItems": 60,
                "items": {"oneOf": [query.clone(), {
                    "type": "object",
                    "required": ["query"],
                    "additionalProperties": false,
                    "properties": {
                        "query": query,
                        "legend": {"type": "string", "description": "{{slot}} stands for a label"}
                    }
                }]}
            }
        }
    })
}
