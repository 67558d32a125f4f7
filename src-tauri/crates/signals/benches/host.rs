//! What measuring this machine costs: one quick look, one that looks at disks and programs as well,
//! and the share of a processor that both come to at the intervals that are the default.

use std::time::{Duration, Instant};

use deckwatch_signals::host::Look;

fn took(times: u32, mut work: impl FnMut()) -> Duration {
    let began = Instant::now();
    (0..times).for_each(|_| work());
    began.elapsed() / times
}

fn main() {
    let mut look = Look::new(10);
    let count = look.samples().len();
    let quick = took(200, || {
        look.samples();
    });
    // A new one looks at everything, at programs twice.
    let full = took(20, || {
        Look::new(10).samples();
    });
    // In fifteen seconds: three quick ones, and one of the others.
    let share = (quick * 3 + full).as_secs_f64() / 15.0;
    let millis = |took: Duration| took.as_secs_f64() * 1000.0;
    println!("samples of a look        {count}");
    println!("a quick look             {:.2} ms", millis(quick));
    println!("with disks and programs  {:.2} ms at most", millis(full));
    println!("share of a processor     {:.3} % at most", share * 100.0);
}
