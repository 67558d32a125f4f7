//! Parts of a date, of a sample's value or of the moment itself.

use super::{Evaluator, Outcome};
use crate::calendar::{civil, days_in_month, whole_seconds};
use crate::plan::CallPlan;
use crate::value::Matrix;

fn part(name: &str, seconds: i64) -> f64 {
    let c = civil(seconds);
    (match name {
        "year" => c.year,
        "month" => c.month,
        "day_of_month" => c.day,
        "day_of_week" => c.weekday,
        "day_of_year" => c.day_of_year,
        "days_in_month" => days_in_month(c.year, c.month),
        "hour" => c.hour,
        _ => c.minute,
    }) as f64
}

impl Evaluator<'_> {
    pub(super) fn date(&self, call: &CallPlan) -> Outcome<Matrix> {
        let name = call.function.name;
        match call.args.first() {
            Some(arg) => {
                let matrix = self.eval(arg)?;
                self.each_float(matrix, |p| Some(part(name, whole_seconds(p.v))))
            }
            None => self.series_of(|t| part(name, t / 1000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn parts_of_a_date() {
        let moment = 1_136_239_445;
        for (name, value) in [
            ("year", 2006.0),
            ("month", 1.0),
            ("day_of_month", 2.0),
            ("day_of_week", 1.0),
            ("day_of_year", 2.0),
            ("days_in_month", 31.0),
            ("hour", 22.0),
            ("minute", 4.0),
        ] {
            assert_eq!(part(name, moment), value, "{name}");
        }
    }
}
