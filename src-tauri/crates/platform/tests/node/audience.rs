//! Audiences: who is led to the candidate, and what the services' code is told of it.

use std::path::PathBuf;

use deckwatch_domain::{Role, Slot, Span, Weights};
use deckwatch_platform::local::{HeaderRoute, RouteTo, Sticky};
use deckwatch_platform::{
    Action, Applied, Audience, AudienceBy, PlatformError, Rejection, TrafficWrite, WayBack,
};

use crate::rig::{Rig, connect, get, send, until};

fn audience(by: AudienceBy, listed: &[&str], share: u16) -> Audience {
    Audience {
        flag: "new-basket".into(),
        by,
        listed: listed.iter().map(|name| (*name).to_owned()).collect(),
        share,
        salt: "s1".into(),
    }
}

fn by_header() -> AudienceBy {
    AudienceBy::Header {
        name: "x-user".into(),
    }
}

async fn lead(rig: &Rig, weight: u8, audience: Audience) -> Result<Applied, PlatformError> {
    let mut write = rig.canary(weight);
    write.audience = Some(audience);
    rig.apply(1, Action::SetTraffic(write)).await
}

fn flag_file(rig: &Rig) -> PathBuf {
    rig.folder.path().join("flags/shop.json")
}

fn flag(rig: &Rig) -> serde_json::Value {
    let text = std::fs::read_to_string(flag_file(rig)).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    file["flags"]["new-basket"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_a_share_are_led_by_header() {
    let rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    let mut d = rig.definition();
    d.sticky = Some(Sticky {
        cookie: "where".into(),
    });
    d.routing = vec![HeaderRoute {
        header: "x-slot".into(),
        value: "old".into(),
        to: RouteTo::Role(Role::Stable),
    }];
    rig.platform.define(&d).await.unwrap();
    let group = audience(by_header(), &["ana"], 2000);
    lead(&rig, 0, group.clone()).await.unwrap();
    assert_eq!(rig.observe().await.traffic.audience, Some(group.clone()));
    let mut sender = connect(rig.listen).await.unwrap();
    let mut over = 0;
    for n in 0..200 {
        let user = format!("user-{n}");
        let expected = if group.takes(user.as_bytes()) {
            "v2"
        } else {
            "v1"
        };
        // A cookie from before leads nobody who can be told apart.
        let headers = [("x-user", user.as_str()), ("cookie", "where=blue:v1")];
        for _ in 0..2 {
            let got = send(&mut sender, "/", &headers).await.unwrap();
            assert_eq!(got.version.as_deref(), Some(expected), "{user}");
            assert!(!got.headers.contains_key("set-cookie"));
        }
        over += u32::from(expected == "v2");
    }
    assert!((15..70).contains(&over), "{over}");
    let version = async |headers: &[(&str, &str)]| {
        let got = get(rig.listen, "/", headers).await.unwrap();
        got.version.unwrap()
    };
    assert_eq!(version(&[("x-user", "ana")]).await, "v2");
    // The definition's own rules come first; who has no key goes by the weights.
    assert_eq!(version(&[("x-user", "ana"), ("x-slot", "old")]).await, "v1");
    for _ in 0..50 {
        assert_eq!(version(&[]).await, "v1");
    }
    // With a weight besides, strangers are shared out exactly, and people stay where they are.
    lead(&rig, 10, group.clone()).await.unwrap();
    let mut strangers = 0;
    for n in 0..100 {
        let got = send(&mut sender, "/", &[]).await.unwrap();
        strangers += u32::from(got.version.as_deref() == Some("v2"));
        let user = format!("user-{n}");
        let got = send(&mut sender, "/", &[("x-user", &user)]).await.unwrap();
        let expected = if group.takes(user.as_bytes()) {
            "v2"
        } else {
            "v1"
        };
        assert_eq!(got.version.as_deref(), Some(expected), "{user}");
    }
    assert_eq!(strangers, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_back_ends_it_and_the_flag_says_off() {
    let mut rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    assert!(!flag_file(&rig).exists(), "no audience, no file");
    let by = AudienceBy::Cookie { name: "who".into() };
    let applied = lead(&rig, 0, audience(by, &["ana"], 500)).await.unwrap();
    assert!(applied.warnings.is_empty(), "{applied:?}");
    let said = flag(&rig);
    assert_eq!(said["defaultVariant"], "off");
    assert!(said["targeting"].to_string().contains("ana"), "{said}");
    let mut sender = connect(rig.listen).await.unwrap();
    let mut version = async |who: &str| {
        let cookie = format!("a=b; who={who}");
        let got = send(&mut sender, "/", &[("cookie", &cookie)]).await;
        got.unwrap().version.unwrap()
    };
    assert_eq!(version("ana").await, "v2");
    assert_eq!(version("stranger-1").await, "v1");
    rig.apply(0, Action::TakeBack(rig.take())).await.unwrap();
    assert_eq!(version("ana").await, "v1");
    let off = flag(&rig);
    assert_eq!(off["defaultVariant"], "off");
    assert!(off.get("targeting").is_none(), "{off}");
    assert_eq!(rig.observe().await.traffic.audience, None);
    // A node that starts anew says the same, whatever became of the file.
    rig.kill_node();
    std::fs::remove_file(flag_file(&rig)).unwrap();
    rig.start_node(&[]).await;
    let longest = std::time::Duration::from_secs(3);
    until("the file is made anew", longest, async || {
        flag_file(&rig).exists()
    })
    .await;
    assert_eq!(flag(&rig), off);
    rig.platform.remove(&rig.service, true).await.unwrap();
    assert!(!flag_file(&rig).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_turns_the_flag_on_and_the_next_rollout_leaves_it() {
    let mut rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    lead(&rig, 0, audience(by_header(), &[], 10_000))
        .await
        .unwrap();
    let promote = TrafficWrite {
        weights: Weights::all_to(Slot::Green),
        roles: deckwatch_domain::PerSlot {
            blue: Role::Previous,
            green: Role::Stable,
        },
        plan_digest: None,
        way_back: Some(WayBack {
            slot: Slot::Blue,
            until: None,
        }),
        audience: None,
    };
    rig.apply(1, Action::SetTraffic(promote.clone()))
        .await
        .unwrap();
    assert_eq!(flag(&rig)["defaultVariant"], "on");
    rig.rollout = deckwatch_domain::RolloutId::from_u128(crate::rig::unique());
    let mut next = promote;
    next.weights = Weights::toward(Slot::Blue, 20);
    next.roles.blue = Role::Candidate;
    next.way_back = None;
    rig.apply(2, Action::SetTraffic(next)).await.unwrap();
    assert_eq!(flag(&rig)["defaultVariant"], "on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_hold_for_audiences_too() {
    let rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    let named = |names: usize| Audience {
        listed: (0..names).map(|n| format!("user-{n}")).collect(),
        ..audience(by_header(), &[], 0)
    };
    let refused = lead(&rig, 0, named(501)).await;
    assert!(
        matches!(&refused, Err(PlatformError::Rejected(Rejection::Malformed { what })) if what.contains("at most 500")),
        "{refused:?}"
    );
    assert!(
        !flag_file(&rig).exists(),
        "what was not written is not told"
    );
    lead(&rig, 0, named(500)).await.unwrap();
    let slot = Slot::Green;
    let refused = rig.apply(1, Action::Scale { slot, instances: 0 }).await;
    assert!(
        matches!(
            refused,
            Err(PlatformError::Rejected(Rejection::CarriesAudience { .. }))
        ),
        "{refused:?}"
    );
    // With nothing ready there: its people are served by the other slot, and no more are led.
    let mut d = rig.definition();
    d.restart.initial = Span::from_secs(60);
    d.restart.max = Span::from_secs(60);
    rig.platform.define(&d).await.unwrap();
    let pid = rig.observe().await.slots.green.instances[0].pid.unwrap();
    crate::supervision::kill(pid);
    rig.ready(Slot::Green, 0).await;
    let got = get(rig.listen, "/", &[("x-user", "user-7")]).await.unwrap();
    assert_eq!(got.version.as_deref(), Some("v1"));
    let mut more = named(500);
    more.share = 1;
    let refused = lead(&rig, 0, more).await;
    assert!(
        matches!(
            refused,
            Err(PlatformError::Rejected(Rejection::NotReady {
                slot: Slot::Green
            }))
        ),
        "{refused:?}"
    );
    lead(&rig, 0, named(400)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_survives_restarts_and_no_flag_file_holds_it_up() {
    let mut rig = Rig::new().await;
    rig.canary_up(1, 0).await;
    // Something stands where the folder would: a warning, and everything else as it should be.
    std::fs::write(rig.folder.path().join("flags"), b"in the way").unwrap();
    let applied = lead(&rig, 0, audience(by_header(), &["ana"], 0))
        .await
        .unwrap();
    assert!(applied.warnings[0].contains("flag file"), "{applied:?}");
    let ana = async |rig: &Rig| {
        let got = get(rig.listen, "/", &[("x-user", "ana")]).await.unwrap();
        got.version
    };
    assert_eq!(ana(&rig).await.as_deref(), Some("v2"));
    std::fs::remove_file(rig.folder.path().join("flags")).unwrap();
    let longest = std::time::Duration::from_secs(3);
    until("it is tried again", longest, async || {
        flag_file(&rig).exists()
    })
    .await;
    rig.kill_node();
    rig.start_node(&[]).await;
    rig.ready(Slot::Blue, 1).await;
    rig.ready(Slot::Green, 1).await;
    assert_eq!(ana(&rig).await.as_deref(), Some("v2"));
    let mut old = rig.node.take().unwrap();
    rig.start_node(&["--take-over"]).await;
    until("it is the newer", longest, async || {
        rig.platform.node().await.is_ok_and(|n| n.pid != old.id())
    })
    .await;
    assert_eq!(ana(&rig).await.as_deref(), Some("v2"));
    old.wait().unwrap();
}
