//! Routes from FRR's zebra directly (`zebra -M dplane_fpm_nl`), beside the kernel or instead of it: a large table need
//! not be in the kernel for the hub to forward by it.
//!
//! Zebra connects, tells all that it has, and then what changes; it marks no end. So what an earlier connection told
//! and this one does not is swept two minutes later: routing daemons that start anew have to learn their routes first
//! (graceful restart), and meanwhile the old ones are better than none.

use crate::kernel::Fact;
use crate::netlink;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// After how long without a message all that zebra has counts as told, in milliseconds.
const QUIET_MS: u64 = 5_000;
/// How long routes stay that are not told again, after a connection began or ended, in milliseconds.
const KEEP_MS: u64 = 120_000;
/// How long zebra is waited for when we start, in milliseconds: it tries again every three seconds.
const CONNECT_MS: u64 = 10_000;
/// Longest frame, and so what waits to become one.
const MAX_FRAME: usize = u16::MAX as usize;
/// Octets read before others have their turn.
const TURN: usize = 1 << 20;

/// What zebra has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A connection: everything follows.
    Begin,
    /// A route or next-hop object.
    Fact(Fact),
    /// What was not told since the connection began is gone.
    Sweep,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections taken.
    pub connections: u64,
    /// Messages about routes and next hops.
    pub messages: u64,
    /// Frames and messages that could not be read.
    pub malformed: u64,
}

/// The listener and its connection.
pub struct Fpm {
    listener: TcpListener,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    /// When the last connection began or ended, while a sweep is due; and when a message came last.
    since_ms: Option<u64>,
    heard_ms: u64,
    /// All was told once; and until when that is waited for where zebra does not connect.
    filled: bool,
    patience_ms: u64,
    /// What was counted.
    pub counters: Counters,
}

impl Fpm {
    /// Listens.
    pub fn listen(at: SocketAddr, now_ms: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            stream: None,
            buffer: Vec::new(),
            since_ms: None,
            heard_ms: 0,
            filled: false,
            patience_ms: now_ms + CONNECT_MS,
            counters: Counters::default(),
        })
    }

    /// Whether what zebra tells is not complete yet, in a life of ours that has just begun.
    pub fn is_filling(&self, now_ms: u64) -> bool {
        !self.filled && (self.since_ms.is_some() || now_ms < self.patience_ms)
    }

    /// Whether zebra is connected.
    #[cfg(test)]
    pub fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    /// Takes in what came, until `until_ms`; `true`: there may be more.
    pub fn read(&mut self, now_ms: u64, until_ms: u64, notice: &mut impl FnMut(Notice)) -> bool {
        // A new connection replaces the old one: zebra that started anew need not wait until its old end is noticed.
        if let Ok((stream, from)) = self.listener.accept()
            && stream.set_nonblocking(true).is_ok()
        {
            tracing::info!("FPM: routes come from {from}");
            self.stream = Some(stream);
            self.buffer.clear();
            (self.since_ms, self.heard_ms) = (Some(now_ms), now_ms);
            self.counters.connections += 1;
            notice(Notice::Begin);
        }
        let more = self.receive(now_ms, until_ms, notice);
        self.filled |= self.stream.is_some() && now_ms >= self.heard_ms + QUIET_MS;
        if self.since_ms.is_some_and(|since| now_ms >= since + KEEP_MS) {
            // Of a connection that is gone nothing is left after that time.
            if self.stream.is_none() {
                notice(Notice::Begin);
            }
            self.since_ms = None;
            self.filled = true;
            notice(Notice::Sweep);
        }
        more
    }

    fn receive(&mut self, now_ms: u64, until_ms: u64, notice: &mut impl FnMut(Notice)) -> bool {
        let mut taken = 0;
        while let Some(stream) = &mut self.stream {
            let mut chunk = [0; 16 << 10];
            let ended = match stream.read(&mut chunk) {
                Ok(0) => "closed by zebra".to_string(),
                Ok(count) => {
                    self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    self.heard_ms = now_ms;
                    taken += count;
                    match frames(&mut self.buffer, &mut self.counters, notice) {
                        Ok(()) if taken >= TURN || shm::clock::now_ms() >= until_ms => return true,
                        Ok(()) => continue,
                        Err(error) => error.to_string(),
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error.to_string(),
            };
            tracing::warn!("FPM: the connection ended: {ended}; its routes stay for {} s", KEEP_MS / 1_000);
            self.stream = None;
            self.since_ms = Some(now_ms);
        }
        false
    }
}

/// Takes the frames that are complete out of a buffer.
pub fn frames(
    buffer: &mut Vec<u8>,
    counters: &mut Counters,
    notice: &mut impl FnMut(Notice),
) -> Result<(), wire::fpm::Error> {
    debug_assert!(buffer.len() <= MAX_FRAME + (16 << 10));
    let mut rest = buffer.as_slice();
    let result = loop {
        match wire::fpm::parse(rest) {
            Ok(Some((payload, len))) => {
                netlink::facts(payload, &mut counters.malformed, &mut |fact| {
                    counters.messages += 1;
                    notice(Notice::Fact(fact));
                });
                rest = rest.get(len..).unwrap_or_default();
            }
            Ok(None) => break Ok(()),
            Err(error) => {
                counters.malformed += 1;
                break Err(error);
            }
        }
    };
    let used = buffer.len() - rest.len();
    buffer.drain(..used);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_octets_are_read_and_end(mut octets in prop::collection::vec(any::<u8>(), 0..600)) {
            let before = octets.len();
            let mut counters = Counters::default();
            let _ = frames(&mut octets, &mut counters, &mut |_| {});
            prop_assert!(octets.len() <= before);
        }

        #[test]
        fn any_message_in_a_good_frame_is_read_and_skipped(
            kind in prop::sample::select(vec![24u16, 25, 104, 105, 3]),
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut message = ((body.len() + 16) as u32).to_ne_bytes().to_vec();
            message.extend(kind.to_ne_bytes());
            message.extend([0; 10]);
            message.extend(body);
            let mut octets = wire::fpm::emit(message.len()).unwrap().to_vec();
            octets.extend(message);
            let mut counters = Counters::default();
            prop_assert_eq!(frames(&mut octets, &mut counters, &mut |_| {}), Ok(()));
            prop_assert!(octets.is_empty());
        }
    }

    fn listener() -> (Fpm, SocketAddr) {
        let fpm = Fpm::listen("127.0.0.1:0".parse().unwrap(), 0).unwrap();
        let at = fpm.listener.local_addr().unwrap();
        (fpm, at)
    }

    /// Turns until something is noticed.
    fn until(fpm: &mut Fpm, now_ms: u64, wanted: impl Fn(&[Notice]) -> bool) -> Vec<Notice> {
        let mut notices = Vec::new();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !wanted(&notices) {
            assert!(std::time::Instant::now() < deadline, "{notices:?}");
            fpm.read(now_ms, u64::MAX, &mut |notice| notices.push(notice));
        }
        notices
    }

    #[test]
    fn what_a_connection_does_not_tell_again_is_swept() {
        let (mut fpm, at) = listener();
        let stream = TcpStream::connect(at).unwrap();
        assert_eq!(until(&mut fpm, 0, |seen| !seen.is_empty()), [Notice::Begin]);
        let mut seen = Vec::new();
        fpm.read(QUIET_MS - 1, u64::MAX, &mut |notice| seen.push(notice));
        assert!(fpm.is_filling(QUIET_MS));
        fpm.read(KEEP_MS - 1, u64::MAX, &mut |notice| seen.push(notice));
        assert_eq!((&seen[..], fpm.is_filling(KEEP_MS)), (&[][..], false));
        fpm.read(KEEP_MS, u64::MAX, &mut |notice| seen.push(notice));
        assert_eq!(seen, [Notice::Sweep]);
        drop(stream);
        while fpm.is_connected() {
            fpm.read(2 * KEEP_MS, u64::MAX, &mut |notice| seen.push(notice));
        }
        fpm.read(3 * KEEP_MS - 1, u64::MAX, &mut |notice| seen.push(notice));
        assert_eq!(seen.len(), 1, "zebra may come back");
        fpm.read(3 * KEEP_MS, u64::MAX, &mut |notice| seen.push(notice));
        assert_eq!(seen[1..], [Notice::Begin, Notice::Sweep]);
    }

    #[test]
    fn who_talks_otherwise_is_hung_up_on() {
        let (mut fpm, at) = listener();
        let mut stream = TcpStream::connect(at).unwrap();
        std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\n").unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while fpm.counters.malformed == 0 {
            assert!(std::time::Instant::now() < deadline);
            fpm.read(0, u64::MAX, &mut |_| {});
        }
        assert!(!fpm.is_connected());
    }
}
