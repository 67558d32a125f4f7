//! The course of single alerts.

use std::collections::{HashMap, HashSet};

use deckwatch_promql::ast::BinaryOp;
use deckwatch_promql::labels::Labels;
use deckwatch_promql::value::FloatPoint;

use super::{Episode, Moments, RuleReport, Transition};
use crate::comparison::Comparison;
use crate::eval::{AlertState, Lengths, Standing};
use crate::rules::Rule;

/// Which value is the worst.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Worst {
    Highest,
    Lowest,
}

impl Worst {
    pub fn of(rule: &Rule) -> Self {
        match Comparison::of(&rule.query).map(|c| c.op) {
            Some(BinaryOp::Less | BinaryOp::LessOrEqual) => Worst::Lowest,
            _ => Worst::Highest,
        }
    }

    fn worse(self, peak: Option<f64>, value: f64) -> Option<f64> {
        match (self, peak) {
            (_, None) => Some(value),
            (Worst::Highest, Some(peak)) => Some(peak.max(value)),
            (Worst::Lowest, Some(peak)) => Some(peak.min(value)),
        }
    }
}

/// One alert's course so far.
#[derive(Debug, Default)]
struct Track {
    standing: Option<Standing>,
    open: Option<Episode>,
}

/// The courses of a rule's alerts.
pub(super) struct Tracks {
    lengths: Lengths,
    worst: Worst,
    tracks: HashMap<Labels, Track>,
    report: RuleReport,
}

/// Where and when a condition holds: the rule's own labels are in already.
pub(super) struct Curve<'c> {
    pub labels: Labels,
    /// By the moments of reading.
    pub points: &'c [FloatPoint],
}

impl Tracks {
    pub fn new(place: usize, lengths: Lengths, worst: Worst) -> Self {
        Tracks {
            lengths,
            worst,
            tracks: HashMap::new(),
            report: RuleReport {
                place,
                ..RuleReport::default()
            },
        }
    }

    /// Goes on over these moments (first and one past the last) with the curves of the same time,
    /// read `offset_ms` before; `holds` says of which values the condition does.
    pub fn feed<'c>(
        &mut self,
        moments: &Moments,
        (first, end): (usize, usize),
        offset_ms: i64,
        curves: impl Iterator<Item = Curve<'c>>,
        holds: &dyn Fn(f64) -> bool,
    ) {
        let mut fed = HashSet::new();
        for curve in curves {
            let mut walk = self.walk(&curve.labels);
            walk.over(moments, (first, end), offset_ms, curve.points, holds);
            fed.insert(curve.labels);
        }
        for labels in self.standing() {
            if !fed.contains(&labels) {
                let mut walk = self.walk(&labels);
                walk.over(moments, (first, end), offset_ms, &[], holds);
            }
        }
    }

    fn walk<'w>(&'w mut self, labels: &'w Labels) -> Walk<'w> {
        Walk {
            track: self.tracks.entry(labels.clone()).or_default(),
            labels,
            lengths: self.lengths,
            worst: self.worst,
            report: &mut self.report,
        }
    }

    /// One moment of one alert, which something else has decided.
    pub fn note(&mut self, labels: &Labels, at: i64, next: Option<Standing>, value: Option<f64>) {
        self.walk(labels).to(at, next, value);
    }

    /// The labels of all that something is known of.
    pub fn standing(&self) -> Vec<Labels> {
        let known = self
            .tracks
            .iter()
            .filter(|(_, track)| track.standing.is_some());
        known.map(|(labels, _)| labels.clone()).collect()
    }

    /// What came of it.
    pub fn report(mut self) -> RuleReport {
        let open = self.tracks.into_values().filter_map(|track| track.open);
        self.report.episodes.extend(open);
        let RuleReport {
            transitions,
            episodes,
            ..
        } = &mut self.report;
        transitions.sort_by(|a, b| (a.at_ms, &a.labels).cmp(&(b.at_ms, &b.labels)));
        episodes
            .sort_by(|a, b| (a.pending_since_ms, &a.labels).cmp(&(b.pending_since_ms, &b.labels)));
        self.report
    }
}

struct Walk<'w> {
    track: &'w mut Track,
    labels: &'w Labels,
    lengths: Lengths,
    worst: Worst,
    report: &'w mut RuleReport,
}

impl Walk<'_> {
    fn over(
        &mut self,
        moments: &Moments,
        (first, end): (usize, usize),
        offset_ms: i64,
        points: &[FloatPoint],
        holds: &dyn Fn(f64) -> bool,
    ) {
        let mut points = points.iter().filter(|p| holds(p.v)).peekable();
        let mut nth = first;
        while nth < end {
            if self.track.standing.is_none() {
                // Nothing to be decided until it holds again.
                let Some(next) = points.peek() else {
                    return;
                };
                let ahead = (next.t + offset_ms - moments.at(nth)) / moments.step_ms;
                nth += usize::try_from(ahead).unwrap_or(0);
            }
            let at = moments.at(nth);
            let value = points.next_if(|p| p.t + offset_ms == at).map(|p| p.v);
            let next = Standing::next(self.track.standing, value.is_some(), self.lengths, at);
            self.to(at, next, value);
            nth += 1;
        }
    }

    fn to(&mut self, at: i64, next: Option<Standing>, value: Option<f64>) {
        let from = self.track.standing.map(|standing| standing.state);
        let to = next.map_or(AlertState::Inactive, |standing| standing.state);
        self.track.standing = next;
        let forgotten = next.is_none() && from.is_none_or(|from| from == AlertState::Inactive);
        if from != Some(to) && !forgotten {
            self.report.transitions.push(Transition {
                at_ms: at,
                labels: self.labels.clone(),
                from,
                to,
            });
        }
        match next.filter(|standing| standing.state != AlertState::Inactive) {
            Some(standing) => self.goes_on(&standing, value),
            None => {
                if let Some(mut episode) = self.track.open.take() {
                    episode.resolved_at_ms = Some(at);
                    self.report.episodes.push(episode);
                }
            }
        }
    }

    fn goes_on(&mut self, standing: &Standing, value: Option<f64>) {
        let labels = self.labels;
        let episode = self.track.open.get_or_insert_with(|| Episode {
            labels: labels.clone(),
            pending_since_ms: standing.active_at,
            firing_since_ms: None,
            resolved_at_ms: None,
            peak: None,
        });
        episode.firing_since_ms = standing.fired_at;
        if let Some(value) = value.filter(|v| !v.is_nan()) {
            episode.peak = self.worst.worse(episode.peak, value);
        }
    }
}
