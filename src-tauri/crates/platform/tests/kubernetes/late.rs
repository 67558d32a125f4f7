//! Writes that are long on their way and land after somebody else's: on a slot, which carries no epoch.

use std::time::Duration;

use deckwatch_domain::Slot;
use deckwatch_platform::{Action, Order, Platform as _, PlatformError, Rejection};

use crate::drive::{Drive, lane, release, take_back};
use crate::proxy::Fault;
use crate::tests;
use crate::world::{World, service};

tests![
    a_slot_is_not_replaced_by_who_is_late,
    a_slot_is_not_stopped_by_who_is_late,
    instances_do_not_leave_for_who_is_late,
];

fn refused(late: &Result<deckwatch_platform::Applied, PlatformError>) -> bool {
    matches!(
        late,
        Err(PlatformError::Rejected(
            Rejection::StaleEpoch { .. } | Rejection::Latched { .. }
        ))
    )
}

/// Sends an order whose patch of a Deployment is held up on its way until `meanwhile` is over.
async fn held_up(
    world: &World,
    deployment: &'static str,
    order: Order,
    meanwhile: impl Future<Output = ()>,
) -> Result<deckwatch_platform::Applied, PlatformError> {
    let (proxy, platform) = world.through_proxy().await;
    platform.observe(&service()).await.unwrap();
    proxy.set(Fault::Holds(deployment));
    let name = service();
    let late = platform.apply(&name, &order);
    let others = async {
        while proxy.held() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        meanwhile.await;
        proxy.set(Fault::None);
    };
    futures_util::future::join(late, others).await.0
}

/// The next rollout after a take-back: it stands in green and has half of the traffic.
async fn next_one(world: &World, version: &str) {
    lane(&world.platform, &take_back()).await.1.unwrap();
    let epoch = world.seen().await.traffic.epoch.next();
    let next = Drive {
        epoch,
        ..Drive::new(0, Slot::Green)
    };
    next.begin(world, version, 2).await;
    next.done(world, next.weight(50)).await;
}

async fn stands(world: &World, version: &str) {
    let seen = world.seen().await;
    let green = seen.slots.green.release.expect("something stands there");
    assert_eq!(green.version.as_str(), version);
    assert_eq!((seen.slots.green.desired, seen.slots.green.ready), (2, 2));
    assert_eq!(world.weights().await, (50, 50));
}

/// A rollout that is taken back, so that green has a Deployment already.
async fn once_around(world: &World) -> Drive {
    world.adopted(2, true).await;
    Drive::new(1, Slot::Green).begin(world, "v2", 2).await;
    lane(&world.platform, &take_back()).await.1.unwrap();
    let epoch = world.seen().await.traffic.epoch.next();
    Drive {
        epoch,
        ..Drive::new(0, Slot::Green)
    }
}

async fn a_slot_is_not_replaced_by_who_is_late(world: World) {
    let drive = once_around(&world).await;
    drive.done(&world, drive.weight(0)).await;
    let bring_up = drive.order(Action::BringUp {
        slot: Slot::Green,
        release: release("v3"),
        instances: 2,
    });
    let late = held_up(
        &world,
        "deployments/web-green",
        bring_up,
        next_one(&world, "v4"),
    )
    .await;
    assert!(refused(&late), "{late:?}");
    stands(&world, "v4").await;
}

async fn a_slot_is_not_stopped_by_who_is_late(world: World) {
    let drive = once_around(&world).await;
    drive.begin(&world, "v3", 2).await;
    let retire = drive.order(Action::Retire { slot: Slot::Green });
    let late = held_up(
        &world,
        "deployments/web-green",
        retire,
        next_one(&world, "v4"),
    )
    .await;
    assert!(refused(&late), "{late:?}");
    stands(&world, "v4").await;
}

/// A batch of a rolling release lets stable's instances go. What is sent there once traffic is back
/// (as the engine does, whether instances are missing or not) holds off what is still on its way.
async fn instances_do_not_leave_for_who_is_late(world: World) {
    world.adopted(3, true).await;
    let drive = Drive::new(1, Slot::Green);
    drive.begin(&world, "v2", 1).await;
    drive.done(&world, drive.weight(30)).await;
    let blue = |instances| Action::Scale {
        slot: Slot::Blue,
        instances,
    };
    let back = async {
        lane(&world.platform, &take_back()).await.1.unwrap();
        let epoch = world.seen().await.traffic.epoch;
        let restore = Drive {
            epoch,
            ..drive.clone()
        };
        restore.done(&world, blue(3)).await;
    };
    let late = held_up(&world, "deployments/web", drive.order(blue(1)), back).await;
    assert!(refused(&late), "{late:?}");
    assert_eq!(world.seen().await.slots.blue.desired, 3);
}
