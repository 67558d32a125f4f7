//! Values written as the YAML that people edit.

use saphyr::LoadableYamlNode;

/// Writes a value as YAML, block by block, in the order of its fields.
pub fn to_yaml(value: &impl serde::Serialize) -> String {
    let mut out = String::new();
    // JSON is YAML, so the text is read and written once more, in the way people write it.
    let json = serde_json::to_string(value).unwrap_or_default();
    let Ok(documents) = saphyr::Yaml::load_from_str(&json) else {
        return out;
    };
    if let Some(document) = documents.first() {
        // Writing to a string cannot fail.
        let _ = saphyr::YamlEmitter::new(&mut out).dump(document);
    }
    out.strip_prefix("---\n").unwrap_or(&out).to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Problems, parse_document};

    #[test]
    fn yaml_is_written_as_it_is_read() {
        let value = serde_json::json!({
            "service": "checkout",
            "command": ["/bin/x y", "--port", "{port}"],
            "env": {"A": "1", "B": "true", "C": "a: b # c", "D": ""},
            "instances": 2,
        });
        let text = to_yaml(&value);
        assert!(text.starts_with("service: checkout\n") || text.contains("\nservice: checkout\n"));
        let node = parse_document(&text).unwrap();
        let mut problems = Problems::default();
        let mut entries = node.entries(&mut problems);
        let mut env = entries.get("env").unwrap().entries(&mut problems);
        for (name, wanted) in [("A", "1"), ("B", "true"), ("C", "a: b # c"), ("D", "")] {
            let read = env.get(name).and_then(|n| n.text(&mut problems));
            assert_eq!(read.as_deref(), Some(wanted));
        }
    }
}
