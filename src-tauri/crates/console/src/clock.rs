//! The system's clocks, and the one clock that all programs of a data folder go by.
//!
//! A wall clock that was wrong is set right, and jumps. What a plan measures in seconds must not
//! be cut short or hang by that, and the journal's times must stay in order, so a jump is held off
//! while anything is under way: whoever lives through it notes the line that time was on, and
//! everybody who opens the folder goes on along that line until nothing is under way any more.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deckwatch_domain::Timestamp;
use deckwatch_rollout::ports::{Clock, Now};
use serde::{Deserialize, Serialize};

/// Wall clock and the clock that counts time asleep.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    pub fn wall() -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn boot() -> Duration {
        // Elsewhere than on Linux the monotonic clock already counts suspend, or nothing does.
        #[cfg(target_os = "linux")]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let id = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(id);
        Duration::new(
            u64::try_from(now.tv_sec).unwrap_or_default(),
            u32::try_from(now.tv_nsec).unwrap_or_default(),
        )
    }
}

/// More than this between two looks is a jump; less is a clock that is being disciplined.
const JUMP_MS: i64 = 2_000;
/// What others noted is looked at this often.
const LOOK: Duration = Duration::from_millis(500);

/// The line that time was on before the wall clock jumped.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Line {
    /// Wall clock less the clock that never jumps, in milliseconds.
    base: i64,
    /// Of which start of the machine; that clock begins anew with each.
    boot: Option<String>,
}

/// What is to be noted for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Note {
    Nothing,
    Hold { base: i64 },
    Forget,
}

/// Where the folder's time stands. Pure: both clocks and what others noted go in.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    base: Option<i64>,
    held: bool,
    /// The line was seen where others see it.
    noted: bool,
}

impl Course {
    /// Whether the clock has jumped since the last look.
    fn jumps(&self, wall: i64, boot: i64) -> bool {
        let off = |base: i64| (wall.saturating_sub(boot)).saturating_sub(base).abs();
        !self.held && self.base.is_some_and(|base| off(base) > JUMP_MS)
    }

    /// Takes in what is noted: nothing, or the base of the line that is held.
    fn learn(&mut self, line: Option<i64>) {
        match line {
            Some(base) => {
                *self = Course {
                    base: Some(base),
                    held: true,
                    noted: true,
                }
            }
            // Somebody has let go of it.
            None if self.noted => *self = Course::default(),
            None => {}
        }
    }

    /// The time, in milliseconds, and what is to be noted.
    fn step(&mut self, wall: i64, boot: i64) -> (i64, Note) {
        let direct = wall.saturating_sub(boot);
        let base = *self.base.get_or_insert(direct);
        let note = if direct.saturating_sub(base).abs() <= JUMP_MS {
            // It runs true, or has come back.
            self.base = Some(direct);
            let note = if self.held {
                Note::Forget
            } else {
                Note::Nothing
            };
            (self.held, self.noted) = (false, false);
            note
        } else if self.noted {
            Note::Nothing
        } else {
            self.held = true;
            Note::Hold { base }
        };
        let base = self.base.unwrap_or(direct);
        (boot.saturating_add(base), note)
    }
}

/// The clock of one data folder.
#[derive(Debug)]
pub(crate) struct FolderClock {
    /// Where the line is noted while a jump is held off.
    line: PathBuf,
    /// On a training ground: where a drill says by how much the wall clock is to be wrong.
    skew: Option<PathBuf>,
    course: Mutex<(Course, Option<Duration>)>,
}

impl FolderClock {
    pub(crate) fn new(folder: &Path) -> Self {
        FolderClock {
            line: folder.join("clock.line"),
            skew: folder.ends_with("training").then(|| skew_file(folder)),
            course: Mutex::default(),
        }
    }

    fn wall(&self, boot: Duration) -> Timestamp {
        let skew = self.skew.as_deref().map_or(0, skew);
        let told = SystemClock::wall().as_millis().saturating_add(skew);
        let at = i64::try_from(boot.as_millis()).unwrap_or(i64::MAX);
        let mut locked = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        let (course, looked) = &mut *locked;
        let due = looked.is_none_or(|looked| boot.saturating_sub(looked) >= LOOK);
        if due || course.jumps(told, at) {
            course.learn(self.read());
            *looked = Some(boot);
        }
        let (wall, note) = course.step(told, at);
        match note {
            Note::Nothing => {}
            Note::Forget => self.forget(),
            Note::Hold { base } => {
                let line = Line {
                    base,
                    boot: this_start(),
                };
                tracing::warn!(
                    "the wall clock has jumped by {} s; what is under way goes on by the time before",
                    (told - wall) / 1000
                );
                let text = serde_json::to_vec(&line).unwrap_or_default();
                let before = self.line.with_extension("new");
                let written = std::fs::write(&before, text);
                let noted = written.and_then(|()| std::fs::rename(&before, &self.line));
                course.noted = noted.is_ok();
            }
        }
        Timestamp::from_millis(wall)
    }

    fn read(&self) -> Option<i64> {
        let text = std::fs::read(&self.line).ok()?;
        let line: Line = serde_json::from_slice(&text).ok()?;
        (line.boot == this_start()).then_some(line.base)
    }

    fn forget(&self) {
        let _ = std::fs::remove_file(&self.line);
    }

    /// Goes by the wall clock again, jumped or not. For when nothing is under way.
    pub(crate) fn settle(&self) {
        self.forget();
        let mut locked = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        *locked = (Course::default(), None);
    }

    /// Whether a jump is being held off.
    pub(crate) fn holds(&self) -> bool {
        let locked = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        locked.0.held
    }
}

/// Where a drill notes by how much the wall clock of a training ground is to be wrong.
pub(crate) fn skew_file(folder: &Path) -> PathBuf {
    folder.join("clock.skew")
}

/// What a drill has noted: by how many milliseconds, while the process that said so lives. A drill
/// that was killed leaves no wrong clock behind.
fn skew(file: &Path) -> i64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let said = text.split_once(' ').and_then(|(pid, ms)| {
        let pid = rustix::process::Pid::from_raw(pid.parse().ok()?)?;
        let alive = rustix::process::test_kill_process(pid).is_ok();
        alive.then(|| ms.trim().parse().ok()).flatten()
    });
    said.unwrap_or(0)
}

/// This start of the machine; none where the system does not say.
fn this_start() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

#[async_trait]
impl Clock for FolderClock {
    fn now(&self) -> Now {
        let boot = SystemClock::boot();
        Now {
            wall: self.wall(boot),
            boot,
        }
    }

    async fn sleep(&self, duration: Duration) {
        // Timers stop while a laptop sleeps; short naps look at the clock again soon after.
        let until = SystemClock::boot() + duration;
        loop {
            let left = until.saturating_sub(SystemClock::boot());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Duration::from_secs(5))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_jump_is_held_off_until_it_is_let_go_or_undone() {
        let mut course = Course::default();
        assert_eq!(course.step(1_000_000, 100), (1_000_000, Note::Nothing));
        // A clock that is disciplined is followed.
        assert_eq!(course.step(1_001_500, 1_100), (1_001_500, Note::Nothing));
        let base = 1_001_500 - 1_100;
        for jump in [HOUR, -HOUR] {
            let mut course = course;
            let told = 1_002_500 + jump;
            assert!(course.jumps(told, 2_100));
            let held = course.step(told, 2_100);
            assert_eq!(held, (1_002_500, Note::Hold { base }));
            // It could not be noted: again.
            let again = course.step(told + 1_000, 3_100);
            assert_eq!(again, (1_003_500, Note::Hold { base }));
            course.learn(Some(base));
            let quiet = course.step(told + 2_000, 4_100);
            assert_eq!(quiet, (1_004_500, Note::Nothing));
            // Set back to where it was …
            let mut undone = course;
            assert_eq!(undone.step(1_005_500, 5_100), (1_005_500, Note::Forget));
            assert_eq!(undone.step(1_006_500, 6_100), (1_006_500, Note::Nothing));
            // … or let go by somebody else.
            course.learn(None);
            let settled = course.step(told + 3_000, 5_100);
            assert_eq!(settled, (told + 3_000, Note::Nothing));
        }
    }

    /// Of two clocks on one folder, one lives through the jump and the other opens after it.
    #[test]
    fn who_opens_a_folder_later_goes_by_the_same_time() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("training");
        std::fs::create_dir(&folder).unwrap();
        let near = |clock: &FolderClock| {
            let off = clock.now().wall.as_millis() - SystemClock::wall().as_millis();
            off.abs() < 60_000
        };
        let first = FolderClock::new(&folder);
        assert!(near(&first));
        let said = format!("{} {HOUR}", std::process::id());
        std::fs::write(skew_file(&folder), said).unwrap();
        assert!(near(&first) && first.holds());
        let second = FolderClock::new(&folder);
        assert!(near(&second), "it goes by the line that the first noted");
        first.settle();
        assert!(!near(&first) && !near(&FolderClock::new(&folder)));
        // A line of another start of the machine says nothing.
        let old = Line {
            base: 0,
            boot: Some("another".into()),
        };
        std::fs::write(&first.line, serde_json::to_vec(&old).unwrap()).unwrap();
        assert!(!near(&FolderClock::new(&folder)));
        // Nor does a drill whose process is gone, or a word that is none.
        for said in [format!("{} {HOUR}", i32::MAX), "1 x".into(), "x".into()] {
            std::fs::write(skew_file(&folder), said).unwrap();
            assert!(near(&FolderClock::new(&folder)));
        }
        // Elsewhere than on a training ground nobody may say such a thing.
        let said = format!("{} {HOUR}", std::process::id());
        std::fs::write(skew_file(base.path()), said).unwrap();
        assert!(near(&FolderClock::new(base.path())));
    }
}
