//! What operators hear of.

use crate::{DropReason, Session, TunnelId, UnbindReason};
use std::fmt;
use std::net::Ipv4Addr;

/// Something worth a line in the log: which spoke, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Tunnel interface.
    pub tunnel: TunnelId,
    /// The spoke's NBMA address (outer source).
    pub nbma: Ipv4Addr,
    /// Its session, under IPsec.
    pub session: Option<Session>,
    /// Its tunnel address, if it named one.
    pub protocol: Option<Ipv4Addr>,
    /// What happened.
    pub kind: LogKind,
    /// Like events of the same spoke left out since the last one.
    pub suppressed: u32,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// First registration.
    Up,
    /// Registered from another NBMA address.
    Moved {
        /// The NBMA address until now.
        from: Ipv4Addr,
    },
    /// Binding gone.
    Down(UnbindReason),
    /// Registration refused.
    RegistrationRefused {
        /// Code in the reply (RFC 2332 5.2.4).
        code: u8,
        /// In a few words.
        why: &'static str,
    },
    /// Registration refused because the station's authenticated identity may not have the address.
    ClaimRefused {
        /// In a few words.
        why: &'static str,
    },
    /// Authentication missing or wrong.
    AuthenticationFailed {
        /// Type of the packet.
        packet_type: u8,
        /// No extension at all, rather than another password.
        missing: bool,
    },
    /// Registration at an address that is not ours.
    WrongNhs {
        /// The address.
        address: Ipv4Addr,
    },
    /// The spoke sent an error indication.
    ErrorReceived {
        /// Its code (RFC 2332 5.2.7).
        code: u16,
    },
    /// A packet was dropped.
    Dropped(DropReason),
}

impl LogKind {
    /// Whether it is trouble rather than news.
    pub fn is_warning(self) -> bool {
        !matches!(
            self,
            Self::Up | Self::Moved { .. } | Self::Down(UnbindReason::Purged | UnbindReason::Cleared)
        )
    }
}

/// One line, without tunnel name and level.
impl fmt::Display for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spoke ")?;
        if let Some(protocol) = self.protocol {
            write!(f, "{protocol} ")?;
        }
        write!(f, "(NBMA {}): ", self.nbma)?;
        match self.kind {
            LogKind::Up => write!(f, "registered"),
            LogKind::Moved { from } => write!(f, "moved, until now at NBMA {from}"),
            LogKind::Down(reason) => write!(f, "down: {}", reason.text()),
            LogKind::RegistrationRefused { code, why } => {
                write!(f, "registration refused with code {code}: {why}")
            }
            LogKind::ClaimRefused { why } => write!(f, "address refused: {why}"),
            LogKind::AuthenticationFailed { packet_type, missing } => {
                let kind = crate::ByType::NAMES.get(usize::from(packet_type)).copied().unwrap_or("packet");
                let what = if missing { "no authentication" } else { "wrong authentication string" };
                write!(f, "{what} in {kind}, authentication failure (11)")
            }
            LogKind::WrongNhs { address } => {
                write!(f, "registers at {address}, which is not the hub's tunnel address")
            }
            LogKind::ErrorReceived { code } => write!(f, "reported error {code}"),
            LogKind::Dropped(reason) => write!(f, "packet dropped, {}: {}", reason.name(), reason.meaning()),
        }?;
        if self.suppressed > 0 {
            write!(f, " ({} more like this left out)", self.suppressed)?;
        }
        Ok(())
    }
}
