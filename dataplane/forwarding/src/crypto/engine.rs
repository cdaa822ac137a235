//! The engines there are, and what an operator may ask for.

/// An implementation of the transforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The RustCrypto crates: on every processor, and for every transform.
    Portable,
    /// The crate `ring`: AES-GCM only.
    Ring,
    /// Intel's Multi-Buffer Crypto for IPsec Library: every transform, on x86-64 where the library is installed.
    IpsecMb,
}

impl Engine {
    /// All there are.
    pub const ALL: [Engine; 3] = [Engine::Portable, Engine::Ring, Engine::IpsecMb];

    /// The word in `hub.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Engine::Portable => "portable",
            Engine::Ring => "ring",
            Engine::IpsecMb => "ipsec-mb",
        }
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// What the operator asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// The fastest there is.
    #[default]
    Auto,
    /// This one, for the transforms that it has; the others stay with the portable one.
    Only(Engine),
}

impl std::str::FromStr for Wish {
    type Err = EngineError;
    fn from_str(text: &str) -> Result<Self, EngineError> {
        match Engine::ALL.into_iter().find(|engine| engine.name() == text) {
            Some(engine) => Ok(Wish::Only(engine)),
            None if text == "auto" => Ok(Wish::Auto),
            None => Err(EngineError::Unknown(text.to_owned())),
        }
    }
}

/// Why the engine that was asked for cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No such engine.
    #[error("`{0}` is no crypto engine: auto, portable, ring or ipsec-mb")]
    Unknown(String),
    /// It is not in this build, or the processor lacks what it needs.
    #[error("crypto engine {0} is not available here")]
    Unavailable(Engine),
    /// It gave wrong answers to known questions.
    #[error("crypto engine {0} failed its self-test")]
    SelfTest(Engine),
    /// No memory for a worker's state.
    #[error("no memory for the state of crypto engine {0}")]
    Memory(Engine),
}
