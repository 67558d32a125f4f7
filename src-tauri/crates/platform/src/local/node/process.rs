//! What the system says of a process: time on the processor and memory.

use std::net::{Ipv4Addr, TcpListener};

/// Processor time and resident memory of one process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
}

/// Linux counts processor time for user space in hundredths of a second, whatever its own tick.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads it from `/proc`; none where there is none, or when the process has ended.
pub(super) fn usage(pid: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    parse(&stat, &status)
}

fn parse(stat: &str, status: &str) -> Option<Usage> {
    // The name in parentheses may contain anything, even parentheses.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let resident_kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok())
        .unwrap_or(0);
    Some(Usage {
        cpu_seconds: ticks as f64 / TICKS_PER_SECOND,
        resident_bytes: resident_kib * 1024,
    })
}

/// A port nobody uses at this moment. Somebody else may take it before the instance does; then
/// the instance ends early and is started again with another.
pub(super) fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Fewer open files than this are too few for a node: each request takes two.
const FEW_FILES: u64 = 4096;
/// What macOS allows a process when it says that it allows anything.
const MACOS_FILES: u64 = 10_240;

/// What became of the limit of open files.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    /// What this process was given, where it now has another.
    pub before: Option<u64>,
    /// Why it is less than a node should have, in words.
    pub trouble: Option<String>,
}

/// Lets this process open as many files as it is allowed to.
pub(super) fn allow_many_files() -> OpenFiles {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let given = getrlimit(Resource::Nofile);
    if given.current == given.maximum {
        return OpenFiles {
            before: None,
            trouble: too_few(given.current, None),
        };
    }
    let raise = |current| {
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current,
                maximum: given.maximum,
            },
        )
    };
    let raised = raise(given.maximum).or_else(|refused| {
        let most = given.maximum.map_or(MACOS_FILES, |m| m.min(MACOS_FILES));
        match given.current {
            Some(current) if cfg!(target_os = "macos") && current < most => raise(Some(most)),
            _ => Err(refused),
        }
    });
    match raised {
        Ok(()) => OpenFiles {
            before: given.current,
            trouble: too_few(getrlimit(Resource::Nofile).current, None),
        },
        Err(e) => OpenFiles {
            before: None,
            trouble: too_few(given.current, Some(e.to_string())),
        },
    }
}

/// What to say of a limit, and what to do about it; nothing when it is enough.
fn too_few(limit: Option<u64>, refused: Option<String>) -> Option<String> {
    let limit = limit.filter(|limit| *limit < FEW_FILES)?;
    let requests = limit / 2;
    let why = match refused {
        Some(why) => format!("the system did not let it have more: {why}"),
        None => "the system allows it no more".to_owned(),
    };
    Some(format!(
        "this node may have {limit} files open at once ({why}), which is enough for fewer than \
         {requests} requests at the same moment; raise the hard limit of open files for whoever \
         starts it (`ulimit -Hn`, or LimitNOFILE= of its service)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_any_name() {
        let stat = "7 (a) b) R) S 1 7 7 0 -1 4194304 10 0 0 0 150 50 0 0 20 0 1 0 5 1 1";
        let usage = parse(stat, "Name:\tx\nVmRSS:\t    2048 kB\n").unwrap();
        assert_eq!(
            usage,
            Usage {
                cpu_seconds: 2.0,
                resident_bytes: 2048 * 1024
            }
        );
        assert!(parse("nonsense", "").is_none());
    }

    #[test]
    fn too_few_open_files_are_said_with_what_to_do() {
        let said = too_few(Some(1024), Some("EPERM".into())).unwrap();
        for part in ["1024 files", "512 requests", "EPERM", "ulimit -Hn"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(too_few(Some(256), None).unwrap().contains("no more"));
        assert_eq!(too_few(Some(FEW_FILES), Some("EPERM".into())), None);
        assert_eq!(too_few(None, None), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_some() {
        assert!(usage(std::process::id()).unwrap().resident_bytes > 100_000);
    }
}
