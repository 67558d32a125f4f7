//! The operators of the language.

/// An operator between two expressions.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)] // The names are the operators'.
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    And,
    Or,
    Unless,
    /// `</`: what lies below, of a native histogram.
    TrimUpper,
    /// `>/`: what lies above, of a native histogram.
    TrimLower,
}

impl BinaryOp {
    /// The operator as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "^",
            BinaryOp::Atan2 => "atan2",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Greater => ">",
            BinaryOp::Less => "<",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
            BinaryOp::Unless => "unless",
            BinaryOp::TrimUpper => "</",
            BinaryOp::TrimLower => ">/",
        }
    }

    /// Whether it compares.
    pub fn is_comparison(self) -> bool {
        use BinaryOp::*;
        matches!(
            self,
            Equal | NotEqual | Greater | Less | GreaterOrEqual | LessOrEqual
        )
    }

    /// Whether it works on sets of series.
    pub fn is_set(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    }

    /// Whether its result is another quantity, so that the metric's name no longer fits.
    pub fn is_arithmetic(self) -> bool {
        use BinaryOp::*;
        matches!(self, Add | Sub | Mul | Div | Mod | Pow | Atan2)
    }
}

/// What an aggregation does with the samples of a group.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)] // The names are the operators'.
pub enum AggregateOp {
    Avg,
    BottomK,
    Count,
    CountValues,
    Group,
    LimitK,
    LimitRatio,
    Max,
    Min,
    Quantile,
    StdDev,
    StdVar,
    Sum,
    TopK,
}

impl AggregateOp {
    /// All of them, with their names.
    pub const ALL: [(AggregateOp, &'static str); 14] = [
        (AggregateOp::Avg, "avg"),
        (AggregateOp::BottomK, "bottomk"),
        (AggregateOp::Count, "count"),
        (AggregateOp::CountValues, "count_values"),
        (AggregateOp::Group, "group"),
        (AggregateOp::LimitK, "limitk"),
        (AggregateOp::LimitRatio, "limit_ratio"),
        (AggregateOp::Max, "max"),
        (AggregateOp::Min, "min"),
        (AggregateOp::Quantile, "quantile"),
        (AggregateOp::StdDev, "stddev"),
        (AggregateOp::StdVar, "stdvar"),
        (AggregateOp::Sum, "sum"),
        (AggregateOp::TopK, "topk"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        AggregateOp::ALL
            .iter()
            .find(|(op, _)| *op == self)
            .map_or("", |(_, name)| name)
    }

    /// Whether a parameter stands before the vector.
    pub fn has_parameter(self) -> bool {
        use AggregateOp::*;
        matches!(
            self,
            TopK | BottomK | CountValues | Quantile | LimitK | LimitRatio
        )
    }

    /// Whether Prometheus calls it experimental.
    pub fn is_experimental(self) -> bool {
        matches!(self, AggregateOp::LimitK | AggregateOp::LimitRatio)
    }
}
