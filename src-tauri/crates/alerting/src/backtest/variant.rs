//! The same rule with another threshold, or another `for`: what is asked is asked once.

use deckwatch_promql::Query;
use deckwatch_promql::ast::BinaryOp;
use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::FloatPoint;

use super::columns::{Recorded, Unfit, labelled, obstacle};
use super::track::{Curve, Tracks, Worst};
use super::{Moments, Past, RuleReport};
use crate::comparison::{Comparison, holds};
use crate::eval::Lengths;
use crate::rules::{Group, Makes, labels_of};

/// What is otherwise than the rule has it.
#[derive(Copy, Clone, PartialEq, Debug, Default)]
pub struct Variant {
    pub hold_ms: Option<i64>,
    pub keep_ms: Option<i64>,
    /// The number that the query's top compares with.
    pub threshold: Option<f64>,
}

/// Why a variant cannot be had cheaply, or at all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotPrepared {
    #[error("there is no alert at place {0} of the group")]
    NoAlert(usize),
    /// [`run`](super::run) of the [`varied`] group does.
    #[error("it has to be evaluated from moment to moment: {0}")]
    MomentByMoment(String),
    #[error("the query compares with no number at its top, so that there is no threshold to move")]
    NoThreshold,
}

/// One alerting rule over the past, ready to be varied.
#[derive(Clone, PartialEq, Debug)]
pub struct Prepared {
    place: usize,
    moments: Moments,
    offset_ms: i64,
    lengths: Lengths,
    worst: Worst,
    /// How the values have to stand to what. None: they are there only where the condition holds.
    compared: Option<(BinaryOp, f64)>,
    curves: Vec<(Labels, Vec<FloatPoint>)>,
}

impl Prepared {
    /// Evaluates what is compared, or the whole query where nothing is compared with a number.
    ///
    /// # Errors
    /// That the rule is none that can be asked at once.
    pub fn new(group: &Group, place: usize, past: &Past<'_>) -> Result<Self, NotPrepared> {
        let rule = group.rules.get(place).ok_or(NotPrepared::NoAlert(place))?;
        let Makes::Alert(alerting) = &rule.makes else {
            return Err(NotPrepared::NoAlert(place));
        };
        if let Some(why) = obstacle(group) {
            return Err(NotPrepared::MomentByMoment(why));
        }
        let unfit = |Unfit(why): Unfit| NotPrepared::MomentByMoment(why);
        let mut recorded = Recorded::new(past);
        for before in group.rules.iter().take(place) {
            if let Makes::Record(name) = &before.makes {
                recorded.record(group, before, name, past).map_err(unfit)?;
            }
        }
        let comparison = Comparison::of(&rule.query);
        let compared = comparison.and_then(|c| Some((c, c.number()?.0)));
        let value = compared.map(|(c, _)| Query::new(&c.value.to_string(), Default::default()));
        let asked = match value {
            Some(Ok(value)) => value,
            _ => rule.query.clone(),
        };
        let added = labels_of(group, rule);
        let mut curves: Vec<(Labels, Vec<FloatPoint>)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        recorded
            .ask(&asked, group, past, &mut |_, found| {
                for (labels, points) in labelled(found, &alerting.name, &added)? {
                    let at = *places.entry(labels.clone()).or_insert(curves.len());
                    match curves.get_mut(at) {
                        Some((_, curve)) => curve.extend(points),
                        None => curves.push((labels, points)),
                    }
                }
                Ok(())
            })
            .map_err(unfit)?;
        Ok(Prepared {
            place,
            moments: past.moments,
            offset_ms: group.query_offset_ms.unwrap_or(0),
            lengths: Lengths::from(alerting),
            worst: Worst::of(rule),
            compared: compared.map(|(c, threshold)| (c.op, threshold)),
            curves,
        })
    }

    /// The rule's own threshold, if it compares with a number.
    pub fn threshold(&self) -> Option<f64> {
        self.compared.map(|(_, threshold)| threshold)
    }

    /// What is compared, or where the condition holds: by the alerts' labels.
    pub fn curves(&self) -> &[(Labels, Vec<FloatPoint>)] {
        &self.curves
    }

    /// What the rule would have done.
    ///
    /// # Errors
    /// That there is no threshold to be moved.
    pub fn run(&self, variant: &Variant) -> Result<RuleReport, NotPrepared> {
        let condition: Box<dyn Fn(f64) -> bool> = match (self.compared, variant.threshold) {
            (Some((op, own)), other) => {
                let threshold = other.unwrap_or(own);
                Box::new(move |v| holds(op, v, threshold))
            }
            (None, Some(_)) => return Err(NotPrepared::NoThreshold),
            (None, None) => Box::new(|_| true),
        };
        let lengths = Lengths {
            hold_ms: variant.hold_ms.unwrap_or(self.lengths.hold_ms),
            keep_ms: variant.keep_ms.unwrap_or(self.lengths.keep_ms),
        };
        let mut tracks = Tracks::new(self.place, lengths, self.worst);
        let curves = self.curves.iter().map(|(labels, points)| Curve {
            labels: labels.clone(),
            points,
        });
        let whole = self.moments.whole();
        tracks.feed(&self.moments, whole, self.offset_ms, curves, &*condition);
        Ok(tracks.report())
    }
}

/// The group with the rule as the variant has it.
///
/// # Errors
/// That there is no such alert, or no threshold to be moved.
pub fn varied(group: &Group, place: usize, variant: &Variant) -> Result<Group, NotPrepared> {
    let mut group = group.clone();
    let rule = group
        .rules
        .get_mut(place)
        .ok_or(NotPrepared::NoAlert(place))?;
    let Makes::Alert(alerting) = &mut rule.makes else {
        return Err(NotPrepared::NoAlert(place));
    };
    alerting.hold_ms = variant.hold_ms.unwrap_or(alerting.hold_ms);
    alerting.keep_ms = variant.keep_ms.unwrap_or(alerting.keep_ms);
    if let Some(threshold) = variant.threshold {
        let comparison = Comparison::of(&rule.query).and_then(|c| c.number());
        let (_, span) = comparison.ok_or(NotPrepared::NoThreshold)?;
        let text = rule.query.text();
        let (before, after) = (text.get(..span.start), text.get(span.end..));
        let number = deckwatch_promql::text::float_f(threshold);
        let text = [
            before.unwrap_or_default(),
            &number,
            after.unwrap_or_default(),
        ]
        .concat();
        rule.query = Query::new(&text, Default::default()).map_err(|_| NotPrepared::NoThreshold)?;
    }
    Ok(group)
}
