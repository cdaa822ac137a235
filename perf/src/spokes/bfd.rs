//! BFD at the spokes' end: each answers its hub.
//!
//! A session is asynchronous (RFC 5880 3.2) and sends one packet for each that comes, so that the hub alone sets the
//! pace of both directions: a packet that is lost either way is one that the hub's daemon misses, and it is the hub who
//! declares a session down. The state machine is that of RFC 5880 6.8.6; a hub that signals Down while the session was
//! up is counted as a flap.
//!
//! ```text
//!  0                   1                   2                   3
//! |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |   RFC 5880 4.1
//! |                       My Discriminator                        |
//! |                      Your Discriminator                       |
//! |                    Desired Min TX Interval                    |   microseconds
//! |                   Required Min RX Interval                    |
//! |                 Required Min Echo RX Interval                 |
//! ```

use serde::Serialize;
use wire::{ip4, udp};

/// UDP port of control packets, RFC 5881 4.
const PORT: u16 = 3784;
/// First port of the range that they are sent from, RFC 5881 4.
const SOURCE: u16 = 49_152;
/// Octets of a control packet without authentication.
const LEN: usize = 24;
/// Version 1, no diagnostic.
const VERSION: u8 = 1 << 5;
const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
/// Intervals that the spoke asks for, in microseconds: as fast as the hub likes.
const INTERVAL: u32 = 10_000;
/// TTL that shows that nobody routed it, RFC 5881 5.
const TTL: u8 = 255;

/// `bfd.SessionState`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    AdminDown,
    #[default]
    Down,
    Init,
    Up,
}

impl State {
    fn of(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::AdminDown,
            1 => Self::Down,
            2 => Self::Init,
            _ => Self::Up,
        }
    }

    /// RFC 5880 6.8.6: what comes after this when the other end says `remote`.
    fn after(self, remote: Self) -> Self {
        match (self, remote) {
            (_, Self::AdminDown) => Self::Down,
            (Self::Down, Self::Down) => Self::Init,
            (Self::Down, Self::Init) | (Self::Init, Self::Init | Self::Up) => Self::Up,
            (Self::Up, Self::Down) => Self::Down,
            (other, _) => other,
        }
    }
}

/// Counts of all sessions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Sessions that are up.
    pub up: u32,
    /// Times that the hub took one down that was up.
    pub flaps: u64,
    /// Control packets received, each of which was answered.
    pub received: u64,
    /// Packets to the port that are no valid control packets of a session.
    pub invalid: u64,
}

/// The sessions, by spoke.
#[derive(Clone, Debug)]
pub struct Sessions {
    states: Vec<State>,
    counts: Counts,
}

impl Sessions {
    /// One for each spoke.
    pub fn new(spokes: usize) -> Self {
        Self { states: vec![State::Down; spokes], counts: Counts::default() }
    }

    /// The counts now.
    pub fn counts(&self) -> Counts {
        let up = self.states.iter().filter(|state| **state == State::Up).count() as u32;
        Counts { up, ..self.counts }
    }

    /// The answer of a spoke; `None`: the packet is not BFD. An invalid one is answered with nothing.
    pub fn answer(&mut self, packet: &ip4::Packet<'_>, spoke: usize) -> Option<Vec<u8>> {
        if packet.protocol() != ip4::protocol::UDP || packet.is_fragment() {
            return None;
        }
        let datagram = udp::parse(packet.payload(), packet.source(), packet.destination()).ok()?;
        if datagram.destination != PORT {
            return None;
        }
        let answer = self.session(datagram.payload, packet.header().ttl(), spoke);
        match answer {
            Some(_) => self.counts.received += 1,
            None => self.counts.invalid += 1,
        }
        let control = answer.unwrap_or_default();
        if control.is_empty() {
            return Some(control);
        }
        emit(packet, spoke, &control)
    }

    /// The control packet that answers one; `None`: it is invalid (RFC 5880 6.8.6).
    fn session(&mut self, control: &[u8], ttl: u8, spoke: usize) -> Option<Vec<u8>> {
        let control = control.first_chunk::<LEN>()?;
        let word = |at: usize| control.get(at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word));
        let (theirs, ours) = (word(4)?, word(8)?);
        let me = u32::try_from(spoke).ok()?.checked_add(1)?;
        let remote = State::of(control[1] >> 6);
        let unknown = ours == 0 && !matches!(remote, State::Down | State::AdminDown);
        let valid = control[0] >> 5 == 1 && usize::from(control[3]) == LEN && control[2] != 0 && theirs != 0;
        if !valid || unknown || ttl != TTL || (ours != 0 && ours != me) {
            return None;
        }
        let state = self.states.get_mut(spoke)?;
        let before = std::mem::replace(state, state.after(remote));
        self.counts.flaps += u64::from(before == State::Up && *state != State::Up);
        let flags = (*state as u8) << 6 | if control[1] & POLL != 0 { FINAL } else { 0 };
        let mut answer = vec![VERSION, flags, control[2], LEN as u8];
        for word in [me, theirs, INTERVAL, INTERVAL, 0] {
            answer.extend(word.to_be_bytes());
        }
        Some(answer)
    }
}

/// A control packet of a spoke's to whom `packet` came from.
fn emit(packet: &ip4::Packet<'_>, spoke: usize, control: &[u8]) -> Option<Vec<u8>> {
    let (source, destination) = (packet.destination(), packet.source());
    let fields = ip4::Fields {
        tos: ip4::TOS_CS6,
        total_len: u16::try_from(ip4::LEN + udp::LEN + control.len()).ok()?,
        id: 0,
        flags_offset: ip4::FLAG_DF,
        ttl: TTL,
        protocol: ip4::protocol::UDP,
        source,
        destination,
    };
    let mut answer = vec![0; ip4::LEN + udp::LEN];
    fields.emit(&mut answer)?;
    answer.extend_from_slice(control);
    let port = SOURCE + (spoke % usize::from(u16::MAX - SOURCE)) as u16;
    udp::emit(answer.get_mut(ip4::LEN..)?, port, PORT, source, destination)?;
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HUB: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const SPOKE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn packet(control: &[u8], ttl: u8, port: u16) -> Vec<u8> {
        let fields = ip4::Fields {
            tos: 0,
            total_len: (28 + control.len()) as u16,
            id: 0,
            flags_offset: 0,
            ttl,
            protocol: 17,
            source: HUB,
            destination: SPOKE,
        };
        let mut packet = vec![0; 28];
        fields.emit(&mut packet).unwrap();
        packet.extend_from_slice(control);
        udp::emit(&mut packet[20..], 50_000, port, HUB, SPOKE).unwrap();
        packet
    }

    fn control(state: State, flags: u8, mine: u32, yours: u32) -> Vec<u8> {
        let mut control = vec![0x20, (state as u8) << 6 | flags, 3, 24];
        [mine, yours, 300_000, 300_000, 50_000].iter().for_each(|word| control.extend(word.to_be_bytes()));
        control
    }

    /// State bits and flags of the answer.
    fn answer(sessions: &mut Sessions, control: &[u8]) -> Option<u8> {
        let octets = packet(control, 255, PORT);
        let answer = sessions.answer(&ip4::parse(&octets).unwrap(), 4).unwrap();
        if answer.is_empty() {
            return None;
        }
        let answer = ip4::parse(&answer).unwrap();
        assert_eq!((answer.source(), answer.destination(), answer.header().ttl()), (SPOKE, HUB, 255));
        let datagram = udp::parse(answer.payload(), SPOKE, HUB).unwrap();
        assert_eq!((datagram.destination, datagram.source), (PORT, SOURCE + 4));
        assert_eq!(datagram.payload[4..12], [0, 0, 0, 5, 0, 0, 0, 77]);
        Some(datagram.payload[1])
    }

    #[test]
    fn a_session_comes_up_and_a_flap_is_seen() {
        let mut sessions = Sessions::new(9);
        assert_eq!(answer(&mut sessions, &control(State::Down, 0, 77, 0)), Some(2 << 6), "Init");
        assert_eq!(answer(&mut sessions, &control(State::Init, 0, 77, 5)), Some(3 << 6), "Up");
        assert_eq!(answer(&mut sessions, &control(State::Up, POLL, 77, 5)), Some(3 << 6 | FINAL));
        assert_eq!(sessions.counts(), Counts { up: 1, flaps: 0, received: 3, invalid: 0 });
        assert_eq!(answer(&mut sessions, &control(State::Down, 0, 77, 5)), Some(1 << 6), "Down");
        assert_eq!(answer(&mut sessions, &control(State::Down, 0, 77, 5)), Some(2 << 6), "Init again");
        assert_eq!(sessions.counts(), Counts { up: 0, flaps: 1, received: 5, invalid: 0 });
    }

    #[test]
    fn what_is_no_control_packet_of_the_session_is_not_answered() {
        let mut sessions = Sessions::new(9);
        let good = control(State::Down, 0, 77, 0);
        let mut of_version_0 = good.clone();
        of_version_0[0] = 0;
        let wrong = [
            of_version_0,
            good[..23].to_vec(),
            control(State::Down, 0, 0, 0),
            control(State::Up, 0, 77, 0),
            control(State::Up, 0, 77, 6),
        ];
        for control in &wrong {
            assert_eq!(answer(&mut sessions, control), None, "{control:02x?}");
        }
        let routed = packet(&good, 254, PORT);
        assert_eq!(sessions.answer(&ip4::parse(&routed).unwrap(), 4), Some(vec![]));
        assert_eq!(sessions.counts(), Counts { up: 0, flaps: 0, received: 0, invalid: 6 });
        let other = packet(&good, 255, 3785);
        assert_eq!(sessions.answer(&ip4::parse(&other).unwrap(), 4), None, "another port is not BFD's");
    }
}
