//! OpenSLO's lengths and time windows.

use deckwatch_domain::{Node, Span};

use super::super::{Reader, child};
use crate::period::{CalendarUnit, Period, Zone};

/// A length such as `4w` or `1M`, and its parts. Months, quarters and years count 30, 90 and 365
/// days where they roll.
pub(super) fn shorthand(node: &Node, reader: &mut Reader) -> Option<(Span, u64, char)> {
    let text = node.text(&mut reader.mistakes)?;
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let count: Option<u64> = number.parse().ok().filter(|n| (1..=5_000).contains(n));
    let seconds = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "M" => 30 * 86_400,
        "Q" => 90 * 86_400,
        "Y" => 365 * 86_400,
        _ => 0,
    };
    match (count, unit.chars().next()) {
        (Some(count), Some(unit)) if seconds > 0 => {
            Some((Span::from_secs(count * seconds), count, unit))
        }
        _ => {
            reader.mistakes.at(
                node,
                format!("`{text}` is no length; write a number and one of m, h, d, w, M, Q, Y"),
            );
            None
        }
    }
}

pub(super) fn period(node: &Node, reader: &mut Reader) -> Option<Period> {
    let [window] = node.items(&mut reader.mistakes) else {
        reader
            .mistakes
            .at(node, "exactly one time window belongs here");
        return None;
    };
    reader.rest(window, &["duration", "isRolling", "calendar"]);
    let at = reader.need(window, "duration")?;
    let (length, count, unit) = shorthand(at, reader)?;
    if length < Span::from_secs(3_600) {
        reader.mistakes.at(at, "a period is at least an hour");
        return None;
    }
    let Some(calendar) = child(window, "calendar") else {
        if matches!(unit, 'M' | 'Q' | 'Y') {
            reader.lost(at, format!("a rolling window is counted in days: {length}"));
        }
        return Some(Period::Rolling(length));
    };
    reader.rest(calendar, &["startTime", "timeZone"]);
    let zone = match child(calendar, "timeZone") {
        Some(n) => n.parsed::<Zone>(&mut reader.mistakes)?,
        None => Zone::utc(),
    };
    let parts = (count, unit);
    let unit = match parts {
        (1, 'w') | (7, 'd') => CalendarUnit::Week,
        (1, 'M') => CalendarUnit::Month,
        (1, 'Q') | (3, 'M') => CalendarUnit::Quarter,
        (1, 'Y') | (12, 'M') | (4, 'Q') => CalendarUnit::Year,
        _ => {
            reader.lost(
                window,
                format!(
                    "no calendar has periods of this length: the last {length} are counted instead"
                ),
            );
            return Some(Period::Rolling(length));
        }
    };
    if let Some(start) = child(calendar, "startTime") {
        begins(start, unit, reader);
    }
    Some(Period::Calendar { unit, zone })
}

/// Says so where the window begins elsewhere than the calendar's does.
fn begins(node: &Node, unit: CalendarUnit, reader: &mut Reader) {
    let Some(text) = node.text(&mut reader.mistakes) else {
        return;
    };
    let start = text.trim().replacen(' ', "T", 1);
    let Ok(start) = start.parse::<jiff::civil::DateTime>() else {
        reader.mistakes.at(
            node,
            format!("`{text}` is no time such as 2026-01-01 00:00:00"),
        );
        return;
    };
    if unit.first(start.date()) != start.date() || start.time() != jiff::civil::Time::midnight() {
        reader.lost(
            node,
            format!(
                "a {} begins with the calendar here, not on {}",
                unit.word(),
                start.strftime("%d %B at %H:%M")
            ),
        );
    }
}
