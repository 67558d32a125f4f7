//! How a demo service is started: by its host, out of environment variables or flags.

use std::time::Duration;

use super::{DemoError, Faults, Needs};

/// One demo service.
#[derive(Clone, PartialEq, Debug)]
pub struct DemoOptions {
    pub service: String,
    pub version: String,
    /// On 127.0.0.1.
    pub port: u16,
    /// What befalls the nth request is the same in every run with the same seed.
    pub seed: u64,
    /// Half of all answers are made to take longer than this. What a client sees is about a
    /// millisecond more: the runtime's timer counts in whole ones and rounds up.
    pub median: Duration,
    /// The latency's spread: the standard deviation of its logarithm. 0.4 puts p99 at 2.5 × the
    /// median.
    pub spread: f64,
    /// Not ready until this long after the start; everything answers 503 until then.
    pub slow_start: Duration,
    /// The schema it needs.
    pub needs: Needs,
    pub faults: Faults,
}

impl DemoOptions {
    /// A healthy service: 2 ms median, ready at once.
    pub fn new(service: &str, version: &str, port: u16) -> Self {
        DemoOptions {
            service: service.to_owned(),
            version: version.to_owned(),
            port,
            seed: 1,
            median: Duration::from_millis(2),
            spread: 0.4,
            slow_start: Duration::ZERO,
            needs: Needs::default(),
            faults: Faults::default(),
        }
    }

    /// Sets one option by its name: `seed`, `median_ms`, `spread`, `slow_start_ms`, `schema_file`,
    /// `runs_on` (schemas, with commas between them), or a field of [`Faults`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), DemoError> {
        let wrong = |why: String| DemoError::Option {
            name: name.to_owned(),
            value: value.chars().take(80).collect(),
            why,
        };
        let number = || {
            value
                .parse::<f64>()
                .ok()
                .filter(|n| (0.0..=600_000.0).contains(n))
                .ok_or_else(|| wrong("a number from 0 to 600000 belongs here".into()))
        };
        let span = || number().map(|ms| Duration::from_secs_f64(ms / 1000.0));
        match name {
            "seed" => {
                self.seed = value
                    .parse()
                    .map_err(|_| wrong("a whole number belongs here".into()))?;
            }
            "median_ms" => self.median = span()?,
            "spread" => self.spread = number()?.min(3.0),
            "slow_start_ms" => self.slow_start = span()?,
            "schema_file" => self.needs.file = Some(value.into()),
            "runs_on" => {
                let all: Result<Vec<u32>, _> = value.split(',').map(|n| n.trim().parse()).collect();
                let all = all.map_err(|_| wrong("whole numbers, as in 1,2".into()))?;
                self.needs.runs_on = Some(all);
            }
            _ => {
                self.faults = self
                    .faults
                    .set(name, value)
                    .map_err(|e| wrong(e.to_string()))?
            }
        }
        Ok(())
    }

    /// Sets whatever the environment says: `DECKWATCH_DEMO_ERRORS=0.04` sets `errors`. Unknown `DECKWATCH_DEMO_…`
    /// names are refused, so that a misspelt fault is not mistaken for health.
    pub fn with_environment(
        mut self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, DemoError> {
        for (name, value) in environment {
            if let Some(name) = name.strip_prefix("DECKWATCH_DEMO_") {
                self.set(&name.to_ascii_lowercase(), &value)?;
            }
        }
        Ok(self)
    }

    /// Sets whatever this process' environment says.
    pub fn with_process_environment(self) -> Result<Self, DemoError> {
        // Not `vars`, which panics at a variable of somebody else's that is not Unicode.
        self.with_environment(std::env::vars_os().filter_map(|(name, value)| {
            Some((
                name.into_string().ok()?,
                value.to_string_lossy().into_owned(),
            ))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read() {
        let pairs = |text: &[(&str, &str)]| -> Vec<(String, String)> {
            text.iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect()
        };
        let new = || DemoOptions::new("checkout", "v3", 9000);
        let read = new()
            .with_environment(pairs(&[
                ("DECKWATCH_DEMO_ERRORS", "0.04"),
                ("DECKWATCH_DEMO_MEDIAN_MS", "1.5"),
                ("DECKWATCH_DEMO_CRASH_AFTER", "100"),
                ("DECKWATCH_DEMO_SLOW_START_MS", "300"),
                ("DECKWATCH_DEMO_RUNS_ON", "1, 2"),
                ("HOME", "/"),
            ]))
            .unwrap();
        assert_eq!(read.faults.errors, 0.04);
        assert_eq!(read.median, Duration::from_micros(1500));
        assert_eq!(read.faults.crash_after, Some(100));
        assert_eq!(read.needs.runs_on, Some(vec![1, 2]));
        for (name, value) in [
            ("DECKWATCH_DEMO_EROR", "1"),
            ("DECKWATCH_DEMO_ERRORS", "x"),
            ("DECKWATCH_DEMO_RUNS_ON", "1,x"),
            ("DECKWATCH_DEMO_SPREAD", "NaN"),
            ("DECKWATCH_DEMO_MEDIAN_MS", "-1"),
        ] {
            let error = new().with_environment(pairs(&[(name, value)])).unwrap_err();
            assert!(error.to_string().contains(value), "{error}");
        }
    }
}
