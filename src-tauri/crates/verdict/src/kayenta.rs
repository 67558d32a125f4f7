//! The rule of a widely used canary judge (Kayenta), for comparison: Mann–Whitney at a confidence
//! level, harmful when the interval of the shift lies beyond a tolerance of the estimate.
//!
//! It is here for two reasons: its published cases hold our Mann–Whitney against another's, and
//! the benchmark puts our judge beside it on the same data. No rollout is judged by it. It looks
//! at one fixed window, promises nothing when it is asked again and again, and passes what it
//! cannot tell apart.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mann_whitney::TwoSamples;

/// Its labels, as published.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub enum Label {
    Pass,
    High,
    Low,
    Nodata,
    NodataFailMetric,
    Error,
}

/// Which moves of the metric count.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Move {
    Increase,
    Decrease,
    #[default]
    Either,
}

/// What becomes of values that are not numbers.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NanStrategy {
    #[default]
    Remove,
    /// They count as 0.
    Replace,
}

/// What becomes of values far outside the quartiles.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutlierStrategy {
    #[default]
    Keep,
    /// Values beyond `outlier_factor` interquartile ranges outside the quartiles are dropped.
    Remove,
}

#[derive(Copy, Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EffectMeasure {
    /// Mean of the experiment over that of the control; not a number where the latter is 0.
    #[default]
    MeanRatio,
    /// Chance that a value of the experiment is above one of the control.
    Cles,
}

/// Its parameters, with the values it uses in production as defaults.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct KayentaRule {
    /// Share of the estimated shift that the interval must lie beyond.
    pub tolerance: f64,
    pub confidence_level: f64,
    pub nan_strategy: NanStrategy,
    pub outlier_strategy: OutlierStrategy,
    pub outlier_factor: f64,
    pub direction: Move,
    pub effect_measure: EffectMeasure,
    /// Effects between these are let pass, however sure.
    pub allowed_decrease: f64,
    pub allowed_increase: f64,
    /// Effects beyond these fail the whole canary, when the metric is critical.
    pub critical_decrease: f64,
    pub critical_increase: f64,
    pub critical: bool,
    pub must_have_data: bool,
}

impl Default for KayentaRule {
    fn default() -> Self {
        KayentaRule {
            tolerance: 0.25,
            confidence_level: 0.98,
            nan_strategy: NanStrategy::Remove,
            outlier_strategy: OutlierStrategy::Keep,
            outlier_factor: 3.0,
            direction: Move::Either,
            effect_measure: EffectMeasure::MeanRatio,
            allowed_decrease: 1.0,
            allowed_increase: 1.0,
            critical_decrease: 1.0,
            critical_increase: 1.0,
            critical: false,
            must_have_data: false,
        }
    }
}

/// Its answer for one metric.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct KayentaAnswer {
    pub classification: Label,
    pub critical_failure: bool,
    /// Ratio of the means, `None` where it is not a number.
    pub deviation: Option<f64>,
    pub reason: Option<String>,
}

impl KayentaAnswer {
    fn plain(classification: Label, deviation: Option<f64>) -> Self {
        KayentaAnswer {
            classification,
            critical_failure: false,
            deviation,
            reason: None,
        }
    }
}

impl KayentaRule {
    /// Its Mann–Whitney classifier.
    pub fn compare(&self, experiment: &[f64], control: &[f64]) -> KayentaAnswer {
        if experiment.iter().chain(control).any(|v| v.is_infinite()) {
            return KayentaAnswer::plain(Label::Error, None);
        }
        let (experiment, control) = (self.prepared(experiment), self.prepared(control));
        let Some(samples) = TwoSamples::new(&experiment, &control) else {
            return self.missing();
        };
        let ratio = mean(&experiment) / mean(&control);
        let deviation = ratio.is_finite().then_some(ratio);
        if samples.all_equal() {
            return KayentaAnswer::plain(Label::Pass, deviation);
        }
        let shift = samples.shift_approximate(self.confidence_level);
        let bound = self.tolerance * shift.estimate.abs();
        let effect = match self.effect_measure {
            EffectMeasure::MeanRatio => deviation,
            EffectMeasure::Cles => Some(samples.superiority()),
        };
        // An effect that cannot be stated is not excused.
        let above = |limit: f64| effect.is_none_or(|e| e >= limit);
        let below = |limit: f64| effect.is_none_or(|e| e <= limit);
        let high = self.direction != Move::Decrease && shift.low > bound;
        let low = self.direction != Move::Increase && shift.high < -bound;
        let label = if high && above(self.allowed_increase) {
            Label::High
        } else if low && below(self.allowed_decrease) {
            Label::Low
        } else {
            Label::Pass
        };
        let beyond =
            (high && above(self.critical_increase)) || (low && below(self.critical_decrease));
        KayentaAnswer {
            classification: label,
            critical_failure: self.critical && label != Label::Pass && beyond,
            deviation,
            reason: (label != Label::Pass)
                .then(|| format!("the metric was classified as {label:?}")),
        }
    }

    /// Its simplest classifier: whose mean is larger.
    pub fn compare_means(&self, experiment: &[f64], control: &[f64]) -> KayentaAnswer {
        let (experiment, control) = (self.prepared(experiment), self.prepared(control));
        if experiment.is_empty() || control.is_empty() {
            return self.missing();
        }
        let (e, c) = (mean(&experiment), mean(&control));
        let label = if e > c {
            Label::High
        } else if e < c {
            Label::Low
        } else {
            Label::Pass
        };
        KayentaAnswer::plain(label, Some(e / c).filter(|r| r.is_finite()))
    }

    fn missing(&self) -> KayentaAnswer {
        KayentaAnswer {
            classification: if self.must_have_data {
                Label::NodataFailMetric
            } else {
                Label::Nodata
            },
            critical_failure: self.critical,
            deviation: None,
            reason: Some("a side has no data".to_owned()),
        }
    }

    fn prepared(&self, values: &[f64]) -> Vec<f64> {
        let numbers: Vec<f64> = match self.nan_strategy {
            NanStrategy::Remove => values.iter().copied().filter(|v| !v.is_nan()).collect(),
            NanStrategy::Replace => values
                .iter()
                .map(|v| if v.is_nan() { 0.0 } else { *v })
                .collect(),
        };
        match self.outlier_strategy {
            OutlierStrategy::Keep => numbers,
            OutlierStrategy::Remove => without_outliers(numbers, self.outlier_factor),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    // Divided first, so that the largest floats do not overflow their own mean.
    let n = values.len() as f64;
    values.iter().map(|v| v / n).sum()
}

fn without_outliers(values: Vec<f64>, factor: f64) -> Vec<f64> {
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let quartile = |share: f64| {
        let at = share * sorted.len().saturating_sub(1) as f64;
        let (low, high) = (at.floor() as usize, at.ceil() as usize);
        match (sorted.get(low), sorted.get(high)) {
            (Some(a), Some(b)) => a + (b - a) * at.fract(),
            _ => 0.0,
        }
    };
    let (q1, q3) = (quartile(0.25), quartile(0.75));
    let reach = factor * (q3 - q1);
    values
        .into_iter()
        .filter(|v| *v >= q1 - reach && *v <= q3 + reach)
        .collect()
}
