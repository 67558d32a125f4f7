//! An answer as comma-separated values: one row a series and moment.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;

use super::{QueryAnswer, QueryAsk, query};
use crate::console::Console;
use crate::journal::fresh;
use crate::problem::Problem;

/// A question, and the file for its answer.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct CsvAsk {
    pub ask: QueryAsk,
    /// It must not be there yet.
    pub to: PathBuf,
}

/// What was written.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct CsvWritten {
    pub to: PathBuf,
    pub rows: usize,
}

/// # Errors
/// The query's, or the file's.
pub async fn export(console: &Console, ask: CsvAsk) -> Result<CsvWritten, Problem> {
    let answer = query(console, ask.ask).await?;
    let mut file = fresh(&ask.to).await?;
    file.write_all(csv(&answer).as_bytes()).await?;
    file.flush().await?;
    let rows = answer.series.iter().map(|s| s.points.len()).sum();
    Ok(CsvWritten { to: ask.to, rows })
}

/// Columns: every label of any series, sorted; then `time` and `value`. Times are RFC 3339.
pub fn csv(answer: &QueryAnswer) -> String {
    let names: BTreeSet<&str> = answer
        .series
        .iter()
        .flat_map(|s| s.labels.keys().map(String::as_str))
        .collect();
    let line = |cells: Vec<String>| cells.join(",") + "\r\n";
    let head = names.iter().copied().chain(["time", "value"]);
    let mut out = line(head.map(cell).collect());
    for series in &answer.series {
        let labels = names.iter().map(|name| {
            let value = series.labels.get(*name);
            cell(value.map_or("", String::as_str))
        });
        let labels: Vec<String> = labels.collect();
        for (at, value) in &series.points {
            let mut cells = labels.clone();
            cells.extend([at.to_string(), cell(value)]);
            out += &line(cells);
        }
    }
    out
}

/// Quoted where it has to be (RFC 4180). What a spreadsheet would take for a formula is kept from
/// being one: labels come from whoever is scraped.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !number(text);
    let text = match formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

fn number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::QuerySeries;
    use deckwatch_domain::Timestamp;

    #[test]
    fn cells_are_quoted_and_no_label_is_a_formula() {
        let series = |name: &str, value: &str, v: &str| QuerySeries {
            labels: [(name.to_owned(), value.to_owned())].into(),
            points: vec![(Timestamp::from_millis(0), v.to_owned())],
        };
        let answer = QueryAnswer {
            kind: "vector".into(),
            series: vec![
                series("b", "x,\"y\"", "-1.5"),
                series("a", "=HYPERLINK(1)", "+Inf"),
            ],
            total: 2,
            text: None,
            notes: Vec::new(),
            source: "samples".into(),
        };
        let at = Timestamp::from_millis(0);
        assert_eq!(
            csv(&answer),
            format!(
                "a,b,time,value\r\n,\"x,\"\"y\"\"\",{at},-1.5\r\n'=HYPERLINK(1),,{at},+Inf\r\n"
            )
        );
    }
}
