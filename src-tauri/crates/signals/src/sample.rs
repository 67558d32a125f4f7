//! One number with its name and labels.

/// Labels, sorted by name, each name once.
pub type Labels = Vec<(String, String)>;

/// One number as a target stated it. The value may be any float, NaN and the infinities included.
#[derive(Clone, Debug)]
pub struct Sample {
    pub name: String,
    /// Sorted by label name; no name twice; no empty value (an empty label is no label).
    pub labels: Labels,
    pub value: f64,
    /// The target's own idea of when, in milliseconds since the epoch. Rarely given.
    pub timestamp_ms: Option<i64>,
}

/// Two samples are equal when nothing distinguishes them; NaN equals itself here.
impl PartialEq for Sample {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.labels == other.labels
            && self.value.to_bits() == other.value.to_bits()
            && self.timestamp_ms == other.timestamp_ms
    }
}

impl Sample {
    /// A sample with these labels, in whatever order they are given.
    pub fn new(name: &str, labels: &[(&str, &str)], value: f64) -> Self {
        let mut labels: Labels = labels
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        labels.sort();
        labels.dedup_by(|a, b| a.0 == b.0);
        Sample {
            name: name.to_owned(),
            labels,
            value,
            timestamp_ms: None,
        }
    }

    /// Adds a label unless the sample brings its own of that name.
    pub fn label_if_absent(&mut self, name: &str, value: &str) {
        if let Err(place) = self
            .labels
            .binary_search_by(|(have, _)| have.as_str().cmp(name))
        {
            self.labels
                .insert(place, (name.to_owned(), value.to_owned()));
        }
    }
}

/// The value of one label, or the empty text, which is what an absent label means.
pub(crate) fn label<'l>(labels: &'l [(String, String)], name: &str) -> &'l str {
    labels
        .iter()
        .find(|(have, _)| have == name)
        .map_or("", |(_, value)| value.as_str())
}
