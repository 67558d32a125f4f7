//! What a series is called: sorted pairs of names and values, cheap to clone.

use std::fmt;
use std::sync::Arc;

use crate::text::quote;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";
/// The label that holds a classic bucket's upper bound.
pub const BUCKET: &str = "le";
/// The label with a metric's type, where a source adds it.
pub const TYPE: &str = "__type__";
/// The label with a metric's unit, where a source adds it.
pub const UNIT: &str = "__unit__";

/// Whether the label describes the metric rather than its source: name, type or unit.
pub fn is_metadata(name: &str) -> bool {
    matches!(name, METRIC_NAME | TYPE | UNIT)
}

/// Whether a name may stand without quotes in a selector.
pub fn is_plain_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c == '_' || c.is_ascii_alphabetic())
        && chars.all(|c| c == '_' || c.is_ascii_alphanumeric())
}

/// Sorted names with values; a name occurs once, and an empty value is as good as none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

impl Default for Labels {
    fn default() -> Self {
        Labels(Arc::from([]))
    }
}

impl Labels {
    /// Labels from pairs in any order; of a name given twice the last value counts, empty values
    /// are left out.
    pub fn from_pairs<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut found: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            match found.binary_search_by(|(have, _)| have.cmp(&name)) {
                Ok(at) => found[at].1 = value,
                Err(at) => found.insert(at, (name, value)),
            }
        }
        found.retain(|(_, value)| !value.is_empty());
        Labels(found.into())
    }

    /// The value of a label; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).map_or("", |at| &self.0[at].1)
    }

    /// The metric's name; empty if there is none.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// Whether the label is there.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether there is no label at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(have, _)| &**have == name)
    }

    fn kept(&self, keep: impl Fn(&str) -> bool) -> Labels {
        if self.0.iter().all(|(name, _)| keep(name)) {
            return self.clone();
        }
        Labels(
            self.0
                .iter()
                .filter(|(name, _)| keep(name))
                .cloned()
                .collect(),
        )
    }

    /// Only the named labels.
    pub fn keep(&self, names: &[String]) -> Labels {
        self.kept(|name| names.iter().any(|n| n == name))
    }

    /// All but the named labels.
    pub fn without(&self, names: &[String]) -> Labels {
        self.kept(|name| !names.iter().any(|n| n == name))
    }

    /// All but one label.
    pub fn without_one(&self, gone: &str) -> Labels {
        self.kept(|name| name != gone)
    }

    /// All but name, type and unit.
    pub fn without_metadata(&self) -> Labels {
        self.kept(|name| !is_metadata(name))
    }

    /// The labels by which two sides of an operator are matched: the named ones (`on`), or all
    /// but the named ones and the metric's name (`ignoring`).
    pub fn matched(&self, on: bool, names: &[String]) -> Labels {
        self.kept(|name| {
            let named = names.iter().any(|n| n == name);
            if on {
                named
            } else {
                !named && name != METRIC_NAME
            }
        })
    }

    /// With one label set; an empty value removes it.
    pub fn with(&self, name: &str, value: &str) -> Labels {
        if value.is_empty() {
            return self.without_one(name);
        }
        let mut pairs: Vec<(Arc<str>, Arc<str>)> = self.0.to_vec();
        match pairs.binary_search_by(|(have, _)| (**have).cmp(name)) {
            Ok(at) => pairs[at].1 = value.into(),
            Err(at) => pairs.insert(at, (name.into(), value.into())),
        }
        Labels(pairs.into())
    }

    /// The hash that Prometheus gives the same labels (xxHash64 over length-prefixed names and
    /// values): `limit_ratio` picks by it.
    pub fn prometheus_hash(&self) -> u64 {
        let mut bytes = Vec::new();
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            let length = text.len();
            if length < 255 {
                bytes.push(length as u8);
            } else {
                bytes.push(255);
                bytes.extend_from_slice(&(length as u32).to_le_bytes()[..3]);
            }
            bytes.extend_from_slice(text.as_bytes());
        }
        crate::hash::xxhash64(&bytes)
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            if is_plain_name(name) {
                f.write_str(name)?;
            } else {
                f.write_str(&quote(name))?;
            }
            write!(f, "={}", quote(value))?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        Labels::from_pairs([("job", "a"), ("__name__", "up"), ("empty", ""), ("az", "x")])
    }

    #[test]
    fn they_are_sorted_and_empty_values_are_none() {
        assert_eq!(labels().to_string(), r#"{__name__="up", az="x", job="a"}"#);
        assert_eq!(labels().get("empty"), "");
        assert!(!labels().has("empty"));
    }

    #[test]
    fn matching_keeps_or_leaves() {
        let names = ["job".to_owned()];
        assert_eq!(labels().matched(true, &names).to_string(), r#"{job="a"}"#);
        assert_eq!(labels().matched(false, &names).to_string(), r#"{az="x"}"#);
    }

    #[test]
    fn setting_keeps_the_order() {
        let with = labels().with("b", "1").with("job", "");
        assert_eq!(with.to_string(), r#"{__name__="up", az="x", b="1"}"#);
        assert_eq!(with.without_metadata().to_string(), r#"{az="x", b="1"}"#);
    }
}
