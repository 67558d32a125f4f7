//! The published JSON Schema of `targets.yaml`. Written by hand, as the page people write is smaller
//! than the type it becomes; a test holds it against what the reader knows.

use serde_json::{Value, json};

fn object(required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "required": required, "properties": properties
    })
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn span() -> Value {
    json!({
        "type": "string",
        "description": "A length of time: 500ms, 30s, 5m, 1h 30m",
        "pattern": "^(0|([0-9]+ *(ms|s|m|h|d) *)+)$"
    })
}

fn texts() -> Value {
    json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})
}

fn login() -> Value {
    let secret = json!({
        "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$",
        "description": "The name of a secret, never its value"
    });
    let basic = object(
        &["user", "password"],
        json!({"user": {"type": "string"}, "password": secret}),
    );
    object(&[], json!({"bearer": secret, "basic": basic}))
}

fn tls() -> Value {
    let file = json!({"type": "string", "description": "The whole path of a PEM file"});
    object(
        &[],
        json!({"ca": file, "cert": file, "key": file, "server_name": {"type": "string"}}),
    )
}

fn rule() -> Value {
    let text = json!({"type": "string"});
    object(
        &[],
        json!({
            "action": {
                "enum": ["replace", "keep", "drop", "keepequal", "dropequal", "hashmod", "lowercase",
                         "uppercase", "labelmap", "labeldrop", "labelkeep"],
                "default": "replace"
            },
            "source_labels": list(text.clone()),
            "separator": {"type": "string", "default": ";"},
            "regex": {"type": ["string", "number", "boolean"], "default": "(.*)"},
            "target_label": text,
            "replacement": {"type": ["string", "number", "boolean"], "default": "$1"},
            "modulus": {"type": "integer", "minimum": 1}
        }),
    )
}

/// What every way of scraping has in common.
fn scraping(own: Value) -> Value {
    let mut properties = json!({
        "job": {"type": "string", "minLength": 1},
        "interval": span(), "timeout": span(),
        "scheme": {"enum": ["http", "https"], "default": "http"},
        "path": {"type": "string", "pattern": "^/", "default": "/metrics"},
        "params": {"type": "object"},
        "honor_labels": {"type": "boolean", "default": false},
        "honor_timestamps": {"type": "boolean", "default": true},
        "body_limit": {"type": ["string", "integer"], "default": "16MiB"},
        "sample_limit": {"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 50_000},
        "auth": login(), "tls": tls(),
        "relabel_configs": list(rule()), "metric_relabel_configs": list(rule())
    });
    if let (Some(all), Value::Object(own)) = (properties.as_object_mut(), own) {
        all.extend(own);
    }
    properties
}

fn job() -> Value {
    let targets = list(json!({
        "type": "string", "description": "host:port, or a whole http or https address"
    }));
    let group = object(&["targets"], json!({"targets": targets, "labels": texts()}));
    let own = json!({"targets": targets, "labels": texts(), "groups": list(group)});
    object(&["job"], scraping(own))
}

fn probe() -> Value {
    let text = json!({"type": "string"});
    let http = json!({
        "url": {"type": "string", "pattern": "^https?://"},
        "method": {"type": "string", "default": "GET"},
        "headers": texts(), "body": text, "auth": login(), "tls": tls()
    });
    let with_tls = json!({"oneOf": [{"type": "boolean"}, tls()]});
    let status = json!({"type": "integer", "minimum": 100, "maximum": 599});
    let expect = json!({
        "status": {"oneOf": [status, list(status.clone())]},
        "body": {"type": "string", "description": "A regular expression, found anywhere in the body"},
        "answer": {"type": "string", "description": "Of dns: a regular expression for one whole answer"},
        "latency": span(),
        "certificate_days": {"type": "integer", "minimum": 0, "maximum": 3650}
    });
    let dns = json!({
        "name": text,
        "record": {"enum": ["A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT"], "default": "A"},
        "server": {"type": "string", "description": "An IP address, with or without a port"}
    });
    object(
        &["probe"],
        json!({
            "probe": text,
            "component": {"type": "string", "description": "What it tells about; else its own name"},
            "critical": {"type": "boolean", "default": true},
            "every": span(),
            "timeout": {"description": "At most 500ms", "allOf": [span()]},
            "http": object(&["url"], http),
            "tcp": object(&["address"], json!({"address": text, "tls": with_tls})),
            "dns": object(&["name"], dns),
            "expect": object(&[], expect)
        }),
    )
}

pub(super) fn schema() -> Value {
    let kubernetes = json!({
        "namespaces": list(json!({"type": "string"})),
        "via": {"enum": ["api-server", "direct"], "default": "api-server"}
    });
    let host = json!({
        "measured": {"type": "boolean", "description": "This machine; else as the environment has it"},
        "every": span(),
        "programs": {"type": "integer", "minimum": 0, "maximum": 100, "default": 10}
    });
    let mut whole = object(
        &[],
        json!({
            "defaults": object(&[], json!({"interval": span(), "timeout": span()})),
            "scrape": list(job()),
            "kubernetes": object(&[], scraping(kubernetes)),
            "probes": list(probe()),
            "host": object(&[], host)
        }),
    );
    if let Some(whole) = whole.as_object_mut() {
        let dialect = "https://json-schema.org/draft/2020-12/schema";
        whole.insert("$schema".into(), dialect.into());
        whole.insert("title".into(), "Deckwatch targets".into());
    }
    whole
}
