//! Runs the tests, a few at a time, and says what became of each. Libtest has no word for a test
//! that finds nothing to run on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::cluster::Cluster;

/// Tests that run at once.
const AT_ONCE: usize = 4;
/// The longest that one may take.
const LIMIT: Duration = Duration::from_secs(240);

type Run = Pin<Box<dyn Future<Output = ()>>>;

pub struct Test {
    pub name: &'static str,
    pub run: fn(Arc<Cluster>) -> Run,
}

/// Makes the list of a module's tests out of its functions.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub fn tests() -> Vec<$crate::runner::Test> {
            vec![$($crate::runner::Test {
                name: concat!(module_path!(), "::", stringify!($name)),
                run: |cluster| {
                    let name = concat!(module_path!(), "-", stringify!($name));
                    Box::pin(async move { $name($crate::world::World::new(cluster, name).await).await })
                },
            }),*]
        }
    };
}

pub fn run(tests: Vec<Test>) -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let chosen = |test: &Test| words.is_empty() || words.iter().any(|w| test.name.contains(w));
    let tests: Vec<Test> = tests.into_iter().filter(chosen).collect();
    if std::env::args().any(|a| a == "--list") {
        tests
            .iter()
            .for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }
    if tests.is_empty() {
        return ExitCode::SUCCESS;
    }
    let Some(program) = Cluster::program() else {
        tests
            .iter()
            .for_each(|test| println!("test {} ... skipped: no control plane", test.name));
        total(0, 0, tests.len());
        let needed = std::env::var_os("DECKWATCH_CONTROL_PLANE_NEEDED").is_some();
        return ExitCode::from(u8::from(needed));
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let cluster = Arc::new(runtime.block_on(Cluster::start(&program)));
    let all = tests.len();
    let failed = run_all(tests, &cluster);
    total(all - failed, failed, 0);
    ExitCode::from(u8::from(failed > 0))
}

/// The closing line, as libtest writes it: scripts count by it.
fn total(passed: usize, failed: usize, skipped: usize) {
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured"
    );
}

/// Runs them all; how many failed.
fn run_all(tests: Vec<Test>, cluster: &Arc<Cluster>) -> usize {
    let (waiting, failed) = (Mutex::new(VecDeque::from(tests)), Mutex::new(0));
    let next = || waiting.lock().expect("a lock").pop_front();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(test) = next() {
                    let began = Instant::now();
                    let ended = run_one(&test, cluster);
                    let took = began.elapsed().as_secs_f64();
                    match ended {
                        Ok(()) => println!("test {} ... ok ({took:.1} s)", test.name),
                        Err(why) => {
                            *failed.lock().expect("a lock") += 1;
                            println!("test {} ... FAILED after {took:.1} s: {why}", test.name);
                        }
                    }
                }
            });
        }
    });
    failed.into_inner().expect("a lock")
}

/// A thread and a runtime of its own, so that what panics ends nothing else.
fn run_one(test: &Test, cluster: &Arc<Cluster>) -> Result<(), String> {
    let (run, cluster) = (test.run, cluster.clone());
    let thread = std::thread::Builder::new().name(test.name.to_owned());
    let running = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|e| e.to_string())?;
        runtime.block_on(async {
            let ended = tokio::time::timeout(LIMIT, run(cluster)).await;
            ended.map_err(|_| format!("not done after {LIMIT:?}"))
        })
    });
    let running = running.map_err(|e| e.to_string())?;
    running.join().unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let plain = || panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
        Err(text.or_else(plain).unwrap_or_else(|| "it panicked".into()))
    })
}
