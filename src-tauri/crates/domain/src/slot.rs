//! The two places a version can stand, the roles they play, and how traffic is shared.

use std::fmt;
use std::ops::{Index, IndexMut};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of a service's two places.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Serialize,
    Deserialize,
    JsonSchema,
    ts_rs::TS,
)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    Blue,
    Green,
}

impl Slot {
    pub const BOTH: [Slot; 2] = [Slot::Blue, Slot::Green];

    #[must_use]
    pub const fn other(self) -> Slot {
        match self {
            Slot::Blue => Slot::Green,
            Slot::Green => Slot::Blue,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Slot::Blue => "blue",
            Slot::Green => "green",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Slot {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "blue" => Ok(Slot::Blue),
            "green" => Ok(Slot::Green),
            _ => Err(format!("`{text}` is not a slot: blue or green")),
        }
    }
}

/// What the version in a slot is to its service.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
    ts_rs::TS,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Serves; the way back of a live rollout.
    Stable,
    /// On its way in.
    Candidate,
    /// The former stable, kept warm until the rollback window ends.
    Previous,
    /// Nothing stands here that anyone counts on.
    #[default]
    Free,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Stable => "stable",
            Role::Candidate => "candidate",
            Role::Previous => "previous",
            Role::Free => "free",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A value for each slot.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, JsonSchema, ts_rs::TS,
)]
pub struct PerSlot<T> {
    pub blue: T,
    pub green: T,
}

impl<T> PerSlot<T> {
    pub fn new(make: impl Fn(Slot) -> T) -> Self {
        PerSlot {
            blue: make(Slot::Blue),
            green: make(Slot::Green),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        [(Slot::Blue, &self.blue), (Slot::Green, &self.green)].into_iter()
    }
}

impl<T> Index<Slot> for PerSlot<T> {
    type Output = T;
    fn index(&self, slot: Slot) -> &T {
        match slot {
            Slot::Blue => &self.blue,
            Slot::Green => &self.green,
        }
    }
}

impl<T> IndexMut<Slot> for PerSlot<T> {
    fn index_mut(&mut self, slot: Slot) -> &mut T {
        match slot {
            Slot::Blue => &mut self.blue,
            Slot::Green => &mut self.green,
        }
    }
}

impl PerSlot<Role> {
    /// The slot that plays `role`, if one does.
    pub fn playing(&self, role: Role) -> Option<Slot> {
        Slot::BOTH.into_iter().find(|slot| self[*slot] == role)
    }
}

/// Why weights were not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("weights {blue} and {green} do not sum to 100")]
pub struct WeightsError {
    pub blue: u8,
    pub green: u8,
}

/// Of every 100 requests, how many go to each slot. They sum to 100, or are both 0 for a service
/// that has never had a release.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(try_from = "PerSlot<u8>", into = "PerSlot<u8>")]
#[ts(type = "{ blue: number, green: number }")]
pub struct Weights(PerSlot<u8>);

impl Weights {
    /// Nobody is served: no release has ever stood here.
    pub const NONE: Weights = Weights(PerSlot { blue: 0, green: 0 });

    pub fn new(blue: u8, green: u8) -> Result<Self, WeightsError> {
        match (blue, green) {
            (0, 0) => Ok(Weights::NONE),
            (blue, green) if u16::from(blue) + u16::from(green) == 100 => {
                Ok(Weights(PerSlot { blue, green }))
            }
            _ => Err(WeightsError { blue, green }),
        }
    }

    /// `weight` of 100 to `slot`, the rest to the other. More than 100 counts as 100.
    pub fn toward(slot: Slot, weight: u8) -> Self {
        let weight = weight.min(100);
        let mut weights = PerSlot { blue: 0, green: 0 };
        weights[slot] = weight;
        weights[slot.other()] = 100 - weight;
        Weights(weights)
    }

    /// All traffic to `slot`.
    pub fn all_to(slot: Slot) -> Self {
        Weights::toward(slot, 100)
    }

    pub fn of(&self, slot: Slot) -> u8 {
        self.0[slot]
    }
}

impl TryFrom<PerSlot<u8>> for Weights {
    type Error = WeightsError;
    fn try_from(weights: PerSlot<u8>) -> Result<Self, WeightsError> {
        Weights::new(weights.blue, weights.green)
    }
}

impl From<Weights> for PerSlot<u8> {
    fn from(weights: Weights) -> PerSlot<u8> {
        weights.0
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blue {} · green {}", self.0.blue, self.0.green)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_a_hundred_or_to_nothing() {
        assert!(Weights::new(90, 10).is_ok());
        assert!(Weights::new(0, 0).is_ok());
        assert!(Weights::new(90, 20).is_err());
        assert!(Weights::new(255, 101).is_err());
        assert!(serde_json::from_str::<Weights>(r#"{"blue":60,"green":60}"#).is_err());
        assert_eq!(Weights::toward(Slot::Green, 1).of(Slot::Blue), 99);
        assert_eq!(
            Weights::toward(Slot::Green, 200),
            Weights::all_to(Slot::Green)
        );
    }
}
