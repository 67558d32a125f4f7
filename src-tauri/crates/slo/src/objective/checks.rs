//! Whether texts in PromQL are what belongs in an objective.

use deckwatch_promql::ast::{Expr, ValueType};
use deckwatch_promql::parse::{Dialect, parse};

/// Whether a text selects series, without a range and without a modifier.
///
/// # Errors
/// In words, why not.
pub fn checked_selector(text: &str) -> Result<(), String> {
    match parse(text, Dialect::default()) {
        Ok(Expr::Vector(selector)) if selector.shift == Default::default() => Ok(()),
        Ok(Expr::Vector(_)) => Err("leave `offset` and `@` out of a selector here".to_owned()),
        Ok(Expr::Matrix(_)) => {
            Err("leave the range out: windows of several lengths are counted".to_owned())
        }
        Ok(_) => Err(
            "a selector belongs here, such as `requests_total{code=\"500\"}`; \
             queries go under `queries`"
                .to_owned(),
        ),
        Err(error) => Err(format!("this is no selector: {error}")),
    }
}

pub(super) fn checked_histogram(text: &str) -> Result<(), String> {
    checked_selector(text)?;
    let Ok(Expr::Vector(selector)) = parse(text, Dialect::default()) else {
        return Ok(());
    };
    let name = selector.name.unwrap_or_default();
    if name.is_empty() {
        return Err("a histogram is named: `name{…}`".to_owned());
    }
    match ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
    {
        Some(bare) => Err(format!("write the histogram's own name: `{bare}`")),
        None => Ok(()),
    }
}

/// Whether a text is a query over `$window` that gives a number per group.
///
/// # Errors
/// In words, why not.
pub fn checked_query(text: &str) -> Result<(), String> {
    if !text.contains("$window") {
        return Err(
            "`$window` does not stand in it: it would count the same over every window".to_owned(),
        );
    }
    checked_vector(&text.replace("$window", "5m"))
}

pub(super) fn checked_vector(text: &str) -> Result<(), String> {
    match parse(text, Dialect::default()) {
        Ok(expr) if expr.value_type() == ValueType::Vector => Ok(()),
        Ok(expr) => Err(format!(
            "this gives a {}, not one number per series",
            expr.value_type().documented()
        )),
        Err(error) => Err(format!("this is no query: {error}")),
    }
}
