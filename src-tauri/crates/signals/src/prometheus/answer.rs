//! The values in an answer.

use std::collections::BTreeMap;

use deckwatch_domain::Timestamp;
use serde::Deserialize;

use crate::sample::Labels;

/// One value at one moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    pub at: Timestamp,
    pub value: f64,
}

/// One series of an answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Track {
    /// With `__name__` where there is one.
    pub labels: Labels,
    /// Oldest first. Native histograms are left out.
    pub points: Vec<Point>,
}

/// What an expression gave.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Of an instant query one point each, of a range query many.
    Tracks(Vec<Track>),
    Scalar(Point),
    Text(String),
}

/// An answer, and what the server remarked on it.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    pub value: Value,
    /// Warnings and infos, as they were written.
    pub notes: Vec<String>,
}

impl Answer {
    /// The series; none of a scalar or a text.
    pub fn tracks(self) -> Vec<Track> {
        match self.value {
            Value::Tracks(tracks) => tracks,
            Value::Scalar(_) | Value::Text(_) => Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Read {
    Vector(Vec<Series>),
    Matrix(Vec<Series>),
    Scalar((f64, String)),
    String((f64, String)),
}

#[derive(Deserialize)]
pub(super) struct Series {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

pub(super) fn value(read: Read) -> Result<Value, String> {
    Ok(match read {
        Read::Vector(all) | Read::Matrix(all) => {
            Value::Tracks(all.into_iter().map(track).collect::<Result<_, _>>()?)
        }
        Read::Scalar(one) => Value::Scalar(point(&one)?),
        Read::String((_, text)) => Value::Text(text),
    })
}

fn track(series: Series) -> Result<Track, String> {
    let points = series.values.iter().chain(series.value.iter()).map(point);
    Ok(Track {
        points: points.collect::<Result<_, _>>()?,
        labels: series.metric.into_iter().collect(),
    })
}

fn point((at, text): &(f64, String)) -> Result<Point, String> {
    let value = match text.as_str() {
        "+Inf" | "Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number => number
            .parse()
            .map_err(|_| format!("`{number}` is no number"))?,
    };
    Ok(Point {
        at: Timestamp::from_millis((at * 1000.0).round() as i64),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        let read: Read = serde_json::from_str(text).map_err(|e| e.to_string())?;
        value(read)
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let vector =
            r#"{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1.5,"+Inf"]}]}"#;
        let Value::Tracks(tracks) = read(vector).unwrap() else {
            panic!("a vector is series");
        };
        assert_eq!(tracks[0].labels, [("pod".to_owned(), "a".to_owned())]);
        assert_eq!(tracks[0].points[0].at.as_millis(), 1500);
        assert_eq!(tracks[0].points[0].value, f64::INFINITY);
        let matrix =
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"],[2,"NaN"]]}]}"#;
        let Value::Tracks(tracks) = read(matrix).unwrap() else {
            panic!("a matrix is series");
        };
        assert_eq!(tracks[0].points.len(), 2);
        assert!(tracks[0].points[1].value.is_nan());
        let scalar = read(r#"{"resultType":"scalar","result":[1,"3.5"]}"#).unwrap();
        assert!(matches!(scalar, Value::Scalar(p) if p.value == 3.5));
        let text = read(r#"{"resultType":"string","result":[1,"x"]}"#).unwrap();
        assert_eq!(text, Value::Text("x".into()));
    }

    #[test]
    fn nonsense_is_said_to_be() {
        assert!(read(r#"{"resultType":"vector","result":[{"value":[1,"x"]}]}"#).is_err());
        assert!(read(r#"{"resultType":"cube","result":[]}"#).is_err());
    }
}
