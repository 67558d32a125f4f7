//! Objectives and indicators to begin with.

use deckwatch_domain::{Problems, ServiceName, Span};
use serde::Serialize;

use crate::figures::plain;
use crate::objective::{Objective, read_objectives};
use crate::rules::{Rule, RuleGroup};

/// An objective to begin with, as a document with `$service` where the service's name belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// In words.
    pub about: &'static str,
    /// The document.
    pub document: &'static str,
}

/// The objectives.
pub const OBJECTIVES: [Preset; 4] = [
    Preset {
        name: "availability",
        about: "99.95 % of answers are good over 30 days; told when four hours are below 99.9 %, paged when one hour is below 99 %",
        document: include_str!("../presets/availability.yaml"),
    },
    Preset {
        name: "availability-burn",
        about: "99.95 % of answers are good over 30 days; alerts by the pace of the budget",
        document: include_str!("../presets/availability-burn.yaml"),
    },
    Preset {
        name: "latency",
        about: "95 % of requests are answered within 100 ms over 30 days",
        document: include_str!("../presets/latency.yaml"),
    },
    Preset {
        name: "uptime",
        about: "99.95 % of the minutes of a calendar month work",
        document: include_str!("../presets/uptime.yaml"),
    },
];

impl Preset {
    /// The document for a service.
    pub fn text(&self, service: &ServiceName) -> String {
        self.document.replace("$service", service.as_str())
    }

    /// The objective for a service.
    ///
    /// # Errors
    /// None that a test does not rule out.
    pub fn objective(&self, service: &ServiceName) -> Result<Vec<Objective>, Problems> {
        read_objectives(&self.text(service))
    }
}

/// What is good for an indicator.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// From this to that: less is waste, and only waste.
    Between(f64, f64),
    /// As it usually is; the bounds are shares by which it may differ, up or down.
    AsUsual,
    /// Not above what it usually is; the bounds are shares by which it may exceed it.
    NotAboveUsual,
}

/// How a value stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ts_rs::TS)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As wanted.
    Target,
    /// Not as wanted, and not yet worth a warning.
    Near,
    /// The warning is reached.
    Warning,
    /// The critical value is reached.
    Critical,
}

/// What a value is told in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // The names say it.
pub enum SliUnit {
    Seconds,
    Share,
    PerSecond,
}

/// An indicator with target, warning and critical value.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct Sli {
    /// Its name.
    pub name: &'static str,
    /// What its values are told in.
    pub unit: SliUnit,
    /// What is good.
    pub wanted: Wanted,
    /// From here on it is a warning.
    pub warning: f64,
    /// From here on it is critical.
    pub critical: f64,
    /// A query for it, by the usual names of metrics, with `$service`.
    pub query: &'static str,
    /// How long before a warning is told.
    #[ts(type = "string")]
    pub warn_after: Span,
    /// How long before a critical value is.
    #[ts(type = "string")]
    pub page_after: Span,
}

const QUANTILE_95: &str = r#"histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{service="$service"}[5m])))"#;
const QUANTILE_99: &str = r#"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service="$service"}[5m])))"#;
const ERRORS: &str = r#"sum(rate(http_requests_total{service="$service",code=~"5..|timeout|error"}[5m])) / sum(rate(http_requests_total{service="$service"}[5m]))"#;
const RATE: &str = r#"sum(rate(http_requests_total{service="$service"}[5m]))"#;

const FIVE_MINUTES: Span = Span::from_secs(300);

const fn row(
    name: &'static str,
    unit: SliUnit,
    wanted: Wanted,
    warning: f64,
    critical: f64,
    query: &'static str,
) -> Sli {
    Sli {
        name,
        unit,
        wanted,
        warning,
        critical,
        query,
        warn_after: FIVE_MINUTES,
        page_after: FIVE_MINUTES,
    }
}

/// The table of indicators.
pub const SLIS: [Sli; 9] = [
    row(
        "p95",
        SliUnit::Seconds,
        Wanted::AtMost(0.1),
        0.15,
        0.3,
        QUANTILE_95,
    ),
    row(
        "p99",
        SliUnit::Seconds,
        Wanted::AtMost(0.3),
        0.5,
        1.0,
        QUANTILE_99,
    ),
    row(
        "errors",
        SliUnit::Share,
        Wanted::AtMost(0.0001),
        0.0005,
        0.001,
        ERRORS,
    ),
    row(
        "cpu",
        SliUnit::Share,
        Wanted::Between(0.4, 0.6),
        0.7,
        0.85,
        r#"1 - avg(rate(node_cpu_seconds_total{mode="idle"}[5m]))"#,
    ),
    row(
        "memory",
        SliUnit::Share,
        Wanted::Between(0.5, 0.7),
        0.8,
        0.9,
        "1 - sum(node_memory_MemAvailable_bytes) / sum(node_memory_MemTotal_bytes)",
    ),
    row(
        "disk-wait",
        SliUnit::Share,
        Wanted::AtMost(0.05),
        0.1,
        0.2,
        r#"avg(rate(node_cpu_seconds_total{mode="iowait"}[5m]))"#,
    ),
    row(
        "database-connections",
        SliUnit::Share,
        Wanted::Between(0.5, 0.7),
        0.8,
        0.9,
        "sum(pg_stat_activity_count) / max(pg_settings_max_connections)",
    ),
    row(
        "cache-hits",
        SliUnit::Share,
        Wanted::AtLeast(0.95),
        0.9,
        0.85,
        "sum(rate(redis_keyspace_hits_total[5m])) / (sum(rate(redis_keyspace_hits_total[5m])) + sum(rate(redis_keyspace_misses_total[5m])))",
    ),
    row("qps", SliUnit::PerSecond, Wanted::AsUsual, 0.5, 1.0, RATE),
];

/// The bounds that go with the latency objective: p95 above 200 ms for ten minutes, above 500 ms
/// for five.
pub const LATENCY_LIMIT: Sli = Sli {
    name: "latency-limit",
    unit: SliUnit::Seconds,
    wanted: Wanted::AtMost(0.1),
    warning: 0.2,
    critical: 0.5,
    query: QUANTILE_95,
    warn_after: Span::from_secs(600),
    page_after: Span::from_secs(300),
};

/// Indicators that are held against what they usually are, or told in other bounds: p95 against
/// last week, errors in percent.
pub const RELATIVE: [Sli; 2] = [
    row(
        "latency-change",
        SliUnit::Seconds,
        Wanted::NotAboveUsual,
        0.5,
        1.0,
        QUANTILE_95,
    ),
    row(
        "error-rate",
        SliUnit::Share,
        Wanted::AtMost(0.0),
        0.01,
        0.05,
        ERRORS,
    ),
];

/// Shares of a budget used at which to warn and to call it critical.
pub const BUDGET_USED: (f64, f64) = (0.8, 0.95);

/// How a budget stands by how much of it is used.
pub fn budget_level(left: f64) -> Level {
    let (warning, critical) = BUDGET_USED;
    // Rounded, so that a budget of which exactly a fifth is left is not a hair above it.
    let used = ((1.0 - left) * 1e9).round() / 1e9;
    if used >= critical {
        Level::Critical
    } else if used >= warning {
        Level::Warning
    } else if used > 0.0 {
        Level::Near
    } else {
        Level::Target
    }
}

impl Sli {
    /// How a value stands. A bound is reached when it is met. `usual` is what it usually is, where
    /// that is asked; without it, or for no number, there is no answer.
    pub fn level(&self, value: f64, usual: Option<f64>) -> Option<Level> {
        if !value.is_finite() {
            return None;
        }
        let rising = |wanted: bool, value: f64| {
            if value >= self.critical {
                Level::Critical
            } else if value >= self.warning {
                Level::Warning
            } else if wanted {
                Level::Target
            } else {
                Level::Near
            }
        };
        let change = || {
            let usual = usual.filter(|u| u.is_finite() && *u > 0.0)?;
            Some(((value / usual - 1.0) * 1e9).round() / 1e9)
        };
        Some(match self.wanted {
            Wanted::AtMost(most) => rising(value <= most, value),
            Wanted::Between(low, high) => rising((low..=high).contains(&value), value),
            Wanted::AtLeast(least) => {
                if value <= self.critical {
                    Level::Critical
                } else if value <= self.warning {
                    Level::Warning
                } else if value >= least {
                    Level::Target
                } else {
                    Level::Near
                }
            }
            // No traffic at all is as far down as it goes: a change of -100 %.
            Wanted::AsUsual => {
                let change = change()?;
                rising(change == 0.0, change.abs())
            }
            Wanted::NotAboveUsual => {
                let change = change()?;
                rising(change <= 0.0, change)
            }
        })
    }

    /// The query for a service.
    pub fn query_of(&self, service: &ServiceName) -> String {
        self.query.replace("$service", service.as_str())
    }

    /// Its two rules: a warning and a critical one.
    pub fn rules(&self, service: &ServiceName) -> [Rule; 2] {
        let value = self.query_of(service);
        let (op, value) = match self.wanted {
            Wanted::AtMost(_) | Wanted::Between(..) => (">=", value),
            Wanted::AtLeast(_) => ("<=", value),
            // What it usually is: the same time last week.
            Wanted::AsUsual => (">=", format!("abs({value} / {} - 1)", last_week(&value))),
            Wanted::NotAboveUsual => (">=", format!("{value} / {} - 1", last_week(&value))),
        };
        let rule = |severity: &str, bound: f64, after: Span| Rule::Alert {
            alert: format!("{}{severity}", alert_name(self.name)),
            expr: format!("{value} {op} {}", plain(bound)),
            hold: Some(deckwatch_promql::format_duration(after.as_millis() as i64)),
            labels: [("severity", severity), ("service", service.as_str())]
                .map(|(k, v)| (k.to_owned(), v.to_lowercase()))
                .into(),
            annotations: [(
                "summary".to_owned(),
                format!(
                    "{} of {service} is {{{{ $value | humanize }}}}, {severity} from {} on",
                    self.name,
                    plain(bound)
                ),
            )]
            .into(),
        };
        [
            rule("Warning", self.warning, self.warn_after),
            rule("Critical", self.critical, self.page_after),
        ]
    }
}

/// The same query a week ago: its ranges are all of five minutes.
fn last_week(query: &str) -> String {
    query.replace("[5m]", "[5m] offset 1w")
}

fn alert_name(name: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(capital).collect()
}

/// The rules of the whole table for a service.
pub fn sli_rules(service: &ServiceName) -> RuleGroup {
    let all = SLIS.iter().chain([&LATENCY_LIMIT]).chain(&RELATIVE);
    RuleGroup {
        name: format!("sli-{service}"),
        interval: None,
        rules: all.flat_map(|sli| sli.rules(service)).collect(),
    }
}
