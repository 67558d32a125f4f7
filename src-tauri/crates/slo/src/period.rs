//! Over which time a budget is counted: a window that rolls, or the calendar's weeks, months,
//! quarters and years in a zone.

use std::fmt;
use std::str::FromStr;

use deckwatch_domain::{Span, Timestamp};
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{ToSpan, Zoned};
use serde::{Deserialize, Serialize};

const DAY: u64 = 86_400_000;

/// A time zone by its name in the IANA database. The rules are the program's own: an answer does
/// not depend on the machine's zone files.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(try_from = "String", into = "String")]
#[ts(type = "string")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Zone {
            name: "UTC".to_owned(),
            rules: TimeZone::UTC,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn at(&self, moment: Timestamp) -> Zoned {
        jiff::Timestamp::from_millisecond(moment.as_millis())
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(self.rules.clone())
    }

    /// The first moment of a day: not always midnight, where clocks skip it.
    fn start(&self, day: Date) -> Timestamp {
        day.to_zoned(self.rules.clone())
            .map(|start| Timestamp::from_millis(start.timestamp().as_millisecond()))
            .unwrap_or(Timestamp::EPOCH)
    }

    /// The first moment of the day that `moment` is in, and of the next one.
    pub fn day(&self, moment: Timestamp) -> (Timestamp, Timestamp) {
        let day = self.at(moment).date();
        let next = day.checked_add(1.day()).unwrap_or(day);
        (self.start(day), self.start(next))
    }

    /// The date there, `2026-11-03`.
    pub fn date(&self, moment: Timestamp) -> String {
        self.at(moment).date().to_string()
    }
}

impl FromStr for Zone {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        let rules = TimeZoneDatabase::bundled().get(name).map_err(|_| {
            format!("`{name}` is no time zone; write a name such as Europe/Berlin or UTC")
        })?;
        let name = rules.iana_name().unwrap_or(name).to_owned();
        Ok(Zone { name, rules })
    }
}

impl TryFrom<String> for Zone {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A part of the calendar. Weeks begin on Monday.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // The names say it.
pub enum CalendarUnit {
    Week,
    Month,
    Quarter,
    Year,
}

impl CalendarUnit {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            CalendarUnit::Week => "week",
            CalendarUnit::Month => "month",
            CalendarUnit::Quarter => "quarter",
            CalendarUnit::Year => "year",
        }
    }

    pub(crate) fn first(self, day: Date) -> Date {
        match self {
            CalendarUnit::Week => {
                let since = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(since.days()).unwrap_or(day)
            }
            CalendarUnit::Month => day.first_of_month(),
            CalendarUnit::Quarter => {
                let month = (day.month() - 1) / 3 * 3 + 1;
                Date::new(day.year(), month, 1).unwrap_or(day)
            }
            CalendarUnit::Year => day.first_of_year(),
        }
    }

    fn following(self, first: Date) -> Date {
        let one = match self {
            CalendarUnit::Week => 1.week(),
            CalendarUnit::Month => 1.month(),
            CalendarUnit::Quarter => 3.months(),
            CalendarUnit::Year => 1.year(),
        };
        first.checked_add(one).unwrap_or(first)
    }

    fn title(self, first: Date) -> String {
        match self {
            CalendarUnit::Week => {
                let week = first.iso_week_date();
                format!("week {} of {}", week.week(), week.year())
            }
            CalendarUnit::Month => first.strftime("%B %Y").to_string(),
            CalendarUnit::Quarter => {
                format!("Q{} {}", (first.month() - 1) / 3 + 1, first.year())
            }
            CalendarUnit::Year => first.year().to_string(),
        }
    }
}

/// One stretch of a period, from its first moment to the next one's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ts_rs::TS)]
pub struct PeriodSpan {
    /// Its name: `November 2026`, `last 30d`.
    pub title: String,
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl PeriodSpan {
    /// How long it is: months differ, and so do days when clocks change.
    pub fn length(&self) -> Span {
        Span::from(self.to.since(self.from))
    }
}

/// Over which time a budget is counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// Always the last so much.
    Rolling(Span),
    /// The calendar's, each beginning with a full budget.
    Calendar {
        /// Which part of it.
        unit: CalendarUnit,
        /// Where midnight is.
        zone: Zone,
    },
}

impl Period {
    /// The stretch that `moment` belongs to; a rolling one ends there.
    pub fn around(&self, moment: Timestamp) -> PeriodSpan {
        match self {
            Period::Rolling(span) => PeriodSpan {
                title: format!("last {span}"),
                from: moment.minus(span.duration()),
                to: moment,
            },
            Period::Calendar { unit, zone } => {
                let first = unit.first(zone.at(moment).date());
                PeriodSpan {
                    title: unit.title(first),
                    from: zone.start(first),
                    to: zone.start(unit.following(first)),
                }
            }
        }
    }

    /// The stretch before the one that `moment` belongs to.
    pub fn before(&self, moment: Timestamp) -> PeriodSpan {
        let this = self.around(moment);
        match self {
            Period::Rolling(_) => self.around(this.from),
            Period::Calendar { .. } => {
                self.around(this.from.minus(Span::from_millis(1).duration()))
            }
        }
    }

    /// The length that burn rates are worked out with. A calendar's is its usual length (7, 30, 91
    /// and 365 days), so that thresholds do not move from month to month.
    pub fn nominal(&self) -> Span {
        match self {
            Period::Rolling(span) => *span,
            Period::Calendar { unit, .. } => Span::from_millis(match unit {
                CalendarUnit::Week => 7 * DAY,
                CalendarUnit::Month => 30 * DAY,
                CalendarUnit::Quarter => 91 * DAY,
                CalendarUnit::Year => 365 * DAY,
            }),
        }
    }

    /// The zone that days are told in.
    pub fn zone(&self) -> Zone {
        match self {
            Period::Rolling(_) => Zone::utc(),
            Period::Calendar { zone, .. } => zone.clone(),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Rolling(span) => write!(f, "{span}"),
            Period::Calendar { unit, zone } => write!(f, "calendar {} in {zone}", unit.word()),
        }
    }
}
