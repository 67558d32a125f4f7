//! The same shapes as JSON. Mistakes inside well-formed JSON name the item, not the line.

use serde_json::Value;

use super::table::whole;
use super::{Brought, Mistake};
use crate::counts::{Counts, Interval};

pub(super) fn parse(text: &str) -> Result<Value, Mistake> {
    serde_json::from_str(text).map_err(|e| Mistake::new(e.line(), format!("this is not JSON: {e}")))
}

pub(super) fn read(text: &str) -> Result<Brought, Mistake> {
    match parse(text)? {
        Value::Array(items) => brought(&items),
        _ => Err(Mistake::whole(
            "an array is expected: of numbers, of counts, or of intervals",
        )),
    }
}

/// An array of numbers, of counts or of intervals, by what its first item is.
pub(super) fn brought(items: &[Value]) -> Result<Brought, Mistake> {
    let each = |read: &dyn Fn(&Value) -> Result<Counts, String>| numbered(items, read);
    match items.first() {
        None | Some(Value::Number(_)) => numbered(items, &value).map(Brought::Series),
        Some(Value::Object(first)) if first.contains_key("total") => {
            each(&counts).map(Brought::Counts)
        }
        Some(Value::Object(_)) => numbered(items, &interval).map(Brought::Intervals),
        Some(_) => Err(Mistake::whole(
            "item 1 is neither a number, nor counts, nor an interval",
        )),
    }
}

fn numbered<T>(
    items: &[Value],
    read: &dyn Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, Mistake> {
    items
        .iter()
        .enumerate()
        .map(|(i, item)| read(item).map_err(|why| Mistake::whole(format!("item {}: {why}", i + 1))))
        .collect()
}

fn value(item: &Value) -> Result<f64, String> {
    item.as_f64()
        .filter(|n| n.is_finite())
        .ok_or_else(|| format!("{item} is not a number that can be compared"))
}

fn count(item: &Value, name: &str) -> Result<u64, String> {
    let found = item
        .get(name)
        .ok_or_else(|| format!("`{name}` is missing"))?;
    found
        .as_u64()
        .or_else(|| found.as_f64().and_then(whole))
        .ok_or_else(|| format!("`{name}` is {found}, not a count (a whole number from 0)"))
}

fn pair(item: &Value, total: &str, bad: &str) -> Result<Counts, String> {
    let counts = Counts::new(count(item, total)?, count(item, bad)?);
    if counts.is_possible() {
        Ok(counts)
    } else {
        let Counts { total, bad } = counts;
        Err(format!("{bad} bad requests of {total} cannot be"))
    }
}

fn counts(item: &Value) -> Result<Counts, String> {
    pair(item, "total", "bad")
}

fn interval(item: &Value) -> Result<Interval, String> {
    let side = |name: &str| match item.get(name) {
        Some(side) => counts(side).map_err(|why| format!("{name}: {why}")),
        None => pair(item, &format!("{name}_total"), &format!("{name}_bad")),
    };
    Ok(Interval {
        candidate: side("candidate")?,
        stable: side("stable")?,
    })
}
