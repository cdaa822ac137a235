//! What operators see: `show crypto session`, `show crypto ikev2 sa`, `show crypto ipsec sa`.

use crate::{Encapsulation, EspTransform, Mode, Path, SaId, SessionId};

/// How far an IKE SA is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// Answered IKE_SA_INIT; no session number yet (Cisco: IN-NEG).
    HalfOpen,
    /// READY.
    Established,
    /// Our delete awaits its answer.
    Deleting,
}

/// One IKE SA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Its number; none while half-open.
    pub session: Option<SessionId>,
    /// How far it is.
    pub state: SessionState,
    /// Whom the peer proved to be.
    pub identity: Option<String>,
    /// Whom we said we are.
    pub local_identity: Option<String>,
    /// Where it is.
    pub path: Path,
    /// How ESP travels.
    pub encapsulation: Encapsulation,
    /// NAT in front of the peer.
    pub nat_remote: bool,
    /// NAT in front of us.
    pub nat_local: bool,
    /// The initiator's and the responder's SPI, host byte order.
    pub spis: (u64, u64),
    /// We are the initiator of this IKE SA (it is a rekey of ours).
    pub initiator: bool,
    /// Encryption, pseudo-random function, integrity, key exchange: words of strongSwan.
    pub suite: String,
    /// How the peer proved itself: `PSK`, `RSA`, `ECDSA` ...
    pub auth_remote: &'static str,
    /// How we did.
    pub auth_local: &'static str,
    /// Fragmentation was negotiated.
    pub fragmentation: bool,
    /// When the peer authenticated; in the clock of `now_ms`.
    pub up_ms: u64,
    /// When this IKE SA was made, anew at each rekey.
    pub keyed_ms: u64,
    /// When we are going to rekey it.
    pub rekey_ms: Option<u64>,
    /// When we last heard an authentic IKE message.
    pub heard_ms: u64,
    /// Times the IKE SA was rekeyed.
    pub rekeys: u32,
    /// Its child SAs, oldest first.
    pub children: Vec<ChildView>,
}

/// One child SA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildView {
    /// Its slot.
    pub sa: SaId,
    /// SPI we receive.
    pub spi_in: u32,
    /// SPI we send.
    pub spi_out: u32,
    /// We send with this one.
    pub in_use: bool,
    /// Its outbound half is gone; the inbound half is kept for packets under way.
    pub lingering: bool,
    /// Encryption and integrity.
    pub transform: EspTransform,
    /// Key exchanges it was made with (PFS), in words of strongSwan.
    pub pfs: Option<String>,
    /// Extended sequence numbers.
    pub esn: bool,
    /// Mode.
    pub mode: Mode,
    /// When it was made.
    pub made_ms: u64,
    /// When we are going to rekey it, seconds' limit.
    pub rekey_ms: Option<u64>,
}
