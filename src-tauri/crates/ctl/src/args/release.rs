//! What goes out, by which plan, and when.

use std::path::PathBuf;

use clap::Args;
use deckwatch_console::SystemClock;
use deckwatch_domain::{ReleaseVersion, ServiceName, Timestamp};

/// A release and the plan by which it is to go out.
#[derive(Args, Debug)]
pub struct Release {
    pub service: ServiceName,
    pub version: ReleaseVersion,
    /// A built-in plan (see `plan list`)
    #[arg(long, default_value = "canary-1-10-50-100")]
    pub plan: String,
    /// A plan of your own
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    pub plan_file: Option<PathBuf>,
    /// The container image; in a cluster every release has one
    #[arg(long)]
    pub image: Option<String>,
    /// Environment of this release: NAME=VALUE, repeatable
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    pub env: Vec<(String, String)>,
    /// The command of this release, after `--`, in place of the definition's
    #[arg(last = true)]
    pub command: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Start {
    #[command(flatten)]
    pub release: Release,
    /// Instances (else as many as the definition says)
    #[arg(long)]
    pub instances: Option<u32>,
    /// Touch nothing before this: 2026-03-01T02:00:00Z, or the next 02:00 (UTC)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub not_before: Option<Timestamp>,
    /// Take a live rollout back first
    #[arg(long)]
    pub supersede: bool,
    /// Drive it and watch it to its end; the exit code says how it ended
    #[arg(long)]
    pub wait: bool,
    /// Start although its validation is lacking, for this reason; it is recorded
    #[arg(long, value_name = "REASON")]
    pub break_glass: Option<String>,
}

#[derive(Args, Debug)]
pub struct Undo {
    pub service: ServiceName,
    /// The revision's number (see `rollout revisions`); the newest that does not serve, else
    #[arg(long, value_name = "REVISION")]
    pub to: Option<u32>,
    /// A built-in plan; the plan of the newest rollout, else
    #[arg(long)]
    pub plan: Option<String>,
    /// A plan of your own
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    pub plan_file: Option<PathBuf>,
    /// Take a live rollout back first
    #[arg(long)]
    pub supersede: bool,
    /// Drive it and watch it to its end; the exit code says how it ended
    #[arg(long)]
    pub wait: bool,
}

/// A moment in full, or the next such time of day.
fn moment(text: &str) -> Result<Timestamp, String> {
    const DAY: i64 = 86_400_000;
    let Some((hours, minutes)) = text.split_once(':').filter(|_| text.len() <= 5) else {
        return text.parse();
    };
    let read = |t: &str, most: i64| t.parse().ok().filter(|n: &i64| (0..most).contains(n));
    let (Some(hours), Some(minutes)) = (read(hours, 24), read(minutes, 60)) else {
        return Err(format!("`{text}` is not a time of day such as 02:00"));
    };
    let now = SystemClock::wall().as_millis();
    let at = now - now.rem_euclid(DAY) + (hours * 60 + minutes) * 60_000;
    Ok(Timestamp::from_millis(if at <= now {
        at + DAY
    } else {
        at
    }))
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("`{text}` is not NAME=VALUE"))
}
