//! A dashboard, as it was read.

use serde::{Deserialize, Serialize};

use crate::metrics::{SourceName, Unit};

/// Panels under variables.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Dashboard {
    pub title: String,
    pub about: String,
    /// Who is asked; none: the environment's default.
    pub source: Option<SourceName>,
    pub variables: Vec<DashboardVariable>,
    pub panels: Vec<Panel>,
}

/// What a reader chooses.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct DashboardVariable {
    pub name: String,
    pub title: String,
    /// Its values are those of this label.
    pub label: Option<String>,
    /// Of the series that this selector means; none: of all.
    pub of: Option<String>,
    /// All values at once can be chosen; queries then say `=~"$name"`.
    pub all: bool,
    /// Its values, where they are written down.
    pub values: Vec<String>,
}

/// One picture.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct Panel {
    pub title: String,
    pub about: String,
    /// None: what the query says.
    pub unit: Option<Unit>,
    /// Of twelve columns.
    pub width: u8,
    pub queries: Vec<DashboardQuery>,
}

/// What is drawn in it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct DashboardQuery {
    pub query: String,
    /// How its lines are called: `{{slot}}` stands for a label.
    pub legend: Option<String>,
}
