//! Which line of the console's list a command carries out, so that it is admitted, or refused in a
//! read-only environment, exactly as it is in the window.

use crate::args::{
    Baseline, Cluster, Command, Freeze, Journal, Metrics, Node, Rollout, Secret, Service, Slo,
    Targets, Training,
};

/// The name in the list; none of what only looks, of what hosts something, and of the way back,
/// which nothing stands before.
pub fn of(command: &Command) -> Option<&'static str> {
    match command {
        Command::Service(Service::Define { .. }) => Some("services.define"),
        Command::Service(Service::Remove { .. }) => Some("services.remove"),
        Command::Baseline(Baseline::Capture { .. }) => Some("baselines.capture"),
        Command::Baseline(Baseline::Remove { .. }) => Some("baselines.remove"),
        Command::Rollout(it) => rollout(it),
        Command::Freeze(Freeze::Declare { .. }) => Some("freeze.declare"),
        Command::Freeze(Freeze::Lift) => Some("freeze.lift"),
        Command::Secret(Secret::Set { .. }) => Some("secrets.set"),
        Command::Secret(Secret::Remove { .. }) => Some("secrets.remove"),
        Command::Journal(Journal::Import { .. }) => Some("journal.import"),
        Command::Journal(Journal::SetAside { .. }) => Some("journal.set-aside"),
        Command::Node(Node::Stop) => Some("node.stop"),
        Command::Cluster(Cluster::Adopt { dry_run: false, .. }) => Some("cluster.adopt"),
        Command::Cluster(Cluster::Release { .. }) => Some("cluster.release"),
        Command::Targets {
            what: Some(Targets::Set { .. }),
        } => Some("targets.write"),
        Command::Slo {
            what: Some(Slo::Set { .. }),
        } => Some("slo.write"),
        Command::Slo {
            what: Some(Slo::Import { dry_run: false, .. }),
        } => Some("slo.import"),
        Command::Cluster(Cluster::Settle { .. }) => Some("cluster.settle"),
        Command::Metrics(Metrics::Use(_)) => Some("settings.change"),
        Command::Training(Training::Up) => Some("training.up"),
        Command::Training(Training::Down) => Some("training.down"),
        Command::Training(Training::Fault { .. }) => Some("training.fault"),
        _ => None,
    }
}

fn rollout(it: &Rollout) -> Option<&'static str> {
    match it {
        Rollout::Start(_) => Some("rollouts.start"),
        Rollout::Undo(_) => Some("rollouts.undo"),
        Rollout::Validate(_) => Some("validation.run"),
        Rollout::CancelValidation { .. } => Some("validation.cancel"),
        Rollout::Pause { .. } => Some("rollouts.pause"),
        Rollout::Resume { .. } => Some("rollouts.resume"),
        Rollout::Retry { .. } => Some("rollouts.retry"),
        Rollout::Promote { .. } => Some("rollouts.promote"),
        Rollout::Approve { .. } => Some("rollouts.approve"),
        Rollout::Revisions { .. }
        | Rollout::List
        | Rollout::Show { .. }
        | Rollout::Watch { .. }
        | Rollout::Events { .. }
        | Rollout::Reject { .. }
        | Rollout::Abort { .. }
        | Rollout::Output { .. } => None,
    }
}
