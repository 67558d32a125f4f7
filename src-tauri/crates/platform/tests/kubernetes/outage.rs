//! The API server is slow, says no, or is away. The way back arrives within a second of its return.

use std::time::{Duration, Instant};

use deckwatch_domain::Slot;
use deckwatch_platform::kubernetes::KubernetesPlatform;
use deckwatch_platform::{Platform as _, PlatformError};

use crate::drive::{Drive, lane, order, take_back};
use crate::proxy::{Fault, Proxy};
use crate::strategy::{Strategy, from_both};
use crate::tests;
use crate::world::{World, service};

from_both![
    slow_answers,
    too_many_requests,
    internal_errors,
    conflicts,
    cut_for_a_while,
    hangs_for_a_while,
];

tests![
    a_lost_answer_is_found_again,
    endpoints_that_cannot_be_read_are_no_reason_to_stay,
];

async fn live(world: &World, of: Strategy) -> (Proxy, KubernetesPlatform) {
    world.adopted(1, of.by_route()).await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(world, "v2", 1).await;
    drive.done(world, drive.weight(of.weight())).await;
    let (proxy, platform) = world.through_proxy().await;
    // The connection is there, as it would be.
    platform.observe(&service()).await.unwrap();
    (proxy, platform)
}

/// Takes back while something is wrong for a while; how long after its end it arrived.
async fn outlasts(world: &World, of: Strategy, fault: Fault, lasts: Duration) -> Duration {
    let (proxy, platform) = live(world, of).await;
    let said = format!("{fault:?}");
    proxy.set(fault);
    let mended = async {
        tokio::time::sleep(lasts).await;
        proxy.set(Fault::None);
        Instant::now()
    };
    let take = take_back();
    let lane = async {
        let (_, answer) = lane(&platform, &take).await;
        answer.unwrap();
        Instant::now()
    };
    let (mended, done) = futures_util::future::join(mended, lane).await;
    let after = done.saturating_duration_since(mended);
    println!("  {said} for {lasts:?}: {after:?} after its end");
    assert_eq!(world.led().await, (100, 0));
    assert!(after < Duration::from_secs(1), "{said}: {after:?}");
    after
}

async fn slow_answers(world: World, of: Strategy) {
    let (proxy, platform) = live(&world, of).await;
    proxy.set(Fault::Slow(Duration::from_millis(800)));
    let (took, answer) = lane(&platform, &take_back()).await;
    answer.unwrap();
    println!("  every answer 0.8 s late: {took:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(world.led().await, (100, 0));
}

async fn too_many_requests(world: World, of: Strategy) {
    // It asks for a minute; the way back does not give it one.
    outlasts(
        &world,
        of,
        Fault::Answers(429, Some(60)),
        Duration::from_secs(2),
    )
    .await;
}

async fn internal_errors(world: World, of: Strategy) {
    outlasts(
        &world,
        of,
        Fault::Answers(500, None),
        Duration::from_secs(2),
    )
    .await;
}

async fn conflicts(world: World, of: Strategy) {
    let (proxy, platform) = live(&world, of).await;
    proxy.set(Fault::Conflicts(4));
    let once = order(deckwatch_platform::Action::TakeBack(take_back()));
    platform.apply(&service(), &once).await.unwrap();
    assert_eq!(world.led().await, (100, 0));
}

async fn cut_for_a_while(world: World, of: Strategy) {
    outlasts(&world, of, Fault::Cut, Duration::from_secs(3)).await;
}

async fn hangs_for_a_while(world: World, of: Strategy) {
    outlasts(&world, of, Fault::Hangs, Duration::from_secs(3)).await;
}

/// The write arrives and its answer does not: asked again, it is found done.
async fn a_lost_answer_is_found_again(world: World) {
    let (proxy, platform) = live(&world, Strategy::Canary).await;
    let take = take_back();
    let once = order(deckwatch_platform::Action::TakeBack(take.clone()));
    world.platform.apply(&service(), &once).await.unwrap();
    proxy.set(Fault::Cut);
    let lost = platform.apply(&service(), &once).await.unwrap_err();
    assert!(matches!(lost, PlatformError::Unreachable { .. }), "{lost}");
    proxy.set(Fault::None);
    let (_, answer) = lane(&platform, &take).await;
    assert!(answer.unwrap().repeated);
    let records = world.seen().await.traffic.records;
    assert_eq!(records.len(), 1);
}

async fn endpoints_that_cannot_be_read_are_no_reason_to_stay(world: World) {
    let (proxy, platform) = live(&world, Strategy::Canary).await;
    proxy.set(Fault::HangsFor("endpointslices"));
    let (took, answer) = lane(&platform, &take_back()).await;
    let applied = answer.unwrap();
    println!("  endpoints that do not answer: {took:?}");
    assert!(
        applied.warnings[0].contains("could not be read"),
        "{:?}",
        applied.warnings
    );
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(world.led().await, (100, 0));
}
