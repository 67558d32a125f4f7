//! The words and signs of the language, and how error messages name them.

use crate::ast::AggregateOp;
use crate::span::Span;
use crate::text::quote;

/// What kind of word or sign.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Eof,
    /// Not a token: the lexer's complaint, in words.
    Error,
    Identifier,
    MetricIdentifier,
    Number,
    Duration,
    String,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    OpenHistogram,
    CloseHistogram,
    Comma,
    Equal,
    Colon,
    Blank,
    Times,
    Space,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    At,
    EqualEqual,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    TrimUpper,
    TrimLower,
    EqualRegex,
    NotRegex,
    And,
    Or,
    Unless,
    Atan2,
    Aggregate(AggregateOp),
    Bool,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Offset,
    Anchored,
    Smoothed,
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
    /// A key of a histogram's description.
    HistogramKey,
    /// `unknown`, `reset`, `not_reset` or `gauge`.
    ResetHint,
}

/// A word or sign with its text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Token {
    pub kind: Kind,
    /// The text as it stands, or the lexer's complaint.
    pub text: String,
    pub span: Span,
}

/// Words that mean something of their own; letters of either case.
pub(crate) fn keyword(word: &str) -> Option<Kind> {
    let lower = word.to_ascii_lowercase();
    let kind = match lower.as_str() {
        "and" => Kind::And,
        "or" => Kind::Or,
        "unless" => Kind::Unless,
        "atan2" => Kind::Atan2,
        "offset" => Kind::Offset,
        "smoothed" => Kind::Smoothed,
        "anchored" => Kind::Anchored,
        "by" => Kind::By,
        "without" => Kind::Without,
        "on" => Kind::On,
        "ignoring" => Kind::Ignoring,
        "group_left" => Kind::GroupLeft,
        "group_right" => Kind::GroupRight,
        "fill" => Kind::Fill,
        "fill_left" => Kind::FillLeft,
        "fill_right" => Kind::FillRight,
        "bool" => Kind::Bool,
        "start" => Kind::Start,
        "end" => Kind::End,
        "step" => Kind::Step,
        "range" => Kind::Range,
        "max_of" => Kind::MaxOf,
        "min_of" => Kind::MinOf,
        "inf" | "nan" => Kind::Number,
        other => {
            return AggregateOp::ALL
                .iter()
                .find(|(_, name)| *name == other)
                .map(|(op, _)| Kind::Aggregate(*op));
        }
    };
    Some(kind)
}

/// Keys of a histogram's description in the test language.
pub(crate) fn is_histogram_key(word: &str) -> bool {
    matches!(
        word,
        "sum"
            | "count"
            | "schema"
            | "offset"
            | "n_offset"
            | "buckets"
            | "n_buckets"
            | "z_bucket"
            | "z_bucket_w"
            | "custom_values"
            | "counter_reset_hint"
    )
}

impl Kind {
    fn is_operator(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Add | Sub
                | Mul
                | Div
                | Mod
                | Pow
                | At
                | EqualEqual
                | NotEqual
                | Less
                | LessOrEqual
                | Greater
                | GreaterOrEqual
                | TrimUpper
                | TrimLower
                | EqualRegex
                | NotRegex
                | And
                | Or
                | Unless
                | Atan2
        )
    }

    fn is_modifier(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Bool | By
                | Without
                | On
                | Ignoring
                | GroupLeft
                | GroupRight
                | Fill
                | FillLeft
                | FillRight
                | Offset
                | Anchored
                | Smoothed
        )
    }

    fn is_call_word(self) -> bool {
        use Kind::*;
        matches!(self, Start | End | Step | Range | MaxOf | MinOf)
    }

    /// Whether the word can name a metric where one is expected.
    pub fn names_metric(self) -> bool {
        use Kind::*;
        self.is_call_word()
            || matches!(
                self,
                Identifier
                    | MetricIdentifier
                    | Aggregate(_)
                    | By
                    | Without
                    | Fill
                    | FillLeft
                    | FillRight
                    | And
                    | Or
                    | Unless
                    | Offset
                    | Anchored
                    | Smoothed
            )
    }

    /// Whether the word can name a label in a grouping.
    pub fn names_label(self) -> bool {
        use Kind::*;
        self.is_call_word()
            || (self.is_modifier() && self != Without)
            || matches!(
                self,
                Identifier | MetricIdentifier | Aggregate(_) | And | Or | Unless | Atan2
            )
    }
}

impl Token {
    fn shown(&self) -> String {
        use Kind::*;
        match self.kind {
            Eof => "EOF".to_owned(),
            Error => self.text.clone(),
            Identifier | MetricIdentifier => quote(&self.text),
            kind if kind.is_modifier() => format!("<{}>", self.text),
            kind if kind.is_operator() => format!("<op:{}>", self.text),
            Aggregate(_) => format!("<aggr:{}>", self.text),
            _ if self.text.len() > 10 => {
                let short: std::string::String = self.text.chars().take(10).collect();
                format!("{}...", quote(&short))
            }
            _ => quote(&self.text),
        }
    }

    /// The token as an error message names it.
    pub fn describe(&self) -> String {
        let sort = match self.kind {
            Kind::Eof => return "end of input".to_owned(),
            Kind::Identifier => "identifier",
            Kind::MetricIdentifier => "metric identifier",
            Kind::String => "string",
            Kind::Number => "number",
            Kind::Duration => "duration",
            _ => return self.shown(),
        };
        format!("{sort} {}", self.shown())
    }
}
