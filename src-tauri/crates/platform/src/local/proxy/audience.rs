//! The audience as requests meet it: prepared once with each traffic write, so that a request costs
//! a look at one header, one digest, and no memory; and nothing at all where there is no audience.

use std::collections::HashSet;

use deckwatch_domain::{Role, Slot, Weights};
use hyper::HeaderMap;
use hyper::header::{COOKIE, HeaderName};

use crate::audience::{AudienceBy, Salted};
use crate::model::Traffic;

/// An audience and the slot that it is led to.
#[derive(Debug)]
pub(super) struct Led {
    slot: Slot,
    weights: Weights,
    key: Key,
    listed: HashSet<Box<[u8]>>,
    share: u16,
    salted: Salted,
}

#[derive(Debug)]
enum Key {
    Header(HeaderName),
    Cookie(Box<str>),
}

impl Led {
    /// None where nobody is led anywhere: no audience, or no candidate.
    pub(super) fn of(traffic: &Traffic) -> Option<Led> {
        let audience = traffic.audience.as_ref()?;
        let names = audience.listed.iter();
        Some(Led {
            slot: traffic.roles.playing(Role::Candidate)?,
            weights: traffic.weights,
            key: match &audience.by {
                AudienceBy::Header { name } => {
                    Key::Header(HeaderName::from_bytes(name.as_bytes()).ok()?)
                }
                AudienceBy::Cookie { name } => Key::Cookie(name.as_str().into()),
            },
            listed: names.map(|name| name.as_bytes().into()).collect(),
            share: audience.share,
            salted: Salted::new(&audience.salt),
        })
    }

    /// The slot for whoever asks; none without a key, and the weights decide.
    ///
    /// A key outside of the audience leads to the other slot with every request, and not by chance
    /// to either: a person does not go to and fro between two versions. Once the candidate has all
    /// the weight there is no other slot to be led to.
    pub(super) fn slot(&self, headers: &HeaderMap) -> Option<Slot> {
        let key = match &self.key {
            Key::Header(name) => headers.get(name).map(|value| value.as_bytes().trim_ascii()),
            Key::Cookie(name) => cookie(headers, name),
        };
        let key = key.filter(|key| !key.is_empty())?;
        if self.listed.contains(key) || self.salted.place(key) < self.share {
            return Some(self.slot);
        }
        let other = self.slot.other();
        (self.weights.of(other) > 0).then_some(other)
    }
}

/// What the first cookie of this name says.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers.get_all(COOKIE).iter().find_map(|value| {
        value.as_bytes().split(|b| *b == b';').find_map(|pair| {
            pair.trim_ascii()
                .strip_prefix(name.as_bytes())?
                .strip_prefix(b"=")
        })
    })
}

#[cfg(test)]
mod tests {
    use deckwatch_domain::PerSlot;
    use hyper::header::HeaderValue;

    use super::*;
    use crate::audience::Audience;

    fn traffic(by: AudienceBy, share: u16, weight: u8) -> Traffic {
        Traffic {
            weights: Weights::toward(Slot::Green, weight),
            roles: PerSlot {
                blue: Role::Stable,
                green: Role::Candidate,
            },
            audience: Some(Audience {
                flag: "f".into(),
                by,
                listed: vec!["ana".into(), "jürgen".into()],
                share,
                salt: "s".into(),
            }),
            ..Traffic::default()
        }
    }

    fn by_header() -> AudienceBy {
        AudienceBy::Header {
            name: "X-User".into(),
        }
    }

    fn says(name: &'static str, value: &[u8]) -> HeaderMap {
        let value = HeaderValue::from_bytes(value).unwrap();
        HeaderMap::from_iter([(HeaderName::from_static(name), value)])
    }

    #[test]
    fn by_header_names_go_over_and_others_stay() {
        let led = Led::of(&traffic(by_header(), 0, 30)).unwrap();
        for (key, slot) in [
            ("ana", Some(Slot::Green)),
            ("jürgen", Some(Slot::Green)),
            ("cleo", Some(Slot::Blue)),
            ("", None),
        ] {
            assert_eq!(led.slot(&says("x-user", key.as_bytes())), slot, "{key}");
        }
        assert_eq!(led.slot(&HeaderMap::new()), None);
        assert_eq!(led.slot(&says("cookie", b"X-User=ana")), None);
    }

    #[test]
    fn by_cookie_the_first_of_its_name_counts() {
        let by = AudienceBy::Cookie { name: "who".into() };
        let led = Led::of(&traffic(by, 0, 0)).unwrap();
        for (cookies, slot) in [
            ("a=b; who=ana", Some(Slot::Green)),
            ("who=cleo; who=ana", Some(Slot::Blue)),
            ("nowho=ana; whom=ana", None),
            ("who=; a=b", None),
        ] {
            assert_eq!(
                led.slot(&says("cookie", cookies.as_bytes())),
                slot,
                "{cookies}"
            );
        }
    }

    #[test]
    fn the_share_is_the_audiences_own() {
        let with = traffic(by_header(), 2500, 0);
        let led = Led::of(&with).unwrap();
        let audience = with.audience.as_ref().unwrap();
        let mut over = 0;
        for n in 0..4000 {
            let key = format!("user-{n}");
            let slot = led.slot(&says("x-user", key.as_bytes()));
            assert_eq!(slot == Some(Slot::Green), audience.takes(key.as_bytes()));
            over += u32::from(slot == Some(Slot::Green));
        }
        // 1,000 expected; 6 standard deviations of 27.
        assert!((830..1170).contains(&over), "{over}");
    }

    #[test]
    fn without_a_candidate_or_another_slot_the_weights_decide() {
        let mut alone = traffic(by_header(), 10_000, 0);
        alone.roles.green = Role::Stable;
        assert!(Led::of(&alone).is_none());
        assert!(Led::of(&Traffic::default()).is_none());
        let led = Led::of(&traffic(by_header(), 0, 100)).unwrap();
        assert_eq!(led.slot(&says("x-user", b"cleo")), None);
    }
}
