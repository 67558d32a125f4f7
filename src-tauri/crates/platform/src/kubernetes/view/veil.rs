//! What is left out of an object before it is shown. Pure.
//!
//! Secrets are not read at all. But people write passwords into plain variables too, and `kubectl
//! apply` keeps a copy of them in an annotation: neither leaves this room.

use serde_json::{Value, json};

pub(super) const VEILED: &str = "(not shown)";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Parts of the names of variables whose values are nobody's to read.
const TELLING: &[&str] = &[
    "PASSW",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "API_KEY",
    "APIKEY",
    "PRIVATE",
];

fn is_telling(name: &str) -> bool {
    let name = name.to_uppercase();
    TELLING.iter().any(|part| name.contains(part))
        || name.ends_with("_KEY")
        || name.ends_with("PWD")
}

/// Hides the values of variables whose names say that they are secret, wherever they stand, and
/// copies of the whole. Annotations of our own that carry variables are hidden the same way.
pub(super) fn veil(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(veil),
        Value::Object(map) => {
            let telling = map
                .get("name")
                .and_then(Value::as_str)
                .is_some_and(is_telling);
            if telling && map.get("value").is_some_and(Value::is_string) {
                map.insert("value".into(), json!(VEILED));
            }
            for (key, child) in map.iter_mut() {
                match child {
                    Value::String(_) if key == LAST_APPLIED => *child = json!(VEILED),
                    Value::String(text) if key.starts_with("deckwatch.dev/") => {
                        if let Ok(mut inner @ Value::Object(_)) = serde_json::from_str(text) {
                            veil(&mut inner);
                            *text = inner.to_string();
                        }
                    }
                    // A release's variables stand as a map.
                    Value::Object(env) if key == "env" => {
                        for (name, value) in env.iter_mut().filter(|(name, _)| is_telling(name)) {
                            if !value.is_null() && !name.is_empty() {
                                *value = json!(VEILED);
                            }
                        }
                    }
                    other => veil(other),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_by_its_name_is_not_shown() {
        let release = json!({"version": "v2", "env": {"DB_PASSWORD": "hunter2", "MODE": "fast"}});
        let mut object = json!({
            "metadata": {"annotations": {
                LAST_APPLIED: "{\"env\": \"hunter2\"}",
                "deckwatch.dev/release": release.to_string(),
                "note": "plain"}},
            "spec": {"containers": [{"name": "main", "env": [
                {"name": "DB_PASSWORD", "value": "hunter2"},
                {"name": "STRIPE_KEY", "value": "hunter2"},
                {"name": "REF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                {"name": "MODE", "value": "fast"}]}]},
        });
        veil(&mut object);
        let text = object.to_string();
        assert!(!text.contains("hunter2"), "{text}");
        let env = &object["spec"]["containers"][0]["env"];
        assert_eq!(env[0]["value"], VEILED);
        // Where a value comes from is no secret.
        assert_eq!(env[2]["valueFrom"]["secretKeyRef"]["name"], "s");
        assert_eq!(env[3]["value"], "fast");
        assert_eq!(object["metadata"]["annotations"]["note"], "plain");
        let kept = object["metadata"]["annotations"]["deckwatch.dev/release"].as_str();
        assert!(kept.is_some_and(|text| text.contains("\"MODE\":\"fast\"")));
    }
}
