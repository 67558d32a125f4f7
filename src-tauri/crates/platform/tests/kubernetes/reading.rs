//! The index, and what pods print.

use std::time::Duration;

use deckwatch_domain::Slot;
use deckwatch_platform::{Action, Platform as _, PlatformError};

use crate::drive::{Drive, lane, take_back};
use crate::proxy::Fault;
use crate::tests;
use crate::world::{World, service};

tests![
    the_index_shows_what_a_fresh_look_shows,
    an_index_shows_ones_own_write_at_once,
    a_cut_watch_comes_back,
    history_that_is_gone_is_listed_again_and_not_over_and_over,
    watches_begin_anew_when_they_are_told_to,
    lines_of_pods,
    a_service_that_is_not_there,
    a_watch_for_a_silent_driver_is_refused,
];

async fn the_index_shows_what_a_fresh_look_shows(world: World) {
    world.adopted(2, true).await;
    assert_eq!(world.platform.as_of(), None);
    let (_, followed) = world.through_proxy().await;
    followed.follow();
    world
        .until("it is filled", async || followed.as_of().is_some())
        .await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 2).await;
    drive.done(&world, drive.weight(30)).await;
    world
        .until("both looks are the same", async || {
            let (fresh, indexed) = (
                world.seen().await,
                followed.observe(&service()).await.unwrap(),
            );
            (fresh.traffic == indexed.traffic)
                && fresh.slots == indexed.slots
                && fresh.applied == indexed.applied
        })
        .await;
    assert_eq!(followed.services().await.unwrap(), [service()]);
}

async fn an_index_shows_ones_own_write_at_once(world: World) {
    world.adopted(1, true).await;
    world.platform.follow();
    world
        .until("it is filled", async || world.platform.as_of().is_some())
        .await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    for n in 0..30 {
        let applied = drive.done(&world, drive.weight(n)).await;
        assert_eq!(
            world.seen().await.traffic,
            applied.traffic,
            "an older look came after the write"
        );
    }
    let before = world.seen().await.slots.green.desired;
    drive
        .done(
            &world,
            Action::Scale {
                slot: Slot::Green,
                instances: before + 1,
            },
        )
        .await;
    assert_eq!(world.seen().await.slots.green.desired, before + 1);
}

async fn a_cut_watch_comes_back(world: World) {
    world.adopted(1, true).await;
    let (proxy, followed) = world.through_proxy().await;
    followed.follow();
    world
        .until("it is filled", async || followed.as_of().is_some())
        .await;
    proxy.set(Fault::Cut);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let away = followed.observe(&service()).await.unwrap_err();
    assert!(
        matches!(away, PlatformError::Unreachable { .. }),
        "an old look was shown as new: {away}"
    );
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    proxy.set(Fault::None);
    world
        .until("it has caught up", async || {
            let seen = followed.observe(&service()).await;
            seen.is_ok_and(|seen| seen.slots.green.ready == 1)
        })
        .await;
    lane(&followed, &take_back()).await.1.unwrap();
}

/// Every watch is answered with 410 for a while: what there is is listed again at once, then with pauses
/// that grow, and shown as it is meanwhile.
async fn history_that_is_gone_is_listed_again_and_not_over_and_over(world: World) {
    world.adopted(1, true).await;
    let (proxy, followed) = world.through_proxy().await;
    proxy.set(Fault::Expired);
    followed.follow();
    world
        .until("it is listed again", async || proxy.listed() > 1)
        .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let listed = proxy.listed();
    assert!(listed < 12, "{listed} lists in three seconds");
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    let seen = followed.observe(&service()).await.unwrap();
    assert_eq!(seen.slots.green.ready, 1, "an old look was shown as new");
    proxy.set(Fault::None);
    let calm = async || {
        let listed = proxy.listed();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        proxy.listed() == listed
    };
    world.until("the watches live", calm).await;
}

/// As after a sleep: what was told before is listed again, although no connection has broken.
async fn watches_begin_anew_when_they_are_told_to(world: World) {
    world.adopted(1, true).await;
    let (proxy, followed) = world.through_proxy().await;
    followed.follow();
    world
        .until("it is filled", async || followed.as_of().is_some())
        .await;
    let (before, listed) = (followed.as_of(), proxy.listed());
    followed.follow_anew();
    world
        .until("all is listed again", async || {
            proxy.listed() > listed && followed.as_of() > before
        })
        .await;
    let seen = followed.observe(&service()).await.unwrap();
    assert_eq!(seen.slots.blue.ready, 1);
}

async fn lines_of_pods(world: World) {
    world.adopted(2, true).await;
    let (proxy, platform) = world.through_proxy().await;
    proxy.set(Fault::Prints(
        "2026-01-01T00:00:01Z first\n2026-01-01T00:00:02.5Z second line\n",
    ));
    let lines = platform.logs(&service(), 3).await.unwrap();
    let texts: Vec<&str> = lines.iter().map(|l| l.text.as_str()).collect();
    assert_eq!(texts, ["first", "second line", "second line"]);
    assert!(
        lines
            .iter()
            .all(|l| l.slot == Slot::Blue && l.instance.starts_with("web-"))
    );
    proxy.set(Fault::Answers(403, None));
    let denied = platform.logs(&service(), 3).await.unwrap_err();
    assert!(matches!(denied, PlatformError::Denied { .. }), "{denied}");
}

async fn a_service_that_is_not_there(world: World) {
    let unknown = world.platform.observe(&service()).await.unwrap_err();
    assert!(
        unknown.to_string().contains("no service named web"),
        "{unknown}"
    );
    assert!(world.platform.services().await.unwrap().is_empty());
}

async fn a_watch_for_a_silent_driver_is_refused(world: World) {
    world.adopted(1, true).await;
    let drive = Drive::new(1, Slot::Green);
    let ttl = deckwatch_domain::Span::from_secs(5);
    let refused = drive
        .apply(&world.platform, Action::Watch { ttl })
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("fallen silent"), "{refused}");
    assert!(!world.platform.capabilities().driver_lost_rollback);
}
