//! What stands now: alerts, and the rules that they come from.

use std::collections::BTreeMap;
use std::time::Duration;

use deckwatch_alerting::rules::{Group, INTERVAL_MS, Makes, Rule};
use deckwatch_domain::{ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

use super::books::{AlertBook, Books, GroupBook, RuleBook, Stands, key};
use super::files;
use super::objectives::name as burn_name;
use crate::bridge::Page;
use crate::console::Console;
use crate::plans::PlanMistake;
use crate::problem::Problem;
use crate::route::Nothing;

/// Without a sign of life for so long, nobody evaluates.
const STALE: Duration = Duration::from_secs(20);
const MOST: usize = 500;
/// Severities that may wake somebody.
const PAGES: [&str; 2] = ["page", "critical"];

/// Which alerts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
#[ts(optional_fields)]
pub struct AlertsAsk {
    /// A part of the name, a label or the words.
    pub filter: Option<String>,
    /// Only those that stand so.
    pub stands: Option<Stands>,
    /// Only those that may wake somebody.
    pub pages: Option<bool>,
    pub sort: Option<AlertSort>,
    pub descending: Option<bool>,
    pub offset: Option<usize>,
    /// At most 500.
    pub limit: Option<usize>,
}

/// What alerts can be sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum AlertSort {
    /// What fires first, what pages before what does not, the newest first.
    #[default]
    Urgency,
    Name,
    Service,
    Since,
}

/// An alert.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct AlertRow {
    pub id: String,
    pub name: String,
    /// Empty where its rule gives none.
    pub severity: String,
    /// It may wake somebody.
    pub pages: bool,
    pub service: String,
    pub stands: Stands,
    #[ts(type = "Record<string, string>")]
    pub labels: BTreeMap<String, String>,
    #[ts(type = "Record<string, string>")]
    pub annotations: BTreeMap<String, String>,
    /// Since when its condition holds.
    pub since: Timestamp,
    pub fired_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    pub value: Option<f64>,
    /// Why, in a sentence.
    pub words: String,
    /// Nobody looked when it began or ended; it was found afterwards.
    pub late: bool,
    /// The rule's file and group; none: an objective's.
    pub rule: Option<String>,
    /// The objective's name, of its service.
    pub objective: Option<String>,
}

/// Whoever evaluates.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct Evaluator {
    /// Its newest sign of life.
    pub at: Option<Timestamp>,
    pub by: String,
    /// Somebody evaluates now.
    pub current: bool,
    /// A group is still behind: what was missed is made up for.
    pub behind: bool,
    pub trouble: Vec<String>,
}

/// Alerts that stand, a page of them.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct AlertsView {
    pub at: Timestamp,
    pub evaluator: Evaluator,
    pub firing: usize,
    pub paging: usize,
    pub pending: usize,
    pub resolved: usize,
    pub alerts: Page<AlertRow>,
    /// Files of rules, and rules in them; with none, only objectives can alert.
    pub files: usize,
    pub rules: usize,
}

/// # Errors
/// That what is known of alerts cannot be read.
pub async fn list(console: &Console, ask: AlertsAsk) -> Result<AlertsView, Problem> {
    let now = console.clock.now().wall;
    let books = Books::seen(&console.folder.alerts_status(), &console.alert_books)?;
    let all = rows(&books);
    let count = |stands| all.iter().filter(|row| row.stands == stands).count();
    let firing = |row: &&AlertRow| row.stands == Stands::Firing;
    Ok(AlertsView {
        at: now,
        firing: count(Stands::Firing),
        paging: all.iter().filter(firing).filter(|row| row.pages).count(),
        pending: count(Stands::Pending),
        resolved: count(Stands::Resolved),
        evaluator: evaluator(&books, now),
        files: files::found(console).len(),
        rules: books.groups.values().map(|group| group.rules.len()).sum(),
        alerts: page(all, &ask),
    })
}

/// Every alert that is known, whoever it comes from.
pub(super) fn rows(books: &Books) -> Vec<AlertRow> {
    let mut all: Vec<AlertRow> = books
        .burning
        .values()
        .map(|alert| row(alert, None))
        .collect();
    for (key, group) in &books.groups {
        for alert in group.rules.iter().flat_map(|rule| &rule.alerts) {
            all.push(row(alert, Some(key)));
        }
    }
    all
}

fn row(alert: &AlertBook, rule: Option<&str>) -> AlertRow {
    let label = |name: &str| alert.labels.get(name).cloned().unwrap_or_default();
    let millis = Timestamp::from_millis;
    let severity = label("severity");
    AlertRow {
        id: alert.id.clone(),
        name: match rule {
            Some(_) => label("alertname"),
            None => burn_name(alert),
        },
        pages: pages(&severity),
        severity,
        service: label("service"),
        stands: alert.stands,
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        since: millis(alert.active_at),
        fired_at: alert.fired_at.map(millis),
        resolved_at: alert.resolved_at.map(millis),
        value: alert.value,
        words: alert.words.clone(),
        late: alert.late,
        rule: rule.map(str::to_owned),
        objective: alert.burn.as_ref().map(|burn| burn.objective.clone()),
    }
}

/// Whether an alert of this severity may wake somebody.
fn pages(severity: &str) -> bool {
    PAGES.contains(&severity)
}

fn page(mut all: Vec<AlertRow>, ask: &AlertsAsk) -> Page<AlertRow> {
    let filter = ask.filter.as_deref().unwrap_or("").trim().to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&filter);
    all.retain(|row| {
        ask.stands.is_none_or(|stands| row.stands == stands)
            && ask.pages.is_none_or(|pages| row.pages == pages)
            && (filter.is_empty()
                || has(&row.name)
                || has(&row.words)
                || row.labels.iter().any(|(n, v)| has(&format!("{n}={v}"))))
    });
    let urgent = |row: &AlertRow| (row.stands, !row.pages);
    let newest = |row: &AlertRow| std::cmp::Reverse(row.fired_at.unwrap_or(row.since));
    match ask.sort.unwrap_or_default() {
        AlertSort::Urgency => all.sort_by_cached_key(|row| (urgent(row), newest(row))),
        AlertSort::Name => all.sort_by_cached_key(|row| (row.name.clone(), urgent(row))),
        AlertSort::Service => all.sort_by_cached_key(|row| (row.service.clone(), urgent(row))),
        AlertSort::Since => all.sort_by_cached_key(newest),
    }
    if ask.descending.unwrap_or(false) {
        all.reverse();
    }
    let limit = ask.limit.unwrap_or(MOST).min(MOST);
    let total = all.len();
    let rows = all.into_iter().skip(ask.offset.unwrap_or(0)).take(limit);
    Page {
        total,
        rows: rows.collect(),
    }
}

pub(super) fn evaluator(books: &Books, now: Timestamp) -> Evaluator {
    Evaluator {
        at: books.at,
        by: books.by.clone(),
        current: books.at.is_some_and(|at| now.since(at) < STALE),
        behind: books.groups.values().any(|group| group.behind),
        trouble: books.trouble.clone(),
    }
}

/// What fires, in a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct AlertsLine {
    pub firing: usize,
    /// Of those, the ones that may wake somebody.
    pub paging: usize,
    /// There is something to evaluate, and nobody does.
    pub unwatched: bool,
}

/// What fires now. Books that cannot be read tell of nothing; the list of alerts says so.
pub(crate) fn line(console: &Console) -> AlertsLine {
    let now = console.clock.now().wall;
    let path = console.folder.alerts_status();
    let Ok(books) = Books::seen(&path, &console.alert_books) else {
        return AlertsLine::default();
    };
    let firing = rows(&books).into_iter();
    let firing: Vec<AlertRow> = firing.filter(|row| row.stands == Stands::Firing).collect();
    AlertsLine {
        firing: firing.len(),
        paging: firing.iter().filter(|row| row.pages).count(),
        unwatched: !books.groups.is_empty() && !evaluator(&books, now).current,
    }
}

/// What pages for services, the newest first: the service, since when, and why.
pub(crate) fn burning(console: &Console) -> Vec<(String, Timestamp, String)> {
    let path = console.folder.alerts_status();
    let Ok(books) = Books::seen(&path, &console.alert_books) else {
        return Vec::new();
    };
    let rows = rows(&books).into_iter();
    let pages = rows.filter(|row| row.stands == Stands::Firing && row.pages);
    let mut all: Vec<_> = pages
        .map(|row| (row.service, row.fired_at.unwrap_or(row.since), row.words))
        .collect();
    all.sort_by_key(|(_, at, _)| std::cmp::Reverse(*at));
    all
}

/// What pages for a service now, by rules and objectives alike. Where nobody evaluates, that is
/// said instead: silence is no answer then.
pub(crate) fn paging(console: &Console, service: &ServiceName) -> Result<Vec<String>, String> {
    let now = console.clock.now().wall;
    let books = Books::seen(&console.folder.alerts_status(), &console.alert_books)
        .map_err(|p| p.message)?;
    let evaluator = evaluator(&books, now);
    if !evaluator.current {
        return Err("nobody evaluates rules now".into());
    }
    let all = rows(&books).into_iter();
    let firing = all
        .filter(|row| row.stands == Stands::Firing && row.pages && row.service == service.as_str());
    Ok(firing.map(|row| row.words).collect())
}

/// A rule file, with its groups as they are evaluated.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct RuleFileRow {
    pub name: String,
    pub path: String,
    pub mistakes: Vec<PlanMistake>,
    pub groups: Vec<RuleGroupRow>,
}

/// A group of rules.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct RuleGroupRow {
    pub name: String,
    pub interval_ms: i64,
    pub evaluated_at: Option<Timestamp>,
    /// How long its newest stretch took, of so many moments.
    pub took_ms: u64,
    pub moments: usize,
    pub behind: bool,
    /// Moments that could not be made up for, from and to.
    pub lost: Option<(Timestamp, Timestamp)>,
    pub rules: Vec<RuleRow>,
}

/// A rule.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct RuleRow {
    /// Its place in the group.
    pub place: usize,
    pub name: String,
    /// It alerts; else it records.
    pub alerts: bool,
    pub query: String,
    pub line: usize,
    pub hold_ms: i64,
    pub keep_ms: i64,
    pub severity: String,
    pub firing: usize,
    pub pending: usize,
    /// Series that it gave last.
    pub series: usize,
    pub failure: Option<String>,
    /// Samples that could not be kept.
    pub refused: usize,
}

/// All rules.
#[derive(Clone, PartialEq, Debug, Serialize, ts_rs::TS)]
pub struct RulesView {
    pub at: Timestamp,
    pub evaluator: Evaluator,
    pub folder: String,
    pub files: Vec<RuleFileRow>,
}

/// # Errors
/// That what is known of alerts cannot be read.
pub async fn rules(console: &Console, _: Nothing) -> Result<RulesView, Problem> {
    let now = console.clock.now().wall;
    let books = Books::seen(&console.folder.alerts_status(), &console.alert_books)?;
    let files = files::found(console).into_iter().map(|file| {
        let read = match &file.text {
            Ok(text) => files::read(text),
            Err(why) => Err(vec![PlanMistake {
                line: 0,
                column: 0,
                path: String::new(),
                message: why.clone(),
            }]),
        };
        let (groups, mistakes) = match read {
            Ok(read) => (read.groups, Vec::new()),
            Err(mistakes) => (Vec::new(), mistakes),
        };
        let groups = groups.iter().map(|group| {
            let book = books.groups.get(&key(&file.name, &group.name));
            group_row(group, book)
        });
        RuleFileRow {
            groups: groups.collect(),
            path: file.path.display().to_string(),
            name: file.name,
            mistakes,
        }
    });
    Ok(RulesView {
        at: now,
        evaluator: evaluator(&books, now),
        folder: console.folder.rules().display().to_string(),
        files: files.collect(),
    })
}

fn group_row(group: &Group, book: Option<&GroupBook>) -> RuleGroupRow {
    let none = GroupBook::default();
    let book = book.unwrap_or(&none);
    let rules = group.rules.iter().enumerate().map(|(place, rule)| {
        let known = book.rules.get(place).filter(|b| b.name == rule.name());
        rule_row(group, place, rule, known)
    });
    RuleGroupRow {
        name: group.name.clone(),
        interval_ms: group.interval_ms.unwrap_or(INTERVAL_MS),
        evaluated_at: book.evaluated_at,
        took_ms: book.took_ms,
        moments: book.moments,
        behind: book.behind,
        lost: book.lost,
        rules: rules.collect(),
    }
}

fn rule_row(group: &Group, place: usize, rule: &Rule, book: Option<&RuleBook>) -> RuleRow {
    let alerts = book.map_or(&[][..], |book| &book.alerts);
    let count = |stands| alerts.iter().filter(|a| a.stands == stands).count();
    let (hold_ms, keep_ms) = match &rule.makes {
        Makes::Alert(alerting) => (alerting.hold_ms, alerting.keep_ms),
        Makes::Record(_) => (0, 0),
    };
    let severity = rule.labels.get("severity");
    let severity = severity.or_else(|| group.labels.get("severity"));
    RuleRow {
        place,
        name: rule.name().to_owned(),
        alerts: matches!(rule.makes, Makes::Alert(_)),
        query: rule.query.text().to_owned(),
        line: rule.line,
        hold_ms,
        keep_ms,
        severity: severity.cloned().unwrap_or_default(),
        firing: count(Stands::Firing),
        pending: count(Stands::Pending),
        series: book.map_or(0, |book| book.gave.len()),
        failure: book.and_then(|book| book.failure.clone()),
        refused: book.map_or(0, |book| book.refused),
    }
}
