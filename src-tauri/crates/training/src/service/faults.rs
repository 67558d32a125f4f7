//! What can be made to go wrong. Everything at 0 or false is health.

use serde::{Deserialize, Serialize};

/// The faults of one demo service, all of which may act together.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Share of requests answered with 500 (0 to 1).
    pub errors: f64,
    /// Extra time before an answer, in milliseconds …
    pub latency_ms: u64,
    /// … for this share of requests. Absent: all of them.
    pub latency_share: Option<f64>,
    /// Share of requests that are never answered.
    pub hang: f64,
    /// Die now, in the middle of whatever is going on; set before the start, die on it.
    pub crash: bool,
    /// Die when this many more requests have arrived.
    pub crash_after: Option<u64>,
    /// Answer 503 to `/ready`.
    pub refuse_ready: bool,
    /// Answer 503 at once while this many requests are being answered.
    pub at_once: Option<u64>,
    /// Bytes of memory kept with every request, up to [`MOST_LEAKED`] in all.
    pub leak_bytes: u64,
}

/// A leak stops here: it is there to be noticed, not to bring the machine down.
pub const MOST_LEAKED: u64 = 256 << 20;

/// Why faults were not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct FaultsError(String);

impl Faults {
    /// These faults with the fields that `json` names set anew.
    pub fn with(&self, json: &[u8]) -> Result<Faults, FaultsError> {
        let wrong = |error: serde_json::Error| FaultsError(format!("not a set of faults: {error}"));
        let changes: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(json).map_err(wrong)?;
        let mut merged = serde_json::to_value(self).map_err(wrong)?;
        if let Some(fields) = merged.as_object_mut() {
            fields.extend(changes);
        }
        let faults: Faults = serde_json::from_value(merged).map_err(wrong)?;
        faults.checked()
    }

    /// Sets one field from text, as it stands in an environment variable or a flag.
    pub fn set(&self, name: &str, value: &str) -> Result<Faults, FaultsError> {
        let value: serde_json::Value = serde_json::from_str(value)
            .map_err(|_| FaultsError("write a number, true or false".into()))?;
        self.with(serde_json::json!({ name: value }).to_string().as_bytes())
    }

    fn checked(self) -> Result<Faults, FaultsError> {
        let shares = [
            ("errors", self.errors),
            ("hang", self.hang),
            ("latency_share", self.latency_share.unwrap_or(1.0)),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(FaultsError(format!(
                    "{name} is a share from 0 to 1, not {share}"
                )));
            }
        }
        if self.latency_ms > 600_000 {
            return Err(FaultsError(
                "latency_ms is at most 600000 (ten minutes)".into(),
            ));
        }
        if self.leak_bytes > MOST_LEAKED / 16 {
            return Err(FaultsError("leak_bytes is at most 16 MiB a request".into()));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_changes() {
        let bad = Faults::default()
            .with(br#"{"errors":0.04,"latency_ms":20}"#)
            .unwrap();
        let worse = bad.with(br#"{"hang":0.1,"crash_after":5}"#).unwrap();
        assert_eq!(
            (worse.errors, worse.latency_ms, worse.hang),
            (0.04, 20, 0.1)
        );
        assert_eq!(
            worse.with(br#"{"crash_after":null}"#).unwrap().crash_after,
            None
        );
        assert!(
            Faults::default()
                .set("refuse_ready", "true")
                .unwrap()
                .refuse_ready
        );
    }

    #[test]
    fn nonsense_changes_nothing_and_is_named() {
        let table: [(&[u8], &str); 7] = [
            (b"", "not a set of faults"),
            (b"[1]", "not a set of faults"),
            (br#"{"errors":2}"#, "errors is a share"),
            (br#"{"errors":-0.1}"#, "errors is a share"),
            (br#"{"erors":0.1}"#, "unknown field `erors`"),
            (br#"{"latency_ms":99999999}"#, "ten minutes"),
            (br#"{"leak_bytes":1e9}"#, "not a set of faults"),
        ];
        for (json, why) in table {
            let error = Faults::default().with(json).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        assert!(Faults::default().set("errors", "many").is_err());
    }
}
