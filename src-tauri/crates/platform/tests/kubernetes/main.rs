//! The Kubernetes platform against a real API server, its controllers and simulated pods.
//!
//! The control plane is the program of `tests/cluster/control-plane`: `DECKWATCH_CONTROL_PLANE` names
//! it, otherwise the newest built one is taken from the cache. Without one every test is skipped and
//! counted as skipped; `DECKWATCH_CONTROL_PLANE_NEEDED=1` makes that a failure. One control plane
//! serves the whole run, with a namespace for each test. Words on the command line choose tests.

mod adoption;
mod cluster;
mod credentials;
mod drive;
mod hostile;
mod ingress;
mod late;
mod outage;
mod proxy;
mod ratio;
mod reading;
mod releases;
mod rights;
mod runner;
mod strategy;
mod view;
mod world;

fn main() -> std::process::ExitCode {
    let tests = [
        adoption::tests(),
        releases::tests(),
        hostile::tests(),
        hostile::both(),
        late::tests(),
        outage::tests(),
        outage::both(),
        reading::tests(),
        rights::tests(),
        view::tests(),
        ingress::tests(),
        ratio::tests(),
        credentials::tests(),
    ];
    runner::run(tests.into_iter().flatten().collect())
}
