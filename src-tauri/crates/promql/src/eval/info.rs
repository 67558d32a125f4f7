//! `info`: the labels of info series, such as `target_info`, added to the series of the same
//! instance and job.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::collect::{Collector, Held, Walk, walks};
use super::selector::{Found, Latest};
use super::{Evaluator, Outcome};
use crate::error::EvalError;
use crate::labels::{Labels, METRIC_NAME};
use crate::plan::{CallPlan, InfoPlan};
use crate::value::{FloatPoint, Matrix, SampleValue, Series};

/// The labels by which a series and its info series are known to belong together.
fn identifying() -> [String; 2] {
    ["instance".to_owned(), "job".to_owned()]
}

fn identity(labels: &Labels) -> Labels {
    labels.keep(&identifying())
}

/// An info series at one step: when its sample was taken, and which it is.
#[derive(Copy, Clone)]
struct Fresh {
    taken: i64,
    series: usize,
}

impl Evaluator<'_> {
    pub(super) fn info(&self, call: &CallPlan) -> Outcome<Matrix> {
        let Some(plan) = &call.info else {
            return self.unknown_function("info");
        };
        let base = self.eval(&call.args[0])?;
        let is_info = |labels: &Labels| plan.names.iter().all(|m| m.matches(labels.metric_name()));
        let wanted: HashSet<Labels> = base
            .iter()
            .filter(|s| !is_info(&s.labels))
            .map(|s| identity(&s.labels))
            .filter(|identity| !identity.is_empty())
            .collect();
        let infos = self.info_series(plan, &wanted)?;
        let names: HashSet<&str> = infos.iter().map(|s| s.labels.metric_name()).collect();
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        let mut out = Collector::new(self);
        let mut slots: HashMap<(usize, Vec<usize>), Option<usize>> = HashMap::new();
        let (mut base_walks, mut info_walks) = (walks(&base), walks(&infos));
        for t in self.scope.moments() {
            let fresh = fresh_infos(&infos, &mut info_walks, t)?;
            for (at, walk) in base_walks.iter_mut().enumerate() {
                let Some(held) = walk.at(t) else { continue };
                let series = &base[at];
                let mut matching = Vec::new();
                if !is_info(&series.labels) {
                    let identity = identity(&series.labels);
                    for name in &names {
                        if let Some(f) = fresh.get(&(identity.clone(), (*name).to_owned())) {
                            matching.push(f.series);
                        }
                    }
                }
                let key = (at, matching);
                let slot = match slots.get(&key) {
                    Some(slot) => *slot,
                    None => {
                        let labels = if is_info(&series.labels) {
                            Some(series.labels.clone())
                        } else {
                            enriched(&series.labels, &infos, &key.1, plan)?
                        };
                        let slot = labels.map(|labels| out.slot(&labels, series.drop_name));
                        slots.insert(key, slot);
                        slot
                    }
                };
                if let Some(slot) = slot {
                    let value = match held {
                        Held::Float(v) => SampleValue::Float(v),
                        Held::Histogram(h) => SampleValue::Histogram(h.clone()),
                    };
                    out.push(slot, t, value)?;
                }
            }
        }
        out.finish(self)
    }

    /// The info series of the wanted sources, each sample being the time at which it was taken.
    fn info_series(&self, plan: &InfoPlan, wanted: &HashSet<Labels>) -> Outcome<Matrix> {
        if wanted.is_empty() {
            return Ok(Matrix::new());
        }
        let lookback = self.shared.options.lookback_ms;
        let mut matrix = Matrix::new();
        for samples in self.select(&plan.selector)? {
            if !wanted.contains(&identity(&samples.labels)) {
                continue;
            }
            let mut latest = Latest::new(&samples, plan.selector.selection.from_ms);
            let mut series = Series {
                labels: samples.labels.clone(),
                ..Series::default()
            };
            for t in self.scope.moments() {
                match latest.at(plan.selector.shift.moment(t), lookback) {
                    Some((taken, _, Found::Float(_))) => {
                        series.floats.push(FloatPoint { t, v: taken as f64 })
                    }
                    Some(_) => {
                        return Err(EvalError::execution(format!(
                            "this should be an info metric, with float samples: {}",
                            samples.labels
                        )));
                    }
                    None => {}
                }
            }
            if !series.is_empty() {
                self.hold(series.weight())?;
                matrix.push(series);
            }
        }
        Ok(matrix)
    }
}

/// The freshest info series of each source and name at a moment.
fn fresh_infos(
    infos: &Matrix,
    walks: &mut [Walk<'_>],
    t: i64,
) -> Outcome<HashMap<(Labels, String), Fresh>> {
    let mut found: HashMap<(Labels, String), Fresh> = HashMap::new();
    for (at, walk) in walks.iter_mut().enumerate() {
        let Some(Held::Float(v)) = walk.at(t) else {
            continue;
        };
        let now = Fresh {
            taken: v as i64,
            series: at,
        };
        let labels = &infos[at].labels;
        let key = (identity(labels), labels.metric_name().to_owned());
        match found.get(&key) {
            Some(other) if other.taken == now.taken => {
                return Err(EvalError::execution(format!(
                    "found duplicate series for info metric: existing {} @ {}, new {labels} @ {}",
                    infos[other.series].labels, other.taken, now.taken
                )));
            }
            Some(other) if other.taken > now.taken => {}
            _ => {
                found.insert(key, now);
            }
        }
    }
    Ok(found)
}

/// The labels of a series with those of its info series; nothing if conditions ask for labels
/// that no info series has.
fn enriched(
    labels: &Labels,
    infos: &Matrix,
    matching: &[usize],
    plan: &InfoPlan,
) -> Outcome<Option<Labels>> {
    let mut added: BTreeMap<&str, &str> = BTreeMap::new();
    for at in matching {
        for (name, value) in infos[*at].labels.iter() {
            let asked = plan.data.is_empty() || plan.data.iter().any(|m| m.name() == name);
            if name == METRIC_NAME || !asked {
                continue;
            }
            if added.get(name).is_some_and(|have| *have != value) {
                return Err(EvalError::execution(format!("conflicting label: {name}")));
            }
            if !labels.has(name) {
                added.insert(name, value);
            }
        }
    }
    if matching.is_empty() && plan.data.iter().any(|m| !m.matches("")) {
        return Ok(None);
    }
    let mut out = labels.clone();
    for (name, value) in added {
        out = out.with(name, value);
    }
    Ok(Some(out))
}
