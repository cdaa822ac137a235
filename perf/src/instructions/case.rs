//! What is counted: hubs of one spoke that sends to itself. With more, whether a spoke is found at the first place of a
//! hash table differs from run to run, since the hub's hashing is seeded.

use crate::crypto::Named;
use crate::scenario::{Scenario, Size};
use forwarding::crypto::Transform;

/// One hub and its packets.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// In the record.
    pub name: &'static str,
    /// Registered spokes.
    pub spokes: u32,
    /// Phase 3: each packet is looked at whether to redirect.
    pub redirect: bool,
    /// GRE key.
    pub key: Option<u32>,
    /// Of the inner packets.
    pub size: Size,
    /// With ESP on both sides.
    pub esp: Option<Named>,
}

/// In the order of the record.
pub const CASES: [Case; 4] = [
    Case { name: "clear", spokes: 1, redirect: false, key: None, size: Size::Fixed(64), esp: None },
    Case { name: "redirect", spokes: 1, redirect: true, key: Some(7), size: Size::Fixed(64), esp: None },
    Case {
        name: "gcm",
        spokes: 1,
        redirect: false,
        key: None,
        size: Size::Fixed(64),
        esp: Some(Named(Transform::Gcm128)),
    },
    Case {
        name: "cbc",
        spokes: 1,
        redirect: true,
        key: Some(7),
        size: Size::Fixed(64),
        esp: Some(Named(Transform::Cbc256Sha256)),
    },
];

impl Case {
    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        CASES.into_iter().find(|case| case.name == name)
    }

    /// The hub.
    pub fn scenario(&self) -> Scenario {
        Scenario { spokes: self.spokes, key: self.key, redirect: self.redirect, multicast_rate: None }
    }
}
