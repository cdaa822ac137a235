//! One IKE SA.

use crate::ask::Ask;
use crate::child::{Child, additional_words};
use crate::crypto::{Group, Keys, Opener, Role, Sealer, Spis, Suite};
use crate::embryo::Embryo;
use crate::fragments::Reassembly;
use crate::identity::Identity;
use crate::nat::Nat;
use crate::responder::InitKey;
use crate::serve::Serve;
use crate::{Encapsulation, Path, SaId, SessionId};
use std::collections::VecDeque;

/// An IKE SA, from the answer to IKE_SA_INIT on.
pub(crate) struct IkeSa {
    /// Initiator's and responder's SPI.
    pub(crate) spis: (u64, u64),
    /// Which of the two is ours.
    pub(crate) role: Role,
    pub(crate) path: Path,
    pub(crate) nat: Nat,
    /// The peer takes fragments (RFC 7383).
    pub(crate) fragmentation: bool,
    pub(crate) phase: Phase,
    /// `None` until the key exchange is done.
    pub(crate) secured: Option<Box<Secured>>,
    /// The peer's requests.
    pub(crate) serve: Serve,
    /// Our requests.
    pub(crate) ask: Ask,
    pub(crate) reassembly: Option<Box<Reassembly>>,
    /// Who the peer is; from IKE_AUTH on.
    pub(crate) peer: Option<Box<Peer>>,
    pub(crate) children: Vec<Child>,
    /// The child SA that is sent with.
    pub(crate) current: Option<SaId>,
    pub(crate) clocks: Clocks,
    /// Under which its IKE_SA_INIT is known.
    pub(crate) init_key: Option<InitKey>,
    /// Our SPIs of IKE SAs that it took the place of, oldest first; they may be gone.
    pub(crate) predecessors: VecDeque<u64>,
    /// How often it was rekeyed.
    pub(crate) rekeys: u32,
    /// The deadline under which it stands in the timer queue.
    pub(crate) queued: Option<u64>,
    /// What an export holds changed, and nobody was told yet.
    pub(crate) dirty: bool,
}

/// How far an IKE SA is.
pub(crate) enum Phase {
    /// Not authenticated.
    HalfOpen(Box<Embryo>),
    Established,
    /// Another IKE SA took its place; whose request that was deletes it.
    Replaced,
    /// Our delete awaits its answer.
    Deleting,
    /// Gone, but for its last response, which may have been lost.
    Closed {
        until_ms: u64,
    },
}

/// Keys.
pub(crate) struct Secured {
    pub(crate) suite: Suite,
    pub(crate) keys: Keys,
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
    pub(crate) group: Group,
    /// Additional key exchanges that were done, with their transform types.
    pub(crate) additional: Vec<(u8, Group)>,
}

/// An authenticated peer.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) session: SessionId,
    pub(crate) identity: Identity,
    pub(crate) local_identity: Identity,
    pub(crate) auth_remote: &'static str,
    pub(crate) auth_local: &'static str,
    /// Its place in the table of identities.
    pub(crate) key: Vec<u8>,
}

/// Times, in milliseconds of the caller's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clocks {
    /// The peer authenticated.
    pub(crate) up: u64,
    /// This IKE SA was made.
    pub(crate) keyed: u64,
    /// We rekey it.
    pub(crate) rekey: Option<u64>,
    /// It ends, if it could not be rekeyed.
    pub(crate) end: Option<u64>,
    /// Last authentic message.
    pub(crate) heard: u64,
    /// When to look whether the peer is silent.
    pub(crate) dpd: Option<u64>,
    /// When to look at the child SAs' use.
    pub(crate) sample: Option<u64>,
    /// When a late copy of its IKE_SA_INIT is no longer to be expected.
    pub(crate) forget_init: Option<u64>,
}

impl IkeSa {
    pub(crate) fn new(spis: (u64, u64), role: Role, path: Path, nat: Nat, phase: Phase) -> Self {
        Self {
            spis,
            role,
            path,
            nat,
            fragmentation: false,
            phase,
            secured: None,
            serve: Serve::default(),
            ask: Ask::default(),
            reassembly: None,
            peer: None,
            children: Vec::new(),
            current: None,
            clocks: Clocks::default(),
            init_key: None,
            predecessors: VecDeque::new(),
            rekeys: 0,
            queued: None,
            dirty: false,
        }
    }

    /// Our SPI, under which it is known here.
    pub(crate) fn ours(&self) -> u64 {
        match self.role {
            Role::Initiator => self.spis.0,
            Role::Responder => self.spis.1,
        }
    }

    pub(crate) fn spi_octets(&self) -> Spis {
        spi_octets(self.spis)
    }

    pub(crate) fn encapsulation(&self) -> Encapsulation {
        self.nat.encapsulation(&self.path)
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        self.peer.as_ref().map(|peer| peer.session)
    }

    pub(crate) fn identity(&self) -> Option<String> {
        self.peer.as_ref().map(|peer| peer.identity.to_string())
    }

    pub(crate) fn is_established(&self) -> bool {
        matches!(self.phase, Phase::Established)
    }

    pub(crate) fn embryo(&mut self) -> Option<&mut Embryo> {
        match &mut self.phase {
            Phase::HalfOpen(embryo) => Some(embryo),
            _ => None,
        }
    }

    pub(crate) fn child(&mut self, sa: SaId) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.slot.sa == sa)
    }
}

/// SPIs as they are in messages.
pub(crate) fn spi_octets((initiator, responder): (u64, u64)) -> Spis {
    Spis { initiator: initiator.to_be_bytes(), responder: responder.to_be_bytes() }
}

impl Secured {
    /// With the keys of `role`'s side.
    pub(crate) fn new(
        suite: Suite,
        keys: Keys,
        role: Role,
        group: Group,
        additional: Vec<(u8, Group)>,
    ) -> Self {
        let (sealer, opener) = (keys.sealer(role), keys.opener(role));
        Self { suite, keys, sealer, opener, group, additional }
    }

    /// In strongSwan's words.
    pub(crate) fn words(&self) -> String {
        let mut words = vec![self.suite.encryption().name()];
        words.extend(self.suite.integrity().map(|integrity| integrity.name()));
        words.extend([self.suite.prf().name(), self.group.name()]);
        words.join("-") + &additional_words(&self.additional)
    }
}
