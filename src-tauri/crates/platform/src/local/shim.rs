//! The shim: the small process between the node and one instance.
//!
//! It starts the instance in a process group of its own, passes its output on, carries out the
//! node's orders, and holds the other end of a socket pair to the node. When that socket ends, the
//! node is gone, and the shim ends the group: a killed node leaves no orphan. It runs in a session
//! of its own, so that a Ctrl-C meant for whoever started the node reaches the node alone.
//!
//! What must never happen here: an instance that blocks because nobody reads its output (lines
//! are thrown away and counted instead), and a group that outlives its shim.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process_group, setrlimit,
    test_kill_process_group,
};

use super::wire::{Exit, Frames, FromShim, LONGEST_LINE, Launch, ToShim, bounded_line, frame};

/// Lines that wait for the node at most.
const WAITING: usize = 1024;
/// How long a group may take to end by itself once its node or its leader is gone.
const LAST_GRACE: Duration = Duration::from_millis(900);

/// The body of `deckwatchctl shim`: runs until the instance and the node's interest have ended.
pub fn run_shim() -> ExitCode {
    // Fails only for a group's leader, which a shim started by a node is not.
    let _ = rustix::process::setsid();
    let Ok(fd) = std::io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::from(70);
    };
    let mut node = UnixStream::from(fd);
    let Ok(write) = node.try_clone() else {
        return ExitCode::from(70);
    };
    let mut frames = Frames::default();
    let Some(launch) = next::<Launch>(&mut node, &mut frames) else {
        eprintln!("a shim is started by a node, with its orders on standard input");
        return ExitCode::from(64);
    };
    let outbox = Arc::new(Outbox::default());
    let writer = {
        let outbox = outbox.clone();
        thread("writer", move || outbox.write_to(write))
    };
    if let Some(limit) = launch.open_files
        && let Err(e) = put_back(limit)
    {
        let why = format!("[deckwatch] it may open more files than {limit}: {e}");
        outbox.push(FromShim::Out(why));
    }
    let code = match start(&launch) {
        Ok(child) => {
            supervise(child, node, frames, &outbox);
            ExitCode::SUCCESS
        }
        Err(why) => {
            outbox.push(FromShim::Failed(why));
            ExitCode::from(1)
        }
    };
    outbox.close();
    if let Some(writer) = writer {
        let _ = writer.join();
    }
    code
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Option<std::thread::JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.into())
        .stack_size(128 * 1024)
        .spawn(body)
        .ok()
}

/// Gives the limit of open files its former value, here and so for the instance: programs take it
/// for a hint (how many slots to make, which descriptors to close), and the node's is no such hint.
fn put_back(limit: u64) -> rustix::io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(maximum.map_or(limit, |most| limit.min(most)));
    setrlimit(Resource::Nofile, Rlimit { current, maximum })
}

fn start(launch: &Launch) -> Result<Child, String> {
    let Some((program, arguments)) = launch.command.split_first() else {
        return Err("the command is empty".into());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(&launch.env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(folder) = &launch.folder {
        command.current_dir(folder);
    }
    command.spawn().map_err(|e| match &launch.folder {
        Some(folder) => format!("cannot start `{program}` in {}: {e}", folder.display()),
        None => format!("cannot start `{program}`: {e}"),
    })
}

/// The next whole message; none when the node is gone.
fn next<T: serde::de::DeserializeOwned>(node: &mut UnixStream, frames: &mut Frames) -> Option<T> {
    let mut piece = [0; 4096];
    loop {
        while let Some(read) = frames.next() {
            if read.is_some() {
                return read;
            }
        }
        match node.read(&mut piece) {
            Ok(0) => return None,
            Ok(n) => frames.space().extend_from_slice(&piece[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

fn supervise(mut child: Child, mut node: UnixStream, mut frames: Frames, outbox: &Arc<Outbox>) {
    let Some(group) = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0)) else {
        return;
    };
    outbox.push(FromShim::Pid(child.id()));
    let mut readers = Vec::new();
    if let Some(out) = child.stdout.take() {
        let outbox = outbox.clone();
        readers.push(thread("stdout", move || read_lines(out, &outbox)));
    }
    if let Some(err) = child.stderr.take() {
        let outbox = outbox.clone();
        readers.push(thread("stderr", move || read_lines(err, &outbox)));
    }
    // Orders come in beside the wait. When they end, the node is gone and so is the group.
    let ended = Arc::new(Ended::default());
    {
        let ended = ended.clone();
        let _ = thread("orders", move || {
            while let Some(order) = next::<ToShim>(&mut node, &mut frames) {
                let signal = match order {
                    ToShim::Term => Signal::TERM,
                    ToShim::Kill => Signal::KILL,
                };
                ended.unless(|| {
                    let _ = kill_process_group(group, signal);
                });
            }
            ended.unless(|| {
                let _ = kill_process_group(group, Signal::TERM);
            });
            if !ended.wait(LAST_GRACE) {
                ended.unless(|| {
                    let _ = kill_process_group(group, Signal::KILL);
                });
            }
        });
    }
    let status = child.wait();
    ended.set();
    let exit = match status {
        Ok(status) => match status.signal() {
            Some(signal) => Exit::Signal(signal),
            None => Exit::Code(status.code().unwrap_or(-1)),
        },
        Err(_) => Exit::Code(-1),
    };
    // What was printed last comes before the end, unless something that outlived the leader
    // still holds the pipes: the end is not kept back for that.
    let until = Instant::now() + Duration::from_millis(50);
    let reading = |reader: &Option<std::thread::JoinHandle<()>>| {
        reader.as_ref().is_some_and(|r| !r.is_finished())
    };
    while readers.iter().any(reading) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    outbox.push(FromShim::Exit(exit));
    end_group(group);
}

/// Whatever the leader left behind in its group: asked to end, then made to.
fn end_group(group: Pid) {
    if test_kill_process_group(group).is_err() {
        return;
    }
    let _ = kill_process_group(group, Signal::TERM);
    let until = Instant::now() + LAST_GRACE;
    while Instant::now() < until {
        if test_kill_process_group(group).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = kill_process_group(group, Signal::KILL);
}

/// Whether the leader has ended. Signals are sent under its lock, so that none is sent to a
/// number that may by then belong to somebody else.
#[derive(Default)]
struct Ended {
    flag: Mutex<bool>,
    changed: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ended {
    fn set(&self) {
        *lock(&self.flag) = true;
        self.changed.notify_all();
    }

    fn unless(&self, act: impl FnOnce()) {
        let flag = lock(&self.flag);
        if !*flag {
            act();
        }
    }

    fn wait(&self, longest: Duration) -> bool {
        let flag = lock(&self.flag);
        let waited = self
            .changed
            .wait_timeout_while(flag, longest, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Reads lines of at most [`LONGEST_LINE`] bytes; the rest of a longer one is skipped.
fn read_lines(stream: impl Read, outbox: &Outbox) {
    let mut stream = BufReader::with_capacity(16 * 1024, stream);
    let mut line = Vec::new();
    let mut skipping = false;
    loop {
        line.clear();
        let mut limited = (&mut stream).take(LONGEST_LINE as u64);
        match limited.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let whole = line.ends_with(b"\n");
        if !skipping {
            let more = !whole && line.len() >= LONGEST_LINE;
            outbox.push(FromShim::Out(bounded_line(&line, more)));
        }
        skipping = !whole;
    }
}

/// What waits to be written to the node. Bounded: output gives way, the rest never does.
#[derive(Default)]
struct Outbox {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Vec<u8>>,
    lost: u64,
    closed: bool,
}

impl Outbox {
    fn push(&self, message: FromShim) {
        let mut state = lock(&self.state);
        let droppable = matches!(message, FromShim::Out(_));
        if droppable && state.frames.len() >= WAITING {
            state.lost += 1;
            return;
        }
        if state.lost > 0 && state.frames.len() < WAITING {
            let lost = std::mem::take(&mut state.lost);
            state.frames.push_back(frame(&FromShim::Lost(lost)));
        }
        state.frames.push_back(frame(&message));
        self.changed.notify_one();
    }

    fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_one();
    }

    fn write_to(&self, mut node: UnixStream) {
        // A node that neither reads nor ends cannot keep a finished shim here for ever.
        let _ = node.set_write_timeout(Some(Duration::from_secs(30)));
        loop {
            let mut state = lock(&self.state);
            while state.frames.is_empty() && !state.closed {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let Some(bytes) = state.frames.pop_front() else {
                return;
            };
            drop(state);
            // After an error the node is gone; keep emptying the box so that nobody waits.
            let _ = node.write_all(&bytes);
        }
    }
}
