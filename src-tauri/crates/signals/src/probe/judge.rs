//! What an answer is worth. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use deckwatch_domain::Timestamp;

use crate::targets::{Probe, ProbeKind};

/// How something is, worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Health {
    Healthy,
    /// Nothing is known yet.
    Unknown,
    Degraded,
    Unhealthy,
}

/// An answer.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Found {
    /// Of HTTP.
    pub status: Option<u16>,
    /// Whether the body is as it should be; none: nobody asked.
    pub body_matches: Option<bool>,
    /// When the certificate that was shown runs out.
    pub certificate_until: Option<Timestamp>,
    /// Of a name server.
    pub answers: Option<Vec<String>>,
    /// How long each part took: `resolve`, `connect`, `tls`, `processing`, `transfer`.
    pub phases: Vec<(&'static str, Duration)>,
}

/// What an answer, or none, is worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// It answered, and as it should; it may still be slow.
    pub success: bool,
    pub health: Health,
    /// Why it is not healthy.
    pub reasons: Vec<String>,
}

/// Judges one answer by what its probe expects.
pub fn judge(
    probe: &Probe,
    answer: &Result<Found, String>,
    took: Duration,
    now: Timestamp,
) -> Judged {
    let (mut wrong, mut poor) = (Vec::new(), Vec::new());
    match answer {
        Err(why) => wrong.push(why.clone()),
        Ok(found) => {
            failures(probe, found, &mut wrong);
            certificate(probe, found, now, &mut wrong, &mut poor);
            if let Some(latency) = probe.expect.latency
                && took > latency.duration()
            {
                poor.push(format!(
                    "it took {} ms, more than {latency}",
                    took.as_millis()
                ));
            }
        }
    }
    let success = wrong.is_empty();
    let health = match (success, poor.is_empty()) {
        (true, true) => Health::Healthy,
        (true, false) => Health::Degraded,
        (false, _) if probe.critical => Health::Unhealthy,
        (false, _) => Health::Degraded,
    };
    wrong.append(&mut poor);
    Judged {
        success,
        health,
        reasons: wrong,
    }
}

fn failures(probe: &Probe, found: &Found, wrong: &mut Vec<String>) {
    if let Some(status) = found.status {
        let wanted = &probe.expect.status;
        let good = match wanted.is_empty() {
            true => (200..300).contains(&status),
            false => wanted.contains(&status),
        };
        if !good {
            let wanted: Vec<String> = wanted.iter().map(u16::to_string).collect();
            let wanted = match wanted.is_empty() {
                true => "200 to 299".into(),
                false => wanted.join(" or "),
            };
            wrong.push(format!("it answered with HTTP {status}, not {wanted}"));
        }
    }
    if found.body_matches == Some(false) {
        wrong.push("its body is not as expected".into());
    }
    let Some(answers) = &found.answers else {
        return;
    };
    if answers.is_empty() {
        let ProbeKind::Dns(dns) = &probe.kind else {
            return;
        };
        wrong.push(format!("there is no {} record", dns.record));
    } else if let Some(pattern) = &probe.expect.answer
        && !answers.iter().any(|answer| pattern.is_match(answer))
    {
        wrong.push(format!("no answer is as expected: {}", answers.join(", ")));
    }
}

fn certificate(
    probe: &Probe,
    found: &Found,
    now: Timestamp,
    wrong: &mut Vec<String>,
    poor: &mut Vec<String>,
) {
    const DAY: u64 = 86_400;
    let Some(wanted) = probe.expect.certificate_days else {
        return;
    };
    match found.certificate_until {
        None => wrong.push("there is no certificate: it does not speak TLS".into()),
        Some(until) => {
            let left = until.since(now).as_secs();
            if left < u64::from(wanted) * DAY {
                let days = left / DAY;
                poor.push(format!(
                    "the certificate has {days} days left, less than {wanted}"
                ));
            }
        }
    }
}

/// A component, as its probes tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    pub component: String,
    pub health: Health,
    /// Each begins with the probe that tells it.
    pub reasons: Vec<String>,
}

/// The components that probes tell of: each as bad as the worst of them.
pub fn components<'s>(
    probes: impl Iterator<Item = (&'s Probe, Option<&'s Judged>)>,
) -> Vec<Standing> {
    let mut found: BTreeMap<&str, Standing> = BTreeMap::new();
    for (probe, judged) in probes {
        let standing = found.entry(&probe.component).or_insert_with(|| Standing {
            component: probe.component.clone(),
            health: Health::Healthy,
            reasons: Vec::new(),
        });
        let health = judged.map_or(Health::Unknown, |judged| judged.health);
        standing.health = standing.health.max(health);
        let reasons = judged.map(|j| j.reasons.as_slice()).unwrap_or_default();
        let reasons = reasons.iter().map(|why| format!("{}: {why}", probe.name));
        standing.reasons.extend(reasons);
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::read;

    fn probe(text: &str) -> Probe {
        let file = format!("probes:\n  - {{probe: a, {text}}}\n");
        Probe::clone(&read(&file).unwrap().probes[0])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_770_000_000_000 + seconds * 1000)
    }

    const QUICK: Duration = Duration::from_millis(20);

    fn health(probe: &Probe, found: Found) -> (Health, String) {
        let judged = judge(probe, &Ok(found), QUICK, at(0));
        assert_eq!(judged.reasons.is_empty(), judged.health == Health::Healthy);
        (judged.health, judged.reasons.join("; "))
    }

    #[test]
    fn an_answer_is_held_against_what_is_expected() {
        let http = "http: {url: 'http://a/'}";
        let status = |status| Found {
            status: Some(status),
            ..Found::default()
        };
        let plain = probe(http);
        assert_eq!(health(&plain, status(204)).0, Health::Healthy);
        let (bad, why) = health(&plain, status(301));
        assert_eq!(
            (bad, why.as_str()),
            (
                Health::Unhealthy,
                "it answered with HTTP 301, not 200 to 299"
            )
        );
        let listed = probe(&format!("{http}, expect: {{status: [301, 401]}}"));
        assert_eq!(health(&listed, status(401)).0, Health::Healthy);
        assert!(health(&listed, status(200)).1.ends_with("not 301 or 401"));
        let lax = probe(&format!("{http}, critical: false"));
        assert_eq!(health(&lax, status(500)).0, Health::Degraded);
        let body = Found {
            body_matches: Some(false),
            ..status(200)
        };
        assert_eq!(health(&plain, body).0, Health::Unhealthy);
    }

    #[test]
    fn slow_and_soon_to_run_out_is_degraded() {
        let probe = probe(
            "tcp: {address: 'a:1', tls: true}, expect: {latency: 10ms, certificate_days: 14}",
        );
        let until = |days: i64| Found {
            certificate_until: Some(at(days * 86_400 + 1)),
            ..Found::default()
        };
        let judged = judge(&probe, &Ok(until(3)), QUICK, at(0));
        assert!(judged.success);
        assert_eq!(judged.health, Health::Degraded);
        assert_eq!(
            judged.reasons,
            [
                "the certificate has 3 days left, less than 14",
                "it took 20 ms, more than 10ms"
            ]
        );
        let quick = Duration::from_millis(1);
        assert_eq!(
            judge(&probe, &Ok(until(14)), quick, at(0)).health,
            Health::Healthy
        );
        assert_eq!(health(&probe, Found::default()).0, Health::Unhealthy);
    }

    #[test]
    fn a_component_is_as_bad_as_its_worst_probe() {
        let one = probe("component: shop, tcp: {address: 'a:1'}");
        let mut two = one.clone();
        two.name = "b".into();
        two.critical = false;
        let lone = probe("tcp: {address: 'a:1'}");
        let failed =
            |probe: &Probe| judge(probe, &Err("no answer within 500ms".into()), QUICK, at(0));
        let good = judge(&one, &Ok(Found::default()), QUICK, at(0));
        let worse = failed(&two);
        let all = [(&one, Some(&good)), (&two, Some(&worse)), (&lone, None)];
        let found = components(all.into_iter());
        assert_eq!(
            (found[0].component.as_str(), found[0].health),
            ("a", Health::Unknown)
        );
        assert_eq!(
            (found[1].component.as_str(), found[1].health),
            ("shop", Health::Degraded)
        );
        assert_eq!(found[1].reasons, ["b: no answer within 500ms"]);
    }
}
