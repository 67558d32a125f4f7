//! Numbers in columns: comma, semicolon or tab between them, a header or none.

use super::{Brought, Mistake};
use crate::counts::{Counts, Interval};

/// Which columns hold what.
enum Columns {
    Value(usize),
    Counts(usize, usize),
    Both([usize; 4]),
}

/// Reads one table. Blank lines and lines that begin with `#` are left out; other columns than the
/// known ones are allowed where there is a header.
pub(super) fn read(text: &str) -> Result<Brought, Mistake> {
    let mut rows = text
        .lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .peekable();
    let Some(&(line, first)) = rows.peek() else {
        return Err(Mistake::whole("there is nothing in it"));
    };
    let separator = separator(first);
    let cells = split(first, separator);
    let columns = if cells.iter().all(|cell| number(cell, separator).is_some()) {
        unnamed(line, cells.len())?
    } else {
        rows.next();
        named(line, &cells)?
    };
    let rows = rows.map(|(line, row)| Row {
        line,
        cells: split(row, separator),
        separator,
    });
    match columns {
        Columns::Value(at) => rows
            .map(|r| r.value(at))
            .collect::<Result<_, _>>()
            .map(Brought::Series),
        Columns::Counts(total, bad) => rows
            .map(|r| r.counts(total, bad))
            .collect::<Result<_, _>>()
            .map(Brought::Counts),
        Columns::Both([ct, cb, st, sb]) => rows
            .map(|r| {
                Ok(Interval {
                    candidate: r.counts(ct, cb)?,
                    stable: r.counts(st, sb)?,
                })
            })
            .collect::<Result<_, _>>()
            .map(Brought::Intervals),
    }
}

struct Row<'t> {
    line: usize,
    cells: Vec<&'t str>,
    separator: char,
}

impl Row<'_> {
    fn cell(&self, at: usize) -> Result<&str, Mistake> {
        self.cells.get(at).copied().ok_or_else(|| {
            let have = self.cells.len();
            Mistake::new(
                self.line,
                format!("column {} is missing; there are {have}", at + 1),
            )
        })
    }

    fn value(&self, at: usize) -> Result<f64, Mistake> {
        let cell = self.cell(at)?;
        number(cell, self.separator)
            .filter(|n| n.is_finite())
            .ok_or_else(|| {
                Mistake::new(
                    self.line,
                    format!("`{cell}` is not a number that can be compared; leave such a row out"),
                )
            })
    }

    fn whole(&self, at: usize) -> Result<u64, Mistake> {
        let cell = self.cell(at)?;
        let exact = cell.parse::<u64>().ok();
        let number = || number(cell, self.separator).and_then(whole);
        exact.or_else(number).ok_or_else(|| {
            Mistake::new(
                self.line,
                format!("`{cell}` is not a count (a whole number from 0)"),
            )
        })
    }

    fn counts(&self, total: usize, bad: usize) -> Result<Counts, Mistake> {
        let counts = Counts::new(self.whole(total)?, self.whole(bad)?);
        if counts.is_possible() {
            Ok(counts)
        } else {
            let Counts { total, bad } = counts;
            Err(Mistake::new(
                self.line,
                format!("{bad} bad requests of {total} cannot be"),
            ))
        }
    }
}

/// A float that is a count. Above 2^53 floats skip whole numbers, so none is taken from them.
pub(super) fn whole(number: f64) -> Option<u64> {
    (number >= 0.0 && number.fract() == 0.0 && number <= 9_007_199_254_740_992.0)
        .then_some(number as u64)
}

fn separator(row: &str) -> char {
    ['\t', ';', ',']
        .into_iter()
        .find(|&c| row.contains(c))
        .unwrap_or(',')
}

fn split(row: &str, separator: char) -> Vec<&str> {
    row.split(separator)
        .map(|cell| cell.trim().trim_matches('"').trim())
        .collect()
}

/// A decimal comma is read where commas do not separate.
fn number(cell: &str, separator: char) -> Option<f64> {
    if separator != ',' && cell.contains(',') && !cell.contains('.') {
        return cell.replacen(',', ".", 1).parse().ok();
    }
    cell.parse().ok()
}

fn unnamed(line: usize, columns: usize) -> Result<Columns, Mistake> {
    match columns {
        1 => Ok(Columns::Value(0)),
        2 => Ok(Columns::Counts(0, 1)),
        4 => Ok(Columns::Both([0, 1, 2, 3])),
        n => Err(Mistake::new(
            line,
            format!("{n} columns without a header; {EXPECTED}"),
        )),
    }
}

const EXPECTED: &str = "expected `value`, or `total,bad`, or \
    `candidate_total,candidate_bad,stable_total,stable_bad`";

fn named(line: usize, cells: &[&str]) -> Result<Columns, Mistake> {
    let names: Vec<String> = cells
        .iter()
        .map(|cell| cell.to_lowercase().replace(['-', ' ', '.'], "_"))
        .collect();
    let find = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
    let total = find(&["total", "requests", "count"]);
    let bad = find(&["bad", "errors", "failed"]);
    let both = [
        find(&["candidate_total", "candidate_requests", "canary_total"]),
        find(&["candidate_bad", "candidate_errors", "canary_bad"]),
        find(&["stable_total", "stable_requests", "baseline_total"]),
        find(&["stable_bad", "stable_errors", "baseline_bad"]),
    ];
    if let [Some(ct), Some(cb), Some(st), Some(sb)] = both {
        return Ok(Columns::Both([ct, cb, st, sb]));
    }
    if let (Some(total), Some(bad)) = (total, bad) {
        return Ok(Columns::Counts(total, bad));
    }
    if let Some(value) = find(&["value", "values"]) {
        return Ok(Columns::Value(value));
    }
    if cells.len() == 1 {
        return Ok(Columns::Value(0));
    }
    Err(Mistake::new(
        line,
        format!(
            "the header `{}` names no known columns; {EXPECTED}",
            cells.join(", ")
        ),
    ))
}
