//! What operators hear of.

use crate::{Cause, Path, SessionId, WhyDown};
use std::fmt;

/// Something worth a line in the log: which peer, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Where the peer is.
    pub path: Path,
    /// Its session, once it has one.
    pub session: Option<SessionId>,
    /// Whom it says it is.
    pub identity: Option<String>,
    /// What happened.
    pub kind: LogKind,
    /// Like events of the same peer left out since the last one.
    pub suppressed: u32,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// Authenticated; with what, in words.
    Up {
        /// IKE suite and authentication.
        suite: String,
    },
    /// A child SA is there.
    ChildUp {
        /// SPI we receive.
        spi_in: u32,
        /// SPI we send.
        spi_out: u32,
        /// ESP transform and mode.
        suite: String,
        /// It replaces this one of ours.
        rekeys: Option<u32>,
    },
    /// A child SA is gone.
    ChildDown {
        /// SPI we received.
        spi_in: u32,
    },
    /// The IKE SA has new keys.
    Rekeyed,
    /// Its packets come from elsewhere.
    Moved {
        /// Until now.
        from: Path,
    },
    /// Gone.
    Down(WhyDown),
    /// It failed.
    Failed {
        /// Why.
        cause: Cause,
        /// The particulars.
        text: String,
    },
}

impl LogKind {
    /// Whether it is trouble rather than news.
    pub fn is_warning(&self) -> bool {
        match self {
            Self::Failed { .. } => true,
            Self::Down(why) => !matches!(why, WhyDown::Deleted | WhyDown::Cleared | WhyDown::Replaced),
            _ => false,
        }
    }
}

/// One line, without level.
impl fmt::Display for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, port) = self.path.remote;
        match &self.identity {
            Some(identity) => write!(f, "peer {identity} at {address}:{port}: ")?,
            None => write!(f, "peer at {address}:{port}: ")?,
        }
        match &self.kind {
            LogKind::Up { suite } => write!(f, "IKE SA established, {suite}"),
            LogKind::ChildUp { spi_in, spi_out, suite, rekeys } => {
                write!(f, "child SA {spi_in:08x}/{spi_out:08x} established, {suite}")?;
                rekeys.map_or(Ok(()), |old| write!(f, ", in place of {old:08x}"))
            }
            LogKind::ChildDown { spi_in } => write!(f, "child SA {spi_in:08x} deleted"),
            LogKind::Rekeyed => write!(f, "IKE SA rekeyed"),
            LogKind::Moved { from } => write!(f, "moved, until now at {}:{}", from.remote.0, from.remote.1),
            LogKind::Down(why) => write!(f, "IKE SA down: {}", why.text()),
            LogKind::Failed { cause, text } if text.is_empty() => f.write_str(cause.meaning()),
            LogKind::Failed { text, .. } => f.write_str(text),
        }?;
        if self.suppressed > 0 {
            write!(f, " ({} more like this left out)", self.suppressed)?;
        }
        Ok(())
    }
}
