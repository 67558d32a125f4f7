//! What must be open before a step ends.

use deckwatch_domain::Span;
use serde::{Deserialize, Serialize};

/// Something that must be open before a step ends.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// `count` different people, none of them the author; with `role`, only those bound to it.
    Approval {
        count: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
    },
    /// A daily window in UTC. One whose end lies before its start runs over midnight.
    Window(Window),
    /// Closed while a freeze is declared.
    NoFreeze,
    /// The service's objectives must answer so.
    Objective(ObjectiveGate),
}

/// Minutes after midnight UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Window {
    pub from: u16,
    pub to: u16,
}

/// A question to a service's objectives; every group of each of them has to answer well. What is
/// not known keeps the gate shut.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ObjectiveGate {
    /// The objective's name; none: all of the service, and there must be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<String>,
    pub asks: ObjectiveAsks,
}

/// What is asked of an objective.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveAsks {
    /// At least this share of the rolling budget is left.
    BudgetLeft(f64),
    /// No alert that pages fires, of objectives or of rules.
    NoPage,
    /// The budget burnt slower than `factor` in the last `window`.
    BurnBelow { factor: f64, window: Span },
}

impl Gate {
    /// What to call it in a table.
    pub fn name(&self) -> String {
        match self {
            Gate::Approval {
                role: Some(role),
                count: 1,
            } => format!("approval by a {role}"),
            Gate::Approval {
                role: Some(role),
                count,
            } => format!("approval by {count} {role}s"),
            Gate::Approval {
                role: None,
                count: 1,
            } => "approval".into(),
            Gate::Approval { role: None, count } => format!("approval by {count} people"),
            Gate::Window(w) => format!("window {} UTC", w.words()),
            Gate::NoFreeze => "no freeze".into(),
            Gate::Objective(gate) => gate.name(),
        }
    }

    /// It is answered outside of the engine, by what this room cannot see.
    pub fn is_asked(&self) -> bool {
        matches!(self, Gate::NoFreeze | Gate::Objective(_))
    }

    /// Who or what opens it.
    pub fn opens(&self) -> String {
        match self {
            Gate::Approval {
                role: Some(role), ..
            } => format!("a {role}, not the author"),
            Gate::Approval { .. } => "anyone but the author".into(),
            Gate::Window(window) => format!("time: {} UTC", window.words()),
            Gate::NoFreeze => "whoever declared the freeze".into(),
            Gate::Objective(ObjectiveGate {
                asks: ObjectiveAsks::NoPage,
                ..
            }) => "the end of the alert".into(),
            Gate::Objective(_) => "time, as what was lost grows old".into(),
        }
    }
}

impl ObjectiveGate {
    fn name(&self) -> String {
        let of = match &self.objective {
            Some(name) => format!(" of {name}"),
            None => String::new(),
        };
        match self.asks {
            ObjectiveAsks::BudgetLeft(share) => {
                format!("budget{of} at least {} %", (share * 1e4).round() / 1e2)
            }
            ObjectiveAsks::NoPage => "no page".into(),
            ObjectiveAsks::BurnBelow { factor, window } => {
                format!("burn{of} below {factor} over {window}")
            }
        }
    }
}

impl Window {
    pub fn words(&self) -> String {
        let clock = |m: u16| format!("{:02}:{:02}", m / 60, m % 60);
        format!("{}–{}", clock(self.from), clock(self.to))
    }

    /// Whether the window is open at this minute after midnight UTC.
    pub fn open_at(&self, minute: u16) -> bool {
        if self.from <= self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}
