//! An objective as rules of Prometheus: recorded counts over each window, and the alerts of its
//! pairs.
//!
//! The alerts ask the same four questions as [`crate::burn`]. PromQL has no Beta distribution, so
//! the lower bound is Wilson's with a correction for small counts; it differs from the exact one
//! by little, and only for handfuls.

use std::collections::{BTreeMap, BTreeSet};

use deckwatch_domain::{Span, to_yaml};
use deckwatch_promql::format_duration;
use deckwatch_promql::text::quote;
use serde::Serialize;

use crate::burn::{Pair, Severity};
use crate::figures::{pace, percent, plain};
use crate::objective::{NoData, Objective};

/// A rule file.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ts_rs::TS)]
pub struct RuleFile {
    /// Its groups.
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated together.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct RuleGroup {
    /// Its name.
    pub name: String,
    /// How often; the server's own interval if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// The rules, in the order of evaluation.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
#[serde(untagged)]
pub enum Rule {
    /// Writes a series.
    Record {
        /// The series' name.
        record: String,
        /// Its query.
        expr: String,
        /// Labels that are added.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
    },
    /// Alerts on every series that its query gives.
    Alert {
        /// The alert's name.
        alert: String,
        /// Its query.
        expr: String,
        /// How long before it fires.
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        hold: Option<String>,
        /// Labels that are added.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
        /// What is said.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        annotations: BTreeMap<String, String>,
    },
}

impl Rule {
    /// Its query.
    pub fn expr(&self) -> &str {
        match self {
            Rule::Record { expr, .. } | Rule::Alert { expr, .. } => expr,
        }
    }
}

impl RuleFile {
    /// The file's text.
    pub fn to_yaml(&self) -> String {
        to_yaml(self)
    }
}

/// Rules, and what they cannot say.
#[derive(Clone, PartialEq, Debug)]
pub struct Ruled {
    /// The rules.
    pub file: RuleFile,
    /// What the objective says and the rules do not.
    pub left_out: Vec<String>,
}

/// Wilson's bound at 97.5 %: the normal quantile and its square.
const Z: f64 = 1.96;
const Z2: f64 = 3.84;
/// Counts that come out of `increase` are no whole numbers: below two, above one.
const MORE_THAN_ONE: f64 = 1.5;
/// Windows from here on are evaluated less often: they are long and change slowly.
const SLOW: Span = Span::from_secs(86_400);

impl Objective {
    /// Its rules. `bucket` as in [`Objective::queries`].
    pub fn rules(&self, bucket: Option<&str>) -> Ruled {
        let (pairs, refused) = self.pairs();
        let mut left_out: Vec<String> = refused.iter().map(ToString::to_string).collect();
        if !self.exclusions.is_empty() {
            left_out.push("exclusions: rules count what happened in them".to_owned());
        }
        if self.no_data == NoData::Hold {
            left_out.push("no-data hold: rules have no last known answer".to_owned());
        }
        let period = self.period.nominal();
        let mut windows: BTreeSet<Span> = pairs.iter().flat_map(|p| [p.long, p.short]).collect();
        windows.insert(period);
        let (slow, quick): (Vec<Span>, Vec<Span>) = windows.into_iter().partition(|w| *w >= SLOW);
        let recorded = |windows: &[Span]| -> Vec<Rule> {
            let both = windows.iter().flat_map(|w| self.recorded(*w, bucket));
            both.collect()
        };
        let mut alerts = recorded(&quick);
        alerts.extend(pairs.iter().map(|pair| self.alert(pair, period)));
        if self.no_data == NoData::Bad
            && let Some(first) = quick.first()
        {
            alerts.push(self.silence(*first));
        }
        let mut counted = recorded(&slow);
        counted.push(self.left(period));
        let id = format!("slo-{}-{}", self.service, self.name);
        let groups = vec![
            RuleGroup {
                name: format!("{id}-period"),
                interval: Some("5m".to_owned()),
                rules: counted,
            },
            RuleGroup {
                name: id,
                interval: None,
                rules: alerts,
            },
        ];
        Ruled {
            file: RuleFile { groups },
            left_out,
        }
    }

    fn own_labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("slo".to_owned(), self.name.clone()),
            ("slo_service".to_owned(), self.service.to_string()),
        ])
    }

    fn recorded(&self, window: Span, bucket: Option<&str>) -> [Rule; 2] {
        let queries = self.queries(window, bucket);
        let record = |what: &str, expr: String| Rule::Record {
            record: name(what, window),
            expr,
            labels: self.own_labels(),
        };
        [
            record("bad", queries.bad()),
            record("total", queries.total.clone()),
        ]
    }

    /// A recorded count of this objective.
    fn series(&self, what: &str, window: Span) -> String {
        format!(
            "{}{{slo={},slo_service={}}}",
            name(what, window),
            quote(&self.name),
            quote(self.service.as_str())
        )
    }

    fn left(&self, period: Span) -> Rule {
        let (bad, total) = (self.series("bad", period), self.series("total", period));
        Rule::Record {
            record: "slo:budget_left:ratio".to_owned(),
            expr: format!("1 - {bad} / ({} * {total})", plain(self.target.budget())),
            labels: BTreeMap::new(),
        }
    }

    fn alert(&self, pair: &Pair, period: Span) -> Rule {
        let (bad, total) = (
            self.series("bad", pair.long),
            self.series("total", pair.long),
        );
        let (short_bad, short_total) = (
            self.series("bad", pair.short),
            self.series("total", pair.short),
        );
        let all = self.series("total", period);
        let alerting = plain(pair.bad_share(self.target));
        let spent = plain(pair.share(period) * self.target.budget());
        // Half a bad event less than there are, for small counts.
        let surely = format!(
            "{bad} + {} - {Z} * sqrt(({bad} - 0.5) * ({total} - {bad} + 0.5) / {total} + {})",
            Z2 / 2.0 - 0.5,
            Z2 / 4.0,
        );
        let expr = [
            format!("({bad} > {alerting} * {total})"),
            format!("({short_bad} > {alerting} * {short_total})"),
            format!("({bad} > {MORE_THAN_ONE})"),
            format!("({bad} >= {spent} * {all})"),
            format!("({surely} > {alerting} * ({total} + {Z2}))"),
        ]
        .join(" and ");
        let mut labels = self.alert_labels(match pair.severity {
            Severity::Page => "critical",
            Severity::Ticket => "warning",
        });
        labels.insert("window".to_owned(), prometheus(pair.long));
        let noun = self.indicator.noun();
        let said = format!(
            "{{{{ $value | humanize }}}} bad {noun}s in the last {}: more than {} the pace that \
             spends the budget of {} in {period} exactly ({}), and still going in the last {}.",
            pair.long,
            pace(pair.factor),
            percent(self.target.budget()),
            pair.formula(period),
            pair.short,
        );
        let annotations = BTreeMap::from([
            (
                "summary".to_owned(),
                format!("{} of {} burns its budget", self.name, self.service),
            ),
            ("description".to_owned(), said),
        ]);
        Rule::Alert {
            alert: self.alert_name("Burn"),
            expr,
            hold: None,
            labels,
            annotations,
        }
    }

    fn silence(&self, window: Span) -> Rule {
        Rule::Alert {
            alert: self.alert_name("NoData"),
            expr: format!("absent({})", self.series("total", window)),
            hold: Some(prometheus(window)),
            labels: self.alert_labels("critical"),
            annotations: BTreeMap::from([(
                "summary".to_owned(),
                format!("nothing is known of {} of {}", self.name, self.service),
            )]),
        }
    }

    fn alert_labels(&self, severity: &str) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.insert("severity".to_owned(), severity.to_owned());
        // A group's own label stays what it is.
        if !self.by.iter().any(|label| label == "service") {
            labels.insert("service".to_owned(), self.service.to_string());
        }
        labels
    }

    /// `CheckoutAvailabilityBurn`.
    fn alert_name(&self, what: &str) -> String {
        let words = self.service.as_str().split('-').chain(self.name.split('-'));
        let mut name: String = words.map(capitalised).collect();
        // The name of an alert begins with a letter.
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            name.insert_str(0, "Slo");
        }
        name + what
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + chars.as_str(),
        None => String::new(),
    }
}

fn name(what: &str, window: Span) -> String {
    format!("slo:{what}_events:increase{}", prometheus(window))
}

fn prometheus(span: Span) -> String {
    format_duration(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}
