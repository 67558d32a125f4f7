//! Histograms in words: as label values and results show them, and as the test language writes
//! them.

use std::fmt;

use super::{Bucket, Histogram, ResetHint};
use crate::text::float_g;

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{count:{}, sum:{}",
            float_g(self.count),
            float_g(self.sum)
        )?;
        let filled = |b: &&Bucket| b.count != 0.0;
        for bucket in self.negative.iter().rev().filter(filled) {
            write!(f, ", {}", self.negative_range(bucket))?;
        }
        if self.zero_count != 0.0 {
            write!(f, ", {}", self.zero_range())?;
        }
        for bucket in self.positive.iter().filter(filled) {
            write!(f, ", {}", self.positive_range(bucket))?;
        }
        f.write_str("}")
    }
}

impl Histogram {
    /// The histogram as the test language writes it.
    pub fn test_expression(&self) -> String {
        let mut parts = Vec::new();
        let mut number = |key: &str, value: f64| {
            if value != 0.0 {
                parts.push(format!("{key}:{}", float_g(value)));
            }
        };
        number("schema", f64::from(self.schema));
        number("count", self.count);
        number("sum", self.sum);
        number("z_bucket", self.zero_count);
        number("z_bucket_w", self.zero_threshold);
        if self.uses_custom_buckets() {
            parts.push(format!("custom_values:[{}]", list(&self.custom_bounds)));
        }
        match self.reset_hint {
            ResetHint::Unknown => {}
            ResetHint::Reset => parts.push("counter_reset_hint:reset".to_owned()),
            ResetHint::NotReset => parts.push("counter_reset_hint:not_reset".to_owned()),
            ResetHint::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
        }
        for (buckets, key, offset) in [
            (&self.positive, "buckets", "offset"),
            (&self.negative, "n_buckets", "n_offset"),
        ] {
            let (start, counts) = dense(buckets);
            if counts.is_empty() {
                continue;
            }
            if start != 0 {
                parts.push(format!("{offset}:{start}"));
            }
            parts.push(format!("{key}:[{}]", list(&counts)));
        }
        format!("{{{{{}}}}}", parts.join(" "))
    }
}

fn list(values: &[f64]) -> String {
    let words: Vec<String> = values.iter().map(|v| float_g(*v)).collect();
    words.join(" ")
}

/// The first filled index, and all counts from there on, gaps as zeros.
fn dense(buckets: &[Bucket]) -> (i32, Vec<f64>) {
    /// A gap wider than this is a broken histogram; do not write it out.
    const WIDEST: i64 = 10_000;
    let mut filled = buckets.iter().filter(|b| b.count != 0.0);
    let Some(first) = filled.next() else {
        return (0, Vec::new());
    };
    let mut counts = vec![first.count];
    for bucket in filled {
        let at = i64::from(bucket.index) - i64::from(first.index);
        if at > WIDEST {
            break;
        }
        counts.resize(at as usize, 0.0);
        counts.push(bucket.count);
    }
    (first.index, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_reads_from_low_to_high() {
        let bucket = |index, count| Bucket { index, count };
        let h = Histogram {
            count: 20.0,
            sum: 10.0,
            zero_threshold: 0.001,
            zero_count: 2.0,
            positive: vec![bucket(0, 1.0), bucket(1, 2.0)],
            negative: vec![bucket(0, 1.0), bucket(1, 2.0)],
            ..Histogram::default()
        };
        assert_eq!(
            h.to_string(),
            "{count:20, sum:10, [-2,-1):2, [-1,-0.5):1, [-0.001,0.001]:2, (0.5,1]:1, (1,2]:2}"
        );
        assert_eq!(
            h.test_expression(),
            "{{count:20 sum:10 z_bucket:2 z_bucket_w:0.001 buckets:[1 2] n_buckets:[1 2]}}"
        );
    }
}
