//! Calculated lengths of time.

use super::lower::Lowering;
use crate::ast::{DurationExpr, DurationOp, Length};
use crate::error::EvalError;

impl Lowering {
    /// A length in milliseconds.
    pub(super) fn length(&self, length: &Length, may_be_negative: bool) -> Result<i64, EvalError> {
        let expr = match length {
            Length::Fixed(ms) => return Ok(*ms),
            Length::Expr(expr) => expr,
        };
        let span = expr.span();
        let at = |why: &str| EvalError::execution(format!("{}:{}: {why}", span.start, span.end));
        let seconds = self.seconds(expr)?;
        if !seconds.is_finite() {
            return Err(at("duration is NaN or infinite"));
        }
        if seconds <= 0.0 && !may_be_negative {
            return Err(at("duration must be greater than 0"));
        }
        if seconds.abs() > i64::MAX as f64 / 1e9 {
            return Err(at("duration is out of range"));
        }
        Ok((seconds * 1000.0) as i64)
    }

    fn seconds(&self, expr: &DurationExpr) -> Result<f64, EvalError> {
        Ok(match expr {
            DurationExpr::Literal { seconds, .. } => *seconds,
            DurationExpr::Step(_) => self.step as f64 / 1000.0,
            DurationExpr::Range(_) => self.end.saturating_sub(self.start) as f64 / 1000.0,
            DurationExpr::Negated(inner, _) => -self.seconds(inner)?,
            DurationExpr::Paren(inner, _) => self.seconds(inner)?,
            DurationExpr::Binary {
                op,
                left,
                right,
                span,
            } => {
                let (left, right) = (self.seconds(left)?, self.seconds(right)?);
                let by_zero = |what: &str| {
                    EvalError::execution(format!("{}:{}: {what} by zero", span.start, span.end))
                };
                match op {
                    DurationOp::Add => left + right,
                    DurationOp::Sub => left - right,
                    DurationOp::Mul => left * right,
                    DurationOp::Div if right == 0.0 => return Err(by_zero("division")),
                    DurationOp::Div => left / right,
                    DurationOp::Mod if right == 0.0 => return Err(by_zero("modulo")),
                    DurationOp::Mod => left % right,
                    DurationOp::Pow => left.powf(right),
                    DurationOp::MinOf => left.min(right),
                    DurationOp::MaxOf => left.max(right),
                }
            }
        })
    }
}
