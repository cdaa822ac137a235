//! In the clear, or with ESP.

use crate::crypto::Named;

/// How packets are protected on both sides of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// GRE in the clear.
    Clear,
    /// ESP in transport mode with that transform; every spoke has an SA pair.
    Esp(Named),
}

impl Protection {
    /// The transform, if there is one.
    pub fn transform(self) -> Option<Named> {
        match self {
            Self::Clear => None,
            Self::Esp(named) => Some(named),
        }
    }
}

impl std::fmt::Display for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Clear => f.pad("clear"),
            Self::Esp(named) => named.fmt(f),
        }
    }
}

impl std::str::FromStr for Protection {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "clear" {
            return Ok(Self::Clear);
        }
        text.parse().map(Self::Esp).map_err(|error: String| format!("{error}; nor is it `clear`"))
    }
}
