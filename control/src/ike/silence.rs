//! Peers with which IKE works and from which no ESP packet was ever decrypted: something on the path drops IP protocol
//! 50, or the UDP that carries it. A spoke registers by NHRP as soon as it can, and repeats that within seconds.

use crate::ike::host::usage;
use crate::ike::sessions::{Esp, Session, Sessions};
use crate::secrets::Secrets;
use ike::SessionId;
use shm::Segment;
use shm::message::{SaId, SaInbound};

/// How long a peer may be silent after it authenticated.
pub const PATIENCE_MS: u64 = 20_000;

/// Looks at all sessions of which no packet came so far; gives those of which it is now known that none will.
pub fn look(
    now_ms: u64,
    sessions: &mut Sessions,
    segment: Option<&Segment>,
    inbound: &Secrets<SaId, SaInbound>,
) -> Vec<SessionId> {
    let heard = |session: &Session| session.sas.iter().any(|sa| usage(segment, inbound, *sa).packets_in > 0);
    let mut blocked = Vec::new();
    for (id, session) in sessions.iter_mut().filter(|(_, session)| session.esp != Esp::Heard) {
        let late = now_ms.saturating_sub(session.since_ms) >= PATIENCE_MS;
        if heard(session) {
            session.esp = Esp::Heard;
        } else if late && session.esp == Esp::Awaited && !session.sas.is_empty() {
            session.esp = Esp::Blocked;
            blocked.push(id);
        }
    }
    blocked
}

#[cfg(test)]
mod tests {
    use super::*;
    use ike::{Encapsulation, Path, SessionUp};
    use shm::Geometry;
    use shm::message::{Encap, Keys, Mode, Transform};
    use std::num::NonZeroU64;

    #[test]
    fn who_is_silent_for_long_is_named_once_and_forgiven_when_heard() {
        let segment = Segment::private(&Geometry { workers: 1, max_peers: 4 }).unwrap();
        let (mut sessions, mut inbound) = (Sessions::default(), Secrets::default());
        let (session, tag) = (SessionId::MIN, NonZeroU64::MIN);
        let at = [192, 0, 2, 1].into();
        let path = Path { local: (at, 500), remote: (at, 500) };
        let encapsulation = Encapsulation::Plain;
        let identity = "spoke1".into();
        let up = SessionUp { session, identity, path, encapsulation, replaces: false, restored: false };
        sessions.up(1_000, up);
        let look = |sessions: &mut Sessions, inbound: &_, now_ms| {
            super::look(now_ms, sessions, Some(&segment), inbound).len()
        };
        assert_eq!(look(&mut sessions, &inbound, 90_000), 0, "it has no child SA");
        sessions.get_mut(session).unwrap().sas.insert(3);
        let row = SaInbound {
            id: 3,
            spi: 0x0100_0003,
            tag,
            session,
            local: at,
            nbma: at,
            udp: None,
            encap: Encap::Plain,
            mode: Mode::Transport,
            esn: false,
            window: 64,
            keys: Keys::new(Transform::Gcm128, &[0; 20]).unwrap(),
        };
        inbound.set(3, Some(row));
        assert!(segment.arm(3, tag));
        assert_eq!(look(&mut sessions, &inbound, 20_999), 0);
        assert_eq!(look(&mut sessions, &inbound, 21_000), 1);
        assert_eq!(look(&mut sessions, &inbound, 22_000), 0);
        assert_eq!(sessions.get(session).unwrap().esp, Esp::Blocked);
        segment.sa(3).unwrap().inbound.packets.set(1);
        assert_eq!(look(&mut sessions, &inbound, 23_000), 0);
        assert_eq!(sessions.get(session).unwrap().esp, Esp::Heard);
    }
}
