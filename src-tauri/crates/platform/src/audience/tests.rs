use proptest::prelude::*;

use super::*;

fn audience(share: u16) -> Audience {
    Audience {
        flag: "new-basket".into(),
        by: AudienceBy::Header {
            name: "x-user".into(),
        },
        listed: vec!["ana".into(), "ben".into()],
        share,
        salt: "s1".into(),
    }
}

/// Made beside this program: `printf 's1\0cleo' | sha256sum`, its first sixteen digits modulo
/// 10,000. Another node, or another program, must come to the same.
#[test]
fn a_key_has_the_same_place_everywhere() {
    for (salt, key, place) in PLACES {
        assert_eq!(
            Salted::new(salt).place(key.as_bytes()),
            place,
            "{salt} {key}"
        );
    }
}

const PLACES: [(&str, &str, u16); 3] = [("s1", "cleo", 8269), ("", "cleo", 8680), ("s1", "", 6421)];

#[test]
fn names_belong_and_a_share_of_the_rest() {
    let all = audience(10_000);
    let none = audience(0);
    assert!(all.takes(b"anybody") && none.takes(b"ana") && !none.takes(b"anybody"));
    let tenth = audience(1000);
    let taken = (0..20_000)
        .filter(|n| tenth.takes(format!("user-{n}").as_bytes()))
        .count();
    // 2,000 expected; 6 standard deviations of 42.
    assert!((1750..2250).contains(&taken), "{taken}");
    // Another salt is another tenth: of those taken here a tenth is taken there as well.
    let other = Audience {
        salt: "s2".into(),
        ..tenth.clone()
    };
    let both = (0..20_000)
        .map(|n| format!("user-{n}"))
        .filter(|key| tenth.takes(key.as_bytes()) && other.takes(key.as_bytes()))
        .count();
    assert!((110..290).contains(&both), "{both}");
}

#[test]
fn what_could_not_work_is_refused_in_words() {
    let with = |change: &dyn Fn(&mut Audience)| {
        let mut changed = audience(10);
        change(&mut changed);
        changed.check().err().unwrap_or_default()
    };
    assert_eq!(with(&|_| ()), "");
    let cookie = |name: &str| AudienceBy::Cookie { name: name.into() };
    let long = || {
        (0..500)
            .map(|n| format!("{n}-{}", "x".repeat(30)))
            .collect()
    };
    type Case<'c> = (&'c dyn Fn(&mut Audience), &'c str);
    let cases: [Case<'_>; 10] = [
        (&|a| a.flag.clear(), "a flag's name"),
        (&|a| a.flag = "a b".into(), "a flag's name"),
        (&|a| a.by = cookie("a;b"), "not a cookie's name"),
        (&|a| a.salt = "a\0b".into(), "a salt has"),
        (&|a| a.share = 10_001, "too much"),
        (&|a| a.listed = vec!["x".into(); 501], "at most 500 names"),
        (&|a| a.listed = vec![" x".into()], "could carry the name"),
        (&|a| a.listed = vec!["x\ny".into()], "could carry the name"),
        (&|a| a.listed = long(), "at most 16384 bytes"),
        (
            &|a| {
                a.by = cookie("who");
                a.listed = vec!["x;y".into()];
            },
            "could carry the name",
        ),
    ];
    for (change, words) in cases {
        let said = with(change);
        assert!(said.contains(words), "{words}: {said:?}");
    }
    // As many names as may be, none of them long.
    assert_eq!(
        with(&|a| a.listed = (0..500).map(|n| format!("user-{n}")).collect()),
        ""
    );
}

#[test]
fn growing_is_told_from_shrinking() {
    let now = audience(100);
    let grows = |change: &dyn Fn(&mut Audience)| {
        let mut next = now.clone();
        change(&mut next);
        next.grows(Some(&now))
    };
    assert!(!grows(&|_| ()));
    assert!(!grows(&|a| a.share = 0));
    assert!(!grows(&|a| a.listed.clear()));
    assert!(!grows(&|a| a.flag = "other".into()));
    assert!(grows(&|a| a.share = 101));
    assert!(grows(&|a| a.listed.push("cleo".into())));
    assert!(grows(&|a| a.salt = "s2".into()));
    assert!(grows(&|a| a.by = AudienceBy::Cookie { name: "who".into() }));
    assert!(now.grows(None));
    let mut nobody = audience(0);
    nobody.listed.clear();
    assert!(!nobody.grows(None) && nobody.is_empty());
}

proptest! {
    #[test]
    fn a_larger_share_only_adds_people(
        key in proptest::collection::vec(any::<u8>(), 0..64),
        salt in "[ -~]{0,16}",
        small in 0..=WHOLE,
        more in 0..=WHOLE,
    ) {
        let mut before = audience(small);
        before.salt = salt;
        let mut after = before.clone();
        after.share = small.saturating_add(more).min(WHOLE);
        prop_assert!(!before.takes(&key) || after.takes(&key));
        prop_assert_eq!(after.grows(Some(&before)), after.share > before.share);
    }
}
