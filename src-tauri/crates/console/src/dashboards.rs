//! Dashboards: panels of queries with variables. Some ship with Deckwatch; one's own are YAML files
//! in the data folder (`dashboards/*.yaml`), read anew whenever they are looked at.
//!
//! What must never happen here: a variable's value that becomes a part of a query's language. Values
//! are put between quotes and escaped.

mod model;
mod read;
mod schema;
mod substitute;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use model::{Dashboard, DashboardVariable};

use crate::console::Console;
use crate::metrics::{ChartAsk, LabelsAsk, MetricsChart, chart, grid_step, values as label_values};
use crate::plans::{ByName, PlanMistake};
use crate::problem::{Problem, invalid};
use crate::route::Nothing;
use substitute::{Given, Substitution};

const BUILTIN: [(&str, &str); 2] = [
    ("service", include_str!("dashboards/builtin/service.yaml")),
    ("host", include_str!("dashboards/builtin/host.yaml")),
];

/// Files of one's own that are read at most.
const MOST: usize = 200;
/// Values of a variable that are offered at most.
const VALUES: usize = 500;

/// A dashboard in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct DashboardRow {
    pub name: String,
    pub title: String,
    pub about: String,
    /// Where it lies; none: it ships with Deckwatch.
    pub file: Option<PathBuf>,
    /// Why it cannot be shown.
    pub mistakes: Vec<PlanMistake>,
}

/// A dashboard's text, to be checked.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct CheckDashboard {
    pub yaml: String,
}

/// A dashboard with what can be chosen in it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct DashboardView {
    pub dashboard: Dashboard,
    /// As it was written.
    pub yaml: String,
    pub file: Option<PathBuf>,
    pub variables: Vec<VariableView>,
}

/// A variable, and what it may be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct VariableView {
    pub name: String,
    pub title: String,
    /// Whether all at once can be chosen: it is then named `all`.
    pub all: bool,
    pub values: Vec<String>,
    /// What it is where nothing is chosen; empty: there is nothing.
    pub first: String,
    /// Why its values are not known.
    pub problem: Option<String>,
}

/// One panel over a range.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct PanelAsk {
    pub name: String,
    /// Which one, beginning at 0.
    pub panel: usize,
    /// What is chosen.
    #[serde(default)]
    pub variables: Vec<Chosen>,
    /// The range; its query is the panel's.
    pub range: ChartAsk,
}

/// What a variable is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    pub name: String,
    pub value: String,
}

/// One query of a panel, answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct PanelPart {
    /// As it was asked, with its variables in their places.
    pub query: String,
    /// How its lines are called: `{{slot}}` stands for a label.
    pub legend: Option<String>,
    pub chart: Option<MetricsChart>,
    pub problem: Option<Problem>,
}

/// # Errors
/// None: what is wrong with a file is said of it.
pub async fn list(console: &Console, _: Nothing) -> Result<Vec<DashboardRow>, Problem> {
    let mut rows: Vec<DashboardRow> = BUILTIN
        .iter()
        .map(|(name, yaml)| row((*name).to_owned(), yaml, None))
        .collect();
    for (name, file) in own_files(console) {
        match tokio::fs::read_to_string(&file).await {
            Ok(yaml) => rows.push(row(name, &yaml, Some(file))),
            Err(error) => rows.push(DashboardRow {
                title: name.clone(),
                name,
                about: String::new(),
                mistakes: vec![PlanMistake {
                    line: 0,
                    column: 0,
                    path: String::new(),
                    message: error.to_string(),
                }],
                file: Some(file),
            }),
        }
    }
    Ok(rows)
}

fn row(name: String, yaml: &str, file: Option<PathBuf>) -> DashboardRow {
    match read::read(yaml) {
        Ok(dashboard) => DashboardRow {
            name,
            title: dashboard.title,
            about: dashboard.about,
            file,
            mistakes: Vec::new(),
        },
        Err(problems) => DashboardRow {
            title: name.clone(),
            name,
            about: String::new(),
            file,
            mistakes: problems.0.iter().map(PlanMistake::from).collect(),
        },
    }
}

/// Their names are the files' names without the ending; a built-in one cannot be replaced.
fn own_files(console: &Console) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(console.folder.dashboards()) else {
        return Vec::new();
    };
    let named = |path: PathBuf| {
        let yaml = ["yaml", "yml"]
            .iter()
            .any(|e| path.extension() == Some(e.as_ref()));
        let name = path.file_stem()?.to_str()?.to_owned();
        let taken = BUILTIN.iter().any(|(built_in, _)| *built_in == name);
        (yaml && !taken).then_some((name, path))
    };
    let files = entries.filter_map(|entry| named(entry.ok()?.path()));
    let mut files: Vec<(String, PathBuf)> = files.collect();
    files.sort();
    files.dedup_by(|a, b| a.0 == b.0);
    files.truncate(MOST);
    files
}

async fn text(console: &Console, name: &str) -> Result<(String, Option<PathBuf>), Problem> {
    if let Some((_, yaml)) = BUILTIN.iter().find(|(built_in, _)| *built_in == name) {
        return Ok(((*yaml).to_owned(), None));
    }
    let files = own_files(console);
    let Some((_, file)) = files.iter().find(|(own, _)| own == name) else {
        let names = BUILTIN.iter().map(|(name, _)| *name);
        let names: Vec<&str> = names.chain(files.iter().map(|(n, _)| n.as_str())).collect();
        let why = format!(
            "no dashboard is called {name}; there is: {}",
            names.join(", ")
        );
        return Err(Problem::new("dashboard.unknown", why));
    };
    let yaml = tokio::fs::read_to_string(file).await;
    let wrong = |e: std::io::Error, file: &Path| format!("{}: {e}", file.display());
    let yaml = yaml.map_err(|e| Problem::new("file", wrong(e, file)))?;
    Ok((yaml, Some(file.clone())))
}

/// # Errors
/// That there is none of this name, or what is wrong in it. Values that cannot be read are said of
/// their variable.
pub async fn show(console: &Console, by: ByName) -> Result<DashboardView, Problem> {
    let (yaml, file) = text(console, &by.name).await?;
    let dashboard = read::read(&yaml).map_err(|p| invalid("dashboard", &p))?;
    let mut variables = Vec::new();
    for variable in &dashboard.variables {
        variables.push(offered(console, &dashboard, variable).await);
    }
    Ok(DashboardView {
        dashboard,
        yaml,
        file,
        variables,
    })
}

async fn offered(
    console: &Console,
    dashboard: &Dashboard,
    variable: &DashboardVariable,
) -> VariableView {
    let found = match &variable.label {
        None => Ok(variable.values.clone()),
        Some(label) => {
            let ask = LabelsAsk {
                selector: variable.of.clone(),
                label: Some(label.clone()),
                limit: Some(VALUES),
                source: dashboard.source,
                url: None,
            };
            label_values(console, ask).await.map(|found| found.rows)
        }
    };
    let (values, problem) = match found {
        Ok(values) => (values, None),
        Err(problem) => (Vec::new(), Some(problem.message)),
    };
    let first = match variable.all {
        true => substitute::ALL.to_owned(),
        false => values.first().cloned().unwrap_or_default(),
    };
    VariableView {
        name: variable.name.clone(),
        title: variable.title.clone(),
        all: variable.all,
        values,
        first,
        problem,
    }
}

/// # Errors
/// That there is no such dashboard or panel, or that the range is none. What is wrong with one query
/// is said of it.
pub async fn panel(console: &Console, ask: PanelAsk) -> Result<Vec<PanelPart>, Problem> {
    let (yaml, _) = text(console, &ask.name).await?;
    let dashboard = read::read(&yaml).map_err(|p| invalid("dashboard", &p))?;
    let Some(panel) = dashboard.panels.get(ask.panel) else {
        let why = format!("{} has {} panels", ask.name, dashboard.panels.len());
        return Err(Problem::new("request.invalid", why));
    };
    let step = grid_step(&ask.range, console.clock.now().wall)?;
    let given = given(&dashboard, &ask.variables);
    let substitution = Substitution::new(given, step);
    let mut parts = Vec::new();
    for query in &panel.queries {
        let text = substitution.of(&query.query);
        let asked = ChartAsk {
            query: text.clone(),
            source: dashboard.source,
            ..ask.range.clone()
        };
        let (chart, problem) = match chart(console, asked).await {
            Ok(mut chart) => {
                chart.unit = panel.unit.unwrap_or(chart.unit);
                (Some(chart), None)
            }
            Err(problem) => (None, Some(problem)),
        };
        parts.push(PanelPart {
            query: text,
            legend: query.legend.clone(),
            chart,
            problem,
        });
    }
    Ok(parts)
}

fn given(dashboard: &Dashboard, chosen: &[Chosen]) -> Vec<Given> {
    let value = |variable: &DashboardVariable| {
        let chosen = chosen.iter().find(|c| c.name == variable.name);
        chosen.map_or_else(String::new, |c| c.value.clone())
    };
    let given = dashboard.variables.iter().map(|variable| Given {
        name: variable.name.clone(),
        value: value(variable),
        pattern: variable.all,
    });
    given.collect()
}

/// A query with names in the places of its variables, as texts between quotes.
pub(crate) fn written(query: &str, values: &[(&str, &str)]) -> String {
    let given = values.iter().map(|(name, value)| Given {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
        pattern: false,
    });
    Substitution::new(given.collect(), 15_000).of(query)
}

/// # Errors
/// None: mistakes are the answer.
pub async fn check(_: &Console, ask: CheckDashboard) -> Result<Vec<PlanMistake>, Problem> {
    Ok(match read::read(&ask.yaml) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(PlanMistake::from).collect(),
    })
}

/// # Errors
/// None.
pub async fn schema(_: &Console, _: Nothing) -> Result<Value, Problem> {
    Ok(schema::dashboard_schema())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_can_be_shown() {
        for (name, yaml) in BUILTIN {
            let read = read::read(yaml);
            assert!(read.is_ok(), "{name}: {}", read.unwrap_err());
        }
    }
}
