//! Processes: finding them, signalling them, waiting for what they do.

use std::time::{Duration, Instant};

use tokio::process::Child;

/// No single command of these tests takes longer, on however slow a machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Every process that was started with `mark` in its environment, with its command line.
pub fn processes_with(mark: &[u8]) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<u32>().ok())
        else {
            continue;
        };
        let read = |name| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let ours = read("environ").windows(mark.len()).any(|w| w == mark);
        if ours && pid != std::process::id() {
            let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            found.push((pid, line));
        }
    }
    found
}

/// A headless driver, as a process of its own.
pub struct Agent {
    child: Child,
}

impl Agent {
    pub fn of(child: Child) -> Agent {
        Agent { child }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// As a crash would.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// As Ctrl-C would; answers its exit code.
    pub async fn end(mut self) -> Option<i32> {
        signal(self.pid(), "INT");
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .unwrap()
            .unwrap()
            .code()
    }

    pub fn freeze(&self) {
        signal(self.pid(), "STOP");
    }

    pub fn thaw(&self) {
        signal(self.pid(), "CONT");
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

/// Sends a signal by the shell's own `kill`: no crate of ours may do it without `unsafe`.
pub fn signal(pid: u32, name: &str) {
    let _ = std::process::Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid} 2>/dev/null")])
        .status();
}

/// Waits, generously, until `look` succeeds; panics with its last word.
pub async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let began = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(why) if began.elapsed() > Duration::from_secs(90) => {
                panic!("waited in vain for {what}; last: {why}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    }
}
