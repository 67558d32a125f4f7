//! The burn alerts of objectives, decided every minute, and afterwards for the minutes that were
//! missed.

use std::collections::BTreeSet;

use deckwatch_domain::Timestamp;
use deckwatch_slo::burn::{Decision, State};

use super::books::{AlertBook, Books, BurnOf, Stands};
use super::facts::Fact;
use super::round::named;
use crate::console::Console;
use crate::slos::{self, Decided};

/// From decision to decision, in milliseconds.
const EVERY: i64 = 60_000;
/// Missed minutes that are decided at most; what was before them stands in the ledger.
const REACH: i64 = 24 * 60;
/// A decision that is later than this was learned late, in milliseconds.
const GRACE: i64 = 2 * EVERY;

/// Decides what is due; none: nothing was.
///
/// # Errors
/// What keeps objectives from being counted; nothing is decided then, and the minutes are made up
/// for.
pub(super) async fn decide(
    console: &Console,
    books: &mut Books,
) -> Result<Option<Vec<Fact>>, String> {
    let now = console.clock.now().wall;
    let moments = due(books.decided_at, now);
    let Some(last) = moments.last().copied() else {
        return Ok(None);
    };
    let decided = slos::decisions(console, &moments).await?;
    let Some(decided) = decided else {
        // It is being counted: the same minutes are asked for again.
        return Ok(None);
    };
    let mut facts = Vec::new();
    let mut there = BTreeSet::new();
    for one in &decided {
        for (at, decision) in &one.decisions {
            let id = id(one, decision);
            facts.extend(taken(books, &id, one, decision, *at, now));
            there.insert(id);
        }
    }
    let gone: Vec<String> = books.burning.keys().cloned().collect();
    for id in gone.into_iter().filter(|id| !there.contains(id)) {
        if let Some(alert) = books.burning.remove(&id) {
            facts.push(over(
                alert,
                "what it was about is no more".into(),
                last,
                now,
            ));
        }
    }
    books.decided_at = Some(last);
    Ok(Some(facts))
}

/// The minutes after the last decision up to now. Without a last one, the newest alone.
fn due(last: Option<Timestamp>, now: Timestamp) -> Vec<Timestamp> {
    let newest = now.as_millis().div_euclid(EVERY);
    let first = match last {
        Some(last) => (last.as_millis().div_euclid(EVERY) + 1).max(newest - REACH),
        None => newest,
    };
    let minutes = first..=newest;
    minutes
        .map(|minute| Timestamp::from_millis(minute * EVERY))
        .collect()
}

fn id(one: &Decided, decision: &Decision) -> String {
    let labels = format!("{:?}", decision.labels);
    named(&[
        "burn",
        &one.service,
        &one.objective,
        &labels,
        &pair(decision),
    ])
}

fn pair(decision: &Decision) -> String {
    let pair = &decision.pair;
    format!("{} and {} above {}", pair.long, pair.short, pair.factor)
}

/// Takes a decision in. Where nothing is known, everything stands as it was.
fn taken(
    books: &mut Books,
    id: &str,
    one: &Decided,
    decision: &Decision,
    at: Timestamp,
    now: Timestamp,
) -> Option<Fact> {
    match (decision.state, books.burning.get_mut(id)) {
        (State::NoData, _) | (State::Quiet, None) => None,
        (State::Quiet, Some(_)) => {
            let alert = books.burning.remove(id)?;
            Some(over(alert, decision.words.clone(), at, now))
        }
        (State::Firing, Some(alert)) => {
            alert.value = decision.long.pace;
            alert.words = decision.words.clone();
            None
        }
        (State::Firing, None) => {
            let alert = begun(id, one, decision, at, now);
            let fact = fact(&alert, true, alert.words.clone(), at, alert.late);
            books.burning.insert(id.to_owned(), alert);
            Some(fact)
        }
    }
}

fn begun(id: &str, one: &Decided, decision: &Decision, at: Timestamp, now: Timestamp) -> AlertBook {
    let mut labels = decision.labels.clone();
    labels.extend(one.labels.clone());
    labels.insert("service".into(), one.service.clone());
    labels.insert("objective".into(), one.objective.clone());
    labels.insert("severity".into(), decision.pair.severity.word().into());
    AlertBook {
        id: id.to_owned(),
        labels,
        stands: Stands::Firing,
        active_at: at.as_millis(),
        fired_at: Some(at.as_millis()),
        value: decision.long.pace,
        words: decision.words.clone(),
        late: is_late(at, now),
        burn: Some(BurnOf {
            service: one.service.clone(),
            objective: one.objective.clone(),
            pair: pair(decision),
            severity: decision.pair.severity.word().into(),
        }),
        ..AlertBook::default()
    }
}

fn is_late(at: Timestamp, now: Timestamp) -> bool {
    now.as_millis() - at.as_millis() > GRACE
}

fn over(alert: AlertBook, why: String, at: Timestamp, now: Timestamp) -> Fact {
    let words = format!("{} is over: {why}", name(&alert));
    fact(&alert, false, words, at, is_late(at, now))
}

/// `availability burns fast (1h and 5m above 14.4)`
pub(super) fn name(alert: &AlertBook) -> String {
    match &alert.burn {
        Some(burn) => format!("{} burns too fast ({})", burn.objective, burn.pair),
        None => String::new(),
    }
}

fn fact(alert: &AlertBook, fires: bool, words: String, at: Timestamp, late: bool) -> Fact {
    let of = alert.burn.as_ref();
    let part = |part: fn(&BurnOf) -> &String| of.map(part).cloned().unwrap_or_default();
    Fact {
        alert: alert.id.clone(),
        fires,
        name: name(alert),
        from: format!("{}/{}", part(|b| &b.service), part(|b| &b.objective)),
        severity: part(|b| &b.severity),
        service: part(|b| &b.service),
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        value: alert.value,
        words,
        at,
        late,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_minute_is_decided_once_and_none_is_passed_over() {
        let at = |minute: i64, ms: i64| Timestamp::from_millis(minute * EVERY + ms);
        let minutes = |last, now| -> Vec<i64> {
            let all = due(last, now).into_iter();
            all.map(|t| t.as_millis() / EVERY).collect()
        };
        assert_eq!(minutes(None, at(100, 7)), [100]);
        assert_eq!(minutes(Some(at(100, 0)), at(100, 59_999)), [0i64; 0]);
        assert_eq!(minutes(Some(at(100, 0)), at(103, 1)), [101, 102, 103]);
        // Eight hours of sleep.
        assert_eq!(minutes(Some(at(100, 0)), at(580, 0)).len(), 480);
        assert_eq!(minutes(Some(at(100, 0)), at(100_000, 0)).len(), 1441);
        // The clock was set back.
        assert_eq!(minutes(Some(at(100, 0)), at(50, 0)), [0i64; 0]);
    }
}
