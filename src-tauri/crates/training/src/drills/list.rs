//! The drills there are.

use serde::Serialize;

/// What the one who plays has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asks {
    /// To watch.
    Nothing,
    /// To take the release back, by the emergency control.
    TakeBack,
    /// To let a step be watched anew, at the rollout's page.
    Retry,
}

/// A drill, as listed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Drill {
    pub name: &'static str,
    pub about: &'static str,
    pub asks: Asks,
    /// What the one who plays does, in a sentence.
    pub you: &'static str,
    /// About how long it takes, as people say it.
    pub takes: &'static str,
    /// How to try the same by hand.
    pub by_hand: &'static str,
}

const WATCH: &str = "You only watch.";

/// All drills, the easiest first: the order in which they are best tried.
pub const DRILLS: [Drill; 16] = [
    Drill {
        name: "bad canary",
        about: "A release that fails a share of its requests is recognised and taken back by itself",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "half a minute",
        by_hand: "deckwatchctl training up; deckwatchctl --training rollout start checkout v3 --plan training --wait",
    },
    Drill {
        name: "take it back",
        about: "A bad release has a quarter of the traffic and nobody judges it: you take it back",
        asks: Asks::TakeBack,
        you: "You press the emergency control.",
        takes: "about a minute",
        by_hand: "deckwatchctl training drill take it back; in another terminal: deckwatchctl --training rollback checkout",
    },
    Drill {
        name: "good canary",
        about: "A good release goes out 1 → 10 → 50 → 100 %, judged at each step, and is promoted",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "about a minute",
        by_hand: "deckwatchctl training up; deckwatchctl --training rollout start checkout v2 --plan training --wait",
    },
    Drill {
        name: "blue-green switch and back",
        about: "A release is tried at its preview address, gets everyone in one write, and comes back in another",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "about a minute",
        by_hand: "deckwatchctl training up; deckwatchctl --training rollout start checkout v2 --plan training-blue-green --wait; deckwatchctl --training rollback checkout",
    },
    Drill {
        name: "crash on start",
        about: "A release dies whenever it is started; it never gets a request, and the rollout does not wait for it for ever",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "half a minute",
        by_hand: "deckwatchctl training up; deckwatchctl --training rollout start checkout v7 --plan training --wait; deckwatchctl --training rollout abort checkout",
    },
    Drill {
        name: "no traffic",
        about: "Nobody comes any more: what nobody uses cannot be judged, so the rollout holds instead of going on",
        asks: Asks::Retry,
        you: "You press Retry once people are back.",
        takes: "about a minute",
        by_hand: "deckwatchctl training drill no traffic; in another terminal, once it is held and people are back: deckwatchctl --training rollout retry checkout",
    },
    Drill {
        name: "slow leak",
        about: "A release answers well and keeps a little memory with every request: the verdict is Pass, with a warning",
        asks: Asks::TakeBack,
        you: "You read the warning, and press the emergency control.",
        takes: "about a minute",
        by_hand: "deckwatchctl training drill slow leak; in another terminal: deckwatchctl --training rollout show checkout, then deckwatchctl --training rollback checkout",
    },
    Drill {
        name: "driver dies mid-step",
        about: "The driver is killed at 10 %; another takes over and finishes, and no request notices",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "about a minute",
        by_hand: "start a rollout, kill -9 the agent, run deckwatchctl --training agent again",
    },
    Drill {
        name: "node killed",
        about: "What stands in front of the service is killed: it comes back by itself with the traffic as it was",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "about a minute",
        by_hand: "start a rollout, kill -9 the process that deckwatchctl --training node show names, and look at deckwatchctl --training service show checkout",
    },
    Drill {
        name: "laptop asleep",
        about: "The driver's laptop is closed in the middle of a step: another takes over, and nothing is done twice when the first wakes up",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "about a minute",
        by_hand: "run two agents, start a rollout, kill -STOP the one that drives, wait ten seconds, kill -CONT it",
    },
    Drill {
        name: "clock jump",
        about: "The clock jumps an hour ahead in a bake and an hour back in a pause: neither is cut short, and neither hangs",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "about a minute",
        by_hand: "deckwatchctl training drill clock jump; a clock of your own is set with date, as the superuser",
    },
    Drill {
        name: "disk full",
        about: "The journal cannot be written: nothing moves forward, and the rollback works all the same",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "about a minute",
        by_hand: "start a rollout by an agent that was started after ulimit -f 8, then deckwatchctl --training rollback checkout",
    },
    Drill {
        name: "journal lost",
        about: "The journal turns into nonsense mid-rollout; the rollback works all the same",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "about a minute",
        by_hand: "start a rollout, overwrite journal.db, then deckwatchctl --training rollback checkout",
    },
    Drill {
        name: "rolling undo",
        about: "A release replaces the one before instance by instance and keeps none of it; an undo brings an earlier revision up again",
        asks: Asks::Nothing,
        you: WATCH,
        takes: "about a minute",
        by_hand: "deckwatchctl training up; deckwatchctl --training rollout start checkout v2 --plan training-rolling --wait; deckwatchctl --training rollout revisions checkout; after the rollback window: deckwatchctl --training rollout undo checkout",
    },
    Drill {
        name: "overload on the way back",
        about: "One instance of the old version is left, and it gets everybody when the release is taken back: it is too small until the others are there again",
        asks: Asks::TakeBack,
        you: "You press the emergency control, and read how many instances are ready there.",
        takes: "about a minute",
        by_hand: "deckwatchctl training drill overload on the way back; in another terminal: deckwatchctl --training rollback checkout",
    },
    Drill {
        name: "one-way migration",
        about: "A bad release has migrated the schema, and the version before does not run on it: traffic alone is not the way back",
        asks: Asks::TakeBack,
        you: "You press the emergency control, and look at which kind of rollback it chooses.",
        takes: "about two minutes",
        by_hand: "deckwatchctl training drill one-way migration; in another terminal: deckwatchctl --training rollback checkout --kind full",
    },
];
