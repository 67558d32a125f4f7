//! Decisions as sentences, with their figures.

use super::decide::{Burn, Condition, Decision, Need, State};
use super::pair::Severity;
use crate::figures::{count, number, of, pace, percent, rough};
use crate::objective::Objective;

/// What a pair's answer rests on.
pub(super) fn decision(decision: &Decision, objective: &Objective) -> String {
    let noun = objective.indicator.noun();
    match decision.state {
        // The short window is the last part of the long one, so it is the one that is unknown.
        State::NoData => format!(
            "Nothing is known of the last {}: neither an alert nor its absence follows.",
            decision.pair.short
        ),
        State::Firing => firing(decision, noun),
        State::Quiet => quiet(decision, objective, noun),
    }
}

fn window(burn: &Burn, noun: &str) -> String {
    format!(
        "{} of {} in the last {} were bad",
        percent(burn.events.bad_share().unwrap_or(0.0)),
        of(burn.events.total, noun),
        burn.window
    )
}

fn found(decision: &Decision, need: Need) -> Option<&Condition> {
    decision.conditions.iter().find(|c| c.need == need)
}

fn firing(decision: &Decision, noun: &str) -> String {
    let verb = match decision.pair.severity {
        Severity::Page => "Pages",
        Severity::Ticket => "Opens a ticket",
    };
    let mut said = format!(
        "{verb}: {}, {} the pace that spends the budget exactly, and {} in the last {}; above {} alerts.",
        window(&decision.long, noun),
        times(decision.long.pace),
        times(decision.short.pace),
        decision.pair.short,
        pace(decision.pair.factor),
    );
    if let (Some(spent), Some(lower)) = (
        found(decision, Need::BudgetSpent),
        found(decision, Need::LowerBound),
    ) {
        said.push_str(&format!(
            " These are {} bad, {} would have been enough; even the lower bound of their share, {}, is above {}.",
            count(spent.found),
            decision.needed.map_or_else(|| count(spent.bound), count),
            percent(lower.found),
            percent(lower.bound),
        ));
    }
    match decision.gone_in {
        Some(left) if left.as_millis() == 0 => said.push_str(" The budget is gone already."),
        Some(left) => said.push_str(&format!(" At this pace it is gone in {}.", rough(left))),
        None => {}
    }
    said
}

fn times(factor: Option<f64>) -> String {
    format!("{} times", number(factor.unwrap_or(0.0)))
}

fn quiet(decision: &Decision, objective: &Objective, noun: &str) -> String {
    let (long, short) = (&decision.long, &decision.short);
    if long.events.total <= 0.0 {
        return format!("Quiet: no {noun} in the last {}.", long.window);
    }
    let Some(first) = decision.conditions.iter().find(|c| !c.holds) else {
        return "Quiet.".to_owned();
    };
    let running = pace(long.pace.unwrap_or(0.0));
    let of_window = format!(
        "{} bad of {} in the last {}",
        count(long.events.bad),
        of(long.events.total, noun),
        long.window
    );
    match first.need {
        Need::LongPace => format!(
            "Quiet: {}, {running}; above {} alerts.",
            window(long, noun),
            pace(first.bound)
        ),
        Need::ShortPace if short.events.total <= 0.0 => format!(
            "Quiet: {running} over {}, but no {noun} in the last {}.",
            long.window, short.window
        ),
        Need::ShortPace => format!(
            "Quiet: {running} over {}, but {} in the last {}: it has stopped.",
            long.window,
            pace(first.found),
            short.window
        ),
        Need::FewestBad => format!(
            "Quiet: {of_window} is {running}, but one bad {noun} is no rate; it takes {}.",
            decision
                .needed
                .map_or_else(|| "more traffic".to_owned(), count)
        ),
        Need::BudgetSpent => format!(
            "Quiet: {of_window} is {running}, but {} of the period's budget is {} bad, so that many it takes.",
            percent(decision.pair.share(objective.period.nominal())),
            count(first.bound.ceil()),
        ),
        Need::LowerBound => format!(
            "Quiet: {of_window} is {running}, but so few may be chance: surely bad are only {}, and above {} alerts.",
            percent(first.found),
            percent(first.bound)
        ),
    }
}
