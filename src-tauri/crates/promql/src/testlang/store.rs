//! What a file has loaded, kept as a database would keep it.

use std::collections::HashMap;

use crate::head::Head;
use crate::labels::Labels;
use crate::value::SampleValue;

/// A sample to store.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub t: i64,
    /// When its counter began; 0 if unknown.
    pub start: i64,
    pub value: SampleValue,
}

#[derive(Default)]
pub(super) struct Store {
    places: HashMap<Labels, usize>,
    series: Vec<(Labels, Vec<Stored>)>,
}

impl Store {
    /// Adds samples to a series. A moment that is there already keeps its sample.
    pub fn append(&mut self, labels: Labels, samples: Vec<Stored>) {
        let place = *self.places.entry(labels).or_insert_with_key(|labels| {
            self.series.push((labels.clone(), Vec::new()));
            self.series.len() - 1
        });
        let kept = &mut self.series[place].1;
        kept.extend(samples);
        kept.sort_by_key(|sample| sample.t);
        kept.dedup_by_key(|sample| sample.t);
    }

    /// Whether any histogram was loaded.
    pub fn has_histograms(&self) -> bool {
        self.series
            .iter()
            .flat_map(|(_, samples)| samples)
            .any(|s| matches!(s.value, SampleValue::Histogram(_)))
    }

    /// The series as queries find them: as a database gives them back.
    pub fn source(&self) -> Head {
        let mut head = Head::default();
        for (labels, samples) in &self.series {
            for sample in samples {
                // They are in order and no moment is there twice, so that none is refused.
                let _ = head.append(labels, sample.t, sample.start, &sample.value);
            }
        }
        head
    }
}
