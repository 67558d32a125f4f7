//! The Kubernetes platform on a real API server with simulated pods: what a way back costs beside one
//! bare patch, many of them at once, Argo Rollouts' controller in the same states, and an index of
//! ten thousand pods.
//!
//! `cargo bench -p deckwatch-platform --bench kubernetes [-- [back|fleet|crowd|argo] [quick]]`. Needs
//! the program of `scripts/control-plane.sh`; `DECKWATCH_ARGO_ROLLOUTS` names the peer's
//! (`scripts/argo-rollouts.sh`), without which it is left out. Exits with an error when an aim that is
//! ours to keep is missed.

#[cfg(unix)]
mod argo;
#[cfg(unix)]
mod back;
#[cfg(unix)]
#[path = "../../tests/kubernetes/cluster.rs"]
mod cluster;
#[cfg(unix)]
mod crowd;
#[cfg(unix)]
#[allow(dead_code)]
#[path = "../../tests/kubernetes/drive.rs"]
mod drive;
#[cfg(unix)]
mod fleet;
#[cfg(unix)]
#[allow(dead_code)]
#[path = "../../tests/kubernetes/proxy.rs"]
mod proxy;
#[cfg(unix)]
#[path = "../proxy/times.rs"]
mod times;
#[cfg(unix)]
#[allow(dead_code)]
#[path = "../../tests/kubernetes/world.rs"]
mod world;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    let quick = std::env::args().any(|a| a == "quick");
    let parts = ["back", "fleet", "crowd", "argo"];
    let only = std::env::args().find(|a| parts.contains(&a.as_str()));
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let Some(program) = cluster::Cluster::program() else {
        eprintln!("no control plane was built: scripts/control-plane.sh builds one");
        return std::process::ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let kept = runtime.block_on(async {
        let cluster = std::sync::Arc::new(cluster::Cluster::start(&program).await);
        let mut kept = true;
        if wanted("back") {
            kept &= back::run(&cluster, quick).await;
        }
        if wanted("fleet") {
            kept &= fleet::run(&cluster, quick).await;
        }
        if wanted("argo") {
            argo::run(&cluster).await;
        }
        if wanted("crowd") {
            kept &= crowd::run(&cluster, quick).await;
        }
        kept
    });
    std::process::ExitCode::from(u8::from(!kept))
}

#[cfg(not(unix))]
fn main() {}
